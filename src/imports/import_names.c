/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Names of imports: which ones pefile 2023.2.7 accepts (is_valid_function_name,
 * is_valid_dos_filename), and how they are written into the string that is hashed (get_imphash).
 */
#include <stdio.h>
#include <string.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>

#include "imports/import_names.h"
#include "imports/reading.h"

enum { IN_FUNCTION = 1, IN_FILE = 2 };

/* clang-format off */
#define LETTERS(first, flags) \
	[first] = flags, [first + 1] = flags, [first + 2] = flags, [first + 3] = flags, \
	[first + 4] = flags, [first + 5] = flags, [first + 6] = flags, [first + 7] = flags

static const uint8_t classes[256] = {
	LETTERS('a', 3), LETTERS('i', 3), LETTERS('q', 3), ['y'] = 3, ['z'] = 3,
	LETTERS('A', 3), LETTERS('I', 3), LETTERS('Q', 3), ['Y'] = 3, ['Z'] = 3,
	LETTERS('0', 3), ['8'] = 3, ['9'] = 3,
	['_'] = 3, ['@'] = 3, ['$'] = 3, ['('] = 3, [')'] = 3, ['.'] = 3,
	['?'] = IN_FUNCTION, ['<'] = IN_FUNCTION, ['>'] = IN_FUNCTION,
	['!'] = IN_FILE, ['#'] = IN_FILE, ['%'] = IN_FILE, ['&'] = IN_FILE, ['\''] = IN_FILE,
	['-'] = IN_FILE, ['^'] = IN_FILE, ['`'] = IN_FILE, ['{'] = IN_FILE, ['}'] = IN_FILE,
	['~'] = IN_FILE, ['+'] = IN_FILE, [','] = IN_FILE, [';'] = IN_FILE, ['='] = IN_FILE,
	['['] = IN_FILE, [']'] = IN_FILE, ['\\'] = IN_FILE, ['/'] = IN_FILE,
};
/* clang-format on */

static bool all_in(const char *name, size_t length, unsigned int flag)
{
	unsigned int common = flag;
	for (size_t i = 0; i < length; i++)
		common &= classes[(uint8_t)name[i]];
	return common != 0;
}

bool names_valid_function(const char *name, size_t length)
{
	return all_in(name, length, IN_FUNCTION);
}

bool names_valid_dll(const char *name, size_t length)
{
	return all_in(name, length, IN_FILE);
}

bool names_garbage(const char *name, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (name[i] < ' ' || name[i] > '~')
			return true;
	return false;
}

static void lower(char *s, size_t length)
{
	for (size_t i = 0; i < length; i++)
		s[i] = (char)(s[i] + (s[i] >= 'A' && s[i] <= 'Z' ? 'a' - 'A' : 0));
}

/* Returns the length without the extension, if that is one of three. */
static size_t library_length(const char *dll, size_t length)
{
	static const char extensions[][5] = {".ocx", ".sys", ".dll"};
	for (size_t i = 0; length >= 4 && i < array_size(extensions); i++)
		if (!memcmp(dll + length - 4, extensions[i], 4))
			return length - 4;
	return length;
}

/*
 * The part behind the dot: a name, or for an ordinal the name that a table gives it, or "ord<N>".
 */
struct function {
	const char *data;
	size_t length;
	char number[12];
};

static void ordinal_name(const char *dll, uint32_t ordinal, struct function *function)
{
	function->data = imports_ordinal_name(dll, ordinal);
	if (!function->data) {
		snprintf(function->number, sizeof(function->number), "ord%u", ordinal & 0xffff);
		function->data = function->number;
	}
	function->length = strlen(function->data);
}

static void get_function(struct import_reading *r, const struct thunk *f, const char *dll,
			 struct function *function)
{
	if (f->kind == IMPORT_NAME) {
		function->data = f->data ? f->data : r->scratch->copies.data + f->copied;
		function->length = f->length;
		return;
	}
	ordinal_name(dll, f->ordinal, function);
}

static void add_part(struct text *text, const char *library, size_t length,
		     const struct function *function)
{
	if (text->length)
		text_add_char(text, ',');
	text_add(text, library, length);
	text_add_char(text, '.');
	size_t start = text->length;
	text_add(text, function->data, function->length);
	lower(text->data + start, function->length);
}

static uint32_t keep_name(struct imports *imports, const char *name, size_t length)
{
	size_t start = imports->names.length;
	text_add(&imports->names, name, length);
	text_add_char(&imports->names, '\0');
	return (uint32_t)start;
}

size_t names_library(struct text *low, const char *dll, size_t length)
{
	text_clear(low);
	if (names_valid_dll(dll, length))
		text_add(low, dll, length);
	else
		text_add_string(low, "*invalid*");
	lower(low->data, low->length);
	return library_length(low->data, low->length);
}

bool names_append(struct text *text, const struct text *low, size_t library, const char *name,
		  uint32_t ordinal)
{
	struct function function = {.data = name};
	if (name) {
		function.length = strlen(name);
		if (!function.length || !names_valid_function(name, function.length))
			return false;
	} else {
		if (!ordinal)
			return false;
		ordinal_name(low->data, ordinal, &function);
	}
	add_part(text, low->data, library, &function);
	return true;
}

static void add_entries(struct import_reading *r, const struct descriptor *d, size_t count,
			const char *dll, size_t dll_length)
{
	struct imports *imports = r->imports;
	uint32_t dll_name = keep_name(imports, dll ? dll : "", dll ? dll_length : 0);
	uint64_t slot = d->first_thunk;
	for (size_t i = 0; i < count; i++, slot += pe_pointer_size(r->pe)) {
		const struct thunk *f = &r->scratch->thunks[i];
		struct import_entry *entry =
			array_push(imports->entries, imports->entry_count, imports->entry_capacity);
		*entry = (struct import_entry){
			.kind = f->kind,
			.hashed = f->hashed && dll && dll_length,
			.ordinal = f->ordinal,
			.descriptor = r->descriptor,
			.slot = (uint32_t)slot,
			.dll = dll_name,
		};
		if (f->kind != IMPORT_NAME)
			continue;
		const char *name = f->data ? f->data : r->scratch->copies.data + f->copied;
		entry->name = keep_name(imports, name, f->length);
	}
}

void names_add(struct import_reading *r, const struct descriptor *d, size_t count, const char *dll,
	       size_t dll_length)
{
	struct imports *imports = r->imports;
	if (imports->keep_entries)
		add_entries(r, d, count, dll, dll_length);
	if (!dll_length || !dll)
		return;
	struct text *low = &r->scratch->dll;
	size_t library = names_library(low, dll, dll_length);

	/*
	 * pyimpfuzzy's rule: where the first import of a descriptor is bound, those that are not
	 * bound are left out.
	 */
	bool only_bound = false;
	bool first = true;
	for (size_t i = 0; i < count; i++) {
		const struct thunk *f = &r->scratch->thunks[i];
		if (!f->hashed)
			continue;
		if (first)
			only_bound = f->bound;
		first = false;
		struct function function;
		get_function(r, f, low->data, &function);
		bool left_out = only_bound && !f->bound;
		if (left_out && !imports->fuzzy_differs) {
			imports->fuzzy_differs = true;
			text_clear(&imports->fuzzy_string);
			text_add(&imports->fuzzy_string, text_string(&imports->string),
				 imports->string.length);
		}
		if (imports->fuzzy_differs && !left_out)
			add_part(&imports->fuzzy_string, low->data, library, &function);
		add_part(&imports->string, low->data, library, &function);
		imports->count++;
	}
}
