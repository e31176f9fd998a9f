/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Lists in archives: what the list's own input gives is unpacked, file by file. A table of Excel is
 * such an archive, too, and is refused.
 */
#include "list_archive.h"

#include <stdlib.h>
#include <string.h>

#include <impscan/alloc.h>
#include <impscan/unpack.h>

#include "index.h"

struct list_archive {
	struct list *list;
	struct unpack *unpack;
	size_t given; /* bytes of the list's buffer that the last call gave */
};

bool list_is_archive(struct slice head)
{
	return unpack_knows(head.at, head.length);
}

static ssize_t on_read(void *context, const void **data, struct error **error)
{
	struct list_archive *archive = context;
	struct list *list = archive->list;
	list_skip(list, archive->given, 0);
	*error = list_need(list, 1);
	if (*error)
		return -1;
	struct slice rest = list_rest(list);
	*data = rest.at;
	archive->given = rest.length;
	return (ssize_t)rest.length;
}

struct error *list_archive_open(struct list *list, struct list_archive **ret)
{
	_cleanup_list_archive_ struct list_archive *archive = alloc_new(struct list_archive);
	archive->list = list;
	const char *password = list->known->password;
	if (list->path)
		try_(unpack_file(list->path, list->label, password, &archive->unpack));
	else if (unpack_knows_7zip(list_rest(list).at, list_rest(list).length))
		return error_new("%s: is a 7-Zip archive, which can't be read from a pipe: give "
				 "its file",
				 list->label);
	else
		try_(unpack_stream(on_read, archive, list->label, password, &archive->unpack));
	*ret = take_ptr(archive);
	return NULL;
}

void list_archive_free(struct list_archive *archive)
{
	if (!archive)
		return;
	unpack_free(archive->unpack);
	free(archive);
}

struct error *list_archive_next(struct list_archive *archive, char **label)
{
	const char *name;
	try_(unpack_next(archive->unpack, &name));
	if (name && !strcmp(name, "[Content_Types].xml"))
		return error_new("%s: is a table of Excel or a document: export it as CSV",
				 archive->list->label);
	*label = name ? alloc_printf("%s%s%s", archive->list->label, *name ? "!" : "", name) : NULL;
	return NULL;
}

static ssize_t read_member(void *context, void *to, size_t size, struct error **error)
{
	struct list_archive *archive = context;
	return unpack_read(archive->unpack, to, size, error);
}

struct list_bytes list_archive_bytes(struct list_archive *archive)
{
	return (struct list_bytes){read_member, archive};
}
