/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside the room rebuild: the state of rebuilding one list, and what the files of the room call.
 *
 * Words used here and in these files:
 *
 * slot		one pointer of an address table
 * run		slots in a row that lead to exports, with zeros and a few others between them: a
 *		table, perhaps (struct slot_run)
 * known slot	one that needs no search: of the import directory, or of a delay-load table
 * own pointer	one that leads into the area itself
 * hooked slot	one that leads to an export by a detour: its code jumps there
 *
 * The files, each of which calls only those before it: area, rebuilt, trampoline, code, runs,
 * naming's (naming.h), directory, tables, others, candidate_lists, rebuild, settled.
 */
#ifndef REBUILD_REBUILDING_H
#define REBUILD_REBUILDING_H

#include <impscan/address_set.h>
#include <impscan/rebuild.h>

enum {
	GAP_MAX = 4,	      /* slots between two hits of one run */
	SLOTS_MAX = 1 << 19,  /* slots of one area's runs; with more the list is cut */
	CALLED_MAX = 1 << 18, /* slots that code uses */

	/* How many different exports a table has at least: */
	MODULE_TABLE_MIN = 3,  /* in a module without imports, */
	MODULE_OTHER_MIN = 8,  /* in one that has an import directory, */
	PRIVATE_TABLE_MIN = 5, /* in private memory, */
	CALLED_TABLE_MIN = 2,  /* where code calls through one of its slots */

	SAVED_REGISTERS = 8, /* registers that calls preserve on x64; x86 has fewer */
};

/* What work counts, in steps of a budget (0.1 us). */
enum {
	STEPS_LOOK = 2, /* looking at a page, for addresses in the range of the modules */
	STEPS_COMPARE =
		REBUILT_PAGE_STEPS, /* comparing all slots of a page with what is exported */
	STEPS_BYTES = 20,    /* looking at all bytes of a page, for opcodes or unaligned pointers */
	STEPS_SLOT = 1,	     /* one more slot of a run */
	STEPS_HOOK = 4,	     /* following the jumps of a slot, if there are any */
	STEPS_NAMED = 4,     /* a slot that the directory names */
	STEPS_DECODE = 3,    /* disassembling an instruction */
	STEPS_OTHER = 1,     /* a table of another place that the area may refer to */
	STEPS_NEAR = 150,    /* looking for a name around a slot */
	STEPS_ORDER = 100,   /* a DLL whose place in the directory is guessed */
	SECTIONS_A_STEP = 32 /* sections that are searched for an address */
};

struct slot {
	uint64_t address;
	uint64_t value;
	uint64_t target; /* address of the export that it leads to; 0: none */
	bool null;
	bool own;
	bool hooked;
	bool dropped; /* it belongs to a delay-load table */
};

struct slot_run {
	size_t first, count; /* in `slots` of the scratch */
	bool header;	     /* it is the address table that the header names */
};

/* What made a module, by its header. */
enum linker {
	LINKER_UNKNOWN,	      /* there is no header */
	LINKER_MICROSOFT,     /* of Visual Studio 2015 or later */
	LINKER_OLD_MICROSOFT, /* an older one */
	LINKER_OTHER,	      /* GNU ld, LLVM's lld, winebuild and others */
};

struct slot_range {
	uint64_t start, end; /* addresses */
};

/* Memory kept from one area to the next. */
struct rebuild_scratch {
	struct slot *slots;
	size_t slot_count, slot_capacity;
	struct slot_run *runs;
	size_t run_count, run_capacity;
	struct slot_range *known; /* ranges of known slots, sorted by rebuild_sort_known() */
	size_t known_count, known_capacity;
	uint64_t *called; /* addresses of slots that code uses, sorted */
	size_t called_count, called_capacity;
	struct address_set called_set; /* the same */
	uint64_t *noted;	       /* pages that may have pointers to modules, in order */
	size_t noted_count, noted_capacity;
	struct address_set distinct; /* different exports of a run */
	struct text low;	     /* a DLL's name in lower case */
	size_t near_looks;	     /* looks for names around slots of this area so far */
};

/* Rebuilding the list of one area. */
struct rebuilding {
	struct rebuilt *rebuilt;
	struct rebuild_scratch *scratch;
	const struct export_map *map;
	const struct rebuild_memory *memory;
	const struct rebuild_area *area; /* NULL: private data */
	const struct pe *pe;		 /* NULL: no headers */
	unsigned int pointer_size;
	bool imports;	/* the import directory declares imports ... */
	bool directory; /* ... and its slots could be read */
	enum linker linker;
	uint64_t start, end;	     /* what is searched */
	uint64_t iat_start, iat_end; /* the address table that the header names; equal: none */
	uint64_t page;		     /* number + 1 of the page that rebuild_slot() read last */
	const uint8_t *page_bytes;
	size_t page_available;
};

/*
 * Counts work against the budget. Returns false when that is used up: then rebuilt->cut says so,
 * and the caller stops.
 */
static inline bool rebuild_spend(const struct rebuilding *r, uint64_t steps)
{
	if (budget_spend(r->memory->budget, steps))
		return true;
	r->rebuilt->cut = "looking for the imports of this process takes too long: stopped";
	return false;
}

/* Notes that there is more than a list may have. */
static inline void rebuild_too_many(const struct rebuilding *r)
{
	if (!r->rebuilt->cut)
		r->rebuilt->cut = "more imports than any program has";
}

/* --- area.c: what is searched --- */

/*
 * Returns the first address from `address` on whose page may be present; `end` when there is none.
 */
static inline uint64_t rebuild_present(const struct rebuilding *r, uint64_t address, uint64_t end)
{
	if (!r->memory->present || address >= end)
		return address;
	return r->memory->present(r->memory, address, end);
}

/* Does a value lead into the area itself? */
static inline bool rebuild_is_own(const struct rebuilding *r, uint64_t value)
{
	return r->area && value - r->area->base < r->area->size;
}

/* Copies bytes of the process. Returns false when any of them is not present. */
bool rebuild_read(struct rebuilding *r, uint64_t address, void *buffer, size_t size);

/* Reads the pointer at `address`. Returns false when it is not present. */
bool rebuild_slot(struct rebuilding *r, uint64_t address, uint64_t *value);

/* Finds out what made the module. */
enum linker rebuild_find_linker(struct rebuilding *r);

/* Returns the number of the section of an address; UINT32_MAX: none, or unknown. */
uint32_t rebuild_section(const struct rebuilding *r, uint64_t address);

/* Returns the steps that finding the section of an address counts. */
uint64_t rebuild_section_steps(const struct rebuilding *r);

/*
 * Does a slot stand as that of a module's only import: with a zero behind it, in a section for
 * constants or for imports, not among data?
 */
bool rebuild_stands_alone(struct rebuilding *r, uint64_t slot);

/* Adds a range of known slots. Once all are added sort them; only then ask for them. */
void rebuild_add_known(struct rebuilding *r, uint64_t start, uint64_t end);
void rebuild_sort_known(struct rebuild_scratch *scratch);

/* Returns the number of the first range of known slots that ends behind `address`. */
size_t rebuild_first_known(const struct rebuild_scratch *scratch, uint64_t address);

/* Is the slot at `address` known? */
bool rebuild_is_known(const struct rebuild_scratch *scratch, uint64_t address);

/* --- rebuilt.c: the result --- */

/*
 * Empties `rebuilt` and begins with an area. Returns false when it is none, or the budget is used
 * up.
 */
bool rebuild_begin(struct rebuilding *r, struct rebuilt *rebuilt, const struct export_map *map,
		   const struct rebuild_memory *memory, const struct rebuild_area *area);

/*
 * Begins with a piece of private data, whose tables are added to those in `rebuilt`. Returns false
 * when it is none, or when `rebuilt` is cut.
 */
bool rebuild_begin_private(struct rebuilding *r, struct rebuilt *rebuilt,
			   const struct export_map *map, const struct rebuild_memory *memory,
			   uint64_t start, uint64_t size);

/* Adds an entry, unknown so far, and returns it. It is valid until the next one is added. */
struct rebuilt_entry *rebuild_add(struct rebuilding *r, uint64_t address, uint64_t value);

/* Names an entry. `name` NULL: it is an import by `ordinal`. */
void rebuild_set_name(struct rebuilding *r, struct rebuilt_entry *entry, const char *dll,
		      const char *name, uint32_t ordinal);

/* Returns the number that the next group of entries has. */
uint32_t rebuild_next_group(const struct rebuilding *r);

/* Makes a table of the entries from number `first` on, and returns it. */
struct rebuilt_table *rebuild_add_table(struct rebuilding *r, size_t first);

/* --- trampoline.c --- */

/*
 * Returns the address of the export that a slot's value leads to, directly or by some jumps; 0:
 * none.
 */
uint64_t rebuild_target(struct rebuilding *r, uint64_t value);

/* --- code.c --- */

/* Finds the slots that the area's code uses: `called` of the scratch. */
void rebuild_find_called(struct rebuilding *r);

/* Is a slot one of those? */
bool rebuild_is_called(const struct rebuilding *r, uint64_t slot);

/* --- runs.c --- */

/* Makes a run of the address table that the header names, if it looks like one. */
void rebuild_take_header_table(struct rebuilding *r);

/*
 * Adds the runs of all slots of the area whose address is `phase` more than a multiple of the
 * pointer size, by address. With a phase the pages are not counted again.
 */
void rebuild_find_runs(struct rebuilding *r, unsigned int phase);

/* --- naming.c --- */

/*
 * Adds the entries of a run as a table of their own: each with its DLL and name, where it has one.
 */
void rebuild_name_run(struct rebuilding *r, const struct slot_run *run, enum rebuilt_source source);

/* --- directory.c --- */

/* Adds the entries of the import directory, and makes them known. */
void rebuild_take_directory(struct rebuilding *r);

/* Makes delay-load tables known, and sets `iat_start` and `iat_end`. */
void rebuild_read_headers(struct rebuilding *r);

/* --- tables.c --- */

/* Finds the tables of the area, except for what is known: `runs` of the scratch. */
void rebuild_find_tables(struct rebuilding *r);

/* --- others.c --- */

/* Adds those tables of area->others to which the area refers. */
void rebuild_take_others(struct rebuilding *r);

/* --- candidate_lists.c --- */

/* Makes the lists of rebuilt->lists from its tables, and sets rebuilt->differs. */
void rebuild_lists(struct rebuilding *r);

#endif
