/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What is no list of import hashes, by its content, and what to do instead.
 */
#include <string.h>

#include <impscan/bytes.h>

#include "list_form.h"

static const struct {
	const char *bytes;
	size_t length;
	const char *why;
} signatures[] = {
	{"%PDF", 4, "is a PDF: copy the hashes into a text file, one a line"},
	{"\xd0\xcf\x11\xe0", 4, "is a file of Excel or Word: export it as CSV"},
	{"{\\rtf", 5, "is a document (RTF): export it as text"},
	{"MZ", 2, "is a program: give it with -e"},
	{"ElfFile", 7, "is an event log: export it as XML or text, with Sysmon's events in it"},
	{"SQLite format 3", 15, "is a database: export the table as CSV"},
	{"7z\xbc\xaf\x27\x1c", 6, "is an archive (7z): unpack it"},
	{"%%%% HASHDEEP", 13, "is what hashdeep writes: hashes of files, not of import lists"},
	{"Rar!", 4, "is an archive (RAR): unpack it"},
	{"\x7f"
	 "ELF",
	 4, "is a program or a core: no list"},
};

/* Lines of ssdeep's comparisons: "a matches b (87)", or as CSV. */
static bool is_comparison(struct slice line)
{
	return (slice_find(line, " matches ") && slice_ends(slice_trim(line), ")")) ||
	       slice_is(slice_trim(line), "ssdeep,1.0--filename,filename,score") ||
	       slice_begins(line, "ssdeep,1.1--filename") ||
	       slice_begins(line, "Filename1,Filename2");
}

/* A header of several columns with hashes of files, and none of import lists. */
static bool is_of_files(struct slice line)
{
	bool files = false;
	size_t cells = 0;
	for (size_t i = 0, start = 0; i <= line.length; i++) {
		if (i < line.length && !strchr(",;\t|", line.at[i]))
			continue;
		struct slice cell = slice_clean((struct slice){line.at + start, i - start});
		enum list_kind kind = list_kind_of(cell);
		files |= kind == KIND_FILE || kind == KIND_MD5;
		start = i + 1;
		cells++;
	}
	return files && cells > 1;
}

const char *list_refusal(struct slice head)
{
	struct slice line;
	for (size_t i = 0; i < array_size(signatures); i++)
		if (head.length >= signatures[i].length &&
		    !memcmp(head.at, signatures[i].bytes, signatures[i].length))
			return signatures[i].why;
	if (head.length && memchr(head.at, '\0', min_of(head.length, (size_t)4096)))
		return "is no text";
	while (slice_next_line(&head, &line)) {
		line = slice_clean(line);
		if (is_comparison(line))
			return "has comparisons of ssdeep, not hashes: make it without -m, -d, -x "
			       "and -k";
		bool comment = line.length && *line.at == '#';
		while (line.length && (*line.at == '#' || *line.at == ' '))
			line = slice_from(line, 1);
		if (is_of_files(line))
			return "has hashes of files (MD5, SHA-1, SHA-256), not of import lists: no "
			       "column is called imphash, impfuzzy, typerefhash, gimphash or the "
			       "like";
		if (line.length && !comment)
			break;
	}
	return NULL;
}
