/* SPDX-License-Identifier: GPL-3.0-or-later */
/* profile: limits of members, which of them need others, and which may be missing. */
#include "profile_text.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(members_lie_within_their_type),
		cmocka_unit_test(values_have_limits),
		cmocka_unit_test(members_that_belong_together),
		cmocka_unit_test(former_members_are_passed_over),
		cmocka_unit_test(required_members_are_required),
		cmocka_unit_test(bits_are_taken_from_values),
	};
	return cmocka_run_group_tests_name("profile_members", tests, NULL, NULL);
}
