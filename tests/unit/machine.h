/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A machine with x64 page tables written by hand, for the tests of the memory room: physical memory
 * that grows as it is used, then opened as a raw image.
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

#define VALID	   UINT64_C(1)
#define WRITE	   UINT64_C(2)
#define USER	   UINT64_C(4)
#define SWIZZLE	   UINT64_C(0x10)
#define PROTOTYPE  UINT64_C(0x400)
#define TRANSITION UINT64_C(0x800)

#define MACHINE_PML4   UINT64_C(0x1000) /* of the kernel */
#define MACHINE_KERNEL UINT64_C(0xffffa00000000000)

/* For what can't fail but by a mistake in the test. */
static inline void machine_check(bool ok)
{
	if (!ok)
		abort();
}

struct machine {
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

static inline uint64_t machine_get64(const struct machine *m, uint64_t at)
{
	return le64(m->bytes + at);
}

/* The physical address of the entry for `va` in its table of level `shift`; makes what is above. */
static inline uint64_t machine_entry(struct machine *m, uint64_t pml4, uint64_t va,
				     unsigned int level)
{
	uint64_t table = pml4;
	for (unsigned int shift = 39; shift > level; shift -= 9) {
		uint64_t entry = table + 8 * (va >> shift & 511);
		if (!machine_get64(m, entry)) {
			uint64_t frame = machine_frames(m, 1);
			machine_put(m, entry, frame | VALID | WRITE | USER, 8);
		}
		table = machine_get64(m, entry) & ~UINT64_C(0xfff);
	}
	return table + 8 * (va >> level & 511);
}

/* Stores a page-table entry. */
static inline void machine_set(struct machine *m, uint64_t pml4, uint64_t va, uint64_t entry)
{
	machine_put(m, machine_entry(m, pml4, va, 12), entry, 8);
}

/* Maps `size` bytes to new frames. */
static inline void machine_map(struct machine *m, uint64_t pml4, uint64_t va, uint64_t size)
{
	for (uint64_t at = 0; at < size; at += PAGE_SIZE) {
		uint64_t frame = machine_frames(m, 1);
		machine_set(m, pml4, va + at, frame | VALID | WRITE);
	}
}

/* Writes through the page tables; all must be mapped and valid. */
static inline void machine_write(struct machine *m, uint64_t pml4, uint64_t va, const void *data,
				 size_t size)
{
	const uint8_t *from = data;
	while (size) {
		uint64_t entry = machine_get64(m, machine_entry(m, pml4, va, 12));
		size_t offset = va & (PAGE_SIZE - 1), part = min_of(size, PAGE_SIZE - offset);
		machine_check(entry & VALID);
		memcpy(m->bytes + (entry & ~UINT64_C(0xfff)) + offset, from, part);
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
	machine_map(m, MACHINE_PML4, va, size);
	m->kernel_next += size + PAGE_SIZE;
	return va;
}

static inline void machine_init(struct machine *m)
{
	*m = (struct machine){.kernel_next = MACHINE_KERNEL};
	machine_frames(m, 2); /* page 0 and the PML4 */
}

static inline void machine_power_on(struct machine *m)
{
	machine_check(!image_open_bytes("machine", m->bytes, m->size, &m->image));
	m->memory = memory_new(m->image, PAGING_X64);
	memory_set_entries(m->memory, &(struct entry_layout){
					      .frame = {12, 36},
					      .protection = {5, 5},
					      .page_file_number = {12, 4},
					      .page_file_offset = {32, 32},
					      .prototype_address = {16, 48},
					      .swizzle = {4, 1},
				      });
	m->space = space_new(m->memory, MACHINE_PML4);
	space_set_prototypes(m->space, m->space, NULL, NULL);
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
