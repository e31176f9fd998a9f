/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See image_sources.h. */
#include "cli/image_sources.h"

#include <stdlib.h>
#include <sys/stat.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>

/* What the file that is opened takes: an unpacking, a temporary file. */
static void tell_source(void *context, const char *sentence)
{
	struct output *output = context;
	progress_note(&output->progress, sentence);
}

struct source_options image_source_options(struct output *output)
{
	const struct evidence *evidence = output_evidence(output);
	unsigned int given = 0;
	for (unsigned int i = 0; i < PAGE_FILES; i++)
		given |= (evidence->page_files[i] ? 1u : 0) << i;
	return (struct source_options){
		.memory = output->options->memory,
		.threads = output->options->threads,
		.unpack_most = output->options->unpack_most,
		.password = output->options->password,
		.archive = evidence->archive,
		.number = evidence->number,
		.page_files_given = given,
		.tell = tell_source,
		.progress = output_progress,
		.context = output,
	};
}

/* A file whose size may be that of a page file; whatever else it is, who opens it says. */
static bool is_file(const char *path)
{
	struct stat status;
	return !stat(path, &status) && S_ISREG(status.st_mode) && status.st_size;
}

struct error *page_sources_open(struct output *output, struct page_sources *sources)
{
	const struct evidence *evidence = output_evidence(output);
	struct source_options options = image_source_options(output);
	options.archive = NULL;
	options.number = 0;
	progress_init(&output->progress, output->options->quiet, "packed bytes unpacked");
	for (unsigned int i = 0; i < PAGE_FILES; i++) {
		const char *path = evidence->page_files[i];
		struct source *file = NULL;
		if (!path || !is_file(path))
			continue;
		options.page_file = i + 1;
		try_(source_open(path, &options, &file));
		if (source_container(file))
			sources->files[i] = file;
		else
			source_close(file);
	}
	progress_hide(&output->progress);
	return NULL;
}

void page_sources_warn(struct output *output, const struct page_sources *sources)
{
	for (size_t i = 0; i < array_size(sources->files); i++) {
		const struct source *file = sources->files[i];
		_cleanup_free_ char *failure = file ? source_failure(file) : NULL;
		const char *sentences[] = {file ? source_warning(file) : NULL, failure};
		for (size_t k = 0; k < array_size(sentences); k++) {
			if (!sentences[k])
				continue;
			_cleanup_free_ char *sentence =
				alloc_printf("page file %zu: %s", i, sentences[k]);
			progress_warning(&output->progress, sentence);
		}
	}
}

void page_sources_close(struct page_sources *sources)
{
	for (size_t i = 0; i < array_size(sources->files); i++)
		source_close(sources->files[i]);
}
