/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Page files: pagefile.sys and swapfile.sys as Windows keeps them. They have no header, so nothing
 * in one says that it is a page file; only files of other kinds can be recognised here. Whether it
 * is the image's is judged in discover/page_files.c.
 */
#include "memory/paging.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>
#include <impscan/kernel_address.h>

/*
 * How files begin that are taken for page files by mistake: images of all formats that have a
 * signature, and what people keep images in. What is here can't be used as a page file at all, so
 * the list is short. The signatures are also where images are recognised, in image/NAME.c and
 * image/refuse.c; a new format of images needs a line here too.
 */
static const struct {
	const char *magic;
	size_t size;
	const char *what;
} others[] = {
	{"PAGEDUMP", 8, "a 32-bit crash dump"},
	{"PAGEDU64", 8, "a 64-bit crash dump"},
	{"HIBR", 4, "a hibernation file"},
	{"hibr", 4, "a hibernation file"},
	{"WAKE", 4, "a hibernation file"},
	{"wake", 4, "a hibernation file"},
	{"RSTR", 4, "a hibernation file"},
	{"EMiL", 4, "a LiME image"},
	{"\177ELF", 4, "an ELF file"},
	{"PK\3\4", 4, "a ZIP archive"},
	{"\375"
	 "7zXZ",
	 5, "an xz archive"},
	{"7z\274\257\047\034", 6, "a 7-Zip archive"},
	{"\037\213", 2, "a gzip file"},
	{"EVF\t", 4, "an EnCase image"},
	{"\320\276\320\276", 4, "a VMware state file"},
	{"\320\276\322\276", 4, "a VMware state file"},
	{"\321\272\321\272", 4, "a VMware state file"},
	{"\322\272\322\272", 4, "a VMware state file"},
	{"\322\276\322\276", 4, "a VMware state file"},
	{"\323\276\323\276", 4, "a VMware state file"},
};

static const char *other_kind(const uint8_t *data)
{
	for (size_t i = 0; i < array_size(others); i++)
		if (!memcmp(data, others[i].magic, others[i].size))
			return others[i].what;
	return NULL;
}

/* Whether page file `number` may be added, which must not be there yet. */
static struct error *check_number(const struct memory *memory, unsigned int number,
				  const char *path)
{
	if (number >= PAGE_FILES)
		return error_new("%s: page files are numbered 0 to %d, not %u", path,
				 PAGE_FILES - 1, number);
	if (memory->page_files[number].data)
		return error_new("%s: page file %u is already given: %s", path, number,
				 memory->page_files[number].path);
	return NULL;
}

static struct error *too_small(const char *path, uint64_t size)
{
	return error_new("%s is not a page file: it has %llu bytes, less than one page", path,
			 (unsigned long long)size);
}

static void set_file(struct page_file *file, const char *path, const void *data, uint64_t size)
{
	file->data = data;
	file->size = size;
	file->pages = size / PAGE_SIZE;
	file->used = true;
	file->path = alloc_strdup(path);
	if (size % PAGE_SIZE)
		snprintf(file->doubt, sizeof(file->doubt),
			 "its size of %llu bytes is not a multiple of 4096; it may be cut",
			 (unsigned long long)size);
}

struct error *memory_add_page_source(struct memory *memory, unsigned int number,
				     const struct source *source)
{
	try_(check_number(memory, number, source_path(source)));
	struct page_file *file = &memory->page_files[number];
	if (source->size < PAGE_SIZE)
		return too_small(source_path(source), source->size);
	const uint8_t *start = source_bytes(source, 0, PAGE_SIZE);
	const char *what = start ? other_kind(start) : NULL;
	if (what)
		return error_new("%s is not a page file but %s", source_path(source), what);
	set_file(file, source_path(source), source->data, source->size);
	file->source = source;
	return NULL;
}

struct error *memory_add_page_file(struct memory *memory, unsigned int number, const char *path)
{
	struct stat status;
	try_(check_number(memory, number, path));
	/* Without O_NONBLOCK a pipe that nobody writes to would block here. */
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0 || fstat(fd, &status))
		return error_errno(errno, "can't open page file %s", path);
	if (!S_ISREG(status.st_mode))
		return error_new("%s is not a file; a page file must be one, copied raw", path);
	if (status.st_size < (off_t)PAGE_SIZE)
		return too_small(path, (uint64_t)status.st_size);
	uint64_t size = (uint64_t)status.st_size;
	if (size > SIZE_MAX)
		return error_new("%s is too large to map", path);
	void *data = mmap(NULL, (size_t)size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (data == MAP_FAILED)
		return error_errno(errno, "can't map page file %s", path);
	const char *what = other_kind(data);
	if (what) {
		munmap(data, (size_t)size);
		return error_new("%s is not a page file but %s", path, what);
	}
	set_file(&memory->page_files[number], path, data, size);
	return NULL;
}

const struct page_file *memory_page_file(const struct memory *memory, unsigned int number)
{
	if (number >= PAGE_FILES || !memory->page_files[number].data)
		return NULL;
	return &memory->page_files[number];
}

void memory_use_page_file(struct memory *memory, unsigned int number, bool used)
{
	memory->page_files[number].used = used;
	memory->generation++;
}

/* An RVA or an ordinal's index, as address tables hold them in the file; no image is larger. */
#define RVA_END UINT64_C(0x10000000)

/*
 * Where a process's addresses begin (nothing is ever mapped below), and on x86 end: not the half,
 * since with /3GB there may be a gigabyte more.
 */
#define USER_START   UINT64_C(0x10000)
#define USER_END_3GB UINT64_C(0xc0000000)

/*
 * How many slots must be compared for an answer: alike if half are the same, unlike if an eighth.
 */
#define SLOTS_LEAST 8

enum page_likeness page_compare(const uint8_t *copy, const uint8_t *original,
				unsigned int pointer_size)
{
	const uint64_t user_end = pointer_size == 8 ? USER_END_X64 : USER_END_3GB;
	size_t slots = 0, same = 0;
	for (size_t at = 0; at < PAGE_SIZE; at += pointer_size) {
		uint64_t was = le_pointer(original + at, pointer_size);
		uint64_t is = le_pointer(copy + at, pointer_size);
		if (!was || (was < RVA_END && is >= USER_START && is < user_end))
			continue;
		slots++;
		same += was == is;
	}
	if (slots < SLOTS_LEAST)
		return PAGE_SILENT;
	return same * 2 >= slots ? PAGE_ALIKE : same * 8 <= slots ? PAGE_UNLIKE : PAGE_SILENT;
}

void page_files_close(struct memory *memory)
{
	for (size_t i = 0; i < PAGE_FILES; i++) {
		struct page_file *file = &memory->page_files[i];
		if (file->data && !file->source)
			munmap((void *)(uintptr_t)file->data, (size_t)file->size);
		free(file->path);
	}
}
