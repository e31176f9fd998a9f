/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One run of impscan in a process of its own, under limits: forked, as starting the program anew would
 * cost more than most mutants do.
 */
#ifndef ATTACK_CHILD_H
#define ATTACK_CHILD_H

#include <stdbool.h>
#include <stddef.h>

#define CHILD_SAID_MAX 8192

struct child_limits {
	unsigned int seconds; /* of CPU; of the clock, five times as many */
	size_t megabytes;     /* resident, the image's pages included */
};

struct child_result {
	int code;		   /* its exit code; -1: it was ended */
	char wrong[128];	   /* what is wrong with the run; empty: nothing */
	char said[CHILD_SAID_MAX]; /* the beginning of its standard error */
	double seconds;		   /* of CPU */
	size_t megabytes;
};

typedef int child_function(int argc, char **argv);

/*
 * Runs `function` with arguments, its standard output thrown away. What is right: exit codes 0 and 1,
 * and 2 with a sentence on standard error; no word of a sanitizer, no signal, all within the limits.
 */
void child_run(child_function *function, const char *const *arguments, size_t count,
	       const struct child_limits *limits, struct child_result *result);

#endif
