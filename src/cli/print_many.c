/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See print_many.h. */
#include "cli/print_many.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>
#include <impscan/tally.h>

#include "cli/list_folder.h"

void begin_many(struct output *output)
{
	const struct options *options = output->options;
	if (options->stack || options->cluster)
		output->tally = tally_new(options->min_imports);
}

static bool on_stack(void *context, const struct stack_row *row)
{
	struct output *output = context;
	output->rows++;
	report_stack(output->report, row);
	return !report_failed(output->report);
}

static bool on_cluster(void *context, const struct cluster_row *row)
{
	struct output *output = context;
	output->rows++;
	report_cluster(output->report, row);
	return !report_failed(output->report);
}

static void begin_summary(struct text *text, const struct tally_counts *counts)
{
	text_add_string(text, "impscan: ");
	text_add_count(text, counts->modules, "module", "modules");
	text_add_string(text, " of ");
	text_add_count(text, counts->machines, "machine", "machines");
	if (counts->unread)
		text_add_format(text, " (%zu without a hash, not read whole, left out)",
				counts->unread);
}

static void tell_stacks(const struct output *output, const struct tally_counts *counts)
{
	_cleanup_text_ struct text text = {0};
	if (output->options->quiet)
		return;
	begin_summary(&text, counts);
	text_add_format(&text, ": %zu distinct\n", counts->distinct);
	fputs(text_string(&text), stderr);
}

static void tell_clusters(const struct output *output, const struct tally_counts *counts,
			  const struct cluster_counts *clusters)
{
	_cleanup_text_ struct text text = {0};
	if (output->options->quiet)
		return;
	begin_summary(&text, counts);
	text_add_string(&text, ": ");
	text_add_count(&text, clusters->groups, "group", "groups");
	text_add_format(&text, " of %zu, %zu alone", clusters->modules, clusters->alone);
	if (counts->few)
		text_add_format(&text, ", %zu with too few imports to be grouped", counts->few);
	if (counts->common)
		text_add_format(&text,
				", %zu with a list that many programs have, which groups nothing",
				counts->common);
	size_t hashless = counts->modules - clusters->modules - clusters->alone - counts->few -
			  counts->common;
	if (hashless)
		text_add_format(&text, ", %zu without imports", hashless);
	text_add_char(&text, '\n');
	fputs(text_string(&text), stderr);
}

static struct error *print_stacks(const struct tally *tally, struct output *output)
{
	struct tally_counts counts;
	tally_count(tally, &counts);
	output->report = report_new(stdout, output->options->form, &row_stacks);
	tally_stacks(tally, on_stack, output);
	struct error *error = output_end(output);
	if (!error)
		tell_stacks(output, &counts);
	return error;
}

/* The files of --graph. */
struct graph {
	FILE *nodes, *edges, *graphml;
};

static void graph_close(struct graph *graph)
{
	cleanup_file(&graph->nodes);
	cleanup_file(&graph->edges);
	cleanup_file(&graph->graphml);
}
#define _cleanup_graph_ __attribute__((cleanup(graph_close)))

static struct error *open_file(const char *directory, const char *name, FILE **file)
{
	_cleanup_free_ char *path = alloc_printf("%s/%s", directory, name);
	*file = fopen(path, "w+xe");
	return *file ? NULL : error_errno(errno, "can't write '%s'", path);
}

static struct error *open_graph(const char *directory, struct graph *graph)
{
	if (mkdir(directory, 0777) && errno != EEXIST)
		return error_errno(errno, "can't make the folder '%s'", directory);
	try_(open_file(directory, "nodes.csv", &graph->nodes));
	try_(open_file(directory, "edges.csv", &graph->edges));
	return open_file(directory, "graph.graphml", &graph->graphml);
}

static bool is_unwritten(FILE *file)
{
	return fflush(file) || ferror(file);
}

/* Finds all pairs, and writes the graph. */
static struct error *find_with_graph(struct clusters *clusters, const char *directory)
{
	_cleanup_graph_ struct graph graph = {0};
	try_(open_graph(directory, &graph));
	clusters_find(clusters, graph.edges);
	clusters_graph(clusters, graph.nodes, graph.edges, graph.graphml);
	if (is_unwritten(graph.nodes) || is_unwritten(graph.edges) || is_unwritten(graph.graphml))
		return error_errno(errno, "can't write the graph to '%s'", directory);
	return NULL;
}

static struct error *join_part(void *context, const char *path)
{
	return clusters_join(context, path);
}

static struct error *find(struct clusters *clusters, struct output *output)
{
	const struct options *options = output->options;
	for (size_t i = 0; i < options->joined.count; i++)
		try_(list_folder_each(output, options->joined.items[i], join_part, clusters));
	if (options->joined.count)
		return clusters_joined(clusters);
	if (options->graph)
		return find_with_graph(clusters, options->graph);
	clusters_find(clusters, NULL);
	return NULL;
}

static struct error *print_part(struct clusters *clusters, struct output *output)
{
	const struct options *options = output->options;
	size_t pairs = clusters_part(clusters, options->part, options->parts, stdout);
	output->rows++;
	if (is_unwritten(stdout))
		return output_failed();
	if (!options->quiet)
		fprintf(stderr, "impscan: part %u of %u: %zu pairs\n", options->part,
			options->parts, pairs);
	return NULL;
}

static struct error *print_clusters(const struct tally *tally, const struct known *known,
				    struct output *output)
{
	const struct options *options = output->options;
	const struct cluster_options cluster_options = {
		.threshold = options->threshold,
		.threads = options->threads,
		.known = known,
		.known_threshold = SEARCH_THRESHOLD,
		.progress = output_progress,
		.context = output,
	};
	struct tally_counts counts;
	struct cluster_counts clusters_counts;
	_cleanup_clusters_ struct clusters *clusters = clusters_new(tally, &cluster_options);
	progress_init(&output->progress, options->quiet, "hashes");
	if (options->part)
		return print_part(clusters, output);
	try_(find(clusters, output));
	progress_hide(&output->progress);
	output->report = report_new(stdout, options->form, &row_clusters);
	clusters_rows(clusters, on_cluster, output, &clusters_counts);
	struct error *error = output_end(output);
	tally_count(tally, &counts);
	if (!error)
		tell_clusters(output, &counts, &clusters_counts);
	return error;
}

/* Rows that --stack gave say what lists there are, but not of how many machines. */
static void warn_of_stacks(struct output *output)
{
	struct tally_counts counts;
	tally_count(output->tally, &counts);
	if (!counts.stacks || output->options->part)
		return;
	_cleanup_free_ char *sentence = alloc_printf(
		"%zu of the rows are distinct modules, which --stack gave: each counts as one "
		"module of one machine; for how many there are, give the rows that they are of",
		counts.stacks);
	progress_warning(&output->progress, sentence);
}

struct error *print_many(const struct known *known, struct output *output)
{
	if (!output->tally)
		return NULL;
	warn_of_stacks(output);
	_cleanup_tally_ struct tally *tally = take_ptr(output->tally);
	return output->options->stack ? print_stacks(tally, output)
				      : print_clusters(tally, known, output);
}
