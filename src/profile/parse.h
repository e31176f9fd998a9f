/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside the profile room: a profile that is being parsed.
 */
#ifndef IMPSCAN_PROFILE_PARSE_H
#define IMPSCAN_PROFILE_PARSE_H

#include <impscan/profile.h>

#include "yaml_reader.h"

struct parser {
	struct reader reader;
	struct profile *profile;		/* in the making */
	yaml_mark_t seen[PROFILE_MEMBER_COUNT]; /* the place in the text of each present member */
};

/*
 * Reads the value of the key `types`, from the next event on, into parser->profile. Fails with a
 * sentence that names line and column.
 */
struct error *parse_types(struct parser *parser);

#endif
