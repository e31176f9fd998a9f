/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Known-good modules. What a module is known by is written as one text, of which 128 bits of hash
 * are kept and searched.
 */
#include <impscan/good.h>

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>
#include <impscan/match.h>
#include <impscan/unpack.h>

#include "csv.h"
#include "index.h"
#include "list_json.h"

struct good_key {
	uint64_t a, b;
};

struct good {
	struct good_key *keys;
	size_t count;
	size_t capacity;
	const char *password; /* of packed files; NULL: none */
	/* Of the file added last: an entry's name is one of a file; the first that is not. */
	bool fits;
	char *unfit;
};

struct good *good_new(void)
{
	return alloc_new(struct good);
}

void good_free(struct good *good)
{
	if (!good)
		return;
	free(good->keys);
	free(good->unfit);
	free(good);
}

void good_set_password(struct good *good, const char *password)
{
	good->password = password;
}

/* Two hashes of a text by FNV-1a with different starts, finished by splitmix64's step. */
static struct good_key key_of(const struct text *text)
{
	uint64_t h[2] = {0xcbf29ce484222325u, 0x84222325cbf29ce4u};
	for (int k = 0; k < 2; k++) {
		for (size_t i = 0; i < text->length; i++)
			h[k] = (h[k] ^ (uint8_t)text->data[i]) *
			       (k ? 0x9e3779b97f4a7c15u : 0x100000001b3u);
		h[k] = (h[k] ^ h[k] >> 30) * 0xbf58476d1ce4e5b9u;
		h[k] ^= h[k] >> 27;
	}
	return (struct good_key){h[0], h[1]};
}

static int compare(const void *a, const void *b)
{
	const struct good_key *x = a, *y = b;
	if (x->a != y->a)
		return x->a < y->a ? -1 : 1;
	return (x->b > y->b) - (x->b < y->b);
}

static void add_key(struct good *good, const struct text *text)
{
	*array_push(good->keys, good->count, good->capacity) = key_of(text);
}

static void sort(struct good *good)
{
	if (good->count)
		qsort(good->keys, good->count, sizeof(*good->keys), compare);
}

static bool has_key(const struct good *good, const struct text *text)
{
	struct good_key key = key_of(text);
	return good->count && bsearch(&key, good->keys, good->count, sizeof(key), compare);
}

/* A part of a key, and what ends it. */
static void add_part(struct text *text, const char *part)
{
	for (; part && *part; part++)
		text_add_char(text, (char)tolower((unsigned char)*part));
	text_add_char(text, '\x01');
}

/* The last two parts of a path. */
static const char *last_two(const char *path)
{
	const char *at = path + strlen(path);
	for (int parts = 0; at > path; at--)
		if ((at[-1] == '\\' || at[-1] == '/') && ++parts == 2)
			break;
	return at;
}

/* How a listing knows a module; false where it can't be known. */
static bool module_key(struct text *text, const struct good_module *module)
{
	text_clear(text);
	if (!*module->name || !*module->path || module->names_unread)
		return false;
	add_part(text, *module->hashes.imphash ? "module" : "no-imports");
	add_part(text, module->name);
	add_part(text, last_two(module->path));
	/* Hashes are not letters in any case. */
	if (*module->hashes.imphash)
		text_add_format(text, "%s %s %s %s", module->hashes.imphash,
				module->hashes.impfuzzy, module->rebuilt.imphash,
				module->rebuilt.impfuzzy);
	else
		text_add_format(text, "%llu %u", (unsigned long long)module->size,
				module->timestamp);
	bool named = *module->hashes.typerefhash || *module->hashes.gimphash;
	if (named)
		text_add_format(text, " %s %s", module->hashes.typerefhash,
				module->hashes.gimphash);
	return *module->hashes.imphash ||
	       (module->no_imports && (module->timestamp || named) && !*module->rebuilt.imphash);
}

/* Hashes by which a list knows a module; "" where it says none of a type. */
struct list_hashes {
	const char *imphash, *impfuzzy, *typerefhash, *gimphash;
};

/* How a list knows it. */
static void list_key(struct text *text, const char *name, const struct list_hashes *hashes)
{
	text_clear(text);
	add_part(text, "list");
	add_part(text, name);
	text_add_format(text, "%s %s", hashes->imphash, hashes->impfuzzy);
	if (*hashes->typerefhash || *hashes->gimphash)
		text_add_format(text, " %s %s", hashes->typerefhash, hashes->gimphash);
}

/*
 * Has a list an entry of this name with some of these hashes? Where there is one of types or
 * functions, an entry without it does not count.
 */
static bool in_lists_as(const struct good *good, struct text *text, const char *name,
			const struct list_hashes *all)
{
	const char *names = *all->typerefhash ? all->typerefhash : all->gimphash;
	for (unsigned int some = *names ? 0 : 1; some < 4; some++) {
		list_key(text, name,
			 &(struct list_hashes){some & 1 ? all->imphash : "",
					       some & 2 ? all->impfuzzy : "", all->typerefhash,
					       all->gimphash});
		if (has_key(good, text))
			return true;
	}
	return false;
}

static bool in_lists(const struct good *good, struct text *text, const struct good_module *module)
{
	const struct hashes *hashes = &module->hashes;
	const char *const names[] = {module->name, ""};
	bool named = *hashes->typerefhash || *hashes->gimphash;
	const struct list_hashes all[] = {
		{hashes->imphash, hashes->impfuzzy, hashes->typerefhash, ""},
		{hashes->imphash, hashes->impfuzzy, hashes->typerefhash_ordinal, ""},
		{hashes->imphash, hashes->impfuzzy, "", hashes->gimphash},
		{hashes->imphash, hashes->impfuzzy, "", ""},
	};
	if ((!*hashes->imphash && !named) || *module->rebuilt.imphash || module->names_unread)
		return false;
	for (size_t i = 0; i < array_size(names); i++)
		for (size_t h = 0; h < array_size(all); h++) {
			bool with = *all[h].typerefhash || *all[h].gimphash;
			if (with != named || (!named && !*names[i] && match_note(hashes)))
				continue;
			if (in_lists_as(good, text, names[i], &all[h]))
				return true;
		}
	return false;
}

bool good_has(const struct good *good, const struct good_module *module)
{
	_cleanup_text_ struct text text = {0};
	return (module_key(&text, module) && has_key(good, &text)) || in_lists(good, &text, module);
}

/* --- Rows of impscan's own --- */

/* The texts of a row that count. */
enum column {
	COLUMN_MODULE,
	COLUMN_PATH,
	COLUMN_SIZE,
	COLUMN_TIMESTAMP,
	COLUMN_STATUS,
	COLUMN_FLAGS,
	COLUMN_IMPHASH,
	COLUMN_IMPFUZZY,
	COLUMN_REBUILT_IMPHASH,
	COLUMN_REBUILT_IMPFUZZY,
	COLUMN_TYPEREFS,
	COLUMN_TYPEREFHASH,
	COLUMN_GO_FUNCTIONS,
	COLUMN_GIMPHASH,
	COLUMNS,
};

static const char *const column_names[COLUMNS] = {
	"module",   "path",	   "size",	   "timestamp",	      "status",
	"flags",    "imphash",	   "impfuzzy",	   "rebuilt_imphash", "rebuilt_impfuzzy",
	"typerefs", "typerefhash", "go_functions", "gimphash"};

static void copy(char *to, size_t size, struct slice from)
{
	size_t n = min_of(from.length, size - 1);
	if (n)
		memcpy(to, from.at, n);
	to[n] = '\0';
}

static uint64_t number(struct slice s)
{
	char text[24];
	copy(text, sizeof(text), s);
	return strtoull(text, NULL, 10);
}

/* Is nothing flagged? That a module is of 32 bits is no flag of anything. */
static bool is_plain(struct slice flags)
{
	return !flags.length || slice_is(flags, "wow64");
}

static void add_row(struct good *good, const struct slice cells[COLUMNS])
{
	_cleanup_free_ char *name =
		alloc_strndup(cells[COLUMN_MODULE].at ? cells[COLUMN_MODULE].at : "",
			      cells[COLUMN_MODULE].length);
	_cleanup_free_ char *path = alloc_strndup(
		cells[COLUMN_PATH].at ? cells[COLUMN_PATH].at : "", cells[COLUMN_PATH].length);
	_cleanup_text_ struct text text = {0};
	struct good_module module = {
		.name = name,
		.path = path,
		.size = number(cells[COLUMN_SIZE]),
		.timestamp = (uint32_t)number(cells[COLUMN_TIMESTAMP]),
		.no_imports = slice_is(cells[COLUMN_STATUS], "no-imports"),
	};
	bool whole = module.no_imports || slice_is(cells[COLUMN_STATUS], "ok");
	if (!whole || !is_plain(cells[COLUMN_FLAGS]))
		return;
	copy(module.hashes.imphash, sizeof(module.hashes.imphash), cells[COLUMN_IMPHASH]);
	copy(module.hashes.impfuzzy, sizeof(module.hashes.impfuzzy), cells[COLUMN_IMPFUZZY]);
	copy(module.rebuilt.imphash, sizeof(module.rebuilt.imphash), cells[COLUMN_REBUILT_IMPHASH]);
	copy(module.rebuilt.impfuzzy, sizeof(module.rebuilt.impfuzzy),
	     cells[COLUMN_REBUILT_IMPFUZZY]);
	copy(module.hashes.typerefhash, sizeof(module.hashes.typerefhash),
	     cells[COLUMN_TYPEREFHASH]);
	copy(module.hashes.gimphash, sizeof(module.hashes.gimphash), cells[COLUMN_GIMPHASH]);
	module.names_unread = (number(cells[COLUMN_TYPEREFS]) && !*module.hashes.typerefhash) ||
			      (number(cells[COLUMN_GO_FUNCTIONS]) && !*module.hashes.gimphash);
	if (module_key(&text, &module))
		add_key(good, &text);
}

static void read_csv(struct good *good, struct slice text)
{
	_cleanup_csv_row_ struct csv_row row = {0};
	size_t used, columns[COLUMNS] = {0}, count = 0;
	for (; text.length; text = slice_from(text, used)) {
		if (csv_record(&row, text, ',', true, &used) != CSV_RECORD) {
			const char *newline = memchr(text.at, '\n', text.length);
			used = newline ? (size_t)(newline + 1 - text.at) : text.length;
			continue;
		}
		/* Files that were put together have a header each. */
		if (slice_is(row.fields[0], "pid")) {
			count = row.count;
			for (size_t c = 0; c < COLUMNS; c++) {
				columns[c] = SIZE_MAX;
				for (size_t i = 0; i < row.count; i++)
					if (slice_is(row.fields[i], column_names[c]))
						columns[c] = i;
			}
			continue;
		}
		if (row.count != count)
			continue;
		struct slice cells[COLUMNS] = {0};
		_cleanup_text_ struct text module = {0}, path = {0};
		for (size_t c = 0; c < COLUMNS; c++)
			if (columns[c] < row.count)
				cells[c] = csv_unmarked(row.fields[columns[c]]);
		cells[COLUMN_MODULE] = slice_unescaped(cells[COLUMN_MODULE], &module);
		cells[COLUMN_PATH] = slice_unescaped(cells[COLUMN_PATH], &path);
		add_row(good, cells);
	}
}

static void read_json_row(struct good *good, struct json_object *row)
{
	struct slice cells[COLUMNS] = {0};
	struct json_object *flags = json_member(row, "flags");
	for (size_t c = 0; c < COLUMNS; c++) {
		struct json_object *member = json_member(row, column_names[c]);
		if (json_object_is_type(member, json_type_int))
			cells[c] = slice_of(json_object_to_json_string(member));
		else
			cells[c] = json_string(member);
	}
	if (json_object_is_type(flags, json_type_array) && json_object_array_length(flags))
		cells[COLUMN_FLAGS] = json_object_array_length(flags) > 1
					      ? slice_of("several")
					      : json_string(json_object_array_get_idx(flags, 0));
	add_row(good, cells);
}

/* A row a line, also where they are an array. */
static void read_json(struct good *good, struct slice text)
{
	struct json_tokener *tokener = json_tokener_new();
	struct slice line;
	while (tokener && slice_next_line(&text, &line)) {
		line = slice_trim(line);
		if (!line.length || *line.at != '{' || line.length > LIST_LINE_MAX)
			continue;
		json_tokener_reset(tokener);
		struct json_object *row = json_tokener_parse_ex(tokener, line.at, (int)line.length);
		if (row)
			read_json_row(good, row);
		json_object_put(row);
	}
	if (tokener)
		json_tokener_free(tokener);
}

/* May a module be called so? Its name, as that of any file with code, has an extension. */
static bool is_module_name(const char *name)
{
	const char *dot = strrchr(name, '.');
	return dot && dot[1] && !strchr(dot, ' ');
}

/* Adds an entry; `either` stands for a typerefhash or a gimphash. */
static void add_list_key(struct good *good, struct text *text, const char *name,
			 struct list_hashes *hashes, const char *either)
{
	if (!*either) {
		list_key(text, name, hashes);
		add_key(good, text);
		return;
	}
	struct list_hashes types = *hashes, functions = *hashes;
	types.typerefhash = functions.gimphash = either;
	list_key(text, name, &types);
	add_key(good, text);
	list_key(text, name, &functions);
	add_key(good, text);
}

/* Adds the entries of lists that are no listings. */
static void add_known(struct good *good, const struct known *known)
{
	_cleanup_text_ struct text text = {0};
	for (size_t i = 0, next; i < known->count; i = next) {
		struct list_hashes hashes = {"", "", "", ""};
		const char *either = "";
		const char *name = entry_name(known, &known->entries[i]);
		for (next = i; next < known->count && (next == i || known->entries[next].place);
		     next++) {
			const struct known_entry *entry = &known->entries[next];
			const char *hash = known->text + entry->text;
			if (entry->type == HASH_IMPHASH)
				hashes.imphash = hash;
			else if (entry->type == HASH_IMPFUZZY)
				hashes.impfuzzy = hash;
			else if (entry->type == HASH_TYPEREFHASH)
				hashes.typerefhash = entry_digits(known, entry);
			else if (entry->type == HASH_GIMPHASH)
				hashes.gimphash = entry_digits(known, entry);
			else if (entry->type == TYPE_EITHER)
				either = hash;
		}
		if (!*hashes.imphash && !*hashes.impfuzzy && !*hashes.typerefhash &&
		    !*hashes.gimphash && !*either)
			continue;
		add_list_key(good, &text, text_base_name(name), &hashes, either);
		good->fits |= !*name || is_module_name(text_base_name(name));
		if (!good->fits && !good->unfit)
			good->unfit = alloc_strdup(name);
	}
}

/* Reads a listing; false where the text is none. */
static bool read_listing(struct good *good, struct slice text)
{
	if (slice_begins(text, "\xef\xbb\xbf"))
		text = slice_from(text, 3);
	struct slice start = slice_trim(text);
	if (slice_begins(start, "pid,") && slice_find(text, "imphash")) {
		read_csv(good, start);
		return true;
	}
	if (slice_begins(start, "["))
		start = slice_trim(slice_from(start, 1));
	/* A row, or what --describe tells of the image before it. */
	if (!slice_begins(start, "{\"pid\":") && !slice_begins(start, "{\"impscan\":"))
		return false;
	read_json(good, start);
	return true;
}

/* A file of an archive, all of it. */
static struct error *read_whole(struct unpack *unpack, const char *label, struct text *bytes)
{
	const size_t step = 1 << 20;
	_cleanup_free_ char *piece = alloc_resize(NULL, step, 1);
	for (;;) {
		struct error *error = NULL;
		ssize_t n = unpack_read(unpack, piece, step, &error);
		if (n < 0)
			return error;
		if (!n)
			return NULL;
		if (bytes->length + (size_t)n > LIST_DOCUMENT_MAX)
			return error_new("%s: longer than %u MB: unpack it", label,
					 LIST_DOCUMENT_MAX >> 20);
		text_add(bytes, piece, (size_t)n);
	}
}

/* Reads what is packed: listings, or else lists. */
static struct error *read_packed(struct good *good, const char *path, struct list_report *report,
				 bool *listing)
{
	_cleanup_unpack_ struct unpack *unpack = NULL;
	_cleanup_known_ struct known *known = known_new();
	try_(unpack_file(path, path, good->password, &unpack));
	for (;;) {
		_cleanup_text_ struct text bytes = {0};
		const char *name;
		try_(unpack_next(unpack, &name));
		if (!name)
			break;
		_cleanup_free_ char *label =
			*name ? alloc_printf("%s!%s", path, name) : alloc_strdup(path);
		try_(read_whole(unpack, label, &bytes));
		const struct slice text = {text_string(&bytes), bytes.length};
		if (read_listing(good, text))
			*listing = true;
		else
			try_(known_add_text(known, label, text, report));
	}
	add_known(good, known);
	return NULL;
}

/* Reads a file that is mapped; `*listing`: it is one. */
static struct error *read_mapped(struct good *good, const char *path, struct slice text,
				 struct list_report *report, bool *listing)
{
	if (unpack_knows(text.at, min_of(text.length, (size_t)1 << 16)))
		return read_packed(good, path, report, listing);
	*listing = read_listing(good, text);
	return NULL;
}

/* Has the file nothing but entries whose names no module has? */
static bool unfit_only(const struct good *good, bool listing)
{
	return good->unfit && !good->fits && !listing;
}

static struct error *unfit(const struct good *good, const char *path)
{
	_cleanup_text_ struct text name = {0};
	text_add_printable(&name, good->unfit);
	return error_new(
		"%s: knows no module: a list knows one by its name and its hashes, and none "
		"of its entries is called as a file is (the first: '%s')",
		path, text_string(&name));
}

struct error *good_add(struct good *good, const char *path, size_t *modules,
		       struct list_report *report)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat status;
	size_t before = good->count;
	bool listing = false;
	free(take_ptr(good->unfit));
	good->fits = false;
	if (fd < 0 || fstat(fd, &status))
		return error_errno(errno, "%s: can't be opened", path);
	if (S_ISREG(status.st_mode) && status.st_size > 0) {
		size_t size = (size_t)status.st_size;
		void *data = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
		if (data == MAP_FAILED)
			return error_errno(errno, "%s: can't be read", path);
		struct error *error =
			read_mapped(good, path, (struct slice){data, size}, report, &listing);
		munmap(data, size);
		try_(error);
	}
	if (!listing && good->count == before) {
		_cleanup_known_ struct known *known = known_new();
		known_set_password(known, good->password);
		try_(known_add_list(known, path, report));
		add_known(good, known);
	}
	*modules = good->count - before;
	sort(good);
	if (unfit_only(good, listing))
		return unfit(good, path);
	if (*modules)
		return NULL;
	return error_new("%s: nothing in it is known to be good: %s", path,
			 listing ? "no row of it is of a module that was read whole and is not "
				   "flagged"
				 : "there is no import hash in it");
}
