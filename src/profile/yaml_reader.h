/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside the profile room: a YAML text as a sequence of libyaml's events, read one by one by a
 * caller that knows what must come next. Anchors, aliases and tags are refused, since no profile
 * needs them. No tree is built, so a text can't make it nest deeper than the caller asks for.
 */
#ifndef IMPSCAN_PROFILE_YAML_READER_H
#define IMPSCAN_PROFILE_YAML_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <yaml.h>

#include <impscan/error.h>

struct reader {
	yaml_parser_t yaml;
	yaml_event_t event; /* the current one */
	const char *origin; /* what errors call the text */
	const char *text;
	size_t length;
};

/* Must be closed even when it fails. `text` and `origin` must live as long as it. */
struct error *reader_open(struct reader *reader, const char *text, size_t length,
			  const char *origin);
void reader_close(struct reader *reader);

/* "ORIGIN:LINE:COLUMN: FORMAT...", counted from 1 as editors do. */
struct error *reader_error(const struct reader *reader, yaml_mark_t mark, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Goes to the next event. */
struct error *reader_next(struct reader *reader);

/* Is the current event of this type, without anchor and tag? `what` says what it should be. */
struct error *reader_expect(struct reader *reader, yaml_event_type_t type, const char *what);

/* Both. */
struct error *reader_next_expect(struct reader *reader, yaml_event_type_t type, const char *what);

/* Does the current event, a scalar, say this? */
bool reader_scalar_is(const struct reader *reader, const char *s);

/*
 * The current scalar as it may be shown in an error: printable, not too long. The caller frees it.
 */
char *reader_shown(const struct reader *reader);

/* The current event as a number of up to ten plain decimal or 0x... digits. */
struct error *reader_value(struct reader *reader, const char *what, uint64_t *ret);

/* The current event as a number from `least` to `most`, in plain decimal or 0x... digits. */
struct error *reader_number(struct reader *reader, const char *what, uint32_t least, uint32_t most,
			    uint32_t *ret);

/* The NEXT event as a string fit to print on one line. The caller frees it. */
struct error *reader_string(struct reader *reader, const char *what, char **ret);

#endif
