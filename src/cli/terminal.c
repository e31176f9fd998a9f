/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the terminal is like, and whether it is to have colors.
 */
#include "cli/terminal.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <impscan/bytes.h>

struct error *color_parse(const char *text, enum color *color)
{
	static const char *const names[] = {"auto", "always", "never"};
	for (unsigned int i = 0; i < array_size(names); i++)
		if (!strcmp(text, names[i])) {
			*color = (enum color)i;
			return NULL;
		}
	return error_new("--color takes auto, always or never, not '%s'", text);
}

bool color_wanted(enum color color)
{
	const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");
	if (color != COLOR_AUTO)
		return color == COLOR_ALWAYS;
	return isatty(STDOUT_FILENO) && !(no_color && *no_color) && term &&
	       strcmp(term, "dumb") != 0;
}

int terminal_columns(int fd)
{
	struct winsize size;
	return isatty(fd) && !ioctl(fd, TIOCGWINSZ, &size) ? size.ws_col : 0;
}
