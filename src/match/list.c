/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Reading lists of known hashes: a hash a line in several forms (see known_add()), ssdeep's own
 * files, and the CSV that impscan writes.
 *
 * The file is read in large pieces, from which whole lines are taken (in CSV: whole records). So
 * pipes can be read like files, and memory does not grow with the list.
 */
#include <impscan/match.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include <impscan/alloc.h>

#include "csv.h"
#include "known.h"

#define READ_SIZE (1u << 20)

/* No line of a list is nearly as long; a file without newlines is not read to its end. */
#define LINE_MAX_SIZE (1u << 20)

struct list_reader {
	int fd;
	const char *label; /* for sentences */
	char *buffer;
	size_t capacity;
	size_t start; /* what is not yet taken: buffer[start, end) */
	size_t end;
	bool at_end;
	size_t line; /* number of the line taken last; a record's first */
	size_t next_line;
	struct csv_row row;
	bool is_csv;
	size_t columns;
	/* CSV: which column holds what; SIZE_MAX when none does. */
	size_t imphash;
	size_t impfuzzy;
	size_t impset;
	size_t names[3];
};

static void list_free(struct list_reader *list)
{
	free(list->buffer);
	csv_row_free(&list->row);
}

/* Reads more behind what there is. */
static struct error *fill(struct list_reader *list)
{
	if (list->start) {
		memmove(list->buffer, list->buffer + list->start, list->end - list->start);
		list->end -= list->start;
		list->start = 0;
	}
	if (list->capacity - list->end < READ_SIZE) {
		list->capacity = list->capacity * 2 + READ_SIZE;
		list->buffer = alloc_resize(list->buffer, list->capacity, 1);
	}
	ssize_t n;
	do
		n = read(list->fd, list->buffer + list->end, list->capacity - list->end);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return error_errno(errno, "%s: can't be read", list->label);
	list->end += (size_t)n;
	list->at_end = n == 0;
	return NULL;
}

static bool find_end(const struct list_reader *list, size_t from, size_t *end, bool *open)
{
	const char *text = list->buffer + list->start;
	size_t length = list->end - list->start;
	*open = false;
	if (list->is_csv)
		return csv_record_end(text, length, end, open);
	const char *newline = length > from ? memchr(text + from, '\n', length - from) : NULL;
	if (newline)
		*end = (size_t)(newline - text);
	return newline;
}

static size_t count_newlines(struct slice s)
{
	size_t count = 0;
	for (size_t i = 0; i < s.length; i++)
		count += s.at[i] == '\n';
	return count;
}

static struct error *too_long(const struct list_reader *list, bool open)
{
	return error_new("%s:%zu: longer than %u bytes%s", list->label, list->line, LINE_MAX_SIZE,
			 open ? ": is a quote not closed?" : "");
}

/* The next line or record, without its newline; `line->at` is NULL at the end of the list. */
static struct error *next(struct list_reader *list, struct slice *line)
{
	*line = (struct slice){0};
	size_t from = 0, end;
	bool open = false;
	list->line = list->next_line;
	while (!list->buffer || !find_end(list, from, &end, &open)) {
		if (list->at_end) {
			end = list->end - list->start;
			if (!end)
				return NULL;
			if (list->is_csv && open)
				return error_new("%s:%zu: a quote is opened and never closed",
						 list->label, list->line);
			break;
		}
		from = list->end - list->start;
		if (from > LINE_MAX_SIZE)
			return too_long(list, open);
		try_(fill(list));
	}
	if (end > LINE_MAX_SIZE)
		return too_long(list, open);
	*line = (struct slice){list->buffer + list->start, end};
	list->start += end + (list->start + end < list->end);
	list->next_line += 1 + (list->is_csv ? count_newlines(*line) : 0);
	return NULL;
}

static bool slice_is(struct slice s, const char *text)
{
	return s.length == strlen(text) && !memcmp(s.at, text, s.length);
}

static bool is_blank_line(struct slice s)
{
	for (size_t i = 0; i < s.length; i++)
		if (s.at[i] != ' ' && s.at[i] != '\t' && s.at[i] != '\r')
			return false;
	return true;
}

static bool is_comment(struct slice s)
{
	size_t i = 0;
	while (i < s.length && (s.at[i] == ' ' || s.at[i] == '\t'))
		i++;
	return i < s.length && s.at[i] == '#';
}

/* "ssdeep,1.1--blocksize:hash:hash,filename" */
static bool is_ssdeep_header(struct slice s)
{
	static const char begin[] = "ssdeep,1.", middle[] = "--blocksize:hash:hash";
	return s.length > strlen(begin) && !memcmp(s.at, begin, strlen(begin)) &&
	       memmem(s.at, s.length, middle, strlen(middle));
}

static size_t column(const struct csv_row *row, const char *name)
{
	for (size_t i = 0; i < row->count; i++)
		if (slice_is(row->fields[i], name))
			return i;
	return SIZE_MAX;
}

/* Takes the row as the header of CSV, if it is one. */
static bool take_header(struct list_reader *list)
{
	size_t imphash = column(&list->row, "imphash");
	size_t impfuzzy = column(&list->row, "impfuzzy");
	size_t impset = column(&list->row, "impset");
	if (imphash == SIZE_MAX && impfuzzy == SIZE_MAX && impset == SIZE_MAX)
		return false;
	list->is_csv = true;
	list->columns = list->row.count;
	list->imphash = imphash;
	list->impfuzzy = impfuzzy;
	list->impset = impset;
	list->names[0] = column(&list->row, "path");
	list->names[1] = column(&list->row, "module");
	list->names[2] = column(&list->row, "name");
	return true;
}

static struct slice field(const struct list_reader *list, size_t index)
{
	if (index == SIZE_MAX)
		return (struct slice){0};
	return list->row.fields[index];
}

static struct error *add_row(struct list_reader *list, struct known *known)
{
	/* Files put one behind the other have a header each. */
	if (take_header(list))
		return NULL;
	if (list->row.count != list->columns)
		return error_new("%zu fields, where the header has %zu", list->row.count,
				 list->columns);
	struct slice name = {0};
	for (size_t i = 0; i < 3 && !name.length; i++)
		name = csv_unmarked(field(list, list->names[i]));
	const struct hash_texts texts = {
		.imphash = field(list, list->imphash),
		.impfuzzy = field(list, list->impfuzzy),
		.impset = field(list, list->impset),
	};
	return known_add_texts(known, &texts, name);
}

static struct error *add_line(struct list_reader *list, struct known *known, struct slice line)
{
	if (is_blank_line(line))
		return NULL;
	if (list->is_csv) {
		csv_split(&list->row, line.at, line.length);
		return add_row(list, known);
	}
	if (is_comment(line) || is_ssdeep_header(line))
		return NULL;
	struct error *error = known_add(known, line.at, line.length, NULL);
	if (!error)
		return NULL;
	csv_split(&list->row, line.at, line.length);
	if (!take_header(list))
		return error;
	error_free(error);
	return NULL;
}

static void skip_byte_order_mark(struct slice *line)
{
	if (line->length >= 3 && !memcmp(line->at, "\xef\xbb\xbf", 3)) {
		line->at += 3;
		line->length -= 3;
	}
}

struct error *known_add_list(struct known *known, const char *path)
{
	_cleanup_(list_free)
	struct list_reader list = {.fd = STDIN_FILENO, .next_line = 1};
	_cleanup_close_ int opened = -1;
	list.label = "standard input";
	if (strcmp(path, "-")) {
		list.label = path;
		opened = open(path, O_RDONLY | O_CLOEXEC);
		list.fd = opened;
		if (list.fd < 0)
			return error_errno(errno, "%s: can't be opened", path);
	}
	for (;;) {
		struct slice line;
		try_(next(&list, &line));
		if (!line.at)
			return NULL;
		/* Of the first file, and of each that was put behind it. */
		skip_byte_order_mark(&line);
		struct error *error = add_line(&list, known, line);
		if (error)
			return error_prefix(error, "%s:%zu", list.label, list.line);
	}
}
