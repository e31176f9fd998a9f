/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The terminal that rows go to, if they go to one.
 */
#ifndef CLI_TERMINAL_H
#define CLI_TERMINAL_H

#include <stdbool.h>

#include <impscan/error.h>

/* --color */
enum color {
	COLOR_AUTO, /* on a terminal, unless NO_COLOR is set (no-color.org) or TERM is "dumb" */
	COLOR_ALWAYS,
	COLOR_NEVER,
};

/* Reads "auto", "always" or "never". */
struct error *color_parse(const char *text, enum color *color);

/* Are rows on standard output to be colored? */
bool color_wanted(enum color color);

/* Returns the columns of the terminal `fd`; 0: it is none, or does not say. */
int terminal_columns(int fd);

#endif
