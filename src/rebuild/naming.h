/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside the room rebuild: naming the slots of a run.
 *
 * An address can have many names: forwarders of other DLLs, and aliases in its own. Each way to
 * name it is a candidate, and the best is chosen by score: each rule gives a candidate some points,
 * often negative ones, and the one with the most points is taken. To extend the choice, write a
 * function of a rule and add it to the table of rules.
 *
 * piece	the part of a run that one DLL explains: a linker gives each DLL one (struct
 *		dll_piece)
 * library	what an import directory names: a DLL, or an API set that it hosts
 */
#ifndef REBUILD_NAMING_H
#define REBUILD_NAMING_H

#include <impscan/import_facts.h>

#include "rebuild/rebuilding.h"

enum {
	CANDIDATES_MAX = 24,   /* exports that lead to one address; further ones are ignored */
	NEAR_LOOKS_MAX = 4096, /* looks for names around slots of one area */
	SORTED_MIN = 3,	       /* names in a row whose order shows that a linker sorted them */
	PIECE_DLLS = 8,	       /* DLLs between which is chosen for a piece */
	PIECE_LIBRARIES = PIECE_DLLS + IMPORT_SETS_MAX,
	LIBRARY_NAME = 128, /* bytes of a library's name, longer ones are cut; with its NUL */
};

#define NO_SET (-1)

struct library {
	const struct export_module *dll; /* the DLL, or an API set's host */
	int set;			 /* number of the API set, see import_facts.h; or NO_SET */
	unsigned int seen;		 /* of the set: imports of the piece's functions from it */
};

/* Returns the name of a library in lower case; it may be kept in `buffer`. */
const char *library_name(const struct library *library, char buffer[LIBRARY_NAME]);

/*
 * Returns how usual something is in the scale of the rules' points, by its weight (see
 * import_facts.h): 2 points for each doubling.
 */
static inline int usual_points(unsigned int weight)
{
	return 2 * (31 - __builtin_clz(weight + 1));
}

/* The exports that lead to one address. */
struct candidates {
	struct export_candidate items[CANDIDATES_MAX];
	size_t count;
};

static inline void candidates_find(const struct export_map *map, uint64_t address,
				   struct candidates *candidates)
{
	size_t n = export_map_find(map, address, candidates->items, CANDIDATES_MAX);
	candidates->count = n < CANDIDATES_MAX ? n : CANDIDATES_MAX;
}

/* --- name_choice.c: the name of an address in a given DLL --- */

struct name_question {
	struct rebuilding *r; /* may be NULL unless `look_near` */
	const struct candidates *candidates;
	struct library library;
	uint32_t taken; /* bit N: another slot of the piece has the name of candidate N */
	size_t left;	/* slots of a sorted piece, from this one on, that lead to the address */
	/*
	 * Names of the slots before and behind in the piece, if the piece is sorted; NULL: unknown.
	 */
	const char *before, *after;
	uint64_t slot;	/* its address */
	bool look_near; /* look whether one of the names is left in the module, around the slot */
};

/* Returns the best export of the library's DLL among the candidates; NULL when there is none. */
const struct pe_export *name_choose(const struct name_question *question);

/* The same without anything known of the slot. */
const struct pe_export *name_choose_plain(const struct candidates *candidates,
					  const struct export_module *dll);

/* Returns the name of an address in a DLL if it has just one there; else NULL. */
const char *name_only(const struct export_map *map, uint64_t address,
		      const struct export_module *dll);

/* --- pieces.c: the pieces of a run --- */

struct dll_piece {
	size_t first, count; /* in `slots` of the scratch */
	/* The DLLs that have a name for all its slots which lead to an export; 0: no slot does. */
	const struct export_module *dlls[PIECE_DLLS];
	size_t dll_count;
	/* The same and API sets of which that is true as well; see library_choice.c. */
	struct library libraries[PIECE_LIBRARIES];
	size_t library_count;
	struct library library; /* the one that was chosen; its `dll` NULL: none */
};

struct pieces {
	struct dll_piece *items;
	size_t count, capacity;
	size_t zeros; /* pieces that a zero ends */
};

/* Cuts a run into pieces. The caller frees `items`. */
void pieces_cut(const struct rebuilding *r, const struct slot_run *run, struct pieces *pieces);

/* --- library_choice.c: the library of a piece --- */

/* Chooses the library of each piece. */
void pieces_choose_libraries(const struct rebuilding *r, struct pieces *pieces);

#endif
