/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which runs are address tables. It is decided by how many different exports a run has, and how
 * many of its slots lead to one. The limits are in rebuilding.h.
 */
#include <impscan/bytes.h>

#include "rebuild/rebuilding.h"

enum { THUNK_SPAN = 16 }; /* bytes of code within which it loads the address of its slot */

/*
 * Does the code at `value` load the address of `slot`, as the code of a delay-load slot does that
 * is not resolved yet?
 */
static bool is_delay_thunk(struct rebuilding *r, uint64_t slot, uint64_t value)
{
	uint8_t code[THUNK_SPAN + 4];
	if (!rebuild_read(r, value, code, sizeof(code)))
		return false;
	for (unsigned int i = 0; i < THUNK_SPAN; i++) {
		uint64_t operand = le32(code + i);
		if (r->pointer_size == 8)
			operand = value + i + 4 + (uint64_t)(int64_t)(int32_t)le32(code + i);
		if (operand == slot)
			return true;
	}
	return false;
}

/* Drops the slots between two zeros if they are a delay-load table, not or partly resolved. */
static void judge_segment(struct rebuilding *r, struct slot *slots, size_t count)
{
	size_t own = 0;
	bool delay = false;
	for (size_t i = 0; i < count; i++) {
		if (!slots[i].own || slots[i].target)
			continue;
		own++;
		delay = delay || is_delay_thunk(r, slots[i].address, slots[i].value);
	}
	if (!delay && own * 2 <= count)
		return;
	for (size_t i = 0; i < count; i++)
		slots[i].dropped = true;
}

/* The same for all of a run. */
static void judge_segments(struct rebuilding *r, const struct slot_run *run)
{
	struct slot *slots = &r->scratch->slots[run->first];
	for (size_t i = 0; i < run->count;) {
		size_t end = i;
		while (end < run->count && !slots[end].null)
			end++;
		judge_segment(r, &slots[i], end - i);
		i = end + 1;
	}
}

/* Follows the jumps of slots that hold no export's address, and finds those that are hooked. */
static void follow_hooks(struct rebuilding *r, const struct slot_run *run)
{
	struct slot *slots = &r->scratch->slots[run->first];
	for (size_t i = 0; i < run->count; i++) {
		if (slots[i].null || slots[i].target)
			continue;
		if (!rebuild_spend(r, STEPS_HOOK))
			return;
		slots[i].target = rebuild_target(r, slots[i].value);
		slots[i].hooked = slots[i].target && slots[i].target != slots[i].value;
	}
}

/*
 * Returns how many pointers in a row, at most `most`, from `address` on by `step` bytes, lead into
 * a module but neither to an export nor to its base, as a module handle does.
 */
static size_t count_strangers(struct rebuilding *r, uint64_t address, uint64_t step, size_t most)
{
	size_t count = 0;
	uint64_t value;
	while (count < most && rebuild_slot(r, address, &value)) {
		const struct export_module *module = export_map_module_at(r->map, value);
		if (!module || module->base == value || rebuild_target(r, value))
			break;
		count++;
		address += step;
	}
	return count;
}

/*
 * Looks at the slots right beside a run that has no headers to support it. There are two things
 * that look like tables. A program's table of its own functions (V8 has one of some thousand) is
 * far longer than the exports among them. And compilers keep imports in registers that calls
 * preserve, which are saved on the stack below a return address. Returns how many more slots the
 * table would have that lead to no export; SIZE_MAX: it is no table.
 */
static size_t judge_surroundings(struct rebuilding *r, const struct slot_run *run, size_t hits)
{
	const struct rebuild_scratch *s = r->scratch;
	const uint64_t size = r->pointer_size;
	uint64_t first = s->slots[run->first].address;
	uint64_t last = s->slots[run->first + run->count - 1].address;
	size_t behind = count_strangers(r, last + size, size, hits);
	if (behind && address_set_count(&s->distinct) <= SAVED_REGISTERS)
		return SIZE_MAX;
	return behind + count_strangers(r, first - size, -size, hits);
}

/* Is a run a table? */
static bool judge(struct rebuilding *r, const struct slot_run *run)
{
	struct rebuild_scratch *s = r->scratch;
	const struct slot *slots = &s->slots[run->first];
	size_t filled = 0, hits = 0, called = 0;
	address_set_free(&s->distinct);
	for (size_t i = 0; i < run->count; i++) {
		if (slots[i].null || slots[i].dropped)
			continue;
		filled++;
		hits += slots[i].target != 0;
		if (slots[i].target)
			address_set_add(&s->distinct, slots[i].target);
		called += rebuild_is_called(r, slots[i].address);
	}
	if (run->header)
		return hits > 0;
	bool bare = !r->area || !r->area->pe;
	size_t least = bare ? PRIVATE_TABLE_MIN : r->imports ? MODULE_OTHER_MIN : MODULE_TABLE_MIN;
	if (called && !r->imports) {
		least = CALLED_TABLE_MIN;
	} else if (bare && address_set_count(&s->distinct) >= least) {
		size_t more = judge_surroundings(r, run, hits);
		if (more == SIZE_MAX)
			return false;
		filled += more;
	}
	/* two thirds lead to an export, and most of those to different ones */
	return address_set_count(&s->distinct) >= least && hits * 3 >= filled * 2 &&
	       address_set_count(&s->distinct) * 2 >= hits;
}

/* Keeps the runs that are tables. */
static void keep_tables(struct rebuilding *r)
{
	struct rebuild_scratch *s = r->scratch;
	size_t kept = 0;
	for (size_t i = 0; i < s->run_count; i++) {
		struct slot_run run = s->runs[i];
		const struct slot *first = &s->slots[run.first];
		/* the search has found the header's table a second time */
		if (!run.header && first->address >= r->iat_start && first->address < r->iat_end &&
		    s->runs[0].header)
			continue;
		if (run.count < CALLED_TABLE_MIN && !run.header)
			continue;
		/* for delay-load code, for slots that code uses, for those beside it */
		if (!rebuild_spend(r, run.count * 3 * STEPS_SLOT))
			break;
		follow_hooks(r, &run);
		judge_segments(r, &run);
		if (judge(r, &run))
			s->runs[kept++] = run;
	}
	s->run_count = kept;
}

void rebuild_find_tables(struct rebuilding *r)
{
	struct rebuild_scratch *s = r->scratch;
	rebuild_read_headers(r);
	rebuild_sort_known(s);
	s->slot_count = 0;
	s->run_count = 0;
	if (r->iat_start < r->iat_end)
		rebuild_take_header_table(r);
	rebuild_find_runs(r, 0);
	/*
	 * Code is searched only where the directory has nothing, since that takes longer than all
	 * the rest, and in a module only when there is a slot that it could use.
	 */
	bool slots = s->slot_count > 1 ||
		     (s->slot_count && r->pe && rebuild_stands_alone(r, s->slots[0].address));
	if (r->area && !r->area->data && !r->directory && (slots || !r->pe))
		rebuild_find_called(r);
	keep_tables(r);
	/* GNU ld aligns 64-bit tables to 4 bytes only. */
	if (s->run_count || r->pointer_size != 8 || !r->area || r->directory || r->rebuilt->cut)
		return;
	s->slot_count = 0;
	rebuild_find_runs(r, 4);
	if (!slots && s->slot_count && r->pe)
		rebuild_find_called(r);
	keep_tables(r);
}
