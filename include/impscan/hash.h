/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The import hashes, imphash, impfuzzy and impset, of an import list in its hashed form: a string
 * like "kernel32.createfilew,kernel32.closehandle". Where the list comes from does not matter here.
 *
 * Room: hash.
 */
#ifndef IMPSCAN_HASH_H
#define IMPSCAN_HASH_H

#include <stddef.h>

#include <impscan/text.h>

#define IMPHASH_SIZE  33  /* 32 hex digits and a NUL */
#define IMPFUZZY_SIZE 149 /* at least libfuzzy's FUZZY_MAX_RESULT and a NUL */
#define SHA256_SIZE   65  /* 64 hex digits and a NUL */

/* The hashes of one list. All are "" for an empty list, which has no hash and matches nothing. */
struct hashes {
	char imphash[IMPHASH_SIZE]; /* in lower case */
	char impfuzzy[IMPFUZZY_SIZE];
	char impset[IMPFUZZY_SIZE]; /* without the prefix that it has in lists */
};

/* What stands before an impset where an impfuzzy could stand as well, which has the same form. */
#define IMPSET_PREFIX "impset:"

/*
 * Computes imphash and impfuzzy of an import list, and leaves impset empty. imphash is the MD5 of a
 * string (Mandiant, 2014; pefile's get_imphash()), impfuzzy the ssdeep hash of a string (JPCERT/CC;
 * pyimpfuzzy).
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

#endif
