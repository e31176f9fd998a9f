/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * libarchive, loaded when a file that is packed by it is first opened: with the libraries that it
 * brings along, loading it takes longer than listing a small dump.
 *
 * Its functions are defined here as <archive.h> declares them, and call the library's own. Where
 * the library can't be loaded there is no reader (archive_read_new() returns NULL), nothing can be
 * done with it, and archive_error_string() says why.
 *
 * Empty where the linker is to bind the library, as in static programs.
 */
#include "source/reader.h"

#ifdef LIBARCHIVE_SONAME

#include <dlfcn.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>

#include <impscan/alloc.h>

#define FUNCTIONS(X)                          \
	X(archive_entry_filetype)             \
	X(archive_entry_hardlink)             \
	X(archive_entry_is_encrypted)         \
	X(archive_entry_pathname)             \
	X(archive_entry_pathname_utf8)        \
	X(archive_entry_size)                 \
	X(archive_entry_size_is_set)          \
	X(archive_error_string)               \
	X(archive_filter_bytes)               \
	X(archive_filter_code)                \
	X(archive_format)                     \
	X(archive_read_add_passphrase)        \
	X(archive_read_data)                  \
	X(archive_read_data_block)            \
	X(archive_read_free)                  \
	X(archive_read_has_encrypted_entries) \
	X(archive_read_new)                   \
	X(archive_read_next_header)           \
	X(archive_read_open)                  \
	X(archive_read_open1)                 \
	X(archive_read_open_filename)         \
	X(archive_read_open_memory)           \
	X(archive_read_set_callback_data)     \
	X(archive_read_set_read_callback)     \
	X(archive_read_set_seek_callback)     \
	X(archive_read_set_skip_callback)     \
	X(archive_read_support_filter_bzip2)  \
	X(archive_read_support_filter_gzip)   \
	X(archive_read_support_filter_lz4)    \
	X(archive_read_support_filter_xz)     \
	X(archive_read_support_filter_zstd)   \
	X(archive_read_support_format_7zip)   \
	X(archive_read_support_format_empty)  \
	X(archive_read_support_format_raw)    \
	X(archive_read_support_format_tar)    \
	X(archive_read_support_format_zip)    \
	X(archive_set_error)                  \
	X(archive_version_string)

#define MEMBER(name) __typeof__(&name) name;
#define PLACE(name)  {#name, (void **)&library.name},

/* The library's functions. */
static struct {
	FUNCTIONS(MEMBER)
} library;

static const struct {
	const char *name;
	void **place;
} places[] = {FUNCTIONS(PLACE)};

static char *missing; /* why the library can't be used; NULL: it can */

static void load(void)
{
	void *handle = dlopen(LIBARCHIVE_SONAME, RTLD_NOW | RTLD_LOCAL);
	bool found = handle != NULL;
	for (size_t i = 0; found && i < array_size(places); i++) {
		*places[i].place = dlsym(handle, places[i].name);
		found = *places[i].place != NULL;
	}
	if (found)
		return;
	const char *why = dlerror();
	missing = alloc_printf("the library that does it is missing: %s",
			       why ? why : LIBARCHIVE_SONAME " lacks a function");
	memset(&library, 0, sizeof(library));
}

const char *libarchive_missing(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	pthread_once(&once, load);
	return missing;
}

#define CALL1(type, without, name, A)                            \
	type name(A a)                                           \
	{                                                        \
		return library.name ? library.name(a) : without; \
	}
#define CALL2(type, without, name, A, B)                            \
	type name(A a, B b)                                         \
	{                                                           \
		return library.name ? library.name(a, b) : without; \
	}
#define CALL3(type, without, name, A, B, C)                            \
	type name(A a, B b, C c)                                       \
	{                                                              \
		return library.name ? library.name(a, b, c) : without; \
	}
#define ENABLE(name) CALL1(int, ARCHIVE_FATAL, archive_read_support_##name, struct archive *)

ENABLE(filter_bzip2)
ENABLE(filter_gzip)
ENABLE(filter_lz4)
ENABLE(filter_xz)
ENABLE(filter_zstd)
ENABLE(format_7zip)
ENABLE(format_empty)
ENABLE(format_raw)
ENABLE(format_tar)
ENABLE(format_zip)

CALL1(__LA_MODE_T, 0, archive_entry_filetype, struct archive_entry *)
CALL1(const char *, NULL, archive_entry_hardlink, struct archive_entry *)
CALL1(int, 0, archive_entry_is_encrypted, struct archive_entry *)
CALL1(const char *, NULL, archive_entry_pathname, struct archive_entry *)
CALL1(const char *, NULL, archive_entry_pathname_utf8, struct archive_entry *)
CALL1(la_int64_t, 0, archive_entry_size, struct archive_entry *)
CALL1(int, 0, archive_entry_size_is_set, struct archive_entry *)
CALL1(const char *, missing, archive_error_string, struct archive *)
CALL2(la_int64_t, 0, archive_filter_bytes, struct archive *, int)
CALL2(int, 0, archive_filter_code, struct archive *, int)
CALL1(int, 0, archive_format, struct archive *)
CALL2(int, ARCHIVE_FATAL, archive_read_add_passphrase, struct archive *, const char *)
CALL3(la_ssize_t, ARCHIVE_FATAL, archive_read_data, struct archive *, void *, size_t)
CALL1(int, ARCHIVE_OK, archive_read_free, struct archive *)
CALL1(int, 0, archive_read_has_encrypted_entries, struct archive *)
CALL2(int, ARCHIVE_FATAL, archive_read_next_header, struct archive *, struct archive_entry **)
CALL1(int, ARCHIVE_FATAL, archive_read_open1, struct archive *)
CALL3(int, ARCHIVE_FATAL, archive_read_open_filename, struct archive *, const char *, size_t)
CALL3(int, ARCHIVE_FATAL, archive_read_open_memory, struct archive *, const void *, size_t)
CALL2(int, ARCHIVE_FATAL, archive_read_set_callback_data, struct archive *, void *)
CALL2(int, ARCHIVE_FATAL, archive_read_set_read_callback, struct archive *, archive_read_callback *)
CALL2(int, ARCHIVE_FATAL, archive_read_set_seek_callback, struct archive *, archive_seek_callback *)
CALL2(int, ARCHIVE_FATAL, archive_read_set_skip_callback, struct archive *, archive_skip_callback *)

struct archive *archive_read_new(void)
{
	return libarchive_missing() ? NULL : library.archive_read_new();
}

const char *archive_version_string(void)
{
	return libarchive_missing() ? "missing" : library.archive_version_string();
}

int archive_read_data_block(struct archive *archive, const void **bytes, size_t *size,
			    la_int64_t *offset)
{
	if (!library.archive_read_data_block)
		return ARCHIVE_FATAL;
	return library.archive_read_data_block(archive, bytes, size, offset);
}

int archive_read_open(struct archive *archive, void *context, archive_open_callback *on_open,
		      archive_read_callback *on_read, archive_close_callback *on_close)
{
	if (!library.archive_read_open)
		return ARCHIVE_FATAL;
	return library.archive_read_open(archive, context, on_open, on_read, on_close);
}

void archive_set_error(struct archive *archive, int number, const char *format, ...)
{
	char sentence[256];
	va_list args;
	va_start(args, format);
	vsnprintf(sentence, sizeof(sentence), format, args);
	va_end(args);
	if (library.archive_set_error)
		library.archive_set_error(archive, number, "%s", sentence);
}
#endif
