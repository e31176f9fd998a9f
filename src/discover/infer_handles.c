/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Infers handle tables: HANDLE_TABLE by its UniqueProcessId, and how entries lead to objects by the
 * table of PIDs (PspCidTable).
 */
#include "discover/infer.h"

#include <impscan/bytes.h>

#include "discover/internal.h"

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
		if (!infer_is_pointer(infer, table))
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

/* Steps of cid_table_find(), when it does not find the table. */
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
			steps += 2 * infer_is_pointer(infer, le_pointer(page.data + i, pointer));
	}
	return steps;
}

/* Is the table of PIDs found? Not when the search would cost too much. */
static bool cid_found(struct infer *infer)
{
	if (!infer->cid_steps)
		infer->cid_steps = cid_steps(infer) + 1;
	const struct windows machine = candidate_machine(infer->candidate);
	return infer_spend(infer, infer->cid_steps) &&
	       cid_table_find(&machine, infer->kernel, NULL);
}

static int test_cid_table(struct infer *infer)
{
	return cid_found(infer) ? 1 : 0;
}

/* Where no model's decoding of entries leads to the processes, tries other shifts. */
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

void infer_handles(struct infer *infer)
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
