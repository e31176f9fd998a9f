/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * mkprogram LIST FOLDER: writes PE files that import what a list says, as FOLDER/NAME. The list:
 *
 *	program NAME x64|x86	begins a file; it is a program where NAME ends with ".exe", else a DLL
 *	dll PLACE NAME		begins a descriptor; its address table is number PLACE in the file
 *	FUNCTION ... #ORDINAL	what is imported of it, any number of lines
 *
 * Words are separated by blanks; lines that are empty or begin with "//" count for nothing.
 */
#include <ctype.h>
#include <stdio.h>

#include <writer/pe_builder.h>
#include <writer/util.h>

enum { CODE = 0x8000 };

struct making {
	const char *folder;
	struct pe_builder *builder; /* NULL: none has begun */
	char *name, *dll;
};

static void finish(struct making *making)
{
	if (!making->builder)
		return;
	size_t size;
	pe_builder_code(making->builder, CODE, (uint32_t)util_hash(making->name));
	uint8_t *data = pe_builder_build(making->builder, &size);
	char *path = util_printf("%s/%s", making->folder, making->name);
	util_write_file(path, data, size);
	free(path);
	free(data);
	pe_builder_free(making->builder);
	making->builder = NULL;
}

static void begin(struct making *making, char *name, const char *arch)
{
	finish(making);
	if (!name || !arch || (strcmp(arch, "x64") != 0 && strcmp(arch, "x86") != 0))
		util_die("a program needs a name, and x64 or x86");
	size_t length = strlen(name);
	bool dll = length < 4 || !util_same_name(name + length - 4, ".exe");
	making->builder = pe_builder_new(!strcmp(arch, "x64"), dll, dll ? name : NULL);
	making->name = name;
	making->dll = NULL;
}

static void take_line(struct making *making, char *line)
{
	char *rest = NULL, *word = strtok_r(line, " \t", &rest);
	if (!word || !strncmp(word, "//", 2))
		return;
	if (!strcmp(word, "program")) {
		char *name = strtok_r(NULL, " \t", &rest);
		begin(making, name, strtok_r(NULL, " \t", &rest));
		return;
	}
	if (!making->builder)
		util_die("%s: before the first program", word);
	if (!strcmp(word, "dll")) {
		const char *place = strtok_r(NULL, " \t", &rest);
		making->dll = strtok_r(NULL, " \t", &rest);
		if (!making->dll)
			util_die("%s: a DLL needs a place and a name", making->name);
		pe_builder_descriptor(making->builder, making->dll,
				      (unsigned int)strtoul(place, NULL, 10));
		return;
	}
	for (; word; word = strtok_r(NULL, " \t", &rest)) {
		if (!making->dll)
			util_die("%s: %s belongs to no DLL", making->name, word);
		if (*word == '#' && isdigit((unsigned char)word[1]))
			pe_builder_import_ordinal(making->builder, making->dll,
						  (uint16_t)strtoul(word + 1, NULL, 10));
		else
			pe_builder_import(making->builder, making->dll, word);
	}
}

int main(int argc, char **argv)
{
	if (argc != 3)
		util_die("mkprogram LIST FOLDER");
	size_t size;
	char *text = (char *)util_read_file(argv[1], &size), *rest = text;
	if (!size || text[size - 1] != '\n')
		util_die("%s: its last line has no end", argv[1]);
	text[size - 1] = '\0';
	struct making making = {.folder = argv[2]};
	for (char *line; (line = strsep(&rest, "\n"));)
		take_line(&making, line);
	finish(&making);
	free(text);
	return 0;
}
