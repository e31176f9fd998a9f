/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Lists that are records with a header: separated by commas, semicolons, tabs or bars (also as
 * Markdown has tables), the header maybe in a comment. A row that is no record is told and passed
 * over; files put one behind the other have a header each.
 */
#include <ctype.h>
#include <string.h>

#include <impscan/bytes.h>

#include "list_form.h"
#include "list_table.h"

#define HEADER_LINES 400 /* a header stands before so many lines of comments */
#define TITLE_DIGITS 16	 /* hex digits that a title does not have in a row */

static const struct table_kind *const kinds[] = {&table_malwarebazaar, &table_misp, &table_any};

static const char separators[] = {',', ';', '\t', '|'};

/* Does a cell have letters, and nothing but a name's signs? */
static bool is_heading_word(struct slice cell)
{
	bool letter = false;
	for (size_t i = 0; i < cell.length; i++) {
		char c = cell.at[i];
		letter |= isalpha((unsigned char)c) != 0;
		if (!isalnum((unsigned char)c) && !strchr("_- ", c))
			return false;
	}
	return letter && cell.length <= 24;
}

/* A line of Markdown has a bar at both ends. */
static void leave_outer(struct list_table *table)
{
	struct csv_row *row = &table->row;
	if (table->separator != '|' || row->count < 3 || slice_trim(row->fields[0]).length ||
	    slice_trim(row->fields[row->count - 1]).length)
		return;
	memmove(row->fields, row->fields + 1, (row->count - 2) * sizeof(*row->fields));
	row->count -= 2;
}

static bool take_header(struct list_table *table, bool in_comment)
{
	for (size_t i = 0; i < array_size(kinds); i++) {
		if (!kinds[i]->header(table, in_comment))
			continue;
		table->kind = kinds[i];
		table->columns = table->row.count;
		table->from_comment = in_comment;
		return true;
	}
	return false;
}

/* A row of a table, put behind one of ours, that has hashes of files and no others. */
static struct error *leave_row(struct list *list, struct list_table *table)
{
	(void)table;
	list_leave(list, LIST_LEFT_FILE_HASH);
	return NULL;
}

/* Is the row the header of such a table? */
static bool take_header_of_files(struct list_table *table)
{
	static const struct table_kind of_files = {.title = "hashes of files", .row = leave_row};
	bool files = false;
	for (size_t i = 0; i < table->row.count; i++) {
		struct slice cell = slice_clean(table->row.fields[i]);
		if (!is_heading_word(cell))
			return false;
		enum list_kind kind = list_kind_of(cell);
		files |= kind == KIND_FILE || kind == KIND_MD5;
	}
	if (!files)
		return false;
	table->kind = &of_files;
	table->columns = table->row.count;
	table->from_comment = false;
	return true;
}

/* Is a line the header, with the separator that gives the most cells? */
static bool is_header(struct list_table *table, struct slice line, bool in_comment)
{
	size_t used, most = 0;
	char best = 0;
	for (size_t i = 0; i < array_size(separators); i++) {
		table->separator = separators[i];
		if (csv_record(&table->row, line, separators[i], true, &used) != CSV_RECORD)
			continue;
		leave_outer(table);
		if (table->row.count <= most || !take_header(table, in_comment))
			continue;
		most = table->row.count;
		best = separators[i];
	}
	if (!best)
		return false;
	table->separator = best;
	csv_record(&table->row, line, best, true, &used);
	leave_outer(table);
	return take_header(table, in_comment);
}

/* A comment without its signs; NULL: it is none. */
static struct slice comment_of(struct slice line)
{
	line = slice_trim(line);
	if (!line.length || *line.at != '#')
		return (struct slice){0};
	while (line.length && (*line.at == '#' || *line.at == ' '))
		line = slice_from(line, 1);
	return line.length ? line : (struct slice){"", 0};
}

/* A title above a table, or a comment that lost its sign: no row of a table with a hash. */
static bool is_title(struct slice line)
{
	for (size_t i = 0; i < line.length; i++)
		if (slice_hex(slice_from(line, i)) >= TITLE_DIGITS)
			return false;
	return true;
}

/* Is the row that was taken for a header below a title one of nothing but headings? */
static bool is_row_of_headings(const struct list_table *table)
{
	for (size_t i = 0; i < table->row.count; i++)
		if (!is_heading_word(slice_clean(table->row.fields[i])))
			return false;
	return table->row.count > 1;
}

/*
 * Finds the header in the first lines. Returns the line that it is, 0: none; `*titles` is how many
 * lines before it are neither comments nor blank.
 */
static size_t find_header(struct list_table *table, struct slice head, size_t *titles)
{
	struct slice line;
	*titles = 0;
	for (size_t n = 1; n < HEADER_LINES && slice_next_line(&head, &line); n++) {
		struct slice comment = comment_of(line);
		struct slice header = comment.at ? comment : line;
		if (!slice_clean(header).length)
			continue;
		if (is_header(table, header, comment.at) && (!*titles || is_row_of_headings(table)))
			return n;
		if (!comment.at && !is_title(slice_trim(line)))
			return 0;
		*titles += !comment.at;
	}
	return 0;
}

bool list_is_csv(struct slice head)
{
	_cleanup_(csv_row_free_of)
	struct list_table table = {0};
	size_t titles;
	return find_header(&table, head, &titles) != 0;
}

void csv_row_free_of(struct list_table *table)
{
	misp_objects_free(table);
	csv_row_free(&table->row);
}

/* "|---|:--|" */
static bool is_rule(const struct list_table *table)
{
	for (size_t i = 0; i < table->row.count; i++)
		for (size_t k = 0; k < table->row.fields[i].length; k++)
			if (!strchr("-: ", table->row.fields[i].at[k]))
				return false;
	return table->separator == '|';
}

/* Might it be a heading? Asked of every row, so what can't be is seen at once. */
static bool is_heading(struct slice cell)
{
	if (!cell.length || cell.length > 24 || (*cell.at >= '0' && *cell.at <= '9'))
		return false;
	return list_kind_of(slice_clean(cell)) != KIND_NONE;
}

/* Might a row be the header of a table that begins here? */
static bool may_be_header(const struct csv_row *row, bool fits)
{
	for (size_t i = fits ? row->count : 0; i < row->count; i++)
		if (is_heading(row->fields[i]) ||
		    slice_is(slice_clean(row->fields[i]), "type")) /* MISP's */
			return true;
	return fits && (is_heading(row->fields[0]) || is_heading(row->fields[row->count - 1]));
}

static struct error *end_table(struct list *list, struct list_table *table)
{
	return table->kind->end ? table->kind->end(list, table) : NULL;
}

static struct error *take_row(struct list *list, struct list_table *table)
{
	struct csv_row *row = &table->row;
	leave_outer(table);
	bool blank = row->count == 1 && !slice_clean(row->fields[0]).length;
	if (blank || is_rule(table))
		return NULL;
	bool fits =
		row->count == table->columns ||
		(table->from_comment && table->kind->more_fields && row->count > table->columns);
	bool comment = slice_begins(row->fields[0], "#");
	if (may_be_header(row, fits)) {
		struct list_table other = *table;
		if (take_header(&other, false) || take_header_of_files(&other)) {
			try_(end_table(list, table));
			other.objects = NULL;
			*table = other;
			return NULL;
		}
	}
	if (!fits && comment)
		return NULL;
	if (!fits) {
		list_unread(list, "%zu fields, where the header has %zu", row->count,
			    table->columns);
		return NULL;
	}
	return table->kind->row(list, table);
}

/* Why there is no record, which is as long as LIST_LINE_MAX unless all of it was looked at. */
static const char *why_bad(enum csv_result result, bool whole)
{
	if (result == CSV_BAD)
		return "something stands behind a closing quote";
	if (result == CSV_OPEN)
		return whole ? "a quote is opened and never closed"
			     : "a quote is opened and not closed within 1 MB";
	return "a row longer than 1 MB";
}

/* Passes over a record: `used` bytes of it, and what is left of its line. */
static struct error *skip_record(struct list *list, size_t used)
{
	struct slice rest = list_rest(list), record = {rest.at, used};
	list_skip(list, used, list_newlines(record));
	return used && record.at[used - 1] == '\n' ? NULL : list_skip_line(list);
}

/* The next record into table->row. Sets `*at_end` where there is none. */
static struct error *next_record(struct list *list, struct list_table *table, bool *at_end,
				 bool *bad)
{
	size_t used;
	*bad = false;
	try_(list_need(list, 1));
	list->line = list->next_line;
	for (;;) {
		struct slice rest = list_rest(list);
		*at_end = !rest.length && list->at_end;
		if (*at_end)
			return NULL;
		enum csv_result result =
			csv_record(&table->row, rest, table->separator, list->at_end, &used);
		bool open = result == CSV_OPEN || result == CSV_MORE;
		if (open && !list->at_end && rest.length <= LIST_LINE_MAX) {
			try_(list_need(list, rest.length + 1));
			continue;
		}
		*bad = result != CSV_RECORD || used > LIST_LINE_MAX;
		if (!*bad) {
			list_skip(list, used, list_newlines((struct slice){rest.at, used}));
			return NULL;
		}
		list_unread(list, "%s", why_bad(result, list->at_end));
		return skip_record(list, open ? 0 : used);
	}
}

static void skip_mark(struct slice *cell)
{
	if (cell->length >= 3 && !memcmp(cell->at, "\xef\xbb\xbf", 3))
		*cell = slice_from(*cell, 3);
}

struct error *list_read_csv(struct list *list)
{
	_cleanup_(csv_row_free_of)
	struct list_table table = {0};
	size_t titles, lines = find_header(&table, list_rest(list), &titles);
	if (!lines)
		return error_new("%s: a table without a line of headings", list->label);
	text_add_string(&list->report->form, table.kind->title);
	for (size_t i = 0; i < lines; i++) {
		struct slice line;
		try_(list_next_line(list, &line));
		struct slice title = slice_clean(line);
		if (i + 1 < lines && title.length && *title.at != '#')
			list_unread(list, "a line above the headings: '%.*s'",
				    (int)min_of(title.length, (size_t)60), title.at);
	}
	for (;;) {
		bool at_end, bad;
		try_(next_record(list, &table, &at_end, &bad));
		if (at_end)
			return end_table(list, &table);
		if (bad)
			continue;
		skip_mark(&table.row.fields[0]);
		try_(take_row(list, &table));
	}
}
