/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The two import hashes, of a hashed form of any origin ("lib.func,lib.func").
 *
 * Room: hash.
 */
#ifndef IMPSCAN_HASH_H
#define IMPSCAN_HASH_H

#include <stddef.h>

#include <impscan/text.h>

#define IMPHASH_SIZE  33  /* 32 hex digits and a NUL */
#define IMPFUZZY_SIZE 149 /* at least FUZZY_MAX_RESULT and a NUL */

/* Both "" when there is none: a module without imports has no hash and matches nothing. */
struct hashes {
	char imphash[IMPHASH_SIZE];
	char impfuzzy[IMPFUZZY_SIZE];
};

/*
 * imphash = MD5 of `string`, impfuzzy = ssdeep (fuzzy_hash_buf) of `fuzzy_string`, which is
 * `string` itself for all but bound files (imports_fuzzy_string()). An empty string gives no
 * hashes. Safe to call from several threads.
 */
void hash_imports(struct hashes *hashes, const struct text *string,
		  const struct text *fuzzy_string);

#endif
