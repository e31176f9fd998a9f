/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Does what was asked for make sense?
 */
#ifndef CLI_OPTION_CHECK_H
#define CLI_OPTION_CHECK_H

#include "cli/option_table.h"
#include "cli/options.h"

/*
 * Chooses what the run is for and the image. Fails on options that contradict each other, that
 * change nothing in such a run, or that leave nothing to do. given[i]: option_table[i] was on the
 * command line.
 */
struct error *options_check(struct options *options, const bool given[OPTION_COUNT]);

#endif
