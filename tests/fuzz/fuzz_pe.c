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

struct memory {
	struct pe_reader reader;
	const uint8_t *data;
	uint8_t absent; /* a bit for each of 8 pages, repeating */
};

static const uint8_t *memory_at(const struct pe_reader *reader, uint64_t position,
				size_t *available)
{
	const struct memory *m = reader->context;
	if (position >= reader->size)
		abort();
	if (m->absent >> position / 4096 % 8 & 1)
		return NULL;
	uint64_t page_end = (position / 4096 + 1) * 4096;
	*available = (size_t)((page_end < reader->size ? page_end : reader->size) - position);
	return m->data + position;
}

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
	struct memory m = {.data = data + 1, .absent = data[0]};
	m.reader = (struct pe_reader){
		.layout = PE_LAYOUT_MEMORY,
		.size = size - 1,
		.at = memory_at,
		.context = &m,
	};
	use(&m.reader);
	return 0;
}
