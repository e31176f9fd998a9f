/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The type references, as lists to be hashed. The rules of PeNet's TypeRefHash:
 *
 * - All rows count, equal ones too, and those of nested types, whose namespace is empty.
 * - They are sorted by namespace, then by name; rows that are equal then stay in the table's order.
 * - A row is "namespace-name", rows are separated by ",".
 * - Bytes above 0x7f are read as "?".
 *
 * PeNet reads on where an index leads beyond the heap. The runtime does not, and in memory
 * something else may lie there: then there is no list, and the reason says so.
 */
#include <stdlib.h>
#include <string.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>

#include "dotnet/metadata.h"

enum {
	TYPEREFS_MAX = 1 << 18, /* the largest programs have some thousands */
	TEXT_MAX = 4 << 20,	/* bytes of all their names */
	TEXT_A_STEP = 32,	/* bytes read, sorted and hashed */
	COMPARED_A_STEP = 128,	/* bytes that sorting compares */
	STEPS_A_ROW = 4,
	EXTENTS_A_STEP = 16, /* of a file, searched for each read */
};

/* Bytes of memory that are kept for the next list. */
#define KEPT ((size_t)1 << 20)

/* Adds the bytes of a name, in ASCII. */
static void add_ascii(struct text *text, const uint8_t *p, size_t length)
{
	size_t at = text->length;
	text_add(text, (const char *)p, length);
	for (; at < text->length; at++)
		if ((uint8_t)text->data[at] > 0x7f)
			text->data[at] = '?';
}

/* In memory, a page of zeros where a name ends is not what the file has. */
static enum step check_end(struct metadata *m, uint64_t nul)
{
	if (!net_zero_page(m, nul))
		return STEP_OK;
	net_damage(m, "#Strings heap", nul, "in a page of zeros");
	return STEP_STOP;
}

/* Adds the string at `index` of the heap to the names, with its NUL. `*offset` is where it begins. */
static enum step read_name(struct metadata *m, uint32_t index, uint32_t *offset)
{
	struct text *names = &m->dotnet->scratch->names;
	const uint64_t end = m->strings.start + m->strings.size;
	*offset = (uint32_t)names->length;
	for (uint64_t at = m->strings.start + index; at < end;) {
		size_t available;
		const uint8_t *p = pe_cursor_bytes(&m->cursor, at, &available);
		enum pe_read how = PE_READ_OK;
		if (!p && pe_cursor_data(&m->cursor, at, 1, &how) == NULL && how == PE_READ_OUTSIDE)
			break;
		if (!p) {
			net_absent(m, "#Strings heap", at);
			return STEP_STOP;
		}
		size_t n = (size_t)min_of((uint64_t)available, end - at);
		n = min_of(n, (size_t)TEXT_MAX + 1);
		const uint8_t *nul = memchr(p, 0, n);
		size_t length = nul ? (size_t)(nul - p) : n;
		add_ascii(names, p, length);
		at += length;
		if (!net_spend(m, 1 + length / TEXT_A_STEP))
			return STEP_STOP;
		if (names->length > TEXT_MAX) {
			net_damage(m, "type references", m->tables.rows_at,
				   "their names are too long");
			return STEP_STOP;
		}
		if (nul) {
			text_add_char(names, '\0');
			return check_end(m, at);
		}
	}
	net_damage(m, "type references", m->tables.rows_at,
		   "a name lies outside of the #Strings heap");
	return STEP_STOP;
}

/* Reads row `i`. The namespace of the row before is most often this one's. */
static enum step read_row(struct metadata *m, uint32_t i, struct typeref *row, uint32_t *last)
{
	const struct tables *t = &m->tables;
	const unsigned int width = wide(t, WIDE_STRINGS);
	const uint32_t size = t->row_size[TABLE_TYPE_REF];
	const uint64_t rva = table_row(t, TABLE_TYPE_REF, i);
	const uint8_t *p;
	enum step step = net_bytes(m, "type references", rva, size, &p);
	if (step == STEP_NOT)
		net_damage(m, "type references", rva, "outside the module");
	if (step != STEP_OK)
		return STEP_STOP;
	const uint8_t *name_at = p + size - 2 * width, *space_at = name_at + width;
	uint32_t name = width == 4 ? le32(name_at) : le16(name_at);
	uint32_t name_space = width == 4 ? le32(space_at) : le16(space_at);
	if (net_zero_page(m, rva) || net_zero_page(m, rva + size - 1)) {
		net_damage(m, "type references", rva, "in a page of zeros");
		return STEP_STOP;
	}
	row->row = i;
	row->name_space = i ? row[-1].name_space : 0;
	if (!i || name_space != *last)
		step = read_name(m, name_space, &row->name_space);
	*last = name_space;
	return step == STEP_OK ? read_name(m, name, &row->name) : step;
}

static enum step read_rows(struct metadata *m)
{
	struct dotnet_scratch *s = m->dotnet->scratch;
	const uint32_t count = m->tables.rows[TABLE_TYPE_REF];
	const uint64_t steps = STEPS_A_ROW + m->pe->extent_count / EXTENTS_A_STEP;
	uint32_t last = 0;
	if (count > TYPEREFS_MAX) {
		net_damage(m, "type references", m->tables.rows_at, "too many of them");
		return STEP_STOP;
	}
	for (uint32_t i = 0; i < count; i++) {
		if (!net_spend(m, steps))
			return STEP_STOP;
		if (i == s->row_capacity)
			s->rows = alloc_grow(s->rows, i, &s->row_capacity, sizeof(*s->rows));
		enum step step = read_row(m, i, &s->rows[i], &last);
		if (step != STEP_OK)
			return step;
	}
	return STEP_OK;
}

struct ordering {
	const char *names;
	enum order order;
};

static int compare_rows(const void *a, const void *b, void *context)
{
	const struct typeref *x = a, *y = b;
	const struct ordering *o = context;
	int result = 0;
	if (x->name_space != y->name_space)
		result =
			order_compare(o->names + x->name_space, o->names + y->name_space, o->order);
	if (!result)
		result = order_compare(o->names + x->name, o->names + y->name, o->order);
	return result ? result : (x->row > y->row) - (x->row < y->row);
}

static void make_list(const struct dotnet_scratch *s, size_t count, char between, struct text *list)
{
	for (size_t i = 0; i < count; i++) {
		if (i)
			text_add_char(list, ',');
		text_add_string(list, s->names.data + s->rows[i].name_space);
		text_add_char(list, between);
		text_add_string(list, s->names.data + s->rows[i].name);
	}
}

static bool has_dashes(const struct text *names)
{
	return names->length && (memchr(names->data, '-', names->length) ||
				 memchr(names->data, '\'', names->length));
}

/* The bytes that a list of these rows has, namespaces that rows share each time. */
static size_t list_length(const struct dotnet_scratch *s, size_t count)
{
	size_t length = 0, name_space = 0;
	for (size_t i = 0; i < count; i++) {
		if (!i || s->rows[i].name_space != s->rows[i - 1].name_space)
			name_space = strlen(s->names.data + s->rows[i].name_space);
		length += name_space + strlen(s->names.data + s->rows[i].name) + 2;
	}
	return length;
}

static enum step make_lists(struct metadata *m, size_t count)
{
	struct dotnet *dotnet = m->dotnet;
	struct dotnet_scratch *s = dotnet->scratch;
	size_t length = list_length(s, count), depth = 1;
	while (count >> depth)
		depth++;
	if (length > TEXT_MAX) {
		net_damage(m, "type references", m->tables.rows_at, "their names are too long");
		return STEP_STOP;
	}
	if (!net_spend(m, 3 * length / TEXT_A_STEP + 2 * depth * length / COMPARED_A_STEP))
		return STEP_STOP;
	dotnet->order_uncertain = has_dashes(&s->names);
	make_list(s, count, '.', &dotnet->unsorted);
	struct ordering o = {s->names.data, ORDER_ORDINAL};
	qsort_r(s->rows, count, sizeof(*s->rows), compare_rows, &o);
	make_list(s, count, '-', &dotnet->ordinal);
	o.order = ORDER_LINGUISTIC;
	qsort_r(s->rows, count, sizeof(*s->rows), compare_rows, &o);
	make_list(s, count, '-', &dotnet->linguistic);
	return STEP_OK;
}

enum step typerefs_read(struct metadata *m)
{
	struct dotnet_scratch *s = m->dotnet->scratch;
	size_t count = m->tables.rows[TABLE_TYPE_REF];
	m->dotnet->typerefs = count;
	if (s->names.capacity > KEPT)
		text_free(&s->names);
	text_clear(&s->names);
	enum step step = read_rows(m);
	if (step == STEP_OK && count)
		step = make_lists(m, count);
	if (s->row_capacity * sizeof(*s->rows) > KEPT) {
		free(s->rows);
		s->rows = NULL;
		s->row_capacity = 0;
	}
	return step;
}
