/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Modules of an image. The machine fields are a promise: their names and order never change, new
 * ones are added at the end.
 */
#include <stdio.h>

#include <impscan/bytes.h>

#include "report/value.h"

#include <impscan/text.h>

/* The columns, in the order of the machine forms; what only people see comes last. */
enum {
	PID,
	PPID,
	PROCESS,
	EPROCESS,
	BASE,
	SIZE,
	MODULE,
	PATH,
	FOUND_IN,
	IMPORTS,
	IMPORT_SOURCE,
	IMPHASH,
	IMPFUZZY,
	REBUILT_IMPORTS,
	REBUILT_IMPHASH,
	REBUILT_IMPFUZZY,
	READABLE,
	STATUS,
	REASON,
	FLAGS,
	MATCH,
	SCORE,
	MATCHED_HASH,
	DUMP,
	IMPFUZZY_OR_REASON,
	MATCHED_IMPORTS,
	MATCHED,
	COLUMN_COUNT,
};

/* Block sizes of import lists have three digits; parts have 64 and 32 characters. */
#define IMPFUZZY_WIDTH 101

static const struct column columns[COLUMN_COUNT] = {
	[PID] = {"pid", "PID", 6, true},
	[PPID] = {"ppid", "PPID", 6, true},
	[PROCESS] = {"process", "Process", 15, false},
	[EPROCESS] = {"eprocess", "EPROCESS", 18, false},
	[BASE] = {"base", "Module Base", 18, false},
	[SIZE] = {"size", "Size", 9, true},
	[MODULE] = {"module", "Module Name", 24, false},
	[PATH] = {"path", "Path", 48, false},
	[FOUND_IN] = {"found_in", "Found In", 42, false},
	[IMPORTS] = {"imports", "Imports", 7, true},
	[IMPORT_SOURCE] = {"import_source", "Source", 6, false},
	[IMPHASH] = {"imphash", "imphash", 32, false},
	[IMPFUZZY] = {"impfuzzy", "impfuzzy", IMPFUZZY_WIDTH, false},
	[REBUILT_IMPORTS] = {"rebuilt_imports", "Rebuilt", 7, true},
	[REBUILT_IMPHASH] = {"rebuilt_imphash", "rebuilt imphash", 32, false},
	[REBUILT_IMPFUZZY] = {"rebuilt_impfuzzy", "rebuilt impfuzzy", 64, false},
	[READABLE] = {"readable", "Readable", 8, true},
	[STATUS] = {"status", "Status", 10, false},
	[REASON] = {"reason", "Reason", 0, false},
	[FLAGS] = {"flags", "Flags", 16, false},
	[MATCH] = {"match", "Match", 0, false},
	[SCORE] = {"score", "Compare", 7, true},
	[MATCHED_HASH] = {"matched_hash", "By", 16, false},
	[DUMP] = {"dump", "File", 0, false},
	[IMPFUZZY_OR_REASON] = {NULL, "impfuzzy", 0, false},
	[MATCHED_IMPORTS] = {NULL, "Imports", 7, true},
	[MATCHED] = {NULL, "Hash", IMPFUZZY_WIDTH, false},
};

static const uint8_t listing_table[] = {PID,	 PROCESS,	    BASE, MODULE, IMPORTS,
					IMPHASH, IMPFUZZY_OR_REASON};
/* What may be of any length comes last. */
static const uint8_t listing_wide[] = {PID,	PPID,	  PROCESS,  BASE,     SIZE,
				       MODULE,	READABLE, STATUS,   FOUND_IN, FLAGS,
				       IMPORTS, IMPHASH,  IMPFUZZY, PATH,     REASON};
static const uint8_t search_table[] = {PID,	     PROCESS, BASE,  MODULE, MATCHED_IMPORTS,
				       MATCHED_HASH, MATCHED, SCORE, MATCH};
static const uint8_t search_wide[] = {PID,	PPID,	      PROCESS, BASE,	SIZE,
				      MODULE,	FOUND_IN,     FLAGS,   IMPORTS, IMPHASH,
				      IMPFUZZY, MATCHED_HASH, SCORE,   PATH,	MATCH};

static const struct report_shape listing = {
	.columns = columns,
	.count = COLUMN_COUNT,
	.table = listing_table,
	.table_count = array_size(listing_table),
	.wide = listing_wide,
	.wide_count = array_size(listing_wide),
};

static const struct report_shape search = {
	.columns = columns,
	.count = COLUMN_COUNT,
	.table = search_table,
	.table_count = array_size(search_table),
	.wide = search_wide,
	.wide_count = array_size(search_wide),
};

struct report *report_modules_new(FILE *out, enum report_form form, bool is_search)
{
	return report_new(out, form, is_search ? &search : &listing);
}

/*
 * In the listing's tables the rebuilt list has a line of its own, below the declared one; status and
 * reason are the declared one's.
 */
static void report_rebuilt(struct report *report, const struct row *row, struct value *values)
{
	_cleanup_text_ struct text name = {0};
	text_add_format(&name, "%s (rebuilt)", row->module->name);
	values[MODULE] = text_value(text_string(&name));
	values[IMPORTS] = number_value(row->rebuilt_imports);
	values[IMPHASH] = text_value(row->rebuilt.imphash);
	values[IMPFUZZY] = values[IMPFUZZY_OR_REASON] = text_value(row->rebuilt.impfuzzy);
	values[READABLE] = values[STATUS] = values[REASON] = text_value(NULL);
	report_values(report, values);
}

void report_module(struct report *report, const struct row *row)
{
	const struct module *module = row->module;
	const struct match *match = row->match;
	const char *found_in[FOUND_IN_COUNT];
	size_t found_count = 0;
	for (size_t i = 0; i < FOUND_IN_COUNT; i++)
		if (module->found_in >> i & 1)
			found_in[found_count++] = found_in_names[i];
	const char *flags[MODULE_FLAG_COUNT];
	size_t flag_count = 0;
	for (size_t i = 0; i < MODULE_FLAG_COUNT; i++)
		if (row->flags >> i & 1)
			flags[flag_count++] = module_flag_names[i];
	char reason[sizeof(((struct imports *)0)->reason) + 2];
	if (!*row->hashes.impfuzzy)
		snprintf(reason, sizeof(reason), "(%s)",
			 *row->reason ? row->reason : imports_status_name(row->status));

	struct value values[COLUMN_COUNT] = {
		[PID] = number_value(row->process->pid),
		[PPID] = number_value(row->process->ppid),
		[PROCESS] = text_value(row->process->name),
		[EPROCESS] = address_value(row->process->eprocess),
		[BASE] = module->found_in ? address_value(module->base) : text_value(NULL),
		[SIZE] = module->found_in ? number_value(module->size) : text_value(NULL),
		[MODULE] = text_value(module->name),
		[PATH] = text_value(module->path),
		[FOUND_IN] = list_value(found_in, found_count),
		[IMPORTS] = number_value(row->imports),
		[IMPORT_SOURCE] = text_value(row->import_source),
		[IMPHASH] = text_value(row->hashes.imphash),
		[IMPFUZZY] = text_value(row->hashes.impfuzzy),
		[REBUILT_IMPORTS] = *row->rebuilt.imphash ? number_value(row->rebuilt_imports)
							  : text_value(NULL),
		[REBUILT_IMPHASH] = text_value(row->rebuilt.imphash),
		[REBUILT_IMPFUZZY] = text_value(row->rebuilt.impfuzzy),
		[READABLE] = share_value(row->readable),
		[STATUS] = text_value(imports_status_name(row->status)),
		[REASON] = text_value(row->reason),
		[FLAGS] = list_value(flags, flag_count),
		[IMPFUZZY_OR_REASON] =
			text_value(*row->hashes.impfuzzy ? row->hashes.impfuzzy : reason),
	};
	if (row->dump)
		values[DUMP] = text_value(row->dump->file);
	/* In the search's table: the list that matched, and its hash. */
	bool by_rebuilt = match && match->rebuilt;
	const struct hashes *hashes = by_rebuilt ? &row->rebuilt : &row->hashes;
	values[MATCHED_IMPORTS] = number_value(by_rebuilt ? row->rebuilt_imports : row->imports);
	values[MATCHED] = text_value(match && !match->by_impfuzzy ? match->hash : hashes->impfuzzy);
	if (match) {
		values[MATCH] = text_value(match->name);
		values[SCORE] = number_value((uint64_t)match->score);
		values[MATCHED_HASH] =
			text_value(match->rebuilt ? (match->by_impfuzzy ? "rebuilt_impfuzzy"
									: "rebuilt_imphash")
						  : (match->by_impfuzzy ? "impfuzzy" : "imphash"));
	}
	report_values(report, values);
	enum report_form form = report_form(report);
	if ((form == REPORT_TABLE || form == REPORT_WIDE) && *row->rebuilt.imphash && !match)
		report_rebuilt(report, row, values);
}
