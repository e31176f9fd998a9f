/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Files at the edges of the rules of pefile 2023.2.7, by number:
 *
 *	01 the string			08 at most 0x2000 thunks
 *	02 the DLL's name		09 which of the two tables
 *	03 ordinals			10 the end of the directory
 *	04 the functions' names		11 delay and bound imports
 *	05 odd DLL names, long names	12 impfuzzy of bound files
 *	06 descriptors that give none	13 no imports
 *	07 tables worth nothing		14 headers, sections, RVA to offset
 */
#include <writer/pe_cases.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <writer/raw_pe.h>

/* Many names "n0" ... from one string each; values of a table. */
static void fill_names(struct raw *r, uint64_t *values, size_t count, const char *format)
{
	for (size_t i = 0; i < count; i++) {
		char name[64];
		snprintf(name, sizeof(name), format, (unsigned int)i);
		values[i] = raw_name(r, name);
	}
}

/* One descriptor with two equal tables. */
static void import_values(struct raw *r, const char *dll, const uint64_t *values, size_t count)
{
	uint32_t by_name = raw_table(r, values, count);
	uint32_t by_address = raw_table(r, values, count);
	raw_descriptor(r, by_name, raw_string(r, dll), by_address);
}

/* A descriptor whose only name lies nowhere. */
static void import_bad(struct raw *r)
{
	import_values(r, "bad.dll", (uint64_t[]){0x7ff00000}, 1);
}

static void string_of_two(struct raw *r)
{
	raw_import(r, "KERNEL32.dll", "CreateFileW CloseHandle LoadLibraryA");
	raw_import(r, "USER32.dll", "MessageBoxW");
}

static void string_same_dll_twice(struct raw *r)
{
	raw_import(r, "B.dll", "z a");
	raw_import(r, "A.dll", "m");
	raw_import(r, "B.dll", "z b");
}

static void dll_extensions(struct raw *r)
{
	static const char *const names[] = {"A.DLL",  "b.ocx",	    "c.Sys",   "winspool.drv",
					    "e.exe",  "f",	    "a.b.dll", "g.dll.dll",
					    ".dll",   "dll",	    "h.",      "..dll",
					    "i.dllx", "x\\y/z.dll", "j.dll "};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		raw_import(r, names[i], "F");
}

static void ordinals_known(struct raw *r)
{
	raw_import(r, "WS2_32.dll", "#1 #2 #23 #115 #116 #500 #1140 #1142");
	raw_import(r, "wsock32.DLL", "#1 #1142 #24 #1100");
	raw_import(r, "OLEAUT32.dll", "#2 #150 #443 #500 #3 #10");
}

static void ordinals_other(struct raw *r)
{
	raw_import(r, "mfc42.dll", "#1 #65535 Name #1000");
	raw_import(r, "ws2_32", "#1");
	raw_import(r, "ws2_32.ocx", "#1");
	raw_import(r, "x\\ws2_32.dll", "#1");
	raw_import(r, "ws2_32.dll", "#499 #118 #501");
}

static void ordinals_zero(struct raw *r)
{
	raw_import(r, "ws2_32.dll", "#0 send #0");
	raw_import(r, "a.dll", "#0");
	raw_import(r, "b.dll", "x");
}

static void ordinals_wide(struct raw *r)
{
	/* In 64 bits what lies between the ordinal and bit 63 is partly ignored. */
	uint64_t odd =
		r->plus ? raw_ordinal(r, 5) | UINT64_C(0x7fffffff80000000) : raw_ordinal(r, 5);
	import_values(r, "a.dll", (uint64_t[]){odd, raw_ordinal(r, 6)}, 2);
}

static void names_characters(struct raw *r)
{
	raw_import(r, "a.dll", "?f@C@@QAE@XZ _a@4 a.b a$b a(b)c a<b> Z9");
	raw_import(r, "b.dll", "ok a-b a+b a:b a[b] a!b a,b a~b a\\b a/b a\"b a=b ok2");
}

static void names_not_ascii(struct raw *r)
{
	raw_import(r, "a.dll", "a a\x80z b\x01 c");
}

static void names_empty(struct raw *r)
{
	uint64_t values[] = {raw_name(r, "a"), raw_name(r, ""), raw_name(r, "b")};
	import_values(r, "a.dll", values, 3);
}

/* `invalid` names from the start, then a valid one. */
static void names_invalid(struct raw *r, size_t invalid)
{
	uint64_t *values = calloc(invalid + 2, sizeof(*values));
	fill_names(r, values, invalid, "-%u");
	values[invalid] = raw_name(r, "valid");
	import_values(r, "a.dll", values, invalid + 1);
	raw_import(r, "b.dll", "next");
	free(values);
}

static void names_invalid_1001(struct raw *r)
{
	names_invalid(r, 1001);
}

static void names_invalid_1002(struct raw *r)
{
	names_invalid(r, 1002);
}

static void names_invalid_later(struct raw *r)
{
	uint64_t values[1200];
	values[0] = raw_name(r, "first");
	fill_names(r, values + 1, 1198, "-%u");
	values[1199] = raw_name(r, "last");
	import_values(r, "a.dll", values, 1200);
}

static void dll_invalid(struct raw *r)
{
	raw_import(r, "a b.dll", "f #3");
	raw_import(r, "a:b.dll", "g");
	raw_import(r, "a?.dll", "i");
	raw_import(r, "!#$%&'()-@^_`{}~+,.;=[].dll", "j");
}

static void dll_not_ascii(struct raw *r)
{
	raw_import(r, "\x80.dll", "h");
	raw_import(r, "a\x01.dll", "i");
}

static void dll_empty(struct raw *r)
{
	raw_import(r, "", "lost");
	raw_import(r, "a.dll", "kept");
	for (int i = 0; i < 8; i++) /* doesn't count as an error */
		raw_import(r, "", "lost");
	raw_import(r, "b.dll", "kept");
}

static void dll_nowhere(struct raw *r)
{
	raw_import(r, "a.dll", "a");
	raw_import(r, "b.dll", "b");
	raw_put_rva(r, RAW_RVA + 12, 0x7ff00000, 4); /* empty: dropped */
	raw_import(r, "c.dll", "c");
	raw_put_rva(r, RAW_RVA + 40 + 12, 0,
		    4); /* the file's start: "MZ..." is valid up to a NUL */
}

static void names_long(struct raw *r)
{
	char name[700];
	memset(name, 'n', sizeof(name));
	name[600] = '\0';
	char dll[700];
	memset(dll, 'd', sizeof(dll));
	strcpy(dll + 506, ".dll"); /* 510 */
	import_values(r, dll, (uint64_t[]){raw_name(r, name)}, 1);
	memset(dll, 'd', sizeof(dll));
	strcpy(dll + 508, ".dll"); /* exactly 512 */
	import_values(r, dll, (uint64_t[]){raw_name(r, name)}, 1);
	memset(dll, 'd', sizeof(dll));
	strcpy(dll + 600, ".dll");
	name[511] = '\0';
	import_values(r, dll, (uint64_t[]){raw_name(r, name)}, 1);
}

/* `bad` descriptors that give nothing, then good ones. */
static void errors(struct raw *r, int bad)
{
	raw_import(r, "a.dll", "first");
	for (int i = 0; i < bad; i++)
		import_bad(r);
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
	import_values(r, "a.dll", (uint64_t[]){raw_name(r, "good"), 0x7ff00000}, 2);
	raw_import(r, "b.dll", "second");
}

static void repeat(struct raw *r, size_t times)
{
	uint64_t values[20];
	uint64_t name = raw_name(r, "same");
	for (size_t i = 0; i < times; i++)
		values[i] = name;
	import_values(r, "a.dll", values, times);
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
	fill_names(r, values, 15, "n%u");
	for (size_t i = 0; i < 15; i++)
		values[15 + i] = values[i];
	import_values(r, "a.dll", values, 30);
	import_values(r, "b.dll", values, 29);
}

static void repeated_ordinals(struct raw *r)
{
	uint64_t values[40];
	for (size_t i = 0; i < 40; i++)
		values[i] = raw_ordinal(r, 7); /* ordinals may repeat */
	import_values(r, "a.dll", values, 40);
}

static void spread(struct raw *r, uint64_t distance)
{
	uint64_t name = raw_name(r, "near");
	import_values(r, "a.dll", (uint64_t[]){name, name + distance}, 2);
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
	import_values(r, "a.dll", (uint64_t[]){raw_name(r, "x"), raw_ordinal(r, 0) | 0x10000}, 2);
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
	fill_names(r, values, count, "n%u");
	import_values(r, "a.dll", values, count);
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
	fill_names(r, values, 8193, "n%u");
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
	fill_names(r, values, 30, "n%u");
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

static void delayed(struct raw *r)
{
	raw_import(r, "a.dll", "a");
	uint64_t name = raw_name(r, "delayed");
	uint32_t d = raw_reserve(r, 64);
	raw_put_rva(r, d, 1, 4);
	raw_put_rva(r, d + 4, raw_string(r, "d.dll"), 4);
	raw_put_rva(r, d + 12, raw_table(r, &name, 1), 4);
	raw_put_rva(r, d + 16, raw_table(r, &name, 1), 4);
	raw_put(r, raw_directory(r, 13), d, 4);
	raw_put(r, raw_directory(r, 13) + 4, 64, 4);
}

/*
 * A descriptor whose address table has `bound` bits set where it differs, by addresses from `start`
 * on. Names and addresses in one table must not be more than 128 MiB apart to count.
 */
static void import_bound_at(struct raw *r, const char *dll, size_t count, unsigned int bound,
			    size_t addresses, uint64_t start)
{
	uint64_t values[16];
	uint64_t other[16];
	fill_names(r, values, count, "n%u");
	for (size_t i = 0; i < 16; i++) {
		other[i] = i < count ? values[i] : start + 0x1000 + i;
		if (bound & 1u << i)
			other[i] = start + i * 16;
	}
	uint32_t by_name = raw_table(r, values, count);
	uint32_t by_address = raw_table(r, other, addresses);
	raw_descriptor(r, by_name, raw_string(r, dll), by_address);
}

static void import_bound(struct raw *r, const char *dll, size_t count, unsigned int bound,
			 size_t addresses)
{
	import_bound_at(r, dll, count, bound, addresses, 0x7000000);
}

static void bound_directory(struct raw *r)
{
	import_bound_at(r, "a.dll", 4, 0xf, 4, 0x77700000);
	raw_put_rva(r, RAW_RVA + 4, 0xffffffff, 4);
	uint32_t d = raw_reserve(r, 32);
	raw_put_rva(r, d, 0x5f000000, 4);
	raw_put_rva(r, d + 4, 16, 2);
	memcpy(r->data + (d - RAW_RVA + RAW_HEADERS) + 16, "a.dll", 5);
	raw_put(r, raw_directory(r, 11), d, 4);
	raw_put(r, raw_directory(r, 11) + 4, 32, 4);
}

static void bound_all(struct raw *r)
{
	import_bound_at(r, "a.dll", 5, 0x1f, 5, r->plus ? 0x7ff812340000 : 0x77700000);
}

static void bound_some(struct raw *r)
{
	raw_import(r, "x.dll", "before");
	import_bound(r, "a.dll", 6, 0x15, 6);
	raw_import(r, "y.dll", "behind #4");
	import_bound(r, "b.dll", 3, 0x3, 3);
}

static void bound_not_first(struct raw *r)
{
	import_bound(r, "a.dll", 6, 0x3e, 6);
}

static void bound_short(struct raw *r)
{
	import_bound(r, "a.dll", 6, 0x7, 3);
}

static void bound_long(struct raw *r)
{
	import_bound(r, "a.dll", 3, 0x5, 6);
}

static void bound_first_invalid(struct raw *r)
{
	/* The first import that is kept decides, not the first thunk. */
	uint64_t values[] = {raw_name(r, "-"), raw_name(r, "b"), raw_name(r, "c")};
	uint64_t other[] = {values[0], 0x7000000, values[2]};
	raw_descriptor(r, raw_table(r, values, 3), raw_string(r, "a.dll"), raw_table(r, other, 3));
}

static void bound_spread(struct raw *r)
{
	/* Addresses too far apart: the address table is dropped, the file counts as not bound. */
	uint64_t values[] = {raw_name(r, "a"), raw_name(r, "b"), raw_name(r, "c")};
	uint64_t other[] = {0x60000000, 0x77700000, values[2]};
	raw_descriptor(r, raw_table(r, values, 3), raw_string(r, "a.dll"), raw_table(r, other, 3));
}

static void none_declared(struct raw *r)
{
	raw_import(r, "a.dll", "a");
	raw_put(r, raw_directory(r, 1), 0, 4);
}

static void none_outside(struct raw *r)
{
	raw_put(r, raw_directory(r, 1), 0x7ff00000, 4);
}

static void none_listed(struct raw *r)
{
	(void)r;
}

static void none_but_bad(struct raw *r)
{
	import_bad(r);
	import_bad(r);
}

static void header_few_directories(struct raw *r)
{
	raw_import(r, "a.dll", "a");
	raw_put(r, raw_directory(r, 0) - 4, 1, 4);
}

static void header_many_directories(struct raw *r)
{
	raw_import(r, "a.dll", "a");
	raw_put(r, raw_directory(r, 0) - 4, 0xffffffff, 4);
}

static void header_magic(struct raw *r)
{
	/* Read as PE32; the directories of a PE32+ are then elsewhere. */
	raw_import(r, "a.dll", "a b");
	raw_put(r, RAW_OPTIONAL, 0x107, 2);
}

static void header_not_mz(struct raw *r)
{
	r->data[1] = 'X';
}

static void header_ne(struct raw *r)
{
	memcpy(r->data + RAW_NT, "NE\0\0", 4);
}

static void header_far(struct raw *r)
{
	raw_put(r, 0x3c, r->size + 1, 4);
}

static void header_cut(struct raw *r)
{
	raw_resize(r, RAW_OPTIONAL + 68);
}

static void header_padded(struct raw *r)
{
	raw_resize(r, RAW_OPTIONAL + 80);
}

static void header_section_cut(struct raw *r)
{
	raw_resize(r, raw_section(r, 0) + 20);
}

static void header_holds_imports(struct raw *r)
{
	/* The directory lies in the headers, before any section. */
	raw_import(r, "a.dll", "a");
	memcpy(r->data + 0x300, r->data + RAW_HEADERS, 20);
	raw_put(r, raw_directory(r, 1), 0x300, 4);
}

static void header_ends_imports(struct raw *r)
{
	/* The second descriptor is cut where the headers end. */
	raw_import(r, "a.dll", "a");
	raw_import(r, "b.dll", "b");
	memcpy(r->data + RAW_HEADERS - 30, r->data + RAW_HEADERS, 30);
	raw_put(r, raw_directory(r, 1), RAW_HEADERS - 30, 4);
}

static void section_none(struct raw *r)
{
	/* Without sections an RVA is a file offset. */
	raw_import(r, "a.dll", "a b");
	raw_put(r, RAW_NT + 6, 0, 2);
	size_t old = r->size;
	raw_resize(r, RAW_RVA + old);
	memmove(r->data + RAW_RVA, r->data + RAW_HEADERS, old - RAW_HEADERS);
}

static void section_zero_header(struct raw *r)
{
	raw_import(r, "a.dll", "a");
	raw_put(r, RAW_NT + 6, 3, 2);
}

static void section_raw_unaligned(struct raw *r)
{
	/* PointerToRawData counts rounded down to 0x200, but the end doesn't. */
	raw_import(r, "a.dll", "a b c");
	raw_put(r, raw_section(r, 0) + 20, RAW_HEADERS + 0x1ff, 4);
}

static void section_raw_unaligned_kept(struct raw *r)
{
	/* Not rounded where FileAlignment is below 0x200. */
	raw_import(r, "a.dll", "a b c");
	raw_put(r, RAW_OPTIONAL + 32, 0x10, 4);
	raw_put(r, RAW_OPTIONAL + 36, 0x10, 4);
	size_t old = r->size;
	raw_resize(r, old + 0x10);
	memmove(r->data + RAW_HEADERS + 0x10, r->data + RAW_HEADERS, old - RAW_HEADERS);
	raw_put(r, raw_section(r, 0) + 20, RAW_HEADERS + 0x10, 4);
}

static void section_virtual_unaligned(struct raw *r)
{
	/* VirtualAddress counts rounded down to SectionAlignment. */
	raw_import(r, "a.dll", "a b");
	raw_put(r, raw_section(r, 0) + 12, RAW_RVA + 0x123, 4);
}

static void section_alignment_small(struct raw *r)
{
	raw_import(r, "a.dll", "a b");
	raw_put(r, RAW_OPTIONAL + 32, 0x300, 4);
	raw_put(r, RAW_OPTIONAL + 36, 0x700, 4);
}

static void section_alignment_zero(struct raw *r)
{
	raw_import(r, "a.dll", "a b");
	raw_put(r, RAW_OPTIONAL + 32, 0, 4);
	raw_put(r, RAW_OPTIONAL + 36, 0, 4);
}

static void section_raw_beyond(struct raw *r)
{
	/* Raw data that passes the file's end: only VirtualSize counts. */
	raw_import(r, "a.dll", "a");
	raw_import(r, "b.dll", "b");
	raw_put(r, raw_section(r, 0) + 16, (uint32_t)r->size * 4, 4);
	raw_put(r, raw_section(r, 0) + 8, RAW_ROOM + 0x28, 4);
}

static void section_virtual_small(struct raw *r)
{
	raw_import(r, "a.dll", "a");
	raw_put(r, raw_section(r, 0) + 8, 0x10, 4); /* the larger of the two counts */
}

static void section_raw_short(struct raw *r)
{
	/* The names lie behind the raw data: empty. */
	raw_import(r, "a.dll", "a");
	raw_put(r, raw_section(r, 0) + 16, RAW_ROOM, 4);
}

static void section_overlap(struct raw *r)
{
	/* The first ends where the second begins, which holds the same bytes elsewhere. */
	raw_import(r, "a.dll", "a");
	raw_import(r, "b.dll", "b");
	raw_set_section(r, 1, 0x1000, RAW_RVA + RAW_ROOM, 0x1000, RAW_HEADERS);
}

/*
 * Two sections at one address whose names differ: the one that the entry point's RVA used is looked
 * at first. The second reaches further, so the entry point can lie in it alone.
 */
static void section_double(struct raw *r, bool second)
{
	raw_import(r, "a.dll", "aaa bbb");
	size_t old = r->size;
	raw_resize(r, old * 2);
	memcpy(r->data + old, r->data + RAW_HEADERS, old - RAW_HEADERS);
	for (size_t i = old; i < r->size; i++)
		if (r->data[i] == 'a' || r->data[i] == 'b')
			r->data[i] = 'x';
	uint32_t size = (uint32_t)(old - RAW_HEADERS);
	raw_set_section(r, 0, size, RAW_RVA, size, RAW_HEADERS);
	raw_set_section(r, 1, size + 0x1000, RAW_RVA, size, (uint32_t)old);
	raw_put(r, RAW_OPTIONAL + 16, second ? RAW_RVA + size + 0x10 : RAW_RVA, 4);
}

static void section_double_first(struct raw *r)
{
	section_double(r, false);
}

static void section_double_second(struct raw *r)
{
	section_double(r, true);
}

static void section_order(struct raw *r)
{
	/* Sorted by address, not by their order in the table. */
	raw_import(r, "a.dll", "a");
	uint32_t size = (uint32_t)r->size - RAW_HEADERS;
	raw_set_section(r, 0, 0x200, RAW_RVA + size, 0x200, RAW_HEADERS);
	raw_set_section(r, 1, size + 0x1000, RAW_RVA, size, RAW_HEADERS);
}

static void section_errors(struct raw *r)
{
	/* Three oddities end the section table; the real section comes behind. */
	raw_import(r, "a.dll", "a");
	uint32_t size = (uint32_t)r->size - RAW_HEADERS;
	raw_set_section(r, 1, size, RAW_RVA, size, RAW_HEADERS);
	raw_set_section(r, 0, 0x20000000, 0x20000000, 0x20000000, 0x20000000);
}

static void section_two_errors(struct raw *r)
{
	raw_import(r, "a.dll", "a");
	uint32_t size = (uint32_t)r->size - RAW_HEADERS;
	raw_set_section(r, 1, size, RAW_RVA, size, RAW_HEADERS);
	raw_set_section(r, 0, 0x20000000, 0x20000000, 0x200, RAW_HEADERS);
}

static void section_truncated(struct raw *r)
{
	raw_import(r, "a.dll", "a");
	raw_import(r, "b.dll", "b");
	raw_resize(r, RAW_HEADERS + RAW_ROOM + 0x18);
}

static void section_overlay(struct raw *r)
{
	/* RVAs in no section lead to the same offset of the file. */
	raw_import(r, "a.dll", "a");
	size_t old = r->size;
	raw_resize(r, 0x8000);
	memcpy(r->data + 0x6000, r->data + RAW_HEADERS, 20);
	raw_put(r, raw_directory(r, 1), 0x6000, 4);
	raw_put(r, raw_section(r, 0) + 8, old - RAW_HEADERS, 4);
}

static const struct {
	struct pe_case info;
	uint32_t size; /* of the section */
	void (*make)(struct raw *r);
} cases[] = {
	{{"01-string", true}, 0x1000, string_of_two},
	{{"01-same-dll-twice", true}, 0x1000, string_same_dll_twice},
	{{"02-extensions", true}, 0x1000, dll_extensions},
	{{"03-ordinals-known", true}, 0x1000, ordinals_known},
	{{"03-ordinals-other", true}, 0x1000, ordinals_other},
	{{"03-ordinals-zero", true}, 0x1000, ordinals_zero},
	{{"03-ordinals-wide", true}, 0x1000, ordinals_wide},
	{{"04-characters", true}, 0x1000, names_characters},
	{{"04-not-ascii", false}, 0x1000, names_not_ascii},
	{{"04-empty-name", true}, 0x1000, names_empty},
	{{"04-invalid-1001", true}, 0x10000, names_invalid_1001},
	{{"04-invalid-1002", true}, 0x10000, names_invalid_1002},
	{{"04-invalid-later", true}, 0x10000, names_invalid_later},
	{{"05-invalid-dll", true}, 0x1000, dll_invalid},
	{{"05-dll-not-ascii", false}, 0x1000, dll_not_ascii},
	{{"05-empty-dll", true}, 0x1000, dll_empty},
	{{"05-dll-nowhere", false}, 0x1000, dll_nowhere},
	{{"05-long-names", true}, 0x2000, names_long},
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
	{{"11-delayed", true}, 0x1000, delayed},
	{{"11-bound-directory", true}, 0x1000, bound_directory},
	{{"12-all", true}, 0x1000, bound_all},
	{{"12-some", true}, 0x1000, bound_some},
	{{"12-not-first", true}, 0x1000, bound_not_first},
	{{"12-short", true}, 0x1000, bound_short},
	{{"12-long", true}, 0x1000, bound_long},
	{{"12-first-invalid", true}, 0x1000, bound_first_invalid},
	{{"12-spread", true}, 0x1000, bound_spread},
	{{"13-none-declared", true}, 0x1000, none_declared},
	{{"13-none-outside", false}, 0x1000, none_outside},
	{{"13-none-listed", false}, 0x1000, none_listed},
	{{"13-none-but-bad", false}, 0x1000, none_but_bad},
	{{"14-few-directories", true}, 0x1000, header_few_directories},
	{{"14-many-directories", true}, 0x1000, header_many_directories},
	{{"14-magic", false}, 0x1000, header_magic},
	{{"14-not-mz", false}, 0x1000, header_not_mz},
	{{"14-ne", false}, 0x1000, header_ne},
	{{"14-far-header", false}, 0x1000, header_far},
	{{"14-cut-optional", false}, 0x1000, header_cut},
	{{"14-padded-optional", false}, 0x1000, header_padded},
	{{"14-cut-section-table", false}, 0x1000, header_section_cut},
	{{"14-imports-in-headers", true}, 0x1000, header_holds_imports},
	{{"14-imports-cut-by-headers", false}, 0x1000, header_ends_imports},
	{{"14-no-section", false}, 0x1000, section_none},
	{{"14-zero-section", true}, 0x1000, section_zero_header},
	{{"14-raw-unaligned", false}, 0x1000, section_raw_unaligned},
	{{"14-raw-unaligned-kept", false}, 0x1000, section_raw_unaligned_kept},
	{{"14-virtual-unaligned", false}, 0x1000, section_virtual_unaligned},
	{{"14-alignment-small", false}, 0x1000, section_alignment_small},
	{{"14-alignment-zero", false}, 0x1000, section_alignment_zero},
	{{"14-raw-beyond", false}, 0x1000, section_raw_beyond},
	{{"14-virtual-small", false}, 0x1000, section_virtual_small},
	{{"14-raw-short", false}, 0x1000, section_raw_short},
	{{"14-overlap", false}, 0x1000, section_overlap},
	{{"14-double-first", false}, 0x1000, section_double_first},
	{{"14-double-second", false}, 0x1000, section_double_second},
	{{"14-order", false}, 0x1000, section_order},
	{{"14-errors", false}, 0x1000, section_errors},
	{{"14-two-errors", false}, 0x1000, section_two_errors},
	{{"14-truncated", false}, 0x1000, section_truncated},
	{{"14-overlay", false}, 0x1000, section_overlay},
};

size_t pe_case_count(void)
{
	return sizeof(cases) / sizeof(cases[0]);
}

const struct pe_case *pe_case(size_t i)
{
	return &cases[i].info;
}

uint8_t *pe_case_build(size_t i, bool pe32_plus, size_t *size)
{
	struct raw r = raw_new(pe32_plus, cases[i].size);
	cases[i].make(&r);
	*size = r.size;
	return r.data;
}
