/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Columns of tables by their names, for the kinds of tables.
 */
#include "list_table.h"

size_t table_column(const struct list_table *table, const char *name)
{
	for (size_t i = 0; i < table->row.count; i++)
		if (slice_is(slice_clean(table->row.fields[i]), name))
			return i;
	return SIZE_MAX;
}

size_t table_column_of(const struct list_table *table, enum list_kind kind)
{
	for (size_t i = 0; i < table->row.count; i++)
		if (list_kind_of(slice_clean(table->row.fields[i])) == kind &&
		    !slice_begins(slice_clean(table->row.fields[i]), "rebuilt"))
			return i;
	return SIZE_MAX;
}

bool table_find_hashes(struct list_table *table)
{
	bool any = false;
	for (enum list_kind kind = KIND_IMPHASH; kind <= KIND_GIMPFUZZY; kind++) {
		table->hashes[kind_text(kind)] = table_column_of(table, kind);
		any |= table->hashes[kind_text(kind)] != SIZE_MAX;
	}
	return any;
}

void table_take_hashes(const struct list_table *table, struct list_sample *sample)
{
	for (unsigned int type = 0; type < HASH_TYPES; type++)
		sample->of[type] = table_cell(table, table->hashes[type]);
}

struct slice table_first(const struct list_table *table, const size_t *columns, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct slice cell = table_cell(table, columns[i]);
		if (cell.length && !slice_is(slice_trim(cell), "n/a"))
			return cell;
	}
	return (struct slice){0};
}
