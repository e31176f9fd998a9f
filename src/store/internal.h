/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside the store room: what its files share.
 *
 *	find_manager.c	finding the store manager in the kernel image
 *	store.c		from a page file's number and an offset to the page
 *	tree.c		looking a key up in a B+ tree of the store
 */
#ifndef STORE_INTERNAL_H
#define STORE_INTERNAL_H

#include <impscan/store.h>

struct store {
	struct store_layout layout;
	uint64_t dtb; /* of the kernel */
	struct store_summary summary;
};

/* What store_tree_find() returns but for success; store_page() passes it on. */
extern const char store_absent[];  /* the tree has no such key: the store not the page */
extern const char store_unread[];  /* a structure is not present */
extern const char store_corrupt[]; /* what should be a tree is none */

/*
 * Looks `key` up in the tree whose root node is at `root`, in the address space `kernel`. Returns
 * NULL and the key's value in `*value`, or one of the words above.
 */
const char *store_tree_find(struct space *kernel, const struct store_layout *layout, uint64_t root,
			    uint32_t key, uint32_t *value);

/* Is there a tree's node at `root`? It must have entries, and their keys must be in order. */
bool store_tree_check(struct space *kernel, const struct store_layout *layout, uint64_t root);

#endif
