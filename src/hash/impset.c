/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Computing impset: the fuzzy hash of the SET of functions that a list imports. It does not depend
 * on what memory can't tell of a list: the order of DLLs and functions, which of several names of
 * one function was used, through which DLL or API set. docs/impset.md is the definition, with the
 * reasons; what is done here must stay as it is, since hashes of others are compared with ours.
 *
 * Each function becomes a token, TOKEN_DIGITS hex digits. Tokens are sorted, and hashed one behind
 * the other. Tokens of 48 bits are kept as numbers, whose order is that of their digits.
 */
#include <impscan/hash.h>

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>
#include <impscan/cleanup.h>
#include <impscan/import_facts.h>

#define TOKEN_DIGITS 12
#define TOKEN_SHIFT  (64 - 4 * TOKEN_DIGITS)

/* FNV-1a of 64 bits (Fowler, Noll, Vo). */
static uint64_t fnv(const char *at, size_t length)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);
	for (size_t i = 0; i < length; i++)
		hash = (hash ^ (uint8_t)at[i]) * UINT64_C(0x100000001b3);
	return hash;
}

/* What stands for an import that has other names: the hashes of both. */
struct alias {
	uint64_t of; /* 0: a free slot */
	uint64_t to;
};

/* A hash table with open addressing, made once: looking up the texts would cost ten times more. */
static struct alias *aliases;
static size_t alias_mask;
static pthread_once_t aliases_once = PTHREAD_ONCE_INIT;

static struct alias *alias_slot(uint64_t of)
{
	for (size_t i = (size_t)of;; i++) {
		struct alias *alias = &aliases[i & alias_mask];
		if (!alias->of || alias->of == of)
			return alias;
	}
}

static void make_aliases(void)
{
	size_t length, slots = 2;
	const char *line = import_aliases(&length), *end = line + length;
	for (const char *at = line; at < end; at++)
		if (*at == '\n')
			slots += 2;
	while (slots & (slots - 1))
		slots += slots & -slots;
	aliases = alloc_zero(slots, sizeof(*aliases));
	alias_mask = slots - 1;
	while (line < end) {
		size_t of = strcspn(line, " "), to = strcspn(line + of + 1, "\n");
		uint64_t hash = fnv(line, of);
		*alias_slot(hash) = (struct alias){hash, fnv(line + of + 1, to)};
		line += of + 1 + to + 1;
	}
}

/* Is it "ordN", as lists have a function that is known by its number only? */
static bool is_ordinal(const char *function, size_t length)
{
	if (length < 4 || memcmp(function, "ord", 3) != 0)
		return false;
	for (size_t i = 3; i < length; i++)
		if (function[i] < '0' || function[i] > '9')
			return false;
	return true;
}

/* The token of "lib.function": of the function alone, if it has a name. */
static uint64_t token(const char *import, size_t length)
{
	const char *dot = memrchr(import, '.', length);
	const char *function = dot ? dot + 1 : import;
	size_t rest = length - (size_t)(function - import);
	if (!is_ordinal(function, rest)) {
		import = function;
		length = rest;
	}
	uint64_t hash = fnv(import, length);
	const struct alias *alias = alias_slot(hash);
	return (alias->of ? alias->to : hash) >> TOKEN_SHIFT;
}

static int compare_tokens(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return (x > y) - (x < y);
}

/* Reads the tokens of a list, sorted and each once. Returns how many there are. */
static size_t read_tokens(const struct text *string, uint64_t **ret)
{
	size_t count = 0, kept = 0, capacity = 0;
	uint64_t *tokens = NULL;
	const char *end = string->data + string->length;
	for (const char *at = string->data, *next; at < end; at = next + 1) {
		next = memchr(at, ',', (size_t)(end - at));
		next = next ? next : end;
		if (count == capacity)
			tokens = alloc_grow(tokens, count, &capacity, sizeof(*tokens));
		tokens[count++] = token(at, (size_t)(next - at));
	}
	if (count)
		qsort(tokens, count, sizeof(*tokens), compare_tokens);
	for (size_t i = 0; i < count; i++)
		if (!i || tokens[i] != tokens[kept - 1])
			tokens[kept++] = tokens[i];
	*ret = tokens;
	return kept;
}

void impset_string(struct text *out, const struct text *string)
{
	_cleanup_free_ uint64_t *tokens = NULL;
	pthread_once(&aliases_once, make_aliases);
	size_t count = read_tokens(string, &tokens);
	text_clear(out);
	for (size_t i = 0; i < count; i++) {
		char digits[TOKEN_DIGITS];
		for (unsigned int d = 0; d < TOKEN_DIGITS; d++)
			digits[d] =
				"0123456789abcdef"[tokens[i] >> (4 * (TOKEN_DIGITS - 1 - d)) & 15];
		text_add(out, digits, sizeof(digits));
	}
}

void hash_impset(struct hashes *hashes, const struct text *string)
{
	_cleanup_text_ struct text set = {0};
	impset_string(&set, string);
	hash_fuzzy(hashes->impset, &set);
}
