/* SPDX-License-Identifier: GPL-3.0-or-later */
/* memory: questions about many pages at once give what asking for each page gives. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "machine.h"

#include <impscan/kernel_address.h>

#define VIEW  UINT64_C(0x7ff6001fe000) /* its pages lie in two page tables */
#define PAGES 1500u

static uint64_t random_state = 7;

static uint64_t random_below(uint64_t limit)
{
	random_state = random_state * UINT64_C(6364136223846793005) + 1442695040888963407;
	return (random_state >> 33) % limit;
}

/* An entry of any kind; a page of the section's is at the frame `section`. */
static uint64_t random_entry(struct machine *m, uint64_t section)
{
	switch (random_below(8)) {
	case 0:
		return 0;
	case 1:
		return machine_frames(m, 1) | VALID | WRITE | NO_EXECUTE;
	case 2:
		return machine_frames(m, 1) | TRANSITION | 0x80;
	case 3:
		return UINT64_C(5) << 32 | 0x80; /* in a page file */
	case 4:
		return PROTOTYPE | UINT64_C(0xffffffff) << 32;
	case 5:
		return section | VALID | NO_EXECUTE;
	default:
		return section | VALID | (random_below(2) ? 0x20 : 0); /* Accessed */
	}
}

static uint64_t find_nothing(void *context, uint64_t address)
{
	(void)context;
	(void)address;
	return 0;
}

/* A machine with a view of PAGES pages, and its prototype PTEs, whose address is returned. */
static uint64_t make_view(struct machine *m, uint64_t sections[PAGES])
{
	machine_init(m);
	uint64_t prototypes = machine_kernel_new(m, PAGES * 8 + 64) + 40;
	bool quiet = false; /* runs of one kind, and single ones */
	for (unsigned int i = 0; i < PAGES; i++) {
		sections[i] = machine_frames(m, 1);
		uint64_t prototype = sections[i] | (random_below(10) ? VALID : TRANSITION);
		machine_write(m, MACHINE_PML4, prototypes + i * 8, &prototype, 8);
		if (!random_below(10))
			quiet = !quiet;
		uint64_t entry = quiet ? sections[i] | VALID : random_entry(m, sections[i]);
		/* a stretch without any page table */
		if (i < 2 || i >= 514)
			machine_set(m, MACHINE_PML4, VIEW + i * PAGE_SIZE, entry);
	}
	machine_power_on(m);
	space_set_prototypes(m->space, m->space, find_nothing, NULL);
	return prototypes;
}

static bool is_section(struct machine *m, uint64_t prototypes, unsigned int page, uint64_t entry)
{
	uint64_t prototype;
	assert_true(space_u64(m->space, prototypes + page * 8, &prototype));
	if (entry & VALID)
		return (prototype & VALID) && (prototype ^ entry) << 12 >> 24 == 0;
	return !entry || entry & PROTOTYPE;
}

static void own_pages_are_those_that_differ_from_the_section(void **state)
{
	(void)state;
	_cleanup_machine_ struct machine m;
	uint64_t sections[PAGES], own[PAGES / 64 + 1] = {0};
	uint64_t prototypes = make_view(&m, sections);
	unsigned int count = 0;
	space_own_pages(m.space, VIEW, prototypes, PAGES, own);
	for (unsigned int i = 0; i < PAGES; i++) {
		struct page page;
		space_page(m.space, VIEW + i * PAGE_SIZE, &page);
		bool expected =
			page.state != PAGE_NO_TABLE && !is_section(&m, prototypes, i, page.entry);
		assert_int_equal(own[i / 64] >> i % 64 & 1, expected);
		count += expected;
	}
	assert_true(count >= 100 && count <= PAGES / 2);
	/* none is beyond the last */
	assert_int_equal(own[PAGES / 64] >> PAGES % 64, 0);
	/* without prototype PTEs nothing is known to be the section's */
	uint64_t all[PAGES / 64 + 1] = {0};
	space_own_pages(m.space, VIEW, UINT64_C(0xffffb00000000000), PAGES, all);
	for (unsigned int i = 0; i < PAGES; i++) {
		struct page page;
		space_page(m.space, VIEW + i * PAGE_SIZE, &page);
		assert_int_equal(all[i / 64] >> i % 64 & 1,
				 page.mapped || own[i / 64] >> i % 64 & 1);
	}
}

static void runs_are_of_pages_alike(void **state)
{
	(void)state;
	_cleanup_machine_ struct machine m;
	uint64_t sections[PAGES];
	make_view(&m, sections);
	uint64_t last = VIEW + PAGES * PAGE_SIZE - 1;
	unsigned int runs = 0;
	for (uint64_t at = VIEW; at <= last; runs++) {
		struct page first, page;
		uint64_t size = space_run(m.space, at + 5, last, &first);
		assert_true(size && size % PAGE_SIZE == 0 && at + size <= last + 1);
		assert_null(first.data);
		for (uint64_t end = at + size; at < end; at += PAGE_SIZE) {
			space_page(m.space, at, &page);
			assert_int_equal(page.state, first.state);
			assert_int_equal(page.mapped, first.mapped);
			assert_int_equal(page.prototype, first.prototype);
			assert_int_equal(page.writable, first.writable);
			assert_int_equal(page.executable, first.executable);
		}
	}
	assert_true(runs >= 100 && runs <= PAGES / 2); /* they are runs, and not one */
}

/* All that a run leaves out is absent; and what is asked for is looked at one run at a time. */
static void present_pages_lie_in_runs(void **state)
{
	(void)state;
	_cleanup_machine_ struct machine m;
	uint64_t sections[PAGES];
	make_view(&m, sections);
	const uint64_t end = VIEW + PAGES * PAGE_SIZE;
	unsigned int runs = 0;
	for (uint64_t at = VIEW + 7, run_end; at < end; at = run_end, runs++) {
		struct page page;
		uint64_t first = space_present_run(m.space, at, end, NULL, &run_end);
		assert_int_equal(first, space_present(m.space, at, end, NULL));
		assert_true(first == end ? run_end == end : run_end > first && run_end <= end);
		for (; at < run_end; at = (at | (PAGE_SIZE - 1)) + 1) {
			space_page(m.space, at, &page);
			bool may_be = page.state == PAGE_VALID || page.state == PAGE_TRANSITION ||
				      page.state == PAGE_PAGEFILE;
			assert_int_equal(may_be, at >= first);
		}
	}
	assert_true(runs >= 50 && runs <= PAGES / 2);
	struct budget budget = {.limit = 0};
	uint64_t run_end;
	assert_int_equal(space_present_run(m.space, VIEW, end, &budget, &run_end), end);
	assert_int_equal(run_end, end);
}

static void large_pages_are_one_run(void **state)
{
	(void)state;
	_cleanup_machine_ struct machine m;
	uint64_t own[8] = {0};
	struct page page;
	machine_init(&m);
	machine_put(&m, machine_entry(&m, MACHINE_PML4, 0x200000, 21), VALID | LARGE | WRITE, 8);
	machine_power_on(&m);
	assert_int_equal(space_run(m.space, 0x201000, 0xffffff, &page), 0x1ff000);
	assert_int_equal(page.state, PAGE_VALID);
	assert_int_equal(space_run(m.space, 0x201000, 0x202fff, &page), 0x2000);
	/* as long as there is no table */
	assert_int_equal(space_run(m.space, 0x400000, 0x5fffff, &page), 0x200000);
	assert_int_equal(page.state, PAGE_NO_TABLE);
	space_own_pages(m.space, 0x3ff000, MACHINE_KERNEL, 2, own);
	assert_int_equal(own[0], 1);
}

#define BITMAP UINT64_C(0x7df5001fe000) /* of control flow guard: two terabytes */

/* The prototype PTEs of an untouched view, made for some of its pages only. */
static uint64_t find_sparse(void *context, uint64_t address)
{
	const uint64_t *prototypes = context;
	return *prototypes + (address - BITMAP) / PAGE_SIZE * 8;
}

static void untouched_views_are_passed_over_where_nothing_is(void **state)
{
	(void)state;
	_cleanup_machine_ struct machine m;
	const uint64_t size = UINT64_C(1) << 41;
	machine_init(&m);
	uint64_t prototypes = machine_kernel_new(&m, 2 * PAGE_SIZE) + 40;
	for (uint64_t i = 0; i < 1000; i++) {
		uint64_t entry = i % 100 < 50 ? machine_frames(&m, 1) | VALID : 0;
		machine_write(&m, MACHINE_PML4, prototypes + i * 8, &entry, 8);
	}
	machine_power_on(&m);
	_cleanup_space_ struct space *user = space_new(m.memory, MACHINE_PML4);
	space_set_prototypes(user, m.space, find_sparse, &prototypes);
	unsigned int runs = 0, present = 0;
	for (uint64_t at = BITMAP; at < BITMAP + size; runs++) {
		struct page first, page;
		uint64_t run = space_run(user, at, BITMAP + size - 1, &first);
		assert_true(run && run % PAGE_SIZE == 0);
		/* alike from end to end, as far as it can be asked */
		for (uint64_t a = at; a < at + run;
		     a += a - at < 1100 * PAGE_SIZE ? PAGE_SIZE : run) {
			space_page(user, a, &page);
			assert_int_equal(page.state, first.state);
			present += page.state == PAGE_VALID;
		}
		at += run;
	}
	assert_int_equal(present, 500);
	assert_true(runs < 5000);
}

/* What was read before the kernel's ways were known is not what counts afterwards. */
static void pages_are_found_anew_when_entries_are_told(void **state)
{
	(void)state;
	_cleanup_machine_ struct machine m;
	uint64_t mask = UINT64_C(1) << 14, value;
	machine_init(&m);
	uint64_t frame = machine_frames(&m, 8) & ~mask, masked = frame | mask;
	machine_put(&m, frame, 1, 8);
	machine_put(&m, masked, 2, 8);
	machine_set(&m, MACHINE_PML4, 0x10000, masked | TRANSITION | 0x80);
	machine_power_on(&m);
	assert_true(space_u64(m.space, 0x10000, &value));
	assert_int_equal(value, 2);
	memory_set_invalid_mask(m.memory, mask);
	assert_true(space_u64(m.space, 0x10000, &value));
	assert_int_equal(value, 1);
}

static void kernel_pointers_are_told_by_their_sign(void **state)
{
	(void)state;
	uint8_t bytes[64];
	for (size_t at = 0; at < sizeof(bytes); at += 4) {
		uint64_t kernel = UINT64_C(0xffff800000000000), user = UINT64_C(0x7fffffffffff);
		memset(bytes, 0x7f, sizeof(bytes));
		assert_false(any_kernel_pointer(bytes, sizeof(bytes), 8));
		assert_false(any_kernel_pointer(bytes, sizeof(bytes), 4));
		memcpy(bytes + at, "\0\0\0\x80", 4);
		assert_true(any_kernel_pointer(bytes, sizeof(bytes), 4));
		assert_false(any_kernel_pointer(bytes, sizeof(bytes), 8));
		if (at + 8 > sizeof(bytes))
			continue;
		/* between two pointers its lower half is the upper one of the first */
		memcpy(bytes + at, &user, 8);
		assert_int_equal(any_kernel_pointer(bytes, sizeof(bytes), 8), at % 8 != 0);
		memcpy(bytes + at, &kernel, 8);
		assert_int_equal(any_kernel_pointer(bytes, sizeof(bytes), 8), at % 8 == 0);
	}
}

static void the_kernels_half_is_the_upper_one(void **state)
{
	(void)state;
	static const struct {
		uint64_t address;
		bool x86, x64; /* in the kernel's half */
	} cases[] = {
		{0, false, false},
		{0x7fffffff, false, false},
		{0x80000000, true, false},
		{0xbfffffff, true, false}, /* the user's with /3GB, which nothing tells */
		{0xffffffff, true, false},
		{UINT64_C(0x100000000), false, false},
		{UINT64_C(0x180000000), false, false},
		{UINT64_C(0x7fffffffffff), false, false},
		{UINT64_C(0x800000000000), false, false}, /* of no half: not canonical */
		{UINT64_C(0xffff7fffffffffff), false, false},
		{UINT64_C(0xffff800000000000), false, true},
		{UINT64_C(0xffffffff80000000), false, true}, /* extended by its sign: not x86's */
		{UINT64_MAX, false, true},
	};
	for (size_t i = 0; i < array_size(cases); i++) {
		assert_int_equal(is_kernel_pointer(4, cases[i].address), cases[i].x86);
		assert_int_equal(is_kernel_pointer(8, cases[i].address), cases[i].x64);
		assert_int_equal(is_kernel_address(PAGING_X86, cases[i].address), cases[i].x86);
		assert_int_equal(is_kernel_address(PAGING_PAE, cases[i].address), cases[i].x86);
		assert_int_equal(is_kernel_address(PAGING_X64, cases[i].address), cases[i].x64);
	}
	for (unsigned int size = 4; size <= 8; size += 4) {
		assert_true(is_kernel_pointer(size, kernel_half(size)));
		assert_false(is_kernel_pointer(size, kernel_half(size) - 1));
		assert_false(is_kernel_pointer(size, user_end(size) - 1));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(own_pages_are_those_that_differ_from_the_section),
		cmocka_unit_test(runs_are_of_pages_alike),
		cmocka_unit_test(present_pages_lie_in_runs),
		cmocka_unit_test(large_pages_are_one_run),
		cmocka_unit_test(untouched_views_are_passed_over_where_nothing_is),
		cmocka_unit_test(pages_are_found_anew_when_entries_are_told),
		cmocka_unit_test(kernel_pointers_are_told_by_their_sign),
		cmocka_unit_test(the_kernels_half_is_the_upper_one),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
