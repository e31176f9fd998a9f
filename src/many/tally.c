/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Counting modules: each distinct text once, with a number, and each distinct module by the numbers of
 * its name and its hashes, with the numbers of the processes that have it.
 */
#include "many/counting.h"

#include <stdlib.h>
#include <string.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>

const char *const list_kind_names[LIST_KINDS] = {"imports", "types", "functions"};

enum hash_type list_exact_type(enum list_kind kind)
{
	static const enum hash_type types[] = {HASH_IMPHASH, HASH_TYPEREFHASH, HASH_GIMPHASH};
	return types[kind];
}

enum hash_type list_fuzzy_type(enum list_kind kind)
{
	static const enum hash_type types[] = {HASH_IMPFUZZY, HASH_TYPEREFUZZY, HASH_GIMPFUZZY};
	return types[kind];
}

struct tally *tally_new(size_t min_imports)
{
	struct tally *tally = alloc_new(struct tally);
	tally->min_imports = min_imports;
	return tally;
}

void tally_free(struct tally *tally)
{
	if (!tally)
		return;
	for (size_t i = 0; i < tally->sets.count; i++)
		free(tally->sets_info[i].match);
	for (size_t i = 0; i < tally->entry_count; i++) {
		free(tally->entries[i].texts);
		free(tally->entries[i].processes);
	}
	texts_free(&tally->images);
	texts_free(&tally->names);
	texts_free(&tally->sets);
	texts_free(&tally->lists);
	pairs_free(&tally->entry_numbers);
	pairs_free(&tally->process_numbers);
	free(tally->names_info);
	free(tally->sets_info);
	free(tally->lists_info);
	free(tally->entries);
	free(tally->process_images);
	text_free(&tally->key);
	free(tally);
}

/* The hashes that a module is told apart by, in the order of the set's text. */
#define SET_HASHES 8

static void hashes_of_set(struct hashes *declared, struct hashes *rebuilt, char *hashes[SET_HASHES])
{
	char *const all[SET_HASHES] = {declared->imphash,     declared->impfuzzy,
				       rebuilt->imphash,      rebuilt->impfuzzy,
				       declared->typerefhash, declared->typerefuzzy,
				       declared->gimphash,    declared->gimpfuzzy};
	memcpy(hashes, all, sizeof(all));
}

void hash_set_hashes(const struct tally *tally, uint32_t set, struct hashes *declared,
		     struct hashes *rebuilt)
{
	char *hashes[SET_HASHES];
	const char *text = tally->sets.items[set];
	*declared = *rebuilt = (struct hashes){0};
	hashes_of_set(declared, rebuilt, hashes);
	for (size_t i = 0; i < SET_HASHES; i++) {
		size_t length = strcspn(text, "\n");
		memcpy(hashes[i], text, length); /* it was copied from there */
		text += length + 1;
	}
}

/* Puts a list into the set of lists, and its number into that of the module. */
static void add_list(struct tally *tally, struct hash_set *set, enum list_kind kind,
		     const char *exact, const char *fuzzy)
{
	text_clear(&tally->key);
	text_add_char(&tally->key, (char)('0' + kind));
	text_add_string(&tally->key, exact);
	text_add_char(&tally->key, '\n');
	text_add_string(&tally->key, hash_type_prefix(list_fuzzy_type(kind)));
	text_add_string(&tally->key, fuzzy);
	size_t known = tally->lists.count;
	uint32_t number = texts_number(&tally->lists, text_string(&tally->key), tally->key.length);
	set->lists[set->list_count++] = number;
	if (tally->lists.count == known)
		return;
	struct list *list = array_push(tally->lists_info, known, tally->lists_capacity);
	const char *text = tally->lists.items[number];
	list->kind = kind;
	list->first = tally->entry_count;
	list->exact = text + 1;
	list->exact_length = strlen(exact);
	list->fuzzy = text + 1 + list->exact_length + 1;
	list->fuzzy_length = strlen(list->fuzzy);
}

/* Adds a list unless it is weak or there is none. */
static void judge_list(struct tally *tally, struct hash_set *set, enum list_kind kind,
		       const struct hashes *hashes, size_t count)
{
	const char *exact = hash_of_type(hashes, list_exact_type(kind)),
		   *fuzzy = hash_of_type(hashes, list_fuzzy_type(kind));
	bool common = kind == LIST_IMPORTS && (set->by_go || match_note(hashes));
	if (!*exact && !*fuzzy)
		return;
	set->common |= common;
	set->few |= count < tally->min_imports;
	if (!common && count >= tally->min_imports)
		add_list(tally, set, kind, exact, fuzzy);
}

/* A new set of hashes: which of its lists tell programs apart. */
static void describe_set(struct tally *tally, struct hash_set *set, const struct row *row)
{
	*set = (struct hash_set){
		.imports = row->imports,
		.rebuilt_imports = row->rebuilt_imports,
		.typerefs = row->typerefs,
		.go_functions = row->go_functions,
		.status = row->status,
		.dotnet = row->dotnet,
		.go = row->go,
		.by_go = row->by_go,
	};
	/* Where types or functions are known, the import list is the runtime's. */
	if (*row->hashes.typerefhash || *row->hashes.typerefuzzy) {
		judge_list(tally, set, LIST_TYPES, &row->hashes, row->typerefs);
	} else if (*row->hashes.gimphash || *row->hashes.gimpfuzzy) {
		judge_list(tally, set, LIST_FUNCTIONS, &row->hashes, row->go_functions);
	} else {
		judge_list(tally, set, LIST_IMPORTS, &row->hashes, row->imports);
		judge_list(tally, set, LIST_IMPORTS, &row->rebuilt, row->rebuilt_imports);
	}
	if (set->list_count == 2 && set->lists[0] == set->lists[1])
		set->list_count = 1;
}

static uint32_t set_number(struct tally *tally, const struct row *row)
{
	struct hashes *declared = (struct hashes *)(uintptr_t)&row->hashes,
		      *rebuilt = (struct hashes *)(uintptr_t)&row->rebuilt;
	char *hashes[SET_HASHES];
	hashes_of_set(declared, rebuilt, hashes);
	text_clear(&tally->key);
	for (size_t i = 0; i < SET_HASHES; i++) {
		text_add_string(&tally->key, hashes[i]);
		text_add_char(&tally->key, '\n');
	}
	size_t known = tally->sets.count;
	uint32_t number = texts_number(&tally->sets, text_string(&tally->key), tally->key.length);
	if (tally->sets.count > known)
		describe_set(tally, array_push(tally->sets_info, known, tally->sets_capacity), row);
	return number;
}

/* A module's name without case, of ASCII letters, as Windows compares most names. */
static uint32_t name_number(struct tally *tally, const char *name)
{
	text_clear(&tally->key);
	text_add_string(&tally->key, name);
	for (size_t i = 0; i < tally->key.length; i++)
		if (tally->key.data[i] >= 'A' && tally->key.data[i] <= 'Z')
			tally->key.data[i] |= 0x20;
	size_t known = tally->names.count;
	uint32_t number = texts_number(&tally->names, text_string(&tally->key), tally->key.length);
	if (tally->names.count > known)
		array_push(tally->names_info, known, tally->names_capacity);
	return number;
}

/* Enters the image and process of a row. */
static void enter_process(struct tally *tally, const struct row *row)
{
	const char *image = row->image ? row->image : "";
	bool same_image = tally->any && !strcmp(tally->images.items[tally->image], image);
	if (same_image && tally->pid == row->pid && tally->eprocess == row->eprocess)
		return;
	if (!same_image)
		tally->image = texts_number(&tally->images, image, strlen(image));
	tally->any = true;
	tally->pid = row->pid;
	tally->eprocess = row->eprocess;
	tally->base = UINT64_MAX;
	tally->process = pairs_number(&tally->process_numbers,
				      (uint64_t)tally->image << 32 | row->pid, row->eprocess);
	if (tally->process == tally->process_count)
		*array_push(tally->process_images, tally->process_count, tally->process_capacity) =
			tally->image;
}

static void describe_entry(struct entry *entry, const struct row *row)
{
	const char *const texts[] = {row->module, row->path, row->process};
	_cleanup_text_ struct text all = {0};
	for (size_t i = 0; i < array_size(texts); i++) {
		text_add_string(&all, texts[i] ? texts[i] : "");
		text_add_char(&all, '\0');
	}
	entry->found_in = row->found_in;
	entry->nameless = row_injected(row);
	entry->pid = row->pid;
	entry->eprocess = row->eprocess;
	entry->base = row->base;
	entry->size = row->size;
	entry->texts = all.data;
	all = (struct text){0};
}

const char *entry_path(const struct entry *entry)
{
	return entry->texts + strlen(entry->texts) + 1;
}

const char *entry_process(const struct entry *entry)
{
	const char *path = entry_path(entry);
	return path + strlen(path) + 1;
}

/* Is it a distinct module as --stack writes it, which may stand for many? */
static bool is_stack(const struct row *row)
{
	return row->others && strstr(row->others, ",\"name_machines\":");
}

/* The best match that a row, of a search that was saved, has. */
static void note_match(struct tally *tally, const struct row *row, uint32_t number)
{
	struct hash_set *set = &tally->sets_info[number];
	if (row->match.by == MATCHED_NOTHING || row->match.score <= set->score || !row->match.name)
		return;
	free(set->match);
	set->match = alloc_strdup(row->match.name);
	set->matched = row->match.by;
	set->score = row->match.score;
}

static struct entry *enter_entry(struct tally *tally, const struct row *row)
{
	const char *module = row->module ? row->module : "";
	uint32_t name = name_number(tally, module), set = set_number(tally, row);
	uint32_t number = pairs_number(&tally->entry_numbers, name, set);
	tally->entry = number;
	if (number == tally->entry_count) {
		struct entry *entry =
			array_push(tally->entries, tally->entry_count, tally->entry_capacity);
		describe_entry(entry, row);
		entry->name = name;
		entry->set = set;
		entry->first_image = tally->image;
		tally->names_info[name].entries++;
	}
	return &tally->entries[number];
}

static void count_module(struct tally *tally, struct entry *entry, const struct row *row)
{
	struct hash_set *set = &tally->sets_info[entry->set];
	tally->modules++;
	entry->modules++;
	entry->flags |= row->flags;
	entry->first_image = min_of(entry->first_image, tally->image);
	entry->last_image = max_of(entry->last_image, tally->image);
	for (unsigned int i = 0; i < set->list_count; i++)
		tally->lists_info[set->lists[i]].modules++;
	tally->few += !set->list_count && set->few && !set->common;
	tally->common += !set->list_count && set->common;
	if (!entry->process_count || entry->processes[entry->process_count - 1] != tally->process)
		*array_push(entry->processes, entry->process_count, entry->process_capacity) =
			tally->process;
}

void tally_add(struct tally *tally, const struct row *row)
{
	if (!row->found_in)
		return;
	bool hashed = hashes_any(&row->hashes) || hashes_any(&row->rebuilt);
	if (!hashed && row->status != IMPORTS_NONE && row->status != IMPORTS_OK) {
		tally->unread++;
		return;
	}
	enter_process(tally, row);
	uint32_t before = tally->entry;
	struct entry *entry = enter_entry(tally, row);
	bool again = row->match.by != MATCHED_NOTHING && tally->base == row->base &&
		     tally->entry == before;
	tally->base = row->base;
	if (!again)
		count_module(tally, entry, row);
	tally->stacks += is_stack(row);
	note_match(tally, row, entry->set);
}

void tally_count(const struct tally *tally, struct tally_counts *counts)
{
	*counts = (struct tally_counts){
		.modules = tally->modules,
		.machines = tally->images.count,
		.processes = tally->process_count,
		.distinct = tally->entry_count,
		.unread = tally->unread,
		.lists = tally->lists.count,
		.few = tally->few,
		.common = tally->common,
		.stacks = tally->stacks,
	};
}

void counter_init(struct counter *counter, const struct tally *tally)
{
	*counter = (struct counter){
		.tally = tally,
		.processes = alloc_zero(tally->process_count, sizeof(uint32_t)),
		.images = alloc_zero(tally->images.count, sizeof(uint32_t)),
	};
}

void counter_free(struct counter *counter)
{
	free(counter->processes);
	free(counter->images);
}

void counter_start(struct counter *counter)
{
	counter->round++;
	counter->process_count = counter->image_count = 0;
}

void counter_add(struct counter *counter, const struct entry *entry)
{
	for (size_t i = 0; i < entry->process_count; i++) {
		uint32_t process = entry->processes[i],
			 image = counter->tally->process_images[process];
		counter->process_count += counter->processes[process] != counter->round;
		counter->image_count += counter->images[image] != counter->round;
		counter->processes[process] = counter->images[image] = counter->round;
	}
}
