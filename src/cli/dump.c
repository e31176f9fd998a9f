#include "cli/dump.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <impscan/alloc.h>

#define INDEX_NAME "index.json"

struct error *dump_folder_open(struct dump_folder *folder, const char *path)
{
	*folder = (struct dump_folder){0};
	if (mkdir(path, 0777) && errno != EEXIST)
		return error_errno(errno, "can't create the folder '%s' for -d", path);
	folder->index_path = alloc_printf("%s/" INDEX_NAME, path);
	int fd = open(folder->index_path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
		      0666);
	if (fd < 0 && errno == EEXIST)
		return error_new("'%s' is there already, and nothing is overwritten: give -d "
				 "another folder",
				 folder->index_path);
	if (fd < 0)
		return error_errno(errno, "can't create '%s'", folder->index_path);
	folder->file = fdopen(fd, "w");
	if (!folder->file) {
		int number = errno;
		close(fd);
		return error_errno(number, "can't write '%s'", folder->index_path);
	}
	folder->path = path;
	folder->index = report_dumps_new(folder->file);
	return NULL;
}

bool dump_folder_add(struct dump_folder *folder, const struct row *row)
{
	if (row->dump->file)
		folder->written++;
	else
		folder->failed++;
	report_dump(folder->index, row);
	return !report_failed(folder->index);
}

struct error *dump_folder_end(struct dump_folder *folder)
{
	if (!folder->index)
		return NULL;
	bool good = report_end(take_ptr(folder->index));
	if (fclose(take_ptr(folder->file)))
		good = false;
	return good ? NULL
		    : error_new("'%s' could not be written (is the disk full?)",
				folder->index_path);
}

void dump_folder_close(struct dump_folder *folder)
{
	error_free(dump_folder_end(folder));
	free(folder->index_path);
	folder->index_path = NULL;
}
