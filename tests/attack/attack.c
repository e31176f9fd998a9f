/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Runs impscan on mutants: written machines with damaged structures, and damaged files.
 *
 *	attack [OPTION]...
 *
 *	--first N	number of the first mutant (0); the same number is the same mutant, where the
 *			files are the same
 *	--files FOLDER	damage the files in it, beside machines
 *	--count N	so many mutants (1000)
 *	--seconds N	end after so many seconds
 *	--jobs N	so many at once (1)
 *	--target WORD	only targets with this in their name
 *	--limit N	CPU seconds of a mutant (120)
 *	--megabytes N	memory of a mutant (1536)
 *	--one N		mutant N alone, what is done to it and what impscan says of it
 *	--write FILE	with --one: write it there, and run nothing
 *	--planted	runs that crash, hang, lie: are they found? (A test of the program itself.)
 *
 * Exit: 0 nothing was found, 1 something was, 2 what can't be run. What is found is told with the
 * mutant's number, and the command that runs it alone.
 */
#include <dirent.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>
#include <impscan/cleanup.h>

#include "attack/child.h"
#include "attack/planted.h"
#include "attack/target.h"
#include "cli/cli.h"

#define TARGETS_MAX 1024
#define IN_A_ROW    16 /* mutants of a target, before the next one */

/* Of some kinds of targets there are many, like lists, which must not be most of what is tried. */
enum group {
	MACHINES,
	IMAGES,
	SAMPLES,
	LISTS,
	OTHERS,
	GROUPS,
};

struct attack {
	const char *program;
	uint64_t first, count, one;
	unsigned int seconds, jobs;
	const char *target, *write;
	struct child_limits limits;
	bool alone, planted;
	struct target targets[TARGETS_MAX];
	size_t target_count;
	size_t groups[GROUPS][TARGETS_MAX]; /* numbers of targets */
	size_t group_counts[GROUPS];
	const char *folder;
};

/* What all jobs count, in memory that they share. */
struct totals {
	uint64_t mutants, found, slowest, largest;
	uint64_t codes[3]; /* by exit code */
	double cpu, slowest_seconds;
	size_t largest_megabytes;
};

static struct random random_of(uint64_t number)
{
	struct random random = {number};
	random.state = random_next(&random); /* neighbours have nothing in common */
	return random;
}

static void print_command(const struct attack *attack, uint64_t number)
{
	printf("%s --one %llu", attack->program, (unsigned long long)number);
	if (attack->target)
		printf(" --target '%s'", attack->target);
	if (attack->folder)
		printf(" --files '%s'", attack->folder);
	printf("\n");
}

static enum group group_of(const struct target *target)
{
	static const char *const roles[GROUPS] = {"", "image.", "sample.", "list.", ""};
	if (!target->path)
		return MACHINES;
	for (enum group g = IMAGES; g < OTHERS; g++)
		if (!strncmp(target->name, roles[g], strlen(roles[g])))
			return g;
	return OTHERS;
}

/* Groups take turns, and in a group its targets. */
static size_t target_number(const struct attack *attack, uint64_t number)
{
	static const enum group turns[] = {MACHINES, IMAGES, MACHINES, SAMPLES,
					   MACHINES, IMAGES, LISTS,    OTHERS};
	const uint64_t turn = number / IN_A_ROW, round = turn / array_size(turns);
	enum group group = turns[turn % array_size(turns)];
	uint64_t before = 0, of_round = 0; /* turns of the same group */
	for (size_t i = 0; i < array_size(turns); i++) {
		of_round += turns[i] == group;
		before += turns[i] == group && i < turn % array_size(turns);
	}
	while (!attack->group_counts[group])
		group = (group + 1) % GROUPS;
	const uint64_t n = round * of_round + before;
	return attack->groups[group][n % attack->group_counts[group]];
}

static struct target *target_of(struct attack *attack, uint64_t number)
{
	struct target *target = &attack->targets[target_number(attack, number)];
	if (target->fd < 0)
		target->kind->make(target);
	return target;
}

static void arguments_of(const struct target *target, struct random *random, char path[64],
			 struct arguments_of_mutant *arguments)
{
	snprintf(path, 64, "/proc/self/fd/%d", target->fd);
	*arguments = (struct arguments_of_mutant){.count = 0};
	target_arguments(target, path, random, arguments);
}

static void run_mutant(struct attack *attack, uint64_t number, struct totals *totals)
{
	char path[64];
	struct arguments_of_mutant arguments;
	struct child_result result;
	struct random random = random_of(number);
	struct target *target = target_of(attack, number);
	arguments_of(target, &random, path, &arguments);
	target->kind->damage(target, &random, NULL);
	child_run(cli_main, arguments.items, arguments.count, &attack->limits, &result);
	target->kind->mend(target);
	totals->mutants++;
	if (result.code >= 0 && result.code < 3)
		totals->codes[result.code]++;
	totals->cpu += result.seconds;
	if (result.seconds > totals->slowest_seconds) {
		totals->slowest_seconds = result.seconds;
		totals->slowest = number;
	}
	if (result.megabytes > totals->largest_megabytes) {
		totals->largest_megabytes = result.megabytes;
		totals->largest = number;
	}
	if (!*result.wrong)
		return;
	totals->found++;
	printf("FOUND: mutant %llu, %s: %s after %.1f s\n%.3000s\n", (unsigned long long)number,
	       target->name, result.wrong, result.seconds, result.said);
	print_command(attack, number);
	fflush(stdout);
}

static void run_job(struct attack *attack, uint64_t job, struct totals *totals)
{
	struct timespec start, time;
	clock_gettime(CLOCK_MONOTONIC, &start);
	for (uint64_t i = job; i < attack->count; i += attack->jobs) {
		clock_gettime(CLOCK_MONOTONIC, &time);
		if (attack->seconds && time.tv_sec - start.tv_sec >= (time_t)attack->seconds)
			break;
		run_mutant(attack, attack->first + i, totals);
	}
}

static void add_totals(struct totals *sum, const struct totals *one)
{
	sum->mutants += one->mutants;
	sum->found += one->found;
	for (size_t i = 0; i < array_size(sum->codes); i++)
		sum->codes[i] += one->codes[i];
	sum->cpu += one->cpu;
	if (one->slowest_seconds > sum->slowest_seconds) {
		sum->slowest_seconds = one->slowest_seconds;
		sum->slowest = one->slowest;
	}
	if (one->largest_megabytes > sum->largest_megabytes) {
		sum->largest_megabytes = one->largest_megabytes;
		sum->largest = one->largest;
	}
}

static int tell_totals(const struct attack *attack, const struct totals *sum)
{
	printf("%llu mutants of %zu targets from number %llu on: %llu with rows, %llu without, "
	       "%llu refused; %.0f s of CPU, the slowest %llu (%.1f s), the largest %llu (%zu MB); "
	       "%llu found\n",
	       (unsigned long long)sum->mutants, attack->target_count,
	       (unsigned long long)attack->first, (unsigned long long)sum->codes[0],
	       (unsigned long long)sum->codes[1], (unsigned long long)sum->codes[2], sum->cpu,
	       (unsigned long long)sum->slowest, sum->slowest_seconds,
	       (unsigned long long)sum->largest, sum->largest_megabytes,
	       (unsigned long long)sum->found);
	return sum->found || !sum->mutants ? 1 : 0;
}

static int run_all(struct attack *attack)
{
	struct totals sum = {.mutants = 0};
	const size_t size = attack->jobs * sizeof(struct totals);
	struct totals *totals =
		mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int status, failed = 0;
	if (totals == MAP_FAILED)
		return 2;
	for (unsigned int job = 0; job < attack->jobs; job++) {
		fflush(NULL);
		const pid_t pid = fork();
		if (!pid) {
			run_job(attack, job, &totals[job]);
			fflush(NULL);
			_exit(0);
		}
		failed |= pid < 0;
	}
	while (wait(&status) > 0)
		failed |= status;
	for (unsigned int job = 0; job < attack->jobs; job++)
		add_totals(&sum, &totals[job]);
	munmap(totals, size);
	return failed ? 2 : tell_totals(attack, &sum);
}

/* The mutant as it stands in memory now. */
static int write_mutant(const struct target *target, const char *to)
{
	static uint8_t block[1 << 16];
	_cleanup_file_ FILE *file = fopen(to, "wbe");
	off_t at = 0;
	ssize_t n = 0;
	while (file && (n = pread(target->fd, block, sizeof(block), at)) > 0 &&
	       fwrite(block, 1, (size_t)n, file) == (size_t)n)
		at += n;
	if (!file || n || fflush(file)) {
		perror(to);
		return 2;
	}
	return 0;
}

static int run_one(struct attack *attack)
{
	char path[64];
	struct arguments_of_mutant arguments;
	struct child_result result;
	struct random random = random_of(attack->one);
	struct target *target = target_of(attack, attack->one);
	arguments_of(target, &random, path, &arguments);
	printf("%s\n", target->name);
	target->kind->damage(target, &random, stdout);
	for (size_t i = 0; i < arguments.count; i++)
		printf("%s ", attack->write && arguments.items[i] == path ? attack->write
									  : arguments.items[i]);
	printf("\n");
	if (attack->write)
		return write_mutant(target, attack->write);
	/* So that a sanitizer may start what knows names and lines. */
	arguments.items[arguments.count++] = "--no-sandbox";
	child_run(cli_main, arguments.items, arguments.count, &attack->limits, &result);
	printf("%s%s, %.1f s, %zu MB\n", result.said,
	       *result.wrong ? result.wrong : "nothing found", result.seconds, result.megabytes);
	return *result.wrong ? 1 : 0;
}

static uint64_t number_of(const char *text)
{
	char *end;
	errno = 0;
	const uint64_t number = strtoull(text, &end, 10);
	if (errno || *end || end == text) {
		fprintf(stderr, "attack: '%s' is no number\n", text);
		exit(2);
	}
	return number;
}

enum { FIRST = 256, COUNT, SECONDS, JOBS, TARGET, FILES, LIMIT, MEGABYTES, ONE, WRITE, PLANTED };

static void take_option(struct attack *attack, int option)
{
	switch (option) {
	case FIRST:
		attack->first = number_of(optarg);
		break;
	case COUNT:
		attack->count = number_of(optarg);
		break;
	case SECONDS:
		attack->seconds = (unsigned int)number_of(optarg);
		attack->count = UINT32_MAX;
		break;
	case JOBS:
		attack->jobs = (unsigned int)number_of(optarg);
		break;
	case TARGET:
		attack->target = optarg;
		break;
	case FILES:
		attack->folder = optarg;
		break;
	case LIMIT:
		attack->limits.seconds = (unsigned int)number_of(optarg);
		break;
	case MEGABYTES:
		attack->limits.megabytes = number_of(optarg);
		break;
	case ONE:
		attack->one = number_of(optarg);
		attack->alone = true;
		break;
	case WRITE:
		attack->write = optarg;
		break;
	case PLANTED:
		attack->planted = true;
		break;
	default:
		exit(2);
	}
}

static void read_options(struct attack *attack, int argc, char **argv)
{
	static const struct option options[] = {
		{"first", required_argument, NULL, FIRST},
		{"count", required_argument, NULL, COUNT},
		{"seconds", required_argument, NULL, SECONDS},
		{"jobs", required_argument, NULL, JOBS},
		{"target", required_argument, NULL, TARGET},
		{"files", required_argument, NULL, FILES},
		{"limit", required_argument, NULL, LIMIT},
		{"megabytes", required_argument, NULL, MEGABYTES},
		{"one", required_argument, NULL, ONE},
		{"write", required_argument, NULL, WRITE},
		{"planted", no_argument, NULL, PLANTED},
		{NULL, 0, NULL, 0},
	};
	for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;)
		take_option(attack, option);
	if (argv[optind] || !attack->jobs || !attack->limits.seconds) {
		fprintf(stderr, "attack: see tests/attack/attack.c for what it takes\n");
		exit(2);
	}
	optind = 0; /* for impscan's own */
}

static void add_target(struct attack *attack, const struct target *target)
{
	if (attack->target && !strstr(target->name, attack->target))
		return;
	if (attack->target_count == TARGETS_MAX) {
		fprintf(stderr, "attack: more than %d targets\n", TARGETS_MAX);
		exit(2);
	}
	const enum group group = group_of(target);
	attack->groups[group][attack->group_counts[group]++] = attack->target_count;
	attack->targets[attack->target_count++] = *target;
}

static int is_file(const struct dirent *entry)
{
	return entry->d_type == DT_REG;
}

/* In the order of their names, by which mutants are numbered. */
static void add_files(struct attack *attack)
{
	struct dirent **entries = NULL;
	const int count = scandir(attack->folder, &entries, is_file, alphasort);
	if (count < 0) {
		perror(attack->folder);
		exit(2);
	}
	for (int i = 0; i < count; i++) {
		/* Its path is kept as long as the target, which is as long as the program runs. */
		const struct target target =
			target_file(alloc_printf("%s/%s", attack->folder, entries[i]->d_name));
		add_target(attack, &target);
		free(entries[i]);
	}
	free(entries);
}

int main(int argc, char **argv)
{
	static struct attack attack = {
		.count = 1000,
		.jobs = 1,
		.limits = {.seconds = 120, .megabytes = 1536},
	};
	struct target target;
	attack.program = argv[0];
	read_options(&attack, argc, argv);
	if (attack.planted)
		return planted_run();
	for (size_t n = 0; target_machine(n, &target); n++)
		add_target(&attack, &target);
	if (attack.folder)
		add_files(&attack);
	if (!attack.target_count) {
		fprintf(stderr, "attack: no target has '%s' in its name\n", attack.target);
		return 2;
	}
	return attack.alone ? run_one(&attack) : run_all(&attack);
}
