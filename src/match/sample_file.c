/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Reading and hashing one sample file. Which files there are is sample_paths.c's.
 */
#include <impscan/alloc.h>
#include <impscan/dotnet.h>
#include <impscan/golang.h>
#include <impscan/match.h>
#include <impscan/pe.h>
#include <impscan/sample.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sample_file.h"

static void fail(struct sample *sample, enum imports_status status, const char *reason)
{
	sample->status = status;
	snprintf(sample->reason, sizeof(sample->reason), "%s", reason);
}

static void keep_entries(struct sample *sample, const struct imports *imports)
{
	sample->entries = alloc_zero(imports->entry_count, sizeof(*sample->entries));
	memcpy(sample->entries, imports->entries, imports->entry_count * sizeof(*sample->entries));
	sample->entry_count = imports->entry_count;
	sample->names = alloc_zero(imports->names.length + 1, 1);
	memcpy(sample->names, text_string(&imports->names), imports->names.length);
	sample->names_length = imports->names.length;
}

/* The packer whose sections a PE has; NULL: none that is known. */
static const char *packer_of(const struct pe *pe)
{
	for (size_t i = 0; i < pe->section_count; i++)
		if (!memcmp(pe->sections[i].name, "UPX0", 4) ||
		    !memcmp(pe->sections[i].name, "UPX1", 4))
			return "UPX";
	return NULL;
}

/* Steps of a budget for searching one file: some seconds. */
#define NAMES_STEPS 30000000

/* Tells why the hashes of types or functions are missing, unless something else is told. */
static void tell(struct sample *sample, const char *of, const char *reason)
{
	if (*reason && !*sample->reason)
		snprintf(sample->reason, sizeof(sample->reason), "%s: %.*s", of,
			 (int)(sizeof(sample->reason) - sizeof(".NET: ")), reason);
}

/* Go is not looked for in a file whose import list is another runtime's. */
static bool may_be_go(const struct pe *pe, const struct imports *imports)
{
	return imports->status != IMPORTS_OK || golang_likely_by_imports(&imports->string) ||
	       golang_likely_by_sections(pe);
}

/* Hashes the types that an assembly refers to, or the functions of a Go program. */
static void hash_names(struct sample *sample, const struct pe *pe, const struct imports *imports)
{
	struct hashes *hashes = &sample->hashes;
	struct budget budget = {.limit = NAMES_STEPS};
	_cleanup_dotnet_ struct dotnet dotnet = {.budget = &budget};
	_cleanup_golang_ struct golang golang = {0};
	dotnet_read(&dotnet, pe);
	tell(sample, ".NET", dotnet.reason);
	if (dotnet.status == DOTNET_OK)
		hash_typerefs(hashes, &dotnet.linguistic, &dotnet.ordinal, &dotnet.unsorted);
	if (!may_be_go(pe, imports))
		return;
	golang_read(&golang, pe, &budget);
	tell(sample, "Go", golang.reason);
	memcpy(hashes->gimphash, golang.gimphash, sizeof(hashes->gimphash));
	memcpy(hashes->gimpfuzzy, golang.gimpfuzzy, sizeof(hashes->gimpfuzzy));
}

void sample_hash(struct sample *sample, const struct pe_reader *reader, bool impset,
		 struct imports *scratch)
{
	_cleanup_pe_ struct pe pe = {0};
	if (pe_open(&pe, reader) != PE_OK) {
		fail(sample, pe.status == PE_NOT_PE ? IMPORTS_NOT_PE : IMPORTS_UNREADABLE,
		     pe.reason);
		return;
	}
	imports_declared(scratch, &pe);
	fail(sample, scratch->status, scratch->reason);
	sample->imports = scratch->count;
	if (scratch->status == IMPORTS_OK)
		hash_imports(&sample->hashes, &scratch->string, imports_fuzzy_string(scratch));
	hash_names(sample, &pe, scratch);
	if (scratch->status != IMPORTS_OK)
		return;
	if (impset)
		hash_impset(&sample->hashes, &scratch->string);
	if (scratch->keep_entries && scratch->entry_count)
		keep_entries(sample, scratch);
	sample->packer = packer_of(&pe);
	if (sample->packer && !*sample->reason)
		snprintf(sample->reason, sizeof(sample->reason),
			 "packed by %s: this list is the packer's, memory shows the unpacked one",
			 sample->packer);
}

void sample_read(struct sample *sample, const char *path, bool impset, struct imports *scratch)
{
	*sample = (struct sample){.path = alloc_strdup(path)};
	_cleanup_pe_file_ struct pe_file file = {0};
	_cleanup_error_ struct error *error = pe_file_open(&file, path);
	if (error)
		fail(sample, IMPORTS_UNREADABLE, error_message(error));
	else
		sample_hash(sample, &file.reader, impset, scratch);
}

void sample_free(struct sample *sample)
{
	free(sample->path);
	free(sample->entries);
	free(sample->names);
	*sample = (struct sample){0};
}
