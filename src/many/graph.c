/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The graph of lists as files: nodes and edges as CSV, as impfuzzy for Neo4j has them (id, name,
 * impfuzzy, cluster; id1, id2, value), and both as GraphML.
 */
#include <string.h>

#include <impscan/bytes.h>
#include <impscan/module.h>
#include <impscan/text.h>

#include "many/clusters.h"

/* Columns of a node. */
enum column {
	COLUMN_ID,
	COLUMN_NAME,
	COLUMN_EXACT,
	COLUMN_FUZZY,
	COLUMN_KIND,
	COLUMN_CLUSTER,
	COLUMN_MODULES,
	COLUMN_MACHINES,
	COLUMN_PROCESSES,
	COLUMN_FLAGS,
	COLUMNS,
};

static const struct {
	const char *name;
	bool number;
} columns[COLUMNS] = {
	[COLUMN_ID] = {"id", true},
	[COLUMN_NAME] = {"name", false},
	[COLUMN_EXACT] = {"imphash", false},
	[COLUMN_FUZZY] = {"impfuzzy", false},
	[COLUMN_KIND] = {"kind", false},
	[COLUMN_CLUSTER] = {"cluster", true},
	[COLUMN_MODULES] = {"modules", true},
	[COLUMN_MACHINES] = {"machines", true},
	[COLUMN_PROCESSES] = {"processes", true},
	[COLUMN_FLAGS] = {"flags", false},
};

static void add_names(struct text *text, const struct sum *sum)
{
	for (size_t i = 0; i < sum->name_count; i++) {
		if (i)
			text_add_char(text, ';');
		text_add_escaped(text, entry_module(&sum->tally->entries[sum->names[i].entry]));
	}
}

static void add_flags(struct text *text, unsigned int flags)
{
	bool any = false;
	for (size_t i = 0; i < MODULE_FLAG_COUNT; i++)
		if (flags >> i & 1) {
			text_add_format(text, "%s%s", any ? ";" : "", module_flag_names[i]);
			any = true;
		}
}

/* One value of a node; "" for none. */
static void add_value(struct text *text, enum column column, const struct sum *sum, uint32_t number,
		      size_t cluster)
{
	const struct list *list = &sum->tally->lists_info[number];
	switch (column) {
	case COLUMN_ID:
		text_add_number(text, (uint64_t)number + 1);
		break;
	case COLUMN_NAME:
		add_names(text, sum);
		break;
	case COLUMN_EXACT:
		text_add(text, list->exact, list->exact_length);
		break;
	case COLUMN_FUZZY:
		text_add(text, list->fuzzy, list->fuzzy_length);
		break;
	case COLUMN_KIND:
		text_add_string(text, list_kind_names[list->kind]);
		break;
	case COLUMN_CLUSTER:
		if (cluster)
			text_add_number(text, cluster);
		break;
	case COLUMN_MODULES:
		text_add_number(text, sum->modules);
		break;
	case COLUMN_MACHINES:
		text_add_number(text, sum->machines);
		break;
	case COLUMN_PROCESSES:
		text_add_number(text, sum->processes);
		break;
	case COLUMN_FLAGS:
		add_flags(text, sum->flags);
		break;
	case COLUMNS:
		break;
	}
}

/* A cell by RFC 4180; what a spreadsheet would run has an apostrophe before it. */
static void write_cell(FILE *out, const char *s)
{
	const char *mark = *s && strchr("=+-@'\t\r", *s) ? "'" : "";
	if (!strpbrk(s, "\",\r\n")) {
		fprintf(out, "%s%s", mark, s);
		return;
	}
	fprintf(out, "\"%s", mark);
	for (; *s; s++)
		fprintf(out, *s == '"' ? "\"\"" : "%c", *s);
	fputc('"', out);
}

static void write_xml(FILE *out, const char *s)
{
	for (; *s; s++) {
		switch (*s) {
		case '&':
			fputs("&amp;", out);
			break;
		case '<':
			fputs("&lt;", out);
			break;
		case '>':
			fputs("&gt;", out);
			break;
		default:
			fputc(*s, out);
		}
	}
}

static void write_node(const struct sum *sum, uint32_t list, size_t cluster, FILE *nodes,
		       FILE *graphml)
{
	_cleanup_text_ struct text text = {0};
	for (unsigned int i = 0; i < COLUMNS; i++) {
		text_clear(&text);
		add_value(&text, (enum column)i, sum, list, cluster);
		fputs(i ? "," : "", nodes);
		write_cell(nodes, text_string(&text));
		if (i == COLUMN_ID)
			fprintf(graphml, "<node id=\"n%s\">", text_string(&text));
		else if (text.length) {
			fprintf(graphml, "<data key=\"%s\">", columns[i].name);
			write_xml(graphml, text_string(&text));
			fputs("</data>", graphml);
		}
	}
	fputs("\r\n", nodes);
	fputs("</node>\n", graphml);
}

static void write_heads(FILE *nodes, FILE *graphml)
{
	fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
	      "<graphml xmlns=\"http://graphml.graphdrawing.org/xmlns\">\n",
	      graphml);
	for (unsigned int i = 0; i < COLUMNS; i++) {
		fprintf(nodes, "%s%s", i ? "," : "", columns[i].name);
		if (i != COLUMN_ID)
			fprintf(graphml,
				"<key id=\"%s\" for=\"node\" attr.name=\"%s\" attr.type=\"%s\"/>\n",
				columns[i].name, columns[i].name,
				columns[i].number ? "long" : "string");
	}
	fputs("\r\n", nodes);
	fputs("<key id=\"value\" for=\"edge\" attr.name=\"value\" attr.type=\"int\"/>\n"
	      "<key id=\"by\" for=\"edge\" attr.name=\"by\" attr.type=\"string\"/>\n"
	      "<graph edgedefault=\"undirected\">\n",
	      graphml);
}

/* The edges as clusters_find() wrote them. */
static void write_edges(FILE *edges, FILE *graphml)
{
	char line[128], by[32];
	unsigned int a, b, value;
	rewind(edges);
	while (fgets(line, sizeof(line), edges))
		if (sscanf(line, "%u,%u,%u,%31s", &a, &b, &value, by) == 4)
			fprintf(graphml,
				"<edge source=\"n%u\" target=\"n%u\"><data key=\"value\">%u</data>"
				"<data key=\"by\">%s</data></edge>\n",
				a, b, value, by);
}

void clusters_graph(struct clusters *clusters, FILE *nodes, FILE *edges, FILE *graphml)
{
	_cleanup_members_ struct members members;
	_cleanup_sum_ struct sum sum;
	_cleanup_group_order_ struct group_order order;
	size_t cluster = 0;
	members_init(&members, clusters->tally);
	sum_init(&sum, clusters->tally, &members);
	group_order_init(&order, clusters, &sum);
	write_heads(nodes, graphml);
	for (size_t i = 0; i < order.count; i++) {
		const struct group_run *group = &order.groups[i];
		cluster += group->modules > 1;
		for (size_t k = group->first; k < group->first + group->count; k++) {
			sum_lists(&sum, &order.lists[k], 1);
			write_node(&sum, order.lists[k], group->modules > 1 ? cluster : 0, nodes,
				   graphml);
		}
	}
	write_edges(edges, graphml);
	fputs("</graph>\n</graphml>\n", graphml);
}
