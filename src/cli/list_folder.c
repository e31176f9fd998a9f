/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A folder of lists: rules of Sigma or YARA, listings of several clean machines. Such folders have
 * other files as well, so one that is no list does not end the run.
 */
#include "cli/list_folder.h"

#include <string.h>

#include <impscan/sample.h>

#include "cli/image_folder.h"

/* That some files were passed over, and why the first was. */
static void warn_of_unread(struct output *output, const char *folder, size_t unread, size_t count,
			   const char *first)
{
	_cleanup_text_ struct text text = {0};
	if (!unread || output->options->verbose)
		return;
	text_add_format(&text, "%s: nothing is taken of %zu of %zu files%s; the first: %s", folder,
			unread, count, unread > 1 ? " (-v names them)" : "", first);
	progress_warning(&output->progress, text_string(&text));
}

struct error *list_folder_each(struct output *output, const char *path,
			       struct error *(*take)(void *context, const char *path),
			       void *context)
{
	_cleanup_text_ struct text warnings = {0}, first = {0};
	char **files;
	size_t count, unread = 0;
	if (!strcmp(path, "-") || !path_is_folder(path))
		return take(context, path);
	try_(samples_list(path, &files, &count, &warnings));
	progress_lines(&output->progress, text_string(&warnings));
	for (size_t i = 0; i < count; i++) {
		_cleanup_error_ struct error *error = take(context, files[i]);
		if (!error)
			continue;
		if (!unread++)
			text_add_string(&first, error_message(error));
		if (output->options->verbose)
			progress_warning(&output->progress, error_message(error));
	}
	samples_list_free(files, count);
	if (!count)
		return error_new("%s: is a folder without files", path);
	if (unread == count)
		return error_new(
			"%s: nothing can be taken of the folder's %zu files; the first: %s", path,
			count, text_string(&first));
	warn_of_unread(output, path, unread, count, text_string(&first));
	return NULL;
}
