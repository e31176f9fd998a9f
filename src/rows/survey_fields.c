/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The survey of an image as a value: its fields, as --info prints them, and its release, and the
 * same of what --describe prints before rows. They are made by scan/survey.c.
 */
#include <impscan/survey.h>

#include <stdlib.h>

#include "rows/table.h"

#define ROW struct survey

/* Its place among the lines of the table, and what stands before the value there. */
#define HEADING(place, heading_) \
	.heading = (heading_), .places = {[FIELDS_TABLE] = (place), [FIELDS_WIDE] = (place)}

static bool has_machine(const void *p)
{
	const struct survey *survey = p;
	return survey->machine_found;
}

static bool has_kernel(const void *p)
{
	const struct survey *survey = p;
	return survey->kernel_found;
}

/* clang-format off */
/* Names and order never change; a new field is one line at the end. */
static const struct field surveys[] = {
	{"image", TEXT(image), HEADING(2, "Image")},
	{"format", TEXT(format), HEADING(6, "Format")},
	{"file_size", NUMBER(file_size), HEADING(20, "File size")},
	{"memory_size", NUMBER(memory_size), HEADING(22, "Memory in it")},
	{"ranges", NUMBER(ranges), HEADING(24, "Ranges")},
	{"warning", TEXT(warning), HEADING(30, "Warning")},
	{"architecture", TEXT(architecture), HEADING(36, "Architecture")},
	{"paging", TEXT(paging), HEADING(40, "Paging")},
	{"build", NUMBER(build), HEADING(44, "Windows build"), .when = has_machine},
	{"build_kernel", NUMBER_OR_NULL(build_kernel), HEADING(48, "  by NtBuildNumber")},
	{"build_shared", NUMBER_OR_NULL(build_shared), HEADING(52, "  by KUSER_SHARED_DATA")},
	{"build_peb", NUMBER_OR_NULL(build_peb), HEADING(56, "  by PEB.OSBuildNumber")},
	{"build_note", TEXT(build_note), HEADING(60, "  note")},
	{"kernel_base", ADDRESS(kernel_base), HEADING(64, "Kernel base"), .when = has_kernel},
	{"kernel_size", NUMBER(kernel_size), HEADING(68, "Kernel size"), .when = has_kernel},
	{"pdb", TEXT(pdb), HEADING(72, "Kernel PDB")},
	{"pdb_guid", TEXT(pdb_guid), HEADING(76, "PDB GUID-age")},
	{"dtb", ADDRESS(dtb), HEADING(80, "Page map (DTB)"), .when = has_kernel},
	{"dtb_source", TEXT(dtb_source), HEADING(84, "  found by")},
	{"profile", TEXT(profile), HEADING(88, "Profile")},
	{"profile_origin", TEXT(profile_origin), HEADING(92, "  from")},
	{"system", ADDRESS(system), HEADING(96, "EPROCESS of System"), .when = has_kernel},
	{"ps_active_process_head", ADDRESS_OR_NULL(ps_active_process_head),
	 HEADING(100, "PsActiveProcessHead")},
	{"ps_loaded_module_list", ADDRESS_OR_NULL(ps_loaded_module_list),
	 HEADING(104, "PsLoadedModuleList")},
	{"processes", NUMBER(processes), HEADING(108, "Processes"), .when = has_machine},
	{"processes_by_source", LIST(by_source), HEADING(112, "  by source")},
	{"processes_hidden", NUMBER(hidden), HEADING(116, "  hidden"), .when = has_machine},
	{"processes_exited", NUMBER(exited), HEADING(120, "  exited"), .when = has_machine},
	{"damage", TEXT(damage), HEADING(124, "Damage")},
	{"modules", NUMBER(modules), HEADING(128, "Modules"), .when = has_machine},
	{"modules_readable", NUMBER(readable), HEADING(132, "  readable"), .when = has_machine},
	{"page_files", LIST(page_files), HEADING(136, "Page files")},
	{"compressed_store", TEXT(store), HEADING(140, "Compressed store")},
	{"advice", LIST(advice), HEADING(144, "What would help")},
	{"error", TEXT(failure), HEADING(148, "Error")},
	{"container", TEXT(container), HEADING(8, "Container")},
	{"compression", TEXT(compression), HEADING(10, "Compression")},
	{"tool", TEXT(tool), HEADING(12, "Taken with")},
	{"taken", TEXT(taken), HEADING(14, "Taken")},
	{"missing", LIST(missing), HEADING(26, "Not in it")},
	{"notes", TEXT(notes), HEADING(28, "Notes")},
	{"path", TEXT(path), HEADING(4, "Path")},
	{"unpacked_size", NUMBER_OR_NULL(unpacked_size), HEADING(21, "  unpacked")},
	{"sandbox", TEXT(sandbox), HEADING(34, "Locked in")},
};
/* clang-format on */

const struct row_kind row_surveys = ROW_KIND(surveys);

#undef ROW
#define ROW struct description

/* clang-format off */
/*
 * Only for programs. The first name tells a description from a row, which has "pid" in its place.
 */
static const struct field descriptions[] = {
	{"impscan", TEXT(version)},
	{"rows", TEXT(rows)},
	{"image", TEXT(survey.image)},
	{"path", TEXT(survey.path)},
	{"format", TEXT(survey.format)},
	{"file_size", NUMBER_OR_NULL(survey.file_size)},
	{"unpacked_size", NUMBER_OR_NULL(survey.unpacked_size)},
	{"memory_size", NUMBER_OR_NULL(survey.memory_size)},
	{"container", TEXT(survey.container)},
	{"tool", TEXT(survey.tool)},
	{"taken", TEXT(survey.taken)},
	{"architecture", TEXT(survey.architecture)},
	{"build", NUMBER_OR_NULL(survey.build)},
	{"pdb_guid", TEXT(survey.pdb_guid)},
	{"profile", TEXT(survey.profile)},
	{"profile_origin", TEXT(survey.profile_origin)},
	{"dtb", ADDRESS_OR_NULL(survey.dtb)},
	{"left_out_by", LIST(left_out_by)},
	{"warnings", LIST(warnings)},
	{"error", TEXT(survey.failure)},
};
/* clang-format on */

const struct row_kind row_descriptions = ROW_KIND(descriptions);

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

void description_free(struct description *description)
{
	survey_free(&description->survey);
	text_list_free(&description->left_out_by);
	text_list_free(&description->warnings);
}
