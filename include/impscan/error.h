/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Errors that end a run: can't open, not an image, bad profile. Not for conditions of the evidence
 * (a page not present, a header wiped), which are data in a row.
 *
 * A function that can fail returns struct error *. NULL means success. Otherwise it is one
 * sentence, without a full stop or newline, that names the file, the place and what to do. The
 * caller owns it and frees it with error_free().
 *
 * Room: base.
 */
#ifndef IMPSCAN_ERROR_H
#define IMPSCAN_ERROR_H

#include <impscan/cleanup.h>

struct error;

/* Returns a new error with a formatted sentence; never NULL. */
struct error *error_new(const char *format, ...)
	__attribute__((format(printf, 1, 2), returns_nonnull));

/* Returns a new error: the formatted text, ": ", and the system's text for errno value `number`. */
struct error *error_errno(int number, const char *format, ...)
	__attribute__((format(printf, 2, 3), returns_nonnull));

/*
 * Returns an error with the formatted text and ": " in front of the sentence of `error`, which is
 * freed. NULL for NULL.
 */
struct error *error_prefix(struct error *error, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Returns the sentence, valid as long as the error. */
const char *error_message(const struct error *error);

/* Frees an error; NULL is allowed. */
void error_free(struct error *error);
DEFINE_CLEANUP(struct error, error_free)
#define _cleanup_error_ _cleanup_(error_free_p)

/*
 * Calls a function that returns an error, and returns from the caller with that error if there is
 * one.
 */
#define try_(call)                             \
	do {                                   \
		struct error *_error = (call); \
		if (_error)                    \
			return _error;         \
	} while (0)

#endif
