/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside the memory room: the store's parts.
 *
 *	store.c	       from a key to the page
 *	store_tree.c   its B+ trees
 *	store_find.c   finding it in the kernel image
 */
#ifndef MEMORY_STORE_H
#define MEMORY_STORE_H

#include <impscan/store.h>

struct store {
	struct store_layout layout;
	uint64_t dtb; /* of the kernel */
	struct store_summary summary;
};

/* What store_page() answers, but for success. */
extern const char store_absent[];     /* "page not in it" */
extern const char store_unread[];     /* "structures not present" */
extern const char store_corrupt[];    /* "corrupt tree" */
extern const char store_bad_record[]; /* "corrupt record" */

/*
 * Looks `key` up in the tree whose root is the page at `root`. NULL and *value; store_absent when
 * it has no such key.
 */
const char *store_tree_find(struct space *kernel, const struct store_layout *layout, uint64_t root,
			    uint32_t key, uint32_t *value);

/* Does a node of a tree lie at `root`: entries in number and order? */
bool store_tree_check(struct space *kernel, const struct store_layout *layout, uint64_t root);

#endif
