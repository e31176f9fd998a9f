/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a minidump says of the process that it was taken of, beside the memory: its streams as they
 * stand, bounded and sorted. None of it needs be true.
 *
 * Such an image has the addresses of that process where others have physical ones: image_ranges(),
 * image_page() and their like take virtual addresses.
 *
 * Room: image.
 */
#ifndef IMPSCAN_MINIDUMP_H
#define IMPSCAN_MINIDUMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <impscan/image.h>

/* A module of the ModuleListStream. */
struct minidump_module {
	uint64_t base;
	uint32_t size;	  /* SizeOfImage, bytes */
	const char *path; /* "" when it can't be read */
};

/* MEMORY_BASIC_INFORMATION.State and Type, as in Microsoft's winnt.h. */
#define MINIDUMP_COMMIT	 0x1000u
#define MINIDUMP_FREE	 0x10000u
#define MINIDUMP_PRIVATE 0x20000u
#define MINIDUMP_MAPPED	 0x40000u
#define MINIDUMP_IMAGE	 0x1000000u

/* A range of the MemoryInfoListStream, which has pages of one kind. */
struct minidump_region {
	uint64_t start, size;	     /* address and bytes: whole pages, never 0 */
	uint64_t allocation;	     /* address of what VirtualAlloc() or a mapping returned */
	uint32_t allocation_protect; /* PAGE_*, as it was allocated */
	uint32_t state, protect, type;
};

/* A range of memory as the dump lists it. Adjacent ones are one range of the image. */
struct minidump_memory {
	uint64_t start, size;
};

struct minidump {
	unsigned int pointer_size;    /* 4 or 8 bytes, by its processor */
	uint32_t major, minor, build; /* of Windows */
	char *service_pack;	      /* CSDVersion; NULL: none */
	unsigned int processors;
	uint64_t flags; /* MINIDUMP_TYPE: what was asked for when it was taken */
	uint32_t time;	/* when, in seconds since 1970; 0: not told */
	bool has_pid;
	uint32_t pid;
	char *comment;	/* of the tool that wrote it; NULL: none */
	char **streams; /* what each stream is called, in order */
	size_t stream_count;
	struct minidump_module *modules; /* in the order of the list; no base twice */
	size_t module_count;
	bool modules_whole;  /* the list is there, and all that it counts was read */
	size_t modules_held; /* those whose headers are in the dump */
	uint64_t *tebs;	     /* addresses of the threads' TEBs, in order */
	size_t teb_count;
	struct minidump_memory *memory; /* sorted; they don't overlap */
	size_t memory_count;
	bool has_regions;		 /* there is a MemoryInfoListStream */
	struct minidump_region *regions; /* sorted; they don't overlap */
	size_t region_count;
};

/* Returns what a minidump says; NULL where the image is none. It is valid until image_close(). */
const struct minidump *image_minidump(const struct image *image);

#endif
