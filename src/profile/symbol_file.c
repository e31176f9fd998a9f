/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Reading a symbol file: its bytes, decompressing xz, parsing JSON. Making a profile of it is in
 * symbols.c.
 */
#include "symbol_file.h"

#include <errno.h>
#include <string.h>

#include <lzma.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>

#include "internal.h"

/* The JSON of a kernel has 3 to 10 MB, 40,000 to 100,000 objects and somewhat more values. */
#define TEXT_LIMIT  ((size_t)32 << 20)
#define DEPTH_LIMIT 32

/*
 * Bytes of a tree and of the text it is of, together: a kernel's has some 100 MB. What json-c takes
 * at most for an object (a table of 16 members), an array and a member or element.
 */
#define TREE_LIMIT   ((size_t)220 << 20)
#define OBJECT_BYTES 900
#define ARRAY_BYTES  400
#define VALUE_BYTES  350

/* xz -9 needs 65 MB to unpack. */
#define XZ_MEMORY_LIMIT (UINT64_C(128) << 20)

struct error *symbol_file_read(const char *path, size_t limit, uint8_t **data, size_t *size)
{
	_cleanup_file_ FILE *file = NULL;
	try_(open_regular(path, "symbol file", &file));
	_cleanup_free_ uint8_t *bytes = NULL;
	size_t used = 0, capacity = 0;
	for (;;) {
		capacity = capacity ? 2 * capacity : (size_t)1 << 20;
		bytes = alloc_resize(bytes, capacity, 1);
		used += fread(bytes + used, 1, capacity - used, file);
		if (ferror(file))
			return error_errno(errno, "can't read symbol file '%s'", path);
		if (used < capacity)
			break;
		if (used > limit)
			return error_new("%s: too large for a kernel's symbol file: more than %zu "
					 "MB",
					 path, limit >> 20);
	}
	*data = take_ptr(bytes);
	*size = used;
	return NULL;
}

static const char *xz_problem(lzma_ret code)
{
	switch (code) {
	case LZMA_FORMAT_ERROR:
	case LZMA_OPTIONS_ERROR:
		return "it is of a kind that liblzma does not know";
	case LZMA_DATA_ERROR:
		return "it is damaged";
	case LZMA_MEMLIMIT_ERROR:
		return "it needs too much memory";
	case LZMA_BUF_ERROR:
		return "it is cut off";
	default:
		return "liblzma fails";
	}
}

static void end_xz(lzma_stream *xz)
{
	lzma_end(xz);
}

static struct error *unpack_xz(const uint8_t *data, size_t size, const char *origin, uint8_t **text,
			       size_t *length)
{
	_cleanup_(end_xz)
	lzma_stream xz = LZMA_STREAM_INIT;
	lzma_ret code = lzma_stream_decoder(&xz, XZ_MEMORY_LIMIT, LZMA_CONCATENATED);
	_cleanup_free_ uint8_t *bytes = NULL;
	size_t capacity = 0;
	xz.next_in = data;
	xz.avail_in = size;
	while (code == LZMA_OK) {
		if (!xz.avail_out) {
			size_t used = capacity;
			if (capacity > TEXT_LIMIT)
				return error_new("%s: unpacks to more than %zu MB, too much for a "
						 "kernel's symbol file",
						 origin, TEXT_LIMIT >> 20);
			capacity = capacity ? 2 * capacity : (size_t)1 << 20;
			bytes = alloc_resize(bytes, capacity, 1);
			xz.next_out = bytes + used;
			xz.avail_out = capacity - used;
		}
		code = lzma_code(&xz, LZMA_FINISH);
	}
	if (code != LZMA_STREAM_END)
		return error_new("%s: can't unpack this xz file: %s", origin, xz_problem(code));
	*length = capacity - xz.avail_out;
	*text = take_ptr(bytes);
	return NULL;
}

/* What people give in place of a symbol file. */
static const char *other_kind(const uint8_t *data, size_t size)
{
	static const struct {
		const char *magic, *what;
	} kinds[] = {
		{"Microsoft C/C++ MSF", "a PDB: turn it into JSON with Volatility 3's pdbconv"},
		{"\x1f\x8b", "compressed with gzip: unpack it first"},
		{"BZh", "compressed with bzip2: unpack it first"},
		{"PK\x03\x04", "a ZIP archive: unpack it and give one of its files"},
		{"MZ", "a PE file: its symbols are needed, as Volatility 3's JSON"},
	};
	for (size_t i = 0; i < array_size(kinds); i++)
		if (data && size >= strlen(kinds[i].magic) &&
		    !memcmp(data, kinds[i].magic, strlen(kinds[i].magic)))
			return kinds[i].what;
	return NULL;
}

static struct error *error_at(const char *text, size_t offset, const char *origin, const char *what)
{
	size_t line = 1, column = 1;
	for (size_t i = 0; i < offset; i++) {
		column++;
		if (text[i] == '\n') {
			line++;
			column = 1;
		}
	}
	return error_new("%s:%zu:%zu: %s", origin, line, column, what);
}

/* A tree of empty lists would take hundreds of times the size of its text: bounds what it can. */
static struct error *check_counts(const char *text, size_t length, const char *origin)
{
	size_t bytes = length; /* of strings, at most */
	for (size_t i = 0; i < length; i++) {
		bytes += text[i] == '{'	  ? OBJECT_BYTES + VALUE_BYTES
			 : text[i] == '[' ? ARRAY_BYTES + VALUE_BYTES
			 : text[i] == ',' ? VALUE_BYTES
					  : 0;
		if (bytes > TREE_LIMIT - length)
			return error_at(text, i, origin,
					"more objects or values than any kernel's symbol file has");
	}
	return NULL;
}

static void free_tokener(struct json_tokener **tokener)
{
	json_tokener_free(*tokener);
}

static struct error *parse_text(const char *text, size_t length, const char *origin,
				struct json_object **ret)
{
	try_(check_counts(text, length, origin));
	_cleanup_(free_tokener)
	struct json_tokener *tokener = json_tokener_new_ex(DEPTH_LIMIT);
	if (!tokener)
		return error_new("%s: the JSON parser doesn't start", origin);
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8 |
						JSON_TOKENER_ALLOW_TRAILING_CHARS);
	_cleanup_json_ struct json_object *json = json_tokener_parse_ex(tokener, text, (int)length);
	enum json_tokener_error problem = json_tokener_get_error(tokener);
	size_t end = json_tokener_get_parse_end(tokener);
	if (problem == json_tokener_continue)
		return error_at(text, length, origin, "the JSON ends in the middle");
	if (problem == json_tokener_error_depth)
		return error_at(text, min_of(end, length), origin, "the JSON is nested too deeply");
	if (problem != json_tokener_success) {
		_cleanup_free_ char *what =
			alloc_printf("not JSON: %s", json_tokener_error_desc(problem));
		return error_at(text, min_of(end, length), origin, what);
	}
	for (; end < length; end++)
		if (!text[end] || !strchr(" \t\r\n", text[end]))
			return error_at(text, end, origin, "something follows the JSON's end");
	*ret = take_ptr(json);
	return NULL;
}

struct error *symbol_file_parse(const uint8_t *data, size_t size, const char *origin,
				struct json_object **ret)
{
	static const uint8_t xz_magic[] = {0xfd, '7', 'z', 'X', 'Z', 0};
	_cleanup_free_ uint8_t *unpacked = NULL;
	*ret = NULL;
	if (size >= sizeof(xz_magic) && !memcmp(data, xz_magic, sizeof(xz_magic))) {
		size_t length = 0;
		try_(unpack_xz(data, size, origin, &unpacked, &length));
		data = unpacked;
		size = length;
	}
	const char *kind = other_kind(data, size);
	if (kind)
		return error_new("%s: this is %s", origin, kind);
	if (size > TEXT_LIMIT)
		return error_new("%s: too large for a kernel's symbol file: more than %zu MB",
				 origin, TEXT_LIMIT >> 20);
	return parse_text((const char *)data, size, origin, ret);
}
