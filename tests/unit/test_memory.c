/* SPDX-License-Identifier: GPL-3.0-or-later */
/* memory: x64 translation over page tables written here by hand, in a raw image of a few pages. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "machine.h"

#define PAGES 64 /* frames that the tests use by their addresses, below all page tables */

static int set_up(void **state)
{
	struct machine *m = test_calloc(1, sizeof(*m));
	machine_init(m);
	machine_frames(m, PAGES - m->size / PAGE_SIZE);
	*state = m;
	return 0;
}

static int tear_down(void **state)
{
	machine_free(*state);
	test_free(*state);
	return 0;
}

static uint64_t entry_of(struct machine *m, uint64_t va, unsigned int level)
{
	return machine_entry(m, MACHINE_PML4, va, level);
}

static void put64(struct machine *m, uint64_t at, uint64_t value)
{
	machine_put(m, at, value, 8);
}

/* Through a CR3 with flags, and without prototype PTEs. */
static void power_on(struct machine *m)
{
	machine_power_on_with(m, &(struct entry_layout){
					 .frame = {12, 36},
					 .protection = {5, 5},
					 .page_file_number = {12, 4},
					 .page_file_offset = {32, 32},
					 .prototype_address = {16, 48},
				 });
	space_free(m->space);
	m->space = space_new(m->memory, MACHINE_PML4 | 0x18);
}

static void pages_carry_rights_of_all_levels(void **state)
{
	struct machine *m = *state;
	struct page page;
	put64(m, entry_of(m, 0x7ff600001000, 12), 0x20000 | VALID | USER | NO_EXECUTE);
	put64(m, entry_of(m, 0x7ff600002000, 12), 0x21000 | VALID | WRITE | USER);
	uint64_t upper = entry_of(m, 0x7ff600002000, 21);
	put64(m, upper, machine_get(m, upper, 8) & ~WRITE);
	m->bytes[0x20123] = 0x5a;
	power_on(m);

	space_page(m->space, 0x7ff600001fff, &page);
	assert_int_equal(page.state, PAGE_VALID);
	assert_int_equal(page.frame, 0x20000);
	assert_int_equal(page.span, 4096);
	assert_int_equal(page.data[0x123], 0x5a);
	assert_false(page.executable);
	assert_false(page.writable);
	space_page(m->space, 0x7ff600002000, &page);
	assert_true(page.executable);
	assert_false(page.writable); /* the level above takes it away */
	/* again, from the remembered table */
	space_page(m->space, 0x7ff600001000, &page);
	assert_int_equal(page.frame, 0x20000);
}

static void large_pages(void **state)
{
	struct machine *m = *state;
	struct page page;
	put64(m, entry_of(m, UINT64_C(0xfffff80000000000), 21), 0 | VALID | WRITE | LARGE);
	put64(m, entry_of(m, UINT64_C(0xfffff88000000000), 30), 0 | VALID | WRITE | LARGE);
	power_on(m);
	space_page(m->space, UINT64_C(0xfffff80000005678), &page);
	assert_int_equal(page.frame, 0x5000);
	assert_int_equal(page.span, 0x200000);
	assert_non_null(page.data);
	space_page(m->space, UINT64_C(0xfffff80000100000), &page);
	assert_int_equal(page.state, PAGE_VALID);
	assert_null(page.data); /* the image ends before */
	space_page(m->space, UINT64_C(0xfffff88000006000), &page);
	assert_int_equal(page.frame, 0x6000);
	assert_int_equal(page.span, 0x40000000);
}

static void entries_that_are_not_valid(void **state)
{
	struct machine *m = *state;
	const struct {
		uint64_t entry;
		enum page_state state;
		bool present;
	} cases[] = {
		{0x22000 | TRANSITION | (6 << 5), PAGE_TRANSITION, true},
		/* swizzled: a mask beyond the image's memory */
		{0x22000 | TRANSITION | UINT64_C(0x200000000000), PAGE_TRANSITION, true},
		{UINT64_C(0xffffb00000000000) | PROTOTYPE, PAGE_LOST, false},
		{UINT64_C(0x1234) << 32 | 0x20, PAGE_PAGEFILE, false},
		{0x80, PAGE_DEMAND_ZERO, false},
		{0, PAGE_DEMAND_ZERO, false},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		put64(m, entry_of(m, 0x10000 + 4096 * i, 12), cases[i].entry);
	power_on(m);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct page page;
		char why[96];
		space_page(m->space, 0x10000 + 4096 * i, &page);
		assert_int_equal(page.state, cases[i].state);
		assert_int_equal(page.data != NULL, cases[i].present);
		assert_true(strlen(page_why(&page, why, sizeof(why))) > 0);
	}
}

static void missing_tables_tell_their_span(void **state)
{
	struct machine *m = *state;
	struct page page;
	put64(m, entry_of(m, 0x10000, 12), 0x20000 | VALID);
	power_on(m);
	space_page(m->space, 0x8000000000, &page);
	assert_int_equal(page.state, PAGE_NO_TABLE);
	assert_int_equal(page.span, UINT64_C(1) << 39);
	space_page(m->space, 0x40000000, &page);
	assert_int_equal(page.span, UINT64_C(1) << 30);
	space_page(m->space, 0x200000, &page);
	assert_int_equal(page.span, UINT64_C(1) << 21);
	space_page(m->space, 0x800000000000, &page); /* not canonical */
	assert_int_equal(page.state, PAGE_NO_TABLE);
}

static void reads_cross_pages_and_stop_at_gaps(void **state)
{
	struct machine *m = *state;
	uint8_t buffer[8192];
	uint64_t value;
	put64(m, entry_of(m, 0x10000, 12), 0x25000 | VALID);
	put64(m, entry_of(m, 0x11000, 12), 0x20000 | VALID); /* frames out of order */
	memset(m->bytes + 0x25000, 'a', 4096);
	memset(m->bytes + 0x20000, 'b', 4096);
	power_on(m);
	assert_true(space_read(m->space, 0x10ff8, buffer, 16));
	assert_memory_equal(buffer, "aaaaaaaabbbbbbbb", 16);
	assert_true(space_read(m->space, 0x10000, buffer, 8192));
	assert_false(space_read(m->space, 0x10001, buffer, 8192));
	assert_false(space_u64(m->space, 0x11ffc, &value));
	assert_true(space_u64(m->space, 0x10ffc, &value));
	assert_int_equal(value, UINT64_C(0x6262626261616161));
	size_t available;
	assert_ptr_equal(space_at(m->space, 0x11234, &available) - image_page(m->image, 0x20000),
			 0x234);
	assert_int_equal(available, 4096 - 0x234);
	assert_false(space_read(m->space, UINT64_MAX - 3, buffer, 8)); /* wraps */
}

static void unicode_strings(void **state)
{
	struct machine *m = *state;
	put64(m, entry_of(m, 0x10000, 12), 0x20000 | VALID);
	/* Length 6, Buffer 0x10100: "a", U+0153, "b" */
	m->bytes[0x20000] = 6;
	m->bytes[0x20002] = 8;
	put64(m, 0x20008, 0x10100);
	memcpy(m->bytes + 0x20100,
	       "a\0\x53\x01"
	       "b\0",
	       6);
	/* odd length; text not mapped; 32-bit form */
	m->bytes[0x20010] = 5;
	put64(m, 0x20018, 0x10100);
	m->bytes[0x20020] = 4;
	put64(m, 0x20028, 0x90000);
	m->bytes[0x20030] = 2;
	put64(m, 0x20034, 0x10100);
	power_on(m);
	_cleanup_free_ char *text = space_unicode_string(m->space, 0x10000, 8);
	assert_string_equal(text, "a\xc5\x93"
				  "b");
	assert_null(space_unicode_string(m->space, 0x10010, 8));
	assert_null(space_unicode_string(m->space, 0x10020, 8));
	_cleanup_free_ char *narrow = space_unicode_string(m->space, 0x10030, 4);
	assert_string_equal(narrow, "a");
	_cleanup_free_ char *empty = space_unicode_string(m->space, 0x10200, 8);
	assert_string_equal(empty, "");
	assert_null(space_unicode_string(m->space, 0x90000, 8));
}

#define test(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(pages_carry_rights_of_all_levels),	  test(large_pages),
		test(entries_that_are_not_valid),	  test(missing_tables_tell_their_span),
		test(reads_cross_pages_and_stop_at_gaps), test(unicode_strings),
	};
	return cmocka_run_group_tests_name("memory", tests, NULL, NULL);
}
