/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The order of names in TypeRefHash. PeNet sorts by .NET's comparison of strings in the current
 * culture; from .NET 5 on that is ICU's, whose root collation orders ASCII as follows (computed
 * with ICU 72; the order is CLDR's, unicode.org/reports/tr35/tr35-collation.html):
 *
 * - Control characters but for blanks are ignored.
 * - All others have a place in `places`, in which capitals and small letters are the same. Strings are
 *   compared by places first, over their whole length.
 * - Only where all places are the same, small letters come before capitals at the first difference.
 */
#include <string.h>

#include <pthread.h>

#include "dotnet/metadata.h"

static const char places[] = "\t\n\v\f\r _-,;:!?.'\"()[]{}@*/\\&#%`^+<=>|~$"
			     "0123456789abcdefghijklmnopqrstuvwxyz";

static uint8_t place_of[256];
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void make_places(void)
{
	for (size_t i = 0; places[i]; i++)
		place_of[(uint8_t)places[i]] = (uint8_t)(i + 1);
	for (unsigned int c = 'A'; c <= 'Z'; c++)
		place_of[c] = place_of[c - 'A' + 'a'];
}

static const char *skip_ignored(const char *s)
{
	while (*s && !place_of[(uint8_t)*s])
		s++;
	return s;
}

static int compare_linguistic(const char *a, const char *b)
{
	int by_case = 0;
	pthread_once(&once, make_places);
	for (;; a++, b++) {
		a = skip_ignored(a);
		b = skip_ignored(b);
		int difference = place_of[(uint8_t)*a] - place_of[(uint8_t)*b];
		if (difference)
			return difference;
		if (!*a)
			return by_case;
		if (!by_case && *a != *b)
			by_case = *a > *b ? -1 : 1; /* a small letter is the larger byte */
	}
}

int order_compare(const char *a, const char *b, enum order order)
{
	return order == ORDER_ORDINAL ? strcmp(a, b) : compare_linguistic(a, b);
}
