/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * -d: the folder of dumped modules and its index. The files themselves are written by the scan.
 */
#include "cli/dump_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <impscan/alloc.h>

#define INDEX_NAME "index.json"
#define PART_NAME  INDEX_NAME ".part"

/* Bytes of an image's name in that of its folder. */
#define IMAGE_NAME_MAX 64

static struct error *open_index(struct dump_folder *folder)
{
	struct stat status;
	if (!lstat(folder->index_path, &status))
		return error_new("'%s' is there already, and nothing is overwritten: give -d "
				 "another folder",
				 folder->index_path);
	int fd =
		open(folder->part_path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
	if (fd < 0 && errno == EEXIST)
		return error_new("'%s' is left from a run that was cut off, or one is at work: if "
				 "none is, remove it and give the same command again, which keeps "
				 "the modules that are there",
				 folder->part_path);
	if (fd < 0)
		return error_errno(errno, "can't create '%s'", folder->part_path);
	folder->file = fdopen(fd, "w");
	if (!folder->file) {
		int number = errno;
		close(fd);
		return error_errno(number, "can't write '%s'", folder->part_path);
	}
	folder->index = report_new(folder->file, REPORT_JSON, &row_dumps);
	return NULL;
}

struct error *dump_folder_open(struct dump_folder *folder, const char *path, const char *image)
{
	bool made = !mkdir(path, 0777);
	if (!made && errno != EEXIST)
		return error_errno(errno, "can't create the folder '%s' for -d", path);
	*folder = (struct dump_folder){
		.path = image ? alloc_printf("%s/%s", path, image) : alloc_strdup(path),
		.made = made,
	};
	if (image) {
		folder->root = made ? alloc_strdup(path) : NULL;
		folder->made = !mkdir(folder->path, 0777);
		if (!folder->made && errno != EEXIST)
			return error_errno(errno, "can't create the folder '%s' for -d",
					   folder->path);
	}
	folder->index_path = alloc_printf("%s/" INDEX_NAME, folder->path);
	folder->part_path = alloc_printf("%s/" PART_NAME, folder->path);
	return open_index(folder);
}

char *dump_folder_name(const char *image, size_t number, size_t count)
{
	struct text name = {0};
	int digits = snprintf(NULL, 0, "%zu", count);
	text_add_format(&name, "%0*zu.", digits, number);
	text_add_file_name(&name, image, IMAGE_NAME_MAX);
	/* Windows loses a dot at the end. */
	text_add_string(&name, name.data[name.length - 1] == '.' ? "_" : "");
	return name.data;
}

bool dump_folder_add(struct dump_folder *folder, const struct row *row)
{
	if (row->dump.file)
		folder->written++;
	else
		folder->failed++;
	report_dump(folder->index, row);
	return !report_failed(folder->index);
}

/* Gives the index its name, unless something has it by now; 0, or the errno. */
static int name_index(const struct dump_folder *folder)
{
	if (!renameat2(AT_FDCWD, folder->part_path, AT_FDCWD, folder->index_path, RENAME_NOREPLACE))
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return errno;
	/* A file system that can't be asked for this. */
	struct stat status;
	if (!lstat(folder->index_path, &status))
		return EEXIST;
	return rename(folder->part_path, folder->index_path) ? errno : 0;
}

struct error *dump_folder_end(struct dump_folder *folder)
{
	if (!folder->index)
		return NULL;
	bool good = report_end(take_ptr(folder->index));
	if (fclose(take_ptr(folder->file)))
		good = false;
	if (!good) {
		unlink(folder->part_path);
		return error_new("'%s' could not be written (is the disk full?): %zu modules are "
				 "in the folder without it; the same command keeps them and goes "
				 "on",
				 folder->index_path, folder->written);
	}
	int number = name_index(folder);
	if (number)
		return error_errno(number, "'%s' can't be renamed to " INDEX_NAME,
				   folder->part_path);
	if (folder->failed && !folder->written)
		return error_new("none of the %zu modules could be written; '%s' says why",
				 folder->failed, folder->index_path);
	return NULL;
}

void dump_folder_close(struct dump_folder *folder)
{
	if (folder->index && (folder->written || folder->failed)) {
		error_free(dump_folder_end(folder));
	} else {
		if (folder->index) {
			(void)report_end(take_ptr(folder->index));
			fclose(take_ptr(folder->file));
			unlink(folder->part_path);
		}
		/* Only empty ones go. */
		if (folder->made)
			rmdir(folder->path);
		if (folder->root)
			rmdir(folder->root);
	}
	free(folder->path);
	free(folder->root);
	free(folder->index_path);
	free(folder->part_path);
	*folder = (struct dump_folder){0};
}
