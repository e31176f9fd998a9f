/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What impscan is asked for of a mutant. */
#include "attack/target.h"

#include <string.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>

#define NO_HASH "11111111111111111111111111111111"

/* Listings and searches of an image, a word each. */
static const char *const of_images[][4] = {
	{"-a"},
	{"-a"},
	{"-a", "-F"},
	{"-a", "--deep", "-j3"},
	{"--regions"},
	{"--imports"},
	{"--processes", "-j2"},
	{"--info"},
	{"-s", NO_HASH},
	{"-a", "--describe"},
	{"--infer", "-a"},
	{"-a", "--only", "injected"},
};

/* Of files of other roles, where "%" stands for the file. */
static const struct {
	const char *role, *items[5];
} of_files[] = {
	{"list", {"-r", "/dev/null", "-i", "%"}},
	{"good", {"-r", "/dev/null", "-a", "-k", "%"}},
	{"sample", {"-e", "%", "-o", "csv"}},
	{"rows", {"-r", "%", "-a"}},
	{"rows", {"-r", "%", "-s", NO_HASH}},
	{"profile", {"--list-profiles", "--profile", "%"}},
	{"symbols", {"--import-symbols", "%"}},
};

static void add(struct arguments_of_mutant *arguments, const char *const *items, size_t most,
		const char *path)
{
	for (size_t i = 0; i < most && items[i]; i++)
		arguments->items[arguments->count++] = strcmp(items[i], "%") ? items[i] : path;
}

static bool has_role(const struct target *target, const char *role)
{
	const size_t length = strlen(role);
	return target->path && !strncmp(target->name, role, length) && target->name[length] == '.';
}

void target_arguments(const struct target *target, const char *path, struct random *random,
		      struct arguments_of_mutant *arguments)
{
	size_t fitting[array_size(of_files)], count = 0;
	for (size_t i = 0; i < array_size(of_files); i++)
		if (has_role(target, of_files[i].role))
			fitting[count++] = i;
	add(arguments, (const char *const[]){"impscan", "-q"}, 2, path);
	if (count) {
		const size_t chosen = fitting[random_below(random, count)];
		add(arguments, of_files[chosen].items, array_size(of_files[chosen].items), path);
		return;
	}
	const size_t chosen = random_below(random, array_size(of_images));
	add(arguments, (const char *const[]){"-o", "jsonl", "-f", "%"}, 4, path);
	add(arguments, of_images[chosen], array_size(of_images[chosen]), path);
}
