/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The tables that impscan prints for people: columns with two blanks between them, by the headings
 * of the first line. Names in them are escaped as they were printed.
 */
#include <string.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>

#include "list_form.h"

#define CELLS_MAX 32

struct cells {
	struct slice items[CELLS_MAX];
	size_t count;
};

/* Takes a line apart at two blanks and more. */
static void split(struct cells *cells, struct slice line)
{
	cells->count = 0;
	line = slice_trim(line);
	while (line.length && cells->count < CELLS_MAX) {
		const char *end = memmem(line.at, line.length, "  ", 2);
		size_t n = end ? (size_t)(end - line.at) : line.length;
		cells->items[cells->count++] = (struct slice){line.at, n};
		line = slice_trim(slice_from(line, n));
	}
}

static size_t column(const struct cells *cells, const char *name)
{
	for (size_t i = 0; i < cells->count; i++)
		if (slice_is(cells->items[i], name))
			return i;
	return SIZE_MAX;
}

struct columns {
	size_t count, imphash, impfuzzy, impset, others, hash, by, path, module;
};

static bool find_columns(struct columns *columns, struct slice line)
{
	struct cells cells;
	split(&cells, line);
	*columns = (struct columns){
		.count = cells.count,
		.imphash = column(&cells, "imphash"),
		.impfuzzy = column(&cells, "impfuzzy"),
		.impset = column(&cells, "impset"),
		.others = column(&cells, "Others"),
		.hash = column(&cells, "Hash"),
		.by = column(&cells, "By"),
		.path = column(&cells, "Path"),
		.module = column(&cells, "Module Name"),
	};
	if (columns->module == SIZE_MAX && columns->path == SIZE_MAX)
		return false;
	return columns->imphash != SIZE_MAX || columns->impfuzzy != SIZE_MAX ||
	       (columns->hash != SIZE_MAX &&
		(columns->by != SIZE_MAX || column(&cells, "PID") != SIZE_MAX));
}

bool list_is_own_table(struct slice head)
{
	struct columns columns;
	struct slice line;
	while (slice_next_line(&head, &line))
		if (slice_clean(line).length)
			return *slice_clean(line).at != '#' && find_columns(&columns, line);
	return false;
}

static struct slice cell(const struct cells *cells, size_t at)
{
	if (at >= cells->count || slice_is(cells->items[at], "-"))
		return (struct slice){0};
	return cells->items[at];
}

/* Sets the hash that a word with its prefix is; an impfuzzy has none. */
static void set_prefixed(struct list_sample *sample, struct slice word)
{
	struct fuzzy_shape shape = {0};
	enum list_kind kind;
	if (list_hash_at(word, &kind, &shape) != word.length || !kind_is_ours(kind))
		kind = KIND_IMPFUZZY;
	if (word.length && *word.at != '(')
		sample->of[kind_text(kind)] = word;
}

/* Hashes with their prefixes, separated by blanks. */
static void set_others(struct list_sample *sample, struct slice words)
{
	while ((words = slice_trim(words)).length) {
		size_t n = 0;
		while (n < words.length && !slice_is_blank(words.at[n]))
			n++;
		set_prefixed(sample, (struct slice){words.at, n});
		words = slice_from(words, n);
	}
}

/* The type that a hash matched by, also one of a rebuilt list. */
static struct slice without_rebuilt(struct slice by)
{
	static const char rebuilt[] = "rebuilt_";
	return slice_begins(by, rebuilt) ? slice_from(by, strlen(rebuilt)) : by;
}

static struct error *take_row(struct list *list, const struct columns *columns,
			      const struct cells *cells)
{
	_cleanup_text_ struct text buffer = {0};
	struct slice path = cell(cells, columns->path);
	struct list_sample sample = {
		.imphash = cell(cells, columns->imphash),
		.impfuzzy = cell(cells, columns->impfuzzy),
		.impset = cell(cells, columns->impset),
		.name = slice_unescaped(path.length ? path : cell(cells, columns->module), &buffer),
	};
	/* In the place of an impfuzzy stands why there is none. */
	if (sample.impfuzzy.length && *sample.impfuzzy.at == '(')
		sample.impfuzzy.length = 0;
	set_others(&sample, cell(cells, columns->others));
	struct slice hash = cell(cells, columns->hash), by = cell(cells, columns->by);
	if (columns->by != SIZE_MAX && columns->hash != SIZE_MAX) {
		enum list_kind kind = list_kind_of(without_rebuilt(by));
		/* The wide table has both hashes of the declared list, whatever matched. */
		bool wide = columns->imphash != SIZE_MAX && kind < KIND_TYPEREFHASH;
		if (kind_is_ours(kind) && !wide)
			sample.of[kind_text(kind)] = hash;
	} else {
		set_prefixed(&sample, hash);
	}
	return list_take(list, &sample);
}

struct error *list_read_own_table(struct list *list)
{
	struct columns columns = {0}, other;
	for (;;) {
		struct slice line;
		struct cells cells;
		try_(list_next_short_line(list, &line));
		if (!line.at)
			return NULL;
		if (!slice_trim(line).length)
			continue;
		if (find_columns(&other, line)) {
			columns = other;
			continue;
		}
		split(&cells, line);
		if (cells.count != columns.count)
			list_unread(list, "%zu columns, where the headings have %zu", cells.count,
				    columns.count);
		else
			try_(take_row(list, &columns, &cells));
	}
}
