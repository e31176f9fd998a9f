/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See assembly.h; structures as in ECMA-335, 6th edition, partition II. */
#include <writer/assembly.h>

#include <writer/util.h>

enum {
	SECTION_RVA = 0x2000,
	SECTION_AT = 0x200, /* file offset */
	NT_AT = 0x80,
	CLR_SIZE = 72,
	NO_STRING = 0x7fff7fff, /* an index that leads nowhere, as ConfuserEx writes it */
};

/* Bytes that grow. */
struct bytes {
	uint8_t *data;
	size_t size;
	size_t capacity;
};

static size_t add(struct bytes *b, const void *data, size_t size)
{
	size_t at = b->size;
	if (b->size + size > b->capacity) {
		b->capacity = 2 * (b->size + size) + 64;
		b->data = realloc(b->data, b->capacity);
		if (!b->data)
			util_die("out of memory");
	}
	if (size && data)
		memcpy(b->data + at, data, size);
	else if (size)
		memset(b->data + at, 0, size);
	b->size += size;
	return at;
}

static void add_number(struct bytes *b, uint64_t number, unsigned int size)
{
	uint8_t p[8];
	util_put(p, number, size);
	add(b, p, size);
}

static void align(struct bytes *b, size_t unit)
{
	add(b, NULL, util_round_up(b->size, unit) - b->size);
}

/* Adds a string to a heap, once. */
static uint32_t heap_string(struct bytes *heap, const char *s)
{
	size_t length = strlen(s) + 1;
	uint8_t *found = heap->size ? memmem(heap->data, heap->size, s, length) : NULL;
	return found ? (uint32_t)(found - heap->data) : (uint32_t)add(heap, s, length);
}

/* ----- sizes of rows, II.24.2.6: columns table by table ----- */

struct widths {
	const uint32_t *rows;
	uint8_t bits;
};

static unsigned int heap(const struct widths *w, unsigned int bit)
{
	return w->bits & bit ? 4 : 2;
}

/* An index into one table. */
static unsigned int one(const struct widths *w, unsigned int table)
{
	return w->rows[table] > 0xffff ? 4 : 2;
}

/* A coded index with `tag` bits for the table, which are given up to one below zero. */
static unsigned int coded(const struct widths *w, unsigned int tag, const int *tables)
{
	unsigned int size = 2;
	for (; *tables >= 0; tables++)
		if ((uint64_t)w->rows[*tables] << tag > 0xffff)
			size = 4;
	return size;
}
#define CODED(w, tag, ...) coded(w, tag, (const int[]){__VA_ARGS__, -1})

static unsigned int type_def_or_ref(const struct widths *w)
{
	return CODED(w, 2, 0x02, 0x01, 0x1b);
}

static unsigned int implementation(const struct widths *w)
{
	return CODED(w, 2, 0x26, 0x23, 0x27);
}

static unsigned int attribute_parent(const struct widths *w)
{
	return CODED(w, 5, 0x06, 0x04, 0x01, 0x02, 0x08, 0x09, 0x0a, 0x00, 0x0e, 0x17, 0x14, 0x11,
		     0x1a, 0x1b, 0x20, 0x23, 0x26, 0x27, 0x28, 0x2a, 0x2c, 0x2b);
}

static unsigned int row_size(const struct widths *w, unsigned int table)
{
	const unsigned int s = heap(w, 1), g = heap(w, 2), b = heap(w, 4);
	const unsigned int method_or_ref = CODED(w, 1, 0x06, 0x0a);
	switch (table) {
	case 0x00: /* Module */
		return 2 + s + 3 * g;
	case 0x01: /* TypeRef */
		return CODED(w, 2, 0x00, 0x1a, 0x23, 0x01) + 2 * s;
	case 0x02: /* TypeDef */
		return 4 + 2 * s + type_def_or_ref(w) + one(w, 0x04) + one(w, 0x06);
	case 0x03: /* FieldPtr */
		return one(w, 0x04);
	case 0x04: /* Field */
	case 0x17: /* Property */
		return 2 + s + b;
	case 0x05: /* MethodPtr */
		return one(w, 0x06);
	case 0x06: /* MethodDef */
		return 8 + s + b + one(w, 0x08);
	case 0x07: /* ParamPtr */
		return one(w, 0x08);
	case 0x08: /* Param */
		return 4 + s;
	case 0x09: /* InterfaceImpl */
		return one(w, 0x02) + type_def_or_ref(w);
	case 0x0a: /* MemberRef */
		return CODED(w, 3, 0x02, 0x01, 0x1a, 0x06, 0x1b) + s + b;
	case 0x0b: /* Constant */
		return 2 + CODED(w, 2, 0x04, 0x08, 0x17) + b;
	case 0x0c: /* CustomAttribute */
		return attribute_parent(w) + CODED(w, 3, 0x06, 0x0a) + b;
	case 0x0d: /* FieldMarshal */
		return CODED(w, 1, 0x04, 0x08) + b;
	case 0x0e: /* DeclSecurity */
		return 2 + CODED(w, 2, 0x02, 0x06, 0x20) + b;
	case 0x0f: /* ClassLayout */
		return 6 + one(w, 0x02);
	case 0x10: /* FieldLayout */
	case 0x1d: /* FieldRVA */
		return 4 + one(w, 0x04);
	case 0x11: /* StandAloneSig */
	case 0x1b: /* TypeSpec */
		return b;
	case 0x12: /* EventMap */
		return one(w, 0x02) + one(w, 0x14);
	case 0x13: /* EventPtr */
		return one(w, 0x14);
	case 0x14: /* Event */
		return 2 + s + type_def_or_ref(w);
	case 0x15: /* PropertyMap */
		return one(w, 0x02) + one(w, 0x17);
	case 0x16: /* PropertyPtr */
		return one(w, 0x17);
	case 0x18: /* MethodSemantics */
		return 2 + one(w, 0x06) + CODED(w, 1, 0x14, 0x17);
	case 0x19: /* MethodImpl */
		return one(w, 0x02) + 2 * method_or_ref;
	case 0x1a: /* ModuleRef */
		return s;
	case 0x1c: /* ImplMap */
		return 2 + CODED(w, 1, 0x04, 0x06) + s + one(w, 0x1a);
	case 0x1e: /* ENCLog */
		return 8;
	case 0x1f: /* ENCMap */
	case 0x21: /* AssemblyProcessor */
		return 4;
	case 0x20: /* Assembly */
		return 16 + b + 2 * s;
	case 0x22: /* AssemblyOS */
		return 12;
	case 0x23: /* AssemblyRef */
		return 12 + 2 * b + 2 * s;
	case 0x24: /* AssemblyRefProcessor */
		return 4 + one(w, 0x23);
	case 0x25: /* AssemblyRefOS */
		return 12 + one(w, 0x23);
	case 0x26: /* File */
		return 4 + s + b;
	case 0x27: /* ExportedType */
		return 8 + 2 * s + implementation(w);
	case 0x28: /* ManifestResource */
		return 8 + s + implementation(w);
	case 0x29: /* NestedClass */
		return 2 * one(w, 0x02);
	case 0x2a: /* GenericParam */
		return 4 + CODED(w, 1, 0x02, 0x06) + s;
	case 0x2b: /* MethodSpec */
		return method_or_ref + b;
	case 0x2c: /* GenericParamConstraint */
		return one(w, 0x2a) + type_def_or_ref(w);
	default:
		util_die("table 0x%x has no rows", table);
	}
}

/* ----- the streams ----- */

/* An assembly being written. */
struct writing {
	const struct assembly *a;
	struct util_random random;
	uint32_t rows[ASSEMBLY_TABLES];
	struct widths widths;
	struct bytes strings, tables;
	size_t types_at; /* of the first TypeRef row in `tables` */
};

static void add_module_rows(struct writing *w)
{
	const unsigned int s = heap(&w->widths, 1), g = heap(&w->widths, 2);
	for (uint32_t i = 0; i < w->rows[0x00]; i++) {
		char *name = util_printf("%s.exe", w->a->name ? w->a->name : "part");
		add_number(&w->tables, 0, 2);
		add_number(&w->tables, i ? NO_STRING : heap_string(&w->strings, name), s);
		add_number(&w->tables, i ? NO_STRING : 1, g);
		add(&w->tables, NULL, 2 * (size_t)g);
		free(name);
	}
}

static void add_type_rows(struct writing *w)
{
	const unsigned int s = heap(&w->widths, 1);
	const unsigned int scope = row_size(&w->widths, 0x01) - 2 * s;
	w->types_at = w->tables.size;
	for (size_t i = 0; i < w->a->type_count; i++) {
		const struct assembly_type *type = &w->a->types[i];
		add_number(&w->tables, 1 << 2 | 2, scope); /* the first AssemblyRef */
		add_number(&w->tables, heap_string(&w->strings, type->name), s);
		add_number(&w->tables,
			   *type->name_space ? heap_string(&w->strings, type->name_space) : 0, s);
	}
}

static void add_assembly_rows(struct writing *w)
{
	const unsigned int s = heap(&w->widths, 1), b = heap(&w->widths, 4);
	for (uint32_t i = 0; i < w->rows[0x20]; i++) {
		add_number(&w->tables, 0x8004, 4);
		for (unsigned int n = 0; n < 4; n++)
			add_number(&w->tables, i ? 0 : w->a->version[n], 2);
		add_number(&w->tables, 0, 4);
		add_number(&w->tables, 0, b);
		add_number(&w->tables, i ? NO_STRING : heap_string(&w->strings, w->a->name), s);
		add_number(&w->tables, i ? NO_STRING : 0, s);
	}
}

/* `<Module>`, or the assembly that all types are of; then whatever. */
static void add_other_rows(struct writing *w, unsigned int table)
{
	size_t at = w->tables.size, size = row_size(&w->widths, table);
	add(&w->tables, NULL, w->rows[table] * size);
	for (size_t i = at; i < w->tables.size; i++)
		w->tables.data[i] = (uint8_t)util_random(&w->random);
	if (table == 0x02) {
		memset(w->tables.data + at, 0, size);
		util_put(w->tables.data + at + 4, heap_string(&w->strings, "<Module>"),
			 heap(&w->widths, 1));
	} else if (table == 0x23) {
		memset(w->tables.data + at, 0, size);
		util_put(w->tables.data + at, 4, 2); /* MajorVersion */
		util_put(w->tables.data + at + 12 + heap(&w->widths, 4),
			 heap_string(&w->strings, "mscorlib"), heap(&w->widths, 1));
	}
}

static void make_tables(struct writing *w)
{
	const struct assembly *a = w->a;
	uint64_t valid = 0;
	memcpy(w->rows, a->rows, sizeof(w->rows));
	w->rows[0x00] = a->second_rows ? 2 : 1;
	w->rows[0x01] = (uint32_t)a->type_count;
	w->rows[0x02] = w->rows[0x02] ? w->rows[0x02] : 1;
	w->rows[0x20] = !a->name ? 0 : w->rows[0x00];
	w->rows[0x23] = w->rows[0x23] ? w->rows[0x23] : 1;
	for (unsigned int i = 0; i < ASSEMBLY_TABLES; i++)
		valid |= w->rows[i] ? UINT64_C(1) << i : 0;
	uint64_t unknown = a->unknown_tables ? UINT64_C(0x8102) << ASSEMBLY_TABLES : 0;
	w->widths = (struct widths){w->rows, a->heap_bits};
	add_number(&w->tables, 0, 4);
	add_number(&w->tables, 2, 2);
	add_number(&w->tables, a->heap_bits | (a->extra_data ? 0x40 : 0), 1);
	add_number(&w->tables, 1, 1);
	add_number(&w->tables, valid | unknown, 8);
	add_number(&w->tables, UINT64_C(0x16003301fa00), 8);
	for (unsigned int i = 0; i < ASSEMBLY_TABLES; i++)
		if (w->rows[i])
			add_number(&w->tables, w->rows[i], 4);
	for (; unknown; unknown &= unknown - 1)
		add_number(&w->tables, util_random(&w->random), 4);
	if (a->extra_data)
		add_number(&w->tables, util_random(&w->random), 4);
	for (unsigned int i = 0; i < ASSEMBLY_TABLES; i++) {
		if (i == 0x00)
			add_module_rows(w);
		else if (i == 0x01)
			add_type_rows(w);
		else if (i == 0x20)
			add_assembly_rows(w);
		else if (w->rows[i])
			add_other_rows(w, i);
	}
	align(&w->tables, 4);
	add(&w->tables, NULL, a->padding);
	align(&w->strings, 4);
}

/* ----- the root ----- */

struct stream {
	const char *name;
	const void *data;
	size_t size;
	uint32_t offset;
};

static size_t name_room(const char *name)
{
	return util_round_up(strlen(name) + 1, 4);
}

static size_t list_streams(struct writing *w, struct stream streams[8])
{
	static const uint8_t blob[4], user[8] = {0, 3, 'x', 0, 0};
	const struct stream tables = {w->a->uncompressed ? "#-" : "#~", w->tables.data,
				      w->tables.size, 0};
	const struct stream strings = {"#Strings", w->strings.data, w->strings.size, 0};
	size_t count = 0;
	streams[count++] = w->a->strings_first ? strings : tables;
	streams[count++] = w->a->strings_first ? tables : strings;
	streams[count++] = (struct stream){"#US", user, sizeof(user), 0};
	streams[count++] = (struct stream){"#GUID", w->a->mvid, sizeof(w->a->mvid), 0};
	streams[count++] = (struct stream){"#Blob", blob, sizeof(blob), 0};
	if (w->a->decoys) {
		streams[count++] = (struct stream){"#Strings", blob, 1, 0};
		streams[count++] = (struct stream){"#Blob", blob, 1, 0};
		streams[count++] = (struct stream){"#Schema", blob, 1, 0};
	}
	return count;
}

static void note_stream(struct assembly_file *file, const struct stream *s)
{
	uint32_t rva = file->root + s->offset;
	if (!strcmp(s->name, "#~") || !strcmp(s->name, "#-"))
		file->tables = rva;
	else if (!strcmp(s->name, "#Strings") && !file->strings)
		file->strings = rva;
	else if (!strcmp(s->name, "#GUID"))
		file->guid = rva;
}

/* Adds the metadata to the section. */
static void add_metadata(struct writing *w, struct bytes *section, struct assembly_file *file)
{
	struct stream streams[8];
	size_t count = list_streams(w, streams), at = section->size;
	char version[16] = "v4.0.30319";
	uint32_t version_size = w->a->decoys ? 16 : 12;
	file->root = SECTION_RVA + (uint32_t)at;
	add(section, "BSJB\1\0\1\0\0\0\0\0", 12);
	add_number(section, version_size, 4);
	add(section, version, version_size);
	add_number(section, 0, 2);
	add_number(section, count, 2);
	file->stream_headers = SECTION_RVA + (uint32_t)section->size;
	file->stream_count = (uint32_t)count;
	size_t offset = section->size - at;
	for (size_t i = 0; i < count; i++)
		offset += 8 + name_room(streams[i].name);
	for (size_t i = 0; i < count; i++) {
		char name[32] = {0};
		streams[i].offset = (uint32_t)offset;
		memcpy(name, streams[i].name, strlen(streams[i].name));
		add_number(section, offset, 4);
		add_number(section, streams[i].size, 4);
		add(section, name, name_room(name));
		offset += util_round_up(streams[i].size, 4);
		note_stream(file, &streams[i]);
	}
	for (size_t i = 0; i < count; i++) {
		add(section, streams[i].data, streams[i].size);
		align(section, 4);
	}
	file->types = file->tables + (uint32_t)w->types_at;
	file->type_size = row_size(&w->widths, 0x01);
	file->strings_size = (uint32_t)w->strings.size;
}

/* ----- the file ----- */

static void put_section(uint8_t *header, const char *name, uint32_t size, uint32_t rva,
			uint32_t raw, uint32_t at)
{
	memcpy(header, name, strlen(name));
	util_put(header + 8, size, 4);
	util_put(header + 12, rva, 4);
	util_put(header + 16, raw, 4);
	util_put(header + 20, at, 4);
	util_put(header + 36, 0x60000020, 4);
}

static void put_headers(const struct assembly *a, const struct assembly_file *file, size_t size,
			size_t metadata_size, uint8_t *p)
{
	uint8_t *nt = p + NT_AT, *optional = nt + 24, *directory = optional + (a->plus ? 112 : 96);
	uint32_t raw = (uint32_t)util_round_up(size, 0x200);
	uint32_t next = (uint32_t)util_round_up(SECTION_RVA + size, 0x2000);
	memcpy(p, "MZ", 2);
	util_put(p + 0x3c, NT_AT, 4);
	memcpy(nt, "PE\0\0", 4);
	util_put(nt + 4, a->plus ? 0x8664 : 0x14c, 2);
	util_put(nt + 6, 2, 2);
	util_put(nt + 20, a->plus ? 240 : 224, 2);
	util_put(nt + 22, a->plus ? 0x22 : 0x102, 2);
	util_put(optional, a->plus ? 0x20b : 0x10b, 2);
	util_put(optional + 32, 0x2000, 4);
	util_put(optional + 36, 0x200, 4);
	util_put(optional + 56, next + 0x2000, 4);
	util_put(optional + 60, SECTION_AT, 4);
	util_put(directory - 4, 16, 4);
	util_put(directory + 8 * 14, file->clr_header, 4);
	util_put(directory + 8 * 14 + 4, CLR_SIZE, 4);
	put_section(directory + 128, ".text", (uint32_t)size, SECTION_RVA, raw, SECTION_AT);
	put_section(directory + 168, ".rsrc", 16, next, 0x200, SECTION_AT + raw);
	uint8_t *clr = p + SECTION_AT + (file->clr_header - SECTION_RVA);
	util_put(clr, CLR_SIZE, 4);
	util_put(clr + 4, 2, 2);
	util_put(clr + 6, 5, 2);
	util_put(clr + 8, file->root, 4);
	util_put(clr + 12, metadata_size, 4);
	util_put(clr + 16, 1, 4);
	util_put(clr + 20, 0x06000001, 4);
}

struct assembly_file assembly_write(const struct assembly *assembly)
{
	struct assembly_file file = {.section = SECTION_RVA, .position = SECTION_AT};
	struct writing w = {.a = assembly, .random = {assembly->seed}};
	struct bytes section = {0};
	add(&w.strings, "", 1);
	make_tables(&w);
	add(&section, NULL, 8); /* where the address of _CorExeMain is */
	file.clr_header = SECTION_RVA + 8;
	add(&section, NULL, CLR_SIZE);
	size_t before = section.size;
	add_metadata(&w, &section, &file);
	file.size = SECTION_AT + util_round_up(section.size, 0x200) + 0x200;
	file.data = util_alloc(file.size, 1);
	memcpy(file.data + SECTION_AT, section.data, section.size);
	put_headers(assembly, &file, section.size, section.size - before, file.data);
	free(section.data);
	free(w.strings.data);
	free(w.tables.data);
	return file;
}

/* ----- wiping ----- */

static void wipe_names(const struct assembly_file *file, uint8_t *p, const char *with)
{
	for (uint32_t i = 0; i < file->stream_count; i++) {
		size_t length = strlen((char *)p + 8), room = util_round_up(length + 1, 4);
		for (size_t n = 0; n < length; n++)
			p[8 + n] = *with ? (uint8_t)with[n % strlen(with)] : 0;
		p += 8 + room;
	}
}

static uint8_t *at_rva(const struct assembly_file *file, uint8_t *bytes, bool mapped, uint32_t rva)
{
	return bytes + (mapped ? rva : rva - file->section + file->position);
}

void assembly_wipe(const struct assembly_file *file, enum assembly_wipe wipe, uint8_t *bytes,
		   bool mapped)
{
	uint32_t first = file->tables < file->strings ? file->tables : file->strings;
	uint8_t *names = at_rva(file, bytes, mapped, file->stream_headers);
	uint8_t *root = at_rva(file, bytes, mapped, file->root);
	uint8_t *optional = bytes + NT_AT + 24;
	uint8_t *headers = optional + util_get(optional - 4, 2);
	if (wipe == ASSEMBLY_RENAMED) {
		wipe_names(file, names, "q");
		return;
	}
	memset(at_rva(file, bytes, mapped, file->clr_header), 0, 16);
	if (wipe == ASSEMBLY_NO_ROOT)
		memset(root, 0, first - file->root);
	if (wipe != ASSEMBLY_ANTI_DUMP)
		return;
	memset(root, 0, 4);
	wipe_names(file, names, "");
	memset(headers, 0, 8);
	memset(headers + 40, 0, 8);
}
