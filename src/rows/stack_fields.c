/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The fields of distinct modules (--stack) and of groups (--cluster). Their names and order never
 * change; a new one is one line, behind the last named one. Those that a row of a module has, too, have
 * its names, so that distinct modules can be read as rows (rows_read.h).
 */
#include <impscan/stacks.h>

#include <impscan/bytes.h>
#include <impscan/module.h>

#include "rows/table.h"

#define MATCHES	       (MATCHED_GIMPFUZZY + 1)
#define STATUSES       (IMPORTS_NOT_PE + 1)
#define IMPFUZZY_WIDTH 101 /* as in fields.c */
#define NAMES_SHOWN    4

const char *const stack_mark_names[STACK_MARK_COUNT] = {"other-hash", "other-name"};

static const char *matched_name(unsigned int matched)
{
	return row_matched_name(matched);
}

static const char *status_name(unsigned int status)
{
	return imports_status_name(status);
}

#define ROW struct stack_row

static bool has_rebuilt(const void *p)
{
	const struct stack_row *row = p;
	return *row->first.rebuilt.imphash != '\0';
}

static bool is_dotnet(const void *p)
{
	const struct stack_row *row = p;
	return row->first.dotnet;
}

static bool is_go(const void *p)
{
	const struct stack_row *row = p;
	return row->first.go;
}

static bool stack_matched(const void *p)
{
	const struct stack_row *row = p;
	return row->first.match.by != MATCHED_NOTHING;
}

/* The hash that tells most: of types or functions, of the rebuilt list, or of the declared one. */
static struct value telling_hash(const void *p, struct text *scratch)
{
	const struct row *row = &((const struct stack_row *)p)->first;
	if (*row->hashes.typerefhash)
		return value_prefixed(&row->hashes, HASH_TYPEREFHASH, scratch);
	if (*row->hashes.gimphash)
		return value_prefixed(&row->hashes, HASH_GIMPHASH, scratch);
	return value_text(*row->rebuilt.imphash ? row->rebuilt.imphash : row->hashes.imphash);
}

static struct value odd(const void *p, struct text *scratch)
{
	const struct stack_row *row = p;
	for (size_t i = 0; i < STACK_MARK_COUNT; i++)
		if (row->marks >> i & 1)
			text_add_format(scratch, "%s%s", scratch->length ? "," : "",
					stack_mark_names[i]);
	if (row->other_name) {
		text_add_string(scratch, " (");
		text_add_string(scratch, row->other_name);
		text_add_char(scratch, ')');
	}
	return value_text(text_string(scratch));
}

/* clang-format off */
static const struct field stacks[] = {
	{"machines", NUMBER(machines), RIGHT("Machines", 8, 10, 10)},
	{"processes", NUMBER(processes), RIGHT("Processes", 9, 20, 20)},
	{"modules", NUMBER(modules), RIGHT("Modules", 7, 0, 25)},
	{"module", TEXT(first.module), LEFT("Module Name", 24, 30, 30)},
	{"imphash", CHARS(first.hashes.imphash)},
	{"impfuzzy", CHARS(first.hashes.impfuzzy)},
	{"rebuilt_imphash", CHARS(first.rebuilt.imphash)},
	{"rebuilt_impfuzzy", CHARS(first.rebuilt.impfuzzy)},
	{"typerefhash", CHARS(first.hashes.typerefhash)},
	{"typerefuzzy", CHARS(first.hashes.typerefuzzy)},
	{"gimphash", CHARS(first.hashes.gimphash)},
	{"gimpfuzzy", CHARS(first.hashes.gimpfuzzy)},
	{"marks", WORDS(marks, stack_mark_names, STACK_MARK_COUNT)},
	{"other_name", TEXT(other_name)},
	{"name_machines", NUMBER(name_machines), RIGHT("Of Name", 7, 0, 45)},
	{"name_hashes", NUMBER(name_hashes), RIGHT("Variants", 8, 0, 46)},
	{"flags", WORDS(first.flags, module_flag_names, MODULE_FLAG_COUNT), LEFT("Flags", 16, 50, 50)},
	{"image", TEXT(first.image), LEFT("First Image", 20, 60, 60)},
	{"last_image", TEXT(last_image), LEFT("Last Image", 20, 70, 70)},
	{"pid", NUMBER(first.pid), RIGHT("PID", 6, 0, 80)},
	{"process", TEXT(first.process), LEFT("Process", 15, 0, 90)},
	{"eprocess", ADDRESS_OR_NULL(first.eprocess)},
	{"base", ADDRESS(first.base), LEFT("Module Base", 18, 0, 100)},
	{"size", NUMBER(first.size)},
	{"path", TEXT(first.path), LEFT("Path", 48, 0, 120)},
	{"found_in", WORDS(first.found_in, found_in_names, FOUND_IN_COUNT)},
	{"status", CHOICE(first.status, status_name, STATUSES)},
	{"imports", NUMBER(first.imports), RIGHT("Imports", 7, 0, 110)},
	{"rebuilt_imports", NUMBER(first.rebuilt_imports), .when = has_rebuilt},
	{"typerefs", NUMBER(first.typerefs), .when = is_dotnet},
	{"go_functions", NUMBER(first.go_functions), .when = is_go},
	{"by_go", BOOL(first.by_go)},
	{"match", TEXT(first.match.name)},
	{"score", NUMBER(first.match.score), .when = stack_matched},
	{"matched_hash", CHOICE(first.match.by, matched_name, MATCHES)},
	{NULL, DERIVED(telling_hash), LEFT("Hash", 32, 40, 40)},
	{NULL, DERIVED(odd), LEFT("Marks", 0, 80, 130)},
};
const struct row_kind row_stacks = ROW_KIND(stacks);

#undef ROW
#define ROW struct cluster_row

static bool cluster_matched(const void *p)
{
	const struct cluster_row *row = p;
	return row->matched != MATCHED_NOTHING;
}

static bool has_others(const void *p)
{
	const struct cluster_row *row = p;
	return row->hashes > 1;
}

static struct value scores(const void *p, struct text *scratch)
{
	const struct cluster_row *row = p;
	text_add_format(scratch, "%u-%u", row->score_least, row->score_most);
	return value_text(text_string(scratch));
}

/* The names on the most machines, and how many more there are. */
static struct value first_names(const void *p, struct text *scratch)
{
	const struct cluster_row *row = p;
	size_t shown = min_of(row->names.count, (size_t)NAMES_SHOWN);
	for (size_t i = 0; i < shown; i++)
		text_add_format(scratch, "%s%s", i ? "," : "", row->names.items[i]);
	if (shown < row->names.count)
		text_add_format(scratch, " and %zu more", row->names.count - shown);
	return value_text(text_string(scratch));
}

static struct value nearest(const void *p, struct text *scratch)
{
	const struct cluster_row *row = p;
	text_add_format(scratch, "%s (%u by %s)", row->match, row->match_score,
			row_matched_name(row->matched));
	return value_text(text_string(scratch));
}

static const struct field clusters[] = {
	{"cluster", NUMBER(number), RIGHT("Group", 5, 10, 10)},
	{"kind", TEXT(kind), LEFT("Kind", 9, 20, 20)},
	{"modules", NUMBER(modules), RIGHT("Modules", 7, 30, 30)},
	{"hashes", NUMBER(hashes), RIGHT("Hashes", 6, 40, 40)},
	{"machines", NUMBER(machines), RIGHT("Machines", 8, 50, 50)},
	{"processes", NUMBER(processes), RIGHT("Processes", 9, 60, 60)},
	{"names", LIST(names)},
	{"flags", WORDS(flags, module_flag_names, MODULE_FLAG_COUNT), LEFT("Flags", 16, 90, 90)},
	{"first_image", TEXT(first_image), LEFT("First Image", 20, 0, 100)},
	{"last_image", TEXT(last_image), LEFT("Last Image", 20, 0, 110)},
	{"module", TEXT(module)},
	{"exact", CHARS(exact), LEFT("Hash", 32, 85, 85)},
	{"fuzzy", CHARS(fuzzy), LEFT("Fuzzy Hash", IMPFUZZY_WIDTH, 0, 120)},
	{"score_least", NUMBER(score_least), .when = has_others},
	{"score_mean", NUMBER(score_mean), .when = has_others},
	{"score_most", NUMBER(score_most), .when = has_others},
	{"match", TEXT(match)},
	{"match_score", NUMBER(match_score), .when = cluster_matched},
	{"matched_hash", CHOICE(matched, matched_name, MATCHES)},
	{NULL, DERIVED(scores), RIGHT("Scores", 6, 70, 70), .when = has_others},
	{NULL, DERIVED(first_names), LEFT("Names", 40, 80, 80)},
	{NULL, DERIVED(nearest), LEFT("Nearest Known", 0, 130, 130), .when = cluster_matched},
};
/* clang-format on */
const struct row_kind row_clusters = ROW_KIND(clusters);
