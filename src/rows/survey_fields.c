/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The survey of an image as a value: its fields, as --info prints them, and its release. It is made
 * by scan/survey.c.
 */
#include <impscan/survey.h>

#include <stdlib.h>

#include "rows/table.h"

#define ROW struct survey

#define HEADING(heading_) .heading = (heading_)

static bool has_kernel(const void *p)
{
	const struct survey *survey = p;
	return survey->kernel_found;
}

/* clang-format off */
/* Names and order never change; a new field is one line at the end. */
static const struct field surveys[] = {
	{"image", TEXT(image), HEADING("Image")},
	{"format", TEXT(format), HEADING("Format")},
	{"file_size", NUMBER(file_size), HEADING("File size")},
	{"memory_size", NUMBER(memory_size), HEADING("Memory in it")},
	{"ranges", NUMBER(ranges), HEADING("Ranges")},
	{"warning", TEXT(warning), HEADING("Warning")},
	{"architecture", TEXT(architecture), HEADING("Architecture")},
	{"paging", TEXT(paging), HEADING("Paging")},
	{"build", NUMBER(build), HEADING("Windows build"), .when = has_kernel},
	{"build_kernel", NUMBER_OR_NULL(build_kernel), HEADING("  by NtBuildNumber")},
	{"build_shared", NUMBER_OR_NULL(build_shared), HEADING("  by KUSER_SHARED_DATA")},
	{"build_peb", NUMBER_OR_NULL(build_peb), HEADING("  by PEB.OSBuildNumber")},
	{"build_note", TEXT(build_note), HEADING("  note")},
	{"kernel_base", ADDRESS(kernel_base), HEADING("Kernel base"), .when = has_kernel},
	{"kernel_size", NUMBER(kernel_size), HEADING("Kernel size"), .when = has_kernel},
	{"pdb", TEXT(pdb), HEADING("Kernel PDB")},
	{"pdb_guid", TEXT(pdb_guid), HEADING("PDB GUID-age")},
	{"dtb", ADDRESS(dtb), HEADING("Page map (DTB)"), .when = has_kernel},
	{"dtb_source", TEXT(dtb_source), HEADING("  found by")},
	{"profile", TEXT(profile), HEADING("Profile")},
	{"profile_origin", TEXT(profile_origin), HEADING("  from")},
	{"system", ADDRESS(system), HEADING("EPROCESS of System"), .when = has_kernel},
	{"ps_active_process_head", ADDRESS_OR_NULL(ps_active_process_head),
	 HEADING("PsActiveProcessHead")},
	{"ps_loaded_module_list", ADDRESS_OR_NULL(ps_loaded_module_list),
	 HEADING("PsLoadedModuleList")},
	{"processes", NUMBER(processes), HEADING("Processes"), .when = has_kernel},
	{"processes_by_source", LIST(by_source), HEADING("  by source")},
	{"processes_hidden", NUMBER(hidden), HEADING("  hidden"), .when = has_kernel},
	{"processes_exited", NUMBER(exited), HEADING("  exited"), .when = has_kernel},
	{"damage", TEXT(damage), HEADING("Damage")},
	{"modules", NUMBER(modules), HEADING("Modules"), .when = has_kernel},
	{"modules_readable", NUMBER(readable), HEADING("  readable"), .when = has_kernel},
	{"page_files", LIST(page_files), HEADING("Page files")},
	{"compressed_store", TEXT(store), HEADING("Compressed store")},
	{"advice", LIST(advice), HEADING("What would help")},
	{"error", TEXT(failure), HEADING("Error")},
};
/* clang-format on */

const struct row_kind row_surveys = ROW_KIND(surveys);

void survey_free(struct survey *survey)
{
	for (size_t i = 0; i < row_surveys.count; i++) {
		const struct field *field = &surveys[i];
		void *member = (uint8_t *)survey + field->offset;
		if (field->kind == FIELD_TEXT)
			free(*(char **)member);
		else if (field->kind == FIELD_LIST)
			text_list_free(member);
	}
	*survey = (struct survey){0};
}
