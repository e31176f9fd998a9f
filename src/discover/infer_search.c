/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Compares models and places. A model's offset is not taken because the model has it: in most
 * processes the place must hold what the member holds, and no other place may do so better.
 */
#include "discover/infer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>

bool sample_value(const struct infer_process *sample, uint32_t offset, unsigned int size,
		  uint64_t *value)
{
	if (!range_within(offset, size, sample->size))
		return false;
	*value = size == 8 ? le64(sample->body + offset) : le32(sample->body + offset);
	return true;
}

void infer_begin_part(struct infer *infer, struct infer_part *part)
{
	part->whole = infer->candidate->budget;
	part->budget =
		(struct budget){.limit = part->whole ? budget_left(part->whole) / 4 : UINT64_MAX};
	infer->candidate->budget = &part->budget;
}

bool infer_end_part(struct infer *infer, struct infer_part *part)
{
	infer->candidate->budget = part->whole;
	(void)infer_spend(infer, min_of(part->budget.spent, part->budget.limit));
	return budget_exceeded(&part->budget);
}

bool infer_is_sample(const struct infer *infer, uint64_t eprocess)
{
	return address_set_has(&infer->eprocesses, eprocess);
}

void infer_set(struct infer *infer, enum profile_member member, uint32_t offset,
	       enum infer_state state)
{
	infer_set_bits(infer, member, offset, 0, 0, state);
}

void infer_set_bits(struct infer *infer, enum profile_member member, uint32_t offset, uint8_t bit,
		    uint8_t bits, enum infer_state state)
{
	infer->profile->field[member] =
		(struct profile_field){.present = true, .offset = offset, .bit = bit, .bits = bits};
	infer->state[member] = state;
	infer->looked_for[member] = true;
}

void infer_drop(struct infer *infer, const enum profile_member *members, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		infer->profile->field[members[i]] = (struct profile_field){0};
		infer->state[members[i]] = INFER_ABSENT;
		infer->looked_for[members[i]] = true;
	}
}

static bool same_field(const struct profile_field *a, const struct profile_field *b)
{
	return a->present == b->present && a->offset == b->offset && a->bit == b->bit &&
	       a->bits == b->bits;
}

bool infer_same(const struct profile *a, const struct profile *b,
		const enum profile_member *members, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!same_field(&a->field[members[i]], &b->field[members[i]]))
			return false;
	return true;
}

bool infer_is_new(const struct infer *infer, size_t i, const enum profile_member *members,
		  size_t count)
{
	for (size_t k = 0; k < i; k++)
		if (infer_same(infer->model[k], infer->model[i], members, count))
			return false;
	return true;
}

void infer_take(struct infer *infer, const struct profile *model,
		const enum profile_member *members, size_t count, enum infer_state state)
{
	for (size_t i = 0; i < count; i++) {
		infer->profile->field[members[i]] = model->field[members[i]];
		infer->state[members[i]] = model->field[members[i]].present ? state : INFER_ABSENT;
		infer->looked_for[members[i]] = true;
	}
}

bool infer_group(struct infer *infer, const enum profile_member *members, size_t count,
		 int (*test)(struct infer *infer))
{
	const struct profile *best = NULL;
	int best_score = 0;
	for (size_t i = 0; i < infer->model_count; i++) {
		if (!infer_is_new(infer, i, members, count))
			continue;
		infer_take(infer, infer->model[i], members, count, INFER_VERIFIED);
		int score = test(infer);
		if (score > best_score) {
			best = infer->model[i];
			best_score = score;
		}
	}
	infer_drop(infer, members, count);
	if (best)
		infer_take(infer, best, members, count, INFER_VERIFIED);
	return best;
}

/* Chooses among equally good places: the one that the nearest model has. */
static uint32_t prefer(const struct infer *infer, enum profile_member member,
		       const uint32_t *places, size_t count, enum infer_state *state)
{
	*state = INFER_VERIFIED;
	for (size_t n = 0; n < infer->model_count; n++)
		for (size_t i = 0; i < count; i++)
			if (profile_has(infer->model[n], member) &&
			    profile_offset(infer->model[n], member) == places[i])
				return places[i];
	*state = INFER_FOUND;
	/* Or at the same distance from UniqueProcessId as in a model: new members moved both. */
	uint32_t pid = profile_offset(infer->profile, EPROCESS_UniqueProcessId);
	for (size_t n = 0; n < infer->model_count; n++)
		for (size_t i = 0; i < count; i++)
			if (profile_has(infer->model[n], member) &&
			    places[i] - pid == profile_offset(infer->model[n], member) -
						       profile_offset(infer->model[n],
								      EPROCESS_UniqueProcessId))
				return places[i];
	return places[0];
}

static bool same_values(const struct infer *infer, uint32_t a, uint32_t b, unsigned int size)
{
	for (size_t i = 0; i < infer->sample_count; i++) {
		uint64_t x, y;
		if (sample_value(&infer->sample[i], a, size, &x) &&
		    sample_value(&infer->sample[i], b, size, &y) && x != y)
			return false;
	}
	return true;
}

bool infer_offset(struct infer *infer, enum profile_member member, uint32_t step, uint32_t first,
		  uint32_t last, infer_judge *judge, bool by_value)
{
	_cleanup_free_ uint32_t *places = NULL;
	size_t count = 0, capacity = 0;
	int best = 0;
	for (uint32_t offset = first; offset <= last; offset += step) {
		if (!infer_spend(infer, 1 + infer->sample_count / 4))
			break;
		struct tally tally = judge(infer, offset);
		int score = tally.good - 4 * tally.bad;
		if (!tally_passes(tally) || (count && score < best))
			continue;
		if (count && score > best)
			count = 0;
		best = score;
		*array_push(places, count, capacity) = offset;
	}
	infer->looked_for[member] = true;
	if (!count || budget_exceeded(infer->candidate->budget))
		return false;
	enum infer_state state;
	uint32_t place = prefer(infer, member, places, count, &state);
	infer_set(infer, member, place, state);
	for (size_t i = 0; by_value && i < count; i++) {
		if (same_values(infer, place, places[i], infer->candidate->pointer_size))
			continue;
		infer_doubt(infer, "%s.%s could be at 0x%x or 0x%x; 0x%x was taken",
			    profile_type_name(member), profile_member_name(member), place,
			    places[i], place);
		break;
	}
	return true;
}

static void add_line(struct text *text, const char *format, va_list arguments)
	__attribute__((format(printf, 2, 0)));

static void add_line(struct text *text, const char *format, va_list arguments)
{
	char line[512];
	vsnprintf(line, sizeof(line), format, arguments);
	text_add_format(text, "%s%s", text->length ? "\n" : "", line);
}

void infer_failed(struct infer *infer, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	add_line(&infer->tried, format, arguments);
	va_end(arguments);
}

void infer_doubt(struct infer *infer, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	add_line(&infer->doubt, format, arguments);
	va_end(arguments);
}
