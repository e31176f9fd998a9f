/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Import lists where the budget ends, or a page of a file in memory is not present: never another
 * list with a status that says it is the whole one.
 */
#include "world.h"

#include <stdio.h>

#include <impscan/alloc.h>

static struct pe_builder *make_program(void)
{
	struct pe_builder *b = pe_builder_new(true, false, NULL);
	char name[48];
	for (int dll = 0; dll < 3; dll++)
		for (int i = 0; i < 200; i++) {
			char library[24];
			snprintf(library, sizeof(library), "lib%d.dll", dll);
			snprintf(name, sizeof(name), "AFunctionOfLibrary%d_%d", dll, i);
			pe_builder_import(b, library, name);
		}
	pe_builder_code(b, 30000, 7);
	return b;
}

/* A file in memory, one page of which may be absent. */
struct lying {
	const uint8_t *bytes;
	uint64_t absent; /* its number + 1 */
};

static const uint8_t *lying_at(const struct pe_reader *reader, uint64_t position, size_t *available)
{
	const struct lying *lying = reader->context;
	*available = (size_t)(4096 - position % 4096);
	return position / 4096 + 1 == lying->absent ? NULL : lying->bytes + position;
}

static const char *lying_why(const struct pe_reader *reader, uint64_t position)
{
	const struct lying *lying = reader->context;
	return position / 4096 + 1 == lying->absent ? "paged out" : "it is there";
}

static void pages_that_a_file_needs_are_named(void **state)
{
	(void)state;
	size_t size, needed = 0, others = 0;
	struct pe_builder *b = make_program();
	_cleanup_free_ uint8_t *file = pe_builder_build(b, &size);
	pe_builder_free(b);
	file = alloc_resize(file, size + 4096, 1);
	struct lying lying = {.bytes = file};
	struct pe_reader reader = {
		.layout = PE_LAYOUT_FILE,
		.size = size,
		.at = lying_at,
		.why = lying_why,
		.context = &lying,
	};
	_cleanup_imports_ struct imports whole = {0}, imports = {0};
	for (; lying.absent <= size / 4096 + 1; lying.absent++) {
		_cleanup_pe_ struct pe pe;
		pe_open(&pe, &reader);
		imports_declared(&imports, &pe);
		if (!lying.absent)
			imports_declared(&whole, &pe);
		if (imports.status == IMPORTS_OK) {
			assert_int_equal(imports.pages_found, imports.pages);
			assert_string_equal(text_string(&imports.string),
					    text_string(&whole.string));
			others++;
			continue;
		}
		assert_true(imports.status == IMPORTS_PARTIAL ||
			    imports.status == IMPORTS_UNREADABLE);
		assert_non_null(strstr(imports.reason, "not present: paged out"));
		assert_true(imports.pages_found < imports.pages || pe.status == PE_UNREADABLE);
		needed++;
	}
	assert_int_equal(whole.count, 600);
	assert_true(needed > 3 && others > 3);
}

static void declared_lists_end_with_the_budget(void **state)
{
	(void)state;
	size_t size;
	struct pe_builder *b = make_program();
	_cleanup_free_ uint8_t *file = pe_builder_build(b, &size);
	pe_builder_free(b);
	struct pe_reader reader = pe_reader_bytes(file, size, PE_LAYOUT_FILE);
	_cleanup_pe_ struct pe pe;
	pe_open(&pe, &reader);
	struct budget all = {.limit = UINT64_MAX};
	_cleanup_imports_ struct imports whole = {.budget = &all, .keep_entries = true};
	imports_declared(&whole, &pe);
	assert_int_equal(whole.status, IMPORTS_OK);
	assert_true(all.spent > 1000);
	_cleanup_imports_ struct imports imports = {.keep_entries = true};
	size_t partial = 0;
	for (uint64_t limit = 0; limit <= all.spent; limit += 100) {
		struct budget budget = {.limit = limit};
		imports.budget = &budget;
		imports_declared(&imports, &pe);
		if (limit < all.spent) {
			assert_true(imports.status == IMPORTS_PARTIAL ||
				    imports.status == IMPORTS_UNREADABLE);
			assert_non_null(strstr(imports.reason, "takes too long"));
			partial += imports.status == IMPORTS_PARTIAL;
		}
	}
	assert_true(partial > 5);
	struct budget enough = {.limit = all.spent};
	imports.budget = &enough;
	imports_declared(&imports, &pe);
	assert_int_equal(imports.status, IMPORTS_OK);
	assert_string_equal(text_string(&imports.string), text_string(&whole.string));
}

/* A page of descriptors that follow one another for ever, at every four bytes. */
struct endless {
	uint8_t page[4096 * 5];
	size_t reads;
};

static const uint8_t *endless_at(const struct pe_reader *reader, uint64_t position,
				 size_t *available)
{
	struct endless *endless = reader->context;
	endless->reads++;
	*available = (size_t)(4096 - position % 4096);
	return endless->page + position % sizeof(endless->page);
}

static struct endless *endless_new(void)
{
	struct endless *endless = alloc_new(struct endless);
	for (size_t i = 0; i < sizeof(endless->page); i += 4)
		memcpy(endless->page + i, "\x40\x00\x00\x00", 4);
	/* Any row of five words is a descriptor: the third one is none, or ~0. */
	memset(endless->page, 0xff, 4);
	for (size_t i = 0; i < sizeof(endless->page); i += 20) {
		static const uint32_t words[5] = {0x2000, 0, 0, 0x1000, 0x2000};
		memcpy(endless->page + i, words, sizeof(words));
	}
	memcpy(endless->page + 0x1000, "name.dll", 9);
	memcpy(endless->page + 0x2000, "\x00\x10\x00\x00\x00\x00\x00\x00", 8);
	return endless;
}

static void directories_without_end_are_read_once(void **state)
{
	(void)state;
	_cleanup_free_ struct endless *endless = endless_new();
	struct pe_reader reader = {
		.layout = PE_LAYOUT_MEMORY,
		.size = 16 << 20,
		.at = endless_at,
		.context = endless,
	};
	_cleanup_pe_ struct pe pe;
	pe_assume(&pe, &reader, true, (uint32_t)reader.size);
	struct budget budget = {.limit = UINT64_MAX};
	imports_find_directory(&pe, &budget);
	/* Every place once, and what a descriptor leads to: not each as often as there are places. */
	assert_true(endless->reads < reader.size * 3);
	assert_true(budget.spent > reader.size / 4096 * 20);
	budget = (struct budget){.limit = 10000};
	endless->reads = 0;
	assert_int_equal(imports_find_directory(&pe, &budget), 0);
	assert_true(endless->reads < 3000000);
}

static void tables_end_with_the_budget(void **state)
{
	(void)state;
	struct world w;
	open_world(&w, true);
	link_world(&w, true);
	for (size_t i = 0; i < 400; i++) {
		uint64_t value =
			loader_export(&w.loader, "kernel32.dll", kernel32_names[i % 10], 0);
		memcpy(w.heap + i / 10 * 0x300 + i % 10 * 8, &value, 8);
	}
	struct budget all = {.limit = UINT64_MAX};
	struct rebuild_memory memory = memory_of(&w);
	memory.budget = &all;
	struct rebuilt whole = {0}, rebuilt = {0};
	struct rebuild_area area = {.base = HEAP, .size = HEAP_SIZE};
	rebuild(&whole, w.map, &memory, &area);
	assert_null(whole.cut);
	assert_true(whole.list_count > 0);
	size_t cut = 0;
	for (uint64_t limit = 0; limit <= all.spent; limit += all.spent / 97) {
		struct budget budget = {.limit = limit};
		memory.budget = &budget;
		rebuild(&rebuilt, w.map, &memory, &area);
		assert_true(!rebuilt.cut == (limit >= all.spent));
		if (rebuilt.cut) {
			assert_int_equal(rebuilt.list_count, 0);
			assert_false(rebuilt.differs);
			cut++;
		}
	}
	assert_true(cut > 90);
	struct budget enough = {.limit = all.spent};
	memory.budget = &enough;
	rebuild(&rebuilt, w.map, &memory, &area);
	assert_null(rebuilt.cut);
	assert_string_equal(list(&rebuilt, 0), list(&whole, 0));
	rebuilt_free(&rebuilt);
	rebuilt_free(&whole);
	close_world(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pages_that_a_file_needs_are_named),
		cmocka_unit_test(declared_lists_end_with_the_budget),
		cmocka_unit_test(directories_without_end_are_read_once),
		cmocka_unit_test(tables_end_with_the_budget),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
