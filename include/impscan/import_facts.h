/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Facts about how programs import: which names they use, which DLLs they are linked against, and
 * how Microsoft's linker orders an import directory. Memory doesn't tell these; counting over
 * programs does. The numbers stand in src/exports/facts/, whose README.md says where they are from.
 *
 * DLL names are lower case, with their extension ("kernel32.dll"); those of API sets too.
 *
 * Room: exports.
 */
#ifndef IMPSCAN_IMPORT_FACTS_H
#define IMPSCAN_IMPORT_FACTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Returns how often programs import this name, in units that only compare names which share one
 * address: more is more. 0: not seen.
 */
unsigned int import_name_weight(const char *name);

/* Returns how often programs are linked against this DLL, in such units; 0: not seen. */
unsigned int import_dll_weight(const char *dll);

/*
 * Returns whether programs name this function, which has a name, by its ordinal. `microsoft`: they
 * are linked against Microsoft's import libraries.
 */
bool import_by_ordinal(const char *dll, uint32_t ordinal, bool microsoft);

/*
 * Returns imports that are the same function as another one: lines of an import, a blank and the
 * one that stands for it and all others of the same function. An import is the name of a function
 * in lower case, or "comctl32.ord17". No line's second import is the first one of another.
 *
 * length: becomes that of the text, in bytes.
 */
const char *import_aliases(size_t *length);

#define IMPORT_SETS_MAX 8 /* API sets of one function */

struct import_set {
	uint16_t number;
	uint16_t seen; /* programs that import the function from it, of those that were counted */
};

/*
 * Finds the API sets that offer a function by this name ("WaitOnAddress").
 *
 * sets: becomes them by ascending numbers, at most IMPORT_SETS_MAX.
 *
 * Returns how many there are.
 */
size_t import_sets_of(const char *function, struct import_set sets[IMPORT_SETS_MAX]);

/*
 * Writes the name of API set number `set` as an import directory has it
 * ("api-ms-win-core-synch-l1-2-0.dll") to `name`. Returns false when there is no such set, or no
 * room.
 */
bool import_set_name(uint16_t set, char *name, size_t size);

/*
 * An import directory by Microsoft's linker: the names of its DLLs, in its order, between spaces.
 * The linker takes kernel32.dll and KERNEL32.dll for two DLLs with tables of their own; here the
 * one whose tables lie behind the other's has "/2" behind its name.
 */
struct import_directory {
	unsigned int count; /* programs that have it */
	const char *dlls;
	size_t length; /* bytes */
};

/*
 * Gives the directories one after the other. `directory` is all zero for the first; false: there
 * are no more.
 */
bool import_directory_next(struct import_directory *directory);

#endif
