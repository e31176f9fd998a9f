/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * --version: what this program was built with.
 */
#ifndef CLI_VERSION_H
#define CLI_VERSION_H

#include <stdio.h>

#include <impscan/error.h>

/* "impscan X" on the first line, then a library or other part a line. */
struct error *version_print(FILE *out);

#endif
