/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Metadata whose CLR header leads nowhere. ConfuserEx's "anti dump" zeroes the header, the root's
 * signature and the names of its streams once the runtime has read them. What the runtime reads
 * later must stay: the rows and the strings.
 *
 * First the root is looked for by the numbers that follow its signature, then the tables by their
 * header. The strings are then behind the tables, as compilers place them, or where `<Module>`, the
 * first type of each module, lies as far behind their start as its row says.
 */
#include <string.h>

#include <impscan/bytes.h>

#include "dotnet/metadata.h"

enum {
	STEPS_A_PAGE = 40,
	STEPS_A_TABLE = 40, /* of what may be the tables */
	LOOK = 24,	    /* bytes that a look takes */
	GAPS_TRIED = 4,	    /* places behind the tables, 4 bytes each */
};

/* Where metadata may lie, and what to do with each place. */
struct search {
	struct metadata *m;
	/* Looks at LOOK bytes at an RVA, a multiple of 4. */
	enum step (*look)(struct search *search, uint64_t rva, const uint8_t *bytes);
	size_t absent;	      /* pages */
	uint64_t end;	      /* RVA of the end of what is searched now */
	uint32_t module_name; /* index of `<Module>` */
	bool has_tables; /* tables were found, but no strings behind them; the first ones are kept */
	struct tables first;
};

static enum step look_for_root(struct search *search, uint64_t rva, const uint8_t *p)
{
	if (le32(p + 4) != 0x00010001 || le32(p + 8) || le32(p + 12) - 1 > 0xff || p[16] != 'v')
		return STEP_NOT;
	struct metadata *m = search->m;
	enum step step = net_spend(m, 1) ? root_read(m, rva, false) : STEP_STOP;
	return step == STEP_OK ? streams_choose(m) : step;
}

/* Is there a heap of strings here? */
static enum step try_strings(struct search *search, uint64_t start)
{
	struct metadata *m = search->m;
	struct stream strings = {
		.kind = STREAM_STRINGS,
		.start = start,
		.size = search->end - start,
	};
	enum step step = strings_plausible(m, &m->tables, &strings);
	if (step == STEP_OK)
		m->strings = strings;
	return step;
}

static enum step look_for_tables(struct search *search, uint64_t rva, const uint8_t *p)
{
	if (le32(p) || p[4] != 2 || p[5] || (p[8] & 5) != 5)
		return STEP_NOT;
	struct metadata *m = search->m;
	if (!net_spend(m, STEPS_A_TABLE))
		return STEP_STOP;
	enum step step = tables_read(m, rva, search->end - rva, true, &m->tables);
	if (step != STEP_OK)
		return step;
	uint64_t behind = (m->tables.end + 3) & ~UINT64_C(3);
	step = STEP_NOT;
	for (unsigned int i = 0; i < GAPS_TRIED && step == STEP_NOT; i++)
		step = try_strings(search, behind + 4 * i);
	if (step == STEP_NOT && !search->has_tables) {
		search->has_tables = true;
		search->first = m->tables;
	}
	return step;
}

static enum step look_for_module(struct search *search, uint64_t rva, const uint8_t *p)
{
	for (unsigned int i = 0; i < 4; i++) {
		const uint64_t at = rva + i;
		if (p[i] != '<' || memcmp(p + i, "<Module>", 9) != 0 || at < search->module_name)
			continue;
		if (!net_spend(search->m, 1))
			return STEP_STOP;
		enum step step = try_strings(search, at - search->module_name);
		if (step != STEP_NOT)
			return step;
	}
	return STEP_NOT;
}

/* Looks at all places of one present page. */
static enum step search_page(struct search *search, uint64_t rva, const uint8_t *bytes, size_t size)
{
	for (size_t i = 0; i < size; i += 4) {
		const uint8_t *p = bytes + i;
		enum pe_read how;
		if (size - i < LOOK)
			p = pe_cursor_data(&search->m->cursor, rva + i, LOOK, &how);
		enum step step = p ? search->look(search, rva + i, p) : STEP_NOT;
		if (step != STEP_NOT)
			return step;
	}
	return STEP_NOT;
}

static enum step search_range(struct search *search, uint64_t start, uint64_t end)
{
	search->end = end;
	for (uint64_t rva = (start + 3) & ~UINT64_C(3), next; rva < end; rva = next) {
		next = min_of((rva / PAGE_SIZE + 1) * PAGE_SIZE, end);
		if (!net_spend(search->m, STEPS_A_PAGE))
			return STEP_STOP;
		size_t available;
		const uint8_t *p = pe_cursor_bytes(&search->m->cursor, rva, &available);
		if (!p) {
			search->absent += search->m->in_memory;
			continue;
		}
		enum step step = search_page(search, rva, p,
					     (size_t)min_of((uint64_t)available, next - rva));
		if (step != STEP_NOT)
			return step;
	}
	return STEP_NOT;
}

/* Searches all of the image; a file by its sections. */
static enum step search_image(struct search *search)
{
	const struct pe *pe = search->m->pe;
	if (pe->reader->layout == PE_LAYOUT_MEMORY) {
		uint64_t end = min_of(pe->reader->size, PE_RVA_END);
		if (pe->size_of_image)
			end = min_of(end, (uint64_t)pe->size_of_image);
		return search_range(search, 0, end);
	}
	for (size_t i = 0; i < pe->extent_count; i++) {
		const struct pe_extent *e = &pe->extents[i];
		uint64_t raw_end = min_of(e->raw_end, pe->reader->size);
		uint64_t length = raw_end > e->raw ? raw_end - e->raw : 0;
		enum step step = search_range(search, e->start, min_of(e->end, e->start + length));
		if (step != STEP_NOT)
			return step;
	}
	return STEP_NOT;
}

/* The strings of tables that have none behind them. */
static enum step search_strings(struct search *search)
{
	struct metadata *m = search->m;
	m->tables = search->first;
	const struct tables *t = &m->tables;
	const unsigned int width = wide(t, WIDE_STRINGS);
	const uint8_t *p;
	enum step step = net_bytes(m, "tables", table_row(t, TABLE_TYPE_DEF, 0) + 4, width, &p);
	if (step != STEP_OK)
		return step;
	search->module_name = width == 4 ? le32(p) : le16(p);
	search->look = look_for_module;
	return search_image(search);
}

enum step metadata_search(struct metadata *m)
{
	struct search search = {.m = m, .look = look_for_root};
	m->dotnet->found = DOTNET_BY_ROOT;
	enum step step = search_image(&search);
	if (step == STEP_NOT) {
		m->dotnet->found = DOTNET_BY_TABLES;
		m->dotnet->runtime[0] = '\0';
		m->root = 0;
		m->stream_count = 0;
		search.absent = 0;
		search.look = look_for_tables;
		step = search_image(&search);
		if (step == STEP_NOT && search.has_tables)
			step = search_strings(&search);
	}
	m->dotnet->wiped = true;
	if (step == STEP_NOT && search.absent)
		net_damage(m, "metadata", 0, "not found, and pages are not present");
	return step;
}
