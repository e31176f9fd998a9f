/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * System, the ring of processes, and the members of EPROCESS that the kernel's half of the memory
 * tells of.
 *
 * Facts: System has PID 4, the name "System" and an export that leads to it; ActiveProcessLinks
 * follows UniqueProcessId in every Windows; the ring is in the order of creation. DISPATCHER_HEADER
 * (Type 3, a wait list that points to itself) begins an EPROCESS.
 */
#include "discover/infer.h"

#include <stdlib.h>
#include <string.h>

#include <impscan/address_set.h>
#include <impscan/alloc.h>
#include <impscan/bytes.h>
#include <impscan/process.h>

#include "discover/internal.h"

/* More say nothing new; the rest of them is read by the finished profile. */
#define RING_LIMIT 1024

static bool is_kernel(const struct infer *infer, uint64_t address)
{
	return is_kernel_address(memory_paging(infer->candidate->memory), address) &&
	       address % infer->candidate->pointer_size == 0;
}

static bool in_kernel_image(const struct infer *infer, uint64_t address)
{
	return address - infer->candidate->kernel_base < infer->candidate->kernel_size;
}

/* A handle's value: a multiple of 4; no system has had PIDs of more than 24 bits. */
static bool is_pid(uint64_t value)
{
	return value && value % 4 == 0 && value < 1u << 24;
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
			if (!space_pointer(space, link - pointer, pointer, &pid) || !is_pid(pid))
				return count;
			if (links)
				links[count] = link;
			count++;
		}
		if (!space_pointer(space, link, pointer, &next) || !is_kernel(infer, next) ||
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
	for (size_t i = 0; i < infer->neighbour_count; i++)
		if (profile_offset(infer->neighbour[i], EPROCESS_UniqueProcessId) == place)
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
	struct sample *sample =
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
		const struct sample *sample = &infer->sample[i];
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
		const struct sample *sample = &infer->sample[i];
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

/* The ring is in the order of creation. */
static struct tally judge_create_time(struct infer *infer, uint32_t offset)
{
	struct tally tally = {0};
	uint64_t before = 0, value;
	for (size_t i = 0; i < infer->sample_count; i++) {
		if (!sample_value(&infer->sample[i], offset, 8, &value))
			continue;
		/* A clock that was set back puts one out of order, not those behind it. */
		tally_add(&tally,
			  value >= max_of(before, FILETIME_FIRST) && value <= FILETIME_LAST);
		before = value;
	}
	return tally;
}

/* A process that has ended has let go of its page map and PEB, and has a time later than its first. */
static struct tally judge_exit_time(struct infer *infer, uint32_t offset)
{
	struct tally tally = {0};
	uint64_t value;
	for (size_t i = 0; i < infer->sample_count; i++) {
		const struct sample *sample = &infer->sample[i];
		if (!sample_value(sample, offset, 8, &value) || (!value && !sample->peb))
			continue;
		if (sample->peb || sample->eprocess == infer->candidate->system)
			tally_add(&tally, !value);
		else if (value != sample->create_time)
			tally_add(&tally, value > sample->create_time && value <= FILETIME_LAST);
		else
			tally.bad++;
	}
	return tally;
}

static struct tally judge_parent(struct infer *infer, uint32_t offset)
{
	struct tally tally = {0};
	uint64_t value;
	for (size_t i = 0; i < infer->sample_count; i++) {
		const struct sample *sample = &infer->sample[i];
		if (!sample_value(sample, offset, infer->candidate->pointer_size, &value))
			continue;
		if (sample->eprocess == infer->candidate->system) {
			if (value)
				tally.bad += 4;
			continue;
		}
		if (!is_pid(value) || value == sample->pid) {
			tally.bad++;
			continue;
		}
		if (!infer_spend(infer, 1 + infer->sample_count / 64))
			return (struct tally){0};
		/* One that has ended says nothing, nor does its PID in new hands. */
		for (size_t k = 0; k < infer->sample_count; k++)
			if (infer->sample[k].pid == value &&
			    infer->sample[k].create_time <= sample->create_time)
				tally.good++;
	}
	return tally;
}

/* Links of a list that only processes are in: from one's member to another's. */
static struct tally judge_links(struct infer *infer, uint32_t offset)
{
	struct tally tally = {0};
	unsigned int pointer = infer->candidate->pointer_size;
	if (offset == profile_offset(infer->profile, EPROCESS_ActiveProcessLinks))
		return tally;
	for (size_t i = 0; i < infer->sample_count; i++) {
		const struct sample *sample = &infer->sample[i];
		uint64_t flink, blink, back, at = sample->eprocess + offset;
		if (!sample_value(sample, offset, pointer, &flink) ||
		    !sample_value(sample, offset + pointer, pointer, &blink) ||
		    (!flink && !blink) || flink == at)
			continue;
		bool good = is_kernel(infer, flink) && is_kernel(infer, blink);
		if (!infer_spend(infer, 2))
			return (struct tally){0};
		if (good && space_pointer(infer->kernel, flink + pointer, pointer, &back))
			good = back == at;
		if (good && space_pointer(infer->kernel, blink, pointer, &back))
			good = back == at;
		/* One neighbour at least is a process, the other may be the list's head. */
		tally_add(&tally, good && (infer_is_sample(infer, flink - offset) ||
					   infer_is_sample(infer, blink - offset)));
	}
	return tally;
}

/* The kernel's memory manager has all of them, System included. */
static struct tally judge_mm_links(struct infer *infer, uint32_t offset)
{
	struct tally tally = judge_links(infer, offset);
	bool all = (size_t)tally.good + 2 >= infer->sample_count;
	return all ? tally : (struct tally){0};
}

/* A session has no System, and its head is no process: all others, by sessions. */
static struct tally judge_session_links(struct infer *infer, uint32_t offset)
{
	uint64_t flink;
	if (!sample_value(&infer->sample[0], offset, infer->candidate->pointer_size, &flink) ||
	    (flink && flink != infer->sample[0].eprocess + offset))
		return (struct tally){0};
	return judge_links(infer, offset);
}

/* HANDLE_TABLE.UniqueProcessId, within the table at `offset` of each process. */
static struct tally judge_handle_table(struct infer *infer, uint32_t offset)
{
	struct tally tally = {0};
	unsigned int pointer = infer->candidate->pointer_size;
	uint32_t pid_at = profile_offset(infer->profile, HANDLE_TABLE_UniqueProcessId);
	for (size_t i = 0; i < infer->sample_count; i++) {
		uint64_t table, pid;
		if (!sample_value(&infer->sample[i], offset, pointer, &table) || !table)
			continue;
		if (!infer_spend(infer, 1))
			return (struct tally){0};
		if (!is_kernel(infer, table))
			tally.bad++;
		else if (space_pointer(infer->kernel, table + pid_at, pointer, &pid))
			tally_add(&tally, pid == infer->sample[i].pid);
	}
	return tally;
}

static int test_handle_table(struct infer *infer)
{
	unsigned int pointer = infer->candidate->pointer_size;
	struct tally best = {0};
	for (uint32_t offset = 0; offset < INFER_BODY; offset += pointer) {
		struct tally tally = judge_handle_table(infer, offset);
		if (tally_passes(tally) && tally.good > best.good)
			best = tally;
	}
	return best.good;
}

/* Steps of trying all pointers of the kernel's image as that to the table of PIDs, as it is found. */
static uint64_t cid_steps(const struct infer *infer)
{
	const struct candidate *candidate = infer->candidate;
	const unsigned int pointer = candidate->pointer_size;
	uint64_t steps = 0;
	for (uint64_t rva = 0; rva < candidate->kernel_size; rva += PAGE_SIZE) {
		struct page page;
		space_page(infer->kernel, candidate->kernel_base + rva, &page);
		steps++;
		for (size_t i = 0; page.data && page.writable && i < PAGE_SIZE; i += pointer)
			steps += 2 * is_kernel(infer, le_pointer(page.data + i, pointer));
	}
	return steps;
}

/* process_cid_found(), unless it would cost too much. */
static bool cid_found(struct infer *infer)
{
	if (!infer->cid_steps)
		infer->cid_steps = cid_steps(infer) + 1;
	const struct windows machine = candidate_machine(infer->candidate);
	return infer_spend(infer, infer->cid_steps) && process_cid_found(&machine, infer->kernel);
}

static int test_cid_table(struct infer *infer)
{
	return cid_found(infer) ? 1 : 0;
}

/* Where no neighbour's way to decode a handle's object leads to the processes: other shifts. */
static bool search_entries(struct infer *infer, const enum profile_member *members, size_t count)
{
	unsigned int pointer = infer->candidate->pointer_size;
	infer_set(infer, HANDLE_TABLE_ENTRY_size, pointer * 2, INFER_FOUND);
	for (uint32_t code = 0; code <= pointer * 4; code += pointer) {
		infer_set(infer, HANDLE_TABLE_TableCode, code, INFER_FOUND);
		unsigned int last = pointer == 8 ? 24 : 3;
		for (unsigned int bit = pointer == 8 ? 16 : 3; bit <= last; bit++) {
			infer_set_bits(infer, HANDLE_TABLE_ENTRY_ObjectPointerBits, 0, (uint8_t)bit,
				       (uint8_t)(pointer * 8 - bit), INFER_FOUND);
			if (cid_found(infer))
				return true;
		}
		infer_drop(infer, &(enum profile_member){HANDLE_TABLE_ENTRY_ObjectPointerBits}, 1);
		infer_set(infer, HANDLE_TABLE_ENTRY_Object, 0, INFER_FOUND);
		if (cid_found(infer))
			return true;
		infer_drop(infer, &(enum profile_member){HANDLE_TABLE_ENTRY_Object}, 1);
	}
	infer_drop(infer, members, count);
	return false;
}

static void infer_handles(struct infer *infer)
{
	static const enum profile_member table[] = {HANDLE_TABLE_UniqueProcessId};
	static const enum profile_member entries[] = {
		HANDLE_TABLE_TableCode, HANDLE_TABLE_ENTRY_size, HANDLE_TABLE_ENTRY_Object,
		HANDLE_TABLE_ENTRY_ObjectPointerBits};
	unsigned int pointer = infer->candidate->pointer_size;
	if (infer_group(infer, table, array_size(table), test_handle_table))
		infer_offset(infer, EPROCESS_ObjectTable, pointer, 0, INFER_BODY - pointer,
			     judge_handle_table, false);
	struct infer_part part;
	infer_begin_part(infer, &part);
	bool found = infer_group(infer, entries, array_size(entries), test_cid_table) ||
		     search_entries(infer, entries, array_size(entries));
	if (infer_end_part(infer, &part) && !found)
		infer_drop(infer, entries, array_size(entries));
	if (!found)
		infer_doubt(infer, "the table of PIDs (PspCidTable) was not understood: processes "
				   "that only it knows are not listed");
}

/* No EPROCESS is longer than the least distance between two: what lies behind is the next one's. */
static uint32_t least_distance(const struct infer *infer)
{
	uint64_t least = INFER_BODY;
	for (size_t i = 0; i < infer->sample_count; i++)
		for (size_t k = 0; k < infer->sample_count; k++) {
			uint64_t a = infer->sample[i].eprocess, b = infer->sample[k].eprocess;
			if (a < b)
				least = min_of(least, b - a);
		}
	return (uint32_t)least;
}

/*
 * Where no process of the ring has ended, ExitTime is 0 everywhere, as many members are: then it is
 * where other builds have it, which is told.
 */
static void infer_exit_time(struct infer *infer)
{
	uint32_t create = profile_offset(infer->profile, EPROCESS_CreateTime);
	struct tally best = {0};
	uint32_t place = 0, end = least_distance(infer) - 8;
	for (uint32_t offset = 0; offset < end; offset += 8) {
		struct tally tally = judge_exit_time(infer, offset);
		uint64_t value;
		bool ended = false;
		for (size_t i = 0; i < infer->sample_count; i++)
			ended |= !infer->sample[i].peb &&
				 sample_value(&infer->sample[i], offset, 8, &value) && value;
		if (offset != create && ended && !tally.bad && tally.good > best.good) {
			best = tally;
			place = offset;
		}
	}
	if (best.good) {
		infer_set(infer, EPROCESS_ExitTime, place, INFER_FOUND);
		return;
	}
	/* Behind CreateTime (to Windows 7), or as far behind MmProcessLinks as in other builds. */
	for (size_t i = 0; i < infer->neighbour_count; i++) {
		const struct profile *other = infer->neighbour[i];
		place = profile_offset(other, EPROCESS_ExitTime);
		enum profile_member anchor = place == profile_offset(other, EPROCESS_CreateTime) + 8
						     ? EPROCESS_CreateTime
						     : EPROCESS_MmProcessLinks;
		if (!profile_has(infer->profile, anchor) || !profile_has(other, anchor))
			continue;
		place += profile_offset(infer->profile, anchor) - profile_offset(other, anchor);
		if (place % 8 || place > INFER_BODY - 8 || judge_exit_time(infer, place).bad)
			continue;
		infer_set(infer, EPROCESS_ExitTime, place, INFER_ASSUMED);
		infer_doubt(infer,
			    "EPROCESS.ExitTime is assumed at 0x%x: no process of the list has "
			    "ended, so nothing shows it",
			    place);
		return;
	}
	infer_doubt(infer, "EPROCESS.ExitTime was not found (no process of the list has ended): a "
			   "process that has ended is not flagged as such");
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

void infer_process_details(struct infer *infer)
{
	unsigned int pointer = infer->candidate->pointer_size;
	uint32_t links = profile_offset(infer->profile, EPROCESS_ActiveProcessLinks);
	uint32_t name = profile_offset(infer->profile, EPROCESS_ImageFileName);
	if (infer_offset(infer, EPROCESS_CreateTime, 8, 0x40, INFER_BODY - 8, judge_create_time,
			 true)) {
		uint32_t create = profile_offset(infer->profile, EPROCESS_CreateTime);
		for (size_t i = 0; i < infer->sample_count; i++)
			sample_value(&infer->sample[i], create, 8, &infer->sample[i].create_time);
	} else {
		infer_doubt(infer, "EPROCESS.CreateTime was not found: processes that have ended "
				   "are not flagged as such");
	}
	if (!infer_offset(infer, EPROCESS_InheritedFromUniqueProcessId, pointer, 0x40,
			  INFER_BODY - 8, judge_parent, true))
		infer_doubt(infer, "EPROCESS.InheritedFromUniqueProcessId was not found: PIDs of "
				   "parents are shown as 0");
	if (!infer_offset(infer, EPROCESS_SessionProcessLinks, pointer, links + 2 * pointer,
			  name - 2 * pointer, judge_session_links, false))
		infer_doubt(infer, "EPROCESS.SessionProcessLinks was not found: processes that "
				   "only it knows are not listed");
	if (!infer_offset(infer, EPROCESS_MmProcessLinks, pointer, name + 16,
			  INFER_BODY - 2 * pointer, judge_mm_links, false) &&
	    profile_has(infer->neighbour[0], EPROCESS_MmProcessLinks))
		infer_doubt(infer, "EPROCESS.MmProcessLinks was not found: processes that only it "
				   "knows are not listed");
	if (profile_has(infer->profile, EPROCESS_CreateTime))
		infer_exit_time(infer);
	infer_handles(infer);
}
