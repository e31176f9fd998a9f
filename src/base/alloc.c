/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Allocation that does not fail, and growing arrays.
 */
#include <impscan/alloc.h>

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void alloc_failed(void)
{
	fputs("impscan: out of memory\n", stderr);
	_exit(2);
}

void *alloc_zero(size_t count, size_t size)
{
	void *p = calloc(count ? count : 1, size);
	if (!p)
		alloc_failed();
	return p;
}

void *alloc_resize(void *p, size_t count, size_t size)
{
	p = reallocarray(p, count ? count : 1, size);
	if (!p)
		alloc_failed();
	return p;
}

char *alloc_strdup(const char *s)
{
	return alloc_strndup(s, strlen(s));
}

char *alloc_strndup(const char *s, size_t n)
{
	n = strnlen(s, n);
	char *copy = alloc_zero(n + 1, 1);
	memcpy(copy, s, n);
	return copy;
}

char *alloc_printf(const char *format, ...)
{
	va_list args;
	char *s;
	va_start(args, format);
	int length = vasprintf(&s, format, args);
	va_end(args);
	if (length < 0)
		alloc_failed();
	return s;
}

void *alloc_grow(void *items, size_t count, size_t *capacity, size_t size)
{
	if (count < *capacity)
		return items;
	if (*capacity > SIZE_MAX / 2)
		alloc_failed();
	*capacity = *capacity ? *capacity * 2 : 8;
	return alloc_resize(items, *capacity, size);
}
