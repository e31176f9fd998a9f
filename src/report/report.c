/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Rows of any kind in any form: lines of a table, CSV and JSON. What is particular to a kind is in
 * kinds.c, how a value is written in write_value.c, lines of tables in table.c.
 */
#include "report/report.h"

#include <stdlib.h>
#include <string.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>

#include "report/html.h"
#include "report/misp.h"
#include "report/table.h"
#include "report/write_value.h"

struct report {
	FILE *out;
	enum report_form form;
	const struct row_kind *kind;
	struct table table; /* without columns in forms for programs */
	size_t rows;
	bool failed;
	enum report_images images;
	const char *image;	   /* that the rows are of */
	bool image_named;	   /* its heading is written */
	struct text line, scratch; /* reused */
	struct misp *misp;	   /* of REPORT_MISP */
	struct html *html;	   /* of REPORT_HTML */
};

bool report_form_named(const char *name, enum report_form *form)
{
	static const char *const names[] = {"table", "wide", "csv", "jsonl",
					    "json",  "misp", "html"};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcmp(name, names[i])) {
			*form = (enum report_form)i;
			return true;
		}
	return false;
}

static void write_line(struct report *report)
{
	size_t length = report->line.length;
	if (fwrite(text_string(&report->line), 1, length, report->out) != length)
		report->failed = true;
	text_clear(&report->line);
}

static int shown_width(const char *s)
{
	return (int)text_width(s);
}

/* A line of the table; without a row that of the headings. */
static void write_table_line(struct report *report, const void *row)
{
	table_add_line(&report->table, &report->line, row, report->image);
	write_line(report);
}

/* A line of CSV; without a row that of the fields' names. */
static void write_csv_line(struct report *report, const void *row)
{
	const char *separator = "";
	for (size_t i = 0; i < report->kind->count; i++) {
		const struct field *field = &report->kind->fields[i];
		if (!field->name)
			continue;
		text_add_string(&report->line, separator);
		separator = ",";
		if (row) {
			struct value value = field_value(field, row, &report->scratch);
			value_add_csv(&report->line, &value);
		} else {
			text_add_string(&report->line, field->name);
		}
	}
	text_add_string(&report->line, "\r\n");
	write_line(report);
}

static void add_json_object(struct report *report, const struct row_kind *kind, const void *row)
{
	char before = '{';
	for (size_t i = 0; i < kind->count; i++) {
		const struct field *field = &kind->fields[i];
		if (!field->name)
			continue;
		struct value value = field_value(field, row, &report->scratch);
		text_add_char(&report->line, before);
		before = ',';
		json_add_string(&report->line, field->name);
		text_add_char(&report->line, ':');
		value_add_json(&report->line, &value);
	}
	const char *others = NULL;
	if (kind->others)
		others = *(const char *const *)((const char *)row + kind->others);
	text_add_string(&report->line, others ? others : "");
	text_add_char(&report->line, '}');
}

enum report_form report_form(const struct report *report)
{
	return report->form;
}

struct report *report_start(FILE *out, enum report_form form, const struct row_kind *kind,
			    enum field_table table)
{
	struct report *report = alloc_new(struct report);
	report->out = out;
	report->form = form;
	report->kind = kind;
	if (is_table(form))
		table_init(&report->table, kind, table);
	if (form == REPORT_CSV)
		write_csv_line(report, NULL);
	if (form == REPORT_MISP)
		report->misp = misp_new();
	if (form == REPORT_HTML)
		report->html = html_new();
	return report;
}

/* What stands above the rows of a table, or of an image's part of it. */
static void write_headings(struct report *report)
{
	if (report->images == REPORT_IMAGE_HEADINGS && !report->image_named) {
		report->image_named = true;
		if (report->rows)
			text_add_char(&report->line, '\n');
		table_add_image(&report->table, &report->line, report->image);
		write_line(report);
		write_table_line(report, NULL);
	} else if (!report->rows) {
		write_table_line(report, NULL);
	}
}

void report_object(struct report *report, const struct row_kind *kind, const void *row)
{
	add_json_object(report, kind, row);
	text_add_char(&report->line, '\n');
	write_line(report);
}

void report_row(struct report *report, const void *row)
{
	switch (report->form) {
	case REPORT_TABLE:
	case REPORT_WIDE:
		write_headings(report);
		write_table_line(report, row);
		break;
	case REPORT_CSV:
		write_csv_line(report, row);
		break;
	case REPORT_JSON:
		text_add_string(&report->line, report->rows ? ",\n" : "[\n");
		add_json_object(report, report->kind, row);
		write_line(report);
		break;
	case REPORT_MISP:
		misp_row(report->misp, row, &report->line);
		write_line(report);
		break;
	case REPORT_HTML:
		html_row(report->html, report->kind, row, &report->line);
		write_line(report);
		break;
	case REPORT_JSONL:
		report_object(report, report->kind, row);
		break;
	}
	report->rows++;
}

void report_row_of(struct report *report, const struct row_kind *kind, const void *row)
{
	if (report->form != REPORT_HTML) {
		report_row(report, row);
		return;
	}
	html_row(report->html, kind, row, &report->line);
	write_line(report);
}

void report_fact(struct report *report, const char *image, const char *name, const char *value)
{
	if (report->form != REPORT_HTML)
		return;
	html_fact(report->html, image, name, value, &report->line);
	write_line(report);
}

void report_comment(struct report *report, const char *comment)
{
	text_add_string(&report->line, "# ");
	text_add_printable(&report->line, comment);
	text_add_char(&report->line, '\n');
	write_line(report);
}

void report_tell_images(struct report *report, enum report_images how, size_t width)
{
	report->images = how;
	if (how == REPORT_IMAGE_COLUMN)
		report->table.image_width = max_of((int)width, shown_width("Image"));
}

void report_tell_terminal(struct report *report, int width, bool color)
{
	report->table.color = color;
	if (report->form == REPORT_TABLE)
		table_fit(&report->table, width);
}

void report_image(struct report *report, const char *name)
{
	report->image = name;
	report->image_named = false;
}

bool report_flush(struct report *report)
{
	if (fflush(report->out))
		report->failed = true;
	return !report->failed;
}

bool report_failed(const struct report *report)
{
	return report->failed;
}

bool report_end(struct report *report)
{
	if (report->form == REPORT_JSON) {
		text_add_string(&report->line, report->rows ? "\n]\n" : "[]\n");
		write_line(report);
	}
	if (report->form == REPORT_MISP) {
		misp_end(report->misp, &report->line);
		write_line(report);
	}
	if (report->form == REPORT_HTML) {
		html_end(report->html, &report->line);
		write_line(report);
	}
	misp_free(report->misp);
	html_free(report->html);
	bool good = fflush(report->out) == 0 && !report->failed;
	text_free(&report->line);
	text_free(&report->scratch);
	table_free(&report->table);
	free(report);
	return good;
}

/* A list within a record: an item a line, all at the same column. */
static void add_lines(struct text *line, const struct value *value, int indent)
{
	for (size_t i = 0; i < value->count; i++) {
		if (i)
			text_add_format(line, "\n%*s", indent, "");
		text_add_printable(line, value->list[i]);
	}
}

void report_record(struct report *report, const void *row)
{
	const struct row_kind *kind = report->kind;
	if (!is_table(report->form)) {
		report_row(report, row);
		return;
	}
	int width = 0;
	const struct table *table = &report->table;
	for (size_t i = 0; i < table->columns; i++)
		width = max_of(width, shown_width(kind->fields[table->order[i]].heading));
	if (report->rows++)
		text_add_char(&report->line, '\n');
	for (size_t i = 0; i < table->columns; i++) {
		const struct field *field = &kind->fields[table->order[i]];
		struct value value = field_value(field, row, &report->scratch);
		if (value.kind == VALUE_NULL)
			continue;
		text_add_format(&report->line, "%s%-*s%s  ", table->color ? "\x1b[1m" : "", width,
				field->heading, table->color ? "\x1b[0m" : "");
		if (value.kind == VALUE_LIST)
			add_lines(&report->line, &value, width + 2);
		else
			value_add_plain(&report->line, &value, ',', text_add_printable);
		text_add_char(&report->line, '\n');
	}
	write_line(report);
}
