/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Strings that are kept once: a hash table whose slots are pointers to them, NULL when free.
 */
#include <impscan/strings.h>

#include <stdlib.h>
#include <string.h>

#include <impscan/alloc.h>

/* Bytes that a string takes beside its text: two slots, and the allocator's header. */
#define OVERHEAD 40

static bool is_used(const void *slot, const void *key)
{
	(void)key;
	return *(char *const *)slot;
}

static bool matches(const void *slot, const void *key)
{
	return !strcmp(*(char *const *)slot, key);
}

static uint64_t slot_hash(const void *slot)
{
	return hash_string(*(char *const *)slot);
}

static const struct hash_kind kind = {sizeof(char *), is_used, matches, slot_hash};

/* Returns the slot of a string, or the free one that it is put into; NULL when there is no room. */
static char **place(struct strings *strings, const char *string)
{
	char **slot = hash_table_place(&strings->table, &kind, hash_string(string), string);
	if (*slot)
		return slot;
	size_t size = strlen(string) + OVERHEAD;
	if (size > STRINGS_MAX - strings->bytes) {
		strings->left_out++;
		return NULL;
	}
	strings->bytes += size;
	strings->table.count++;
	return slot;
}

const char *strings_take(struct strings *strings, char *string)
{
	char **slot = string ? place(strings, string) : NULL;
	/* Strings that were converted from UTF-16 mostly have unused memory behind them. */
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
	char **slots = strings->table.slots;
	for (size_t i = 0; i < strings->table.capacity; i++)
		free(slots[i]);
	free(slots);
	*strings = (struct strings){0};
}
