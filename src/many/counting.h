/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside the many room: what a tally keeps.
 */
#ifndef MANY_COUNTING_H
#define MANY_COUNTING_H

#include <impscan/tally.h>
#include <impscan/text.h>

#include "many/texts.h"

/* What the hashes of a list are of. */
enum list_kind {
	LIST_IMPORTS,
	LIST_TYPES,
	LIST_FUNCTIONS,
	LIST_KINDS,
};

/* "imports", "types", "functions" */
extern const char *const list_kind_names[LIST_KINDS];

/* Returns the type of a kind's exact hash, or of the one of ssdeep's form. */
enum hash_type list_exact_type(enum list_kind kind);
enum hash_type list_fuzzy_type(enum list_kind kind);

/* A list that is not weak; its number is that of its text. */
struct list {
	enum list_kind kind;
	size_t modules;		   /* that have it */
	size_t first;		   /* number of the first entry with it */
	const char *exact, *fuzzy; /* in `texts`; not terminated: */
	size_t exact_length, fuzzy_length;
};

/* All hashes of a module. */
struct hash_set {
	uint32_t
		lists[2]; /* of `tally.lists`: the declared and the rebuilt one that are not weak */
	unsigned int list_count;
	bool few, common; /* there is a weak list, for its length, or since many programs have it */
	size_t imports, rebuilt_imports, typerefs, go_functions;
	enum imports_status status;
	bool dotnet, go, by_go;
	/* The best match that rows had already. */
	char *match;
	enum row_matched matched;
	unsigned int score;
};

/* A module's name, in any case. */
struct module_name {
	size_t entries;
};

/* A distinct module: a name and a set of hashes. */
struct entry {
	uint32_t name, set;
	uint32_t first_image, last_image;
	uint32_t *processes; /* that have one, in the order met */
	size_t process_count, process_capacity;
	size_t modules;
	unsigned int flags;
	unsigned int found_in; /* of the first */
	bool nameless;	       /* it is injected code */
	uint32_t pid;
	uint64_t eprocess, base, size;
	char *texts; /* the first's module, path and process, a NUL behind each */
};

struct tally {
	size_t min_imports;
	struct texts images, names, sets, lists;
	struct module_name *names_info;
	struct hash_set *sets_info;
	struct list *lists_info;
	size_t names_capacity, sets_capacity, lists_capacity;
	struct pairs entry_numbers;   /* name and set */
	struct pairs process_numbers; /* image and PID; EPROCESS */
	struct entry *entries;
	size_t entry_count, entry_capacity;
	uint32_t *process_images; /* by number of the process */
	size_t process_count, process_capacity;
	size_t modules, unread, few, common, stacks;
	/* The row before. */
	bool any;
	uint32_t image, process;
	uint32_t pid;
	uint64_t eprocess, base;
	uint32_t entry;
	struct text key;
};

/* The texts of an entry. */
static inline const char *entry_module(const struct entry *entry)
{
	return entry->texts;
}

const char *entry_path(const struct entry *entry);
const char *entry_process(const struct entry *entry);

/* Writes the hashes of a set into those of a declared and a rebuilt list. */
void hash_set_hashes(const struct tally *tally, uint32_t set, struct hashes *declared,
		     struct hashes *rebuilt);

/* For counting machines and processes of several entries, each once. */
struct counter {
	const struct tally *tally;
	uint32_t *processes, *images; /* the round in which each was counted last */
	uint32_t round;
	size_t process_count, image_count; /* in this round */
};

void counter_init(struct counter *counter, const struct tally *tally);
void counter_free(struct counter *counter);
#define _cleanup_counter_ __attribute__((cleanup(counter_free)))

/* Begins to count from nothing. */
void counter_start(struct counter *counter);
void counter_add(struct counter *counter, const struct entry *entry);

#endif
