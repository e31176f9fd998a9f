/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Any bytes as a PE: headers, exports, debug record, imports, as a file and as memory. The first
 * byte chooses the layout and which pages of memory are absent.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <impscan/hash.h>
#include <impscan/imports.h>
#include <impscan/pe.h>
#include <impscan/pe_exports.h>

#include "absent_pages.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void use(const struct pe_reader *reader)
{
	static struct imports imports; /* used again and again, as the scanner does */
	_cleanup_pe_ struct pe pe;
	pe_open(&pe, reader);
	imports.keep_entries = !imports.keep_entries;
	imports_declared(&imports, &pe);
	if (imports.status == IMPORTS_OK && (!imports.count || !imports.string.length))
		abort();
	if (imports.pages_found > imports.pages)
		abort();
	for (size_t i = 0; i < imports.entry_count; i++) {
		imports_entry_dll(&imports, &imports.entries[i]);
		imports_entry_name(&imports, &imports.entries[i]);
	}
	struct hashes hashes;
	hash_imports(&hashes, &imports.string, imports_fuzzy_string(&imports));

	_cleanup_pe_exports_ struct pe_exports exports;
	pe_exports_read(&pe, &exports);
	for (size_t i = 0; i < exports.count && i < 16; i++) {
		const struct pe_export *e = &exports.items[i];
		if (!e->name)
			continue;
		uint32_t rva = pe_export_find(&pe, e->name);
		if (!rva && !e->forwarder && e->rva && !exports.unreadable && exports.count < 2)
			abort();
	}
	struct pe_pdb pdb;
	pe_pdb(&pe, &pdb);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!size)
		return 0;
	struct pe_reader file = pe_reader_bytes(data + 1, size - 1, PE_LAYOUT_FILE);
	use(&file);
	struct memory m;
	memory_init(&m, data + 1, size - 1, data[0]);
	use(&m.reader);
	return 0;
}
