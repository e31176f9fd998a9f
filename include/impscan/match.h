/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Known hashes, from samples, lists and the command line, and which of them a module resembles.
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
#include <impscan/imports.h>

/* A set of known hashes, imphash and impfuzzy mixed, each with a name. */
struct known;

struct known *known_new(void);
void known_free(struct known *known);
DEFINE_CLEANUP(struct known, known_free)
#define _cleanup_known_ _cleanup_(known_free_p)

/*
 * Adds one hash: 32 hex digits are an imphash (either case), BLOCKSIZE:PART:PART an impfuzzy,
 * optionally followed by the hash of the other kind, which makes both one sample, and by a name
 * (after space, tab or comma; ssdeep's `,"file name"` too). Where the text gives no name, `name` is
 * taken; where that is NULL, the hash itself. `length` bytes of `text`, without a newline. Fails
 * with a sentence on anything else. A hash of an empty import list ("3::", MD5 of nothing) is taken
 * and never matches.
 */
struct error *known_add(struct known *known, const char *text, size_t length, const char *name);

/*
 * Adds the hashes of a sample; empty ones are left out. Both together are found as one match, the
 * better of the two. Fails only when the set is full (134 million hashes).
 */
struct error *known_add_hashes(struct known *known, const struct hashes *hashes, const char *name);

/*
 * Adds a list: a hash a line, blank lines and lines that begin with # passed over; CRLF and a
 * byte order mark are fine, and so are the first line of an ssdeep file and our own CSV form (a
 * header line with the fields imphash or impfuzzy; a row's name is its path, or else its module;
 * empty hashes are left out). `path` "-" is standard input. A line that is no hash ends it with an
 * error that names the file and the line; what came before it stays in the set.
 */
struct error *known_add_list(struct known *known, const char *path);

/* How many hashes there are. */
size_t known_count(const struct known *known);

/* Makes it ready for known_find(); after that nothing may be added. */
void known_seal(struct known *known);

/* Is there a hash that can match, in a sealed set? Those of empty import lists can't. */
bool known_can_match(const struct known *known);

/*
 * Are the impfuzzy hashes added as number `from` and later more likely ssdeep's of whole files, as
 * half of them or more have a block size (384 or more) that no import list comes to? Only those
 * without an imphash beside them are looked at: `*impfuzzy` is how many, `*large` how many of these
 * have such a block size.
 */
bool known_looks_like_files(const struct known *known, size_t from, size_t *impfuzzy,
			    size_t *large);

/* How many entries of a sealed set every .NET program or library matches, by what it imports. */
size_t known_dotnet(const struct known *known);

struct match {
	const char *name; /* the sample or list entry; owned by the set */
	const char *hash; /* the known hash as text; owned by the set */
	int score;	  /* 0-100; 100 for an equal imphash */
	uint8_t list;	  /* number of our list that matched it best; 0 from known_find() */
	bool rebuilt;	  /* that is a rebuilt list: not number 0 */
	bool by_impfuzzy; /* which of ours matched it */
	size_t order;	  /* rises in the order added; both hashes of a sample have the same */
};

/* What known_find() found. All zero to begin with; one for each thread. */
struct matches {
	struct match *items;
	size_t count;
	size_t capacity;
	struct known_scratch *scratch; /* known_find()'s own, kept from search to search */
};

/*
 * All entries that resemble `hashes`: equal imphash, or an impfuzzy score (libfuzzy's
 * fuzzy_compare()) of at least `threshold` (0-100; 0 still needs a score above 0). Replaces what is
 * in `matches`; highest score first, then in the order added. The same rows and scores as
 * comparing with every entry, but one row for the two hashes of a sample (an equal imphash before
 * an impfuzzy of the same score). Any number of threads may search a sealed set.
 */
void known_find(const struct known *known, const struct hashes *hashes, int threshold,
		struct matches *matches);

/*
 * What several import lists of one module resemble, not yet spread out into matches: a few bytes for
 * each known hash that was hit, however many entries have it. Immutable and counted; NULL: nothing.
 */
struct hits;

/*
 * Adds what `hashes` resemble, see known_find(), as list number `list` (0-255) of a module, to
 * `before`, whose reference it takes. Returns a reference. `scratch` is the thread's; its matches are
 * left alone.
 */
struct hits *known_hits(const struct known *known, const struct hashes *hashes, int threshold,
			unsigned int list, struct matches *scratch, struct hits *before);
struct hits *hits_ref(struct hits *hits);
void hits_unref(struct hits *hits);

/* Bytes of memory that they take. */
size_t hits_memory(const struct hits *hits);

/*
 * The matches of hits, replacing what is in `matches`: one for each entry, by the list that scores
 * best with it (of several the first); sorted as known_find() sorts.
 */
void known_matches(const struct known *known, const struct hits *hits, struct matches *matches);
void matches_free(struct matches *matches);
#define _cleanup_matches_ __attribute__((cleanup(matches_free)))

/* A sample file and its hashes. */
struct sample {
	char *path;
	enum imports_status status;
	char reason[160];
	size_t imports;
	struct hashes hashes;
};

/*
 * The files to be read for `path`: itself, or every regular file below it (symbolic links to files
 * are followed, to folders not), sorted by path. Fails when `path` can't be read; a folder below it
 * that can't be is passed over with a line in `warnings` (may be NULL), made fit to print.
 */
struct error *samples_list(const char *path, char ***ret, size_t *count, struct text *warnings);
void samples_list_free(char **paths, size_t count);

/*
 * Hashes one file; what is no PE has status IMPORTS_NOT_PE, one that can't be opened
 * IMPORTS_UNREADABLE. `scratch` is reused memory, its content of no interest.
 */
void sample_read(struct sample *sample, const char *path, struct imports *scratch);
void sample_free(struct sample *sample);

#endif
