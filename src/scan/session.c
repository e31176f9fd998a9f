#include "scan/session.h"

#include "scan/cache.h"
#include "scan/rebuilt.h"

static bool read_space(void *context, uint64_t address, void *buffer, size_t size)
{
	return space_read(context, address, buffer, size);
}

/* The API sets of the machine, as the first process has them whose PEB leads to them. */
static struct api_sets *find_api_sets(const struct windows *windows,
				      const struct processes *processes)
{
	struct api_sets *sets = NULL;
	for (size_t i = 0; !sets && i < processes->count; i++) {
		const struct process *process = &processes->items[i];
		uint64_t address;
		if (!process->peb || !profile_has(windows->profile, PEB_ApiSetMap))
			continue;
		_cleanup_view_ struct view view;
		view_open(&view, windows, process);
		if (space_pointer(view.space,
				  process->peb + profile_offset(windows->profile, PEB_ApiSetMap),
				  windows->pointer_size, &address) &&
		    address)
			sets = api_sets_read(read_space, view.space, address);
	}
	return sets;
}

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
	session->context.api_sets = find_api_sets(windows, all);
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
	api_sets_free(context->api_sets);
	selection_free(&session->selection);
	image_expect_all(context->windows->image, false);
}
