/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * From what was found of a module to its row.
 */
#include "scan/row.h"

#include <impscan/good.h>
#include <impscan/module.h>

struct row row_of(const struct process *process, const struct module *module)
{
	static const struct module none = {.name = "", .path = ""};
	if (!module)
		module = &none;
	return (struct row){
		.pid = process->pid,
		.ppid = process->ppid,
		.process = process->name,
		.eprocess = process->eprocess,
		.started = process->create_time,
		.exited = process->exit_time,
		.base = module->base,
		.size = module->size,
		.module = module->name,
		.path = module->path,
		.found_in = module->found_in,
		.flags = module->flags | process_flags(process),
		.missing_page_files = module->missing_page_files,
	};
}

const char *image_name_of(const struct windows *windows, const struct scan_options *options)
{
	return options->image_name ? options->image_name : image_path(windows->image);
}

void row_add_finding(struct row *row, const struct finding *finding)
{
	row->status = finding->status;
	row->reason = finding->reason;
	row->imports = finding->imports;
	row->timestamp = finding->timestamp;
	row->import_source = finding->import_source;
	row->hashes = finding->hashes;
	row->rebuilt_imports = finding->rebuilt_imports;
	row->rebuilt = finding->rebuilt;
	row->rebuilt_others = finding->rebuilt_others;
	/* Where there is no list, no page of it can be missing. */
	row->readable =
		finding->status == IMPORTS_NONE && finding->readable <= 0 ? 1 : finding->readable;
	if (finding->names) {
		row->dotnet = finding->names->dotnet;
		row->typerefs = finding->names->typerefs;
		row->assembly = finding->names->assembly;
		row->mvid = finding->names->mvid;
		row->go = finding->names->go;
		row->by_go = finding->names->by_go;
		row->names_unread = finding->names->unread;
		row->go_functions = finding->names->go_functions;
		row->go_version = finding->names->go_version;
		row->go_module = finding->names->go_module;
	}
	if (finding->dump)
		row->dump = (struct row_dump){
			.file = finding->dump->file,
			.layout = finding->dump->layout,
			.size = finding->dump->size,
			.pages = finding->dump->pages,
			.pages_absent = finding->dump->pages_absent,
			.note = finding->dump->note,
		};
}

bool row_is_good(const struct scan_options *options, const struct row *row)
{
	bool none = row->status == IMPORTS_NONE;
	if (!options->good || row->more_flags || row->flags & ~(unsigned int)MODULE_WOW64 ||
	    (row->status != IMPORTS_OK && !none))
		return false;
	return good_has(options->good, &(struct good_module){
					       .name = row->module,
					       .path = row->path,
					       .size = row->size,
					       .timestamp = row->timestamp,
					       .no_imports = none,
					       .names_unread = row->names_unread,
					       .hashes = row->hashes,
					       .rebuilt = row->rebuilt,
				       });
}

void row_set_match(struct row *row, const struct match *match)
{
	static const struct {
		enum row_matched declared, rebuilt;
	} types[HASH_TYPES] = {
		[HASH_IMPHASH] = {MATCHED_IMPHASH, MATCHED_REBUILT_IMPHASH},
		[HASH_IMPFUZZY] = {MATCHED_IMPFUZZY, MATCHED_REBUILT_IMPFUZZY},
		[HASH_IMPSET] = {MATCHED_IMPSET, MATCHED_REBUILT_IMPSET},
		[HASH_TYPEREFHASH] = {MATCHED_TYPEREFHASH, MATCHED_TYPEREFHASH},
		[HASH_TYPEREFUZZY] = {MATCHED_TYPEREFUZZY, MATCHED_TYPEREFUZZY},
		[HASH_GIMPHASH] = {MATCHED_GIMPHASH, MATCHED_GIMPHASH},
		[HASH_GIMPFUZZY] = {MATCHED_GIMPFUZZY, MATCHED_GIMPFUZZY},
	};
	bool by_imports = !hash_type_is_of_names(match->type);
	enum row_matched by = match->resolved  ? MATCHED_RESOLVED
			      : match->rebuilt ? types[match->type].rebuilt
					       : types[match->type].declared;
	const char *note = NULL;
	if (by_imports)
		note = match_note(match->rebuilt ? &row->rebuilt : &row->hashes);
	if (by_imports && !note && row->by_go)
		note = match_note_go;
	row->match = (struct row_match){
		.by = by,
		.score = (unsigned int)match->score,
		.name = match->name,
		.comment = match->comment,
		.note = note,
	};
}

struct import_row import_row_of(const struct process *process, const struct module *module,
				const struct rebuilt *rebuilt, const struct rebuilt_entry *entry)
{
	return (struct import_row){
		.pid = process->pid,
		.process = process->name,
		.base = module->base,
		.module = module->name,
		.slot = entry->slot,
		.present = entry->present,
		.value = entry->value,
		.target = entry->target,
		.dll = rebuilt_dll(rebuilt, entry),
		.function = rebuilt_name(rebuilt, entry),
		.by_ordinal = entry->kind == IMPORT_ORDINAL,
		.ordinal = entry->ordinal,
		.source = rebuilt_source_name(entry->source),
		.hooked = entry->hooked,
	};
}
