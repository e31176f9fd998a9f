/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See digest.h. */
#include "hash/digest.h"

#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

/*
 * Fetching an algorithm costs more than hashing an import list, so each is fetched once, when it is
 * first needed; the objects are immutable and live as long as the process.
 */
static EVP_MD *algorithms[2];
static pthread_once_t fetched[2] = {PTHREAD_ONCE_INIT, PTHREAD_ONCE_INIT};

/*
 * Hashes here are identifiers, no protection: neither the system's configuration (which may allow
 * FIPS only) nor the algorithms, texts and ciphers that it would load are needed.
 */
static void start(void)
{
	OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_NO_LOAD_CRYPTO_STRINGS |
				    OPENSSL_INIT_NO_ADD_ALL_CIPHERS |
				    OPENSSL_INIT_NO_ADD_ALL_DIGESTS,
			    NULL);
}

static void fetch_md5(void)
{
	start();
	algorithms[DIGEST_MD5] = EVP_MD_fetch(NULL, "MD5", NULL);
}

static void fetch_sha256(void)
{
	start();
	algorithms[DIGEST_SHA256] = EVP_MD_fetch(NULL, "SHA256", NULL);
}

void digest_hex(enum digest digest, const struct text *text, char *hex)
{
	static const struct {
		void (*fetch)(void);
		unsigned int size;
		const char *refusal;
	} digests[] = {
		[DIGEST_MD5] = {fetch_md5, 16, "refuses MD5"},
		[DIGEST_SHA256] = {fetch_sha256, 32, "has no SHA-256"},
	};
	uint8_t bytes[EVP_MAX_MD_SIZE];
	unsigned int size = 0;
	pthread_once(&fetched[digest], digests[digest].fetch);
	const EVP_MD *algorithm = algorithms[digest];
	if (!algorithm || !EVP_Digest(text->data, text->length, bytes, &size, algorithm, NULL) ||
	    size != digests[digest].size) {
		fprintf(stderr, "impscan: this system's libcrypto %s\n", digests[digest].refusal);
		_exit(2);
	}
	for (unsigned int i = 0; i < size; i++) {
		hex[2 * i] = "0123456789abcdef"[bytes[i] >> 4];
		hex[2 * i + 1] = "0123456789abcdef"[bytes[i] & 15];
	}
	hex[2 * size] = '\0';
}
