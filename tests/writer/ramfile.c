/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See ramfile.h. */
#include <writer/ramfile.h>

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

static const struct ramfile_format formats[] = {
	{"raw", true, ramfile_write_raw},
	{"lime", true, ramfile_write_lime},
	{"lime-shuffled", true, ramfile_write_lime_shuffled},
	{"dump", true, ramfile_write_dump},
	{"bitmap", false, ramfile_write_bitmap},
	{"elf", false, ramfile_write_elf},
	{"vmsn", true, ramfile_write_vmsn},
	{"hiberfil", true, ramfile_write_hiberfil},
};

const struct ramfile_format *ramfile_formats(size_t *count)
{
	*count = sizeof(formats) / sizeof(formats[0]);
	return formats;
}

const struct ramfile_format *ramfile_format(const char *name)
{
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		if (!strcmp(formats[i].name, name))
			return &formats[i];
	}
	return NULL;
}

void ramfile_write(const struct ramfile_format *format, struct guest *guest, const char *path)
{
	if (guest->pointer != 8 && !format->x86)
		util_die("the format %s is written of 64-bit machines only", format->name);
	format->write(guest, path);
}

struct ramfile ramfile_create(const char *path)
{
	struct ramfile file = {.path = path,
			       .fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666)};
	if (file.fd < 0)
		util_die("%s: %s", path, strerror(errno));
	return file;
}

void ramfile_put(struct ramfile *file, const void *data, uint64_t size)
{
	const uint8_t *from = data;
	while (size) {
		ssize_t done = pwrite(file->fd, from, size, (off_t)file->at);
		if (done <= 0)
			util_die("%s: %s", file->path, strerror(errno));
		from += done;
		file->at += (uint64_t)done;
		size -= (uint64_t)done;
	}
}

void ramfile_skip(struct ramfile *file, uint64_t size)
{
	file->at += size;
}

void ramfile_put_ram(struct ramfile *file, const struct ram *ram, uint64_t start, uint64_t size)
{
	const uint64_t end = start + size;
	while (start < end) {
		bool used = ram_used(ram, start);
		uint64_t stop = start;
		while (stop < end && ram_used(ram, stop) == used)
			stop += PAGE;
		if (used)
			ramfile_put(file, ram_at(ram, start), stop - start);
		else
			ramfile_skip(file, stop - start);
		start = stop;
	}
}

void ramfile_close(struct ramfile *file)
{
	if (ftruncate(file->fd, (off_t)file->at) || close(file->fd))
		util_die("%s: %s", file->path, strerror(errno));
}
