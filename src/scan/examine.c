/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Examining one module: its import lists, their hashes, and which known hashes they match.
 *
 * The declared list is by the import directory, and has the hashes of the file on disk. The rebuilt
 * list is by the address tables. Where the two differ by more than hooks, both are hashed and
 * matched.
 */
#include "scan/examine.h"

#include <stdlib.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>

#include "scan/finding.h"
#include "scan/finding_cache.h"
#include "scan/hooks.h"
#include "scan/module_rebuild.h"
#include "scan/program_names.h"
#include "scan/resolved.h"

/* Hashes a list. */
static void hash_list(const struct scan_options *options, const struct text *string,
		      const struct text *fuzzy_string, struct hashes *hashes)
{
	hash_imports(hashes, string, fuzzy_string);
	if (options->impset || (options->known && known_has_impset(options->known)))
		hash_impset(hashes, string);
}

/* Adds what the hashes of list number `list` match: 0 is the declared one. */
static void add_hits(const struct unit_context *context, struct worker *worker,
		     const struct hashes *hashes, unsigned int list, struct finding *finding)
{
	const struct scan_options *options = context->options;
	if (options->known && *hashes->imphash)
		finding->hits = known_hits(options->known, hashes, options->threshold, list,
					   &worker->matches, finding->hits);
}

/* What the declared list comes to. */
static void conclude(const struct unit_context *context, struct worker *worker,
		     const struct imports *imports, struct finding *finding)
{
	finding->status = imports->status;
	finding->imports = imports->count;
	finding->readable =
		imports->pages ? (double)imports->pages_found / (double)imports->pages : 0;
	if (imports->reason[0])
		finding->reason = alloc_strdup(imports->reason);
	if (imports->status != IMPORTS_OK)
		return;
	finding->import_source = rebuilt_source_name(REBUILT_NAMES);
	hash_list(context->options, &imports->string, imports_fuzzy_string(imports),
		  &finding->hashes);
	add_hits(context, worker, &finding->hashes, 0, finding);
}

/* Notes the hashes of a list that the rebuilt one may be instead, as lists of hashes have them. */
static void add_other(const struct scan_options *options, const struct hashes *hashes,
		      struct finding *finding)
{
	const char *impset = options->impset ? hashes->impset : "";
	if (options->others && *hashes->imphash)
		text_list_add(&finding->rebuilt_others,
			      alloc_printf("%s%s%s%s%s", hashes->imphash,
					   *hashes->impfuzzy ? " " : "", hashes->impfuzzy,
					   *impset ? " " IMPSET_PREFIX : "", impset));
}

/* Where most entries of the rebuilt list come from. */
static const char *main_source(const struct rebuilt *rebuilt)
{
	enum rebuilt_source most = REBUILT_NAMES;
	for (enum rebuilt_source source = 0; source < REBUILT_SOURCES; source++)
		if (rebuilt->sources[source] > rebuilt->sources[most])
			most = source;
	return rebuilt_source_name(most);
}

/*
 * What the rebuilt lists come to. The first one is shown; where memory does not tell the original
 * order for certain there are others, and all are matched.
 */
static void conclude_rebuilt(struct unit_maps *maps, struct worker *worker,
			     const struct opened_module *opened, struct finding *finding)
{
	const struct unit_context *context = maps->context;
	const struct rebuilt *rebuilt = &worker->rebuilt;
	if (rebuilt->cut)
		finding_add_reason(finding, alloc_strdup(rebuilt->cut));
	if (!rebuilt->list_count || (*finding->hashes.imphash && !rebuilt->differs))
		return;
	finding->rebuilt_imports = rebuilt->lists[0].count;
	if (!finding->import_source)
		finding->import_source = main_source(rebuilt);
	for (size_t i = 0; i < rebuilt->list_count; i++) {
		const struct text *string = &rebuilt->lists[i].string;
		struct hashes hashes;
		if (i && !context->options->known && !context->options->others)
			break;
		hash_list(context->options, string, string, &hashes);
		if (!i)
			finding->rebuilt = hashes;
		else
			add_other(context->options, &hashes, finding);
		add_hits(context, worker, &hashes, (unsigned int)i + 1, finding);
	}
	const char *left = resolve_samples(maps, worker, opened, finding);
	if (left)
		finding_add_reason(finding,
				   alloc_printf("comparing its addresses with samples %s", left));
}

/* What pages were not the process's own, or not believed. */
static void add_page_reasons(const struct module_reader *reader, struct finding *finding)
{
	if (address_set_count(&reader->stale))
		finding_add_reason(finding,
				   alloc_printf("%zu pages in the page file are of another time",
						address_set_count(&reader->stale)));
	if (address_set_count(&reader->sectioned))
		finding_add_reason(finding, alloc_printf("%zu pages taken from the section",
							 address_set_count(&reader->sectioned)));
	if (address_set_count(&reader->borrowed))
		finding_add_reason(finding, alloc_printf("%zu pages taken from other processes",
							 address_set_count(&reader->borrowed)));
}

/*
 * What a module has beside import lists, where it is .NET or Go. What no loader put there is
 * searched for Go; all else where its sections or the list `like` look like it.
 *
 * Returns whether the budget was enough.
 */
static bool examine_names(struct unit_maps *maps, struct worker *worker,
			  const struct opened_module *opened, const struct text *like,
			  struct finding *finding)
{
	const struct pe_reader *reader = &opened->reader.reader;
	if (opened_has_headers(opened))
		return program_names_read(
			maps, worker, &opened->pe,
			&(struct program_search){.go = opened->injected ||
						       golang_likely_by_sections(&opened->pe) ||
						       golang_likely_by_imports(like)},
			finding);
	const struct program_search search = {.dotnet = unit_runs_dotnet(maps),
					      .go = opened->injected ||
						    golang_likely_by_imports(like)};
	if (!reader->size || reader->size > UINT32_MAX || (!search.dotnet && !search.go))
		return true;
	_cleanup_pe_ struct pe assumed = {0};
	pe_assume(&assumed, reader, opened->pointer_size == 8, (uint32_t)reader->size);
	return program_names_read(maps, worker, &assumed, &search, finding);
}

/*
 * The finding of another process that maps the same pages, whose declared list was read all the
 * same; NULL where reading the rest of it would take more than there is left.
 */
static struct cached_finding *get_cached(struct unit_maps *maps, const struct module_reader *reader,
					 struct finding *finding)
{
	struct cached_finding *cached = finding_cache_get(maps->context->findings, reader, finding);
	if (!cached)
		return NULL;
	uint64_t programs = cached_finding_cost(cached)->programs;
	if (programs <= budget_left(&maps->programs)) {
		budget_spend(&maps->programs, programs);
		return cached;
	}
	finding_free(finding);
	*finding = (struct finding){0};
	return NULL;
}

/*
 * The declared list, concluded from the cache when another process maps the same pages; with
 * rebuilding its entries are needed all the same. Returns where it is cached.
 */
static struct cached_finding *examine_declared(struct unit_maps *maps, struct worker *worker,
					       struct opened_module *opened,
					       struct finding *finding)
{
	const struct unit_context *context = maps->context;
	const struct module_reader *reader = &opened->reader;
	const struct finding_cost spent = {maps->names.spent, maps->programs.spent};
	bool rebuild = !context->options->fast;
	struct cached_finding *cached = NULL;
	worker->imports.keep_entries = rebuild;
	worker->imports.budget = &maps->names;
	opened_declare(opened, &worker->imports, rebuild);
	if (opened->found_directory) {
		conclude(context, worker, opened->declared, finding);
		finding_add_reason(finding,
				   alloc_printf("%s, import directory found by its content",
						opened->pe.reason));
		examine_names(maps, worker, opened, &worker->imports.string, finding);
		return NULL;
	}
	if (reader->control_area && rebuild && !budget_exceeded(&maps->names))
		cached = get_cached(maps, reader, finding);
	if (cached)
		return cached;
	conclude(context, worker, opened->declared, finding);
	bool whole = examine_names(maps, worker, opened, &worker->imports.string, finding);
	add_page_reasons(reader, finding);
	if (address_set_count(&reader->borrowed) || address_set_count(&reader->sectioned))
		return NULL;
	const struct finding_cost cost = {maps->names.spent - spent.names,
					  maps->programs.spent - spent.programs};
	if (reader->control_area && !reader->decompressed && whole &&
	    (finding->status == IMPORTS_OK || finding->status == IMPORTS_NONE))
		cached = finding_cache_put(context->findings, reader, &cost, finding);
	return cached;
}

/*
 * Is what the cache knows of the module all there is to know? Then it is counted like reading it.
 */
static bool is_known(struct unit_maps *maps, struct worker *worker, struct opened_module *opened,
		     struct cached_finding *cached)
{
	/* A list costs the same whoever has read it; without enough for it, it is cut as ever. */
	if (!cached)
		return false;
	const struct finding_cost *cost = cached_finding_cost(cached);
	if (cost->names > budget_left(&maps->names) ||
	    cost->programs > budget_left(&maps->programs))
		return false;
	const struct settled *settled = cached_finding_settled(cached);
	if (!maps->context->options->fast &&
	    (!settled || !module_is_settled(maps, opened, settled, &worker->rebuilt)))
		return false;
	budget_spend(&maps->names, cost->names);
	budget_spend(&maps->programs, cost->programs);
	return true;
}

/*
 * What the rebuilt list adds to a finding whose declared list is in the cache, or nowhere (NULL).
 */
static void examine_rebuilt(struct unit_maps *maps, struct worker *worker,
			    struct opened_module *opened, struct cached_finding *cached,
			    struct module *module, struct finding *finding)
{
	const struct unit_context *context = maps->context;
	const struct rebuilt *rebuilt = &worker->rebuilt;
	module_rebuild(maps, opened, &worker->rebuilt);
	if (cached && !cached_finding_settled(cached) && !opened->reader.missing_page_files) {
		struct settled *found = module_settle(maps, opened);
		if (found)
			cached_finding_settle(context->findings, cached, found);
	}
	conclude_rebuilt(maps, worker, opened, finding);
	hooks_collect(&worker->hooks, rebuilt, (size_t)(module - maps->modules->items));
	if (rebuilt->hooked)
		module->flags |= MODULE_HOOKED;
	/* What was packed shows what it imports now. */
	if (finding->rebuilt_imports && !finding->names &&
	    golang_likely_by_imports(&rebuilt->lists[0].string) &&
	    !golang_likely_by_imports(&worker->imports.string))
		examine_names(maps, worker, opened, &rebuilt->lists[0].string, finding);
	if (rebuilt->unknown && finding->rebuilt_imports)
		finding_add_reason(finding,
				   alloc_printf("%zu slots lead to no export", rebuilt->unknown));
}

/* Both lists of a module. */
static void examine_lists(struct unit_maps *maps, struct worker *worker,
			  struct opened_module *opened, struct module *module,
			  struct finding *finding)
{
	const struct unit_context *context = maps->context;
	struct cached_finding *cached = NULL;
	/* What is dumped needs the lists themselves. */
	if (opened->reader.control_area && !context->options->dump_directory)
		cached = finding_cache_get(context->findings, &opened->reader, finding);
	if (is_known(maps, worker, opened, cached))
		return;
	finding_free(finding);
	*finding = (struct finding){0};
	cached = examine_declared(maps, worker, opened, finding);
	opened->reader.record = false;
	if (!context->options->fast)
		examine_rebuilt(maps, worker, opened, cached, module, finding);
}

/* A module that lies in memory as a loader maps it. */
static void examine_module(struct unit_maps *maps, struct worker *worker,
			   struct opened_module *opened, struct module *module,
			   struct finding *finding)
{
	bool has_headers = opened_has_headers(opened);
	if (has_headers && opened->pointer_size < maps->context->windows->pointer_size)
		module->flags |= MODULE_WOW64;
	examine_lists(maps, worker, opened, module, finding);
	module->missing_page_files = opened->reader.missing_page_files;
	module->patched_pages =
		has_headers ? view_patched_pages(maps->view, &opened->pe, module->base) : 0;
	if (module->patched_pages) {
		module->flags |= MODULE_PATCHED;
		finding_add_reason(finding,
				   alloc_printf("%zu code pages patched", module->patched_pages));
	}
}

/* A region without headers: only its address tables tell of it. */
static void examine_region(struct unit_maps *maps, struct worker *worker,
			   struct opened_module *opened, struct module *module,
			   struct finding *finding)
{
	finding->status = IMPORTS_NOT_PE;
	finding->readable = 1;
	finding->reason = alloc_printf("no PE header, %zu resolved APIs", module->resolved);
	module_rebuild(maps, opened, &worker->rebuilt);
	conclude_rebuilt(maps, worker, opened, finding);
	struct opened_module whole = {.injected = true, .pointer_size = opened->pointer_size};
	module_reader_init(&whole.reader, maps->view->space, opened->base, opened->size);
	examine_names(maps, worker, &whole, NULL, finding);
	if (finding->names)
		module->missing_page_files |= whole.reader.missing_page_files;
	module_reader_free(&whole.reader);
}

/* A PE that lies in memory as in its file: nothing is resolved in it. */
static void examine_file(struct unit_maps *maps, struct worker *worker,
			 struct opened_module *opened, struct module *module,
			 struct finding *finding)
{
	if (module->size > MODULE_FILE_SIZE_MAX) {
		finding->status = IMPORTS_UNREADABLE;
		finding->reason = alloc_printf("PE in file layout of %llu bytes: too large",
					       (unsigned long long)module->size);
		return;
	}
	worker->imports.keep_entries = false;
	worker->imports.budget = &maps->names;
	opened_declare(opened, &worker->imports, false);
	conclude(maps->context, worker, opened->declared, finding);
	if (opened_has_headers(opened) && !opened->declared->pages)
		finding->readable = 1; /* its headers are all that was needed */
	if (opened_has_headers(opened))
		examine_names(maps, worker, opened, &worker->imports.string, finding);
	module->missing_page_files = opened->reader.missing_page_files;
}

void examine(struct unit_maps *maps, struct worker *worker, struct opened_module *opened,
	     struct module *module, struct finding *finding)
{
	if (!opened->pe.reader)
		examine_region(maps, worker, opened, module, finding);
	else if (module->file_layout)
		examine_file(maps, worker, opened, module, finding);
	else
		examine_module(maps, worker, opened, module, finding);
	finding->timestamp =
		opened->pe.reader && opened_has_headers(opened) ? opened->pe.time_date_stamp : 0;
}
