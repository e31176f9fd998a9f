/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Disjoint sets as a forest: each number has a parent in its group, the root is its own.
 */
#include <impscan/cluster.h>

#include <stdlib.h>

#include <impscan/alloc.h>

struct group {
	uint32_t parent;
	uint32_t least; /* of a root: the least number of its group ... */
	uint32_t size;	/* ... and how many they are */
};

struct groups {
	struct group *items;
};

struct groups *groups_new(size_t count)
{
	struct groups *groups = alloc_new(struct groups);
	groups->items = alloc_zero(count + 1, sizeof(*groups->items));
	for (size_t i = 0; i < count; i++)
		groups->items[i] =
			(struct group){.parent = (uint32_t)i, .least = (uint32_t)i, .size = 1};
	return groups;
}

void groups_free(struct groups *groups)
{
	if (!groups)
		return;
	free(groups->items);
	free(groups);
}

/* The smaller group hangs below the larger one, so that no path is longer than log2(count). */
static uint32_t root_of(const struct groups *groups, uint32_t number)
{
	while (groups->items[number].parent != number)
		number = groups->items[number].parent;
	return number;
}

uint32_t groups_of(const struct groups *groups, uint32_t number)
{
	return groups->items[root_of(groups, number)].least;
}

bool groups_join(struct groups *groups, uint32_t a, uint32_t b)
{
	a = root_of(groups, a);
	b = root_of(groups, b);
	if (a == b)
		return false;
	struct group *large = &groups->items[a], *small = &groups->items[b];
	if (large->size < small->size) {
		struct group *other = large;
		large = small;
		small = other;
		a = b;
	}
	small->parent = a;
	large->size += small->size;
	if (small->least < large->least)
		large->least = small->least;
	return true;
}
