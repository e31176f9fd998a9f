/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One module: its import lists, their hashes, and which known ones they resemble.
 *
 * The declared list is what the import directory says, with the hashes of the file on disk. The
 * rebuilt list is what the address tables say. Where they differ by more than hooks, both count.
 */
#include "scan/unit.h"

#include <stdlib.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>
#include <impscan/module_reader.h>

#include "scan/finding_cache.h"
#include "scan/hooks.h"
#include "scan/unit_maps.h"

/* No section header tells of more: its offset and its size have 32 bits. */
#define FILE_SIZE_MAX (UINT64_C(1) << 33)

void finding_add_reason(struct finding *finding, char *more)
{
	char *before = finding->reason;
	finding->reason = before ? alloc_printf("%s; %s", before, more) : alloc_strdup(more);
	free(before);
	free(more);
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
		     struct finding *finding)
{
	const struct imports *imports = &worker->imports;
	finding->status = imports->status;
	finding->imports = imports->count;
	finding->readable =
		imports->pages ? (double)imports->pages_found / (double)imports->pages : 0;
	if (imports->reason[0])
		finding->reason = alloc_strdup(imports->reason);
	if (imports->status != IMPORTS_OK)
		return;
	finding->import_source = rebuilt_source_name(REBUILT_NAMES);
	hash_imports(&finding->hashes, &imports->string, imports_fuzzy_string(imports));
	add_hits(context, worker, &finding->hashes, 0, finding);
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
static void conclude_rebuilt(const struct unit_context *context, struct worker *worker,
			     struct finding *finding)
{
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
		if (i && !context->options->known)
			break;
		hash_imports(&hashes, string, string);
		if (!i)
			finding->rebuilt = hashes;
		add_hits(context, worker, &hashes, (unsigned int)i + 1, finding);
	}
}

/*
 * The declared list of an image whose header page is gone: its import directory may still be there.
 * A list that is not whole is worth no more than none.
 */
static bool find_declared(struct unit_maps *maps, struct worker *worker,
			  struct module_reader *reader, const struct pe *pe)
{
	if (!reader->control_area || reader->reader.size > UINT32_MAX - 1)
		return false;
	_cleanup_pe_ struct pe assumed;
	pe_assume(&assumed, &reader->reader, worker->pointer_size == 8,
		  (uint32_t)reader->reader.size);
	uint32_t rva = imports_find_directory(&assumed, &maps->names);
	if (!rva)
		return false;
	assumed.directory[PE_DIRECTORY_IMPORT].rva = rva;
	imports_declared(&worker->imports, &assumed);
	if (worker->imports.status == IMPORTS_OK)
		return true;
	imports_declared(&worker->imports, pe);
	return false;
}

/*
 * The declared list, concluded from the cache when another process maps the same pages; with
 * rebuilding its entries are needed all the same. Returns where it is cached.
 */
static struct cached_finding *examine_declared(struct unit_maps *maps, struct worker *worker,
					       struct module_reader *reader, const struct pe *pe,
					       struct finding *finding)
{
	const struct unit_context *context = maps->context;
	const uint64_t spent = maps->names.spent;
	uint64_t section = reader->control_area;
	bool rebuild = !context->options->fast;
	struct cached_finding *cached = NULL;
	worker->imports.keep_entries = rebuild;
	worker->imports.budget = &maps->names;
	imports_declared(&worker->imports, pe);
	if (pe->status != PE_OK && rebuild && find_declared(maps, worker, reader, pe)) {
		conclude(context, worker, finding);
		finding_add_reason(
			finding,
			alloc_printf("%s, import directory found by its content", pe->reason));
		return NULL;
	}
	if (section && rebuild && !budget_exceeded(&maps->names))
		cached = finding_cache_get(context->findings, reader, finding);
	if (cached)
		return cached;
	conclude(context, worker, finding);
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
	if (address_set_count(&reader->borrowed) || address_set_count(&reader->sectioned))
		return NULL;
	if (section && !reader->decompressed &&
	    (finding->status == IMPORTS_OK || finding->status == IMPORTS_NONE))
		cached = finding_cache_put(context->findings, reader, maps->names.spent - spent,
					   finding);
	return cached;
}

/* Both lists of a module whose pointers are of `size` bytes. */
static void examine_lists(struct unit_maps *maps, struct worker *worker,
			  struct module_reader *reader, const struct pe *pe, unsigned int size,
			  struct module *module, struct finding *finding)
{
	const struct unit_context *context = maps->context;
	struct cached_finding *cached = NULL;
	/* What is dumped needs the lists themselves. */
	if (reader->control_area && !context->options->dump_directory)
		cached = finding_cache_get(context->findings, reader, finding);
	/* A list costs the same whoever has read it; without enough for it, it is cut as ever. */
	if (cached && cached_finding_cost(cached) > budget_left(&maps->names))
		cached = NULL;
	if (cached && context->options->fast) {
		budget_spend(&maps->names, cached_finding_cost(cached));
		return;
	}
	const struct settled *settled = cached ? cached_finding_settled(cached) : NULL;
	if (settled &&
	    unit_settled(maps, &worker->rebuilt, size, module->base, module->size, pe, settled)) {
		budget_spend(&maps->names, cached_finding_cost(cached));
		return;
	}
	finding_free(finding);
	*finding = (struct finding){0};
	cached = examine_declared(maps, worker, reader, pe, finding);
	reader->record = false;
	if (context->options->fast)
		return;
	/* What no loader mapped may have its table anywhere; what one did has it where it was told. */
	unit_rebuild(maps, &worker->rebuilt, size, module->base, module->size, pe, &worker->imports,
		     module->injected);
	if (cached && !cached_finding_settled(cached) && !reader->missing_page_files) {
		struct settled *found = unit_settle(maps, &worker->rebuilt, size, module->base,
						    module->size, pe, &worker->imports);
		if (found)
			cached_finding_settle(context->findings, cached, found);
	}
	conclude_rebuilt(context, worker, finding);
	hooks_collect(&worker->hooks, &worker->rebuilt, (size_t)(module - maps->modules->items));
	if (worker->rebuilt.hooked)
		module->flags |= MODULE_HOOKED;
	if (worker->rebuilt.unknown && finding->rebuilt_imports)
		finding_add_reason(finding, alloc_printf("%zu slots lead to no export",
							 worker->rebuilt.unknown));
}

void examine_module(struct unit_maps *maps, struct worker *worker, struct module *module,
		    struct finding *finding)
{
	const struct unit_context *context = maps->context;
	_cleanup_module_reader_ struct module_reader reader;
	module_reader_init(&reader, maps->view->space, module->base, module->size);
	module_reader_section(&reader, maps->view, context->neighbours);
	module_reader_record(&reader);
	_cleanup_pe_ struct pe pe;
	pe_open(&pe, &reader.reader);
	worker->pointer_size =
		module->found_in & FOUND_LISTS32 ? 4 : context->windows->pointer_size;

	bool has_header = pe.status == PE_OK;
	if (has_header && context->windows->pointer_size == 8 && !pe.pe32_plus)
		module->flags |= MODULE_WOW64;
	unsigned int size = has_header			   ? pe_pointer_size(&pe)
			    : module->flags & MODULE_WOW64 ? 4
							   : context->windows->pointer_size;
	examine_lists(maps, worker, &reader, &pe, size, module, finding);
	module->missing_page_files = reader.missing_page_files;
	module->patched_pages = has_header ? view_patched_pages(maps->view, &pe, module->base) : 0;
	if (module->patched_pages) {
		module->flags |= MODULE_PATCHED;
		finding_add_reason(finding,
				   alloc_printf("%zu code pages patched", module->patched_pages));
	}
}

void examine_region(struct unit_maps *maps, struct worker *worker, const struct module *module,
		    struct finding *finding)
{
	finding->status = IMPORTS_NOT_PE;
	finding->readable = 1;
	finding->reason = alloc_printf("no PE header, %zu resolved APIs", module->resolved);
	unit_rebuild(maps, &worker->rebuilt, module->pointer_size, module->used, module->used_size,
		     NULL, NULL, true);
	conclude_rebuilt(maps->context, worker, finding);
}

void examine_file(struct unit_maps *maps, struct worker *worker, struct module *module,
		  struct finding *finding)
{
	if (module->size > FILE_SIZE_MAX) {
		finding->status = IMPORTS_UNREADABLE;
		finding->reason = alloc_printf("PE in file layout of %llu bytes: too large",
					       (unsigned long long)module->size);
		return;
	}
	_cleanup_module_reader_ struct module_reader reader;
	module_reader_init(&reader, maps->view->space, module->base, module->size);
	reader.reader.layout = PE_LAYOUT_FILE;
	reader.reader.size = module->size;
	_cleanup_pe_ struct pe pe;
	pe_open(&pe, &reader.reader);
	worker->imports.keep_entries = false;
	worker->imports.budget = &maps->names;
	imports_declared(&worker->imports, &pe);
	conclude(maps->context, worker, finding);
	if (pe.status == PE_OK && !worker->imports.pages)
		finding->readable = 1; /* its headers are all that was needed */
	module->missing_page_files = reader.missing_page_files;
}
