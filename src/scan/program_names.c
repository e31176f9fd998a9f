/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Reading what .NET assemblies and programs by Go have beside import lists, which are their
 * runtimes'.
 *
 * Searching every module for Go's table of functions would read data that each process has a copy
 * of, so that no finding could be used for another process, and cost more than all else. So only
 * what is likely to be by Go is searched, and what no loader put there.
 */
#include "scan/program_names.h"

#include <stdio.h>
#include <string.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>

#include "scan/finding.h"

/* Bytes that are hashed in one step of a budget. */
#define BYTES_A_STEP 10

static struct program_names *names_of(struct finding *finding)
{
	if (!finding->names)
		finding->names = alloc_new(struct program_names);
	return finding->names;
}

/* Adds what names match that are the only ones in `hashes`. */
static void add_hits(const struct unit_maps *maps, struct worker *worker,
		     const struct hashes *hashes, struct finding *finding)
{
	const struct scan_options *options = maps->context->options;
	if (options->known)
		finding->hits = known_hits(options->known, hashes, options->threshold, 0,
					   &worker->matches, finding->hits);
}

static void add_reason(struct finding *finding, const char *of, const char *reason)
{
	if (*reason)
		finding_add_reason(finding, alloc_printf("%s: %s", of, reason));
}

/* Counts the hashing of a text. */
static void spend_text(struct budget *budget, const struct text *text)
{
	(void)budget_spend(budget, text->length / BYTES_A_STEP);
}

/* What is to be said of an assembly whose type references were read. */
static void add_dotnet_notes(const struct dotnet *dotnet, struct finding *finding)
{
	if (dotnet->found != DOTNET_BY_HEADER)
		add_reason(finding, ".NET",
			   dotnet->found == DOTNET_BY_ROOT
				   ? "metadata found by its root: no CLR header leads to it"
				   : "metadata found by its tables: its root is gone");
	else if (dotnet->wiped)
		add_reason(finding, ".NET", "headers of the metadata are wiped");
	if (dotnet->order_uncertain)
		add_reason(finding, ".NET",
			   "names with - or ': .NET Framework may give another typerefhash");
}

static void read_dotnet(struct unit_maps *maps, struct worker *worker, const struct pe *pe,
			bool search, struct finding *finding)
{
	struct dotnet *dotnet = &worker->dotnet;
	struct hashes hashes = {0};
	dotnet->budget = &maps->programs;
	dotnet->search = search;
	dotnet_read(dotnet, pe);
	dotnet->budget = NULL;
	if (dotnet->status == DOTNET_NONE || dotnet->status == DOTNET_NOT_PE)
		return;
	struct program_names *names = names_of(finding);
	names->dotnet = dotnet->status == DOTNET_OK || dotnet->typerefs;
	names->typerefs = dotnet->typerefs;
	names->unread |= dotnet->status != DOTNET_OK;
	snprintf(names->assembly, sizeof(names->assembly), "%s%s%s", dotnet->assembly,
		 *dotnet->assembly && *dotnet->version ? " " : "", dotnet->version);
	snprintf(names->mvid, sizeof(names->mvid), "%s", dotnet->mvid);
	add_reason(finding, ".NET", dotnet->reason);
	if (strcmp(dotnet->identity_reason, dotnet->reason) != 0)
		add_reason(finding, ".NET", dotnet->identity_reason);
	if (dotnet->status != DOTNET_OK)
		return;
	add_dotnet_notes(dotnet, finding);
	spend_text(&maps->programs, &dotnet->linguistic);
	spend_text(&maps->programs, &dotnet->ordinal);
	spend_text(&maps->programs, &dotnet->unsorted);
	hash_typerefs(&hashes, &dotnet->linguistic, &dotnet->ordinal, &dotnet->unsorted);
	memcpy(finding->hashes.typerefhash, hashes.typerefhash, sizeof(hashes.typerefhash));
	memcpy(finding->hashes.typerefhash_ordinal, hashes.typerefhash_ordinal,
	       sizeof(hashes.typerefhash_ordinal));
	memcpy(finding->hashes.typerefuzzy, hashes.typerefuzzy, sizeof(hashes.typerefuzzy));
	add_hits(maps, worker, &hashes, finding);
}

/* Copies a text of a program; one that is longer ends with "...". */
static void copy_text(char *to, size_t size, struct text *from)
{
	int n = snprintf(to, size, "%s", text_string(from));
	if (n > 0 && (size_t)n >= size)
		memcpy(to + size - 4, "...", 4);
}

static void read_go(struct unit_maps *maps, struct worker *worker, const struct pe *pe,
		    struct finding *finding)
{
	struct golang *go = &worker->golang;
	struct hashes hashes = {0};
	golang_read(go, pe, &maps->programs);
	if (go->status == GOLANG_NONE)
		return;
	struct program_names *names = names_of(finding);
	names->by_go = true;
	names->go = go->functions > 0;
	names->go_functions = go->functions;
	names->unread |= go->status != GOLANG_OK;
	copy_text(names->go_version, sizeof(names->go_version), &go->version);
	copy_text(names->go_module, sizeof(names->go_module), &go->module);
	add_reason(finding, "Go", go->reason);
	if (go->status != GOLANG_OK)
		return;
	if (go->garbled)
		add_reason(finding, "Go",
			   "names of functions seem to be garbled: hashes change with each build");
	if (go->found != GOLANG_BY_HEADER)
		add_reason(finding, "Go",
			   go->found == GOLANG_BY_STRUCTURE
				   ? "table of functions with a changed header"
				   : "table of functions without a header");
	memcpy(hashes.gimphash, go->gimphash, sizeof(hashes.gimphash));
	memcpy(hashes.gimpfuzzy, go->gimpfuzzy, sizeof(hashes.gimpfuzzy));
	memcpy(finding->hashes.gimphash, go->gimphash, sizeof(hashes.gimphash));
	memcpy(finding->hashes.gimpfuzzy, go->gimpfuzzy, sizeof(hashes.gimpfuzzy));
	add_hits(maps, worker, &hashes, finding);
}

bool program_names_read(struct unit_maps *maps, struct worker *worker, const struct pe *pe,
			const struct program_search *search, struct finding *finding)
{
	uint64_t before = maps->programs.spent;
	read_dotnet(maps, worker, pe, search->dotnet, finding);
	if (search->go)
		read_go(maps, worker, pe, finding);
	return maps->programs.spent == before || !budget_exceeded(&maps->programs);
}
