/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the programs that other programs are compared with have in common. */
#ifndef LINES_H
#define LINES_H

#include <stdbool.h>
#include <stdio.h>

#include <impscan/cleanup.h>

/* Calls `take` for each line of standard input, without its newline. False if one was false. */
static bool each_line(bool (*take)(void *context, const char *line), void *context)
{
	_cleanup_free_ char *line = NULL;
	size_t capacity = 0;
	ssize_t length;
	bool good = true;
	while ((length = getline(&line, &capacity, stdin)) > 0) {
		if (line[length - 1] == '\n')
			line[length - 1] = '\0';
		good &= take(context, line);
	}
	return good;
}

#endif
