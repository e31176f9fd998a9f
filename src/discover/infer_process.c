/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Infers members of EPROCESS by the kernel's memory: times, parent, lists.
 *
 * Fact: the ring is in the order of creation.
 */
#include "discover/infer.h"

#include <impscan/bytes.h>

#include "discover/internal.h"

/* CreateTime: the ring is in the order of creation. */
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

/*
 * A process that has ended has let go of its page map and PEB, and has a time later than its first.
 */
static struct tally judge_exit_time(struct infer *infer, uint32_t offset)
{
	struct tally tally = {0};
	uint64_t value;
	for (size_t i = 0; i < infer->sample_count; i++) {
		const struct infer_process *sample = &infer->sample[i];
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
		const struct infer_process *sample = &infer->sample[i];
		if (!sample_value(sample, offset, infer->candidate->pointer_size, &value))
			continue;
		if (sample->eprocess == infer->candidate->system) {
			if (value)
				tally.bad += 4;
			continue;
		}
		if (!infer_is_pid(value) || value == sample->pid) {
			tally.bad++;
			continue;
		}
		if (!infer_spend(infer, 1 + infer->sample_count / 64))
			return (struct tally){0};
		/*
		 * A parent that has ended counts neither way, nor does a new process with its PID.
		 */
		for (size_t k = 0; k < infer->sample_count; k++)
			if (infer->sample[k].pid == value &&
			    infer->sample[k].create_time <= sample->create_time)
				tally.good++;
	}
	return tally;
}

/* A LIST_ENTRY that leads from the member of a process to that of another. */
static struct tally judge_links(struct infer *infer, uint32_t offset)
{
	struct tally tally = {0};
	unsigned int pointer = infer->candidate->pointer_size;
	if (offset == profile_offset(infer->profile, EPROCESS_ActiveProcessLinks))
		return tally;
	for (size_t i = 0; i < infer->sample_count; i++) {
		const struct infer_process *sample = &infer->sample[i];
		uint64_t flink, blink, back, at = sample->eprocess + offset;
		if (!sample_value(sample, offset, pointer, &flink) ||
		    !sample_value(sample, offset + pointer, pointer, &blink) ||
		    (!flink && !blink) || flink == at)
			continue;
		bool good = infer_is_pointer(infer, flink) && infer_is_pointer(infer, blink);
		if (!infer_spend(infer, 2))
			return (struct tally){0};
		if (good && space_pointer(infer->kernel, flink + pointer, pointer, &back))
			good = back == at;
		if (good && space_pointer(infer->kernel, blink, pointer, &back))
			good = back == at;
		/* One model at least is a process, the other may be the list's head. */
		tally_add(&tally, good && (infer_is_sample(infer, flink - offset) ||
					   infer_is_sample(infer, blink - offset)));
	}
	return tally;
}

/* MmProcessLinks: all processes are in the list, System included. */
static struct tally judge_mm_links(struct infer *infer, uint32_t offset)
{
	struct tally tally = judge_links(infer, offset);
	bool all = (size_t)tally.good + 2 >= infer->sample_count;
	return all ? tally : (struct tally){0};
}

/* SessionProcessLinks: each session has a list, and System is in none. */
static struct tally judge_session_links(struct infer *infer, uint32_t offset)
{
	uint64_t flink;
	if (!sample_value(&infer->sample[0], offset, infer->candidate->pointer_size, &flink) ||
	    (flink && flink != infer->sample[0].eprocess + offset))
		return (struct tally){0};
	return judge_links(infer, offset);
}

/* No EPROCESS is longer than the least distance between two. */
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
	for (size_t i = 0; i < infer->model_count; i++) {
		const struct profile *other = infer->model[i];
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
	    profile_has(infer->model[0], EPROCESS_MmProcessLinks))
		infer_doubt(infer, "EPROCESS.MmProcessLinks was not found: processes that only it "
				   "knows are not listed");
	if (profile_has(infer->profile, EPROCESS_CreateTime))
		infer_exit_time(infer);
	infer_handles(infer);
}
