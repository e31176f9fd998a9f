/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Joining what several runs have found, each in a part of the index's keys: see clusters_part().
 */
#include "many/clusters.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <impscan/alloc.h>

/* What the first line of a part says. */
struct part_head {
	unsigned int part, parts;
	int threshold;
	size_t lists;
	unsigned long long digest;
};

/* The lists by the texts of their hashes: those with one hash are of one group. */
static void index_texts(struct clusters *clusters)
{
	for (size_t i = 0; i < clusters->fuzzy_count && !clusters->parts; i++) {
		uint32_t list = clusters->lists[i];
		const struct list *info = &clusters->tally->lists_info[list];
		size_t known = clusters->texts.count;
		uint32_t number = texts_number(&clusters->texts, info->fuzzy, info->fuzzy_length);
		if (clusters->texts.count > known)
			*array_push(clusters->text_list, known, clusters->text_capacity) = list;
		else
			groups_join(clusters->groups, clusters->text_list[number], list);
	}
}

static struct error *check_head(const struct clusters *clusters, const struct part_head *head,
				const char *path)
{
	if (!head->part || head->part > head->parts || head->parts > CLUSTER_PARTS_MAX)
		return error_new("'%s' is part %u of %u, which there can't be", path, head->part,
				 head->parts);
	if (head->threshold != clusters->options->threshold)
		return error_new("'%s' was made with -t %d, and this is -t %d", path,
				 head->threshold, clusters->options->threshold);
	if (head->digest != clusters_digest(clusters) ||
	    head->lists != clusters->tally->lists.count)
		return error_new("'%s' was made of other rows, or with another --min-imports: it "
				 "has %zu distinct lists, and these rows %zu",
				 path, head->lists, clusters->tally->lists.count);
	if (clusters->parts && clusters->parts != head->parts)
		return error_new("'%s' is one of %u parts, and another one of %u", path,
				 head->parts, clusters->parts);
	return NULL;
}

static struct error *take_head(struct clusters *clusters, const char *line, const char *path,
			       unsigned int *part)
{
	struct part_head head = {0};
	int end = 0;
	if (sscanf(line,
		   "{\"cluster_part\":%u,\"parts\":%u,\"threshold\":%d,\"lists\":%zu,"
		   "\"digest\":\"%16llx\"}%n",
		   &head.part, &head.parts, &head.threshold, &head.lists, &head.digest,
		   &end) != 5 ||
	    !end)
		return error_new("'%s' is no part of clusters, which --part writes", path);
	try_(check_head(clusters, &head, path));
	index_texts(clusters);
	if (!clusters->parts)
		clusters->seen = alloc_zero(head.parts, sizeof(*clusters->seen));
	clusters->parts = head.parts;
	*part = head.part;
	return NULL;
}

/* The first list with a hash; UINT32_MAX: there is none. */
static uint32_t list_of(struct clusters *clusters, const char *text)
{
	size_t known = clusters->texts.count;
	uint32_t number = texts_number(&clusters->texts, text, strlen(text));
	return number < known ? clusters->text_list[number] : UINT32_MAX;
}

static bool take_pair(struct clusters *clusters, const char *line)
{
	char a[200], b[200];
	unsigned int score;
	int end = 0;
	if (sscanf(line, "{\"a\":\"%199[^\"]\",\"b\":\"%199[^\"]\",\"score\":%u}%n", a, b, &score,
		   &end) != 3 ||
	    !end || strcmp(line + end, "\n") != 0 || score > 100 ||
	    score < (unsigned int)clusters->options->threshold)
		return false;
	uint32_t list_a = list_of(clusters, a), list_b = list_of(clusters, b);
	if (list_a == UINT32_MAX || list_b == UINT32_MAX)
		return false;
	groups_join(clusters->groups, list_a, list_b);
	return true;
}

static struct error *take_lines(struct clusters *clusters, FILE *file, const char *path)
{
	_cleanup_free_ char *line = NULL;
	size_t size = 0, number = 1, pairs;
	unsigned int part = 0;
	int end = 0;
	if (getline(&line, &size, file) < 0)
		return error_new("'%s' is no part of clusters, which --part writes: it is empty",
				 path);
	try_(take_head(clusters, line, path, &part));
	for (; getline(&line, &size, file) >= 0; number++) {
		if (sscanf(line, "{\"pairs\":%zu}%n", &pairs, &end) == 1 && end) {
			if (pairs + 1 != number)
				return error_new("'%s' has %zu pairs, and should have %zu", path,
						 number - 1, pairs);
			clusters->seen[part - 1] = true; /* it is whole */
			return NULL;
		}
		if (!take_pair(clusters, line))
			return error_new("'%s' is damaged in line %zu", path, number + 1);
	}
	return error_new("'%s' ends before its last line: was its run ended early?", path);
}

struct error *clusters_join(struct clusters *clusters, const char *path)
{
	_cleanup_file_ FILE *file = fopen(path, "re");
	if (!file)
		return error_errno(errno, "can't open '%s'", path);
	return take_lines(clusters, file, path);
}

struct error *clusters_joined(const struct clusters *clusters)
{
	for (uint32_t i = 0; i < clusters->parts; i++)
		if (!clusters->seen[i])
			return error_new("part %u of %u is missing", i + 1, clusters->parts);
	return NULL;
}
