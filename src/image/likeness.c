/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a file may be that was taken for raw memory, where no machine was found in it. The bytes
 * that tell it are too few to refuse the file by, or memory may have them as well: a boot sector is
 * left where firmware put it, and the first page is the interrupt vectors of real mode.
 *
 * Facts: file(1); RFC 1950; ECMA-119; the UEFI specification's MBR.
 */
#include "internal.h"

#include <stdlib.h>
#include <strings.h>
#include <unistd.h>

#include <impscan/alloc.h>

/* So much of a file is looked at to see whether it is text. */
#define TEXT_SIZE 4096

/* A boot sector, of a disk or of a volume. */
static bool like_disk(const struct image *image)
{
	return image_has(image, 510, "\x55\xaa", 2);
}

/* compress(1): two bytes, then bits of the codes, 9 to 16, and two flags that are not used. */
static bool like_compress(const struct image *image)
{
	const uint8_t *p = image_bytes(image, 0, 3);
	return p && p[0] == 0x1f && p[1] == 0x9d && !(p[2] & 0x60) && (p[2] & 0x1f) >= 9 &&
	       (p[2] & 0x1f) <= 16;
}

/* RFC 1950: deflate with a window of 32 KB, without a dictionary; a multiple of 31. */
static bool like_zlib(const struct image *image)
{
	const uint8_t *p = image_bytes(image, 0, 3);
	return p && p[0] == 0x78 && !(p[1] & 0x20) && (p[0] << 8 | p[1]) % 31 == 0 &&
	       (p[2] & 6) != 6; /* the block's kind */
}

/* ISO 9660, or UDF, whose volume descriptors begin at the same place. */
static bool like_cd(const struct image *image)
{
	return image_has(image, 0x8000, "\1CD001\1", 7) || image_has(image, 0x8000, "\0BEA01\1", 7);
}

static bool like_swap(const struct image *image)
{
	return image_has(image, PAGE_SIZE - 10, "SWAPSPACE2", 10) ||
	       image_has(image, PAGE_SIZE - 10, "S1SUSPEND", 9);
}

/*
 * Is all of the beginning text, with letters in it? Of bytes above ASCII, UTF-8 has some in a row
 * that begin as such a row does; where they are few, any encoding may have them.
 */
static bool like_text(const struct image *image)
{
	const uint64_t size = min_of(image->size, (uint64_t)TEXT_SIZE);
	const uint8_t *p = image_bytes(image, 0, size);
	uint64_t letters = 0, high = 0, wrong = 0;
	unsigned int more = 0; /* bytes of a row that are to come */
	for (uint64_t i = 0; p && i < size; i++) {
		const bool follows = (p[i] & 0xc0) == 0x80;
		if (p[i] == 0x7f || (p[i] < ' ' && !(p[i] >= '\t' && p[i] <= '\r')))
			return false;
		letters += p[i] > ' ' && p[i] < 0x80;
		high += p[i] >= 0x80;
		wrong += follows != (more > 0) || p[i] >= 0xf8;
		more = follows && more ? more - 1
		       : p[i] >= 0xf0  ? 3
		       : p[i] >= 0xe0  ? 2
		       : p[i] >= 0xc0  ? 1
				       : 0;
	}
	return p && (wrong ? high < letters / 4 : letters || high);
}

/* UTF-16, as Windows' own tools write listings: a byte order mark and plain letters. */
static bool like_wide_text(const struct image *image)
{
	const uint8_t *p = image_bytes(image, 0, 16);
	if (!p || p[0] != 0xff || p[1] != 0xfe)
		return false;
	for (size_t i = 3; i < 16; i += 2)
		if (p[i])
			return false;
	return true;
}

/* Hyper-V up to 2012 R2 writes two files; one has the memory, neither a signature. */
static bool like_vsv(const struct image *image)
{
	const char *dot = strrchr(image->path, '.');
	if (!dot || strchr(dot, '/'))
		return false;
	if (!strcasecmp(dot, ".vsv"))
		return true;
	_cleanup_free_ char *stem = alloc_strndup(image->path, (size_t)(dot - image->path));
	_cleanup_free_ char *beside = alloc_printf("%s.vsv", stem);
	return !strcasecmp(dot, ".bin") && !access(beside, F_OK);
}

/* The name of the file, without folders; also in an archive. */
static const char *file_name(const struct image *image)
{
	const char *path = source_name(image->source), *slash = strrchr(path, '/');
	return slash ? slash + 1 : path;
}

/* Does a name end in a point, `before`, and digits? Returns their number, or 0. */
static unsigned long number_of_part(const char *name, const char *before, size_t digits)
{
	const char *dot = strrchr(name, '.');
	const size_t length = strlen(before);
	if (!dot || strncasecmp(dot + 1, before, length) != 0 ||
	    strlen(dot + 1 + length) != digits || strspn(dot + 1 + length, "0123456789") != digits)
		return 0;
	return strtoul(dot + 1 + length, NULL, 10);
}

static bool like_part(const struct image *image)
{
	return number_of_part(file_name(image), "", 3) > 1;
}

static bool like_part_of_zip(const struct image *image)
{
	return number_of_part(file_name(image), "z", 2) > 0;
}

static bool like_page_file(const struct image *image)
{
	return !strcasecmp(file_name(image), "pagefile.sys") ||
	       !strcasecmp(file_name(image), "swapfile.sys");
}

static const struct {
	bool (*like)(const struct image *image);
	const char *sentence;
} kinds[] = {
	{like_vsv,
	 "looks like the saved state of a Hyper-V machine before 2016 (.bin and .vsv): convert "
	 "it first (vm2dmp or LiveCloudKd, on Windows)"},
	{like_page_file,
	 "is a page file by its name, not an image of memory: give the image, and this one with "
	 "--pagefile (pagefile.sys is number 0, swapfile.sys 1)"},
	{like_part_of_zip,
	 "is a part of a split ZIP archive by its name: join its parts first (zip -s 0 NAME.zip "
	 "--out WHOLE.zip)"},
	{like_part,
	 "is a later part of a split image by its name: give the first part (.001), which has to "
	 "be beside it"},
	{like_disk,
	 "looks like an image of a disk or volume, not of memory, since it begins with a "
	 "boot sector (MBR): take the memory of the running machine, or look for a page or "
	 "hibernation file in it"},
	{like_cd,
	 "looks like an image of a CD or DVD (ISO 9660 or UDF), not of memory: if a memory "
	 "image is on it, mount it or extract that (7z x)"},
	{like_swap, "looks like a swap partition of Linux, not like an image of memory"},
	{like_compress, "looks like a file of compress (.Z): decompress it first (uncompress)"},
	{like_zlib, "looks like a zlib stream, as LiME writes with compress=1: decompress it first "
		    "(zlib-flate -uncompress)"},
	{like_text, "is text (JSON, a log, a listing), not a memory image"},
	{like_wide_text, "is text (UTF-16), not a memory image"},
};

const char *image_likeness(const struct image *image)
{
	for (size_t i = 0; image->plain && i < array_size(kinds); i++)
		if (kinds[i].like(image))
			return kinds[i].sentence;
	return NULL;
}
