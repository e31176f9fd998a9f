/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Judging whether a set of known hashes is what its user means: whether anything in it can match,
 * whether it has ssdeep hashes of whole files, and whether it has hashes that all .NET programs
 * share.
 */
#include <impscan/match.h>

#include <string.h>

#include <impscan/bytes.h>

#include "index.h"

/*
 * Import lists are short: the impfuzzy of Wine's DLLs have block sizes from 3 to 192, ssdeep's
 * hashes of the same files 96 to 98,304, nine of ten from 768 up.
 */
#define BLOCK_SIZE_DOUBTFUL 384

/* The import lists of programs and libraries in .NET: one function of the runtime. */
static const char *const dotnet_lists[] = {"mscoree._corexemain", "mscoree._cordllmain"};

bool known_can_match(const struct known *known)
{
	for (size_t i = 0; i < known->count; i++)
		if (known->entries[i].is_head)
			return true;
	return false;
}

bool known_has_impset(const struct known *known)
{
	return known->types >> HASH_IMPSET & 1;
}

bool known_looks_like_files(const struct known *known, size_t from, size_t *impfuzzy, size_t *large)
{
	*impfuzzy = *large = 0;
	for (size_t i = from; i < known->count; i++) {
		const struct known_entry *entry = &known->entries[i];
		if (entry->type != HASH_IMPFUZZY || entry->place ||
		    !(entry->length0 + entry->length1))
			continue;
		++*impfuzzy;
		*large += entry->block_size >= BLOCK_SIZE_DOUBTFUL;
	}
	return *impfuzzy && *large >= *impfuzzy - *large;
}

size_t known_dotnet(const struct known *known)
{
	_cleanup_matches_ struct matches matches = {0};
	size_t count = 0;
	for (size_t i = 0; i < array_size(dotnet_lists); i++) {
		_cleanup_text_ struct text list = {0};
		struct hashes hashes = {0};
		text_add_string(&list, dotnet_lists[i]);
		hash_imports(&hashes, &list, &list);
		hash_impset(&hashes, &list);
		known_find(known, &hashes, 100, &matches);
		count += matches.count;
	}
	return count;
}
