/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Samples without an image. The table is a list that -i reads: both hashes and the path; a file
 * that has none is a comment.
 */
#include "report/value.h"

#include <impscan/bytes.h>

enum { PATH, IMPORTS, IMPHASH, IMPFUZZY, STATUS, REASON, LISTED, COLUMN_COUNT };

static const struct column columns[COLUMN_COUNT] = {
	[PATH] = {"path", "Path", 40, false},
	[IMPORTS] = {"imports", "Imports", 7, true},
	[IMPHASH] = {"imphash", "imphash", 32, false},
	[IMPFUZZY] = {"impfuzzy", "impfuzzy", 101, false},
	[STATUS] = {"status", "Status", 10, false},
	[REASON] = {"reason", "Reason", 0, false},
	[LISTED] = {NULL, "# imphash", 32, false}, /* its heading is a comment of the list */
};

static const uint8_t table[] = {LISTED, IMPFUZZY, PATH};
static const uint8_t wide[] = {IMPORTS, STATUS, IMPHASH, IMPFUZZY, PATH, REASON};

static const struct report_shape shape = {
	.columns = columns,
	.count = COLUMN_COUNT,
	.table = table,
	.table_count = array_size(table),
	.wide = wide,
	.wide_count = array_size(wide),
};

struct report *report_samples_new(FILE *out, enum report_form form)
{
	return report_new(out, form, &shape);
}

void report_sample(struct report *report, const struct sample *sample)
{
	if (!*sample->hashes.imphash && report_form(report) == REPORT_TABLE) {
		_cleanup_text_ struct text comment = {0};
		text_add_format(&comment, "%s: %s", sample->path,
				sample->reason[0] ? sample->reason
						  : imports_status_name(sample->status));
		report_comment(report, text_string(&comment));
		return;
	}
	const struct value values[COLUMN_COUNT] = {
		[PATH] = text_value(sample->path),
		[IMPORTS] = number_value(sample->imports),
		[IMPHASH] = text_value(sample->hashes.imphash),
		[IMPFUZZY] = text_value(sample->hashes.impfuzzy),
		[STATUS] = text_value(imports_status_name(sample->status)),
		[REASON] = text_value(sample->reason),
		[LISTED] = text_value(sample->hashes.imphash),
	};
	report_values(report, values);
}
