/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Infers where pages that are not in memory are: the kernel's structures of page files, and the
 * compressed store. Only as the models have them: a model is right when a page file's name, or a
 * whole store, is found.
 */
#include "discover/infer.h"

#include <string.h>

#include <impscan/store.h>

#include "discover/internal.h"

static int test_paging_files(struct infer *infer)
{
	const struct windows machine = candidate_machine(infer->candidate);
	return profile_has(infer->profile, MMPAGING_FILE_PageFileName)
		       ? (int)paging_files_count(&machine, infer->kernel, infer->candidate->budget)
		       : 0;
}

static int test_store(struct infer *infer)
{
	const struct candidate *candidate = infer->candidate;
	if (!profile_has(infer->profile, SMKM_STORE_MGR_KeyToStoreTree))
		return 0;
	struct store_layout layout = store_layout_of(infer->profile);
	struct store *store = store_find(infer->kernel, &layout, candidate->kernel_base,
					 candidate->kernel_size, candidate->budget);
	bool found = store;
	store_free(store);
	return found;
}

void infer_pages(struct infer *infer)
{
	enum profile_member files[PROFILE_MEMBER_COUNT], store[PROFILE_MEMBER_COUNT];
	size_t file_count = 0, store_count = 0;
	bool known = false;
	for (enum profile_member i = 0; i < PROFILE_MEMBER_COUNT; i++) {
		if (!strcmp(profile_type_name(i), "MMPAGING_FILE"))
			files[file_count++] = i;
		else if (!profile_member_in_symbols(i))
			store[store_count++] = i;
	}
	struct infer_part part;
	infer_begin_part(infer, &part);
	(void)infer_group(infer, files, file_count, test_paging_files);
	if (infer_end_part(infer, &part)) {
		infer_drop(infer, files, file_count);
		infer_doubt(infer, "the search for page files was cut off: they are not known");
	}
	for (size_t i = 0; i < infer->model_count; i++)
		known |= profile_has(infer->model[i], SMKM_STORE_MGR_KeyToStoreTree);
	if (!known)
		return;
	infer_begin_part(infer, &part);
	(void)infer_group(infer, store, store_count, test_store);
	if (infer_end_part(infer, &part)) {
		infer_drop(infer, store, store_count);
		infer_doubt(infer, "the search for the compressed store was cut off: its pages are "
				   "not read");
	}
}
