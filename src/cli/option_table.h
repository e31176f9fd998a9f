/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One table describes every option once: parsing, --help and what an option is good for are made
 * from it.
 */
#ifndef CLI_OPTION_TABLE_H
#define CLI_OPTION_TABLE_H

#include <stdbool.h>
#include <stddef.h>

/* Values beyond any character: options that have no short form. */
enum {
	OPTION_BEST = 256,
	OPTION_DEEP,
	OPTION_ONLY,
	OPTION_INFO,
	OPTION_REGIONS,
	OPTION_IMPORTS,
	OPTION_PROFILE,
	OPTION_PROFILE_DIR,
	OPTION_LIST_PROFILES,
	OPTION_PAGEFILE,
	OPTION_INFER,
	OPTION_PROFILE_OUT,
	OPTION_IMPORT_SYMBOLS,
	OPTION_BUILD,
	OPTION_DTB,
	OPTION_KERNEL,
	OPTION_PRINT_HASHES,
	OPTION_MIN_IMPORTS,
	OPTION_PASSWORD,
	OPTION_LABEL,
	OPTION_MEMORY,
	OPTION_UNPACK,
	OPTION_FORMAT,
	OPTION_PROCESSES,
	OPTION_IMAGE,
	OPTION_DESCRIBE,
	OPTION_TREE,
	OPTION_COLOR,
	OPTION_STACK,
	OPTION_CLUSTER,
	OPTION_GRAPH,
	OPTION_PART,
	OPTION_JOIN,
	OPTION_NO_SANDBOX,
};

/* What a run is for, as bits. */
enum mode {
	MODE_LIST = 1 << 0,
	MODE_SEARCH = 1 << 1,
	MODE_REGIONS = 1 << 2,
	MODE_IMPORTS = 1 << 3,
	MODE_INFO = 1 << 4,
	MODE_LAYOUT = 1 << 5,	/* --profile-out and nothing else */
	MODE_HASHES = 1 << 6,	/* of files */
	MODE_PROFILES = 1 << 7, /* --list-profiles */
	MODE_SYMBOLS = 1 << 8,	/* --import-symbols */
	MODE_PROCESSES = 1 << 9,
	MODE_SAVED_LIST = 1 << 10, /* of saved rows, -r */
	MODE_SAVED_SEARCH = 1 << 11,
	MODE_STACK = 1 << 12,
	MODE_CLUSTER = 1 << 13,
	MODE_SAVED_STACK = 1 << 14,
	MODE_SAVED_CLUSTER = 1 << 15,
};

#define MODES_MODULES	 (MODE_LIST | MODE_SEARCH)
#define MODES_ROWS	 (MODES_MODULES | MODE_REGIONS | MODE_IMPORTS)
#define MODES_MANY	 (MODE_STACK | MODE_CLUSTER)
#define MODES_IMAGE	 (MODES_ROWS | MODE_INFO | MODE_LAYOUT | MODE_PROCESSES | MODES_MANY)
#define MODES_SAVED	 (MODE_SAVED_LIST | MODE_SAVED_SEARCH)
#define MODES_SAVED_MANY (MODE_SAVED_STACK | MODE_SAVED_CLUSTER)
#define MODES_CLUSTER	 (MODE_CLUSTER | MODE_SAVED_CLUSTER)
#define MODES_ALL \
	(MODES_IMAGE | MODE_HASHES | MODE_PROFILES | MODE_SYMBOLS | MODES_SAVED | MODES_SAVED_MANY)

/* What an option does to struct options. */
enum option_type {
	OPTION_SETS,   /* makes a bool true */
	OPTION_TAKES,  /* a const char * is its argument */
	OPTION_ADDS,   /* its argument is added to a struct arguments */
	OPTION_PARSED, /* see parse() of options.c */
	OPTION_PLACED, /* belongs to an image, or is one: see evidence.h */
};

/* One option. */
struct option_row {
	int key; /* the short option's character, or one of the above */
	const char *name;
	const char *argument; /* NULL: takes none */
	unsigned int modes;   /* those in which it changes something */
	bool many;	      /* may be given more than once */
	enum option_type type;
	size_t offset; /* in struct options; 0 for OPTION_PARSED and OPTION_PLACED */
	const char *help;
};

#define OPTION_COUNT 52

extern const struct option_row option_table[OPTION_COUNT];

/* How an option is called in a sentence: "-a" or "--info". Returns `name`, where it is written. */
const char *option_name(const struct option_row *row, char name[32]);

/* How the mode of the lowest bit set is called in a sentence. */
const char *mode_name(unsigned int modes);

#endif
