/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * machine.h's machines as 32-bit Windows has them, with PAE and without: page maps that map
 * themselves, values and structure members by virtual address, the image file. What Windows keeps
 * in it is made by x86_windows.h.
 */
#ifndef TEST_X86_MACHINE_H
#define TEST_X86_MACHINE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "machine.h"

#include <impscan/profile.h>

#define RAM	    (4u << 20)
/* Below are the page maps. */
#define FIRST_FRAME UINT64_C(0x40000)
#define POOL	    UINT64_C(0x85000000)
#define PROCESSES   3

struct x86_machine {
	struct machine machine; /* its bytes and page tables; not powered on */
	uint64_t next_pool;
	const struct profile *profile;
	bool pae;
	uint64_t dtb[PROCESSES]; /* of System, of the others */
	uint64_t kernel_base, kernel_size;
	uint64_t kernel_data; /* .data: variables of the kernel */
	uint64_t system;
	uint64_t head, modules; /* PsActiveProcessHead, PsLoadedModuleList */
	int fd;
	struct image *image;
};

/* The physical address of the page-directory entry for `va`. */
static inline uint64_t directory_entry(struct x86_machine *m, uint64_t dtb, uint64_t va)
{
	return machine_entry(&m->machine, dtb, va, m->pae ? 21 : 22);
}

/* The frame behind `va`, mapped when it was not. */
static inline uint64_t frame_of(struct x86_machine *m, uint64_t dtb, uint64_t va)
{
	const unsigned int size = machine_entry_size(&m->machine);
	uint64_t at = machine_entry(&m->machine, dtb, va, 12);
	if (!machine_get(&m->machine, at, size))
		machine_put(&m->machine, at, machine_frames(&m->machine, 1) | VALID | WRITE, size);
	return machine_get(&m->machine, at, size) & ~UINT64_C(0xfff);
}

/* The byte at `va`. */
static inline uint8_t *byte_at(struct x86_machine *m, uint64_t dtb, uint64_t va)
{
	uint64_t frame = frame_of(m, dtb, va); /* may move the bytes */
	return m->machine.bytes + frame + (va & 0xfff);
}

static inline void put(struct x86_machine *m, uint64_t dtb, uint64_t va, uint64_t value,
		       unsigned int size)
{
	for (unsigned int i = 0; i < size; i++, va++)
		*byte_at(m, dtb, va) = (uint8_t)(value >> (8 * i));
}

static inline void put_kernel(struct x86_machine *m, uint64_t va, uint64_t value, unsigned int size)
{
	put(m, m->dtb[0], va, value, size);
}

/* A member of a type at `va`: a plain one of `size` bytes, or a bit field of as many. */
static inline void put_member(struct x86_machine *m, uint64_t dtb, uint64_t va,
			      enum profile_member member, uint64_t value, unsigned int size)
{
	const struct profile_field *field = &m->profile->field[member];
	if (!field->present)
		return;
	va += field->offset;
	if (field->bits) {
		uint64_t mask = ((UINT64_C(1) << field->bits) - 1) << field->bit, old = 0;
		for (unsigned int i = 0; i < size; i++)
			old |= (uint64_t)*byte_at(m, dtb, va + i) << (8 * i);
		value = (old & ~mask) | (value << field->bit & mask);
	}
	put(m, dtb, va, value, size);
}

static inline uint64_t pool(struct x86_machine *m, uint64_t size)
{
	uint64_t address = m->next_pool;
	m->next_pool += (size + 31) & ~UINT64_C(31);
	for (uint64_t at = address; at < m->next_pool; at++)
		frame_of(m, m->dtb[0], at);
	return address;
}

static inline void put_list(struct x86_machine *m, uint64_t dtb, const uint64_t *links,
			    size_t count)
{
	for (size_t i = 0; i < count; i++) {
		put(m, dtb, links[i], links[(i + 1) % count], 4);
		put(m, dtb, links[i] + 4, links[(i + count - 1) % count], 4);
	}
}

/* A UNICODE_STRING32 and its text behind it. */
static inline void put_string(struct x86_machine *m, uint64_t dtb, uint64_t at, uint64_t text,
			      const char *s)
{
	put(m, dtb, at, 2 * strlen(s), 2);
	put(m, dtb, at + 2, 2 * strlen(s), 2);
	put(m, dtb, at + 4, text, 4);
	for (size_t i = 0; s[i]; i++)
		put(m, dtb, text + 2 * i, (uint8_t)s[i], 2);
}

/* An empty page map at `dtb`: with PAE its four directories, mapped by the last of them. */
static inline void make_page_map(struct x86_machine *m, uint64_t dtb, bool broken)
{
	struct machine *machine = &m->machine;
	if (!m->pae) {
		machine_put(machine, dtb + 4 * 0x300, broken ? 0 : dtb | 0x63, 4);
		return;
	}
	for (unsigned int i = 0; i < 4; i++)
		machine_put(machine, dtb + 8 * i, machine_frames(machine, 1) | VALID, 8);
	uint64_t last = machine_get(machine, dtb + 24, 8) & ~UINT64_C(0xfff);
	for (unsigned int i = 0; i < 4; i++) {
		uint64_t frame = machine_get(machine, dtb + 8 * i, 8) & ~UINT64_C(0xfff);
		machine_put(machine, last + 8 * i, broken ? 0 : frame | 0x63, 8);
	}
}

/* The kernel's half of System's page map, for another process. */
static inline void share_kernel(struct x86_machine *m, uint64_t dtb)
{
	const unsigned int size = machine_entry_size(&m->machine);
	for (uint64_t va = 0x80000000; va <= UINT32_MAX; va += m->pae ? 0x200000 : 0x400000) {
		if (va >> 22 == 0x300 || (m->pae && va >> 22 == 0x301))
			continue; /* the map's own */
		uint64_t entry = machine_get(&m->machine, directory_entry(m, m->dtb[0], va), size);
		machine_put(&m->machine, directory_entry(m, dtb, va), entry, size);
	}
}

/* Makes its memory RAM bytes. */
static inline void fill_up(struct x86_machine *m)
{
	assert_true(m->machine.size <= RAM);
	machine_frames(&m->machine, (RAM - m->machine.size) / PAGE_SIZE);
}

static inline void power_on(struct x86_machine *m)
{
	char path[64];
	fill_up(m);
	m->fd = memfd_create("image", 0);
	assert_true(m->fd >= 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", m->fd);
	assert_int_equal(pwrite(m->fd, m->machine.bytes, RAM, 0), RAM);
	assert_null(image_open(path, &m->image));
}

static inline void put_header(uint8_t *header, size_t offset, uint32_t value)
{
	for (unsigned int i = 0; i < 4; i++)
		header[offset + i] = (uint8_t)(value >> (8 * i));
}

/* As a full crash dump (DUMP_HEADER32), whose header says that PAE is on, or not. */
static inline void power_on_dump(struct x86_machine *m, bool pae)
{
	char path[64];
	uint8_t header[0x1000];
	for (size_t i = 0; i < sizeof(header); i += 4)
		memcpy(header + i, "PAGE", 4);
	memcpy(header, "PAGEDUMP", 8);
	put_header(header, 0xc, m->profile->build_first);
	put_header(header, 0x10, (uint32_t)m->dtb[0]);
	put_header(header, 0x18, (uint32_t)m->modules);
	put_header(header, 0x1c, (uint32_t)m->head);
	put_header(header, 0x20, 0x14c);
	header[0x5c] = pae;
	put_header(header, 0x64, 1); /* NumberOfRuns, NumberOfPages, BasePage, PageCount */
	put_header(header, 0x68, RAM / 4096);
	put_header(header, 0x6c, 0);
	put_header(header, 0x70, RAM / 4096);
	put_header(header, 0xf88, 1);
	fill_up(m);
	m->fd = memfd_create("image", 0);
	assert_true(m->fd >= 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", m->fd);
	assert_int_equal(pwrite(m->fd, header, sizeof(header), 0), sizeof(header));
	assert_int_equal(pwrite(m->fd, m->machine.bytes, RAM, sizeof(header)), RAM);
	assert_null(image_open(path, &m->image));
}

static inline void x86_machine_free(struct x86_machine *m)
{
	if (m->image)
		image_close(m->image);
	close(m->fd);
	machine_free(&m->machine);
	free(m);
}

#endif
