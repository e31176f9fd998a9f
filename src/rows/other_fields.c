/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The fields of regions, imports, samples and profiles. Their names and order never change; a new
 * one is one line, behind the last named one.
 */
#include <impscan/bytes.h>
#include <impscan/module.h>
#include <impscan/process.h>
#include <impscan/profile.h>
#include <impscan/sample.h>

#include "rows/table.h"

/* Columns to the right that a process has of its parent, and down to which depth. */
#define INDENT	      2
#define INDENTED_MOST 24

#define IMPFUZZY_WIDTH 101		    /* as in fields.c */
#define IMPSET_WIDTH   (IMPFUZZY_WIDTH + 7) /* with its prefix */

/* clang-format off */

#define ROW struct region_row

static bool has_bytes(const void *p)
{
	const struct region_row *row = p;
	return row->bytes_present;
}

static bool knows_rights(const void *p)
{
	const struct region_row *row = p;
	return row->rights_known;
}

/* --regions; as users of malfind know them. */
static const struct field regions[] = {
	{"pid", NUMBER(pid), RIGHT("PID", 6, 10, 10)},
	{"process", TEXT(process), LEFT("Process", 15, 20, 20)},
	{"start", ADDRESS(start), LEFT("Start", 18, 30, 30)},
	{"end", ADDRESS(end), LEFT("End", 18, 40, 40)},
	{"kind", TEXT(kind), LEFT("Kind", 7, 50, 50)},
	{"protection", TEXT(protection), LEFT("VAD Protection", 22, 60, 60)},
	{"committed", NUMBER(committed), RIGHT("Commit", 6, 70, 70)},
	{"executable", NUMBER(executable), RIGHT("Exec", 6, 80, 80), .when = knows_rights},
	{"writable", NUMBER(writable), RIGHT("Exec+W", 6, 90, 90), .when = knows_rights},
	{"first_executable", ADDRESS(first_executable), LEFT("First Exec", 18, 0, 100), .when = knows_rights},
	{"pe", ADDRESS_OR_NULL(pe), LEFT("PE", 18, 110, 110)},
	{"file", TEXT(file), LEFT("File", 24, 0, 120)},
	{"bytes_at", ADDRESS(bytes_at), LEFT("Bytes At", 18, 0, 130), .when = has_bytes},
	{"bytes", BYTES(bytes), LEFT("First Bytes", 0, 140, 140), .when = has_bytes},
	{"image", TEXT(image)},
};

/* A PE where no loader put it, or code that can still be changed. */
static enum row_emphasis region_emphasis(const void *p)
{
	const struct region_row *row = p;
	if (row->pe)
		return EMPHASIS_ALERT;
	return row->rights_known && row->writable ? EMPHASIS_CAUTION : EMPHASIS_NONE;
}

const struct row_kind row_regions = ROW_KIND_OF(regions, region_emphasis);

#undef ROW
#define ROW struct process_row

static bool is_tree(const void *p)
{
	const struct process_row *row = p;
	return row->tree;
}

static const char *orphan_name(unsigned int orphan)
{
	static const char *const names[ROW_ORPHANS] = {NULL, "gone", "reused", "circle"};
	return names[orphan];
}

/* The name, by its depth to the right. What is deeper than fits a line says how deep. */
static struct value tree_name(const void *p, struct text *scratch)
{
	const struct process_row *row = p;
	const char *name = row->process ? row->process : "";
	if (row->depth > INDENTED_MOST)
		text_add_format(scratch, "(%u)%s%s", row->depth, *name ? " " : "", name);
	struct value value = value_text(scratch->length ? text_string(scratch) : name);
	value.indent = INDENT * (int)min_of(row->depth, (uint32_t)INDENTED_MOST);
	return value;
}

/* --processes; with --tree the tables have other columns. */
static const struct field processes[] = {
	{"pid", NUMBER(pid), RIGHT("PID", 6, 10, 10, 0, 0, 10, 10)},
	{"ppid", NUMBER(ppid), RIGHT("PPID", 6, 20, 20, 0, 0, 20, 20)},
	{"process", TEXT(process), LEFT("Process", 15, 30, 30)},
	{"eprocess", ADDRESS_OR_NULL(eprocess), LEFT("EPROCESS", 18, 0, 40, 0, 0, 0, 40)},
	{"started", UTC(started), LEFT("Started", 20, 50, 50, 0, 0, 50, 50)},
	{"exited", UTC(exited), LEFT("Exited", 20, 60, 60, 0, 0, 0, 60)},
	{"sources", WORDS(sources, process_source_names, PROCESS_SOURCE_COUNT),
	 LEFT("Found In", 24, 0, 70, 0, 0, 0, 70)},
	{"flags", WORDS(flags, module_flag_names, MODULE_FLAG_COUNT), LEFT("Flags", 12, 80, 80, 0, 0, 80, 80)},
	{"modules", NUMBER(modules), RIGHT("Modules", 7, 90, 90, 0, 0, 90, 90)},
	{"command_line", TEXT(command_line), LEFT("Command Line", 0, 100, 100, 0, 0, 120, 120)},
	{"image", TEXT(image)},
	{"depth", NUMBER(depth), .when = is_tree},
	{"parent", ADDRESS_OR_NULL(parent)},
	{"orphan", CHOICE(orphan, orphan_name, ROW_ORPHANS), LEFT("Orphan", 6, 0, 0, 0, 0, 0, 65)},
	{"flagged", NUMBER(flagged), .when = is_tree},
	{"findings", LIST(findings), LEFT("Findings", 24, 0, 0, 0, 0, 110, 110)},
	/* Only for people. */
	{NULL, DERIVED(tree_name), LEFT("Process", 33, 0, 0, 0, 0, 30, 30)},
};

static enum row_emphasis process_emphasis(const void *p)
{
	const struct process_row *row = p;
	if (row->flags & MODULE_HIDDEN || row->flagged)
		return EMPHASIS_ALERT;
	if (row->orphan == ORPHAN_REUSED || row->orphan == ORPHAN_CIRCLE)
		return EMPHASIS_CAUTION;
	return row->flags & MODULE_EXITED ? EMPHASIS_FAINT : EMPHASIS_NONE;
}

const struct row_kind row_processes = ROW_KIND_OF(processes, process_emphasis);

#undef ROW
#define ROW struct import_row

static bool is_present(const void *p)
{
	const struct import_row *row = p;
	return row->present;
}

static bool is_by_ordinal(const void *p)
{
	const struct import_row *row = p;
	return row->by_ordinal;
}

/* --imports; as users of Volatility 2's impscan know them. In the wide table DLL and function,
 * which may be of any length, come last. */
static const struct field imports[] = {
	{"pid", NUMBER(pid), RIGHT("PID", 6, 10, 10)},
	{"process", TEXT(process), LEFT("Process", 15, 0, 20)},
	{"base", ADDRESS(base), LEFT("Module Base", 18, 0, 30)},
	{"module", TEXT(module), LEFT("Module Name", 24, 20, 40)},
	{"slot", ADDRESS(slot), LEFT("Slot", 18, 30, 50)},
	{"value", ADDRESS(value), LEFT("Value", 18, 40, 60), .when = is_present},
	{"target", ADDRESS_OR_NULL(target), LEFT("Target", 18, 0, 70)},
	{"dll", TEXT(dll), LEFT("DLL", 44, 50, 110)},
	{"function", TEXT(function), LEFT("Function", 40, 60, 120)},
	{"ordinal", NUMBER(ordinal), RIGHT("Ord", 5, 70, 80), .when = is_by_ordinal},
	{"source", TEXT(source), LEFT("Source", 6, 80, 90)},
	{"hooked", BOOL(hooked), LEFT("Hooked", 6, 90, 100)},
	{"image", TEXT(image)},
};

static enum row_emphasis import_emphasis(const void *p)
{
	const struct import_row *row = p;
	return row->hooked ? EMPHASIS_ALERT : row->present ? EMPHASIS_NONE : EMPHASIS_CAUTION;
}

const struct row_kind row_imports = ROW_KIND_OF(imports, import_emphasis);

#undef ROW
#define ROW struct sample

static const char *status_name(unsigned int status)
{
	return imports_status_name(status);
}

/* The impset as a line of a list has it. */
static struct value prefixed_impset(const void *p, struct text *scratch)
{
	const struct sample *sample = p;
	return value_prefixed(&sample->hashes, HASH_IMPSET, scratch);
}

/* The hashes of types and functions, each as a list has it, separated by blanks. */
static struct value other_hashes(const void *p, struct text *scratch)
{
	const struct sample *sample = p;
	for (unsigned int i = HASH_TYPEREFHASH; i < HASH_TYPES; i++) {
		enum hash_type type = (enum hash_type)i;
		const char *hash = hash_of_type(&sample->hashes, type);
		if (*hash)
			text_add_format(scratch, "%s%s%s", scratch->length ? " " : "",
					hash_type_prefix(type), hash);
	}
	return value_text(text_string(scratch));
}

/* Samples without an image. The table is a list that -i reads: all hashes and the path. */
static const struct field samples[] = {
	{"path", TEXT(path), LEFT("Path", 40, 40, 60)},
	{"imports", NUMBER(imports), RIGHT("Imports", 7, 0, 10)},
	{"imphash", CHARS(hashes.imphash), LEFT("imphash", 32, 0, 30)},
	{"impfuzzy", CHARS(hashes.impfuzzy), LEFT("impfuzzy", IMPFUZZY_WIDTH, 20, 40)},
	{"status", CHOICE(status, status_name, IMPORTS_NOT_PE + 1), LEFT("Status", 10, 0, 20)},
	{"reason", CHARS(reason), LEFT("Reason", 0, 0, 70)},
	{"impset", CHARS(hashes.impset)},
	{"typerefhash", CHARS(hashes.typerefhash)},
	{"typerefuzzy", CHARS(hashes.typerefuzzy)},
	{"gimphash", CHARS(hashes.gimphash)},
	{"gimpfuzzy", CHARS(hashes.gimpfuzzy)},
	/* The heading makes the first line of the table a comment of the list. */
	{NULL, CHARS(hashes.imphash), LEFT("# imphash", 32, 10)},
	{NULL, DERIVED(prefixed_impset), LEFT("impset", IMPSET_WIDTH, 30, 50)},
	{NULL, DERIVED(other_hashes), LEFT("Others", 6, 35, 55)},
};
const struct row_kind row_samples = ROW_KIND(samples);

#undef ROW
#define ROW struct profile_summary

static const char *architecture_choice(unsigned int architecture)
{
	return architecture_name(architecture);
}

/* --list-profiles */
static const struct field profiles[] = {
	{"name", TEXT(name), LEFT("Name", 40, 10, 10)},
	{"architecture", CHOICE(architecture, architecture_choice, 2), LEFT("Arch", 4, 20, 20)},
	{"build_first", NUMBER(build_first), RIGHT("From", 5, 30, 30)},
	{"build_last", NUMBER(build_last), RIGHT("To", 5, 40, 40)},
	{"variant", TEXT(variant), LEFT("Variant", 24, 0, 50)},
	{"description", TEXT(description), LEFT("Description", 34, 60, 60)},
	{"origin", TEXT(origin), LEFT("Origin", 8, 50, 70)},
	{"source", TEXT(source), LEFT("Source", 0, 0, 80)},
};
const struct row_kind row_profiles = ROW_KIND(profiles);

/* clang-format on */
