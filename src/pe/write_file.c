/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The bytes of a file that is made of an image in memory: a reader that fetches each byte from
 * where it is, so that a file takes little memory whatever its size.
 *
 * What is unchanged stays in the image's pages. Pages of the file that are changed, a few for
 * headers and import slots, are copied. A section that is added at the end has a buffer. All else
 * is zeros.
 */
#include "write.h"

#include <stdlib.h>
#include <string.h>

#include <impscan/alloc.h>
#include <impscan/search.h>

/* Pages of a file that may be changed: a thousand times as many as address tables take. */
#define EDITED_MAX 4096

struct edited {
	uint64_t page; /* number in the file */
	uint8_t *bytes;
};

struct written_file {
	const struct pe_reader *reader; /* of the image in memory */
	uint64_t end;			/* positions up to here are read */
	uint64_t skew;			/* of the image's start in its page */
	uint64_t size;
	struct written_piece *pieces; /* by offset */
	size_t piece_count;
	struct edited *edited; /* by page */
	size_t edited_count, edited_capacity;
	uint8_t *tail; /* bytes from `tail_offset` to the end */
	uint64_t tail_offset;
};

uint64_t write_next_page(uint64_t skew, uint64_t position)
{
	return position + PAGE_SIZE - (position + skew) % PAGE_SIZE;
}

/* Returns the number of the first changed page that is not before `page`. */
static size_t find_edited(const struct written_file *file, uint64_t page)
{
	return search_first(i, 0, file->edited_count, file->edited[i].page >= page);
}

/* Returns the first piece that ends behind `offset`, or NULL. */
static const struct written_piece *find_piece(const struct written_file *file, uint64_t offset)
{
	const struct written_piece *pieces = file->pieces;
	size_t at =
		search_first(i, 0, file->piece_count, pieces[i].offset + pieces[i].size > offset);
	return at < file->piece_count ? &pieces[at] : NULL;
}

/* As memory has it; `*n` is how much is wanted, and then how much lies there in one piece. */
static const uint8_t *original(const struct written_file *file, uint64_t offset, size_t *n)
{
	static const uint8_t zeros[PAGE_SIZE];
	const struct written_piece *piece = find_piece(file, offset);
	if (!piece)
		return zeros;
	if (offset < piece->offset) {
		*n = (size_t)min_of((uint64_t)*n, piece->offset - offset);
		return zeros;
	}
	uint64_t within = offset - piece->offset, position = piece->position + within;
	*n = (size_t)min_of((uint64_t)*n, piece->size - within);
	if (position >= file->end)
		return zeros;
	*n = (size_t)min_of((uint64_t)*n, file->end - position);
	*n = (size_t)min_of((uint64_t)*n, write_next_page(file->skew, position) - position);
	size_t available;
	const uint8_t *p = file->reader->at(file->reader, position, &available);
	if (p)
		*n = min_of(*n, available);
	return p ? p : zeros;
}

static const uint8_t *file_at(const struct pe_reader *reader, uint64_t offset, size_t *available)
{
	const struct written_file *file = reader->context;
	uint64_t page = offset / PAGE_SIZE;
	size_t n = (size_t)(PAGE_SIZE - offset % PAGE_SIZE), at = find_edited(file, page);
	bool in_tail = file->tail && offset >= file->tail_offset;
	uint64_t end = file->tail && !in_tail ? file->tail_offset : file->size;
	n = (size_t)min_of((uint64_t)n, end - offset);
	const uint8_t *p;
	if (in_tail)
		p = file->tail + (offset - file->tail_offset);
	else if (at < file->edited_count && file->edited[at].page == page)
		p = file->edited[at].bytes + offset % PAGE_SIZE;
	else
		p = original(file, offset, &n);
	*available = n;
	return p;
}

void write_begin_file(struct writing *w)
{
	struct written_file *file = alloc_new(struct written_file);
	for (size_t i = 0; i < w->piece_count; i++)
		file->size = max_of(file->size, w->pieces[i].offset + w->pieces[i].size);
	file->reader = w->reader;
	file->end = w->end;
	file->skew = w->skew;
	file->pieces = w->pieces;
	file->piece_count = w->piece_count;
	w->written->file = file;
	w->written->size = file->size;
	w->written->reader = (struct pe_reader){
		.layout = PE_LAYOUT_FILE,
		.size = file->size,
		.at = file_at,
		.context = file,
	};
}

uint8_t *write_add_tail(struct writing *w, uint64_t offset, uint64_t size)
{
	struct written_file *file = w->written->file;
	file->tail = alloc_zero((size_t)size, 1);
	file->tail_offset = offset;
	file->size = offset + size;
	w->written->size = w->written->reader.size = file->size;
	return file->tail;
}

bool write_get(const struct writing *w, uint64_t offset, void *bytes, size_t size)
{
	const struct pe_reader *reader = &w->written->reader;
	if (!range_within(offset, size, w->written->size))
		return false;
	for (size_t done = 0; done < size;) {
		size_t available;
		const uint8_t *p = file_at(reader, offset + done, &available);
		size_t n = min_of(available, size - done);
		memcpy((uint8_t *)bytes + done, p, n);
		done += n;
	}
	return true;
}

/* The bytes of a page of the file, to be changed; NULL when too many are. */
static uint8_t *edit_page(const struct writing *w, uint64_t page)
{
	struct written_file *file = w->written->file;
	size_t at = find_edited(file, page);
	if (at < file->edited_count && file->edited[at].page == page)
		return file->edited[at].bytes;
	if (file->edited_count >= EDITED_MAX)
		return NULL;
	uint64_t start = page * PAGE_SIZE;
	uint8_t *bytes = alloc_zero(PAGE_SIZE, 1);
	write_get(w, start, bytes, (size_t)min_of(PAGE_SIZE, file->size - start));
	array_push(file->edited, file->edited_count, file->edited_capacity);
	memmove(&file->edited[at + 1], &file->edited[at],
		(file->edited_count - 1 - at) * sizeof(*file->edited));
	file->edited[at] = (struct edited){page, bytes};
	return bytes;
}

bool write_put(const struct writing *w, uint64_t offset, const void *bytes, size_t size)
{
	if (!range_within(offset, size, w->written->size))
		return false;
	for (size_t done = 0; done < size;) {
		uint64_t at = offset + done;
		size_t n = min_of((size_t)(PAGE_SIZE - at % PAGE_SIZE), size - done);
		uint8_t *page = edit_page(w, at / PAGE_SIZE);
		if (!page)
			return false;
		memcpy(page + at % PAGE_SIZE, (const uint8_t *)bytes + done, n);
		done += n;
	}
	return true;
}

void write_put16(const struct writing *w, uint64_t offset, uint64_t value)
{
	uint8_t bytes[2];
	put16(bytes, value);
	write_put(w, offset, bytes, sizeof(bytes));
}

void write_put32(const struct writing *w, uint64_t offset, uint64_t value)
{
	uint8_t bytes[4];
	put32(bytes, value);
	write_put(w, offset, bytes, sizeof(bytes));
}

uint8_t *pe_written_copy(const struct pe_written *written)
{
	if (!written->file)
		return NULL;
	uint8_t *bytes = alloc_zero((size_t)written->size, 1);
	for (uint64_t done = 0; done < written->size;) {
		size_t available;
		const uint8_t *p = file_at(&written->reader, done, &available);
		memcpy(bytes + done, p, available);
		done += available;
	}
	return bytes;
}

void pe_written_free(struct pe_written *written)
{
	struct written_file *file = written->file;
	if (file) {
		for (size_t i = 0; i < file->edited_count; i++)
			free(file->edited[i].bytes);
		free(file->edited);
		free(file->tail);
		free(file->pieces);
		free(file);
	}
	*written = (struct pe_written){0};
}
