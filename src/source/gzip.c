/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * gzip files, unpacked as a whole by zlib, which compares the checksums that libarchive passes
 * over.
 *
 * Facts: RFC 1952.
 */
#include "source/internal.h"

static const char *probe(const struct source *source)
{
	const uint8_t *magic = source_bytes(source, 0, 3);
	return magic && !memcmp(magic, "\x1f\x8b\x08", 3) ? "gzip" : NULL;
}

#ifdef HAVE_ZLIB
#include <zlib.h>

#define CHUNK (UINT32_C(1) << 20)

struct gunzip {
	const struct source *source;
	uint64_t at; /* of what is packed, behind what zlib was given */
	z_stream zlib;
	struct whole whole;
	bool cut;
};

static void gunzip_end(struct gunzip *gunzip)
{
	inflateEnd(&gunzip->zlib);
	whole_free(&gunzip->whole);
}

/* Gives zlib more to read. Returns false at the end. */
static bool fill(struct gunzip *gunzip)
{
	if (gunzip->zlib.avail_in)
		return true;
	uint64_t size = min_of((uint64_t)CHUNK, gunzip->source->size - gunzip->at);
	if (!size)
		return false;
	const uint8_t *data = source_bytes(gunzip->source, gunzip->at, size);
	if (!data)
		return false;
	gunzip->zlib.next_in = (uint8_t *)(uintptr_t)data;
	gunzip->zlib.avail_in = (unsigned int)size;
	gunzip->at += size;
	return true;
}

/* Unpacks to the end of a member, or of the file. */
static struct error *unpack_member(struct gunzip *gunzip)
{
	uint8_t buffer[1 << 16];
	for (int result = Z_OK; result != Z_STREAM_END;) {
		if (!fill(gunzip)) {
			gunzip->cut = true;
			return NULL;
		}
		gunzip->zlib.next_out = buffer;
		gunzip->zlib.avail_out = sizeof(buffer);
		result = inflate(&gunzip->zlib, Z_NO_FLUSH);
		if (result != Z_OK && result != Z_STREAM_END)
			return error_new("'%s' is a damaged gzip file (%s): what is packed in it "
					 "can't be trusted",
					 source_path(gunzip->source),
					 gunzip->zlib.msg ? gunzip->zlib.msg : "no memory");
		gunzip->whole.read = gunzip->at - gunzip->zlib.avail_in;
		try_(whole_add(&gunzip->whole, buffer, sizeof(buffer) - gunzip->zlib.avail_out));
	}
	return NULL;
}

/* Members follow each other. Sets `*end` to where the last ends. */
static struct error *unpack_all(struct gunzip *gunzip, uint64_t *end)
{
	for (*end = gunzip->source->size;;) {
		try_(unpack_member(gunzip));
		if (gunzip->cut)
			return NULL;
		const uint64_t at = gunzip->at - gunzip->zlib.avail_in;
		const uint8_t *next = source_bytes(gunzip->source, at, 3);
		if (!next || memcmp(next, "\x1f\x8b\x08", 3) != 0) {
			*end = at;
			return NULL;
		}
		inflateReset(&gunzip->zlib);
	}
}

const char *source_zlib_version(void)
{
	return zlibVersion();
}

static struct error *open_gzip(struct source *source, const char *name,
			       const struct source_options *options, struct source **ret)
{
	__attribute__((cleanup(gunzip_end))) struct gunzip gunzip = {.source = source};
	gunzip.whole.fd = -1;
	if (inflateInit2(&gunzip.zlib, 16 + MAX_WBITS) != Z_OK)
		return error_new("zlib can't be used to unpack '%s'", source_path(source));
	uint64_t end;
	try_(whole_begin(&gunzip.whole, source_path(source), name, source->size, 0, options));
	try_(unpack_all(&gunzip, &end));
	try_(whole_finish(&gunzip.whole, ret));
	source_expect_all(source, false);
	char size[SOURCE_SIZE_TEXT];
	if (gunzip.cut)
		source_warn(*ret,
			    "the gzip file is cut off: the first %s of what is packed in it "
			    "are there, their checksum is not",
			    source_size_text((*ret)->size, size));
	source_warn_behind(*ret, source, end, name);
	source_put_upon(*ret, source, name, false);
	return NULL;
}
#else
const char *source_zlib_version(void)
{
	return "not built in";
}

static struct error *open_gzip(struct source *source, const char *name,
			       const struct source_options *options, struct source **ret)
{
	(void)name, (void)options, (void)ret;
	return error_new("'%s' is a gzip file, and this impscan is built without zlib: decompress "
			 "it first (gunzip)",
			 source_path(source));
}
#endif

const struct container container_gzip = {.probe = probe, .open = open_gzip};
