/* SPDX-License-Identifier: GPL-3.0-or-later */
/* profile: the shipped profiles, finding those of a build, and the user's own beside them. */
#include "profile_text.h"

#include <sys/stat.h>
#include <time.h>

static void every_shipped_profile_parses(void **state)
{
	(void)state;
	_cleanup_profiles_ struct profiles *profiles = NULL;
	assert_ok(profiles_new(&profiles));
	bool present[PROFILE_MEMBER_COUNT] = {false};
	bool absent[PROFILE_MEMBER_COUNT] = {false};
	assert_true(profiles_count(profiles) >= 50);
	for (size_t i = 0; i < profiles_count(profiles); i++) {
		const struct profile *profile;
		const struct profile *twice;
		assert_ok(profiles_get(profiles, i, &profile));
		assert_ok(profiles_get(profiles, i, &twice));
		assert_ptr_equal(profile, twice);
		/* The header read at first says the same, and the name is that of the file. */
		struct profile_summary summary = profiles_summary(profiles, i);
		assert_string_equal(profile->name, summary.name);
		assert_string_equal(profile->description, summary.description);
		assert_string_equal(profile->variant, summary.variant);
		assert_string_equal(profile->source, summary.source);
		assert_string_equal(profile->origin, "built in");
		assert_string_equal(summary.origin, "built in");
		assert_int_equal(profile->architecture, summary.architecture);
		assert_int_equal(profile->build_first, summary.build_first);
		assert_int_equal(profile->build_last, summary.build_last);
		assert_false(summary.added);
		_cleanup_free_ char *path = alloc_printf("%s/%s.yaml", PROFILES_DIR, summary.name);
		struct stat st;
		assert_int_equal(stat(path, &st), 0);
		/* The list is in order. */
		if (i) {
			struct profile_summary before = profiles_summary(profiles, i - 1);
			assert_true(before.architecture < summary.architecture ||
				    (before.architecture == summary.architecture &&
				     (before.build_first < summary.build_first ||
				      (before.build_first == summary.build_first &&
				       strcmp(before.name, summary.name) < 0))));
		}
		_cleanup_free_ char *yaml = profile_to_yaml(profile);
		_cleanup_profile_ struct profile *again = NULL;
		assert_ok(parse(yaml, &again));
		assert_same(profile, again);
		for (size_t m = 0; m < PROFILE_MEMBER_COUNT; m++)
			*(profile->field[m].present ? &present[m] : &absent[m]) = true;
	}
	/* Members that no build has or, called optional, every build has, are a mistake in the list. */
#define NEED_R				    false
#define NEED_F				    false
#define NEED_O				    true
#define NEED_S				    true
#define OPTIONAL(type, member, need, limit) NEED_##need,
	static const bool optional[] = {PROFILE_FIELDS(OPTIONAL)};
	for (size_t m = 0; m < PROFILE_MEMBER_COUNT; m++) {
		if (!present[m] || absent[m] != optional[m])
			print_error("%s.%s\n", profile_type_name((enum profile_member)m),
				    profile_member_name((enum profile_member)m));
		assert_true(present[m]);
		assert_int_equal(absent[m], optional[m]);
	}
}

static void reading_the_headers_is_quick(void **state)
{
	(void)state;
	/* The least of several, since the machine may be busy: it is 0.3 ms when optimised. */
	double least = 1e9;
	for (int i = 0; i < 20; i++) {
		struct timespec a;
		struct timespec b;
		clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &a);
		_cleanup_profiles_ struct profiles *profiles = NULL;
		assert_ok(profiles_new(&profiles));
		clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &b);
		double ms =
			(double)(b.tv_sec - a.tv_sec) * 1e3 + (double)(b.tv_nsec - a.tv_nsec) / 1e6;
		least = min_of(least, ms);
	}
	print_message("headers of all shipped profiles: %.3f ms\n", least);
	assert_true(least < 20);
}

/* The names of what matches, joined by spaces. */
static char *matching(struct profiles *profiles, enum architecture architecture, uint32_t build)
{
	size_t found[16];
	size_t count = profiles_match(profiles, architecture, build, found, array_size(found));
	assert_true(count <= array_size(found));
	struct text text = {0};
	text_add_string(&text, "");
	for (size_t i = 0; i < count; i++)
		text_add_format(&text, "%s%s", i ? " " : "",
				profiles_summary(profiles, found[i]).name);
	return text.data;
}

static void builds_find_their_profiles(void **state)
{
	(void)state;
	static const struct {
		enum architecture architecture;
		uint32_t build;
		const char *names;
	} cases[] = {
		{ARCHITECTURE_X86, 2195, ""},
		{ARCHITECTURE_X86, 2600, "windows-xp-2600-x86 windows-xp-2600-x86-pae"},
		{ARCHITECTURE_X64, 2600, ""},
		{ARCHITECTURE_X86, 3790,
		 "windows-2003-3790-x86-sp0 windows-2003-3790-x86-sp0-pae "
		 "windows-2003-3790-x86-sp1 windows-2003-3790-x86-sp1-pae"},
		{ARCHITECTURE_X64, 3790, "windows-2003-3790-x64-sp1 windows-2003-3790-x64-sp2"},
		{ARCHITECTURE_X86, 6000, "windows-vista-6000-x86 windows-vista-6000-x86-pae"},
		{ARCHITECTURE_X64, 6000, "windows-vista-6000-x64"},
		{ARCHITECTURE_X64, 6001, "windows-vista-6001-x64"},
		{ARCHITECTURE_X64, 6002, "windows-vista-6002-x64"},
		{ARCHITECTURE_X64, 6003, "windows-vista-6002-x64"},
		{ARCHITECTURE_X64, 6004, ""},
		{ARCHITECTURE_X64, 7600, "windows-7-7600-x64"},
		{ARCHITECTURE_X86, 7600, "windows-7-7600-x86 windows-7-7600-x86-pae"},
		{ARCHITECTURE_X64, 7601,
		 "windows-7-7601-x64 windows-7-7601-x64-23418 windows-7-7601-x64-24000 "
		 "windows-7-7601-x64-24540"},
		{ARCHITECTURE_X86, 7601, "windows-7-7601-x86 windows-7-7601-x86-pae"},
		{ARCHITECTURE_X64, 9200, "windows-8-9200-x64"},
		{ARCHITECTURE_X86, 9200, "windows-8-9200-x86"},
		{ARCHITECTURE_X64, 9600, "windows-8-1-9600-x64 windows-8-1-9600-x64-19962"},
		{ARCHITECTURE_X86, 9600, "windows-8-1-9600-x86"},
		{ARCHITECTURE_X64, 10240, "windows-10-10240-x64 windows-10-10240-x64-17770"},
		{ARCHITECTURE_X86, 10240, "windows-10-10240-x86 windows-10-10240-x86-17770"},
		{ARCHITECTURE_X64, 10586, "windows-10-10586-x64"},
		{ARCHITECTURE_X64, 14393, "windows-10-14393-x64 windows-10-14393-x64-4770"},
		{ARCHITECTURE_X64, 15063, "windows-10-15063-x64"},
		{ARCHITECTURE_X64, 16299, "windows-10-16299-x64"},
		{ARCHITECTURE_X64, 17134, "windows-10-17134-x64"},
		{ARCHITECTURE_X64, 17763, "windows-10-17763-x64"},
		{ARCHITECTURE_X64, 18362, "windows-10-18362-x64"},
		{ARCHITECTURE_X64, 18363, "windows-10-18362-x64"},
		{ARCHITECTURE_X86, 18363, "windows-10-18362-x86"},
		{ARCHITECTURE_X64, 18364, ""},
		{ARCHITECTURE_X64, 19040, ""},
		{ARCHITECTURE_X64, 19041, "windows-10-19041-x64"},
		{ARCHITECTURE_X64, 19044, "windows-10-19041-x64"},
		{ARCHITECTURE_X64, 19045, "windows-10-19041-x64"},
		{ARCHITECTURE_X86, 19045, "windows-10-19041-x86"},
		{ARCHITECTURE_X64, 20348, "windows-server-2022-20348-x64"},
		{ARCHITECTURE_X64, 22000, "windows-11-22000-x64"},
		{ARCHITECTURE_X64, 22621, "windows-11-22621-x64"},
		{ARCHITECTURE_X64, 22631, "windows-11-22621-x64"},
		{ARCHITECTURE_X64, 26100, "windows-11-26100-x64"},
		{ARCHITECTURE_X64, 26200, "windows-11-26100-x64"},
		{ARCHITECTURE_X64, 26201, ""},
		{ARCHITECTURE_X86, 26100, ""},
		{ARCHITECTURE_X64, 0, ""},
		{ARCHITECTURE_X64, UINT32_MAX, ""},
	};
	_cleanup_profiles_ struct profiles *profiles = NULL;
	assert_ok(profiles_new(&profiles));
	for (size_t i = 0; i < array_size(cases); i++) {
		_cleanup_free_ char *names =
			matching(profiles, cases[i].architecture, cases[i].build);
		assert_string_equal(names, cases[i].names);
	}
	/* The count doesn't depend on the room for positions. */
	size_t one[2] = {0, 12345};
	assert_int_equal(profiles_match(profiles, ARCHITECTURE_X64, 7601, one, 1), 4);
	assert_int_equal(one[1], 12345);
	assert_int_equal(profiles_match(profiles, ARCHITECTURE_X64, 7601, NULL, 0), 4);
}

static void write_file(const char *path, const char *text)
{
	_cleanup_file_ FILE *file = fopen(path, "we");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
}

static void users_profiles_come_first(void **state)
{
	(void)state;
	char folder[] = "/tmp/test_profile.XXXXXX";
	assert_non_null(mkdtemp(folder));
	_cleanup_free_ char *first = alloc_printf("%s/a.yaml", folder);
	_cleanup_free_ char *second = alloc_printf("%s/b.yaml", folder);
	_cleanup_free_ char *other = alloc_printf("%s/c.txt", folder);

	_cleanup_profiles_ struct profiles *profiles = NULL;
	assert_ok(profiles_new(&profiles));
	size_t shipped = profiles_count(profiles);
	_cleanup_error_ struct error *error = profiles_add_directory(profiles, folder);
	assert_non_null(strstr(error_message(error), "there is no *.yaml in"));
	error_free(error);
	error = profiles_add_directory(profiles, first);
	assert_non_null(strstr(error_message(error), "a.yaml': No such file or directory"));
	error_free(error);
	error = profiles_add_file(profiles, first);
	assert_non_null(strstr(error_message(error), "a.yaml': No such file or directory"));
	error_free(error);
	error = profiles_add_file(profiles, folder);
	assert_non_null(strstr(error_message(error), "Is a directory"));
	error_free(error);

	/* A new one for a build that a shipped one has, and one in the place of a shipped one. */
	size_t line;
	_cleanup_free_ char *text = complete();
	_cleanup_free_ char *marked = with_value(text, "VadCount", "0x1234", &line);
	_cleanup_free_ char *mine = replaced(marked, "builds: [7, 9]", "builds: [19041, 30000]");
	_cleanup_free_ char *named = replaced(mine, "name: test", "name: windows-10-19041-x64");
	write_file(first, mine);
	write_file(second, named);
	write_file(other, "not a profile");
	assert_ok(profiles_add_file(profiles, first));
	assert_int_equal(profiles_count(profiles), shipped + 1);
	_cleanup_free_ char *names = matching(profiles, ARCHITECTURE_X64, 19041);
	assert_string_equal(names, "test windows-10-19041-x64");
	_cleanup_free_ char *new_names = matching(profiles, ARCHITECTURE_X64, 30000);
	assert_string_equal(new_names, "test");

	error = profiles_add_directory(profiles, folder);
	assert_ok(error);
	assert_int_equal(profiles_count(profiles), shipped + 1);
	size_t found[4];
	assert_int_equal(profiles_match(profiles, ARCHITECTURE_X64, 19042, found, 4), 2);
	for (size_t i = 0; i < 2; i++) {
		struct profile_summary summary = profiles_summary(profiles, found[i]);
		assert_true(summary.added);
		assert_string_equal(summary.origin, i ? second : first);
		const struct profile *profile;
		assert_ok(profiles_get(profiles, found[i], &profile));
		assert_string_equal(profile->name, summary.name);
		assert_int_equal(profile_offset(profile, EPROCESS_VadCount), 0x1234);
	}

	/* A bad one is an error at once, which names the file and the place. */
	write_file(second, "name: x\nnam: y\n");
	error = profiles_add_directory(profiles, folder);
	assert_non_null(error);
	_cleanup_free_ char *message = alloc_printf("%s:2:1: unknown key 'nam'", second);
	assert_string_equal(error_message(error), message);

	remove(first);
	remove(second);
	remove(other);
	assert_int_equal(remove(folder), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_shipped_profile_parses),
		cmocka_unit_test(reading_the_headers_is_quick),
		cmocka_unit_test(builds_find_their_profiles),
		cmocka_unit_test(users_profiles_come_first),
	};
	return cmocka_run_group_tests_name("profile_set", tests, NULL, NULL);
}
