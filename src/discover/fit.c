/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How well a profile fits the machine. Updates of a build have moved members of EPROCESS and
 * ETHREAD, and System's PID and name alone don't show that. So facts that a wrong offset would
 * break are checked over several processes. What is not present in the image counts neither way.
 */
#include "discover/internal.h"

#include <stdlib.h>

#include <impscan/address_set.h>
#include <impscan/bytes.h>
#include <impscan/process.h>
#include <impscan/view.h>

#include "discover/entry_form.h"

/* So many processes are enough: each tests every member. */
#define FIT_PROCESSES 24

/* Pages whose entries are looked at, at most. */
#define FIT_ENTRIES 100000

/* Steps of judging a process. */
#define PROCESS_STEPS 200

struct fit {
	const struct windows *windows;
	struct budget *budget;
	struct space *kernel;
	const struct process *process;
	int score;
	struct entry_facts entries; /* of pages that are not valid */
};

static void judge(struct fit *fit, bool good)
{
	fit->score += good ? 1 : -1;
}

static uint64_t member_at(const struct fit *fit, enum profile_member member)
{
	return fit->process->eprocess + profile_offset(fit->windows->profile, member);
}

static bool read_pointer(const struct fit *fit, struct space *space, uint64_t address,
			 uint64_t *value)
{
	return space_pointer(space, address, fit->windows->pointer_size, value);
}

static bool is_kernel(const struct fit *fit, uint64_t address)
{
	return is_kernel_address(memory_paging(fit->windows->memory), address);
}

static void fit_times(struct fit *fit)
{
	const struct process *process = fit->process;
	if (!profile_has(fit->windows->profile, EPROCESS_CreateTime))
		return;
	judge(fit, process->create_time >= FILETIME_FIRST && process->create_time <= FILETIME_LAST);
	judge(fit, !process->exit_time || (process->exit_time >= process->create_time &&
					   process->exit_time <= FILETIME_LAST));
}

/* A LIST_ENTRY: both entries next to it must point back. Zero: the process is in no such list. */
static void fit_links(struct fit *fit, enum profile_member member, bool may_be_zero)
{
	uint64_t at = member_at(fit, member), flink, blink, back;
	unsigned int pointer = fit->windows->pointer_size;
	if (!profile_has(fit->windows->profile, member) ||
	    !read_pointer(fit, fit->kernel, at, &flink) ||
	    !read_pointer(fit, fit->kernel, at + pointer, &blink))
		return;
	if (!flink && !blink && may_be_zero)
		return;
	if (!is_kernel(fit, flink) || !is_kernel(fit, blink)) {
		judge(fit, false);
		return;
	}
	if (read_pointer(fit, fit->kernel, flink + pointer, &back))
		judge(fit, back == at);
	if (read_pointer(fit, fit->kernel, blink, &back))
		judge(fit, back == at);
}

/* The first thread of a list of the process: its Cid and its owner. */
static void fit_thread(struct fit *fit, uint64_t head, enum profile_member link)
{
	const struct profile *profile = fit->windows->profile;
	uint64_t flink, pid, owner;
	if (!profile_has(profile, link) || !profile_has(profile, ETHREAD_Cid) ||
	    !read_pointer(fit, fit->kernel, head, &flink) || flink == head)
		return;
	if (!is_kernel(fit, flink)) {
		judge(fit, false);
		return;
	}
	uint64_t thread = flink - profile_offset(profile, link);
	if (read_pointer(fit, fit->kernel, thread + profile_offset(profile, ETHREAD_Cid), &pid))
		judge(fit, pid == fit->process->pid);
	if (profile_has(profile, KTHREAD_Process) &&
	    read_pointer(fit, fit->kernel, thread + profile_offset(profile, KTHREAD_Process),
			 &owner))
		judge(fit, owner == fit->process->eprocess);
}

static void fit_threads(struct fit *fit)
{
	fit_links(fit, EPROCESS_ThreadListHead, true);
	fit_thread(fit, member_at(fit, EPROCESS_ThreadListHead), ETHREAD_ThreadListEntry);
	fit_thread(fit,
		   member_at(fit, EPROCESS_Pcb) +
			   profile_offset(fit->windows->profile, KPROCESS_ThreadListHead),
		   KTHREAD_ThreadListEntry);
}

static void fit_handles(struct fit *fit)
{
	uint64_t table, pid;
	if (!profile_has(fit->windows->profile, EPROCESS_ObjectTable) ||
	    !profile_has(fit->windows->profile, HANDLE_TABLE_UniqueProcessId) ||
	    !read_pointer(fit, fit->kernel, member_at(fit, EPROCESS_ObjectTable), &table) ||
	    (!table && fit->process->exit_time))
		return;
	if (!is_kernel(fit, table)) {
		judge(fit, false);
		return;
	}
	if (read_pointer(
		    fit, fit->kernel,
		    table + profile_offset(fit->windows->profile, HANDLE_TABLE_UniqueProcessId),
		    &pid))
		judge(fit, pid == fit->process->pid);
}

/* The end of user mode's addresses: of a page, or just before one. */
static void fit_highest_user_address(struct fit *fit)
{
	uint64_t address;
	if (!profile_has(fit->windows->profile, EPROCESS_HighestUserAddress) ||
	    !read_pointer(fit, fit->kernel, member_at(fit, EPROCESS_HighestUserAddress), &address))
		return;
	uint64_t low = address & (PAGE_SIZE - 1);
	judge(fit, address >= 0x7ff00000 && address < USER_END_X64 &&
			   (low == 0 || low == PAGE_SIZE - 1));
}

/* The PEB must agree with EPROCESS and with the build. */
static void fit_peb(struct fit *fit, struct space *space)
{
	const struct profile *profile = fit->windows->profile;
	uint64_t peb = fit->process->peb, image_base, ldr, entry, base;
	uint32_t build;
	if (read_pointer(fit, space, peb + profile_offset(profile, PEB_ImageBaseAddress),
			 &image_base))
		judge(fit, image_base == fit->process->section_base_address);
	if (fit->windows->build && profile_has(profile, PEB_OSBuildNumber) &&
	    space_u32(space, peb + profile_offset(profile, PEB_OSBuildNumber), &build))
		judge(fit, (build & 0xffff) == (fit->windows->build & 0xffff));
	if (!read_pointer(fit, space, peb + profile_offset(profile, PEB_Ldr), &ldr) || !ldr ||
	    !read_pointer(fit, space,
			  ldr + profile_offset(profile, PEB_LDR_DATA_InLoadOrderModuleList),
			  &entry) ||
	    !read_pointer(fit, space, entry + profile_offset(profile, LDR_DATA_TABLE_ENTRY_DllBase),
			  &base))
		return;
	judge(fit, base == fit->process->section_base_address);
}

/* The VADs must not overlap, and must have the PEB and the process's image. */
static void fit_vads(struct fit *fit, const struct vads *vads)
{
	const struct profile *profile = fit->windows->profile;
	uint32_t count;
	if (!vads->count)
		return;
	bool apart = true;
	for (size_t i = 1; i < vads->count; i++)
		apart &= vads->items[i - 1].end < vads->items[i].start;
	judge(fit, apart);
	judge(fit, vads_find(vads, fit->process->peb) != NULL);
	const struct vad *image = vads_find(vads, fit->process->section_base_address);
	judge(fit, image && image->start == fit->process->section_base_address &&
			   image->kind == VAD_IMAGE);
	judge(fit, image && image->file && image->file[0]);
	if (!vads->damage[0] && profile_has(profile, EPROCESS_VadCount) &&
	    space_u32(fit->kernel, member_at(fit, EPROCESS_VadCount), &count))
		judge(fit, count == vads->count);
}

static void fit_process(struct fit *fit)
{
	const struct process *process = fit->process;
	fit_times(fit);
	fit_links(fit, EPROCESS_ActiveProcessLinks, false);
	fit_links(fit, EPROCESS_MmProcessLinks, process->exit_time);
	fit_links(fit, EPROCESS_SessionProcessLinks, true);
	fit_threads(fit);
	fit_handles(fit);
	if (process->eprocess == fit->windows->system) {
		judge(fit, !process->peb);
		return;
	}
	if (process->exit_time || !process->peb) /* a minimal process, or one that has ended */
		return;
	fit_highest_user_address(fit);
	judge(fit, !(process->peb % PAGE_SIZE) &&
			   !is_kernel_address(memory_paging(fit->windows->memory), process->peb));
	_cleanup_view_ struct view view = {0};
	view_open(&view, fit->windows, process, fit->budget);
	fit_peb(fit, view.space);
	fit_vads(fit, &view.vads);
	for (size_t i = 0; i < view.vads.count; i++)
		entry_facts_add(&fit->entries, fit->windows->profile, fit->kernel, view.space,
				&view.vads.items[i], FIT_ENTRIES);
}

/* One fact for all entries together: there are so many that they would outvote all else. */
static void fit_entries(struct fit *fit)
{
	struct tally tally = entry_facts_judge(&fit->entries, fit->windows->profile);
	if (tally.good + tally.bad)
		judge(fit, tally.bad * 4 <= tally.good);
}

int profile_fit(const struct windows *windows, struct budget *budget)
{
	_cleanup_space_ struct space *kernel = windows_kernel_space(windows);
	_cleanup_address_set_ struct address_set seen = {0};
	uint64_t links = profile_offset(windows->profile, EPROCESS_ActiveProcessLinks);
	struct fit fit = {.windows = windows, .kernel = kernel, .budget = budget};
	uint64_t link = windows->system + links;
	while (address_set_count(&seen) < FIT_PROCESSES && budget_spend(budget, PROCESS_STEPS) &&
	       address_set_add(&seen, link)) {
		struct process process;
		/* The ring's head is a variable of the kernel. */
		if (link - windows->kernel_base >= windows->kernel_size) {
			if (!process_read(windows, kernel, link - links, &process))
				break;
			fit.process = &process;
			fit_process(&fit);
			free(process.name);
		}
		if (!space_pointer(kernel, link, windows->pointer_size, &link))
			break;
	}
	(void)budget_spend(budget, fit.entries.looked);
	fit_entries(&fit);
	free(fit.entries.items);
	return fit.score;
}
