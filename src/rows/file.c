/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Files of saved rows: read in large blocks, so that pipes can be read like files, and unpacked on
 * the way.
 */
#include <impscan/rows_read.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>
#include <impscan/unpack.h>

/* Bytes that are read of a packed file at once, or unpacked. */
#define PACKED_SIZE (64u << 10)

/* Bytes that tell what a file is. */
#define HEAD_SIZE 512

struct rows_file {
	int fd;
	char *name;  /* for sentences */
	char *label; /* of what is read now: the name, or a file in an archive */
	char head[HEAD_SIZE];
	size_t head_length, head_taken;
	struct unpack *unpack; /* NULL: it is not packed */
	char *packed;	       /* PACKED_SIZE bytes, for it */
	uint64_t done, size;   /* bytes of the file that were read, and all; 0: not known */
	char *buffer;
	size_t capacity;
	size_t length; /* bytes in the buffer ... */
	size_t given;  /* ... and how many of them the last block had */
	size_t lines;  /* ... of this many lines */
	size_t line;   /* number of the next line */
	bool first, at_end, cut;
	bool no_more;	       /* files in the archive */
	struct error *failure; /* told when the lines before it were handed out */
};

static ssize_t read_fd(struct rows_file *file, char *to, size_t size, struct error **error)
{
	ssize_t n;
	do {
		n = read(file->fd, to, size);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		*error = error_errno(errno, "can't read '%s'", file->name);
	file->done += n > 0 ? (uint64_t)n : 0;
	return n;
}

/* Bytes as they are in the file. */
static ssize_t read_plain(struct rows_file *file, char *to, size_t size, struct error **error)
{
	size_t left = min_of(file->head_length - file->head_taken, size);
	if (!left)
		return read_fd(file, to, size, error);
	memcpy(to, file->head + file->head_taken, left);
	file->head_taken += left;
	return (ssize_t)left;
}

static ssize_t on_packed(void *context, const void **data, struct error **error)
{
	struct rows_file *file = context;
	*data = file->packed;
	return read_plain(file, file->packed, PACKED_SIZE, error);
}

static struct error *read_head(struct rows_file *file)
{
	struct error *error = NULL;
	ssize_t n = 1;
	while (n > 0 && file->head_length < HEAD_SIZE) {
		n = read_fd(file, file->head + file->head_length, HEAD_SIZE - file->head_length,
			    &error);
		file->head_length += n > 0 ? (size_t)n : 0;
	}
	return n < 0 ? error : NULL;
}

/* What is no text of rows by its first bytes, since those have no NUL. */
static struct error *check_head(const struct rows_file *file)
{
	const char *head = file->head;
	if (file->head_length >= 2 &&
	    (!memcmp(head, "\xff\xfe", 2) || !memcmp(head, "\xfe\xff", 2)))
		return error_new("'%s' is UTF-16, as PowerShell writes it: save it as UTF-8",
				 file->name);
	if (memchr(head, '\0', file->head_length))
		return error_new("'%s' is no text, and so no saved rows, which -o jsonl writes: if "
				 "it is an image, give it with -f",
				 file->name);
	return NULL;
}

/* Goes to the first or next file in an archive. `*more`: there is one. */
static struct error *next_file(struct rows_file *file, bool *more)
{
	const char *name;
	try_(unpack_next(file->unpack, &name));
	*more = name != NULL;
	file->no_more = !name;
	if (!name)
		return NULL;
	free(file->label);
	file->label = alloc_printf("%s%s%s", file->name, *name ? "!" : "", name);
	file->line = 1;
	file->first = true;
	return NULL;
}

/* Opens what is packed; a 7-Zip archive needs to be a file. */
static struct error *open_packed(struct rows_file *file, const char *path)
{
	bool more = false;
	if (strcmp(path, "-") != 0)
		try_(unpack_file(path, file->name, NULL, &file->unpack));
	else if (unpack_knows_7zip(file->head, file->head_length))
		return error_new("standard input is a 7-Zip archive, which can't be read from a "
				 "pipe: give its file");
	else {
		file->packed = alloc_zero(1, PACKED_SIZE);
		try_(unpack_stream(on_packed, file, file->name, NULL, &file->unpack));
	}
	try_(next_file(file, &more));
	file->at_end = !more;
	return NULL;
}

struct error *rows_file_open(const char *path, struct rows_file **ret)
{
	_cleanup_rows_file_ struct rows_file *file = alloc_new(struct rows_file);
	struct stat st;
	bool standard = !strcmp(path, "-");
	file->name = alloc_strdup(standard ? "standard input" : path);
	file->label = alloc_strdup(file->name);
	file->line = 1;
	file->first = true;
	file->fd = standard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (file->fd < 0)
		return error_errno(errno, "can't open '%s'", path);
	if (!fstat(file->fd, &st) && S_ISREG(st.st_mode))
		file->size = (uint64_t)st.st_size;
	try_(read_head(file));
	if (unpack_knows(file->head, file->head_length))
		try_(open_packed(file, path));
	else
		try_(check_head(file));
	*ret = take_ptr(file);
	return NULL;
}

void rows_file_free(struct rows_file *file)
{
	if (!file)
		return;
	unpack_free(file->unpack);
	if (file->fd > STDERR_FILENO)
		close(file->fd);
	free(file->name);
	free(file->label);
	free(file->packed);
	free(file->buffer);
	error_free(file->failure);
	free(file);
}

uint64_t rows_file_done(const struct rows_file *file, uint64_t *all)
{
	*all = file->unpack && !file->packed ? 0 : file->size;
	return file->done;
}

/* Keeps what the last block did not have, and makes room for `size` bytes in all, and a newline. */
static void make_room(struct rows_file *file, size_t size)
{
	file->length -= file->given;
	if (file->given && file->length)
		memmove(file->buffer, file->buffer + file->given, file->length);
	file->given = 0;
	if (file->capacity > size)
		return;
	file->capacity = size + 1;
	file->buffer = alloc_resize(file->buffer, file->capacity, 1);
}

/* Reads until there are `size` bytes, or the end, or until it fails. */
static void fill(struct rows_file *file, size_t size)
{
	while (file->length < size && !file->at_end && !file->failure) {
		char *to = file->buffer + file->length;
		/* A little at once: what is read along with where it fails is lost. */
		size_t most = min_of(size - file->length, (size_t)PACKED_SIZE);
		ssize_t n = file->unpack
				    ? unpack_read(file->unpack, to, most, &file->failure)
				    : read_plain(file, to, size - file->length, &file->failure);
		file->at_end = n == 0;
		file->length += n > 0 ? (size_t)n : 0;
	}
}

/* After a line that is too long: passes over the rest of it. */
static void pass_rest(struct rows_file *file)
{
	while (file->cut) {
		file->given = file->length;
		make_room(file, PACKED_SIZE);
		fill(file, PACKED_SIZE);
		const char *newline = memchr(file->buffer, '\n', file->length);
		file->given = newline ? (size_t)(newline + 1 - file->buffer) : file->length;
		file->cut = !newline && file->length;
	}
}

/* How many bytes of the buffer are whole lines; a line that is too long ends where it is cut. */
static size_t whole_lines(struct rows_file *file)
{
	const char *newline = memrchr(file->buffer, '\n', file->length);
	if (newline)
		return (size_t)(newline + 1 - file->buffer);
	if (!file->length || file->failure || (!file->at_end && file->length < ROWS_LINE_MAX))
		return 0;
	file->cut = !file->at_end;
	return file->length;
}

static size_t count_lines(const char *text, size_t length)
{
	size_t lines = 0;
	for (const char *end = text + length; (text = memchr(text, '\n', (size_t)(end - text)));
	     text++)
		lines++;
	return lines;
}

/* The lines that come next of the file, or of the file in an archive; none at its end. */
static struct error *read_lines(struct rows_file *file, size_t size, size_t *whole)
{
	file->line += file->lines;
	file->lines = 0;
	pass_rest(file);
	for (;; size *= 2) {
		make_room(file, size);
		fill(file, size);
		*whole = whole_lines(file);
		if (!*whole && file->failure)
			return take_ptr(file->failure);
		if (*whole || !file->length)
			return NULL;
	}
}

/* A mark of UTF-8 before the first line. */
static void skip_mark(struct rows_file *file, struct rows_block *block)
{
	if (!file->first || block->length < 3 || memcmp(block->text, "\xef\xbb\xbf", 3) != 0)
		return;
	memset(block->text, ' ', 3);
}

struct error *rows_file_read(struct rows_file *file, size_t size, struct rows_block *block)
{
	size_t whole;
	bool more = true;
	*block = (struct rows_block){0};
	try_(read_lines(file, size, &whole));
	while (!whole && file->unpack && more && !file->no_more) {
		try_(next_file(file, &more));
		file->at_end = !more;
		try_(read_lines(file, size, &whole));
	}
	*block = (struct rows_block){
		.text = file->buffer,
		.length = whole,
		.line = file->line,
		.label = file->label,
		.first = file->first,
	};
	if (!whole)
		return NULL;
	if (file->buffer[whole - 1] != '\n') {
		/* The last line, or one that is cut: the room for a newline is behind. */
		file->buffer[whole] = '\n';
		block->length++;
	}
	file->given = whole;
	file->lines = count_lines(block->text, block->length);
	skip_mark(file, block);
	file->first = false;
	return NULL;
}
