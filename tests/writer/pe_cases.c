/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Files at the edges of the rules of pefile 2023.2.7, by number:
 *
 *	01 the string			08 at most 0x2000 thunks
 *	02 the DLL's name		09 which of the two tables
 *	03 ordinals			10 the end of the directory
 *	04 the functions' names		11 delay and bound imports
 *	05 odd DLL names, long names	12 impfuzzy of bound files
 *	06 descriptors that give none	13 no imports
 *	07 tables worth nothing		14 headers, sections, RVA to offset
 *
 * The cases are in pe_cases_*.c; this is the list of all.
 */
#include <writer/pe_case_group.h>

#include <stdio.h>

static const struct pe_case_group *const groups[] = {&pe_cases_names, &pe_cases_tables,
						     &pe_cases_bound, &pe_cases_headers};

#define GROUPS (sizeof(groups) / sizeof(groups[0]))

void pe_case_fill_names(struct raw *r, uint64_t *values, size_t count, const char *format)
{
	for (size_t i = 0; i < count; i++) {
		char name[64];
		snprintf(name, sizeof(name), format, (unsigned int)i);
		values[i] = raw_name(r, name);
	}
}

void pe_case_import_values(struct raw *r, const char *dll, const uint64_t *values, size_t count)
{
	uint32_t by_name = raw_table(r, values, count);
	uint32_t by_address = raw_table(r, values, count);
	raw_descriptor(r, by_name, raw_string(r, dll), by_address);
}

void pe_case_import_bad(struct raw *r)
{
	pe_case_import_values(r, "bad.dll", (uint64_t[]){0x7ff00000}, 1);
}

static const struct pe_case_recipe *recipe(size_t i)
{
	size_t group = 0;
	while (i >= groups[group]->count)
		i -= groups[group++]->count;
	return &groups[group]->recipes[i];
}

size_t pe_case_count(void)
{
	size_t count = 0;
	for (size_t i = 0; i < GROUPS; i++)
		count += groups[i]->count;
	return count;
}

const struct pe_case *pe_case(size_t i)
{
	return &recipe(i)->info;
}

uint8_t *pe_case_build(size_t i, bool pe32_plus, size_t *size)
{
	struct raw r = raw_new(pe32_plus, recipe(i)->size);
	recipe(i)->make(&r);
	*size = r.size;
	return r.data;
}
