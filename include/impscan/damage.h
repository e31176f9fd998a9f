/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Notes on damage: what is wrong with a part of the evidence, or was cut off, kept with what was
 * read of it.
 *
 * Room: base.
 */
#ifndef IMPSCAN_DAMAGE_H
#define IMPSCAN_DAMAGE_H

#include <stdio.h>

/*
 * Writes a sentence, as printf() does, to `damage`, an array of characters that is "" when nothing
 * is wrong. Where it has a sentence already, that one stays.
 */
#define damage_once(damage, ...)                                               \
	do {                                                                   \
		if (!(damage)[0])                                              \
			(void)snprintf((damage), sizeof(damage), __VA_ARGS__); \
	} while (0)

#endif
