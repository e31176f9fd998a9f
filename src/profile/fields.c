/* A profile in memory: the names behind enum profile_member, all made from PROFILE_FIELDS. */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

#include <impscan/bytes.h>

enum need { R, O, S };

struct field_name {
	const char *type;
	const char *member;
	enum need need;
};

#define NAMES(type, member, need) {#type, #member, need},
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
