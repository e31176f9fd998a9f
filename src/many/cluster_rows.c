/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Groups as rows: what stands for each, how alike the others are, and the nearest known hash.
 */
#include <stdlib.h>
#include <string.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>

#include "many/clusters.h"

/* The list of the most modules; of several the first. */
static uint32_t representative(const struct tally *tally, const uint32_t *lists, size_t count)
{
	uint32_t best = lists[0];
	for (size_t i = 1; i < count; i++)
		if (tally->lists_info[lists[i]].modules > tally->lists_info[best].modules)
			best = lists[i];
	return best;
}

static bool is_equal(const struct list *a, const struct list *b)
{
	return a->exact_length && a->exact_length == b->exact_length &&
	       !memcmp(a->exact, b->exact, a->exact_length);
}

static unsigned int score_of(const struct clusters *clusters, uint32_t a, uint32_t b)
{
	const struct list *lists = clusters->tally->lists_info;
	if (is_equal(&lists[a], &lists[b]))
		return 100;
	if (!clusters->fuzzy_of[a] || !clusters->fuzzy_of[b])
		return 0;
	int score =
		known_score(clusters->fuzzy, clusters->fuzzy_of[a] - 1, clusters->fuzzy_of[b] - 1);
	return score > 0 ? (unsigned int)score : 0;
}

/* How alike the others are to what stands for the group. */
static void spread_scores(const struct clusters *clusters, const uint32_t *lists, size_t count,
			  uint32_t middle, struct cluster_row *row)
{
	uint64_t sum = 0;
	row->score_least = count > 1 ? 100 : 0;
	for (size_t i = 0; i < count; i++) {
		if (lists[i] == middle)
			continue;
		unsigned int score = score_of(clusters, middle, lists[i]);
		row->score_least = min_of(row->score_least, score);
		row->score_most = max_of(row->score_most, score);
		sum += score;
	}
	row->score_mean = count > 1 ? (unsigned int)(sum / (count - 1)) : 0;
}

static void copy(char *to, size_t size, const char *from, size_t length)
{
	length = min_of(length, size - 1);
	memcpy(to, from, length);
	to[length] = '\0';
}

/* The hashes of a list, of its kind. */
static void list_hashes(const struct list *list, struct hashes *hashes)
{
	size_t prefix = strlen(hash_type_prefix(list_fuzzy_type(list->kind)));
	const char *fuzzy = list->fuzzy + min_of(prefix, list->fuzzy_length);
	size_t length = strlen(fuzzy);
	*hashes = (struct hashes){0};
	switch (list->kind) {
	case LIST_TYPES:
		copy(hashes->typerefhash, SHA256_SIZE, list->exact, list->exact_length);
		copy(hashes->typerefuzzy, IMPFUZZY_SIZE, fuzzy, length);
		break;
	case LIST_FUNCTIONS:
		copy(hashes->gimphash, SHA256_SIZE, list->exact, list->exact_length);
		copy(hashes->gimpfuzzy, IMPFUZZY_SIZE, fuzzy, length);
		break;
	default:
		copy(hashes->imphash, IMPHASH_SIZE, list->exact, list->exact_length);
		copy(hashes->impfuzzy, IMPFUZZY_SIZE, fuzzy, length);
		break;
	}
}

static enum row_matched matched_by(enum hash_type type)
{
	static const enum row_matched by[HASH_TYPES] = {
		MATCHED_IMPHASH,     MATCHED_IMPFUZZY, MATCHED_IMPSET,	  MATCHED_TYPEREFHASH,
		MATCHED_TYPEREFUZZY, MATCHED_GIMPHASH, MATCHED_GIMPFUZZY,
	};
	return by[type];
}

/* What searches of groups share. */
struct nearest {
	const struct clusters *clusters;
	struct matches matches;
};

/* The nearest hash of the known ones. */
static void find_known(struct nearest *nearest, const uint32_t *lists, size_t count,
		       struct cluster_row *row)
{
	const struct cluster_options *options = nearest->clusters->options;
	for (size_t i = 0; options->known && i < count; i++) {
		struct hashes hashes;
		list_hashes(&nearest->clusters->tally->lists_info[lists[i]], &hashes);
		known_find(options->known, &hashes, options->known_threshold, &nearest->matches);
		const struct match *match = nearest->matches.items;
		if (!nearest->matches.count || match->score <= (int)row->match_score)
			continue;
		row->match = match->name;
		row->match_score = (unsigned int)match->score;
		row->matched = matched_by(match->type);
	}
}

/* The best match that rows had already. */
static void find_saved(const struct sum *sum, struct cluster_row *row)
{
	for (size_t i = 0; i < sum->entry_count; i++) {
		const struct hash_set *set =
			&sum->tally->sets_info[sum->tally->entries[sum->entries[i]].set];
		if (!set->match || set->score <= row->match_score)
			continue;
		row->match = set->match;
		row->match_score = set->score;
		row->matched = set->matched;
	}
}

static void name_names(const struct sum *sum, struct text_list *names)
{
	for (size_t i = 0; i < sum->name_count; i++)
		text_list_add(names, alloc_strdup(entry_module(
					     &sum->tally->entries[sum->names[i].entry])));
}

static void fill(struct nearest *nearest, const uint32_t *lists, size_t count, struct sum *sum,
		 struct cluster_row *row)
{
	const struct clusters *clusters = nearest->clusters;
	const struct tally *tally = clusters->tally;
	uint32_t middle = representative(tally, lists, count);
	const struct list *list = &tally->lists_info[middle];
	sum_lists(sum, lists, count);
	row->kind = list_kind_names[list->kind];
	row->modules = sum->modules;
	row->hashes = count;
	row->machines = sum->machines;
	row->processes = sum->processes;
	row->flags = sum->flags;
	row->first_image = tally->images.items[sum->first_image];
	row->last_image = tally->images.items[sum->last_image];
	row->module = entry_module(&tally->entries[list->first]);
	copy(row->exact, sizeof(row->exact), list->exact, list->exact_length);
	copy(row->fuzzy, sizeof(row->fuzzy), list->fuzzy, list->fuzzy_length);
	name_names(sum, &row->names);
	spread_scores(clusters, lists, count, middle, row);
	find_known(nearest, lists, count, row);
	find_saved(sum, row);
}

void clusters_rows(struct clusters *clusters,
		   bool (*take)(void *context, const struct cluster_row *row), void *context,
		   struct cluster_counts *counts)
{
	_cleanup_members_ struct members members;
	_cleanup_sum_ struct sum sum;
	_cleanup_group_order_ struct group_order order;
	struct nearest nearest = {.clusters = clusters};
	bool more = true;
	members_init(&members, clusters->tally);
	sum_init(&sum, clusters->tally, &members);
	group_order_init(&order, clusters, &sum);
	*counts = (struct cluster_counts){0};
	for (size_t i = 0; i < order.count; i++) {
		const struct group_run *group = &order.groups[i];
		if (group->modules < 2) {
			counts->alone += group->modules;
			continue;
		}
		struct cluster_row row = {.number = ++counts->groups};
		counts->modules += group->modules;
		if (!more)
			continue;
		fill(&nearest, order.lists + group->first, group->count, &sum, &row);
		more = take(context, &row);
		text_list_free(&row.names);
	}
	matches_free(&nearest.matches);
}
