/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Images that are nothing but data. Processes map files to read what is in them: programs' texts
 * and pictures, the symbols of modules. Where a dump does not tell what can be run, such files look
 * like payloads that wait to be loaded.
 */
#include "scan/plain_data.h"

#include <string.h>

#include <impscan/bytes.h>
#include <impscan/vad.h>

/* IMAGE_SCN_CNT_CODE of IMAGE_SECTION_HEADER.Characteristics. */
#define SECTION_CODE 0x00000020u

/* Bytes of headers that are compared: larger ones are those of no linker. */
#define HEADERS_MAX 4096u

/* The loader writes ImageBase, at this distance from the signature and of so many bytes. */
#define IMAGE_BASE_AT	 48
#define IMAGE_BASE_AT_32 52

static bool has_code(const struct pe *pe)
{
	bool code = pe->address_of_entry_point || !pe->section_count;
	for (size_t i = 0; i < pe->section_count; i++)
		code |= (pe->sections[i].characteristics &
			 (SECTION_CODE | IMAGE_SCN_MEM_EXECUTE)) != 0;
	return code;
}

/* Has another module the same headers, but for where it lies? */
static bool same_headers(struct view *view, const struct pe *pe, uint64_t base, uint64_t other)
{
	uint8_t mine[HEADERS_MAX], its[HEADERS_MAX];
	const size_t size = pe->size_of_headers;
	const size_t at =
		(size_t)pe->nt_headers + (pe->pe32_plus ? IMAGE_BASE_AT : IMAGE_BASE_AT_32);
	const size_t width = pe->pe32_plus ? 8 : 4;
	if (size > HEADERS_MAX || at + width > size || !space_read(view->space, base, mine, size) ||
	    !space_read(view->space, other, its, size))
		return false;
	memset(mine + at, 0, width);
	memset(its + at, 0, width);
	return !memcmp(mine, its, size);
}

static bool same_list(const struct finding *a, const struct finding *b)
{
	return a->status == b->status && !strcmp(a->hashes.imphash, b->hashes.imphash) &&
	       !strcmp(a->hashes.impfuzzy, b->hashes.impfuzzy);
}

bool is_plain_data(struct view *view, const struct unit *unit, const struct opened_module *opened,
		   const struct module *module, const struct finding *finding)
{
	const struct pe *pe = &opened->pe;
	const struct vad *vad = module->injected ? vads_find(&view->vads, module->base) : NULL;
	if (!vad || !vad->assumed || !opened_has_headers(opened))
		return false;
	if (finding->status == IMPORTS_NONE && !finding->rebuilt_imports && !has_code(pe))
		return true;
	if (!module->file_layout ||
	    (finding->status != IMPORTS_OK && finding->status != IMPORTS_NONE))
		return false;
	for (size_t i = 0; i < unit->modules.count; i++) {
		const struct module *other = &unit->modules.items[i];
		const struct finding *known = &unit->findings[i];
		if (!(other->found_in & (FOUND_LISTS | FOUND_LISTS32)))
			break; /* all others come behind the loader's */
		if (known->timestamp == finding->timestamp && same_list(known, finding) &&
		    same_headers(view, pe, module->base, other->base))
			return true;
	}
	return false;
}
