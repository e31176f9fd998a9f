/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside the many room: numbers instead of texts.
 */
#ifndef MANY_TEXTS_H
#define MANY_TEXTS_H

#include <stddef.h>
#include <stdint.h>

#include <impscan/hash_table.h>

/* Distinct texts with numbers from 0, in the order added. All zero is empty. */
struct texts {
	struct hash_table table;
	char **items; /* by number */
	size_t count, capacity;
};

/* Returns the number of a text, which is added when it is new: its number is the old count. */
uint32_t texts_number(struct texts *texts, const char *text, size_t length);

void texts_free(struct texts *texts);

/* Distinct pairs of numbers, likewise. */
struct pairs {
	struct hash_table table;
	size_t count;
};

uint32_t pairs_number(struct pairs *pairs, uint64_t first, uint64_t second);

void pairs_free(struct pairs *pairs);

#endif
