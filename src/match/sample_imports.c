/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Keeping the import lists of samples. A function that many samples import is kept once, as a
 * symbol; a list is numbers of symbols. Comparing modules with them is explain.c's.
 */
#include "sample_imports.h"

#include <stdlib.h>
#include <string.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>
#include <impscan/sample.h>

#include "imports/import_names.h"
#include "index.h"

/* --- tables: each slot is 1 + a number or an offset, 0 when it is free --- */

struct key {
	const struct sample_imports *imports;
	const char *text; /* a name, or an imphash */
	const struct known *known;
	struct symbol symbol;
};

static bool is_used(const void *slot, const void *key)
{
	(void)key;
	return *(const uint64_t *)slot != 0;
}

/*
 * Half of a slot is the number, the other half of the hash: so tables grow without looking at what
 * they hold.
 */
static uint64_t slot_hash(const void *slot)
{
	return *(const uint64_t *)slot >> 32;
}

static uint32_t slot_number(const void *slot)
{
	return (uint32_t)(*(const uint64_t *)slot & UINT32_MAX) - 1;
}

static uint64_t slot_make(uint64_t hash, size_t number)
{
	return (hash & UINT32_MAX) << 32 | (uint32_t)(number + 1);
}

static uint64_t short_hash(uint64_t hash)
{
	return hash & UINT32_MAX;
}

static bool name_matches(const void *slot, const void *p)
{
	const struct key *key = p;
	return !strcmp(key->imports->text.data + slot_number(slot), key->text);
}

static bool import_matches(const void *slot, const void *p)
{
	const struct key *key = p;
	const struct symbol *symbol = &key->imports->symbols[slot_number(slot)];
	return symbol->dll == key->symbol.dll && symbol->name == key->symbol.name &&
	       symbol->ordinal == key->symbol.ordinal;
}

static bool function_matches(const void *slot, const void *p)
{
	const struct key *key = p;
	const struct symbol *symbol = &key->imports->symbols[slot_number(slot)];
	if (!key->text)
		return symbol->name == NO_NAME && symbol->ordinal == key->symbol.ordinal;
	return symbol->name != NO_NAME &&
	       !strcmp(key->imports->text.data + symbol->name, key->text);
}

static bool imphash_matches(const void *slot, const void *p)
{
	const struct key *key = p;
	const struct sample_list *list = &key->imports->lists[slot_number(slot)];
	return !memcmp(key->known->text + key->known->entries[list->entry].text, key->text,
		       IMPHASH_LENGTH);
}

static const struct hash_kind name_kind = {sizeof(uint64_t), is_used, name_matches, slot_hash};
static const struct hash_kind import_kind = {sizeof(uint64_t), is_used, import_matches, slot_hash};
static const struct hash_kind function_kind = {sizeof(uint64_t), is_used, function_matches,
					       slot_hash};
static const struct hash_kind imphash_kind = {sizeof(uint64_t), is_used, imphash_matches,
					      slot_hash};

static uint64_t function_hash(const char *name, uint32_t ordinal)
{
	return short_hash(name ? hash_string(name) : hash_number(ordinal));
}

/* --- adding --- */

/* Returns where a string is kept, each once. */
static uint32_t keep(struct sample_imports *imports, const char *string)
{
	struct key key = {.imports = imports, .text = string};
	uint64_t hash = short_hash(hash_string(string));
	uint64_t *slot = hash_table_place(&imports->names, &name_kind, hash, &key);
	if (*slot)
		return slot_number(slot);
	size_t at = imports->text.length;
	text_add(&imports->text, string, strlen(string) + 1);
	*slot = slot_make(hash, at);
	imports->names.count++;
	return (uint32_t)at;
}

/* Puts a new symbol in front of those with its name or ordinal. */
static void chain(struct sample_imports *imports, uint32_t number, const char *name)
{
	struct symbol *symbol = &imports->symbols[number];
	struct key key = {.imports = imports, .text = name, .symbol = *symbol};
	uint64_t hash = function_hash(name, symbol->ordinal);
	uint64_t *slot = hash_table_place(&imports->by_name, &function_kind, hash, &key);
	if (*slot)
		symbol->next = slot_number(slot) + 1;
	else
		imports->by_name.count++;
	*slot = slot_make(hash, number);
}

/* Returns the number of the symbol of an import. `part` is working memory. */
static uint32_t add_symbol(struct sample_imports *imports, const struct sample *sample,
			   const struct import_entry *entry, struct text *low, struct text *part)
{
	const char *dll = sample->names + entry->dll;
	const char *name = entry->kind == IMPORT_NAME ? sample->names + entry->name : NULL;
	struct key key = {.imports = imports};
	key.symbol.dll = keep(imports, dll);
	key.symbol.name = name ? keep(imports, name) : NO_NAME;
	key.symbol.ordinal = name ? 0 : entry->ordinal;
	uint64_t hash = short_hash(hash_number((uint64_t)key.symbol.dll << 32 | key.symbol.name) +
				   key.symbol.ordinal);
	uint64_t *slot = hash_table_place(&imports->by_import, &import_kind, hash, &key);
	if (*slot)
		return slot_number(slot);
	uint32_t number = (uint32_t)imports->symbol_count;
	*slot = slot_make(hash, number);
	imports->by_import.count++;
	text_clear(part);
	if (*dll) {
		size_t library = names_library(low, dll, strlen(dll));
		(void)names_append(part, low, library, name, entry->ordinal);
	}
	key.symbol.part = keep(imports, text_string(part));
	*array_push(imports->symbols, imports->symbol_count, imports->symbol_capacity) = key.symbol;
	chain(imports, number, name);
	return number;
}

/* Is the string that the symbols of a list give the one that was hashed? */
static bool list_is_hashed(const struct sample_imports *imports, const struct sample_list *list,
			   const struct sample *sample)
{
	_cleanup_text_ struct text string = {0};
	struct hashes hashes;
	for (uint32_t i = 0; i < list->count; i++) {
		uint32_t symbol = imports->positions[list->first + i] & POSITION_SYMBOL;
		const char *part = imports->text.data + imports->symbols[symbol].part;
		if (*part && string.length)
			text_add_char(&string, ',');
		text_add_string(&string, part);
	}
	hash_imports(&hashes, &string, &(struct text){0});
	return !strcmp(hashes.imphash, sample->hashes.imphash);
}

void sample_imports_add(struct known *known, const struct sample *sample, size_t entry)
{
	if (!known->imports)
		known->imports = alloc_new(struct sample_imports);
	struct sample_imports *imports = known->imports;
	struct key key = {.imports = imports, .known = known, .text = sample->hashes.imphash};
	uint64_t hash = short_hash(hash_string(key.text));
	if (hash_table_find(&imports->by_imphash, &imphash_kind, hash, &key))
		return;
	if (!sample->names)
		return;
	if (sample->entry_count > SAMPLE_IMPORTS_MAX ||
	    imports->position_count + sample->entry_count > SAMPLE_POSITIONS_MAX ||
	    imports->symbol_count + sample->entry_count > SAMPLE_SYMBOLS_MAX ||
	    imports->text.length + 2 * sample->names_length > SAMPLE_TEXT_MAX) {
		imports->left_out++;
		return;
	}
	_cleanup_text_ struct text low = {0};
	_cleanup_text_ struct text part = {0};
	struct sample_list list = {
		.entry = (uint32_t)entry,
		.first = (uint32_t)imports->position_count,
		.count = (uint32_t)sample->entry_count,
	};
	for (size_t i = 0; i < sample->entry_count; i++) {
		const struct import_entry *e = &sample->entries[i];
		bool first = !i || sample->entries[i - 1].descriptor != e->descriptor;
		uint32_t symbol = add_symbol(imports, sample, e, &low, &part);
		*array_push(imports->positions, imports->position_count,
			    imports->position_capacity) = symbol | (first ? POSITION_FIRST : 0);
	}
	if (!list_is_hashed(imports, &list, sample)) {
		imports->position_count = list.first;
		imports->left_out++;
		return;
	}
	uint64_t *slot = hash_table_place(&imports->by_imphash, &imphash_kind, hash, &key);
	*slot = slot_make(hash, imports->list_count);
	imports->by_imphash.count++;
	*array_push(imports->lists, imports->list_count, imports->list_capacity) = list;
	imports->longest = max_of(imports->longest, list.count);
}

/* --- searching --- */

/* Writes for each symbol which lists have it. */
static void write_postings(struct sample_imports *imports)
{
	uint32_t *ends = alloc_zero(imports->symbol_count + 1, sizeof(*ends));
	for (int write = 0; write < 2; write++) {
		for (size_t i = 0; i < imports->symbol_count; i++)
			imports->symbols[i].last = 0;
		for (uint32_t l = 0; l < imports->list_count; l++) {
			const struct sample_list *list = &imports->lists[l];
			for (uint32_t i = 0; i < list->count; i++) {
				uint32_t number =
					imports->positions[list->first + i] & POSITION_SYMBOL;
				struct symbol *symbol = &imports->symbols[number];
				if (symbol->last == l + 1)
					continue;
				symbol->last = l + 1;
				if (write)
					imports->postings[ends[number]] = l;
				ends[number]++;
			}
		}
		if (write)
			break;
		uint32_t total = 0;
		for (size_t i = 0; i < imports->symbol_count; i++) {
			imports->symbols[i].start = total;
			total += ends[i];
			ends[i] = imports->symbols[i].start;
		}
		imports->posting_count = total;
		imports->postings = alloc_zero(total, sizeof(*imports->postings));
	}
	free(ends);
}

void sample_imports_seal(struct known *known)
{
	struct sample_imports *imports = known->imports;
	if (!imports)
		return;
	for (size_t i = 0; i < imports->list_count; i++) {
		struct sample_list *list = &imports->lists[i];
		struct fuzzy_buffer buffer;
		struct fuzzy fuzzy;
		const struct known_entry *entry = &known->entries[list->entry];
		list->head = index_digits(known, HASH_IMPHASH, known->text + entry->text) - 1;
		entry_fuzzy(known, entry + 1, &fuzzy, &buffer);
		list->fuzzy_head =
			fuzzy_empty(&fuzzy) ? list->head : index_fuzzy(known, &fuzzy) - 1;
	}
	write_postings(imports);
}

void sample_imports_free(struct sample_imports *imports)
{
	if (!imports)
		return;
	text_free(&imports->text);
	free(imports->names.slots);
	free(imports->symbols);
	free(imports->by_import.slots);
	free(imports->by_name.slots);
	free(imports->positions);
	free(imports->lists);
	free(imports->by_imphash.slots);
	free(imports->postings);
	free(imports);
}

size_t known_left_out(const struct known *known)
{
	return known->imports ? known->imports->left_out : 0;
}

size_t known_symbols(const struct known *known)
{
	return known->imports ? known->imports->symbol_count : 0;
}

uint32_t known_symbol_first(const struct known *known, const char *name, uint32_t ordinal)
{
	const struct sample_imports *imports = known->imports;
	struct key key = {.imports = imports, .text = name, .symbol.ordinal = ordinal};
	const uint64_t *slot = hash_table_find(&imports->by_name, &function_kind,
					       function_hash(name, ordinal), &key);
	return slot ? slot_number(slot) : NO_SYMBOL;
}

uint32_t known_symbol_next(const struct known *known, uint32_t symbol)
{
	uint32_t next = known->imports->symbols[symbol].next;
	return next ? next - 1 : NO_SYMBOL;
}

const char *known_symbol_dll(const struct known *known, uint32_t symbol)
{
	return known->imports->text.data + known->imports->symbols[symbol].dll;
}
