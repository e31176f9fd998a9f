/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Names in the image, read by their UNICODE_STRINGs. Many structures may name the same text: it is
 * read and kept once.
 *
 * Room: windows.
 */
#ifndef IMPSCAN_NAMES_H
#define IMPSCAN_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <impscan/address_map.h>
#include <impscan/budget.h>
#include <impscan/space.h>
#include <impscan/strings.h>

/* The names that were read, all of which are bounded together (STRINGS_MAX). All zero is none. */
struct names {
	struct strings strings;
	struct address_map known; /* by address and length of the text: the string, 0: unreadable */
};

/*
 * Returns the name that the UNICODE_STRING at `address` holds (UNICODE_STRING32 with a pointer_size
 * of 4), as UTF-8; "" when it is empty. It is valid until names_free(). NULL when it is not present
 * or makes no sense, or when there is no room for it (then names->strings.left_out counts it). What
 * is read counts against `budget` (NULL: not bounded).
 */
const char *names_read(struct names *names, struct space *space, uint64_t address,
		       unsigned int pointer_size, struct budget *budget);
void names_free(struct names *names);

#endif
