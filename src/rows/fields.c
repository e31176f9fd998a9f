/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The fields of modules, in a listing or search (row_modules) and in the index of a folder of
 * dumped modules (row_dumps). Those of other kinds of rows are in other_fields.c.
 *
 * The named fields are a promise to programs that read them: their names and order never change.
 * A new one is one line, behind the last named one.
 */
#include <impscan/bytes.h>
#include <impscan/module.h>

#include "rows/table.h"

#define ROW struct row

/* Columns for an impfuzzy: block sizes of import lists have 3 digits, parts up to 64 and 32. */
#define IMPFUZZY_WIDTH 101

/* The same for one that may have a prefix. */
#define HASH_WIDTH (IMPFUZZY_WIDTH + (int)sizeof(TYPEREFUZZY_PREFIX) - 1)

/* Numbers of values of enum imports_status and enum row_matched. */
#define STATUSES (IMPORTS_NOT_PE + 1)
#define MATCHES	 (MATCHED_GIMPFUZZY + 1)

const char *row_matched_name(enum row_matched matched)
{
	static const char *const names[] = {
		[MATCHED_NOTHING] = NULL,
		[MATCHED_IMPHASH] = "imphash",
		[MATCHED_IMPFUZZY] = "impfuzzy",
		[MATCHED_REBUILT_IMPHASH] = "rebuilt_imphash",
		[MATCHED_REBUILT_IMPFUZZY] = "rebuilt_impfuzzy",
		[MATCHED_IMPSET] = "impset",
		[MATCHED_REBUILT_IMPSET] = "rebuilt_impset",
		[MATCHED_RESOLVED] = "resolved",
		[MATCHED_TYPEREFHASH] = "typerefhash",
		[MATCHED_TYPEREFUZZY] = "typerefuzzy",
		[MATCHED_GIMPHASH] = "gimphash",
		[MATCHED_GIMPFUZZY] = "gimpfuzzy",
	};
	return names[matched];
}

enum hash_type row_matched_type(enum row_matched matched)
{
	static const enum hash_type types[] = {
		[MATCHED_NOTHING] = HASH_IMPFUZZY,
		[MATCHED_IMPHASH] = HASH_IMPHASH,
		[MATCHED_IMPFUZZY] = HASH_IMPFUZZY,
		[MATCHED_REBUILT_IMPHASH] = HASH_IMPHASH,
		[MATCHED_REBUILT_IMPFUZZY] = HASH_IMPFUZZY,
		[MATCHED_IMPSET] = HASH_IMPSET,
		[MATCHED_REBUILT_IMPSET] = HASH_IMPSET,
		[MATCHED_RESOLVED] = HASH_IMPFUZZY,
		[MATCHED_TYPEREFHASH] = HASH_TYPEREFHASH,
		[MATCHED_TYPEREFUZZY] = HASH_TYPEREFUZZY,
		[MATCHED_GIMPHASH] = HASH_GIMPHASH,
		[MATCHED_GIMPFUZZY] = HASH_GIMPFUZZY,
	};
	return types[matched];
}

bool row_matched_rebuilt(enum row_matched matched)
{
	return matched == MATCHED_REBUILT_IMPHASH || matched == MATCHED_REBUILT_IMPFUZZY ||
	       matched == MATCHED_REBUILT_IMPSET || matched == MATCHED_RESOLVED;
}

bool row_injected(const struct row *row)
{
	return row->found_in == FOUND_PRIVATE;
}

static const char *matched_name(unsigned int matched)
{
	return row_matched_name(matched);
}

static const char *status_name(unsigned int status)
{
	return imports_status_name(status);
}

static bool has_module(const void *p)
{
	const struct row *row = p;
	return row->found_in != 0;
}

static bool has_rebuilt(const void *p)
{
	const struct row *row = p;
	return *row->rebuilt.imphash != '\0';
}

static bool has_match(const void *p)
{
	const struct row *row = p;
	return row->match.by != MATCHED_NOTHING;
}

static bool is_counted(const void *p)
{
	const struct row *row = p;
	return row->match.counted;
}

static bool is_dotnet(const void *p)
{
	const struct row *row = p;
	return row->dotnet;
}

static bool is_go(const void *p)
{
	const struct row *row = p;
	return row->go;
}

/* Is it .NET or Go, known or not? */
static bool has_names(const void *p)
{
	const struct row *row = p;
	return row->dotnet || row->by_go || row->names_unread;
}

static bool has_file(const void *p)
{
	const struct row *row = p;
	return row->dump.file != NULL;
}

/* Is it the line of the declared list, which status and reason are of? */
static bool is_declared(const void *p)
{
	const struct row *row = p;
	return !row->rebuilt_line;
}

/*
 * The hash that tells most: of the types of an assembly or the functions of a Go program, whose
 * import lists are their runtimes'; else the impfuzzy.
 */
static struct value telling_hash(const void *p, struct text *scratch)
{
	const struct row *row = p;
	if (*row->hashes.typerefuzzy)
		return value_prefixed(&row->hashes, HASH_TYPEREFUZZY, scratch);
	if (*row->hashes.gimpfuzzy)
		return value_prefixed(&row->hashes, HASH_GIMPFUZZY, scratch);
	return value_text(row->hashes.impfuzzy);
}

/* The same, or in brackets why there is none. */
static struct value hash_or_reason(const void *p, struct text *scratch)
{
	const struct row *row = p;
	struct value hash = telling_hash(p, scratch);
	if (hash.kind != VALUE_NULL)
		return hash;
	text_add_char(scratch, '(');
	text_add_string(scratch, row->reason && *row->reason ? row->reason
							     : imports_status_name(row->status));
	text_add_char(scratch, ')');
	return value_text(text_string(scratch));
}

/* The number of entries of the list that matched. */
static struct value matched_imports(const void *p, struct text *scratch)
{
	const struct row *row = p;
	(void)scratch;
	return (struct value){
		.kind = VALUE_NUMBER,
		.number = row_matched_rebuilt(row->match.by) ? row->rebuilt_imports : row->imports,
	};
}

/* The hash of the module that matched, as a list of hashes has it. */
static struct value matched_hash(const void *p, struct text *scratch)
{
	const struct row *row = p;
	enum row_matched by = row->match.by;
	return value_prefixed(row_matched_rebuilt(by) ? &row->rebuilt : &row->hashes,
			      row_matched_type(by), scratch);
}

/* The name of what it resembles, and behind it why the hash that matched tells little. */
static struct value match_and_note(const void *p, struct text *scratch)
{
	const struct row *row = p;
	if (!row->match.note)
		return value_text(row->match.name ? row->match.name : "");
	text_add_format(scratch, "%s (%s)", row->match.name ? row->match.name : "-",
			row->match.note);
	return value_text(text_string(scratch));
}

/* That code has 32 bits, or its process has ended, is no suspicion. */
static enum row_emphasis emphasis(const void *p)
{
	const struct row *row = p;
	if (row_injected(row) || row->flags & ~(unsigned int)(MODULE_WOW64 | MODULE_EXITED))
		return EMPHASIS_ALERT;
	if (row->status != IMPORTS_OK && row->status != IMPORTS_NONE)
		return EMPHASIS_CAUTION;
	return row->flags & MODULE_EXITED ? EMPHASIS_FAINT : EMPHASIS_NONE;
}

/* clang-format off */
static const struct field modules[] = {
	{"pid", NUMBER(pid), RIGHT("PID", 6, 10, 10, 10, 10)},
	{"ppid", NUMBER(ppid), RIGHT("PPID", 6, 0, 20, 0, 20)},
	{"process", TEXT(process), LEFT("Process", 15, 20, 30, 20, 30)},
	{"eprocess", ADDRESS_OR_NULL(eprocess)},
	{"base", ADDRESS(base), LEFT("Module Base", 18, 30, 40, 30, 40), .when = has_module},
	{"size", NUMBER(size), RIGHT("Size", 9, 0, 50, 0, 50), .when = has_module},
	{"module", TEXT(module), LEFT("Module Name", 24, 40, 60, 40, 60)},
	{"path", TEXT(path), LEFT("Path", 48, 0, 140, 0, 140)},
	{"found_in", WORDS(found_in, found_in_names, FOUND_IN_COUNT),
	 LEFT("Found In", 42, 0, 90, 0, 70)},
	{"imports", NUMBER(imports), RIGHT("Imports", 7, 50, 110, 0, 90)},
	{"import_source", TEXT(import_source)},
	{"imphash", CHARS(hashes.imphash), LEFT("imphash", 32, 60, 120, 0, 100)},
	{"impfuzzy", CHARS(hashes.impfuzzy), LEFT("impfuzzy", IMPFUZZY_WIDTH, 0, 0, 0, 110)},
	{"rebuilt_imports", NUMBER(rebuilt_imports), .when = has_rebuilt},
	{"rebuilt_imphash", CHARS(rebuilt.imphash)},
	{"rebuilt_impfuzzy", CHARS(rebuilt.impfuzzy)},
	{"readable", SHARE(readable), RIGHT("Readable", 8, 0, 70), .when = is_declared},
	{"status", CHOICE(status, status_name, STATUSES),
	 LEFT("Status", 10, 0, 80), .when = is_declared},
	{"reason", TEXT(reason), LEFT("Reason", 0, 0, 150), .when = is_declared},
	{"flags", WORDS(flags, module_flag_names, MODULE_FLAG_COUNT),
	 LEFT("Flags", 16, 0, 100, 0, 80)},
	{"match", TEXT(match.name), LEFT("Match", 0, 0, 0, 0, 150)},
	{"score", NUMBER(match.score), RIGHT("Compare", 7, 0, 0, 80, 130), .when = has_match},
	{"matched_hash", CHOICE(match.by, matched_name, MATCHES), LEFT("By", 16, 0, 0, 60, 120)},
	{"dump", TEXT(dump.file)},
	{"impset", CHARS(hashes.impset)},
	{"rebuilt_impset", CHARS(rebuilt.impset)},
	{"image", TEXT(image)},
	{"same_hash", NUMBER(match.same_hash), .when = is_counted},
	{"note", TEXT(match.note), LEFT("Note", 0, 0, 0, 0, 170)},
	{"match_comment", TEXT(match.comment)},
	{"timestamp", NUMBER_OR_NULL(timestamp)},
	{"typerefs", NUMBER(typerefs), .when = is_dotnet},
	{"typerefhash", CHARS(hashes.typerefhash)},
	{"typerefuzzy", CHARS(hashes.typerefuzzy)},
	{"go_functions", NUMBER(go_functions), .when = is_go},
	{"gimphash", CHARS(hashes.gimphash)},
	{"gimpfuzzy", CHARS(hashes.gimpfuzzy)},
	{"assembly", TEXT(assembly), LEFT("Assembly", 32, 0, 145, 0, 155)},
	{"mvid", TEXT(mvid)},
	{"go_version", TEXT(go_version)},
	{"go_module", TEXT(go_module)},
	{"started", UTC(started)},
	{"exited", UTC(exited)},
	{"command_line", TEXT(command_line)},
	{"rebuilt_others", LIST(rebuilt_others)},
	{"typerefhash_ordinal", CHARS(hashes.typerefhash_ordinal)},
	{"by_go", BOOL(by_go), .when = has_names},
	{"names_unread", BOOL(names_unread), .when = has_names},
	/* Only for people. What may be of any length comes last in each table. */
	{NULL, DERIVED(hash_or_reason), LEFT("Hash", 0, 70)},
	{NULL, DERIVED(telling_hash), LEFT("Hash", HASH_WIDTH, 0, 130)},
	{NULL, DERIVED(matched_imports), RIGHT("Imports", 7, 0, 0, 50)},
	{NULL, DERIVED(matched_hash), LEFT("Hash", HASH_WIDTH, 0, 0, 70, 115)},
	{NULL, DERIVED(match_and_note), LEFT("Match", 0, 0, 0, 90)},
};

/* Only for programs. */
static const struct field dumps[] = {
	{"file", TEXT(dump.file)},
	{"pid", NUMBER(pid)},
	{"process", TEXT(process)},
	{"eprocess", ADDRESS_OR_NULL(eprocess)},
	{"base", ADDRESS(base)},
	{"size", NUMBER(size)},
	{"module", TEXT(module)},
	{"path", TEXT(path)},
	{"imphash", CHARS(hashes.imphash)},
	{"impfuzzy", CHARS(hashes.impfuzzy)},
	{"status", CHOICE(status, status_name, STATUSES)},
	{"reason", TEXT(reason)},
	{"flags", WORDS(flags, module_flag_names, MODULE_FLAG_COUNT)},
	{"layout", TEXT(dump.layout)},
	{"file_size", NUMBER(dump.size), .when = has_file},
	{"pages", NUMBER(dump.pages)},
	{"pages_absent", NUMBER(dump.pages_absent)},
	{"note", TEXT(dump.note)},
	{"image", TEXT(image)},
};
/* clang-format on */

const struct row_kind row_modules = {
	.fields = modules,
	.count = sizeof(modules) / sizeof(*modules),
	.size = sizeof(ROW),
	.others = offsetof(ROW, others),
	.emphasis = emphasis,
};
const struct row_kind row_dumps = ROW_KIND(dumps);
