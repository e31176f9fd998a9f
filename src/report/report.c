/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <impscan/report.h>

#include <stdlib.h>
#include <string.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>
#include <impscan/text.h>

struct report {
	FILE *out;
	enum report_form form;
	const struct report_shape *shape;
	size_t rows;
	bool failed;
	struct text line; /* reused */
};

bool report_form_named(const char *name, enum report_form *form)
{
	static const char *const names[] = {"table", "wide", "csv", "jsonl", "json"};
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

/* The value as plain text, fit for a terminal; lists joined by `separator`. */
static void add_plain(struct text *text, const struct value *value, char separator,
		      void (*add)(struct text *, const char *))
{
	switch (value->kind) {
	case VALUE_NULL:
		break;
	case VALUE_NUMBER:
		text_add_number(text, value->number);
		break;
	case VALUE_ADDRESS:
		text_add_address(text, value->number);
		break;
	case VALUE_SHARE:
		text_add_format(text, "%.2f", value->share);
		break;
	case VALUE_BOOL:
		text_add_string(text, value->number ? "yes" : "no");
		break;
	case VALUE_TEXT:
		add(text, value->text);
		break;
	case VALUE_LIST:
		for (size_t i = 0; i < value->list_count; i++) {
			if (i)
				text_add_char(text, separator);
			add(text, value->list[i]);
		}
		break;
	}
}

/*
 * Would a spreadsheet run it as a formula? Full-width forms of the signs count in some languages. A
 * cell that begins with an apostrophe is marked as well, so that the mark can be taken away again.
 */
static bool is_formula(const char *s)
{
	static const char *const wide[] = {"\xef\xbc\x9d", "\xef\xbc\x8b", "\xef\xbc\x8d",
					   "\xef\xbc\xa0"};
	if (*s && strchr("=+-@'\t\r", *s))
		return true;
	for (size_t i = 0; i < array_size(wide); i++)
		if (!strncmp(s, wide[i], strlen(wide[i])))
			return true;
	return false;
}

/*
 * RFC 4180: quoted when it holds a quote, a comma or a line break, quotes doubled. What a spreadsheet
 * would run gets an apostrophe before it.
 */
static void add_csv(struct text *text, const struct value *value)
{
	_cleanup_text_ struct text plain = {0};
	bool is_text = value->kind == VALUE_TEXT || value->kind == VALUE_LIST;
	add_plain(&plain, value, ';', text_add_escaped);
	const char *s = text_string(&plain);
	const char *mark = is_text && is_formula(s) ? "'" : "";
	if (!strpbrk(s, "\",\r\n")) {
		text_add_string(text, mark);
		text_add_string(text, s);
		return;
	}
	text_add_char(text, '"');
	text_add_string(text, mark);
	for (; *s; s++) {
		if (*s == '"')
			text_add_char(text, '"');
		text_add_char(text, *s);
	}
	text_add_char(text, '"');
}

/* As JSON has it: beyond U+FFFF by a surrogate pair. */
static void add_json_escape(struct text *text, uint32_t code)
{
	if (code >= 0x10000) {
		code -= 0x10000;
		text_add_format(text, "\\u%04x", 0xd800 + (code >> 10));
		code = 0xdc00 + (code & 0x3ff);
	}
	text_add_format(text, "\\u%04x", code);
}

/*
 * RFC 8259; whatever a terminal could act on or not show is escaped too, bytes that are not UTF-8
 * as U+FFFD.
 */
static void add_json_string(struct text *text, const char *s)
{
	text_add_char(text, '"');
	for (;;) {
		size_t plain = 0;
		while (s[plain] >= ' ' && s[plain] < 0x7f && s[plain] != '"' && s[plain] != '\\')
			plain++;
		text_add(text, s, plain);
		s += plain;
		if (!*s)
			break;
		uint32_t code;
		size_t length = text_utf8_next(s, &code);
		if (!length) {
			text_add_string(text, "\\ufffd");
			s++;
			continue;
		}
		if (code == '"' || code == '\\')
			text_add_format(text, "\\%c", (char)code);
		else if (text_is_control(code))
			add_json_escape(text, code);
		else
			text_add(text, s, length);
		s += length;
	}
	text_add_char(text, '"');
}

static void add_json(struct text *text, const struct value *value)
{
	switch (value->kind) {
	case VALUE_NULL:
		text_add_string(text, "null");
		break;
	case VALUE_NUMBER:
	case VALUE_SHARE:
		add_plain(text, value, ' ', text_add_escaped);
		break;
	case VALUE_BOOL:
		text_add_string(text, value->number ? "true" : "false");
		break;
	case VALUE_ADDRESS:
		text_add_char(text, '"');
		text_add_address(text, value->number);
		text_add_char(text, '"');
		break;
	case VALUE_TEXT:
		add_json_string(text, value->text);
		break;
	case VALUE_LIST:
		text_add_char(text, '[');
		for (size_t i = 0; i < value->list_count; i++) {
			if (i)
				text_add_char(text, ',');
			add_json_string(text, value->list[i]);
		}
		text_add_char(text, ']');
		break;
	}
}

static int shown_width(const char *s)
{
	return (int)text_width(s);
}

/*
 * Pads the cell that the line has from `start` on, so that the next begins at the columns' sum:
 * `*over` is how far the line is beyond where the table's columns are. The last cell is padded only
 * to the left.
 */
static void pad_cell(struct text *line, const struct column *column, size_t start, bool last,
		     int *over)
{
	int width = shown_width(text_string(line) + start);
	int pad = column->width - width - *over;
	size_t length = line->length - start;
	*over = pad < 0 ? -pad : 0;
	if (pad > 0 && (column->right || !last)) {
		text_add_spaces(line, (size_t)pad);
		if (column->right) {
			memmove(line->data + start + pad, line->data + start, length);
			memset(line->data + start, ' ', (size_t)pad);
		}
	}
	if (!last)
		text_add(line, "  ", 2);
}

/* A cell of a table, "-" for nothing: no row has an empty one. */
static void add_cell(struct text *line, const struct value *value)
{
	size_t start = line->length;
	add_plain(line, value, ',', text_add_printable);
	if (line->length == start)
		text_add_char(line, '-');
}

static void write_table_line(struct report *report, const struct value *values)
{
	const struct report_shape *shape = report->shape;
	bool wide = report->form == REPORT_WIDE;
	const uint8_t *order = wide ? shape->wide : shape->table;
	size_t count = wide ? shape->wide_count : shape->table_count;
	struct text *line = &report->line;
	int over = 0;
	for (size_t i = 0; i < count; i++) {
		const struct column *column = &shape->columns[order[i]];
		size_t start = line->length;
		if (!values)
			text_add_string(line, column->heading);
		else
			add_cell(line, &values[order[i]]);
		pad_cell(line, column, start, i == count - 1, &over);
	}
	text_add_char(line, '\n');
	write_line(report);
}

/* A line of CSV: the values, or without them the fields' names. */
static void write_csv_line(struct report *report, const struct value *values)
{
	const struct report_shape *shape = report->shape;
	for (size_t i = 0; i < shape->count && shape->columns[i].field; i++) {
		if (i)
			text_add_char(&report->line, ',');
		if (values)
			add_csv(&report->line, &values[i]);
		else
			text_add_string(&report->line, shape->columns[i].field);
	}
	text_add_string(&report->line, "\r\n");
	write_line(report);
}

static void add_json_object(struct report *report, const struct value *values)
{
	const struct report_shape *shape = report->shape;
	text_add_char(&report->line, '{');
	for (size_t i = 0; i < shape->count && shape->columns[i].field; i++) {
		if (i)
			text_add_char(&report->line, ',');
		add_json_string(&report->line, shape->columns[i].field);
		text_add_char(&report->line, ':');
		add_json(&report->line, &values[i]);
	}
	text_add_char(&report->line, '}');
}

struct report *report_new(FILE *out, enum report_form form, const struct report_shape *shape)
{
	struct report *report = alloc_new(struct report);
	report->out = out;
	report->form = form;
	report->shape = shape;
	if (form == REPORT_CSV)
		write_csv_line(report, NULL);
	return report;
}

void report_values(struct report *report, const struct value *values)
{
	switch (report->form) {
	case REPORT_TABLE:
	case REPORT_WIDE:
		if (!report->rows)
			write_table_line(report, NULL);
		write_table_line(report, values);
		break;
	case REPORT_CSV:
		write_csv_line(report, values);
		break;
	case REPORT_JSON:
		text_add_string(&report->line, report->rows ? ",\n" : "[\n");
		add_json_object(report, values);
		write_line(report);
		break;
	case REPORT_JSONL:
		add_json_object(report, values);
		text_add_char(&report->line, '\n');
		write_line(report);
		break;
	}
	report->rows++;
}

void report_comment(struct report *report, const char *comment)
{
	if (report->form != REPORT_TABLE && report->form != REPORT_WIDE)
		return;
	text_add_string(&report->line, "# ");
	text_add_printable(&report->line, comment);
	text_add_char(&report->line, '\n');
	write_line(report);
}

enum report_form report_form(const struct report *report)
{
	return report->form;
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
	bool good = fflush(report->out) == 0 && !report->failed;
	text_free(&report->line);
	free(report);
	return good;
}

/* A list within a record: an item a line, all at the same column. */
static void add_lines(struct text *line, const struct value *value, int indent)
{
	for (size_t i = 0; i < value->list_count; i++) {
		if (i)
			text_add_format(line, "\n%*s", indent, "");
		text_add_printable(line, value->list[i]);
	}
}

bool report_record(FILE *out, enum report_form form, const struct report_shape *shape,
		   const struct value *values)
{
	struct report *report = report_new(out, form, shape);
	if (form != REPORT_TABLE && form != REPORT_WIDE) {
		report_values(report, values);
		return report_end(report);
	}
	int width = 0;
	for (size_t i = 0; i < shape->count; i++)
		width = max_of(width, shown_width(shape->columns[i].heading));
	for (size_t i = 0; i < shape->count; i++) {
		if (values[i].kind == VALUE_NULL)
			continue;
		text_add_format(&report->line, "%-*s  ", width, shape->columns[i].heading);
		if (values[i].kind == VALUE_LIST)
			add_lines(&report->line, &values[i], width + 2);
		else
			add_plain(&report->line, &values[i], ',', text_add_printable);
		text_add_char(&report->line, '\n');
		write_line(report);
	}
	return report_end(report);
}
