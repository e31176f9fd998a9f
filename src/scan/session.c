/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the units of a run share: made at its start, released at its end.
 */
#include "scan/session.h"

#include "scan/api_sets.h"
#include "scan/finding_cache.h"
#include "scan/unit_maps.h"

#include <impscan/module_reader.h>

struct error *session_open(struct session *session, const struct windows *windows,
			   const struct scan_options *options, const struct scan_events *events)
{
	*session = (struct session){.context = {.windows = windows, .options = options}};
	try_(selection_make(&session->selection, windows, options, events));
	const struct processes *all = &session->selection.all;
	session->context.exports = export_cache_new();
	session->context.findings = finding_cache_new();
	session->context.neighbours = neighbours_new(windows, all);
	session->context.clean = clean_pages_new();
	session->context.api_sets = api_set_cache_new(windows, all);
	/* Names are a few pages of each module, and a process is a small part of the machine. */
	image_expect_all(windows->image, !options->fast && !options->pid_count);
	return NULL;
}

void session_close(struct session *session)
{
	struct unit_context *context = &session->context;
	if (context->exports)
		export_cache_free(context->exports);
	if (context->findings)
		finding_cache_free(context->findings);
	if (context->neighbours)
		neighbours_free(context->neighbours);
	if (context->clean)
		clean_pages_free(context->clean);
	api_set_cache_free(context->api_sets);
	selection_free(&session->selection);
	if (context->windows)
		image_expect_all(context->windows->image, false);
}
