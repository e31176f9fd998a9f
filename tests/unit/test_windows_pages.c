/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * windows: what the memory is told of pages that are not there. A kernel image whose words lead to
 * page files and to stores, and processes whose page tables have entries with a mask.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store_machine.h"

#include <stdio.h>
#include <sys/mman.h>

#include <impscan/discover.h>
#include <impscan/module_reader.h>
#include <impscan/windows.h>

#define MASK	  UINT64_C(0x8000000000) /* a machine of 40 physical address bits */
#define ARRAY_AT  0x8a58		 /* of MMPAGING_FILE pointers, in the kernel image */
#define PAGE_USED 500			 /* the highest page of page file 0 that entries name */

struct windows_machine {
	struct store_machine s;
	struct profiles *profiles;
	struct windows windows;
	uint64_t processes[3];
	uint64_t spaces[3]; /* their page maps */
};

static uint32_t at(struct windows_machine *w, enum profile_member member)
{
	assert_true(profile_has(w->windows.profile, member));
	return profile_offset(w->windows.profile, member);
}

static void put(struct windows_machine *w, uint64_t va, uint64_t value, size_t size)
{
	machine_write(&w->s.m, MACHINE_PML4, va, &value, size);
}

/* One MMPAGING_FILE; `name` NULL: none, as the virtual one. */
static void add_paging_file(struct windows_machine *w, unsigned int number, const char *name,
			    uint64_t size, uint64_t maximum)
{
	const struct profile *profile = w->windows.profile;
	bool wide = at(w, MMPAGING_FILE_MaximumSize) - at(w, MMPAGING_FILE_Size) >= 8;
	uint64_t file = machine_kernel_new(&w->s.m, PAGE_SIZE) + 0x40;
	uint64_t text = file + 0x400;
	put(w, file + at(w, MMPAGING_FILE_Size), size, wide ? 8 : 4);
	put(w, file + at(w, MMPAGING_FILE_MaximumSize), maximum, wide ? 8 : 4);
	uint64_t flags = (uint64_t)number << profile->field[MMPAGING_FILE_PageFileNumber].bit;
	if (!name)
		flags |= UINT64_C(1) << profile->field[MMPAGING_FILE_VirtualStorePagefile].bit;
	put(w, file + at(w, MMPAGING_FILE_PageFileNumber), flags, 2);
	if (name) {
		put(w, file + at(w, MMPAGING_FILE_File), file + 0x800, 8);
		put(w, file + 0x800 + at(w, FILE_OBJECT_Type), 5, 2); /* IO_TYPE_FILE */
		put(w, file + at(w, MMPAGING_FILE_PageFileName), strlen(name) * 2, 2);
		put(w, file + at(w, MMPAGING_FILE_PageFileName) + 2, strlen(name) * 2 + 2, 2);
		put(w, file + at(w, MMPAGING_FILE_PageFileName) + 8, text, 8);
		for (size_t i = 0; name[i]; i++)
			put(w, text + 2 * i, (uint8_t)name[i], 2);
	}
	put(w, w->s.image + ARRAY_AT + 8 * number, file, 8);
}

/* System and two processes, in their ring. */
static void add_processes(struct windows_machine *w)
{
	const char *names[] = {"System", "one.exe", "two.exe"};
	for (size_t i = 0; i < 3; i++) {
		w->processes[i] = machine_kernel_new(&w->s.m, 2 * PAGE_SIZE);
		w->spaces[i] = i ? machine_frames(&w->s.m, 1) : MACHINE_PML4;
	}
	for (size_t i = 0; i < 3; i++) {
		uint64_t process = w->processes[i];
		uint32_t links = at(w, EPROCESS_ActiveProcessLinks);
		put(w, process + at(w, EPROCESS_UniqueProcessId), 4 + 400 * i, 8);
		put(w, process + at(w, KPROCESS_DirectoryTableBase), w->spaces[i], 8);
		put(w, process + links, w->processes[(i + 1) % 3] + links, 8);
		put(w, process + links + 8, w->processes[(i + 2) % 3] + links, 8);
		put(w, process + at(w, EPROCESS_Peb), i ? 0x7ff000 : 0, 8);
		machine_write(&w->s.m, MACHINE_PML4, process + at(w, EPROCESS_ImageFileName),
			      names[i], strlen(names[i]));
	}
	w->windows.system = w->processes[0];
}

/* As MiSwizzleInvalidPte() stores an entry. */
static uint64_t swizzled(uint64_t entry, uint64_t mask)
{
	return entry & mask ? entry | SWIZZLE : entry | mask;
}

/* Entries with a mask (0: none) in the layout that updated kernels have. */
static void add_entries(struct windows_machine *w, uint64_t mask)
{
	for (size_t p = 1; p < 3; p++) {
		for (uint64_t i = 0; i < 30; i++) {
			uint64_t frame = machine_frames(&w->s.m, 1);
			machine_set(&w->s.m, w->spaces[p], 0x10000 + i * PAGE_SIZE,
				    swizzled(frame | TRANSITION | 0x80, mask));
		}
		uint64_t entry = (uint64_t)PAGE_USED << 32 | 0x80;
		machine_set(&w->s.m, w->spaces[p], 0x800000, swizzled(entry, mask));
		machine_set(&w->s.m, w->spaces[p], 0x801000,
			    swizzled(UINT64_C(77) << 32 | VIRTUAL_STORE << 12 | 0x80, mask));
	}
}

static void windows_machine_init(struct windows_machine *w, const char *profile, uint64_t mask)
{
	*w = (struct windows_machine){0};
	uint8_t page[PAGE_SIZE] = "in the store";
	store_machine_init(&w->s, profile, (struct store_options){.stores = 1, .node_limit = 9});
	store_writer_add(w->s.writer, VIRTUAL_STORE, 77, page);
	assert_null(profiles_new(&w->profiles));
	const struct profile *found = NULL;
	for (size_t i = 0; i < profiles_count(w->profiles); i++)
		if (!strcmp(profiles_summary(w->profiles, i).name, profile))
			assert_null(profiles_get(w->profiles, i, &found));
	w->windows.profile = found;
	add_processes(w);
	add_entries(w, mask);
	store_machine_finish(&w->s);
}

static void windows_machine_start(struct windows_machine *w)
{
	machine_power_on(&w->s.m);
	w->windows.image = w->s.m.image;
	w->windows.memory = w->s.m.memory;
	w->windows.architecture = ARCHITECTURE_X64;
	w->windows.pointer_size = 8;
	w->windows.dtb = MACHINE_PML4;
	struct entry_layout layout = entry_layout_of(w->windows.profile);
	memory_set_entries(w->windows.memory, &layout);
	w->windows.kernel_base = w->s.image;
	w->windows.kernel_size = IMAGE_PAGES * PAGE_SIZE;
	pages_find(&w->windows, UINT64_MAX);
}

static void windows_machine_free(struct windows_machine *w)
{
	for (size_t i = 0; i < w->windows.paging_file_count; i++)
		free(w->windows.paging_files[i].name);
	profiles_free(w->profiles);
	store_machine_free(&w->s);
}
#define _cleanup_windows_machine_ __attribute__((cleanup(windows_machine_free)))

static void read_state(struct windows_machine *w, uint64_t address, struct page *page)
{
	_cleanup_space_ struct space *space = space_new(w->s.m.memory, w->spaces[1]);
	space_page(space, address, page);
	/* gone with the space */
	if (page->compressed)
		page->data = NULL;
}

/* Profiles with SwizzleBit, and without: there the entries tell of the updates. */
static void mask_page_files_and_store_are_found(void **state)
{
	(void)state;
	static const char *const profiles[] = {"windows-10-14393-x64", "windows-10-14393-x64-4770",
					       "windows-10-15063-x64", "windows-10-18362-x64",
					       "windows-10-19041-x64", "windows-11-22621-x64",
					       "windows-11-26100-x64"};
	for (size_t i = 0; i < array_size(profiles); i++) {
		_cleanup_windows_machine_ struct windows_machine w;
		windows_machine_init(&w, profiles[i], MASK);
		add_paging_file(&w, 0, "\\??\\C:\\pagefile.sys", 0x1000, 0x3000);
		add_paging_file(&w, 1, "\\??\\C:\\swapfile.sys", 0x800, 0x800);
		add_paging_file(&w, VIRTUAL_STORE, NULL, 0x10000, 0x10000);
		windows_machine_start(&w);
		if (!w.windows.invalid_mask_found || !store_of(w.windows.memory))
			print_error("%s\n", profiles[i]);
		assert_true(w.windows.invalid_mask_found);
		assert_int_equal(w.windows.invalid_mask, MASK);
		assert_int_equal(w.windows.paging_file_count, 3);
		const struct paging_file *files = w.windows.paging_files;
		assert_string_equal(files[0].name, "\\??\\C:\\pagefile.sys");
		assert_int_equal(files[0].size, 0x1000);
		assert_int_equal(files[0].maximum, 0x3000);
		assert_string_equal(files[1].name, "\\??\\C:\\swapfile.sys");
		assert_int_equal(files[1].number, 1);
		assert_false(files[1].virtual_store);
		assert_true(files[2].virtual_store);
		assert_non_null(store_of(w.windows.memory));

		struct page page;
		char why[96];
		read_state(&w, 0x10000, &page);
		assert_int_equal(page.state, PAGE_TRANSITION);
		assert_non_null(page.data);
		read_state(&w, 0x800000, &page);
		assert_int_equal(page.page_file, 0);
		assert_int_equal(page.page_file_offset, PAGE_USED);
		assert_string_equal(page_why(&page, why, sizeof(why)), "page file 0 not given");
		_cleanup_space_ struct space *space = space_new(w.s.m.memory, w.spaces[1]);
		char text[12];
		assert_true(space_read(space, 0x801000, text, sizeof(text)));
		assert_memory_equal(text, "in the store", sizeof(text));

		struct entry_votes votes;
		windows_page_file_use(&w.windows, &votes);
		assert_int_equal(votes.page_files[0].pages, 2);
		assert_int_equal(votes.page_files[0].end, PAGE_USED + 1);
		assert_int_equal(votes.page_files[VIRTUAL_STORE].pages, 2);
	}
}

static void machines_without_mask_or_page_file(void **state)
{
	(void)state;
	_cleanup_windows_machine_ struct windows_machine w;
	windows_machine_init(&w, "windows-10-19041-x64", 0);
	windows_machine_start(&w);
	assert_true(w.windows.invalid_mask_found);
	assert_int_equal(w.windows.invalid_mask, 0);
	assert_int_equal(w.windows.paging_file_count, 0);
	assert_non_null(store_of(w.windows.memory)); /* as number 2, which is usual */
	_cleanup_space_ struct space *space = space_new(w.s.m.memory, w.spaces[2]);
	char text[12];
	assert_true(space_read(space, 0x801000, text, sizeof(text)));
}

/* What speaks against a page file of so many pages; the caller frees it. */
static char *doubt(struct windows_machine *w, uint64_t pages)
{
	char path[64];
	struct entry_votes votes;
	_cleanup_close_ int fd = memfd_create("pagefile", MFD_CLOEXEC);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	assert_int_equal(ftruncate(fd, (off_t)(pages * PAGE_SIZE)), 0);
	assert_null(memory_add_page_file(w->windows.memory, 0, path));
	windows_page_file_use(&w->windows, &votes);
	struct discovery discovery = {.windows = &w->windows};
	return discovery_page_file_doubt(&discovery, 0, &votes);
}

static void foreign_page_files_are_noticed(void **state)
{
	(void)state;
	static const struct {
		bool known; /* by its MMPAGING_FILE: 0x1000 pages, at most 0x3000 */
		uint64_t pages;
		const char *words;
	} cases[] = {
		{true, 0x1000, NULL},
		{true, 0x2000, NULL}, /* it grew before it was copied */
		{true, 0xfff, "has 4095 pages, page file 0 of the image has 4096"},
		{true, 0x3001, "(at most 12288)"},
		{false, PAGE_USED + 1, NULL},
		{false, PAGE_USED, "the image needs 501 of page file 0"},
	};
	for (size_t i = 0; i < array_size(cases); i++) {
		_cleanup_windows_machine_ struct windows_machine w;
		windows_machine_init(&w, "windows-10-19041-x64", MASK);
		if (cases[i].known)
			add_paging_file(&w, 0, "\\??\\C:\\pagefile.sys", 0x1000, 0x3000);
		windows_machine_start(&w);
		_cleanup_free_ char *sentence = doubt(&w, cases[i].pages);
		assert_int_equal(sentence != NULL, cases[i].words != NULL);
		if (cases[i].words)
			assert_non_null(strstr(sentence, cases[i].words));
	}
}

/* What reads the same pages again and again has each once in its record, but for the first ones. */
static void records_do_not_grow(void **state)
{
	enum { PAGES = 100, ROUNDS = 50, FIRST = 64 };
	_cleanup_windows_machine_ struct windows_machine w;
	(void)state;
	windows_machine_init(&w, "windows-10-19041-x64", 0);
	uint64_t base = machine_kernel_new(&w.s.m, PAGES * PAGE_SIZE);
	windows_machine_start(&w);
	_cleanup_space_ struct space *space = space_new(w.s.m.memory, MACHINE_PML4);
	_cleanup_module_reader_ struct module_reader reader;
	module_reader_init(&reader, space, base, PAGES * PAGE_SIZE);
	module_reader_record(&reader);
	for (size_t i = 0; i < (size_t)ROUNDS * PAGES; i++) {
		size_t available;
		assert_non_null(
			reader.reader.at(&reader.reader, i % PAGES * PAGE_SIZE, &available));
	}
	assert_in_range(reader.page_count, PAGES, PAGES + FIRST);
	bool seen[PAGES] = {0};
	for (size_t i = 0; i < reader.page_count; i++)
		seen[reader.pages[i].rva / PAGE_SIZE] = true;
	for (size_t i = 0; i < PAGES; i++)
		assert_true(seen[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mask_page_files_and_store_are_found),
		cmocka_unit_test(machines_without_mask_or_page_file),
		cmocka_unit_test(foreign_page_files_are_noticed),
		cmocka_unit_test(records_do_not_grow),
	};
	return cmocka_run_group_tests_name("windows pages", tests, NULL, NULL);
}
