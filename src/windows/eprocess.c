/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Reads one EPROCESS, and finds the 32-bit PEB of a WoW64 process.
 */
#include <impscan/process.h>

#include <stdlib.h>

#include <impscan/bytes.h>
#include <impscan/text.h>

const char *const process_source_names[PROCESS_SOURCE_COUNT] = {"active", "mm",	  "session", "cid",
								"near",	  "deep", "dump"};

#define IMAGE_FILE_NAME_SIZE 15 /* UCHAR ImageFileName[15] (16 before Vista; the last is NUL) */

/* Members of the 32-bit PEB, the same in every build. */
enum { PEB32_IMAGE_BASE_ADDRESS = 8, PEB32_LDR = 0xc, PEB32_PROCESS_PARAMETERS = 0x10 };
enum { LDR32_IN_LOAD_ORDER_MODULE_LIST = 0xc, GRANULARITY = 0x10000 };

enum peb32_verdict { PEB32_NONE, PEB32_ABSENT, PEB32_CERTAIN };

/*
 * Is there a 32-bit PEB at `address`? Where its page is absent, only the address can be judged. Its
 * lists must be there, but may hold anything: the process can change them.
 */
static enum peb32_verdict judge_peb32(struct space *space, uint64_t address)
{
	uint32_t base, ldr, parameters, first;
	if (address < GRANULARITY || address > UINT32_MAX || address % PAGE_SIZE)
		return PEB32_NONE;
	if (!space_u32(space, address + PEB32_IMAGE_BASE_ADDRESS, &base) ||
	    !space_u32(space, address + PEB32_LDR, &ldr) ||
	    !space_u32(space, address + PEB32_PROCESS_PARAMETERS, &parameters))
		return PEB32_ABSENT;
	if (base < GRANULARITY || base % GRANULARITY || parameters < GRANULARITY)
		return PEB32_NONE;
	/* The loader sets Ldr when the process starts to run. */
	if (ldr && (ldr < GRANULARITY ||
		    (space_u32(space, ldr + LDR32_IN_LOAD_ORDER_MODULE_LIST, &first) && !first)))
		return PEB32_NONE;
	return PEB32_CERTAIN;
}

/*
 * The 32-bit PEB of a WoW64 process: EPROCESS has its address (Windows 8 to 10.0.10240), or that of
 * a structure that begins with its address: a WOW64_PROCESS (before), an EWOW64PROCESS (since
 * 10.0.10586). Symbols of some builds say only "void *", and updates changed it: so all forms
 * are tried, the profile's first, and the one that leads to a 32-bit PEB is believed.
 */
static void find_peb32(const struct windows *windows, struct space *kernel, struct process *process)
{
	const struct profile *profile = windows->profile;
	bool old = profile_has(profile, EPROCESS_Wow64Process);
	enum profile_member member = old ? EPROCESS_Wow64Process : EPROCESS_WoW64Process;
	bool indirect = !old || profile_has(profile, WOW64_PROCESS_Wow64);
	uint64_t offset = profile_offset(profile, old ? WOW64_PROCESS_Wow64 : EWOW64PROCESS_Peb);
	uint64_t forms[3] = {0}; /* the profile's, and the others */
	if (windows->pointer_size != 8)
		return;
	process->peb32_lost = true;
	if (!profile_has(profile, member) ||
	    !windows_pointer(windows, kernel, process->eprocess, member, &process->wow64))
		return;
	process->peb32_lost = process->wow64 != 0;
	if (!process->wow64)
		return;
	forms[indirect] = process->wow64;
	(void)space_u64(kernel, process->wow64 + (indirect ? offset : 0), &forms[!indirect]);
	if (indirect && offset)
		(void)space_u64(kernel, process->wow64, &forms[2]);
	_cleanup_space_ struct space *space = space_new(windows->memory, process->dtb);
	enum peb32_verdict best = PEB32_NONE;
	for (size_t i = 0; i < array_size(forms); i++) {
		enum peb32_verdict verdict = judge_peb32(space, forms[i]);
		if (verdict <= best)
			continue;
		best = verdict;
		process->peb32 = forms[i];
	}
	process->peb32_lost = best == PEB32_NONE;
}

/*
 * Reads a member of `size` bytes. Where the profile lacks it, or it is not present, `value` stays.
 */
static void read_optional(const struct windows *windows, struct space *kernel, uint64_t eprocess,
			  enum profile_member member, unsigned int size, uint64_t *value)
{
	if (profile_has(windows->profile, member))
		(void)space_pointer(kernel, eprocess + profile_offset(windows->profile, member),
				    size, value);
}

bool process_read(const struct windows *windows, struct space *kernel, uint64_t eprocess,
		  struct process *process)
{
	const struct profile *profile = windows->profile;
	unsigned int pointer = windows->pointer_size;
	uint64_t pid, ppid = 0;
	char name[IMAGE_FILE_NAME_SIZE];

	*process = (struct process){.eprocess = eprocess};
	if (!windows_pointer(windows, kernel, eprocess, EPROCESS_UniqueProcessId, &pid) ||
	    !windows_pointer(windows, kernel, eprocess + profile_offset(profile, EPROCESS_Pcb),
			     KPROCESS_DirectoryTableBase, &process->dtb) ||
	    !space_read(kernel, eprocess + profile_offset(profile, EPROCESS_ImageFileName), name,
			sizeof(name)))
		return false;
	/* PIDs are handle values: multiples of 4 that fit 32 bits. */
	if (pid > UINT32_MAX || pid % 4)
		return false;
	process->pid = (uint32_t)pid;
	process->dtb = page_map_address(memory_paging(windows->memory), process->dtb);

	/* The rest may lie on the next page. */
	read_optional(windows, kernel, eprocess, EPROCESS_InheritedFromUniqueProcessId, pointer,
		      &ppid);
	process->ppid = ppid <= UINT32_MAX ? (uint32_t)ppid : 0;
	read_optional(windows, kernel, eprocess, EPROCESS_Peb, pointer, &process->peb);
	read_optional(windows, kernel, eprocess, EPROCESS_SectionBaseAddress, pointer,
		      &process->section_base_address);
	read_optional(windows, kernel, eprocess, EPROCESS_CreateTime, 8, &process->create_time);
	read_optional(windows, kernel, eprocess, EPROCESS_ExitTime, 8, &process->exit_time);
	find_peb32(windows, kernel, process);
	process->name = text_from_latin1(name, sizeof(name));
	return true;
}

void processes_free(struct processes *processes)
{
	for (size_t i = 0; i < processes->count; i++)
		free(processes->items[i].name);
	free(processes->items);
	*processes = (struct processes){0};
}
