/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The lists of a minidump: modules, threads; and what it says of itself.
 */
#include "minidump_parts.h"

#include <stdlib.h>

#include <impscan/address_set.h>
#include <impscan/alloc.h>

#define MODULE_SIZE 108
#define THREAD_SIZE 48

/* Processes have up to 1,500 modules and 10,000 threads. */
#define MODULES_MAX 16384
#define THREADS_MAX 65536

/* Bytes of a path in UTF-16: those of the longest that Windows has. */
#define PATH_MAX_BYTES 65534

/* Characters of a comment that are shown. */
#define COMMENT_MAX 1000

/* FILETIME of 1970-01-01. */
#define UNIX_EPOCH UINT64_C(116444736000000000)

/* MiniDumpWithFullMemory, MINIDUMP_TYPE of minidumpapiset.h. */
#define FULL_MEMORY 2u

/* The path of a module; "" where it can't be read, or there is no room for it. */
static const char *read_path(const struct image *image, struct minidump_parts *parts, uint32_t rva)
{
	const uint8_t *length = image_bytes(image, rva, 4);
	/* UTF-8 needs a byte at least for each of the UTF-16: without room it is not converted. */
	if (!length || le32(length) > PATH_MAX_BYTES)
		return "";
	if (le32(length) > STRINGS_MAX - parts->path_bytes ||
	    le32(length) / 2 > STRINGS_MAX - parts->paths.bytes) {
		parts->paths.left_out++;
		return "";
	}
	/* Also those that are the same text, since it is read and printed for each. */
	parts->path_bytes += le32(length);
	const char *path = strings_take(&parts->paths, minidump_string(image, rva, PATH_MAX_BYTES));
	return path ? path : "";
}

void minidump_read_modules(struct image *image)
{
	struct minidump_parts *parts = (void *)image->minidump;
	struct minidump *dump = &parts->dump;
	struct records records =
		minidump_records(image, STREAM_MODULES, MODULE_SIZE, MODULES_MAX, "modules");
	_cleanup_address_set_ struct address_set bases = {0};
	size_t capacity = 0;
	for (size_t i = 0; i < records.count; i++) {
		const uint8_t *record = records.data + i * MODULE_SIZE;
		uint64_t base = minidump_address(dump, record);
		if (!base || !address_set_add(&bases, base))
			continue;
		*array_push(dump->modules, dump->module_count, capacity) = (struct minidump_module){
			.base = base,
			.size = le32(record + 8),
			.path = read_path(image, parts, le32(record + 20)),
		};
	}
	struct stream stream = minidump_stream(image, STREAM_MODULES);
	dump->modules_whole = records.count && records.count == le32(stream.data);
	if (parts->paths.left_out)
		image_warn(image, "names of %zu modules left out: they are too long together",
			   parts->paths.left_out);
}

void minidump_read_threads(struct image *image)
{
	struct minidump *dump = image->minidump;
	struct records records =
		minidump_records(image, STREAM_THREADS, THREAD_SIZE, THREADS_MAX, "threads");
	if (!records.count)
		return;
	dump->tebs = alloc_zero(records.count, sizeof(*dump->tebs));
	for (size_t i = 0; i < records.count; i++) {
		uint64_t teb = minidump_address(dump, records.data + i * THREAD_SIZE + 16);
		if (teb)
			dump->tebs[dump->teb_count++] = teb;
	}
}

/* The comment of the tool that wrote it: procdump's command line, for instance. */
static char *read_comment(const struct image *image)
{
	struct stream wide = minidump_stream(image, STREAM_COMMENT_W);
	struct stream narrow = minidump_stream(image, STREAM_COMMENT_A);
	char *comment = NULL;
	uint64_t length = wide.data ? wide.size / 2 : narrow.data ? narrow.size : 0;
	uint64_t shown = min_of(length, (uint64_t)COMMENT_MAX);
	if (wide.data)
		comment = text_from_utf16(wide.data, 2 * shown);
	else if (narrow.data)
		comment = text_from_latin1(narrow.data, shown);
	if (comment && !*comment) {
		free(comment);
		return NULL;
	}
	if (!comment || shown == length)
		return comment;
	char *cut = alloc_printf("%s ... (%llu characters in all)", comment,
				 (unsigned long long)length);
	free(comment);
	return cut;
}

/* What --info tells of it. */
static void add_facts(struct image *image, const struct minidump *dump)
{
	_cleanup_text_ struct text streams = {0};
	if (dump->time)
		image_add_taken(image, UNIX_EPOCH + dump->time * UINT64_C(10000000));
	for (size_t i = 0; i < dump->stream_count; i++)
		text_add_format(&streams, "%s%s", i ? ", " : "", dump->streams[i]);
	image_add_fact(image, IMAGE_FACT_NOTE, "Windows %u.%u build %u%s%s, %u %s", dump->major,
		       dump->minor, dump->build, dump->service_pack ? " " : "",
		       dump->service_pack ? dump->service_pack : "", dump->processors,
		       dump->processors == 1 ? "processor" : "processors");
	image_add_fact(image, IMAGE_FACT_NOTE, "taken with flags 0x%llx%s",
		       (unsigned long long)dump->flags,
		       dump->flags & FULL_MEMORY ? " (full memory)" : "");
	image_add_fact(image, IMAGE_FACT_NOTE, "streams: %s", text_string(&streams));
	if (dump->comment)
		image_add_fact(image, IMAGE_FACT_NOTE, "comment: %s", dump->comment);
}

void minidump_read_about(struct image *image)
{
	/* MINIDUMP_MISC_INFO: size, flags, process ID, and more. */
	const uint32_t has_pid = 1;
	struct minidump *dump = image->minidump;
	struct stream misc = minidump_stream(image, STREAM_MISC);
	if (misc.data && misc.size >= 12 && le32(misc.data + 4) & has_pid) {
		dump->has_pid = true;
		dump->pid = le32(misc.data + 8);
	}
	dump->comment = read_comment(image);
	add_facts(image, dump);
}
