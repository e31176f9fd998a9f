/* SPDX-License-Identifier: GPL-3.0-or-later */
/* memory: page files, and the mask that entries which are not valid are stored with. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "machine.h"

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include <impscan/entry_votes.h>
#include <impscan/error.h>

#define MASK UINT64_C(0x200000000000) /* bit 45: a machine of 46 physical address bits */

/* A file with `size` bytes, its pages numbered in their first bytes; its path in `path`. */
static int new_file(const void *start, size_t start_size, uint64_t size, char *path,
		    size_t path_size)
{
	int fd = memfd_create("pagefile", MFD_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)size), 0); /* the rest is a hole */
	for (uint64_t page = 1; (page + 1) * PAGE_SIZE <= size && page < 32; page++)
		assert_int_equal(pwrite(fd, &page, 8, (off_t)(page * PAGE_SIZE)), 8);
	if (start_size)
		assert_int_equal(pwrite(fd, start, start_size, 0), start_size);
	snprintf(path, path_size, "/proc/self/fd/%d", fd);
	return fd;
}

/* An entry as MiSwizzleInvalidPte() stores it. */
static uint64_t swizzled(uint64_t entry)
{
	return entry & MASK ? entry | SWIZZLE : entry | MASK;
}

static uint64_t in_page_file(unsigned int number, uint64_t page)
{
	return page << 32 | (uint64_t)number << 12 | 0x80;
}

static const char *why(struct machine *m, uint64_t address)
{
	static char buffer[128];
	struct page page;
	space_page(m->space, address, &page);
	assert_null(page.data);
	return page_why(&page, buffer, sizeof(buffer));
}

static void assert_page(struct machine *m, uint64_t address, uint64_t first)
{
	uint64_t value = 0;
	assert_true(space_u64(m->space, address, &value));
	assert_int_equal(value, first);
}

static void pages_come_from_page_files(void **state)
{
	(void)state;
	_cleanup_machine_ struct machine m;
	char path[64];
	machine_init(&m);
	machine_set(&m, MACHINE_PML4, 0x10000, in_page_file(0, 3));
	machine_set(&m, MACHINE_PML4, 0x11000, in_page_file(1, 5));
	machine_set(&m, MACHINE_PML4, 0x12000, in_page_file(0, 9));
	machine_set(&m, MACHINE_PML4, 0x13000, in_page_file(0, 0xfffff));
	/* prototype PTEs lead there too */
	uint64_t prototypes = machine_kernel_new(&m, PAGE_SIZE);
	uint64_t entry = in_page_file(0, 4);
	machine_write(&m, MACHINE_PML4, prototypes + 8, &entry, 8);
	machine_set(&m, MACHINE_PML4, 0x14000, (prototypes + 8) << 16 | PROTOTYPE);
	machine_power_on(&m);
	assert_string_equal(why(&m, 0x10000), "page file 0 not given");
	assert_string_equal(why(&m, 0x11000), "page file 1 not given");
	assert_string_equal(why(&m, 0x14000), "page file 0 not given");

	_cleanup_close_ __attribute__((unused)) int fd =
		new_file(NULL, 0, 8 * PAGE_SIZE, path, sizeof(path));
	assert_null(memory_add_page_file(m.memory, 0, path));
	assert_page(&m, 0x10000, 3);
	assert_page(&m, 0x14000, 4);
	assert_string_equal(why(&m, 0x11000), "page file 1 not given");
	assert_string_equal(why(&m, 0x12000), "beyond the end of the page file given");
	assert_string_equal(why(&m, 0x13000), "beyond the end of the page file given");
	const struct page_file *file = memory_page_file(m.memory, 0);
	assert_int_equal(file->pages, 8);
	assert_string_equal(file->path, path);
	assert_string_equal(file->doubt, "");
	struct page page;
	space_page(m.space, 0x10000, &page);
	assert_ptr_equal(page.data, file->data + 3 * PAGE_SIZE); /* not copied */
	assert_int_equal(page.state, PAGE_PAGEFILE);
	/* one that is not the image's */
	memory_use_page_file(m.memory, 0, false);
	assert_string_equal(why(&m, 0x10000), "the page file given is not that of this image");
	assert_string_equal(why(&m, 0x12000), "the page file given is not that of this image");
	assert_string_equal(why(&m, 0x11000), "page file 1 not given");
	memory_use_page_file(m.memory, 0, true);
	assert_page(&m, 0x10000, 3);
}

static void put(uint8_t *page, size_t slot, uint64_t value, unsigned int size)
{
	memcpy(page + slot * size, &value, size);
}

static void copies_are_like_their_pages(void **state)
{
	static uint8_t original[PAGE_SIZE], copy[PAGE_SIZE], zeros[PAGE_SIZE];
	(void)state;
	for (unsigned int size = 4; size <= 8; size += 4) {
		memset(original, 0, sizeof(original));
		/* an address table of a file, and half as many of other bytes */
		for (size_t i = 0; i < 40; i++)
			put(original, i, 0x2000 + 16 * i, size);
		assert_int_equal(page_compare(original, original, size), PAGE_ALIKE);
		for (size_t i = 0; i < 20; i++)
			put(original, 60 + i, 0x6c6c642e + i, size);
		memcpy(copy, original, sizeof(copy));
		for (size_t i = 0; i < 40; i++)
			put(copy, i, 0x77001000 + 16 * i, size);
		assert_int_equal(page_compare(copy, original, size), PAGE_ALIKE);
		/* what the process wrote where the file has nothing tells nothing */
		memset(copy + 0x800, 0xcc, 0x800);
		assert_int_equal(page_compare(copy, original, size), PAGE_ALIKE);
		/* most of it, but not all, is another */
		for (size_t i = 0; i < 14; i++)
			put(copy, 60 + i, 1, size);
		assert_int_equal(page_compare(copy, original, size), PAGE_SILENT);
		memset(copy, 0xa5, sizeof(copy));
		assert_int_equal(page_compare(copy, original, size), PAGE_UNLIKE);
		assert_int_equal(page_compare(zeros, original, size), PAGE_UNLIKE);
		assert_int_equal(page_compare(original, zeros, size), PAGE_SILENT);
	}
}

static void tables_come_from_page_files(void **state)
{
	(void)state;
	_cleanup_machine_ struct machine m;
	char path[64];
	machine_init(&m);
	/* The page table of 0x10000 is page 2 of the page file; its entry 16 is a frame. */
	uint64_t frame = machine_frames(&m, 1);
	machine_put(&m, frame, 0x1234, 8);
	machine_put(&m, machine_entry(&m, MACHINE_PML4, 0x10000, 21), in_page_file(0, 2), 8);
	machine_power_on(&m);
	assert_string_equal(why(&m, 0x10000), "page table not present");
	_cleanup_close_ __attribute__((unused)) int fd =
		new_file(NULL, 0, 4 * PAGE_SIZE, path, sizeof(path));
	frame |= VALID;
	assert_int_equal(pwrite(fd, &frame, 8, 2 * PAGE_SIZE + 16 * 8), 8);
	assert_null(memory_add_page_file(m.memory, 0, path));
	assert_page(&m, 0x10000, 0x1234);
}

static void assert_refused(struct memory *memory, const void *start, size_t start_size,
			   uint64_t size, const char *words)
{
	char path[64];
	_cleanup_close_ __attribute__((unused)) int fd =
		new_file(start, start_size, size, path, sizeof(path));
	_cleanup_error_ struct error *error = memory_add_page_file(memory, 0, path);
	assert_non_null(error);
	assert_non_null(strstr(error_message(error), words));
	assert_non_null(strstr(error_message(error), path));
	assert_null(memory_page_file(memory, 0));
}

static void what_is_no_page_file_is_refused(void **state)
{
	(void)state;
	_cleanup_machine_ struct machine m;
	char path[64];
	machine_init(&m);
	machine_power_on(&m);
	assert_refused(m.memory, NULL, 0, 0, "it has 0 bytes");
	assert_refused(m.memory, NULL, 0, 4095, "it has 4095 bytes");
	assert_refused(m.memory, "PAGEDU64", 8, 8192, "a 64-bit crash dump");
	assert_refused(m.memory, "PAGEDUMP", 8, 8192, "a 32-bit crash dump");
	assert_refused(m.memory, "HIBR", 4, 8192, "a hibernation file");
	assert_refused(m.memory,
		       "\375"
		       "7zXZ",
		       5, 8192, "an xz archive");
	_cleanup_error_ struct error *folder = memory_add_page_file(m.memory, 0, "/proc/self");
	assert_non_null(strstr(error_message(folder), "is not a file"));
	_cleanup_error_ struct error *missing = memory_add_page_file(m.memory, 0, "/nonexistent");
	assert_non_null(strstr(error_message(missing), "No such file"));
	_cleanup_close_ __attribute__((unused)) int fd =
		new_file(NULL, 0, 8192, path, sizeof(path));
	_cleanup_error_ struct error *number = memory_add_page_file(m.memory, 16, path);
	assert_non_null(strstr(error_message(number), "0 to 15"));
	assert_null(memory_add_page_file(m.memory, 15, path));
	_cleanup_error_ struct error *twice = memory_add_page_file(m.memory, 15, path);
	assert_non_null(strstr(error_message(twice), "already given"));
	assert_null(memory_page_file(m.memory, 14));
	/* An odd size may be a cut file: it is used as far as it goes, with a word of doubt. */
	_cleanup_close_ __attribute__((unused)) int odd =
		new_file(NULL, 0, 8192 + 5, path, sizeof(path));
	assert_null(memory_add_page_file(m.memory, 3, path));
	assert_int_equal(memory_page_file(m.memory, 3)->pages, 2);
	assert_non_null(strstr(memory_page_file(m.memory, 3)->doubt, "8197 bytes"));
}

/* Entries of every kind, stored with the mask; what they say is that of the same without. */
static void swizzled_entries_are_understood(void **state)
{
	(void)state;
	_cleanup_machine_ struct machine m;
	char path[64];
	machine_init(&m);
	uint64_t frame = machine_frames(&m, 1);
	machine_put(&m, frame, 0x77, 8);
	/* One prototype address has the mask's bit (address bit 29), the other has not. */
	const uint64_t prototypes[] = {MACHINE_KERNEL + 0x100000, MACHINE_KERNEL + 0x20100000};
	for (size_t i = 0; i < 2; i++) {
		uint64_t entry = frame | VALID;
		machine_map(&m, MACHINE_PML4, prototypes[i], PAGE_SIZE);
		machine_write(&m, MACHINE_PML4, prototypes[i], &entry, 8);
		machine_set(&m, MACHINE_PML4, 0x20000 + i * PAGE_SIZE,
			    swizzled(prototypes[i] << 16 | PROTOTYPE));
	}
	assert_true(machine_get(&m, machine_entry(&m, MACHINE_PML4, 0x21000, 12), 8) & SWIZZLE);
	machine_set(&m, MACHINE_PML4, 0x10000, swizzled(in_page_file(0, 3)));
	machine_set(&m, MACHINE_PML4, 0x11000, swizzled(in_page_file(0, 0x2003)));
	machine_set(&m, MACHINE_PML4, 0x12000, in_page_file(0, 0x2004) ^ MASK); /* always turned */
	machine_set(&m, MACHINE_PML4, 0x13000, swizzled(0x80));
	machine_set(&m, MACHINE_PML4, 0x14000, 0x80);
	machine_set(&m, MACHINE_PML4, 0x15000, swizzled(frame | TRANSITION));
	/* one beyond the image: not to be taken for the frame below */
	machine_set(&m, MACHINE_PML4, 0x16000, swizzled(frame | TRANSITION | UINT64_C(1) << 40));
	machine_power_on(&m);
	memory_set_invalid_mask(m.memory, MASK);
	_cleanup_close_ __attribute__((unused)) int fd =
		new_file(NULL, 0, 0x2010 * PAGE_SIZE, path, sizeof(path));
	for (uint64_t page = 0x2003; page < 0x2005; page++)
		assert_int_equal(pwrite(fd, &page, 8, (off_t)(page * PAGE_SIZE)), 8);
	assert_null(memory_add_page_file(m.memory, 0, path));
	assert_page(&m, 0x10000, 3);
	assert_page(&m, 0x11000, 0x2003);
	assert_page(&m, 0x12000, 0x2004);
	assert_string_equal(why(&m, 0x13000), "demand zero");
	assert_string_equal(why(&m, 0x14000), "demand zero");
	assert_page(&m, 0x15000, 0x77);
	assert_non_null(strstr(why(&m, 0x16000), "not in image"));
	assert_page(&m, 0x20000, 0x77);
	assert_page(&m, 0x21000, 0x77);
}

static uint64_t lookups;

static uint64_t find_prototype(void *context, uint64_t address)
{
	lookups++;
	return *(uint64_t *)context + 8 * (address >> 12 & 15);
}

/* All the ways to say "ask the VAD". */
static void lookups_are_understood(void **state)
{
	(void)state;
	_cleanup_machine_ struct machine m;
	machine_init(&m);
	const uint64_t entries[] = {
		UINT64_C(0xffffffff00000400),
		UINT64_C(0xffffffff00000410), /* as the kernel stores it */
		UINT64_C(0x003ffffffffff400), /* and the newest ones */
		0,
	};
	uint64_t prototypes = machine_kernel_new(&m, PAGE_SIZE);
	for (uint64_t i = 0; i < array_size(entries); i++) {
		uint64_t frame = machine_frames(&m, 1) | VALID;
		machine_put(&m, frame & ~VALID, 0x100 + i, 8);
		machine_write(&m, MACHINE_PML4, prototypes + 8 * i, &frame, 8);
		machine_set(&m, MACHINE_PML4, 0x10000 + i * PAGE_SIZE, entries[i]);
	}
	/* a prototype PTE that is the address of the control area, as from 22H2 on */
	uint64_t area = UINT64_C(0xffffa00012345670);
	machine_write(&m, MACHINE_PML4, prototypes + 8 * 4, &area, 8);
	machine_set(&m, MACHINE_PML4, 0x14000, entries[0]);
	machine_power_on(&m);
	memory_set_invalid_mask(m.memory, MASK);
	space_set_prototypes(m.space, m.space, find_prototype, &prototypes);
	lookups = 0;
	for (uint64_t i = 0; i < array_size(entries); i++)
		assert_page(&m, 0x10000 + i * PAGE_SIZE, 0x100 + i);
	assert_int_equal(lookups, array_size(entries));
	assert_string_equal(why(&m, 0x14000), "only in the file on disk");
}

static void votes(struct machine *m, struct entry_votes *votes)
{
	*votes = (struct entry_votes){0};
	entry_votes_add(votes, m->space, 0, UINT64_C(0x800000000000), 16, NULL);
}

static void the_mask_is_found_by_entries(void **state)
{
	(void)state;
	_cleanup_machine_ struct machine m;
	struct entry_votes counted;
	uint64_t mask;
	machine_init(&m);
	uint64_t frame = machine_frames(&m, 1);
	/* in several tables, far apart */
	for (uint64_t i = 0; i < 40; i++)
		machine_set(&m, MACHINE_PML4, 0x10000 + (i % 4) * 0x80000000 + i * PAGE_SIZE,
			    swizzled(frame | TRANSITION));
	/* some that lie: damaged entries, and pages of the page file */
	for (uint64_t i = 0; i < 20; i++)
		machine_set(&m, MACHINE_PML4, 0x70000 + i * PAGE_SIZE,
			    i % 2 ? i << 40 | TRANSITION : swizzled(in_page_file(1, 0x4000 + i)));
	machine_power_on(&m);
	votes(&m, &counted);
	assert_int_equal(counted.entries, 60);
	assert_true(entry_votes_mask(&counted, &mask));
	assert_int_equal(mask, MASK);
	memory_set_invalid_mask(m.memory, mask);
	votes(&m, &counted);
	assert_int_equal(counted.page_files[1].pages, 10);
	assert_int_equal(counted.page_files[1].end, 0x4000 + 18 + 1);
	assert_int_equal(counted.page_files[0].pages, 0);
	/* no more tables than asked for */
	counted = (struct entry_votes){0};
	entry_votes_add(&counted, m.space, 0, UINT64_C(0x800000000000), 1, NULL);
	assert_true(counted.entries < 60);
	assert_true(counted.entries >= 20);
	/* nor addresses */
	counted = (struct entry_votes){0};
	entry_votes_add(&counted, m.space, 0x200000, 0x80000000, 16, NULL);
	assert_int_equal(counted.entries, 0);
}

/* Where entries in a page file have its number. Flags: reserved and allocated, in bits 1 and 2 or
 * 12 and 13; `numbers` by turns; demand-zero entries among them tell nothing. */
static unsigned int place_of_number(unsigned int shift, uint64_t flags, const uint64_t numbers[4])
{
	_cleanup_machine_ struct machine m;
	struct entry_votes counted;
	machine_init(&m);
	for (uint64_t i = 0; i < 200; i++) {
		uint64_t entry = (0x105 + i) << 32 | flags | numbers[i % 4] << shift | 4 << 5;
		machine_set(&m, MACHINE_PML4, 0x10000 + i * PAGE_SIZE, swizzled(entry));
		machine_set(&m, MACHINE_PML4, 0x40000000 + i * PAGE_SIZE, swizzled(4 << 5));
	}
	machine_power_on(&m);
	votes(&m, &counted);
	return entry_votes_number(&counted);
}

static void the_place_of_the_number_is_found(void **state)
{
	(void)state;
	static const uint64_t first[4] = {0}, two[4] = {0, 2, 0, 2}, most[4] = {2, 2, 2, 0};
	assert_int_equal(place_of_number(12, 1 << 2, first), 12);
	assert_int_equal(place_of_number(12, 1 << 2, two), 12);
	assert_int_equal(place_of_number(12, 1 << 2, most), 12);
	assert_int_equal(place_of_number(12, 0, two), 12);
	assert_int_equal(place_of_number(12, 0, most), 12);
	assert_int_equal(place_of_number(1, 1 << 13, first), 1);
	assert_int_equal(place_of_number(1, 1 << 13, two), 1);
	assert_int_equal(place_of_number(1, 1 << 13, most), 1);
	assert_int_equal(place_of_number(1, 0, two), 1);
	assert_int_equal(place_of_number(1, 0, most), 1);
	/* no flags, and no file but the first */
	assert_int_equal(place_of_number(12, 0, first), 0);
}

/* A mask that few carry is none: offsets of one bit by chance. */
static void a_bit_of_some_offsets_is_no_mask(void **state)
{
	(void)state;
	_cleanup_machine_ struct machine m;
	struct entry_votes counted;
	uint64_t mask = 1;
	machine_init(&m);
	for (uint64_t i = 0; i < 60; i++)
		machine_set(&m, MACHINE_PML4, 0x10000 + i * PAGE_SIZE,
			    in_page_file(0, i == 7 ? 0x1000 : 0x103 + 97 * i));
	machine_power_on(&m);
	votes(&m, &counted);
	assert_true(!entry_votes_mask(&counted, &mask) || mask == 0);
}

static void no_mask_is_found_too(void **state)
{
	(void)state;
	_cleanup_machine_ struct machine m;
	struct entry_votes counted;
	uint64_t mask = 1;
	machine_init(&m);
	machine_set(&m, MACHINE_PML4, 0x10000, in_page_file(0, 3));
	machine_power_on(&m);
	votes(&m, &counted);
	assert_false(entry_votes_mask(&counted, &mask)); /* nothing tells */
	machine_free(&m);

	machine_init(&m);
	uint64_t frame = machine_frames(&m, 1);
	for (uint64_t i = 0; i < 20; i++)
		machine_set(&m, MACHINE_PML4, 0x10000 + i * PAGE_SIZE,
			    i == 3 ? MASK | frame | TRANSITION : frame | TRANSITION);
	machine_power_on(&m);
	votes(&m, &counted);
	assert_true(entry_votes_mask(&counted, &mask));
	assert_int_equal(mask, 0);
	machine_free(&m);

	/* by entries in page files, when others show that there is a mask */
	machine_init(&m);
	for (uint64_t i = 0; i < 20; i++)
		machine_set(&m, MACHINE_PML4, 0x10000 + i * PAGE_SIZE,
			    swizzled(in_page_file(0, 0x700 + i)));
	machine_set(&m, MACHINE_PML4, 0x70000, swizzled(in_page_file(0, 0x2700)));
	machine_power_on(&m);
	votes(&m, &counted);
	assert_int_equal(counted.plain, 1);
	assert_true(entry_votes_mask(&counted, &mask));
	assert_int_equal(mask, MASK);
	machine_free(&m);

	/* by demand-zero entries alone */
	machine_init(&m);
	for (uint64_t i = 0; i < 20; i++)
		machine_set(&m, MACHINE_PML4, 0x10000 + i * PAGE_SIZE, swizzled(0x80));
	machine_power_on(&m);
	votes(&m, &counted);
	assert_true(entry_votes_mask(&counted, &mask));
	assert_int_equal(mask, MASK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pages_come_from_page_files),
		cmocka_unit_test(copies_are_like_their_pages),
		cmocka_unit_test(tables_come_from_page_files),
		cmocka_unit_test(what_is_no_page_file_is_refused),
		cmocka_unit_test(swizzled_entries_are_understood),
		cmocka_unit_test(lookups_are_understood),
		cmocka_unit_test(the_mask_is_found_by_entries),
		cmocka_unit_test(the_place_of_the_number_is_found),
		cmocka_unit_test(a_bit_of_some_offsets_is_no_mask),
		cmocka_unit_test(no_mask_is_found_too),
	};
	return cmocka_run_group_tests_name("memory pages", tests, NULL, NULL);
}
