/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which streams are the tables and the heap of strings. By name, where names are there; protectors
 * add more of the same name, of which the first one counts that can be what it is called: that is
 * PeNet's choice, too. Without names by content: the tables have a header, and of the others the
 * heap of strings is that in which the tables' indices lead to names.
 */
#include <string.h>

#include <impscan/bytes.h>

#include "dotnet/metadata.h"

enum { NAMES_TRIED = 16, STEPS_A_STREAM = 16 };

/* Streams of a kind first, then all others of any content, if there was none. */
static enum step choose_tables(struct metadata *m)
{
	for (int by_content = 0; by_content < 2; by_content++) {
		for (size_t i = 0; i < m->stream_count; i++) {
			const struct stream *s = &m->streams[i];
			if ((s->kind == STREAM_TABLES) == by_content)
				continue;
			if (!net_spend(m, 1))
				return STEP_STOP;
			enum step step = tables_read(m, s->start, s->size, by_content, &m->tables);
			if (step != STEP_NOT)
				return step;
		}
	}
	return STEP_NOT;
}

/* Returns an index into the strings, column by column of 2 bytes or `width`. */
static uint32_t index_at(const uint8_t *p, unsigned int width)
{
	return width == 4 ? le32(p) : le16(p);
}

/* Does a name begin here that consists of what names are made of? */
static enum step is_name(struct metadata *m, const struct stream *strings, uint32_t index)
{
	size_t length;
	enum pe_read how;
	if (!index || index >= strings->size)
		return STEP_NOT;
	const char *name = pe_cursor_string(&m->cursor, strings->start + index, PE_CURSOR_STRING,
					    &length, &how);
	if (!name) {
		net_absent(m, "#Strings heap", strings->start + index);
		return STEP_STOP;
	}
	for (size_t i = 0; i < length; i++)
		if ((uint8_t)name[i] < ' ' || name[i] == 0x7f)
			return STEP_NOT;
	return how == PE_READ_OK && length ? STEP_OK : STEP_NOT;
}

/* The name column of a row. */
static enum step name_column(struct metadata *m, const struct tables *tables, unsigned int table,
			     uint32_t row, uint32_t offset, uint32_t *index)
{
	const uint8_t *p;
	enum step step = net_bytes(m, "tables", table_row(tables, table, row) + offset,
				   wide(tables, WIDE_STRINGS), &p);
	if (step == STEP_OK)
		*index = index_at(p, wide(tables, WIDE_STRINGS));
	return step;
}

static bool is_module_type(struct metadata *m, const struct stream *strings, uint32_t index)
{
	enum pe_read how;
	if (!range_within(index, 9, strings->size))
		return false;
	const uint8_t *p = pe_cursor_data(&m->cursor, strings->start + index, 9, &how);
	return p && !memcmp(p, "<Module>", 9);
}

/* Do the first type references, and the module, have names here? */
static enum step are_names(struct metadata *m, const struct tables *tables,
			   const struct stream *strings)
{
	uint32_t index = 0;
	uint32_t scope = tables->row_size[TABLE_TYPE_REF] - 2 * wide(tables, WIDE_STRINGS);
	uint32_t count = min_of(tables->rows[TABLE_TYPE_REF], (uint32_t)NAMES_TRIED);
	enum step step = count ? STEP_OK : STEP_NOT;
	for (uint32_t i = 0; i < count && step == STEP_OK; i++) {
		step = name_column(m, tables, TABLE_TYPE_REF, i, scope, &index);
		if (step == STEP_OK)
			step = is_name(m, strings, index);
	}
	if (step == STEP_OK)
		step = name_column(m, tables, TABLE_MODULE, 0, 2, &index);
	return step == STEP_OK ? is_name(m, strings, index) : step;
}

/*
 * The first type of each module is "<Module>", which settles it. Where it was renamed, all names
 * that are tried must be such.
 */
enum step strings_plausible(struct metadata *m, const struct tables *tables,
			    const struct stream *strings)
{
	uint32_t index = 0;
	const uint8_t *p;
	enum step step = net_bytes(m, "#Strings heap", strings->start, 1, &p);
	if (step != STEP_OK || *p)
		return step == STEP_OK ? STEP_NOT : step;
	if (!net_spend(m, NAMES_TRIED))
		return STEP_STOP;
	step = STEP_NOT;
	if (tables->rows[TABLE_TYPE_DEF])
		step = name_column(m, tables, TABLE_TYPE_DEF, 0, 4, &index);
	if (step == STEP_STOP)
		return step;
	if (step == STEP_OK && is_module_type(m, strings, index))
		return STEP_OK;
	return are_names(m, tables, strings);
}

/* The highest index that a name or a namespace of the type references has. */
static enum step highest_index(struct metadata *m, uint32_t *highest)
{
	const struct tables *t = &m->tables;
	unsigned int width = wide(t, WIDE_STRINGS);
	*highest = 0;
	for (uint32_t i = 0; i < t->rows[TABLE_TYPE_REF]; i++) {
		uint32_t size = t->row_size[TABLE_TYPE_REF];
		const uint8_t *p;
		if (!net_spend(m, 1))
			return STEP_STOP;
		enum step step =
			net_bytes(m, "type references", table_row(t, TABLE_TYPE_REF, i), size, &p);
		if (step != STEP_OK)
			return step;
		uint32_t name = index_at(p + size - 2 * width, width);
		uint32_t name_space = index_at(p + size - width, width);
		*highest = max_of(*highest, max_of(name, name_space));
	}
	return STEP_OK;
}

/* By name; where several are called so, the first one that is long enough for all names. */
static enum step strings_by_name(struct metadata *m)
{
	const struct stream *first = NULL;
	bool several = false;
	for (size_t i = 0; i < m->stream_count; i++) {
		if (m->streams[i].kind != STREAM_STRINGS)
			continue;
		several |= first != NULL;
		first = first ? first : &m->streams[i];
	}
	if (!first)
		return STEP_NOT;
	m->strings = *first;
	uint32_t highest;
	enum step step = several ? highest_index(m, &highest) : STEP_NOT;
	if (step != STEP_OK)
		return step == STEP_STOP ? step : STEP_OK;
	for (size_t i = m->stream_count; i-- > 0;)
		if (m->streams[i].kind == STREAM_STRINGS && m->streams[i].size > highest)
			m->strings = m->streams[i];
	return STEP_OK;
}

enum step streams_choose(struct metadata *m)
{
	enum step step = choose_tables(m);
	if (step == STEP_OK)
		step = strings_by_name(m);
	else
		return step;
	for (size_t i = 0; i < m->stream_count && step == STEP_NOT; i++) {
		if (!net_spend(m, 1))
			return STEP_STOP;
		m->dotnet->wiped = true;
		m->strings = m->streams[i];
		if (m->strings.start != m->tables.start)
			step = strings_plausible(m, &m->tables, &m->strings);
	}
	return step;
}
