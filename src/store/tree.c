/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The B+ trees of the store manager (B_TREE in its decorated names). A node is one page. Its keys
 * are sorted; a leaf has a value for each key, an inner node a child with the keys from that one
 * on, and LeftChild with the keys below the first.
 */
#include "store/internal.h"

#include <impscan/bytes.h>
#include <impscan/kernel_address.h>
#include <impscan/memory.h>
#include <impscan/search.h>
#include <impscan/space.h>

/*
 * Nodes have up to 500 entries: a tree of more levels would hold more pages than any machine has.
 */
#define LEVELS 8

const char store_absent[] = "page not in it";
const char store_unread[] = "its structures not present";
const char store_corrupt[] = "corrupt tree";

struct node {
	const uint8_t *data;
	bool leaf;
	unsigned int elements;
};

static uint32_t entry_size(const struct store_layout *layout, bool leaf)
{
	return leaf ? layout->leaf_size : layout->inner_size;
}

static const uint8_t *entry_at(const struct store_layout *layout, const struct node *node,
			       unsigned int i)
{
	return node->data + layout->tree_nodes + (size_t)entry_size(layout, node->leaf) * i;
}

static uint32_t key_at(const struct store_layout *layout, const struct node *node, unsigned int i)
{
	return le32(entry_at(layout, node, i) +
		    (node->leaf ? layout->leaf_key : layout->inner_key));
}

static const char *read_node(struct space *kernel, const struct store_layout *layout,
			     uint64_t address, struct node *node)
{
	size_t available;
	if (!is_kernel_pointer(layout->pointer_size, address) || address % PAGE_SIZE)
		return store_corrupt;
	node->data = space_at(kernel, address, &available);
	if (!node->data)
		return store_unread;
	node->elements = le16(node->data + layout->tree_elements);
	node->leaf = node->data[layout->tree_leaf] != 0;
	size_t room = (PAGE_SIZE - layout->tree_nodes) / entry_size(layout, node->leaf);
	return node->elements <= room ? NULL : store_corrupt;
}

/* How many entries have keys up to `key`. */
static unsigned int up_to(const struct store_layout *layout, const struct node *node, uint32_t key)
{
	return (unsigned int)search_first(i, 0, node->elements,
					  key_at(layout, node, (unsigned int)i) > key);
}

const char *store_tree_find(struct space *kernel, const struct store_layout *layout, uint64_t root,
			    uint32_t key, uint32_t *value)
{
	uint64_t address = root;
	for (int level = 0; level < LEVELS; level++) {
		struct node node;
		const char *why = read_node(kernel, layout, address, &node);
		if (why)
			return why;
		unsigned int count = up_to(layout, &node, key);
		if (node.leaf) {
			if (!count || key_at(layout, &node, count - 1) != key)
				return store_absent;
			*value = le32(entry_at(layout, &node, count - 1) + layout->leaf_value);
			return NULL;
		}
		const uint8_t *child =
			count ? entry_at(layout, &node, count - 1) + layout->inner_child
			      : node.data + layout->tree_left_child;
		address = le_pointer(child, layout->pointer_size);
	}
	return store_corrupt;
}

bool store_tree_check(struct space *kernel, const struct store_layout *layout, uint64_t root)
{
	struct node node;
	if (read_node(kernel, layout, root, &node) || !node.elements)
		return false;
	for (unsigned int i = 1; i < node.elements; i++)
		if (key_at(layout, &node, i) <= key_at(layout, &node, i - 1))
			return false;
	if (node.leaf)
		return true;
	uint64_t child = le_pointer(node.data + layout->tree_left_child, layout->pointer_size);
	return is_kernel_pointer(layout->pointer_size, child) && child % PAGE_SIZE == 0;
}
