/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside the match room: YAML documents as trees. What a document may take is bounded: its depth,
 * its values, and the time that finding aliases takes.
 */
#ifndef IMPSCAN_MATCH_LIST_YAML_H
#define IMPSCAN_MATCH_LIST_YAML_H

#include <stddef.h>
#include <stdint.h>

#include "known.h"

/* Values of a document, and how deep they may be within each other. */
#define TREE_NODES_MAX 1000000
#define TREE_DEPTH_MAX 64

enum tree_kind { TREE_TEXT, TREE_LIST, TREE_MAP, TREE_ALIAS };

/* Numbers of nodes are those of the tree's array; 0 is none. */
struct tree_node {
	enum tree_kind kind;
	uint32_t line;	/* of the text, counted from 0 */
	uint32_t next;	/* the next one within the same list or map */
	uint32_t first; /* of a list or map: of a map key and value by turns; what an alias is of */
	size_t text, length;
};

/* All zero is an empty tree. */
struct tree {
	struct tree_node *nodes; /* number 1 is the document itself */
	size_t count, capacity;
	struct text text; /* of all nodes */
};

/* The documents that a text holds. */
struct tree_source {
	struct slice rest;
	size_t line; /* that `rest` begins in, counted from 0 */
};

/*
 * Reads the next document of a text, UTF-8, into a tree, whose former one it replaces. Documents
 * are read apart from each other: one that is no YAML leaves those behind it as they are.
 *
 * line: returns the line that the document begins in, or that is no YAML, counted from 0.
 * why: returns why the document can't be read, with an empty tree; NULL: it can. Valid until the
 *	next call.
 *
 * Returns false when there is no more document.
 */
bool tree_next(struct tree *tree, struct tree_source *source, size_t *line, const char **why);

/* The document; NULL: the tree is empty. */
const struct tree_node *tree_root(const struct tree *tree);

/* A node by its number, what an alias is of in the place of the alias; NULL: there is none. */
const struct tree_node *tree_node(const struct tree *tree, uint32_t number);

/* Its text; empty where it is none. Valid until the next tree_next(). */
struct slice tree_text(const struct tree *tree, const struct tree_node *node);

/*
 * Lays one document over another, as Sigma's collections do: what a map of both has is of both
 * where it is a map in both, and else of `over`; lists are not joined.
 *
 * work: values that may still be looked at or copied, fewer afterwards.
 *
 * Returns false, with `tree` merged in part, where these did not suffice.
 */
bool tree_merge(struct tree *tree, const struct tree *over, size_t *work);

/* Exchanges two trees. */
void tree_swap(struct tree *a, struct tree *b);

void tree_free(struct tree *tree);
#define _cleanup_tree_ __attribute__((cleanup(tree_free)))

#endif
