/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Any bytes as an image in memory, made a file. The last bytes choose what is given with it and
 * which pages are absent.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <impscan/bytes.h>
#include <impscan/imports.h>
#include <impscan/pe_write.h>

struct memory {
	struct pe_reader reader;
	const uint8_t *data;
	size_t size;
	uint8_t absent; /* a bit for each of 8 pages, repeating */
	uint32_t base;	/* pages end where they do in the address space */
};

static const uint8_t *memory_at(const struct pe_reader *reader, uint64_t position,
				size_t *available)
{
	const struct memory *m = reader->context;
	if (position >= reader->size)
		abort();
	if (position >= m->size || m->absent >> (position + m->base) / 4096 % 8 & 1)
		return NULL;
	uint64_t page_end = position + 4096 - (position + m->base) % 4096;
	*available = (size_t)(min_of(page_end, (uint64_t)m->size) - position);
	return m->data + position;
}

static void check(const struct pe_written *written)
{
	if (!written->size || written->pages_absent > written->pages)
		abort();
	struct pe_reader reader = written->reader;
	_cleanup_pe_ struct pe pe;
	pe_open(&pe, &reader);
	_cleanup_imports_ struct imports imports = {0};
	imports_declared(&imports, &pe);
	if (written->layout != PE_WRITTEN_SECTIONS && written->layout != PE_WRITTEN_MADE)
		return;
	if (pe.status != PE_OK)
		abort();
	for (size_t i = 0; i < pe.section_count; i++)
		if (!range_within(pe.sections[i].pointer_to_raw_data,
				  pe.sections[i].size_of_raw_data, written->size))
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 8)
		return 0;
	size -= 8;
	const uint8_t *choice = data + size;
	struct pe_write_import imports[4] = {
		{.dll = "KERNEL32.dll", .name = "Sleep", .position = le16(choice + 2)},
		{.dll = "KERNEL32.dll", .name = "ExitProcess", .position = le16(choice + 2) + 8u},
		{.dll = "ws2_32.dll", .ordinal = 3, .position = choice[4] * 64u},
		{.dll = "a", .name = "b", .position = UINT64_MAX - choice[4]},
	};
	struct pe_write_options options = {
		.base = 0x10000000u + (choice[1] & 0xf0) * 8u,
		.pointer_size = choice[1] & 1 ? 8 : 4,
		.entry_point = 0x10000000u + le16(choice + 4),
		.imports = imports,
		.import_count = choice[1] >> 1 & 1 ? array_size(imports) : 0,
	};
	struct memory m = {
		.data = data,
		.size = size,
		.absent = choice[0],
		.base = (uint32_t)options.base,
	};
	m.reader = (struct pe_reader){
		.layout = choice[1] >> 2 & 1 ? PE_LAYOUT_FILE : PE_LAYOUT_MEMORY,
		/* Most of an image may not be there. */
		.size = m.size + (choice[1] >> 3 & 1 ? le16(choice + 6) * UINT64_C(64) : 0),
		.at = memory_at,
		.context = &m,
	};
	if (!m.reader.size)
		return 0;
	_cleanup_pe_ struct pe pe;
	pe_open(&pe, &m.reader);
	_cleanup_pe_written_ struct pe_written written;
	pe_write(&pe, &options, &written);
	if (written.size)
		check(&written);
	return 0;
}
