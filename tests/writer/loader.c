/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See loader.h. Structures as in Microsoft's "PE Format". */
#include <writer/loader.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { GRANULARITY = 0x10000, DEPTH = 8, NAME = 260 };

static uint32_t u16(const uint8_t *p)
{
	return (uint32_t)(p[0] | p[1] << 8);
}

static uint32_t u32(const uint8_t *p)
{
	return u16(p) | u16(p + 2) << 16;
}

static uint64_t u64(const uint8_t *p)
{
	return u32(p) | (uint64_t)u32(p + 4) << 32;
}

static void put(uint8_t *p, uint64_t value, size_t size)
{
	for (size_t i = 0; i < size; i++)
		p[i] = (uint8_t)(value >> 8 * i);
}

static uint64_t pointer(const struct loader_module *m, uint32_t rva)
{
	return m->pe32_plus ? u64(m->bytes + rva) : u32(m->bytes + rva);
}

static uint32_t width(const struct loader_module *m)
{
	return m->pe32_plus ? 8 : 4;
}

static uint32_t directory_entry(const struct loader_module *m, unsigned int number)
{
	return u32(m->bytes + 0x3c) + 24 + (m->pe32_plus ? 112 : 96) + number * 8;
}

static uint32_t directory(const struct loader_module *m, unsigned int number)
{
	return u32(m->bytes + directory_entry(m, number));
}

void loader_init(struct loader *loader, uint64_t first_base)
{
	*loader = (struct loader){.next = first_base};
}

void loader_free(struct loader *loader)
{
	for (size_t i = 0; i < loader->count; i++) {
		free(loader->modules[i].name);
		free(loader->modules[i].bytes);
		free(loader->modules[i].original);
	}
	free(loader->modules);
	*loader = (struct loader){0};
}

static void relocate(struct loader_module *m, uint64_t image_base)
{
	uint32_t at = directory(m, 5);
	uint32_t end = at + u32(m->bytes + directory_entry(m, 5) + 4);
	while (at && at + 8 <= end && end <= m->size) {
		uint32_t page = u32(m->bytes + at), size = u32(m->bytes + at + 4);
		if (size < 8 || at + size > end)
			break;
		for (uint32_t i = 8; i + 2 <= size; i += 2) {
			uint32_t entry = u16(m->bytes + at + i);
			uint32_t rva = page + (entry & 0xfff);
			size_t n = entry >> 12 == 10 ? 8 : entry >> 12 == 3 ? 4 : 0;
			if (!n || rva + n > m->size)
				continue;
			uint64_t value = n == 8 ? u64(m->bytes + rva) : u32(m->bytes + rva);
			put(m->bytes + rva, value + m->base - image_base, n);
		}
		at += size;
	}
}

bool loader_add(struct loader *loader, const char *name, const uint8_t *file, size_t size)
{
	if (size < 0x40 || u16(file) != 0x5a4d)
		return false;
	uint32_t nt = u32(file + 0x3c);
	if (nt + 0x108u > size || u32(file + nt) != 0x4550)
		return false;
	struct loader_module m = {.pe32_plus = u16(file + nt + 24) == 0x20b};
	uint32_t machine = u16(file + nt + 4);
	if (machine != (m.pe32_plus ? 0x8664 : 0x14c))
		return false;
	m.size = (u32(file + nt + 24 + 56) + 0xfff) & ~0xfffu;
	uint32_t headers = u32(file + nt + 24 + 60);
	if (!m.size || m.size > 256u << 20 || headers > size || headers > m.size)
		return false;
	m.bytes = calloc(m.size, 1);
	memcpy(m.bytes, file, headers);
	const uint8_t *section = file + nt + 24 + u16(file + nt + 20);
	for (uint32_t i = 0; i < u16(file + nt + 6); i++, section += 40) {
		uint32_t virtual_size = u32(section + 8), rva = u32(section + 12);
		uint32_t raw_size = u32(section + 16), raw = u32(section + 20);
		uint32_t n = virtual_size && virtual_size < raw_size ? virtual_size : raw_size;
		if (raw > size || n > size - raw || rva > m.size || n > m.size - rva) {
			free(m.bytes);
			return false;
		}
		memcpy(m.bytes + rva, file + raw, n);
	}
	m.name = strdup(name);
	m.base = loader->next;
	loader->next += (m.size + 2 * GRANULARITY - 1) / GRANULARITY * GRANULARITY;
	relocate(&m, m.pe32_plus ? u64(file + nt + 48) : u32(file + nt + 52));
	if (loader->count == loader->capacity) {
		loader->capacity = loader->capacity ? loader->capacity * 2 : 64;
		loader->modules =
			realloc(loader->modules, loader->capacity * sizeof(*loader->modules));
	}
	loader->modules[loader->count++] = m;
	return true;
}

struct loader_module *loader_find(struct loader *loader, const char *name)
{
	for (size_t i = 0; i < loader->count; i++)
		if (!strcasecmp(loader->modules[i].name, name))
			return &loader->modules[i];
	return NULL;
}

struct loader_module *loader_at(struct loader *loader, uint64_t address)
{
	size_t low = 0, high = loader->count;
	while (high - low > 1) {
		size_t middle = (low + high) / 2;
		if (loader->modules[middle].base <= address)
			low = middle;
		else
			high = middle;
	}
	struct loader_module *m = &loader->modules[low];
	return loader->count && address >= m->base && address - m->base < m->size ? m : NULL;
}

/* The DLL that stands behind a name: the few API sets that the tests use. */
static struct loader_module *find_host(struct loader *loader, const char *dll)
{
	struct loader_module *m = loader_find(loader, dll);
	if (m || strncasecmp(dll, "api-ms-win-", 11) != 0)
		return m;
	return loader_find(loader, !strncasecmp(dll + 11, "crt-", 4)	       ? "ucrtbase.dll"
				   : !strncasecmp(dll + 11, "core-com-", 9)    ? "combase.dll"
				   : !strncasecmp(dll + 11, "core-winrt-", 11) ? "combase.dll"
									       : "kernelbase.dll");
}

static uint64_t find_export(struct loader *loader, struct loader_module *m, const char *name,
			    uint32_t ordinal, int depth);

static uint64_t forward(struct loader *loader, const char *text, int depth,
			struct loader_module **host)
{
	char dll[NAME];
	const char *dot = strrchr(text, '.');
	if (!dot || dot - text > NAME - 5)
		return 0;
	snprintf(dll, sizeof(dll), "%.*s%s", (int)(dot - text), text,
		 memchr(text, '.', (size_t)(dot - text)) ? "" : ".dll");
	struct loader_module *to = find_host(loader, dll);
	if (host)
		*host = to;
	if (dot[1] == '#')
		return find_export(loader, to, NULL, (uint32_t)atoi(dot + 2), depth + 1);
	return find_export(loader, to, dot + 1, 0, depth + 1);
}

static uint64_t find_export(struct loader *loader, struct loader_module *m, const char *name,
			    uint32_t ordinal, int depth)
{
	if (!m || depth > DEPTH)
		return 0;
	const uint8_t *image = m->original ? m->original : m->bytes;
	uint32_t entry = directory_entry(m, 0);
	uint32_t start = u32(image + entry), size = u32(image + entry + 4);
	if (!start || start + 40 > m->size)
		return 0;
	const uint8_t *d = image + start;
	uint32_t index = ordinal - u32(d + 16);
	if (name) {
		index = UINT32_MAX;
		uint32_t low = 0, high = u32(d + 24);
		while (low < high) {
			uint32_t middle = (low + high) / 2;
			int order = strcmp(name, (const char *)image +
							 u32(image + u32(d + 32) + middle * 4));
			if (!order) {
				index = u16(image + u32(d + 36) + middle * 2);
				break;
			}
			if (order < 0)
				high = middle;
			else
				low = middle + 1;
		}
	}
	if (index >= u32(d + 20))
		return 0;
	uint32_t rva = u32(image + u32(d + 28) + index * 4);
	if (!rva)
		return 0;
	if (rva >= start && rva - start < size)
		return forward(loader, (const char *)image + rva, depth, NULL);
	return m->base + rva;
}

uint64_t loader_export(struct loader *loader, const char *dll, const char *name, uint32_t ordinal)
{
	return find_export(loader, find_host(loader, dll), name, ordinal, 0);
}

void loader_imports(struct loader_module *m, loader_import *call, void *context)
{
	const uint8_t *image = m->original ? m->original : m->bytes;
	uint32_t at = u32(image + directory_entry(m, 1));
	for (; at && at + 20 <= m->size && u32(image + at + 12); at += 20) {
		uint32_t names = u32(image + at), slots = u32(image + at + 16);
		const char *dll = (const char *)image + u32(image + at + 12);
		names = names ? names : slots;
		for (uint32_t i = 0;; i++) {
			uint32_t rva = names + i * width(m);
			if (rva + width(m) > m->size)
				break;
			uint64_t value = m->pe32_plus ? u64(image + rva) : u32(image + rva);
			if (!value)
				break;
			bool by_ordinal = value >> (width(m) * 8 - 1);
			call(context, m, dll,
			     by_ordinal ? NULL : (const char *)image + (uint32_t)value + 2,
			     (uint32_t)(value & 0xffff), slots + i * width(m));
		}
	}
}

struct resolving {
	struct loader *loader;
	size_t filled, missing;
};

static void fill(void *context, struct loader_module *m, const char *dll, const char *name,
		 uint32_t ordinal, uint32_t slot)
{
	struct resolving *r = context;
	uint64_t address = loader_export(r->loader, dll, name, ordinal);
	r->filled += address != 0;
	r->missing += !address;
	put(m->bytes + slot, address ? address : 0x10000000 + r->missing * 16, width(m));
}

size_t loader_resolve(struct loader *loader, size_t *missing)
{
	struct resolving r = {.loader = loader};
	for (size_t i = 0; i < loader->count; i++) {
		struct loader_module *m = &loader->modules[i];
		if (!m->original) {
			m->original = malloc(m->size);
			memcpy(m->original, m->bytes, m->size);
		}
	}
	for (size_t i = 0; i < loader->count; i++)
		loader_imports(&loader->modules[i], fill, &r);
	*missing = r.missing;
	return r.filled;
}

static void want(struct loader *loader, struct loader_module *m);

static void want_import(void *context, struct loader_module *m, const char *dll, const char *name,
			uint32_t ordinal, uint32_t slot)
{
	(void)m, (void)name, (void)ordinal, (void)slot;
	want(context, find_host(context, dll));
}

static void want_forwards(struct loader *loader, struct loader_module *m)
{
	const uint8_t *image = m->original;
	uint32_t entry = directory_entry(m, 0);
	uint32_t start = u32(image + entry), size = u32(image + entry + 4);
	for (uint32_t i = 0; start && i < u32(image + start + 20); i++) {
		uint32_t rva = u32(image + u32(image + start + 28) + i * 4);
		struct loader_module *host = NULL;
		if (rva < start || rva - start >= size)
			continue;
		forward(loader, (const char *)image + rva, 0, &host);
		want(loader, host);
	}
}

static void want(struct loader *loader, struct loader_module *m)
{
	if (!m || m->wanted)
		return;
	m->wanted = true;
	loader_imports(m, want_import, loader);
	want_forwards(loader, m);
}

void loader_closure(struct loader *loader, struct loader_module *module)
{
	for (size_t i = 0; i < loader->count; i++)
		loader->modules[i].wanted = false;
	want(loader, module);
	want(loader, loader_find(loader, "ntdll.dll"));
	want(loader, loader_find(loader, "kernel32.dll"));
	want(loader, loader_find(loader, "kernelbase.dll"));
}

static void zero_string(struct loader_module *m, uint32_t rva)
{
	if (rva < m->size)
		memset(m->bytes + rva, 0, strnlen((char *)m->bytes + rva, m->size - rva));
}

void loader_erase(struct loader_module *m, bool header)
{
	uint8_t *saved = malloc(m->size);
	memcpy(saved, m->bytes, m->size);
	m->erased = true;
	for (uint32_t at = directory(m, 1); at && at + 20 <= m->size && u32(saved + at + 12);
	     at += 20) {
		zero_string(m, u32(saved + at + 12));
		for (uint32_t rva = u32(saved + at); rva && rva + 8 <= m->size; rva += width(m)) {
			uint64_t value = m->pe32_plus ? u64(saved + rva) : u32(saved + rva);
			if (!value)
				break;
			if (!(value >> (width(m) * 8 - 1)) && value + 2 < m->size) {
				put(m->bytes + value, 0, 2);
				zero_string(m, (uint32_t)value + 2);
			}
			put(m->bytes + rva, 0, width(m));
		}
		memset(m->bytes + at, 0, 20);
	}
	memset(m->bytes + directory_entry(m, 1), 0, 8);
	memset(m->bytes + directory_entry(m, 12), 0, 8);
	if (header)
		memset(m->bytes, 0, 4096);
	free(saved);
}

/* Back to the mapped file, its slots filled as they were. */
void loader_restore(struct loader_module *m)
{
	uint8_t *erased = m->bytes;
	m->bytes = malloc(m->size);
	memcpy(m->bytes, m->original, m->size);
	m->erased = false;
	uint32_t at = directory(m, 1);
	for (; at && at + 20 <= m->size && u32(m->bytes + at + 12); at += 20) {
		uint32_t names = u32(m->bytes + at), slots = u32(m->bytes + at + 16);
		for (uint32_t i = 0; names && pointer(m, names + i * width(m)); i++)
			memcpy(m->bytes + slots + i * width(m), erased + slots + i * width(m),
			       width(m));
	}
	free(erased);
}
