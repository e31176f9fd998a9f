/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Address tables without any header: in private memory, named by code only; and what is none.
 */
#include "world.h"

/* Code in private memory with its API table in another place. */
static void test_blob(void **state)
{
	(void)state;
	struct world w;
	open_world(&w, true);
	link_world(&w, true);
	uint64_t at = HEAP + 0x4010;
	for (size_t i = 0; i < 10; i++) {
		uint64_t value = loader_export(&w.loader, "kernel32.dll", kernel32_names[9 - i], 0);
		memcpy(w.heap + 0x4010 + i * 8, &value, 8);
	}
	/* mov rbx, table; call [rbx+8] */
	memcpy(w.heap + 0x100, "\x48\xbb", 2);
	memcpy(w.heap + 0x102, &at, 8);
	memcpy(w.heap + 0x10a, "\xff\x53\x08", 3);
	struct rebuild_memory memory = memory_of(&w);
	struct rebuilt private = {0};
	rebuild_private(&private, w.map, &memory, HEAP + 0x4000, 0x2000);
	assert_int_equal(private.table_count, 1);
	assert_int_equal(private.tables[0].start, at);
	assert_int_equal(private.tables[0].imports, 10);
	struct rebuilt rebuilt = {0};
	struct rebuild_area area = {.base = HEAP, .size = 0x1000, .others = &private};
	rebuild(&rebuilt, w.map, &memory, &area);
	assert_int_equal(rebuilt.list_count, 1);
	assert_int_equal(rebuilt.lists[0].count, 10);
	assert_true(rebuilt.tables[0].outside);
	assert_memory_equal(list(&rebuilt, 0), "kernel32.writefile,kernel32.virtualalloc,", 41);
	/* a region that does not refer to it has none of it */
	area.base = HEAP + 0x2000;
	rebuild(&rebuilt, w.map, &memory, &area);
	assert_int_equal(rebuilt.list_count, 0);
	rebuilt_free(&rebuilt);
	rebuilt_free(&private);
	close_world(&w);
}

/* Code that calls through the slots of a table in another place, as through a table of its own. */
static void test_relative(void **state)
{
	(void)state;
	struct world w;
	open_world(&w, true);
	link_world(&w, true);
	for (size_t i = 0; i < 10; i++) {
		uint64_t value = loader_export(&w.loader, "kernel32.dll", kernel32_names[i], 0);
		memcpy(w.heap + 0x4010 + i * 8, &value, 8);
	}
	struct rebuild_memory memory = memory_of(&w);
	struct rebuilt private = {0}, rebuilt = {0};
	rebuild_private(&private, w.map, &memory, HEAP + 0x4000, 0x2000);
	assert_int_equal(private.table_count, 1);
	static const char *const codes[] = {"\xff\x15",	    "\xff\x25",	    "\xff\x35",
					    "\x48\x8b\x05", "\x4c\x8b\x3d", "\x48\x8d\x0d",
					    "\x48\x89\x05"};
	struct rebuild_area area = {.base = HEAP, .size = 0x1000, .others = &private};
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		size_t opcode = strlen(codes[i]);
		/* two calls, which alone would make the two slots a list of their own */
		for (size_t at = 0x100; at < 0x120; at += 0x10) {
			uint32_t distance = (uint32_t)(0x4018 + (at - 0x100) - (at + opcode + 4));
			memset(w.heap + at, 0xcc, 16);
			memcpy(w.heap + at, codes[i], opcode);
			memcpy(w.heap + at + opcode, &distance, 4);
		}
		rebuild(&rebuilt, w.map, &memory, &area);
		assert_int_equal(rebuilt.list_count, 1);
		assert_int_equal(rebuilt.lists[0].count, 10);
		assert_int_equal(rebuilt.count, 10);
		assert_true(rebuilt.tables[0].outside);
	}
	rebuilt_free(&rebuilt);
	rebuilt_free(&private);
	close_world(&w);
}

/* Single slots that only code names. */
static void check_called(bool x64)
{
	struct world w;
	open_world(&w, x64);
	link_world(&w, x64);
	static const char *const names[] = {"MessageBoxA", "ShowWindow"};
	for (uint32_t i = 0; i < 2; i++) {
		uint32_t slot = 0x800 + i * 0x80;
		uint64_t value = loader_export(&w.loader, "user32.dll", names[i], 0);
		memcpy(w.heap + slot, &value, x64 ? 8 : 4);
		uint32_t operand = x64 ? slot - (0x100 + i * 6 + 6) : HEAP + slot;
		memcpy(w.heap + 0x100 + i * 6, "\xff\x15", 2);
		memcpy(w.heap + 0x102 + i * 6, &operand, 4);
	}
	struct rebuild_memory memory = memory_of(&w);
	struct rebuilt rebuilt = {0};
	struct rebuild_area area = {.base = HEAP, .size = 0x1000};
	rebuild(&rebuilt, w.map, &memory, &area);
	assert_string_equal(list(&rebuilt, 0), "user32.messageboxa,user32.showwindow");
	assert_int_equal(rebuilt.sources[REBUILT_CALL], 2);
	rebuilt_free(&rebuilt);
	close_world(&w);
}

static void test_called(void **state)
{
	(void)state;
	check_called(true);
	check_called(false);
}

/* What looks like a table and is none. */
static void test_no_tables(void **state)
{
	(void)state;
	struct world w;
	open_world(&w, true);
	link_world(&w, true);
	struct rebuild_memory memory = memory_of(&w);
	struct rebuilt rebuilt = {0};
	uint64_t one = loader_export(&w.loader, "kernel32.dll", "ReadFile", 0);
	/* one export again and again */
	for (size_t i = 0; i < 32; i++)
		memcpy(w.heap + 0x100 + i * 8, &one, 8);
	/* a stack: pointers into functions, with an export here and there */
	for (size_t i = 0; i < 256; i++) {
		uint64_t value = i % 16 ? one + i % 7 + 1 : one;
		memcpy(w.heap + 0x1000 + i * 8, &value, 8);
	}
	/* a vtable: few of its functions are exports */
	for (size_t i = 0; i < 60; i++) {
		uint64_t value = i % 5 ? HEAP + 0x2000 + i * 16
				       : loader_export(&w.loader, "kernel32.dll",
						       kernel32_names[i / 5 % 10], 0);
		memcpy(w.heap + 0x3000 + i * 8, &value, 8);
	}
	/* numbers between */
	for (size_t i = 0; i < 40; i++) {
		uint64_t value = i % 2 ? i
				       : loader_export(&w.loader, "kernel32.dll",
						       kernel32_names[i / 2 % 10], 0);
		memcpy(w.heap + 0x4000 + i * 8, &value, 8);
	}
	rebuild_private(&rebuilt, w.map, &memory, HEAP, HEAP_SIZE);
	assert_int_equal(rebuilt.table_count, 0);
	struct rebuild_area area = {.base = HEAP, .size = HEAP_SIZE};
	rebuild(&rebuilt, w.map, &memory, &area);
	assert_int_equal(rebuilt.list_count, 0);
	/* a module's pointers to its own exports */
	struct loader_module *m = loader_find(&w.loader, "kernel32.dll");
	for (size_t i = 0; i < 10; i++)
		put(&w, m, m->size - 4096 + i * 8,
		    loader_export(&w.loader, "kernel32.dll", kernel32_names[i], 0));
	struct imports declared = {0};
	rebuild_module(&w, m, &declared, &rebuilt, NULL);
	assert_int_equal(rebuilt.table_count, 0);
	rebuilt_free(&rebuilt);
	imports_free(&declared);
	close_world(&w);
}

/* Writes pointers in a row to private memory. */
static size_t put_row(struct world *w, size_t at, const uint64_t *values, size_t count)
{
	memcpy(w->heap + at, values, count * sizeof(*values));
	return at + count * sizeof(*values);
}

/* Exports of kernel32, in another order than its own. */
static void fill_exports(struct world *w, uint64_t *values, size_t count)
{
	for (size_t i = 0; i < count; i++)
		values[i] =
			loader_export(&w->loader, "kernel32.dll", kernel32_names[i * 3 % 10], 0);
}

/* How many tables are seen in the private memory? */
static size_t count_tables(struct world *w, size_t *imports)
{
	struct rebuild_memory memory = memory_of(w);
	struct rebuilt rebuilt = {0};
	rebuild_private(&rebuilt, w->map, &memory, HEAP, HEAP_SIZE);
	size_t count = rebuilt.table_count;
	*imports = count ? rebuilt.tables[0].imports : 0;
	rebuilt_free(&rebuilt);
	return count;
}

/* What stands beside a run tells whether it is all there is. */
static void test_surroundings(void **state)
{
	(void)state;
	struct world w;
	open_world(&w, true);
	link_world(&w, true);
	uint64_t row[10], base = loader_find(&w.loader, "kernel32.dll")->base;
	uint64_t inside = loader_export(&w.loader, "kernel32.dll", "ReadFile", 0) + 5;
	size_t imports;
	fill_exports(&w, row, 10);

	/* six alone are a table, also with the handle of their DLL behind, or a number */
	size_t end = put_row(&w, 0x1000, row, 6);
	assert_int_equal(count_tables(&w, &imports), 1);
	assert_int_equal(imports, 6);
	put_row(&w, end, &base, 1);
	assert_int_equal(count_tables(&w, &imports), 1);
	assert_int_equal(imports, 6);
	/* above saved registers is a return address */
	put_row(&w, end, &inside, 1);
	assert_int_equal(count_tables(&w, &imports), 0);
	/* there are no more than eight such registers */
	memset(w.heap, 0, sizeof(w.heap));
	end = put_row(&w, 0x1000, row, 9);
	put_row(&w, end, &inside, 1);
	assert_int_equal(count_tables(&w, &imports), 1);
	assert_int_equal(imports, 9);
	/* part of a table of functions that are mostly not exported */
	for (uint64_t i = 0; i < 5; i++) {
		uint64_t value = inside + i;
		put_row(&w, 0x1000 - (i + 1) * 8, &value, 1);
		put_row(&w, end + i * 8, &value, 1);
	}
	assert_int_equal(count_tables(&w, &imports), 0);
	close_world(&w);
}

/* A function that another DLL forwards by ordinal only is not named by that. */
static void test_forwarded_by_ordinal(void **state)
{
	(void)state;
	struct world w;
	open_world(&w, true);
	struct pe_builder *b = pe_builder_new(true, true, "odd.dll");
	pe_builder_export(b, "Odd");
	pe_builder_export_forward_ordinal(b, 100, "USER32.MessageBoxA");
	add(&w, "odd.dll", b);
	link_world(&w, true);
	/* user32 has a piece already, so that another DLL would be likelier for the last */
	uint64_t row[9] = {[0] = loader_export(&w.loader, "user32.dll", "ShowWindow", 0),
			   [8] = loader_export(&w.loader, "user32.dll", "MessageBoxA", 0)};
	fill_exports(&w, row + 2, 5);
	put_row(&w, 0x1000, row, 9);
	struct rebuild_memory memory = memory_of(&w);
	struct rebuilt rebuilt = {0};
	rebuild_private(&rebuilt, w.map, &memory, HEAP, HEAP_SIZE);
	assert_int_equal(rebuilt.table_count, 1);
	const struct rebuilt_entry *last = &rebuilt.entries[rebuilt.count - 1];
	assert_string_equal(rebuilt_dll(&rebuilt, last), "user32.dll");
	assert_string_equal(rebuilt_name(&rebuilt, last), "MessageBoxA");
	rebuilt_free(&rebuilt);
	close_world(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_blob),	     cmocka_unit_test(test_relative),
		cmocka_unit_test(test_called),	     cmocka_unit_test(test_no_tables),
		cmocka_unit_test(test_surroundings), cmocka_unit_test(test_forwarded_by_ordinal),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
