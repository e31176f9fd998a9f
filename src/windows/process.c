/* SPDX-License-Identifier: GPL-3.0-or-later */
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

/* PIDs are handles, four apart, and no table has more than 2^24 of them. */
#define PID_END (UINT32_C(4) << 24)

/*
 * Is it a process beyond doubt? ActiveProcessLinks is believed; where other ways lead must look
 * like one: a page map that the image holds (an exited process may have lost it), a name.
 */
static bool is_plausible(const struct windows *windows, const struct process *process)
{
	if (!process->pid || process->pid >= PID_END || !process->name[0])
		return false;
	for (const char *s = process->name; *s; s++)
		if ((unsigned char)*s < 0x20)
			return false;
	if (process->exit_time)
		return process->create_time && process->exit_time >= process->create_time;
	return process->dtb && image_page(windows->image, process->dtb & ~(PAGE_SIZE - 1));
}

/* Processes that one source may add: a living one needs a page for its page map alone. */
static size_t most_processes(const struct windows *windows)
{
	uint64_t pages = image_present_pages(windows->image);
	return pages < LEAST_PROCESSES	 ? LEAST_PROCESSES
	       : pages > LIMIT_PROCESSES ? LIMIT_PROCESSES
					 : (size_t)pages;
}

void process_search_init(struct process_search *search, const struct windows *windows,
			 struct space *kernel, struct processes *processes)
{
	*search = (struct process_search){
		.windows = windows,
		.kernel = kernel,
		.processes = processes,
		.share = windows_work(windows) / SEARCH_SHARES,
		.most = most_processes(windows),
	};
}

void process_search_free(struct process_search *search)
{
	address_map_free(&search->by_address);
}

void process_search_begin(struct process_search *search, enum process_source source)
{
	search->source = source;
	search->budget = (struct budget){.limit = search->share};
	search->room = search->most;
	search->stopped = false;
}

void process_search_stop(struct process_search *search)
{
	search->stopped = true;
	search->cut |= search->source;
}

bool process_search_spend(struct process_search *search, uint64_t steps)
{
	if (!budget_spend(&search->budget, steps))
		process_search_stop(search);
	return !search->stopped;
}

bool processes_add(struct process_search *search, uint64_t eprocess)
{
	struct processes *processes = search->processes;
	struct process process;
	uint64_t known;
	if (address_map_get(&search->by_address, eprocess, &known)) {
		processes->items[known].sources |= search->source;
		return true;
	}
	if (!process_search_spend(search, PROCESS_READ_STEPS) ||
	    !process_read(search->windows, search->kernel, eprocess, &process))
		return false;
	bool wanted = search->source == SOURCE_ACTIVE || is_plausible(search->windows, &process);
	if (wanted && !search->room)
		process_search_stop(search);
	if (!wanted || search->stopped) {
		free(process.name);
		return false;
	}
	search->room--;
	process.sources = search->source;
	address_map_add(&search->by_address, eprocess, processes->count);
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

/*
 * Follows one direction from System; returns true when it came back to where it began. One direction
 * may add no more than its share, so that what lies behind a chain without end is reached from the
 * other side.
 */
static bool follow_ring(struct process_search *search, bool forward, struct address_set *seen)
{
	const struct windows *windows = search->windows;
	struct processes *processes = search->processes;
	uint64_t links = profile_offset(windows->profile, EPROCESS_ActiveProcessLinks);
	uint64_t first = windows->system + links;
	uint64_t link = first;
	process_search_begin(search, SOURCE_ACTIVE);
	while (process_search_spend(search, 2)) {
		uint64_t next;
		if (!space_pointer(search->kernel, link + (forward ? 0 : windows->pointer_size),
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
		if (address_set_count(seen) > LIMIT_LINKS)
			process_search_stop(search);
		/* The ring's head is a variable of the kernel, not a process. */
		if (link - windows->kernel_base < windows->kernel_size) {
			processes->ps_active_process_head = link;
			continue;
		}
		if (!processes_add(search, link - links) && !search->stopped) {
			note_damage(processes,
				    "ActiveProcessLinks leads to 0x%llx, which is no process",
				    link);
			return false;
		}
	}
	note_damage(processes, "ActiveProcessLinks has too many entries at 0x%llx", link);
	return false;
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

static void walk_ring(struct process_search *search)
{
	_cleanup_address_set_ struct address_set seen = {0};
	struct processes *processes = search->processes;
	process_search_begin(search, SOURCE_ACTIVE);
	processes_add(search, search->windows->system);
	if (follow_ring(search, true, &seen))
		return;
	/* What lies behind the break is reached from the other end, last one first. */
	size_t from = processes->count;
	follow_ring(search, false, &seen);
	if (processes->count > from)
		reverse(processes->items + from, processes->count - from);
	address_map_free(&search->by_address);
	for (size_t i = 0; i < processes->count; i++)
		address_map_add(&search->by_address, processes->items[i].eprocess, i);
}

/* Do the neighbours in ActiveProcessLinks both lead back to the process? */
static bool is_linked(const struct process_search *search, uint64_t eprocess)
{
	unsigned int pointer = search->windows->pointer_size;
	uint64_t link =
		eprocess + profile_offset(search->windows->profile, EPROCESS_ActiveProcessLinks);
	uint64_t next, back, from_next, from_back;
	return space_pointer(search->kernel, link, pointer, &next) && next != link &&
	       space_pointer(search->kernel, link + pointer, pointer, &back) &&
	       space_pointer(search->kernel, next + pointer, pointer, &from_next) &&
	       from_next == link && space_pointer(search->kernel, back, pointer, &from_back) &&
	       from_back == link;
}

/*
 * Where the ring was not followed to its end, a process that another source knows may well be in
 * it: what its neighbours lead to was not taken out.
 */
static void settle_active(struct process_search *search)
{
	if (!(search->cut & SOURCE_ACTIVE))
		return;
	for (size_t i = 0; i < search->processes->count; i++) {
		struct process *process = &search->processes->items[i];
		if (!(process->sources & SOURCE_ACTIVE) && is_linked(search, process->eprocess))
			process->sources |= SOURCE_ACTIVE;
	}
}

/* Tells which sources were not asked to their end, behind what was wrong with the ring. */
static void tell_cut(const struct process_search *search)
{
	char *damage = search->processes->damage;
	size_t size = sizeof(search->processes->damage), length = strlen(damage);
	const char *before =
		length ? "; the search for processes was cut off, it costs too much work: "
		       : "the search for processes was cut off, it costs too much work: ";
	for (unsigned int i = 0; i < PROCESS_SOURCE_COUNT; i++) {
		if (!(search->cut >> i & 1) || length >= size)
			continue;
		length += (size_t)snprintf(damage + length, size - length, "%s%s", before,
					   process_source_names[i]);
		before = ", ";
	}
}

void process_ring(const struct windows *windows, struct space *kernel, struct processes *processes)
{
	_cleanup_process_search_ struct process_search search;
	*processes = (struct processes){0};
	process_search_init(&search, windows, kernel, processes);
	walk_ring(&search);
	tell_cut(&search);
}

void windows_processes(const struct windows *windows, bool deep, unsigned int threads,
		       struct processes *processes)
{
	_cleanup_space_ struct space *kernel = windows_kernel_space(windows);
	_cleanup_process_search_ struct process_search search;
	*processes = (struct processes){0};
	process_search_init(&search, windows, kernel, processes);
	walk_ring(&search);
	size_t active = processes->count;
	process_sources(&search);
	process_headers_learn(&search);
	process_sweep_near(&search);
	if (deep)
		process_sweep(&search, threads);
	settle_active(&search);
	tell_cut(&search);
	if (processes->count > active)
		qsort(processes->items + active, processes->count - active,
		      sizeof(*processes->items), compare_pids);
}

void processes_free(struct processes *processes)
{
	for (size_t i = 0; i < processes->count; i++)
		free(processes->items[i].name);
	free(processes->items);
	*processes = (struct processes){0};
}
