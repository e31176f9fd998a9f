/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * profile: what a profile may say and how errors point at what it may not, the set of profiles, and
 * every shipped profile against the tables of structure facts.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>
#include <impscan/profile.h>
#include <impscan/text.h>

#define HEADER                                                                                \
	"name: test\ndescription: Test\narchitecture: x64\nbuilds: [7, 9]\nsource: made up\n" \
	"types:\n"

static struct error *parse(const char *text, struct profile **ret)
{
	return profile_parse(text, strlen(text), "t.yaml", ret);
}

static void assert_declined(const char *text, const char *message)
{
	struct profile *profile;
	_cleanup_error_ struct error *error = parse(text, &profile);
	assert_null(profile);
	assert_non_null(error);
	assert_string_equal(error_message(error), message);
}

static void assert_ok(struct error *error)
{
	if (error)
		print_error("%s\n", error_message(error));
	assert_null(error);
}

/* Every member there is, each as a shipped profile has it, those of x64 first. */
static void fill(struct profile *profile)
{
	_cleanup_profiles_ struct profiles *profiles = NULL;
	assert_ok(profiles_new(&profiles));
	for (size_t i = profiles_count(profiles); i-- > 0;) {
		const struct profile *shipped;
		assert_ok(profiles_get(profiles, i, &shipped));
		for (size_t m = 0; m < PROFILE_MEMBER_COUNT; m++)
			if (!profile->field[m].present)
				profile->field[m] = shipped->field[m];
	}
}

/* The types of a profile as YAML, in another form than profile_to_yaml()'s. */
static char *with_types(const struct profile *profile)
{
	struct text text = {0};
	text_add_string(&text, HEADER);
	const char *type = "";
	for (size_t i = 0; i < PROFILE_MEMBER_COUNT; i++) {
		enum profile_member member = (enum profile_member)i;
		const struct profile_field *field = &profile->field[i];
		if (!field->present)
			continue;
		if (strcmp(type, profile_type_name(member)))
			text_add_format(&text, "  %s:\n", profile_type_name(member));
		type = profile_type_name(member);
		text_add_format(&text, "    %s: ", profile_member_name(member));
		if (field->bits)
			text_add_format(&text, "{bits: %u, offset: %u, bit: %u}\n", field->bits,
					field->offset, field->bit);
		else
			text_add_format(&text, "%u\n", field->offset);
	}
	return text.data;
}

/* A profile of every member there is, from which the tests start. */
static char *complete(void)
{
	struct profile profile = {0};
	fill(&profile);
	return with_types(&profile);
}

/* `text` with the first `old` replaced. */
static char *replaced(const char *text, const char *old, const char *new)
{
	const char *at = strstr(text, old);
	assert_non_null(at);
	return alloc_printf("%.*s%s%s", (int)(at - text), text, new, at + strlen(old));
}

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

/* `text` with another value of a member; `*line` is where it stands. */
static char *with_value(const char *text, const char *member, const char *value, size_t *line)
{
	_cleanup_free_ char *key = alloc_printf("    %s: ", member);
	const char *at = strstr(text, key);
	assert_non_null(at);
	*line = 1;
	for (const char *p = text; p < at; p++)
		*line += *p == '\n';
	return alloc_printf("%.*s%s%s%s", (int)(at - text), text, key, value, strchr(at, '\n'));
}

static void members_lie_within_their_type(void **state)
{
	(void)state;
	/* The last byte of a type is a place, the one behind it is not. */
	static const struct {
		const char *value;
		bool fits;
	} cases[] = {
		{"0xff", true},
		{"0x100", false},
		{"{offset: 0xfc, bit: 28, bits: 4}", true},
		{"{offset: 0xfd, bit: 28, bits: 4}", false},
		{"{offset: 0xff, bit: 6, bits: 2}", true},
		{"{offset: 0xff, bit: 7, bits: 2}", false},
	};
	struct profile whole = {0};
	fill(&whole);
	whole.field[MMPAGING_FILE_size].offset = 0x100;
	whole.field[MMPAGING_FILE_PageFileNumber] = (struct profile_field){.present = true};
	_cleanup_free_ char *all = with_types(&whole);
	const char *type = strstr(all, "  MMPAGING_FILE:");
	size_t before = 0;
	for (const char *p = all; p < type; p++)
		before += *p == '\n';
	for (size_t i = 0; i < array_size(cases); i++) {
		size_t line;
		_cleanup_free_ char *tail =
			with_value(type, "PageFileNumber", cases[i].value, &line);
		_cleanup_free_ char *other = alloc_printf("%.*s%s", (int)(type - all), all, tail);
		_cleanup_profile_ struct profile *profile = NULL;
		_cleanup_error_ struct error *error = parse(other, &profile);
		if (cases[i].fits) {
			assert_ok(error);
			continue;
		}
		assert_non_null(error);
		_cleanup_free_ char *begin = alloc_printf(
			"t.yaml:%zu:5: MMPAGING_FILE.PageFileNumber at 0x", before + line);
		assert_memory_equal(error_message(error), begin, strlen(begin));
		assert_non_null(
			strstr(error_message(error), " lies beyond the type's size, 0x100"));
	}
}

static void values_have_limits(void **state)
{
	(void)state;
	static const struct {
		const char *member, *value, *message;
	} cases[] = {
		/* A page holds none of these. */
		{"HANDLE_TABLE_ENTRY:\n    size", "0x2000",
		 "HANDLE_TABLE_ENTRY.size is out of range: 0x2000, not 0x8 or 0x10"},
		{"HANDLE_TABLE_ENTRY:\n    size", "12",
		 "HANDLE_TABLE_ENTRY.size is out of range: 0xc, not 0x8 or 0x10"},
		{"MMPTE:\n    size", "5", "MMPTE.size is out of range: 0x5, not 0x4 or 0x8"},
		{"MMVAD_FLAGS:\n    size", "3",
		 "MMVAD_FLAGS.size is out of range: 0x3, not 0x4 or 0x8"},
		{"DirectoryTableBase", "0xff9",
		 "KPROCESS.DirectoryTableBase is out of range: 0xff9, not 0x0 to 0xfe0"},
		{"ObjectPointerBits", "{offset: 0, bit: 0, bits: 60}",
		 "HANDLE_TABLE_ENTRY.ObjectPointerBits is out of range: 60 bits, not 1 to 59"},
		{"ObjectPointerBits", "{offset: 8, bit: 20, bits: 44}",
		 "HANDLE_TABLE_ENTRY.ObjectPointerBits is out of range: 0x8, not 0x0"},
		{"ObjectPointerBits", "0",
		 "HANDLE_TABLE_ENTRY.ObjectPointerBits is a bit field: write "
		 "{offset: ..., bit: ..., bits: ...}"},
		{"UniqueProcessId", "{offset: 8, bit: 0, bits: 8}",
		 "EPROCESS.UniqueProcessId is no bit field: write its offset alone"},
		{"PageFileLow", "{offset: 0, bit: 12, bits: 5}",
		 "MMPTE_SOFTWARE.PageFileLow is out of range: 5 bits, not 1 to 4"},
		{"PageFileOffset", "{offset: 0, bit: 8, bits: 28}",
		 "SM_PAGE_KEY.PageFileOffset is out of range: bits 8 to 35 of an integer of 32"},
		{"B_TREE_NODE:\n    size", "0x1001",
		 "B_TREE_NODE.size is out of range: 0x1001, not 0x1 to 0x1000"},
		{"SMHP_CHUNK:\n    size", "0",
		 "SMHP_CHUNK.size is out of range: 0x0, not 0x1 to 0x10000"},
	};
	_cleanup_free_ char *text = complete();
	for (size_t i = 0; i < array_size(cases); i++) {
		const char *at = strstr(text, cases[i].member);
		assert_non_null(at);
		const char *value = strchr(at + strlen(cases[i].member), ' ') + 1;
		_cleanup_free_ char *other = alloc_printf("%.*s%s%s", (int)(value - text), text,
							  cases[i].value, strchr(value, '\n'));
		size_t line = 1, column = 1;
		for (const char *p = text; p < value; p++) {
			line += *p == '\n';
			column = *p == '\n' ? 1 : column + 1;
		}
		_cleanup_free_ char *message =
			alloc_printf("t.yaml:%zu:%zu: %s", line, column, cases[i].message);
		assert_declined(other, message);
	}
}

/* What is of use only together is there together; what is inferred may have gaps. */
static void members_that_belong_together(void **state)
{
	(void)state;
	static const struct {
		enum profile_member without[5]; /* until 0, which is none of them */
		const char *message;
	} cases[] = {
		{{MM_AVL_NODE_RightChild},
		 "MM_AVL_NODE.LeftChild is of no use without MM_AVL_NODE.RightChild, which is "
		 "missing"},
		{{EWOW64PROCESS_Peb},
		 "EPROCESS.WoW64Process is of no use without EWOW64PROCESS.Peb, which is missing"},
		{{EPROCESS_ThreadListHead},
		 "ETHREAD.ThreadListEntry is of no use without EPROCESS.ThreadListHead, which is "
		 "missing"},
		{{SMKM_STORE_StStore},
		 "SMKM_STORE_MGR.KeyToStoreTree is of no use without SMKM_STORE.StStore, which is "
		 "missing"},
		{{MM_AVL_NODE_LeftChild, MMVAD_SHORT_StartingVpnHigh},
		 "MMVAD_SHORT.VadNode is of no use without MMVAD_SHORT.StartingVpnHigh, which is "
		 "missing"},
		{{HANDLE_TABLE_ENTRY_Object, HANDLE_TABLE_ENTRY_ObjectPointerBits},
		 "neither HANDLE_TABLE_ENTRY.Object nor HANDLE_TABLE_ENTRY.ObjectPointerBits is "
		 "present"},
		{{MMADDRESS_NODE_LeftChild, MM_AVL_NODE_LeftChild, RTL_BALANCED_NODE_Left,
		  MMVAD_SHORT_LeftChild},
		 "neither MMADDRESS_NODE.LeftChild nor MM_AVL_NODE.LeftChild is present"},
		{{SMKM_STORE_MGR_SmGlobalsLink, SM_PAGE_KEY_PageFileNumber,
		  ST_DATA_MGR_CompressionAlgorithm},
		 NULL},
		{{ETHREAD_Cid, HANDLE_TABLE_UniqueProcessId, EPROCESS_ObjectTable}, NULL},
	};
	struct profile whole = {0};
	fill(&whole);
	for (size_t i = 0; i < array_size(cases); i++) {
		struct profile copy = whole;
		for (size_t k = 0; cases[i].without[k]; k++)
			copy.field[cases[i].without[k]].present = false;
		_cleanup_free_ char *text = with_types(&copy);
		_cleanup_profile_ struct profile *profile = NULL;
		_cleanup_error_ struct error *error = parse(text, &profile);
		if (!cases[i].message) {
			assert_ok(error);
			continue;
		}
		if (!error || !strstr(error_message(error), cases[i].message))
			fail_msg("%s\nis not: %s", error ? error_message(error) : "no error",
				 cases[i].message);
		_cleanup_free_ char *inferred =
			replaced(text, "types:\n", "inferred: 1 of 2\ntypes:\n");
		_cleanup_profile_ struct profile *other = NULL;
		assert_ok(parse(inferred, &other));
	}
	/* An entry of four bytes has no bits beyond them, inferred or not. */
	whole.field[MMPTE_size].offset = 4;
	_cleanup_free_ char *text = with_types(&whole);
	_cleanup_profile_ struct profile *profile = NULL;
	_cleanup_error_ struct error *error = parse(text, &profile);
	assert_non_null(error);
	assert_non_null(strstr(error_message(error),
			       "MMPTE_PROTOTYPE.ProtoAddress is out of range: "
			       "bits 16 to 63 of an MMPTE of 4 bytes"));
}

/* Files of former versions name what nobody reads: they load; a slip of the pen does not. */
static void former_members_are_passed_over(void **state)
{
	(void)state;
	_cleanup_free_ char *text = complete();
	_cleanup_free_ char *more =
		replaced(text, "  ETHREAD:\n",
			 "  OBJECT_HEADER:\n    Body: 0x30\n    InfoMask: 0x1a\n"
			 "  EX_FAST_REF:\n    RefCnt: {offset: 0x0, bit: 0, bits: 4}\n"
			 "  ETHREAD:\n    Win32StartAddress: 0x4d0\n");
	_cleanup_profile_ struct profile *profile = NULL, *same = NULL;
	assert_ok(parse(more, &profile));
	assert_ok(parse(text, &same));
	for (size_t m = 0; m < PROFILE_MEMBER_COUNT; m++)
		assert_memory_equal(&profile->field[m], &same->field[m],
				    sizeof(struct profile_field));
	assert_declined(HEADER "  OBJECT_HEADER:\n    Bodi: 0x30\n",
			"t.yaml:8:5: unknown member 'Bodi' of OBJECT_HEADER");
	assert_declined(HEADER "  OBJECT_HEADER:\n    RefCnt: 0x30\n",
			"t.yaml:8:5: unknown member 'RefCnt' of OBJECT_HEADER");
	assert_declined(HEADER "  ETHREAD:\n    Win32StartAdress: 0x30\n",
			"t.yaml:8:5: unknown member 'Win32StartAdress' of ETHREAD");
	assert_declined(HEADER "  ETHREAD:\n    Win32StartAddress: x\n",
			"t.yaml:8:24: expected an offset, found 'x': write digits or 0x...");
	assert_declined(HEADER "  OBJECT_HEADER: 1\n",
			"t.yaml:7:18: expected the type's members, found a value");
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

static void required_members_are_required(void **state)
{
	(void)state;
	_cleanup_free_ char *text = complete();
	_cleanup_profile_ struct profile *profile = NULL;
	assert_ok(parse(text, &profile));
	/* Without each one in turn: declined by name, or read without it. */
	size_t required = 0;
	for (size_t i = 0; i < PROFILE_MEMBER_COUNT; i++) {
		struct profile copy = *profile;
		copy.field[i].present = false;
		_cleanup_free_ char *yaml = profile_to_yaml(&copy);
		_cleanup_profile_ struct profile *again = NULL;
		_cleanup_error_ struct error *error = parse(yaml, &again);
		if (!profile_member_required((enum profile_member)i)) {
			assert_true(error ? strstr(error_message(error), "is of no use without") !=
						    NULL
					  : !profile_has(again, (enum profile_member)i));
			continue;
		}
		assert_non_null(error);
		required++;
		const char *type = profile_type_name((enum profile_member)i);
		_cleanup_free_ char *lacks =
			alloc_printf(": type %s lacks its member %s", type,
				     profile_member_name((enum profile_member)i));
		_cleanup_free_ char *missing = alloc_printf(": type %s is missing", type);
		assert_true(strstr(error_message(error), lacks) ||
			    strstr(error_message(error), missing));
	}
	assert_true(required > 40 && required < PROFILE_MEMBER_COUNT / 2);
}

static void assert_same(const struct profile *a, const struct profile *b)
{
	assert_string_equal(a->name, b->name);
	assert_string_equal(a->description, b->description);
	assert_string_equal(a->variant, b->variant);
	assert_string_equal(a->source, b->source);
	assert_int_equal(a->architecture, b->architecture);
	assert_int_equal(a->build_first, b->build_first);
	assert_int_equal(a->build_last, b->build_last);
	for (size_t i = 0; i < PROFILE_MEMBER_COUNT; i++) {
		assert_int_equal(a->field[i].present, b->field[i].present);
		assert_int_equal(a->field[i].offset, b->field[i].offset);
		assert_int_equal(a->field[i].bit, b->field[i].bit);
		assert_int_equal(a->field[i].bits, b->field[i].bits);
	}
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

static void bits_are_taken_from_values(void **state)
{
	(void)state;
	struct profile profile = {0};
	profile.field[MMVAD_FLAGS_Protection] =
		(struct profile_field){.present = true, .bit = 7, .bits = 5};
	assert_int_equal(profile_bits(&profile, MMVAD_FLAGS_Protection, UINT64_MAX), 31);
	assert_int_equal(profile_bits(&profile, MMVAD_FLAGS_Protection, 6 << 7), 6);
	profile.field[MMVAD_FLAGS_Protection].bit = 0;
	profile.field[MMVAD_FLAGS_Protection].bits = 64;
	assert_true(profile_bits(&profile, MMVAD_FLAGS_Protection, UINT64_MAX) == UINT64_MAX);
}

static void every_shipped_profile_parses(void **state)
{
	(void)state;
	_cleanup_profiles_ struct profiles *profiles = NULL;
	assert_ok(profiles_new(&profiles));
	bool present[PROFILE_MEMBER_COUNT] = {false};
	bool absent[PROFILE_MEMBER_COUNT] = {false};
	assert_true(profiles_count(profiles) >= 50);
	for (size_t i = 0; i < profiles_count(profiles); i++) {
		const struct profile *profile;
		const struct profile *twice;
		assert_ok(profiles_get(profiles, i, &profile));
		assert_ok(profiles_get(profiles, i, &twice));
		assert_ptr_equal(profile, twice);
		/* The header read at first says the same, and the name is that of the file. */
		struct profile_summary summary = profiles_summary(profiles, i);
		assert_string_equal(profile->name, summary.name);
		assert_string_equal(profile->description, summary.description);
		assert_string_equal(profile->variant, summary.variant);
		assert_string_equal(profile->source, summary.source);
		assert_string_equal(profile->origin, "built in");
		assert_string_equal(summary.origin, "built in");
		assert_int_equal(profile->architecture, summary.architecture);
		assert_int_equal(profile->build_first, summary.build_first);
		assert_int_equal(profile->build_last, summary.build_last);
		assert_false(summary.added);
		_cleanup_free_ char *path = alloc_printf("%s/%s.yaml", PROFILES_DIR, summary.name);
		struct stat st;
		assert_int_equal(stat(path, &st), 0);
		/* The list is in order. */
		if (i) {
			struct profile_summary before = profiles_summary(profiles, i - 1);
			assert_true(before.architecture < summary.architecture ||
				    (before.architecture == summary.architecture &&
				     (before.build_first < summary.build_first ||
				      (before.build_first == summary.build_first &&
				       strcmp(before.name, summary.name) < 0))));
		}
		_cleanup_free_ char *yaml = profile_to_yaml(profile);
		_cleanup_profile_ struct profile *again = NULL;
		assert_ok(parse(yaml, &again));
		assert_same(profile, again);
		for (size_t m = 0; m < PROFILE_MEMBER_COUNT; m++)
			*(profile->field[m].present ? &present[m] : &absent[m]) = true;
	}
	/* Members that no build has or, called optional, every build has, are a mistake in the list. */
#define NEED_R				    false
#define NEED_F				    false
#define NEED_O				    true
#define NEED_S				    true
#define OPTIONAL(type, member, need, limit) NEED_##need,
	static const bool optional[] = {PROFILE_FIELDS(OPTIONAL)};
	for (size_t m = 0; m < PROFILE_MEMBER_COUNT; m++) {
		if (!present[m] || absent[m] != optional[m])
			print_error("%s.%s\n", profile_type_name((enum profile_member)m),
				    profile_member_name((enum profile_member)m));
		assert_true(present[m]);
		assert_int_equal(absent[m], optional[m]);
	}
}

static void reading_the_headers_is_quick(void **state)
{
	(void)state;
	/* The least of several, since the machine may be busy: it is 0.3 ms when optimised. */
	double least = 1e9;
	for (int i = 0; i < 20; i++) {
		struct timespec a;
		struct timespec b;
		clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &a);
		_cleanup_profiles_ struct profiles *profiles = NULL;
		assert_ok(profiles_new(&profiles));
		clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &b);
		double ms =
			(double)(b.tv_sec - a.tv_sec) * 1e3 + (double)(b.tv_nsec - a.tv_nsec) / 1e6;
		least = min_of(least, ms);
	}
	print_message("headers of all shipped profiles: %.3f ms\n", least);
	assert_true(least < 20);
}

/* The names of what matches, joined by spaces. */
static char *matching(struct profiles *profiles, enum architecture architecture, uint32_t build)
{
	size_t found[16];
	size_t count = profiles_match(profiles, architecture, build, found, array_size(found));
	assert_true(count <= array_size(found));
	struct text text = {0};
	text_add_string(&text, "");
	for (size_t i = 0; i < count; i++)
		text_add_format(&text, "%s%s", i ? " " : "",
				profiles_summary(profiles, found[i]).name);
	return text.data;
}

static void builds_find_their_profiles(void **state)
{
	(void)state;
	static const struct {
		enum architecture architecture;
		uint32_t build;
		const char *names;
	} cases[] = {
		{ARCHITECTURE_X86, 2195, ""},
		{ARCHITECTURE_X86, 2600, "windows-xp-2600-x86 windows-xp-2600-x86-pae"},
		{ARCHITECTURE_X64, 2600, ""},
		{ARCHITECTURE_X86, 3790,
		 "windows-2003-3790-x86-sp0 windows-2003-3790-x86-sp0-pae "
		 "windows-2003-3790-x86-sp1 windows-2003-3790-x86-sp1-pae"},
		{ARCHITECTURE_X64, 3790, "windows-2003-3790-x64-sp1 windows-2003-3790-x64-sp2"},
		{ARCHITECTURE_X86, 6000, "windows-vista-6000-x86 windows-vista-6000-x86-pae"},
		{ARCHITECTURE_X64, 6000, "windows-vista-6000-x64"},
		{ARCHITECTURE_X64, 6001, "windows-vista-6001-x64"},
		{ARCHITECTURE_X64, 6002, "windows-vista-6002-x64"},
		{ARCHITECTURE_X64, 6003, "windows-vista-6002-x64"},
		{ARCHITECTURE_X64, 6004, ""},
		{ARCHITECTURE_X64, 7600, "windows-7-7600-x64"},
		{ARCHITECTURE_X86, 7600, "windows-7-7600-x86 windows-7-7600-x86-pae"},
		{ARCHITECTURE_X64, 7601,
		 "windows-7-7601-x64 windows-7-7601-x64-23418 windows-7-7601-x64-24000 "
		 "windows-7-7601-x64-24540"},
		{ARCHITECTURE_X86, 7601, "windows-7-7601-x86 windows-7-7601-x86-pae"},
		{ARCHITECTURE_X64, 9200, "windows-8-9200-x64"},
		{ARCHITECTURE_X86, 9200, "windows-8-9200-x86"},
		{ARCHITECTURE_X64, 9600, "windows-8-1-9600-x64 windows-8-1-9600-x64-19962"},
		{ARCHITECTURE_X86, 9600, "windows-8-1-9600-x86"},
		{ARCHITECTURE_X64, 10240, "windows-10-10240-x64 windows-10-10240-x64-17770"},
		{ARCHITECTURE_X86, 10240, "windows-10-10240-x86 windows-10-10240-x86-17770"},
		{ARCHITECTURE_X64, 10586, "windows-10-10586-x64"},
		{ARCHITECTURE_X64, 14393, "windows-10-14393-x64 windows-10-14393-x64-4770"},
		{ARCHITECTURE_X64, 15063, "windows-10-15063-x64"},
		{ARCHITECTURE_X64, 16299, "windows-10-16299-x64"},
		{ARCHITECTURE_X64, 17134, "windows-10-17134-x64"},
		{ARCHITECTURE_X64, 17763, "windows-10-17763-x64"},
		{ARCHITECTURE_X64, 18362, "windows-10-18362-x64"},
		{ARCHITECTURE_X64, 18363, "windows-10-18362-x64"},
		{ARCHITECTURE_X86, 18363, "windows-10-18362-x86"},
		{ARCHITECTURE_X64, 18364, ""},
		{ARCHITECTURE_X64, 19040, ""},
		{ARCHITECTURE_X64, 19041, "windows-10-19041-x64"},
		{ARCHITECTURE_X64, 19044, "windows-10-19041-x64"},
		{ARCHITECTURE_X64, 19045, "windows-10-19041-x64"},
		{ARCHITECTURE_X86, 19045, "windows-10-19041-x86"},
		{ARCHITECTURE_X64, 20348, "windows-server-2022-20348-x64"},
		{ARCHITECTURE_X64, 22000, "windows-11-22000-x64"},
		{ARCHITECTURE_X64, 22621, "windows-11-22621-x64"},
		{ARCHITECTURE_X64, 22631, "windows-11-22621-x64"},
		{ARCHITECTURE_X64, 26100, "windows-11-26100-x64"},
		{ARCHITECTURE_X64, 26200, "windows-11-26100-x64"},
		{ARCHITECTURE_X64, 26201, ""},
		{ARCHITECTURE_X86, 26100, ""},
		{ARCHITECTURE_X64, 0, ""},
		{ARCHITECTURE_X64, UINT32_MAX, ""},
	};
	_cleanup_profiles_ struct profiles *profiles = NULL;
	assert_ok(profiles_new(&profiles));
	for (size_t i = 0; i < array_size(cases); i++) {
		_cleanup_free_ char *names =
			matching(profiles, cases[i].architecture, cases[i].build);
		assert_string_equal(names, cases[i].names);
	}
	/* The count doesn't depend on the room for positions. */
	size_t one[2] = {0, 12345};
	assert_int_equal(profiles_match(profiles, ARCHITECTURE_X64, 7601, one, 1), 4);
	assert_int_equal(one[1], 12345);
	assert_int_equal(profiles_match(profiles, ARCHITECTURE_X64, 7601, NULL, 0), 4);
}

static void write_file(const char *path, const char *text)
{
	_cleanup_file_ FILE *file = fopen(path, "we");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
}

static void users_profiles_come_first(void **state)
{
	(void)state;
	char folder[] = "/tmp/test_profile.XXXXXX";
	assert_non_null(mkdtemp(folder));
	_cleanup_free_ char *first = alloc_printf("%s/a.yaml", folder);
	_cleanup_free_ char *second = alloc_printf("%s/b.yaml", folder);
	_cleanup_free_ char *other = alloc_printf("%s/c.txt", folder);

	_cleanup_profiles_ struct profiles *profiles = NULL;
	assert_ok(profiles_new(&profiles));
	size_t shipped = profiles_count(profiles);
	_cleanup_error_ struct error *error = profiles_add_directory(profiles, folder);
	assert_non_null(strstr(error_message(error), "there is no *.yaml in"));
	error_free(error);
	error = profiles_add_directory(profiles, first);
	assert_non_null(strstr(error_message(error), "a.yaml': No such file or directory"));
	error_free(error);
	error = profiles_add_file(profiles, first);
	assert_non_null(strstr(error_message(error), "a.yaml': No such file or directory"));
	error_free(error);
	error = profiles_add_file(profiles, folder);
	assert_non_null(strstr(error_message(error), "Is a directory"));
	error_free(error);

	/* A new one for a build that a shipped one has, and one in the place of a shipped one. */
	size_t line;
	_cleanup_free_ char *text = complete();
	_cleanup_free_ char *marked = with_value(text, "VadCount", "0x1234", &line);
	_cleanup_free_ char *mine = replaced(marked, "builds: [7, 9]", "builds: [19041, 30000]");
	_cleanup_free_ char *named = replaced(mine, "name: test", "name: windows-10-19041-x64");
	write_file(first, mine);
	write_file(second, named);
	write_file(other, "not a profile");
	assert_ok(profiles_add_file(profiles, first));
	assert_int_equal(profiles_count(profiles), shipped + 1);
	_cleanup_free_ char *names = matching(profiles, ARCHITECTURE_X64, 19041);
	assert_string_equal(names, "test windows-10-19041-x64");
	_cleanup_free_ char *new_names = matching(profiles, ARCHITECTURE_X64, 30000);
	assert_string_equal(new_names, "test");

	error = profiles_add_directory(profiles, folder);
	assert_ok(error);
	assert_int_equal(profiles_count(profiles), shipped + 1);
	size_t found[4];
	assert_int_equal(profiles_match(profiles, ARCHITECTURE_X64, 19042, found, 4), 2);
	for (size_t i = 0; i < 2; i++) {
		struct profile_summary summary = profiles_summary(profiles, found[i]);
		assert_true(summary.added);
		assert_string_equal(summary.origin, i ? second : first);
		const struct profile *profile;
		assert_ok(profiles_get(profiles, found[i], &profile));
		assert_string_equal(profile->name, summary.name);
		assert_int_equal(profile_offset(profile, EPROCESS_VadCount), 0x1234);
	}

	/* A bad one is an error at once, which names the file and the place. */
	write_file(second, "name: x\nnam: y\n");
	error = profiles_add_directory(profiles, folder);
	assert_non_null(error);
	_cleanup_free_ char *message = alloc_printf("%s:2:1: unknown key 'nam'", second);
	assert_string_equal(error_message(error), message);

	remove(first);
	remove(second);
	remove(other);
	assert_int_equal(remove(folder), 0);
}

/* A row of the tables: its columns. */
enum { BUILD, ARCH, VARIANT, SOURCE, TYPE, MEMBER, OFFSET, BIT, BITS, COLUMNS };

/*
 * Which profiles a layout of the tables is the source of: those of its build and architecture
 * whose `source` names it. PTE types are excepted for the layouts with another PTE size.
 */
static bool is_source(const struct profile_summary *summary, char *const *row)
{
	const char *build = strrchr(row[BUILD], '.') + 1;
	if (strcmp(architecture_name(summary->architecture), row[ARCH]) ||
	    strtoul(build, NULL, 10) != summary->build_first)
		return false;
	/* A layout's name must not be found inside of a longer one. */
	size_t length = strlen(row[VARIANT]);
	for (const char *at = summary->source; (at = strstr(at, row[VARIANT])); at++) {
		const char *end = at + length;
		if (at > summary->source && at[-1] != ' ')
			continue;
		if (!*end || *end == ' ' || *end == ',' || *end == ';' ||
		    (!strncmp(end, "_vtypes", 7) && (!end[7] || end[7] == ',' || end[7] == ';')))
			return true;
	}
	return false;
}

static size_t split(char *line, char **row)
{
	size_t count = 0;
	char *field;
	line[strcspn(line, "\r\n")] = '\0';
	while (count < COLUMNS && (field = strsep(&line, "\t")))
		row[count++] = field;
	return count;
}

static bool find_member(const char *type, const char *name, enum profile_member *ret)
{
	for (size_t i = 0; i < PROFILE_MEMBER_COUNT; i++) {
		*ret = (enum profile_member)i;
		if (!strcmp(profile_type_name(*ret), type) &&
		    !strcmp(profile_member_name(*ret), name))
			return true;
	}
	return false;
}

struct tally {
	size_t compared;
	size_t used; /* rows of members that profiles may name */
};

/* Does the profile say what the row says? */
static void compare_fact(const struct profile *profile, char *const *row,
			 enum profile_member member, bool *smallest, struct tally *tally)
{
	const struct profile_field *field = &profile->field[member];
	bool is_size = !*row[MEMBER];
	unsigned long offset = strtoul(row[OFFSET], NULL, 0);
	bool pae = strstr(profile->variant, "PAE") && !strstr(profile->variant, "without");
	if (pae && !strncmp(row[TYPE], "_MMPTE", 6) && !strstr(row[VARIANT], "24000"))
		return; /* compared with the layout that has PAE, below */
	bool ok = field->present;
	if (is_size) {
		ok = ok && field->offset <= offset;
		*smallest |= field->offset == offset;
	} else {
		ok = ok && field->offset == offset && field->bit == strtoul(row[BIT], NULL, 10) &&
		     field->bits == strtoul(row[BITS], NULL, 10);
	}
	if (!ok)
		print_error("%s: %s.%s should be %s %s %s (%s)\n", profile->name, row[TYPE],
			    row[MEMBER], row[OFFSET], row[BIT], row[BITS], row[VARIANT]);
	assert_true(ok);
	tally->compared++;
}

/* State of a comparison with all rows. */
struct comparison {
	struct profiles *profiles;
	bool *covered;	/* by profile and member: a row says so */
	bool *smallest; /* by profile and member: a row has just that size */
	struct tally tally;
};

static void compare_row(struct comparison *comparison, char *const *row)
{
	enum profile_member member;
	if (!find_member(row[TYPE] + 1, *row[MEMBER] ? row[MEMBER] : "size", &member))
		return;
	comparison->tally.used++;
	bool any = false;
	for (size_t i = 0; i < profiles_count(comparison->profiles); i++) {
		struct profile_summary summary = profiles_summary(comparison->profiles, i);
		size_t at = i * PROFILE_MEMBER_COUNT + member;
		/* The PTEs of every PAE kernel before Windows 8 are those of this layout. */
		bool pae = strstr(summary.variant, "PAE") && !strstr(summary.variant, "without") &&
			   !strncmp(row[TYPE], "_MMPTE", 6) && strstr(row[VARIANT], "24000") &&
			   !strcmp(row[ARCH], "x86");
		if (!pae && !is_source(&summary, row))
			continue;
		const struct profile *profile;
		assert_ok(profiles_get(comparison->profiles, i, &profile));
		compare_fact(profile, row, member, &comparison->smallest[at], &comparison->tally);
		comparison->covered[at] = true;
		any = true;
	}
	if (!any)
		print_error("no profile is made of %s %s\n", row[BUILD], row[VARIANT]);
	assert_true(any);
}

/* The columns of windows-store.tsv begin otherwise: a row holds for a range of builds. */
enum { FIRST, LAST, STORE_ARCH };

/* The compressed store's members: a row stands behind the profiles whose builds are in its range. */
static void compare_store_row(struct comparison *comparison, char *const *row)
{
	enum profile_member member;
	assert_true(find_member(row[TYPE], row[MEMBER], &member));
	comparison->tally.used++;
	for (size_t i = 0; i < profiles_count(comparison->profiles); i++) {
		struct profile_summary summary = profiles_summary(comparison->profiles, i);
		size_t at = i * PROFILE_MEMBER_COUNT + member;
		if (strcmp(architecture_name(summary.architecture), row[STORE_ARCH]) ||
		    summary.build_first < strtoul(row[FIRST], NULL, 10) ||
		    summary.build_last > strtoul(row[LAST], NULL, 10))
			continue;
		const struct profile *profile;
		assert_ok(profiles_get(comparison->profiles, i, &profile));
		const struct profile_field *field = &profile->field[member];
		assert_true(field->present);
		assert_int_equal(field->offset, strtoul(row[OFFSET], NULL, 0));
		assert_int_equal(field->bit, strtoul(row[BIT], NULL, 10));
		assert_int_equal(field->bits, strtoul(row[BITS], NULL, 10));
		assert_false(comparison->covered[at]); /* no two rows for one thing */
		comparison->covered[at] = comparison->smallest[at] = true;
		comparison->tally.compared++;
	}
}

static void profiles_say_what_the_tables_say(void **state)
{
	(void)state;
	_cleanup_profiles_ struct profiles *profiles = NULL;
	assert_ok(profiles_new(&profiles));
	size_t cells = profiles_count(profiles) * PROFILE_MEMBER_COUNT;
	_cleanup_free_ bool *covered = alloc_zero(cells, sizeof(bool));
	_cleanup_free_ bool *smallest = alloc_zero(cells, sizeof(bool));
	struct comparison comparison = {profiles, covered, smallest, {0}};
	static const char *const tables[] = {"windows-structs.tsv", "windows-structs-variants.tsv",
					     "windows-store.tsv"};
	for (size_t t = 0; t < array_size(tables); t++) {
		_cleanup_free_ char *path = alloc_printf("%s/%s", PROFILE_FACTS, tables[t]);
		_cleanup_file_ FILE *file = fopen(path, "re");
		assert_non_null(file);
		_cleanup_free_ char *line = NULL;
		size_t capacity = 0;
		char *row[COLUMNS];
		assert_true(getline(&line, &capacity, file) > 0); /* the columns' names */
		while (getline(&line, &capacity, file) > 0) {
			assert_int_equal(split(line, row), COLUMNS);
			if (!strcmp(tables[t], "windows-store.tsv"))
				compare_store_row(&comparison, row);
			else
				compare_row(&comparison, row);
		}
	}
	/* Nothing in a profile is without a fact behind it; a size is one of those known. */
	for (size_t i = 0; i < profiles_count(profiles); i++) {
		const struct profile *profile;
		assert_ok(profiles_get(profiles, i, &profile));
		for (size_t m = 0; m < PROFILE_MEMBER_COUNT; m++) {
			enum profile_member member = (enum profile_member)m;
			size_t at = i * PROFILE_MEMBER_COUNT + m;
			bool is_size = !strcmp(profile_member_name(member), "size");
			if (!profile->field[m].present)
				continue;
			if (!covered[at] || (is_size && !smallest[at]))
				print_error("%s: %s.%s has no fact behind it\n", profile->name,
					    profile_type_name(member), profile_member_name(member));
			assert_true(covered[at]);
			assert_true(!is_size || smallest[at]);
		}
	}
	print_message("%zu of the tables' rows used, %zu comparisons\n", comparison.tally.used,
		      comparison.tally.compared);
	assert_true(comparison.tally.used > 4000);
	assert_true(comparison.tally.compared > comparison.tally.used);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(header_errors_have_a_place),
		cmocka_unit_test(builds_are_a_range),
		cmocka_unit_test(numbers_are_what_they_look_like),
		cmocka_unit_test(type_errors_have_a_place),
		cmocka_unit_test(bit_fields_are_checked),
		cmocka_unit_test(members_lie_within_their_type),
		cmocka_unit_test(values_have_limits),
		cmocka_unit_test(members_that_belong_together),
		cmocka_unit_test(former_members_are_passed_over),
		cmocka_unit_test(yaml_beyond_need_is_declined),
		cmocka_unit_test(required_members_are_required),
		cmocka_unit_test(strings_survive_a_round_trip),
		cmocka_unit_test(bits_are_taken_from_values),
		cmocka_unit_test(every_shipped_profile_parses),
		cmocka_unit_test(reading_the_headers_is_quick),
		cmocka_unit_test(builds_find_their_profiles),
		cmocka_unit_test(users_profiles_come_first),
		cmocka_unit_test(profiles_say_what_the_tables_say),
	};
	return cmocka_run_group_tests_name("profile", tests, NULL, NULL);
}
