/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside the hash room: digests by libcrypto.
 */
#ifndef HASH_DIGEST_H
#define HASH_DIGEST_H

#include <impscan/text.h>

enum digest { DIGEST_MD5, DIGEST_SHA256 };

/*
 * Writes the digest of a text in lower-case hex digits, and a NUL. Ends the program with exit code
 * 2 where libcrypto does not have it: no result could be given, and none must look as if there were
 * no imports. For any number of threads.
 */
void digest_hex(enum digest digest, const struct text *text, char *hex);

#endif
