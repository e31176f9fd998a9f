/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * xz files. Those of several blocks, as `xz -T0` or `xz --block-size` make them, have an index of
 * the blocks, and are unpacked block by block where they are needed. Others are unpacked as a
 * whole.
 *
 * Facts: the .xz file format 1.1.0 (tukaani.org/xz/xz-file-format.txt); lzma.h.
 */
#include "source/internal.h"

#include <lzma.h>
#include <stdlib.h>

#include <impscan/alloc.h>
#include <impscan/source_pieces.h>

/* What a block may take to be unpacked; `xz -9` takes 65 MB. */
#define DECODER_MEMORY (UINT64_C(512) << 20)
/* What the index may take: some million blocks. */
#define INDEX_MEMORY   (UINT64_C(256) << 20)

/* Zeros behind a stream; a file of more is unpacked as a whole. */
#define PADDING_MAX (UINT64_C(1) << 20)

/* Streams behind each other; a file of more is unpacked as a whole. */
#define STREAMS_MAX 65536u

/* Does a stream begin there? */
static bool is_xz(const struct source *source, uint64_t at)
{
	static const uint8_t magic[] = {0xfd, '7', 'z', 'X', 'Z', 0};
	const uint8_t *bytes = source_bytes(source, at, sizeof(magic));
	return bytes && !memcmp(bytes, magic, sizeof(magic));
}

static const char *probe(const struct source *source)
{
	return is_xz(source, 0) ? "xz" : NULL;
}

static void index_end(lzma_index **index)
{
	lzma_index_end(*index, NULL);
}

/* Reads the index of the stream that ends at `*end`, and sets `*end` to where it starts. */
static lzma_index *read_stream(const struct source *source, uint64_t *end)
{
	lzma_stream_flags header, footer;
	uint64_t at = *end, padding = 0, memory = INDEX_MEMORY;
	const uint8_t *bytes;
	while (at >= 4 && padding < PADDING_MAX && (bytes = source_bytes(source, at - 4, 4)) &&
	       !le32(bytes)) {
		at -= 4;
		padding += 4;
	}
	if (at < 2 * LZMA_STREAM_HEADER_SIZE ||
	    !(bytes = source_bytes(source, at - LZMA_STREAM_HEADER_SIZE,
				   LZMA_STREAM_HEADER_SIZE)) ||
	    lzma_stream_footer_decode(&footer, bytes) != LZMA_OK)
		return NULL;
	at -= LZMA_STREAM_HEADER_SIZE;
	if (footer.backward_size > at ||
	    !(bytes = source_bytes(source, at - footer.backward_size, footer.backward_size)))
		return NULL;
	__attribute__((cleanup(index_end))) lzma_index *index = NULL;
	size_t used = 0;
	if (lzma_index_buffer_decode(&index, &memory, NULL, bytes, &used,
				     (size_t)footer.backward_size) != LZMA_OK)
		return NULL;
	at -= footer.backward_size;
	uint64_t before = lzma_index_total_size(index) + LZMA_STREAM_HEADER_SIZE;
	if (before > at || !(bytes = source_bytes(source, at - before, LZMA_STREAM_HEADER_SIZE)) ||
	    lzma_stream_header_decode(&header, bytes) != LZMA_OK ||
	    lzma_stream_flags_compare(&header, &footer) != LZMA_OK ||
	    lzma_index_stream_flags(index, &footer) != LZMA_OK ||
	    lzma_index_stream_padding(index, padding) != LZMA_OK)
		return NULL;
	*end = at - before;
	return take_ptr(index);
}

struct streams {
	lzma_index **items; /* the last of the file first */
	size_t count;
	size_t capacity;
};

static void streams_free(struct streams *streams)
{
	for (size_t i = 0; i < streams->count; i++)
		lzma_index_end(streams->items[i], NULL);
	free(streams->items);
}

/*
 * Reads the indexes of all streams of the file; NULL where they are damaged, cut off or too many.
 * They are joined from the first on: each time liblzma goes through what is added, not what is
 * there.
 */
static lzma_index *read_index(const struct source *source)
{
	__attribute__((cleanup(streams_free))) struct streams streams = {0};
	__attribute__((cleanup(index_end))) lzma_index *index = NULL;
	for (uint64_t end = source->size; end;) {
		lzma_index *stream = streams.count < STREAMS_MAX ? read_stream(source, &end) : NULL;
		if (!stream)
			return NULL;
		*array_push(streams.items, streams.count, streams.capacity) = stream;
	}
	while (streams.count) {
		lzma_index *stream = streams.items[streams.count - 1];
		if (index && lzma_index_cat(index, stream, NULL) != LZMA_OK)
			return NULL;
		streams.count--; /* it belongs to `index` now */
		index = index ? index : stream;
	}
	return take_ptr(index);
}

/* Unpacks a block; `method` of the piece is the kind of checksum. */
static struct error *unpack_block(void *context, const struct source_piece *piece,
				  const uint8_t *from, uint8_t *to)
{
	lzma_filter filters[LZMA_FILTERS_MAX + 1];
	lzma_block block = {.version = 1, .check = (lzma_check)piece->method, .filters = filters};
	size_t in, out = 0;
	(void)context;
	block.header_size = lzma_block_header_size_decode(from[0]);
	if (!from[0] || block.header_size > piece->from_size ||
	    lzma_block_header_decode(&block, NULL, from) != LZMA_OK)
		return error_new("the header of the xz block at 0x%llx is damaged",
				 (unsigned long long)piece->from);
	lzma_ret result = LZMA_MEMLIMIT_ERROR;
	in = block.header_size;
	if (lzma_raw_decoder_memusage(filters) <= DECODER_MEMORY)
		result = lzma_block_buffer_decode(&block, NULL, from, &in, piece->from_size, to,
						  &out, piece->size);
	for (size_t i = 0; filters[i].id != LZMA_VLI_UNKNOWN; i++)
		free(filters[i].options);
	if (result == LZMA_MEMLIMIT_ERROR)
		return error_new("the xz block at 0x%llx needs too large a dictionary",
				 (unsigned long long)piece->from);
	if (result != LZMA_OK || out != piece->size)
		return error_new("the xz block at 0x%llx is damaged",
				 (unsigned long long)piece->from);
	return NULL;
}

/* Whether all blocks are small enough to be pieces, and there are several. */
static bool is_in_pieces(const lzma_index *index)
{
	lzma_index_iter iter;
	lzma_index_iter_init(&iter, index);
	while (!lzma_index_iter_next(&iter, LZMA_INDEX_ITER_NONEMPTY_BLOCK))
		if (iter.block.uncompressed_size > SOURCE_PIECE_MAX ||
		    iter.block.total_size > UINT32_MAX)
			return false;
	return lzma_index_block_count(index) > 1 && lzma_index_uncompressed_size(index);
}

static struct source_piece *pieces_of(const lzma_index *index, size_t *count)
{
	size_t capacity = 0;
	struct source_piece *pieces = NULL;
	lzma_index_iter iter;
	*count = 0;
	lzma_index_iter_init(&iter, index);
	while (!lzma_index_iter_next(&iter, LZMA_INDEX_ITER_NONEMPTY_BLOCK))
		*array_push(pieces, *count, capacity) = (struct source_piece){
			.offset = iter.block.uncompressed_file_offset,
			.from = iter.block.compressed_file_offset,
			.size = (uint32_t)iter.block.uncompressed_size,
			.from_size = (uint32_t)iter.block.total_size,
			.method = (uint32_t)iter.stream.flags->check,
		};
	return pieces;
}

static struct error *open_pieces(struct source *source, const lzma_index *index,
				 const struct source_options *options, struct source **ret)
{
	const uint64_t most = whole_most(source->size, options);
	struct source_pieces table = {
		.name = "the blocks of the xz file",
		.size = lzma_index_uncompressed_size(index),
		.unpack = unpack_block,
		.ahead = true,
	};
	if (table.size > most || unpacked_before(options) > most - table.size)
		return whole_too_much(source_path(source), most);
	table.pieces = pieces_of(index, &table.count);
	struct error *error = source_new_pieces(source, &table, options, ret);
	if (error) {
		free(table.pieces);
		return error;
	}
	(*ret)->state->unpacked = true;
	source_put_upon(*ret, source, "xz, by blocks", true);
	return NULL;
}

/* Adds what is unpacked of the stream at `*at`, which is moved to its end, if it has one. */
static struct error *unpack_stream(const struct source *source, lzma_stream *lzma, uint64_t *from,
				   struct whole *whole, bool *cut)
{
	uint8_t buffer[1 << 16];
	const uint64_t chunk = 1 << 20;
	uint64_t at = *from;
	for (lzma_ret result = LZMA_OK; result != LZMA_STREAM_END;) {
		if (!lzma->avail_in && at < source->size) {
			uint64_t size = min_of(chunk, source->size - at);
			lzma->next_in = source_bytes(source, at, size);
			lzma->avail_in = lzma->next_in ? (size_t)size : 0;
			at = lzma->next_in ? at + size : source->size;
		}
		lzma->next_out = buffer;
		lzma->avail_out = sizeof(buffer);
		result = lzma_code(lzma, lzma->avail_in ? LZMA_RUN : LZMA_FINISH);
		whole->read = at - lzma->avail_in;
		try_(whole_add(whole, buffer, sizeof(buffer) - lzma->avail_out));
		if (result == LZMA_BUF_ERROR && !lzma->avail_in) {
			*cut = true;
			return NULL;
		}
		if (result == LZMA_MEMLIMIT_ERROR)
			return error_new("'%s' is an xz file that needs too large a dictionary",
					 source_path(source));
		if (result != LZMA_OK && result != LZMA_STREAM_END)
			return error_new("'%s' is a damaged xz file: what is packed in it can't be "
					 "trusted",
					 source_path(source));
	}
	*from = at - lzma->avail_in;
	lzma->avail_in = 0;
	return NULL;
}

/* Goes from the end of a stream to the next one, with padding in between. False: there is none. */
static bool next_stream(const struct source *source, uint64_t *at)
{
	const uint64_t end = *at;
	*at = end + (source_zeros_end(source, end) - end) / 4 * 4;
	return is_xz(source, *at);
}

/* Adds what is unpacked of a whole file. Sets `*cut` when its end is missing, else `*end` to it. */
static struct error *unpack_whole(const struct source *source, lzma_stream *lzma,
				  struct whole *whole, bool *cut, uint64_t *end)
{
	uint64_t next = 0;
	do {
		if (lzma_stream_decoder(lzma, DECODER_MEMORY, 0) != LZMA_OK)
			return error_new("liblzma can't be used to unpack '%s'",
					 source_path(source));
		*end = next;
		try_(unpack_stream(source, lzma, end, whole, cut));
		next = *end;
	} while (!*cut && next_stream(source, &next));
	return NULL;
}

static struct error *open_whole(struct source *source, const char *name, uint64_t size,
				const struct source_options *options, struct source **ret)
{
	__attribute__((cleanup(lzma_end))) lzma_stream lzma = LZMA_STREAM_INIT;
	_cleanup_whole_ struct whole whole = {.fd = -1};
	bool cut = false;
	uint64_t end = 0;
	char text[SOURCE_SIZE_TEXT];
	try_(whole_begin(&whole, source_path(source), name, source->size, size, options));
	try_(unpack_whole(source, &lzma, &whole, &cut, &end));
	try_(whole_finish(&whole, ret));
	if (cut)
		source_warn(*ret,
			    "the xz file is cut off: the first %s of what is packed in it "
			    "are there",
			    source_size_text((*ret)->size, text));
	else
		source_warn_behind(*ret, source, end, name);
	source_put_upon(*ret, source, name, false);
	return NULL;
}

static struct error *open_xz(struct source *source, const char *name,
			     const struct source_options *options, struct source **ret)
{
	__attribute__((cleanup(index_end))) lzma_index *index = read_index(source);
	if (index && is_in_pieces(index))
		return open_pieces(source, index, options, ret);
	return open_whole(source, name, index ? lzma_index_uncompressed_size(index) : 0, options,
			  ret);
}

const struct container container_xz = {.probe = probe, .open = open_xz};
