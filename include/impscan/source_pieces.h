/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Sources that are unpacked piece by piece, where a format says how: see source.h.
 *
 * Room: source.
 */
#ifndef IMPSCAN_SOURCE_PIECES_H
#define IMPSCAN_SOURCE_PIECES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <impscan/error.h>
#include <impscan/source.h>

/* A piece of an unpacked source. */
struct source_piece {
	uint64_t offset;    /* in the unpacked bytes */
	uint64_t from;	    /* where it is packed, in the source below */
	uint32_t size;	    /* unpacked: 1 to SOURCE_PIECE_MAX */
	uint32_t from_size; /* packed */
	uint32_t method;    /* for unpack() */
};

#define SOURCE_PIECE_MAX (UINT32_C(256) << 20)

/* The largest source in pieces: what a process can have addresses for. */
#define SOURCE_PIECES_END (UINT64_C(1) << 46)

/* What a source in pieces is made of. */
struct source_pieces {
	const char *name; /* what is unpacked, for sentences: "the hibernation file's pages" */
	/* What it means for the others that one can't be unpacked, as a sentence; NULL: nothing. */
	const char *doubt;
	uint64_t size; /* of all that is unpacked; what no piece has is never ready */
	/*
	 * Sorted by offset, without overlaps; at least 1. They belong to the source then: free().
	 */
	struct source_piece *pieces;
	size_t count;
	/*
	 * Unpacks a piece to `to`, which has piece->size bytes: all of them, or it is an error.
	 * `from` is what is packed, piece->from_size bytes that are ready, or NULL when `below` is.
	 * It is called once for each piece that is needed, by any thread, for several pieces at
	 * once; with `ahead` also for others, and again for one that failed before it was needed.
	 */
	struct error *(*unpack)(void *context, const struct source_piece *piece,
				const uint8_t *from, uint8_t *to);
	/*
	 * Instead of unpack(), where a piece need not be unpacked to its end: unpacks it until
	 * `wanted` bytes are there at least, from the `*done` bytes on that `to` has from the calls
	 * before, and raises `*done`. Bytes behind that may be anything. Where the piece is damaged
	 * it fails, and `*done` is what can be unpacked of it, whatever was wanted; it is not
	 * called again for it. `number` is that of the piece: what else must be remembered from one
	 * call to the next is kept by the context. No piece is unpacked by two threads at once.
	 * NULL: there is only unpack().
	 */
	struct error *(*unpack_part)(void *context, const struct source_piece *piece, size_t number,
				     const uint8_t *from, uint8_t *to, uint32_t wanted,
				     uint32_t *done);
	void *context;
	void (*free_context)(void *context); /* at source_close(); may be NULL */
	/*
	 * Whether pieces are large enough that the next ones are worth unpacking before they are
	 * needed, by threads of their own; see struct source_options.
	 */
	bool ahead;
};

/*
 * Makes a source in pieces of what is packed in `below`. On success `below`, which may be NULL, the
 * pieces and the context belong to the source; on failure they stay the caller's. `options` as for
 * source_open(). Fails when the pieces are no table as said above, or there is no room for them.
 */
struct error *source_new_pieces(struct source *below, const struct source_pieces *pieces,
				const struct source_options *options, struct source **ret);

#endif
