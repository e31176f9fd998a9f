/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Words of lists: what stands around a value, what means nothing, what a column's name says, and
 * which hash a word is.
 */
#include <assert.h>
#include <ctype.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>
#include <impscan/text.h>

#include "fuzzy.h"
#include "index.h"
#include "list.h"

/* What documents, spreadsheets and web pages put around values without anybody seeing it. */
static const char *const around[] = {
	" ",
	"\t",
	"\r",
	"\n",
	"\xc2\xa0",
	"\xc2\xad",
	"\xe2\x80\x8b",
	"\xe2\x80\x8c",
	"\xe2\x80\x8d",
	"\xe2\x80\x8e",
	"\xe2\x80\x8f",
	"\xe2\x81\xa0",
	"\xef\xbb\xbf",
	"\xe3\x80\x80",
	"\"",
	"'",
	"`",
	"\xe2\x80\x98",
	"\xe2\x80\x99",
	"\xe2\x80\x9c",
	"\xe2\x80\x9d",
};
#define INVISIBLE 14 /* so many of them are not seen */

/* Bytes at the start, or the end, of `s` that belong around a value. */
static size_t around_at(struct slice s, bool at_end, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		size_t n = strlen(around[i]);
		if (s.length >= n && !memcmp(at_end ? s.at + s.length - n : s.at, around[i], n))
			return n;
	}
	return 0;
}

static bool may_be_around(char c)
{
	return c <= '"' || c == '\'' || c == '`'; /* bytes of UTF-8 are negative */
}

static struct slice without(struct slice s, size_t count)
{
	size_t n;
	while (s.length && may_be_around(s.at[0]) && (n = around_at(s, false, count)))
		s = slice_from(s, n);
	while (s.length && may_be_around(s.at[s.length - 1]) && (n = around_at(s, true, count)))
		s.length -= n;
	return s;
}

struct slice slice_clean(struct slice s)
{
	return without(s, array_size(around));
}

struct slice slice_visible(struct slice s)
{
	return without(s, INVISIBLE);
}

bool slice_is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct slice slice_trim(struct slice s)
{
	while (s.length && slice_is_blank(s.at[0]))
		s = slice_from(s, 1);
	while (s.length && slice_is_blank(s.at[s.length - 1]))
		s.length--;
	return s;
}

struct slice slice_unquoted(struct slice s, struct text *buffer)
{
	if (s.length < 2 || s.at[0] != '"' || s.at[s.length - 1] != '"')
		return s;
	for (size_t i = 1; i < s.length - 1; i++) {
		bool escapes = s.at[i] == '"' || s.at[i] == '\\';
		if (escapes && i + 1 < s.length - 1 && s.at[i + 1] == '"')
			i++;
		text_add_char(buffer, s.at[i]);
	}
	return (struct slice){text_string(buffer), buffer->length};
}

struct slice slice_unescaped(struct slice s, struct text *buffer)
{
	if (!s.length || !memchr(s.at, '\\', s.length))
		return s;
	size_t start = buffer->length;
	_cleanup_free_ char *escaped = alloc_strndup(s.at, s.length);
	text_add_unescaped(buffer, escaped);
	return (struct slice){text_string(buffer) + start, buffer->length - start};
}

bool slice_is(struct slice s, const char *text)
{
	return s.length == strlen(text) && !strncasecmp(s.at ? s.at : "", text, s.length);
}

bool slice_begins(struct slice s, const char *text)
{
	size_t n = strlen(text);
	return s.length >= n && !strncasecmp(s.at ? s.at : "", text, n);
}

bool slice_ends(struct slice s, const char *text)
{
	size_t n = strlen(text);
	return s.length >= n && slice_is(slice_from(s, s.length - n), text);
}

const char *slice_find(struct slice s, const char *text)
{
	/* What is looked for is often near; the other case of its first letter may be nowhere. */
	enum { WINDOW = 4096 };
	const size_t n = strlen(text);
	const char lower = (char)tolower((unsigned char)*text),
		   upper = (char)toupper((unsigned char)*text);
	while (s.length >= n && s.at) {
		const size_t window = min_of(s.length, (size_t)WINDOW);
		const char *at = memchr(s.at, lower, window);
		const char *other = memchr(s.at, upper, at ? (size_t)(at - s.at) : window);
		at = other ? other : at;
		s = slice_from(s, at ? (size_t)(at - s.at) : window);
		if (at && slice_begins(s, text))
			return at;
		s = slice_from(s, at ? 1 : 0);
	}
	return NULL;
}

static bool is_hex(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

size_t slice_hex(struct slice s)
{
	size_t n = 0;
	while (n < s.length && is_hex(s.at[n]))
		n++;
	return n;
}

size_t slice_blank(struct slice s)
{
	if (s.length && isspace((unsigned char)*s.at))
		return 1;
	if (slice_begins(s, "//")) {
		const char *end = memchr(s.at, '\n', s.length);
		return end ? (size_t)(end - s.at) : s.length;
	}
	if (slice_begins(s, "/*")) {
		const char *end = memmem(s.at + 2, s.length - 2, "*/", 2);
		return end ? (size_t)(end + 2 - s.at) : s.length;
	}
	return 0;
}

bool slice_means_nothing(struct slice s)
{
	static const char *const words[] = {"n/a", "na",      "-",	"none", "null",	    "0",
					    "nil", "unknown", "(null)", "nan",	"undefined"};
	if (!s.length)
		return true;
	if (s.length > 9)
		return false;
	for (size_t i = 0; i < array_size(words); i++)
		if (slice_is(s, words[i]))
			return true;
	return false;
}

static char lower(char c)
{
	return (char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
}

/*
 * Names of kinds of hashes as columns, keys and labels have them, in small letters without signs.
 */
static const struct {
	char name[20]; /* zeros behind it */
	enum list_kind kind;
} kind_names[] = {
	{"imphash", KIND_IMPHASH},
	{"importhash", KIND_IMPHASH},
	{"peimphash", KIND_IMPHASH},
	{"peimporthash", KIND_IMPHASH},
	{"filehashimphash", KIND_IMPHASH}, /* OTX */
	{"impfuzzy", KIND_IMPFUZZY},
	{"peimpfuzzy", KIND_IMPFUZZY},
	{"impset", KIND_IMPSET},
	{"typerefhash", KIND_TYPEREFHASH},
	{"typerefuzzy", KIND_TYPEREFUZZY},
	{"gimphash", KIND_GIMPHASH},
	{"gimpfuzzy", KIND_GIMPFUZZY},
	{"md5", KIND_MD5},
	{"md5hash", KIND_MD5},
	{"filemd5", KIND_MD5},
	{"filehashmd5", KIND_MD5},
	{"sha1", KIND_FILE},
	{"sha1hash", KIND_FILE},
	{"filehashsha1", KIND_FILE},
	{"sha256", KIND_FILE},
	{"sha2256", KIND_FILE},
	{"sha256hash", KIND_FILE},
	{"filehashsha256", KIND_FILE},
	{"sha224", KIND_FILE},
	{"sha384", KIND_FILE},
	{"sha512", KIND_FILE},
	{"sha2512", KIND_FILE},
	{"ssdeep", KIND_FILE},
	{"tlsh", KIND_FILE},
	{"vhash", KIND_FILE},
	{"authentihash", KIND_FILE},
	{"pehash", KIND_FILE},
	{"filehashpehash", KIND_FILE},
	{"telfhash", KIND_FILE},
	/* Of parts of a file, or of something else: never of an import list. */
	{"richhash", KIND_FILE},
	{"richheaderhash", KIND_FILE},
	{"richpeheaderhash", KIND_FILE},
	{"richpe", KIND_FILE},
	{"goimporthash", KIND_FILE},
	{"ja3", KIND_FILE},
	{"ja3s", KIND_FILE},
	{"iconhash", KIND_FILE},
	{"dhash", KIND_FILE},
	{"mainicondhash", KIND_FILE},
};

/* Does a name of a kind begin with this letter? Nearly all other words do not. */
static bool begins_kind(char c)
{
	static const bool first[256] = {
		['a'] = true, ['d'] = true, ['f'] = true, ['g'] = true, ['i'] = true, ['j'] = true,
		['m'] = true, ['p'] = true, ['r'] = true, ['s'] = true, ['t'] = true, ['v'] = true,
	};
	for (size_t i = 0; i < array_size(kind_names); i++)
		assert(first[(uint8_t)kind_names[i].name[0]]);
	return first[(uint8_t)c];
}

bool list_may_be_kind(struct slice name)
{
	const char *dot = name.length ? memrchr(name.at, '.', name.length) : NULL;
	if (dot)
		name = slice_upto(dot + 1, name.at + name.length);
	while (name.length && strchr("_- ", *name.at) && *name.at)
		name = slice_from(name, 1);
	return name.length && begins_kind(lower(*name.at));
}

enum list_kind list_kind_of(struct slice name)
{
	char plain[sizeof(kind_names[0].name)];
	size_t n = 0;
	for (size_t i = 0; i < name.length; i++) {
		char c = lower(name.at[i]);
		/* "go.import_hash" is another hash. */
		if (c == '.' && n == 2 && !memcmp(plain, "go", 2))
			return KIND_NONE;
		if (c == '.')
			n = 0;
		else if (c != '_' && c != '-' && c != ' ') {
			/* Too long for any is one too many, also if a point follows. */
			n = min_of(n, sizeof(plain) - 1);
			plain[n++] = c ? c : '?'; /* no name has a NUL */
		}
	}
	if (!n || n == sizeof(plain) || !begins_kind(*plain))
		return KIND_NONE;
	memset(plain + n, 0, sizeof(plain) - n);
	for (size_t i = 0; i < array_size(kind_names); i++)
		if (!memcmp(plain, kind_names[i].name, sizeof(plain)))
			return kind_names[i].kind;
	return KIND_NONE;
}

const char *list_kind_name(enum list_kind kind)
{
	if (kind == KIND_EITHER)
		return "typerefhash or gimphash";
	return kind_is_ours(kind) ? hash_type_name((enum hash_type)kind_text(kind)) : NULL;
}

/* May a hash end before this? Not where it goes on, as a word or as a part of ssdeep's form. */
static bool word_ends(struct slice s, size_t n, bool fuzzy)
{
	if (n == s.length)
		return true;
	char c = s.at[n];
	if (slice_is_blank(c) || strchr(",;|\"'`)]>#", c))
		return c != '\0';
	if (c == ':' || c == '.')
		return !fuzzy && (c == ':' || n + 1 == s.length || slice_is_blank(s.at[n + 1]));
	return around_at(slice_from(s, n), false, array_size(around)) != 0;
}

/* The hash of ours that `s` begins with behind its prefix; 0: none. */
static size_t prefixed_at(struct slice s, enum list_kind kind, struct fuzzy_shape *shape)
{
	enum hash_type type = (enum hash_type)kind_text(kind);
	size_t prefix = prefix_length(type), n;
	if (!prefix || s.length <= prefix || memcmp(s.at, hash_type_prefix(type), prefix) != 0)
		return 0;
	s = slice_from(s, prefix);
	if (hash_type_is_fuzzy(type))
		n = fuzzy_parse(s.at, s.length, shape);
	else
		n = slice_hex(s) == SHA256_LENGTH ? SHA256_LENGTH : 0;
	return n && word_ends(s, n, hash_type_is_fuzzy(type)) ? prefix + n : 0;
}

size_t list_hash_at(struct slice s, enum list_kind *kind, struct fuzzy_shape *shape)
{
	size_t n = slice_hex(s);
	*kind = KIND_NONE;
	if (n == IMPHASH_LENGTH && word_ends(s, n, false)) {
		*kind = KIND_IMPHASH;
		return n;
	}
	if (s.length && *s.at >= '1' && *s.at <= '9' && (n = fuzzy_parse(s.at, s.length, shape)) &&
	    word_ends(s, n, true)) {
		*kind = KIND_IMPFUZZY;
		return n;
	}
	/* what all prefixes begin with */
	if (!s.length || (*s.at != 'i' && *s.at != 't' && *s.at != 'g'))
		return 0;
	for (enum list_kind ours = KIND_IMPSET; ours <= KIND_GIMPFUZZY; ours++)
		if ((n = prefixed_at(s, ours, shape))) {
			*kind = ours;
			return n;
		}
	return 0;
}

bool slice_next_line(struct slice *rest, struct slice *line)
{
	if (!rest->length)
		return false;
	const char *newline = memchr(rest->at, '\n', rest->length);
	line->at = rest->at;
	line->length = newline ? (size_t)(newline - rest->at) : rest->length;
	*rest = slice_from(*rest, line->length + (newline != NULL));
	return true;
}
