/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Files of physical memory, in the formats that acquisition tools and hypervisors write. How each
 * is written is in format_*.c; which there are says one table, in ramfile.c, and tests ask it: C by
 * ramfile_formats(), Python and shell by `mkimage --list-formats`. Frames nobody uses become holes
 * of a sparse file.
 */
#ifndef WRITER_RAMFILE_H
#define WRITER_RAMFILE_H

#include <stdbool.h>
#include <stdint.h>

#include <writer/guest.h>

struct ramfile_format {
	const char *name; /* as --format takes it */
	bool x86;	  /* whether it is written of 32-bit machines too */
	void (*write)(struct guest *guest, const char *path); /* only ramfile_write() calls it */
};

/* Returns the table of formats, and sets `*count`. */
const struct ramfile_format *ramfile_formats(size_t *count);

/* Returns the format of that name, or NULL when there is none. */
const struct ramfile_format *ramfile_format(const char *name);

/* Writes the machine to a file; dies where the format is not written of such machines. */
void ramfile_write(const struct ramfile_format *format, struct guest *guest, const char *path);

/* Physical addresses are file offsets; what is no RAM is zero. */
void ramfile_write_raw(struct guest *guest, const char *path);

/* LiME version 1: a header and the bytes for each range; shuffled: many ranges in any order. */
void ramfile_write_lime(struct guest *guest, const char *path);
void ramfile_write_lime_shuffled(struct guest *guest, const char *path);

/* Crash dumps: full (type 1); bitmap (type 5, only pages in use). */
void ramfile_write_dump(struct guest *guest, const char *path);
void ramfile_write_bitmap(struct guest *guest, const char *path);

/* ELF64 core as QEMU's dump-guest-memory makes it. */
void ramfile_write_elf(struct guest *guest, const char *path);

/* VMware's snapshot file with the memory inside, which leaves out the machine's hole. */
void ramfile_write_vmsn(struct guest *guest, const char *path);
/* Hibernation file, in the layout of the machine's build. */
void ramfile_write_hiberfil(struct guest *guest, const char *path);

/* The file being written. */
struct ramfile {
	const char *path;
	int fd;
	uint64_t at; /* where the next byte goes */
};

struct ramfile ramfile_create(const char *path);
void ramfile_put(struct ramfile *file, const void *data, uint64_t size);
void ramfile_skip(struct ramfile *file, uint64_t size);

/* The bytes of RAM from physical address `start` on; what is not in use is skipped. */
void ramfile_put_ram(struct ramfile *file, const struct ram *ram, uint64_t start, uint64_t size);

/* Ends the file at the current place. */
void ramfile_close(struct ramfile *file);

#endif
