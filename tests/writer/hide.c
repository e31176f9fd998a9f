/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Processes that hide or are gone: taken out of the kernel's lists, or exited with the object still
 * referenced. See guest.h.
 *
 * Facts: a process that has exited keeps its EPROCESS, on ActiveProcessLinks, until the last
 * reference goes; its address space, handles and ranges are gone before ("Windows Internals", 7th
 * edition, part 1, chapter 3).
 */
#include <writer/guest.h>

/* Takes an entry out of its list; it points to itself afterwards, so that exiting does no harm. */
static void unlink_entry(struct guest *guest, uint64_t entry)
{
	struct paging *space = guest->kernel;
	const unsigned int pointer = paging_arch_of(space)->pointer_size;
	uint64_t next = paging_get_pointer(space, entry);
	uint64_t previous = paging_get_pointer(space, entry + pointer);
	paging_put_pointer(space, previous, next);
	paging_put_pointer(space, next + pointer, previous);
	guest_list_init(space, entry);
}

static void unlink_member(struct guest_process *process, const char *member)
{
	struct guest *guest = process->guest;
	if (layout_has(guest->layout, "_EPROCESS", member))
		unlink_entry(guest,
			     process->eprocess + offset_of(guest->layout, "_EPROCESS", member));
}

void guest_hide(struct guest_process *process, bool everywhere)
{
	process->hidden = true;
	unlink_member(process, "ActiveProcessLinks");
	process->damage = everywhere ? "unlinked-everywhere" : "dkom";
	if (!everywhere)
		return;
	unlink_member(process, "MmProcessLinks");
	unlink_member(process, "SessionProcessLinks");
	guest_handle_set(process->guest, process->guest->cid_table, process->pid, 0);
	guest_handle_set(process->guest, process->guest->cid_table, process->tid, 0);
}

void guest_exit(struct guest_process *process)
{
	struct guest *guest = process->guest;
	struct paging *space = guest->kernel;
	uint64_t e = process->eprocess;
	process->exited = true;
	process->damage = "exited";
	unlink_member(process, "MmProcessLinks");
	guest_put(guest, space, e, "_EPROCESS", "ExitTime",
		  process->create_time + UINT64_C(600000000), 8);
	guest_put_if(guest, space, e, "_EPROCESS", "ExitStatus", 0, 4);
	guest_put_if(guest, space, e, "_EPROCESS", "ActiveThreads", 0, 4);
	guest_put_pointer(guest, space, e, "_EPROCESS", "ObjectTable", 0);
	guest_put_pointer(guest, space, e, "_EPROCESS", "Peb", 0);
	guest_put_pointer(guest, space, e, "_EPROCESS", "SectionBaseAddress", 0);
	guest_list_init(space, e + offset_of(guest->layout, "_EPROCESS", "ThreadListHead"));
	guest_list_init(space, e + offset_of(guest->layout, "_KPROCESS", "ThreadListHead"));
	paging_clear_user(process->space);
	process->peb = 0;
	process->program = NULL;
	while (process->module_count)
		guest_module_free(process->modules[--process->module_count]);
	while (process->vad_count)
		free(process->vads[--process->vad_count]);
}
