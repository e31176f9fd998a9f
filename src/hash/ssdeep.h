/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Inside the room hash: ssdeep's hash of a text. */
#ifndef HASH_SSDEEP_H
#define HASH_SSDEEP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SSDEEP_SIZE 149 /* at least libfuzzy's FUZZY_MAX_RESULT and a NUL */

/*
 * Writes what libfuzzy's fuzzy_hash_buf() gives for a text of `size` bytes; "" for one of 4 GiB or
 * more.
 */
void ssdeep_hash(char hash[SSDEEP_SIZE], const char *text, size_t size);

#endif
