/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * From options to exit code: opens what was named and starts what was asked for.
 */
#include "cli/cli.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>
#include <impscan/discover.h>
#include <impscan/heap.h>
#include <impscan/minidump.h>

#include "cli/confine.h"
#include "cli/known_hashes.h"
#include "cli/machine.h"
#include "cli/print_many.h"
#include "cli/print_rows.h"
#include "cli/print_saved.h"
#include "cli/profiles.h"
#include "cli/version.h"

/*
 * Reading a mapped file fails with SIGBUS when the disk fails or the file was cut meanwhile; there
 * is nothing to go on with.
 */
static void on_bus_error(int number)
{
	static const char sentence[] = "impscan: error: a mapped file could not be read (did it "
				       "shrink, or the disk fail?)\n";
	(void)number;
	(void)!write(STDERR_FILENO, sentence, sizeof(sentence) - 1);
	_exit(EXIT_ERROR);
}

/* What is said on standard error of the image that was opened. */
static void tell_windows(const struct options *options, const struct discovery *discovery,
			 struct progress *progress)
{
	const struct windows *windows = discovery->windows;
	if (options->verbose) {
		_cleanup_text_ struct text text = {0};
		text_add_format(&text, "%s, Windows build %u", image_format(windows->image),
				windows->build);
		if (windows->system)
			text_add_format(&text, ", profile %s, page map 0x%llx (%s)",
					windows->profile->name, (unsigned long long)windows->dtb,
					discovery->page_map_source);
		progress_note(progress, text_string(&text));
	}
	for (size_t i = 0; i < discovery->warning_count; i++)
		progress_warning(progress, discovery->warnings[i]);
}

/* What could not be unpacked of what was needed, and with -v how much was. */
static void tell_unpacked(const struct image *image, struct output *output)
{
	char part[SOURCE_SIZE_TEXT], whole[SOURCE_SIZE_TEXT];
	uint64_t all, unpacked = source_unpacked(image_source(image), &all);
	uint64_t sets, used = image_sets_unpacked(image, &sets);
	_cleanup_free_ char *failure = source_failure(image_source(image));
	if (failure)
		progress_warning(&output->progress, failure);
	if (!all || !output->options->verbose)
		return;
	_cleanup_free_ char *sentence =
		alloc_printf("%s of %s were unpacked (%.1f %%)", source_size_text(unpacked, part),
			     source_size_text(all, whole), 100.0 * (double)unpacked / (double)all);
	progress_note(&output->progress, sentence);
	if (!sets)
		return;
	_cleanup_free_ char *counted =
		alloc_printf("%llu of %llu sets of compressed pages were unpacked (%.1f %%)",
			     (unsigned long long)used, (unsigned long long)sets,
			     100.0 * (double)used / (double)sets);
	progress_note(&output->progress, counted);
}

/* What was asked for of a machine that was found. */
static struct error *print_asked(const struct options *options, const struct discovery *discovery,
				 const struct known *known, const struct timespec *start,
				 struct output *output)
{
	const struct windows *windows = discovery->windows;
	if (options->info)
		return print_info(discovery, output);
	if (options->regions || options->imports || options->processes)
		return print_listing(windows, start, output);
	if (options->all || known) {
		if (options->form == REPORT_HTML)
			try_(print_machine(discovery, output));
		return print_modules(windows, output->tally ? NULL : known, start, output);
	}
	return NULL;
}

/* Finds Windows in the image, and prints what was asked for. */
static struct error *print_image(const struct options *options, struct profiles *profiles,
				 const struct known *known, const struct timespec *start,
				 struct output *output, struct machine *machine)
{
	const struct discovery *discovery = &machine->discovery;
	try_(machine_open(options, profiles, output, machine));
	progress_init(&output->progress, options->quiet, "processes");
	tell_windows(options, discovery, &output->progress);
	if (options->profile_out)
		try_(write_profile(options->profile_out, discovery->windows->profile,
				   &output->rows));
	if (options->describe)
		try_(print_description(discovery, output));
	struct error *error = print_asked(options, discovery, known, start, output);
	page_sources_warn(output, &machine->page_files);
	return error;
}

/* That images were left out since they are parts of this one, or belong to it. */
static void tell_parts(const struct evidence *evidence, struct progress *progress)
{
	if (evidence->beside) {
		_cleanup_free_ char *beside = alloc_printf(
			"%zu of the images given belong%s to the machine of '%s', and %s no memory",
			evidence->beside, evidence->beside == 1 ? "s" : "", evidence->path,
			evidence->beside == 1 ? "has" : "have");
		progress_note(progress, beside);
	}
	if (!evidence->parts)
		return;
	_cleanup_free_ char *sentence = alloc_printf(
		"%zu of the images given %s of '%s', and read with it", evidence->parts,
		evidence->parts == 1 ? "is a later part" : "are later parts", evidence->path);
	progress_note(progress, sentence);
}

/* One image, from opening it to its last row; all of it is released at the end. */
static struct error *run_image(const struct options *options, struct profiles *profiles,
			       const struct known *known, const struct timespec *start,
			       struct output *output)
{
	_cleanup_machine_ struct machine machine = {0};
	tell_parts(output_evidence(output), &output->progress);
	struct error *error = print_image(options, profiles, known, start, output, &machine);
	if (machine.image)
		tell_unpacked(machine.image, output);
	if (error && options->describe)
		print_failure(machine.image, error, output);
	output_summary(output);
	return error;
}

/* The known hashes of a search, and what -k knows. */
static struct error *load_hashes(struct output *output, struct known **known, struct good **good)
{
	if (options_search(output->options))
		try_(load_known(output, known));
	if (output->options->good.count)
		try_(load_good(output, good));
	output->good = *good;
	return NULL;
}

static struct error *run_saved(struct output *output)
{
	_cleanup_known_ struct known *known = NULL;
	_cleanup_good_ struct good *good = NULL;
	try_(load_hashes(output, &known, &good));
	begin_many(output);
	return print_saved(known, output);
}

/*
 * All images, one after the other. An error of one is told in its place and counted, and the others
 * are done. Fails where there are no known hashes to search for, and when rows can't be written.
 */
static struct error *run_images(const struct options *options, struct profiles *profiles,
				struct output *output)
{
	struct timespec start, image_start;
	clock_gettime(CLOCK_MONOTONIC, &start);
	image_start = start;
	_cleanup_known_ struct known *known = NULL;
	_cleanup_good_ struct good *good = NULL;
	try_(load_hashes(output, &known, &good));
	begin_many(output);
	bool unread = false; /* nobody reads the rows any more */
	for (size_t i = 0; i < options->image_count && (!unread || options->dump); i++) {
		output_image(output, i);
		_cleanup_error_ struct error *error =
			run_image(options, profiles, known, &image_start, output);
		if (error)
			progress_error(&output->progress, error_message(error));
		output->failed += error != NULL;
		unread = output->report && report_failed(output->report);
		output_image_end(output);
		clock_gettime(CLOCK_MONOTONIC, &image_start);
	}
	struct error *unwritten = output->tally ? print_many(known, output) : output_end(output);
	if (unread) { /* told already */
		error_free(unwritten);
		return NULL;
	}
	if (!unwritten && output_several(output) && !options->quiet)
		print_total(output, &start);
	return unwritten;
}

static struct error *run(const struct options *options, struct output *output)
{
	if (options->help) {
		options_help(stdout);
		output->rows = 1;
		return fflush(stdout) ? output_failed() : NULL;
	}
	if (options->version) {
		try_(version_print(stdout));
		output->rows = 1;
		return fflush(stdout) ? output_failed() : NULL;
	}
	try_(confine(options, output->confinement));
	if (options->print_hashes)
		return print_samples(output);
	if (options->rows.count)
		return run_saved(output);
	if (options->from_environment) {
		_cleanup_free_ char *sentence =
			alloc_printf("image: %s (IMPSCAN_IMAGE)", options->images[0].path);
		progress_note(&output->progress, sentence);
	}

	_cleanup_profiles_ struct profiles *profiles = NULL;
	try_(load_profiles(options, &profiles));
	if (options->list_profiles)
		return print_profiles(profiles, output);
	if (options->import_symbols)
		return print_imported(profiles, output);
	return run_images(options, profiles, output);
}

int cli_main(int argc, char **argv)
{
	_cleanup_options_ struct options options = {0};
	struct confinement confinement = {0};
	struct output output = {.options = &options, .confinement = &confinement};
	struct sigaction action = {.sa_handler = on_bus_error};
	heap_begin();
	sigaction(SIGBUS, &action, NULL);
	output.same_terminal = isatty(STDOUT_FILENO);

	_cleanup_error_ struct error *error = options_parse(&options, argc, argv);
	if (!error) {
		progress_init(&output.progress, options.quiet, "");
		output_tell_page(&output);
		error = run(&options, &output);
		confine_end(&confinement);
	}
	if (error) {
		progress_error(&output.progress, error_message(error));
		error_free(
			output_end(&output)); /* a page that was told of it, and is not written */
		return EXIT_ERROR;
	}
	return output.failed ? EXIT_ERROR : output.rows ? EXIT_ROWS : EXIT_NONE;
}
