/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The import hashes, imphash, impfuzzy and impset, of an import list in its hashed form: a string
 * like "kernel32.createfilew,kernel32.closehandle"; and hashes of other lists of names, where the
 * import list tells nothing. Where a list comes from does not matter here.
 *
 * Room: hash.
 */
#ifndef IMPSCAN_HASH_H
#define IMPSCAN_HASH_H

#include <stdbool.h>
#include <stddef.h>

#include <impscan/text.h>

#define IMPHASH_SIZE  33  /* 32 hex digits and a NUL */
#define IMPFUZZY_SIZE 149 /* at least libfuzzy's FUZZY_MAX_RESULT and a NUL */
#define SHA256_SIZE   65  /* 64 hex digits and a NUL */

/* The types of hashes. Hashes of different types are never compared with each other. */
enum hash_type {
	HASH_IMPHASH,
	HASH_IMPFUZZY,
	HASH_IMPSET,
	HASH_TYPEREFHASH, /* of the types that a .NET assembly refers to (dotnet.h) */
	HASH_TYPEREFUZZY,
	HASH_GIMPHASH, /* of the functions of a Go program (golang.h) */
	HASH_GIMPFUZZY,
	HASH_TYPES,
};

/*
 * The hashes of one import list, and those of the program's other names. All are "" for an empty
 * list, which has no hash and matches nothing; and none has the prefix that it has in lists.
 */
struct hashes {
	char imphash[IMPHASH_SIZE]; /* in lower case */
	char impfuzzy[IMPFUZZY_SIZE];
	char impset[IMPFUZZY_SIZE];
	char typerefhash[SHA256_SIZE];	       /* in lower case; in linguistic order ... */
	char typerefhash_ordinal[SHA256_SIZE]; /* ... and in ordinal order; "": the same */
	char typerefuzzy[IMPFUZZY_SIZE];
	char gimphash[SHA256_SIZE];
	char gimpfuzzy[IMPFUZZY_SIZE];
};

/*
 * What stands before a hash in lists, where an impfuzzy, or the SHA-256 of a file, could stand as
 * well, which have the same form.
 */
#define IMPSET_PREFIX	   "impset:"
#define TYPEREFHASH_PREFIX "typerefhash:"
#define TYPEREFUZZY_PREFIX "typerefuzzy:"
#define GIMPHASH_PREFIX	   "gimphash:"
#define GIMPFUZZY_PREFIX   "gimpfuzzy:"

/* Returns "imphash", "impfuzzy", "impset", "typerefhash", ... */
const char *hash_type_name(enum hash_type type);

/*
 * Returns what stands before a hash of this type in lists: "impset:"; "" for imphash and impfuzzy.
 */
const char *hash_type_prefix(enum hash_type type);

/*
 * Has a hash of this type ssdeep's form, so that two of them may be alike without being equal?
 * False for all that is no enum hash_type.
 */
static inline bool hash_type_is_fuzzy(unsigned int type)
{
	const unsigned int fuzzy = 1u << HASH_IMPFUZZY | 1u << HASH_IMPSET |
				   1u << HASH_TYPEREFUZZY | 1u << HASH_GIMPFUZZY;
	return type < HASH_TYPES && (fuzzy >> type & 1);
}

/* Is it of the names of types or functions? The others are of import lists. */
static inline bool hash_type_is_of_names(enum hash_type type)
{
	return type >= HASH_TYPEREFHASH;
}

/* Is there a hash of any type? */
bool hashes_any(const struct hashes *hashes);

/*
 * Reads hashes of one import list as lists of hashes have them: "IMPHASH IMPFUZZY impset:...", any
 * of them. Returns false, and leaves `hashes` empty, where there is anything else or no hash.
 */
bool hashes_read(struct hashes *hashes, const char *text);

/* Returns the hash of a type, "" where there is none; typerefhash in linguistic order. */
const char *hash_of_type(const struct hashes *hashes, enum hash_type type);

/*
 * Computes imphash and impfuzzy of an import list, and empties all other hashes. imphash is the
 * MD5 of a string (Mandiant, 2014; pefile's get_imphash()), impfuzzy the ssdeep hash of a string
 * (JPCERT/CC; pyimpfuzzy).
 *
 * string: the hashed form that imphash is taken of.
 * fuzzy_string: the one that impfuzzy is taken of. Only bound files have another one, see
 *	imports_fuzzy_string().
 *
 * For any number of threads. Ends the process with exit code 2 where libcrypto has no MD5.
 */
void hash_imports(struct hashes *hashes, const struct text *string,
		  const struct text *fuzzy_string);

/*
 * Computes impset of an import list: the ssdeep hash of the set of functions in it
 * (docs/impset.md). `string` is as for hash_imports(), to which it adds a tenth or more: only where
 * somebody asks for it.
 */
void hash_impset(struct hashes *hashes, const struct text *string);

/*
 * Writes the set that impset is the ssdeep hash of to `out`: 12 hex digits for each function,
 * sorted. `out` is replaced.
 */
void impset_string(struct text *out, const struct text *string);

/*
 * Hashes of lists of names other than imports: functions of a Go program, types that an assembly
 * refers to. What stands in the text is up to whoever asks. Both are "" for an empty text, which
 * has no hash and matches nothing. For any number of threads.
 */

/* Writes the SHA-256 of a text in lower-case hex digits. */
void hash_sha256(char hash[SHA256_SIZE], const struct text *text);

/* Writes the ssdeep hash of a text, by libfuzzy. "" also for a text of 4 GB or more. */
void hash_fuzzy(char hash[IMPFUZZY_SIZE], const struct text *text);

/*
 * Computes the three hashes of the types that an assembly refers to, of its lists in hashed form
 * (struct dotnet); the other members stay as they are.
 *
 * linguistic, ordinal: sorted in either way. Where they are equal, typerefhash_ordinal is "".
 * unsorted: in the order of the table.
 */
void hash_typerefs(struct hashes *hashes, const struct text *linguistic, const struct text *ordinal,
		   const struct text *unsorted);

#endif
