/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The two import hashes, imphash and impfuzzy, of an import list in its hashed form: a string like
 * "kernel32.createfilew,kernel32.closehandle". Where the list comes from does not matter here.
 *
 * Room: hash.
 */
#ifndef IMPSCAN_HASH_H
#define IMPSCAN_HASH_H

#include <stddef.h>

#include <impscan/text.h>

#define IMPHASH_SIZE  33  /* 32 hex digits and a NUL */
#define IMPFUZZY_SIZE 149 /* at least libfuzzy's FUZZY_MAX_RESULT and a NUL */

/* The hashes of one list. Both are "" for an empty list, which has no hash and matches nothing. */
struct hashes {
	char imphash[IMPHASH_SIZE]; /* in lower case */
	char impfuzzy[IMPFUZZY_SIZE];
};

/*
 * Hashes an import list. imphash is the MD5 of a string (Mandiant, 2014; pefile's get_imphash()),
 * impfuzzy the ssdeep hash of a string (JPCERT/CC; pyimpfuzzy).
 *
 * string: the hashed form that imphash is taken of.
 * fuzzy_string: the one that impfuzzy is taken of. Only bound files have another one, see
 *	imports_fuzzy_string().
 *
 * For any number of threads. Ends the process with exit code 2 where libcrypto has no MD5.
 */
void hash_imports(struct hashes *hashes, const struct text *string,
		  const struct text *fuzzy_string);

#endif
