/* SPDX-License-Identifier: GPL-3.0-or-later */
/* profile: every shipped profile against the tables of structure facts (profiles/facts/). */
#include "profile_text.h"

/* A row of the tables: its columns. */
enum { BUILD, ARCH, VARIANT, SOURCE, TYPE, MEMBER, OFFSET, BIT, BITS, COLUMNS };

/*
 * Which profiles a layout of the tables is the source of: those of its build and architecture
 * whose `source` names it. PTE types are excepted for the layouts with another PTE size.
 */
static bool is_source(const struct profile_summary *summary, char *const *row)
{
	const char *build = strrchr(row[BUILD], '.') + 1;
	if (strcmp(architecture_name(summary->architecture), row[ARCH]) ||
	    strtoul(build, NULL, 10) != summary->build_first)
		return false;
	/* A layout's name must not be found inside of a longer one. */
	size_t length = strlen(row[VARIANT]);
	for (const char *at = summary->source; (at = strstr(at, row[VARIANT])); at++) {
		const char *end = at + length;
		if (at > summary->source && at[-1] != ' ')
			continue;
		if (!*end || *end == ' ' || *end == ',' || *end == ';' ||
		    (!strncmp(end, "_vtypes", 7) && (!end[7] || end[7] == ',' || end[7] == ';')))
			return true;
	}
	return false;
}

static size_t split(char *line, char **row)
{
	size_t count = 0;
	char *field;
	line[strcspn(line, "\r\n")] = '\0';
	while (count < COLUMNS && (field = strsep(&line, "\t")))
		row[count++] = field;
	return count;
}

static bool find_member(const char *type, const char *name, enum profile_member *ret)
{
	for (size_t i = 0; i < PROFILE_MEMBER_COUNT; i++) {
		*ret = (enum profile_member)i;
		if (!strcmp(profile_type_name(*ret), type) &&
		    !strcmp(profile_member_name(*ret), name))
			return true;
	}
	return false;
}

struct tally {
	size_t compared;
	size_t used; /* rows of members that profiles may name */
};

/* Does the profile say what the row says? */
static void compare_fact(const struct profile *profile, char *const *row,
			 enum profile_member member, bool *smallest, struct tally *tally)
{
	const struct profile_field *field = &profile->field[member];
	bool is_size = !*row[MEMBER];
	unsigned long offset = strtoul(row[OFFSET], NULL, 0);
	bool pae = strstr(profile->variant, "PAE") && !strstr(profile->variant, "without");
	if (pae && !strncmp(row[TYPE], "_MMPTE", 6) && !strstr(row[VARIANT], "24000"))
		return; /* compared with the layout that has PAE, below */
	/* MMPFN is read of kernels without PAE only. */
	if (!strcmp(row[TYPE], "_MMPFN") && profile_offset(profile, MMPTE_size) == 8) {
		assert_false(field->present);
		*smallest = true;
		return;
	}
	bool ok = field->present;
	if (is_size) {
		ok = ok && field->offset <= offset;
		*smallest |= field->offset == offset;
	} else {
		ok = ok && field->offset == offset && field->bit == strtoul(row[BIT], NULL, 10) &&
		     field->bits == strtoul(row[BITS], NULL, 10);
	}
	if (!ok)
		print_error("%s: %s.%s should be %s %s %s (%s)\n", profile->name, row[TYPE],
			    row[MEMBER], row[OFFSET], row[BIT], row[BITS], row[VARIANT]);
	assert_true(ok);
	tally->compared++;
}

/* State of a comparison with all rows. */
struct comparison {
	struct profiles *profiles;
	bool *covered;	/* by profile and member: a row says so */
	bool *smallest; /* by profile and member: a row has just that size */
	struct tally tally;
};

static void compare_row(struct comparison *comparison, char *const *row)
{
	enum profile_member member;
	if (!find_member(row[TYPE] + 1, *row[MEMBER] ? row[MEMBER] : "size", &member))
		return;
	comparison->tally.used++;
	bool any = false;
	for (size_t i = 0; i < profiles_count(comparison->profiles); i++) {
		struct profile_summary summary = profiles_summary(comparison->profiles, i);
		size_t at = i * PROFILE_MEMBER_COUNT + member;
		/* The PTEs of every PAE kernel before Windows 8 are those of this layout. */
		bool pae = strstr(summary.variant, "PAE") && !strstr(summary.variant, "without") &&
			   !strncmp(row[TYPE], "_MMPTE", 6) && strstr(row[VARIANT], "24000") &&
			   !strcmp(row[ARCH], "x86");
		if (!pae && !is_source(&summary, row))
			continue;
		const struct profile *profile;
		assert_ok(profiles_get(comparison->profiles, i, &profile));
		compare_fact(profile, row, member, &comparison->smallest[at], &comparison->tally);
		comparison->covered[at] = true;
		any = true;
	}
	if (!any)
		print_error("no profile is made of %s %s\n", row[BUILD], row[VARIANT]);
	assert_true(any);
}

/* The columns of windows-store.tsv begin otherwise: a row holds for a range of builds. */
enum { FIRST, LAST, STORE_ARCH };

/* The compressed store's members: a row stands behind the profiles whose builds are in its range. */
static void compare_store_row(struct comparison *comparison, char *const *row)
{
	enum profile_member member;
	assert_true(find_member(row[TYPE], row[MEMBER], &member));
	comparison->tally.used++;
	for (size_t i = 0; i < profiles_count(comparison->profiles); i++) {
		struct profile_summary summary = profiles_summary(comparison->profiles, i);
		size_t at = i * PROFILE_MEMBER_COUNT + member;
		if (strcmp(architecture_name(summary.architecture), row[STORE_ARCH]) ||
		    summary.build_first < strtoul(row[FIRST], NULL, 10) ||
		    summary.build_last > strtoul(row[LAST], NULL, 10))
			continue;
		const struct profile *profile;
		assert_ok(profiles_get(comparison->profiles, i, &profile));
		const struct profile_field *field = &profile->field[member];
		assert_true(field->present);
		assert_int_equal(field->offset, strtoul(row[OFFSET], NULL, 0));
		assert_int_equal(field->bit, strtoul(row[BIT], NULL, 10));
		assert_int_equal(field->bits, strtoul(row[BITS], NULL, 10));
		assert_false(comparison->covered[at]); /* no two rows for one thing */
		comparison->covered[at] = comparison->smallest[at] = true;
		comparison->tally.compared++;
	}
}

static void profiles_say_what_the_tables_say(void **state)
{
	(void)state;
	_cleanup_profiles_ struct profiles *profiles = NULL;
	assert_ok(profiles_new(&profiles));
	size_t cells = profiles_count(profiles) * PROFILE_MEMBER_COUNT;
	_cleanup_free_ bool *covered = alloc_zero(cells, sizeof(bool));
	_cleanup_free_ bool *smallest = alloc_zero(cells, sizeof(bool));
	struct comparison comparison = {profiles, covered, smallest, {0}};
	static const char *const tables[] = {"windows-structs.tsv", "windows-structs-variants.tsv",
					     "windows-store.tsv"};
	for (size_t t = 0; t < array_size(tables); t++) {
		_cleanup_free_ char *path = alloc_printf("%s/%s", PROFILE_FACTS, tables[t]);
		_cleanup_file_ FILE *file = fopen(path, "re");
		assert_non_null(file);
		_cleanup_free_ char *line = NULL;
		size_t capacity = 0;
		char *row[COLUMNS];
		assert_true(getline(&line, &capacity, file) > 0); /* the columns' names */
		while (getline(&line, &capacity, file) > 0) {
			assert_int_equal(split(line, row), COLUMNS);
			if (!strcmp(tables[t], "windows-store.tsv"))
				compare_store_row(&comparison, row);
			else
				compare_row(&comparison, row);
		}
	}
	/* Nothing in a profile is without a fact behind it; a size is one of those known. */
	for (size_t i = 0; i < profiles_count(profiles); i++) {
		const struct profile *profile;
		assert_ok(profiles_get(profiles, i, &profile));
		for (size_t m = 0; m < PROFILE_MEMBER_COUNT; m++) {
			enum profile_member member = (enum profile_member)m;
			size_t at = i * PROFILE_MEMBER_COUNT + m;
			bool is_size = !strcmp(profile_member_name(member), "size");
			if (!profile->field[m].present)
				continue;
			if (!covered[at] || (is_size && !smallest[at]))
				print_error("%s: %s.%s has no fact behind it\n", profile->name,
					    profile_type_name(member), profile_member_name(member));
			assert_true(covered[at]);
			assert_true(!is_size || smallest[at]);
		}
	}
	print_message("%zu of the tables' rows used, %zu comparisons\n", comparison.tally.used,
		      comparison.tally.compared);
	assert_true(comparison.tally.used > 4000);
	assert_true(comparison.tally.compared > comparison.tally.used);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(profiles_say_what_the_tables_say),
	};
	return cmocka_run_group_tests_name("profile_facts", tests, NULL, NULL);
}
