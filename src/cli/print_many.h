/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Runs that count rows instead of printing each: --stack and --cluster.
 */
#ifndef CLI_PRINT_MANY_H
#define CLI_PRINT_MANY_H

#include "cli/output.h"

struct known;

/* Makes output->tally where the run counts rows. */
void begin_many(struct output *output);

/*
 * Prints what the rows came to that were counted, where output->tally is set, and releases it.
 * `known`: hashes of which the nearest to each cluster is named; NULL: none. Fails when something
 * can't be written, or a part can't be joined.
 */
struct error *print_many(const struct known *known, struct output *output);

#endif
