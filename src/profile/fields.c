/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Types and members of profiles: their names, who may leave them out, and the limits of their
 * values. All is made from PROFILE_FIELDS.
 */
#include "internal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>
#include <impscan/page_size.h>

enum need { R, F, O, S };

enum limit_kind { OFFSET, TYPE_SIZE, EITHER_SIZE, BIT_FIELD, FIELD_OR_WHOLE };

struct limit {
	enum limit_kind kind;
	uint32_t least, most; /* of the offset, or of the size */
	uint8_t bits;	      /* most bits of a bit field ... */
	uint8_t end;	      /* ... and where it must have ended */
};

/* clang-format off */
#define AT		{.kind = OFFSET, .most = 0xffff}
#define IN_PAGE		{.kind = OFFSET, .most = 0xfe0}
#define START		{.kind = OFFSET}
#define SIZE		{.kind = TYPE_SIZE, .least = 1, .most = 0x10000}
#define SIZE_IN_PAGE	{.kind = TYPE_SIZE, .least = 1, .most = PAGE_SIZE}
#define SIZE_OF(a, b)	{.kind = EITHER_SIZE, .least = (a), .most = (b)}
#define BITS(n)		{.kind = BIT_FIELD, .bits = (n), .end = 64}
#define KEY(n)		{.kind = BIT_FIELD, .bits = (n), .end = 32}
#define NUMBER(n)	{.kind = FIELD_OR_WHOLE, .most = 0xffff, .bits = (n), .end = 32}
/* clang-format on */

struct field_name {
	const char *type;
	const char *member;
	enum need need;
	struct limit limit;
};

#define NAMES(type, member, need, limit) {#type, #member, need, limit},
static const struct field_name names[] = {PROFILE_FIELDS(NAMES)};
_Static_assert(array_size(names) == PROFILE_MEMBER_COUNT, "a name for every member");

const char *architecture_name(enum architecture architecture)
{
	return architecture == ARCHITECTURE_X64 ? "x64" : "x86";
}

const char *profile_type_name(enum profile_member member)
{
	return names[member].type;
}

const char *profile_member_name(enum profile_member member)
{
	return names[member].member;
}

bool profile_member_required(enum profile_member member)
{
	return names[member].need == R;
}

bool profile_member_universal(enum profile_member member)
{
	return names[member].need == R || names[member].need == F;
}

bool profile_member_in_symbols(enum profile_member member)
{
	return names[member].need != S;
}

bool profile_member_core(enum profile_member member)
{
	static const enum profile_member core[] = {
		EPROCESS_UniqueProcessId,
		EPROCESS_ActiveProcessLinks,
		EPROCESS_ImageFileName,
		EPROCESS_Pcb,
		EPROCESS_Peb,
		EPROCESS_VadRoot,
		KPROCESS_DirectoryTableBase,
		LDR_DATA_TABLE_ENTRY_InLoadOrderLinks,
		LDR_DATA_TABLE_ENTRY_InMemoryOrderLinks,
		LDR_DATA_TABLE_ENTRY_InInitializationOrderLinks,
		LDR_DATA_TABLE_ENTRY_DllBase,
		LDR_DATA_TABLE_ENTRY_EntryPoint,
		LDR_DATA_TABLE_ENTRY_SizeOfImage,
		LDR_DATA_TABLE_ENTRY_FullDllName,
		LDR_DATA_TABLE_ENTRY_BaseDllName,
		MMPTE_size,
		MMVAD_FLAGS_size,
		MMVAD_FLAGS_PrivateMemory,
		MMVAD_FLAGS_Protection,
		MMVAD_SHORT_StartingVpn,
		MMVAD_SHORT_EndingVpn,
		MMVAD_SHORT_u,
		PEB_ImageBaseAddress,
		PEB_Ldr,
		PEB_LDR_DATA_InLoadOrderModuleList,
		PEB_LDR_DATA_InMemoryOrderModuleList,
		PEB_LDR_DATA_InInitializationOrderModuleList,
	};
	for (size_t i = 0; i < array_size(core); i++)
		if (core[i] == member)
			return true;
	return false;
}

bool profile_member_is_size(enum profile_member member)
{
	return !strcmp(names[member].member, "size");
}

static char *out_of_range(const char *name, uint32_t value, const struct limit *limit)
{
	if (limit->least == limit->most)
		return alloc_printf("%s is out of range: 0x%" PRIx32 ", not 0x%" PRIx32, name,
				    value, limit->least);
	return alloc_printf("%s is out of range: 0x%" PRIx32 ", not 0x%" PRIx32 " %s 0x%" PRIx32,
			    name, value, limit->least, limit->kind == EITHER_SIZE ? "or" : "to",
			    limit->most);
}

char *profile_beyond_limit(enum profile_member member, const struct profile_field *field)
{
	const struct limit *limit = &names[member].limit;
	_cleanup_free_ char *name = alloc_printf("%s.%s", names[member].type, names[member].member);
	bool may_be_bits = limit->kind == BIT_FIELD || limit->kind == FIELD_OR_WHOLE;
	if (field->bits && !may_be_bits)
		return alloc_printf("%s is no bit field: write its offset alone", name);
	if (!field->bits && limit->kind == BIT_FIELD)
		return alloc_printf("%s is a bit field: write {offset: ..., bit: ..., bits: ...}",
				    name);
	if (field->offset < limit->least || field->offset > limit->most ||
	    (limit->kind == EITHER_SIZE && field->offset != limit->least &&
	     field->offset != limit->most))
		return out_of_range(name, field->offset, limit);
	if (field->bits > limit->bits)
		return alloc_printf("%s is out of range: %u bits, not 1 to %u", name, field->bits,
				    limit->bits);
	if (field->bits && field->bit + field->bits > limit->end)
		return alloc_printf("%s is out of range: bits %u to %u of an integer of %u", name,
				    field->bit, field->bit + field->bits - 1, limit->end);
	return NULL;
}

bool profile_find_type(const char *name, size_t length, enum profile_member *first, size_t *count)
{
	size_t i = 0;
	while (i < array_size(names) &&
	       (strlen(names[i].type) != length || memcmp(names[i].type, name, length) != 0))
		i++;
	size_t end = i;
	while (end < array_size(names) && !strcmp(names[end].type, names[i].type))
		end++;
	*first = (enum profile_member)i;
	*count = end - i;
	return end > i;
}

void profile_free(struct profile *profile)
{
	if (!profile)
		return;
	free(profile->name);
	free(profile->description);
	free(profile->variant);
	free(profile->source);
	free(profile->origin);
	free(profile->inferred);
	free(profile);
}
