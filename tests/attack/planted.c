/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Runs that crash, hang, grow, lie: a test of what judges the runs of mutants. */
#include "attack/planted.h"

#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>
#include <impscan/cleanup.h>
#include <impscan/sandbox.h>

#include "attack/child.h"

static int crash(int argc, char **argv)
{
	(void)argc, (void)argv;
	raise(SIGSEGV);
	return 0;
}

static int overflow(int argc, char **argv)
{
	_cleanup_free_ char *text = alloc_strdup(argv[0]);
	volatile size_t end = strlen(text) + 1;
	((volatile char *)text)[end] = (char)argc;
	return 0;
}

static int undefined(int argc, char **argv)
{
	volatile int n = INT32_MAX - 1;
	(void)argv;
	n += argc;
	return n == 0;
}

static int leak(int argc, char **argv)
{
	(void)argc;
	char *volatile lost = alloc_strdup(argv[0]);
	lost = NULL;
	return lost != NULL;
}

static int loop(int argc, char **argv)
{
	(void)argv;
	for (volatile int n = argc; n;)
		;
	return 0;
}

static int sleep_on(int argc, char **argv)
{
	(void)argc, (void)argv;
	pause();
	return 0;
}

static int grow(int argc, char **argv)
{
	(void)argc, (void)argv;
	_cleanup_free_ char *much = malloc((size_t)200 << 20);
	if (much)
		memset(much, 1, (size_t)200 << 20);
	return 0;
}

static int silent(int argc, char **argv)
{
	(void)argc, (void)argv;
	return 2;
}

static int odd(int argc, char **argv)
{
	(void)argc, (void)argv;
	return 3;
}

static int good(int argc, char **argv)
{
	(void)argc, (void)argv;
	fputs("impscan: a sentence\n", stderr);
	return 2;
}

int planted_run(void)
{
	static const struct {
		const char *name;
		child_function *function;
		bool right, sanitized;
	} planted[] = {
		{"crash", crash, false, false},
		{"overflow", overflow, false, true},
		{"undefined", undefined, false, true},
		{"leak", leak, false, true},
		{"loop", loop, false, false},
		{"sleep", sleep_on, false, false},
		{"grow", grow, false, false},
		{"silent", silent, false, false},
		{"odd", odd, false, false},
		{"good", good, true, false},
	};
	const char *arguments[] = {"impscan", "-q"};
	/* The memory that this process has is a part of what each of its children has. */
	struct rusage usage;
	getrusage(RUSAGE_SELF, &usage);
	const struct child_limits limits = {1, (size_t)usage.ru_maxrss / 1024 + 100};
	int failed = 0;
	for (size_t i = 0; i < array_size(planted); i++) {
		struct child_result result;
		if (planted[i].sanitized && !SANDBOX_SANITIZED)
			continue;
		child_run(planted[i].function, arguments, array_size(arguments), &limits, &result);
		const bool right = !*result.wrong;
		printf("%-10s %s\n", planted[i].name, right ? "nothing found" : result.wrong);
		if (right != planted[i].right) {
			printf("FAIL: %s\n", planted[i].name);
			failed = 1;
		}
	}
	return failed;
}
