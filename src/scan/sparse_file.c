/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Writing a sparse file: pieces of zeros are left out as holes. What the file is, is
 * module_file.c's matter.
 */
#include "scan/sparse_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <impscan/bytes.h>
#include <impscan/cleanup.h>

/* Zeros in pieces of this size are not written: the file has holes there. */
#define HOLE ((size_t)64 << 10)

static bool is_zero(const uint8_t *p, size_t size)
{
	return !*p && !memcmp(p, p + 1, size - 1);
}

/* Is there anything but zeros in up to HOLE bytes of the file, from `start` on? */
static bool any_content(const struct pe_reader *file, uint64_t start)
{
	uint64_t end = min_of(start + HOLE, file->size);
	while (start < end) {
		size_t available;
		const uint8_t *p = file->at(file, start, &available);
		size_t n = (size_t)min_of((uint64_t)available, end - start);
		if (!is_zero(p, n))
			return true;
		start += n;
	}
	return false;
}

uint64_t sparse_file_room(const struct pe_reader *file)
{
	uint64_t room = 0;
	for (uint64_t start = 0; start < file->size; start += HOLE)
		if (any_content(file, start))
			room += min_of((uint64_t)HOLE, file->size - start);
	return room;
}

/* Writes HOLE bytes of the file, or what there is, from `start` on; 0, or the errno. */
static int write_piece(int fd, const struct pe_reader *file, uint64_t start)
{
	uint8_t buffer[HOLE];
	size_t size = (size_t)min_of((uint64_t)HOLE, file->size - start);
	for (size_t done = 0; done < size;) {
		size_t available;
		const uint8_t *p = file->at(file, start + done, &available);
		size_t n = min_of(available, size - done);
		memcpy(buffer + done, p, n);
		done += n;
	}
	for (size_t done = 0; done < size;) {
		ssize_t n = pwrite(fd, buffer + done, size - done, (off_t)(start + done));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? errno : EIO;
		done += (size_t)n;
	}
	return 0;
}

/* Does the file at a path hold these bytes and no others? A run that was cut off left it then. */
static bool is_same(const char *path, const struct pe_reader *file)
{
	uint8_t theirs[HOLE];
	struct stat status;
	_cleanup_close_ int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &status) || !S_ISREG(status.st_mode) ||
	    (uint64_t)status.st_size != file->size)
		return false;
	for (uint64_t done = 0; done < file->size;) {
		size_t available;
		const uint8_t *ours = file->at(file, done, &available);
		size_t size = (size_t)min_of(min_of((uint64_t)available, file->size - done),
					     (uint64_t)HOLE);
		ssize_t n = pread(fd, theirs, size, (off_t)done);
		if (n <= 0 || memcmp(theirs, ours, (size_t)n) != 0)
			return false;
		done += (size_t)n;
	}
	return true;
}

/* Writes all of it; 0, or the errno. */
static int write_all(int fd, const struct pe_reader *file)
{
	if (ftruncate(fd, (off_t)file->size))
		return errno;
	int number = 0;
	for (uint64_t start = 0; start < file->size && !number; start += HOLE)
		if (any_content(file, start))
			number = write_piece(fd, file, start);
	return number;
}

int sparse_file_write(const char *path, const struct pe_reader *file)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
	if (fd < 0) {
		int reason = errno;
		return reason == EEXIST && is_same(path, file) ? 0 : reason;
	}
	int number = write_all(fd, file);
	if (close(fd) && !number)
		number = errno;
	if (number)
		unlink(path);
	return number;
}
