/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <impscan/strings.h>

#include <stdlib.h>
#include <string.h>

#include <impscan/address_map.h>
#include <impscan/alloc.h>

/* What a string takes beside its bytes: a slot, and the allocator's own. */
#define OVERHEAD 40

static uint64_t hash_of(const char *string)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325) ^ address_hash(0);
	for (; *string; string++)
		hash = (hash ^ (unsigned char)*string) * UINT64_C(0x100000001b3);
	return address_hash(hash);
}

/* The slot that holds a string, or the free one where it belongs. */
static char **find_slot(const struct strings *strings, const char *string)
{
	size_t i = (size_t)hash_of(string) & (strings->capacity - 1);
	while (strings->slots[i] && strcmp(strings->slots[i], string) != 0)
		i = (i + 1) & (strings->capacity - 1);
	return &strings->slots[i];
}

static void grow(struct strings *strings)
{
	struct strings larger = *strings;
	larger.capacity = strings->capacity ? strings->capacity * 2 : 64;
	larger.slots = alloc_zero(larger.capacity, sizeof(*larger.slots));
	for (size_t i = 0; i < strings->capacity; i++)
		if (strings->slots[i])
			*find_slot(&larger, strings->slots[i]) = strings->slots[i];
	free(strings->slots);
	*strings = larger;
}

/* Where a string is, or is to be put; NULL when there is no room. */
static char **place(struct strings *strings, const char *string)
{
	if (strings->count * 2 >= strings->capacity)
		grow(strings);
	char **slot = find_slot(strings, string);
	if (*slot)
		return slot;
	size_t size = strlen(string) + OVERHEAD;
	if (size > STRINGS_MAX - strings->bytes) {
		strings->left_out++;
		return NULL;
	}
	strings->bytes += size;
	strings->count++;
	return slot;
}

const char *strings_take(struct strings *strings, char *string)
{
	char **slot = string ? place(strings, string) : NULL;
	/* What was converted from UTF-16 mostly has room to spare. */
	if (slot && !*slot)
		return *slot = alloc_resize(string, strlen(string) + 1, 1);
	free(string);
	return slot ? *slot : NULL;
}

const char *strings_copy(struct strings *strings, const char *string)
{
	char **slot = string ? place(strings, string) : NULL;
	if (slot && !*slot)
		*slot = alloc_strdup(string);
	return slot ? *slot : NULL;
}

void strings_free(struct strings *strings)
{
	for (size_t i = 0; i < strings->capacity; i++)
		free(strings->slots[i]);
	free(strings->slots);
	*strings = (struct strings){0};
}
