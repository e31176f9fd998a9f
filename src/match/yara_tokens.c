/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Taking YARA rules apart.
 */
#include "yara_tokens.h"

#include <ctype.h>
#include <string.h>

#include "list.h"

static bool begins(struct slice s, const char *text)
{
	size_t n = strlen(text);
	return s.length >= n && !memcmp(s.at, text, n);
}

/* Moves behind blanks and comments. */
static void skip_blanks(struct yara_tokens *tokens)
{
	struct slice *rest = &tokens->rest;
	for (size_t n; (n = slice_blank(*rest)); *rest = slice_from(*rest, n))
		tokens->line +=
			n == 1 ? *rest->at == '\n' : list_newlines((struct slice){rest->at, n});
}

/* The length of what is enclosed by `sign`, with both signs; it ends with its line. */
static size_t enclosed(struct slice s, char sign)
{
	for (size_t i = 1; i < s.length; i++) {
		if (s.at[i] == '\\' && i + 1 < s.length && s.at[i + 1] != '\n')
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
	return isalnum((unsigned char)c) || c == '_';
}

static size_t word(struct slice s, size_t from)
{
	while (from < s.length && is_word(s.at[from]))
		from++;
	return from;
}

static size_t number(struct slice s)
{
	size_t n = word(s, 0);
	if (n + 1 < s.length && s.at[n] == '.' && isdigit((unsigned char)s.at[n + 1]))
		n = word(s, n + 1);
	return n;
}

static size_t sign(struct slice s)
{
	static const char *const two[] = {"==", "!=", "<=", ">=", "<<", ">>", ".."};
	for (size_t i = 0; i < sizeof(two) / sizeof(*two); i++)
		if (begins(s, two[i]))
			return 2;
	return 1;
}

void yara_next(struct yara_tokens *tokens)
{
	skip_blanks(tokens);
	struct slice s = tokens->rest;
	struct yara_token token = {YARA_END, {0}};
	size_t n = 0;
	if (!s.length) {
		tokens->token = token;
		return;
	}
	if (*s.at == '"') {
		n = enclosed(s, '"');
		token = (struct yara_token){YARA_TEXT, {s.at + 1, n - 1}};
		if (n > 1 && s.at[n - 1] == '"')
			token.text.length--;
	} else if (isdigit((unsigned char)*s.at)) {
		n = number(s);
		token = (struct yara_token){YARA_NUMBER, {s.at, n}};
	} else if (is_word(*s.at)) {
		n = word(s, 0);
		token = (struct yara_token){YARA_WORD, {s.at, n}};
	} else if (memchr("$#@!", *s.at, 4) && !begins(s, "!=")) {
		n = word(s, 1);
		token = (struct yara_token){YARA_STRING, {s.at, n}};
	} else {
		n = sign(s);
		token = (struct yara_token){YARA_SIGN, {s.at, n}};
	}
	tokens->token = token;
	tokens->rest = slice_from(s, n);
}

void yara_skip_expression(struct yara_tokens *tokens)
{
	struct slice s = slice_upto(tokens->token.text.at, tokens->rest.at + tokens->rest.length);
	s = slice_from(s, enclosed(s, '/'));
	tokens->rest = slice_from(s, word(s, 0)); /* the flags */
	yara_next(tokens);
}

void yara_skip_hex(struct yara_tokens *tokens)
{
	while (tokens->token.kind != YARA_END && !yara_is(tokens, "}"))
		yara_next(tokens);
	yara_accept(tokens, "}");
}

bool yara_is(const struct yara_tokens *tokens, const char *text)
{
	const struct yara_token *token = &tokens->token;
	return (token->kind == YARA_WORD || token->kind == YARA_SIGN) &&
	       token->text.length == strlen(text) && begins(token->text, text);
}

bool yara_accept(struct yara_tokens *tokens, const char *text)
{
	if (!yara_is(tokens, text))
		return false;
	yara_next(tokens);
	return true;
}
