/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Known hashes, and which of them a module's hashes resemble. Known hashes come from sample files,
 * from lists and from the command line. A set is filled, then sealed, then searched.
 *
 * Room: match.
 */
#ifndef IMPSCAN_MATCH_H
#define IMPSCAN_MATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <impscan/error.h>
#include <impscan/hash.h>

/* A set of known hashes, of all types mixed, each with a name. */
struct known;

/* Returns an empty set. */
struct known *known_new(void);
void known_free(struct known *known);
DEFINE_CLEANUP(struct known, known_free)
#define _cleanup_known_ _cleanup_(known_free_p)

/*
 * Adds one hash, or several hashes of one sample.
 *
 * text: 32 hex digits in either case are an imphash, BLOCKSIZE:PART:PART is an impfuzzy, and the
 *	same behind a prefix (hash_type_prefix()) a hash of that type; 64 hex digits are a
 *	typerefhash or a gimphash, with the prefix the one that it says. Hashes of other types may
 *	follow, which makes all one sample; then a name, after a space, tab or comma, also as ssdeep
 *	writes it (,"file name").
 * length: bytes of `text`, without a newline.
 * name: the name where the text has none; NULL: the hash itself is its name.
 *
 * Fails when the text is anything else. The hash of an empty import list ("3::", the MD5 of
 * nothing) is added, but never matches.
 */
struct error *known_add(struct known *known, const char *text, size_t length, const char *name);

/*
 * Adds the hashes of a sample; empty ones are left out. They are found as one match, by the one
 * that scores best. Fails only when the set is full (134 million hashes).
 */
struct error *known_add_hashes(struct known *known, const struct hashes *hashes, const char *name);

/* Why something of a list is left out. */
enum list_left {
	LIST_LEFT_EMPTY,     /* rows without a hash, or with one that means nothing */
	LIST_LEFT_EQUAL,     /* the same hashes with the same name as before */
	LIST_LEFT_FILE_HASH, /* hashes of files, not of import lists */
	LIST_LEFT_EXCLUDED,  /* what a rule excludes */
	LIST_LEFT_UNNAMED,   /* what no condition of its rule uses */
	LIST_LEFT_UNDECIDED, /* what a rule may want or exclude: its condition does not tell */
	LIST_LEFT_PARTIAL,   /* beginnings of hashes, as rules have them */
	LIST_LEFT_DELETED,   /* attributes of MISP that were deleted */
	LIST_LEFT_UNREAD,    /* lines or values that are not understood */
	LIST_LEFT_KINDS,
};

/* Returns what it is called behind a number: "hashes of files". */
const char *list_left_name(enum list_left left);

/* What became of a list. All zero to begin with; release it with list_report_free(). */
struct list_report {
	struct text form;	  /* what it was read as: "MISP event (JSON)" */
	size_t taken[HASH_TYPES]; /* hashes of each type that were taken */
	size_t either;		  /* typerefhash or gimphash: nothing says which */
	size_t left[LIST_LEFT_KINDS];
	size_t not_for_detection; /* of those taken: MISP has to_ids false */
	size_t fuzzy;		  /* impfuzzy hashes without an imphash beside them ... */
	size_t fuzzy_large;	  /* ... and those of them that look like hashes of files */
	bool nothing;		  /* there was nothing in it but blanks and comments */
	struct text lines;	  /* what is to be told: sentences, fit to print, a line each */
};

void list_report_free(struct list_report *report);
#define _cleanup_list_report_ __attribute__((cleanup(list_report_free)))

/*
 * Sets the password of the packed lists that are added, tried before "infected"; NULL: none. It
 * stays the caller's, and must outlive their adding.
 */
void known_set_password(struct known *known, const char *password);

/*
 * Adds a list of hashes in any of the forms that src/match/list.c names, which is recognised by its
 * content. A hash with the name that it has already is not added again.
 *
 * path: "-" is standard input.
 * report: is filled, also where the list fails; NULL: not wanted.
 *
 * Fails when the list can't be read, has no form that is known, or when nothing of it could be
 * taken although there was something in it; a plain list also at the first line that is no hash.
 * What came before an error stays in the set.
 */
struct error *known_add_list(struct known *known, const char *path, struct list_report *report);

/* Returns the number of hashes in the set. */
size_t known_count(const struct known *known);

/* Builds the index of the set. Needed before searching; afterwards nothing may be added. */
void known_seal(struct known *known);

/* Tells whether a sealed set has a hash that can match: one of an import list that is not empty. */
bool known_can_match(const struct known *known);

/* Tells whether there is an impset in the set: those of modules are needed for no other set. */
bool known_has_impset(const struct known *known);

/*
 * Tells whether the impfuzzy hashes are more likely ssdeep hashes of whole files: at least half of
 * them have a block size of 384 or more, which no import list has. Hashes with an imphash beside
 * them are not looked at.
 *
 * from: the number of the first hash to be looked at, in the order added.
 * impfuzzy: returns how many were looked at.
 * large: returns how many of these have such a block size.
 */
bool known_looks_like_files(const struct known *known, size_t from, size_t *impfuzzy,
			    size_t *large);

/*
 * Returns how many hashes of a sealed set are those of every .NET program or library, which import
 * one function only.
 */
size_t known_dotnet(const struct known *known);

/*
 * Returns what is to be said of a match with the import list of these hashes: that every program
 * made with some tool has it. NULL: nothing.
 */
const char *match_note(const struct hashes *hashes);

/* What is to be said of one with the import list of a program by Go. */
extern const char match_note_go[];

/*
 * Returns what is said of number `number` of the hashes that many programs have, and how many
 * entries of a sealed set are equal to it; NULL when there are no more.
 */
const char *known_common(const struct known *known, size_t number, size_t *count);

/* A known hash that a module resembles. */
struct match {
	const char *name;    /* the sample or list entry; owned by the set */
	const char *comment; /* what the list says of it beside, "" for nothing; owned by the set */
	const char *hash;    /* the known hash as text; owned by the set */
	int score;	     /* 0-100; 100 for an equal imphash */
	uint8_t list;	     /* number of the module's list that scores best; 0 from known_find() */
	bool rebuilt;	     /* that list is a rebuilt one: not number 0 */
	bool resolved;	     /* ... with the sample's names: see sample_imports.h */
	enum hash_type type; /* the module's hash that matched */
	int beside;	     /* by impset: the score of the sample's best other hash; 0: none hit */
	size_t order;	     /* rises in the order added; the same for all hashes of a sample */
};

/* The number of a list that was made of a module's slots with the names of a sample. */
#define MATCH_RESOLVED 255

/* The matches of one search. All zero to begin with; one for each thread. */
struct matches {
	struct match *items;
	size_t count;
	size_t capacity;
	struct known_scratch *scratch; /* the room's own memory, reused by each search */
};

/*
 * Finds all known hashes that resemble `hashes`: those with an equal imphash, typerefhash (in
 * either order) or gimphash, or with a score of at least the threshold by another type. Rows and
 * scores are the same as those of comparing with each known hash by libfuzzy's fuzzy_compare().
 *
 * known: a sealed set, which any number of threads may search.
 * threshold: 0-100; 0 still needs a score above 0.
 * matches: replaced; highest score first; of equal ones those by names of types or functions
 *	first and those by impset last, those of them first
 *	that `beside` is highest of; then in the order added. A sample with several hashes is one
 *	match; of equal scores that by imphash, or else by impfuzzy. Where a sample matches by the
 *	names of types or functions, its import list, which is the runtime's, does not count.
 */
void known_find(const struct known *known, const struct hashes *hashes, int threshold,
		struct matches *matches);

/*
 * The known hashes that the import lists of one module resemble, before a match is made for each
 * entry that has such a hash. It takes a few bytes for each hash, however many entries have it.
 * Immutable, with a count of references. NULL: none.
 */
struct hits;

/*
 * Searches for `hashes` as known_find() does, and adds the result to `before`.
 *
 * list: the number of the module's list that `hashes` are of, 0-254; 0 is the declared list.
 * scratch: the thread's; its matches are left alone.
 * before: NULL, or a reference, which is taken over.
 *
 * Returns a reference, or NULL.
 */
struct hits *known_hits(const struct known *known, const struct hashes *hashes, int threshold,
			unsigned int list, struct matches *scratch, struct hits *before);

/* Returns one more reference. NULL is fine. */
struct hits *hits_ref(struct hits *hits);

/* Releases a reference. NULL is fine. */
void hits_unref(struct hits *hits);

/* Returns how many bytes of memory they take. */
size_t hits_memory(const struct hits *hits);

/*
 * Makes one match for each entry that has a hash that was hit, by the list that scores best with it
 * (of several the first).
 *
 * matches: replaced; sorted as by known_find().
 */
void known_matches(const struct known *known, const struct hits *hits, struct matches *matches);

/* Releases matches and their scratch memory. */
void matches_free(struct matches *matches);
#define _cleanup_matches_ __attribute__((cleanup(matches_free)))

#endif
