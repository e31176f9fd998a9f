/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside the match room: what lines of text say of the hashes in them.
 */
#ifndef IMPSCAN_MATCH_LIST_LABEL_H
#define IMPSCAN_MATCH_LIST_LABEL_H

#include "list.h"

/* A label, and the stretch of the line that it and its hash take. */
struct list_label {
	enum list_kind kind; /* KIND_NONE: there is none */
	const char *start;
	const char *end;
	struct slice file; /* that it names: "MD5 (a.exe) = ..." */
};

/* What the words before or behind a hash say of it. */
struct list_label list_label_of(struct slice line, struct slice hash);

/* The kind that words name: "imphash", "IMP", "MD5s", "SHA-256 hashes". */
enum list_kind list_label_kind(struct slice words);

/* The kind that a line without a hash says what follows is: "## MD5:", "Imphashes of X". */
enum list_kind list_heading_kind(struct slice line);

#endif
