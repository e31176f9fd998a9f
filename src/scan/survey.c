/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What --info tells beyond the kernel: processes by where they were found, what share of the
 * modules can be read, and what would help to read the rest.
 */
#include <impscan/scan.h>

#include <stdio.h>
#include <string.h>

#include <impscan/bytes.h>
#include <impscan/discover.h>

#include "scan/selection.h"

static bool count_module(void *context, const struct row *row)
{
	struct survey *survey = context;
	if (!row->module->found_in)
		return true;
	survey->modules++;
	if (row->status == IMPORTS_OK || row->status == IMPORTS_NONE) {
		survey->readable++;
		return true;
	}
	for (unsigned int i = 0; i < PAGE_FILES; i++)
		survey->lacking[i] += row->module->missing_page_files >> i & 1;
	return true;
}

/* OSBuildNumber of the first PEB that can be read. */
static uint32_t peb_build(const struct windows *windows, const struct processes *processes)
{
	uint64_t work = windows_work(windows);
	struct budget budget = {.limit = work / 4, .part = work / 64};
	for (size_t i = 0; i < processes->count && !budget_exceeded(&budget); i++) {
		const struct process *process = &processes->items[i];
		uint16_t build;
		if (!process->peb || process_exited(process))
			continue;
		_cleanup_view_ struct view view;
		view_open(&view, windows, process, &budget);
		if (space_u16(view.space,
			      process->peb + profile_offset(windows->profile, PEB_OSBuildNumber),
			      &build))
			return build;
	}
	return 0;
}

/* Adds a sentence on what was cut off. */
static void note(struct survey *survey, const char *sentence)
{
	size_t length = strlen(survey->damage);
	snprintf(survey->damage + length, sizeof(survey->damage) - length, "%s%s",
		 length ? "; " : "", sentence);
}

struct error *scan_survey(const struct windows *windows, const struct scan_options *options,
			  struct survey *survey)
{
	memset(survey, 0, sizeof(*survey));
	struct scan_options fast = *options;
	struct scan_summary summary;
	fast.all = true;
	fast.fast = true;
	fast.known = NULL;
	fast.only = (struct scan_only){0};
	fast.dump_directory = NULL;
	try_(scan_image(windows, &fast,
			&(struct scan_events){
				.row = count_module,
				.context = survey,
			},
			&summary));

	_cleanup_processes_ struct processes processes = {0};
	windows_processes(windows, options->deep, options->threads, &processes);
	memcpy(survey->damage, processes.damage, sizeof(survey->damage));
	survey->ps_active_process_head = processes.ps_active_process_head;
	for (size_t i = 0; i < processes.count; i++) {
		if (!selection_wants(options, processes.items[i].pid))
			continue;
		survey->processes++;
		for (unsigned int s = 0; s < PROCESS_SOURCE_COUNT; s++)
			survey->by_source[s] += processes.items[i].sources >> s & 1;
		survey->hidden += process_hidden(&processes.items[i]);
		survey->exited += process_exited(&processes.items[i]);
	}
	survey->build_peb = peb_build(windows, &processes);
	windows_page_file_use(windows, &survey->votes);
	if (survey->votes.cut)
		note(survey, "page tables not all read: they cost too much work");
	if (summary.cut)
		note(survey, "processes not all looked at whole: they cost too much work");
	return NULL;
}
