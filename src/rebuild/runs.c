/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Searches an area for runs: every aligned pointer is compared with what the process's modules
 * export, and slots that lie close together make a run. Which runs are tables: tables.c.
 *
 * A run goes on over zeros (they part DLLs), over slots that lead to no export (hooks, shims,
 * targets that are paged out), and over own pointers (delay-load slots that are not resolved yet).
 * It ends at a value that can't be a pointer.
 */
#include <stdlib.h>
#include <string.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>
#include <impscan/search.h>
#include <impscan/wide.h>

#include "rebuild/rebuilding.h"

enum {
	OWN_GAP_MAX = 128, /* slots between two hits when all are own pointers or zeros */
	EDGE_MAX = 2,	   /* hooked slots that are looked for before and behind a run's hits */
};

/* Could a value be a pointer to code or data, of a process or of the kernel? */
static bool is_pointer(const struct rebuilding *r, uint64_t value)
{
	if (r->pointer_size == 4)
		return value >= 0x10000;
	return (value >= 0x10000 && value < UINT64_C(1) << 47) || value >= UINT64_C(0xffff) << 48;
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
 * Adds the slots between two hits, from `from` to before `to`, if all of them may lie in one table.
 * Returns false, and adds none, when not.
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
		if (!rebuild_slot(r, a, &value) || rebuild_is_known(s, a) ||
		    (value && !is_pointer(r, value)))
			break;
		mine = rebuild_is_own(r, value);
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

/* Adds the slot at `address` if it is a hooked one. Returns whether it is. */
static bool push_hooked(struct rebuilding *r, uint64_t address)
{
	uint64_t value;
	if (address < r->start || address >= r->end || !rebuild_slot(r, address, &value) ||
	    rebuild_is_known(r->scratch, address) || !is_pointer(r, value))
		return false;
	uint64_t target = rebuild_target(r, value);
	if (!target || target == value)
		return false;
	struct slot *slot = push_slot(r, address, value);
	slot->target = target;
	slot->hooked = true;
	return true;
}

/*
 * Ends a run, if it has slots, and begins a new one. Hooked slots behind its last hit belong to it.
 */
static void close_run(struct rebuilding *r, struct slot_run *run)
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
	*run = (struct slot_run){.first = s->slot_count};
}

struct run_search {
	struct slot_run run; /* the current one */
	uint64_t last;	     /* address of the last hit; 0: none */
	bool note;	     /* the pages with pointers */
};

/* Adds a slot that holds an export's address to the current run, or to a new one. */
static void add_hit(struct rebuilding *r, struct run_search *search, uint64_t address,
		    uint64_t value)
{
	struct rebuild_scratch *s = r->scratch;
	if (rebuild_is_known(s, address))
		return;
	if (s->slot_count >= SLOTS_MAX) {
		rebuild_too_many(r);
		return;
	}
	bool starts = !search->last;
	if (search->last && !bridge(r, search->last + r->pointer_size, address)) {
		close_run(r, &search->run);
		starts = true;
	}
	if (!rebuild_spend(r, STEPS_SLOT + (starts ? 2 * EDGE_MAX * STEPS_HOOK : 0)))
		return;
	for (unsigned int i = EDGE_MAX; starts && i > 0; i--)
		push_hooked(r, address - i * r->pointer_size);
	push_slot(r, address, value)->target = value;
	search->last = address;
}

/* Is any of so many words of 4 bytes in a row in a range? */
static IMPSCAN_WIDE bool any_word_in(const uint8_t *p, size_t count, uint32_t first, uint32_t span)
{
	uint32_t any = 0;
	for (size_t i = 0; i < count; i++)
		any |= le32(p + i * 4) - first <= span ? UINT32_MAX : 0;
	return any;
}

/* Slots of which all are ruled out at once, and of which a first look tells. */
#define BLOCK 16
#define CHUNK 64

/*
 * A first look: may a pointer at any multiple of 4 bytes lead into the map's range? Of 8 bytes only
 * the upper half is compared. Returns a bit for each CHUNK slots, the lowest for the first ones.
 * Without branches, so that compilers use vector instructions.
 */
static uint32_t chunks_in_range(const struct rebuilding *r, const uint8_t *p, size_t slots)
{
	uint64_t low, high;
	export_map_range(r->map, &low, &high);
	if (low >= high || (r->pointer_size == 4 && low > UINT32_MAX))
		return 0;
	if (!slots)
		return 0;
	/* Of a long one bits 16 to 47, which begin at its third byte: those above are all alike. */
	const unsigned int shift = r->pointer_size == 8 ? 16 : 0;
	const uint32_t first = (uint32_t)(low >> shift);
	const uint32_t span =
		(uint32_t)min_of(((high - 1) >> shift) - (low >> shift), (uint64_t)UINT32_MAX);
	/* A long one at half a slot goes on behind the last. */
	const size_t words = r->pointer_size / 4;
	const size_t count = slots * words - (words - 1);
	const uint8_t *from = p + shift / 8;
	uint32_t chunks = 0;
	for (size_t i = 0; i < count; i += CHUNK * words)
		if (any_word_in(from + i * 4, min_of(count - i, CHUNK * words), first, span))
			chunks |= UINT32_C(1) << (i / (CHUNK * words));
	return chunks;
}
_Static_assert(PAGE_SIZE / 4 / CHUNK <= 32, "a bit for each chunk of a page");

/*
 * Is a value foreign: does it lead into the map's range, from `low` to before `high`, but not own?
 */
static inline bool is_foreign(const struct rebuilding *r, uint64_t low, uint64_t high,
			      uint64_t value)
{
	return value - low < high - low && !rebuild_is_own(r, value);
}

/*
 * May any pointer of 8 bytes of a block lead into a range? `first` and `span` are of the bits 16 to
 * 47 of addresses in it. Without branches, as any_word_in().
 */
static inline bool any_long_in_block(const uint8_t *p, uint32_t first, uint32_t span)
{
	unsigned int any = 0;
	for (size_t i = 0; i < BLOCK; i++)
		any |= le32(p + i * 8 + 2) - first <= span;
	return any;
}

/*
 * Adds the hits among slots in a row, which have `size` bytes; `chunks` are those where any may be.
 * Returns whether any of the slots is foreign. Inlined, so that the size is a constant.
 */
static inline __attribute__((always_inline)) bool
search_slots_of(struct rebuilding *r, struct run_search *search, uint64_t address, const uint8_t *p,
		size_t slots, uint32_t chunks, const unsigned int size)
{
	uint64_t low, high;
	export_map_range(r->map, &low, &high);
	const uint64_t range = high - low;
	const uint32_t first = (uint32_t)(low >> 16);
	const uint32_t span =
		(uint32_t)min_of(((high - 1) >> 16) - (low >> 16), (uint64_t)UINT32_MAX);
	bool foreign = false;
	for (size_t i = 0; i < slots; i += BLOCK) {
		size_t end = min_of(i + BLOCK, slots);
		if (!(chunks >> i / CHUNK & 1))
			continue;
		if (size == 8 && end == i + BLOCK && !any_long_in_block(p + i * 8, first, span))
			continue;
		for (size_t k = i; k < end; k++) {
			uint64_t value = le_pointer(p + k * size, size);
			if (value - low >= range || rebuild_is_own(r, value))
				continue;
			foreign = true;
			if (r->rebuilt->cut)
				return foreign;
			if (export_map_hit(r->map, value))
				add_hit(r, search, address + k * size, value);
		}
	}
	return foreign;
}

static bool search_slots(struct rebuilding *r, struct run_search *search, uint64_t address,
			 const uint8_t *p, size_t slots, uint32_t chunks)
{
	return r->pointer_size == 8 ? search_slots_of(r, search, address, p, slots, chunks, 8)
				    : search_slots_of(r, search, address, p, slots, chunks, 4);
}

/* May any pointer of a block lead to an export? Without branches, as any_word_in(). */
static inline bool any_in_block(const uint8_t *p, uint32_t first, uint32_t span)
{
	unsigned int any = 0;
	for (size_t i = 0; i < BLOCK; i++)
		any |= (le32(p + i * 4) >> 12) - first <= span;
	return any;
}

/* Adds the hits among slots of 4 bytes in a row. Returns whether there are any. */
static bool search_short_slots(struct rebuilding *r, struct run_search *search, uint64_t address,
			       const uint8_t *p, size_t slots)
{
	const struct export_pages *pages = export_map_pages(r->map);
	bool any = false;
	const uint32_t first = pages->first, span = pages->last - first;
	for (size_t i = 0; i < slots && pages->first <= pages->last; i += BLOCK) {
		size_t end = min_of(i + BLOCK, slots);
		if (i + BLOCK <= slots && !any_in_block(p + i * 4, first, span))
			continue;
		for (size_t k = i; k < end && !r->rebuilt->cut; k++) {
			uint32_t value = le32(p + k * 4);
			if (!export_pages_maybe(pages, value) || rebuild_is_own(r, value) ||
			    !export_map_hit(r->map, value))
				continue;
			any = true;
			add_hit(r, search, address + k * 4, value);
		}
	}
	return any;
}

/* Is any of these slots foreign? */
static bool any_foreign(const struct rebuilding *r, const uint8_t *p, size_t slots)
{
	uint64_t low, high;
	export_map_range(r->map, &low, &high);
	for (size_t i = 0; i < slots; i++)
		if (is_foreign(r, low, high, le_pointer(p + i * r->pointer_size, r->pointer_size)))
			return true;
	return false;
}

/* Returns, of `slots` slots from `address` on, the number of the first at or behind `to`. */
static size_t slot_number(const struct rebuilding *r, uint64_t address, uint64_t to, size_t slots)
{
	uint64_t bytes = to > address ? to - address : 0;
	uint64_t number = bytes / r->pointer_size + (bytes % r->pointer_size != 0);
	return (size_t)min_of(number, (uint64_t)slots);
}

/*
 * Searches a page, or the part of it in the area: `size` bytes `p` from the first slot on. Known
 * slots are skipped.
 */
static void search_page(struct rebuilding *r, struct run_search *search, uint64_t address,
			const uint8_t *p, size_t size)
{
	struct rebuild_scratch *s = r->scratch;
	size_t slots = size / r->pointer_size, i = 0;
	const bool short_slots = export_map_pages(r->map);
	bool any = false, foreign = false;
	for (size_t c = rebuild_first_known(s, address); i < slots; c++) {
		const struct slot_range *known = c < s->known_count ? &s->known[c] : NULL;
		size_t end = known ? slot_number(r, address, known->start, slots) : slots;
		const uint8_t *from = p + i * r->pointer_size;
		const uint32_t chunks = end > i ? chunks_in_range(r, from, end - i) : 0;
		if (chunks) {
			if (!any && search->note)
				*array_push(s->noted, s->noted_count, s->noted_capacity) =
					address & PAGE_MASK;
			any = true;
			/* With 4 bytes it is counted beforehand where pages may be skipped. */
			if (!(short_slots && r->memory->found_clean) &&
			    !rebuild_spend(r, STEPS_COMPARE))
				return;
			uint64_t at = address + i * r->pointer_size;
			if (short_slots)
				foreign |= search_short_slots(r, search, at, from, end - i);
			else
				foreign |= search_slots(r, search, at, from, end - i, chunks);
		}
		if (end == slots)
			break;
		foreign = true;
		i = slot_number(r, address, known->end, slots);
	}
	if (foreign || !r->memory->found_clean || size != PAGE_SIZE || r->rebuilt->cut)
		return;
	/* Tables may be aligned to half a slot: a clean page has none of these either. */
	if (!any || r->pointer_size == 4 || !any_foreign(r, p + 4, slots - 1))
		r->memory->found_clean(r->memory, address);
}

/* The run has every slot of the table. */
void rebuild_take_header_table(struct rebuilding *r)
{
	struct rebuild_scratch *s = r->scratch;
	struct slot_run run = {.first = s->slot_count, .header = true};
	size_t hits = 0, others = 0;
	for (uint64_t a = r->iat_start; a < r->iat_end; a += r->pointer_size) {
		uint64_t value;
		if (!rebuild_spend(r, STEPS_SLOT))
			break;
		if (!rebuild_slot(r, a, &value) || rebuild_is_known(s, a))
			continue;
		if (s->slot_count >= SLOTS_MAX) {
			rebuild_too_many(r);
			break;
		}
		struct slot *slot = push_slot(r, a, value);
		slot->own = rebuild_is_own(r, value);
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

/* A page that is searched, or the part of it in the area. */
struct page_look {
	uint64_t address;
	const uint8_t *bytes; /* NULL: there is no more */
	size_t size;
	uint64_t next; /* address to go on from */
};

/* The first noted page from `address` on, or what of it is in the area; r->end: none. */
static uint64_t next_noted(const struct rebuilding *r, uint64_t address)
{
	const struct rebuild_scratch *s = r->scratch;
	size_t next = search_first(i, 0, s->noted_count, s->noted[i] + PAGE_SIZE > address);
	return next < s->noted_count ? max_of(s->noted[next], address) : r->end;
}

/*
 * Returns the first page from `address` on that is present and worth searching. `again`: the pages
 * have been counted.
 */
static struct page_look look_ahead(struct rebuilding *r, uint64_t address, bool again)
{
	const struct rebuild_memory *memory = r->memory;
	struct page_look look = {.next = address};
	while (!look.bytes) {
		look.address = look.next;
		if (again)
			look.address = next_noted(r, look.address);
		else if (!memory->next)
			look.address = rebuild_present(r, look.address, r->end);
		else if (look.address < r->end)
			look.address = memory->next(memory, look.address, r->end);
		if (look.address >= r->end)
			return (struct page_look){0};
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
 * The pages lie anywhere in the image, so that the processor can't guess which one is next: the
 * next one is fetched in advance.
 */
void rebuild_find_runs(struct rebuilding *r, unsigned int phase)
{
	struct rebuild_scratch *s = r->scratch;
	struct run_search search = {.run.first = s->slot_count};
	/* A second search, by half a slot, is for those that have anything. */
	search.note = !phase && r->pointer_size == 8 && r->area && !r->directory;
	if (!phase)
		s->noted_count = 0;
	struct page_look look = look_ahead(r, r->start, phase);
	const uint64_t steps = r->area && r->area->counted ? 0 : STEPS_LOOK;
	while (look.bytes && !r->rebuilt->cut && rebuild_spend(r, steps)) {
		struct page_look ahead = look_ahead(r, look.next, phase);
		for (unsigned int line = 0; ahead.bytes && line < 4; line++)
			__builtin_prefetch(ahead.bytes + line * 64);
		uint64_t size = r->pointer_size;
		size_t lead = (size_t)((size + phase - look.address % size) % size);
		if (look.size > lead)
			search_page(r, &search, look.address + lead, look.bytes + lead,
				    look.size - lead);
		look = ahead;
	}
	close_run(r, &search.run);
}
