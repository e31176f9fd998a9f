/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which names of functions gimphash takes, and which packages are known. The rules are those of
 * gimphash by Nextron Systems (README.md). Its two programs differ in letters other than ASCII's;
 * here they are those of the one in Go, whose unicode package knows them.
 */
#include "golang/names.h"

#include <string.h>

#include <impscan/bytes.h>
#include <impscan/golang.h>
#include <impscan/search.h>
#include <impscan/text.h>

#include "golang/letters.h"

static bool has_prefix(const char *name, const char *prefix)
{
	return !strncmp(name, prefix, strlen(prefix));
}

static enum letter letter_of(uint32_t code)
{
	size_t behind = search_first(i, 0, letter_count, letters[i] >> LETTER_BITS > code);
	return behind ? (enum letter)(letters[behind - 1] & ((1u << LETTER_BITS) - 1))
		      : LETTER_OTHER;
}

/* Is the first lower-case letter of a name before all upper-case letters and numbers? */
static bool is_private(const char *name)
{
	while (*name) {
		uint32_t code;
		size_t length = text_utf8_next(name, &code);
		enum letter letter = length ? letter_of(code) : LETTER_OTHER;
		if (letter != LETTER_OTHER)
			return letter == LETTER_LOWER;
		name += length ? length : 1;
	}
	return false;
}

/* Packages whose functions gimphash leaves out; so it does with all names that begin like them. */
static bool is_left_out(const char *name)
{
	static const char *const packages[] = {
		"runtime", "sync", "syscall", "type", "time", "unicode", "reflect", "strconv",
	};
	for (size_t i = 0; i < array_size(packages); i++)
		if (has_prefix(name, packages[i]))
			return true;
	return false;
}

bool golang_keeps(const char *name, const char **kept)
{
	if (has_prefix(name, "go.") || has_prefix(name, "type."))
		return false;
	for (const char *at; (at = strstr(name, "vendor/"));)
		name = at + strlen("vendor/");
	*kept = name;
	if (strstr(name, "internal/") || is_left_out(name))
		return false;
	const char *slash = strrchr(name, '/');
	const char *base = slash ? slash + 1 : name;
	for (int i = 0; i < 2; i++) {
		const char *dot = strchr(base, '.');
		base = dot ? dot + 1 : base;
		if (is_private(base))
			return false;
	}
	return true;
}

/* The first elements of import paths of Go's standard library, beside what every program has. */
static const char *const standard[] = {
	"archive",  "bufio",  "bytes", "cmp",	   "compress", "container", "context", "crypto",
	"database", "debug",  "embed", "encoding", "errors",   "expvar",    "flag",    "fmt",
	"go",	    "hash",   "html",  "image",	   "index",    "io",	    "iter",    "log",
	"maps",	    "math",   "mime",  "net",	   "os",       "path",	    "plugin",  "reflect",
	"regexp",   "slices", "sort",  "strconv",  "strings",  "structs",   "sync",    "syscall",
	"testing",  "text",   "time",  "unicode",  "unique",   "weak",
};

/* What every program has, garbled or not: what a name begins with, and where its package ends. */
static const char *const always[] = {"runtime", "internal", "vendor", "type", "__x86"};

static bool is_one_of(const char *name, size_t length, const char *const *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strlen(list[i]) == length && !memcmp(list[i], name, length))
			return true;
	return false;
}

/* Names of the package main that every program may have. */
static bool is_of_any_main(const char *name)
{
	return !strcmp(name, "main.main") || !strcmp(name, "main.init") ||
	       has_prefix(name, "main.init.");
}

enum package_kind golang_package_kind(const char *name)
{
	size_t length = strcspn(name, "./:");
	if (!name[length] || name[length] == ':' || has_prefix(name, "go.") ||
	    is_one_of(name, length, always, array_size(always)) || is_of_any_main(name))
		return PACKAGE_ALWAYS;
	if (has_prefix(name, "main."))
		return PACKAGE_MAIN;
	return is_one_of(name, length, standard, array_size(standard)) ? PACKAGE_STANDARD
								       : PACKAGE_OTHER;
}
