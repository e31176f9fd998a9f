/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The known hashes of a search, from -e, -i and -s, and warnings of those that can't help.
 */
#include "cli/known_hashes.h"

#include <stdlib.h>
#include <string.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>
#include <impscan/sample.h>
#include <impscan/sample_imports.h>
#include <impscan/scan.h>

#include "cli/list_folder.h"

/* Samples being read, and what became of everything that was to be compared with. */
struct comparison {
	struct output *output;
	struct known *known;
	size_t samples, not_pe, no_imports, unreadable, locked, packed;
	size_t lists, empty_lists;
	struct error *error; /* from within a callback */
};

static void count_unhashed(struct comparison *comparison, const struct sample *sample)
{
	if (sample->status == IMPORTS_NOT_PE)
		comparison->not_pe++;
	else if (sample->status == IMPORTS_NONE || sample->status == IMPORTS_OK)
		comparison->no_imports++;
	else if (sample->locked)
		comparison->locked++;
	else
		comparison->unreadable++;
}

static bool on_known_sample(void *context, const struct sample *sample)
{
	struct comparison *comparison = context;
	comparison->samples++;
	comparison->packed += sample->packer != NULL;
	if (sample->packer && comparison->output->options->verbose) {
		_cleanup_text_ struct text text = {0};
		text_add_format(&text, "%s: %s", sample->path, sample->reason);
		progress_warning(&comparison->output->progress, text_string(&text));
	}
	if (hashes_any(&sample->hashes)) {
		comparison->error = known_add_sample(comparison->known, sample);
		return !comparison->error;
	}
	count_unhashed(comparison, sample);
	if (comparison->output->options->verbose) {
		_cleanup_text_ struct text text = {0};
		text_add_format(&text, "%s: nothing to compare with: %s", sample->path,
				sample->reason[0] ? sample->reason
						  : imports_status_name(sample->status));
		progress_warning(&comparison->output->progress, text_string(&text));
	}
	return true;
}

static void on_progress(void *context, size_t done, size_t total)
{
	struct comparison *comparison = context;
	output_progress(comparison->output, done, total);
}

struct error *list_samples(struct output *output, char ***ret, size_t *ret_count)
{
	const struct arguments *samples = &output->options->samples;
	char **all = NULL;
	size_t count = 0;
	for (size_t i = 0; i < samples->count; i++) {
		_cleanup_text_ struct text warnings = {0};
		char **paths;
		size_t more;
		struct error *error = samples_list(samples->items[i], &paths, &more, &warnings);
		if (error) {
			samples_list_free(all, count);
			return error;
		}
		progress_lines(&output->progress, text_string(&warnings));
		if (more) {
			all = alloc_resize(all, count + more, sizeof(*all));
			memcpy(all + count, paths, more * sizeof(*paths));
		}
		count += more;
		free(paths);
	}
	*ret = all;
	*ret_count = count;
	return NULL;
}

/* "3 no PE, 1 without imports, 1 not readable" */
static void add_unhashed(struct text *text, const struct comparison *comparison)
{
	const struct {
		size_t count;
		const char *what;
	} kinds[] = {
		{comparison->not_pe, "no PE"},
		{comparison->no_imports, "without imports"},
		{comparison->locked, "encrypted by an unknown password (see --password)"},
		{comparison->unreadable, "not readable"},
	};
	const char *separator = "";
	for (size_t i = 0; i < array_size(kinds); i++)
		if (kinds[i].count) {
			text_add_format(text, "%s%zu %s", separator, kinds[i].count, kinds[i].what);
			separator = ", ";
		}
}

static void warn_of_packed(const struct comparison *comparison)
{
	_cleanup_text_ struct text text = {0};
	if (!comparison->packed || comparison->output->options->verbose)
		return;
	text_add_format(
		&text,
		"%zu of %zu sample files are packed: their import lists are the packer's, and "
		"memory shows the unpacked ones (-v names them)",
		comparison->packed, comparison->samples);
	progress_warning(&comparison->output->progress, text_string(&text));
}

static void warn_of_samples(const struct comparison *comparison)
{
	const struct options *options = comparison->output->options;
	size_t unhashed = comparison->not_pe + comparison->no_imports + comparison->locked +
			  comparison->unreadable;
	if (!unhashed || options->verbose)
		return;
	_cleanup_text_ struct text text = {0};
	text_add_format(&text, "%zu of %zu sample %s can't be compared with: ", unhashed,
			comparison->samples, comparison->samples == 1 ? "file" : "files");
	add_unhashed(&text, comparison);
	text_add_string(&text, " (-v names them)");
	progress_warning(&comparison->output->progress, text_string(&text));
}

/* What speaks against hashes, of which so many look like hashes of files. */
static void warn_of_files(struct output *output, const char *from_where, size_t large,
			  size_t impfuzzy)
{
	_cleanup_text_ struct text text = {0};
	if (!impfuzzy || large < impfuzzy - large)
		return;
	text_add_format(&text,
			"%s: %zu of %zu hashes look like ssdeep's of whole files (block size 384 "
			"or more): impfuzzy has ssdeep's form, but is computed over the import "
			"list, and no file's hash resembles it",
			from_where, large, impfuzzy);
	progress_warning(&output->progress, text_string(&text));
}

/* -v: what was taken of a list, and what was left out. */
static void tell_list(const struct comparison *comparison, const char *label,
		      const struct list_report *report)
{
	_cleanup_text_ struct text text = {0}, line = {0};
	const char *separator = "";
	text_add_format(&text, "%s: ", label);
	if (report->form.length)
		text_add_format(&text, "%s: ", text_string(&report->form));
	for (unsigned int i = 0; i <= HASH_TYPES; i++) {
		size_t count = i < HASH_TYPES ? report->taken[i] : report->either;
		if (!count)
			continue;
		text_add_format(&text, "%s%zu %s", separator, count,
				i < HASH_TYPES ? hash_type_name((enum hash_type)i)
					       : "typerefhash or gimphash");
		separator = ", ";
	}
	text_add_string(&text, *separator ? " taken" : report->nothing ? "empty" : "nothing taken");
	separator = "; left out: ";
	for (size_t i = 0; i < LIST_LEFT_KINDS; i++)
		if (report->left[i]) {
			text_add_format(&text, "%s%zu %s", separator, report->left[i],
					list_left_name((enum list_left)i));
			separator = ", ";
		}
	if (report->not_for_detection)
		text_add_format(&text, "; %zu of the attributes are not for detection (to_ids)",
				report->not_for_detection);
	text_add_printable(&line, text_string(&text));
	progress_hide(&comparison->output->progress);
	fprintf(stderr, "impscan: %s\n", text_string(&line));
}

/* What is told of a list in any case. */
static void warn_of_list(struct output *output, const char *label, const struct list_report *report)
{
	size_t unread = report->left[LIST_LEFT_UNREAD];
	progress_lines(&output->progress, text_string(&report->lines));
	if (unread) {
		_cleanup_text_ struct text text = {0};
		text_add_format(&text, "%s: %zu %s not understood%s", label, unread,
				unread == 1 ? "line or value was" : "lines or values were",
				unread > 5 ? "; the first five are named above" : "");
		progress_warning(&output->progress, text_string(&text));
	}
	warn_of_files(output, label, report->fuzzy_large, report->fuzzy);
	if (!report->nothing)
		return;
	_cleanup_text_ struct text text = {0};
	text_add_format(&text, "%s: no hash in it", label);
	progress_warning(&output->progress, text_string(&text));
}

static struct error *add_list(void *context, const char *path)
{
	struct comparison *comparison = context;
	_cleanup_list_report_ struct list_report report = {0};
	const char *label = strcmp(path, "-") ? path : "standard input";
	struct error *error = known_add_list(comparison->known, path, &report);
	comparison->lists++;
	comparison->empty_lists += report.nothing;
	warn_of_list(comparison->output, label, &report);
	if (comparison->output->options->verbose)
		tell_list(comparison, label, &report);
	return error;
}

static struct error *add_lists(struct comparison *comparison)
{
	const struct arguments *lists = &comparison->output->options->lists;
	for (size_t i = 0; i < lists->count; i++)
		try_(list_folder_each(comparison->output, lists->items[i], add_list, comparison));
	return NULL;
}

static struct error *add_samples(struct comparison *comparison)
{
	struct output *output = comparison->output;
	char **paths;
	size_t count;
	if (!output->options->samples.count)
		return NULL;
	try_(list_samples(output, &paths, &count));
	progress_init(&output->progress, output->options->quiet, "samples");
	/* impset is for lists: where the files are there it only adds what like programs share. */
	scan_samples(paths, count, output->options->password, false, !output->options->fast,
		     output->options->threads,
		     &(struct scan_events){
			     .sample = on_known_sample,
			     .progress = on_progress,
			     .context = comparison,
		     });
	samples_list_free(paths, count);
	return take_ptr(comparison->error);
}

/* That there is nothing to compare with, and what there was instead. */
static struct error *nothing_known(const struct comparison *comparison)
{
	_cleanup_text_ struct text text = {0};
	size_t empty = known_count(comparison->known);
	const char *separator = "";
	if (comparison->output->options->samples.count) {
		text_add_format(&text, "%zu sample %s", comparison->samples,
				comparison->samples == 1 ? "file" : "files");
		if (comparison->samples) {
			text_add_string(&text, " (");
			add_unhashed(&text, comparison);
			text_add_string(&text, ")");
		}
		separator = ", ";
	}
	if (comparison->empty_lists) {
		text_add_format(&text, "%s%zu of %zu lists without a hash", separator,
				comparison->empty_lists, comparison->lists);
		separator = ", ";
	}
	if (empty)
		text_add_format(&text, "%s%zu hashes of an empty import list", separator, empty);
	return error_new("no hash to compare with: %s", text_string(&text));
}

/* That samples are only compared by their hashes. */
static void warn_of_left_out(const struct comparison *comparison)
{
	size_t count = known_left_out(comparison->known);
	_cleanup_text_ struct text text = {0};
	if (!count)
		return;
	text_add_format(
		&text,
		"the imports of %zu sample %s are too many: %s compared by hashes only, not "
		"by addresses",
		count, count == 1 ? "file" : "files", count == 1 ? "it is" : "they are");
	progress_warning(&comparison->output->progress, text_string(&text));
}

static void warn_of_dotnet(const struct comparison *comparison)
{
	size_t count = known_dotnet(comparison->known);
	_cleanup_text_ struct text text = {0};
	if (!count)
		return;
	text_add_format(&text,
			"%zu of the hashes %s what every .NET program has (it imports _CorExeMain "
			"or _CorDllMain of mscoree.dll and nothing else): each scores 100, related "
			"or not",
			count, count == 1 ? "is" : "are");
	progress_warning(&comparison->output->progress, text_string(&text));
}

/* Hashes that many programs have, beside those of .NET. */
static void warn_of_common(const struct comparison *comparison)
{
	const char *cause;
	size_t count;
	for (size_t i = 0; (cause = known_common(comparison->known, i, &count)); i++) {
		_cleanup_text_ struct text text = {0};
		if (!count || strstr(cause, ".NET"))
			continue;
		text_add_format(&text, "%zu of the hashes %s of many: %s", count,
				count == 1 ? "is that" : "are those", cause);
		progress_warning(&comparison->output->progress, text_string(&text));
	}
}

struct error *load_known(struct output *output, struct known **ret)
{
	const struct options *options = output->options;
	_cleanup_known_ struct known *known = known_new();
	known_set_password(known, options->password);
	struct comparison comparison = {.output = output, .known = known};
	for (size_t i = 0; i < options->hashes.count; i++)
		try_(known_add(known, options->hashes.items[i], strlen(options->hashes.items[i]),
			       NULL));
	size_t impfuzzy, large;
	known_looks_like_files(known, 0, &impfuzzy, &large);
	warn_of_files(output, "-s", large, impfuzzy);
	try_(add_lists(&comparison));
	try_(add_samples(&comparison));
	progress_hide(&output->progress);
	known_seal(known);
	if (!known_can_match(known))
		return nothing_known(&comparison);
	warn_of_samples(&comparison);
	warn_of_packed(&comparison);
	warn_of_left_out(&comparison);
	warn_of_dotnet(&comparison);
	warn_of_common(&comparison);
	*ret = take_ptr(known);
	return NULL;
}

struct baseline {
	struct output *output;
	struct good *good;
};

static struct error *add_good(void *context, const char *path)
{
	const struct baseline *baseline = context;
	_cleanup_list_report_ struct list_report report = {0};
	_cleanup_text_ struct text label = {0};
	size_t modules;
	struct error *error = good_add(baseline->good, path, &modules, &report);
	warn_of_list(baseline->output, path, &report);
	try_(error);
	if (!baseline->output->options->verbose)
		return NULL;
	text_add_printable(&label, path);
	fprintf(stderr, "impscan: %s: %zu modules or hashes are known to be good\n",
		text_string(&label), modules);
	return NULL;
}

struct error *load_good(struct output *output, struct good **ret)
{
	const struct arguments *paths = &output->options->good;
	_cleanup_good_ struct good *good = good_new();
	good_set_password(good, output->options->password);
	struct baseline baseline = {output, good};
	for (size_t i = 0; i < paths->count; i++)
		try_(list_folder_each(output, paths->items[i], add_good, &baseline));
	*ret = take_ptr(good);
	return NULL;
}
