/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Lists of known hashes in any form, recognised by their content: with the lists of tests/lists/ as
 * seeds each form's reader is reached. Of a text that is not packed and has no escapes, every hash
 * that is taken must be in it.
 */
#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <impscan/match.h>

#include "match/index.h"
#include "match/known.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Does a text say no more than it has? Not where it is packed, UTF-16, or has escapes. */
static bool is_literal(const uint8_t *data, size_t size)
{
	bool packed = size >= 2 && (data[0] == 0x1f || data[0] == 'P' || data[0] == 'B' ||
				    data[0] == '7' || data[0] >= 0xfd || data[0] == 0x28);
	return !packed && !memchr(data, '\\', size) && !memchr(data, '&', size) &&
	       (size < 263 || memcmp(data + 257, "ustar", 5));
}

static bool has(const uint8_t *data, size_t size, const char *hash)
{
	size_t n = strlen(hash);
	for (size_t i = 0; i + n <= size; i++)
		if (!strncasecmp((const char *)data + i, hash, n))
			return true;
	return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char path[32];
	int fd = memfd_create("list", MFD_CLOEXEC);
	if (fd < 0 || write(fd, data, size) < 0)
		abort();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	struct known *known = known_new();
	struct list_report report = {0};
	error_free(known_add_list(known, path, &report));
	close(fd);
	size_t taken = report.either;
	for (unsigned int type = 0; type < HASH_TYPES; type++)
		taken += report.taken[type];
	if (taken != known->count)
		abort();
	for (size_t i = 0; size && is_literal(data, size) && i < known->count && i < 100; i++) {
		const struct known_entry *entry = &known->entries[i];
		const char *hash = known->text + entry->text + strlen(type_prefix(entry->type));
		if (!has(data, size, hash))
			abort();
	}
	known_seal(known);
	list_report_free(&report);
	known_free(known);
	return 0;
}
