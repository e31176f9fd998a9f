/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See json_line.h. */
#include "rows/json_line.h"

#include <stdint.h>
#include <string.h>

#define LEVELS 64

char json_next(struct json_line *json)
{
	while (json->at < json->end &&
	       (*json->at == ' ' || *json->at == '\t' || *json->at == '\r' || *json->at == '\n'))
		json->at++;
	return json->at < json->end ? *json->at : '\0';
}

bool json_take(struct json_line *json, char c)
{
	if (json->at < json->end && *json->at == c) { /* as rows are written: without blanks */
		json->at++;
		return true;
	}
	if (json_next(json) != c || json->at == json->end)
		return false;
	json->at++;
	return true;
}

bool json_word(struct json_line *json, const char *word)
{
	size_t length = strlen(word);
	if ((size_t)(json->end - json->at) < length || memcmp(json->at, word, length) != 0)
		return false;
	json->at += length;
	return true;
}

static const char *digits(const char *at, const char *end)
{
	while (at < end && *at >= '0' && *at <= '9')
		at++;
	return at;
}

bool json_number(struct json_line *json, const char **text)
{
	const char *at = json->at, *end = json->end, *from;
	*text = at;
	at += at < end && *at == '-';
	from = at;
	at = digits(at, end);
	if (at == from || (*from == '0' && at > from + 1))
		return false;
	if (at < end && *at == '.') {
		from = at + 1;
		if ((at = digits(from, end)) == from)
			return false;
	}
	if (at < end && (*at == 'e' || *at == 'E')) {
		at++;
		at += at < end && (*at == '+' || *at == '-');
		from = at;
		if ((at = digits(at, end)) == from)
			return false;
	}
	json->at = (char *)at;
	return true;
}

/* Eight bytes: is one of them a quote, a backslash or below a blank? */
static bool has_special(uint64_t word)
{
	const uint64_t ones = UINT64_C(0x0101010101010101), highs = ones << 7;
	uint64_t quote = word ^ ones * '"', escape = word ^ ones * '\\';
	uint64_t found = ((quote - ones) & ~quote) | ((escape - ones) & ~escape) |
			 ((word - ones * ' ') & ~word);
	return (found & highs) != 0;
}

static char *plain_end(char *at, const char *end)
{
	for (uint64_t word; end - at >= 8; at += 8) {
		memcpy(&word, at, sizeof(word));
		if (has_special(word))
			break;
	}
	while (at < end && *at != '"' && *at != '\\' && (unsigned char)*at >= ' ')
		at++;
	return at;
}

static bool hex4(const char *at, const char *end, uint32_t *code)
{
	*code = 0;
	if (end - at < 4)
		return false;
	for (int i = 0; i < 4; i++) {
		char c = at[i];
		int digit = c >= '0' && c <= '9'		 ? c - '0'
			    : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10
								 : -1;
		if (digit < 0)
			return false;
		*code = *code << 4 | (uint32_t)digit;
	}
	return true;
}

/* Writes a character at `to`, a NUL as C0 80. Returns the end. */
static char *put(char *to, uint32_t code)
{
	if (code && code < 0x80) {
		*to++ = (char)code;
	} else if (code < 0x800) {
		*to++ = (char)(0xc0 | code >> 6);
		*to++ = (char)(0x80 | (code & 63));
	} else if (code < 0x10000) {
		*to++ = (char)(0xe0 | code >> 12);
		*to++ = (char)(0x80 | (code >> 6 & 63));
		*to++ = (char)(0x80 | (code & 63));
	} else {
		*to++ = (char)(0xf0 | code >> 18);
		*to++ = (char)(0x80 | (code >> 12 & 63));
		*to++ = (char)(0x80 | (code >> 6 & 63));
		*to++ = (char)(0x80 | (code & 63));
	}
	return to;
}

/* The character that "\uXXXX" at `*at`, or a pair of them, stands for; moves `*at` behind it. */
static bool unicode(char **at, const char *end, uint32_t *code)
{
	uint32_t low;
	if (!hex4(*at + 2, end, code))
		return false;
	*at += 6;
	if (*code < 0xd800 || *code > 0xdfff)
		return true;
	if (*code < 0xdc00 && end - *at >= 6 && (*at)[0] == '\\' && (*at)[1] == 'u' &&
	    hex4(*at + 2, end, &low) && low >= 0xdc00 && low <= 0xdfff) {
		*code = 0x10000 + ((*code - 0xd800) << 10 | (low - 0xdc00));
		*at += 6;
		return true;
	}
	*code = 0xfffd;
	return true;
}

/* Unescapes what `*at` points to, a backslash, to `*to`, which is not behind it; moves both. */
static bool unescape(char **at, const char *end, char **to)
{
	static const char letters[] = "\"\\/bfnrt", means[] = "\"\\/\b\f\n\r\t";
	uint32_t code;
	if (end - *at < 2)
		return false;
	char c = (*at)[1];
	const char *letter = c ? strchr(letters, c) : NULL;
	if (letter) {
		*at += 2;
		*(*to)++ = means[letter - letters];
		return true;
	}
	if (c != 'u' || !unicode(at, end, &code))
		return false;
	*to = put(*to, code);
	return true;
}

bool json_string_in_place(struct json_line *json, char **text, size_t *length)
{
	if (json_next(json) != '"')
		return false;
	char *at = json->at + 1, *to, *end = json->end;
	*text = at;
	at = to = plain_end(at, end);
	while (at < end && *at == '\\') {
		if (!unescape(&at, end, &to))
			return false;
		char *next = plain_end(at, end);
		memmove(to, at, (size_t)(next - at));
		to += next - at;
		at = next;
	}
	if (at == end || *at != '"')
		return false;
	*to = '\0';
	*length = (size_t)(to - *text);
	json->at = at + 1;
	return true;
}

bool json_string_raw(struct json_line *json, const char **text, size_t *length)
{
	if (json_next(json) != '"')
		return false;
	uint32_t code;
	*text = json->at + 1;
	char *at = plain_end(json->at + 1, json->end);
	while (at < json->end && *at == '\\') {
		char c = at + 1 < json->end ? at[1] : '\0';
		if (!c || !strchr("\"\\/bfnrtu", c) ||
		    (c == 'u' && !hex4(at + 2, json->end, &code)))
			return false;
		at = plain_end(at + (c == 'u' ? 6 : 2), json->end);
	}
	if (at == json->end || *at != '"')
		return false;
	*length = (size_t)(at - *text);
	json->at = at + 1;
	return true;
}

static bool pass_string(struct json_line *json)
{
	const char *text;
	size_t length;
	return json_string_raw(json, &text, &length);
}

static bool pass_scalar(struct json_line *json)
{
	const char *number;
	switch (*json->at) {
	case '"':
		return pass_string(json);
	case 't':
		return json_word(json, "true");
	case 'f':
		return json_word(json, "false");
	case 'n':
		return json_word(json, "null");
	default:
		return json_number(json, &number);
	}
}

/* Passes over a member's name and its colon, where `close` says that members are wanted. */
static bool pass_name(struct json_line *json, char close)
{
	return close != '}' || (pass_string(json) && json_take(json, ':'));
}

bool json_pass(struct json_line *json)
{
	char close[LEVELS]; /* what ends each level */
	size_t level = 0;
	for (;;) {
		char c = json_next(json);
		bool opens = c == '{' || c == '[';
		if (opens) {
			if (level == LEVELS)
				return false;
			close[level++] = c == '{' ? '}' : ']';
			json->at++;
			if (json_next(json) != close[level - 1]) {
				if (!pass_name(json, close[level - 1]))
					return false;
				continue;
			}
		} else if (json->at == json->end || !pass_scalar(json)) {
			return false;
		}
		/* A value has ended, or a level without values is about to. */
		while (level && json_take(json, close[level - 1]))
			level--;
		if (!level)
			return true;
		if (!json_take(json, ',') || !pass_name(json, close[level - 1]))
			return false;
	}
}
