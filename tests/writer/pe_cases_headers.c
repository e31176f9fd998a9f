/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Files at the edges of pefile's rules: headers, sections, RVAs and file offsets (rule 14). */
#include <writer/pe_case_group.h>

#include <string.h>

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

static const struct pe_case_recipe recipes[] = {
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

const struct pe_case_group pe_cases_headers = {recipes, sizeof(recipes) / sizeof(recipes[0])};
