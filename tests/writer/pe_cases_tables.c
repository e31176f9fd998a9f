/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Files at the edges of pefile's rules: descriptors, tables of thunks, and where the directory ends
 * (rules 06 to 10).
 */
#include <writer/pe_case_group.h>

#include <string.h>

/* `bad` descriptors that give nothing, then good ones. */
static void errors(struct raw *r, int bad)
{
	raw_import(r, "a.dll", "first");
	for (int i = 0; i < bad; i++)
		pe_case_import_bad(r);
	raw_import(r, "b.dll", "second");
	raw_import(r, "c.dll", "third");
}

static void errors_1(struct raw *r)
{
	errors(r, 1);
}

static void errors_5(struct raw *r)
{
	errors(r, 5);
}

static void errors_6(struct raw *r)
{
	errors(r, 6);
}

static void errors_late_name(struct raw *r)
{
	/* A good name before the one that is nowhere is lost with it. */
	pe_case_import_values(r, "a.dll", (uint64_t[]){raw_name(r, "good"), 0x7ff00000}, 2);
	raw_import(r, "b.dll", "second");
}

static void repeat(struct raw *r, size_t times)
{
	uint64_t values[20];
	uint64_t name = raw_name(r, "same");
	for (size_t i = 0; i < times; i++)
		values[i] = name;
	pe_case_import_values(r, "a.dll", values, times);
	raw_import(r, "b.dll", "next");
}

static void repeated_15(struct raw *r)
{
	repeat(r, 15);
}

static void repeated_16(struct raw *r)
{
	repeat(r, 16);
}

static void repeated_in_pairs(struct raw *r)
{
	/* 15 repetitions in all, of different thunks. */
	uint64_t values[30];
	pe_case_fill_names(r, values, 15, "n%u");
	for (size_t i = 0; i < 15; i++)
		values[15 + i] = values[i];
	pe_case_import_values(r, "a.dll", values, 30);
	pe_case_import_values(r, "b.dll", values, 29);
}

static void repeated_ordinals(struct raw *r)
{
	uint64_t values[40];
	for (size_t i = 0; i < 40; i++)
		values[i] = raw_ordinal(r, 7); /* ordinals may repeat */
	pe_case_import_values(r, "a.dll", values, 40);
}

static void spread(struct raw *r, uint64_t distance)
{
	uint64_t name = raw_name(r, "near");
	pe_case_import_values(r, "a.dll", (uint64_t[]){name, name + distance}, 2);
	raw_import(r, "b.dll", "next");
	/* A section far away, so that the far thunk leads somewhere. */
	raw_set_section(r, 1, 0x10000, 0x8000000, 0x200, RAW_HEADERS);
}

static void spread_128m(struct raw *r)
{
	spread(r, 0x8000000);
}

static void spread_128m_and_1(struct raw *r)
{
	spread(r, 0x8000001);
}

static void ordinal_above_ffff(struct raw *r)
{
	pe_case_import_values(r, "a.dll",
			      (uint64_t[]){raw_name(r, "x"), raw_ordinal(r, 0) | 0x10000}, 2);
	raw_import(r, "b.dll", "next");
}

static void first_table_dropped(struct raw *r)
{
	uint64_t name = raw_name(r, "byaddress");
	uint32_t bad = raw_table(r, (uint64_t[]){raw_ordinal(r, 0) | 0x10000}, 1);
	uint32_t good = raw_table(r, &name, 1);
	raw_descriptor(r, bad, raw_string(r, "a.dll"), good);
}

static void thunk_into_table(struct raw *r)
{
	uint32_t table = raw_reserve(r, 64);
	uint32_t name = raw_name(r, "kept");
	for (uint32_t i = 0; i < 2; i++) {
		raw_put_rva(r, table + i * raw_word(r), i ? table : name, raw_word(r));
	}
	raw_put_rva(r, table + 2 * raw_word(r), name, raw_word(r));
	raw_descriptor(r, table, raw_string(r, "a.dll"), table);
}

/* `count` imports in one DLL, one in the next. */
static void many(struct raw *r, size_t count)
{
	uint64_t *values = calloc(count, sizeof(*values));
	pe_case_fill_names(r, values, count, "n%u");
	pe_case_import_values(r, "a.dll", values, count);
	raw_import(r, "b.dll", "next");
	raw_import(r, "c.dll", "afternext");
	free(values);
}

static void many_4093(struct raw *r)
{
	many(r, 4093);
}

static void many_4094(struct raw *r)
{
	many(r, 4094);
}

static void many_4095(struct raw *r)
{
	many(r, 4095);
}

static void many_4096(struct raw *r)
{
	many(r, 4096);
}

static void many_9000(struct raw *r)
{
	many(r, 9000);
}

static void many_by_address(struct raw *r)
{
	uint64_t *values = calloc(8193, sizeof(*values));
	pe_case_fill_names(r, values, 8193, "n%u");
	raw_descriptor(r, 0, raw_string(r, "a.dll"), raw_table(r, values, 8193));
	raw_import(r, "b.dll", "next");
	free(values);
}

static void table_first_absent(struct raw *r)
{
	raw_import_by_address(r, "a.dll", "One Two #3");
	raw_import(r, "b.dll", "Three");
}

static void table_first_empty(struct raw *r)
{
	uint64_t name = raw_name(r, "x");
	uint32_t empty = raw_table(r, NULL, 0);
	raw_descriptor(r, empty, raw_string(r, "a.dll"), raw_table(r, &name, 1));
}

static void table_first_nowhere(struct raw *r)
{
	uint64_t name = raw_name(r, "x");
	raw_descriptor(r, 0x7ff00000, raw_string(r, "a.dll"), raw_table(r, &name, 1));
}

static void table_second_absent(struct raw *r)
{
	uint64_t name = raw_name(r, "x");
	raw_descriptor(r, raw_table(r, &name, 1), raw_string(r, "a.dll"), 0);
	raw_import(r, "b.dll", "y");
}

static void tables_different(struct raw *r)
{
	uint64_t one = raw_name(r, "byname");
	uint64_t two = raw_name(r, "byaddress");
	raw_descriptor(r, raw_table(r, &one, 1), raw_string(r, "a.dll"), raw_table(r, &two, 1));
}

static void tables_to_the_end(struct raw *r)
{
	/* No zero behind the first table: the section's bytes end, and the second counts. */
	uint64_t name = raw_name(r, "byaddress");
	uint32_t good = raw_table(r, &name, 1);
	uint32_t other = raw_name(r, "byname");
	uint32_t rva = RAW_RVA + (uint32_t)r->size - RAW_HEADERS - 2 * raw_word(r);
	raw_put_rva(r, rva, other, raw_word(r));
	raw_put_rva(r, rva + raw_word(r), other, raw_word(r));
	raw_descriptor(r, rva, raw_string(r, "a.dll"), good);
}

static void tables_limited(struct raw *r)
{
	/* Both tables before the descriptor's end: no longer than up to it. */
	uint64_t values[30];
	pe_case_fill_names(r, values, 30, "n%u");
	uint32_t directory = RAW_RVA + 0x100;
	uint32_t table = directory - 6 * raw_word(r);
	for (uint32_t i = 0; i < 6; i++)
		raw_put_rva(r, table + i * raw_word(r), values[i], raw_word(r));
	raw_put_rva(r, directory, table, 4);
	raw_put_rva(r, directory + 12, raw_string(r, "a.dll"), 4);
	raw_put_rva(r, directory + 16, table, 4);
	raw_put(r, raw_directory(r, 1), directory, 4);
}

static void end_by_zero(struct raw *r)
{
	raw_import(r, "a.dll", "a");
	raw_descriptor(r, 0, 0, 0);
	raw_import(r, "b.dll", "b");
}

static void end_not_quite_zero(struct raw *r)
{
	raw_import(r, "a.dll", "a");
	raw_descriptor(r, 0, 0, 0);
	raw_put_rva(r, RAW_RVA + 20 + 4, 1, 4); /* TimeDateStamp */
	raw_import(r, "b.dll", "b");
}

static void end_size_ignored(struct raw *r)
{
	raw_import(r, "a.dll", "a");
	raw_import(r, "b.dll", "b");
	raw_put(r, raw_directory(r, 1) + 4, 20, 4);
}

static void end_size_zero(struct raw *r)
{
	raw_import(r, "a.dll", "a");
	raw_put(r, raw_directory(r, 1) + 4, 0, 4);
}

static void end_of_section(struct raw *r)
{
	/* The second descriptor is cut by the end of the section and of the file. */
	raw_import(r, "a.dll", "a");
	uint32_t rva = RAW_RVA + (uint32_t)r->size - RAW_HEADERS - 30;
	memcpy(r->data + r->size - 30, r->data + RAW_HEADERS, 20);
	memcpy(r->data + r->size - 10, r->data + RAW_HEADERS, 10);
	raw_put(r, raw_directory(r, 1), rva, 4);
}

static const struct pe_case_recipe recipes[] = {
	{{"06-one-error", false}, 0x1000, errors_1},
	{{"06-five-errors", false}, 0x1000, errors_5},
	{{"06-six-errors", false}, 0x1000, errors_6},
	{{"06-late-name", false}, 0x1000, errors_late_name},
	{{"07-repeated-15", true}, 0x1000, repeated_15},
	{{"07-repeated-16", true}, 0x1000, repeated_16},
	{{"07-repeated-in-pairs", true}, 0x1000, repeated_in_pairs},
	{{"07-repeated-ordinals", true}, 0x1000, repeated_ordinals},
	{{"07-spread-128m", false}, 0x1000, spread_128m},
	{{"07-spread-128m-and-1", false}, 0x1000, spread_128m_and_1},
	{{"07-ordinal-above-ffff", false}, 0x1000, ordinal_above_ffff},
	{{"07-first-table-dropped", false}, 0x1000, first_table_dropped},
	{{"07-thunk-into-table", false}, 0x1000, thunk_into_table},
	{{"08-many-4093", true}, 0x40000, many_4093},
	{{"08-many-4094", true}, 0x40000, many_4094},
	{{"08-many-4095", true}, 0x40000, many_4095},
	{{"08-many-4096", true}, 0x40000, many_4096},
	{{"08-many-9000", true}, 0x60000, many_9000},
	{{"08-many-by-address", false}, 0x60000, many_by_address},
	{{"09-first-absent", false}, 0x1000, table_first_absent},
	{{"09-first-empty", false}, 0x1000, table_first_empty},
	{{"09-first-nowhere", false}, 0x1000, table_first_nowhere},
	{{"09-second-absent", true}, 0x1000, table_second_absent},
	{{"09-different", true}, 0x1000, tables_different},
	{{"09-to-the-end", false}, 0x1000, tables_to_the_end},
	{{"09-limited", false}, 0x1000, tables_limited},
	{{"10-zero", true}, 0x1000, end_by_zero},
	{{"10-not-quite-zero", true}, 0x1000, end_not_quite_zero},
	{{"10-size-ignored", true}, 0x1000, end_size_ignored},
	{{"10-size-zero", true}, 0x1000, end_size_zero},
	{{"10-end-of-section", false}, 0x1000, end_of_section},
};

const struct pe_case_group pe_cases_tables = {recipes, sizeof(recipes) / sizeof(recipes[0])};
