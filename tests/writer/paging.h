/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Address spaces: page tables as the memory manager keeps them, and reads and writes through them.
 *
 * An architecture is a row of numbers (struct paging_arch). With PAE a process has four page
 * directories of its own, all but the last of the kernel's half shared, and the last maps them.
 * Facts: Intel SDM 3A chapter 4; the software bits of an entry are _MMPTE_HARDWARE and
 * _MMPTE_TRANSITION of the published symbols, alike in all 64-bit builds.
 */
#ifndef WRITER_PAGING_H
#define WRITER_PAGING_H

#include <stdbool.h>
#include <stdint.h>

#include <writer/ram.h>

enum { PAGING_LEVELS = 4 };

struct paging_arch {
	const char *name;
	unsigned int pointer_size; /* bytes */
	unsigned int entry_size;   /* bytes */
	unsigned int levels;
	unsigned int shift[PAGING_LEVELS];   /* top level first */
	unsigned int entries[PAGING_LEVELS]; /* of a table of that level */
	unsigned int kernel_index; /* first entry of the top table that all processes share */
	uint64_t sign;		   /* upper bits of a kernel address */
	unsigned int large_level;  /* where an entry can map a large page */
	unsigned int share_level;  /* of the tables whose kernel entries all processes share */
};

extern const struct paging_arch paging_arch_x64, paging_arch_pae, paging_arch_x86;

enum page_flags {
	PAGE_WRITE = 1 << 0,
	PAGE_EXECUTE = 1 << 1,
	PAGE_USER = 1 << 2,
	PAGE_GLOBAL = 1 << 3,
	PAGE_DIRTY = 1 << 4,
	PAGE_COPY_ON_WRITE = 1 << 5,
};

/* What a leaf entry or a prototype PTE says of its page. */
enum page_state {
	PAGE_VALID,
	PAGE_TRANSITION, /* trimmed from the working set, the frame still holds it */
	PAGE_ZERO,	 /* an entry of zero: never touched, or asks the VAD */
	PAGE_PROTOTYPE,	 /* the entry holds the address of the prototype PTE */
	PAGE_LOOKUP,	 /* the entry says: ask the VAD for the prototype PTE */
	PAGE_FILE,	 /* of a section: only the file on disk has it */
	PAGE_PAGEFILE,
	PAGE_COMPRESSED, /* in a store, behind the virtual page file */
};

/*
 * Since the updates of August 2018 no entry that is not valid may name a frame that the machine has
 * (CVE-2018-3620): one without any bit of the InvalidPteMask gets all of them, one with some is
 * marked by SwizzleBit (bit 4) and left as it is. Processors that need no such thing have a mask of
 * zero, and then no entry is marked.
 */
struct paging_swizzle {
	uint64_t mask;
	bool plain; /* every entry is marked and stays as it is */
};

struct paging;

/*
 * A new address space. `kernel` is the one whose upper half it shares (NULL: this is that one),
 * `root` a frame for the top table (0: any), `self_index` the entry of it that points to itself,
 * `swizzle` says how the kernel stores what is not valid.
 */
struct paging *paging_new(const struct paging_arch *arch, struct ram *ram, struct paging *kernel,
			  uint64_t root, unsigned int self_index,
			  const struct paging_swizzle *swizzle);

/* An entry that is not valid, as the kernel stores it. */
uint64_t paging_swizzle(const struct paging *paging, uint64_t entry);
void paging_free(struct paging *paging);

/* Physical address of the top table (what CR3 holds, without its low bits). */
uint64_t paging_root(const struct paging *paging);
const struct paging_arch *paging_arch_of(const struct paging *paging);

/* Maps the page at `va` to the frame at `frame`; flags are of enum page_flags. */
void paging_map(struct paging *paging, uint64_t va, uint64_t frame, unsigned int flags);

/* The entry that maps a frame, as paging_map() stores it. */
uint64_t paging_valid_entry(struct paging *paging, uint64_t frame, unsigned int flags);

/* Maps one large page (2 MB on x64); both addresses are multiples of its size. */
void paging_map_large(struct paging *paging, uint64_t va, uint64_t frame, unsigned int flags);

/* Maps `size` bytes at `va` to new frames. */
void paging_map_new(struct paging *paging, uint64_t va, uint64_t size, unsigned int flags);

/* Changes the state of a 4 KB page that is mapped to PAGE_TRANSITION or PAGE_ZERO, which forgets
 * its frame; for the other states see guest_set_state(). */
void paging_set_state(struct paging *paging, uint64_t va, enum page_state state);

/* The leaf entry of a 4 KB page as it stands; 0 when there is no table for it. */
uint64_t paging_entry(const struct paging *paging, uint64_t va);

/* The _MMPTE.Protection that a valid page has. */
unsigned int paging_protection(const struct paging *paging, uint64_t va);

/* Stores a leaf entry as it is, making the tables above it. */
void paging_set_entry(struct paging *paging, uint64_t va, uint64_t entry);

/* Forgets the whole user half: no address of it is mapped any more. */
void paging_clear_user(struct paging *paging);

/* The physical address of `va` if its page is valid or in transition. */
bool paging_translate(const struct paging *paging, uint64_t va, uint64_t *physical);

/* Both die on a page that is neither valid nor in transition. */
void paging_write(struct paging *paging, uint64_t va, const void *data, uint64_t size);
void paging_read(const struct paging *paging, uint64_t va, void *data, uint64_t size);

/* Integers of 1 to 8 bytes. */
void paging_put(struct paging *paging, uint64_t va, uint64_t value, unsigned int size);
uint64_t paging_get(const struct paging *paging, uint64_t va, unsigned int size);

/* Pointers of the architecture's size. */
void paging_put_pointer(struct paging *paging, uint64_t va, uint64_t value);
uint64_t paging_get_pointer(const struct paging *paging, uint64_t va);

#endif
