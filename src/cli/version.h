/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * --version: what this program was built with.
 */
#ifndef CLI_VERSION_H
#define CLI_VERSION_H

#include <stdio.h>

#include <impscan/error.h>

/*
 * Writes "impscan X", then a line for each library with its version, and one with the number of
 * shipped profiles. Fails when these can't be read.
 */
struct error *version_print(FILE *out);

#endif
