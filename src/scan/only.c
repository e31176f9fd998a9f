/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * --only and -m: which rows are wanted, by kind, flag and module.
 */
#include <impscan/scan.h>

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include <impscan/bytes.h>
#include <impscan/module.h>

bool scan_only_add(struct scan_only *only, const char *word)
{
	for (size_t i = 0; i < MODULE_FLAG_COUNT; i++)
		if (!strcmp(word, module_flag_names[i])) {
			only->flags |= 1u << i;
			return true;
		}
	const struct {
		const char *word;
		bool *wanted;
	} kinds[] = {
		{"listed", &only->listed},   {"injected", &only->injected},
		{"managed", &only->managed}, {"kernel", &only->kernel},
		{"new", &only->fresh},
	};
	for (size_t i = 0; i < array_size(kinds); i++)
		if (!strcmp(word, kinds[i].word)) {
			*kinds[i].wanted = true;
			return true;
		}
	return false;
}

bool scan_only_kinds(const struct scan_only *only)
{
	return only->flags || only->listed || only->injected || only->managed || only->kernel ||
	       only->fresh;
}

bool scan_only_address(const struct scan_only *only, uint64_t *address)
{
	char *end;
	if (!only->module || strncmp(only->module, "0x", 2) != 0 ||
	    !isxdigit((unsigned char)only->module[2]))
		return false;
	*address = strtoull(only->module, &end, 16);
	return !*end;
}

static bool is_module(const struct scan_only *only, const struct row *row)
{
	uint64_t address;
	if (!only->module)
		return true;
	if (scan_only_address(only, &address))
		return address - row->base < row->size;
	return strcasestr(row->module, only->module) != NULL;
}

bool scan_only_matches(const struct scan_only *only, const struct row *row)
{
	if (!is_module(only, row))
		return false;
	return !scan_only_kinds(only) || only->fresh || (row->flags & only->flags) ||
	       (only->listed && row->found_in & (FOUND_LISTS | FOUND_LISTS32)) ||
	       (only->injected && row_injected(row)) ||
	       (only->managed && row->found_in & FOUND_MANAGED) ||
	       (only->kernel && row->found_in & FOUND_KERNEL);
}
