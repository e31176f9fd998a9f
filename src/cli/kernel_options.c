/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a dump of one process can't answer.
 */
#include "cli/kernel_options.h"

#include <impscan/bytes.h>
#include <impscan/module.h>

#define SENTENCE "a dump of one process has no kernel, which %s asks for"

static bool any_page_file(const struct evidence *evidence)
{
	for (size_t i = 0; i < PAGE_FILES; i++)
		if (evidence->page_files[i])
			return true;
	return false;
}

struct error *kernel_options_check(const struct options *options, struct output *output)
{
	const struct evidence *evidence = output_evidence(output);
	const struct scan_only *only = &options->only;
	const struct {
		bool given;
		bool alone; /* it is the image's own */
		const char *name;
	} kernel_options[] = {
		{evidence->dtb != 0, true, "--dtb"},
		{evidence->kernel_base != 0, true, "--kernel"},
		{any_page_file(evidence), true, "--pagefile"},
		{options->deep, false, "--deep"},
		{options->infer, false, "--infer"},
		{options->profile != NULL, false, "--profile"},
		{options->profile_out != NULL, false, "--profile-out"},
		{only->kernel, false, "--only kernel"},
		{only->flags & MODULE_HIDDEN, false, "--only hidden"},
		{only->flags & MODULE_EXITED, false, "--only exited"},
		{only->flags & MODULE_PATCHED, false, "--only patched"},
	};
	for (size_t i = 0; i < array_size(kernel_options); i++) {
		char sentence[128];
		if (!kernel_options[i].given)
			continue;
		snprintf(sentence, sizeof(sentence), SENTENCE, kernel_options[i].name);
		if (kernel_options[i].alone || !output_several(output))
			return error_new("'%s': %s", evidence->path, sentence);
		progress_warning(&output->progress, sentence);
	}
	return NULL;
}
