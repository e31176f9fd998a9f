/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A Windows machine that is known: facts about its kernel, as windows_open() (discover.h) found
 * them. Names of kernel structures and their members are Microsoft's, here and in the headers of
 * this room.
 *
 * Room: windows.
 */
#ifndef IMPSCAN_WINDOWS_H
#define IMPSCAN_WINDOWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <impscan/budget.h>
#include <impscan/cleanup.h>
#include <impscan/image.h>
#include <impscan/memory.h>
#include <impscan/pe.h>
#include <impscan/profile.h>
#include <impscan/space.h>

/* A page file as the kernel describes it, in its MMPAGING_FILE. */
struct paging_file {
	uint64_t address; /* of the MMPAGING_FILE */
	unsigned int number;
	uint64_t size, maximum; /* in pages */
	bool virtual_store;	/* it stands for the compressed store; there is no file */
	char *name;		/* PageFileName; NULL: none */
};

struct process_dump;

/* Everything is read-only once the machine is open, and may be used by any number of threads. */
struct windows {
	const struct image *image;
	struct memory *memory;
	const struct profile *profile; /* the layout; owned by a struct profiles, or `inferred` */
	struct profile *inferred;      /* owned; NULL: the layout was not inferred */
	enum architecture architecture;
	unsigned int pointer_size; /* bytes of a kernel pointer */
	uint64_t dtb;		   /* System's DirectoryTableBase */
	uint64_t kernel_base;	   /* address of ntoskrnl.exe */
	uint64_t kernel_size;	   /* its SizeOfImage, 64 MB at most */
	char kernel_name[64];	   /* its export directory's name: ntoskrnl.exe */
	struct pe_pdb kernel_pdb;  /* empty: its debug record is not present */
	uint32_t build;		   /* build_kernel, else build_shared, else by the image's header */
	uint32_t build_kernel;	   /* the kernel's NtBuildNumber; 0: not present */
	uint32_t build_shared;	   /* KUSER_SHARED_DATA.NtBuildNumber; 0: not present */
	uint32_t major, minor;	   /* of KUSER_SHARED_DATA; 0: not present */
	uint64_t system;	   /* address of its EPROCESS */
	uint64_t ps_loaded_module_list; /* address of the list's head; 0: not found */
	uint64_t psp_cid_table;		/* address of the HANDLE_TABLE of PIDs; 0: not found */
	/*
	 * Address of the array of MMPFNs. x86 without PAE has no bit for pages that can't be
	 * executed, so there it tells what can be. 0: not found, or not needed.
	 */
	uint64_t pfn_database;
	bool invalid_mask_found;
	uint64_t invalid_mask; /* InvalidPteMask; see memory_set_invalid_mask() */
	/*
	 * Owned: the one process of an image that is a dump of it. Then there is no kernel, and
	 * what is of the kernel above is 0. NULL: a whole machine.
	 */
	struct process_dump *dump;
	struct paging_file paging_files[PAGE_FILES]; /* in order of their numbers */
	size_t paging_file_count;
};

/* Releases the machine with its memory, page files and inferred profile. */
void windows_close(struct windows *windows);

/* Returns the steps (see budget.h) that all work on the image together may take. */
uint64_t windows_work(const struct windows *windows);

/* Returns a new space of the kernel's page map; the caller frees it with space_free(). */
struct space *windows_kernel_space(const struct windows *windows);

/*
 * Reads the pointer that `member` of the structure at address `structure` holds. False when it is
 * not present. The profile must have the member; of one that it lacks the offset counts as 0.
 */
bool windows_pointer(const struct windows *windows, struct space *space, uint64_t structure,
		     enum profile_member member, uint64_t *value);

/*
 * Reads the protection (an MMPTE_SOFTWARE.Protection, 0-31) that a page has by the PFN database.
 * The page lies at `address` of the process, in the physical address `frame`. Returns false where
 * the database is not known, or the frame is not that page's alone: a section's pages are not.
 */
bool windows_pfn_protection(const struct windows *windows, struct space *kernel, uint64_t address,
			    uint64_t frame, unsigned int *protection);

/* Returns the page map's physical address that a value of CR3 or of DirectoryTableBase holds. */
uint64_t page_map_address(enum paging paging, uint64_t cr3);

/*
 * Returns the place of a bit field in the integer that holds it, by a profile; 0 bits: it has none.
 */
struct entry_field entry_field_of(const struct profile *profile, enum profile_member member);

/* Returns the layout of page-table entries (MMPTE_*) by a profile, for memory_set_entries(). */
struct entry_layout entry_layout_of(const struct profile *profile);

#endif
