/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The PEBs of a dumped process, through the TEBs of its threads. A process of WoW64 has two of
 * each: the 32-bit TEB lies 0x2000 bytes behind the other one (up to Windows 10 always; since then
 * TEB.WowTebOffset says so). Which of them a thread is listed by depends on the tool.
 *
 * Facts: NT_TIB.Self, TEB.ClientId, TEB.ProcessEnvironmentBlock, TEB.WowTebOffset, PEB.Ldr by the
 * public symbols of ntdll.dll.
 */
#include "discover/dump_parts.h"

#include <impscan/bytes.h>
#include <impscan/page_size.h>

#define GRANULARITY 0x10000

/* Between the two TEBs of a thread. */
#define TEB_DISTANCE 0x2000

/* Threads that are asked. */
#define THREADS_ASKED 1024

/* Offsets in a TEB and a PEB. */
struct teb_layout {
	unsigned int pointer_size;
	uint32_t self, client_id, peb;
	uint32_t image_base, ldr;
	uint32_t load_list; /* of PEB_LDR_DATA */
};

static const struct teb_layout teb64 = {8, 0x30, 0x40, 0x60, 0x10, 0x18, 0x10};
static const struct teb_layout teb32 = {4, 0x18, 0x20, 0x30, 8, 0xc, 0xc};

/* TEB.WowTebOffset of a 64-bit TEB. */
#define WOW_TEB_OFFSET 0x180c

/* The PEB that a TEB leads to; 0: there is no TEB, or it leads nowhere. */
static uint64_t peb_behind(struct space *space, const struct teb_layout *layout, uint64_t teb)
{
	const unsigned int size = layout->pointer_size;
	uint64_t self, peb, base;
	if (!teb || teb % PAGE_SIZE || (size == 4 && teb > UINT32_MAX) ||
	    !space_pointer(space, teb + layout->self, size, &self) || self != teb ||
	    !space_pointer(space, teb + layout->peb, size, &peb) || !peb || peb % PAGE_SIZE ||
	    !space_pointer(space, peb + layout->image_base, size, &base) || !base ||
	    base % GRANULARITY)
		return 0;
	return peb;
}

/* Does a PEB lead to lists of modules that are in the dump? */
static bool has_lists(struct space *space, const struct teb_layout *layout, uint64_t peb)
{
	uint64_t ldr, first;
	return space_pointer(space, peb + layout->ldr, layout->pointer_size, &ldr) && ldr &&
	       space_pointer(space, ldr + layout->load_list, layout->pointer_size, &first) && first;
}

/* The 32-bit TEB that belongs to a 64-bit one. */
static uint64_t other_teb(struct space *space, uint64_t teb)
{
	uint32_t offset;
	if (space_u32(space, teb + WOW_TEB_OFFSET, &offset) && offset && offset % PAGE_SIZE == 0 &&
	    offset < GRANULARITY)
		return teb + offset;
	return teb + TEB_DISTANCE;
}

/* Asks one thread; false when its TEB is not in the dump. */
static bool ask_thread(struct space *space, uint64_t teb, struct dump_pebs *pebs)
{
	uint64_t pid = 0;
	const struct teb_layout *layout = &teb64;
	pebs->peb64 = peb_behind(space, &teb64, teb);
	pebs->peb32 = peb_behind(space, &teb32, teb);
	if (pebs->peb64) {
		pebs->peb32 = peb_behind(space, &teb32, other_teb(space, teb));
	} else if (pebs->peb32) {
		layout = &teb32;
		if (teb >= TEB_DISTANCE)
			pebs->peb64 = peb_behind(space, &teb64, teb - TEB_DISTANCE);
	} else {
		return false;
	}
	pebs->ldr64 = pebs->peb64 && has_lists(space, &teb64, pebs->peb64);
	pebs->has_pid = space_pointer(space, teb + layout->client_id, layout->pointer_size, &pid) &&
			pid <= UINT32_MAX;
	pebs->pid = (uint32_t)pid;
	return true;
}

struct dump_pebs dump_pebs_find(const struct minidump *dump, struct space *space)
{
	struct dump_pebs pebs = {0};
	size_t count = min_of(dump->teb_count, (size_t)THREADS_ASKED);
	for (size_t i = 0; i < count; i++)
		if (ask_thread(space, dump->tebs[i], &pebs))
			break;
	return pebs;
}
