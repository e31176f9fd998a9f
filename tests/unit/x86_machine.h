/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * 32-bit machines made by hand, with PAE and without: physical memory, page maps that map
 * themselves, values and structure members by virtual address, the image file. What Windows keeps in
 * it is made by x86_windows.h.
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

#include <impscan/alloc.h>
#include <impscan/bytes.h>
#include <impscan/image.h>
#include <impscan/memory.h>
#include <impscan/profile.h>

#define RAM	  (4u << 20)
#define POOL	  UINT64_C(0x85000000)
#define PROCESSES 3
#define VALID	  UINT64_C(1)
#define WRITE	  UINT64_C(2)
#define USER	  UINT64_C(4)

struct x86_machine {
	uint8_t *ram;
	uint64_t next_frame;
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

static inline void put_physical(struct x86_machine *m, uint64_t address, uint64_t value,
				unsigned int size)
{
	assert_true(address + size <= RAM);
	for (unsigned int i = 0; i < size; i++)
		m->ram[address + i] = (uint8_t)(value >> (8 * i));
}

static inline uint64_t get_physical(const struct x86_machine *m, uint64_t address,
				    unsigned int size)
{
	uint64_t value = 0;
	assert_true(address + size <= RAM);
	for (unsigned int i = size; i-- > 0;)
		value = value << 8 | m->ram[address + i];
	return value;
}

static inline uint64_t new_frame(struct x86_machine *m)
{
	uint64_t frame = m->next_frame;
	m->next_frame += PAGE_SIZE;
	return frame;
}

static inline unsigned int entry_size(const struct x86_machine *m)
{
	return m->pae ? 8 : 4;
}

/* The physical address of the page-directory entry for `va`. */
static inline uint64_t directory_entry(const struct x86_machine *m, uint64_t dtb, uint64_t va)
{
	if (!m->pae)
		return dtb + 4 * (va >> 22);
	uint64_t directory = get_physical(m, dtb + 8 * (va >> 30), 8) & ~UINT64_C(0xfff);
	return directory + 8 * (va >> 21 & 511);
}

/* The physical address of the page-table entry for `va`; 0 when there is none. */
static inline uint64_t table_entry(struct x86_machine *m, uint64_t dtb, uint64_t va, bool make)
{
	unsigned int size = entry_size(m);
	uint64_t at = directory_entry(m, dtb, va);
	if (!get_physical(m, at, size)) {
		if (!make)
			return 0;
		put_physical(m, at, new_frame(m) | VALID | WRITE | USER, size);
	}
	uint64_t table = get_physical(m, at, size) & ~UINT64_C(0xfff);
	return table + (m->pae ? 8 * (va >> 12 & 511) : 4 * (va >> 12 & 1023));
}

/* The frame behind `va`, mapped when it was not. */
static inline uint64_t frame_of(struct x86_machine *m, uint64_t dtb, uint64_t va)
{
	uint64_t at = table_entry(m, dtb, va, true);
	if (!get_physical(m, at, entry_size(m)))
		put_physical(m, at, new_frame(m) | VALID | WRITE, entry_size(m));
	return get_physical(m, at, entry_size(m)) & ~UINT64_C(0xfff);
}

static inline void put(struct x86_machine *m, uint64_t dtb, uint64_t va, uint64_t value,
		       unsigned int size)
{
	for (unsigned int i = 0; i < size; i++, va++)
		put_physical(m, frame_of(m, dtb, va) + (va & 0xfff), value >> (8 * i) & 0xff, 1);
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
			old |= get_physical(m, frame_of(m, dtb, va + i) + ((va + i) & 0xfff), 1)
			       << (8 * i);
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
	if (!m->pae) {
		put_physical(m, dtb + 4 * 0x300, broken ? 0 : dtb | 0x63, 4);
		return;
	}
	for (unsigned int i = 0; i < 4; i++)
		put_physical(m, dtb + 8 * i, new_frame(m) | VALID, 8);
	uint64_t last = get_physical(m, dtb + 24, 8) & ~UINT64_C(0xfff);
	for (unsigned int i = 0; i < 4; i++) {
		uint64_t frame = get_physical(m, dtb + 8 * i, 8) & ~UINT64_C(0xfff);
		put_physical(m, last + 8 * i, broken ? 0 : frame | 0x63, 8);
	}
}

/* The kernel's half of System's page map, for another process. */
static inline void share_kernel(struct x86_machine *m, uint64_t dtb)
{
	unsigned int size = entry_size(m);
	for (uint64_t va = 0x80000000; va <= UINT32_MAX; va += m->pae ? 0x200000 : 0x400000) {
		if (va >> 22 == 0x300 || (m->pae && va >> 22 == 0x301))
			continue; /* the map's own */
		put_physical(m, directory_entry(m, dtb, va),
			     get_physical(m, directory_entry(m, m->dtb[0], va), size), size);
	}
}

static inline void power_on(struct x86_machine *m)
{
	char path[64];
	m->fd = memfd_create("image", 0);
	assert_true(m->fd >= 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", m->fd);
	assert_int_equal(pwrite(m->fd, m->ram, RAM, 0), RAM);
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
	m->fd = memfd_create("image", 0);
	assert_true(m->fd >= 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", m->fd);
	assert_int_equal(pwrite(m->fd, header, sizeof(header), 0), sizeof(header));
	assert_int_equal(pwrite(m->fd, m->ram, RAM, sizeof(header)), RAM);
	assert_null(image_open(path, &m->image));
}

static inline void machine_free(struct x86_machine *m)
{
	if (m->image)
		image_close(m->image);
	close(m->fd);
	free(m->ram);
	free(m);
}

#endif
