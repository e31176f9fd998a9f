/*
 * One module: its import list, its hashes, and which known ones they resemble.
 */
#include "scan/unit.h"

#include <stdlib.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>

#include "scan/cache.h"

/* A PE in file layout is copied to be read; no file that anybody injects is near this. */
#define FILE_SIZE_MAX (UINT64_C(512) << 20)

static void add_reason(struct finding *finding, const char *format, size_t count)
	__attribute__((format(printf, 2, 0)));

/* Adds what is to be said of the module. */
static void add_reason(struct finding *finding, const char *format, size_t count)
{
	char *before = finding->reason;
	_cleanup_free_ char *more = alloc_printf(format, count);
	finding->reason = before ? alloc_printf("%s; %s", before, more) : take_ptr(more);
	free(before);
}

static void conclude(const struct unit_context *context, const struct imports *imports,
		     struct finding *finding)
{
	finding->status = imports->status;
	finding->imports = imports->count;
	finding->readable =
		imports->pages ? (double)imports->pages_found / (double)imports->pages : 0;
	if (imports->reason[0])
		finding->reason = alloc_strdup(imports->reason);
	if (imports->status != IMPORTS_OK)
		return;
	hash_imports(&finding->hashes, &imports->string, imports_fuzzy_string(imports));
	if (context->options->known)
		known_find(context->options->known, &finding->hashes, context->options->threshold,
			   &finding->matches);
}

void examine_module(const struct unit_context *context, struct worker *worker, struct view *view,
		    struct module *module, struct finding *finding)
{
	const struct vad *vad = vads_find(&view->vads, module->base);
	uint64_t section = vad && vad->kind == VAD_IMAGE ? vad->control_area : 0;
	_cleanup_module_reader_ struct module_reader reader;
	module_reader_init(&reader, view->space, module->base, module->size);
	reader.neighbours = context->neighbours;
	reader.control_area = section;
	module_reader_record(&reader);
	_cleanup_pe_ struct pe pe;
	pe_open(&pe, &reader.reader);
	if (!section ||
	    !finding_cache_get(context->findings, section, view->space, module->base, finding)) {
		imports_declared(&worker->imports, &pe);
		conclude(context, &worker->imports, finding);
		if (reader.borrowed)
			add_reason(finding, "%zu pages taken from other processes",
				   reader.borrowed);
		if (section && !reader.borrowed &&
		    (finding->status == IMPORTS_OK || finding->status == IMPORTS_NONE))
			finding_cache_put(context->findings, section, reader.pages,
					  reader.page_count, finding);
	}
	if (pe.status == PE_OK && context->windows->pointer_size == 8 && !pe.pe32_plus)
		module->flags |= MODULE_WOW64;
	module->patched_pages =
		pe.status == PE_OK ? view_patched_pages(view, &pe, module->base) : 0;
	if (module->patched_pages) {
		module->flags |= MODULE_PATCHED;
		add_reason(finding, "%zu code pages patched", module->patched_pages);
	}
}

void examine_file(const struct unit_context *context, struct worker *worker, struct view *view,
		  const struct module *module, struct finding *finding)
{
	if (module->size > FILE_SIZE_MAX) {
		finding->status = IMPORTS_UNREADABLE;
		finding->reason = alloc_printf("PE in file layout of %llu bytes: too large",
					       (unsigned long long)module->size);
		return;
	}
	_cleanup_free_ uint8_t *bytes = alloc_zero((size_t)module->size, 1);
	uint64_t absent = 0, pages = 0;
	for (uint64_t done = 0; done < module->size; pages++) {
		uint64_t part = PAGE_SIZE - ((module->base + done) & (PAGE_SIZE - 1));
		part = min_of(part, module->size - done);
		absent += !space_read(view->space, module->base + done, bytes + done, (size_t)part);
		done += part;
	}
	struct pe_reader reader = pe_reader_bytes(bytes, (size_t)module->size, PE_LAYOUT_FILE);
	_cleanup_pe_ struct pe pe;
	pe_open(&pe, &reader);
	imports_declared(&worker->imports, &pe);
	if (absent && worker->imports.status == IMPORTS_OK) {
		/* Which of them the list needed is not known here. */
		finding->status = IMPORTS_PARTIAL;
		finding->reason =
			alloc_printf("%llu of %llu pages not present", (unsigned long long)absent,
				     (unsigned long long)pages);
	} else {
		conclude(context, &worker->imports, finding);
	}
	finding->readable = (double)(pages - absent) / (double)pages;
}
