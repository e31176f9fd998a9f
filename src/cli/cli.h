/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The command line: a thin user of libimpscan.
 */
#ifndef CLI_CLI_H
#define CLI_CLI_H

enum exit_code {
	EXIT_ROWS = 0,	/* rows were printed */
	EXIT_NONE = 1,	/* none were */
	EXIT_ERROR = 2, /* one sentence on standard error says why */
};

/* The program: takes the arguments of main() and returns an exit code. */
int cli_main(int argc, char **argv);

#endif
