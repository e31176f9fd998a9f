/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See raw_pe.h; structures as in Microsoft's "PE Format". */
#include <writer/raw_pe.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void raw_put(struct raw *r, size_t offset, uint64_t value, unsigned int bytes)
{
	if (offset > r->size || bytes > r->size - offset) {
		fprintf(stderr, "raw_pe: 0x%zx is outside the file\n", offset);
		abort();
	}
	for (unsigned int i = 0; i < bytes; i++)
		r->data[offset + i] = (uint8_t)(value >> 8 * i);
}

uint64_t raw_get(const struct raw *r, size_t offset, unsigned int bytes)
{
	uint64_t value = 0;
	for (unsigned int i = 0; i < bytes; i++)
		value |= (uint64_t)r->data[offset + i] << 8 * i;
	return value;
}

void raw_put_rva(struct raw *r, uint32_t rva, uint64_t value, unsigned int bytes)
{
	raw_put(r, rva - RAW_RVA + RAW_HEADERS, value, bytes);
}

void raw_resize(struct raw *r, size_t size)
{
	r->data = realloc(r->data, size);
	if (!r->data)
		abort();
	if (size > r->size)
		memset(r->data + r->size, 0, size - r->size);
	r->size = size;
}

unsigned int raw_word(const struct raw *r)
{
	return r->plus ? 8 : 4;
}

uint64_t raw_ordinal(const struct raw *r, uint16_t ordinal)
{
	return ordinal | (r->plus ? UINT64_C(1) << 63 : UINT64_C(1) << 31);
}

size_t raw_directory(const struct raw *r, unsigned int i)
{
	return RAW_OPTIONAL + (r->plus ? 112u : 96u) + 8 * i;
}

size_t raw_section(const struct raw *r, unsigned int i)
{
	return RAW_OPTIONAL + (r->plus ? 240u : 224u) + 40 * i;
}

void raw_set_section(struct raw *r, unsigned int i, uint32_t virtual_size, uint32_t rva,
		     uint32_t raw_size, uint32_t position)
{
	size_t s = raw_section(r, i);
	memcpy(r->data + s, ".s\0\0\0\0\0", 8);
	r->data[s + 2] = (uint8_t)('0' + i % 10);
	raw_put(r, s + 8, virtual_size, 4);
	raw_put(r, s + 12, rva, 4);
	raw_put(r, s + 16, raw_size, 4);
	raw_put(r, s + 20, position, 4);
	raw_put(r, s + 36, 0xc0000040, 4);
	if (raw_get(r, RAW_NT + 6, 2) < i + 1)
		raw_put(r, RAW_NT + 6, i + 1, 2);
}

struct raw raw_new(bool plus, uint32_t size)
{
	struct raw r = {.plus = plus, .next = RAW_RVA + RAW_ROOM};
	raw_resize(&r, RAW_HEADERS + size);
	memcpy(r.data, "MZ", 2);
	raw_put(&r, 0x3c, RAW_NT, 4);
	memcpy(r.data + RAW_NT, "PE\0\0", 4);
	raw_put(&r, RAW_NT + 4, plus ? 0x8664 : 0x14c, 2);
	raw_put(&r, RAW_NT + 20, plus ? 240 : 224, 2);
	raw_put(&r, RAW_NT + 22, plus ? 0x22 : 0x102, 2);
	raw_put(&r, RAW_OPTIONAL, plus ? 0x20b : 0x10b, 2);
	raw_put(&r, RAW_OPTIONAL + 16, RAW_RVA, 4);
	if (plus)
		raw_put(&r, RAW_OPTIONAL + 24, 0x140000000, 8);
	else
		raw_put(&r, RAW_OPTIONAL + 28, 0x400000, 4);
	raw_put(&r, RAW_OPTIONAL + 32, 0x1000, 4);
	raw_put(&r, RAW_OPTIONAL + 36, 0x200, 4);
	raw_put(&r, RAW_OPTIONAL + 40, 6, 2);
	raw_put(&r, RAW_OPTIONAL + 48, 6, 2);
	raw_put(&r, RAW_OPTIONAL + 56, RAW_RVA + (size + 0xfff) / 0x1000 * 0x1000, 4);
	raw_put(&r, RAW_OPTIONAL + 60, RAW_HEADERS, 4);
	raw_put(&r, RAW_OPTIONAL + 68, 3, 2);
	raw_put(&r, raw_directory(&r, 0) - 4, 16, 4);
	raw_put(&r, raw_directory(&r, 1), RAW_RVA, 4);
	raw_put(&r, raw_directory(&r, 1) + 4, 40, 4);
	raw_set_section(&r, 0, size, RAW_RVA, size, RAW_HEADERS);
	return r;
}

uint32_t raw_reserve(struct raw *r, uint32_t size)
{
	uint32_t rva = (r->next + 7) / 8 * 8;
	if (rva - RAW_RVA + RAW_HEADERS + size > r->size) {
		fprintf(stderr, "raw_pe: the section is full\n");
		abort();
	}
	r->next = rva + size;
	return rva;
}

uint32_t raw_string(struct raw *r, const char *s)
{
	uint32_t rva = raw_reserve(r, (uint32_t)strlen(s) + 1);
	memcpy(r->data + (rva - RAW_RVA + RAW_HEADERS), s, strlen(s) + 1);
	return rva;
}

uint32_t raw_name(struct raw *r, const char *s)
{
	uint32_t rva = raw_reserve(r, (uint32_t)strlen(s) + 3);
	memcpy(r->data + (rva - RAW_RVA + RAW_HEADERS) + 2, s, strlen(s) + 1);
	return rva;
}

uint32_t raw_table(struct raw *r, const uint64_t *values, size_t count)
{
	unsigned int word = raw_word(r);
	uint32_t rva = raw_reserve(r, (uint32_t)(count + 1) * word);
	for (size_t i = 0; i < count; i++)
		raw_put_rva(r, rva + (uint32_t)i * word, values[i], word);
	return rva;
}

void raw_descriptor(struct raw *r, uint32_t by_name, uint32_t name, uint32_t by_address)
{
	uint32_t rva = RAW_RVA + 20 * r->descriptors++;
	if (20 * r->descriptors > RAW_ROOM)
		abort();
	raw_put_rva(r, rva, by_name, 4);
	raw_put_rva(r, rva + 12, name, 4);
	raw_put_rva(r, rva + 16, by_address, 4);
}

static size_t make_thunks(struct raw *r, const char *functions, uint64_t *values, size_t room)
{
	size_t count = 0;
	char *copy = strdup(functions);
	char *rest = copy;
	char *word;
	while (count < room && (word = strsep(&rest, " "))) {
		if (*word == '#')
			values[count++] = raw_ordinal(r, (uint16_t)strtoul(word + 1, NULL, 10));
		else
			values[count++] = raw_name(r, word);
	}
	free(copy);
	return count;
}

void raw_import(struct raw *r, const char *dll, const char *functions)
{
	uint64_t values[64];
	size_t count = make_thunks(r, functions, values, 64);
	uint32_t name = raw_string(r, dll);
	uint32_t by_name = raw_table(r, values, count);
	raw_descriptor(r, by_name, name, raw_table(r, values, count));
}

void raw_import_by_address(struct raw *r, const char *dll, const char *functions)
{
	uint64_t values[64];
	size_t count = make_thunks(r, functions, values, 64);
	uint32_t name = raw_string(r, dll);
	raw_descriptor(r, 0, name, raw_table(r, values, count));
}
