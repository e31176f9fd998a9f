/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See machine.h. */
#include "cli/machine.h"

#include <stdlib.h>
#include <string.h>

#include <impscan/alloc.h>
#include <impscan/minidump.h>

#include "cli/image_folder.h"
#include "cli/kernel_options.h"
#include "cli/print_rows.h"
#include "cli/profiles.h"

void machine_close(struct machine *machine)
{
	discovery_free(&machine->discovery);
	page_sources_close(&machine->page_files);
	image_close(machine->image);
	*machine = (struct machine){0};
}

/* Finds Windows in an image. `brief`: see struct windows_options. */
static struct error *find_windows(const struct options *options, struct profiles *profiles,
				  const struct image *image, struct output *output, bool brief,
				  struct machine *machine)
{
	const struct evidence *evidence = output_evidence(output);
	progress_init(&output->progress, options->quiet, "bytes searched for a kernel");
	struct windows_options windows_options = {
		.dtb = evidence->dtb,
		.kernel_base = evidence->kernel_base,
		.infer = options->infer,
		.brief = brief,
		.count_page_files = options->info && !options->quiet,
		.progress = output_progress,
		.progress_context = output,
	};
	memcpy(windows_options.page_files, evidence->page_files, sizeof(evidence->page_files));
	for (size_t i = 0; i < array_size(machine->page_files.files); i++)
		windows_options.page_sources[i] = machine->page_files.files[i];
	try_(forced_profile(options, profiles, &windows_options.profile));
	return windows_open(image, profiles, &windows_options, &machine->discovery);
}

/* That the image is read as raw memory, though it seems to be something else. */
static void tell_plain(const struct error *seems, struct output *output)
{
	_cleanup_free_ char *sentence = alloc_printf(
		"a Windows kernel is found in it as raw memory, so it is read as that, whatever "
		"its first bytes say: %s",
		error_message(seems));
	progress_hide(&output->progress);
	progress_warning(&output->progress, sentence);
}

/* The error `seems`, of an image that is not raw memory, as far as that was looked for. */
static struct error *no_plain(const struct image *image, struct error *seems)
{
	if (image_file_size(image) <= WINDOWS_BRIEF)
		return seems;
	struct error *longer =
		error_new("%s; no Windows kernel is in its first 4 GB as raw memory either: if it "
			  "is that all the same, give --format raw",
			  error_message(seems));
	error_free(seems);
	return longer;
}

/* Of an image that is refused: is it raw memory all the same? */
static struct error *open_refused(const struct options *options, struct profiles *profiles,
				  struct output *output, struct machine *machine)
{
	const struct image *image = machine->image;
	struct error *seems = error_new("%s", error_message(image_refusal(image)));
	struct error *error = find_windows(options, profiles, image, output, true, machine);
	progress_hide(&output->progress);
	if (error) {
		error_free(error);
		return no_plain(image, seems);
	}
	tell_plain(seems, output);
	error_free(seems);
	return NULL;
}

/* Of an image in which nothing was found as what it seems to be: the file as it is, raw memory? */
static struct error *open_plain(const struct options *options, struct profiles *profiles,
				struct output *output, struct error *seems, struct machine *machine)
{
	struct source_options source_options = image_source_options(output);
	struct image *image = NULL;
	source_options.as_it_is = true;
	source_options.tell = NULL;
	struct error *error =
		image_open_as(output_evidence(output)->path, "raw", &source_options, &image);
	if (!error && image)
		error = find_windows(options, profiles, image, output, true, machine);
	progress_hide(&output->progress);
	if (error || !image) {
		image_close(image);
		error_free(error);
		return seems;
	}
	tell_plain(seems, output);
	error_free(seems);
	image_close(machine->image);
	machine->image = image;
	return NULL;
}

/* Opens the file, as what the user says it is, or what it seems to be. */
static struct error *open_image(const struct options *options, struct output *output,
				struct image **image)
{
	const char *path = output_evidence(output)->path;
	const char *format = output_evidence(output)->format;
	struct source_options source_options = image_source_options(output);
	source_options.lenient = !format;
	source_options.as_it_is = format && !strcmp(format, "raw");
	try_(image_folder_error(path));
	progress_init(&output->progress, options->quiet, "packed bytes unpacked");
	struct error *error = image_open_as(path, format, &source_options, image);
	progress_hide(&output->progress);
	return error;
}

struct error *machine_open(const struct options *options, struct profiles *profiles,
			   struct output *output, struct machine *machine)
{
	*machine = (struct machine){0};
	try_(open_image(options, output, &machine->image));
	const struct image *image = machine->image;
	if (!image) /* never: but that an error is not NULL, the analyzer can't see */
		return NULL;
	if (image_archive_expand(output->options, output->image, image_source(image)))
		output_image(output, output->image);
	progress_init(&output->progress, options->quiet, "processes");
	if (image_minidump(image))
		try_(kernel_options_check(options, output));
	else
		try_(page_sources_open(output, &machine->page_files));
	if (image_refusal(image))
		return open_refused(options, profiles, output, machine);
	if (image_warning(image))
		progress_warning(&output->progress, image_warning(image));
	struct error *error = find_windows(options, profiles, image, output, false, machine);
	if (error && !output_evidence(output)->format && !image_is_plain(image))
		error = open_plain(options, profiles, output, error, machine);
	/* --info still says what the image is. */
	struct error *unwritten =
		error && options->info ? print_info_without(image, error, output) : NULL;
	if (unwritten)
		error_free(error);
	return unwritten ? unwritten : error;
}
