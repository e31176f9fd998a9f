/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The structures of a process that the loader keeps in its memory. They are the same in every
 * Windows since XP: the PEB, and the lists of modules behind it (winternl.h; public symbols of
 * ntdll.dll). So a dump of a process needs no profile of its build.
 */
#include <impscan/profile.h>

/* PEB.ApiSetMap; before Windows 7 something else is there. */
#define BUILD_API_SETS 7600

#define AT(offset_)                                   \
	{                                             \
		.present = true, .offset = (offset_), \
	}

#define FIELDS_X64                                                                                \
	[PEB_ImageBaseAddress] = AT(0x10), [PEB_Ldr] = AT(0x18), [PEB_OSBuildNumber] = AT(0x120), \
	[PEB_LDR_DATA_InLoadOrderModuleList] = AT(0x10),                                          \
	[PEB_LDR_DATA_InMemoryOrderModuleList] = AT(0x20),                                        \
	[PEB_LDR_DATA_InInitializationOrderModuleList] = AT(0x30),                                \
	[LDR_DATA_TABLE_ENTRY_InLoadOrderLinks] = AT(0),                                          \
	[LDR_DATA_TABLE_ENTRY_InMemoryOrderLinks] = AT(0x10),                                     \
	[LDR_DATA_TABLE_ENTRY_InInitializationOrderLinks] = AT(0x20),                             \
	[LDR_DATA_TABLE_ENTRY_DllBase] = AT(0x30), [LDR_DATA_TABLE_ENTRY_EntryPoint] = AT(0x38),  \
	[LDR_DATA_TABLE_ENTRY_SizeOfImage] = AT(0x40),                                            \
	[LDR_DATA_TABLE_ENTRY_FullDllName] = AT(0x48),                                            \
	[LDR_DATA_TABLE_ENTRY_BaseDllName] = AT(0x58)

#define FIELDS_X86                                                                               \
	[PEB_ImageBaseAddress] = AT(8), [PEB_Ldr] = AT(0xc), [PEB_OSBuildNumber] = AT(0xac),     \
	[PEB_LDR_DATA_InLoadOrderModuleList] = AT(0xc),                                          \
	[PEB_LDR_DATA_InMemoryOrderModuleList] = AT(0x14),                                       \
	[PEB_LDR_DATA_InInitializationOrderModuleList] = AT(0x1c),                               \
	[LDR_DATA_TABLE_ENTRY_InLoadOrderLinks] = AT(0),                                         \
	[LDR_DATA_TABLE_ENTRY_InMemoryOrderLinks] = AT(8),                                       \
	[LDR_DATA_TABLE_ENTRY_InInitializationOrderLinks] = AT(0x10),                            \
	[LDR_DATA_TABLE_ENTRY_DllBase] = AT(0x18), [LDR_DATA_TABLE_ENTRY_EntryPoint] = AT(0x1c), \
	[LDR_DATA_TABLE_ENTRY_SizeOfImage] = AT(0x20),                                           \
	[LDR_DATA_TABLE_ENTRY_FullDllName] = AT(0x24),                                           \
	[LDR_DATA_TABLE_ENTRY_BaseDllName] = AT(0x2c)

static char name_x64[] = "process-x64", name_x86[] = "process-x86", none[] = "";
static char description[] = "what every process has", origin[] = "built in";

#define HEADER(architecture_, name_)                                                  \
	.name = (name_), .description = description, .variant = none, .source = none, \
	.origin = origin, .architecture = (architecture_)

/* The last two without API sets. */
static const struct profile profiles[] = {
	{HEADER(ARCHITECTURE_X64, name_x64), .field = {FIELDS_X64, [PEB_ApiSetMap] = AT(0x68)}},
	{HEADER(ARCHITECTURE_X86, name_x86), .field = {FIELDS_X86, [PEB_ApiSetMap] = AT(0x38)}},
	{HEADER(ARCHITECTURE_X64, name_x64), .field = {FIELDS_X64}},
	{HEADER(ARCHITECTURE_X86, name_x86), .field = {FIELDS_X86}},
};

const struct profile *profile_of_process(enum architecture architecture, uint32_t build)
{
	return &profiles[(architecture == ARCHITECTURE_X86) + (build < BUILD_API_SETS ? 2 : 0)];
}
