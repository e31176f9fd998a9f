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

#include <impscan/discover.h>

#include "cli/known_hashes.h"
#include "cli/print_rows.h"
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
		_cleanup_text_ struct text text = {0}, line = {0};
		text_add_format(&text, "%s, Windows build %u, profile %s, page map 0x%llx (%s)",
				image_format(windows->image), windows->build,
				windows->profile->name, (unsigned long long)windows->dtb,
				discovery->page_map_source);
		text_add_printable(&line, text_string(&text));
		fprintf(stderr, "impscan: %s\n", text_string(&line));
	}
	for (size_t i = 0; i < discovery->warning_count; i++)
		progress_warning(progress, discovery->warnings[i]);
}

/* Finds Windows in the image; where it is not there, --info still says what the image is. */
static struct error *open_windows(const struct options *options, struct profiles *profiles,
				  const struct image *image, struct output *output,
				  struct discovery *discovery)
{
	progress_init(&output->progress, options->quiet, "bytes searched for a kernel");
	struct windows_options windows_options = {
		.dtb = options->dtb,
		.kernel_base = options->kernel_base,
		.infer = options->infer,
		.count_page_files = options->info && !options->quiet,
		.progress = output_progress,
		.progress_context = output,
	};
	memcpy(windows_options.page_files, options->page_files, sizeof(options->page_files));
	try_(forced_profile(options, profiles, &windows_options.profile));
	struct error *error = windows_open(image, profiles, &windows_options, discovery);
	struct error *unwritten =
		error && options->info ? print_info_without(image, error, output) : NULL;
	if (unwritten)
		error_free(error);
	return unwritten ? unwritten : error;
}

static struct error *run_image(const struct options *options, struct profiles *profiles,
			       struct output *output)
{
	struct timespec start;
	clock_gettime(CLOCK_MONOTONIC, &start);
	_cleanup_known_ struct known *known = NULL;
	if (options_search(options))
		try_(load_known(output, &known));

	_cleanup_image_ struct image *image = NULL;
	try_(image_open(options->file, &image));
	progress_init(&output->progress, options->quiet, "processes");
	if (image_warning(image))
		progress_warning(&output->progress, image_warning(image));
	_cleanup_discovery_ struct discovery discovery = {0};
	try_(open_windows(options, profiles, image, output, &discovery));
	const struct windows *windows = discovery.windows;
	progress_init(&output->progress, options->quiet, "processes");
	tell_windows(options, &discovery, &output->progress);
	if (options->profile_out)
		try_(write_profile(options->profile_out, windows->profile, &output->rows));
	if (options->info)
		return print_info(&discovery, output);
	if (options->regions || options->imports)
		return print_listing(windows, &start, output);
	if (options->all || known)
		return print_modules(windows, known, &start, output);
	return NULL;
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
	if (options->print_hashes)
		return print_samples(output);
	if (options->from_environment && !options->quiet) {
		_cleanup_text_ struct text path = {0};
		text_add_printable(&path, options->file);
		fprintf(stderr, "impscan: image: %s (IMPSCAN_IMAGE)\n", text_string(&path));
	}

	_cleanup_profiles_ struct profiles *profiles = NULL;
	try_(load_profiles(options, &profiles));
	if (options->list_profiles)
		return print_profiles(profiles, output);
	if (options->import_symbols)
		return print_imported(profiles, output);
	return run_image(options, profiles, output);
}

int cli_main(int argc, char **argv)
{
	_cleanup_options_ struct options options = {0};
	struct output output = {.options = &options};
	struct sigaction action = {.sa_handler = on_bus_error};
	sigaction(SIGBUS, &action, NULL);
	output.same_terminal = isatty(STDOUT_FILENO);

	_cleanup_error_ struct error *error = options_parse(&options, argc, argv);
	if (!error) {
		progress_init(&output.progress, options.quiet, "");
		error = run(&options, &output);
	}
	if (error) {
		_cleanup_text_ struct text sentence = {0};
		text_add_printable(&sentence, error_message(error));
		progress_hide(&output.progress);
		fprintf(stderr, "impscan: error: %s\n", text_string(&sentence));
		dump_folder_close(&output.dump);
		return EXIT_ERROR;
	}
	dump_folder_close(&output.dump);
	return output.rows ? EXIT_ROWS : EXIT_NONE;
}
