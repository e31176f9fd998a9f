/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The pieces of a run. A linker gives each DLL one piece of the address table, so that the DLL is
 * chosen for a piece, not for a slot: it must have a name for all slots. A piece ends at a zero,
 * and where no single DLL explains the next slot as well.
 */
#include <string.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>

#include "rebuild/naming.h"

/*
 * Finds the DLLs that have a name for `target`, each once, the one that contains it first. Returns
 * their number.
 */
static size_t dlls_of(const struct rebuilding *r, uint64_t target,
		      const struct export_module *dlls[CANDIDATES_MAX])
{
	struct candidates candidates;
	candidates_find(r->map, target, &candidates);
	size_t n = 0;
	for (size_t i = 0; i < candidates.count; i++) {
		bool has = false;
		for (size_t k = 0; k < n && !has; k++)
			has = dlls[k] == candidates.items[i].module;
		if (!has)
			dlls[n++] = candidates.items[i].module;
	}
	return n;
}

/*
 * Leaves a piece only those of its DLLs that have a name for `target` too. Returns false, and
 * changes nothing, when there is none.
 */
static bool narrow(const struct rebuilding *r, struct dll_piece *piece, uint64_t target)
{
	const struct export_module *dlls[CANDIDATES_MAX];
	size_t n = dlls_of(r, target, dlls);
	if (!piece->dll_count) {
		piece->dll_count = min_of(n, (size_t)PIECE_DLLS);
		memcpy(piece->dlls, dlls, piece->dll_count * sizeof(*dlls));
		return true;
	}
	const struct export_module *common[PIECE_DLLS];
	size_t count = 0;
	for (size_t i = 0; i < piece->dll_count; i++)
		for (size_t k = 0; k < n; k++)
			if (piece->dlls[i] == dlls[k])
				common[count++] = dlls[k];
	if (!count)
		return false;
	memcpy(piece->dlls, common, count * sizeof(*common));
	piece->dll_count = count;
	return true;
}

void pieces_cut(const struct rebuilding *r, const struct slot_run *run, struct pieces *pieces)
{
	const struct slot *slots = r->scratch->slots;
	struct dll_piece *piece = NULL;
	for (size_t i = run->first; i < run->first + run->count; i++) {
		if (slots[i].null || slots[i].dropped) {
			pieces->zeros += piece != NULL;
			piece = NULL;
			continue;
		}
		struct dll_piece next = {.first = i};
		if (slots[i].target) {
			if (piece && !narrow(r, piece, slots[i].target))
				piece = NULL;
			if (!piece)
				narrow(r, &next, slots[i].target);
		}
		if (!piece) {
			piece = array_push(pieces->items, pieces->count, pieces->capacity);
			*piece = next;
		}
		piece->count = i + 1 - piece->first;
	}
}
