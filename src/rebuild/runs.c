/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Looking for address tables: every aligned pointer of an area is compared with what the process's
 * modules export, and what lies close together is a run.
 *
 * A run goes on over a zero (it parts DLLs), over slots that lead to no export (hooks, shims, targets
 * that are paged out) and over delay-load slots not resolved yet, which lead into the module itself.
 * What is no pointer ends it. Whether a run is a table is decided by how many different exports it
 * has and how dense they are; the limits are in rebuild_internal.h.
 */
#include <stdlib.h>
#include <string.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>

#include "rebuild/rebuilding.h"

enum { OWN_GAP_MAX = 128, EDGE_MAX = 2, THUNK_SPAN = 16 };

bool rebuild_read(struct rebuilding *r, uint64_t address, void *buffer, size_t size)
{
	uint8_t *to = buffer;
	while (size) {
		size_t available;
		const uint8_t *p = r->memory->at(r->memory, address, &available);
		if (!p)
			return false;
		size_t n = min_of(size, available);
		memcpy(to, p, n);
		to += n;
		address += n;
		size -= n;
	}
	return true;
}

bool rebuild_slot(struct rebuilding *r, uint64_t address, uint64_t *value)
{
	uint64_t page = address / PAGE_SIZE + 1;
	size_t offset = (size_t)(address % PAGE_SIZE);
	if (page != r->page) {
		r->page = page;
		r->page_bytes = r->memory->at(r->memory, address - offset, &r->page_available);
	}
	if (r->page_bytes && offset + r->pointer_size <= r->page_available) {
		*value = le_pointer(r->page_bytes + offset, r->pointer_size);
		return true;
	}
	uint8_t bytes[8];
	if (!rebuild_read(r, address, bytes, r->pointer_size))
		return false;
	*value = le_pointer(bytes, r->pointer_size);
	return true;
}

static bool is_own(const struct rebuilding *r, uint64_t value)
{
	return r->area && value - r->area->base < r->area->size;
}

/* Could it be a pointer to code or data of a process or of the kernel? */
static bool is_pointer(const struct rebuilding *r, uint64_t value)
{
	if (r->pointer_size == 4)
		return value >= 0x10000;
	return (value >= 0x10000 && value < UINT64_C(1) << 47) || value >= UINT64_C(0xffff) << 48;
}

/* The first range of known slots that ends behind `address`. */
static size_t first_covered(const struct rebuild_scratch *s, uint64_t address)
{
	size_t low = 0, high = s->covered_count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (s->covered[middle].end <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool is_covered(const struct rebuild_scratch *s, uint64_t address)
{
	size_t at = first_covered(s, address);
	return at < s->covered_count && s->covered[at].start <= address;
}

static struct slot *push_slot(struct rebuilding *r, uint64_t address, uint64_t value)
{
	struct rebuild_scratch *s = r->scratch;
	struct slot *slot = array_push(s->slots, s->slot_count, s->slot_capacity);
	slot->address = address;
	slot->value = value;
	slot->null = !value;
	return slot;
}

/*
 * The slots between two hits, `from` to before `to`: added to the run when they may lie in a table.
 */
static bool bridge(struct rebuilding *r, uint64_t from, uint64_t to)
{
	struct rebuild_scratch *s = r->scratch;
	size_t before = s->slot_count;
	size_t nulls = 0, own = 0, others = 0;
	size_t gap = (size_t)min_of((to - from) / r->pointer_size, (uint64_t)OWN_GAP_MAX + 1);
	if (gap > OWN_GAP_MAX)
		return false;
	for (uint64_t a = from; a < to; a += r->pointer_size) {
		uint64_t value;
		bool mine = false;
		if (!rebuild_slot(r, a, &value) || is_covered(s, a) ||
		    (value && !is_pointer(r, value)))
			break;
		mine = is_own(r, value);
		nulls += !value;
		own += mine;
		others += value && !mine;
		push_slot(r, a, value)->own = mine;
	}
	if (nulls + own + others == gap && (gap <= GAP_MAX || (!others && nulls <= own + 2)))
		return true;
	s->slot_count = before;
	return false;
}

/* Adds the slot at `address` if it leads to an export through a jump; false when not. */
static bool push_hooked(struct rebuilding *r, uint64_t address)
{
	uint64_t value;
	if (address < r->start || address >= r->end || !rebuild_slot(r, address, &value) ||
	    is_covered(r->scratch, address) || !is_pointer(r, value))
		return false;
	uint64_t target = rebuild_target(r, value);
	if (!target || target == value)
		return false;
	struct slot *slot = push_slot(r, address, value);
	slot->target = target;
	slot->hooked = true;
	return true;
}

/* Ends a run. Hooked slots behind its last hit belong to it. */
static void close_run(struct rebuilding *r, struct run *run)
{
	struct rebuild_scratch *s = r->scratch;
	if (s->slot_count == run->first)
		return;
	uint64_t next = s->slots[s->slot_count - 1].address;
	for (int i = 0; s->slot_count - run->first >= 2 && i < EDGE_MAX; i++) {
		next += r->pointer_size;
		if (!push_hooked(r, next))
			break;
	}
	run->count = s->slot_count - run->first;
	*array_push(s->runs, s->run_count, s->run_capacity) = *run;
	*run = (struct run){.first = s->slot_count};
}

struct scan {
	struct run run;
	uint64_t last; /* address of the last hit; 0: none */
};

static void add_hit(struct rebuilding *r, struct scan *scan, uint64_t address, uint64_t value)
{
	struct rebuild_scratch *s = r->scratch;
	if (is_covered(s, address))
		return;
	if (s->slot_count >= SLOTS_MAX) {
		rebuild_too_many(r);
		return;
	}
	bool starts = !scan->last;
	if (scan->last && !bridge(r, scan->last + r->pointer_size, address)) {
		close_run(r, &scan->run);
		starts = true;
	}
	if (!rebuild_spend(r, STEPS_SLOT + (starts ? 2 * EDGE_MAX * STEPS_HOOK : 0)))
		return;
	for (unsigned int i = EDGE_MAX; starts && i > 0; i--)
		push_hooked(r, address - i * r->pointer_size);
	push_slot(r, address, value)->target = value;
	scan->last = address;
}

/*
 * A first look, without branches: may a pointer at any multiple of 4 bytes lead into the map's range?
 * Of 8 bytes the upper half tells. Compilers make vectors of it on every processor.
 */
static bool any_in_range(const struct rebuilding *r, const uint8_t *p, size_t slots)
{
	uint64_t low, high;
	export_map_range(r->map, &low, &high);
	if (low >= high || (r->pointer_size == 4 && low > UINT32_MAX))
		return false;
	unsigned int shift = r->pointer_size == 8 ? 32 : 0;
	uint32_t first = (uint32_t)(low >> shift);
	uint32_t span = (uint32_t)min_of((high - 1) >> shift, (uint64_t)UINT32_MAX) - first;
	unsigned int any = 0;
	for (size_t i = 0; i < slots * r->pointer_size / 4; i++)
		any |= le32(p + i * 4) - first <= span;
	return any;
}

/* Does a value lead out of the area, to where modules lie, from `low` to before `high`? */
static inline bool is_foreign(const struct rebuilding *r, uint64_t low, uint64_t high,
			      uint64_t value)
{
	return value - low < high - low && !is_own(r, value);
}

/* Slots in a row; true when any of them leads out of the area, into the map's range. */
static bool scan_slots(struct rebuilding *r, struct scan *scan, uint64_t address, const uint8_t *p,
		       size_t slots)
{
	uint64_t low, high;
	export_map_range(r->map, &low, &high);
	bool foreign = false;
	for (size_t i = 0; i < slots; i++) {
		uint64_t value = le_pointer(p + i * r->pointer_size, r->pointer_size);
		if (!is_foreign(r, low, high, value))
			continue;
		foreign = true;
		if (r->rebuilt->cut)
			break;
		if (export_map_hit(r->map, value))
			add_hit(r, scan, address + i * r->pointer_size, value);
	}
	return foreign;
}

/* Does any of these slots lead out of the area, into the map's range? */
static bool any_foreign(const struct rebuilding *r, const uint8_t *p, size_t slots)
{
	uint64_t low, high;
	export_map_range(r->map, &low, &high);
	for (size_t i = 0; i < slots; i++)
		if (is_foreign(r, low, high, le_pointer(p + i * r->pointer_size, r->pointer_size)))
			return true;
	return false;
}

/* Of `slots` slots from `address` on, the number of the first at or behind `to`. */
static size_t slot_number(const struct rebuilding *r, uint64_t address, uint64_t to, size_t slots)
{
	uint64_t bytes = to > address ? to - address : 0;
	uint64_t number = bytes / r->pointer_size + (bytes % r->pointer_size != 0);
	return (size_t)min_of(number, (uint64_t)slots);
}

/*
 * A page, or what of it lies in the area: `p` are its bytes from the first slot on. Slots that are
 * known already are passed over.
 */
static void scan_page(struct rebuilding *r, struct scan *scan, uint64_t address, const uint8_t *p,
		      size_t size)
{
	const struct rebuild_scratch *s = r->scratch;
	size_t slots = size / r->pointer_size, i = 0;
	bool any = false, foreign = false;
	for (size_t c = first_covered(s, address); i < slots; c++) {
		const struct range *known = c < s->covered_count ? &s->covered[c] : NULL;
		size_t end = known ? slot_number(r, address, known->start, slots) : slots;
		const uint8_t *from = p + i * r->pointer_size;
		if (end > i && any_in_range(r, from, end - i)) {
			any = true;
			if (!rebuild_spend(r, STEPS_COMPARE))
				return;
			foreign |=
				scan_slots(r, scan, address + i * r->pointer_size, from, end - i);
		}
		if (end == slots)
			break;
		foreign = true;
		i = slot_number(r, address, known->end, slots);
	}
	if (foreign || !r->memory->found_clean || size != PAGE_SIZE)
		return;
	/* Tables may be aligned to half a slot. */
	if (!any || r->pointer_size == 4 || !any_foreign(r, p + 4, slots - 1))
		r->memory->found_clean(r->memory, address);
}

/* The table that the header names, every slot of it. */
static void take_header_table(struct rebuilding *r)
{
	struct rebuild_scratch *s = r->scratch;
	struct run run = {.first = s->slot_count, .header = true};
	size_t hits = 0, others = 0;
	for (uint64_t a = r->iat_start; a < r->iat_end; a += r->pointer_size) {
		uint64_t value;
		if (!rebuild_spend(r, STEPS_SLOT))
			break;
		if (!rebuild_slot(r, a, &value) || is_covered(s, a))
			continue;
		if (s->slot_count >= SLOTS_MAX) {
			rebuild_too_many(r);
			break;
		}
		struct slot *slot = push_slot(r, a, value);
		slot->own = is_own(r, value);
		if (value && !slot->own && export_map_hit(r->map, value))
			slot->target = value;
		hits += slot->target != 0;
		others += value && !slot->own && !slot->target;
	}
	if (!hits || others > hits * 2) {
		s->slot_count = run.first;
		return;
	}
	run.count = s->slot_count - run.first;
	*array_push(s->runs, s->run_count, s->run_capacity) = run;
}

/* Does the code at `value` load the address of its own slot, as a delay-load thunk does? */
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

/* Drops a segment (between zeros) that is a delay-load table resolved in part, or not at all. */
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

static void judge_segments(struct rebuilding *r, const struct run *run)
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

/* Follows the jumps of slots that hold no export's address. */
static void follow_hooks(struct rebuilding *r, const struct run *run)
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
 * How many pointers stand in a row, from `address` on by `step`, that lead into a module but to none
 * of its exports, nor to its start as a handle does? At most `most`.
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
 * What stands right beside a run that no header vouches for. A program's table of its own functions
 * (V8 has one of some thousand) is far longer than what of it is exported; and compilers keep imports
 * in the registers that calls preserve, which stand below a return address on the stack. Returns how
 * many more slots there are that lead nowhere; SIZE_MAX: it is none.
 */
static size_t judge_surroundings(struct rebuilding *r, const struct run *run, size_t hits)
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

/* Is it a table? */
static bool judge(struct rebuilding *r, const struct run *run)
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
	/* two thirds lead somewhere, and most to different exports */
	return address_set_count(&s->distinct) >= least && hits * 3 >= filled * 2 &&
	       address_set_count(&s->distinct) * 2 >= hits;
}

/* A page that is looked at, or what of it lies in the area. */
struct look {
	uint64_t address;
	const uint8_t *bytes; /* NULL: there is no more */
	size_t size;
	uint64_t next; /* where to go on */
};

/* The first page from `address` on that is present and worth looking at, be it `again`. */
static struct look look_ahead(struct rebuilding *r, uint64_t address, bool again)
{
	const struct rebuild_memory *memory = r->memory;
	struct look look = {.next = address};
	while (!look.bytes) {
		look.address = look.next;
		if (!memory->next)
			look.address = rebuild_present(r, look.address, r->end);
		else if (look.address < r->end)
			look.address = memory->next(memory, look.address, r->end);
		if (look.address >= r->end)
			return (struct look){0};
		uint64_t here = PAGE_SIZE - look.address % PAGE_SIZE;
		look.next = look.address + min_of(here, r->end - look.address);
		size_t available = 0;
		look.bytes = memory->at(memory, look.address, &available);
		look.size = (size_t)min_of(look.next - look.address, (uint64_t)available);
		r->rebuilt->pages += !again;
		r->rebuilt->pages_found += !again && look.bytes;
		if (!look.bytes && memory->found_clean)
			memory->found_clean(memory, look.address);
	}
	return look;
}

/*
 * Looks at every pointer of the area whose address is `phase` more than a multiple of its size. The
 * pages lie anywhere in the image, so that the processor can't foresee which is the next.
 */
static void scan_area(struct rebuilding *r, unsigned int phase)
{
	struct rebuild_scratch *s = r->scratch;
	struct scan scan = {.run.first = s->slot_count};
	struct look look = look_ahead(r, r->start, phase);
	const uint64_t steps = r->area && r->area->counted ? 0 : STEPS_LOOK;
	while (look.bytes && !r->rebuilt->cut && rebuild_spend(r, steps)) {
		struct look ahead = look_ahead(r, look.next, phase);
		for (unsigned int line = 0; ahead.bytes && line < 4; line++)
			__builtin_prefetch(ahead.bytes + line * 64);
		uint64_t size = r->pointer_size;
		size_t lead = (size_t)((size + phase - look.address % size) % size);
		if (look.size > lead)
			scan_page(r, &scan, look.address + lead, look.bytes + lead,
				  look.size - lead);
		look = ahead;
	}
	close_run(r, &scan.run);
}

static void keep_tables(struct rebuilding *r)
{
	struct rebuild_scratch *s = r->scratch;
	size_t kept = 0;
	for (size_t i = 0; i < s->run_count; i++) {
		struct run run = s->runs[i];
		const struct slot *first = &s->slots[run.first];
		/* the scan sees the header's table a second time */
		if (!run.header && first->address >= r->iat_start && first->address < r->iat_end &&
		    s->runs[0].header)
			continue;
		if (run.count < CALLED_TABLE_MIN && !run.header)
			continue;
		/* delay-load thunks, what is called, strangers beside it */
		if (!rebuild_spend(r, run.count * 3 * STEPS_SLOT))
			break;
		follow_hooks(r, &run);
		judge_segments(r, &run);
		if (judge(r, &run))
			s->runs[kept++] = run;
	}
	s->run_count = kept;
}

void rebuild_find_runs(struct rebuilding *r)
{
	struct rebuild_scratch *s = r->scratch;
	s->slot_count = 0;
	s->run_count = 0;
	if (r->iat_start < r->iat_end)
		take_header_table(r);
	scan_area(r, 0);
	/*
	 * Code is asked only where the directory says nothing, since it costs more than all the rest,
	 * and in a module only when there is a slot that it could name.
	 */
	bool slots = s->slot_count > 1 ||
		     (s->slot_count && r->pe && rebuild_stands_alone(r, s->slots[0].address));
	if (r->area && !r->directory && (slots || !r->pe))
		rebuild_find_called(r);
	keep_tables(r);
	/* GNU ld aligns 64-bit tables to 4 bytes only. */
	if (s->run_count || r->pointer_size != 8 || !r->area || r->directory || r->rebuilt->cut)
		return;
	s->slot_count = 0;
	scan_area(r, 4);
	if (!slots && s->slot_count && r->pe)
		rebuild_find_called(r);
	keep_tables(r);
}
