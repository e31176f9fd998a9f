/*
 * Processes: one EPROCESS, and the ring of ActiveProcessLinks.
 */
#include "windows/process.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <impscan/address_set.h>
#include <impscan/alloc.h>
#include <impscan/bytes.h>
#include <impscan/text.h>

#include "windows/discover.h"
#include "windows/limits.h"

const char *const process_source_names[PROCESS_SOURCE_COUNT] = {"active", "mm",	  "session",
								"cid",	  "near", "deep"};

#define IMAGE_FILE_NAME_SIZE 15 /* UCHAR ImageFileName[15] (16 before Vista; the last is NUL) */

/* Members of the 32-bit PEB, the same in every build. */
enum { PEB32_IMAGE_BASE_ADDRESS = 8, PEB32_LDR = 0xc, PEB32_PROCESS_PARAMETERS = 0x10 };
enum { LDR32_IN_LOAD_ORDER_MODULE_LIST = 0xc, GRANULARITY = 0x10000 };

enum peb32_verdict { PEB32_NONE, PEB32_ABSENT, PEB32_CERTAIN };

/*
 * Is a 32-bit PEB at `address`? Its page may be absent: then only the address tells against it. What
 * the process itself may have changed (its lists) is not asked for more than that it is there.
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
 * 10.0.10586). Symbols of some builds say only "void *", and updates changed it: so what leads to a
 * 32-bit PEB is believed, the profile's form first.
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
	    !space_u64(kernel, process->eprocess + profile_offset(profile, member),
		       &process->wow64))
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

bool process_read(const struct windows *windows, struct space *kernel, uint64_t eprocess,
		  struct process *process)
{
	const struct profile *profile = windows->profile;
	unsigned int pointer = windows->pointer_size;
	uint64_t pid, ppid;
	char name[IMAGE_FILE_NAME_SIZE];

	*process = (struct process){.eprocess = eprocess};
	if (!space_pointer(kernel, eprocess + profile_offset(profile, EPROCESS_UniqueProcessId),
			   pointer, &pid) ||
	    !space_pointer(kernel,
			   eprocess + profile_offset(profile, EPROCESS_Pcb) +
				   profile_offset(profile, KPROCESS_DirectoryTableBase),
			   pointer, &process->dtb) ||
	    !space_read(kernel, eprocess + profile_offset(profile, EPROCESS_ImageFileName), name,
			sizeof(name)))
		return false;
	/* PIDs are handle values: multiples of 4 that fit 32 bits. */
	if (pid > UINT32_MAX || pid % 4)
		return false;
	process->pid = (uint32_t)pid;
	process->dtb = page_map_address(memory_paging(windows->memory), process->dtb);

	/* The rest may lie on the next page; what is not present stays 0. */
	if (profile_has(profile, EPROCESS_InheritedFromUniqueProcessId) &&
	    space_pointer(kernel,
			  eprocess + profile_offset(profile, EPROCESS_InheritedFromUniqueProcessId),
			  pointer, &ppid) &&
	    ppid <= UINT32_MAX)
		process->ppid = (uint32_t)ppid;
	(void)space_pointer(kernel, eprocess + profile_offset(profile, EPROCESS_Peb), pointer,
			    &process->peb);
	if (profile_has(profile, EPROCESS_SectionBaseAddress))
		(void)space_pointer(kernel,
				    eprocess + profile_offset(profile, EPROCESS_SectionBaseAddress),
				    pointer, &process->section_base_address);
	if (profile_has(profile, EPROCESS_CreateTime))
		(void)space_u64(kernel, eprocess + profile_offset(profile, EPROCESS_CreateTime),
				&process->create_time);
	if (profile_has(profile, EPROCESS_ExitTime))
		(void)space_u64(kernel, eprocess + profile_offset(profile, EPROCESS_ExitTime),
				&process->exit_time);
	find_peb32(windows, kernel, process);
	process->name = text_from_latin1(name, sizeof(name));
	return true;
}

/* What reading an EPROCESS counts. */
#define PROCESS_STEPS 10

static struct process *find_process(struct processes *processes, uint64_t eprocess)
{
	uint64_t at;
	return address_map_get(&processes->by_eprocess, eprocess, &at) ? &processes->items[at]
								       : NULL;
}

/* Processes have moved within their array. */
static void index_again(struct processes *processes)
{
	address_map_free(&processes->by_eprocess);
	for (size_t i = 0; i < processes->count; i++)
		address_map_add(&processes->by_eprocess, processes->items[i].eprocess, i);
}

/*
 * Is it a process beyond doubt? ActiveProcessLinks is believed; where other ways lead must look
 * like one: a page map that the image holds (an exited process may have lost it), a name.
 */
static bool is_plausible(const struct windows *windows, const struct process *process)
{
	if (!process->pid || !process->name[0])
		return false;
	for (const char *s = process->name; *s; s++)
		if ((unsigned char)*s < 0x20)
			return false;
	if (process->exit_time)
		return process->create_time && process->exit_time >= process->create_time;
	return process->dtb && image_page(windows->image, process->dtb & ~(PAGE_SIZE - 1));
}

bool processes_add(const struct windows *windows, struct space *kernel, struct processes *processes,
		   uint64_t eprocess, unsigned int source)
{
	struct process *known = find_process(processes, eprocess);
	if (known) {
		known->sources |= source;
		return true;
	}
	struct process process;
	(void)budget_spend(&processes->budget, PROCESS_STEPS);
	if (!process_read(windows, kernel, eprocess, &process))
		return false;
	if (source != SOURCE_ACTIVE && !is_plausible(windows, &process)) {
		free(process.name);
		return false;
	}
	process.sources = source;
	address_map_add(&processes->by_eprocess, eprocess, processes->count);
	*array_push(processes->items, processes->count, processes->capacity) = process;
	return true;
}

static void note_damage(struct processes *processes, const char *format, uint64_t address)
	__attribute__((format(printf, 2, 0)));

/* Keeps the first sentence only. */
static void note_damage(struct processes *processes, const char *format, uint64_t address)
{
	if (!processes->damage[0])
		snprintf(processes->damage, sizeof(processes->damage), format,
			 (unsigned long long)address);
}

void processes_note_cut(struct processes *processes, const char *search)
{
	char *damage = processes->damage;
	size_t length = strlen(damage);
	if (strstr(damage, "cut off"))
		return;
	snprintf(damage + length, sizeof(processes->damage) - length,
		 "%sthe search for processes was cut off: %s costs too much work",
		 length ? "; " : "", search);
}

/* Follows one direction from System; returns true when it came back to where it began. */
static bool follow_ring(const struct windows *windows, struct space *kernel, bool forward,
			struct address_set *seen, struct processes *processes)
{
	uint64_t links = profile_offset(windows->profile, EPROCESS_ActiveProcessLinks);
	uint64_t first = windows->system + links;
	uint64_t link = first;
	for (;;) {
		uint64_t next;
		if (!budget_spend(&processes->budget, 1)) {
			processes_note_cut(processes, "ActiveProcessLinks");
			return false;
		}
		if (!space_pointer(kernel, link + (forward ? 0 : windows->pointer_size),
				   windows->pointer_size, &next)) {
			note_damage(processes, "ActiveProcessLinks at 0x%llx not present", link);
			return false;
		}
		if (next == first)
			return true;
		link = next;
		if (!address_set_add(seen, link)) {
			note_damage(processes, "ActiveProcessLinks runs in a circle at 0x%llx",
				    link);
			return false;
		}
		if (seen->count > LIMIT_PROCESSES) {
			note_damage(processes, "ActiveProcessLinks has too many entries at 0x%llx",
				    link);
			return false;
		}
		/* The ring's head is a variable of the kernel, not a process. */
		if (link - windows->kernel_base < windows->kernel_size) {
			processes->ps_active_process_head = link;
			continue;
		}
		if (!processes_add(windows, kernel, processes, link - links, SOURCE_ACTIVE)) {
			note_damage(processes,
				    "ActiveProcessLinks leads to 0x%llx, which is no process",
				    link);
			return false;
		}
	}
}

static void reverse(struct process *items, size_t count)
{
	for (size_t i = 0; i < count / 2; i++) {
		struct process swap = items[i];
		items[i] = items[count - 1 - i];
		items[count - 1 - i] = swap;
	}
}

static int compare_pids(const void *a, const void *b)
{
	const struct process *x = a, *y = b;
	if (x->pid != y->pid)
		return x->pid < y->pid ? -1 : 1;
	return x->eprocess < y->eprocess ? -1 : x->eprocess > y->eprocess;
}

void process_ring(const struct windows *windows, struct space *kernel, struct processes *processes)
{
	_cleanup_address_set_ struct address_set seen = {0};
	*processes = (struct processes){.budget = {.limit = windows_work(windows)}};
	processes_add(windows, kernel, processes, windows->system, SOURCE_ACTIVE);
	if (!follow_ring(windows, kernel, true, &seen, processes)) {
		/* What lies behind the break is reached from the other end, last one first. */
		size_t from = processes->count;
		follow_ring(windows, kernel, false, &seen, processes);
		reverse(processes->items + from, processes->count - from);
		index_again(processes);
	}
}

void windows_processes(const struct windows *windows, bool deep, unsigned int threads,
		       struct processes *processes)
{
	_cleanup_space_ struct space *kernel = windows_kernel_space(windows);
	process_ring(windows, kernel, processes);
	size_t active = processes->count;
	process_sources(windows, kernel, processes);
	process_sweep_near(windows, kernel, processes);
	if (deep)
		process_sweep(windows, threads, processes);
	if (processes->count > active)
		qsort(processes->items + active, processes->count - active,
		      sizeof(*processes->items), compare_pids);
	address_map_free(&processes->by_eprocess);
}

void processes_free(struct processes *processes)
{
	for (size_t i = 0; i < processes->count; i++)
		free(processes->items[i].name);
	free(processes->items);
	address_map_free(&processes->by_eprocess);
	*processes = (struct processes){0};
}
