/* SPDX-License-Identifier: GPL-3.0-or-later */
/* image: files that are recognised and declined. */
#include "image_builder.h"

static void signatures(void **state)
{
	(void)state;
	const struct {
		size_t offset;
		const char *bytes;
		size_t size;
		const char *word;
	} files[] = {
#define FILE_OF(offset, bytes, word) {offset, bytes, sizeof(bytes) - 1, word}
		FILE_OF(0, "USERDU64", "user-mode dump"),
		FILE_OF(0, "KDUMP   ", "kdump"),
		FILE_OF(0, "DISKDUMP", "kdump"),
		FILE_OF(0, "makedumpfile\0\0\0\0", "kdump"),
		FILE_OF(0, "EVF\x09\x0d\x0a\xff\x00", "EnCase"),
		FILE_OF(0, "EVF2\x0d\x0a\x81\x00", "EnCase"),
		FILE_OF(0, "PK\x03\x04\x14\0", "is a ZIP archive: unpack it first"),
		FILE_OF(0, "\x1f\x8b\x08\x00", "gzip file: decompress it first"),
		FILE_OF(0,
			"\xfd"
			"7zXZ\0",
			"is an xz file"),
		FILE_OF(0, "\x28\xb5\x2f\xfd", "Zstandard"),
		FILE_OF(0, "\x04\x22\x4d\x18", "LZ4"),
		FILE_OF(0, "BZh51AY&SY", "bzip2"),
		FILE_OF(0, "7z\xbc\xaf\x27\x1c", "7-Zip"),
		FILE_OF(0, "Rar!\x1a\x07", "RAR"),
		FILE_OF(257, "ustar", "tar archive"),
		FILE_OF(0, "QFI\xfb", "virtual disk"),
		FILE_OF(0, "KDMV", "virtual disk"),
		FILE_OF(0, "# Disk DescriptorFile", "virtual disk"),
		FILE_OF(0, "conectix", "virtual disk"),
		FILE_OF(0, "vhdxfile", "virtual disk"),
		FILE_OF(0, "LibvirtQemudSave", "saved state"),
		FILE_OF(0, "QEVM", "saved state"),
		FILE_OF(3, "NTFS    ", "NTFS"),
		FILE_OF(0, "ElfFile\0", "event log"),
		FILE_OF(0, "ZDMP", "Z2Dmp"),
		FILE_OF(0, "HPAK", "hpakextract"),
		FILE_OF(0, "ADSEGMENTEDFILE\0", "AD1"),
		FILE_OF(0, "ADCRYPT\0", "AD1"),
		FILE_OF(0, "\x89LZO\0\r\n\x1a\n", "lzop -d"),
		FILE_OF(0, "LZIP\1", "lzip -d"),
		FILE_OF(0, "LRZI", "lrunzip"),
		FILE_OF(0, "\x02\x21\x4c\x18", "unlz4"),
		FILE_OF(0, "\xff\x06\0\0sNaPpY", "winpmem"),
		FILE_OF(0, "\xff\x06\0\0S2sTwO", "winpmem"),
		FILE_OF(0, "MSWIM\0\0\0", "WIM"),
		FILE_OF(0, "LibxenFmt", "Xen"),
		FILE_OF(0, "XenSavedDomain", "Xen"),
		FILE_OF(0, "LibvirtQemudPart", "did not finish"),
		FILE_OF(0, "PK\7\x08", "split ZIP"),
		FILE_OF(0, "PK00PK\3\4", "split ZIP"),
		FILE_OF(0, "\xca\xfe\xba\xbe\0\0\0\2\1\0\0\7\0\0\0\3", "Mach-O"),
		FILE_OF(0, "\xca\xfe\xba\xbf\0\0\0\1\1\0\0\x0c\0\0\0\0", "Mach-O"),
		FILE_OF(0, "\xff\xff\xff\xff\xff\xff\xff\xffXENF", "Xen"),
		FILE_OF(0, "Xen saved domain, xl format\n", "Xen"),
		FILE_OF(0, "\xed\xeb\x0f\xf0", "Xen"),
		FILE_OF(0, "\xee\xeb\x0f\xf0", "Xen"),
		FILE_OF(0, "\xbe\xba\xfe\xca\0\0\0\0", "virtual disk"),
		FILE_OF(0, "WithoutFreeSpace", "virtual disk"),
		FILE_OF(0, "WithouFreSpacExt", "virtual disk"),
		FILE_OF(512, "EFI PART", "disk or volume"),
		FILE_OF(4096, "EFI PART", "disk or volume"),
		FILE_OF(3, "EXFAT   ", "disk or volume"),
		FILE_OF(3, "-FVE-FS-", "disk or volume"),
		FILE_OF(3, "ReFS\0\0\0\0", "disk or volume"),
		FILE_OF(0, "LUKS\xba\xbe", "encrypted"),
		FILE_OF(0, "Salted__", "encrypted"),
		FILE_OF(0, "-----BEGIN PGP MESSAGE", "encrypted"),
		FILE_OF(0, "age-encryption.org/v1", "encrypted"),
		FILE_OF(0, "version https://git-lfs.github.com/spec/v1", "git lfs pull"),
		FILE_OF(0, "<!DOCTYPE html>", "web page"),
		FILE_OF(0, "\xef\xbb\xbf\r\n  <HTML>", "web page"),
		FILE_OF(0, "<?xml version='1.0'?>", "web page"),
		FILE_OF(0, "\xcf\xfa\xed\xfe\7\0\0\1\3\0\0\0\4\0\0\0", "Mach-O"),
		FILE_OF(0, "\xce\xfa\xed\xfe\7\0\0\0\3\0\0\0\4\0\0\0", "Mach-O"),
		FILE_OF(0, "\xcf\xfa\xed\xfe\x0c\0\0\1\3\0\0\0\4\0\0\0", "Mach-O"),
		FILE_OF(0, "\xfe\xed\xfa\xce\0\0\0\x12\0\0\0\0\0\0\0\4", "Mach-O"),
		FILE_OF(0, "\x5d\0\0\x80\0\xff\xff\xff\xff\xff\xff\xff\xff", "unlzma"),
		FILE_OF(0, "\x5d\0\0\x18\0\0\0\x08\0\0\0\0\0", "unlzma"),
	};
	for (size_t i = 0; i < array_size(files); i++) {
		_cleanup_blob_ struct blob blob = {0};
		put(&blob, files[i].offset, files[i].bytes, files[i].size);
		refuse_blob(&blob, files[i].word); /* as short as can be */
		blob_resize(&blob, 3 * PAGE);
		refuse_blob(&blob, files[i].word);
		/* A byte less is only a raw image. */
		blob_resize(&blob, files[i].offset + 2);
		_cleanup_opened_ struct opened opened = open_blob(&blob);
		assert_string_equal(image_format(opened.image), "raw");
	}
}

static void aff4_is_more_than_a_zip(void **state)
{
	(void)state;
	_cleanup_blob_ struct blob blob = {0};
	put(&blob, 0, "PK\x03\x04", 4);
	put(&blob, 30, "container.description", 21);
	refuse_blob(&blob, "is an AFF4 volume: export");
}

static void zeros_are_a_raw_image(void **state)
{
	(void)state;
	_cleanup_blob_ struct blob blob = {0};
	blob_resize(&blob, 100 * PAGE);
	_cleanup_opened_ struct opened opened = open_blob(&blob);
	assert_string_equal(image_format(opened.image), "raw");
}

static void pe_file(void **state)
{
	(void)state;
	_cleanup_blob_ struct blob blob = {0};
	put(&blob, 0, "MZ", 2);
	put32(&blob, 0x3c, 0x80);
	put(&blob, 0x80, "PE\0\0", 4);
	refuse_blob(&blob, "is a PE file");
	put32(&blob, 0x3c, UINT32_MAX);
	_cleanup_opened_ struct opened opened = open_blob(&blob);
	assert_string_equal(image_format(opened.image), "raw");
}

static void saved_state_of_hyper_v(void **state)
{
	(void)state;
	for (size_t header = 0; header <= 0x1000; header += 0x1000) {
		_cleanup_blob_ struct blob blob = {0};
		put32(&blob, header, 0x01282014);
		refuse_blob(&blob, "Hyper-V");
		blob_resize(&blob, 3 * PAGE);
		_cleanup_opened_ struct opened opened = open_blob(&blob);
		assert_string_equal(image_format(opened.image), "raw");
		put32(&blob, 0x2000, 0x01110001);
		refuse_blob(&blob, "Hyper-V");
	}
}

/* A partition table is one when it leads to a volume. */
static void disk_with_partitions(void **state)
{
	(void)state;
	static const struct {
		size_t offset;
		const char *bytes;
	} volumes[] = {{3, "NTFS    "}, {3, "MSDOS5.0"}, {3, "-FVE-FS-"}, {0x438, "\x53\xef"}};
	for (size_t i = 0; i < 4 * array_size(volumes); i++) {
		_cleanup_blob_ struct blob blob = {0};
		blob_resize(&blob, 4 * PAGE);
		put16(&blob, 510, 0xaa55);
		put(&blob, 446 + 16 * (i % 4), "\x80", 1);
		put32(&blob, 446 + 16 * (i % 4) + 8, 16);
		_cleanup_opened_ struct opened opened = open_blob(&blob);
		assert_string_equal(image_format(opened.image), "raw");
		assert_non_null(strstr(image_likeness(opened.image), "boot sector"));
		const char *bytes = volumes[i / 4].bytes;
		put(&blob, 16 * 512 + volumes[i / 4].offset, bytes, strlen(bytes));
		refuse_blob(&blob, "disk or volume");
		put(&blob, 446 + 16 * (i % 4), "\x81", 1);
		_cleanup_opened_ struct opened other = open_blob(&blob);
		assert_string_equal(image_format(other.image), "raw");
	}
}

/* What memory may begin with, too, is read as memory. */
static void likenesses(void **state)
{
	(void)state;
	static const struct {
		size_t offset;
		const char *bytes;
		size_t size;
		const char *word; /* NULL: it looks like nothing */
	} files[] = {
#define LIKE(offset, bytes, word) {offset, bytes, sizeof(bytes) - 1, word}
		LIKE(510, "\x55\xaa", "disk or volume"),
		LIKE(510, "\x55\xab", NULL),
		LIKE(0x8000, "\1CD001\1", "CD"),
		LIKE(0x8000, "\2CD001\1", NULL),
		LIKE(4086, "SWAPSPACE2", "swap"),
		LIKE(0, "\x1f\x9d\x90", "uncompress"),
		LIKE(0, "\x1f\x9d\x10", "uncompress"),
		LIKE(0, "\x1f\x9d\x11", NULL),
		LIKE(0, "\x1f\x9d\xb0", NULL),
		LIKE(0, "\x78\x9c\xed", "zlib"),
		LIKE(0, "\x78\x01\x05", "zlib"),
		LIKE(0, "\x78\x9c\x07", NULL), /* no such kind of block */
		LIKE(0, "\x78\x9d\xed", NULL),
		LIKE(0, "{\"rows\": []}\0", NULL),
		LIKE(0, "\xff\xfeP\0I\0D\0 \0N\0a\0m\0e\0", "UTF-16"),
	};
	for (size_t i = 0; i < array_size(files); i++) {
		_cleanup_blob_ struct blob blob = {0};
		blob_resize(&blob, 10 * PAGE);
		put(&blob, files[i].offset, files[i].bytes, files[i].size);
		_cleanup_opened_ struct opened opened = open_blob(&blob);
		assert_string_equal(image_format(opened.image), "raw");
		const char *likeness = image_likeness(opened.image);
		if (files[i].word)
			assert_non_null(strstr(likeness ? likeness : "", files[i].word));
		else
			assert_null(likeness);
	}
	static const char *const texts[] = {"{\"rows\": []}\n", "PID\tName\r\n", "\xc3\xa4"};
	for (size_t i = 0; i < array_size(texts); i++) {
		_cleanup_blob_ struct blob blob = {0};
		put(&blob, 0, texts[i], strlen(texts[i]));
		_cleanup_opened_ struct opened opened = open_blob(&blob);
		assert_non_null(strstr(image_likeness(opened.image), "text"));
		put(&blob, blob.size, "\1", 1);
		_cleanup_opened_ struct opened other = open_blob(&blob);
		assert_null(image_likeness(other.image));
	}
}

/* Where a header says what lies where, the file is no other one. */
static void a_known_format_is_like_nothing(void **state)
{
	(void)state;
	_cleanup_blob_ struct blob blob = {0};
	put32(&blob, 0, 0x4c694d45);
	put32(&blob, 4, 1);
	put64(&blob, 16, PAGE - 1);
	blob_resize(&blob, 32 + PAGE);
	put16(&blob, 510, 0xaa55);
	_cleanup_opened_ struct opened opened = open_blob(&blob);
	assert_string_equal(image_format(opened.image), "LiME");
	assert_null(image_likeness(opened.image));
}

static void fixed_vhd_has_its_mark_at_the_end(void **state)
{
	(void)state;
	_cleanup_blob_ struct blob blob = {0};
	blob_resize(&blob, 2 * PAGE + 512);
	put(&blob, 2 * PAGE, "conectix", 8);
	refuse_blob(&blob, "virtual disk");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(signatures),
		cmocka_unit_test(aff4_is_more_than_a_zip),
		cmocka_unit_test(zeros_are_a_raw_image),
		cmocka_unit_test(pe_file),
		cmocka_unit_test(saved_state_of_hyper_v),
		cmocka_unit_test(disk_with_partitions),
		cmocka_unit_test(likenesses),
		cmocka_unit_test(a_known_format_is_like_nothing),
		cmocka_unit_test(fixed_vhd_has_its_mark_at_the_end),
	};
	return cmocka_run_group_tests_name("image_refuse", tests, NULL, NULL);
}
