/*
 * Processes: the ring of EPROCESS.ActiveProcessLinks.
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

#define IMAGE_FILE_NAME_SIZE 15 /* UCHAR ImageFileName[15] (16 before Vista; the last is NUL) */

/* CR3's low 12 bits are flags and the PCID; bits 52-63 are never part of the address. */
#define DTB_ADDRESS UINT64_C(0x000ffffffffff000)

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
	process->dtb &= DTB_ADDRESS;

	/* The rest may lie on the next page; what is not present stays 0. */
	if (space_pointer(kernel,
			  eprocess + profile_offset(profile, EPROCESS_InheritedFromUniqueProcessId),
			  pointer, &ppid) &&
	    ppid <= UINT32_MAX)
		process->ppid = (uint32_t)ppid;
	(void)space_pointer(kernel, eprocess + profile_offset(profile, EPROCESS_Peb), pointer,
			    &process->peb);
	(void)space_pointer(kernel, eprocess + profile_offset(profile, EPROCESS_SectionBaseAddress),
			    pointer, &process->section_base_address);
	(void)space_u64(kernel, eprocess + profile_offset(profile, EPROCESS_CreateTime),
			&process->create_time);
	(void)space_u64(kernel, eprocess + profile_offset(profile, EPROCESS_ExitTime),
			&process->exit_time);
	process->name = text_from_latin1(name, sizeof(name));
	return true;
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
		if (!space_pointer(kernel, link + (forward ? 0 : windows->pointer_size),
				   windows->pointer_size, &next)) {
			snprintf(processes->damage, sizeof(processes->damage),
				 "ActiveProcessLinks at 0x%llx not present",
				 (unsigned long long)link);
			return false;
		}
		if (next == first)
			return true;
		link = next;
		if (!address_set_add(seen, link)) {
			snprintf(processes->damage, sizeof(processes->damage),
				 "ActiveProcessLinks runs in a circle at 0x%llx",
				 (unsigned long long)link);
			return false;
		}
		if (seen->count > LIMIT_PROCESSES) {
			snprintf(processes->damage, sizeof(processes->damage),
				 "ActiveProcessLinks has more than %d entries", LIMIT_PROCESSES);
			return false;
		}
		/* The ring's head is a variable of the kernel, not a process. */
		if (link - windows->kernel_base < windows->kernel_size) {
			processes->ps_active_process_head = link;
			continue;
		}
		struct process process;
		if (!process_read(windows, kernel, link - links, &process)) {
			snprintf(processes->damage, sizeof(processes->damage),
				 "ActiveProcessLinks leads to 0x%llx, which is no process",
				 (unsigned long long)link);
			return false;
		}
		*array_push(processes->items, processes->count, processes->capacity) = process;
	}
}

void windows_processes(const struct windows *windows, struct processes *processes)
{
	_cleanup_space_ struct space *kernel = windows_kernel_space(windows);
	_cleanup_address_set_ struct address_set seen = {0};
	struct process system;

	*processes = (struct processes){0};
	if (!process_read(windows, kernel, windows->system, &system))
		return; /* windows_open() has read it */
	*array_push(processes->items, processes->count, processes->capacity) = system;
	if (!follow_ring(windows, kernel, true, &seen, processes)) {
		/* What lies behind the break is reached from the other end, last one first. */
		size_t from = processes->count;
		char damage[sizeof(processes->damage)];
		strcpy(damage, processes->damage);
		follow_ring(windows, kernel, false, &seen, processes);
		strcpy(processes->damage, damage);
		for (size_t i = from, j = processes->count; i + 1 < j; i++) {
			struct process swap = processes->items[i];
			processes->items[i] = processes->items[--j];
			processes->items[j] = swap;
		}
	}
}

void processes_free(struct processes *processes)
{
	for (size_t i = 0; i < processes->count; i++)
		free(processes->items[i].name);
	free(processes->items);
	*processes = (struct processes){0};
}
