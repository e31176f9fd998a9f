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
		FILE_OF(0, "MDMP\x93\xa7\0\0",
			"is a minidump, which holds the memory of one process"),
		FILE_OF(0, "USERDU64", "user-mode dump"),
		FILE_OF(0, "hibr", "hibernation file"),
		FILE_OF(0, "HIBR", "hibernation file"),
		FILE_OF(0, "wake", "hibernation file"),
		FILE_OF(0, "WAKE", "hibernation file"),
		FILE_OF(0, "RSTR", "hibernation file"),
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

static void wiped_hibernation_file(void **state)
{
	(void)state;
	_cleanup_blob_ struct blob blob = {0};
	blob_resize(&blob, 10 * PAGE);
	put(&blob, 7 * PAGE, "\x81\x81xpress", 8);
	refuse_blob(&blob, "hibernation file");
	put(&blob, 5, "x", 1); /* a first page that is not zero is no sign of it */
	_cleanup_opened_ struct opened opened = open_blob(&blob);
	assert_string_equal(image_format(opened.image), "raw");
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
		cmocka_unit_test(wiped_hibernation_file),
		cmocka_unit_test(zeros_are_a_raw_image),
		cmocka_unit_test(pe_file),
		cmocka_unit_test(fixed_vhd_has_its_mark_at_the_end),
	};
	return cmocka_run_group_tests_name("image_refuse", tests, NULL, NULL);
}
