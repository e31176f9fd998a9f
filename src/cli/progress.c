/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What is written to standard error while a run goes on.
 */
#include "cli/progress.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>
#include <impscan/text.h>

#include "cli/terminal.h"

/* Columns of the bar; on a narrow terminal it has fewer. */
#define BAR_WIDTH 40
#define BAR_LEAST 10

void progress_init(struct progress *progress, bool quiet, const char *what)
{
	*progress = (struct progress){
		.bar = !quiet && isatty(STDERR_FILENO),
		.quiet = quiet,
		.what = what,
		.image = progress->image,
		.kept = progress->kept,
		.told = progress->told,
		.context = progress->context,
	};
}

static void tell(const struct progress *progress, const char *kind, const char *sentence)
{
	if (progress->told)
		progress->told(progress->context, kind, sentence);
}

/*
 * What is counted, and of which image, in a line that leaves room for a bar: a line that the
 * terminal breaks can't be taken away again. The image's path is cut to its last part, or left out.
 */
static void add_words(struct text *words, const struct progress *progress, size_t done,
		      size_t total, int room)
{
	const char *names[] = {progress->image,
			       progress->image ? text_base_name(progress->image) : NULL, NULL};
	for (size_t i = 0; i < array_size(names); i++) {
		text_clear(words);
		text_add_format(words, "%zu/%zu %s", done, total, progress->what);
		if (names[i]) {
			text_add_string(words, " of ");
			text_add_printable(words, names[i]);
		}
		if ((int)text_width(text_string(words)) + BAR_LEAST <= room)
			return;
	}
}

static void print_bar(const struct progress *progress, size_t done, size_t total)
{
	_cleanup_text_ struct text words = {0};
	char bar[BAR_WIDTH + 1];
	int columns = terminal_columns(STDERR_FILENO);
	int room = (columns ? columns : 80) - 4; /* brackets, a blank, the last column */
	add_words(&words, progress, done, total, room);
	int free = max_of(room - (int)text_width(text_string(&words)), 0);
	size_t width = min_of((size_t)free, (size_t)BAR_WIDTH);
	size_t filled = total ? done * width / total : 0;
	for (size_t i = 0; i < width; i++)
		bar[i] = i < filled ? '#' : '.';
	bar[width] = '\0';
	fprintf(stderr, "\r[%s] %s\x1b[K", bar, text_string(&words));
	fflush(stderr);
}

void progress_show(struct progress *progress, size_t done, size_t total)
{
	if (!progress->bar)
		return;
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	double since = (double)(now.tv_sec - progress->last.tv_sec) +
		       (double)(now.tv_nsec - progress->last.tv_nsec) / 1e9;
	if (done == total) {
		progress_hide(progress);
		return;
	}
	if (since < 0.1)
		return;
	progress->last = now;
	print_bar(progress, done, total);
	progress->shown = true;
}

void progress_hide(struct progress *progress)
{
	if (!progress->shown)
		return;
	fputs("\r\x1b[K", stderr);
	fflush(stderr);
	progress->shown = false;
}

/* A line that begins with "impscan: ", and "warning: " or "error: " where it is one. */
static void print_line(struct progress *progress, const char *kind, const char *sentence,
		       int length)
{
	progress_hide(progress);
	fprintf(stderr, "impscan: %s%.*s\n", kind, length, sentence);
}

/* Does the sentence name the image by itself, in one of the two ways that they have? */
static bool names_image(const char *sentence, const char *image)
{
	_cleanup_text_ struct text quoted = {0}, first = {0};
	text_add_format(&quoted, "'%s'", image);
	text_add_format(&first, "%s: ", image);
	return strstr(sentence, text_string(&quoted)) ||
	       !strncmp(sentence, text_string(&first), first.length);
}

/* Makes the sentence fit to print, and names the image. */
static void print_of_image(struct progress *progress, const char *kind, const char *sentence)
{
	_cleanup_text_ struct text text = {0};
	if (progress->image && !names_image(sentence, progress->image)) {
		text_add_printable(&text, progress->image);
		text_add_string(&text, ": ");
	}
	text_add_printable(&text, sentence);
	print_line(progress, kind, text_string(&text), (int)text.length);
}

void progress_note(struct progress *progress, const char *sentence)
{
	if (!progress->quiet)
		print_of_image(progress, "", sentence);
}

void progress_warning(struct progress *progress, const char *sentence)
{
	tell(progress, "warning", sentence);
	if (progress->kept)
		text_list_add(progress->kept, alloc_strdup(sentence));
	if (!progress->quiet)
		print_of_image(progress, "warning: ", sentence);
}

void progress_error(struct progress *progress, const char *sentence)
{
	tell(progress, "error", sentence);
	print_of_image(progress, "error: ", sentence);
}

void progress_lines(struct progress *progress, const char *lines)
{
	while (*lines) {
		size_t length = strcspn(lines, "\n");
		_cleanup_text_ struct text line = {0};
		text_add(&line, lines, length);
		if (length)
			tell(progress, "warning", text_string(&line));
		if (length && !progress->quiet)
			print_line(progress, "warning: ", lines, (int)length);
		lines += length;
		lines += *lines == '\n';
	}
}
