/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The tree of processes. Parents are found by binary search in the processes sorted by PID and time,
 * and nothing is recursive: a hundred thousand processes with one PID, or each below the one before,
 * are as good as others.
 */
#include "scan/process_tree.h"

#include <stdbool.h>
#include <stdlib.h>

#include <impscan/alloc.h>
#include <impscan/search.h>

#define NONE PROCESS_NO_PARENT

/* What sorting compares: a process's values, and its number in the list. */
struct sorted {
	const struct process *process;
	size_t number;
};

static int compare_numbers(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

/* Who began first; then by PID; then in the order of the list. */
static int compare_times(const void *a, const void *b)
{
	const struct sorted *x = a, *y = b;
	int by_time = compare_numbers(x->process->create_time, y->process->create_time);
	int by_pid = compare_numbers(x->process->pid, y->process->pid);
	return by_time ? by_time : by_pid ? by_pid : compare_numbers(x->number, y->number);
}

static int compare_pids(const void *a, const void *b)
{
	const struct sorted *x = a, *y = b;
	int by_pid = compare_numbers(x->process->pid, y->process->pid);
	return by_pid ? by_pid : compare_times(a, b);
}

static struct sorted *sorted_by(const struct processes *processes,
				int (*compare)(const void *, const void *))
{
	struct sorted *sorted = alloc_zero(processes->count, sizeof(*sorted));
	for (size_t i = 0; i < processes->count; i++)
		sorted[i] = (struct sorted){&processes->items[i], i};
	if (processes->count)
		qsort(sorted, processes->count, sizeof(*sorted), compare);
	return sorted;
}

/* Finds the parent of a process among all, which are sorted by PID. */
static void find_parent(const struct sorted *by_pid, size_t count, const struct process *child,
			struct process_place *place)
{
	const uint64_t began = child->create_time ? child->create_time : UINT64_MAX;
	place->parent = NONE;
	place->orphan = ORPHAN_NOT;
	if (!child->ppid)
		return;
	size_t first = search_first(i, 0, count, by_pid[i].process->pid >= child->ppid);
	size_t end = search_first(i, first, count, by_pid[i].process->pid > child->ppid);
	size_t behind = search_first(i, first, end, by_pid[i].process->create_time > began);
	bool own = behind > first && by_pid[behind - 1].process == child;
	behind -= own;
	const struct process *parent = behind > first ? by_pid[behind - 1].process : NULL;
	place->orphan = parent || end == first ? ORPHAN_GONE : own ? ORPHAN_CIRCLE : ORPHAN_REUSED;
	if (!parent || (process_exited(parent) && child->create_time &&
			parent->exit_time < child->create_time))
		return;
	place->orphan = ORPHAN_NOT;
	place->parent = by_pid[behind - 1].number;
}

/* Makes the process that began first a root, of those in a circle that `start` is in. */
static void cut_circle(struct process_tree *tree, const struct processes *processes, size_t start)
{
	size_t first = start;
	for (size_t i = tree->places[start].parent; i != start; i = tree->places[i].parent) {
		struct sorted a = {&processes->items[i], i};
		struct sorted b = {&processes->items[first], first};
		if (compare_times(&a, &b) < 0)
			first = i;
	}
	tree->places[first].parent = NONE;
	tree->places[first].orphan = ORPHAN_CIRCLE;
}

/* Follows the parents of each process, as far as nobody did before. */
static void cut_circles(struct process_tree *tree, const struct processes *processes)
{
	/* Who came by: the number of the walk's first process + 1; 0: nobody. */
	_cleanup_free_ size_t *walk = alloc_zero(tree->count, sizeof(*walk));
	for (size_t start = 0; start < tree->count; start++) {
		size_t i = start;
		for (; i != NONE && !walk[i]; i = tree->places[i].parent)
			walk[i] = start + 1;
		if (i != NONE && walk[i] == start + 1)
			cut_circle(tree, processes, i);
	}
}

/* Links of a tree with a root of all roots, whose number is `count`. */
struct links {
	size_t *child, *next; /* first child, and next of the same parent; NONE: there is none */
	size_t count;
};

/* Whose child it is in the links. */
static size_t above(const struct process_tree *tree, size_t i)
{
	return tree->places[i].parent == NONE ? tree->count : tree->places[i].parent;
}

static void write_order(struct process_tree *tree, const struct links *links)
{
	size_t written = 0;
	uint32_t depth = 0;
	for (size_t i = links->child[tree->count]; i != NONE && i != tree->count;) {
		tree->places[i].depth = depth;
		tree->order[written++] = i;
		if (links->child[i] != NONE) {
			i = links->child[i];
			depth++;
			continue;
		}
		while (i != tree->count && links->next[i] == NONE) {
			i = above(tree, i);
			depth--;
		}
		if (i != tree->count)
			i = links->next[i];
	}
}

void process_tree_make(struct process_tree *tree, const struct processes *processes)
{
	const size_t count = processes->count;
	_cleanup_free_ struct sorted *by_pid = sorted_by(processes, compare_pids);
	_cleanup_free_ struct sorted *by_time = sorted_by(processes, compare_times);
	_cleanup_free_ size_t *child = alloc_zero(count + 1, sizeof(*child));
	_cleanup_free_ size_t *next = alloc_zero(count + 1, sizeof(*next));
	*tree = (struct process_tree){
		.places = alloc_zero(count, sizeof(*tree->places)),
		.order = alloc_zero(count, sizeof(*tree->order)),
		.count = count,
	};
	for (size_t i = 0; i < count; i++)
		find_parent(by_pid, count, &processes->items[i], &tree->places[i]);
	cut_circles(tree, processes);
	for (size_t i = 0; i <= count; i++)
		child[i] = next[i] = NONE;
	/* The last first, since each is put before its brothers. */
	for (size_t i = count; i-- > 0;) {
		size_t number = by_time[i].number, parent = above(tree, number);
		next[number] = child[parent];
		child[parent] = number;
	}
	write_order(tree, &(struct links){child, next, count});
}

void process_tree_free(struct process_tree *tree)
{
	free(tree->places);
	free(tree->order);
	*tree = (struct process_tree){0};
}
