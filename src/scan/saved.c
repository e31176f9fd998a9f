/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Saved rows in the place of an image. A file is read block by block; the lines of a block are
 * parsed and searched for in pieces by several threads, and handed out in their order.
 */
#include <impscan/saved.h>

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include <impscan/address_set.h>
#include <impscan/alloc.h>
#include <impscan/bytes.h>
#include <impscan/hash_table.h>
#include <impscan/rebuild.h>
#include <impscan/rows_read.h>

#include "scan/hits_cache.h"
#include "scan/module_rows.h"
#include "scan/ordered.h"
#include "scan/row.h"

/* Bytes of lines that a thread takes at once, and how many such pieces a block has for each. */
#define PIECE_SIZE   (256u << 10)
#define PIECES_AHEAD 8

/* Further lists of a module that are compared: as many as are rebuilt. */
#define OTHERS_MAX (REBUILT_LISTS_MAX - 1)

/* Damaged lines of a file that are told each. */
#define TOLD_MAX 10

/* A row of a piece, and what it resembles. */
struct piece_row {
	struct saved_row saved;
	struct hits *hits;
};

/* A line that is no row. */
struct bad_line {
	size_t line;
	const char *wrong; /* the field with a value of another type; NULL: it is no object */
};

/* Lines that were parsed. */
struct piece {
	struct piece_row *rows; /* those that are of what is asked for */
	size_t count, capacity;
	struct bad_line *bad;
	size_t bad_count, bad_capacity;
	size_t read;   /* rows of modules, be they asked for or not ... */
	size_t others; /* ... and of other kinds */
	size_t lines;
	struct text failures; /* of images that could not be read, a line each */
	bool described;	      /* there are descriptions */
};

/* The module of the row before, to know rows of one module. */
struct module_before {
	uint32_t pid;
	uint64_t eprocess, base;
	struct text module, path;
};

struct saved_scan {
	const struct saved_options *options;
	const struct scan_events *events;
	struct saved_summary *summary;
	struct hits_cache *cache;
	struct matches *scratch; /* of each thread */
	struct module_rows rows;
	/* The machine in work. */
	struct text image;
	bool image_known; /* `image` is its name; else it has none */
	bool in_machine;
	struct address_set seen; /* hashes of the names of machines ... */
	struct address_set told; /* ... and of those that were told to be in several places */
	struct module_before before;
	/* The file and the block in work. */
	struct rows_block block;
	size_t *starts; /* of the block's pieces, one more than there are */
	size_t pieces, starts_capacity;
	size_t line; /* number of the next piece's first line */
	/* Of it, by now: rows, lines that are none, and is any a description? */
	size_t file_read, file_bad, file_others;
	bool file_described;
	struct text bad; /* damaged lines of it, a sentence each */
	bool enough;	 /* a receiver said so */
};

struct saved_scan *saved_scan_new(const struct saved_options *options,
				  const struct scan_events *events, struct saved_summary *summary)
{
	struct saved_scan *scan = alloc_new(struct saved_scan);
	*summary = (struct saved_summary){0};
	scan->options = options;
	scan->events = events;
	scan->summary = summary;
	scan->cache = hits_cache_new();
	scan->scratch = alloc_zero(options->scan->threads, sizeof(*scan->scratch));
	scan->rows = (struct module_rows){
		.options = options->scan,
		.events = events,
		.summary = &summary->scan,
	};
	return scan;
}

void saved_scan_free(struct saved_scan *scan)
{
	if (!scan)
		return;
	for (unsigned int i = 0; i < scan->options->scan->threads; i++)
		matches_free(&scan->scratch[i]);
	free(scan->scratch);
	hits_cache_free(scan->cache);
	module_rows_free(&scan->rows);
	address_set_free(&scan->seen);
	address_set_free(&scan->told);
	text_free(&scan->image);
	text_free(&scan->bad);
	text_free(&scan->before.module);
	text_free(&scan->before.path);
	free(scan->starts);
	free(scan);
}

static bool is_of_image(const struct saved_options *options, const char *image)
{
	if (!options->image_count)
		return true;
	for (size_t i = 0; image && i < options->image_count; i++)
		if (!fnmatch(options->images[i], image, 0) ||
		    !fnmatch(options->images[i], text_base_name(image), 0))
			return true;
	return false;
}

static bool is_of_process(const struct scan_options *options, uint32_t pid)
{
	for (size_t i = 0; i < options->pid_count; i++)
		if (options->pids[i] == pid)
			return true;
	return !options->pid_count;
}

static void add_key(struct text *key, const struct hashes *hashes)
{
	for (unsigned int type = 0; type < HASH_TYPES; type++) {
		text_add_string(key, hash_of_type(hashes, (enum hash_type)type));
		text_add_char(key, ' ');
	}
	text_add_string(key, hashes->typerefhash_ordinal);
	text_add_char(key, '\n');
}

/* The hashes of the import list alone, or those of the names of types and functions. */
static struct hashes part_of(const struct hashes *hashes, bool names)
{
	struct hashes part = *hashes;
	if (names) {
		part.imphash[0] = part.impfuzzy[0] = part.impset[0] = '\0';
		return part;
	}
	part.typerefhash[0] = part.typerefhash_ordinal[0] = part.typerefuzzy[0] = '\0';
	part.gimphash[0] = part.gimpfuzzy[0] = '\0';
	return part;
}

/* As examining a module compares its lists one after the other. */
static struct hits *compare(const struct scan_options *options, const struct row *row,
			    struct matches *scratch)
{
	const struct known *known = options->known;
	const struct hashes declared = part_of(&row->hashes, false),
			    names = part_of(&row->hashes, true);
	struct hits *hits = NULL;
	if (hashes_any(&declared))
		hits = known_hits(known, &declared, options->threshold, 0, scratch, hits);
	if (hashes_any(&row->rebuilt))
		hits = known_hits(known, &row->rebuilt, options->threshold, 1, scratch, hits);
	for (unsigned int i = 0; i < row->rebuilt_others.count && i < OTHERS_MAX; i++) {
		struct hashes other;
		if (hashes_read(&other, row->rebuilt_others.items[i]))
			hits = known_hits(known, &other, options->threshold, i + 2, scratch, hits);
	}
	if (hashes_any(&names))
		hits = known_hits(known, &names, options->threshold, 0, scratch, hits);
	return hits;
}

/* What a row's hashes resemble: as it was found before, since most are of many rows. */
static struct hits *hits_of(struct saved_scan *scan, const struct row *row, struct matches *scratch,
			    struct text *key)
{
	struct hits *hits;
	text_clear(key);
	add_key(key, &row->hashes);
	add_key(key, &row->rebuilt);
	for (size_t i = 0; i < row->rebuilt_others.count; i++) {
		text_add_string(key, row->rebuilt_others.items[i]);
		text_add_char(key, '\n');
	}
	if (hits_cache_find(scan->cache, key, &hits))
		return hits;
	hits = compare(scan->options->scan, row, scratch);
	hits_cache_add(scan->cache, key, hits);
	return hits;
}

static void piece_free(void *result)
{
	struct piece *piece = result;
	if (!piece)
		return;
	for (size_t i = 0; i < piece->count; i++) {
		saved_row_free(&piece->rows[i].saved);
		hits_unref(piece->rows[i].hits);
	}
	free(piece->rows);
	free(piece->bad);
	text_free(&piece->failures);
	free(piece);
}

/* Takes a line, without its newline. */
static void take_line(struct saved_scan *scan, struct piece *piece, char *line, size_t length,
		      size_t number)
{
	struct piece_row *row = array_push(piece->rows, piece->count, piece->capacity);
	*row = (struct piece_row){0};
	enum row_line kind = saved_row_read(&row->saved, line, length);
	piece->read += kind == ROW_LINE_ROW;
	if (kind == ROW_LINE_ROW && is_of_process(scan->options->scan, row->saved.row.pid) &&
	    is_of_image(scan->options, row->saved.row.image))
		return;
	if (kind == ROW_LINE_DAMAGED)
		*array_push(piece->bad, piece->bad_count, piece->bad_capacity) =
			(struct bad_line){number, row->saved.wrong};
	piece->others += kind == ROW_LINE_NO_MODULE;
	piece->described |= kind == ROW_LINE_DESCRIPTION;
	if (kind == ROW_LINE_DESCRIPTION && row->saved.failure) {
		text_add_format(&piece->failures, "'%s' could not be read when it was scanned: ",
				row->saved.row.image ? row->saved.row.image : "-");
		text_add(&piece->failures, row->saved.failure, row->saved.failure_length);
		text_add_char(&piece->failures, '\n');
	}
	saved_row_free(&row->saved);
	piece->count--;
}

/* Makes a piece of lines number `i` of the block; lines are counted from 0 in each. */
static void *make(void *context, size_t i, unsigned int worker)
{
	struct saved_scan *scan = context;
	struct piece *piece = alloc_new(struct piece);
	char *at = scan->block.text + scan->starts[i],
	     *end = scan->block.text + scan->starts[i + 1];
	_cleanup_text_ struct text key = {0};
	while (at < end) {
		char *newline = memchr(at, '\n', (size_t)(end - at));
		char *stop = newline ? newline : end;
		take_line(scan, piece, at, (size_t)(stop - at), piece->lines++);
		at = stop + 1;
	}
	for (size_t n = 0; scan->options->scan->known && n < piece->count; n++)
		piece->rows[n].hits =
			hits_of(scan, &piece->rows[n].saved.row, &scan->scratch[worker], &key);
	return piece;
}

/* All rows of a machine were taken. */
static bool end_machine(struct saved_scan *scan)
{
	bool more = !scan->in_machine || module_rows_end(&scan->rows);
	scan->in_machine = false;
	return more;
}

/* That a machine was met before, with others between: only a search counts what is alike. */
static void tell_parts(const struct saved_scan *scan)
{
	if (!scan->options->scan->known || !scan->events->warning)
		return;
	_cleanup_free_ char *sentence = alloc_printf(
		"rows of '%s' stand in several places: same_hash counts those of one place",
		text_string(&scan->image));
	scan->events->warning(scan->events->context, sentence);
}

/* Does the row belong to the machine in work? Else another begins. */
static bool enter_machine(struct saved_scan *scan, const struct row *row)
{
	bool known = row->image != NULL;
	if (scan->in_machine && known == scan->image_known &&
	    (!known || !strcmp(row->image, text_string(&scan->image))))
		return true;
	if (!end_machine(scan))
		return false;
	scan->in_machine = true;
	scan->image_known = known;
	text_clear(&scan->image);
	text_add_string(&scan->image, known ? row->image : "");
	scan->before = (struct module_before){
		.module = scan->before.module, .path = scan->before.path, .pid = UINT32_MAX};
	scan->summary->machines++;
	const uint64_t name = known ? hash_string(row->image) >> 1 : 0;
	if (known && !address_set_add(&scan->seen, name) && address_set_add(&scan->told, name))
		tell_parts(scan);
	return true;
}

/* Is the row of the same module as the one before: one of several matches? */
static bool is_again(struct saved_scan *scan, const struct row *row)
{
	struct module_before *before = &scan->before;
	if (before->pid == row->pid && before->eprocess == row->eprocess &&
	    before->base == row->base && !strcmp(text_string(&before->module), row->module) &&
	    !strcmp(text_string(&before->path), row->path))
		return true;
	before->pid = row->pid;
	before->eprocess = row->eprocess;
	before->base = row->base;
	text_clear(&before->module);
	text_add_string(&before->module, row->module);
	text_clear(&before->path);
	text_add_string(&before->path, row->path);
	return false;
}

static void count(struct scan_summary *summary, const struct row *row)
{
	summary->modules++;
	summary->hashed += row->status == IMPORTS_OK || hashes_any(&row->hashes);
	summary->damaged +=
		(row->status != IMPORTS_OK && row->status != IMPORTS_NONE) || row->names_unread;
}

static bool hand_out(struct saved_scan *scan, struct piece_row *piece_row)
{
	struct row *row = &piece_row->saved.row;
	const bool search = scan->options->scan->known != NULL;
	if (!enter_machine(scan, row))
		return false;
	if (search && is_again(scan, row))
		return true;
	if (search)
		row->match = (struct row_match){0};
	if (!row->found_in)
		return module_rows_add_empty(&scan->rows, row);
	count(&scan->summary->scan, row);
	if (row_is_good(scan->options->scan, row)) {
		module_rows_add_good(&scan->rows, row);
		return true;
	}
	return module_rows_add(&scan->rows, row, piece_row->hits);
}

/* Notes a damaged line: told at the end of its file, unless nothing in that is a row. */
static void note_bad_line(struct saved_scan *scan, const struct bad_line *bad)
{
	if (scan->file_bad++ >= TOLD_MAX)
		return;
	text_add_format(&scan->bad, "%s:%zu: is left out: ", scan->block.label,
			scan->line + bad->line);
	if (bad->wrong)
		text_add_format(&scan->bad, "'%s' is damaged, or of another form\n", bad->wrong);
	else
		text_add_string(&scan->bad, "it is no JSON object that can be read\n");
}

/* A warning for each line of a text, which is empty then. */
static void tell_lines(const struct saved_scan *scan, struct text *lines)
{
	char *rest = lines->data, *line;
	while (rest && (line = strsep(&rest, "\n")))
		if (*line && scan->events->warning)
			scan->events->warning(scan->events->context, line);
	text_clear(lines);
}

static bool take(void *context, size_t i, void *result, unsigned int worker)
{
	struct saved_scan *scan = context;
	struct piece *piece = result;
	(void)i;
	(void)worker;
	for (size_t n = 0; n < piece->bad_count; n++)
		note_bad_line(scan, &piece->bad[n]);
	scan->file_read += piece->read;
	scan->summary->other_lines += piece->others;
	scan->file_others += piece->others;
	scan->file_described |= piece->described;
	tell_lines(scan, &piece->failures);
	scan->line += piece->lines;
	for (size_t n = 0; !scan->enough && n < piece->count; n++)
		scan->enough = !hand_out(scan, &piece->rows[n]);
	piece_free(piece);
	return !scan->enough;
}

static size_t weight(const void *result)
{
	const struct piece *piece = result;
	return piece->capacity * sizeof(*piece->rows);
}

/* Cuts the block into pieces of whole lines. */
static void cut_block(struct saved_scan *scan)
{
	const struct rows_block *block = &scan->block;
	size_t at = 0;
	scan->pieces = 0;
	while (at < block->length) {
		*array_push(scan->starts, scan->pieces, scan->starts_capacity) = at;
		at += min_of((size_t)PIECE_SIZE, block->length - at) - 1;
		const char *newline = memchr(block->text + at, '\n', block->length - at);
		at = newline ? (size_t)(newline + 1 - block->text) : block->length;
	}
	size_t last = scan->pieces;
	*array_push(scan->starts, last, scan->starts_capacity) = at;
}

/* What became of a file, or of one in an archive, at its end. */
static void end_file(struct saved_scan *scan, const char *label)
{
	size_t bad = scan->file_bad;
	scan->summary->damaged_lines += bad;
	scan->file_bad = 0;
	if (scan->file_read || scan->file_described)
		tell_lines(scan, &scan->bad);
	else
		bad = 0;
	text_clear(&scan->bad);
	if (bad <= TOLD_MAX || !scan->events->warning)
		return;
	_cleanup_free_ char *sentence = alloc_printf(
		"%s: %zu lines are left out, the first %u were named", label, bad, TOLD_MAX);
	scan->events->warning(scan->events->context, sentence);
}

/* Hands out the rows of the block. */
static void take_block(struct saved_scan *scan)
{
	cut_block(scan);
	scan->line = scan->block.line;
	ordered_run(&(struct ordered_work){
		.count = scan->pieces,
		.threads = scan->options->scan->threads,
		.make = make,
		.take = take,
		.drop = piece_free,
		.weight = weight,
		.context = scan,
	});
}

/* Takes all blocks of a file. */
static struct error *take_file(struct saved_scan *scan, struct rows_file *file)
{
	const size_t size = (size_t)scan->options->scan->threads * PIECES_AHEAD * PIECE_SIZE;
	_cleanup_free_ char *label = NULL;
	while (!scan->enough) {
		uint64_t all, done;
		try_(rows_file_read(file, size, &scan->block));
		if (label && (scan->block.first || !scan->block.length))
			end_file(scan, label);
		if (!scan->block.length)
			break;
		if (scan->block.first) {
			scan->enough = !end_machine(scan);
			free(label);
			label = alloc_strdup(scan->block.label);
		}
		take_block(scan);
		done = rows_file_done(file, &all);
		if (all && scan->events->progress)
			scan->events->progress(scan->events->context, (size_t)done, (size_t)all);
	}
	return NULL;
}

/* A file without any rows: has it something else, or nothing? */
static struct error *check_rows(const struct saved_scan *scan, const char *path, bool *no_rows)
{
	*no_rows = false;
	if (scan->file_read || scan->file_described || scan->enough)
		return NULL;
	*no_rows = true;
	return error_new(
		"'%s' has no saved rows of modules, which -a -o jsonl writes: %s", path,
		scan->file_others ? "they are of processes, ranges or imports, or of "
				    "another program"
		: scan->summary->damaged_lines
			? "no line of it is one (jq -c makes lines of JSON in another layout)"
			: "it is empty");
}

struct error *saved_scan_file(struct saved_scan *scan, const char *path, bool *no_rows)
{
	_cleanup_rows_file_ struct rows_file *file = NULL;
	*no_rows = false;
	try_(rows_file_open(path, &file));
	scan->file_read = scan->file_others = 0;
	scan->file_described = false;
	struct error *error = take_file(scan, file);
	scan->enough |= !end_machine(scan);
	return error ? error : check_rows(scan, path, no_rows);
}

bool saved_scan_enough(const struct saved_scan *scan)
{
	return scan->enough;
}
