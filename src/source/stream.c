/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Files that are compressed as a whole, by bzip2, Zstandard or LZ4: unpacked by libarchive.
 */
#include "source/unpacker.h"

struct method {
	const char *name;
	const char *magic;
	size_t size;
	const char *program; /* that unpacks it */
#ifdef HAVE_LIBARCHIVE
	int (*enable)(struct archive *archive);
#define ENABLE(name) .enable = archive_read_support_filter_##name
#else
#define ENABLE(name)
#endif
};

/* Facts: the formats' documents: bzip2's, RFC 8878, lz4_Frame_format.md and its legacy frame. */
static const struct method methods[] = {
	{"bzip2", "BZh", 3, "bunzip2", ENABLE(bzip2)},
	{"Zstandard", "\x28\xb5\x2f\xfd", 4, "unzstd", ENABLE(zstd)},
	{"LZ4", "\x04\x22\x4d\x18", 4, "unlz4", ENABLE(lz4)},
	{"LZ4", "\x02\x21\x4c\x18", 4, "unlz4", ENABLE(lz4)},
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
static struct error *begin(struct unpacker *unpacker, const struct source *source)
{
	const struct method *method = method_of(source);
	struct archive *archive = reader_new(0, NULL);
	bool able = reader_enable(archive, method->enable);
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
	struct archive_entry *entry;
	char size[SOURCE_SIZE_TEXT];
	bool cut = false;
	try_(begin(&unpacker, source));
	try_(whole_begin(&whole, source_path(source), name, source->size, 0, options));
	int result = reader_next_entry(unpacker.archive, &entry);
	if (result == ARCHIVE_OK)
		try_(unpacker_add_all(&unpacker, &whole, &cut));
	else if (result != ARCHIVE_EOF)
		return unpacker_failure(&unpacker);
	try_(whole_finish(&whole, ret));
	if (cut)
		source_warn(*ret,
			    "the %s file is cut off: the first %s of what is packed in it are "
			    "there",
			    name, source_size_text((*ret)->size, size));
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
