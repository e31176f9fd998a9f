/* SPDX-License-Identifier: GPL-3.0-or-later */
/* profile: the text of a profile, errors that point at what it may not say, and writing it. */
#include "profile_text.h"

static void header_errors_have_a_place(void **state)
{
	(void)state;
	assert_declined("", "t.yaml:1:1: there is no profile in it");
	assert_declined("# nothing\n", "t.yaml:2:1: there is no profile in it");
	assert_declined("text", "t.yaml:1:1: expected a profile, found a value");
	assert_declined("- a\n", "t.yaml:1:1: expected a profile, found a list");
	assert_declined("name: a\ncolour: red\n", "t.yaml:2:1: unknown key 'colour'");
	assert_declined("name: a\n\n  \nname: b\n",
			"t.yaml:4:1: name is given twice, first in line 1");
	assert_declined("name: ''\n", "t.yaml:1:7: the name is empty");
	assert_declined("name: [a]\n", "t.yaml:1:7: expected a name, found a list");
	assert_declined("name: \"a\\0b\"\n", "t.yaml:1:7: a name has a control character in it");
	assert_declined("description: {a: b}\n",
			"t.yaml:1:14: expected a description, found a mapping");
	assert_declined("architecture: arm\n",
			"t.yaml:1:15: unknown architecture 'arm': write x86 or x64");
	assert_declined("\"a\\e[31m\": 1\n", "t.yaml:1:1: unknown key 'a\x1b[31m'");
	assert_declined("aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffgg: 1\n",
			"t.yaml:1:1: unknown key "
			"'aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffff...'");
	assert_declined("? [a]\n: b\n", "t.yaml:1:3: expected a key, found a list");
	assert_declined("name: a\ndescription: b\narchitecture: x86\nsource: c\n",
			"t.yaml:1:1: the profile lacks builds");
	assert_declined("name: test\ndescription: Test\narchitecture: x64\nbuilds: [7, 9]\n"
			"source: made up\n",
			"t.yaml:1:1: the profile lacks types");
}

static void builds_are_a_range(void **state)
{
	(void)state;
	assert_declined("builds: 5\n",
			"t.yaml:1:9: expected builds as [FIRST, LAST], found a value");
	assert_declined("builds: [5]\n", "t.yaml:1:11: expected the last build, found the end");
	assert_declined("builds: [5, 6, 7]\n",
			"t.yaml:1:16: expected the end of [FIRST, LAST], found a value");
	assert_declined("builds: [6, 5]\n",
			"t.yaml:1:13: the last build, 5, is before the first, 6");
	assert_declined("builds: [0, 5]\n",
			"t.yaml:1:10: the first build is out of range: '0', not 1 to 4294967295");
	assert_declined("builds: [x, 5]\n",
			"t.yaml:1:10: expected the first build, found 'x': write digits or 0x...");
	assert_declined("builds: [[1], 5]\n",
			"t.yaml:1:10: expected the first build, found a list");
}

static void numbers_are_what_they_look_like(void **state)
{
	(void)state;
	static const char *const bad[] = {"-1",		 "+1",	 "010",	 "0x",	"1e3",
					  "1_0",	 "0X10", "0x1g", "1.0", "\"1\"",
					  "12345678901", "~",	 "0b1"};
	for (size_t i = 0; i < array_size(bad); i++) {
		_cleanup_free_ char *text = alloc_printf(HEADER "  PEB:\n    Ldr: %s\n", bad[i]);
		const char *inside = strcmp(bad[i], "\"1\"") ? bad[i] : "1";
		_cleanup_free_ char *message =
			alloc_printf("t.yaml:8:10: expected an offset, found '%s': "
				     "write digits or 0x...",
				     inside);
		assert_declined(text, message);
	}
	assert_declined(HEADER "  PEB:\n    Ldr: 0x10000\n",
			"t.yaml:8:10: PEB.Ldr is out of range: 0x10000, not 0x0 to 0xffff");
	assert_declined(HEADER "  PEB:\n    Ldr: 9999999999\n",
			"t.yaml:8:10: PEB.Ldr is out of range: 0xffffffff, not 0x0 to 0xffff");
	assert_declined(HEADER "  PEB:\n    Ldr: 0xffffffff\n",
			"t.yaml:8:10: PEB.Ldr is out of range: 0xffffffff, not 0x0 to 0xffff");
	assert_declined(HEADER "  PEB:\n    Ldr:\n",
			"t.yaml:8:9: expected an offset, found '': write digits or 0x...");
	assert_declined(HEADER "  PEB:\n    Ldr: [1]\n",
			"t.yaml:8:10: expected an offset, found a list");
}

static void type_errors_have_a_place(void **state)
{
	(void)state;
	assert_declined("types: 1\n", "t.yaml:1:8: expected types, found a value");
	assert_declined(HEADER "  _EPROCESS:\n    size: 1\n",
			"t.yaml:7:3: unknown type '_EPROCESS'");
	assert_declined(HEADER "  PEB: 1\n",
			"t.yaml:7:8: expected the type's members, found a value");
	assert_declined(HEADER "  PEB:\n    Pcb: 1\n", "t.yaml:8:5: unknown member 'Pcb' of PEB");
	assert_declined(HEADER "  PEB:\n    Ldr: 1\n    Ldr: 1\n",
			"t.yaml:9:5: PEB.Ldr is given twice, first in line 8");
	assert_declined(HEADER "  PEB:\n    Ldr: 1\n",
			"t.yaml:7:3: type PEB lacks its member ImageBaseAddress");
	assert_declined(HEADER "  MMPTE: {size: 8}\n  MMPTE: {size: 8}\n",
			"t.yaml:8:3: type MMPTE is given twice");
	assert_declined(HEADER "  MMPTE: {size: 8}\n", "t.yaml:7:3: type CONTROL_AREA is missing");
	assert_declined(HEADER "  MMPTE: {size: 0}\n",
			"t.yaml:7:17: MMPTE.size is out of range: 0x0, not 0x4 or 0x8");
	assert_declined(HEADER "  MMPTE: {size: {offset: 0, bit: 0, bits: 1}}\n",
			"t.yaml:7:17: expected a size, found a mapping");
}

static void bit_fields_are_checked(void **state)
{
	(void)state;
#define FIELD HEADER "  MMVAD_FLAGS:\n    VadType: "
	assert_declined(FIELD "{offset: 0, bit: 1}\n", "t.yaml:8:14: the bit field lacks bits");
	assert_declined(FIELD "{bits: 0}\n", "t.yaml:8:21: bits is out of range: '0', not 1 to 64");
	assert_declined(FIELD "{bit: 64}\n", "t.yaml:8:20: bit is out of range: '64', not 0 to 63");
	assert_declined(FIELD "{offset: 0, bit: 60, bits: 5}\n",
			"t.yaml:8:14: bits 60 to 64 don't fit into 64");
	assert_declined(FIELD "{offset: 0, offset: 0}\n", "t.yaml:8:26: offset is given twice");
	assert_declined(FIELD "{width: 5}\n",
			"t.yaml:8:15: unknown key 'width': a bit field has offset, bit and bits");
	assert_declined(FIELD "{bit: {a: b}}\n", "t.yaml:8:20: expected bit, found a mapping");
#undef FIELD
}

static void yaml_beyond_need_is_declined(void **state)
{
	(void)state;
	_cleanup_free_ char *text = complete();
	_cleanup_free_ char *two = alloc_printf("%s---\nname: x\n", text);
	size_t lines = 0;
	for (const char *p = text; *p; p++)
		lines += *p == '\n';
	_cleanup_free_ char *message = alloc_printf(
		"t.yaml:%zu:1: a second document begins here: one profile a file", lines + 1);
	assert_declined(two, message);
	_cleanup_free_ char *late = alloc_printf("%svariant: x\n", text);
	_cleanup_free_ char *before =
		alloc_printf("t.yaml:%zu:1: variant must stand before types", lines + 1);
	assert_declined(late, before);
	assert_declined("name: &a b\n", "t.yaml:1:7: anchors have no use in a profile");
	assert_declined("&a name: b\n", "t.yaml:1:1: anchors have no use in a profile");
	assert_declined("name: *a\n", "t.yaml:1:7: aliases have no use in a profile");
	assert_declined("name: !!str a\n", "t.yaml:1:7: tags have no use in a profile");
	assert_declined("# x\n%TAG !a! b\n---\nname: a\n",
			"t.yaml:2:1: tags have no use in a profile");
	assert_declined("--- !x {name: a}\n", "t.yaml:1:5: tags have no use in a profile");
	assert_declined("name: a\n<<: {name: b}\n", "t.yaml:2:1: unknown key '<<'");
	assert_declined("name: 'a\n", "t.yaml:2:1: found unexpected end of stream");
	assert_declined("name: @a\n", "t.yaml:1:7: found character that cannot start any token");
	assert_declined("name: a\nsource: \xff\n", "t.yaml:2:9: invalid leading UTF-8 octet");
	/* Nothing is followed into depth. */
	_cleanup_free_ char *deep = alloc_zero(100001, 1);
	memset(deep, '[', 100000);
	assert_declined(deep, "t.yaml:1:1: expected a profile, found a list");
	_cleanup_free_ char *long_text = alloc_zero(PROFILE_TEXT_LIMIT + 2, 1);
	memset(long_text, ' ', PROFILE_TEXT_LIMIT + 1);
	assert_declined(long_text, "t.yaml:1:1: too long for a profile: more than 1048576 bytes");
}

static void strings_survive_a_round_trip(void **state)
{
	(void)state;
	static const char *const strings[] = {
		"plain",
		"it's (a, b) 1.2-3_4/5+6",
		"a: b",
		"a #b",
		" a",
		"a ",
		"",
		"-",
		"1",
		"null",
		"\"q\" \\ %YAML",
		"[x]",
		"\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80",
		"\xc2\x85 \xe2\x80\xa8 \xef\xbb\xbf",
	};
	_cleanup_free_ char *text = complete();
	_cleanup_profile_ struct profile *profile = NULL;
	assert_ok(parse(text, &profile));
	assert_int_equal(profile->build_first, 7);
	assert_int_equal(profile->build_last, 9);
	for (size_t i = 0; i < array_size(strings); i++) {
		struct profile copy = *profile;
		copy.name = *strings[i] ? (char *)strings[i] : copy.name;
		copy.description = (char *)strings[i];
		copy.variant = (char *)strings[i];
		copy.source = (char *)strings[i];
		_cleanup_free_ char *yaml = profile_to_yaml(&copy);
		_cleanup_profile_ struct profile *again = NULL;
		assert_ok(parse(yaml, &again));
		assert_same(&copy, again);
		assert_string_equal(again->origin, "t.yaml");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(header_errors_have_a_place),
		cmocka_unit_test(builds_are_a_range),
		cmocka_unit_test(numbers_are_what_they_look_like),
		cmocka_unit_test(type_errors_have_a_place),
		cmocka_unit_test(bit_fields_are_checked),
		cmocka_unit_test(yaml_beyond_need_is_declined),
		cmocka_unit_test(strings_survive_a_round_trip),
	};
	return cmocka_run_group_tests_name("profile_text", tests, NULL, NULL);
}
