/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * MISP's CSV export: a row an attribute, whose columns `type` and `value` say what it is.
 */
#include "list_table.h"

#include <impscan/bytes.h>

#include "list_misp.h"

static bool header(struct list_table *table, bool in_comment)
{
	size_t type = table_column(table, "type"), value = table_column(table, "value");
	if (in_comment || type == SIZE_MAX || value == SIZE_MAX ||
	    (table_column(table, "uuid") == SIZE_MAX &&
	     table_column(table, "event_id") == SIZE_MAX &&
	     table_column(table, "category") == SIZE_MAX))
		return false;
	table->type = type;
	table->value = value;
	table->comments[0] = table_column(table, "comment");
	table->comments[1] = table_column(table, "to_ids");
	table->names[0] = table_column(table, "event_info");
	return true;
}

static struct error *row(struct list *list, const struct list_table *table)
{
	struct slice to_ids = slice_clean(table_cell(table, table->comments[1]));
	struct misp_attribute attribute = {
		.type = slice_clean(table_cell(table, table->type)),
		.value = table_cell(table, table->value),
		.comment = table_cell(table, table->comments[0]),
		.event = table_cell(table, table->names[0]),
		.not_for_detection = slice_is(to_ids, "0") || slice_is(to_ids, "false"),
	};
	return misp_take(list, &attribute);
}

const struct table_kind table_misp = {"MISP CSV", header, row, false};
