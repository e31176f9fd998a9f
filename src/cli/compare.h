/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a search compares with: samples, lists, single hashes.
 */
#ifndef CLI_COMPARE_H
#define CLI_COMPARE_H

#include "cli/output.h"

/* Every file of every -e, in order; release with samples_list_free(). */
struct error *list_samples(struct output *output, char ***ret, size_t *ret_count);

/*
 * The known hashes of -e, -i and -s, sealed. Fails when nothing in them can match, since a search
 * that compares nothing looks like one that finds nothing. Warns of lists that are not of import
 * lists, and of hashes that many programs have.
 */
struct error *load_known(struct output *output, struct known **ret);

#endif
