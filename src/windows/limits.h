/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How far a walk over an image's links may go. Far beyond what real systems have, and never
 * reached in silence: each leaves its mark in the `damage` of what it cut.
 */
#ifndef WINDOWS_LIMITS_H
#define WINDOWS_LIMITS_H

#include <stdio.h>

/* Notes damage in a member that is an array of characters, as printf() does; the first note stays. */
#define damage_once(damage, ...)                                               \
	do {                                                                   \
		if (!(damage)[0])                                              \
			(void)snprintf((damage), sizeof(damage), __VA_ARGS__); \
	} while (0)

/* Entries of one list of loaded modules, or image sections in none. Real processes stay below 1,500. */
#define LIMIT_MODULES 16384

/*
 * Processes of one source (the ring, the table of PIDs ...). Real machines stay below 10,000. And
 * where the image has fewer pages than that, at most as many, but not below the second.
 */
#define LIMIT_PROCESSES 16384
#define LEAST_PROCESSES 1024

/* Links of one source that are kept in mind: of the processes that all may have found, and heads. */
#define LIMIT_LINKS (8 * LIMIT_PROCESSES)

/* Nodes of a VAD tree. Browsers have some 20,000. */
#define LIMIT_VADS 262144

/* Bytes of an image's view: SizeOfImage has 32 bits, so that what a VAD has beyond is damage. */
#define LIMIT_IMAGE_SIZE (UINT64_C(1) << 32)

#endif
