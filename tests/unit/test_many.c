/* SPDX-License-Identifier: GPL-3.0-or-later */
/* many: what rows are counted as. Groups and marks are compared with a reckoning by e2e.many. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include <impscan/bytes.h>
#include <impscan/module.h>
#include <impscan/tally.h>

#define FUZZY_A	  "24:abcdefghijklmnopqrstuvwxyz012345:abcdefghijklmnop"
#define FUZZY_A2  "24:abcdefghijklmnopqrstuvwxyz012346:abcdefghijklmnoq"
#define FUZZY_B	  "24:ZYXWVUTSRQPONMLKJIHGFEDCBA987654:ZYXWVUTSRQPONMLK"
#define DOTNET_MD "f34d5f2d4577ed6d9ceec516c1f5a744"

static struct row row_of(const char *image, uint32_t pid, const char *module, const char *imphash,
			 const char *impfuzzy)
{
	struct row row = {
		.pid = pid,
		.process = "p.exe",
		.base = 0x10000,
		.module = module,
		.path = "",
		.found_in = FOUND_LOAD,
		.imports = 20,
		.image = image,
	};
	strcpy(row.hashes.imphash, imphash);
	strcpy(row.hashes.impfuzzy, impfuzzy);
	return row;
}

/* The rows of a tally, copied shallowly: texts are the tally's. */
struct taken {
	struct stack_row stacks[16];
	struct cluster_row clusters[16];
	char names[16][64];
	size_t count;
	size_t most; /* to be taken */
};

static bool take_stack(void *context, const struct stack_row *row)
{
	struct taken *taken = context;
	taken->stacks[taken->count++] = *row;
	return taken->count < taken->most;
}

static bool take_cluster(void *context, const struct cluster_row *row)
{
	struct taken *taken = context;
	for (size_t i = 0; i < row->names.count; i++) {
		strcat(taken->names[taken->count], row->names.items[i]);
		strcat(taken->names[taken->count], " ");
	}
	taken->clusters[taken->count++] = *row;
	return taken->count < taken->most;
}

static struct cluster_counts clusters_of(const struct tally *tally, struct taken *taken)
{
	const struct cluster_options options = {.threshold = 70, .threads = 2};
	struct cluster_counts counts;
	_cleanup_clusters_ struct clusters *clusters = clusters_new(tally, &options);
	*taken = (struct taken){.most = 16};
	clusters_find(clusters, NULL);
	clusters_rows(clusters, take_cluster, taken, &counts);
	return counts;
}

static void a_module_counts_once(void **state)
{
	(void)state;
	_cleanup_tally_ struct tally *tally = tally_new(0);
	struct row row = row_of("one", 4, "a.dll", "aa", FUZZY_A);
	struct taken taken = {.most = 16};
	row.match = (struct row_match){.by = MATCHED_IMPFUZZY, .score = 60, .name = "sixty"};
	tally_add(tally, &row);
	row.match = (struct row_match){.by = MATCHED_IMPHASH, .score = 100, .name = "hundred"};
	tally_add(tally, &row);
	row.match = (struct row_match){.by = MATCHED_IMPFUZZY, .score = 40, .name = "forty"};
	tally_add(tally, &row);
	row.match = (struct row_match){0};
	row.base = 0x20000; /* the same again, elsewhere in the process */
	tally_add(tally, &row);
	row.image = "two";
	tally_add(tally, &row);
	row.image = "one"; /* of a machine and a process that were there before */
	row.flags = MODULE_HOOKED;
	row.module = "A.DLL";
	tally_add(tally, &row);
	tally_stacks(tally, take_stack, &taken);
	assert_int_equal(taken.count, 1);
	assert_int_equal(taken.stacks[0].modules, 4);
	assert_int_equal(taken.stacks[0].machines, 2);
	assert_int_equal(taken.stacks[0].processes, 2);
	assert_int_equal(taken.stacks[0].first.flags, MODULE_HOOKED);
	assert_string_equal(taken.stacks[0].first.module, "a.dll");
	assert_string_equal(taken.stacks[0].first.image, "one");
	assert_string_equal(taken.stacks[0].last_image, "two");
	assert_string_equal(taken.stacks[0].first.match.name, "hundred");
}

static void what_was_not_read_is_left_out(void **state)
{
	(void)state;
	_cleanup_tally_ struct tally *tally = tally_new(0);
	struct tally_counts counts;
	struct row row = row_of("one", 4, "a.dll", "", "");
	row.status = IMPORTS_UNREADABLE;
	tally_add(tally, &row);
	row.status = IMPORTS_NONE;
	tally_add(tally, &row);
	row.found_in = 0; /* a process without a module to show */
	tally_add(tally, &row);
	tally_count(tally, &counts);
	assert_int_equal(counts.unread, 1);
	assert_int_equal(counts.modules, 1);
	assert_int_equal(counts.distinct, 1);
	assert_int_equal(counts.lists, 0);
}

static void few_is_rare_and_odd(void **state)
{
	(void)state;
	_cleanup_tally_ struct tally *tally = tally_new(0);
	static const char *const images[] = {"one", "two", "three"};
	struct taken taken = {.most = 16};
	for (size_t i = 0; i < 3; i++) {
		struct row row = row_of(images[i], 4, "a.dll", "aa", FUZZY_A);
		tally_add(tally, &row);
	}
	struct row row = row_of("two", 8, "A.dll", "bb", FUZZY_B); /* other hashes */
	tally_add(tally, &row);
	row = row_of("two", 8, "b.dll", "aa", FUZZY_A); /* another name */
	tally_add(tally, &row);
	tally_stacks(tally, take_stack, &taken);
	assert_int_equal(taken.count, 3);
	assert_string_equal(taken.stacks[0].first.module, "A.dll");
	assert_int_equal(taken.stacks[0].marks, STACK_OTHER_HASH);
	assert_int_equal(taken.stacks[0].name_machines, 3);
	assert_int_equal(taken.stacks[0].name_hashes, 2);
	assert_int_equal(taken.stacks[1].marks, STACK_OTHER_NAME);
	assert_string_equal(taken.stacks[1].other_name, "a.dll");
	assert_int_equal(taken.stacks[2].marks, 0);
	assert_int_equal(taken.stacks[2].machines, 3);
	taken = (struct taken){.most = 2};
	tally_stacks(tally, take_stack, &taken);
	assert_int_equal(taken.count, 2);
}

static void alike_lists_are_a_group(void **state)
{
	(void)state;
	_cleanup_tally_ struct tally *tally = tally_new(0);
	struct taken taken;
	struct row row = row_of("one", 4, "a.dll", "aa", FUZZY_A);
	tally_add(tally, &row);
	row = row_of("one", 8, "b.dll", "bb", FUZZY_B);
	tally_add(tally, &row);
	strcpy(row.rebuilt.imphash, "cc"); /* b.dll's rebuilt list is like that of a.dll */
	strcpy(row.rebuilt.impfuzzy, FUZZY_A2);
	row.pid = 12;
	row.rebuilt_imports = 20;
	tally_add(tally, &row);
	row = row_of("one", 16, "c.dll", "dd", "no hash"); /* is alike nothing but by imphash */
	tally_add(tally, &row);
	row = row_of("two", 16, "d.dll", "dd", "3::");
	tally_add(tally, &row);
	row = row_of("two", 20, "e.dll", "ee", "3::");
	tally_add(tally, &row);
	struct cluster_counts counts = clusters_of(tally, &taken);
	assert_int_equal(counts.groups, 2);
	assert_int_equal(counts.alone, 1);
	assert_string_equal(taken.names[0], "a.dll b.dll ");
	assert_int_equal(taken.clusters[0].modules, 3);
	assert_int_equal(taken.clusters[0].hashes, 3);
	assert_string_equal(taken.names[1], "c.dll d.dll ");
	assert_int_equal(taken.clusters[1].machines, 2);
}

static void weak_lists_join_nothing(void **state)
{
	(void)state;
	_cleanup_tally_ struct tally *tally = tally_new(10);
	struct taken taken;
	struct tally_counts all;
	struct row row = row_of("one", 4, "a.exe", DOTNET_MD, "3:rGsLdAIEK:tf");
	tally_add(tally, &row);
	row.pid = 8;
	row.module = "b.exe";
	tally_add(tally, &row);
	row = row_of("one", 12, "go1.exe", "aa", FUZZY_A); /* its functions could not be read */
	row.by_go = true;
	tally_add(tally, &row);
	row.pid = 16;
	row.module = "go2.exe";
	tally_add(tally, &row);
	row = row_of("one", 20, "small.exe", "bb", FUZZY_B);
	row.imports = 9;
	tally_add(tally, &row);
	row.pid = 24;
	tally_add(tally, &row);
	struct cluster_counts counts = clusters_of(tally, &taken);
	tally_count(tally, &all);
	assert_int_equal(counts.groups, 0);
	assert_int_equal(counts.alone, 0);
	assert_int_equal(all.common, 4);
	assert_int_equal(all.few, 2);
}

/* Where types are known, the import list, which is the runtime's, does not count. */
static void kinds_stay_apart(void **state)
{
	(void)state;
	_cleanup_tally_ struct tally *tally = tally_new(0);
	struct taken taken;
	static const char *const fuzzy[] = {FUZZY_A, FUZZY_A2, FUZZY_B};
	for (uint32_t i = 0; i < 3; i++) {
		struct row row = row_of("one", 4 * i, "net.exe", "mixed", FUZZY_A);
		row.typerefs = 20;
		memset(row.hashes.typerefhash, 'a' + (char)i, SHA256_SIZE - 1);
		strcpy(row.hashes.typerefuzzy, fuzzy[i]);
		tally_add(tally, &row);
		row = row_of("one", 4 * i, "go.exe", "go", FUZZY_A);
		row.go_functions = 20;
		memset(row.hashes.gimphash, 'a' + (char)i, SHA256_SIZE - 1);
		strcpy(row.hashes.gimpfuzzy, fuzzy[i]);
		tally_add(tally, &row);
	}
	struct row row = row_of("one", 40, "a.dll", "aa", FUZZY_A);
	tally_add(tally, &row);
	struct cluster_counts counts = clusters_of(tally, &taken);
	assert_int_equal(counts.groups, 2);
	assert_int_equal(counts.alone, 3);
	assert_string_equal(taken.clusters[0].kind, "types");
	assert_string_equal(taken.names[0], "net.exe ");
	assert_int_equal(taken.clusters[0].modules, 2);
	assert_string_equal(taken.clusters[1].kind, "functions");
	assert_string_equal(taken.names[1], "go.exe ");
	assert_true(taken.clusters[0].score_least >= 70 && taken.clusters[0].score_most < 100);
}

static void nothing_comes_of_nothing(void **state)
{
	(void)state;
	_cleanup_tally_ struct tally *tally = tally_new(0);
	struct taken taken = {.most = 16};
	tally_stacks(tally, take_stack, &taken);
	assert_int_equal(taken.count, 0);
	struct cluster_counts counts = clusters_of(tally, &taken);
	assert_int_equal(counts.groups + counts.modules + counts.alone, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_module_counts_once),
		cmocka_unit_test(what_was_not_read_is_left_out),
		cmocka_unit_test(few_is_rare_and_odd),
		cmocka_unit_test(alike_lists_are_a_group),
		cmocka_unit_test(weak_lists_join_nothing),
		cmocka_unit_test(kinds_stay_apart),
		cmocka_unit_test(nothing_comes_of_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
