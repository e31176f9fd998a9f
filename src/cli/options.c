/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Reading the command line: each option and its argument.
 */
#include "cli/options.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>
#include <impscan/image.h>
#include <impscan/module.h>
#include <impscan/tally.h>

#include "cli/option_check.h"

#define THREADS_MAX 256
#define SIZE_MOST   (UINT64_C(1) << 44) /* bytes */

static void add_argument(struct arguments *arguments, const char *argument)
{
	*array_push(arguments->items, arguments->count, arguments->capacity) = argument;
}

static struct error *parse_number(const char *what, const char *text, uint64_t least, uint64_t most,
				  uint64_t *number)
{
	char *end;
	errno = 0;
	unsigned long long value = strtoull(text, &end, 0);
	if (*text < '0' || *text > '9' || *end || errno || value < least || value > most)
		return error_new("%s '%s' is not a number from %llu to %llu", what, text,
				 (unsigned long long)least, (unsigned long long)most);
	*number = value;
	return NULL;
}

/* A size in `unit` bytes, or in those of the letter behind it. */
static struct error *parse_size(const char *option, const char *text, uint64_t unit, uint64_t *size)
{
	static const char letters[] = "KMGT";
	char *end;
	errno = 0;
	unsigned long long value = strtoull(text, &end, 0);
	const char *letter = *end ? strchr(letters, *end & ~0x20) : NULL;
	if (letter) {
		unit = UINT64_C(1) << 10 * (letter - letters + 1);
		end++;
	}
	if (*text < '0' || *text > '9' || *end || errno || !value || value > SIZE_MOST / unit)
		return error_new("%s '%s' is not a size up to 16T, such as 512M or 4G", option,
				 text);
	*size = value * unit;
	return NULL;
}

static struct error *parse_address(const char *what, const char *text, uint64_t *address)
{
	char *end;
	errno = 0;
	unsigned long long value = strtoull(text, &end, 0);
	if (*text < '0' || *text > '9' || *end || errno || !value)
		return error_new("%s '%s' is not an address (like 0x1aa000)", what, text);
	*address = value;
	return NULL;
}

static struct error *parse_pids(struct options *options, const char *text)
{
	_cleanup_free_ char *list = alloc_strdup(text);
	char *rest = list, *part;
	while ((part = strsep(&rest, ","))) {
		uint64_t pid = 0;
		try_(parse_number("PID", part, 0, UINT32_MAX, &pid));
		*array_push(options->pids, options->pid_count, options->pid_capacity) =
			(uint32_t)pid;
	}
	return NULL;
}

/* N=FILE: the number, and where the path begins. */
static struct error *parse_page_file(const char *text, struct placed *placed)
{
	char *end;
	placed->number = strtoul(text, &end, 10);
	if (*text < '0' || *text > '9' || *end != '=' || !end[1] || placed->number >= PAGE_FILES)
		return error_new("--pagefile '%s' is not of the form N=FILE, N from 0 to %d", text,
				 PAGE_FILES - 1);
	placed->text = end + 1;
	return NULL;
}

static struct error *parse_only(struct options *options, const char *text)
{
	_cleanup_free_ char *list = alloc_strdup(text);
	char *rest = list, *part;
	while ((part = strsep(&rest, ","))) {
		if (scan_only_add(&options->only, part))
			continue;
		_cleanup_text_ struct text flags = {0};
		for (size_t i = 0; i < MODULE_FLAG_COUNT; i++)
			text_add_format(&flags, ", %s", module_flag_names[i]);
		return error_new("--only does not know '%s'; it takes listed, injected, managed, "
				 "kernel, new%s",
				 part, text_string(&flags));
	}
	return NULL;
}

/* K/N */
static struct error *parse_part(struct options *options, const char *text)
{
	char *end;
	errno = 0;
	unsigned long part = strtoul(text, &end, 10), parts = 0;
	if (*text >= '0' && *text <= '9' && *end == '/' && end[1] >= '0' && end[1] <= '9')
		parts = strtoul(end + 1, &end, 10);
	if (!part || part > parts || parts > CLUSTER_PARTS_MAX || *end || errno)
		return error_new("--part '%s' is not of the form K/N, K from 1 to N and N to %u",
				 text, CLUSTER_PARTS_MAX);
	options->part = (uint32_t)part;
	options->parts = (uint32_t)parts;
	return NULL;
}

/* An option whose argument is more than a text. */
static struct error *parse(struct options *options, int key, const char *argument)
{
	uint64_t number = 0;
	switch (key) {
	case 'p':
		return parse_pids(options, argument);
	case 't':
		try_(parse_number("threshold", argument, 0, 100, &number));
		options->threshold = (int)number;
		return NULL;
	case OPTION_MIN_IMPORTS:
		try_(parse_number("number of imports", argument, 0, UINT32_MAX, &number));
		options->min_imports = (size_t)number;
		return NULL;
	case OPTION_ONLY:
		return parse_only(options, argument);
	case 'o':
		if (!report_form_named(argument, &options->form))
			return error_new(
				"'%s' is no output form: table, wide, csv, jsonl, json, misp or "
				"html",
				argument);
		return NULL;
	case OPTION_COLOR:
		return color_parse(argument, &options->color);
	case 'm':
		if (!*argument)
			return error_new("-m needs a part of a name, or an address (see --help)");
		options->only.module = argument;
		return NULL;
	case OPTION_PART:
		return parse_part(options, argument);
	case OPTION_BUILD:
		try_(parse_number("build", argument, 1, UINT32_MAX, &number));
		options->build = (uint32_t)number;
		return NULL;
	case OPTION_MEMORY:
		return parse_size("--memory", argument, 1u << 20, &options->memory);
	case OPTION_UNPACK:
		return parse_size("--unpack", argument, 1u << 30, &options->unpack_most);
	default: /* 'j' */
		try_(parse_number("number of threads", argument, 1, THREADS_MAX, &number));
		options->threads = (unsigned int)number;
		return NULL;
	}
}

static struct error *check_format(const char *name)
{
	_cleanup_text_ struct text names = {0};
	const char *known;
	for (size_t i = 0; (known = image_format_name(i)); i++) {
		if (!strcmp(known, name))
			return NULL;
		text_add_format(&names, "%s%s", i ? ", " : "", known);
	}
	return error_new("--format does not know '%s'; it takes %s", name, text_string(&names));
}

/* What belongs to an image, or is one: which that is counts when all are known. */
static struct error *place(struct options *options, int key, const char *argument)
{
	struct placed placed = {.key = key, .text = argument};
	if (key == OPTION_PAGEFILE)
		try_(parse_page_file(argument, &placed));
	else if (key == OPTION_DTB)
		try_(parse_address("--dtb", argument, &placed.number));
	else if (key == OPTION_KERNEL)
		try_(parse_address("--kernel", argument, &placed.number));
	else if (key == OPTION_FORMAT)
		try_(check_format(argument));
	else if (key == OPTION_LABEL && !*argument)
		return error_new("--label needs a name (see --help)");
	*array_push(options->placed, options->placed_count, options->placed_capacity) = placed;
	return NULL;
}

/* An image that is forgotten to be one by what follows. */
static void note_before_samples(struct options *options)
{
	for (size_t i = 0; i < options->placed_count && !options->before_samples; i++)
		if (options->placed[i].key == PLACED_ALONE)
			options->before_samples = options->placed[i].text;
}

static struct error *take(struct options *options, const struct option_row *row,
			  const char *argument)
{
	void *member = (char *)options + row->offset;
	switch (row->type) {
	case OPTION_SETS:
		*(bool *)member = true;
		return NULL;
	case OPTION_TAKES:
		*(const char **)member = argument;
		return NULL;
	case OPTION_ADDS:
		if (row->key == 'e' && !options->samples.count)
			note_before_samples(options);
		add_argument(member, argument);
		return NULL;
	case OPTION_PLACED:
		return place(options, row->key, argument);
	case OPTION_PARSED:
		break;
	}
	return parse(options, row->key, argument);
}

/* What getopt_long() found wrong, as a sentence. */
static struct error *complaint(int result, char **argv, int index)
{
	const char *given = index > 0 ? argv[index - 1] : "";
	if (optopt && optopt < 256 && strncmp(given, "--", 2) != 0)
		return error_new(result == ':' ? "option -%c needs an argument (see --help)"
					       : "there is no option -%c (see --help)",
				 optopt);
	if (result == ':')
		return error_new("option %s needs an argument (see --help)", given);
	return error_new("option %s is not known, not unique, or takes no argument (see --help)",
			 given);
}

/* Long options are not to be abbreviated: what is unique today is not when there are more. */
static struct error *check_long(const char *given, const struct option_row *row)
{
	size_t length = strcspn(given, "=") - 2;
	if (length == strlen(row->name))
		return NULL;
	return error_new("there is no option %.*s; did you mean --%s?", (int)length + 2, given,
			 row->name);
}

/* Where getopt_long() found the option that it has just returned: "--name", maybe with "=...". */
static const char *given_long(char **argv)
{
	return argv[optarg && optarg == argv[optind - 1] ? optind - 2 : optind - 1];
}

static size_t row_of(int key)
{
	size_t i = 0;
	while (i < OPTION_COUNT - 1 && option_table[i].key != key)
		i++;
	return i;
}

static struct error *take_all(struct options *options, int argc, char **argv, bool *given)
{
	struct option longs[OPTION_COUNT + 1] = {0};
	/* What stands alone is handed out in its place ("-"), as option PLACED_ALONE. */
	char shorts[OPTION_COUNT * 2 + 3] = "-:";
	for (size_t i = 0; i < OPTION_COUNT; i++) {
		longs[i].name = option_table[i].name;
		longs[i].has_arg = option_table[i].argument ? required_argument : no_argument;
		longs[i].val = option_table[i].key;
		if (option_table[i].key < 256) {
			char letter[3] = {(char)option_table[i].key,
					  option_table[i].argument ? ':' : '\0'};
			strcat(shorts, letter);
		}
	}
	opterr = 0;
	optind = 1;
	for (;;) {
		int index = -1, key = getopt_long(argc, argv, shorts, longs, &index);
		if (key == -1)
			break;
		if (key == '?' || key == ':')
			return complaint(key, argv, optind);
		if (key == PLACED_ALONE) {
			try_(place(options, key, optarg));
			continue;
		}
		size_t row = row_of(key);
		char name[32];
		if (index >= 0)
			try_(check_long(given_long(argv), &option_table[row]));
		if (given[row] && !option_table[row].many)
			return error_new("%s is given twice",
					 option_name(&option_table[row], name));
		given[row] = true;
		try_(take(options, &option_table[row], optarg));
	}
	for (int i = optind; i < argc; i++)
		try_(place(options, PLACED_ALONE, argv[i]));
	return NULL;
}

/*
 * What stands alone is a sample where there is -e, more rows where there is -r, and else an image.
 */
static void sort_out(struct options *options, bool *given)
{
	bool samples = options->samples.count, rows = options->rows.count;
	for (size_t i = 0; i < options->placed_count; i++) {
		struct placed *placed = &options->placed[i];
		if (placed->key == PLACED_ALONE && samples)
			add_argument(&options->samples, placed->text);
		else if (placed->key == PLACED_ALONE && rows)
			add_argument(&options->rows, placed->text);
		else if (placed->key == PLACED_ALONE)
			placed->key = 'f';
		if (placed->key != 'f')
			continue;
		given[row_of('f')] = true;
		*array_push(options->images, options->image_count, options->image_capacity) =
			(struct evidence){.path = placed->text};
	}
}

struct error *options_parse(struct options *options, int argc, char **argv)
{
	bool given[OPTION_COUNT] = {0};
	long processors = min_of(sysconf(_SC_NPROCESSORS_ONLN), (long)THREADS_MAX);
	*options = (struct options){
		.threshold = -1,
		.threads = processors > 0 ? (unsigned int)processors : 1,
	};
	try_(take_all(options, argc, argv, given));
	sort_out(options, given);
	return options_check(options, given);
}

void options_free(struct options *options)
{
	for (size_t i = 0; i < options->found_count; i++)
		free(options->found[i]);
	free(options->found);
	for (size_t i = 0; i < options->image_count; i++)
		source_close(options->images[i].archive);
	free(options->images);
	free(options->placed);
	free(options->rows.items);
	free(options->image_globs.items);
	free(options->samples.items);
	free(options->lists.items);
	free(options->hashes.items);
	free(options->good.items);
	free(options->joined.items);
	free(options->profile_directories.items);
	free(options->pids);
}
