/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside the match room: the import lists of samples.
 */
#ifndef IMPSCAN_MATCH_SAMPLE_IMPORTS_H
#define IMPSCAN_MATCH_SAMPLE_IMPORTS_H

#include <impscan/hash_table.h>
#include <impscan/sample.h>
#include <impscan/sample_imports.h>

/* A function as a sample imports it. Names are offsets in the text of struct sample_imports. */
struct symbol {
	uint32_t dll;
	uint32_t name;	  /* NO_NAME: it is imported by ordinal */
	uint32_t part;	  /* "" where lists leave it out */
	uint32_t next;	  /* 1 + the next symbol of this name or ordinal; 0: none */
	uint32_t ordinal; /* without a name */
	uint32_t last;	  /* 1 + the list that has it last; while lists are added */
	uint32_t start;	  /* of its lists, in `postings` */
};
#define NO_NAME UINT32_MAX

/* The import list of a sample. */
struct sample_list {
	uint32_t entry;	     /* number of its imphash in the set; its impfuzzy is the next one */
	uint32_t head;	     /* of the entries with that imphash, once sealed */
	uint32_t fuzzy_head; /* of those with its impfuzzy */
	uint32_t first;	     /* of its symbols, in `positions` */
	uint32_t count;
};

/* A symbol's number in `positions`, with a bit for the first one of a descriptor. */
#define POSITION_FIRST	(1u << 31)
#define POSITION_SYMBOL (POSITION_FIRST - 1)

/* All import lists of a set. */
struct sample_imports {
	struct text text; /* names, each with its NUL */
	struct hash_table names;
	struct symbol *symbols;
	size_t symbol_count, symbol_capacity;
	struct hash_table by_import; /* symbols by DLL and name */
	struct hash_table by_name;   /* the first symbol of each name or ordinal */
	uint32_t *positions;
	size_t position_count, position_capacity;
	struct sample_list *lists;
	size_t list_count, list_capacity;
	struct hash_table by_imphash; /* lists */
	size_t left_out;
	/* Once sealed: which lists have a symbol, postings[start] to before the next symbol's. */
	uint32_t *postings;
	size_t posting_count;
	uint32_t longest; /* imports of the longest list */
};

/*
 * Adds the import list of a sample to `imports`, which is made where it is NULL, unless there is
 * one with its imphash.
 *
 * entry: number of its imphash in the set; its impfuzzy is the next one
 */
void sample_imports_add(struct known *known, const struct sample *sample, size_t entry);

/* Makes the set's lists ready to be searched, after its index was built. */
void sample_imports_seal(struct known *known);
void sample_imports_free(struct sample_imports *imports); /* NULL is fine */

#endif
