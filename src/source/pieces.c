/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Sources that are unpacked in pieces, each once, by the thread that needs it first.
 *
 * The region that holds them is reserved as a whole, so that pointers stay valid, and is filled
 * piece by piece. Where all pieces together are within the bound of memory, it is anonymous memory.
 * Otherwise it is the mapping of a temporary file, and pieces are written to the file, since a full
 * disk must be a failed write and not a bus error. Which pieces may be in memory is counted: when
 * they are more than the bound allows, the mapping is told to forget its pages, which the file
 * still has, and a new generation begins. A piece that is of an older generation is counted again
 * when it is asked for again.
 *
 * Some pieces can be unpacked as far as they are needed, and further when more is. Of a piece that
 * is damaged further on there is what comes before, whoever asks for what first.
 *
 * Where that was asked for, each piece that has to be unpacked has another thread unpack the next
 * one that is not, so that what one thread needs is unpacked by several. What fails so is not told:
 * it is tried again, and told, when it is needed.
 */
#include "source/ahead.h"
#include "source/internal.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <impscan/alloc.h>
#include <impscan/search.h>
#include <impscan/source_pieces.h>

/*
 * States of a piece; from READY on: it is unpacked, and was last asked for in this generation.
 * RETRY: it could not be unpacked ahead.
 */
enum { PIECE_NEW, PIECE_BUSY, PIECE_FAILED, PIECE_RETRY, PIECE_READY };

/* Smaller pieces are not worth a call for their pages. */
#define POPULATE_LEAST (UINT32_C(1) << 18)

/* So many pieces behind the one that is needed are looked at for one that is not unpacked. */
#define AHEAD_MOST 64u

struct pieces {
	struct source_pieces table;
	struct place_index index;
	const struct source *below;
	uint8_t *region;
	size_t region_size;
	int fd; /* of the temporary file; negative: the region is anonymous memory */
	uint64_t bound;
	_Atomic uint32_t *states;
	/* With `unpack_part`: bytes that are unpacked of each, and a bit for each that has no more. */
	_Atomic uint32_t *done;
	uint64_t *damaged;
	_Atomic uint32_t generation;
	pthread_mutex_t lock; /* for what follows, and changes of states */
	pthread_cond_t changed;
	size_t needed;	  /* the piece that was needed last */
	bool ahead_tried; /* whether `ahead` was to be started */
	struct ahead *ahead;
	unsigned int ahead_threads;
	uint64_t busy;	   /* bytes of the pieces that are being unpacked */
	uint64_t resident; /* bytes of the pieces of this generation */
	uint64_t unpacked, lost;
	size_t failures;
	struct error *first_failure; /* of the piece that comes first of those that failed */
	size_t first_failed;
};

static uint64_t piece_start(const void *pieces, size_t i)
{
	return ((const struct source_piece *)pieces)[i].offset;
}

/* Writes bytes of a piece to the temporary file. */
static struct error *write_piece(const struct pieces *pieces, const struct source_piece *piece,
				 const uint8_t *buffer, uint32_t from, uint32_t to)
{
	for (uint32_t done = from; done < to;) {
		ssize_t written =
			pwrite(pieces->fd, buffer + done, to - done, (off_t)(piece->offset + done));
		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0)
			return error_errno(written ? errno : ENOSPC,
					   "can't write to the temporary file");
		done += (uint32_t)written;
	}
	return NULL;
}

/* Has all pages of a range at once, which costs less than a fault for each. */
static void populate(uint8_t *start, size_t size)
{
#ifdef MADV_POPULATE_WRITE
	const uintptr_t from = (uintptr_t)start & PAGE_MASK;
	if (size >= POPULATE_LEAST)
		(void)madvise((void *)from, (uintptr_t)start + size - from, MADV_POPULATE_WRITE);
#else
	(void)start, (void)size;
#endif
}

/*
 * Unpacks a piece to where it is read, from `*done` on until `wanted` bytes of it are there, or
 * more.
 */
static struct error *unpack(struct pieces *pieces, size_t i, uint32_t wanted, uint32_t *done)
{
	const struct source_pieces *table = &pieces->table;
	const struct source_piece *piece = &table->pieces[i];
	const uint32_t before = *done;
	const uint8_t *from = NULL;
	uint8_t *to = pieces->region + piece->offset;
	_cleanup_free_ uint8_t *buffer = NULL;
	if (pieces->below) {
		from = source_bytes(pieces->below, piece->from, piece->from_size);
		if (!from)
			return error_new("what is packed at offset 0x%llx is cut off or unreadable",
					 (unsigned long long)piece->from);
	}
	if (pieces->fd >= 0) {
		buffer = malloc(piece->size);
		if (!buffer)
			return error_new("there is no memory for a piece of %u bytes", piece->size);
		to = memcpy(buffer, to, before);
	} else if (table->ahead) {
		populate(to, piece->size);
	}
	_cleanup_error_ struct error *failure =
		table->unpack_part
			? table->unpack_part(table->context, piece, i, from, to, wanted, done)
			: table->unpack(table->context, piece, from, to);
	if (!failure && !table->unpack_part)
		*done = piece->size;
	struct error *unwritten = buffer ? write_piece(pieces, piece, buffer, before, *done) : NULL;
	if (unwritten)
		*done = before;
	return unwritten ? unwritten : take_ptr(failure);
}

/* Bytes of a piece that is READY. */
static uint32_t bytes_of(const struct pieces *pieces, size_t i)
{
	return pieces->done ? atomic_load(&pieces->done[i]) : pieces->table.pieces[i].size;
}

static bool is_damaged(const struct pieces *pieces, size_t i)
{
	return pieces->damaged && pieces->damaged[i / 64] >> i % 64 & 1;
}

/*
 * Counts a piece as one that is in memory, of which `more` bytes were not until now; with the lock
 * held.
 */
static void count_resident(struct pieces *pieces, size_t i, uint32_t more)
{
	uint32_t generation = atomic_load(&pieces->generation);
	pieces->resident += more;
	if (pieces->fd >= 0 && pieces->resident > pieces->bound / 2) {
		madvise(pieces->region, pieces->region_size, MADV_DONTNEED);
		pieces->resident = bytes_of(pieces, i);
		generation = generation == UINT32_MAX ? PIECE_READY : generation + 1;
		atomic_store(&pieces->generation, generation);
	}
	atomic_store(&pieces->states[i], generation);
}

/* Notes that a piece can't be unpacked, or not further; with the lock held. */
static void note_failure(struct pieces *pieces, size_t i, struct error *failure)
{
	pieces->failures++;
	pieces->lost += pieces->table.pieces[i].size;
	if (pieces->damaged)
		pieces->damaged[i / 64] |= UINT64_C(1) << i % 64;
	if (!pieces->first_failure || i < pieces->first_failed) {
		error_free(pieces->first_failure);
		pieces->first_failure = take_ptr(failure);
		pieces->first_failed = i;
	}
	error_free(failure);
}

/*
 * Unpacks piece `i`, which was in the state `before` and is marked as busy; with the lock held,
 * which is released meanwhile. `ahead`: it is not needed yet.
 */
static void unpack_busy(struct pieces *pieces, size_t i, uint32_t before, uint32_t wanted,
			bool ahead)
{
	const uint32_t had = before >= PIECE_READY ? bytes_of(pieces, i) : 0;
	uint32_t done = had;
	pthread_mutex_unlock(&pieces->lock);
	struct error *failure = unpack(pieces, i, wanted, &done);
	pthread_mutex_lock(&pieces->lock);
	pieces->busy -= pieces->table.pieces[i].size;
	pieces->unpacked += done - had;
	if (pieces->done)
		atomic_store(&pieces->done[i], done);
	if (failure && ahead)
		error_free(failure);
	else if (failure)
		note_failure(pieces, i, failure);
	if (done)
		count_resident(pieces, i,
			       before == atomic_load(&pieces->generation) ? done - had : done);
	else
		atomic_store(&pieces->states[i], ahead ? PIECE_RETRY : PIECE_FAILED);
	pthread_cond_broadcast(&pieces->changed);
}

/* Is there nothing to be done to a piece, whether it has as much as is wanted or never will? */
static bool is_settled(const struct pieces *pieces, size_t i, uint32_t state, uint32_t wanted)
{
	return state == PIECE_FAILED ||
	       (state >= PIECE_READY && (bytes_of(pieces, i) >= wanted || is_damaged(pieces, i)));
}

/* Marks a piece as busy. */
static void begin_piece(struct pieces *pieces, size_t i)
{
	atomic_store(&pieces->states[i], PIECE_BUSY);
	pieces->busy += pieces->table.pieces[i].size;
}

/* Unpacks the next piece that may be needed, where that leaves room for one that is. */
static void unpack_ahead(void *context)
{
	struct pieces *pieces = context;
	pthread_mutex_lock(&pieces->lock);
	const size_t end = min_of(pieces->table.count, pieces->needed + 1 + AHEAD_MOST);
	size_t i = pieces->needed + 1;
	while (i < end && atomic_load(&pieces->states[i]) != PIECE_NEW)
		i++;
	const uint32_t size = i < end ? pieces->table.pieces[i].size : 0;
	if (size && pieces->busy + 2 * (uint64_t)size <= pieces->bound / 2) {
		begin_piece(pieces, i);
		unpack_busy(pieces, i, PIECE_NEW, size, true);
	}
	pthread_mutex_unlock(&pieces->lock);
}

/* Has the next piece unpacked while this one is; with the lock held. */
static void ask_ahead(struct pieces *pieces, size_t i)
{
	pieces->needed = i;
	if (!pieces->ahead_tried)
		pieces->ahead = ahead_new(pieces->ahead_threads, unpack_ahead, pieces);
	pieces->ahead_tried = true;
	if (pieces->ahead)
		ahead_ask(pieces->ahead);
}

static bool make_ready(struct pieces *pieces, size_t i, uint32_t wanted)
{
	const uint32_t size = pieces->table.pieces[i].size;
	uint32_t state;
	pthread_mutex_lock(&pieces->lock);
	if (atomic_load(&pieces->states[i]) < PIECE_READY)
		ask_ahead(pieces, i);
	while (!is_settled(pieces, i, state = atomic_load(&pieces->states[i]), wanted)) {
		/* Buffers count as well: as many pieces at once as fit, and at least one. */
		bool room = !pieces->busy || pieces->busy + size <= pieces->bound / 2;
		if (state == PIECE_BUSY || !room) {
			pthread_cond_wait(&pieces->changed, &pieces->lock);
			continue;
		}
		begin_piece(pieces, i);
		unpack_busy(pieces, i, state, wanted, false);
	}
	bool ready = state >= PIECE_READY && bytes_of(pieces, i) >= wanted;
	if (state >= PIECE_READY && state != atomic_load(&pieces->generation))
		count_resident(pieces, i, bytes_of(pieces, i));
	pthread_mutex_unlock(&pieces->lock);
	return ready;
}

/* Makes the first `wanted` bytes of a piece ready. */
static inline bool is_ready(struct pieces *pieces, size_t i, uint32_t wanted)
{
	uint32_t state = atomic_load_explicit(&pieces->states[i], memory_order_acquire);
	if (state >= PIECE_READY &&
	    state == atomic_load_explicit(&pieces->generation, memory_order_relaxed) &&
	    (!pieces->done ||
	     atomic_load_explicit(&pieces->done[i], memory_order_acquire) >= wanted))
		return true;
	return state != PIECE_FAILED && make_ready(pieces, i, wanted);
}

/* The number of the last piece that starts at or below `offset`. */
static inline size_t find_piece(const struct pieces *pieces, uint64_t offset)
{
	const struct place_index *index = &pieces->index;
	const uint64_t bucket = offset >> index->shift;
	size_t low = index->last[bucket], high = index->last[bucket + 1];
	return search_first(i, low, high, pieces->table.pieces[i + 1].offset > offset);
}

static uint64_t pieces_ready(void *own, uint64_t offset, uint64_t size)
{
	struct pieces *pieces = own;
	const uint64_t end = offset + size;
	uint64_t at = offset;
	for (size_t i = find_piece(pieces, offset); i < pieces->table.count; i++) {
		const struct source_piece *piece = &pieces->table.pieces[i];
		/* Below the piece's start the difference wraps, and is no less than its size. */
		if (at - piece->offset >= piece->size)
			break;
		uint64_t wanted = min_of(end - piece->offset, (uint64_t)piece->size);
		if (!is_ready(pieces, i, (uint32_t)wanted))
			break;
		at = piece->offset + (pieces->done ? wanted : piece->size);
		if (at >= end)
			break;
	}
	return at - offset;
}

/* Whether the table is one as source.h says. */
static struct error *check_table(const struct source_pieces *table, uint64_t *total)
{
	uint64_t end = 0;
	*total = 0;
	if (!table->size || table->size > SOURCE_PIECES_END || !table->count ||
	    table->count > UINT32_MAX / 2)
		return error_new("%s have %llu bytes in %zu pieces, which can't be unpacked",
				 table->name, (unsigned long long)table->size, table->count);
	for (size_t i = 0; i < table->count; i++) {
		const struct source_piece *piece = &table->pieces[i];
		if (piece->offset < end || !piece->size || piece->size > SOURCE_PIECE_MAX ||
		    !range_within(piece->offset, piece->size, table->size))
			return error_new("%s overlap or are too large at 0x%llx", table->name,
					 (unsigned long long)piece->offset);
		end = piece->offset + piece->size;
		*total += piece->size;
	}
	return NULL;
}

/* Reserves the region. `total`: the bytes of all pieces. */
static struct error *reserve(struct pieces *pieces, const struct source_options *options,
			     uint64_t total)
{
	const char *folder;
	int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
	    protection = PROT_READ | PROT_WRITE;
	if (total > pieces->bound) {
		char size[SOURCE_SIZE_TEXT];
		try_(temporary_file(&pieces->fd, &folder));
		if (ftruncate(pieces->fd, (off_t)pieces->region_size))
			return error_errno(errno, "can't make a temporary file of %s in '%s'",
					   source_size_text(pieces->region_size, size), folder);
		source_tell(options,
			    "%s are unpacked to a temporary file in %s where they are "
			    "needed, up to %s",
			    pieces->table.name, folder, source_size_text(total, size));
		flags = MAP_SHARED;
		protection = PROT_READ;
	}
	void *region = mmap(NULL, pieces->region_size, protection, flags, pieces->fd, 0);
	if (region == MAP_FAILED)
		return error_errno(errno, "can't map what is unpacked of %s", pieces->table.name);
	pieces->region = region;
	return NULL;
}

static void pieces_close(struct pieces *pieces)
{
	if (pieces->region)
		munmap(pieces->region, pieces->region_size);
	if (pieces->fd >= 0)
		close(pieces->fd);
	pthread_cond_destroy(&pieces->changed);
	pthread_mutex_destroy(&pieces->lock);
	error_free(pieces->first_failure);
	free(pieces->index.last);
	free((void *)pieces->states);
	free((void *)pieces->done);
	free(pieces->damaged);
	free(pieces);
}
DEFINE_CLEANUP(struct pieces, pieces_close)

static void pieces_free(void *own)
{
	struct pieces *pieces = own;
	ahead_free(pieces->ahead); /* before what it may still be unpacking with */
	if (pieces->table.free_context)
		pieces->table.free_context(pieces->table.context);
	free(pieces->table.pieces);
	pieces_close(pieces);
}

static char *pieces_failure(void *own)
{
	struct pieces *pieces = own;
	char *sentence = NULL, size[SOURCE_SIZE_TEXT];
	pthread_mutex_lock(&pieces->lock);
	if (pieces->failures)
		sentence = alloc_printf(
			"%zu of %zu pieces of %s (%s) could not be unpacked: %s%s%s",
			pieces->failures, pieces->table.count, pieces->table.name,
			source_size_text(pieces->lost, size), error_message(pieces->first_failure),
			pieces->table.doubt ? "; " : "",
			pieces->table.doubt ? pieces->table.doubt : "");
	pthread_mutex_unlock(&pieces->lock);
	return sentence;
}

static uint64_t pieces_unpacked(void *own, uint64_t *all)
{
	struct pieces *pieces = own;
	pthread_mutex_lock(&pieces->lock);
	uint64_t unpacked = pieces->unpacked;
	pthread_mutex_unlock(&pieces->lock);
	for (size_t i = 0; all && i < pieces->table.count; i++)
		*all += pieces->table.pieces[i].size;
	return unpacked;
}

static const struct source_kind kind = {
	.ready = pieces_ready,
	.failure = pieces_failure,
	.unpacked = pieces_unpacked,
	.free = pieces_free,
};

struct error *source_new_pieces(struct source *below, const struct source_pieces *table,
				const struct source_options *options, struct source **ret)
{
	uint64_t total;
	try_(check_table(table, &total));
	_cleanup_(pieces_close_p)
	struct pieces *pieces = alloc_new(struct pieces);
	pieces->table = *table;
	pieces->below = below;
	pieces->fd = -1;
	pieces->bound = options && options->memory ? options->memory : SOURCE_MEMORY_DEFAULT;
	pieces->region_size = (size_t)((table->size + PAGE_SIZE - 1) & PAGE_MASK);
	pieces->generation = PIECE_READY;
	if (table->ahead && !table->unpack_part && options && options->threads)
		pieces->ahead_threads = options->threads - 1;
	pieces->states = alloc_zero(table->count, sizeof(*pieces->states));
	if (table->unpack_part) {
		pieces->done = alloc_zero(table->count, sizeof(*pieces->done));
		pieces->damaged = alloc_zero(table->count / 64 + 1, sizeof(*pieces->damaged));
	}
	pthread_mutex_init(&pieces->lock, NULL);
	pthread_cond_init(&pieces->changed, NULL);
	try_(reserve(pieces, options, total));
	place_index_build(&pieces->index, table->pieces, table->count, table->size - 1,
			  piece_start);
	struct source *source =
		source_new(below ? source_path(below) : table->name, pieces->region, table->size);
	source->lazy = true;
	source->state->present = total;
	source->state->below = below;
	source->state->kind = &kind;
	source->state->own = take_ptr(pieces);
	*ret = source;
	return NULL;
}
