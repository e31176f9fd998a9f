/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside the match room: the memory that a thread needs for comparing modules with samples by
 * addresses, which explain.c does.
 */
#ifndef IMPSCAN_MATCH_EXPLAINING_H
#define IMPSCAN_MATCH_EXPLAINING_H

#include <impscan/budget.h>

#include "find.h"
#include "fuzzy.h"
#include "sample_imports.h"

#define NO_POSITION UINT32_MAX

/* Lists whose hash is remembered: most samples explain nothing that the others do not. */
#define HASHED_LISTS 64

/* A list that was hashed. */
struct hashed_list {
	uint64_t key;	 /* of its names */
	uint32_t *names; /* see named_add() */
	size_t count, room;
	bool is_hash; /* it has an impfuzzy: `query` is that, ready to be compared */
	char impfuzzy[IMPFUZZY_SIZE];
	struct fuzzy_buffer buffer;
	struct fuzzy_query query;
};

/* Slots that stay together when DLLs are put in another order. */
struct slot_block {
	uint32_t first, count;
	uint32_t rank; /* 1 + descriptor of the sample; 0: none, in front of all */
};

struct explaining {
	/* Of each list: how many addresses it shares, and 1 + the one counted last; whether it has other
	 * names for some than rebuilding. */
	uint32_t *shared, *counted;
	bool *renamed;
	uint32_t *found; /* lists that share any */
	size_t found_count;
	size_t lists;		 /* room for so many */
	uint32_t *address_of;	 /* of each symbol: 1 + the number of its address; 0: none */
	size_t symbols;		 /* room for so many */
	uint32_t *next;		 /* of each position: 1 + the next one with its address */
	uint32_t *descriptor;	 /* of each position */
	bool *used;		 /* of each position */
	uint32_t *of_descriptor; /* of each descriptor: slots of a group; zero between groups */
	size_t positions;	 /* room for so many */
	uint32_t *first;	 /* of each address: 1 + its first position */
	size_t addresses;	 /* room for so many */
	uint32_t *position;	 /* of each slot; NO_POSITION: it is not explained */
	struct slot_block *blocks;
	uint32_t *rebuilt_name; /* of each slot: number of the name that rebuilding gave it */
	uint32_t *named;	/* the names of a list */
	size_t named_count;
	uint64_t named_key;
	size_t slots;  /* room for so many, in the four above */
	bool *renames; /* of each symbol of the module: is it another name than the rebuilt one? */
	size_t renames_room;
	struct text list;
	/* Lists that were hashed for this module: the rebuilt one, and others, of which the oldest is
	 * replaced. */
	struct hashed_list rebuilt;
	bool rebuilt_hashed;
	struct hashed_list hashed[HASHED_LISTS];
	size_t hashed_count, hashed_next;
	bool too_long; /* a list of this module was not hashed */
	struct hit *hits;
	size_t hit_count, hit_capacity;
};

/*
 * Makes the memory, unless there is one (`*explaining`), large enough for a module. Arrays that are
 * zero between modules stay so.
 */
struct explaining *explaining_prepare(struct explaining **explaining,
				      const struct sample_imports *imports,
				      const struct module_slots *slots);
void explaining_free(struct explaining *explaining); /* NULL is fine */

/* --- positions.c --- */

/*
 * Gives the slots positions in a list: e->position. e->address_of must be set. Returns how many
 * slots are explained.
 */
uint32_t positions_find(const struct sample_imports *imports, const struct sample_list *list,
			const struct module_slots *slots, struct explaining *e);

/*
 * Takes the positions back that only a part of a sample's descriptor gives: the slots of one group
 * have one DLL, so one descriptor must explain at least half of them. Otherwise a program that
 * shares a few functions with the sample would get its API sets for them, inside another DLL's
 * table.
 */
void positions_drop_strays(const struct module_slots *slots, struct explaining *e);

/*
 * Parts the slots into blocks, each of one descriptor of the sample, in the sample's order. Slots
 * that are not explained belong to those before them in their run, or else to those behind; a run
 * without any that is explained stays behind the block before it.
 *
 * Returns how many e->blocks there are.
 */
size_t positions_blocks(const struct module_slots *slots, struct explaining *e);

/* --- named_lists.c --- */

/* Begins with a module: finds which names rebuilding and samples have for the same slots. */
void named_begin(const struct sample_imports *imports, const struct module_slots *slots,
		 struct explaining *e);

/* Begins a list, and adds a slot to it, by the sample's name where e->position explains it. */
void named_clear(struct explaining *e);
void named_add(const struct sample_imports *imports, const struct sample_list *list,
	       struct explaining *e, size_t slot);

/* Hashes that list, unless it was hashed before. The work is counted. */
const struct hashed_list *named_hashed(const struct sample_imports *imports,
				       const struct module_slots *slots, struct budget *budget,
				       struct explaining *e);

/* The same of the rebuilt list. */
const struct hashed_list *named_rebuilt(const struct sample_imports *imports,
					const struct module_slots *slots, struct budget *budget,
					struct explaining *e);

/* Returns what a list's impfuzzy scores with a sample's, 0 where that is below `least`. */
int named_score(const struct known *known, const struct sample_list *list,
		const struct hashed_list *hashed, int least);

#endif
