/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Tables of any origin with a column of import hashes, impscan's own CSV among them: see
 * list_kind_of() for the columns' names.
 */
#include "list_table.h"

#include <impscan/bytes.h>

static const char *const name_columns[TABLE_NAMES] = {
	"family", "signature", "malware", "name", "file_name", "filename", "path", "module"};

static bool header(struct list_table *table, bool in_comment)
{
	if (!table_find_hashes(table))
		return false;
	/* A comment of one word names no columns. */
	if (in_comment && table->row.count < 2)
		return false;
	table->md5 = table_column_of(table, KIND_MD5);
	table->rebuilt_imphash = table_column(table, "rebuilt_imphash");
	table->rebuilt_impfuzzy = table_column(table, "rebuilt_impfuzzy");
	table->rebuilt_impset = table_column(table, "rebuilt_impset");
	for (size_t i = 0; i < TABLE_NAMES; i++)
		table->names[i] = table_column(table, name_columns[i]);
	table->comments[0] = table_column(table, "sha256");
	if (table->comments[0] == SIZE_MAX)
		table->comments[0] = table_column(table, "sha256_hash");
	table->comments[1] = table->md5;
	/* What impscan writes has its names escaped. */
	table->own =
		table_column(table, "imports") < 16 && table_column(table, "status") != SIZE_MAX;
	return true;
}

static struct error *take_rebuilt(struct list *list, const struct list_table *table,
				  struct slice name)
{
	_cleanup_text_ struct text rebuilt = {0};
	struct list_sample sample = {
		.imphash = table_cell(table, table->rebuilt_imphash),
		.impfuzzy = table_cell(table, table->rebuilt_impfuzzy),
		.impset = table_cell(table, table->rebuilt_impset),
	};
	if (!sample.imphash.length && !sample.impfuzzy.length && !sample.impset.length)
		return NULL;
	text_add(&rebuilt, name.at, name.length);
	text_add_string(&rebuilt, " (rebuilt)");
	sample.name = (struct slice){rebuilt.data, rebuilt.length};
	return list_take(list, &sample);
}

static struct error *row(struct list *list, struct list_table *table)
{
	_cleanup_text_ struct text buffer = {0};
	struct list_sample sample = {
		.md5 = table_cell(table, table->md5),
		.name = csv_unmarked(table_first(table, table->names, TABLE_NAMES)),
		.comment = table_first(table, table->comments, 2),
	};
	table_take_hashes(table, &sample);
	if (table->own)
		sample.name = slice_unescaped(sample.name, &buffer);
	if (!sample.name.length) {
		sample.name = sample.comment;
		sample.comment.length = 0;
	}
	try_(list_take(list, &sample));
	return take_rebuilt(list, table, sample.name);
}

const struct table_kind table_any = {"CSV", header, row, NULL, false};
