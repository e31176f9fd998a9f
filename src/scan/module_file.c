/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A module, written as a PE file: its name, its import directory, and what is to be said of it. The
 * name is one that any file system takes. A file never takes the place of another one. Where a file
 * can't be written, its module says why, and the run goes on.
 */
#include "scan/module_file.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>
#include <impscan/pe_write.h>

#include "scan/dump_space.h"
#include "scan/row.h"
#include "scan/sparse_file.h"

/*
 * Parts of a file's name, in bytes. With a PID, an address and the rest no name is longer than 120
 * bytes, which leaves room for a path even under Windows.
 */
#define PROCESS_NAME_MAX 24
#define MODULE_NAME_MAX	 48

/*
 * 4012.invoice.exe.0x7ff6f3a10000.kernel32.dll.bin: beginning with a digit it is no device name and
 * not hidden, ending in .bin it has no dot or blank at its end, and nothing runs it by mistake. A
 * PID is used again once its process has ended, so that of an exited one says so.
 */
static char *file_name(const struct process *process, const struct module *module)
{
	struct text name = {0};
	text_add_format(&name, "%u.", process->pid);
	if (process_exited(process))
		text_add_string(&name, "exited.");
	text_add_file_name(&name, process->name, PROCESS_NAME_MAX);
	text_add_format(&name, ".0x%llx.", (unsigned long long)module->base);
	text_add_file_name(&name, module->name, MODULE_NAME_MAX);
	text_add_string(&name, ".bin");
	return name.data;
}

static char *path_of(const struct unit_context *context, const char *name)
{
	return alloc_printf("%s/%s", context->options->dump_directory, name);
}

/* Why there is no file, beyond the limit of all of them. */
static char *too_large(const struct unit_context *context)
{
	uint64_t limit = dump_space_limit(image_file_size(context->windows->image));
	return alloc_printf("not written: the files of a process may take half of what is left of "
			    "%llu MiB",
			    (unsigned long long)(limit >> 20));
}

void dump_settle(const struct unit_context *context, struct dump *dump)
{
	if (!dump->room || dump_space_settle(context->space, dump->room, dump->file) || !dump->file)
		return;
	_cleanup_free_ char *path = path_of(context, dump->file);
	unlink(path);
	free(dump->file);
	free(dump->note);
	dump->file = NULL;
	dump->note = too_large(context);
}

void dump_forget(const struct unit_context *context, struct dump *dump)
{
	if (!dump || !dump->room)
		return;
	dump_space_return(context->space, dump->room);
	if (!dump->file)
		return;
	_cleanup_free_ char *path = path_of(context, dump->file);
	unlink(path);
}

/* Is it one of those whose rows are handed out? */
static bool is_wanted(const struct unit_context *context, const struct process *process,
		      const struct module *module, const struct finding *finding)
{
	const struct scan_options *options = context->options;
	struct row row = row_of(process, module);
	if ((!options->all && !finding->hits) || !scan_only_matches(&options->only, &row))
		return false;
	row_add_finding(&row, finding);
	return !row_is_good(options, &row);
}

/* Entries of a declared list, for the import directory of a file. The caller frees it. */
static struct pe_write_import *declared_imports(const struct imports *declared, size_t *count)
{
	struct pe_write_import *imports = NULL;
	size_t capacity = 0;
	for (size_t i = 0; i < declared->entry_count; i++) {
		const struct import_entry *entry = &declared->entries[i];
		if (entry->kind == IMPORT_UNKNOWN)
			continue;
		*array_push(imports, *count, capacity) = (struct pe_write_import){
			.dll = imports_entry_dll(declared, entry),
			.name = imports_entry_name(declared, entry),
			.ordinal = entry->ordinal,
			.position = entry->slot,
		};
	}
	return imports;
}

/* The same of a rebuilt list of the module at `base`. */
static struct pe_write_import *rebuilt_imports(const struct rebuilt *rebuilt, uint64_t base,
					       size_t *count)
{
	struct pe_write_import *imports = NULL;
	size_t capacity = 0;
	for (size_t i = 0; i < rebuilt->count; i++) {
		const struct rebuilt_entry *entry = &rebuilt->entries[i];
		if (entry->kind == IMPORT_UNKNOWN)
			continue;
		*array_push(imports, *count, capacity) = (struct pe_write_import){
			.dll = rebuilt_dll(rebuilt, entry),
			.name = rebuilt_name(rebuilt, entry),
			.ordinal = entry->ordinal,
			/* A slot below the module comes out beyond any end. */
			.position = entry->slot - base,
		};
	}
	return imports;
}

/*
 * The list for an import directory where the header has none that could be read, or names of it are
 * addresses. `examined` has the
 * lists of the module; NULL: it was not examined. The caller frees what is returned; the names are
 * of the lists.
 */
static struct pe_write_import *imports_to_restore(const struct opened_module *examined,
						  const struct module *module,
						  const struct finding *finding, bool has_header,
						  size_t *count)
{
	*count = 0;
	if (!examined)
		return NULL;
	const struct imports *declared = examined->declared;
	if (*finding->hashes.imphash && (!has_header || (declared && declared->name_addresses)))
		return declared ? declared_imports(declared, count) : NULL;
	if (module->file_layout || !finding->rebuilt_imports || *finding->hashes.imphash)
		return NULL;
	return rebuilt_imports(examined->rebuilt, module->base, count);
}

/* Does hashing the file give what the module's row says? */
static bool hashes_equal(struct worker *worker, const struct pe_written *written,
			 const struct hashes *hashes)
{
	struct imports *imports = &worker->written;
	_cleanup_pe_ struct pe pe = {0};
	pe_open(&pe, &written->reader);
	imports->budget = &worker->dump_budget;
	imports_declared(imports, &pe);
	if (imports->status != IMPORTS_OK)
		return false;
	struct hashes file = {0};
	hash_imports(&file, &imports->string, imports_fuzzy_string(imports));
	return !strcmp(file.imphash, hashes->imphash) && !strcmp(file.impfuzzy, hashes->impfuzzy);
}

__attribute__((format(printf, 2, 3))) static void add_note(struct text *notes, const char *format,
							   ...)
{
	char *note;
	va_list arguments;
	va_start(arguments, format);
	if (vasprintf(&note, format, arguments) < 0)
		note = NULL;
	va_end(arguments);
	if (!note)
		return;
	if (notes->length)
		text_add_string(notes, "; ");
	text_add_string(notes, note);
	free(note);
}

/* What to keep in mind of a file that was written; NULL: nothing. */
static char *make_note(struct worker *worker, const struct pe_written *written,
		       const struct finding *finding, bool borrowed, const char *metadata)
{
	struct text notes = {0};
	if (written->cut)
		add_note(&notes, "cut: larger than %llu MiB",
			 (unsigned long long)(PE_WRITE_MAX >> 20));
	if (borrowed)
		add_note(&notes, "absent pages taken from other processes or the section");
	if (metadata)
		add_note(&notes, "%s", metadata);
	if (written->imports_added)
		add_note(&notes, "import directory made of %zu imports", written->imports_added);
	if (written->imports_lost)
		add_note(&notes, "%zu imports have no slot in it", written->imports_lost);
	if (finding->status == IMPORTS_OK || written->imports_added) {
		const struct hashes *hashes =
			*finding->hashes.imphash ? &finding->hashes : &finding->rebuilt;
		bool equal = hashes_equal(worker, written, hashes);
		if (budget_exceeded(&worker->dump_budget))
			add_note(&notes, "import hashes of the file were not compared");
		else if (!equal)
			add_note(&notes, "import hashes of the file differ from the module's");
	} else if (finding->status == IMPORTS_PARTIAL) {
		add_note(&notes, "import list not whole: import hashes of the file are none of the "
				 "module's");
	}
	return notes.data;
}

/* What is to be written over headers of metadata that a protector wiped in memory. */
struct patches {
	struct pe_write_patch *items; /* their bytes are those of worker->dotnet */
	size_t count;
	const char *note; /* what is to be said of them; NULL: nothing is wiped */
};

static struct patches patches_of(struct worker *worker, const struct opened_module *source,
				 const struct finding *finding)
{
	struct dotnet *dotnet = &worker->dotnet;
	struct patches patches = {0};
	size_t capacity = 0;
	if (!finding->names || !finding->names->dotnet || !opened_has_headers(source))
		return patches;
	dotnet->budget = &worker->dump_budget;
	dotnet->search = false;
	dotnet_read(dotnet, &source->pe);
	dotnet->budget = NULL;
	for (size_t i = 0; i < dotnet->repair_count; i++) {
		const struct dotnet_repair *repair = &dotnet->repairs[i];
		*array_push(patches.items, patches.count, capacity) = (struct pe_write_patch){
			.rva = repair->rva,
			.bytes = repair->bytes,
			.size = repair->size,
		};
	}
	if (dotnet->wiped)
		patches.note = patches.count ? "wiped headers of .NET metadata restored"
					     : "headers of .NET metadata are gone";
	return patches;
}

static void write_module(struct unit_maps *maps, struct worker *worker,
			 const struct process *process, const struct opened_module *examined,
			 const struct module *module, struct finding *finding)
{
	const struct unit_context *context = maps->context;
	struct dump *dump = finding->dump;
	_cleanup_opened_module_ struct opened_module source = {0};
	module_open(&source, context, maps->view, module,
		    MODULE_OPEN_KEEP_WRITTEN | MODULE_OPEN_KNOWN_SIZE | MODULE_OPEN_WHOLE);
	size_t import_count;
	_cleanup_free_ struct pe_write_import *imports = imports_to_restore(
		examined, module, finding, opened_has_headers(&source), &import_count);
	const struct patches patches = patches_of(worker, &source, finding);
	_cleanup_free_ const struct pe_write_patch *patch_items = patches.items;
	_cleanup_pe_written_ struct pe_written written = {0};
	pe_write(&source.pe,
		 &(struct pe_write_options){
			 .base = module->base,
			 .pointer_size = source.pointer_size,
			 .entry_point = module->entry_point,
			 .imports = imports,
			 .import_count = import_count,
			 .patches = patch_items,
			 .patch_count = patches.count,
			 .budget = &worker->dump_budget,
		 },
		 &written);
	dump->pages = written.pages;
	dump->pages_absent = written.pages_absent;
	if (!written.size) {
		dump->note =
			alloc_strdup(written.stopped ? "not written: looking at all pages of this "
						       "process's modules takes too long"
						     : "not written: no page of it is present");
		return;
	}
	dump->layout = pe_written_layout_name(written.layout);
	dump->size = written.size;
	_cleanup_free_ char *name = file_name(process, module);
	uint64_t room = sparse_file_room(&written.reader);
	if (!dump_space_take(context->space, worker->unit, &worker->files, room)) {
		dump->note = too_large(context);
		return;
	}
	dump->room = room;
	_cleanup_free_ char *path = path_of(context, name);
	int number = sparse_file_write(path, &written.reader);
	if (number) {
		dump->note = alloc_printf("not written: %s: %s", name, strerror(number));
		return;
	}
	dump->file = take_ptr(name);
	dump->note = make_note(worker, &written, finding,
			       address_set_count(&source.reader.borrowed) ||
				       address_set_count(&source.reader.sectioned),
			       patches.note);
}

void dump_module(struct unit_maps *maps, struct worker *worker, const struct process *process,
		 const struct opened_module *examined, const struct module *module,
		 struct finding *finding)
{
	if (!maps->context->options->dump_directory ||
	    !is_wanted(maps->context, process, module, finding))
		return;
	finding->dump = alloc_new(struct dump);
	write_module(maps, worker, process, examined, module, finding);
}

void dump_free(struct dump *dump)
{
	if (!dump)
		return;
	free(dump->file);
	free(dump->note);
	free(dump);
}
