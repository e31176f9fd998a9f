/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * store: the compressed store. The writer makes stores of every build whose layout is known, and
 * every page is read back; then they are damaged, and the reason told must be the right one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store_machine.h"

#include <stdio.h>

#define PAGES 700

static const char *const profiles[] = {
	"windows-10-14393-x64", "windows-10-14393-x64-4770", "windows-10-15063-x64",
	"windows-10-16299-x64", "windows-10-17134-x64",	     "windows-10-17763-x64",
	"windows-10-18362-x64", "windows-10-19041-x64",	     "windows-server-2022-20348-x64",
	"windows-11-22000-x64", "windows-11-22621-x64",	     "windows-11-26100-x64",
	"windows-10-14393-x86", "windows-10-15063-x86",	     "windows-10-16299-x86",
	"windows-10-17134-x86", "windows-10-17763-x86",	     "windows-10-18362-x86",
	"windows-10-19041-x86",
};

static const struct store_options deep = {.stores = 3, .node_limit = 4, .detours = 5, .seed = 11};

/* Offsets that are no neighbours, so that trees have no pattern; all but 0, which says "zero". */
static uint64_t offset_of_page(size_t i)
{
	return 1 + (i * 7919) % 1000003;
}

/* Of all kinds: zeros, noise, long runs, text-like, tables. */
static void make_page(size_t i, uint8_t *page)
{
	struct util_random random = {i};
	memset(page, 0, PAGE_SIZE);
	switch (i % 6) {
	case 0:
		if (i % 18)
			memset(page, (int)i, PAGE_SIZE);
		break;
	case 1:
		for (size_t k = 0; k < PAGE_SIZE; k++)
			page[k] = (uint8_t)util_random(&random);
		break;
	case 2:
		for (size_t k = 0; k < PAGE_SIZE; k++)
			page[k] = (uint8_t) "kernel32.dll CreateFileW "[util_random_below(&random,
											  25)];
		break;
	case 3:
		for (size_t k = 0; k < PAGE_SIZE; k += 8)
			util_put(page + k,
				 UINT64_C(0x7ff612340000) + util_random_below(&random, 99), 8);
		break;
	case 4:
		for (size_t k = 0; k < 300; k++)
			page[util_random_below(&random, PAGE_SIZE)] = (uint8_t)util_random(&random);
		break;
	default:
		for (size_t k = 0; k < PAGE_SIZE; k++)
			page[k] = (uint8_t)(k / (1 + i % 40) + i);
	}
}

/* Words of the kernel image that lead to somewhere: into kernel memory, and to nowhere. */
static void fill_image(struct store_machine *s)
{
	struct util_random random = {99};
	for (uint64_t at = 0; at < IMAGE_PAGES * PAGE_SIZE; at += s->layout.pointer_size) {
		uint64_t value = s->m.kernel_next - util_random_below(&random, 0x200000) / 4 * 4;
		if (at % 24 == 0)
			value = value & ~UINT64_C(0xfff);
		if (at % 40 == 0)
			value = util_random(&random);
		machine_write(&s->m, MACHINE_PML4, s->image + at, &value, s->layout.pointer_size);
	}
}

static void build(struct store_machine *s, const char *profile, struct store_options options,
		  size_t pages)
{
	uint8_t page[PAGE_SIZE];
	store_machine_init(s, profile, options);
	for (size_t i = 0; i < pages; i++) {
		make_page(i, page);
		assert_int_equal(
			store_writer_add(s->writer, VIRTUAL_STORE, offset_of_page(i), page), i);
	}
	fill_image(s);
	store_machine_finish(s);
}

static void power_on(struct store_machine *s)
{
	machine_power_on(&s->m);
	s->store = store_find(s->m.space, &s->layout, s->image, IMAGE_PAGES * PAGE_SIZE, NULL);
}

static const char *read_one(struct store_machine *s, uint64_t offset)
{
	uint8_t page[PAGE_SIZE];
	_cleanup_store_reader_ struct store_reader *reader =
		store_reader_new(s->store, s->m.memory);
	return store_page(reader, VIRTUAL_STORE, offset, page);
}

static void every_page_of_every_build_is_read(void **state)
{
	(void)state;
	for (size_t p = 0; p < array_size(profiles); p++) {
		_cleanup_store_machine_ struct store_machine s;
		build(&s, profiles[p], deep, PAGES);
		power_on(&s);
		if (!s.store)
			print_error("%s: no store found\n", profiles[p]);
		assert_non_null(s.store);
		_cleanup_store_ struct store *store = s.store;
		assert_int_equal(store_summary(store).manager, s.manager);
		assert_int_equal(store_summary(store).stores, 3);
		_cleanup_store_reader_ struct store_reader *reader =
			store_reader_new(store, s.m.memory);
		size_t raw = 0, zero = 0;
		for (size_t i = 0; i < PAGES; i++) {
			uint8_t page[PAGE_SIZE], expected[PAGE_SIZE];
			make_page(i, expected);
			const char *why =
				store_page(reader, VIRTUAL_STORE, offset_of_page(i), page);
			if (why)
				print_error("%s: page %zu: %s\n", profiles[p], i, why);
			assert_null(why);
			assert_memory_equal(page, expected, PAGE_SIZE);
			raw += store_writer_placed(s.writer, i).size == PAGE_SIZE;
			zero += store_writer_placed(s.writer, i).size == 0;
			/* what lies next to it was never put in */
			assert_string_equal(store_page(reader, VIRTUAL_STORE,
						       offset_of_page(i) + 1000003, page),
					    "page not in it");
		}
		assert_true(raw > 10);
		assert_true(zero > 10);
		uint8_t page[PAGE_SIZE];
		/* no such page file; beyond any key */
		bool numbered = s.layout.key_number.bits != 0;
		assert_int_equal(store_page(reader, 1, offset_of_page(0), page) != NULL, numbered);
		assert_non_null(store_page(reader, 2, UINT64_C(1) << 28 | offset_of_page(0), page));
		assert_non_null(store_page(reader, 2, UINT64_MAX, page));
	}
}

static void few_and_full_nodes_are_read(void **state)
{
	(void)state;
	static const struct store_options shapes[] = {
		{.stores = 1, .node_limit = 2, .seed = 1},
		{.stores = 8, .node_limit = 250, .detours = 1, .seed = 2},
		{.stores = 1, .node_limit = 3, .detours = 2, .seed = 3},
	};
	for (size_t i = 0; i < array_size(shapes); i++) {
		for (size_t pages = 1; pages <= 64; pages *= 4) {
			_cleanup_store_machine_ struct store_machine s;
			build(&s, "windows-10-19041-x64", shapes[i], pages);
			power_on(&s);
			assert_non_null(s.store);
			_cleanup_store_ struct store *store = s.store;
			assert_true(store_summary(store).stores > 0);
			for (size_t k = 0; k < pages; k++)
				assert_null(read_one(&s, offset_of_page(k)));
		}
	}
}

static void entries_lead_into_the_store(void **state)
{
	(void)state;
	_cleanup_store_machine_ struct store_machine s;
	uint8_t expected[PAGE_SIZE];
	char buffer[96];
	build(&s, "windows-10-18362-x64", deep, PAGES);
	for (uint64_t i = 0; i < 100; i++)
		machine_set(&s.m, MACHINE_PML4, 0x10000 + i * PAGE_SIZE,
			    offset_of_page(i) << 32 | VIRTUAL_STORE << 12 | 0x80);
	machine_set(&s.m, MACHINE_PML4, 0x100000, UINT64_C(0x55555) << 32 | VIRTUAL_STORE << 12);
	machine_set(&s.m, MACHINE_PML4, 0x101000, UINT64_C(0x55555) << 32 | 1 << 12);
	/* A page table that is in the store itself. */
	uint64_t table = offset_of_page(3) << 32 | VIRTUAL_STORE << 12 | 0x80;
	machine_put(&s.m, machine_entry(&s.m, MACHINE_PML4, 0x40000000, 21), table, 8);
	power_on(&s);
	struct page page;
	space_page(s.m.space, 0x10000, &page);
	assert_null(page.data);
	assert_string_equal(page_why(&page, buffer, sizeof(buffer)), "page file 2 not given");
	memory_set_store(s.m.memory, VIRTUAL_STORE, NULL, NULL, "layout of this build not known");
	space_page(s.m.space, 0x10000, &page);
	assert_string_equal(page_why(&page, buffer, sizeof(buffer)),
			    "compressed store: layout of this build not known");

	store_attach(s.store, s.m.memory, VIRTUAL_STORE);
	assert_ptr_equal(store_of(s.m.memory), s.store);
	for (uint64_t i = 0; i < 100; i++) {
		make_page(i, expected);
		space_page(s.m.space, 0x10000 + i * PAGE_SIZE, &page);
		assert_non_null(page.data);
		assert_true(page.compressed);
		assert_int_equal(page.state, PAGE_PAGEFILE);
		assert_memory_equal(page.data, expected, PAGE_SIZE);
		/* what was handed out stays where it is, and is handed out again */
		struct page again;
		space_page(s.m.space, 0x10000 + i * PAGE_SIZE, &again);
		assert_ptr_equal(again.data, page.data);
	}
	uint8_t both[2 * PAGE_SIZE];
	make_page(6, expected);
	assert_true(space_read(s.m.space, 0x10000 + 5 * PAGE_SIZE, both, sizeof(both)));
	assert_memory_equal(both + PAGE_SIZE, expected, PAGE_SIZE);
	space_page(s.m.space, 0x100000, &page);
	assert_string_equal(page_why(&page, buffer, sizeof(buffer)),
			    "compressed store: page not in it");
	space_page(s.m.space, 0x101000, &page);
	assert_string_equal(page_why(&page, buffer, sizeof(buffer)), "page file 1 not given");
	/* the table's entries are pointers like 0x7ff6123400xx: the walk goes on with them */
	space_page(s.m.space, 0x40000000, &page);
	make_page(3, expected);
	assert_int_equal(page.entry, le64(expected));
}

/* Which page file is the virtual one may not be known: keys tell. */
static void the_store_is_asked_for_any_page_file(void **state)
{
	(void)state;
	_cleanup_store_machine_ struct store_machine s;
	char buffer[96];
	struct page page;
	build(&s, "windows-10-18362-x64", deep, 20);
	uint64_t entry = offset_of_page(4) << 32 | 0x80;
	machine_set(&s.m, MACHINE_PML4, 0x10000, entry | VIRTUAL_STORE << 12);
	machine_set(&s.m, MACHINE_PML4, 0x11000, entry | 1 << 12);
	power_on(&s);
	store_attach(s.store, s.m.memory, -1);
	space_page(s.m.space, 0x10000, &page);
	assert_non_null(page.data);
	assert_true(page.compressed);
	space_page(s.m.space, 0x11000, &page);
	assert_string_equal(page_why(&page, buffer, sizeof(buffer)), "page file 1 not given");
	assert_false(page.compressed);
}

static void a_space_keeps_so_many_pages(void **state)
{
	(void)state;
	_cleanup_store_machine_ struct store_machine s;
	uint8_t expected[PAGE_SIZE], read[PAGE_SIZE];
	char buffer[96];
	build(&s, "windows-10-18362-x64", deep, 20);
	for (uint64_t i = 0; i < 21; i++)
		machine_set(&s.m, MACHINE_PML4, 0x10000 + i * PAGE_SIZE,
			    offset_of_page(i) << 32 | VIRTUAL_STORE << 12 | 0x80);
	power_on(&s);
	store_attach(s.store, s.m.memory, VIRTUAL_STORE);
	memory_set_store_pages(s.m.memory, 7);
	for (uint64_t i = 0; i < 20; i++) {
		struct page page;
		uint64_t at = 0x10000 + i * PAGE_SIZE;
		make_page(i, expected);
		space_page(s.m.space, at, &page);
		assert_int_equal(page.data != NULL, i < 7);
		if (i >= 7)
			assert_string_equal(page_why(&page, buffer, sizeof(buffer)),
					    "compressed store: more pages than are kept");
		assert_true(space_read(s.m.space, at, read, sizeof(read)));
		assert_memory_equal(read, expected, PAGE_SIZE);
	}
	/* what is not there is not there */
	assert_false(space_read(s.m.space, 0x10000 + 20 * PAGE_SIZE, read, 1));
	/* another space has room of its own */
	_cleanup_space_ struct space *other = space_new(s.m.memory, MACHINE_PML4);
	size_t available;
	assert_non_null(space_at(other, 0x10000 + 19 * PAGE_SIZE, &available));
}

/* Reads page `i` after `damage`, which gets the place of what it is to damage. */
#define RAW    7 /* a page of noise */
#define PACKED 8 /* one that is compressed */

#define assert_damaged(options, i, damage, words) damaged(options, i, damage, words, #damage)

static void damaged(struct store_options options, size_t i,
		    void (*damage)(struct store_machine *, struct store_placed), const char *words,
		    const char *name)
{
	_cleanup_store_machine_ struct store_machine s;
	build(&s, "windows-10-19041-x64", options, 200);
	damage(&s, store_writer_placed(s.writer, i));
	power_on(&s);
	assert_non_null(s.store);
	store_attach(s.store, s.m.memory, VIRTUAL_STORE);
	const char *why = read_one(&s, offset_of_page(i));
	if (!why != !words || (why && strcmp(why, words)))
		print_error("%s\n", name);
	if (!why || !words)
		assert_ptr_equal(why, words);
	else
		assert_string_equal(why, words);
}

static void put(struct store_machine *s, uint64_t va, uint64_t value, size_t size)
{
	machine_write(&s->m, MACHINE_PML4, va, &value, size);
}

static void no_damage(struct store_machine *s, struct store_placed placed)
{
	(void)s;
	(void)placed;
}

static void longer_size(struct store_machine *s, struct store_placed placed)
{
	put(s, placed.record + 4, placed.size / 2, 2);
}

/* Within the page of region pointers, and far beyond it. */
static void no_such_region(struct store_machine *s, struct store_placed placed)
{
	put(s, placed.record, 100 << 13, 4);
}

static void region_out_of_range(struct store_machine *s, struct store_placed placed)
{
	put(s, placed.record, 0x00ffffff, 4);
}

static void link_to_itself(struct store_machine *s, struct store_placed placed)
{
	/* Records 1, 3, 5 ...: find the number by trying: the first of the chunk is 0x80. */
	put(s, placed.record, UINT32_MAX, 4);
	put(s, placed.record + 4, 0x80, 4);
	uint64_t first = (placed.record & ~(PAGE_SIZE - 1)) + 0x20;
	put(s, first, UINT32_MAX, 4);
	put(s, first + 4, 0x80, 4);
}

static void number_of_no_chunk(struct store_machine *s, struct store_placed placed)
{
	put(s, placed.record, UINT32_MAX, 4);
	put(s, placed.record + 4, UINT32_MAX, 4);
}

static void number_zero(struct store_machine *s, struct store_placed placed)
{
	put(s, placed.record, UINT32_MAX, 4);
	put(s, placed.record + 4, 5, 4);
}

static void other_algorithm(struct store_machine *s, struct store_placed placed)
{
	put(s, placed.smkm_store + s->layout.store_algorithm, 4, 2);
}

static void noise_for_data(struct store_machine *s, struct store_placed placed)
{
	for (uint32_t i = 0; i < placed.size; i++) {
		uint8_t byte = 0xff;
		machine_write(&s->m, s->owner_pml4, placed.data + i, &byte, 1);
	}
}

static void unmap_data(struct store_machine *s, struct store_placed placed)
{
	machine_set(&s->m, s->owner_pml4, placed.data, 0);
	machine_set(&s->m, s->owner_pml4, placed.data + placed.size - 1, 0);
}

static void data_in_a_page_file(struct store_machine *s, struct store_placed placed)
{
	machine_set(&s->m, s->owner_pml4, placed.data, UINT64_C(0x123) << 32 | 0x80);
}

static void data_in_the_store(struct store_machine *s, struct store_placed placed)
{
	machine_set(&s->m, s->owner_pml4, placed.data,
		    offset_of_page(2) << 32 | VIRTUAL_STORE << 12 | 0x80);
}

static void unmap_record(struct store_machine *s, struct store_placed placed)
{
	machine_set(&s->m, MACHINE_PML4, placed.record, 0);
}

static void user_regions(struct store_machine *s, struct store_placed placed)
{
	put(s, placed.smkm_store + s->layout.store_regions, 0x12340000, 8);
}

static const uint8_t *tree_root(struct store_machine *s, struct store_placed placed, uint64_t *va)
{
	uint64_t at = placed.smkm_store + s->layout.store_tree;
	uint64_t entry = machine_get(&s->m, machine_entry(&s->m, MACHINE_PML4, at, 12), 8);
	*va = le64(s->m.bytes + (entry & ~UINT64_C(0xfff)) + (at & 0xfff));
	entry = machine_get(&s->m, machine_entry(&s->m, MACHINE_PML4, *va, 12), 8);
	return s->m.bytes + (entry & ~UINT64_C(0xfff));
}

/* All children lead back to the root. */
static void cyclic_tree(struct store_machine *s, struct store_placed placed)
{
	uint64_t root;
	const uint8_t *node = tree_root(s, placed, &root);
	unsigned int elements = le16(node);
	assert_int_equal(node[3], 0); /* not a leaf */
	put(s, root + 8, root, 8);
	for (unsigned int i = 0; i < elements; i++)
		put(s, root + 16 + 16 * i + 8, root, 8);
}

static void children_in_user_memory(struct store_machine *s, struct store_placed placed)
{
	uint64_t root;
	const uint8_t *node = tree_root(s, placed, &root);
	unsigned int elements = le16(node);
	for (unsigned int i = 0; i < elements; i++)
		put(s, root + 16 + 16 * i + 8, 0x10000000, 8);
}

static void children_gone(struct store_machine *s, struct store_placed placed)
{
	uint64_t root;
	const uint8_t *node = tree_root(s, placed, &root);
	unsigned int elements = le16(node);
	for (unsigned int i = 0; i < elements; i++)
		put(s, root + 16 + 16 * i + 8, UINT64_C(0xffffb00000000000), 8);
	put(s, root + 8, UINT64_C(0xffffb00000000000), 8);
}

static void damage_is_told(void **state)
{
	(void)state;
	const struct store_options one = {.stores = 1, .node_limit = 5, .seed = 4};
	assert_damaged(one, PACKED, no_damage, NULL);
	assert_damaged(one, RAW, no_damage, NULL);
	assert_damaged(one, PACKED, longer_size, "data does not decompress");
	assert_damaged(one, PACKED, no_such_region, "corrupt record");
	assert_damaged(one, PACKED, region_out_of_range, "its structures not present");
	assert_damaged(one, PACKED, link_to_itself, "corrupt record");
	assert_damaged(one, PACKED, number_of_no_chunk, "corrupt record");
	assert_damaged(one, PACKED, number_zero, "corrupt record");
	assert_damaged(one, PACKED, other_algorithm, "compression method not known");
	assert_damaged(one, RAW, other_algorithm, NULL); /* needs none */
	assert_damaged(one, PACKED, noise_for_data, "data does not decompress");
	assert_damaged(one, PACKED, unmap_data, "its data not present");
	assert_damaged(one, PACKED, data_in_a_page_file, "its data in a page file not given");
	assert_damaged(one, PACKED, data_in_the_store, "its data not present");
	assert_damaged(one, PACKED, unmap_record, "its structures not present");
	assert_damaged(one, PACKED, cyclic_tree, "corrupt tree");
	size_t last = 0; /* not in the left child, which is left as it is */
	for (size_t i = 0; i < 200; i++)
		if (offset_of_page(i) > offset_of_page(last))
			last = i;
	assert_damaged(one, last, children_in_user_memory, "corrupt tree");
	assert_damaged(one, PACKED, children_gone, "its structures not present");
	/* found by another store, or not at all */
	const struct store_options two = {.stores = 2, .node_limit = 5, .seed = 4};
	assert_damaged(two, RAW, user_regions, "corrupt record");
}

/* Of two that look like managers, the one with more stores; without stores, none. */
static void what_is_no_store_is_not_found(void **state)
{
	(void)state;
	_cleanup_store_machine_ struct store_machine s;
	build(&s, "windows-10-19041-x64", deep, 50);
	/* no owner: nothing could be read */
	for (size_t i = 0; i < 50; i++)
		put(&s, store_writer_placed(s.writer, i).smkm_store + s.layout.store_owner, 0, 8);
	power_on(&s);
	assert_null(s.store);
	struct store_layout bad = s.layout;
	bad.leaf_key = 0x10000;
	assert_null(store_find(s.m.space, &bad, s.image, IMAGE_PAGES * PAGE_SIZE, NULL));
	bad = s.layout;
	bad.tree_nodes = 0xfff;
	assert_null(store_find(s.m.space, &bad, s.image, IMAGE_PAGES * PAGE_SIZE, NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_page_of_every_build_is_read),
		cmocka_unit_test(few_and_full_nodes_are_read),
		cmocka_unit_test(entries_lead_into_the_store),
		cmocka_unit_test(the_store_is_asked_for_any_page_file),
		cmocka_unit_test(a_space_keeps_so_many_pages),
		cmocka_unit_test(damage_is_told),
		cmocka_unit_test(what_is_no_store_is_not_found),
	};
	return cmocka_run_group_tests_name("store", tests, NULL, NULL);
}
