/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside the match room: lists that come packed, as feeds offer them.
 */
#ifndef IMPSCAN_MATCH_LIST_ARCHIVE_H
#define IMPSCAN_MATCH_LIST_ARCHIVE_H

#include "list.h"

struct list_archive;

/* Is it an archive or a compressed file, by its first bytes? */
bool list_is_archive(struct slice head);

/* Opens the rest of `list` as an archive. Fails where this impscan was built without libarchive. */
struct error *list_archive_open(struct list *list, struct list_archive **ret);
void list_archive_free(struct list_archive *archive);
DEFINE_CLEANUP(struct list_archive, list_archive_free)
#define _cleanup_list_archive_ _cleanup_(list_archive_free_p)

/* Goes to the next file in it: its name behind the list's, for the caller to free; NULL: none. */
struct error *list_archive_next(struct list_archive *archive, char **label);

/* The bytes of the file that it stands at. */
struct list_bytes list_archive_bytes(struct list_archive *archive);

#endif
