/* SPDX-License-Identifier: GPL-3.0-or-later */
/* rows: what each field of the tables gives, and copies of rows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>
#include <impscan/match.h>
#include <impscan/module.h>
#include <impscan/rows.h>
#include <impscan/sample.h>
#include <impscan/survey.h>

/* A named field and its value as show() writes it; NULL: it has none. */
struct expected {
	const char *name;
	const char *value;
};

/* A value with a letter for its kind, so that a number is not taken for an address. */
static void show(struct text *text, const struct value *value)
{
	switch (value->kind) {
	case VALUE_NULL:
		text_add_string(text, "null");
		break;
	case VALUE_NUMBER:
		text_add_format(text, "n%llu", (unsigned long long)value->number);
		break;
	case VALUE_ADDRESS:
		text_add_format(text, "a%llx", (unsigned long long)value->number);
		break;
	case VALUE_SHARE:
		text_add_format(text, "s%.3f", value->share);
		break;
	case VALUE_BOOL:
		text_add_string(text, value->number ? "true" : "false");
		break;
	case VALUE_TEXT:
		text_add_format(text, "t%s", value->text);
		break;
	case VALUE_WORDS:
	case VALUE_LIST:
		text_add_char(text, 'l');
		for (size_t i = 0; i < value->count; i++)
			if (value->kind == VALUE_LIST || value->number >> i & 1)
				text_add_format(text, " %s", value->list[i]);
		break;
	case VALUE_BYTES:
		text_add_char(text, 'b');
		for (size_t i = 0; i < value->count; i++)
			text_add_format(text, "%02x", value->bytes[i]);
		break;
	}
}

/* The named fields of a kind are these, in this order, with these values. */
static void assert_fields(const struct row_kind *kind, const void *row,
			  const struct expected *expected, size_t count)
{
	_cleanup_text_ struct text scratch = {0};
	size_t named = 0;
	for (size_t i = 0; i < kind->count; i++) {
		const struct field *field = &kind->fields[i];
		_cleanup_text_ struct text shown = {0};
		if (!field->name)
			continue;
		struct value value = field_value(field, row, &scratch);
		show(&shown, &value);
		assert_true(named < count);
		assert_string_equal(field->name, expected[named].name);
		assert_string_equal(text_string(&shown), expected[named].value);
		assert_ptr_equal(row_kind_field(kind, field->name), field);
		named++;
	}
	assert_int_equal(named, count);
}

/* What a table shows in one column, found by its heading. */
static void assert_column(const struct row_kind *kind, enum field_table table, const void *row,
			  const char *heading, const char *expected)
{
	uint8_t order[FIELDS_MAX];
	size_t count = row_kind_columns(kind, table, order);
	_cleanup_text_ struct text scratch = {0}, shown = {0};
	for (size_t i = 0; i < count; i++) {
		const struct field *field = &kind->fields[order[i]];
		if (strcmp(field->heading, heading) != 0)
			continue;
		struct value value = field_value(field, row, &scratch);
		show(&shown, &value);
		assert_string_equal(text_string(&shown), expected);
		return;
	}
	fail_msg("no column '%s'", heading);
}

static struct row full_row(void)
{
	static char first[] = "0123 3:a:b", second[] = "4567 3:c:d impset:3:e:f";
	static char *others[] = {first, second};
	return (struct row){
		.pid = 4012,
		.ppid = 4,
		.process = "invoice.exe",
		.eprocess = 0xffff800000001000,
		.base = 0x7ff600000000,
		.size = 0x12000,
		.module = "ws2_32.dll",
		.path = "C:\\ws2_32.dll",
		.found_in = FOUND_LOAD | FOUND_VAD,
		.flags = MODULE_HIDDEN | MODULE_HOOK_TARGET,
		.status = IMPORTS_PARTIAL,
		.reason = "2 of 9 names",
		.imports = 7,
		.import_source = "names",
		.hashes = {"0123456789abcdef0123456789abcdef", "3:abc:def", "3:a:b", "trh",
			   "ordinal", "3:t:u", "gih", "3:g:h"},
		.rebuilt_imports = 9,
		.rebuilt = {.imphash = "fedcba9876543210fedcba9876543210",
			    .impfuzzy = "6:ghi:jkl",
			    .impset = "6:c:d"},
		.rebuilt_others = {others, array_size(others), 0},
		.timestamp = 1234,
		.readable = 0.875,
		.match = {MATCHED_REBUILT_IMPFUZZY, 93, "emotet", "beside", "shared", 7, true},
		.dump = {"4012.bin", "memory", 73728, 18, 2, "cut"},
		.image = "host 1",
		.dotnet = true,
		.typerefs = 0,
		.assembly = "Tool 1.2.3.4",
		.mvid = "0f7a3c5e-0000-0000-0000-000000000001",
		.go = true,
		.by_go = true,
		.go_functions = 4425,
		.go_version = "go1.19.8",
		.go_module = "example.com/tool",
		.started = UINT64_C(132223104000000000), /* 2020-01-01 */
		.exited = UINT64_C(132223140619999999),
		.command_line = "invoice.exe \"a b\" \x1b[1m",
	};
}

static void modules(void **state)
{
	static const struct expected expected[] = {
		{"pid", "n4012"},
		{"ppid", "n4"},
		{"process", "tinvoice.exe"},
		{"eprocess", "affff800000001000"},
		{"base", "a7ff600000000"},
		{"size", "n73728"},
		{"module", "tws2_32.dll"},
		{"path", "tC:\\ws2_32.dll"},
		{"found_in", "l load vad"},
		{"imports", "n7"},
		{"import_source", "tnames"},
		{"imphash", "t0123456789abcdef0123456789abcdef"},
		{"impfuzzy", "t3:abc:def"},
		{"rebuilt_imports", "n9"},
		{"rebuilt_imphash", "tfedcba9876543210fedcba9876543210"},
		{"rebuilt_impfuzzy", "t6:ghi:jkl"},
		{"readable", "s0.875"},
		{"status", "tpartial"},
		{"reason", "t2 of 9 names"},
		{"flags", "l hidden hook-target"},
		{"match", "temotet"},
		{"score", "n93"},
		{"matched_hash", "trebuilt_impfuzzy"},
		{"dump", "t4012.bin"},
		{"impset", "t3:a:b"},
		{"rebuilt_impset", "t6:c:d"},
		{"image", "thost 1"},
		{"same_hash", "n7"},
		{"note", "tshared"},
		{"match_comment", "tbeside"},
		{"timestamp", "n1234"},
		{"typerefs", "n0"},
		{"typerefhash", "ttrh"},
		{"typerefuzzy", "t3:t:u"},
		{"go_functions", "n4425"},
		{"gimphash", "tgih"},
		{"gimpfuzzy", "t3:g:h"},
		{"assembly", "tTool 1.2.3.4"},
		{"mvid", "t0f7a3c5e-0000-0000-0000-000000000001"},
		{"go_version", "tgo1.19.8"},
		{"go_module", "texample.com/tool"},
		{"started", "t2020-01-01T00:00:00Z"},
		{"exited", "t2020-01-01T01:01:01Z"},
		{"command_line", "tinvoice.exe \"a b\" \x1b[1m"},
		{"rebuilt_others", "l 0123 3:a:b 4567 3:c:d impset:3:e:f"},
		{"typerefhash_ordinal", "tordinal"},
		{"by_go", "true"},
		{"names_unread", "false"},
	};
	struct row row = full_row();
	(void)state;
	assert_fields(&row_modules, &row, expected, array_size(expected));
}

/* What is not known is null, not 0 or "". */
static void modules_without(void **state)
{
	static const struct expected expected[] = {
		{"pid", "n8"},
		{"ppid", "n0"},
		{"process", "null"},
		{"eprocess", "null"},
		{"base", "null"},
		{"size", "null"},
		{"module", "null"},
		{"path", "null"},
		{"found_in", "l"},
		{"imports", "n0"},
		{"import_source", "null"},
		{"imphash", "null"},
		{"impfuzzy", "null"},
		{"rebuilt_imports", "null"},
		{"rebuilt_imphash", "null"},
		{"rebuilt_impfuzzy", "null"},
		{"readable", "s0.000"},
		{"status", "tunreadable"},
		{"reason", "null"},
		{"flags", "l"},
		{"match", "null"},
		{"score", "null"},
		{"matched_hash", "null"},
		{"dump", "null"},
		{"impset", "null"},
		{"rebuilt_impset", "null"},
		{"image", "null"},
		{"same_hash", "null"},
		{"note", "null"},
		{"match_comment", "null"},
		{"timestamp", "null"},
		{"typerefs", "null"},
		{"typerefhash", "null"},
		{"typerefuzzy", "null"},
		{"go_functions", "null"},
		{"gimphash", "null"},
		{"gimpfuzzy", "null"},
		{"assembly", "null"},
		{"mvid", "null"},
		{"go_version", "null"},
		{"go_module", "null"},
		{"started", "null"},
		{"exited", "null"},
		{"command_line", "null"},
		{"rebuilt_others", "null"},
		{"typerefhash_ordinal", "null"},
		{"by_go", "null"},
		{"names_unread", "null"},
	};
	struct row row = {.pid = 8, .module = "", .status = IMPORTS_UNREADABLE};
	(void)state;
	assert_fields(&row_modules, &row, expected, array_size(expected));
}

static void columns_of_people(void **state)
{
	struct row row = full_row();
	(void)state;
	assert_column(&row_modules, FIELDS_TABLE, &row, "Hash", "ttyperefuzzy:3:t:u");
	assert_column(&row_modules, FIELDS_WIDE, &row, "Hash", "ttyperefuzzy:3:t:u");
	*row.hashes.typerefuzzy = '\0';
	assert_column(&row_modules, FIELDS_TABLE, &row, "Hash", "tgimpfuzzy:3:g:h");
	*row.hashes.gimpfuzzy = '\0';
	assert_column(&row_modules, FIELDS_TABLE, &row, "Hash", "t3:abc:def");
	assert_column(&row_modules, FIELDS_WIDE, &row, "Hash", "t3:abc:def");
	assert_column(&row_modules, FIELDS_SEARCH, &row, "Imports", "n9");
	assert_column(&row_modules, FIELDS_SEARCH, &row, "Hash", "t6:ghi:jkl");
	row.match.by = MATCHED_IMPHASH;
	assert_column(&row_modules, FIELDS_SEARCH, &row, "Imports", "n7");
	assert_column(&row_modules, FIELDS_SEARCH, &row, "Hash",
		      "t0123456789abcdef0123456789abcdef");
	row.match.by = MATCHED_REBUILT_IMPHASH;
	assert_column(&row_modules, FIELDS_SEARCH, &row, "Hash",
		      "tfedcba9876543210fedcba9876543210");
	row.match.by = MATCHED_REBUILT_IMPSET;
	assert_column(&row_modules, FIELDS_SEARCH, &row, "Imports", "n9");
	assert_column(&row_modules, FIELDS_SEARCH, &row, "Hash", "timpset:6:c:d");
	assert_column(&row_modules, FIELDS_SEARCH, &row, "By", "trebuilt_impset");
	row.match.by = MATCHED_IMPSET;
	assert_column(&row_modules, FIELDS_SEARCH, &row, "Imports", "n7");
	assert_column(&row_modules, FIELDS_SEARCH, &row, "Hash", "timpset:3:a:b");
	row.hashes = full_row().hashes;
	row.match.by = MATCHED_TYPEREFHASH;
	assert_column(&row_modules, FIELDS_SEARCH, &row, "Hash", "ttyperefhash:trh");
	assert_column(&row_modules, FIELDS_SEARCH_WIDE, &row, "Hash", "ttyperefhash:trh");
	assert_column(&row_modules, FIELDS_SEARCH, &row, "By", "ttyperefhash");
	row.match.by = MATCHED_TYPEREFUZZY;
	assert_column(&row_modules, FIELDS_SEARCH, &row, "Hash", "ttyperefuzzy:3:t:u");
	row.match.by = MATCHED_GIMPHASH;
	assert_column(&row_modules, FIELDS_SEARCH, &row, "Hash", "tgimphash:gih");
	row.match.by = MATCHED_GIMPFUZZY;
	assert_column(&row_modules, FIELDS_SEARCH, &row, "Hash", "tgimpfuzzy:3:g:h");
	row.hashes = (struct hashes){0};
	assert_column(&row_modules, FIELDS_TABLE, &row, "Hash", "t(2 of 9 names)");
	assert_column(&row_modules, FIELDS_WIDE, &row, "Hash", "null");
	row.reason = NULL;
	assert_column(&row_modules, FIELDS_TABLE, &row, "Hash", "t(partial)");
	assert_column(&row_modules, FIELDS_WIDE, &row, "Status", "tpartial");
	row.rebuilt_line = true;
	assert_column(&row_modules, FIELDS_WIDE, &row, "Status", "null");
	assert_column(&row_modules, FIELDS_WIDE, &row, "Readable", "null");
}

static void dumps(void **state)
{
	static const struct expected expected[] = {
		{"file", "t4012.bin"},
		{"pid", "n4012"},
		{"process", "tinvoice.exe"},
		{"eprocess", "affff800000001000"},
		{"base", "a7ff600000000"},
		{"size", "n73728"},
		{"module", "tws2_32.dll"},
		{"path", "tC:\\ws2_32.dll"},
		{"imphash", "t0123456789abcdef0123456789abcdef"},
		{"impfuzzy", "t3:abc:def"},
		{"status", "tpartial"},
		{"reason", "t2 of 9 names"},
		{"flags", "l hidden hook-target"},
		{"layout", "tmemory"},
		{"file_size", "n73728"},
		{"pages", "n18"},
		{"pages_absent", "n2"},
		{"note", "tcut"},
		{"image", "thost 1"},
	};
	struct row row = full_row();
	_cleanup_text_ struct text scratch = {0};
	(void)state;
	assert_fields(&row_dumps, &row, expected, array_size(expected));
	row.dump.file = NULL;
	assert_int_equal(field_value(row_kind_field(&row_dumps, "file_size"), &row, &scratch).kind,
			 VALUE_NULL);
}

static void regions(void **state)
{
	static const struct expected expected[] = {
		{"pid", "n7"},
		{"process", "ta.exe"},
		{"start", "a10000"},
		{"end", "a1ffff"},
		{"kind", "tprivate"},
		{"protection", "tPAGE_EXECUTE_READ"},
		{"committed", "n3"},
		{"executable", "n2"},
		{"writable", "n1"},
		{"first_executable", "a11000"},
		{"pe", "null"},
		{"file", "null"},
		{"bytes_at", "a10000"},
		{"bytes", "b4d5a000000000000000000000000000000000000000000000000000000000000"},
		{"image", "tmem.raw"},
	};
	struct region_row row = {
		.pid = 7,
		.process = "a.exe",
		.start = 0x10000,
		.end = 0x1ffff,
		.kind = "private",
		.protection = "PAGE_EXECUTE_READ",
		.committed = 3,
		.rights_known = true,
		.executable = 2,
		.writable = 1,
		.first_executable = 0x11000,
		.bytes_present = true,
		.bytes_at = 0x10000,
		.bytes = {0x4d, 0x5a},
		.image = "mem.raw",
	};
	_cleanup_text_ struct text scratch = {0};
	(void)state;
	assert_fields(&row_regions, &row, expected, array_size(expected));
	row.bytes_present = false;
	assert_int_equal(field_value(row_kind_field(&row_regions, "bytes"), &row, &scratch).kind,
			 VALUE_NULL);
	assert_int_equal(field_value(row_kind_field(&row_regions, "bytes_at"), &row, &scratch).kind,
			 VALUE_NULL);
}

static void imports(void **state)
{
	static const struct expected by_name[] = {
		{"pid", "n7"},	       {"process", "ta.exe"},  {"base", "a400000"},
		{"module", "ta.exe"},  {"slot", "a401000"},    {"value", "a0"},
		{"target", "null"},    {"dll", "tuser32.dll"}, {"function", "tBeep"},
		{"ordinal", "null"},   {"source", "tiat"},     {"hooked", "true"},
		{"image", "tmem.raw"},
	};
	static const struct expected by_ordinal[] = {
		{"pid", "n7"},		 {"process", "ta.exe"},	 {"base", "a400000"},
		{"module", "ta.exe"},	 {"slot", "a401000"},	 {"value", "null"},
		{"target", "a77000000"}, {"dll", "tuser32.dll"}, {"function", "null"},
		{"ordinal", "n0"},	 {"source", "tiat"},	 {"hooked", "false"},
		{"image", "tmem.raw"},
	};
	struct import_row row = {
		.pid = 7,
		.process = "a.exe",
		.base = 0x400000,
		.module = "a.exe",
		.slot = 0x401000,
		.present = true,
		.dll = "user32.dll",
		.function = "Beep",
		.source = "iat",
		.hooked = true,
		.image = "mem.raw",
	};
	(void)state;
	assert_fields(&row_imports, &row, by_name, array_size(by_name));
	row.present = false;
	row.target = 0x77000000;
	row.function = NULL;
	row.by_ordinal = true;
	row.hooked = false;
	assert_fields(&row_imports, &row, by_ordinal, array_size(by_ordinal));
}

static void samples(void **state)
{
	static const struct expected expected[] = {
		{"path", "tx.exe"},	{"imports", "n2"},	 {"imphash", "tabc"},
		{"impfuzzy", "t3:a:b"}, {"status", "tok"},	 {"reason", "null"},
		{"impset", "t3:c:d"},	{"typerefhash", "ttrh"}, {"typerefuzzy", "t3:t:u"},
		{"gimphash", "tgih"},	{"gimpfuzzy", "t3:g:h"},
	};
	struct sample sample = {
		.path = (char *)(uintptr_t) "x.exe",
		.status = IMPORTS_OK,
		.imports = 2,
		.hashes = {"abc", "3:a:b", "3:c:d", "trh", "", "3:t:u", "gih", "3:g:h"},
	};
	(void)state;
	assert_fields(&row_samples, &sample, expected, array_size(expected));
	assert_column(&row_samples, FIELDS_TABLE, &sample, "impset", "timpset:3:c:d");
	assert_column(&row_samples, FIELDS_TABLE, &sample, "Others",
		      "ttyperefhash:trh typerefuzzy:3:t:u gimphash:gih gimpfuzzy:3:g:h");
	sample.hashes = (struct hashes){0};
	assert_column(&row_samples, FIELDS_TABLE, &sample, "impset", "null");
	assert_column(&row_samples, FIELDS_WIDE, &sample, "Others", "null");
}

/* What a description has of a survey, and its own. */
static void descriptions(void **state)
{
	static const struct expected expected[] = {
		{"impscan", "t1.2.3"},
		{"rows", "tmodules"},
		{"image", "tmem.raw"},
		{"path", "null"},
		{"format", "null"},
		{"file_size", "n4096"},
		{"unpacked_size", "null"},
		{"memory_size", "null"},
		{"container", "null"},
		{"tool", "null"},
		{"taken", "t2020-01-01T00:00:00Z"},
		{"architecture", "null"},
		{"build", "n19041"},
		{"pdb_guid", "null"},
		{"profile", "null"},
		{"profile_origin", "null"},
		{"dtb", "a1aa000"},
		{"left_out_by", "l -p -F"},
		{"warnings", "l cut off"},
		{"error", "tno kernel"},
	};
	_cleanup_description_ struct description description = {
		.survey = {.image = alloc_strdup("mem.raw"),
			   .file_size = 4096,
			   .taken = alloc_strdup("2020-01-01T00:00:00Z"),
			   .build = 19041,
			   .dtb = 0x1aa000,
			   .failure = alloc_strdup("no kernel")},
		.version = "1.2.3",
		.rows = "modules",
	};
	(void)state;
	text_list_add(&description.left_out_by, alloc_strdup("-p"));
	text_list_add(&description.left_out_by, alloc_strdup("-F"));
	text_list_add(&description.warnings, alloc_strdup("cut off"));
	assert_fields(&row_descriptions, &description, expected, array_size(expected));
}

/* In a tree: the name's place, and what is there in a list of processes as well or not. */
static void tree(void **state)
{
	uint8_t order[FIELDS_MAX];
	struct process_row row = {.process = "a.exe", .tree = true, .depth = 3, .flagged = 2};
	_cleanup_text_ struct text scratch = {0};
	(void)state;
	assert_column(&row_processes, FIELDS_TREE, &row, "Process", "ta.exe");
	assert_true(row_kind_columns(&row_processes, FIELDS_TREE, order) > 3);
	struct value value = field_value(&row_processes.fields[order[2]], &row, &scratch);
	assert_int_equal(value.indent, 6);
	row.depth = UINT32_MAX;
	assert_column(&row_processes, FIELDS_TREE, &row, "Process", "t(4294967295) a.exe");
	value = field_value(&row_processes.fields[order[2]], &row, &scratch);
	assert_int_equal(value.indent, 48);
	row.process = NULL;
	assert_column(&row_processes, FIELDS_TREE, &row, "Process", "t(4294967295)");
	row.depth = 0;
	assert_column(&row_processes, FIELDS_TREE, &row, "Process", "null");
	row.orphan = ORPHAN_REUSED;
	assert_column(&row_processes, FIELDS_TREE_WIDE, &row, "Orphan", "treused");
	const struct field *depth = row_kind_field(&row_processes, "depth");
	assert_int_equal(field_value(depth, &row, &scratch).kind, VALUE_NUMBER);
	row.tree = false;
	assert_int_equal(field_value(depth, &row, &scratch).kind, VALUE_NULL);
}

static void surveys(void **state)
{
	_cleanup_survey_ struct survey survey = {.image = alloc_strdup("mem.raw"), .dtb = 0x1aa000};
	_cleanup_text_ struct text scratch = {0}, shown = {0};
	const struct field *dtb = row_kind_field(&row_surveys, "dtb");
	(void)state;
	assert_int_equal(field_value(dtb, &survey, &scratch).kind, VALUE_NULL);
	survey.kernel_found = true;
	assert_int_equal(field_value(dtb, &survey, &scratch).number, 0x1aa000);
	text_list_add(&survey.advice, alloc_strdup("more"));
	text_list_add(&survey.advice, alloc_strdup("memory"));
	struct value value = field_value(row_kind_field(&row_surveys, "advice"), &survey, &scratch);
	show(&shown, &value);
	assert_string_equal(text_string(&shown), "l more memory");
	for (size_t i = 0; i < row_surveys.count; i++) {
		assert_non_null(row_surveys.fields[i].name);
		assert_non_null(row_surveys.fields[i].heading);
		assert_true(row_surveys.fields[i].places[FIELDS_TABLE]); /* all are printed */
	}
}

/* Names are unique, and so are the places in each table; what has a place has a heading. */
static void tables_are_sound(void **state)
{
	static const struct row_kind *const kinds[] = {&row_modules, &row_dumps,    &row_regions,
						       &row_imports, &row_samples,  &row_profiles,
						       &row_surveys, &row_processes};
	(void)state;
	for (size_t k = 0; k < array_size(kinds); k++) {
		const struct row_kind *kind = kinds[k];
		assert_true(kind->count <= FIELDS_MAX);
		for (size_t i = 0; i < kind->count; i++) {
			const struct field *field = &kind->fields[i];
			if (field->name)
				assert_ptr_equal(row_kind_field(kind, field->name), field);
			if (field->kind != FIELD_DERIVED)
				assert_true(field->size &&
					    field->offset + field->size <= kind->size);
			for (size_t t = 0; t < FIELD_TABLES; t++) {
				assert_true(!field->places[t] || field->heading);
				for (size_t j = 0; j < i; j++)
					assert_true(!field->places[t] ||
						    kind->fields[j].places[t] != field->places[t]);
			}
		}
	}
}

/* The names of a choice tell its values apart, so that what was written can be read back. */
static void choices_are_unique(void **state)
{
	static const struct row_kind *const kinds[] = {&row_modules, &row_samples, &row_profiles,
						       &row_processes};
	(void)state;
	for (size_t k = 0; k < array_size(kinds); k++)
		for (size_t i = 0; i < kinds[k]->count; i++) {
			const struct field *field = &kinds[k]->fields[i];
			if (field->kind != FIELD_CHOICE)
				continue;
			assert_true(field->word_count > 1);
			for (unsigned int a = 0; a < field->word_count; a++)
				for (unsigned int b = 0; b < a; b++)
					assert_true(!field->choose(b) ||
						    strcmp(field->choose(a), field->choose(b)) !=
							    0);
		}
}

static void columns_by_place(void **state)
{
	static const struct field fields[] = {
		{.name = "c", .places = {30}},
		{.name = "none"},
		{.name = "a", .places = {10}},
		{.name = "b", .places = {20}},
	};
	static const struct row_kind kind = {.fields = fields, .count = array_size(fields)};
	uint8_t order[FIELDS_MAX];
	(void)state;
	assert_int_equal(row_kind_columns(&kind, FIELDS_TABLE, order), 3);
	assert_int_equal(order[0], 2);
	assert_int_equal(order[1], 3);
	assert_int_equal(order[2], 0);
	assert_int_equal(row_kind_columns(&kind, FIELDS_WIDE, order), 0);
}

/* What lies behind a time that no process can have is no time, and no wrong one is shown. */
static void times_that_are_none(void **state)
{
	static const uint64_t none[] = {0, 1, UINT64_C(116444736000000000), INT64_MAX, UINT64_MAX};
	_cleanup_text_ struct text scratch = {0};
	(void)state;
	for (size_t i = 0; i < array_size(none); i++) {
		struct row row = {.started = none[i], .exited = none[i]};
		assert_int_equal(
			field_value(row_kind_field(&row_modules, "started"), &row, &scratch).kind,
			VALUE_NULL);
		assert_int_equal(
			field_value(row_kind_field(&row_modules, "exited"), &row, &scratch).kind,
			VALUE_NULL);
	}
}

/* Every text of the row in memory of its own, or all of them freed. */
static void own_texts(struct row *row, bool own)
{
	const char **texts[] = {&row->process,	 &row->module,	      &row->path,
				&row->reason,	 &row->import_source, &row->match.name,
				&row->dump.file, &row->dump.layout,   &row->dump.note,
				&row->assembly,	 &row->mvid,	      &row->go_version,
				&row->go_module, &row->command_line};
	for (size_t i = 0; i < array_size(texts); i++) {
		if (own)
			*texts[i] = alloc_strdup(*texts[i]);
		else
			free((char *)(uintptr_t)*texts[i]);
	}
	if (!own) {
		text_list_free(&row->rebuilt_others);
		return;
	}
	struct text_list list = {0};
	for (size_t i = 0; i < row->rebuilt_others.count; i++)
		text_list_add(&list, alloc_strdup(row->rebuilt_others.items[i]));
	row->rebuilt_others = list;
}

/* A copy has the same values when the texts that the row borrowed are gone. */
static void copy_outlives(void **state)
{
	struct row reference = full_row(), source = full_row();
	_cleanup_text_ struct text scratch = {0};
	(void)state;
	own_texts(&source, true);
	_cleanup_row_ struct row *copy = row_copy(&source);
	own_texts(&source, false);
	memset(&source, 0xa5, sizeof(source));
	const struct row_kind *const kinds[] = {&row_modules, &row_dumps};
	for (size_t k = 0; k < array_size(kinds); k++)
		for (size_t i = 0; i < kinds[k]->count; i++) {
			const struct field *field = &kinds[k]->fields[i];
			_cleanup_text_ struct text want = {0}, have = {0};
			struct value value = field_value(field, &reference, &scratch);
			show(&want, &value);
			value = field_value(field, copy, &scratch);
			show(&have, &value);
			assert_string_equal(text_string(&have), text_string(&want));
		}
	_cleanup_row_ struct row *empty = row_copy(&(struct row){.pid = 3});
	assert_int_equal(empty->pid, 3);
	assert_null(empty->module);
}

static void injected(void **state)
{
	(void)state;
	assert_true(row_injected(&(struct row){.found_in = FOUND_PRIVATE}));
	assert_false(row_injected(&(struct row){.found_in = FOUND_PRIVATE | FOUND_LOAD}));
	assert_false(row_injected(&(struct row){0}));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(modules),
		cmocka_unit_test(modules_without),
		cmocka_unit_test(columns_of_people),
		cmocka_unit_test(dumps),
		cmocka_unit_test(regions),
		cmocka_unit_test(imports),
		cmocka_unit_test(samples),
		cmocka_unit_test(surveys),
		cmocka_unit_test(descriptions),
		cmocka_unit_test(tree),
		cmocka_unit_test(tables_are_sound),
		cmocka_unit_test(columns_by_place),
		cmocka_unit_test(times_that_are_none),
		cmocka_unit_test(copy_outlives),
		cmocka_unit_test(injected),
		cmocka_unit_test(choices_are_unique),
	};
	return cmocka_run_group_tests_name("rows", tests, NULL, NULL);
}
