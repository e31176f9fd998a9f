/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See util.h. */
#include <writer/util.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <strings.h>

void util_die(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	fputs("mkimage: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	exit(2);
}

void *util_alloc(size_t count, size_t size)
{
	void *p = calloc(count ? count : 1, size ? size : 1);
	if (!p)
		util_die("out of memory");
	return p;
}

char *util_strdup(const char *s)
{
	char *copy = strdup(s);
	if (!copy)
		util_die("out of memory");
	return copy;
}

char *util_printf(const char *format, ...)
{
	char *s = NULL;
	va_list args;
	va_start(args, format);
	int length = vasprintf(&s, format, args);
	va_end(args);
	if (length < 0 || !s)
		util_die("out of memory");
	return s;
}

void *util_grow(void *items, size_t count, size_t *capacity, size_t size)
{
	if (count == *capacity) {
		*capacity = count ? count * 2 : 8;
		items = reallocarray(items, *capacity, size);
		if (!items)
			util_die("out of memory");
	}
	memset((uint8_t *)items + count * size, 0, size);
	return items;
}

uint8_t *util_read_file(const char *path, size_t *size)
{
	FILE *file = fopen(path, "rb");
	if (!file)
		util_die("%s: %s", path, strerror(errno));
	size_t capacity = 1 << 16, length = 0;
	uint8_t *data = util_alloc(capacity, 1);
	for (;;) {
		size_t got = fread(data + length, 1, capacity - length, file);
		if (!got)
			break;
		length += got;
		if (length == capacity) {
			capacity *= 2;
			data = realloc(data, capacity);
			if (!data)
				util_die("out of memory");
		}
	}
	if (ferror(file))
		util_die("%s: %s", path, strerror(errno));
	fclose(file);
	*size = length;
	return data;
}

void util_write_file(const char *path, const void *data, size_t size)
{
	FILE *file = fopen(path, "wb");
	if (!file || fwrite(data, 1, size, file) != size || fclose(file))
		util_die("%s: %s", path, strerror(errno));
}

uint64_t util_random(struct util_random *random)
{
	uint64_t z = random->state += UINT64_C(0x9e3779b97f4a7c15);
	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

uint64_t util_random_below(struct util_random *random, uint64_t n)
{
	return util_random(random) % n;
}

uint64_t util_hash(const char *s)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);
	for (; *s; s++)
		hash = (hash ^ (uint8_t)*s) * UINT64_C(0x100000001b3);
	return hash;
}

uint8_t *util_utf16(const char *utf8, size_t *size)
{
	uint8_t *out = util_alloc(strlen(utf8) + 1, 4);
	size_t n = 0;
	const uint8_t *s = (const uint8_t *)utf8;
	while (*s) {
		unsigned int more = *s < 0x80 ? 0 : *s < 0xe0 ? 1 : *s < 0xf0 ? 2 : 3;
		uint32_t code = more ? *s & (0x3fu >> more) : *s;
		s++;
		for (; more; more--) {
			if ((*s & 0xc0) != 0x80)
				util_die("a name is not UTF-8: %s", utf8);
			code = code << 6 | (*s++ & 0x3f);
		}
		if (code >= 0x10000) {
			util_put(out + n, 0xd800 + ((code - 0x10000) >> 10), 2);
			code = 0xdc00 + ((code - 0x10000) & 0x3ff);
			n += 2;
		}
		util_put(out + n, code, 2);
		n += 2;
	}
	*size = n;
	return out;
}

bool util_same_name(const char *name, const char *other)
{
	return strcasecmp(name, other) == 0;
}
