/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The known hashes of a search: samples, lists, single hashes.
 */
#ifndef CLI_KNOWN_HASHES_H
#define CLI_KNOWN_HASHES_H

#include "cli/output.h"

/*
 * The paths of all sample files of each -e, in order. Release them with samples_list_free(). Fails
 * when a path given can't be read; warns of folders below one that can't.
 */
struct error *list_samples(struct output *output, char ***ret, size_t *ret_count);

/*
 * The known hashes of -e, -i and -s, sealed. Fails when nothing in them can match, since a search
 * that compares nothing looks like one that finds nothing. Warns of lists that are not of import
 * lists, and of hashes that many programs have.
 */
struct error *load_known(struct output *output, struct known **ret);

/* What the files of -k know to be good. */
struct error *load_good(struct output *output, struct good **ret);

#endif
