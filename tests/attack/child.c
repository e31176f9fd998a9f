/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See child.h. */
#include "attack/child.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SANITIZER_EXIT	   99
#define SECONDS_OF_A_CLOCK 5

/* What a sanitizer finds ends in an exit code that impscan has not. */
const char *__asan_default_options(void);
const char *__ubsan_default_options(void);

const char *__asan_default_options(void)
{
	return "exitcode=99:allocator_may_return_null=1:max_allocation_size_mb=4096:"
	       "quarantine_size_mb=16:handle_abort=0:detect_stack_use_after_return=0";
}

const char *__ubsan_default_options(void)
{
	return "print_stacktrace=1";
}

static void limit(int what, unsigned int most)
{
	const struct rlimit limit = {most, most + 5};
	if (setrlimit((__rlimit_resource_t)what, &limit))
		_exit(SANITIZER_EXIT);
}

__attribute__((noreturn)) static void run(child_function *function, const char *const *arguments,
					  size_t count, const struct child_limits *limits, int err)
{
	char *argv[64] = {NULL};
	const int out = open("/dev/null", O_WRONLY | O_CLOEXEC);
	for (size_t i = 0; i < count; i++)
		argv[i] = strdup(arguments[i]);
	if (out < 0 || dup2(out, STDOUT_FILENO) < 0 || dup2(err, STDERR_FILENO) < 0)
		_exit(SANITIZER_EXIT);
	limit(RLIMIT_CPU, limits->seconds);
	const int result = function((int)count, argv);
	for (size_t i = 0; i < count; i++)
		free(argv[i]);
	exit(result);
}

static double now(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static double seconds_of(const struct timeval *time)
{
	return (double)time->tv_sec + (double)time->tv_usec / 1e6;
}

/* The exit status; a run that only waits is ended, which `late` says then. */
static int wait_for(pid_t pid, double end, bool *late, struct rusage *usage)
{
	int status;
	for (long pause = 100000;; pause = pause < 5000000 ? pause * 2 : pause) {
		const pid_t ended = wait4(pid, &status, WNOHANG, usage);
		if (ended == pid)
			return status;
		if (!*late && now() > end) {
			*late = true;
			kill(pid, SIGKILL);
		}
		nanosleep(&(struct timespec){.tv_nsec = pause}, NULL);
	}
}

static void read_said(int fd, char said[CHILD_SAID_MAX])
{
	const ssize_t n = pread(fd, said, CHILD_SAID_MAX - 1, 0);
	said[n > 0 ? n : 0] = 0;
}

/* Writes what is wrong, if anything. */
static void judge(int status, bool late, const struct child_limits *limits,
		  struct child_result *result)
{
	char *wrong = result->wrong;
	const size_t size = sizeof(result->wrong);
	const int code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	result->code = code;
	if (late)
		snprintf(wrong, size, "did not end");
	else if (WIFSIGNALED(status))
		snprintf(wrong, size, "ended by signal %d (%s)", WTERMSIG(status),
			 strsignal(WTERMSIG(status)));
	else if (strstr(result->said, "Sanitizer") || strstr(result->said, "runtime error:"))
		snprintf(wrong, size, "a sanitizer found something");
	else if (code > 2)
		snprintf(wrong, size, "exit code %d", code);
	else if (code == 2 && strncmp(result->said, "impscan: ", 9) != 0)
		snprintf(wrong, size, "an error without a sentence");
	else if (result->megabytes > limits->megabytes)
		snprintf(wrong, size, "%zu MB, more than %zu", result->megabytes,
			 limits->megabytes);
}

void child_run(child_function *function, const char *const *arguments, size_t count,
	       const struct child_limits *limits, struct child_result *result)
{
	struct rusage usage;
	bool late = false;
	const int err = memfd_create("stderr", MFD_CLOEXEC);
	*result = (struct child_result){.seconds = 0};
	fflush(NULL);
	const pid_t pid = err < 0 ? -1 : fork();
	if (pid < 0) {
		perror("can't start a run");
		exit(2);
	}
	if (!pid)
		run(function, arguments, count, limits, err);
	const int status =
		wait_for(pid, now() + SECONDS_OF_A_CLOCK * limits->seconds, &late, &usage);
	read_said(err, result->said);
	close(err);
	result->seconds = seconds_of(&usage.ru_utime) + seconds_of(&usage.ru_stime);
	result->megabytes = (size_t)usage.ru_maxrss / 1024;
	judge(status, late, limits, result);
}
