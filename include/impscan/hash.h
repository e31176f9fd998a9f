/*
 * The two import hashes, of a hashed form of any origin ("lib.func,lib.func").
 */
#ifndef IMPSCAN_HASH_H
#define IMPSCAN_HASH_H

#include <stddef.h>

#define IMPHASH_SIZE  33  /* 32 hex digits and a NUL */
#define IMPFUZZY_SIZE 149 /* at least FUZZY_MAX_RESULT and a NUL */

/* Both "" when there is none: a module without imports has no hash and matches nothing. */
struct hashes {
	char imphash[IMPHASH_SIZE];
	char impfuzzy[IMPFUZZY_SIZE];
};

/*
 * imphash = MD5, impfuzzy = ssdeep (fuzzy_hash_buf) of the `length` bytes at `string`. An empty
 * string gives no hashes. Safe to call from several threads.
 */
void hash_imports(struct hashes *hashes, const char *string, size_t length);

#endif
