/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * From options to exit code: opens what was named, runs the scan, hands its rows to the report.
 */
#include "cli/cli.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>
#include <impscan/discover.h>

#include "cli/compare.h"
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

static bool on_row(void *context, const struct row *row)
{
	struct output *output = context;
	if (output->same_terminal)
		progress_hide(&output->progress);
	report_module(output->report, row);
	output->rows++;
	/* Modules are wanted as files also when nobody reads their rows any more. */
	return output->dump.index || !report_failed(output->report);
}

static bool on_region(void *context, const struct region_row *row)
{
	struct output *output = context;
	if (output->same_terminal)
		progress_hide(&output->progress);
	report_region(output->report, row);
	output->rows++;
	return !report_failed(output->report);
}

static bool on_import(void *context, const struct import_row *row)
{
	struct output *output = context;
	if (output->same_terminal)
		progress_hide(&output->progress);
	report_import(output->report, row);
	output->rows++;
	return !report_failed(output->report);
}

static bool on_dumped(void *context, const struct row *row)
{
	struct output *output = context;
	return dump_folder_add(&output->dump, row);
}

static bool on_sample(void *context, const struct sample *sample)
{
	struct output *output = context;
	if (output->same_terminal)
		progress_hide(&output->progress);
	report_sample(output->report, sample);
	output->rows += *sample->hashes.imphash != '\0';
	return !report_failed(output->report);
}

void output_progress(void *context, size_t done, size_t total)
{
	struct output *output = context;
	progress_show(&output->progress, done, total);
}

void output_warning(void *context, const char *sentence)
{
	struct output *output = context;
	progress_warning(&output->progress, sentence);
}

static struct error *load_profiles(const struct options *options, struct profiles **ret)
{
	_cleanup_profiles_ struct profiles *profiles = NULL;
	try_(profiles_new(&profiles));
	for (size_t i = 0; i < options->profile_directories.count; i++)
		try_(profiles_add_directory(profiles, options->profile_directories.items[i]));
	if (options->profile)
		try_(profiles_add_file(profiles, options->profile));
	*ret = take_ptr(profiles);
	return NULL;
}

/* The profile of --profile, to be used whatever the build; NULL without it. */
static struct error *forced_profile(const struct options *options, struct profiles *profiles,
				    const struct profile **ret)
{
	*ret = NULL;
	for (size_t i = 0; options->profile && i < profiles_count(profiles); i++)
		if (!strcmp(profiles_summary(profiles, i).origin, options->profile))
			return profiles_get(profiles, i, ret);
	return NULL;
}

static struct error *print_failed(void)
{
	return error_new("the results could not be written to standard output");
}

static double seconds_since(const struct timespec *start)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)(now.tv_sec - start->tv_sec) + (double)(now.tv_nsec - start->tv_nsec) / 1e9;
}

static struct scan_options scan_options_of(const struct options *options, const struct known *known)
{
	return (struct scan_options){
		.known = known,
		.all = options->all,
		.threshold = options->threshold,
		.best = options->best,
		.fast = options->fast,
		.only = options->only,
		.deep = options->deep,
		.dump_directory = options->dump,
		.pids = options->pids,
		.pid_count = options->pid_count,
		.threads = options->threads,
	};
}

/* Modules that are no file now. */
static void warn_dump(struct output *output)
{
	const struct dump_folder *dump = &output->dump;
	if (!dump->failed || !dump->written)
		return;
	_cleanup_text_ struct text text = {0};
	text_add_format(&text, "%zu of %zu modules could not be written; ", dump->failed,
			dump->failed + dump->written);
	text_add_format(&text, "%s says why", dump->index_path);
	progress_warning(&output->progress, text_string(&text));
}

/* What a signal has left of -d. */
static void warn_interrupted(const struct output *output, const struct error *error)
{
	_cleanup_text_ struct text text = {0};
	if (error)
		text_add_printable(&text, error_message(error));
	else
		text_add_printable(&text, output->dump.index_path);
	if (!error)
		text_add_format(&text, " has the %zu modules looked at until then",
				output->dump.written + output->dump.failed);
	fprintf(stderr, "impscan: interrupted: %s\n", text_string(&text));
}

static struct error *run_modules(const struct options *options, const struct windows *windows,
				 const struct known *known, const struct timespec *start,
				 struct output *output)
{
	struct scan_summary summary;
	struct scan_options scan_options = scan_options_of(options, known);
	if (options->dump) {
		try_(dump_folder_open(&output->dump, options->dump));
		signal(SIGPIPE, SIG_IGN);
		scan_options.stop = interrupt_watch();
	}
	output->report = report_modules_new(stdout, options->form, known != NULL);
	struct error *error = scan_image(windows, &scan_options,
					 &(struct scan_events){
						 .row = on_row,
						 .dumped = on_dumped,
						 .progress = output_progress,
						 .warning = output_warning,
						 .context = output,
					 },
					 &summary);
	progress_hide(&output->progress);
	if (!report_end(output->report) && !error)
		error = print_failed();
	warn_dump(output);
	/* After an error it is dump_folder_close()'s to end. */
	if (!error)
		error = dump_folder_end(&output->dump);
	if (scan_options.stop && atomic_load(scan_options.stop)) {
		warn_interrupted(output, error);
		error_free(error);
		dump_folder_close(&output->dump);
		interrupt_finish();
	}
	char cut[40] = "";
	if (summary.cut)
		snprintf(cut, sizeof(cut), " (%zu cut off)", summary.cut);
	if (!error && !options->quiet)
		fprintf(stderr,
			"impscan: %zu %s%s, %zu %s, %zu with a hash, %zu not read whole; "
			"%zu %s in %.2f s\n",
			summary.processes, summary.processes == 1 ? "process" : "processes", cut,
			summary.modules, summary.modules == 1 ? "module" : "modules",
			summary.hashed, summary.damaged, summary.rows,
			known ? (summary.rows == 1 ? "match" : "matches")
			      : (summary.rows == 1 ? "row" : "rows"),
			seconds_since(start));
	return error;
}

/* --regions or --imports. */
static struct error *run_listing(const struct options *options, const struct windows *windows,
				 const struct timespec *start, struct output *output)
{
	struct scan_options scan_options = scan_options_of(options, NULL);
	const struct scan_events events = {
		.region = on_region,
		.import = on_import,
		.progress = output_progress,
		.warning = output_warning,
		.context = output,
	};
	output->report = report_new(stdout, options->form,
				    options->regions ? &row_regions : &row_imports);
	size_t before = output->rows; /* a written profile counts, too */
	struct error *error = options->regions ? scan_regions(windows, &scan_options, &events)
					       : scan_imports(windows, &scan_options, &events);
	progress_hide(&output->progress);
	if (!report_end(output->report) && !error)
		error = print_failed();
	if (!error && !options->quiet)
		fprintf(stderr, "impscan: %zu %s%s in %.2f s\n", output->rows - before,
			options->regions ? "range" : "import",
			output->rows - before == 1 ? "" : "s", seconds_since(start));
	return error;
}

/* --profile-out: to a new file, so that none is lost. */
static struct error *write_profile(const char *path, const struct profile *profile, size_t *rows)
{
	_cleanup_file_ FILE *file = fopen(path, "wxe");
	if (!file)
		return error_errno(errno, "can't write the profile to '%s'", path);
	_cleanup_free_ char *yaml = profile_to_yaml(profile);
	if (fputs(yaml, file) < 0 || fflush(file)) {
		int number = errno;
		unlink(path);
		return error_errno(number, "can't write the profile to '%s'", path);
	}
	(*rows)++;
	return NULL;
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

static struct error *run_info(const struct options *options, const struct discovery *discovery,
			      struct output *output)
{
	struct scan_options survey_options = scan_options_of(options, NULL);
	_cleanup_survey_ struct survey survey = {0};
	try_(scan_survey(discovery, &survey_options, &survey));
	output->rows++;
	return report_survey(stdout, options->form, &survey) ? NULL : print_failed();
}

/* --info of an image without a kernel: what the file itself is, and why there is nothing more. */
static struct error *print_info_without(const struct image *image, const struct error *error,
					struct output *output)
{
	_cleanup_survey_ struct survey survey = {0};
	scan_survey_image(image, &survey);
	survey.failure = alloc_strdup(error_message(error));
	return report_survey(stdout, output->options->form, &survey) ? NULL : print_failed();
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
		return run_info(options, &discovery, output);
	if (options->regions || options->imports)
		return run_listing(options, windows, &start, output);
	if (options->all || known)
		return run_modules(options, windows, known, &start, output);
	return NULL;
}

/* -e without an image: the samples' own hashes. */
static struct error *run_samples(const struct options *options, struct output *output)
{
	char **paths;
	size_t count;
	try_(list_samples(output, &paths, &count));
	progress_init(&output->progress, options->quiet, "samples");
	output->report = report_new(stdout, options->form, &row_samples);
	scan_samples(paths, count, options->threads,
		     &(struct scan_events){
			     .sample = on_sample,
			     .progress = output_progress,
			     .context = output,
		     });
	samples_list_free(paths, count);
	progress_hide(&output->progress);
	return report_end(output->report) ? NULL : print_failed();
}

/* --import-symbols: the file as a profile. */
static struct error *run_import(const struct options *options, struct profiles *profiles,
				struct output *output)
{
	_cleanup_profile_ struct profile *profile = NULL;
	try_(profile_import_symbols(options->import_symbols, options->build, profiles, &profile));
	_cleanup_free_ char *yaml = profile_to_yaml(profile);
	output->rows = 1;
	return fputs(yaml, stdout) < 0 || fflush(stdout) ? print_failed() : NULL;
}

static struct error *run(const struct options *options, struct output *output)
{
	if (options->help) {
		options_help(stdout);
		output->rows = 1;
		return fflush(stdout) ? print_failed() : NULL;
	}
	if (options->version) {
		try_(version_print(stdout));
		output->rows = 1;
		return fflush(stdout) ? print_failed() : NULL;
	}
	if (options->print_hashes)
		return run_samples(options, output);
	if (options->from_environment && !options->quiet) {
		_cleanup_text_ struct text path = {0};
		text_add_printable(&path, options->file);
		fprintf(stderr, "impscan: image: %s (IMPSCAN_IMAGE)\n", text_string(&path));
	}

	_cleanup_profiles_ struct profiles *profiles = NULL;
	try_(load_profiles(options, &profiles));
	if (options->list_profiles) {
		output->report = report_new(stdout, options->form, &row_profiles);
		output->rows = profiles_count(profiles);
		for (size_t i = 0; i < profiles_count(profiles); i++) {
			struct profile_summary summary = profiles_summary(profiles, i);
			report_profile(output->report, &summary);
		}
		return report_end(output->report) ? NULL : print_failed();
	}
	if (options->import_symbols)
		return run_import(options, profiles, output);
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
