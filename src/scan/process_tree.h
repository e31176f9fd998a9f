/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside the scan room: which process was started by which other one. A process keeps the PID of its
 * parent only, which may be another one's by now.
 */
#ifndef SCAN_PROCESS_TREE_H
#define SCAN_PROCESS_TREE_H

#include <stddef.h>
#include <stdint.h>

#include <impscan/process.h>
#include <impscan/rows.h>

/* The place of one process. */
struct process_place {
	size_t parent;		/* its number in the list; PROCESS_NO_PARENT: it is a root */
	enum row_orphan orphan; /* of a root: why */
	uint32_t depth;		/* number of processes above it */
};
#define PROCESS_NO_PARENT SIZE_MAX

struct process_tree {
	struct process_place *places; /* of each process, in the order of the list */
	size_t *order; /* numbers of processes: each before its children, and these together */
	size_t count;
};

/*
 * Makes the tree of all processes of a list, which depends on nothing else than their values: of
 * several children that begin first come first. The parent of a process is the one that had its
 * parent's PID when it began: that began last of those that did not begin after it, and had not
 * ended. As a parent a process whose time is not known began before all others, as a child behind
 * them. Parents that lead in a circle are cut at the process that began first. Release with
 * process_tree_free().
 */
void process_tree_make(struct process_tree *tree, const struct processes *processes);
void process_tree_free(struct process_tree *tree);
#define _cleanup_process_tree_ __attribute__((cleanup(process_tree_free)))

#endif
