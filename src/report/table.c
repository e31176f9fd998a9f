/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Lines of a table: cells are padded, so that those of a column stand below each other; on a
 * terminal they are also cut, and lines colored. All text comes from outside and is escaped before
 * it gets here (text_add_printable()), so no escape sequence in a line is but one of ours.
 */
#include "report/table.h"

#include <string.h>

#include <impscan/bytes.h>

#include "report/write_value.h"

/* What is left at least of a column. */
#define WIDTH_LEAST 8

/* What stands for what was cut out; a column wide. */
#define CUT_MARK "\xe2\x80\xa6"

/* "Select Graphic Rendition" of ECMA-48. */
#define BOLD  "\x1b[1m"
#define PLAIN "\x1b[0m"

static int shown_width(const char *s)
{
	return (int)text_width(s);
}

void table_init(struct table *table, const struct row_kind *kind, enum field_table columns)
{
	*table = (struct table){.kind = kind};
	table->columns = row_kind_columns(kind, columns, table->order);
	for (size_t i = 0; i < table->columns; i++)
		table->widths[i] = kind->fields[table->order[i]].width;
}

void table_free(struct table *table)
{
	text_free(&table->scratch);
}

static const struct field *field_of(const struct table *table, size_t column)
{
	return &table->kind->fields[table->order[column]];
}

/* May values be cut? A number or an address with a hole in it says something else. */
static bool can_be_cut(const struct field *field)
{
	switch (field->kind) {
	case FIELD_TEXT:
	case FIELD_CHARS:
	case FIELD_CHOICE:
	case FIELD_WORDS:
	case FIELD_LIST:
	case FIELD_BYTES:
		return true;
	case FIELD_DERIVED:
		return !field->right;
	default:
		return false;
	}
}

/* The widest column before the last one that is wider than `least` and can be cut; else `columns`. */
static size_t widest(const struct table *table, int least)
{
	size_t found = table->columns;
	for (size_t i = 0; i + 1 < table->columns; i++) {
		bool fixed = table->widths[i] <= least || !can_be_cut(field_of(table, i));
		if (!fixed && (found == table->columns || table->widths[i] > table->widths[found]))
			found = i;
	}
	return found;
}

void table_fit(struct table *table, int terminal_width)
{
	/* What is given up first: of columns, the widest first, and what the last one is left. */
	static const struct {
		int least, last;
	} steps[] = {{16, 20}, {16, WIDTH_LEAST}, {WIDTH_LEAST, WIDTH_LEAST}};
	table->terminal_width = terminal_width;
	if (!terminal_width || !table->columns)
		return;
	int all = table->image_width ? table->image_width + 2 : 0;
	for (size_t i = 0; i + 1 < table->columns; i++)
		all += table->widths[i] + 2;
	for (size_t step = 0; step < array_size(steps); step++) {
		size_t column;
		while (all + steps[step].last > terminal_width &&
		       (column = widest(table, steps[step].least)) < table->columns) {
			table->widths[column]--;
			all--;
		}
	}
}

/* Where the cell of a column is in the line, and how it is padded. */
struct cell {
	size_t start;
	int width;
	bool right, last;
};

/*
 * Pads the cell that ends the line, so that the next begins at the columns' sum: `*over` is how far
 * the line is beyond where the table's columns are. The last cell is padded only to the left.
 */
static void pad_cell(struct text *line, const struct cell *cell, int *over)
{
	size_t start = cell->start, length = line->length - start;
	int pad = cell->width - shown_width(text_string(line) + start) - *over;
	*over = pad < 0 ? -pad : 0;
	if (pad > 0 && (cell->right || !cell->last)) {
		text_add_spaces(line, (size_t)pad);
		if (cell->right) {
			memmove(line->data + start + pad, line->data + start, length);
			memset(line->data + start, ' ', (size_t)pad);
		}
	}
	if (!cell->last)
		text_add(line, "  ", 2);
}

/* Bytes of the first characters of a text that take at most `width` columns. */
static size_t bytes_within(const char *s, int width)
{
	size_t bytes = 0;
	for (int used = 0; s[bytes];) {
		uint32_t code = 0;
		size_t length = text_utf8_next(s + bytes, &code);
		used += length ? (int)text_code_width(code) : 1;
		if (used > width)
			break;
		bytes += length ? length : 1;
	}
	return bytes;
}

/* Cuts what stands in the line from `start` on in its middle, so that it takes `width` columns. */
static void cut_middle(struct text *line, size_t start, int width)
{
	const char *cell = text_string(line) + start;
	int shown = shown_width(cell);
	if (shown <= width)
		return;
	int head = width / 2, tail = width - 1 - head;
	size_t head_end = start + bytes_within(cell, head);
	size_t tail_start = start + bytes_within(cell, shown - tail - 1);
	/* Not within a character, nor before what combines with the one that is cut out. */
	while (shown_width(line->data + tail_start) > tail) {
		uint32_t code = 0;
		size_t length = text_utf8_next(line->data + tail_start, &code);
		tail_start += length ? length : 1;
	}
	_cleanup_text_ struct text rest = {0};
	text_add_string(&rest, line->data + tail_start);
	line->length = head_end;
	text_add_string(line, CUT_MARK);
	text_add_string(line, text_string(&rest));
}

/* Takes what is beyond the column away from the heading that ends the line. */
static void cut_end(struct text *line, size_t start, int width)
{
	line->length = start + bytes_within(line->data + start, width);
	line->data[line->length] = '\0';
}

/*
 * A cell of a table, "-" for nothing: no row has an empty one. Where `room` is not 0, what is longer
 * is cut, and what is indented keeps half of it.
 */
static void add_cell(struct text *line, const struct value *value, int room)
{
	int indent = room ? min_of(value->indent, room / 2) : value->indent;
	text_add_spaces(line, (size_t)indent);
	size_t start = line->length;
	value_add_plain(line, value, ',', text_add_printable);
	if (line->length == start)
		text_add_char(line, '-');
	if (room)
		cut_middle(line, start, room - indent);
}

/* The column before all others; in the line of headings without an image. */
static void add_image_cell(const struct table *table, struct text *line, const char *image,
			   int *over)
{
	struct cell cell = {.start = line->length, .width = table->image_width};
	if (!table->image_width)
		return;
	text_add_printable(line, image);
	pad_cell(line, &cell, over);
}

/* How a line begins that stands out; NULL: it does not. */
static const char *style_of(const struct table *table, const void *row)
{
	static const char *const styles[] = {
		[EMPHASIS_NONE] = NULL,
		[EMPHASIS_ALERT] = "\x1b[31m",	 /* red */
		[EMPHASIS_CAUTION] = "\x1b[33m", /* yellow */
		[EMPHASIS_FAINT] = "\x1b[2m",
	};
	if (!table->color)
		return NULL;
	if (!row)
		return BOLD;
	return table->kind->emphasis ? styles[table->kind->emphasis(row)] : NULL;
}

/*
 * Adds the cell of column `i`. `cut`: to the column's width, or the last one to what the others of
 * the line, which is this long, leave of the terminal.
 */
static void add_column(struct table *table, struct text *line, size_t i, const void *row, bool cut,
		       int so_far)
{
	const struct field *field = field_of(table, i);
	int room = 0;
	if (cut)
		room = i + 1 < table->columns ? table->widths[i]
					      : max_of(table->terminal_width - so_far, WIDTH_LEAST);
	if (row) {
		struct value value = field_value(field, row, &table->scratch);
		add_cell(line, &value, can_be_cut(field) ? room : 0);
		return;
	}
	size_t start = line->length;
	text_add_string(line, field->heading);
	if (room)
		cut_end(line, start, room);
}

/* Adds all cells of a line; returns how wide they are. */
static int add_cells(struct table *table, struct text *line, const void *row, const char *image,
		     bool cut)
{
	const size_t begin = line->length;
	int over = 0;
	add_image_cell(table, line, row ? image : "Image", &over);
	for (size_t i = 0; i < table->columns; i++) {
		struct cell cell = {
			.start = line->length,
			.width = table->widths[i],
			.right = field_of(table, i)->right,
			.last = i == table->columns - 1,
		};
		int so_far = cut && cell.last ? shown_width(text_string(line) + begin) : 0;
		add_column(table, line, i, row, cut, so_far);
		pad_cell(line, &cell, &over);
	}
	return table->terminal_width ? shown_width(text_string(line) + begin) : 0;
}

void table_add_line(struct table *table, struct text *line, const void *row, const char *image)
{
	const char *style = style_of(table, row);
	text_add_string(line, style ? style : "");
	const size_t begin = line->length;
	/* What fits stays whole. */
	if (add_cells(table, line, row, image, false) > table->terminal_width) {
		line->length = begin;
		add_cells(table, line, row, image, true);
	}
	text_add_string(line, style ? PLAIN "\n" : "\n");
}

void table_add_image(const struct table *table, struct text *line, const char *image)
{
	text_add_string(line, table->color ? BOLD : "");
	text_add_printable(line, image);
	text_add_string(line, table->color ? PLAIN "\n" : "\n");
}
