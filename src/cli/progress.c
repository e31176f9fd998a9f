/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What is written to standard error while a run goes on.
 */
#include "cli/progress.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <impscan/text.h>

#define BAR_WIDTH 40

void progress_init(struct progress *progress, bool quiet, const char *what)
{
	*progress = (struct progress){
		.bar = !quiet && isatty(STDERR_FILENO),
		.quiet = quiet,
		.what = what,
		.image = progress->image,
	};
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
	size_t filled = total ? done * BAR_WIDTH / total : 0;
	char bar[BAR_WIDTH + 1];
	for (size_t i = 0; i < BAR_WIDTH; i++)
		bar[i] = i < filled ? '#' : '.';
	bar[BAR_WIDTH] = '\0';
	_cleanup_text_ struct text of = {0};
	if (progress->image) {
		text_add_string(&of, " of ");
		text_add_printable(&of, progress->image);
	}
	fprintf(stderr, "\r[%s] %zu/%zu %s%s\x1b[K", bar, done, total, progress->what,
		text_string(&of));
	fflush(stderr);
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

/* A line that begins with "impscan: ", and "warning: " where it is one. */
static void print_line(struct progress *progress, const char *kind, const char *sentence,
		       int length)
{
	if (progress->quiet)
		return;
	progress_hide(progress);
	fprintf(stderr, "impscan: %s%.*s\n", kind, length, sentence);
}

/* Makes the sentence fit to print, and names the image. */
static void print_of_image(struct progress *progress, const char *kind, const char *sentence)
{
	_cleanup_text_ struct text text = {0};
	if (progress->image) {
		text_add_printable(&text, progress->image);
		text_add_string(&text, ": ");
	}
	text_add_printable(&text, sentence);
	print_line(progress, kind, text_string(&text), (int)text.length);
}

void progress_note(struct progress *progress, const char *sentence)
{
	print_of_image(progress, "", sentence);
}

void progress_warning(struct progress *progress, const char *sentence)
{
	print_of_image(progress, "warning: ", sentence);
}

void progress_lines(struct progress *progress, const char *lines)
{
	while (*lines) {
		size_t length = strcspn(lines, "\n");
		if (length)
			print_line(progress, "warning: ", lines, (int)length);
		lines += length;
		lines += *lines == '\n';
	}
}
