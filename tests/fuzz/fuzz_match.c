/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Lists of known hashes of any content, and searching what they gave. Each line is also compared
 * with libfuzzy: what we take as an impfuzzy it must take as well, with the same scores.
 *
 * Input: the first line is the hash searched for, the rest is the list.
 */
#include <fuzzy.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <impscan/match.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct match *match, const char *imphash, const char *impfuzzy)
{
	int score = match->type == HASH_IMPFUZZY   ? fuzzy_compare(impfuzzy, match->hash)
		    : strcmp(imphash, match->hash) ? 0
						   : 100;
	if (score != match->score || !*match->name)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *newline = size ? memchr(data, '\n', size) : NULL;
	if (!newline)
		return 0;
	size_t first = (size_t)(newline - data);
	struct hashes hashes = {0};
	if (first < IMPFUZZY_SIZE)
		memcpy(hashes.impfuzzy, data, first);
	if (first < IMPHASH_SIZE)
		memcpy(hashes.imphash, data, first);
	for (char *c = hashes.imphash; *c; c++)
		*c |= *c >= 'A' && *c <= 'F' ? 0x20 : 0;

	int fd = memfd_create("list", MFD_CLOEXEC);
	if (fd < 0 || write(fd, newline + 1, size - first - 1) < 0 || lseek(fd, 0, SEEK_SET) < 0)
		abort();
	char path[32];
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	struct known *known = known_new();
	error_free(known_add_list(known, path, NULL));
	close(fd);
	known_seal(known);
	struct matches matches = {0};
	known_find(known, &hashes, 0, &matches);
	for (size_t i = 0; i < matches.count; i++)
		check(&matches.items[i], hashes.imphash, hashes.impfuzzy);
	matches_free(&matches);
	known_free(known);
	return 0;
}
