/* SPDX-License-Identifier: GPL-3.0-or-later */
/* match: a module's slots compared with the imports of samples, by addresses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <impscan/alloc.h>
#include <impscan/sample.h>
#include <impscan/sample_imports.h>

/*
 * A made import: DLL, function, its address. The functions of a DLL are called by its letter and a
 * number; so "kernel32.dll" "a7" is at address 7, and so is what forwards to it.
 */
struct made_import {
	const char *dll;
	const char *name;
	uint32_t address;
};

/* A list with room. */
struct made_list {
	struct made_import items[400];
	size_t count;
};

static const char *name_of(char letter, uint32_t number)
{
	static char names[26][400][24];
	char *name = names[letter - 'a'][number];
	snprintf(name, sizeof(names[0][0]), "%cFunctionNumber%u", letter, number * 7919 % 1000);
	return name;
}

/* Adds the functions `first` to `last` of a letter, whose addresses begin at `base`. */
static void add(struct made_list *list, const char *dll, char letter, uint32_t first, uint32_t last,
		uint32_t base)
{
	for (uint32_t i = first; i <= last; i++)
		list->items[list->count++] =
			(struct made_import){dll, name_of(letter, i), base + i};
}

static void write_string(const struct made_list *list, struct text *text)
{
	for (size_t i = 0; i < list->count; i++) {
		_cleanup_free_ char *low =
			alloc_printf("%s%.*s.%s", i ? "," : "", (int)strlen(list->items[i].dll) - 4,
				     list->items[i].dll, list->items[i].name);
		for (char *c = low; *c; c++)
			*c = (char)(*c >= 'A' && *c <= 'Z' ? *c + 32 : *c);
		text_add_string(text, low);
	}
}

static struct hashes hashes_of(const struct made_list *list)
{
	_cleanup_text_ struct text text = {0};
	struct hashes hashes;
	write_string(list, &text);
	hash_imports(&hashes, &text, &text);
	return hashes;
}

static void add_sample(struct known *known, const char *path, const struct made_list *list)
{
	struct sample sample = {.path = alloc_strdup(path), .hashes = hashes_of(list)};
	struct text names = {0};
	size_t capacity = 0;
	uint32_t descriptor = 0;
	text_add(&names, "", 1);
	for (size_t i = 0; i < list->count; i++) {
		const struct made_import *made = &list->items[i];
		descriptor += i && strcmp(made->dll, made[-1].dll) != 0;
		struct import_entry *entry =
			array_push(sample.entries, sample.entry_count, capacity);
		entry->kind = IMPORT_NAME;
		entry->hashed = true;
		entry->descriptor = descriptor;
		entry->dll = (uint32_t)names.length;
		text_add(&names, made->dll, strlen(made->dll) + 1);
		entry->name = (uint32_t)names.length;
		text_add(&names, made->name, strlen(made->name) + 1);
	}
	sample.names = names.data;
	sample.names_length = names.length;
	assert_null(known_add_sample(known, &sample));
	sample_free(&sample);
}

/*
 * The slots of a module with these imports, as rebuilding named them, each DLL's a run. `samples`
 * tells which names lead to which address.
 */
static void make_slots(struct module_slots *slots, const struct made_list *list,
		       const struct known *known, const struct made_list *samples,
		       size_t sample_count)
{
	uint32_t run = 0;
	module_slots_clear(slots);
	slots->addresses = 4000;
	for (size_t i = 0; i < list->count; i++) {
		const struct made_import *made = &list->items[i];
		struct made_list one = {.items = {*made}, .count = 1};
		_cleanup_text_ struct text part = {0};
		run += i && strcmp(made->dll, made[-1].dll) != 0;
		write_string(&one, &part);
		*array_push(slots->order, slots->order_count, slots->order_capacity) = (uint32_t)i;
		struct module_slot *slot = array_push(slots->items, slots->count, slots->capacity);
		*slot = (struct module_slot){made->address, run, run,
					     (uint32_t)slots->parts.length};
		text_add(&slots->parts, part.data, part.length + 1);
	}
	/* addresses are numbers here; each is used by its slots */
	for (uint32_t address = 0; address < 4000; address++) {
		size_t used = 0;
		for (size_t i = 0; i < list->count && !used; i++)
			used = list->items[i].address == address;
		for (size_t s = 0; used && s < sample_count; s++)
			for (size_t i = 0; i < samples[s].count; i++) {
				const struct made_import *made = &samples[s].items[i];
				if (made->address != address)
					continue;
				uint32_t symbol = known_symbol_first(known, made->name, 0);
				while (strcmp(known_symbol_dll(known, symbol), made->dll) != 0)
					symbol = known_symbol_next(known, symbol);
				bool there = false;
				for (size_t n = 0; n < slots->symbol_count; n++)
					there |= slots->symbols[n].symbol == symbol;
				if (!there)
					*array_push(slots->symbols, slots->symbol_count,
						    slots->symbol_capacity) =
						(struct symbol_address){address, symbol};
			}
	}
	/* as the caller has it: different addresses, numbered in their order */
	uint32_t number = 0;
	bool *seen = alloc_zero(4000, sizeof(bool));
	for (size_t i = 0; i < list->count; i++)
		seen[list->items[i].address] = true;
	uint32_t *numbers = alloc_zero(4000, sizeof(*numbers));
	for (uint32_t a = 0; a < 4000; a++) {
		numbers[a] = number;
		number += seen[a];
	}
	slots->addresses = number;
	for (size_t i = 0; i < slots->count; i++)
		slots->items[i].address = numbers[slots->items[i].address];
	for (size_t i = 0; i < slots->symbol_count; i++)
		slots->symbols[i].address = numbers[slots->symbols[i].address];
	free(seen);
	free(numbers);
}

/* What a comparison finds, the best first. */
struct outcome {
	struct matches matches;
	bool exact;
	const char *left;
};

static struct outcome compare(const struct known *known, const struct made_list *module,
			      const struct made_list *samples, size_t count, int threshold,
			      struct budget *budget)
{
	struct outcome outcome = {0};
	struct module_slots slots = {0};
	struct hashes rebuilt = hashes_of(module);
	make_slots(&slots, module, known, samples, count);
	struct hits *hits = known_hits(known, &rebuilt, threshold, 1, &outcome.matches, NULL);
	hits = known_explain(known, &slots, threshold, budget, &outcome.matches, hits,
			     &outcome.exact, &outcome.left);
	known_matches(known, hits, &outcome.matches);
	hits_unref(hits);
	module_slots_free(&slots);
	return outcome;
}

static int score_with(const struct outcome *outcome, const char *name, bool *resolved)
{
	for (size_t i = 0; i < outcome->matches.count; i++)
		if (!strcmp(outcome->matches.items[i].name, name)) {
			if (resolved)
				*resolved = outcome->matches.items[i].resolved;
			return outcome->matches.items[i].score;
		}
	return 0;
}

/* The score of a module with the only sample that there is; `exact` may be NULL. */
static int score_alone(const struct made_list *module, const struct made_list *sample, bool *exact)
{
	_cleanup_known_ struct known *known = known_new();
	add_sample(known, "sample", sample);
	known_seal(known);
	struct outcome outcome = compare(known, module, sample, 1, 1, NULL);
	int score = score_with(&outcome, "sample", NULL);
	if (exact)
		*exact = outcome.exact;
	matches_free(&outcome.matches);
	return score;
}

static int score_of_files(const struct made_list *a, const struct made_list *b)
{
	_cleanup_known_ struct known *known = known_new();
	_cleanup_matches_ struct matches matches = {0};
	struct hashes hashes = hashes_of(a), theirs = hashes_of(b);
	assert_null(known_add_hashes(known, &theirs, "b"));
	known_seal(known);
	known_find(known, &hashes, 1, &matches);
	return matches.count ? matches.items[0].score : 0;
}

/* The files: A and its variant; C has only A's start-up code. */
static struct made_list samples[3];

static int setup(void **state)
{
	(void)state;
	/* A: an API set, kernel32, user32; in the order that its linker had. */
	add(&samples[0], "USER32.dll", 'u', 0, 40, 500);
	add(&samples[0], "KERNEL32.dll", 'k', 0, 90, 0);
	add(&samples[0], "api-ms-win-crt-heap-l1-1-0.dll", 'c', 0, 9, 300);
	/* the variant: four functions more */
	add(&samples[1], "USER32.dll", 'u', 0, 44, 500);
	add(&samples[1], "KERNEL32.dll", 'k', 0, 90, 0);
	add(&samples[1], "api-ms-win-crt-heap-l1-1-0.dll", 'c', 0, 9, 300);
	/* another program of the toolchain */
	add(&samples[2], "KERNEL32.dll", 'k', 0, 30, 0);
	add(&samples[2], "GDI32.dll", 'g', 0, 90, 700);
	add(&samples[2], "api-ms-win-crt-heap-l1-1-0.dll", 'c', 0, 9, 300);
	return 0;
}

static struct known *make_known(size_t count)
{
	struct known *known = known_new();
	static const char *const names[] = {"a", "variant", "other"};
	for (size_t i = 0; i < count; i++)
		add_sample(known, names[i], &samples[i]);
	known_seal(known);
	return known;
}

/* What rebuilding makes of A: the tables sorted by DLL, the set's host, aliases for every second name. */
static void rebuilt_of_a(struct made_list *list)
{
	list->count = 0;
	add(list, "ucrtbase.dll", 'c', 0, 9, 300);
	add(list, "kernel32.dll", 'k', 0, 90, 0);
	add(list, "user32.dll", 'u', 0, 40, 500);
	for (size_t i = 10; i < list->count; i += 2)
		list->items[i].name = name_of('x', list->items[i].address % 400);
}

static void the_list_of_a_sample_scores_100(void **state)
{
	(void)state;
	_cleanup_known_ struct known *known = make_known(3);
	struct made_list module;
	bool resolved = false;
	rebuilt_of_a(&module);
	struct outcome outcome = compare(known, &module, samples, 3, 1, NULL);
	assert_true(outcome.exact && !outcome.left);
	assert_string_equal(outcome.matches.items[0].name, "a");
	assert_int_equal(score_with(&outcome, "a", &resolved), 100);
	assert_true(resolved && outcome.matches.items[0].rebuilt);
	/* the others score what their files score */
	assert_int_equal(score_with(&outcome, "variant", NULL),
			 score_of_files(&samples[0], &samples[1]));
	assert_int_equal(score_with(&outcome, "other", NULL),
			 score_of_files(&samples[0], &samples[2]));
	matches_free(&outcome.matches);
}

static void a_variant_gets_names_and_order_of_the_sample(void **state)
{
	(void)state;
	_cleanup_known_ struct known *known = make_known(1);
	struct made_list module;
	rebuilt_of_a(&module);
	add(&module, "user32.dll", 'u', 41, 44, 500); /* those that the variant has more */
	struct outcome outcome = compare(known, &module, samples, 1, 1, NULL);
	assert_false(outcome.exact);
	int files = score_of_files(&samples[0], &samples[1]);
	assert_true(files >= 80);
	assert_true(abs(score_with(&outcome, "a", NULL) - files) <= 5);
	/* by its rebuilt list alone it is none of them */
	assert_true(score_of_files(&module, &samples[0]) < 60);
	matches_free(&outcome.matches);
}

static void start_up_code_does_not_inflate(void **state)
{
	(void)state;
	/* Sample `other` is known; the module is A, rightly rebuilt but for the set's name. */
	_cleanup_known_ struct known *known = known_new();
	add_sample(known, "other", &samples[2]);
	known_seal(known);
	struct made_list module = {0};
	add(&module, "user32.dll", 'u', 0, 40, 500);
	add(&module, "kernel32.dll", 'k', 0, 90, 0);
	add(&module, "ucrtbase.dll", 'c', 0, 9, 300);
	struct outcome outcome = compare(known, &module, &samples[2], 1, 1, NULL);
	int files = score_of_files(&samples[0], &samples[2]);
	assert_false(outcome.exact);
	assert_true(score_with(&outcome, "other", NULL) <= files + 5);
	matches_free(&outcome.matches);
}

static void a_stray_explanation_changes_no_name(void **state)
{
	(void)state;
	/* The sample has ten functions of kernel32 through an API set; the module's table of kernel32
	 * has a hundred, so none is of that set. */
	struct made_list sample = {0}, module = {0};
	add(&sample, "api-ms-win-core-file-l1-1-0.dll", 'k', 20, 29, 0);
	add(&sample, "USER32.dll", 'u', 0, 90, 500);
	add(&module, "kernel32.dll", 'k', 0, 99, 0);
	add(&module, "user32.dll", 'u', 60, 90, 500);
	assert_int_equal(score_alone(&module, &sample, NULL), score_of_files(&module, &sample));
}

static void one_address_may_have_two_imports(void **state)
{
	(void)state;
	/* kernel32 forwards to ntdll: the same addresses in two tables of the sample. */
	struct made_list sample = {0}, module = {0};
	add(&sample, "ntdll.dll", 'n', 0, 2, 0);
	add(&sample, "KERNEL32.dll", 'k', 0, 9, 0);
	add(&sample, "ole32.dll", 'o', 0, 20, 500);
	add(&module, "kernel32.dll", 'k', 0, 9, 0);
	add(&module, "ntdll.dll", 'k', 0, 2, 0);
	add(&module, "ole32.dll", 'o', 0, 20, 500);
	bool exact;
	assert_int_equal(score_alone(&module, &sample, &exact), 100);
	assert_true(exact);
}

static void other_dlls_keep_their_order(void **state)
{
	(void)state;
	struct made_list sample = {0}, module = {0};
	add(&sample, "bcrypt.dll", 'b', 0, 0, 500);
	add(&sample, "sync.dll", 's', 0, 2, 600);
	add(&sample, "kernel32.dll", 'k', 0, 96, 0);
	add(&sample, "ntdll.dll", 'n', 0, 2, 700);
	add(&module, "kernel32.dll", 'k', 90, 96, 0);
	add(&module, "sync.dll", 's', 0, 2, 600);
	add(&module, "bcrypt.dll", 'b', 0, 0, 500);
	add(&module, "kernel32.dll", 'k', 0, 89, 0);
	add(&module, "userenv.dll", 'u', 0, 0, 800);
	add(&module, "ntdll.dll", 'n', 0, 2, 700);
	bool exact;
	assert_int_equal(score_alone(&module, &sample, &exact), score_of_files(&module, &sample));
	assert_false(exact);
}

static void what_is_too_long_is_told(void **state)
{
	(void)state;
	_cleanup_known_ struct known *known = make_known(1);
	_cleanup_matches_ struct matches scratch = {0};
	struct module_slots slots = {0};
	struct made_list module;
	rebuilt_of_a(&module);
	make_slots(&slots, &module, known, samples, 1);
	const uint32_t part = (uint32_t)slots.parts.length;
	const char *left = NULL;
	bool exact = false;
	for (size_t i = 0; i < 1 << 20; i++)
		text_add_char(&slots.parts, 'x');
	text_add(&slots.parts, "", 1);
	/* three such names are not too long, five are */
	for (size_t count = 3; count <= 5; count += 2) {
		for (size_t i = slots.count - count; i < slots.count; i++) {
			slots.items[i].address = NO_ADDRESS;
			slots.items[i].part = part;
		}
		hits_unref(known_explain(known, &slots, 1, NULL, &scratch, NULL, &exact, &left));
		assert_false(exact);
		if (count == 3)
			assert_null(left);
		else
			assert_non_null(strstr(left, "4 MB"));
	}
	module_slots_free(&slots);
}

static void equal_lists_are_kept_once(void **state)
{
	(void)state;
	_cleanup_known_ struct known *known = known_new();
	add_sample(known, "one", &samples[0]);
	size_t symbols = known_symbols(known);
	add_sample(known, "two", &samples[0]);
	known_seal(known);
	assert_int_equal(symbols, samples[0].count);
	assert_int_equal(known_symbols(known), symbols);
	struct made_list module;
	rebuilt_of_a(&module);
	struct outcome outcome = compare(known, &module, samples, 1, 80, NULL);
	assert_int_equal(outcome.matches.count, 2);
	assert_int_equal(score_with(&outcome, "two", NULL), 100);
	matches_free(&outcome.matches);
}

static void the_budget_is_kept(void **state)
{
	(void)state;
	_cleanup_known_ struct known *known = make_known(3);
	struct made_list module;
	rebuilt_of_a(&module);
	bool complete = false;
	uint64_t limit = 1;
	for (; limit < 1000000 && !complete; limit *= 2) {
		struct budget budget = {.limit = limit};
		struct outcome outcome = compare(known, &module, samples, 3, 1, &budget);
		complete = !outcome.left;
		assert_true(complete || strstr(outcome.left, "too long"));
		matches_free(&outcome.matches);
	}
	assert_true(complete && limit > 64 && limit < 1000000);
}

static void lists_beyond_the_limits_are_counted(void **state)
{
	(void)state;
	_cleanup_known_ struct known *known = known_new();
	struct sample sample = {.path = alloc_strdup("large"), .hashes = hashes_of(&samples[0])};
	sample.entry_count = SAMPLE_IMPORTS_MAX + 1;
	sample.entries = alloc_zero(sample.entry_count, sizeof(*sample.entries));
	sample.names = alloc_strdup("");
	assert_null(known_add_sample(known, &sample));
	assert_int_equal(known_left_out(known), 1);
	/* one whose entries are not what was hashed */
	sample.entry_count = 1;
	assert_null(known_add_sample(known, &sample));
	assert_int_equal(known_left_out(known), 2);
	known_seal(known);
	assert_int_equal(known_count(known), 4);
	sample_free(&sample);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_list_of_a_sample_scores_100),
		cmocka_unit_test(a_variant_gets_names_and_order_of_the_sample),
		cmocka_unit_test(start_up_code_does_not_inflate),
		cmocka_unit_test(a_stray_explanation_changes_no_name),
		cmocka_unit_test(one_address_may_have_two_imports),
		cmocka_unit_test(other_dlls_keep_their_order),
		cmocka_unit_test(what_is_too_long_is_told),
		cmocka_unit_test(equal_lists_are_kept_once),
		cmocka_unit_test(the_budget_is_kept),
		cmocka_unit_test(lists_beyond_the_limits_are_counted),
	};
	return cmocka_run_group_tests(tests, setup, NULL);
}
