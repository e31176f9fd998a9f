/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * YARA rules: the literals that pe.imphash(), vt.metadata.imphash or imphash are compared with. A
 * rule has more conditions as a rule, so a match is with a hash of rule X, not of the rule.
 *
 * Rules are taken apart into words, texts and signs; comments are left out, in which rule files keep
 * hashes that are no longer meant.
 */
#include <ctype.h>
#include <string.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>

#include "list_form.h"

enum token_kind { TOKEN_END, TOKEN_WORD, TOKEN_TEXT, TOKEN_SIGN };

struct token {
	enum token_kind kind;
	struct slice text; /* of a TOKEN_TEXT what is between its quotes */
};

#define BEHIND 8   /* tokens that are kept, to look back */
#define TEXTS  256 /* of a `for any` whose variable is compared */

struct reading {
	struct list *list;
	struct slice rest;
	struct token behind[BEHIND]; /* the newest first */
	struct slice rule;
	struct slice description;
	bool negated; /* a `not` stands before the comparison */
	int depth, negated_depth;
	/* The literals of "for any x in (...)". */
	struct slice texts[TEXTS];
	size_t text_count;
	struct slice variable;
	size_t upper;
};

bool list_is_yara(struct slice head)
{
	bool rule = false;
	struct slice line;
	while (slice_next_line(&head, &line)) {
		line = slice_trim(line);
		while (slice_begins(line, "private ") || slice_begins(line, "global "))
			line = slice_trim(slice_from(line, 7));
		if (slice_begins(line, "rule ") && line.length > 5 &&
		    (isalpha((unsigned char)line.at[5]) || line.at[5] == '_'))
			rule = true;
		if (rule && slice_find(line, "condition") && memchr(line.at, ':', line.length))
			return true;
	}
	return false;
}

/* Moves behind blanks and comments. */
static void skip_blanks(struct reading *r)
{
	for (;;) {
		struct slice *rest = &r->rest;
		if (rest->length && isspace((unsigned char)*rest->at)) {
			r->list->line += *rest->at == '\n';
			*rest = slice_from(*rest, 1);
		} else if (slice_begins(*rest, "//")) {
			const char *end = memchr(rest->at, '\n', rest->length);
			*rest = slice_from(*rest, end ? (size_t)(end - rest->at) : rest->length);
		} else if (slice_begins(*rest, "/*")) {
			const char *end = memmem(rest->at + 2, rest->length - 2, "*/", 2);
			size_t n = end ? (size_t)(end + 2 - rest->at) : rest->length;
			r->list->line += list_newlines((struct slice){rest->at, n});
			*rest = slice_from(*rest, n);
		} else {
			return;
		}
	}
}

/* The length of what is enclosed by `sign`, whose first one is at the start; up to its line's end. */
static size_t enclosed(struct slice s, char sign)
{
	for (size_t i = 1; i < s.length; i++) {
		if (s.at[i] == '\\' && i + 1 < s.length)
			i++;
		else if (s.at[i] == sign)
			return i + 1;
		else if (s.at[i] == '\n')
			return i;
	}
	return s.length;
}

static bool is_word(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '.' || c == '$';
}

static struct token next_token(struct reading *r)
{
	skip_blanks(r);
	struct slice s = r->rest;
	struct token token = {TOKEN_END, {0}};
	size_t n = 0;
	if (!s.length)
		return token;
	if (*s.at == '"') {
		n = enclosed(s, '"');
		token = (struct token){TOKEN_TEXT, {s.at + 1, n - 1}};
		if (n > 1 && s.at[n - 1] == '"')
			token.text.length--;
	} else if (is_word(*s.at)) {
		while (n < s.length && is_word(s.at[n]))
			n++;
		token = (struct token){TOKEN_WORD, {s.at, n}};
	} else if (*s.at == '/' && r->behind[0].kind != TOKEN_WORD) {
		n = enclosed(s, '/'); /* a regular expression */
		token = (struct token){TOKEN_SIGN, {s.at, 1}};
	} else {
		n = slice_begins(s, "==") || slice_begins(s, "!=") ? 2 : 1;
		token = (struct token){TOKEN_SIGN, {s.at, n}};
	}
	r->rest = slice_from(s, n);
	return token;
}

static bool is(const struct token *token, const char *text)
{
	return token->kind != TOKEN_TEXT && token->kind != TOKEN_END && slice_is(token->text, text);
}

static bool is_imphash_word(const struct token *token)
{
	static const char *const names[] = {"pe.imphash", "vt.metadata.imphash", "imphash",
					    "vt.metadata.pe_info.imphash"};
	for (size_t i = 0; token->kind == TOKEN_WORD && i < array_size(names); i++)
		if (slice_is(token->text, names[i]))
			return true;
	return false;
}

static struct error *take(struct reading *r, struct slice value, bool exact, bool excluded)
{
	struct list_sample sample = {
		.imphash = value,
		.name = r->rule,
		.comment = r->description,
	};
	if (excluded || r->negated) {
		list_leave(r->list, LIST_LEFT_EXCLUDED);
		return NULL;
	}
	bool upper = false;
	for (size_t i = 0; i < value.length; i++)
		upper |= isupper((unsigned char)value.at[i]) != 0;
	if (exact && upper && value.length == 32 && ++r->upper == 1)
		list_tell(r->list,
			  "rule %.*s compares with an imphash in upper case, which YARA never "
			  "finds; it is taken all the same",
			  (int)r->rule.length, r->rule.at);
	return list_take(r->list, &sample);
}

/* The last tokens are those of pe.imphash, maybe with its brackets: how many they are; 0: not. */
static size_t imphash_behind(const struct reading *r, size_t from)
{
	if (is_imphash_word(&r->behind[from]))
		return 1;
	if (is(&r->behind[from], ")") && is(&r->behind[from + 1], "(") &&
	    is_imphash_word(&r->behind[from + 2]))
		return 3;
	return 0;
}

static bool is_comparison(const struct token *token)
{
	return is(token, "==") || is(token, "iequals") || is(token, "!=");
}

/* The comparison whose right side has just been read. */
static struct error *take_comparison(struct reading *r)
{
	const struct token *right = &r->behind[0], *sign = &r->behind[1];
	if (is_comparison(sign) && right->kind == TOKEN_TEXT && imphash_behind(r, 2))
		return take(r, right->text, is(sign, "=="), is(sign, "!="));
	/* "..." == pe.imphash */
	if (is_imphash_word(right) && is_comparison(sign) && r->behind[2].kind == TOKEN_TEXT)
		return take(r, r->behind[2].text, is(sign, "=="), is(sign, "!="));
	/* for any h in ("..", ..): (pe.imphash() == h), either side */
	bool variable = right->kind == TOKEN_WORD && r->variable.length &&
			right->text.length == r->variable.length &&
			!memcmp(right->text.at, r->variable.at, r->variable.length);
	bool left = r->behind[2].kind == TOKEN_WORD && r->variable.length &&
		    r->behind[2].text.length == r->variable.length &&
		    !memcmp(r->behind[2].text.at, r->variable.at, r->variable.length);
	if (!is_comparison(sign) ||
	    !((variable && imphash_behind(r, 2)) || (left && is_imphash_word(right))))
		return NULL;
	for (size_t i = 0; i < r->text_count; i++)
		try_(take(r, r->texts[i], is(sign, "=="), is(sign, "!=")));
	r->text_count = 0;
	return NULL;
}

/* Notes "for any NAME in (" and the texts behind it. */
static struct error *follow_for(struct reading *r)
{
	const struct token *last = &r->behind[0];
	if (is(last, "(") && is(&r->behind[1], "in") && r->behind[2].kind == TOKEN_WORD &&
	    (is(&r->behind[3], "any") || is(&r->behind[4], "for"))) {
		r->variable = r->behind[2].text;
		r->text_count = 0;
		for (;;) {
			struct token token = next_token(r);
			if (token.kind == TOKEN_TEXT && r->text_count < TEXTS)
				r->texts[r->text_count++] = token.text;
			else if (token.kind == TOKEN_TEXT)
				list_unread(r->list, "more than %d texts in one `for`", TEXTS);
			if (token.kind == TOKEN_END || is(&token, ")")) {
				r->depth--;
				return NULL;
			}
		}
	}
	return NULL;
}

/* What a `not` reaches: one comparison, or all in the brackets behind it. */
static void follow_not(struct reading *r)
{
	const struct token *last = &r->behind[0];
	if (is(last, "("))
		r->depth++;
	if (is(last, ")"))
		r->depth--;
	if (is(last, "not") && !r->negated) {
		r->negated = true;
		r->negated_depth = r->depth;
	} else if (r->negated && r->depth <= r->negated_depth &&
		   (is(last, "and") || is(last, "or") || r->depth < r->negated_depth)) {
		r->negated = false;
	}
}

static void begin_rule(struct reading *r)
{
	const struct token *last = &r->behind[0];
	if (is(&r->behind[1], "rule") && last->kind == TOKEN_WORD) {
		r->rule = last->text;
		r->description = r->variable = (struct slice){0};
		r->text_count = 0;
		r->negated = false;
		r->depth = 0;
	}
	if (last->kind == TOKEN_TEXT && is(&r->behind[1], "=") && is(&r->behind[2], "description"))
		r->description = last->text;
}

struct error *list_read_yara(struct list *list)
{
	struct reading r = {.list = list};
	try_(list_whole(list, &r.rest));
	for (;;) {
		struct token token = next_token(&r);
		if (token.kind == TOKEN_END)
			return NULL;
		memmove(r.behind + 1, r.behind, (BEHIND - 1) * sizeof(*r.behind));
		r.behind[0] = token;
		begin_rule(&r);
		follow_not(&r);
		try_(take_comparison(&r));
		try_(follow_for(&r));
	}
}
