/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside the match room: what the condition of a YARA rule compares the imphash with, and whether
 * the rule wants it.
 */
#ifndef IMPSCAN_MATCH_YARA_CONDITION_H
#define IMPSCAN_MATCH_YARA_CONDITION_H

#include "yara_tokens.h"

enum yara_meaning {
	YARA_WANTED,	/* behind an even number of negations */
	YARA_EXCLUDED,	/* behind an odd number of them */
	YARA_UNDECIDED, /* as what it is part of is used, it may be either */
};

enum yara_find_kind {
	FIND_EQUAL,	 /* the imphash is this text ... */
	FIND_EQUAL_CASE, /* ... in this case */
	FIND_PART,	 /* it contains, begins or ends with this text */
	FIND_WORDS,	 /* it is one of the words of this text */
	FIND_EXPRESSION, /* it is compared with a regular expression, which is not read */
	FIND_RULE,	 /* not of an imphash: another rule, by its name ... */
	FIND_RULES,	 /* ... or by how its name begins */
};

/* What a condition has of interest. */
struct yara_find {
	enum yara_find_kind kind;
	enum yara_meaning meaning;
	struct slice text;
	size_t set_count; /* not 0: instead of `text` so many of the condition's texts ... */
	size_t set;	  /* ... from this one on */
	size_t line;
};

/* One of a set of texts. */
struct yara_text {
	struct slice text;
	unsigned int taken; /* for the caller; 0 at first */
};

/* A condition that is read. All zero to begin with; may be read into again. */
struct yara_condition {
	struct yara_find *finds;
	size_t count, capacity;
	struct yara_text *texts;
	size_t text_count, text_capacity;
	struct yara_variable *variables; /* those of the `for` and `with` that are being read */
	size_t variable_count, variable_capacity;
	const char *why; /* why it can't be read; nothing is decided then. NULL: it can */
	unsigned int depth;
};

/*
 * Reads a condition from its first token on, up to the bracket that closes its rule, or to what can
 * only be behind it.
 */
void yara_condition_read(struct yara_condition *condition, struct yara_tokens *tokens);

void yara_condition_free(struct yara_condition *condition);

/* What is wanted becomes excluded, and the reverse. */
static inline enum yara_meaning yara_negated(enum yara_meaning meaning)
{
	return meaning == YARA_WANTED	  ? YARA_EXCLUDED
	       : meaning == YARA_EXCLUDED ? YARA_WANTED
					  : YARA_UNDECIDED;
}

#endif
