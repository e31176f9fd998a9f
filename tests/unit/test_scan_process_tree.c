/* SPDX-License-Identifier: GPL-3.0-or-later */
/* scan: the tree of processes: parents by PID and time, what has none, and how large it may be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>
#include <scan/process_tree.h>

#define NONE PROCESS_NO_PARENT

/* A process of a list, and its place: parent and order as numbers in the list. */
struct expected {
	uint32_t pid, ppid;
	uint64_t began, ended;
	size_t parent;
	enum row_orphan orphan;
	uint32_t depth;
	size_t order; /* its place from top to bottom */
};

static void assert_tree(const struct expected *expected, size_t count)
{
	_cleanup_free_ struct process *items = alloc_zero(count, sizeof(*items));
	_cleanup_process_tree_ struct process_tree tree;
	for (size_t i = 0; i < count; i++)
		items[i] = (struct process){.pid = expected[i].pid,
					    .ppid = expected[i].ppid,
					    .create_time = expected[i].began,
					    .exit_time = expected[i].ended};
	process_tree_make(&tree, &(struct processes){.items = items, .count = count});
	assert_int_equal(tree.count, count);
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(tree.places[i].parent, expected[i].parent);
		assert_int_equal(tree.places[i].orphan, expected[i].orphan);
		assert_int_equal(tree.places[i].depth, expected[i].depth);
		assert_int_equal(tree.order[expected[i].order], i);
	}
}

static void parents_first(void **state)
{
	static const struct expected tree[] = {
		{500, 400, 50, 0, 2, ORPHAN_NOT, 2, 3}, {4, 0, 10, 0, NONE, ORPHAN_NOT, 0, 0},
		{400, 4, 20, 0, 1, ORPHAN_NOT, 1, 1},	{404, 400, 30, 0, 2, ORPHAN_NOT, 2, 2},
		{88, 4, 60, 0, 1, ORPHAN_NOT, 1, 4},	{700, 650, 40, 0, NONE, ORPHAN_GONE, 0, 5},
	};
	(void)state;
	assert_tree(tree, array_size(tree));
}

/* The PID of a parent is another process's by now, or was before. */
static void pids_used_again(void **state)
{
	static const struct expected later[] = {
		{400, 4, 30, 0, NONE, ORPHAN_GONE, 0, 1},
		{500, 400, 20, 0, NONE, ORPHAN_REUSED, 0, 0},
		{504, 400, 40, 0, 0, ORPHAN_NOT, 1, 3},
		{508, 400, 30, 0, 0, ORPHAN_NOT, 1, 2}, /* at the same time */
	};
	static const struct expected three[] = {
		{400, 0, 10, 19, NONE, ORPHAN_NOT, 0, 0},
		{400, 0, 30, 39, NONE, ORPHAN_NOT, 0, 2},
		{400, 0, 50, 0, NONE, ORPHAN_NOT, 0, 5},
		{500, 400, 15, 0, 0, ORPHAN_NOT, 1, 1},
		{504, 400, 39, 0, 1, ORPHAN_NOT, 1, 3},
		{508, 400, 60, 0, 2, ORPHAN_NOT, 1, 6},
		{512, 400, 45, 0, NONE, ORPHAN_GONE, 0, 4}, /* between two of them */
	};
	(void)state;
	assert_tree(later, array_size(later));
	assert_tree(three, array_size(three));
}

static void unknown_times(void **state)
{
	static const struct expected tree[] = {
		{4, 0, 0, 0, NONE, ORPHAN_NOT, 0, 0},
		{400, 4, 20, 0, 0, ORPHAN_NOT, 1, 2},
		{404, 400, 0, 0, 1, ORPHAN_NOT, 2, 3},
		{8, 4, 0, 0, 0, ORPHAN_NOT, 1, 1},
	};
	(void)state;
	assert_tree(tree, array_size(tree));
}

static void circles(void **state)
{
	static const struct expected own[] = {
		{400, 400, 10, 0, NONE, ORPHAN_CIRCLE, 0, 0},
		{404, 400, 20, 0, 0, ORPHAN_NOT, 1, 1},
	};
	/* By times that are not known; what hangs on a circle, and one beside it. */
	static const struct expected three[] = {
		{412, 404, 0, 0, 1, ORPHAN_NOT, 2, 2},	     {404, 400, 0, 0, 2, ORPHAN_NOT, 1, 1},
		{400, 412, 0, 0, NONE, ORPHAN_CIRCLE, 0, 0}, {500, 412, 9, 0, 0, ORPHAN_NOT, 3, 3},
		{600, 604, 5, 0, NONE, ORPHAN_CIRCLE, 0, 4}, {604, 600, 5, 0, 4, ORPHAN_NOT, 1, 5},
	};
	(void)state;
	assert_tree(own, array_size(own));
	assert_tree(three, array_size(three));
}

static void none(void **state)
{
	_cleanup_process_tree_ struct process_tree tree;
	(void)state;
	process_tree_make(&tree, &(struct processes){0});
	assert_int_equal(tree.count, 0);
}

/* A hundred thousand, each below the one before; and all with one PID, which all have as parent. */
static void many(void **state)
{
	const size_t count = 100000;
	_cleanup_free_ struct process *items = alloc_zero(count, sizeof(*items));
	(void)state;
	for (size_t i = 0; i < count; i++)
		items[i] = (struct process){.pid = (uint32_t)(4 * (count - i)),
					    .ppid = (uint32_t)(4 * (count - i - 1)),
					    .create_time = count - i};
	const struct processes processes = {.items = items, .count = count};
	struct process_tree tree;
	process_tree_make(&tree, &processes);
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(tree.order[i], count - 1 - i);
		assert_int_equal(tree.places[count - 1 - i].depth, i);
	}
	process_tree_free(&tree);
	for (size_t i = 0; i < count; i++)
		items[i] = (struct process){.pid = 4, .ppid = 4};
	process_tree_make(&tree, &processes);
	size_t roots = 0;
	for (size_t i = 0; i < count; i++)
		roots += tree.places[i].orphan == ORPHAN_CIRCLE && tree.places[i].parent == NONE;
	assert_int_equal(roots, 1);
	assert_int_equal(tree.places[tree.order[0]].orphan, ORPHAN_CIRCLE);
	process_tree_free(&tree);
}

/* The tree depends on the processes, not on the order of their list. */
static void any_order(void **state)
{
	const size_t count = 300;
	_cleanup_free_ struct process *items = alloc_zero(count, sizeof(*items));
	_cleanup_free_ struct process *mixed = alloc_zero(count, sizeof(*mixed));
	uint32_t dice = 1;
	(void)state;
	for (size_t i = 0; i < count; i++) {
		dice = dice * 1103515245 + 12345;
		items[i] = (struct process){.pid = 4 * (dice >> 16 & 63),
					    .ppid = 4 * (dice >> 22 & 63),
					    .create_time = i % 7 ? i / 2 * 2 : 0,
					    .exit_time = i % 5 ? 0 : i + 40,
					    .eprocess = i};
		/* Equal PIDs at equal times would be told apart by the list alone. */
		items[i].create_time += items[i].create_time ? i % 2 : 0;
		items[i].pid = items[i].create_time ? items[i].pid : 1000 + (uint32_t)i;
	}
	for (size_t i = 0; i < count; i++)
		mixed[i * 7 % count] = items[i]; /* 7 divides nothing of 300 */
	_cleanup_process_tree_ struct process_tree a, b;
	process_tree_make(&a, &(struct processes){.items = items, .count = count});
	process_tree_make(&b, &(struct processes){.items = mixed, .count = count});
	size_t children = 0;
	for (size_t i = 0; i < count; i++) {
		const struct process_place *x = &a.places[a.order[i]], *y = &b.places[b.order[i]];
		assert_int_equal(items[a.order[i]].eprocess, mixed[b.order[i]].eprocess);
		assert_int_equal(x->depth, y->depth);
		assert_int_equal(x->orphan, y->orphan);
		children += x->depth > 1;
	}
	assert_true(children > 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parents_first), cmocka_unit_test(pids_used_again),
		cmocka_unit_test(unknown_times), cmocka_unit_test(circles),
		cmocka_unit_test(none),		 cmocka_unit_test(many),
		cmocka_unit_test(any_order),
	};
	return cmocka_run_group_tests_name("scan: process tree", tests, NULL, NULL);
}
