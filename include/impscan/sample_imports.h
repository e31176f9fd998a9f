/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What samples import, and comparing it with the import slots of a module by addresses.
 *
 * A module's rebuilt list has to guess what memory does not tell: by which of several names of one
 * address a function was imported, through which API set, in which order the DLLs stood. A sample
 * file tells all of that. So its imports are resolved in the process, as the loader would, and
 * where the addresses are those in the module's slots, the sample explains them.
 *
 * Who resolves imports is not here: the caller tells which imports of samples lead to which
 * address.
 *
 * Words:
 *
 * symbol	a function as a sample imports it: DLL and name, or DLL and ordinal. All samples of a
 *		set share one numbered table of symbols.
 * part		what a list has for one import, "kernel32.createfilew"
 * explained	of a slot: the sample imports what it leads to
 *
 * Room: match.
 */
#ifndef IMPSCAN_SAMPLE_IMPORTS_H
#define IMPSCAN_SAMPLE_IMPORTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <impscan/budget.h>
#include <impscan/match.h>
#include <impscan/sample.h>
#include <impscan/text.h>

/*
 * Adds a sample with its hashes, as known_add_hashes() does, and its import list, where it has one
 * with entries. Of samples with one imphash the list is kept once.
 *
 * Fails as known_add_hashes().
 */
struct error *known_add_sample(struct known *known, const struct sample *sample);

/* Limits of the import lists of a set. */
#define SAMPLE_SYMBOLS_MAX   (1u << 20)
#define SAMPLE_POSITIONS_MAX (1u << 24)	  /* imports of all lists together */
#define SAMPLE_IMPORTS_MAX   (1u << 16)	  /* imports of one list */
#define SAMPLE_TEXT_MAX	     (256u << 20) /* bytes of all names */

/* Returns how many samples have no import list in the set, since it would pass one of the limits. */
size_t known_left_out(const struct known *known);

/* Returns how many symbols there are: they have the numbers below it. 0: no sample has imports. */
size_t known_symbols(const struct known *known);

#define NO_SYMBOL UINT32_MAX

/*
 * Returns the first symbol of a sealed set that has this name, in whatever DLL; with `name` NULL,
 * the first that is imported by `ordinal`. Returns NO_SYMBOL when there is none.
 * known_symbol_next() returns the next one.
 */
uint32_t known_symbol_first(const struct known *known, const char *name, uint32_t ordinal);
uint32_t known_symbol_next(const struct known *known, uint32_t symbol);

/* Returns the DLL of a symbol as the sample has it. Belongs to the set. */
const char *known_symbol_dll(const struct known *known, uint32_t symbol);

#define NO_ADDRESS UINT32_MAX

/* One import slot of a module. */
struct module_slot {
	uint32_t address; /* number of the address that it leads to, from 0; NO_ADDRESS: unknown */
	uint32_t run;	  /* slots that lie behind each other have the same number */
	uint32_t group;	  /* ... and those that rebuilding took for one DLL's */
	uint32_t part;	  /* offset in `parts`: its part under the name that rebuilding gave it */
};

/* Which symbol leads to which address. */
struct symbol_address {
	uint32_t address; /* its number */
	uint32_t symbol;
};

/* The slots of a module of which one list is made. All zero to begin with. */
struct module_slots {
	struct module_slot *items; /* in the order of the address tables */
	size_t count, capacity;
	uint32_t *order; /* numbers of all slots, in the order of the rebuilt list */
	size_t order_count, order_capacity;
	struct text parts;		/* each with its NUL; "" where lists leave the import out */
	size_t addresses;		/* how many different addresses */
	struct symbol_address *symbols; /* sorted by address; none twice */
	size_t symbol_count, symbol_capacity;
};

void module_slots_clear(struct module_slots *slots); /* keeps the memory */
void module_slots_free(struct module_slots *slots);

/*
 * Compares a module with the samples of a sealed set: with each that shares at least three
 * quarters as many addresses with it as a score of `threshold` takes, or that is among `before`.
 *
 * Each sample is compared with a list of all slots: what it explains has its names; what it does
 * not explain keeps the rebuilt ones, and so does a group of slots of which no single DLL of the
 * sample explains at least half. Where it explains nearly all of them (EXPLAINED_MOST), and has
 * hardly more imports and other DLLs than those, the DLLs stand in its order, else in the order of
 * the rebuilt list: programs of one toolchain have the same start-up code, and must not resemble
 * each other more than their files do. A slot that is not explained stays with those before it. The
 * score is that of this list's impfuzzy with the sample's, and 100 where the list is the sample's.
 *
 * Where that is so of any sample, the module's list is known for certain, and the others score what
 * their files score with that sample.
 *
 * budget: the work is counted; when it is used up, samples are missing.
 * scratch: the thread's.
 * before: what other lists of the module match; a reference, which is taken over. The impfuzzy
 *	matches of rebuilt lists with samples that were compared are taken out.
 * exact: becomes whether the module has the list of a sample.
 * left: becomes why not all samples were compared, the end of a sentence about that; or NULL.
 *
 * Returns a reference, or NULL. The matches have the list number MATCH_RESOLVED.
 */
struct hits *known_explain(const struct known *known, const struct module_slots *slots,
			   int threshold, struct budget *budget, struct matches *scratch,
			   struct hits *before, bool *exact, const char **left);

#define EXPLAINED_MOST 90 /* per cent */

#endif
