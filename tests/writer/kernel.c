/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The kernel image: ntoskrnl.exe with its exports, its variables and its PDB record. See guest.h.
 *
 * Its variables lie in .data, either in an order of the seed's choosing or where a table of a real
 * kernel's symbols puts them, so that tools which know that kernel's symbols can read the image.
 */
#include <writer/guest.h>

#include <stdio.h>

#include <writer/catalog.h>
#include <writer/pe_builder.h>

enum { LARGE_PAGE = 0x200000, DATA_START = 0x40000, DEFAULT_DATA = 0x1c0000 };

/* What the kernel holds, and from which build on it exports it (0: never). */
static const struct {
	const char *name;
	uint32_t size;
	uint32_t exported_from;
} variables[] = {
	{"PsActiveProcessHead", 16, 0},
	{"PsLoadedModuleList", 16, 10240},
	{"PsInitialSystemProcess", 8, 1},
	{"KdDebuggerDataBlock", 0x380, 0},
	{"KdVersionBlock", 0x28, 0},
	{"NtBuildNumber", 4, 1},
	{"NtBuildLab", 0x80, 0},
	{"PspCidTable", 8, 0},
	{"ObHeaderCookie", 1, 0},
	{"ObTypeIndexTable", GUEST_TYPE_COUNT * 8, 0},
	{"MmPfnDatabase", 8, 0},
	{"MmProcessList", 16, 0},
	{"KiWaitNever", 8, 0},
	{"KiWaitAlways", 8, 0},
	{"KdpDataBlockEncoded", 1, 0},
	{"MiState", 0x10000, 0},
	{"MmProtectToValue", 32 * 4, 0},
	{"MmPagingFile", 16 * 8, 0},
	{"SmGlobals", 0x1000, 0},
};

enum { VARIABLES = sizeof(variables) / sizeof(variables[0]) };

static void add_symbol(struct guest *guest, const char *name, uint32_t rva)
{
	struct guest_symbol *symbol =
		util_push(guest->symbols, guest->symbol_count, guest->symbol_capacity);
	symbol->name = util_strdup(name);
	symbol->rva = rva;
}

static const struct guest_symbol *find_symbol(const struct guest *guest, const char *name)
{
	for (size_t i = 0; i < guest->symbol_count; i++) {
		if (!strcmp(guest->symbols[i].name, name))
			return &guest->symbols[i];
	}
	return NULL;
}

uint32_t guest_symbol_rva(const struct guest *guest, const char *name)
{
	const struct guest_symbol *symbol = find_symbol(guest, name);
	if (!symbol)
		util_die("this kernel has no %s", name);
	return symbol->rva;
}

uint64_t guest_symbol(const struct guest *guest, const char *name)
{
	return guest->kernel_base + guest_symbol_rva(guest, name);
}

/* Takes the rows of the kernel with that GUID; lines are: guid_age arch version symbol rva. */
static void read_symbols(struct guest *guest)
{
	size_t size;
	uint8_t *data = util_read_file(guest->options.symbols, &size);
	char *text = util_alloc(size + 1, 1);
	memcpy(text, data, size);
	free(data);
	char *rest = text;
	for (char *line; (line = strsep(&rest, "\n"));) {
		const char *column[5] = {0};
		for (size_t i = 0; i < 5; i++)
			column[i] = strsep(&line, "\t");
		if (column[4] && !strcmp(column[0], guest->options.pdb_guid))
			add_symbol(guest, column[3], (uint32_t)strtoul(column[4], NULL, 0));
	}
	free(text);
	if (!guest->symbol_count)
		util_die("%s knows no kernel %s", guest->options.symbols, guest->options.pdb_guid);
}

/* Places what no table has placed, behind `from`, in a shuffled order; returns the end. */
static uint32_t place_variables(struct guest *guest, uint32_t from)
{
	size_t order[VARIABLES] = {0};
	for (size_t i = 0; i < VARIABLES; i++) {
		size_t j = util_random_below(&guest->random, i + 1);
		order[i] = order[j];
		order[j] = i;
	}
	for (size_t i = 0; i < VARIABLES; i++) {
		size_t n = order[i];
		if (find_symbol(guest, variables[n].name))
			continue;
		from += 16 + (uint32_t)util_random_below(&guest->random, 0x2000) / 16 * 16;
		add_symbol(guest, variables[n].name, from);
		from = (uint32_t)util_round_up(from + variables[n].size, 16);
	}
	return from;
}

/* "CA8E2F01B822EDE6357898BFBF862997-1": the GUID's integers are little-endian in the record. */
static void parse_guid(const char *text, uint8_t guid[16], uint32_t *age)
{
	static const uint8_t order[16] = {3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15};
	for (size_t i = 0; i < 16; i++) {
		unsigned int byte;
		if (sscanf(text + 2 * i, "%2x", &byte) != 1)
			util_die("not a PDB GUID and age: %s", text);
		guid[order[i]] = (uint8_t)byte;
	}
	if (text[32] != '-')
		util_die("not a PDB GUID and age: %s", text);
	*age = (uint32_t)strtoul(text + 33, NULL, 16);
}

static void add_export(const char *word, void *data)
{
	if (*word == '=')
		pe_builder_export_data(data, word + 1, 16);
	else
		pe_builder_export(data, word);
}

static struct guest_image *build_image(struct guest *guest)
{
	uint32_t highest = 0;
	if (guest->options.symbols)
		read_symbols(guest);
	for (size_t i = 0; i < guest->symbol_count; i++) {
		if (guest->symbols[i].rva > highest)
			highest = guest->symbols[i].rva;
	}
	uint32_t text = DATA_START - PE_BUILDER_TEXT;
	uint32_t end = place_variables(guest, highest > DATA_START ? highest + 0x10000
								   : DATA_START + 0x100);
	if (end < DATA_START + DEFAULT_DATA)
		end = DATA_START + DEFAULT_DATA;
	struct pe_builder *builder = pe_builder_new(guest->pointer == 8, false, "ntoskrnl.exe");
	pe_builder_room(builder, text, end - DATA_START);
	pe_builder_subsystem(builder, 1);
	pe_builder_time_date_stamp(builder, (uint32_t)util_random(&guest->random));
	catalog_each_word(catalog_find("ntoskrnl.exe")->exports, add_export, builder);
	for (size_t i = 0; i < VARIABLES; i++) {
		if (variables[i].exported_from && guest->build >= variables[i].exported_from)
			pe_builder_export_at(builder, variables[i].name,
					     guest_symbol_rva(guest, variables[i].name));
	}
	pe_builder_code(builder, 0x10000, guest->build);
	uint8_t guid[16];
	uint32_t age = 1;
	for (size_t i = 0; i < sizeof(guid); i++)
		guid[i] = (uint8_t)util_random(&guest->random);
	if (guest->options.pdb_guid)
		parse_guid(guest->options.pdb_guid, guid, &age);
	pe_builder_pdb(builder, guid, age, "ntkrnlmp.pdb");
	size_t size;
	uint8_t *data = pe_builder_build(builder, &size);
	pe_builder_free(builder);
	return guest_add_image(guest, "ntoskrnl.exe", data, size);
}

/* Windows 7 and 8.1 map what fills large pages with them, and so does Windows 10 from 1903 on,
 * whose kernel starts at one. */
static bool has_large_pages(const struct guest *guest)
{
	return guest->pointer == 8 && (guest->build < 10240 || guest->build >= 18362);
}

void guest_kernel_new(struct guest *guest)
{
	struct guest_image *image = build_image(guest);
	const struct pefile *pe = image->pe;
	image->base = guest->kernel_base;
	guest->kernel_size = pe->size;
	uint8_t *bytes = util_alloc(pe->size, 1);
	memcpy(bytes, pe->mapped, pe->size);
	pefile_relocate(pe, bytes, image->base);
	uint64_t base = image->base;
	for (uint64_t at = 0; at < pe->size;) {
		uint64_t part = PAGE;
		unsigned int flags = PAGE_GLOBAL | PAGE_DIRTY;
		flags |= at < DATA_START ? PAGE_EXECUTE : PAGE_WRITE;
		if (has_large_pages(guest) && (base + at) % LARGE_PAGE == 0 &&
		    pe->size - at >= LARGE_PAGE) {
			part = LARGE_PAGE;
			paging_map_large(guest->kernel, base + at,
					 ram_take_block(guest->ram, LARGE_PAGE / PAGE, LARGE_PAGE),
					 flags | PAGE_WRITE);
		} else {
			paging_map(guest->kernel, base + at, ram_take(guest->ram), flags);
		}
		at += part;
	}
	paging_write(guest->kernel, base, bytes, pe->size);
	image->relocated = bytes;
	guest_list_init(guest->kernel, guest_symbol(guest, "PsActiveProcessHead"));
	guest_list_init(guest->kernel, guest_symbol(guest, "PsLoadedModuleList"));
	guest_list_init(guest->kernel, guest_symbol(guest, "MmProcessList"));
}
