/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Within the room `imports`: one run of rebuilding. */
#ifndef IMPORTS_REBUILD_INTERNAL_H
#define IMPORTS_REBUILD_INTERNAL_H

#include <impscan/address_set.h>
#include <impscan/rebuild.h>

#include "imports/import_names.h"

enum {
	CANDIDATES_MAX = 24,   /* names of one address that are looked at */
	GAP_MAX = 4,	       /* slots between two hits of one table */
	SLOTS_MAX = 1 << 19,   /* of one area: more imports are not believed, and it is cut */
	CALLED_MAX = 1 << 18,  /* slots that code names */
	MODULE_TABLE_MIN = 3,  /* distinct exports of a table: in a module without imports, */
	MODULE_OTHER_MIN = 8,  /* in one that has an import directory, */
	PRIVATE_TABLE_MIN = 5, /* and in private memory */
	NEAR_LOOKS_MAX = 4096, /* for names that survived, in one area; then conventions decide */
	CALLED_TABLE_MIN = 2,  /* where code calls through one of them */
	SAVED_REGISTERS = 8,   /* that calls preserve on x64; x86 has fewer */
};

/* What work counts, in steps of a budget (0.1 us). */
enum {
	STEPS_LOOK = 2,	     /* at a page, in search of addresses where modules lie */
	STEPS_COMPARE = 10,  /* of all slots of a page with what is exported */
	STEPS_BYTES = 20,    /* at all bytes of a page, for opcodes or pointers anywhere */
	STEPS_SLOT = 1,	     /* one more slot of a run */
	STEPS_HOOK = 4,	     /* following its jumps, be it one */
	STEPS_NAMED = 4,     /* a slot that the directory names */
	STEPS_DECODE = 3,    /* an instruction */
	STEPS_OTHER = 1,     /* a table of another place, which may be referred to */
	STEPS_NEAR = 150,    /* a look for a name around a slot */
	SECTIONS_A_STEP = 32 /* that are asked whether they have an address */
};

/* A slot that is or may be an import. */
struct slot {
	uint64_t address;
	uint64_t value;
	uint64_t target; /* the export, through trampolines; 0: none */
	bool null;
	bool own;     /* leads into the area itself */
	bool hooked;  /* target is not value */
	bool dropped; /* belongs to a delay-load table */
};

/* A run of slots. */
struct run {
	size_t first, count; /* in `slots` */
	bool header;	     /* lies in the address table that the header names */
};

struct range {
	uint64_t start, end;
};

struct rebuild_scratch {
	struct slot *slots;
	size_t slot_count, slot_capacity;
	struct run *runs;
	size_t run_count, run_capacity;
	struct range *covered; /* slots known already, and delay-load tables; sorted */
	size_t covered_count, covered_capacity;
	uint64_t *called; /* slots that code names, sorted */
	size_t called_count, called_capacity;
	struct address_set called_set;
	struct address_set distinct;
	struct text low;
	size_t near_looks; /* for surviving names, so far */
};

struct rebuilding {
	struct rebuilt *rebuilt;
	struct rebuild_scratch *scratch;
	const struct export_map *map;
	const struct rebuild_memory *memory;
	const struct rebuild_area *area; /* NULL in private data */
	const struct pe *pe;		 /* NULL without headers */
	unsigned int pointer_size;
	bool imports;		     /* an import directory declares some ... */
	bool directory;		     /* ... and its slots are known */
	uint64_t start, end;	     /* what is scanned */
	uint64_t iat_start, iat_end; /* the address table that the header names */
	uint64_t page;		     /* number + 1 of the page read last */
	const uint8_t *page_bytes;
	size_t page_available;
};

/* Counts work; false when that is too much: rebuilt->cut says so. Then stop. */
static inline bool rebuild_spend(const struct rebuilding *r, uint64_t steps)
{
	if (budget_spend(r->memory->budget, steps))
		return true;
	r->rebuilt->cut = "looking for the imports of this process takes too long: stopped";
	return false;
}

/* Notes that there is more than is kept. */
static inline void rebuild_too_many(const struct rebuilding *r)
{
	if (!r->rebuilt->cut)
		r->rebuilt->cut = "more imports than any program has";
}

/* What finding the section of an address counts. */
static inline uint64_t rebuild_section_steps(const struct rebuilding *r)
{
	return r->pe ? r->pe->section_count / SECTIONS_A_STEP : 0;
}

/* Empties `rebuilt` and begins; false when there is no such area. */
bool rebuild_begin(struct rebuilding *r, struct rebuilt *rebuilt, const struct export_map *map,
		   const struct rebuild_memory *memory, const struct rebuild_area *area);

/* Notes slots that are known already. */
void rebuild_cover(struct rebuilding *r, uint64_t start, uint64_t end);

/* Finds the tables besides: scratch->runs. */
void rebuild_find_tables(struct rebuilding *r);

/* The first address from `address` on, before `end`, whose page may be present; else `end`. */
static inline uint64_t rebuild_present(const struct rebuilding *r, uint64_t address, uint64_t end)
{
	if (!r->memory->present || address >= end)
		return address;
	return r->memory->present(r->memory, address, end);
}

/* Copies bytes of the process; false when any is not present. */
bool rebuild_read(struct rebuilding *r, uint64_t address, void *buffer, size_t size);

/* The pointer at `address`; false when it is not present. */
bool rebuild_slot(struct rebuilding *r, uint64_t address, uint64_t *value);

/*
 * The export that a value leads to, through up to a few jumps; 0: none. Itself when it is one.
 */
uint64_t rebuild_target(struct rebuilding *r, uint64_t value);

/* Finds the runs of [start, end): scratch->slots and ->runs, by address. */
void rebuild_find_runs(struct rebuilding *r);

/* Collects the slots that the area's code names: scratch->called. */
void rebuild_find_called(struct rebuilding *r);
bool rebuild_is_called(const struct rebuilding *r, uint64_t slot);

/*
 * Is it such a slot as that of a module's only import: a zero behind it, and in a section for
 * constants or for imports, not among data?
 */
bool rebuild_stands_alone(struct rebuilding *r, uint64_t slot);

/* Adds the entries of a run, grouped by DLL and named. */
void rebuild_name_run(struct rebuilding *r, const struct run *run, uint32_t table,
		      enum rebuilt_source source);

/* The best name of an export in a DLL; NULL when that does not lead to it. */
const struct pe_export *rebuild_best_name(const struct export_candidate *candidates, size_t count,
					  const struct export_module *module);

/* Adds an entry named by an export of a DLL; `export` NULL: unknown. */
struct rebuilt_entry *rebuild_add(struct rebuilding *r, uint64_t address, uint64_t value);
void rebuild_set_name(struct rebuilding *r, struct rebuilt_entry *entry, const char *dll,
		      const char *name, uint32_t ordinal);

/* Makes the lists. */
void rebuild_lists(struct rebuilding *r);

#endif
