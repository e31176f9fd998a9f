/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Hashes of lists of names other than imports: SHA-256 by libcrypto, ssdeep by libfuzzy.
 */
#include <impscan/hash.h>

#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "hash/ssdeep.h"

/* Fetched once, and as long as the process: see hash.c. */
static EVP_MD *sha256;
static pthread_once_t sha256_once = PTHREAD_ONCE_INIT;

static void fetch_sha256(void)
{
	sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
}

void hash_sha256(char hash[SHA256_SIZE], const struct text *text)
{
	hash[0] = '\0';
	if (!text->length)
		return;
	uint8_t d[EVP_MAX_MD_SIZE];
	unsigned int size = 0;
	pthread_once(&sha256_once, fetch_sha256);
	if (!sha256 || !EVP_Digest(text->data, text->length, d, &size, sha256, NULL) ||
	    size != 32) {
		fputs("impscan: this system's libcrypto has no SHA-256\n", stderr);
		_exit(2);
	}
	for (size_t i = 0; i < 32; i++) {
		hash[2 * i] = "0123456789abcdef"[d[i] >> 4];
		hash[2 * i + 1] = "0123456789abcdef"[d[i] & 15];
	}
	hash[64] = '\0';
}

void hash_fuzzy(char hash[IMPFUZZY_SIZE], const struct text *text)
{
	ssdeep_hash(hash, text);
}
