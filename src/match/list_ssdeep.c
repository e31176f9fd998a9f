/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Files of ssdeep, which scripts that compute impfuzzy write, too: a header, then a hash and a
 * quoted name a line. A quote inside a name has a backslash before it.
 */
#include <string.h>

#include <impscan/bytes.h>

#include "list_form.h"

/* "ssdeep,1.1--blocksize:hash:hash,filename" */
static bool is_header(struct slice s)
{
	static const char middle[] = "--blocksize:hash:hash";
	return slice_begins(s, "ssdeep,1.") && slice_find(s, middle);
}

bool list_is_ssdeep(struct slice head)
{
	struct slice line;
	while (slice_next_line(&head, &line)) {
		line = slice_clean(line);
		if (line.length && *line.at != '#')
			return is_header(line);
	}
	return false;
}

struct error *list_read_ssdeep(struct list *list)
{
	_cleanup_text_ struct text buffer = {0};
	for (;;) {
		struct slice line;
		struct fuzzy_shape shape;
		enum list_kind kind;
		try_(list_next_short_line(list, &line));
		if (!line.at)
			return NULL;
		line = slice_trim(line);
		text_clear(&buffer);
		struct slice start = slice_clean(line);
		if (!start.length || *start.at == '#' || is_header(start))
			continue;
		size_t n = list_hash_at(line, &kind, &shape);
		if (kind != KIND_IMPFUZZY || (n < line.length && line.at[n] != ',')) {
			list_unread(list, "no line of ssdeep's: '%.*s'",
				    (int)min_of(line.length, (size_t)60), line.at);
			continue;
		}
		struct list_sample sample = {.impfuzzy = {line.at, n},
					     .shapes[HASH_IMPFUZZY] = shape,
					     .unlabelled = true};
		if (n < line.length)
			sample.name = slice_unquoted(slice_trim(slice_from(line, n + 1)), &buffer);
		try_(list_take(list, &sample));
	}
}
