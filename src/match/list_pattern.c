/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * STIX patterns: [file:extensions.'windows-pebinary-ext'.imphash = '...' AND ...]. A pattern is
 * taken apart into object paths, texts and signs, so that what only a text or a comment says is not
 * taken for a comparison.
 */
#include <ctype.h>
#include <string.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>

#include "list_form.h"
#include "list_polarity.h"

enum token_kind { TOKEN_END, TOKEN_WORD, TOKEN_TEXT, TOKEN_SIGN };

struct token {
	enum token_kind kind;
	struct slice text; /* of a TOKEN_TEXT what is between its quotes */
};

struct reading {
	struct list *list;
	struct slice rest;
	struct token token; /* the current one */
	struct slice name;
	struct slice comment;
	struct polarity polarity;
};

static bool is_word(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '-' || c == '.' || c == ':';
}

/* The length of what begins with a quote, with the closing one. */
static size_t quoted(struct slice s)
{
	for (size_t i = 1; i < s.length; i++) {
		if (s.at[i] == '\\')
			i++;
		else if (s.at[i] == '\'')
			return i + 1;
	}
	return s.length;
}

/* The length of a path or other word; parts of a path may be in quotes. */
static size_t word(struct slice s)
{
	size_t n = 0;
	while (n < s.length && (is_word(s.at[n]) || (s.at[n] == '\'' && n && s.at[n - 1] == '.')))
		n += s.at[n] == '\'' ? quoted(slice_from(s, n)) : 1;
	return n;
}

static void next(struct reading *r)
{
	size_t n;
	while ((n = slice_blank(r->rest)))
		r->rest = slice_from(r->rest, n);
	struct slice s = r->rest;
	if (!s.length) {
		r->token = (struct token){TOKEN_END, {0}};
		return;
	}
	if (*s.at == '\'') {
		n = quoted(s);
		r->token = (struct token){TOKEN_TEXT, {s.at + 1, n - 1}};
		if (n > 1 && s.at[n - 1] == '\'')
			r->token.text.length--;
	} else if ((n = word(s))) {
		r->token = (struct token){TOKEN_WORD, {s.at, n}};
	} else {
		bool two = slice_begins(s, "==") || slice_begins(s, "!=") ||
			   slice_begins(s, "<=") || slice_begins(s, ">=");
		n = two ? 2 : 1;
		r->token = (struct token){TOKEN_SIGN, {s.at, n}};
	}
	r->rest = slice_from(s, n);
}

static bool is(const struct reading *r, const char *text)
{
	return r->token.kind != TOKEN_TEXT && r->token.kind != TOKEN_END &&
	       slice_is(r->token.text, text);
}

/* Moves on where the current token is this. */
static bool accept(struct reading *r, const char *text)
{
	if (!is(r, text))
		return false;
	next(r);
	return true;
}

/* Which hash a path leads to: its last part says it, maybe as x_ORIGIN_imphash. */
static enum list_kind kind_of_path(struct slice path)
{
	char plain[128];
	size_t n = 0;
	if (path.length > sizeof(plain))
		path = slice_from(path, path.length - sizeof(plain));
	for (size_t i = 0; i < path.length; i++)
		if (path.at[i] != '\'')
			plain[n++] = path.at[i] == ':' ? '.' : path.at[i];
	const char *point = n ? memrchr(plain, '.', n) : NULL;
	struct slice last = slice_upto(point ? point + 1 : plain, plain + n);
	if (slice_begins(last, "x_") && slice_ends(last, "_imphash"))
		return KIND_IMPHASH;
	if (slice_begins(last, "x_") && slice_ends(last, "_impfuzzy"))
		return KIND_IMPFUZZY;
	return list_kind_of((struct slice){plain, n});
}

static struct error *take_value(struct reading *r, enum list_kind kind, bool excluded)
{
	struct list_sample sample = {.name = r->name, .comment = r->comment};
	struct slice value = r->token.text;
	next(r);
	if (excluded) {
		list_leave(r->list, LIST_LEFT_EXCLUDED);
		return NULL;
	}
	sample.of[kind_text(kind)] = value;
	return list_take(r->list, &sample);
}

/* ('...', '...') */
static struct error *take_set(struct reading *r, enum list_kind kind, bool excluded)
{
	if (!accept(r, "("))
		return NULL;
	while (r->token.kind == TOKEN_TEXT) {
		try_(take_value(r, kind, excluded));
		if (!accept(r, ","))
			break;
	}
	accept(r, ")");
	return NULL;
}

/* What "LIKE" or another operator compares with: only a whole hash without wildcards is one. */
static struct error *take_part(struct reading *r, enum list_kind kind, bool excluded,
			       const char *sign)
{
	struct slice value = r->token.text;
	if (!strcmp(sign, "LIKE") && !kind_is_fuzzy(kind)) {
		if (slice_hex(value) == value.length)
			return take_value(r, kind, excluded);
		list_leave(r->list, excluded ? LIST_LEFT_EXCLUDED : LIST_LEFT_PARTIAL);
	} else {
		list_unread(r->list, "what import hashes are compared with by %s is not read",
			    sign);
	}
	next(r);
	return NULL;
}

/* What stands behind a path: an operator and one or more texts. */
static struct error *take_comparison(struct reading *r, enum list_kind kind, bool excluded)
{
	static const char *const others[] = {"LIKE", "MATCHES", "<", ">", "<=", ">="};
	while (accept(r, "NOT"))
		excluded = !excluded;
	if (accept(r, "IN"))
		return take_set(r, kind, excluded);
	for (size_t i = 0; i < array_size(others); i++)
		if (accept(r, others[i]) && r->token.kind == TOKEN_TEXT)
			return take_part(r, kind, excluded, others[i]);
	if (accept(r, "!="))
		excluded = !excluded;
	else if (!accept(r, "=") && !accept(r, "=="))
		return NULL;
	return r->token.kind == TOKEN_TEXT ? take_value(r, kind, excluded) : NULL;
}

bool list_pattern_has_hash(struct slice pattern)
{
	return slice_find(pattern, "imphash") || slice_find(pattern, "impfuzzy") ||
	       slice_find(pattern, "import_hash") || slice_find(pattern, "importhash");
}

struct error *list_take_pattern(struct list *list, struct slice pattern, struct slice name,
				struct slice comment)
{
	struct reading r = {.list = list, .rest = pattern, .name = name, .comment = comment};
	for (next(&r); r.token.kind != TOKEN_END && !r.polarity.broken;) {
		struct token token = r.token;
		next(&r);
		if (token.kind == TOKEN_TEXT)
			continue;
		if (slice_is(token.text, "NOT")) {
			polarity_not(&r.polarity);
		} else if (slice_is(token.text, "(") || slice_is(token.text, "[")) {
			polarity_open(&r.polarity);
		} else if (slice_is(token.text, ")") || slice_is(token.text, "]")) {
			polarity_close(&r.polarity);
		} else if (token.kind == TOKEN_WORD) {
			enum list_kind kind = kind_of_path(token.text);
			bool excluded = polarity_next(&r.polarity);
			if (kind_is_ours(kind))
				try_(take_comparison(&r, kind, excluded));
		}
	}
	if (r.polarity.broken && list_pattern_has_hash(r.rest))
		list_unread(list, "a pattern whose brackets don't match, or are more than %d deep",
			    POLARITY_DEPTH_MAX);
	return NULL;
}
