/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Any bytes as a .NET assembly, as a file and as memory, and as a range in which assemblies lie.
 * The first byte chooses which pages are absent and whether metadata is looked for.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <impscan/dotnet.h>

#include "absent_pages.h"

static const char *memory_why(const struct pe_reader *reader, uint64_t position)
{
	(void)reader;
	(void)position;
	return "absent";
}

static size_t separators(const struct text *list, char separator)
{
	size_t count = 0;
	for (size_t i = 0; i < list->length; i++)
		count += list->data[i] == separator;
	return count;
}

static void check(const struct dotnet *dotnet)
{
	const struct text *a = &dotnet->linguistic, *b = &dotnet->ordinal, *c = &dotnet->unsorted;
	bool fine = dotnet->status == DOTNET_OK || dotnet->status == DOTNET_NONE;
	if (fine != !dotnet->reason[0] || dotnet->pages_found > dotnet->pages)
		abort();
	if (a->length != b->length || a->length != c->length)
		abort();
	if (dotnet->status != DOTNET_OK && a->length)
		abort();
	if (dotnet->status == DOTNET_OK && dotnet->typerefs != 0 &&
	    separators(c, ',') + 1 < dotnet->typerefs)
		abort();
	for (size_t i = 0; i < a->length; i++)
		if ((uint8_t)a->data[i] > 0x7f || !a->data[i])
			abort();
	for (size_t i = 0; i < dotnet->repair_count; i++)
		if (i == DOTNET_REPAIRS || !dotnet->wiped ||
		    dotnet->repairs[i].size > sizeof(dotnet->repairs[i].bytes) ||
		    !dotnet->repairs[i].size)
			abort();
	if (dotnet->assembly[sizeof(dotnet->assembly) - 1] ||
	    (dotnet->mvid[0] && !dotnet->mvid[35]))
		abort();
}

/* Returns whether it has lists. */
static bool use(const struct pe_reader *reader, bool search)
{
	static struct dotnet dotnet; /* used again and again, as the scanner does */
	struct budget budget = {.limit = 2000000};
	_cleanup_pe_ struct pe pe;
	pe_open(&pe, reader);
	dotnet.budget = &budget;
	dotnet.search = search;
	dotnet_read(&dotnet, &pe);
	check(&dotnet);
	return dotnet.status == DOTNET_OK;
}

static void find(const struct pe_reader *range)
{
	struct budget budget = {.limit = 200000};
	struct dotnet_place place;
	uint64_t position = 0, last = 0;
	size_t absent = 0;
	bool first = true;
	while (dotnet_next(range, &position, UINT64_MAX, &budget, &place, &absent)) {
		if (place.position % 4 || place.position >= range->size ||
		    position <= place.position || (!first && place.position <= last))
			abort();
		struct dotnet_part part;
		dotnet_part_init(&part, range, place.position, place.size);
		use(&part.reader, false);
		last = place.position;
		first = false;
	}
	if (position > range->size && !budget_exceeded(&budget))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!size)
		return 0;
	bool search = data[0] & 1;
	struct pe_reader file = pe_reader_bytes(data + 1, size - 1, PE_LAYOUT_FILE);
	use(&file, search);
	struct memory m;
	memory_init(&m, data + 1, size - 1, data[0] & 0xfe);
	m.reader.why = memory_why;
	use(&m.reader, search);
	m.reader.layout = PE_LAYOUT_FILE;
	use(&m.reader, search);
	find(&m.reader);
	return 0;
}
