/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The layer over libarchive: which formats it may read, passwords, names, and what its complaints
 * mean.
 */
#include "source/reader.h"

#ifdef HAVE_LIBARCHIVE
#include <ctype.h>
#include <locale.h>
#include <pthread.h>
#include <stdlib.h>

#include <impscan/alloc.h>

#ifndef LIBARCHIVE_SONAME
const char *libarchive_missing(void)
{
	return NULL;
}
#endif

bool reader_enable(struct archive *archive, int (*filter)(struct archive *archive))
{
	/* Where it would start a program it returns a warning, and is enabled all the same. */
	struct archive *trial = archive_read_new();
	bool able = trial && filter(trial) == ARCHIVE_OK;
	archive_read_free(trial);
	return able && filter(archive) == ARCHIVE_OK;
}

struct archive *reader_new(unsigned int kinds, const char *password)
{
	struct archive *archive = archive_read_new();
	if (!archive && libarchive_missing())
		return NULL;
	if (!archive)
		alloc_failed();
	if (kinds & READER_ARCHIVES) {
		archive_read_support_format_zip(archive);
		archive_read_support_format_7zip(archive);
		archive_read_support_format_tar(archive);
	}
	if (kinds & READER_COMPRESSED) {
		reader_enable(archive, archive_read_support_filter_gzip);
		reader_enable(archive, archive_read_support_filter_bzip2);
		reader_enable(archive, archive_read_support_filter_xz);
		reader_enable(archive, archive_read_support_filter_zstd);
		reader_enable(archive, archive_read_support_filter_lz4);
		archive_read_support_format_raw(archive);
	}
	/* ZIP's own encryption tells one wrong password of 256 by the checksum only: first the likely. */
	if (password && *password)
		archive_read_add_passphrase(archive, password);
	archive_read_add_passphrase(archive, "infected");
	return archive;
}

static locale_t utf8; /* stays; 0: there is none */

static void find_utf8(void)
{
	static const char *const names[] = {"C.UTF-8", "C.utf8", "en_US.UTF-8"};
	for (size_t i = 0; !utf8 && i < array_size(names); i++)
		utf8 = newlocale(LC_CTYPE_MASK, names[i], (locale_t)0);
}

/* libarchive turns names into the locale's encoding; in "C" most letters would become '?'. */
static locale_t enter_utf8(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	pthread_once(&once, find_utf8);
	return utf8 ? uselocale(utf8) : (locale_t)0;
}

static void leave_utf8(locale_t *before)
{
	if (*before)
		uselocale(*before);
}
#define in_utf8_ __attribute__((cleanup(leave_utf8), unused)) locale_t before = enter_utf8()

int reader_next_entry(struct archive *archive, struct archive_entry **entry)
{
	in_utf8_;
	return archive_read_next_header(archive, entry);
}

const char *reader_name(struct archive_entry *entry)
{
	in_utf8_;
	const char *name = archive_entry_pathname(entry);
	return name ? name : archive_entry_pathname_utf8(entry);
}

char *reader_failure(struct archive *archive, bool named, bool encrypted, bool *locked)
{
	const char *text = archive_error_string(archive);
	_cleanup_free_ char *why = alloc_strdup(text && *text ? text : "it is damaged");
	for (size_t end = strlen(why); end && isspace((unsigned char)why[end - 1]); end--)
		why[end - 1] = '\0'; /* some of its sentences end in a line */
	const bool is_7zip = archive_format(archive) == ARCHIVE_FORMAT_7ZIP;
	const bool crypt = strcasestr(why, "crypt") != NULL;
	*locked = true;
	if (strcasestr(why, "passphrase"))
		return alloc_strdup(named ? "is encrypted, and neither the password that "
					    "--password names nor \"infected\" opens it"
					  : "is encrypted, and its password is not \"infected\": "
					    "name it with --password");
	if (is_7zip && (crypt || encrypted))
		return alloc_strdup("is encrypted, and of 7-Zip archives that can't be undone "
				    "here: unpack it with its password first (7z x)");
	if (crypt)
		return alloc_printf("is encrypted so that libarchive can't decrypt it (%s): unpack "
				    "it with its password first",
				    why);
	*locked = false;
	return alloc_printf("can't be unpacked: %s%s", why,
			    encrypted ? " (it is encrypted: is the password right?)" : "");
}
#endif
