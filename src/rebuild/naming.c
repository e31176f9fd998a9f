/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Naming the slots of a run: cut into pieces, a library for each piece, a name for each slot.
 *
 * Of several names in a DLL, one that fits between those beside it is better, if the linker sorted
 * the names of its pieces. Whether it did is shown by slots that have only one name. Two of them
 * are in order by accident half the time, and one shows nothing: so three are needed.
 */
#include <stdlib.h>
#include <string.h>

#include <impscan/address_map.h>
#include <impscan/alloc.h>
#include <impscan/bytes.h>
#include <impscan/cleanup.h>

#include "rebuild/naming.h"

/* The names of a piece that leave no choice. */
struct name_order {
	size_t names; /* how many that differ from the one before */
	bool broken;  /* they are not in alphabetical order */
};

static struct name_order order_of(const struct rebuilding *r, const struct dll_piece *piece)
{
	struct name_order order = {0};
	const char *last = NULL;
	for (size_t i = piece->first; piece->library.dll && i < piece->first + piece->count; i++) {
		const char *name =
			name_only(r->map, r->scratch->slots[i].target, piece->library.dll);
		if (!name)
			continue;
		order.broken |= last && strcmp(last, name) > 0;
		order.names += !last || strcmp(last, name) != 0;
		last = name;
	}
	return order;
}

/*
 * Do the names of all pieces of a run show that a linker sorted them? In a piece, `n` names show n
 * - 1 times which one follows which.
 */
static bool all_sorted(const struct name_order *orders, size_t count)
{
	size_t steps = 0;
	for (size_t i = 0; i < count; i++) {
		if (orders[i].broken)
			return false;
		steps += orders[i].names ? orders[i].names - 1 : 0;
	}
	return steps >= SORTED_MIN - 1;
}

/* Is a piece sorted? One with too few names to tell is if its run is. */
static bool is_sorted(const struct name_order *order, bool run)
{
	return !order->broken && (order->names >= SORTED_MIN || run);
}

/* Returns the next name behind slot number `i` that leaves no choice, in its piece; NULL: none. */
static const char *name_behind(const struct rebuilding *r, const struct dll_piece *piece, size_t i)
{
	const char *name = NULL;
	size_t end = min_of(piece->first + piece->count, i + CANDIDATES_MAX + 1);
	for (size_t k = i + 1; !name && k < end; k++)
		name = name_only(r->map, r->scratch->slots[k].target, piece->library.dll);
	return name;
}

/*
 * By the address that a slot leads to: bit N of the lower half for candidate N whose name another
 * slot has, and in the upper half the number of slots, from the one in question on. Only sorted
 * pieces have that number.
 */
#define SLOT_LEFT (UINT64_C(1) << 32)

/*
 * Returns the export by which a slot is imported; NULL: unknown. `sorted`: the piece is; then
 * `before` is the name of the slot before, or NULL.
 */
static const struct pe_export *name_slot(struct rebuilding *r, const struct dll_piece *piece,
					 size_t i, bool sorted, const char *before,
					 struct address_map *taken)
{
	const struct slot *slot = &r->scratch->slots[i];
	struct candidates candidates;
	if (!slot->target || !piece->library.dll)
		return NULL;
	candidates_find(r->map, slot->target, &candidates);
	uint64_t none = 0, *state = &none;
	if (candidates.count > 1)
		state = address_map_value(taken, slot->target);
	const struct pe_export *e = name_choose(&(struct name_question){
		.r = r,
		.candidates = &candidates,
		.library = piece->library,
		.taken = (uint32_t)*state,
		.left = (size_t)(*state / SLOT_LEFT),
		.before = before,
		.after = sorted ? name_behind(r, piece, i) : NULL,
		.slot = slot->address,
		.look_near = r->area,
	});
	for (size_t k = 0; k < candidates.count; k++)
		if (candidates.items[k].export == e)
			*state |= UINT64_C(1) << k;
	if (*state >= SLOT_LEFT)
		*state -= SLOT_LEFT;
	return e;
}

static void name_piece(struct rebuilding *r, const struct dll_piece *piece, bool sorted,
		       uint32_t group, enum rebuilt_source source)
{
	_cleanup_address_map_ struct address_map taken = {0};
	char buffer[LIBRARY_NAME];
	const char *before = NULL, *library = NULL;
	if (piece->library.dll)
		library = library_name(&piece->library, buffer);
	for (size_t i = piece->first; sorted && i < piece->first + piece->count; i++)
		if (r->scratch->slots[i].target)
			*address_map_value(&taken, r->scratch->slots[i].target) += SLOT_LEFT;
	for (size_t i = piece->first; i < piece->first + piece->count; i++) {
		const struct slot *slot = &r->scratch->slots[i];
		struct rebuilt_entry *entry = rebuild_add(r, slot->address, slot->value);
		entry->source = source;
		entry->group = group;
		entry->target = slot->target;
		entry->hooked = slot->hooked;
		const struct pe_export *e = name_slot(r, piece, i, sorted, before, &taken);
		if (!e) {
			r->rebuilt->unknown++;
			continue;
		}
		bool by_ordinal = import_by_ordinal(library, e->ordinal, r->linker != LINKER_OTHER);
		rebuild_set_name(r, entry, library, by_ordinal ? NULL : e->name, e->ordinal);
		if (sorted && e->name)
			before = e->name;
	}
}

/*
 * Counts the work of naming a run: every name of a slot is compared with the others, and where a
 * DLL has several, they are looked for around the slot.
 */
static bool spend_names(const struct rebuilding *r, const struct slot_run *run)
{
	const struct rebuild_scratch *s = r->scratch;
	uint64_t steps = run->count * STEPS_SLOT + rebuild_section_steps(r);
	size_t looks = s->near_looks;
	for (size_t i = run->first; i < run->first + run->count; i++) {
		if (!s->slots[i].target)
			continue;
		uint64_t n = export_map_find(r->map, s->slots[i].target, NULL, 0);
		n = min_of(n, (uint64_t)CANDIDATES_MAX);
		steps += STEPS_SLOT + n * n;
		for (; n > 1 && looks < NEAR_LOOKS_MAX; n--, looks++)
			steps += STEPS_NEAR;
	}
	return rebuild_spend(r, steps);
}

void rebuild_name_run(struct rebuilding *r, const struct slot_run *run, enum rebuilt_source source)
{
	size_t first = r->rebuilt->count;
	struct pieces pieces = {0};
	if (!spend_names(r, run))
		return;
	pieces_cut(r, run, &pieces);
	pieces_choose_libraries(r, &pieces);
	uint32_t group = rebuild_next_group(r);
	_cleanup_free_ struct name_order *orders = alloc_zero(pieces.count, sizeof(*orders));
	for (size_t i = 0; i < pieces.count; i++)
		orders[i] = order_of(r, &pieces.items[i]);
	bool sorted = all_sorted(orders, pieces.count);
	for (size_t i = 0; i < pieces.count; i++)
		name_piece(r, &pieces.items[i], is_sorted(&orders[i], sorted), group++, source);
	free(pieces.items);
	if (r->rebuilt->count > first)
		rebuild_add_table(r, first);
}
