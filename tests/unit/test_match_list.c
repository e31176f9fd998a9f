/* SPDX-License-Identifier: GPL-3.0-or-later */
/* match: the forms a hash may be given in, and what is no hash. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <impscan/bytes.h>
#include <impscan/match.h>
#include <impscan/text.h>

#define IMPHASH	 "0123456789abcdef0123456789abcdef"
#define IMPFUZZY "24:abcdefghijklmnopqrstuvwxyz:ABCDEFGHIJKLMN"
#define IMPSET	 "48:ZYXWVUTSRQPONMLKJIHGFEDCBA:zyxwvutsrqponm"
#define EMPTY	 "d41d8cd98f00b204e9800998ecf8427e"
#define SHA256	 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define OTHER256 "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210"

static void find(struct known *known, const char *imphash, const char *impfuzzy, int threshold,
		 struct matches *matches)
{
	struct hashes hashes = {.impset = IMPSET};
	strcpy(hashes.imphash, imphash);
	strcpy(hashes.impfuzzy, impfuzzy);
	known_find(known, &hashes, threshold, matches);
}

/* The one match that `text` alone gives for both hashes. */
static void check_form(const char *text, const char *given, const char *hash, const char *name)
{
	_cleanup_known_ struct known *known = known_new();
	_cleanup_error_ struct error *error = known_add(known, text, strlen(text), given);
	if (error)
		fail_msg("%s: %s", text, error_message(error));
	known_seal(known);
	_cleanup_matches_ struct matches matches = {0};
	find(known, IMPHASH, IMPFUZZY, 0, &matches);
	assert_int_equal(matches.count, 1);
	assert_int_equal(matches.items[0].score, 100);
	assert_string_equal(matches.items[0].hash, hash);
	assert_string_equal(matches.items[0].name, name);
	assert_int_equal(matches.items[0].type == HASH_IMPFUZZY, !strcmp(hash, IMPFUZZY));
}

static void hashes_are_read_in_all_forms(void **state)
{
	(void)state;
	check_form(IMPHASH, NULL, IMPHASH, IMPHASH);
	check_form(IMPHASH, "given", IMPHASH, "given");
	check_form("0123456789ABCDEF0123456789abcdeF", NULL, IMPHASH, IMPHASH);
	check_form(IMPFUZZY, NULL, IMPFUZZY, IMPFUZZY);
	check_form("  " IMPFUZZY "\t\r", NULL, IMPFUZZY, IMPFUZZY);
	check_form(IMPFUZZY " a name of words ", "given", IMPFUZZY, "a name of words");
	check_form(IMPFUZZY "\tname", NULL, IMPFUZZY, "name");
	check_form(IMPFUZZY ",name", NULL, IMPFUZZY, "name");
	check_form(IMPFUZZY " , name, too", NULL, IMPFUZZY, "name, too");
	check_form(IMPFUZZY ",\"a \"\"b\"\", c.exe\"", NULL, IMPFUZZY, "a \"b\", c.exe");
	check_form(IMPFUZZY ",\"a \\\"b\\\".exe\"", NULL, IMPFUZZY, "a \"b\".exe");
	check_form(IMPFUZZY ",\"C:\\dir\\\"", NULL, IMPFUZZY, "C:\\dir\\");
	check_form(IMPFUZZY ",\"open", NULL, IMPFUZZY, "\"open");
	check_form(IMPFUZZY ",\"\"", NULL, IMPFUZZY, IMPFUZZY);
	check_form(IMPFUZZY ",", "given", IMPFUZZY, "given");
	check_form(IMPHASH "  " IMPFUZZY "  dir/a.exe", NULL, IMPHASH, "dir/a.exe");
	check_form(IMPFUZZY "," IMPHASH ",a.exe", NULL, IMPHASH, "a.exe");
	check_form("IMPHASH=" IMPHASH, NULL, IMPHASH, IMPHASH);
	check_form("imphash: " IMPHASH " name", NULL, IMPHASH, "name");
	check_form("impfuzzy:" IMPFUZZY, NULL, IMPFUZZY, IMPFUZZY);
	/* A second hash of the same kind is a name. */
	check_form(IMPHASH " " EMPTY, NULL, IMPHASH, EMPTY);
}

static void what_is_no_hash_is_refused(void **state)
{
	(void)state;
	static const char *const texts[] = {
		"",
		"xyz",
		"MD5=" IMPHASH,
		"imphash:",
		"0123456789abcdef0123456789abcde",
		IMPHASH "0",
		IMPHASH "g",
		IMPHASH ":",
		"24:abc",
		"24",
		":abc:def",
		"x24:abc:def",
		"24:a b:c",
		"24:abc:def:ghi",
		"-3:abc:def",
		"+3:abc:def",
		"4294967296:abc:def",
		"00000000003:abc:def",
		"24:a-b:c",
		"24:abc:de\x80",
		"24:abc:def;name",
		"24:abc,name",
		"impset:",
		"impset:24:abc",
		"impset: " IMPFUZZY,
		"impset:" IMPHASH,
		"impset:impset:" IMPFUZZY,
		"IMPSET:" IMPFUZZY,
		"typerefuzzy:" IMPHASH,
		"typerefhash:" IMPHASH,
		"typerefhash:" IMPFUZZY,
		"gimphash:" SHA256 "0",
		"gimpfuzzy:gimpfuzzy:" IMPFUZZY,
		/* a part of 65 */
		"3:ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/A:a",
		"3:a:ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/A",
	};
	_cleanup_known_ struct known *known = known_new();
	for (size_t i = 0; i < array_size(texts); i++) {
		_cleanup_error_ struct error *error =
			known_add(known, texts[i], strlen(texts[i]), NULL);
		if (!error)
			fail_msg("'%s' was taken", texts[i]);
	}
	assert_int_equal(known_count(known), 0);
	_cleanup_error_ struct error *error = known_add(known, "x\x1by", 3, NULL);
	assert_string_equal(error_message(error),
			    "'x\x1by' is neither an imphash (32 hex digits) nor an impfuzzy hash "
			    "(BLOCKSIZE:TEXT:TEXT) nor an impset hash "
			    "(impset:BLOCKSIZE:TEXT:TEXT) nor one of typerefhash:, typerefuzzy:, "
			    "gimphash: and gimpfuzzy:");
}

static void empty_import_lists_never_match(void **state)
{
	(void)state;
	_cleanup_known_ struct known *known = known_new();
	assert_null(known_add(known, "3::", 3, NULL));
	assert_null(known_add(known, EMPTY, 32, NULL));
	struct hashes none = {0};
	assert_null(known_add_hashes(known, &none, "none"));
	assert_int_equal(known_count(known), 2);
	known_seal(known);
	_cleanup_matches_ struct matches matches = {0};
	find(known, EMPTY, "3::", 0, &matches);
	assert_int_equal(matches.count, 0);
	find(known, "", "", 0, &matches);
	assert_int_equal(matches.count, 0);
}

static void an_empty_set_is_searched(void **state)
{
	(void)state;
	_cleanup_known_ struct known *known = known_new();
	known_seal(known);
	_cleanup_matches_ struct matches matches = {0};
	find(known, IMPHASH, IMPFUZZY, 0, &matches);
	assert_int_equal(matches.count, 0);
}

/* Both hashes of a sample are one row; entries of their own are rows of their own. */
static void a_sample_is_one_row(void **state)
{
	(void)state;
	static const char near[] = "24:abcdefghijklmXopqrstuvwxyZ:ABCDEFGHIJKLMX";
	struct hashes hashes = {.imphash = IMPHASH, .impfuzzy = IMPFUZZY};
	struct hashes relative = {.imphash = "ffffffffffffffffffffffffffffffff"};
	strcpy(relative.impfuzzy, near);
	_cleanup_known_ struct known *known = known_new();
	assert_null(known_add_hashes(known, &relative, "relative"));
	assert_null(known_add_hashes(known, &hashes, "same"));
	assert_null(known_add(known, IMPFUZZY " alone", strlen(IMPFUZZY " alone"), NULL));
	assert_null(known_add(known, IMPHASH, strlen(IMPHASH), "last"));
	assert_int_equal(known_count(known), 6);
	known_seal(known);

	_cleanup_matches_ struct matches matches = {0};
	find(known, IMPHASH, IMPFUZZY, 30, &matches);
	assert_int_equal(matches.count, 4);
	assert_string_equal(matches.items[0].name, "same");
	assert_string_equal(matches.items[0].hash, IMPHASH);
	assert_false(matches.items[0].type == HASH_IMPFUZZY);
	assert_string_equal(matches.items[1].name, "alone");
	assert_true(matches.items[1].type == HASH_IMPFUZZY);
	assert_string_equal(matches.items[2].name, "last");
	assert_string_equal(matches.items[3].name, "relative");
	assert_true(matches.items[3].score >= 30 && matches.items[3].score < 100);
	assert_true(matches.items[0].order < matches.items[1].order);

	/* Where its imphash differs, a sample is found by its impfuzzy. */
	find(known, "eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee", IMPFUZZY, 100, &matches);
	assert_int_equal(matches.count, 2);
	assert_string_equal(matches.items[0].name, "same");
	assert_true(matches.items[0].type == HASH_IMPFUZZY);

	/* No threshold keeps an equal imphash away. */
	find(known, IMPHASH, "3:abc:def", 100, &matches);
	assert_int_equal(matches.count, 2);
	find(known, "0123456789ABCDEF0123456789ABCDEF", "", 100, &matches);
	assert_int_equal(matches.count, 2);
}

/* An impfuzzy row is left out for an imphash that matched, not for one that can't match. */
static void an_empty_imphash_hides_no_impfuzzy(void **state)
{
	(void)state;
	struct hashes hashes = {.imphash = EMPTY, .impfuzzy = IMPFUZZY};
	_cleanup_known_ struct known *known = known_new();
	assert_null(known_add_hashes(known, &hashes, "odd"));
	known_seal(known);
	_cleanup_matches_ struct matches matches = {0};
	find(known, EMPTY, IMPFUZZY, 0, &matches);
	assert_int_equal(matches.count, 1);
	assert_true(matches.items[0].type == HASH_IMPFUZZY);
}

static void find_all(struct known *known, const struct hashes *hashes, const char *names)
{
	_cleanup_matches_ struct matches matches = {0};
	_cleanup_text_ struct text found = {0};
	known_find(known, hashes, 50, &matches);
	for (size_t i = 0; i < matches.count; i++)
		text_add_format(&found, "%s=%s%s%d;", matches.items[i].name,
				matches.items[i].type == HASH_IMPSET	 ? "set"
				: matches.items[i].type == HASH_IMPFUZZY ? "fuzzy"
				: matches.items[i].type == HASH_IMPHASH
					? ""
					: hash_type_name(matches.items[i].type),
				matches.items[i].type == HASH_IMPHASH ? "" : " ",
				matches.items[i].score);
	assert_string_equal(text_string(&found), names);
}

/* Hashes of types and functions match their own type only; 64 digits alone either. */
static void types_are_apart(void **state)
{
	static const char *const lists[] = {
		"typerefuzzy:" IMPFUZZY " types",
		"gimpfuzzy:" IMPFUZZY " functions",
		IMPFUZZY " imports",
		"typerefhash:" SHA256 " t",
		"gimphash:" SHA256 " g",
		SHA256 " either",
		IMPHASH ",typerefhash:" SHA256 ",gimphash:" OTHER256 " all",
	};
	struct hashes types = {.typerefuzzy = IMPFUZZY}, functions = {.gimpfuzzy = IMPFUZZY},
		      fuzzy = {.impfuzzy = IMPFUZZY}, digits = {.typerefhash = SHA256},
		      ordinal = {.typerefhash = OTHER256, .typerefhash_ordinal = SHA256},
		      go = {.gimphash = SHA256}, both = {.imphash = IMPHASH, .gimphash = OTHER256};
	_cleanup_known_ struct known *known = known_new();
	(void)state;
	for (size_t i = 0; i < array_size(lists); i++)
		assert_null(known_add(known, lists[i], strlen(lists[i]), NULL));
	known_seal(known);
	find_all(known, &types, "types=typerefuzzy 100;");
	find_all(known, &functions, "functions=gimpfuzzy 100;");
	find_all(known, &fuzzy, "imports=fuzzy 100;");
	find_all(known, &digits, "t=typerefhash 100;either=typerefhash 100;all=typerefhash 100;");
	find_all(known, &ordinal, "t=typerefhash 100;either=typerefhash 100;all=typerefhash 100;");
	find_all(known, &go, "g=gimphash 100;either=gimphash 100;");
	/* The import list of a program that matches by its functions is its runtime's. */
	find_all(known, &both, "all=gimphash 100;");
	/* So its other matches come behind those by functions. */
	strcpy(both.gimphash, SHA256);
	find_all(known, &both, "g=gimphash 100;either=gimphash 100;all=100;");
	both.gimphash[0] = '\0';
	find_all(known, &both, "all=100;");
}

/* An impset and an impfuzzy have one form, and are never compared with each other. */
static void sets_are_apart(void **state)
{
	(void)state;
	static const char *const texts[] = {
		"impset:" IMPFUZZY,
		"impset:" IMPFUZZY " named",
		IMPFUZZY " fuzzy",
		"impset:24:abcdefghijklmXopqrstuvwxyZ:ABCDEFGHIJKLMX near",
		"impset:" IMPFUZZY "," IMPHASH "," IMPFUZZY ",all",
	};
	struct hashes set = {.impset = IMPFUZZY}, fuzzy = {.impfuzzy = IMPFUZZY};
	struct hashes all = {.imphash = IMPHASH, .impfuzzy = IMPFUZZY, .impset = IMPFUZZY},
		      near = set;
	_cleanup_known_ struct known *known = known_new();
	for (size_t i = 0; i < array_size(texts); i++)
		assert_null(known_add(known, texts[i], strlen(texts[i]), NULL));
	assert_int_equal(known_count(known), 7);
	known_seal(known);
	find_all(known, &set, "impset:" IMPFUZZY "=set 100;named=set 100;all=set 100;near=set 94;");
	find_all(known, &fuzzy, "fuzzy=fuzzy 100;all=fuzzy 100;");
	/* Equal sets come behind equal lists; of these the one that resembles more otherwise. */
	find_all(known, &all,
		 "fuzzy=fuzzy 100;all=100;impset:" IMPFUZZY "=set 100;named=set 100;near=set 94;");
	strcpy(near.impfuzzy, "24:abcdefghijklmXopqrstuvwxyZ:ABCDEFGHIJKLMX");
	find_all(known, &near,
		 "all=set 100;impset:" IMPFUZZY
		 "=set 100;named=set 100;fuzzy=fuzzy 94;near=set 94;");
}

/* A file with this content, for the time of a scope. */
struct list_file {
	char path[32];
};

static struct list_file list_file(const char *content, size_t length)
{
	struct list_file file = {"/tmp/test_match.XXXXXX"};
	int fd = mkstemp(file.path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, content, length), length);
	close(fd);
	return file;
}

static void list_file_remove(struct list_file *file)
{
	unlink(file->path);
}
#define _cleanup_list_file_ __attribute__((cleanup(list_file_remove)))

/* Reads a list; its names, as found by IMPHASH, IMPFUZZY and IMPSET, are `names`, each ended by ";". */
static void check_list(const char *content, const char *names)
{
	_cleanup_list_file_ struct list_file file = list_file(content, strlen(content));
	_cleanup_known_ struct known *known = known_new();
	_cleanup_error_ struct error *error = known_add_list(known, file.path, NULL);
	if (error)
		fail_msg("%s", error_message(error));
	known_seal(known);
	_cleanup_matches_ struct matches matches = {0};
	find(known, IMPHASH, IMPFUZZY, 0, &matches);
	_cleanup_text_ struct text found = {0};
	for (size_t i = 0; i < matches.count; i++)
		text_add_format(&found, "%s;", matches.items[i].name);
	assert_string_equal(text_string(&found), names);
}

/* What a list of one line gives: its hashes, the names that they have, and its error. */
static void read_line(struct text *out, const char *hash, const char *between, const char *name)
{
	_cleanup_text_ struct text line = {0};
	text_add_format(&line, "%s%s%s\n", hash, between, name);
	_cleanup_list_file_ struct list_file file = list_file(line.data, line.length);
	_cleanup_known_ struct known *known = known_new();
	_cleanup_error_ struct error *error = known_add_list(known, file.path, NULL);
	const char *sentence = error ? strchr(error_message(error), '\'') : "none";
	known_seal(known);
	_cleanup_matches_ struct matches matches = {0};
	find(known, IMPHASH, IMPFUZZY, 0, &matches);
	text_add_format(out, "%zu;%s;", known_count(known), sentence ? sentence : "");
	for (size_t i = 0; i < matches.count; i++)
		text_add_format(out, "%s;", matches.items[i].name);
}

/* A line that is but a hash and a name is read as all others are, only faster. */
static void simple_lines_are_no_others(void **state)
{
	(void)state;
	static const char *const hashes[] = {
		IMPHASH,
		IMPFUZZY,
		("impset:" IMPSET),
		("typerefuzzy:" IMPFUZZY),
		EMPTY,
		"12:34:56",
		"768:abcdefghijk:ABCDEFGHIJK",
	};
	static const char *const names[] = {
		"a",
		"a.exe",
		"C-drive/a.exe",
		"md5",
		"MD5sum",
		"imphash",
		"impfuzzy",
		"impset",
		"sha-256",
		"sha256.a",
		"a.sha256",
		"a.md5s",
		"go.imphash",
		"value",
		"ioc",
		"n/a",
		"none",
		"0",
		"1",
		"nan.dll",
		"a\\",
		"a-",
		"imp",
		"ja3",
		IMPHASH,
		EMPTY,
		IMPHASH "0",
		IMPHASH ".exe",
		"0123456789abcdef",
		"authentihash",
		"Rich-PE-header-hash",
		"ssdeep",
		"x.imphashes",
		"md5-",
		"md5.",
	};
	for (size_t i = 0; i < array_size(hashes); i++) {
		for (size_t k = 0; k < array_size(names); k++) {
			_cleanup_text_ struct text simple = {0}, other = {0};
			read_line(&simple, hashes[i], " ", names[k]);
			read_line(&other, hashes[i], "  ", names[k]);
			assert_string_equal(text_string(&simple), text_string(&other));
		}
	}
}

static void check_list_error(const char *content, const char *sentence)
{
	_cleanup_list_file_ struct list_file file = list_file(content, strlen(content));
	_cleanup_known_ struct known *known = known_new();
	_cleanup_error_ struct error *error = known_add_list(known, file.path, NULL);
	assert_non_null(error);
	size_t n = strlen(file.path);
	assert_memory_equal(error_message(error), file.path, n);
	assert_string_equal(error_message(error) + n, sentence);
}

static void lists_are_read(void **state)
{
	(void)state;
	check_list("", "");
	check_list("\n\n  \t\n# nothing\n", "");
	check_list(IMPHASH " a", "a;");
	check_list("impset:" IMPSET " a\n" IMPSET " b\nimpset:" IMPFUZZY " c\n", "a;");
	check_list(EMPTY "  24:no:no  impset:" IMPSET "  s/a.exe\n", "s/a.exe;");
	check_list("\xef\xbb\xbf" IMPHASH " a\r\n\r\n  # c\r\n" IMPFUZZY ",b\r\n", "a;b;");
	check_list("ssdeep,1.1--blocksize:hash:hash,filename\n" IMPFUZZY ",\"/x/a,b.exe\"\n",
		   "/x/a,b.exe;");
	check_list(IMPHASH "  " IMPFUZZY "  s/a.exe\n# s/b: no PE\n" IMPHASH "  s/c.exe\n",
		   "s/a.exe;s/c.exe;");
}

static void csv_is_read(void **state)
{
	(void)state;
	check_list("path,imports,imphash,impfuzzy,status,reason\r\n"
		   "a.exe,3," IMPHASH "," IMPFUZZY ",ok,\r\n"
		   "b.dll,0,,,no-imports,\r\n"
		   "\"c,\"\"d\"\"\n.exe\",3,," IMPFUZZY ",ok,\r\n"
		   "#e," IMPHASH ",\"" IMPHASH "\",,ok,\"x\ny\"\r\n",
		   "a.exe;c,\"d\"\n.exe;#e;");
	check_list("pid,process,module,path,imphash,impfuzzy\n"
		   "4,System,a.sys,\\x\\a.sys," IMPHASH ",\n"
		   "8,x.exe,INJECTED CODE,,," IMPFUZZY "\n",
		   "\\x\\a.sys;INJECTED CODE;");
	check_list("# made by hand\nname,imphash\na," IMPHASH "\n\nname,x,impfuzzy\nb,," IMPFUZZY,
		   "a;b;");
	check_list("imphash\n" IMPHASH, IMPHASH ";");
	check_list("impset,name\n" IMPSET ",a\nimpset:" IMPSET ",b\n,c\n" IMPFUZZY ",d\n", "a;b;");
	check_list("path,imphash,impfuzzy,impset\na,,," IMPSET "\nb," EMPTY ",3::," IMPSET "\n",
		   "a;b;");
	check_list("impset\n" IMPSET "\n", "impset:" IMPSET ";");
}

static void lists_with_errors_name_the_line(void **state)
{
	(void)state;
	static const char none[] =
		" is neither an imphash (32 hex digits) nor an impfuzzy hash (BLOCKSIZE:TEXT:TEXT)"
		" nor an impset hash (impset:BLOCKSIZE:TEXT:TEXT) nor one of typerefhash:, "
		"typerefuzzy:, gimphash: and gimpfuzzy:";
	char sentence[256];
	snprintf(sentence, sizeof(sentence), ":3: 'xyz'%s", none);
	check_list_error(IMPHASH "\n\nxyz\n" IMPHASH "\n", sentence);
	check_list_error(IMPHASH "\r\n#\r\nxyz", sentence);
}

/* Reads a list; what is told of it, with LIST for its path. */
static void check_told(const char *content, size_t taken, const char *told)
{
	_cleanup_list_file_ struct list_file file = list_file(content, strlen(content));
	_cleanup_known_ struct known *known = known_new();
	_cleanup_list_report_ struct list_report report = {0};
	_cleanup_error_ struct error *error = known_add_list(known, file.path, &report);
	if (error)
		fail_msg("%s", error_message(error));
	size_t all = report.either;
	for (unsigned int type = 0; type < HASH_TYPES; type++)
		all += report.taken[type];
	assert_int_equal(all, taken);
	_cleanup_text_ struct text lines = {0};
	for (const char *at = text_string(&report.lines); *at;) {
		bool path = !strncmp(at, file.path, strlen(file.path));
		if (path)
			text_add_string(&lines, "LIST");
		else
			text_add_char(&lines, *at);
		at += path ? strlen(file.path) : 1;
	}
	assert_string_equal(text_string(&lines), told);
}

/* A row of a table that can't be taken is told, and the others are taken. */
static void bad_rows_are_told(void **state)
{
	(void)state;
	/* Records over several lines are named by their first. */
	check_told("path,imphash\n\"a\nb\"," IMPHASH "\n\"c\nd\",xyz\n", 1,
		   "LIST:4: 'xyz' is no imphash\n");
	check_told("path,imphash\na," IMPFUZZY "\nb," IMPHASH "\n", 1,
		   "LIST:2: '" IMPFUZZY "' is no imphash\n");
	check_told("path,impfuzzy\na,impset:" IMPFUZZY "\nb," IMPFUZZY "\n", 1,
		   "LIST:2: 'impset:" IMPFUZZY "' is no impfuzzy\n");
	check_told("path,impset\na,impset:" IMPHASH "\nb," IMPSET "\n", 1,
		   "LIST:2: 'impset:" IMPHASH "' is no impset\n");
	check_told("path,imphash\na," IMPHASH "\nb\nc," IMPHASH "\n", 2,
		   "LIST:3: 1 fields, where the header has 2\n");
	check_told("path,imphash\na," IMPHASH "\n\"b," IMPHASH "\nc," IMPHASH "\n", 2,
		   "LIST:3: a quote is opened and never closed\n");
	check_told("path,imphash\n\"a\"b," IMPHASH "\nc," IMPHASH "\n", 1,
		   "LIST:2: something stands behind a closing quote\n");
	/* Five are told. */
	check_told(
		"imphash\nz\nz\nz\nz\nz\nz\n" IMPHASH "\n", 1,
		"LIST:2: 'z' is no imphash\nLIST:3: 'z' is no imphash\nLIST:4: 'z' is no imphash\n"
		"LIST:5: 'z' is no imphash\nLIST:6: 'z' is no imphash\n");
}

/* A list longer than what is read at once, and a line longer than any list has. */
static void long_lists_are_read_whole(void **state)
{
	(void)state;
	_cleanup_text_ struct text content = {0};
	for (int i = 1; i <= 60000; i++)
		text_add_format(&content, "%08x%08x%08x%08x name-%d\n", i, i, i, i, i);
	text_add_string(&content, IMPHASH " last");
	_cleanup_list_file_ struct list_file file =
		list_file(text_string(&content), content.length);
	_cleanup_known_ struct known *known = known_new();
	assert_null(known_add_list(known, file.path, NULL));
	assert_int_equal(known_count(known), 60001);
	known_seal(known);
	_cleanup_matches_ struct matches matches = {0};
	find(known, "0000abcd0000abcd0000abcd0000abcd", "", 0, &matches);
	assert_int_equal(matches.count, 1);
	assert_string_equal(matches.items[0].name, "name-43981");
	find(known, IMPHASH, "", 0, &matches);
	assert_string_equal(matches.items[0].name, "last");

	text_clear(&content);
	text_add_string(&content, IMPHASH "\n");
	for (int i = 0; i < 3 << 20; i++)
		text_add_char(&content, 'a');
	check_list_error(text_string(&content), ":2: longer than 1048576 bytes");
	/* One whose end is already there when it is looked at. */
	content.data[content.length = (1 << 20) + 100] = '\0';
	text_add_string(&content, "\n");
	check_list_error(text_string(&content), ":2: longer than 1048576 bytes");
}

static void what_is_no_list_is_refused(void **state)
{
	(void)state;
	_cleanup_known_ struct known *known = known_new();
	_cleanup_error_ struct error *missing = known_add_list(known, "/nonexistent/list", NULL);
	assert_string_equal(error_message(missing),
			    "/nonexistent/list: can't be opened: No such file or directory");
	_cleanup_error_ struct error *folder = known_add_list(known, "/", NULL);
	assert_string_equal(error_message(folder), "/: can't be read: Is a directory");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hashes_are_read_in_all_forms),
		cmocka_unit_test(what_is_no_hash_is_refused),
		cmocka_unit_test(empty_import_lists_never_match),
		cmocka_unit_test(an_empty_set_is_searched),
		cmocka_unit_test(a_sample_is_one_row),
		cmocka_unit_test(an_empty_imphash_hides_no_impfuzzy),
		cmocka_unit_test(sets_are_apart),
		cmocka_unit_test(types_are_apart),
		cmocka_unit_test(lists_are_read),
		cmocka_unit_test(simple_lines_are_no_others),
		cmocka_unit_test(csv_is_read),
		cmocka_unit_test(lists_with_errors_name_the_line),
		cmocka_unit_test(bad_rows_are_told),
		cmocka_unit_test(long_lists_are_read_whole),
		cmocka_unit_test(what_is_no_list_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
