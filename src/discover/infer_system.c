/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * System, the ring of processes, and the members of EPROCESS that all else is read by: PID, links,
 * page map, name.
 *
 * Facts: System has PID 4, the name "System" and an export that leads to it; ActiveProcessLinks
 * follows UniqueProcessId in every Windows. DISPATCHER_HEADER (Type 3, a wait list that points to
 * itself) begins an EPROCESS.
 */
#include "discover/infer.h"

#include <stdlib.h>
#include <string.h>

#include <impscan/address_set.h>
#include <impscan/alloc.h>
#include <impscan/bytes.h>

#include "discover/internal.h"

/* More say nothing new; the rest of them is read by the finished profile. */
#define RING_LIMIT 1024

static bool in_kernel_image(const struct infer *infer, uint64_t address)
{
	return address - infer->candidate->kernel_base < infer->candidate->kernel_size;
}

/* The processes of the ring through `link`, by their links; how many have a PID before it. */
static size_t walk_ring(const struct infer *infer, struct space *space, uint64_t link,
			uint64_t *links, size_t limit)
{
	unsigned int pointer = infer->candidate->pointer_size;
	_cleanup_address_set_ struct address_set seen = {0};
	size_t count = 0;
	while (count < limit && address_set_add(&seen, link)) {
		uint64_t next, back, pid;
		if (!in_kernel_image(infer, link)) {
			if (!space_pointer(space, link - pointer, pointer, &pid) ||
			    !infer_is_pid(pid))
				return count;
			if (links)
				links[count] = link;
			count++;
		}
		if (!space_pointer(space, link, pointer, &next) || !infer_is_pointer(infer, next) ||
		    !space_pointer(space, next + pointer, pointer, &back) || back != link)
			return count;
		link = next;
	}
	return count;
}

/* UniqueProcessId and ActiveProcessLinks, in the EPROCESS of System. */
static bool find_links(struct infer *infer, struct space *space, uint64_t system)
{
	unsigned int pointer = infer->candidate->pointer_size;
	size_t most = 1;
	uint32_t place = 0;
	for (uint32_t offset = pointer * 4; offset < INFER_BODY; offset += pointer) {
		uint64_t pid;
		if (!space_pointer(space, system + offset, pointer, &pid) || pid != 4)
			continue;
		size_t count = walk_ring(infer, space, system + offset + pointer, NULL, RING_LIMIT);
		if (!infer_spend(infer, 4 * (uint64_t)count))
			return false;
		if (count > most) {
			most = count;
			place = offset;
		}
	}
	if (!place)
		return false;
	enum infer_state state = INFER_FOUND;
	for (size_t i = 0; i < infer->model_count; i++)
		if (profile_offset(infer->model[i], EPROCESS_UniqueProcessId) == place)
			state = INFER_VERIFIED;
	infer_set(infer, EPROCESS_UniqueProcessId, place, state);
	infer_set(infer, EPROCESS_ActiveProcessLinks, place + pointer, state);
	return true;
}

/* Does a page map that a process claims hold this kernel, and the EPROCESS itself? */
static bool is_page_map(const struct infer *infer, struct space *space, uint64_t eprocess,
			uint64_t dtb)
{
	const struct candidate *candidate = infer->candidate;
	if (!dtb || !image_page(candidate->image, dtb & ~(PAGE_SIZE - 1)))
		return false;
	struct page ours, theirs;
	_cleanup_space_ struct space *own = space_new(candidate->memory, dtb);
	space_page(space, candidate->kernel_base, &ours);
	space_page(own, candidate->kernel_base, &theirs);
	if (!ours.data || ours.data != theirs.data)
		return false;
	space_page(space, eprocess, &ours);
	space_page(own, eprocess, &theirs);
	return ours.data && ours.data == theirs.data;
}

/* Without the export: the object that begins before the links that a list head leads to. */
static uint64_t behind_head(const struct infer *infer, struct space *space, uint64_t head)
{
	unsigned int pointer = infer->candidate->pointer_size;
	uint64_t link, pid, flink, blink;
	if (!head || !space_pointer(space, head, pointer, &link) ||
	    !space_pointer(space, link - pointer, pointer, &pid) || pid != 4)
		return 0;
	for (uint64_t at = link & ~UINT64_C(7); link - at < INFER_BODY; at -= 8) {
		uint8_t type;
		uint64_t list = at + 8;
		if (space_read(space, at, &type, 1) && type == 3 &&
		    space_pointer(space, list, pointer, &flink) && flink == list &&
		    space_pointer(space, list + pointer, pointer, &blink) && blink == list)
			return at;
	}
	return 0;
}

static bool find_system(struct infer *infer, struct space *space)
{
	struct candidate *candidate = infer->candidate;
	uint64_t system = system_export(candidate, space);
	if (system && find_links(infer, space, system)) {
		candidate->system = system;
		return true;
	}
	uint64_t heads[2];
	system_heads(candidate, space, heads);
	for (size_t i = 0; i < array_size(heads); i++) {
		system = behind_head(infer, space, heads[i]);
		if (system && find_links(infer, space, system)) {
			candidate->system = system;
			return true;
		}
	}
	infer_failed(infer, "System: no EPROCESS with PID 4 and a ring of processes behind the "
			    "export PsInitialSystemProcess, the header's or KDBG's list head");
	return false;
}

static void read_sample(struct infer *infer, struct space *space, uint64_t eprocess)
{
	struct infer_process *sample =
		array_push(infer->sample, infer->sample_count, infer->sample_capacity);
	address_set_add(&infer->eprocesses, eprocess);
	sample->eprocess = eprocess;
	sample->body = alloc_zero(INFER_BODY, 1);
	while (sample->size < INFER_BODY) {
		size_t available;
		const uint8_t *data = space_at(space, eprocess + sample->size, &available);
		if (!data)
			break;
		available = min_of(available, (size_t)INFER_BODY - sample->size);
		memcpy(sample->body + sample->size, data, available);
		sample->size += available;
	}
	uint64_t pid = 0;
	sample_value(sample, profile_offset(infer->profile, EPROCESS_UniqueProcessId),
		     infer->candidate->pointer_size, &pid);
	sample->pid = (uint32_t)pid;
}

static void read_samples(struct infer *infer, struct space *space)
{
	uint64_t offset = profile_offset(infer->profile, EPROCESS_ActiveProcessLinks);
	_cleanup_free_ uint64_t *links = alloc_zero(RING_LIMIT, sizeof(*links));
	size_t count =
		walk_ring(infer, space, infer->candidate->system + offset, links, RING_LIMIT);
	for (size_t i = 0; i < count; i++)
		read_sample(infer, space, links[i] - offset);
}

static struct tally judge_dtb(struct infer *infer, uint32_t offset)
{
	struct tally tally = {0};
	enum paging paging = memory_paging(infer->candidate->memory);
	for (size_t i = 0; i < min_of(infer->sample_count, (size_t)INFER_PROCESSES); i++) {
		const struct infer_process *sample = &infer->sample[i];
		uint64_t value;
		if (sample_value(sample, offset, infer->candidate->pointer_size, &value))
			tally_add(&tally, is_page_map(infer, infer->kernel, sample->eprocess,
						      page_map_address(paging, value)));
		if (!i && tally.bad)
			return tally; /* System's, of all, must be right */
	}
	return tally;
}

static struct tally judge_name(struct infer *infer, uint32_t offset)
{
	struct tally tally = {0};
	for (size_t i = 0; i < infer->sample_count; i++) {
		const struct infer_process *sample = &infer->sample[i];
		const uint8_t *name = sample->body + offset;
		if (!range_within(offset, 15, sample->size))
			continue;
		size_t length = strnlen((const char *)name, 15);
		bool good = length > 0;
		for (size_t k = 0; k < length; k++)
			good &= name[k] >= 0x20 && name[k] != 0x7f;
		if (sample->eprocess == infer->candidate->system)
			good = length == 6 && !memcmp(name, "System", 6);
		tally_add(&tally, good);
		if (sample->eprocess == infer->candidate->system && !good)
			return (struct tally){0};
	}
	return tally;
}

bool infer_processes(struct infer *infer, struct space *space)
{
	struct candidate *candidate = infer->candidate;
	unsigned int pointer = candidate->pointer_size;
	infer->kernel = space;
	if (!find_system(infer, space))
		return false;
	read_samples(infer, space);
	infer_set(infer, EPROCESS_Pcb, 0, INFER_VERIFIED); /* the EPROCESS is a dispatcher object */
	if (!infer_offset(infer, KPROCESS_DirectoryTableBase, pointer, pointer * 2, 0x100,
			  judge_dtb, false)) {
		infer_failed(infer,
			     "KPROCESS.DirectoryTableBase: no member of %zu processes is a "
			     "page map with this kernel",
			     infer->sample_count);
		return false;
	}
	if (!infer_offset(infer, EPROCESS_ImageFileName, 4, 0x40, INFER_BODY - 16, judge_name,
			  false)) {
		infer_failed(infer,
			     "EPROCESS.ImageFileName: no member of %zu processes is a "
			     "name, and System in PID 4",
			     infer->sample_count);
		return false;
	}
	uint32_t dtb = profile_offset(infer->profile, KPROCESS_DirectoryTableBase);
	for (size_t i = 0; i < infer->sample_count; i++) {
		uint64_t value = 0;
		sample_value(&infer->sample[i], dtb, pointer, &value);
		infer->sample[i].dtb = page_map_address(memory_paging(candidate->memory), value);
	}
	candidate->dtb = infer->sample[0].dtb;
	return true;
}
