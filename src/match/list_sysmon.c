/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Sysmon's events, in any text that has them: XML, exports of the event log, messages. Only what
 * stands behind IMPHASH= counts. The name is that of the file that the event is about, where it
 * stands before the hashes.
 */
#include <ctype.h>
#include <string.h>

#include <impscan/bytes.h>

#include "list_form.h"

static const char label[] = "IMPHASH=";

bool list_is_sysmon(struct slice head)
{
	return slice_find(head, label) != NULL;
}

struct error *list_take_sysmon(struct list *list, struct slice text, struct slice name,
			       size_t *count)
{
	struct slice rest = text;
	*count = 0;
	for (;;) {
		const char *at = slice_find(rest, label), *end = text.at + text.length;
		if (!at)
			return NULL;
		bool begins = at == text.at || !isalnum((unsigned char)at[-1]);
		rest = slice_upto(at + strlen(label), end);
		size_t n = 0;
		while (n < rest.length && isalnum((unsigned char)rest.at[n]))
			n++;
		struct list_sample sample = {.imphash = {rest.at, n}, .name = name};
		rest = slice_from(rest, n);
		++*count;
		if (begins && n && n < 32 && slice_hex(sample.imphash) == n)
			list_leave(list, LIST_LEFT_PARTIAL);
		else if (begins)
			try_(list_take(list, &sample));
	}
}

/* The names of what events are about, the more telling ones first. */
static const char *const subjects[] = {"ImageLoaded", "TargetFilename", "Image"};

/* "Image: C:\a.exe", or "<Data Name='Image'>C:\a.exe<": what stands behind the label. */
static struct slice subject_in(struct slice line, const char *subject)
{
	const char *at = slice_find(line, subject);
	if (!at || (at > line.at && isalnum((unsigned char)at[-1])))
		return (struct slice){0};
	struct slice rest = slice_upto(at + strlen(subject), line.at + line.length);
	if (slice_begins(rest, "'>") || slice_begins(rest, "\">")) {
		rest = slice_from(rest, 2);
		const char *end = rest.length ? memchr(rest.at, '<', rest.length) : NULL;
		return end ? slice_upto(rest.at, end) : (struct slice){0};
	}
	if (!slice_begins(rest, ":"))
		return (struct slice){0};
	return slice_trim(slice_from(rest, 1));
}

/*
 * Notes what an event is about, where a line says it: `*rank` is how telling that is, 0 the most.
 */
static void note_subject(struct text *name, size_t *rank, struct slice line)
{
	for (size_t i = 0; i < array_size(subjects) && i <= *rank; i++) {
		struct slice subject = subject_in(line, subjects[i]);
		if (!subject.length)
			continue;
		text_clear(name);
		text_add(name, subject.at, subject.length);
		*rank = i;
		return;
	}
}

struct error *list_read_sysmon(struct list *list)
{
	_cleanup_text_ struct text name = {0};
	size_t rank = array_size(subjects);
	for (;;) {
		struct slice line;
		size_t count;
		try_(list_next_line(list, &line));
		if (!line.at)
			break;
		note_subject(&name, &rank, line);
		try_(list_take_sysmon(list, line, (struct slice){name.data, name.length}, &count));
		if (count) {
			text_clear(&name);
			rank = array_size(subjects);
		}
	}
	return NULL;
}
