/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Computing imphash and impfuzzy, and the hashes of other lists of names. impset is impset.c's.
 */
#include <impscan/hash.h>

#include <stdint.h>
#include <string.h>

#include <fuzzy.h>

#include "hash/digest.h"

_Static_assert(IMPFUZZY_SIZE >= FUZZY_MAX_RESULT + 1, "libfuzzy writes more");

void hash_fuzzy(char hash[IMPFUZZY_SIZE], const struct text *text)
{
	hash[0] = '\0';
	if (text->length && text->length <= UINT32_MAX &&
	    fuzzy_hash_buf((const unsigned char *)text->data, (uint32_t)text->length, hash) != 0)
		hash[0] = '\0';
}

void hash_imports(struct hashes *hashes, const struct text *string, const struct text *fuzzy_string)
{
	*hashes = (struct hashes){0};
	if (string->length)
		digest_hex(DIGEST_MD5, string, hashes->imphash);
	hash_fuzzy(hashes->impfuzzy, fuzzy_string);
}

void hash_sha256(char hash[SHA256_SIZE], const struct text *text)
{
	hash[0] = '\0';
	if (text->length)
		digest_hex(DIGEST_SHA256, text, hash);
}

void hash_typerefs(struct hashes *hashes, const struct text *linguistic, const struct text *ordinal,
		   const struct text *unsorted)
{
	bool equal =
		ordinal->length == linguistic->length &&
		(!ordinal->length || !memcmp(ordinal->data, linguistic->data, ordinal->length));
	hash_sha256(hashes->typerefhash, linguistic);
	hash_fuzzy(hashes->typerefuzzy, unsorted);
	hashes->typerefhash_ordinal[0] = '\0';
	if (!equal)
		hash_sha256(hashes->typerefhash_ordinal, ordinal);
}
