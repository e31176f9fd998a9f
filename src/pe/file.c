/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Mapping a PE file. Its headers are read in headers.c.
 */
#include <impscan/cleanup.h>
#include <impscan/pe.h>

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct error *pe_file_open(struct pe_file *file, const char *path)
{
	*file = (struct pe_file){0};
	/* O_NONBLOCK: a FIFO below a folder of samples must not stop the run. */
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0)
		return error_errno(errno, "can't open '%s'", path);
	struct stat status;
	if (fstat(fd, &status) < 0)
		return error_errno(errno, "can't read '%s'", path);
	if (S_ISDIR(status.st_mode))
		return error_new("'%s' is a folder", path);
	if (!S_ISREG(status.st_mode))
		return error_new("'%s' is not a regular file", path);
	if (!status.st_size)
		return error_new("'%s' is empty", path);
	if ((uintmax_t)status.st_size > SIZE_MAX / 2)
		return error_new("'%s' is too large", path);
	size_t size = (size_t)status.st_size;
	void *data = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (data == MAP_FAILED)
		return error_errno(errno, "can't map '%s'", path);
	file->data = data;
	file->size = size;
	file->reader = pe_reader_bytes(data, size, PE_LAYOUT_FILE);
	return NULL;
}

void pe_file_close(struct pe_file *file)
{
	if (file->data)
		munmap(file->data, file->size);
	*file = (struct pe_file){0};
}
