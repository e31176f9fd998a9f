/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Names in the image, each read and kept once.
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

/*
 * Names in the image, read by the UNICODE_STRINGs that many structures have of one text, and kept
 * once. All zero is none.
 */
struct names {
	struct strings strings;
	struct address_map known; /* texts by place and length: the string, or 0 */
};

/*
 * The name of the UNICODE_STRING (or UNICODE_STRING32, by pointer size) at `address` as UTF-8, valid
 * until names_free(): "" when it is empty. NULL when it is not present, makes no sense, or there is
 * no room for it (names->strings.left_out). What is read counts against `budget` (may be NULL).
 */
const char *names_read(struct names *names, struct space *space, uint64_t address,
		       unsigned int pointer_size, struct budget *budget);
void names_free(struct names *names);

#endif
