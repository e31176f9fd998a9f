/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Inside the room golang: which characters are letters and numbers, as Go's unicode package knows. */
#ifndef GOLANG_LETTERS_H
#define GOLANG_LETTERS_H

#include <stddef.h>
#include <stdint.h>

enum letter {
	LETTER_OTHER, /* no letter, or one without case */
	LETTER_UPPER, /* an upper-case letter (Lu), or a number (Nd, Nl, No) */
	LETTER_LOWER, /* a lower-case letter (Ll) */
};

#define LETTER_BITS 2 /* bits of an entry of letters[] that are an enum letter */

/* First code points of ranges in ascending order, each with what its characters are. */
extern const uint32_t letters[];
extern const size_t letter_count;

#endif
