/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the memory of a dumped process is: the dump's list of regions in place of VADs. Without that
 * list nothing tells what is an image and what can be run. Then modules are taken for images, and
 * all other memory for private: it is searched as if all of it could be code.
 */
#include "discover/dump_parts.h"

#include <stdio.h>
#include <stdlib.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>
#include <impscan/memory.h>

/* As many as are read of a whole machine's process: browsers have some 20,000. */
#define VADS_MAX 262144

/* VirtualAlloc() and mappings begin at multiples of this. */
#define GRANULARITY UINT64_C(0x10000)

/* PAGE_* of winnt.h. */
#define PROTECT_WRITES	 (0x4u | 0x40u)
#define PROTECT_EXECUTES 0xf0u
#define PROTECT_GUARD	 0x100u

/* MMVAD_FLAGS.Protection's bit of a guard page. */
#define VAD_GUARD 0x10u

struct memory_range *dump_ranges(const struct minidump *dump, size_t *count)
{
	struct memory_range *ranges = alloc_zero(dump->region_count, sizeof(*ranges));
	*count = 0;
	for (size_t i = 0; i < dump->region_count; i++) {
		const struct minidump_region *region = &dump->regions[i];
		if (region->state == MINIDUMP_COMMIT)
			ranges[(*count)++] = (struct memory_range){
				.start = region->start,
				.end = region->start + region->size,
				.writable = region->protect & PROTECT_WRITES,
				.executable = region->protect & PROTECT_EXECUTES,
			};
	}
	return ranges;
}

/* A protection of winnt.h as MMVAD_FLAGS has it. */
static unsigned int vad_protection(uint32_t protect)
{
	/* PAGE_NOACCESS, _READONLY, _READWRITE, _WRITECOPY, then the same with _EXECUTE. */
	static const unsigned char protections[] = {0, 1, 4, 5, 2, 3, 6, 7};
	unsigned int guard = protect & PROTECT_GUARD ? VAD_GUARD : 0;
	return (protect & 0xff ? protections[__builtin_ctz(protect & 0xff)] : 0) | guard;
}

static enum vad_kind kind_of(const struct minidump_region *region)
{
	return region->type == MINIDUMP_IMAGE	 ? VAD_IMAGE
	       : region->type == MINIDUMP_MAPPED ? VAD_MAPPED
						 : VAD_PRIVATE;
}

/* Adds a VAD; false when there are too many. */
static bool add(struct vads *vads, struct vad vad)
{
	if (vads->count == VADS_MAX) {
		snprintf(vads->damage, sizeof(vads->damage),
			 "the dump has more than %u regions, the rest is left out",
			 (unsigned int)VADS_MAX);
		return false;
	}
	*array_push(vads->items, vads->count, vads->capacity) = vad;
	return true;
}

void dump_vads_of_regions(const struct minidump *dump, struct vads *vads)
{
	const struct minidump_region *last = NULL;
	for (size_t i = 0; i < dump->region_count; i++) {
		const struct minidump_region *region = &dump->regions[i];
		uint64_t end = region->start + region->size - 1;
		if (last && last->start + last->size == region->start &&
		    last->allocation == region->allocation && kind_of(last) == kind_of(region))
			vads->items[vads->count - 1].end = end;
		else if (!add(vads,
			      (struct vad){
				      .start = region->start,
				      .end = end,
				      .kind = kind_of(region),
				      .protection = vad_protection(region->allocation_protect),
			      }))
			return;
		last = region;
	}
}

/* Where SizeOfImage is, behind the signature of either kind of PE headers. */
#define SIZE_OF_IMAGE 80

/* The size of the image whose headers lie at `base`, in bytes; 0: none lies there. */
static uint64_t image_size(struct space *space, uint64_t base)
{
	uint16_t magic;
	uint32_t nt, signature, size;
	if (!space_u16(space, base, &magic) || magic != 0x5a4d ||
	    !space_u32(space, base + 0x3c, &nt) || nt > GRANULARITY ||
	    !space_u32(space, base + nt, &signature) || signature != 0x4550 ||
	    !space_u32(space, base + nt + SIZE_OF_IMAGE, &size))
		return 0;
	return size;
}

/* A range of addresses, `end` behind its last byte; both are of pages. */
struct extent {
	uint64_t start, end;
};

static int compare_extents(const void *a, const void *b)
{
	const struct extent *x = a, *y = b;
	return x->start < y->start ? -1 : x->start > y->start;
}

/*
 * Where the modules lie, sorted, none over another one. A size that the process's lists claim is
 * not believed where the image's headers have another one: it could hide what is behind the image.
 */
static struct extent *module_extents(struct space *space, const struct modules *modules,
				     size_t *count)
{
	struct extent *extents = alloc_zero(modules->count, sizeof(*extents));
	*count = 0;
	for (size_t i = 0; i < modules->count; i++) {
		const struct module *module = &modules->items[i];
		uint64_t start = module->base & PAGE_MASK, size = image_size(space, module->base);
		size = size ? size : module->size;
		size = min_of(max_of(size, PAGE_SIZE), (uint64_t)UINT32_MAX);
		if (start < UINT64_MAX - 2 * size)
			extents[(*count)++] =
				(struct extent){start, (start + size + PAGE_SIZE - 1) & PAGE_MASK};
	}
	if (*count)
		qsort(extents, *count, sizeof(*extents), compare_extents);
	for (size_t i = 0; i + 1 < *count; i++)
		extents[i].end = min_of(extents[i].end, extents[i + 1].start);
	return extents;
}

/* VADs being made of the dump's memory. */
struct guess {
	struct space *space;
	struct vads *vads;
	uint64_t image_end; /* of the PE that begins the last VAD */
	bool open;	    /* the last VAD may go on */
	bool full;
};

/*
 * Adds private memory. Where it goes on from what was added last, it is of the same allocation,
 * unless one may begin there and no image goes on beyond.
 */
static void add_private(struct guess *guess, uint64_t start, uint64_t end)
{
	struct vads *vads = guess->vads;
	struct vad *last = guess->open ? &vads->items[vads->count - 1] : NULL;
	if (start >= end || guess->full)
		return;
	if (last && last->end + 1 == start &&
	    (start % GRANULARITY != 0 || start < guess->image_end)) {
		last->end = end - 1;
		return;
	}
	guess->full = !add(vads, (struct vad){
					 .start = start,
					 .end = end - 1,
					 .kind = VAD_PRIVATE,
					 .assumed = true,
				 });
	guess->open = !guess->full;
	guess->image_end = start + image_size(guess->space, start);
}

static void add_image(struct guess *guess, const struct extent *extent)
{
	guess->open = false;
	guess->full = guess->full || !add(guess->vads, (struct vad){
							       .start = extent->start,
							       .end = extent->end - 1,
							       .kind = VAD_IMAGE,
							       .assumed = true,
						       });
}

void dump_vads_assumed(const struct minidump *dump, struct space *space,
		       const struct modules *modules, struct vads *vads)
{
	size_t count, next = 0;
	struct extent *images = module_extents(space, modules, &count);
	struct guess guess = {.space = space, .vads = vads};
	snprintf(vads->damage, sizeof(vads->damage),
		 "the dump has no MemoryInfoList: what is private or can be run is not known, and "
		 "all is searched");
	for (size_t i = 0; i < dump->memory_count; i++) {
		const struct minidump_memory *memory = &dump->memory[i];
		uint64_t at = (memory->start + PAGE_SIZE - 1) & PAGE_MASK;
		uint64_t end = (memory->start + memory->size) & PAGE_MASK;
		while (at < end && next < count && images[next].start < end) {
			const struct extent *image = &images[next];
			if (image->start == image->end) { /* it shares its page with the next */
				next++;
				continue;
			}
			add_private(&guess, at, image->start);
			/* It may have several ranges of memory. */
			if (!vads->count || vads->items[vads->count - 1].start < image->start)
				add_image(&guess, image);
			at = max_of(at, image->end);
			next += image->end <= end;
			if (image->end > end)
				break;
		}
		add_private(&guess, at, end);
	}
	free(images);
}
