/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The command line: a thin user of libimpscan.
 *
 * Exit codes: 0 rows were printed, 1 none, 2 an error, with one sentence on standard error.
 */
#ifndef CLI_CLI_H
#define CLI_CLI_H

enum exit_code { EXIT_ROWS = 0, EXIT_NONE = 1, EXIT_ERROR = 2 };

int cli_main(int argc, char **argv);

#endif
