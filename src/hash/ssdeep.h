/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Inside the room hash: what impfuzzy and impset have in common. */
#ifndef HASH_SSDEEP_H
#define HASH_SSDEEP_H

#include <impscan/hash.h>

/* Writes the ssdeep hash of a text, by libfuzzy; "" of an empty one. */
void ssdeep_hash(char hash[IMPFUZZY_SIZE], const struct text *text);

#endif
