/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the room golang makes of PE files, for comparison with other programs: a line a file of
 * status, reason, form of the table, how it was found, functions, kept names, own names, whether it
 * seems garbled, gimphash, gimpfuzzy, version, module, steps, between tabs.
 *
 *	go_names [OPTION...] FILE...	files, as they lie
 *	  --memory ADDRESS	they lie as they are mapped there (hexadecimal)
 *	  --headerless 32|64	the same, and they have no headers
 *	  --absent PAGE		this page of them is absent; may be given again
 *	go_names --keeps		names on standard input, one a line: what gimphash takes of each, behind
 *				"+", or "-" when it takes nothing
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <impscan/bytes.h>
#include <impscan/golang.h>
#include <impscan/page_size.h>
#include <impscan/pe.h>

#include "lines.h"

#define ABSENT_MAX 16

static struct options {
	bool memory;
	uint64_t base;
	unsigned int headerless; /* 32 or 64; 0: they have headers */
	uint64_t absent[ABSENT_MAX];
	size_t absent_count;
} options;

static const uint8_t *memory_at(const struct pe_reader *reader, uint64_t position,
				size_t *available)
{
	const struct pe_file *file = reader->context;
	for (size_t i = 0; i < options.absent_count; i++)
		if (options.absent[i] == position / PAGE_SIZE)
			return NULL;
	*available = min_of((size_t)(PAGE_SIZE - position % PAGE_SIZE),
			    (size_t)(reader->size - position));
	return (const uint8_t *)file->data + position;
}

static const char *memory_why(const struct pe_reader *reader, uint64_t position)
{
	(void)reader;
	(void)position;
	return "left out";
}

static void open_pe(struct pe *pe, struct pe_reader *reader, struct pe_file *file)
{
	*reader = file->reader;
	if (options.memory)
		*reader = (struct pe_reader){
			.layout = PE_LAYOUT_MEMORY,
			.size = file->size,
			.base = options.base,
			.at = memory_at,
			.why = memory_why,
			.context = file,
		};
	if (options.headerless)
		pe_assume(pe, reader, options.headerless == 64, (uint32_t)file->size);
	else
		pe_open(pe, reader);
}

static int show(const char *path)
{
	_cleanup_golang_ struct golang golang = {0};
	_cleanup_pe_file_ struct pe_file file;
	_cleanup_error_ struct error *error = pe_file_open(&file, path);
	if (error) {
		fprintf(stderr, "%s\n", error_message(error));
		return 2;
	}
	static const char *const found[] = {"", "header", "structure", "moduledata"};
	struct budget budget = {.limit = UINT64_MAX};
	struct pe_reader reader;
	_cleanup_pe_ struct pe pe;
	open_pe(&pe, &reader, &file);
	golang_read(&golang, &pe, &budget);
	printf("%s\t%s\t%s\t%s\t%zu\t%zu\t%zu\t%s\t%s\t%s\t%s\t%s\t%llu\n",
	       golang_status_name(golang.status), golang.reason, golang_table_name(golang.table),
	       found[golang.found], golang.functions, golang.kept, golang.own,
	       golang.garbled ? "garbled?" : "", golang.gimphash, golang.gimpfuzzy,
	       text_string(&golang.version), text_string(&golang.module),
	       (unsigned long long)budget.spent);
	return 0;
}

static bool show_kept(void *context, const char *name)
{
	(void)context;
	const char *kept;
	bool keep = golang_keeps(name, &kept);
	printf("%c%s\n", keep ? '+' : '-', keep ? kept : "");
	return true;
}

int main(int argc, char **argv)
{
	int result = 0;
	if (argc == 2 && !strcmp(argv[1], "--keeps"))
		return each_line(show_kept, NULL) ? 0 : 2;
	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--memory") && i + 1 < argc) {
			options.memory = true;
			options.base = strtoull(argv[++i], NULL, 16);
		} else if (!strcmp(argv[i], "--headerless") && i + 1 < argc) {
			options.headerless = (unsigned int)strtoul(argv[++i], NULL, 10);
		} else if (!strcmp(argv[i], "--absent") && i + 1 < argc &&
			   options.absent_count < ABSENT_MAX) {
			options.absent[options.absent_count++] = strtoull(argv[++i], NULL, 0);
		} else {
			result |= show(argv[i]);
		}
	}
	return result;
}
