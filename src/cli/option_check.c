/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a run is for, by its options, and whether they make sense together.
 */
#include "cli/option_check.h"

#include <stdlib.h>
#include <string.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>
#include <impscan/module.h>

#include "cli/image_folder.h"

#define CLUSTER_THRESHOLD 70

bool options_search(const struct options *options)
{
	return options->samples.count || options->lists.count || options->hashes.count;
}

/* Which things are to be printed, of those that an option of their own asks for. */
static unsigned int asked_for(const struct options *options)
{
	unsigned int modes = 0;
	modes |= options->all ? MODE_LIST : 0;
	/* What a baseline does not have is a listing by itself. */
	if (options->only.fresh && options->good.count && !options_search(options) &&
	    !options->regions && !options->imports && !options->processes && !options->stack &&
	    !options->cluster)
		modes |= MODE_LIST;
	/* Clusters name the nearest of known hashes. */
	modes |= options_search(options) && !options->print_hashes && !options->cluster
			 ? MODE_SEARCH
			 : 0;
	modes |= options->print_hashes ? MODE_HASHES : 0;
	modes |= options->regions ? MODE_REGIONS : 0;
	modes |= options->processes ? MODE_PROCESSES : 0;
	modes |= options->imports ? MODE_IMPORTS : 0;
	modes |= options->info ? MODE_INFO : 0;
	modes |= options->list_profiles ? MODE_PROFILES : 0;
	modes |= options->import_symbols ? MODE_SYMBOLS : 0;
	if (options->stack)
		modes |= options->rows.count ? MODE_SAVED_STACK : MODE_STACK;
	if (options->cluster)
		modes |= options->rows.count ? MODE_SAVED_CLUSTER : MODE_CLUSTER;
	if (options->rows.count && modes & MODE_LIST)
		modes ^= MODE_LIST | MODE_SAVED_LIST;
	if (options->rows.count && modes & MODE_SEARCH)
		modes ^= MODE_SEARCH | MODE_SAVED_SEARCH;
	return modes;
}

/*
 * Options that change nothing in these modes. Often that is since an image was taken for a sample:
 * `before_samples`.
 */
static struct error *check_uses(unsigned int modes, const bool *given, const char *before_samples)
{
	for (size_t i = 0; i < OPTION_COUNT; i++) {
		char name[32];
		if (!given[i] || option_table[i].modes & modes)
			continue;
		_cleanup_text_ struct text good = {0};
		for (unsigned int rest = option_table[i].modes; rest; rest &= rest - 1) {
			unsigned int others = rest & (rest - 1);
			text_add_format(&good, "%s%s", mode_name(rest),
					!others			? ""
					: others & (others - 1) ? ", "
								: " and ");
		}
		return error_new("%s changes nothing for %s; it goes with %s (see --help)%s%s",
				 option_name(&option_table[i], name), mode_name(modes),
				 text_string(&good),
				 before_samples ? "; with -e what stands alone is a sample: is it "
						  "meant to be -f "
						: "",
				 before_samples ? before_samples : "");
	}
	return NULL;
}

static struct error *no_image(void)
{
	return error_new("no image given: use -f IMAGE or set IMPSCAN_IMAGE (see --help)");
}

/* The images, from the command line or else from the environment, and what belongs to them. */
static struct error *choose_images(struct options *options, unsigned int modes)
{
	const char *environment = getenv("IMPSCAN_IMAGE");
	if (options->rows.count && options->image_count)
		return error_new("an image, '%s', and saved rows (-r) are given: one at a time",
				 options->images[0].path);
	if (!options->image_count && environment && *environment && !options->rows.count &&
	    !(modes & (MODE_HASHES | MODE_PROFILES | MODE_SYMBOLS))) {
		*array_push(options->images, options->image_count, options->image_capacity) =
			(struct evidence){.path = environment};
		options->from_environment = true;
	}
	try_(evidence_assign(options->images, options->image_count, options->placed,
			     options->placed_count));
	image_folders_expand(options);
	evidence_leave_out_parts(options->images, &options->image_count);
	evidence_leave_out_beside(options->images, &options->image_count);
	return NULL;
}

/* What the run is for; an error where that is nothing, or several things at once. */
static struct error *choose_mode(const struct options *options, unsigned int *ret)
{
	unsigned int modes = asked_for(options);
	const unsigned int modules = modes & (MODES_MODULES | MODES_SAVED);
	unsigned int groups = modes ^ modules ^ (modules & -modules);
	if (groups & (groups - 1))
		return error_new("%s and %s are two things to print: one at a time",
				 mode_name(groups), mode_name(groups & (groups - 1)));
	if (modes == MODE_HASHES && !options->samples.count)
		return error_new("--print-hashes prints the hashes of files: name them with -e");
	if (modes == MODE_SEARCH && !options->image_count && !options->lists.count &&
	    !options->hashes.count)
		modes = MODE_HASHES;
	if (!modes && options->profile_out)
		modes = MODE_LAYOUT;
	if (options->only.fresh && !options->good.count)
		return error_new("--only new shows what -k does not know: name what is known to be "
				 "good with -k");
	if (!modes && (options->image_count || options->rows.count) && options->good.count)
		return error_new(
			"-k leaves rows out, and says nothing of what to print: add --only "
			"new to list the modules that it does not know, or -a, or a search "
			"(see --help)");
	if (!modes && options->rows.count)
		return error_new("nothing to do with the saved rows: give -a to list them, -e, -i "
				 "or -s to search them, --stack or --cluster (see --help)");
	if (!modes && options->image_count)
		return error_new(
			"nothing to do with the image: give -a to list its modules, -e, "
			"-i or -s to search them, --regions, --processes, --imports or --info (see "
			"--help)");
	if (!modes)
		return error_new("nothing to do: give an image with -f, and -a, -e, -i or -s (see "
				 "--help)");
	*ret = modes;
	return NULL;
}

/* The same of clusters. */
static struct error *check_cluster(const struct options *options)
{
	if (options->part && options->joined.count)
		return error_new("--part finds what --join joins: one at a time");
	if (options->graph && !*options->graph)
		return error_new("--graph needs the name of a folder (see --help)");
	if (options->graph && (options->part || options->joined.count))
		return error_new("--graph needs all pairs of alike hashes, which %s does not have: "
				 "make it without",
				 options->part ? "--part" : "--join");
	if (options->part && options_search(options))
		return error_new("-e, -i and -s change nothing for --part: give them with --join");
	if (options->part && options->form != REPORT_TABLE && options->form != REPORT_JSONL)
		return error_new("--part writes JSON lines, and no other form");
	return NULL;
}

/* Values that contradict each other, or leave nothing. */
static struct error *check_values(const struct options *options)
{
	size_t standard_inputs = 0;
	try_(check_cluster(options));
	if (options->infer && options->profile)
		return error_new("--infer and --profile contradict each other");
	if (options->quiet && options->verbose)
		return error_new("-q and -v contradict each other");
	if (options->profile_out && options->image_count > 1)
		return error_new("--profile-out writes the layout of one image, and %zu are given",
				 options->image_count);
	if (options->dump && !*options->dump)
		return error_new("-d needs the name of a folder (see --help)");
	if (options->fast &&
	    options->only.flags & (MODULE_HOOKED | MODULE_HOOK_TARGET | MODULE_NO_HEADER))
		return error_new("-F does not look for what is hooked, where hooks lead, or what "
				 "has no header, which --only asks for: leave one of them out");
	for (size_t i = 0; i < options->image_count; i++)
		standard_inputs += !strcmp(options->images[i].path, "-");
	for (size_t i = 0; i < options->rows.count; i++)
		standard_inputs += !strcmp(options->rows.items[i], "-");
	for (size_t i = 0; i < options->lists.count; i++)
		standard_inputs += !strcmp(options->lists.items[i], "-");
	if (standard_inputs > 1)
		return error_new("standard input (-) is given twice, and can be read once");
	return NULL;
}

struct error *options_check(struct options *options, const bool given[OPTION_COUNT])
{
	unsigned int modes = asked_for(options);
	if (options->help || options->version)
		return NULL;
	try_(choose_images(options, modes));
	/* What belongs to an image asks for one before it asks for something to do. */
	if (!modes && !options->image_count && (options->infer || options->profile_out))
		return no_image();
	try_(choose_mode(options, &modes));
	try_(check_uses(modes, given, options->before_samples));
	if (modes & MODES_IMAGE && !options->image_count)
		return no_image();
	if (options->form == REPORT_MISP && !(modes & (MODES_MODULES | MODES_SAVED)))
		return error_new("-o misp is of modules: it goes with -a and a search, not with %s",
				 mode_name(modes));
	if (options->fast && modes & MODE_PROCESSES && !options->tree)
		return error_new("-F changes nothing for --processes alone; it goes with --tree, "
				 "-a and a search (see --help)");
	if (options->describe && options->form != REPORT_JSONL)
		return error_new(
			"--describe writes an object before the rows of an image, which only "
			"JSON lines have room for: add -o jsonl");
	if (options->form == REPORT_HTML && !(modes & (MODES_MODULES | MODES_SAVED)))
		return error_new("-o html is of modules: it goes with -a and a search, not with %s",
				 mode_name(modes));
	options->print_hashes = modes == MODE_HASHES;
	options->all |=
		(modes & (MODE_LIST | MODE_SAVED_LIST | MODES_MANY | MODES_SAVED_MANY)) != 0;
	if (options->threshold < 0)
		options->threshold = options->cluster ? CLUSTER_THRESHOLD : SEARCH_THRESHOLD;
	return check_values(options);
}
