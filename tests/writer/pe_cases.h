/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * PE files that lie at the edges of the import hashes' rules, each under a name that begins with
 * the number of its rule (see pe_cases.c). Their golden values are in data/golden-hashes.tsv.
 */
#ifndef WRITER_PE_CASES_H
#define WRITER_PE_CASES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pe_case {
	const char *name;
	bool memory; /* mapped by a loader it must give the same string */
};

size_t pe_case_count(void);
const struct pe_case *pe_case(size_t i);

/* The file's bytes, malloc'ed. */
uint8_t *pe_case_build(size_t i, bool pe32_plus, size_t *size);

#endif
