/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * profile: symbol files of Volatility 3. They are made here of the shipped profiles, so that each
 * must come back as it was; real ones are imported where they are at hand.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>
#include <unistd.h>

#include <lzma.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>
#include <impscan/profile.h>
#include <impscan/text.h>

#define GUID "0123456789ABCDEF0123456789ABCDEF"

/* How a file of a profile differs from one that is right. */
struct change {
	const char *type, *member; /* of this one ... */
	const char *json;	   /* ... the JSON is that, or it is left out when NULL */
	const char *metadata;	   /* in place of the usual */
	const char *more_types;	   /* "_X": {...} */
};

static const char metadata_x64[] = "{\"windows\": {\"pdb\": {\"GUID\": \"" GUID "\", \"age\": 2, "
				   "\"database\": \"ntkrnlmp.pdb\", \"machine_type\": 34404}}}";
static const char metadata_x86[] = "{\"windows\": {\"pdb\": {\"GUID\": \"" GUID "\", \"age\": 2, "
				   "\"database\": \"ntkrpamp.pdb\", \"machine_type\": 332}}}";

static void add_field(struct text *json, const struct profile *profile, enum profile_member member)
{
	const struct profile_field *field = &profile->field[member];
	text_add_format(json, "\"%s\": {\"offset\": %u, \"type\": ", profile_member_name(member),
			field->offset);
	if (field->bits)
		text_add_format(json,
				"{\"kind\": \"bitfield\", \"bit_position\": %u, \"bit_length\": %u,"
				" \"type\": {\"kind\": \"base\", \"name\": \"unsigned long\"}}}",
				field->bit, field->bits);
	else
		text_add_string(json, "{\"kind\": \"base\", \"name\": \"unsigned long\"}}");
}

/* The symbol file of a profile. */
static char *symbols_of(const struct profile *profile, const struct change *change)
{
	struct text json = {0};
	bool x64 = profile->architecture == ARCHITECTURE_X64;
	text_add_format(&json,
			"{\"metadata\": %s,\n\"base_types\": {\"pointer\": {\"size\": %d}},\n",
			change->metadata ? change->metadata
			: x64		 ? metadata_x64
					 : metadata_x86,
			x64 ? 8 : 4);
	text_add_string(&json, "\"enums\": {}, \"symbols\": {}, \"user_types\": {\n");
	for (size_t i = 0, j; i < PROFILE_MEMBER_COUNT; i = j) {
		enum profile_member member = (enum profile_member)i;
		const char *type = profile_type_name(member);
		uint32_t size = 0;
		bool any = false, changed = change->type && !strcmp(change->type, type);
		for (j = i; j < PROFILE_MEMBER_COUNT &&
			    !strcmp(profile_type_name((enum profile_member)j), type);
		     j++) {
			any |= profile->field[j].present;
			if (!strcmp(profile_member_name((enum profile_member)j), "size"))
				size = profile->field[j].offset;
		}
		if (!any || (changed && !change->member && !change->json))
			continue;
		text_add_format(&json,
				"\"_%s\": {\"kind\": \"struct\", \"size\": %u, \"fields\": {", type,
				size ? size : 0x10000);
		bool first = true;
		for (size_t k = i; k < j; k++) {
			const char *name = profile_member_name((enum profile_member)k);
			bool this = changed && change->member && !strcmp(change->member, name);
			if (!profile->field[k].present || !strcmp(name, "size") ||
			    (this && !change->json))
				continue;
			text_add_string(&json, first ? "" : ",\n");
			first = false;
			if (this)
				text_add_string(&json, change->json);
			else
				add_field(&json, profile, (enum profile_member)k);
		}
		text_add_string(&json, "}},\n");
	}
	text_add_format(&json,
			"%s\"_LAST\": {\"kind\": \"struct\", \"size\": 4, \"fields\": {}}}}\n",
			change->more_types ? change->more_types : "");
	return json.data;
}

static const struct profile *shipped(struct profiles *profiles, const char *name)
{
	for (size_t i = 0; i < profiles_count(profiles); i++) {
		const struct profile *profile = NULL;
		if (strcmp(profiles_summary(profiles, i).name, name) != 0)
			continue;
		assert_null(profiles_get(profiles, i, &profile));
		return profile;
	}
	fail_msg("%s is not shipped", name);
	return NULL;
}

static void assert_same_fields(const struct profile *a, const struct profile *b)
{
	for (size_t i = 0; i < PROFILE_MEMBER_COUNT; i++) {
		const struct profile_field *x = &a->field[i], *y = &b->field[i];
		if (x->present != y->present || x->offset != y->offset || x->bit != y->bit ||
		    x->bits != y->bits)
			fail_msg("%s and %s disagree about %s.%s", a->name, b->name,
				 profile_type_name((enum profile_member)i),
				 profile_member_name((enum profile_member)i));
	}
}

/* Every shipped layout comes back; the one it is of is found, or it is said which it may be of. */
static void every_layout_comes_back(void **state)
{
	(void)state;
	_cleanup_profiles_ struct profiles *profiles = NULL;
	assert_null(profiles_new(&profiles));
	size_t recognised = 0;
	for (size_t i = 0; i < profiles_count(profiles); i++) {
		const struct profile *profile;
		_cleanup_profile_ struct profile *imported = NULL, *given = NULL;
		assert_null(profiles_get(profiles, i, &profile));
		_cleanup_free_ char *json = symbols_of(profile, &(struct change){0});
		_cleanup_error_ struct error *error = profile_parse_symbols(
			json, strlen(json), "file.json", 0, profiles, &imported);
		if (error) {
			assert_non_null(strstr(error_message(error), "that of several profiles"));
			assert_non_null(strstr(error_message(error), profile->name));
		} else {
			recognised++;
			assert_same_fields(profile, imported);
			assert_string_equal(profile->name, imported->name);
			assert_string_equal(profile->description, imported->description);
			assert_string_equal(profile->variant, imported->variant);
			assert_int_equal(profile->build_first, imported->build_first);
			assert_int_equal(profile->build_last, imported->build_last);
			assert_non_null(strstr(imported->source, GUID "-2"));
		}
		assert_null(profile_parse_symbols(json, strlen(json), "file.json",
						  profile->build_last, profiles, &given));
		assert_same_fields(profile, given);
		assert_int_equal(profile->architecture, given->architecture);
		assert_int_equal(given->build_first, profile->build_last);
		_cleanup_free_ char *yaml = profile_to_yaml(given);
		_cleanup_profile_ struct profile *again = NULL;
		assert_null(profile_parse(yaml, strlen(yaml), "again", &again));
		assert_same_fields(given, again);
	}
	assert_true(recognised * 10 >= profiles_count(profiles) * 8);
}

static void the_build_comes_from_where_it_is(void **state)
{
	(void)state;
	static const char with_pe[] =
		"{\"windows\": {\"pdb\": {\"machine_type\": 34404}, \"pe\": {\"major\": 10, "
		"\"minor\": 0, \"revision\": 27000, \"build\": 1}}}";
	_cleanup_profiles_ struct profiles *profiles = NULL;
	assert_null(profiles_new(&profiles));
	const struct profile *known = shipped(profiles, "windows-10-19041-x64");
	_cleanup_free_ char *plain = symbols_of(known, &(struct change){0});
	_cleanup_free_ char *told = symbols_of(known, &(struct change){.metadata = with_pe});
	_cleanup_profile_ struct profile *a = NULL, *b = NULL, *c = NULL;

	assert_null(profile_parse_symbols(told, strlen(told), "x", 0, profiles, &a));
	assert_int_equal(a->build_first, 27000);
	assert_int_equal(a->build_last, 27000);
	assert_string_equal(a->name, "windows-27000-x64");
	assert_null(profile_parse_symbols(plain, strlen(plain), "x", 27001, NULL, &b));
	assert_int_equal(b->build_first, 27001);
	assert_string_equal(b->name, "windows-27001-x64-01234567");
	_cleanup_error_ struct error *error =
		profile_parse_symbols(plain, strlen(plain), "x", 0, NULL, &c);
	assert_non_null(error);
	assert_null(c);
	assert_non_null(strstr(error_message(error), "give the build"));
}

static void members_of_anonymous_ones_are_found(void **state)
{
	(void)state;
	_cleanup_profiles_ struct profiles *profiles = NULL;
	assert_null(profiles_new(&profiles));
	const struct profile *known = shipped(profiles, "windows-10-19041-x64");
	uint32_t offset = profile_offset(known, CONTROL_AREA_FilePointer);
	_cleanup_free_ char *outer =
		alloc_printf("\"unnamed_field_1\": {\"anonymous\": true, \"offset\": %u, \"type\": "
			     "{\"kind\": \"union\", \"name\": \"unnamed_1\"}}",
			     offset - 8);
	struct change change = {
		"CONTROL_AREA", "FilePointer", outer, NULL,
		"\"unnamed_1\": {\"kind\": \"union\", \"size\": 24, \"fields\": {\"x\": "
		"{\"anonymous\": true, \"offset\": 0, \"type\": {\"kind\": \"struct\", \"name\": "
		"\"unnamed_2\"}}}},\n"
		"\"unnamed_2\": {\"kind\": \"struct\", \"size\": 16, \"fields\": {"
		"\"FilePointer\": {\"offset\": 8, \"type\": {\"kind\": \"pointer\"}}}},\n"};
	_cleanup_free_ char *json = symbols_of(known, &change);
	_cleanup_profile_ struct profile *imported = NULL;
	assert_null(profile_parse_symbols(json, strlen(json), "x", 0, profiles, &imported));
	assert_same_fields(known, imported);

	/* A union that holds itself ends. */
	change.more_types = "\"unnamed_1\": {\"kind\": \"union\", \"size\": 24, \"fields\": {"
			    "\"x\": {\"anonymous\": true, \"offset\": 0, \"type\": {\"name\": "
			    "\"unnamed_1\"}}, \"y\": {\"anonymous\": true, \"offset\": 0, "
			    "\"type\": {\"name\": \"unnamed_1\"}}}},\n";
	_cleanup_free_ char *circle = symbols_of(known, &change);
	_cleanup_profile_ struct profile *none = NULL;
	_cleanup_error_ struct error *error =
		profile_parse_symbols(circle, strlen(circle), "x", 0, profiles, &none);
	assert_non_null(error);
	assert_non_null(strstr(error_message(error), "_CONTROL_AREA.FilePointer"));
}

static void bad_files_are_told_from_each_other(void **state)
{
	(void)state;
	static const struct {
		struct change change;
		const char *message;
	} cases[] = {
		{{"EPROCESS", "Peb", NULL, NULL, NULL}, "which lack _EPROCESS.Peb"},
		{{"EPROCESS", NULL, NULL, NULL, NULL}, "which lack _EPROCESS;"},
		{{"EPROCESS", "Peb", "\"Peb\": {\"type\": {\"kind\": \"pointer\"}}", NULL, NULL},
		 "user_types._EPROCESS.fields.Peb: it has no offset"},
		{{"EPROCESS", "Peb", "\"Peb\": {\"offset\": -8, \"type\": {\"kind\": \"x\"}}", NULL,
		  NULL},
		 "fields.Peb: it has no offset"},
		{{"EPROCESS", "Peb", "\"Peb\": {\"offset\": 8}", NULL, NULL},
		 "fields.Peb: it has no type.kind"},
		{{"EPROCESS", "Peb", "\"Peb\": 8", NULL, NULL}, "fields.Peb: it has no offset"},
		{{"EPROCESS", "Peb", "\"Peb\": {\"offset\": 70000, \"type\": {\"kind\": \"x\"}}",
		  NULL, NULL},
		 "fields.Peb: it lies beyond the type's size"},
		{{"MMVAD_FLAGS", "Protection",
		  "\"Protection\": {\"offset\": 0, \"type\": {\"kind\": \"bitfield\", "
		  "\"bit_position\": 60, \"bit_length\": 5}}",
		  NULL, NULL},
		 "_MMVAD_FLAGS.fields.Protection: bit_position or bit_length"},
		{{NULL, NULL, NULL, "{\"windows\": {\"pdb\": {\"machine_type\": 43620}}}", NULL},
		 "machine of type 0xaa64"},
		{{NULL, NULL, NULL, "{\"linux\": {}}", NULL}, "Linux kernel"},
		{{NULL, NULL, NULL, "{\"windows\": {\"pe\": {\"revision\": 0}}}", NULL},
		 "revision is 0"},
	};
	_cleanup_profiles_ struct profiles *profiles = NULL;
	assert_null(profiles_new(&profiles));
	const struct profile *known = shipped(profiles, "windows-10-19041-x64");
	for (size_t i = 0; i < array_size(cases); i++) {
		_cleanup_profile_ struct profile *profile = NULL;
		_cleanup_free_ char *json = symbols_of(known, &cases[i].change);
		_cleanup_error_ struct error *error =
			profile_parse_symbols(json, strlen(json), "f.json", 0, profiles, &profile);
		assert_non_null(error);
		assert_null(profile);
		assert_memory_equal(error_message(error), "f.json: ", 8);
		if (!strstr(error_message(error), cases[i].message))
			fail_msg("%s\nis not: %s", error_message(error), cases[i].message);
	}
}

static void what_is_no_symbol_file_is_declined(void **state)
{
	(void)state;
	static const struct {
		const char *text, *message;
	} cases[] = {
		{"", "f:1:1: the JSON ends in the middle"},
		{"{\"user_types\":\n  {\"a\": 1,", "f:2:11: the JSON ends in the middle"},
		{"{\"user_types\":\n  {\"a\" 1}}", "f:2:8: not JSON"},
		{"{} {}", "f:1:4: something follows"},
		{"{}", "f: JSON, but no symbol file"},
		{"[1, 2]", "f: JSON, but no symbol file"},
		{"{\"user_types\": []}", "f: JSON, but no symbol file"},
		{"{\"user_types\": {}}", "tells the architecture"},
		{"{\"a\": \"\xff\xfe\"}", "f:1:8: not JSON"},
		{"Microsoft C/C++ MSF 7.00\r\n", "this is a PDB"},
		{"\x1f\x8b\x08", "gzip"},
		{"MZ\x90", "PE file"},
		{"\xfd"
		 "7zXZ",
		 "not JSON"},
	};
	for (size_t i = 0; i < array_size(cases); i++) {
		_cleanup_profile_ struct profile *profile = NULL;
		_cleanup_error_ struct error *error = profile_parse_symbols(
			cases[i].text, strlen(cases[i].text), "f", 0, NULL, &profile);
		assert_non_null(error);
		assert_null(profile);
		if (!strstr(error_message(error), cases[i].message))
			fail_msg("%s\nis not: %s", error_message(error), cases[i].message);
	}
	_cleanup_profile_ struct profile *profile = NULL;
	_cleanup_error_ struct error *error =
		profile_import_symbols("/nowhere/at/all.json", 0, NULL, &profile);
	assert_non_null(strstr(error_message(error), "can't open symbol file '/nowhere"));
}

static void import_repeated(const char *piece, size_t times, const char *message)
{
	_cleanup_text_ struct text text = {0};
	_cleanup_profile_ struct profile *profile = NULL;
	for (size_t i = 0; i < times; i++)
		text_add_string(&text, piece);
	_cleanup_error_ struct error *error =
		profile_parse_symbols(text.data, text.length, "f", 0, NULL, &profile);
	assert_non_null(error);
	if (!strstr(error_message(error), message))
		fail_msg("%s\nis not: %s", error_message(error), message);
}

static void hostile_sizes_are_declined(void **state)
{
	(void)state;
	import_repeated("[", 100, "nested too deeply");
	import_repeated("[],", 600000, "more objects or values");
	import_repeated("1,", 2100000, "more objects or values");
}

static uint8_t *pack(const char *text, size_t length, size_t *size)
{
	size_t bound = lzma_stream_buffer_bound(length);
	uint8_t *packed = alloc_zero(bound, 1);
	*size = 0;
	assert_int_equal(lzma_easy_buffer_encode(1, LZMA_CHECK_CRC64, NULL, (const uint8_t *)text,
						 length, packed, size, bound),
			 LZMA_OK);
	return packed;
}

static void xz_is_unpacked(void **state)
{
	(void)state;
	_cleanup_profiles_ struct profiles *profiles = NULL;
	assert_null(profiles_new(&profiles));
	const struct profile *known = shipped(profiles, "windows-7-7601-x86-pae");
	_cleanup_free_ char *json = symbols_of(known, &(struct change){0});
	size_t size;
	_cleanup_free_ uint8_t *packed = pack(json, strlen(json), &size);
	_cleanup_profile_ struct profile *profile = NULL, *none = NULL;

	/* From a file, as people have it. */
	char path[] = "/tmp/impscan-symbols-XXXXXX";
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, packed, size), size);
	close(fd);
	struct error *imported = profile_import_symbols(path, 7601, NULL, &profile);
	unlink(path);
	assert_null(imported);
	assert_same_fields(known, profile);
	assert_string_equal(profile->variant, "PAE");
	assert_int_equal(profile->architecture, ARCHITECTURE_X86);

	struct error *error = profile_parse_symbols(packed, size / 2, "f", 0, NULL, &none);
	assert_non_null(strstr(error_message(error), "it is cut off"));
	error_free(error);
	packed[size / 2] ^= 0x55;
	error = profile_parse_symbols(packed, size, "f", 0, NULL, &none);
	assert_non_null(strstr(error_message(error), "it is damaged"));
	error_free(error);

	/* A little file that unpacks to 200 MB. */
	size_t large = (size_t)200 << 20;
	_cleanup_free_ char *zeros = alloc_zero(large, 1);
	_cleanup_free_ uint8_t *bomb = pack(zeros, large, &size);
	error = profile_parse_symbols(bomb, size, "f", 0, NULL, &none);
	assert_non_null(strstr(error_message(error), "unpacks to more than 32 MB"));
	error_free(error);
}

/* Symbol files as Volatility 3 makes them, where there are some. */
static void real_files_give_the_shipped_profiles(void **state)
{
	(void)state;
	static const struct {
		const char *file, *profile;
	} files[] = {
		{"339E74133576439CBCDF7E0229DA3773-1.json.xz", "windows-7-7601-x64-24540"},
		{"CA8E2F01B822EDE6357898BFBF862997-1.json.xz", "windows-10-19041-x64"},
	};
	const char *folder = getenv("IMPSCAN_SYMBOLS_DIR");
	if (!folder || !folder[0]) {
		puts("SKIP: IMPSCAN_SYMBOLS_DIR is not set to a folder of symbol files");
		skip();
	}
	_cleanup_profiles_ struct profiles *profiles = NULL;
	assert_null(profiles_new(&profiles));
	size_t present = 0;
	for (size_t i = 0; i < array_size(files); i++) {
		_cleanup_free_ char *path = alloc_printf("%s/%s", folder, files[i].file);
		if (access(path, R_OK) != 0) {
			printf("SKIP: IMPSCAN_SYMBOLS_DIR has no %s\n", files[i].file);
			continue;
		}
		present++;
		_cleanup_profile_ struct profile *profile = NULL;
		_cleanup_error_ struct error *error =
			profile_import_symbols(path, 0, profiles, &profile);
		if (error)
			fail_msg("%s", error_message(error));
		const struct profile *known = shipped(profiles, files[i].profile);
		assert_same_fields(known, profile);
		/* As YAML they differ in nothing but the source. */
		free(profile->source);
		profile->source = alloc_strdup(known->source);
		_cleanup_free_ char *ours = profile_to_yaml(profile);
		_cleanup_free_ char *theirs = profile_to_yaml(known);
		assert_string_equal(ours, theirs);
	}
	profiles_free(take_ptr(profiles)); /* skip() does not come back */
	if (!present)
		skip();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_layout_comes_back),
		cmocka_unit_test(the_build_comes_from_where_it_is),
		cmocka_unit_test(members_of_anonymous_ones_are_found),
		cmocka_unit_test(bad_files_are_told_from_each_other),
		cmocka_unit_test(what_is_no_symbol_file_is_declined),
		cmocka_unit_test(hostile_sizes_are_declined),
		cmocka_unit_test(xz_is_unpacked),
		cmocka_unit_test(real_files_give_the_shipped_profiles),
	};
	return cmocka_run_group_tests_name("profile_symbols", tests, NULL, NULL);
}
