/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A machine made by hand, for the tests of memory, store, discover and windows: physical memory
 * that grows as it is used, page tables of any kind in it (x64, PAE, x86), and what lies behind
 * them; then opened as a raw image. Values and places of bits are written down here once more, not
 * taken from what is tested.
 */
#ifndef TEST_MACHINE_H
#define TEST_MACHINE_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <image/internal.h>
#include <impscan/alloc.h>
#include <impscan/bytes.h>
#include <impscan/entry.h>
#include <impscan/image.h>
#include <impscan/memory.h>
#include <impscan/space.h>

/* Bits of page-table entries. */
#define VALID	   UINT64_C(1)
#define WRITE	   UINT64_C(2)
#define USER	   UINT64_C(4)
#define SWIZZLE	   UINT64_C(0x10)
#define LARGE	   UINT64_C(0x80)
#define PROTOTYPE  UINT64_C(0x400)
#define TRANSITION UINT64_C(0x800)
#define NO_EXECUTE (UINT64_C(1) << 63)

/* The page map that machine_init() makes: of the kernel, of the only process. */
#define MACHINE_PML4	  UINT64_C(0x1000)
#define MACHINE_DIRECTORY UINT64_C(0x1000) /* x86 */
#define MACHINE_POINTERS  UINT64_C(0x1fe0) /* PAE: the last place in a page that CR3 can point to */
#define MACHINE_KERNEL	  UINT64_C(0xffffa00000000000)

/* For what can't fail but by a mistake in the test. */
static inline void machine_check(bool ok)
{
	if (!ok)
		abort();
}

struct machine {
	enum paging paging;
	uint64_t dtb; /* of the page map that machine_init() made */
	uint8_t *bytes;
	size_t size, capacity;
	uint64_t kernel_next; /* virtual address of the next kernel_new() */
	struct image *image;
	struct memory *memory;
	struct space *space;
};

/* Zeroed physical memory: the address of `pages` pages in one piece. */
static inline uint64_t machine_frames(struct machine *m, uint64_t pages)
{
	size_t at = m->size;
	m->size += pages * PAGE_SIZE;
	if (m->size > m->capacity) {
		m->capacity = m->size * 2;
		m->bytes = alloc_resize(m->bytes, m->capacity, 1);
	}
	memset(m->bytes + at, 0, m->size - at);
	return at;
}

static inline void machine_put(struct machine *m, uint64_t at, uint64_t value, unsigned int size)
{
	machine_check(at + size <= m->size);
	for (unsigned int i = 0; i < size; i++)
		m->bytes[at + i] = (uint8_t)(value >> (8 * i));
}

static inline uint64_t machine_get(const struct machine *m, uint64_t at, unsigned int size)
{
	machine_check(at + size <= m->size);
	return size == 8 ? le64(m->bytes + at) : le32(m->bytes + at);
}

static inline unsigned int machine_entry_size(const struct machine *m)
{
	return m->paging == PAGING_X86 ? 4 : 8;
}

/*
 * The physical address of the entry for `va` in its table of level `level`: of the page table (12),
 * or of one above, by how far an address is shifted to index it (x64: 21, 30, 39; PAE: 21, 30; x86:
 * 22). Makes the tables above.
 */
static inline uint64_t machine_entry(struct machine *m, uint64_t dtb, uint64_t va,
				     unsigned int level)
{
	static const unsigned int top[] = {[PAGING_X86] = 22, [PAGING_PAE] = 30, [PAGING_X64] = 39};
	const unsigned int size = machine_entry_size(m), bits = size == 8 ? 9 : 10;
	const uint64_t last = (UINT64_C(1) << bits) - 1, frame = UINT64_C(0x000ffffffffff000);
	uint64_t table = dtb;
	for (unsigned int shift = top[m->paging]; shift > level; shift -= bits) {
		uint64_t entry = table + size * (va >> shift & last);
		/* PAE's first table has no rights. */
		bool rights = m->paging != PAGING_PAE || shift < 30;
		if (!machine_get(m, entry, size))
			machine_put(m, entry,
				    machine_frames(m, 1) | VALID | (rights ? WRITE | USER : 0),
				    size);
		table = machine_get(m, entry, size) & frame;
	}
	return table + size * (va >> level & last);
}

/* Stores a page-table entry. */
static inline void machine_set(struct machine *m, uint64_t dtb, uint64_t va, uint64_t entry)
{
	machine_put(m, machine_entry(m, dtb, va, 12), entry, machine_entry_size(m));
}

/* Maps `size` bytes to new frames. */
static inline void machine_map(struct machine *m, uint64_t dtb, uint64_t va, uint64_t size)
{
	for (uint64_t at = 0; at < size; at += PAGE_SIZE) {
		uint64_t frame = machine_frames(m, 1);
		machine_set(m, dtb, va + at, frame | VALID | WRITE);
	}
}

/* Writes through the page tables; all must be mapped and valid. */
static inline void machine_write(struct machine *m, uint64_t dtb, uint64_t va, const void *data,
				 size_t size)
{
	const uint8_t *from = data;
	while (size) {
		uint64_t entry =
			machine_get(m, machine_entry(m, dtb, va, 12), machine_entry_size(m));
		size_t offset = va & (PAGE_SIZE - 1), part = min_of(size, PAGE_SIZE - offset);
		machine_check(entry & VALID);
		memcpy(m->bytes + (entry & UINT64_C(0x000ffffffffff000)) + offset, from, part);
		from += part;
		va += part;
		size -= part;
	}
}

/* Zeroed kernel memory behind what was given out before, with a gap. */
static inline uint64_t machine_kernel_new(struct machine *m, uint64_t size)
{
	uint64_t va = m->kernel_next;
	size = (size + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1);
	machine_map(m, m->dtb, va, size);
	m->kernel_next += size + PAGE_SIZE;
	return va;
}

/* A machine with an empty page map, of a kind of page tables. */
static inline void machine_init_paging(struct machine *m, enum paging paging)
{
	*m = (struct machine){
		.paging = paging,
		.dtb = paging == PAGING_PAE ? MACHINE_POINTERS : MACHINE_PML4,
		.kernel_next = MACHINE_KERNEL,
	};
	machine_frames(m, 2); /* page 0 and that of the page map */
}

static inline void machine_init(struct machine *m)
{
	machine_init_paging(m, PAGING_X64);
}

/* Opens the machine's memory as an image; m->space is that of its page map. */
static inline void machine_power_on_with(struct machine *m, const struct entry_layout *layout)
{
	machine_check(!image_open_bytes("machine", m->bytes, m->size, &m->image));
	m->memory = memory_new(m->image, m->paging);
	memory_set_entries(m->memory, layout);
	m->space = space_new(m->memory, m->dtb);
	space_set_prototypes(m->space, m->space, NULL, NULL);
}

/* The same with the entries of Windows 10. */
static inline void machine_power_on(struct machine *m)
{
	machine_power_on_with(m, &(struct entry_layout){
					 .frame = {12, 36},
					 .protection = {5, 5},
					 .page_file_number = {12, 4},
					 .page_file_offset = {32, 32},
					 .prototype_address = {16, 48},
					 .swizzle = {4, 1},
				 });
}

static inline void machine_free(struct machine *m)
{
	if (m->space)
		space_free(m->space);
	if (m->memory)
		memory_free(m->memory);
	if (m->image)
		image_close(m->image);
	free(m->bytes);
	*m = (struct machine){0};
}
#define _cleanup_machine_ __attribute__((cleanup(machine_free)))

#endif
