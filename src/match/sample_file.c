/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Reading and hashing one sample file. Which files there are is sample_paths.c's.
 */
#include <impscan/alloc.h>
#include <impscan/match.h>
#include <impscan/pe.h>

#include <stdio.h>
#include <stdlib.h>

static void fail(struct sample *sample, enum imports_status status, const char *reason)
{
	sample->status = status;
	snprintf(sample->reason, sizeof(sample->reason), "%s", reason);
}

void sample_read(struct sample *sample, const char *path, bool impset, struct imports *scratch)
{
	*sample = (struct sample){.path = alloc_strdup(path)};
	_cleanup_pe_file_ struct pe_file file = {0};
	_cleanup_error_ struct error *error = pe_file_open(&file, path);
	if (error) {
		fail(sample, IMPORTS_UNREADABLE, error_message(error));
		return;
	}
	_cleanup_pe_ struct pe pe = {0};
	if (pe_open(&pe, &file.reader) != PE_OK) {
		fail(sample, pe.status == PE_NOT_PE ? IMPORTS_NOT_PE : IMPORTS_UNREADABLE,
		     pe.reason);
		return;
	}
	imports_declared(scratch, &pe);
	fail(sample, scratch->status, scratch->reason);
	sample->imports = scratch->count;
	if (scratch->status != IMPORTS_OK)
		return;
	hash_imports(&sample->hashes, &scratch->string, imports_fuzzy_string(scratch));
	if (impset)
		hash_impset(&sample->hashes, &scratch->string);
}

void sample_free(struct sample *sample)
{
	free(sample->path);
	*sample = (struct sample){0};
}
