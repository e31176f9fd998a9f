/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The index of dumped modules: what each file of the folder is, and what could not be written.
 */
#include <impscan/bytes.h>

#include "report/value.h"

enum {
	FILE_NAME,
	PID,
	PROCESS,
	EPROCESS,
	BASE,
	SIZE,
	MODULE,
	PATH,
	IMPHASH,
	IMPFUZZY,
	STATUS,
	REASON,
	FLAGS,
	LAYOUT,
	FILE_SIZE,
	PAGES,
	PAGES_ABSENT,
	NOTE,
	COLUMN_COUNT,
};

/* Only for machines: headings and widths stay empty. */
static const struct column columns[COLUMN_COUNT] = {
	[FILE_NAME] = {.field = "file"},
	[PID] = {.field = "pid"},
	[PROCESS] = {.field = "process"},
	[EPROCESS] = {.field = "eprocess"},
	[BASE] = {.field = "base"},
	[SIZE] = {.field = "size"},
	[MODULE] = {.field = "module"},
	[PATH] = {.field = "path"},
	[IMPHASH] = {.field = "imphash"},
	[IMPFUZZY] = {.field = "impfuzzy"},
	[STATUS] = {.field = "status"},
	[REASON] = {.field = "reason"},
	[FLAGS] = {.field = "flags"},
	[LAYOUT] = {.field = "layout"},
	[FILE_SIZE] = {.field = "file_size"},
	[PAGES] = {.field = "pages"},
	[PAGES_ABSENT] = {.field = "pages_absent"},
	[NOTE] = {.field = "note"},
};

static const struct report_shape shape = {
	.columns = columns,
	.count = COLUMN_COUNT,
};

struct report *report_dumps_new(FILE *out)
{
	return report_new(out, REPORT_JSON, &shape);
}

void report_dump(struct report *report, const struct row *row)
{
	const struct module *module = row->module;
	const struct dump *dump = row->dump;
	const char *flags[MODULE_FLAG_COUNT];
	size_t flag_count = 0;
	for (size_t i = 0; i < MODULE_FLAG_COUNT; i++)
		if (row->flags >> i & 1)
			flags[flag_count++] = module_flag_names[i];
	struct value values[COLUMN_COUNT] = {
		[FILE_NAME] = text_value(dump->file),
		[PID] = number_value(row->process->pid),
		[PROCESS] = text_value(row->process->name),
		[EPROCESS] = address_value(row->process->eprocess),
		[BASE] = address_value(module->base),
		[SIZE] = number_value(module->size),
		[MODULE] = text_value(module->name),
		[PATH] = text_value(module->path),
		[IMPHASH] = text_value(row->hashes.imphash),
		[IMPFUZZY] = text_value(row->hashes.impfuzzy),
		[STATUS] = text_value(imports_status_name(row->status)),
		[REASON] = text_value(row->reason),
		[FLAGS] = list_value(flags, flag_count),
		[LAYOUT] = text_value(dump->layout),
		[FILE_SIZE] = dump->file ? number_value(dump->size) : text_value(NULL),
		[PAGES] = number_value(dump->pages),
		[PAGES_ABSENT] = number_value(dump->pages_absent),
		[NOTE] = text_value(dump->note),
	};
	report_values(report, values);
}
