/* SPDX-License-Identifier: GPL-3.0-or-later */
/* scan: files of modules: holes, what was there before, disks without room. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <impscan/cleanup.h>
#include <scan/sparse_file.h>

#define SIZE ((size_t)300000)

static char folder[] = "sparse_file.XXXXXX";
static char path[sizeof(folder) + 8];
static uint8_t bytes[SIZE];

static int make_folder(void **state)
{
	(void)state;
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof(path), "%s/file", folder);
	/* Content at both ends, and nothing between. */
	memset(bytes, 0x5a, 5000);
	memset(bytes + SIZE - 10, 0xa5, 10);
	return 0;
}

static int remove_folder(void **state)
{
	(void)state;
	return rmdir(folder);
}

static struct pe_reader reader(void)
{
	return pe_reader_bytes(bytes, SIZE, PE_LAYOUT_FILE);
}

static void expect_content(void)
{
	static uint8_t read_back[SIZE + 1];
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(read(fd, read_back, sizeof(read_back)), SIZE);
	assert_memory_equal(read_back, bytes, SIZE);
}

static void test_holes(void **state)
{
	(void)state;
	struct stat status;
	struct pe_reader file = reader();
	uint64_t room = sparse_file_room(&file);
	assert_true(room >= 5010 && room < SIZE / 2);
	assert_int_equal(sparse_file_write(path, &file), 0);
	expect_content();
	assert_int_equal(stat(path, &status), 0);
	assert_true((uint64_t)status.st_blocks * 512 <= room + 65536);
	unlink(path);
}

/* What a run left that was cut off is good when it is the same, and stays when it is not. */
static void test_there_before(void **state)
{
	(void)state;
	struct pe_reader file = reader();
	assert_int_equal(sparse_file_write(path, &file), 0);
	assert_int_equal(sparse_file_write(path, &file), 0);
	expect_content();
	bytes[SIZE - 1] ^= 1;
	assert_int_equal(sparse_file_write(path, &file), EEXIST);
	bytes[SIZE - 1] ^= 1;
	expect_content();
	file = pe_reader_bytes(bytes, SIZE - 1, PE_LAYOUT_FILE);
	assert_int_equal(sparse_file_write(path, &file), EEXIST);
	expect_content();
	unlink(path);
}

/* Nothing is written through links, nor into what is no file. */
static void test_no_file(void **state)
{
	(void)state;
	struct pe_reader file = reader();
	char target[sizeof(path) + 8];
	snprintf(target, sizeof(target), "%s.target", path);
	assert_int_equal(symlink("file.target", path), 0);
	assert_int_equal(sparse_file_write(path, &file), EEXIST);
	assert_int_equal(access(target, F_OK), -1);
	unlink(path);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(sparse_file_write(path, &file), EEXIST);
	unlink(path);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(sparse_file_write(path, &file), EEXIST);
	rmdir(path);
	assert_int_equal(sparse_file_write("sparse_file.none/file", &file), ENOENT);
}

/* A file that does not fit is not left as half of one. */
static void test_no_room(void **state)
{
	(void)state;
	struct pe_reader file = reader();
	struct rlimit before, limit;
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	limit = before;
	limit.rlim_cur = SIZE / 2;
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	int number = sparse_file_write(path, &file);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_int_equal(number, EFBIG);
	assert_int_equal(access(path, F_OK), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_holes),
		cmocka_unit_test(test_there_before),
		cmocka_unit_test(test_no_file),
		cmocka_unit_test(test_no_room),
	};
	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
