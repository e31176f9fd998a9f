/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside the profile room: the profiles compiled in, as a table of assembler symbols that
 * CMakeLists.txt makes of the folder profiles/.
 */
#ifndef IMPSCAN_PROFILE_SHIPPED_H
#define IMPSCAN_PROFILE_SHIPPED_H

#include <stdint.h>

struct profile_shipped {
	const char *name;  /* of the file, without folder and .yaml */
	const char *start; /* its text */
	uint64_t size;
};

extern const struct profile_shipped profile_shipped[];
extern const uint64_t profile_shipped_count;

#endif
