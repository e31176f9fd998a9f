/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What is particular to each kind of row: which table's columns it has, and lines that are not one
 * row a line.
 */
#include "report/report.h"

#include <impscan/sample.h>
#include <impscan/survey.h>

struct report *report_new(FILE *out, enum report_form form, const struct row_kind *kind)
{
	return report_start(out, form, kind, form == REPORT_WIDE ? FIELDS_WIDE : FIELDS_TABLE);
}

struct report *report_modules_new(FILE *out, enum report_form form, bool search)
{
	if (!search)
		return report_new(out, form, &row_modules);
	return report_start(out, form, &row_modules,
			    form == REPORT_WIDE ? FIELDS_SEARCH_WIDE : FIELDS_SEARCH);
}

struct report *report_processes_new(FILE *out, enum report_form form, bool tree)
{
	if (!tree)
		return report_new(out, form, &row_processes);
	return report_start(out, form, &row_processes,
			    form == REPORT_WIDE ? FIELDS_TREE_WIDE : FIELDS_TREE);
}

/* The line of a rebuilt list: the module's, with the rebuilt list in the place of the declared. */
static void report_rebuilt(struct report *report, const struct row *row)
{
	_cleanup_text_ struct text name = {0};
	struct row line = *row;
	text_add_format(&name, "%s (rebuilt)", row->module);
	line.module = text_string(&name);
	line.imports = row->rebuilt_imports;
	line.hashes = row->rebuilt;
	line.rebuilt_line = true;
	report_row(report, &line);
}

void report_module(struct report *report, const struct row *row)
{
	report_row(report, row);
	if (is_table(report_form(report)) && *row->rebuilt.imphash &&
	    row->match.by == MATCHED_NOTHING)
		report_rebuilt(report, row);
}

void report_dump(struct report *report, const struct row *row)
{
	report_row(report, row);
}

void report_region(struct report *report, const struct region_row *row)
{
	report_row(report, row);
}

void report_process(struct report *report, const struct process_row *row)
{
	report_row_of(report, &row_processes, row);
}

void report_import(struct report *report, const struct import_row *row)
{
	report_row_of(report, &row_imports, row);
}

/* The table is a list that -i reads: a sample without a hash is a comment in it. */
void report_sample(struct report *report, const struct sample *sample)
{
	if (hashes_any(&sample->hashes) || report_form(report) != REPORT_TABLE) {
		report_row(report, sample);
		return;
	}
	_cleanup_text_ struct text comment = {0};
	text_add_format(&comment, "%s: %s", sample->path,
			sample->reason[0] ? sample->reason : imports_status_name(sample->status));
	report_comment(report, text_string(&comment));
}

void report_profile(struct report *report, const struct profile_summary *profile)
{
	report_row(report, profile);
}

void report_survey(struct report *report, const struct survey *survey)
{
	if (report_form(report) == REPORT_HTML)
		report_row_of(report, &row_surveys, survey);
	else
		report_record(report, survey);
}

void report_description(struct report *report, const struct description *description)
{
	if (report_form(report) == REPORT_JSONL)
		report_object(report, &row_descriptions, description);
}

void report_stack(struct report *report, const struct stack_row *row)
{
	report_row(report, row);
}

void report_cluster(struct report *report, const struct cluster_row *row)
{
	report_row(report, row);
}
