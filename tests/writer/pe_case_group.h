/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The cases of pe_cases.h by subject: a table in each pe_cases_*.c, and what several of them are
 * made with.
 */
#ifndef WRITER_PE_CASE_GROUP_H
#define WRITER_PE_CASE_GROUP_H

#include <stdlib.h>

#include <writer/pe_cases.h>
#include <writer/raw_pe.h>

struct pe_case_recipe {
	struct pe_case info;
	uint32_t size; /* of the section, in bytes */
	void (*make)(struct raw *r);
};

struct pe_case_group {
	const struct pe_case_recipe *recipes;
	size_t count;
};

extern const struct pe_case_group pe_cases_names, pe_cases_tables, pe_cases_bound, pe_cases_headers;

/* Names made by `format` of 0 ... `count` - 1, one string each; `values` are those of a table. */
void pe_case_fill_names(struct raw *r, uint64_t *values, size_t count, const char *format);

/* One descriptor with two equal tables. */
void pe_case_import_values(struct raw *r, const char *dll, const uint64_t *values, size_t count);

/* A descriptor whose only name lies nowhere. */
void pe_case_import_bad(struct raw *r);

#endif
