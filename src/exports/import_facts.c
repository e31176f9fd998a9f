/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Looking facts up. They are the text files of src/exports/facts/, linked into the program as they
 * are. Each line is a key and what is known of it, parted by spaces; lines are sorted by the bytes
 * of their keys. So nothing is parsed or kept: a lookup is a binary search over the text.
 */
#include <impscan/import_facts.h>

#include <stdlib.h>
#include <string.h>

/* By CMakeLists.txt; behind each text stands a NUL. */
extern const char import_facts_aliases[], import_facts_aliases_end[];
extern const char import_facts_api_sets[], import_facts_api_sets_end[];
extern const char import_facts_directories[], import_facts_directories_end[];
extern const char import_facts_dlls[], import_facts_dlls_end[];
extern const char import_facts_functions[], import_facts_functions_end[];
extern const char import_facts_names[], import_facts_names_end[];
extern const char import_facts_ordinals[], import_facts_ordinals_end[];

/* Compares the key of a line with `key` as strcmp() does. */
static int compare_key(const char *line, const char *key)
{
	size_t length = strcspn(line, " \n");
	int order = strncmp(line, key, length);
	return order ? order : -(int)(key[length] != '\0');
}

/* Returns what stands behind the key in its line, or NULL when no line has it. */
static const char *find(const char *text, const char *end, const char *key)
{
	while (text < end) {
		const char *middle = text + (end - text) / 2;
		const char *line = memrchr(text, '\n', (size_t)(middle - text));
		line = line ? line + 1 : text;
		int order = compare_key(line, key);
		if (!order)
			return line + strlen(key);
		if (order > 0)
			end = line;
		else
			text = line + strcspn(line, "\n") + 1;
	}
	return NULL;
}

/* Reads the next number of a line; false at its end. */
static bool next_number(const char **at, unsigned long *number)
{
	if (!*at || **at != ' ')
		return false;
	char *behind;
	*number = strtoul(*at, &behind, 10);
	*at = behind;
	return true;
}

static unsigned int first_number(const char *at)
{
	unsigned long number;
	return next_number(&at, &number) ? (unsigned int)number : 0;
}

unsigned int import_name_weight(const char *name)
{
	return first_number(find(import_facts_names, import_facts_names_end, name));
}

unsigned int import_dll_weight(const char *dll)
{
	return first_number(find(import_facts_dlls, import_facts_dlls_end, dll));
}

bool import_by_ordinal(const char *dll, uint32_t ordinal, bool microsoft)
{
	const char *at = find(import_facts_ordinals, import_facts_ordinals_end, dll);
	unsigned long number;
	while (next_number(&at, &number)) {
		bool always = *at == '*';
		if (number == ordinal)
			return microsoft || always;
		at += always;
	}
	return false;
}

const char *import_aliases(size_t *length)
{
	*length = (size_t)(import_facts_aliases_end - import_facts_aliases);
	return import_facts_aliases;
}

size_t import_sets_of(const char *function, struct import_set sets[IMPORT_SETS_MAX])
{
	const char *at = find(import_facts_functions, import_facts_functions_end, function);
	size_t count = 0;
	unsigned long number;
	while (count < IMPORT_SETS_MAX && next_number(&at, &number)) {
		char *behind;
		unsigned long seen = strtoul(at + 1, &behind, 10); /* behind a colon */
		sets[count++] = (struct import_set){(uint16_t)number, (uint16_t)seen};
		at = behind;
	}
	return count;
}

bool import_set_name(uint16_t set, char *name, size_t size)
{
	static const char extension[] = ".dll";
	const char *line = import_facts_api_sets;
	for (; set && line < import_facts_api_sets_end; set--)
		line += strcspn(line, "\n") + 1;
	size_t length = strcspn(line, "\n");
	if (line >= import_facts_api_sets_end || length + sizeof(extension) > size)
		return false;
	memcpy(name, line, length);
	memcpy(name + length, extension, sizeof(extension));
	return true;
}

bool import_directory_next(struct import_directory *directory)
{
	const char *line = import_facts_directories;
	if (directory->dlls)
		line = directory->dlls + directory->length + 1;
	if (line >= import_facts_directories_end)
		return false;
	char *behind;
	directory->count = (unsigned int)strtoul(line, &behind, 10);
	directory->dlls = behind;
	directory->length = strcspn(behind, "\n");
	return true;
}
