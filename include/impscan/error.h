/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Errors: what ends a run (can't open, not an image, bad profile). Not for the condition of the
 * evidence (a page not present, a header wiped), which is data in a result row.
 *
 * A function that can fail so returns struct error *: NULL for success, otherwise one sentence
 * that names the file, the place and what to do, without a full stop or newline at its end. The
 * receiver owns it and frees it with error_free().
 *
 * Room: base.
 */
#ifndef IMPSCAN_ERROR_H
#define IMPSCAN_ERROR_H

#include <impscan/cleanup.h>

struct error;

/* A new error; never NULL. */
struct error *error_new(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* An error from errno value `number`: "FORMAT...: what the system says". */
struct error *error_errno(int number, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Puts "PREFIX: " in front of a sentence; takes `error`, returns its successor. NULL stays NULL. */
struct error *error_prefix(struct error *error, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* The sentence; valid as long as the error. */
const char *error_message(const struct error *error);

void error_free(struct error *error);
DEFINE_CLEANUP(struct error, error_free)
#define _cleanup_error_ _cleanup_(error_free_p)

/* Returns the error of `call` from the calling function, if there is one. */
#define try_(call)                             \
	do {                                   \
		struct error *_error = (call); \
		if (_error)                    \
			return _error;         \
	} while (0)

#endif
