/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Rows that were saved as JSON lines (report.h), read back as values.
 *
 * Room: rows.
 */
#ifndef IMPSCAN_ROWS_READ_H
#define IMPSCAN_ROWS_READ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <impscan/error.h>
#include <impscan/rows.h>
#include <impscan/text.h>

/* What a line is. */
enum row_line {
	ROW_LINE_ROW,	      /* a module */
	ROW_LINE_DESCRIPTION, /* what an image is (--describe) */
	ROW_LINE_OTHER,	      /* an empty line, "[" or "]" of an array */
	ROW_LINE_NO_MODULE,   /* another object: a row of a process, a range, an import ... */
	ROW_LINE_DAMAGED,     /* no JSON, or no object, or a field of a row has another type */
};

/* A saved row. All zero to begin with; release it with saved_row_free(). */
struct saved_row {
	struct row row;	    /* its texts lie in the line, or in `others`; its list in `texts` */
	struct text others; /* row.others */
	struct text_list texts;
	/*
	 * Of a description: why the image could not be read, as a string of JSON without its quotes;
	 * NULL: it could be. Its image is row.image.
	 */
	const char *failure;
	size_t failure_length;
	const char
		*wrong; /* the field of a damaged line that has no value of its type; NULL: none */
};

void saved_row_free(struct saved_row *saved);
#define _cleanup_saved_row_ __attribute__((cleanup(saved_row_free)))

/*
 * Reads a line into `saved`, whatever was in it before.
 *
 * line: `length` bytes without the newline. They are changed, and hold the row's texts as long as
 *	it is needed.
 *
 * A field that is missing is as one that is null. Of two members of one name the last one counts.
 * Texts with a NUL have it as C0 80, those with half a surrogate pair have U+FFFD, as all texts of
 * rows have.
 */
enum row_line saved_row_read(struct saved_row *saved, char *line, size_t length);

/* The longest line; what is behind is left out, so that it is damaged. */
#define ROWS_LINE_MAX (16u << 20)

/* A file of saved rows, or all files in a compressed one or an archive (unpack.h). */
struct rows_file;

/*
 * Opens a file; "-": standard input. Fails where it can't be read or unpacked, and where it is
 * UTF-16 or an image.
 */
struct error *rows_file_open(const char *path, struct rows_file **ret);
void rows_file_free(struct rows_file *file);
DEFINE_CLEANUP(struct rows_file, rows_file_free)
#define _cleanup_rows_file_ _cleanup_(rows_file_free_p)

/* Whole lines of a file. */
struct rows_block {
	char *text; /* may be changed; each line ends with a newline */
	size_t length;
	size_t line;	   /* the number of the first one, from 1 */
	const char *label; /* the file, "hunt.zip!rows.jsonl" in an archive */
	bool first;	   /* they are the first of that file */
};

/*
 * Reads the next lines, about `size` bytes of them. They are valid until the next call. At the end
 * their length is 0. Fails where the file can't be read on.
 */
struct error *rows_file_read(struct rows_file *file, size_t size, struct rows_block *block);

/* How many bytes of the file, packed as it is, were read by now. `*all`: its size, 0: unknown. */
uint64_t rows_file_done(const struct rows_file *file, uint64_t *all);

#endif
