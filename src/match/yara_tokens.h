/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside the match room: YARA rules as words, texts and signs. Comments are left out, in which rule
 * files keep hashes that are no longer meant.
 */
#ifndef IMPSCAN_MATCH_YARA_TOKENS_H
#define IMPSCAN_MATCH_YARA_TOKENS_H

#include <stdbool.h>
#include <stddef.h>

#include "known.h"

enum yara_kind {
	YARA_END,
	YARA_WORD,   /* a name or keyword */
	YARA_NUMBER, /* 12, 0x1f, 3MB, 1.5 */
	YARA_STRING, /* $a, #a, @a, !a: a string of the rule's */
	YARA_TEXT,   /* "...": what is between the quotes, escapes as they are */
	YARA_SIGN,
};

struct yara_token {
	enum yara_kind kind;
	struct slice text;
};

struct yara_tokens {
	struct slice rest; /* behind the current token */
	struct yara_token token;
	size_t line; /* that the current token ends in */
};

/* Moves to the next token. */
void yara_next(struct yara_tokens *tokens);

/* Moves behind the regular expression whose first slash is the current token. */
void yara_skip_expression(struct yara_tokens *tokens);

/* Moves behind the hex string whose first bracket is the current token. */
void yara_skip_hex(struct yara_tokens *tokens);

/* Is the current token this word or sign? Keywords are written in lower case. */
bool yara_is(const struct yara_tokens *tokens, const char *text);

/* Moves on where it is. */
bool yara_accept(struct yara_tokens *tokens, const char *text);

#endif
