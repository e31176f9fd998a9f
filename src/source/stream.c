/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Files that are compressed as a whole, by bzip2, Zstandard or LZ4: unpacked by libarchive.
 */
#include "source/unpacker.h"

#ifdef HAVE_LIBARCHIVE
/*
 * Where the Zstandard frames that begin at `at` end: libarchive takes what follows them for a
 * damaged frame. The end of the file where that is within a frame, or one is damaged.
 */
static uint64_t zstd_end(const struct source *source, uint64_t at)
{
	enum { MAGIC = 4, SINGLE = 1 << 5, CHECKSUM = 1 << 2, BLOCK = 3, RLE = 1, RESERVED = 3 };
	static const uint8_t id_sizes[] = {0, 1, 2, 4}, content_sizes[] = {0, 2, 4, 8};
	const uint8_t *p;
	while ((p = source_bytes(source, at, MAGIC + 1))) {
		if ((le32(p) & 0xfffffff0) == 0x184d2a50) {
			if (!(p = source_bytes(source, at, 8)))
				return source->size;
			at += 8 + (uint64_t)le32(p + 4);
			continue;
		}
		if (le32(p) != 0xfd2fb528)
			return at;
		const uint8_t flags = p[MAGIC];
		at += (uint64_t)MAGIC + 1 + id_sizes[flags & 3] + content_sizes[flags >> 6];
		/* The window's size, or that of the content, which has a byte then at least. */
		at += flags & SINGLE && flags >> 6 ? 0u : 1u;
		for (bool last = false; !last;) {
			if (!(p = source_bytes(source, at, BLOCK)))
				return source->size;
			const uint32_t header = le16(p) | (uint32_t)p[2] << 16;
			const uint32_t kind = header >> 1 & 3;
			if (kind == RESERVED)
				return source->size;
			last = header & 1;
			at += BLOCK + (kind == RLE ? 1 : header >> 3);
		}
		at += flags & CHECKSUM ? 4u : 0u;
	}
	return min_of(at, source->size);
}

/* The same of LZ4's legacy frame: blocks behind their sizes, each of 8 MB or less, unpacked. */
static uint64_t legacy_end(const struct source *source, uint64_t at)
{
	const uint32_t magic = 0x184c2102, most = (8u << 20) + (8u << 20) / 255 + 16;
	const uint8_t *p;
	while ((p = source_bytes(source, at, 4))) {
		const uint32_t size = le32(p);
		if (size != magic && (!size || size > most))
			return at;
		at += 4 + (uint64_t)(size == magic ? 0 : size);
	}
	return min_of(at, source->size);
}

#endif

struct method {
	const char *name;
	const char *magic;
	size_t size;
	const char *program; /* that unpacks it */
#ifdef HAVE_LIBARCHIVE
	int (*enable)(struct archive *archive);
	/* Where it ends that begins at `at`; NULL: where libarchive has read to. */
	uint64_t (*end)(const struct source *source, uint64_t at);
#define ENABLE(name, ends) .enable = archive_read_support_filter_##name, .end = ends
#else
#define ENABLE(name, ends)
#endif
};

/* Facts: the formats' documents: bzip2's, RFC 8878, lz4_Frame_format.md and its legacy frame. */
static const struct method methods[] = {
	{"bzip2", "BZh", 3, "bunzip2", ENABLE(bzip2, NULL)},
	{"Zstandard", "\x28\xb5\x2f\xfd", 4, "unzstd", ENABLE(zstd, zstd_end)},
	{"LZ4", "\x04\x22\x4d\x18", 4, "unlz4", ENABLE(lz4, NULL)},
	{"LZ4", "\x02\x21\x4c\x18", 4, "unlz4", ENABLE(lz4, legacy_end)},
};

/* Skips frames that both Zstandard and LZ4 allow before others: magic 0x184d2a50 to 5f, size. */
static uint64_t skip_frames(const struct source *source)
{
	uint64_t at = 0;
	const uint8_t *frame;
	for (int i = 0; i < 16 && (frame = source_bytes(source, at, 8)) &&
			(le32(frame) & 0xfffffff0) == 0x184d2a50;
	     i++)
		at += 8 + (uint64_t)le32(frame + 4);
	return at;
}

static const struct method *method_of(const struct source *source)
{
	const uint64_t start = skip_frames(source);
	for (size_t i = 0; i < array_size(methods); i++) {
		const uint8_t *magic = source_bytes(source, start, methods[i].size);
		if (!magic || memcmp(magic, methods[i].magic, methods[i].size) != 0)
			continue;
		if (methods[i].magic[0] != 'B')
			return &methods[i];
		/* Three letters are not enough: a level and the magic of a block, or of the end. */
		magic = source_bytes(source, 3, 7);
		if (magic && magic[0] >= '1' && magic[0] <= '9' &&
		    (!memcmp(magic + 1, "1AY&SY", 6) ||
		     !memcmp(magic + 1, "\x17\x72\x45\x38\x50\x90", 6)))
			return &methods[i];
	}
	return NULL;
}

static const char *probe(const struct source *source)
{
	const struct method *method = method_of(source);
	return method ? method->name : NULL;
}

#ifdef HAVE_LIBARCHIVE
static struct error *begin(struct unpacker *unpacker, const struct source *source,
			   const struct method *method)
{
	struct archive *archive = reader_new(0, NULL);
	/* A library that is missing is told by unpacker_open(). */
	bool able = !archive || reader_enable(archive, method->enable);
	archive_read_support_format_raw(archive);
	archive_read_support_format_empty(archive);
	struct error *error =
		able ? unpacker_open(unpacker, source, archive)
		     : error_new("'%s' is packed by %s, which the libarchive here can't unpack: "
				 "decompress it first (%s)",
				 source_path(source), method->name, method->program);
	if (!able)
		archive_read_free(archive);
	return error;
}

static struct error *open_stream(struct source *source, const char *name,
				 const struct source_options *options, struct source **ret)
{
	_cleanup_unpacker_ struct unpacker unpacker = {0};
	_cleanup_whole_ struct whole whole = {.fd = -1};
	_cleanup_source_ struct source *frames = NULL;
	struct archive_entry *entry;
	char size[SOURCE_SIZE_TEXT];
	bool cut = false;
	const struct method *method = method_of(source);
	const uint64_t start = skip_frames(source);
	uint64_t end = method->end ? method->end(source, start) : source->size;
	/* It is cut off in its first header: libarchive says what is wrong with it. */
	if (end <= start)
		end = source->size;
	if (end < source->size)
		frames = source_window(source, 0, end);
	try_(begin(&unpacker, frames ? frames : source, method));
	try_(whole_begin(&whole, source_path(source), name, source->size, 0, options));
	int result = reader_next_entry(unpacker.archive, &entry);
	if (result == ARCHIVE_OK)
		try_(unpacker_add_all(&unpacker, &whole, &cut));
	else if (result != ARCHIVE_EOF)
		return unpacker_failure(&unpacker);
	/* The others end where libarchive has read to. */
	if (!frames && result == ARCHIVE_OK)
		end = min_of((uint64_t)archive_filter_bytes(unpacker.archive, -1), end);
	try_(whole_finish(&whole, ret));
	if (cut)
		source_warn(*ret,
			    "the %s file is cut off: the first %s of what is packed in it are "
			    "there",
			    name, source_size_text((*ret)->size, size));
	else
		source_warn_behind(*ret, source, end, name);
	source_put_upon(*ret, source, name, false);
	return NULL;
}
#else
static struct error *open_stream(struct source *source, const char *name,
				 const struct source_options *options, struct source **ret)
{
	(void)options, (void)ret;
	return error_new("'%s' is packed by %s, and this impscan is built without libarchive: "
			 "decompress it first (%s)",
			 source_path(source), name, method_of(source)->program);
}
#endif

const struct container container_stream = {.probe = probe, .open = open_stream};
