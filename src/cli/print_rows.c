/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Runs that print rows: modules, regions, imports, the survey of --info, samples.
 */
#include "cli/print_rows.h"

#include <signal.h>
#include <stdio.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>
#include <impscan/discover.h>
#include <impscan/sample.h>
#include <impscan/scan.h>

#include "cli/interrupt.h"
#include "cli/known_hashes.h"

double seconds_since(const struct timespec *start)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)(now.tv_sec - start->tv_sec) + (double)(now.tv_nsec - start->tv_nsec) / 1e9;
}

struct scan_options scan_options_of(const struct output *output, const struct known *known)
{
	const struct options *options = output->options;
	return (struct scan_options){
		.known = known,
		.all = options->all,
		.impset = options->form != REPORT_TABLE && options->form != REPORT_WIDE,
		.others = options->form == REPORT_CSV || options->form == REPORT_JSONL ||
			  options->form == REPORT_JSON || options->form == REPORT_HTML,
		.threshold = options->threshold,
		.min_imports = options->min_imports,
		.good = output->good,
		.best = options->best,
		.fast = options->fast,
		.only = options->only,
		.deep = options->deep,
		.tree = options->tree,
		.pids = options->pids,
		.several = output_several(output),
		.pid_count = options->pid_count,
		.threads = options->threads,
		.image_name =
			options->image_count ? evidence_other_name(output_evidence(output)) : NULL,
	};
}

/* Modules of which there is no file. */
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

/* What the folder of -d has when a signal ended the run. */
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

/* Begins the last line of an image on standard error. */
static void begin_summary(struct output *output)
{
	text_add_string(&output->summary, "impscan: ");
	if (!output_several(output))
		return;
	text_add_printable(&output->summary, evidence_name(output_evidence(output)));
	text_add_string(&output->summary, ": ");
}

static void write_summary(struct output *output, const struct scan_summary *summary, bool search,
			  const struct timespec *start)
{
	char cut[40] = "", few[80] = "", good[60] = "";
	if (output->good)
		snprintf(good, sizeof(good), " (%zu known to be good left out)", summary->good);
	if (summary->cut)
		snprintf(cut, sizeof(cut), " (%zu cut off)", summary->cut);
	if (summary->few)
		snprintf(few, sizeof(few), " (%zu of lists with fewer imports left out)",
			 summary->few);
	begin_summary(output);
	text_add_format(&output->summary,
			"%zu %s%s, %zu %s%s, %zu with a hash, %zu not read whole; "
			"%zu %s%s in %.2f s\n",
			summary->processes, summary->processes == 1 ? "process" : "processes", cut,
			summary->modules, summary->modules == 1 ? "module" : "modules", good,
			summary->hashed, summary->damaged, summary->rows,
			search ? (summary->rows == 1 ? "match" : "matches")
			       : (summary->rows == 1 ? "row" : "rows"),
			few, seconds_since(start));
}

void print_total(const struct output *output, const struct timespec *start)
{
	char failed[40] = "";
	if (output->failed)
		snprintf(failed, sizeof(failed), " (%zu with an error)", output->failed);
	fprintf(stderr, "impscan: %zu images%s, %zu %s in %.2f s\n", output->options->image_count,
		failed, output->rows, output->rows == 1 ? "row" : "rows", seconds_since(start));
}

/* The scan of print_modules(), with the folder of -d if there is one. */
static struct error *scan_modules(const struct windows *windows, struct scan_options *scan_options,
				  struct scan_summary *summary, struct output *output)
{
	const struct options *options = output->options;
	if (options->dump) {
		try_(dump_folder_open(&output->dump, options->dump, output->dump_name));
		signal(SIGPIPE, SIG_IGN);
		scan_options->dump_directory = output->dump.path;
		scan_options->stop = interrupt_watch();
	}
	output_report(output, &row_modules, scan_options->known != NULL);
	struct error *error = scan_image(windows, scan_options,
					 &(struct scan_events){
						 .row = output_row,
						 .dumped = output_dumped,
						 .progress = output_progress,
						 .warning = output_warning,
						 .context = output,
					 },
					 summary);
	progress_hide(&output->progress);
	if (!error)
		output_counts(output, summary);
	struct error *unwritten = output_written(output);
	if (error)
		error_free(unwritten);
	return error ? error : unwritten;
}

/* Ends the process when a signal asked for it while the folder of -d was written. */
static struct error *after_dump(struct output *output, const atomic_bool *stop, struct error *error)
{
	warn_dump(output);
	/* After an error it is dump_folder_close()'s to end. */
	if (!error)
		error = dump_folder_end(&output->dump);
	if (!stop)
		return error;
	if (atomic_load(stop)) {
		error_free(output_end(output));
		warn_interrupted(output, error);
		error_free(error);
		dump_folder_close(&output->dump);
		confine_end(output->confinement);
		interrupt_finish();
	}
	interrupt_unwatch();
	return error;
}

struct error *print_modules(const struct windows *windows, const struct known *known,
			    const struct timespec *start, struct output *output)
{
	struct scan_summary summary;
	struct scan_options scan_options = scan_options_of(output, known);
	struct error *error = scan_modules(windows, &scan_options, &summary, output);
	error = after_dump(output, scan_options.stop, error);
	if (!error && !output->options->quiet)
		write_summary(output, &summary, known != NULL, start);
	return error;
}

/* A listing other than of modules. */
struct listing {
	const struct row_kind *kind;
	struct error *(*scan)(const struct windows *windows, const struct scan_options *options,
			      const struct scan_events *events);
	const char *one, *more; /* what its rows are called */
};

static const struct listing *listing_of(const struct options *options)
{
	static const struct listing regions = {&row_regions, scan_regions, "range", "ranges"},
				    imports = {&row_imports, scan_imports, "import", "imports"},
				    processes = {&row_processes, scan_processes, "process",
						 "processes"};
	return options->regions ? &regions : options->processes ? &processes : &imports;
}

struct error *print_listing(const struct windows *windows, const struct timespec *start,
			    struct output *output)
{
	const struct options *options = output->options;
	struct scan_options scan_options = scan_options_of(output, NULL);
	const struct scan_events events = {
		.region = output_region,
		.process = output_process,
		.import = output_import,
		.progress = output_progress,
		.warning = output_warning,
		.context = output,
	};
	const struct listing *listing = listing_of(options);
	output_report(output, listing->kind, false);
	size_t before = output->rows; /* a written profile counts, too */
	struct error *error = listing->scan(windows, &scan_options, &events);
	progress_hide(&output->progress);
	struct error *unwritten = output_written(output);
	if (error)
		error_free(unwritten);
	error = error ? error : unwritten;
	if (error || options->quiet)
		return error;
	begin_summary(output);
	text_add_format(&output->summary, "%zu %s in %.2f s\n", output->rows - before,
			output->rows - before == 1 ? listing->one : listing->more,
			seconds_since(start));
	return NULL;
}

/* What the rows of a run are called. */
static const char *rows_name(const struct options *options)
{
	return options->regions	    ? "regions"
	       : options->processes ? "processes"
	       : options->imports   ? "imports"
				    : "modules";
}

/* The options by which the rows are not all there are. */
static void add_left_out(const struct options *options, struct text_list *names)
{
	const struct {
		bool given;
		const char *name;
	} all[] = {
		{!options->all && options->samples.count, "-e"},
		{!options->all && options->lists.count, "-i"},
		{!options->all && options->hashes.count, "-s"},
		{options->pid_count, "-p"},
		{options->fast, "-F"},
		{scan_only_kinds(&options->only), "--only"},
		{options->only.module, "-m"},
		{options->good.count, "-k"},
	};
	for (size_t i = 0; i < array_size(all); i++)
		if (all[i].given)
			text_list_add(names, alloc_strdup(all[i].name));
}

/* Writes what stands before the rows; `survey` becomes the description's. */
static struct error *print_described(const struct survey *survey, struct output *output)
{
	const struct options *options = output->options;
	const struct text_list *told = &output->warnings;
	_cleanup_description_ struct description description = {
		.survey = *survey,
		.version = IMPSCAN_VERSION,
		.rows = rows_name(options),
	};
	bool modules = !options->regions && !options->processes && !options->imports;
	add_left_out(options, &description.left_out_by);
	for (size_t i = 0; i < told->count; i++)
		text_list_add(&description.warnings, alloc_strdup(told->items[i]));
	output_report(output, modules ? &row_modules : listing_of(options)->kind,
		      options_search(options));
	report_description(output->report, &description);
	return report_flush(output->report) ? NULL : output_failed();
}

struct error *print_description(const struct discovery *discovery, struct output *output)
{
	struct survey survey = {0};
	scan_survey_machine(discovery, output_evidence(output)->label, &survey);
	return print_described(&survey, output);
}

void print_failure(const struct image *image, const struct error *error, struct output *output)
{
	const struct evidence *evidence = output_evidence(output);
	struct survey survey = {0};
	if (image) {
		scan_survey_image(image, evidence->label, &survey);
	} else {
		survey.image = alloc_strdup(evidence_name(evidence));
		survey.path = evidence->label ? alloc_strdup(evidence->path) : NULL;
	}
	survey.failure = alloc_strdup(error_message(error));
	error_free(print_described(&survey, output));
}

static struct error *print_survey(const struct survey *survey, struct output *output)
{
	output_report(output, &row_surveys, false);
	report_survey(output->report, survey);
	return output_written(output);
}

/* What the run itself gave up, beside what it finds in the image. */
static char *sandbox_text(const struct output *output)
{
	char text[256];
	sandbox_describe(&output->confinement->state, text);
	return alloc_strdup(text);
}

/* A process of a page; it is no row of the listing. */
static bool take_process(void *context, const struct process_row *row)
{
	struct output *output = context;
	report_process(output->report, row);
	return !report_failed(output->report);
}

struct error *print_machine(const struct discovery *discovery, struct output *output)
{
	struct scan_options scan_options = scan_options_of(output, NULL);
	_cleanup_survey_ struct survey survey = {0};
	output_report(output, &row_modules, options_search(output->options));
	try_(scan_survey(discovery, &scan_options, &survey));
	survey.sandbox = sandbox_text(output);
	report_survey(output->report, &survey);
	return scan_processes(discovery->windows, &scan_options,
			      &(struct scan_events){
				      .process = take_process,
				      .context = output,
			      });
}

struct error *print_info(const struct discovery *discovery, struct output *output)
{
	struct scan_options scan_options = scan_options_of(output, NULL);
	_cleanup_survey_ struct survey survey = {0};
	try_(scan_survey(discovery, &scan_options, &survey));
	survey.sandbox = sandbox_text(output);
	output->rows++;
	return print_survey(&survey, output);
}

struct error *print_info_without(const struct image *image, const struct error *error,
				 struct output *output)
{
	_cleanup_survey_ struct survey survey = {0};
	scan_survey_image(image, evidence_other_name(output_evidence(output)), &survey);
	survey.failure = alloc_strdup(error_message(error));
	survey.sandbox = sandbox_text(output);
	return print_survey(&survey, output);
}

struct error *print_samples(struct output *output)
{
	char **paths;
	size_t count;
	try_(list_samples(output, &paths, &count));
	progress_init(&output->progress, output->options->quiet, "samples");
	output->report = report_new(stdout, output->options->form, &row_samples);
	scan_samples(paths, count, output->options->password, true, false, output->options->threads,
		     &(struct scan_events){
			     .sample = output_sample,
			     .progress = output_progress,
			     .context = output,
		     });
	samples_list_free(paths, count);
	progress_hide(&output->progress);
	return output_end(output);
}
