/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the modules of some lists come to, and the groups in the order that they are handed out.
 */
#include <stdlib.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>

#include "many/clusters.h"

void members_init(struct members *members, const struct tally *tally)
{
	size_t count = 0;
	members->starts = alloc_zero(tally->lists.count + 1, sizeof(*members->starts));
	for (size_t i = 0; i < tally->entry_count; i++) {
		const struct hash_set *set = &tally->sets_info[tally->entries[i].set];
		count += set->list_count;
		for (unsigned int k = 0; k < set->list_count; k++)
			members->starts[set->lists[k]]++;
	}
	for (size_t i = 0, end = 0; i <= tally->lists.count; i++)
		members->starts[i] = end += members->starts[i];
	members->entries = alloc_zero(count, sizeof(*members->entries));
	/* Each list's from its end backwards. */
	for (size_t i = tally->entry_count; i--;) {
		const struct hash_set *set = &tally->sets_info[tally->entries[i].set];
		for (unsigned int k = 0; k < set->list_count; k++)
			members->entries[--members->starts[set->lists[k]]] = (uint32_t)i;
	}
}

void members_free(struct members *members)
{
	free(members->starts);
	free(members->entries);
}

void sum_init(struct sum *sum, const struct tally *tally, const struct members *members)
{
	*sum = (struct sum){.tally = tally, .members = members};
	sum->seen = alloc_zero(tally->entry_count, sizeof(*sum->seen));
	counter_init(&sum->counter, tally);
}

void sum_free(struct sum *sum)
{
	counter_free(&sum->counter);
	free(sum->seen);
	free(sum->entries);
	free(sum->names);
}

size_t sum_modules(struct sum *sum, const uint32_t *lists, size_t count)
{
	const struct members *members = sum->members;
	sum->round++;
	sum->entry_count = sum->modules = 0;
	for (size_t i = 0; i < count; i++)
		for (size_t k = members->starts[lists[i]]; k < members->starts[lists[i] + 1]; k++) {
			uint32_t entry = members->entries[k];
			if (sum->seen[entry] == sum->round)
				continue;
			sum->seen[entry] = sum->round;
			sum->modules += sum->tally->entries[entry].modules;
			*array_push(sum->entries, sum->entry_count, sum->entry_capacity) = entry;
		}
	return sum->modules;
}

static int compare_numbers(size_t a, size_t b)
{
	return (a > b) - (a < b);
}

/* By name, and those of one name in the order met. */
static int by_name(const void *a, const void *b, void *context)
{
	const struct tally *tally = context;
	const uint32_t *x = a, *y = b;
	int order = compare_numbers(tally->entries[*x].name, tally->entries[*y].name);
	return order ? order : compare_numbers(*x, *y);
}

static int by_machines(const void *a, const void *b)
{
	const struct name_sum *x = a, *y = b;
	int order = compare_numbers(y->machines, x->machines);
	return order ? order : compare_numbers(x->entry, y->entry);
}

/* The names of the entries, and on how many machines each is. */
static void sum_names(struct sum *sum)
{
	const struct entry *entries = sum->tally->entries;
	sum->name_count = 0;
	if (!sum->entry_count)
		return;
	qsort_r(sum->entries, sum->entry_count, sizeof(*sum->entries), by_name,
		(void *)(uintptr_t)sum->tally);
	for (size_t i = 0; i < sum->entry_count;) {
		struct name_sum *name = array_push(sum->names, sum->name_count, sum->name_capacity);
		name->entry = sum->entries[i];
		counter_start(&sum->counter);
		for (; i < sum->entry_count &&
		       entries[sum->entries[i]].name == entries[name->entry].name;
		     i++)
			counter_add(&sum->counter, &entries[sum->entries[i]]);
		name->machines = sum->counter.image_count;
	}
	qsort(sum->names, sum->name_count, sizeof(*sum->names), by_machines);
}

void sum_lists(struct sum *sum, const uint32_t *lists, size_t count)
{
	sum_modules(sum, lists, count);
	sum->flags = 0;
	sum->first_image = UINT32_MAX;
	sum->last_image = 0;
	counter_start(&sum->counter);
	for (size_t i = 0; i < sum->entry_count; i++) {
		const struct entry *entry = &sum->tally->entries[sum->entries[i]];
		sum->flags |= entry->flags;
		sum->first_image = min_of(sum->first_image, entry->first_image);
		sum->last_image = max_of(sum->last_image, entry->last_image);
		counter_add(&sum->counter, entry);
	}
	sum->machines = sum->counter.image_count;
	sum->processes = sum->counter.process_count;
	sum_names(sum);
}

static int by_group(const void *a, const void *b, void *context)
{
	const struct groups *groups = context;
	const uint32_t *x = a, *y = b;
	int order = compare_numbers(groups_of(groups, *x), groups_of(groups, *y));
	return order ? order : compare_numbers(*x, *y);
}

/* The most modules first; then that of the list that was met first, which is its lists' first. */
static int by_size(const void *a, const void *b, void *context)
{
	const uint32_t *lists = context;
	const struct group_run *x = a, *y = b;
	int order = compare_numbers(y->modules, x->modules);
	return order ? order : compare_numbers(lists[x->first], lists[y->first]);
}

void group_order_init(struct group_order *order, const struct clusters *clusters, struct sum *sum)
{
	const struct groups *groups = clusters->groups;
	size_t count = clusters->tally->lists.count, capacity = 0;
	*order = (struct group_order){.lists = alloc_zero(count, sizeof(*order->lists))};
	for (size_t i = 0; i < count; i++)
		order->lists[i] = (uint32_t)i;
	if (!count)
		return;
	qsort_r(order->lists, count, sizeof(*order->lists), by_group, (void *)(uintptr_t)groups);
	for (size_t i = 0; i < count;) {
		struct group_run *run = array_push(order->groups, order->count, capacity);
		uint32_t group = groups_of(groups, order->lists[i]);
		run->first = i;
		while (i < count && groups_of(groups, order->lists[i]) == group)
			i++;
		run->count = i - run->first;
		run->modules = sum_modules(sum, order->lists + run->first, run->count);
	}
	qsort_r(order->groups, order->count, sizeof(*order->groups), by_size, order->lists);
}

void group_order_free(struct group_order *order)
{
	free(order->lists);
	free(order->groups);
}
