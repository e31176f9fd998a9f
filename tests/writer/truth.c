/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See truth.h. */
#include <writer/truth.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>

/* UTF-16 as a JSON string; an unpaired surrogate stays one (\udxxx). */
static void put_units(FILE *out, const uint8_t *units, size_t size)
{
	fputc('"', out);
	for (size_t i = 0; i + 1 < size; i += 2) {
		unsigned int unit = (unsigned int)util_get(units + i, 2);
		if (unit < 0x20 || unit >= 0x7f)
			fprintf(out, "\\u%04x", unit);
		else if (unit == '"' || unit == '\\')
			fprintf(out, "\\%c", (int)unit);
		else
			fputc((int)unit, out);
	}
	fputc('"', out);
}

static void put_string(FILE *out, const char *utf8)
{
	if (!utf8) {
		fputs("null", out);
		return;
	}
	size_t size;
	uint8_t *units = util_utf16(utf8, &size);
	put_units(out, units, size);
	free(units);
}

static void put_member(FILE *out, const char *name, const char *value)
{
	fprintf(out, "\"%s\": ", name);
	put_string(out, value);
	fputs(", ", out);
}

static void put_address(FILE *out, const char *name, uint64_t value)
{
	if (value)
		fprintf(out, "\"%s\": \"%#" PRIx64 "\", ", name, value);
	else
		fprintf(out, "\"%s\": null, ", name);
}

static const char *boolean(bool value)
{
	return value ? "true" : "false";
}

static void put_imports(FILE *out, const struct guest_image *image)
{
	fprintf(out, "\"n_imports\": %zu, ", image->pe->import_count);
	if (image->source)
		return;
	fputs("\"imports\": [", out);
	for (size_t i = 0; i < image->import_count; i++) {
		fputs(i ? ", " : "", out);
		put_string(out, image->imports[i]);
	}
	fputs("], ", out);
}

/* The lists a module is in; those of 32-bit code have names of their own. */
static void put_lists(FILE *out, const struct guest_module *module)
{
	const struct {
		const char *name;
		bool in;
	} lists[] = {{"load", module->native && module->in_load},
		     {"memory", module->native && module->in_memory},
		     {"init", module->native && module->in_init},
		     {"load32", module->wow64 && module->in_load},
		     {"memory32", module->wow64 && module->in_memory},
		     {"init32", module->wow64 && module->in_init}};
	bool any = false;
	fputs("\"lists\": [", out);
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		if (!lists[i].in)
			continue;
		fprintf(out, "%s\"%s\"", any ? ", " : "", lists[i].name);
		any = true;
	}
	fputs("], ", out);
}

/* Words separated by blanks, as an array. */
static void put_words(FILE *out, const char *name, const char *words)
{
	fprintf(out, "\"%s\": [", name);
	for (bool first = true; words && *words; first = false) {
		size_t length = strcspn(words, " ");
		fprintf(out, "%s\"%.*s\"", first ? "" : ", ", (int)length, words);
		words += length + (words[length] == ' ');
	}
	fputs("], ", out);
}

/* How a page that is not valid can be had. */
static const char *state_of(const struct guest_process *process, uint64_t va, uint64_t entry)
{
	const struct guest_state *wish = guest_find_state(process, va);
	const struct guest_vad *vad = guest_vad_find(process, va);
	bool copied = entry && (!wish || guest_private_state(wish->state));
	if (!copied && vad && vad->section &&
	    vad->section->states[(va - vad->start) / PAGE] == PAGE_FILE)
		return guest_state_name(PAGE_FILE);
	if (entry)
		return guest_state_name(wish ? wish->state : PAGE_TRANSITION);
	return guest_state_name(PAGE_ZERO);
}

/* The pages that are not valid, by RVA. */
static void put_absent(FILE *out, const struct guest_module *module,
		       const struct guest_process *process)
{
	const char *separator = "";
	fputs("\"absent\": {", out);
	for (uint64_t rva = 0; process && rva < module->image->pe->size; rva += PAGE) {
		uint64_t entry = paging_entry(process->space, module->base + rva);
		if (entry & 1)
			continue;
		fprintf(out, "%s\"%#" PRIx64 "\": \"%s\"", separator, rva,
			state_of(process, module->base + rva, entry));
		separator = ", ";
	}
	fputs("}, ", out);
}

/* The pages that a hash needs, by RVA. */
static void put_import_pages(FILE *out, const struct pefile *pe)
{
	const char *separator = "";
	bool *needed = util_alloc(pe->size / PAGE + 1, sizeof(*needed));
	pefile_import_pages(pe, needed);
	fputs("\"import_pages\": [", out);
	for (uint64_t rva = 0; rva < pe->size; rva += PAGE) {
		if (!needed[rva / PAGE])
			continue;
		fprintf(out, "%s\"%#" PRIx64 "\"", separator, rva);
		separator = ", ";
	}
	free(needed);
	fputs("], ", out);
}

/* The VADs, in the tree's order. */
static void put_vads(FILE *out, const struct guest_process *process)
{
	fputs("[", out);
	for (size_t i = 0; i < process->vad_count; i++) {
		const struct guest_vad *vad = process->vads[i];
		const struct guest_section *section = vad->section;
		fputs(i ? ",\n   {" : "\n   {", out);
		fprintf(out, "\"start\": \"%#" PRIx64 "\", \"end\": \"%#" PRIx64 "\", ", vad->start,
			vad->end);
		put_member(out, "kind", !section ? "private" : section->image ? "image" : "data");
		fprintf(out, "\"protection\": %u, \"private\": %s, \"path\": ", vad->protection,
			boolean(!section));
		put_string(out, section ? section->file : NULL);
		if (section && section->name_state != PAGE_VALID)
			fprintf(out, ", \"path_state\": \"%s\"",
				guest_state_name(section->name_state));
		fputc('}', out);
	}
	fputs("\n  ]", out);
}

/* `process`: whose pages are stated; NULL for a kernel module, which has all of them. */
static void put_module(FILE *out, const struct guest_module *module,
		       const struct guest_process *process)
{
	fputs("   {", out);
	put_address(out, "base", module->base);
	fprintf(out, "\"size\": %u, \"name\": ", module->image->pe->size);
	if (module->units)
		put_units(out, module->units, module->units_size);
	else
		put_string(out, module->name);
	fputs(", ", out);
	put_member(out, "path", module->path);
	put_member(out, "file", module->image->file);
	put_lists(out, module);
	put_imports(out, module->image);
	put_absent(out, module, process);
	put_import_pages(out, module->image->pe);
	char *flags = util_printf("%s%s%s%s", module->wow64 ? "wow64 " : "",
				  module->stomped ? "patched " : "",
				  module->flags ? module->flags : "", "");
	put_words(out, "flags", flags);
	free(flags);
	if (module->stomped)
		fprintf(out, "\"patched_pages\": %u, ", module->stomped);
	if (module->holds)
		put_member(out, "holds", module->holds);
	fprintf(out, "\"bits\": %d, \"case\": ", module->image->pe->pe32_plus ? 64 : 32);
	put_string(out, module->damage);
	fputc('}', out);
}

static void put_modules(FILE *out, struct guest_module *const *modules, size_t count,
			const struct guest_process *process)
{
	fputs("[\n", out);
	for (size_t i = 0; i < count; i++) {
		put_module(out, modules[i], process);
		fputs(i + 1 < count ? ",\n" : "\n", out);
	}
	fputs("  ]", out);
}

static void put_table(FILE *out, const struct guest_process *process,
		      const struct guest_injection *injection)
{
	const struct pefile *pe = injection->image->pe;
	fputs("\"iat\": [", out);
	for (size_t i = 0; i < pe->import_count && !injection->raw; i++) {
		uint64_t slot = injection->base + pe->imports[i].slot;
		fprintf(out, "%s[\"%#" PRIx64 "\", ", i ? ", " : "", slot);
		put_string(out, injection->image->imports ? injection->image->imports[i]
							  : pe->imports[i].function);
		fprintf(out, ", \"%#" PRIx64 "\"]",
			paging_get(process->space, slot, pe->pe32_plus ? 8 : 4));
	}
	fputs("], ", out);
}

static void put_injection(FILE *out, const struct guest_process *process,
			  const struct guest_injection *injection)
{
	put_member(out, "case", injection->name);
	put_member(out, "kind", injection->kind);
	put_address(out, "base", injection->base);
	fprintf(out, "\"size\": %" PRIu64 ", ", injection->size);
	put_address(out, "vad_start", injection->region);
	put_address(out, "vad_end", injection->region + injection->region_size - 1);
	put_member(out, "file", injection->image->file);
	put_words(out, "flags", injection->flags);
	put_imports(out, injection->image);
	put_table(out, process, injection);
	fprintf(out,
		"\"layout\": \"%s\", \"header\": %s, \"bits\": %d, \"found\": %s, "
		"\"managed\": %s",
		injection->raw ? "file" : "memory", boolean(!injection->wiped),
		injection->image->pe->pe32_plus ? 64 : 32, boolean(!injection->data),
		boolean(injection->managed));
}

/* PE files that nobody loaded (`found`: a scan must find it), and regions that are none. */
static void put_injections(FILE *out, const struct guest_process *process)
{
	fputs(", \"injected\": [", out);
	for (size_t i = 0; i < process->injection_count; i++) {
		fputs(i ? ",\n   {" : "\n   {", out);
		put_injection(out, process, &process->injections[i]);
		fputc('}', out);
	}
	fputs("], \"decoys\": [", out);
	for (size_t i = 0; i < process->decoy_count; i++) {
		const struct guest_decoy *decoy = &process->decoys[i];
		fputs(i ? ", {" : "{", out);
		put_member(out, "case", decoy->name);
		put_address(out, "start", decoy->start);
		fprintf(out, "\"size\": %" PRIu64 "}", decoy->size);
	}
	fputc(']', out);
}

/* Slots whose meaning is known. */
static void put_slots(FILE *out, const struct guest_process *process)
{
	fputs(", \"slots\": [", out);
	for (size_t i = 0; i < process->slot_count; i++) {
		const struct guest_slot *slot = &process->slots[i];
		const unsigned int width = process->wow64 ? 4 : process->guest->pointer;
		fputs(i ? ",\n   {" : "\n   {", out);
		put_member(out, "case", slot->name);
		put_address(out, "slot", slot->slot);
		put_address(out, "value", paging_get(process->space, slot->slot, width));
		put_address(out, "target", slot->target);
		put_member(out, "dll", slot->dll);
		put_member(out, "function", slot->function);
		put_member(out, "import", slot->import);
		fprintf(out, "\"ordinal\": %u, \"hooked\": %s, \"lost\": %s}", slot->ordinal,
			boolean(slot->hooked), boolean(slot->lost));
	}
	fputs("]", out);
}

/* Where hooked slots lead. */
static void put_hook_targets(FILE *out, const struct guest_process *process)
{
	fputs(", \"hook_targets\": [", out);
	for (size_t i = 0; i < process->hook_target_count; i++) {
		const struct guest_hook_target *target = &process->hook_targets[i];
		fputs(i ? ", {" : "{", out);
		put_member(out, "module", target->module);
		put_address(out, "start", target->start);
		fprintf(out, "\"size\": %" PRIu64 ", \"slots\": %u}", target->size, target->slots);
	}
	fputs("]", out);
}

/* Pages outside of modules that are to be absent, by address. */
static void put_states(FILE *out, const struct guest_process *process)
{
	const struct guest *guest = process->guest;
	const char *separator = "";
	fputs(", \"absent\": {", out);
	for (size_t i = 0; i < guest->state_count; i++) {
		const struct guest_state *wish = &guest->states[i];
		const struct guest_vad *vad = guest_vad_find(process, wish->va);
		if (wish->process != process || (vad && vad->section && vad->section->image) ||
		    guest_find_state(process, wish->va) != wish)
			continue;
		fprintf(out, "%s\"%#" PRIx64 "\": \"%s\"", separator, wish->va,
			guest_state_name(wish->state));
		separator = ", ";
	}
	fputc('}', out);
}

static void put_process(FILE *out, const struct guest_process *process)
{
	fprintf(out, "  {\"pid\": %u, \"ppid\": %u, ", process->pid, process->ppid);
	put_member(out, "name", process->name);
	put_address(out, "eprocess", process->eprocess);
	put_address(out, "dtb", paging_root(process->space));
	put_address(out, "peb", process->peb);
	put_member(out, "path", process->path);
	put_member(out, "command_line", process->command_line);
	put_address(out, "peb32", process->peb32);
	fprintf(out, "\"started\": %" PRIu64 ", ", process->create_time);
	fprintf(out, "\"hidden\": %s, \"exited\": %s, \"wow64\": %s, \"case\": ",
		boolean(process->hidden), boolean(process->exited), boolean(process->wow64));
	put_string(out, process->damage);
	put_states(out, process);
	fputs(", \"modules\": ", out);
	put_modules(out, process->modules, process->module_count, process);
	fputs(", \"vads\": ", out);
	put_vads(out, process);
	put_injections(out, process);
	put_slots(out, process);
	put_hook_targets(out, process);
	fputc('}', out);
}

void truth_write(const struct guest *guest, const char *path)
{
	FILE *out = fopen(path, "w");
	if (!out)
		util_die("%s: %s", path, strerror(errno));
	fputs("{\n ", out);
	put_member(out, "build", layout_version(guest->layout));
	put_member(out, "arch", guest->options.arch);
	put_member(out, "variant", layout_variant(guest->layout));
	fprintf(out, "\"pae\": %s, ", boolean(guest->pointer == 4 && guest->pte_size == 8));
	fprintf(out, "\"seed\": %" PRIu64 ", \"memory\": %" PRIu64 ", ", guest->options.seed,
		guest->options.memory);
	put_address(out, "dtb", paging_root(guest->kernel));
	put_address(out, "kernel_base", guest->kernel_base);
	fprintf(out, "\"kernel_size\": %" PRIu64 ", ", guest->kernel_size);
	put_address(out, "ps_active_process_head", guest_symbol(guest, "PsActiveProcessHead"));
	put_address(out, "ps_loaded_module_list", guest_symbol(guest, "PsLoadedModuleList"));
	put_address(out, "kdbg", guest->kdbg);
	fprintf(out, "\"kdbg_encoded\": %s, \"self_index\": %u, ", boolean(guest->kdbg_encoded),
		guest->self_index);
	put_address(out, "low_stub", guest->low_stub);
	size_t count;
	const struct ram_run *runs = ram_runs(guest->ram, &count);
	fputs("\"runs\": [", out);
	for (size_t i = 0; i < count; i++)
		fprintf(out, "%s[\"%#" PRIx64 "\", \"%#" PRIx64 "\"]", i ? ", " : "", runs[i].start,
			runs[i].start + runs[i].size);
	fputs("],\n \"drivers\": ", out);
	put_modules(out, guest->drivers, guest->driver_count, NULL);
	fputs(",\n \"processes\": [\n", out);
	for (size_t i = 0; i < guest->process_count; i++) {
		put_process(out, guest->processes[i]);
		fputs(i + 1 < guest->process_count ? ",\n" : "\n", out);
	}
	fputs(" ]\n}\n", out);
	if (fclose(out))
		util_die("%s: %s", path, strerror(errno));
}

void truth_write_files(const struct guest *guest, const char *folder)
{
	if (mkdir(folder, 0777) && errno != EEXIST)
		util_die("%s: %s", folder, strerror(errno));
	for (size_t i = 0; i < guest->image_count; i++) {
		const struct guest_image *image = guest->images[i];
		char *path = util_printf("%s/%s", folder, image->file);
		util_write_file(path, image->data, image->data_size);
		free(path);
	}
}
