/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * memory: 32-bit translation, with and without PAE, over page tables written here by hand in a raw
 * image of a few pages.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "machine.h"

#define PAGES 64 /* frames that the tests use by their addresses, below all page tables */

/* The physical address of the page directory's entry for `va`. */
static uint64_t directory_entry(struct machine *m, uint64_t va)
{
	return machine_entry(m, m->dtb, va, m->paging == PAGING_X86 ? 22 : 21);
}

static void map(struct machine *m, uint64_t va, uint64_t entry)
{
	machine_set(m, m->dtb, va, entry);
}

/* Without PAE through a CR3 with flags. */
static void power_on(struct machine *m, const struct entry_layout *layout)
{
	machine_power_on_with(m, layout);
	if (m->paging != PAGING_X86)
		return;
	space_free(m->space);
	m->space = space_new(m->memory, MACHINE_DIRECTORY | 0x18);
	space_set_prototypes(m->space, m->space, NULL, NULL);
}

static int new_machine(void **state, enum paging paging)
{
	struct machine *m = test_calloc(1, sizeof(*m));
	machine_init_paging(m, paging);
	machine_frames(m, PAGES - m->size / PAGE_SIZE);
	*state = m;
	return 0;
}

static int set_up_x86(void **state)
{
	return new_machine(state, PAGING_X86);
}

static int set_up_pae(void **state)
{
	return new_machine(state, PAGING_PAE);
}

static int tear_down(void **state)
{
	machine_free(*state);
	test_free(*state);
	return 0;
}

/* MMPTE's members in XP, in Windows 7 without PAE, and in Windows 7 with PAE. */
static const struct entry_layout layout_xp = {
	.frame = {12, 20},
	.protection = {5, 5},
	.page_file_number = {1, 4},
	.page_file_offset = {12, 20},
	.prototype_address_low = {1, 7},
	.prototype_address_high = {11, 21},
};

static const struct entry_layout layout_7 = {
	.frame = {12, 20},
	.protection = {5, 5},
	.page_file_number = {1, 4},
	.page_file_offset = {12, 20},
	.prototype_address_low = {1, 8},
	.prototype_address_high = {11, 21},
};

static const struct entry_layout layout_pae = {
	.frame = {12, 26},
	.protection = {5, 5},
	.page_file_number = {1, 4},
	.page_file_offset = {32, 32},
	.prototype_address = {32, 32},
	.prototype_protection = {11, 5},
};

static const struct entry_layout *layout_of(const struct machine *m)
{
	return m->paging == PAGING_X86 ? &layout_7 : &layout_pae;
}

static void pages_carry_rights_of_all_levels(void **state)
{
	struct machine *m = *state;
	struct page page;
	bool pae = m->paging == PAGING_PAE;
	map(m, 0x00401000, 0x20000 | VALID | USER | (pae ? NO_EXECUTE : 0));
	map(m, 0x80402000, 0x21000 | VALID | WRITE);
	uint64_t upper = directory_entry(m, 0x80402000);
	machine_put(m, upper, machine_get(m, upper, 4) & ~WRITE, 4);
	map(m, 0xfffff000, 0x22000 | VALID | WRITE);
	m->bytes[0x20123] = 0x5a;
	power_on(m, layout_of(m));

	for (int again = 0; again < 2; again++) { /* then from the remembered table */
		space_page(m->space, 0x00401fff, &page);
		assert_int_equal(page.state, PAGE_VALID);
		assert_true(page.mapped);
		assert_int_equal(page.frame, 0x20000);
		assert_int_equal(page.span, 4096);
		assert_int_equal(page.data[0x123], 0x5a);
		assert_int_equal(page.executable, !pae);
		assert_false(page.writable);
		space_page(m->space, 0x80402000, &page);
		assert_int_equal(page.frame, 0x21000);
		assert_true(page.executable);
		assert_false(page.writable); /* the directory takes it away */
		space_page(m->space, 0xfffff000, &page);
		assert_int_equal(page.frame, 0x22000);
		assert_true(page.writable);
	}
	space_page(m->space, UINT64_C(0x100401000), &page); /* never wrapped around */
	assert_int_equal(page.state, PAGE_NO_TABLE);
	assert_false(space_canonical(m->space, UINT64_C(0xffffffff80402000)));
	assert_true(space_canonical(m->space, 0xffffffff));
}

static void no_execute_counts_in_the_directory_too(void **state)
{
	struct machine *m = *state;
	struct page page;
	map(m, 0x00401000, 0x20000 | VALID | USER);
	uint64_t upper = directory_entry(m, 0x00401000);
	machine_put(m, upper, machine_get(m, upper, 8) | NO_EXECUTE, 8);
	machine_put(m, directory_entry(m, 0x80600000), 0x00000000 | VALID | LARGE | NO_EXECUTE, 8);
	power_on(m, layout_of(m));
	space_page(m->space, 0x00401000, &page);
	assert_int_equal(page.frame, 0x20000);
	assert_false(page.executable);
	space_page(m->space, 0x80600000, &page);
	assert_int_equal(page.state, PAGE_VALID);
	assert_false(page.executable);
}

static void large_pages(void **state)
{
	struct machine *m = *state;
	struct page page;
	bool pae = m->paging == PAGING_PAE;
	unsigned int size = machine_entry_size(m);
	machine_put(m, directory_entry(m, 0x80000000), 0 | VALID | WRITE | LARGE, size);
	/* Above 4 GB: PAE has the bits in their place, PSE-36 in 13 to 20. */
	machine_put(m, directory_entry(m, 0x80800000),
		    (pae ? UINT64_C(0x3500600000) : 0x00800000 | 0x35 << 13) | VALID | LARGE, size);
	power_on(m, layout_of(m));
	space_page(m->space, 0x80005678, &page);
	assert_int_equal(page.state, PAGE_VALID);
	assert_int_equal(page.frame, 0x5000);
	assert_int_equal(page.span, pae ? 0x200000 : 0x400000);
	assert_ptr_equal(page.data, image_page(m->image, 0x5000));
	assert_true(page.writable);
	space_page(m->space, 0x80100000, &page);
	assert_int_equal(page.state, PAGE_VALID);
	assert_null(page.data); /* the image ends before */
	space_page(m->space, 0x80812345, &page);
	assert_int_equal(page.frame, pae ? UINT64_C(0x3500612000) : UINT64_C(0x3500812000));
	assert_false(page.writable);
}

static void entries_that_are_not_valid(void **state)
{
	struct machine *m = *state;
	bool pae = m->paging == PAGING_PAE;
	const struct {
		uint64_t entry;
		enum page_state state;
		bool present, executable;
	} cases[] = {
		{0x22000 | TRANSITION | (6 << 5), PAGE_TRANSITION, true, true},
		{0x22000 | TRANSITION | (4 << 5), PAGE_TRANSITION, true, false},
		{(pae ? UINT64_C(0x1234) << 32 : 0x1234 << 12) | 2 << 1 | 3 << 5, PAGE_PAGEFILE,
		 false, true},
		{0x80, PAGE_DEMAND_ZERO, false, false},
		{0, PAGE_DEMAND_ZERO, false, false},
		{(pae ? UINT64_C(0xffffffff) << 32 : 0xfffff000) | PROTOTYPE, PAGE_LOST, false,
		 false},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		map(m, 0x10000 + 4096 * i, cases[i].entry);
	power_on(m, layout_of(m));
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct page page;
		char why[96];
		space_page(m->space, 0x10000 + 4096 * i, &page);
		assert_int_equal(page.state, cases[i].state);
		assert_int_equal(page.data != NULL, cases[i].present);
		assert_int_equal(page.executable, cases[i].executable);
		assert_true(strlen(page_why(&page, why, sizeof(why))) > 0);
		if (page.state != PAGE_PAGEFILE)
			continue;
		assert_int_equal(page.page_file, 2);
		assert_int_equal(page.page_file_offset, 0x1234);
	}
}

/* Page 0x10000 + 4096 * i leads to the prototype PTE at `base` + 4 * or 8 * i. */
static void check_prototypes(struct machine *m, const struct entry_layout *layout, uint64_t base,
			     uint64_t (*encode)(uint64_t address))
{
	unsigned int size = machine_entry_size(m);
	uint64_t in_file = PROTOTYPE | (m->paging == PAGING_PAE ? UINT64_C(0x8123) << 32 : 0x5000);
	const struct {
		uint64_t entry;
		enum page_state state;
		uint64_t frame;
	} cases[] = {
		{0x23000 | VALID, PAGE_VALID, 0x23000},
		{0x24000 | TRANSITION | 3 << 5, PAGE_TRANSITION, 0x24000},
		{in_file | 3 << 5, PAGE_FILE, 0},
		{(m->paging == PAGING_PAE ? UINT64_C(9) << 32 : 9 << 12) | 3 << 5, PAGE_PAGEFILE,
		 0},
	};
	map(m, base & ~UINT64_C(0xfff), 0x25000 | VALID);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		machine_put(m, 0x25000 + (base & 0xfff) + size * i, cases[i].entry, size);
		map(m, 0x10000 + 4096 * i, encode(base + size * i) | PROTOTYPE);
	}
	map(m, 0x20000, encode(base + 0x100000) | PROTOTYPE); /* a PTE that is not present */
	power_on(m, layout);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct page page;
		space_page(m->space, 0x10000 + 4096 * i, &page);
		assert_int_equal(page.state, cases[i].state);
		assert_true(page.prototype);
		assert_false(page.mapped);
		assert_int_equal(page.frame, cases[i].frame);
		assert_int_equal(page.data != NULL, cases[i].frame != 0);
		if (page.state != PAGE_VALID)
			assert_true(page.executable);
	}
	struct page page;
	space_page(m->space, 0x20000, &page);
	assert_int_equal(page.state, PAGE_LOST);
}

/* The inverse of MiPteToProto (published in the WRK): bits 2-8 to 1-7, 9-29 to 11-31. */
static uint64_t encode_xp(uint64_t address)
{
	uint64_t offset = address - 0xe1000000;
	return (offset >> 1 & 0xfe) | (offset << 2 & 0xfffff800);
}

/* One bit more: 2-9 to 1-8, 10-30 to 11-31. */
static uint64_t encode_7(uint64_t address)
{
	uint64_t offset = address - 0x80000000;
	return (offset >> 1 & 0x1fe) | (offset << 1 & 0xfffff800);
}

static uint64_t encode_pae(uint64_t address)
{
	return address << 32;
}

static void prototypes_of_xp(void **state)
{
	check_prototypes(*state, &layout_xp, 0xe14567f8 - 0x10, encode_xp);
}

static void prototypes_of_7(void **state)
{
	check_prototypes(*state, &layout_7, 0x9d4567f8 - 0x10, encode_7);
}

static void prototypes_of_pae(void **state)
{
	check_prototypes(*state, &layout_pae, 0x9d456780, encode_pae);
}

static uint64_t ask(void *context, uint64_t address)
{
	return address == 0x10000 ? *(uint64_t *)context : 0;
}

static void the_vad_is_asked(void **state)
{
	struct machine *m = *state;
	struct page page;
	uint64_t prototype = 0xe1000100;
	map(m, 0x10000,
	    (m->paging == PAGING_PAE ? UINT64_C(0xffffffff) << 32 : 0xfffff000) | PROTOTYPE |
		    2 << 5);
	map(m, 0xe1000000, 0x25000 | VALID);
	machine_put(m, 0x25100, 0x26000 | VALID, machine_entry_size(m));
	power_on(m, layout_of(m));
	space_set_prototypes(m->space, m->space, ask, &prototype);
	space_page(m->space, 0x10000, &page);
	assert_int_equal(page.state, PAGE_VALID);
	assert_int_equal(page.frame, 0x26000);
	assert_true(page.executable);
}

static void missing_tables_tell_their_span(void **state)
{
	struct machine *m = *state;
	struct page page;
	bool pae = m->paging == PAGING_PAE;
	map(m, 0x10000, 0x20000 | VALID);
	power_on(m, layout_of(m));
	space_page(m->space, 0x00800000, &page);
	assert_int_equal(page.state, PAGE_NO_TABLE);
	assert_int_equal(page.span, pae ? 0x200000 : 0x400000);
	space_page(m->space, 0xc0000000, &page);
	assert_int_equal(page.state, PAGE_NO_TABLE);
	assert_int_equal(page.span, pae ? 0x40000000 : 0x400000);
}

static void tables_in_transition_are_read(void **state)
{
	struct machine *m = *state;
	struct page page;
	map(m, 0x00401000, 0x20000 | VALID | WRITE);
	uint64_t upper = directory_entry(m, 0x00401000);
	machine_put(m, upper, (machine_get(m, upper, 4) & 0xfffff000) | TRANSITION | 4 << 5, 4);
	power_on(m, layout_of(m));
	space_page(m->space, 0x00401000, &page);
	assert_int_equal(page.state, PAGE_VALID);
	assert_int_equal(page.frame, 0x20000);
	assert_true(page.writable);
}

/* Over the end of a page table; of x86 that is at 4 MB, of PAE at 2 MB. */
static void many_pages_are_compared_at_once(void **state)
{
	struct machine *m = *state;
	unsigned int size = machine_entry_size(m);
	const uint64_t view = 0x003fc000, prototypes = 0x80002ff0;
	const uint64_t entries[] = {
		0x20000 | VALID,	 /* as the section has it */
		0x21000 | VALID | WRITE, /* a copy */
		0x22000 | TRANSITION,	 /* a copy that was trimmed */
		PROTOTYPE | (size == 8 ? 0xffffffff00000000 : 0xfffff000), /* the section's */
		0,							   /* not touched */
		0x25000 | VALID | 0x60,		/* accessed and dirty all the same the section's */
		0x26000 | VALID | WRITE | USER, /* one that the section has not in memory */
		PROTOTYPE | (size == 8 ? UINT64_C(0x80001000) << 32 : 0x1000), /* another's */
	};
	uint64_t own = 0;
	struct page page;
	map(m, prototypes, 0x28000 | VALID);
	map(m, prototypes + 0x1000, 0x29000 | VALID);
	for (unsigned int i = 0; i < 8; i++) {
		uint64_t at = 0x28ff0 + i * size;
		map(m, view + i * 0x1000, entries[i]);
		machine_put(m, at, i == 1 || i == 6 ? TRANSITION : (0x20000 + i * 0x1000) | VALID,
			    size);
	}
	power_on(m, layout_of(m));
	space_own_pages(m->space, view, prototypes, 8, &own);
	assert_int_equal(own, 1 << 1 | 1 << 2 | 1 << 6 | 1 << 7);
	assert_int_equal(space_run(m->space, view, view + 0x6fff, &page), 0x1000);
	assert_int_equal(space_run(m->space, view + 0x1000, view + 0x6fff, &page), 0x1000);
	/* two that are alike, with another end than the last asked for */
	assert_int_equal(space_run(m->space, prototypes, prototypes + 0x1fff, &page), 0x2000);
	assert_int_equal(space_run(m->space, prototypes, prototypes + 0xf, &page), 0x1000);
}

#define x86(f) cmocka_unit_test_setup_teardown(f, set_up_x86, tear_down)
#define pae(f) cmocka_unit_test_setup_teardown(f, set_up_pae, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		x86(pages_carry_rights_of_all_levels),
		pae(pages_carry_rights_of_all_levels),
		pae(no_execute_counts_in_the_directory_too),
		x86(large_pages),
		pae(large_pages),
		x86(entries_that_are_not_valid),
		pae(entries_that_are_not_valid),
		x86(prototypes_of_xp),
		x86(prototypes_of_7),
		pae(prototypes_of_pae),
		x86(the_vad_is_asked),
		pae(the_vad_is_asked),
		x86(missing_tables_tell_their_span),
		pae(missing_tables_tell_their_span),
		x86(tables_in_transition_are_read),
		pae(tables_in_transition_are_read),
		x86(many_pages_are_compared_at_once),
		pae(many_pages_are_compared_at_once),
	};
	return cmocka_run_group_tests_name("memory_x86", tests, NULL, NULL);
}
