/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Computing imphash and impfuzzy, with libcrypto's MD5 and libfuzzy. impset is impset.c's.
 */
#include <impscan/hash.h>

#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <fuzzy.h>
#include <openssl/evp.h>

#include "hash/ssdeep.h"

_Static_assert(IMPFUZZY_SIZE >= FUZZY_MAX_RESULT + 1, "libfuzzy writes more");

/*
 * Fetching an algorithm costs more than hashing an import list, so it is done once; the object is
 * immutable and lives as long as the process. "-fips": this is an identifier, not a protection.
 */
static EVP_MD *md5;
static pthread_once_t md5_once = PTHREAD_ONCE_INIT;

static void fetch_md5(void)
{
	md5 = EVP_MD_fetch(NULL, "MD5", "-fips");
	if (!md5)
		md5 = EVP_MD_fetch(NULL, "MD5", NULL);
}

static void digest(const struct text *text, char out[IMPHASH_SIZE])
{
	uint8_t d[EVP_MAX_MD_SIZE];
	unsigned int size = 0;
	pthread_once(&md5_once, fetch_md5);
	if (!md5 || !EVP_Digest(text->data, text->length, d, &size, md5, NULL) || size != 16) {
		/* No result can be given and none must look as if there were no imports. */
		fputs("impscan: this system's libcrypto refuses MD5\n", stderr);
		_exit(2);
	}
	for (size_t i = 0; i < 16; i++) {
		out[2 * i] = "0123456789abcdef"[d[i] >> 4];
		out[2 * i + 1] = "0123456789abcdef"[d[i] & 15];
	}
	out[32] = '\0';
}

void ssdeep_hash(char hash[IMPFUZZY_SIZE], const struct text *text)
{
	hash[0] = '\0';
	if (text->length && text->length <= UINT32_MAX &&
	    fuzzy_hash_buf((const unsigned char *)text->data, (uint32_t)text->length, hash) != 0)
		hash[0] = '\0';
}

void hash_imports(struct hashes *hashes, const struct text *string, const struct text *fuzzy_string)
{
	hashes->imphash[0] = '\0';
	if (string->length)
		digest(string, hashes->imphash);
	hashes->impset[0] = '\0';
	ssdeep_hash(hashes->impfuzzy, fuzzy_string);
}
