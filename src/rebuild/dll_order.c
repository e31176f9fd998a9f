/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Orders that an import directory may have had. Of each two DLLs it is counted which came first in
 * other programs, and programs with nearly the same DLLs count most. Then a beam search: a
 * beginning of an order has a probability: that each of its DLLs comes before each that is not in
 * it yet. Of the beginnings of one length the most probable are gone on with.
 */
#include "rebuild/dll_order.h"

#include <stdbool.h>
#include <string.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>
#include <impscan/cleanup.h>
#include <impscan/import_facts.h>

enum { BEAM = 32 };

struct beginning {
	int64_t score; /* logarithm of its probability, in units of -log2() / 256 */
	uint8_t dlls[ORDER_DLLS];
	uint64_t placed; /* bit N: DLL N is in it */
};

struct order_search {
	size_t count;
	/* Logarithm of the probability that DLL A comes before DLL B. */
	int32_t before[ORDER_DLLS][ORDER_DLLS];
	struct beginning beam[BEAM], next[BEAM];
	size_t beam_count, next_count;
};

/* Returns 256 * log2(n), for n from 1 on, by squaring: a bit a step. */
static int32_t log2_256(uint32_t n)
{
	int32_t whole = 31 - __builtin_clz(n);
	uint64_t x =
		((uint64_t)n << 31) >> whole; /* 1.0 to before 2.0, with 31 bits behind the point */
	int32_t log = whole;
	for (int i = 0; i < 8; i++) {
		x = x * x >> 31;
		bool high = x >> 32;
		log = log * 2 + high;
		x >>= high;
	}
	return log;
}

/* Is it the DLL that a directory has as "kernel32.dll", or as "kernel32.dll/2" (`length` bytes)? */
static bool is_dll(const struct order_dll *dll, const char *text, size_t length)
{
	size_t name = strlen(dll->name);
	if (name > length || strncmp(dll->name, text, name) != 0)
		return false;
	if (name == length)
		return dll->place == 1;
	return name + 2 == length && text[name] == '/' &&
	       text[name + 1] == (char)('0' + dll->place);
}

/* Returns the number of such a DLL; `count`: it is none of them. */
static size_t number_of(const struct order_dll *dlls, size_t count, const char *text, size_t length)
{
	size_t i = 0;
	while (i < count && !is_dll(&dlls[i], text, length))
		i++;
	return i;
}

/* Returns common / all to the power of 8, in units of 1 / 65536. */
static uint32_t likeness(size_t common, size_t all)
{
	uint64_t x = ((uint64_t)common << 16) / all;
	for (int i = 0; i < 3; i++)
		x = x * x >> 16;
	return (uint32_t)x;
}

/* Adds to counts[A][B] a directory in which A comes before B, the more the more alike it is. */
static void add_directory(const struct import_directory *directory, const struct order_dll *dlls,
			  size_t count, uint32_t counts[ORDER_DLLS][ORDER_DLLS])
{
	uint8_t found[ORDER_DLLS];
	size_t common = 0, others = 0;
	const char *at = directory->dlls, *end = at + directory->length;
	while (at < end) {
		size_t length = strcspn(++at, " \n");
		size_t number = number_of(dlls, count, at, length);
		at += length;
		if (number < count && common < ORDER_DLLS)
			found[common++] = (uint8_t)number;
		else
			others++;
	}
	uint32_t weight = likeness(common, count + others) * directory->count;
	for (size_t i = 0; i < common; i++)
		for (size_t k = i + 1; k < common; k++)
			counts[found[i]][found[k]] += weight;
}

static void learn(struct order_search *search, const struct order_dll *dlls)
{
	const uint32_t nothing_known = 65536 / 20;
	_cleanup_free_ uint32_t(*counts)[ORDER_DLLS] = alloc_zero(ORDER_DLLS, sizeof(counts[0]));
	struct import_directory directory = {0};
	while (import_directory_next(&directory))
		add_directory(&directory, dlls, search->count, counts);
	for (size_t i = 0; i < search->count; i++)
		for (size_t k = 0; k < search->count; k++)
			search->before[i][k] =
				log2_256(counts[i][k] + nothing_known) -
				log2_256(counts[i][k] + counts[k][i] + 2 * nothing_known);
}

/* Keeps a beginning if it is among the most probable; of equals the one that came first. */
static void keep(struct order_search *search, const struct beginning *from, size_t dll,
		 size_t length, int64_t score)
{
	size_t at = search->next_count;
	if (at == BEAM && score <= search->next[BEAM - 1].score)
		return;
	at = min_of(at, (size_t)BEAM - 1);
	while (at && search->next[at - 1].score < score) {
		search->next[at] = search->next[at - 1];
		at--;
	}
	struct beginning *added = &search->next[at];
	*added = *from;
	added->score = score;
	added->dlls[length] = (uint8_t)dll;
	added->placed |= UINT64_C(1) << dll;
	search->next_count = min_of(search->next_count + 1, (size_t)BEAM);
}

static void extend(struct order_search *search, const struct beginning *from, size_t length)
{
	for (size_t dll = 0; dll < search->count; dll++) {
		if (from->placed >> dll & 1)
			continue;
		int64_t score = from->score;
		for (size_t k = 0; k < search->count; k++)
			if (k != dll && !(from->placed >> k & 1))
				score += search->before[dll][k];
		keep(search, from, dll, length, score);
	}
}

void dll_orders_guess(const struct order_dll *dlls, size_t count, struct dll_orders *orders)
{
	orders->count = 0;
	if (!count || count > ORDER_DLLS)
		return;
	_cleanup_free_ struct order_search *search = alloc_new(struct order_search);
	search->count = count;
	search->beam_count = 1;
	learn(search, dlls);
	for (size_t length = 0; length < count; length++) {
		search->next_count = 0;
		for (size_t i = 0; i < search->beam_count; i++)
			extend(search, &search->beam[i], length);
		memcpy(search->beam, search->next, search->next_count * sizeof(*search->next));
		search->beam_count = search->next_count;
	}
	orders->count = min_of(search->beam_count, (size_t)ORDER_GUESSES);
	for (size_t i = 0; i < orders->count; i++)
		for (size_t k = 0; k < count; k++)
			orders->rank[i][search->beam[i].dlls[k]] = (uint8_t)k;
}
