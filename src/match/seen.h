/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside the match room: samples that a set has already.
 */
#ifndef IMPSCAN_MATCH_SEEN_H
#define IMPSCAN_MATCH_SEEN_H

#include <stdbool.h>

#include "index.h"
#include "known.h"

/*
 * Does the set have a sample with these hashes (as they are written, at least one) and this name,
 * which came this way? Where it does not, the caller adds it next.
 */
bool known_seen(struct known *known, const struct slice *hashes, size_t count, struct slice name);

void known_seen_free(struct known_seen *seen);

#endif
