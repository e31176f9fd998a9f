/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * mkgo OPTION... FILE: a program as Go makes it, of the functions named on standard input, one a
 * line.
 *
 *	--version 1.2|1.16|1.18|1.20	of the table
 *	--x86				a 32-bit program
 *	--place rdata|text|data		where the table is
 *	--base ADDRESS			ImageBase, in hexadecimal
 *	--no-moduledata			without a description of the module
 *	--build-info pointers|inline	of go1.19.8 and example.org/written
 *	--magic				the table's magic is another one
 *	--wipe				the table's header is all zero
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <writer/go_program.h>
#include <writer/util.h>

#define NAMES_MAX 100000

static const char *names[NAMES_MAX];

static size_t read_names(void)
{
	static char line[1 << 16];
	size_t count = 0;
	while (count < NAMES_MAX && fgets(line, sizeof(line), stdin)) {
		line[strcspn(line, "\n")] = '\0';
		names[count++] = util_strdup(line);
	}
	return count;
}

/* The number of an option's value among those that it may have. */
static size_t choice(const char *value, const char *const *values, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!strcmp(value, values[i]))
			return i;
	util_die("'%s' is no value of this option", value);
}

static enum go_version version_of(const char *value)
{
	static const enum go_version versions[] = {GO_1_2, GO_1_16, GO_1_18, GO_1_20};
	return versions[choice(value, (const char *[]){"1.2", "1.16", "1.18", "1.20"}, 4)];
}

/* Takes an option that has a value. */
static void take(struct go_plan *plan, const char *option, const char *value)
{
	if (!strcmp(option, "--version"))
		plan->version = version_of(value);
	else if (!strcmp(option, "--place"))
		plan->place =
			(enum go_place)choice(value, (const char *[]){"rdata", "text", "data"}, 3);
	else if (!strcmp(option, "--base"))
		plan->base = strtoull(value, NULL, 16);
	else if (!strcmp(option, "--build-info"))
		plan->build_info = (enum go_build_info)(
			1 + choice(value, (const char *[]){"pointers", "inline"}, 2));
	else
		util_die("unknown option %s", option);
}

int main(int argc, char **argv)
{
	struct go_plan plan = {
		.version = GO_1_20,
		.plus = true,
		.base = 0x400000,
		.names = names,
		.go_version = "go1.19.8",
		.lines = "path\texample.org/written/cmd\nmod\texample.org/written\t(devel)\t\n",
	};
	bool magic = false, wipe = false;
	for (int i = 1; i < argc - 1; i++) {
		if (!strcmp(argv[i], "--x86"))
			plan.plus = false;
		else if (!strcmp(argv[i], "--no-moduledata"))
			plan.no_moduledata = true;
		else if (!strcmp(argv[i], "--magic"))
			magic = true;
		else if (!strcmp(argv[i], "--wipe"))
			wipe = true;
		else if (i + 1 < argc - 1) {
			take(&plan, argv[i], argv[i + 1]);
			i++;
		} else
			util_die("%s: a value is missing", argv[i]);
	}
	if (argc < 2)
		util_die("mkgo OPTION... FILE");
	struct go_program_file file;
	plan.count = read_names();
	go_program_write(&plan, &file);
	if (magic)
		util_put(file.data + file.table, 0x12345678, 4);
	if (wipe)
		memset(file.data + file.table, 0, file.header_size);
	util_write_file(argv[argc - 1], file.data, file.size);
	free(file.data);
	for (size_t i = 0; i < plan.count; i++)
		free((void *)(uintptr_t)names[i]);
	return 0;
}
