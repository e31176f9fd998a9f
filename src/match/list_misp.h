/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside the match room: attributes of MISP, from its JSON and its CSV.
 */
#ifndef IMPSCAN_MATCH_LIST_MISP_H
#define IMPSCAN_MATCH_LIST_MISP_H

#include "list.h"

struct misp_attribute {
	struct slice type; /* "imphash", "filename|impfuzzy", "md5" ... */
	struct slice value;
	struct slice impfuzzy; /* the one impfuzzy of an object, beside its one imphash */
	struct slice comment;
	struct slice event;	/* Event.info */
	struct slice sibling;	/* file name or SHA-256 of the same object */
	bool not_for_detection; /* to_ids is false */
};

/* Is it one that may be taken, by its type and comment? */
bool misp_is_hash(const struct misp_attribute *attribute);

/* Takes an attribute, if it is an import hash; hashes of files are counted as left out. */
struct error *misp_take(struct list *list, const struct misp_attribute *attribute);

#endif
