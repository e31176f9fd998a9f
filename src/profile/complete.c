/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Members that belong together: one that is of use only with another one, and alternatives of which
 * a profile must have one. Members that every profile must have are marked R in profile_fields.h.
 */
#include "internal.h"

#include <impscan/alloc.h>
#include <impscan/bytes.h>

/* Where the first is present the second must be. */
static const struct {
	enum profile_member member, needed;
} pairs[] = {
	{ETHREAD_ThreadListEntry, EPROCESS_ThreadListHead},
	{KTHREAD_ThreadListEntry, KPROCESS_ThreadListHead},
	{EPROCESS_WoW64Process, EWOW64PROCESS_Peb},
	{MMADDRESS_NODE_LeftChild, MMADDRESS_NODE_RightChild},
	{MMADDRESS_NODE_LeftChild, MM_AVL_TABLE_BalancedRoot},
	{MM_AVL_NODE_LeftChild, MM_AVL_NODE_RightChild},
	{MM_AVL_NODE_LeftChild, MM_AVL_TABLE_BalancedRoot},
	{MM_AVL_NODE_LeftChild, MMVAD_SHORT_VadNode},
	{RTL_BALANCED_NODE_Left, RTL_BALANCED_NODE_Right},
	{MMVAD_SHORT_LeftChild, MMVAD_SHORT_RightChild},
	{MMVAD_SHORT_StartingVpnHigh, MMVAD_SHORT_EndingVpnHigh},
	{MMVAD_Subsection, SUBSECTION_ControlArea},
	{MMPTE_PROTOTYPE_ProtoAddressHigh, MMPTE_PROTOTYPE_ProtoAddressLow},
};

/* One of each row must be present; NONE fills it up. */
#define NONE PROFILE_MEMBER_COUNT
static const enum profile_member choices[][4] = {
	{HANDLE_TABLE_ENTRY_Object, HANDLE_TABLE_ENTRY_ObjectPointerBits, NONE, NONE},
	{MMVAD_FLAGS_VadType, MMVAD_FLAGS_ImageMap, NONE, NONE},
	{MMVAD_Subsection, MMVAD_ControlArea, NONE, NONE},
	{MMPTE_PROTOTYPE_ProtoAddress, MMPTE_PROTOTYPE_ProtoAddressHigh, NONE, NONE},
	{MMADDRESS_NODE_LeftChild, MM_AVL_NODE_LeftChild, RTL_BALANCED_NODE_Left,
	 MMVAD_SHORT_LeftChild},
};

/* Of the compressed store, what it is found without; all else it takes. */
static bool store_optional(enum profile_member member)
{
	return member == SMKM_STORE_MGR_SmGlobalsLink || member == SM_PAGE_KEY_PageFileNumber ||
	       member == ST_DATA_MGR_CompressionAlgorithm;
}

static char *without(enum profile_member member, enum profile_member needed)
{
	return alloc_printf("%s.%s is of no use without %s.%s, which is missing",
			    profile_type_name(member), profile_member_name(member),
			    profile_type_name(needed), profile_member_name(needed));
}

/* Bit fields of page-table entries lie within them; their types have no size of their own. */
static char *beyond_entry(const struct profile *profile, enum profile_member *member)
{
	static const enum profile_member fields[] = {
		MMPTE_PROTOTYPE_Protection,	  MMPTE_PROTOTYPE_ProtoAddress,
		MMPTE_PROTOTYPE_ProtoAddressLow,  MMPTE_PROTOTYPE_ProtoAddressHigh,
		MMPTE_SOFTWARE_Protection,	  MMPTE_SOFTWARE_PageFileLow,
		MMPTE_SOFTWARE_PageFileHigh,	  MMPTE_SOFTWARE_SwizzleBit,
		MMPTE_TRANSITION_PageFrameNumber,
	};
	uint32_t size = profile_offset(profile, MMPTE_size);
	for (size_t i = 0; i < array_size(fields); i++) {
		const struct profile_field *field = &profile->field[fields[i]];
		if (!field->present || field->bit + field->bits <= size * 8)
			continue;
		*member = fields[i];
		return alloc_printf("%s.%s is out of range: bits %u to %u of an MMPTE of %u bytes",
				    profile_type_name(fields[i]), profile_member_name(fields[i]),
				    field->bit, field->bit + field->bits - 1, size);
	}
	return NULL;
}

static char *store_gap(const struct profile *profile, enum profile_member *member)
{
	*member = SMKM_STORE_MGR_KeyToStoreTree;
	if (!profile_has(profile, *member))
		return NULL;
	for (size_t i = 0; i < PROFILE_MEMBER_COUNT; i++) {
		enum profile_member other = (enum profile_member)i;
		if (!profile_member_in_symbols(other) && !profile_has(profile, other) &&
		    !store_optional(other))
			return without(*member, other);
	}
	return NULL;
}

/* From 8.1 on (an RTL_AVL_TREE of VADs) a page's number on x64 has more than 32 bits. */
static char *short_numbers(const struct profile *profile, enum profile_member *member)
{
	*member = MMVAD_SHORT_VadNode;
	if (profile->architecture != ARCHITECTURE_X64 || !profile_has(profile, *member) ||
	    profile_has(profile, MM_AVL_NODE_LeftChild) ||
	    profile_has(profile, MMVAD_SHORT_StartingVpnHigh))
		return NULL;
	return without(*member, MMVAD_SHORT_StartingVpnHigh);
}

static char *no_choice(const struct profile *profile, enum profile_member *member)
{
	*member = NONE;
	for (size_t i = 0; i < array_size(choices); i++) {
		bool any = false;
		for (size_t k = 0; k < array_size(choices[i]); k++)
			any |= choices[i][k] != NONE && profile_has(profile, choices[i][k]);
		if (!any)
			return alloc_printf("neither %s.%s nor %s.%s is present",
					    profile_type_name(choices[i][0]),
					    profile_member_name(choices[i][0]),
					    profile_type_name(choices[i][1]),
					    profile_member_name(choices[i][1]));
	}
	return NULL;
}

char *profile_gap(const struct profile *profile, enum profile_member *member)
{
	char *gap = beyond_entry(profile, member);
	if (gap || profile->inferred)
		return gap;
	for (size_t i = 0; i < array_size(pairs); i++) {
		*member = pairs[i].member;
		if (profile_has(profile, *member) && !profile_has(profile, pairs[i].needed))
			return without(*member, pairs[i].needed);
	}
	gap = store_gap(profile, member);
	if (!gap)
		gap = short_numbers(profile, member);
	return gap ? gap : no_choice(profile, member);
}
