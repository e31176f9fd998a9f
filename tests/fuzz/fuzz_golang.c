/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Any bytes as a program by Go, as a file, as memory, and as memory without headers. The first byte
 * chooses which pages of memory are absent. What is read where pages are absent must be what is
 * read where none is, or nothing.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <impscan/golang.h>
#include <impscan/pe.h>

#include "absent_pages.h"

#define BASE UINT64_C(0x400000)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct golang *golang, bool absent)
{
	bool ok = golang->status == GOLANG_OK;
	if (ok != (golang->found != GOLANG_NOT_FOUND && !golang->reason[0]) ||
	    (golang->status == GOLANG_NONE && (golang->functions || golang->reason[0])) ||
	    (golang->status == GOLANG_ABSENT && !absent) || golang->status == GOLANG_STOPPED)
		abort();
	if (ok && (golang->gimphash[0] != '\0') != (golang->names.length != 0))
		abort();
	if (ok && (golang->gimpfuzzy[0] != '\0') != (golang->own_names.length != 0))
		abort();
	if (!ok && (golang->gimphash[0] || golang->gimpfuzzy[0]))
		abort();
	if (golang->kept > golang->functions || golang->own > golang->functions)
		abort();
}

/* Reads `size` bytes; `bits` of a pointer where there are no headers, else 0. */
static void use(struct golang *golang, const uint8_t *data, size_t size, enum pe_layout layout,
		uint8_t absent, unsigned int bits)
{
	struct memory m;
	struct pe_reader file = pe_reader_bytes(data, size, layout);
	memory_init(&m, data, size, absent);
	m.reader.base = BASE;
	const struct pe_reader *reader = layout == PE_LAYOUT_MEMORY ? &m.reader : &file;
	_cleanup_pe_ struct pe pe;
	if (bits)
		pe_assume(&pe, reader, bits == 64, (uint32_t)size);
	else
		pe_open(&pe, reader);
	struct budget budget = {.limit = UINT64_MAX};
	golang_read(golang, &pe, &budget);
	check(golang, absent);
	/* With fewer steps it stops, or it is the same. */
	if (budget.spent && absent) {
		_cleanup_golang_ struct golang less = {0};
		struct budget small = {.limit = budget.spent * absent / 256};
		golang_read(&less, &pe, &small);
		if (less.status == GOLANG_OK && strcmp(less.gimphash, golang->gimphash) != 0)
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct golang whole, part; /* used again and again, as the scanner does */
	if (!size)
		return 0;
	uint8_t absent = data[0];
	data++;
	size--;
	use(&whole, data, size, PE_LAYOUT_FILE, 0, 0);
	for (unsigned int bits = 0; bits <= 64; bits += 32) {
		use(&whole, data, size, PE_LAYOUT_MEMORY, 0, bits);
		use(&part, data, size, PE_LAYOUT_MEMORY, absent, bits);
		if (whole.status == GOLANG_OK && part.status == GOLANG_OK &&
		    whole.table_rva == part.table_rva && whole.found == part.found &&
		    whole.table == part.table && strcmp(whole.gimphash, part.gimphash) != 0)
			abort();
	}
	return 0;
}
