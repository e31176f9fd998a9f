/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Stand-ins for DLLs that can't be had: PE files with the export table of the real one (names,
 * ordinals, RVAs, aliases, forwarders) and nothing else that matters. See guest.h.
 *
 * options.exports is a table of all of them, a line an export: file name, ordinal, name (empty: by
 * ordinal only), RVA in hex, forwarder (empty: none), with tabs between. The lines of one DLL stand
 * together. Where a forwarder has an RVA, it counts for nothing: its text lies elsewhere.
 */
#include <writer/guest.h>

enum {
	FILE_HEADERS = 0x400,
	NT = 0x80,
	TEXT = 0x1000,
	BEHIND = 0x20, /* bytes of the last function */
	DIRECTORY_SIZE = 40,
	MOST_ORDINALS = 0x10000,
};

struct row {
	const char *name; /* "": none */
	const char *forwarder;
	uint32_t ordinal, rva;
};

struct stand_in {
	const char *dll;
	size_t first, count; /* its rows */
};

struct stand_ins {
	char *text; /* what the rows point into */
	struct row *rows;
	size_t row_count, row_capacity;
	struct stand_in *dlls;
	size_t dll_count, dll_capacity;
};

static struct stand_ins *read_table(const char *path)
{
	struct stand_ins *table = util_alloc(1, sizeof(*table));
	size_t size;
	table->text = (char *)util_read_file(path, &size);
	char *rest = table->text;
	if (!size || table->text[size - 1] != '\n')
		util_die("%s: its last line has no end", path);
	table->text[size - 1] = '\0';
	for (char *line; (line = strsep(&rest, "\n"));) {
		const char *fields[5];
		for (unsigned int i = 0; i < 5; i++) {
			fields[i] = strsep(&line, "\t");
			if (!fields[i])
				util_die("%s: a line with fewer than 5 fields", path);
		}
		struct stand_in *dll = table->dll_count ? &table->dlls[table->dll_count - 1] : NULL;
		if (!dll || strcmp(dll->dll, fields[0])) {
			dll = util_push(table->dlls, table->dll_count, table->dll_capacity);
			*dll = (struct stand_in){.dll = fields[0], .first = table->row_count};
		}
		dll->count++;
		*util_push(table->rows, table->row_count, table->row_capacity) =
			(struct row){.ordinal = (uint32_t)strtoul(fields[1], NULL, 10),
				     .name = fields[2],
				     .rva = (uint32_t)strtoul(fields[3], NULL, 16),
				     .forwarder = fields[4]};
	}
	return table;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(((const struct row *)a)->name, ((const struct row *)b)->name);
}

static int compare_rvas(const void *a, const void *b)
{
	const struct row *x = a, *y = b;
	return (x->rva > y->rva) - (x->rva < y->rva);
}

/* The file that is made; its two sections begin at the same place in file and memory. */
struct file {
	uint8_t *data;
	uint32_t size, text_size;
	uint32_t next; /* in the second section */
};

/* The section of code: what each export leads to ends at once, between them is what linkers put. */
static void put_code(struct file *file, const struct row *rows, size_t count)
{
	memset(file->data + TEXT, 0xcc, file->text_size);
	for (size_t i = 0; i < count; i++) {
		uint32_t end = file->text_size + TEXT;
		for (size_t k = i + 1; k < count && end == file->text_size + TEXT; k++)
			end = rows[k].rva > rows[i].rva ? rows[k].rva : end;
		if (*rows[i].forwarder)
			continue;
		file->data[rows[i].rva] = 0xc3; /* ret */
		if (end - rows[i].rva >= 3)	/* xor eax, eax; ret */
			memcpy(file->data + rows[i].rva, (const uint8_t[]){0x31, 0xc0, 0xc3}, 3);
	}
}

static uint32_t put_string(struct file *file, const char *s)
{
	uint32_t at = file->next;
	memcpy(file->data + at, s, strlen(s) + 1);
	file->next += (uint32_t)strlen(s) + 1;
	return at;
}

/* The export directory with its tables, names first in their order. `rows` are sorted by name. */
static void put_exports(struct file *file, const char *dll, const struct row *rows, size_t count,
			uint32_t base, uint32_t ordinals)
{
	uint8_t *data = file->data;
	uint32_t directory = file->next, addresses = directory + DIRECTORY_SIZE, named = 0;
	for (size_t i = 0; i < count; i++)
		named += *rows[i].name != '\0';
	uint32_t names = addresses + 4 * ordinals, numbers = names + 4 * named, n = 0;
	file->next = numbers + 2 * named;
	util_put(data + directory + 12, put_string(file, dll), 4);
	const uint32_t rest[] = {base, ordinals, named, addresses, names, numbers};
	for (unsigned int i = 0; i < 6; i++)
		util_put(data + directory + 16 + 4 * i, rest[i], 4);
	for (size_t i = 0; i < count; i++) {
		const struct row *row = &rows[i];
		if (*row->name) {
			util_put(data + names + 4 * n, put_string(file, row->name), 4);
			util_put(data + numbers + 2 * n++, row->ordinal - base, 2);
		}
		util_put(data + addresses + 4 * (row->ordinal - base),
			 *row->forwarder ? put_string(file, row->forwarder) : row->rva, 4);
	}
}

static void put_section(uint8_t *header, const char *name, uint32_t rva, uint32_t size,
			uint32_t flags)
{
	memcpy(header, name, strlen(name));
	const uint32_t fields[] = {size, rva, size, rva};
	for (unsigned int i = 0; i < 4; i++)
		util_put(header + 8 + 4 * i, fields[i], 4);
	util_put(header + 36, flags, 4);
}

static void put_headers(struct file *file, const char *dll, bool wide, uint32_t directory)
{
	uint8_t *data = file->data, *nt = data + NT, *optional = nt + 24;
	const uint32_t optional_size = wide ? 240 : 224;
	memcpy(data, "MZ", 2);
	util_put(data + 0x3c, NT, 4);
	memcpy(nt, "PE", 2);
	util_put(nt + 4, wide ? 0x8664 : 0x14c, 2);
	util_put(nt + 6, 2, 2);
	util_put(nt + 8, (uint32_t)util_hash(dll), 4);
	util_put(nt + 20, optional_size, 2);
	util_put(nt + 22, wide ? 0x2022 : 0x2102, 2); /* a DLL that runs */
	util_put(optional, wide ? 0x20b : 0x10b, 2);
	util_put(optional + 4, file->text_size, 4);
	if (wide)
		util_put(optional + 24, UINT64_C(0x180000000), 8);
	else
		util_put(optional + 28, 0x10000000, 4);
	util_put(optional + 32, PAGE, 4); /* alignments */
	util_put(optional + 36, 0x200, 4);
	util_put(optional + 40, 10, 2); /* versions: of the system, the file, the subsystem */
	util_put(optional + 44, 10, 2);
	util_put(optional + 48, 10, 2);
	util_put(optional + 56, file->size, 4);
	util_put(optional + 60, FILE_HEADERS, 4);
	util_put(optional + 68, 3, 2);
	util_put(optional + 70, 0x140, 2);
	uint8_t *directories = optional + (wide ? 112 : 96);
	util_put(directories - 4, 16, 4);
	util_put(directories, directory, 4);
	util_put(directories + 4, file->next - directory, 4);
	uint8_t *sections = optional + optional_size;
	put_section(sections, ".text", TEXT, file->text_size, UINT32_C(0x60000020));
	put_section(sections + 40, ".rdata", directory, file->size - directory,
		    UINT32_C(0x40000040));
}

static struct row *copy_rows(const struct row *rows, size_t count,
			     int (*compare)(const void *, const void *))
{
	struct row *copy = util_alloc(count, sizeof(*copy));
	memcpy(copy, rows, count * sizeof(*copy));
	qsort(copy, count, sizeof(*copy), compare);
	return copy;
}

static uint8_t *make(const struct stand_in *dll, const struct row *rows, bool wide, size_t *size)
{
	uint32_t last = TEXT, low = UINT32_MAX, high = 0, strings = (uint32_t)strlen(dll->dll) + 1;
	for (size_t i = 0; i < dll->count; i++) {
		const struct row *row = &rows[i];
		bool here = !*row->forwarder;
		if (here && (row->rva < TEXT || row->rva > 1u << 28))
			util_die("%s: the export %s lies at %#x", dll->dll, row->name, row->rva);
		last = here && row->rva > last ? row->rva : last;
		low = row->ordinal < low ? row->ordinal : low;
		high = row->ordinal > high ? row->ordinal : high;
		strings += (uint32_t)(strlen(row->name) + strlen(row->forwarder) + 2);
	}
	uint32_t ordinals = high - low + 1;
	if (ordinals > MOST_ORDINALS)
		util_die("%s has ordinals from %u to %u", dll->dll, low, high);
	struct file file = {.text_size = (uint32_t)util_round_up(last + BEHIND, PAGE) - TEXT};
	uint32_t directory = TEXT + file.text_size;
	file.next = directory;
	file.size = (uint32_t)util_round_up(directory + DIRECTORY_SIZE + 4 * ordinals +
						    6 * (uint32_t)dll->count + strings,
					    PAGE);
	file.data = util_alloc(file.size, 1);
	struct row *by_rva = copy_rows(rows, dll->count, compare_rvas);
	struct row *by_name = copy_rows(rows, dll->count, compare_names);
	put_code(&file, by_rva, dll->count);
	put_exports(&file, dll->dll, by_name, dll->count, low, ordinals);
	put_headers(&file, dll->dll, wide, directory);
	free(by_rva);
	free(by_name);
	*size = file.size;
	return file.data;
}

uint8_t *guest_stand_in(struct guest *guest, const char *name, size_t *size)
{
	if (!guest->options.exports)
		return NULL;
	if (!guest->stand_ins)
		guest->stand_ins = read_table(guest->options.exports);
	const struct stand_ins *table = guest->stand_ins;
	for (size_t i = 0; i < table->dll_count; i++) {
		const struct stand_in *dll = &table->dlls[i];
		if (util_same_name(dll->dll, name))
			return make(dll, table->rows + dll->first, guest->pointer == 8, size);
	}
	return NULL;
}

void guest_stand_ins_free(struct guest *guest)
{
	if (!guest->stand_ins)
		return;
	free(guest->stand_ins->rows);
	free(guest->stand_ins->dlls);
	free(guest->stand_ins->text);
	free(guest->stand_ins);
}
