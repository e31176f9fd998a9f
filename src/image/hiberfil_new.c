/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Hibernation files of Windows 8 and later: two sections, pages that the boot loader restores and
 * those that the kernel does, each of sets that follow one another. A set has a header, descriptors
 * of runs of pages, and their compressed data.
 *
 * The header of the file says where the sections begin. How long a header is tells its version.
 * That of a version not known is tried as those known are; where it leads to no set, sets are
 * searched.
 */
#include "hiberfil.h"

#include <impscan/source_pieces.h>
#include <impscan/xpress.h>

/* Members of PO_MEMORY_IMAGE (Microsoft's public symbols). */
enum {
	LENGTH_SELF = 0xc,
	HIBERBOOT_BACK = 0x34, /* so far before HighestPhysicalPage in every version */
};

struct layout {
	uint32_t length; /* LengthSelf */
	unsigned int pointer_size;
	const char *versions;
	uint32_t loader_pages; /* NumPagesForLoader; 8 bytes */
	uint32_t boot, kernel; /* FirstBootRestorePage, FirstKernelRestorePage; pointers */
	uint32_t kernel_pages; /* KernelPagesProcessed; pointer; 0: where it is is not known */
	uint32_t highest;      /* HighestPhysicalPage; pointer; 0: likewise */
};

static const struct layout layouts[] = {
	{0x360, 8, "Windows 8 and 8.1", 0x58, 0x60, 0x68, 0x1c8, 0x330},
	{0x3b0, 8, "Windows 10 up to 1511", 0x58, 0x68, 0x70, 0x218, 0x380},
	{0x3c8, 8, "Windows 10 1607", 0x58, 0x68, 0x70, 0x220, 0x388},
	{0x3d8, 8, "Windows 10 1703 to 1803", 0x58, 0x68, 0x70, 0x230, 0x398},
	{0x3e0, 8, "Windows 10 1809 to 22H2", 0x58, 0x68, 0x70, 0x230, 0x398},
	{0x448, 8, "Windows 11 up to 23H2", 0x58, 0x68, 0x70, 0x230, 0x400},
	{0x4d8, 8, "Windows 11 24H2", 0x58, 0x68, 0x70, 0x238, 0x498},
	{0x2c8, 4, "Windows 8 and 8.1", 0x48, 0x50, 0x54, 0x1b0, 0x2b0},
	{0x310, 4, "Windows 10 up to 1511", 0x48, 0x50, 0x54, 0x1f8, 0x2f8},
	{0x328, 4, "Windows 10 1607", 0x48, 0x50, 0x54, 0x200, 0x300},
	{0x338, 4, "Windows 10 1703 to 1803", 0x48, 0x50, 0x54, 0x210, 0x310},
	{0x340, 4, "Windows 10 1809 to 22H2", 0x48, 0x50, 0x54, 0x210, 0x310},
};

/* What headers of unknown length are tried as. */
static const struct layout guesses[] = {
	{0, 8, NULL, 0, 0x68, 0x70, 0, 0},
	{0, 8, NULL, 0, 0x60, 0x68, 0, 0},
	{0, 4, NULL, 0, 0x50, 0x54, 0, 0},
};

enum {
	SET_HEADER = 4,	      /* bits 0-7: descriptors; 8-27: bytes; 28-31: method */
	DESCRIPTOR_PAGES = 4, /* bits: pages - 1; the rest: the first page */
	SET_BYTES = HIBERFIL_SET_PAGES * 4096,
	METHODS = 16,

	FIRST_PAGES = 64, /* where sections are searched */
	CHAIN = 8,	  /* so many sets in a row are a section */
	TRIED = 16,	  /* sets of a method that is not known, and at the end of a section */
};

/*
 * Methods are 0 and 1 for LZ77, fast and best, and 2 and 3 with Huffman codes; but 1 may also be
 * with Huffman codes (LeechCore), and since Windows 11 24H2 there are more, in bits 28 and 29
 * perhaps. So others than 0, 2 and 3 are tried.
 */
enum { METHOD_LZ77 = 0, METHOD_HUFFMAN = 8, METHOD_HUFFMAN_BEST = 12 };

struct set {
	uint32_t descriptors;
	uint32_t size; /* of the data */
	uint32_t method;
	uint32_t pages;
	const uint8_t *first; /* descriptor */
	uint64_t from, end;   /* offsets of the data, and behind it */
};

static uint64_t descriptor(const struct set *set, uint32_t i, unsigned int pointer_size,
			   uint32_t *pages)
{
	uint64_t value = le_pointer(set->first + (size_t)i * pointer_size, pointer_size);
	*pages = (uint32_t)(value & ((1u << DESCRIPTOR_PAGES) - 1)) + 1;
	return value >> DESCRIPTOR_PAGES;
}

/* Reads a set's header. `highest`: of all pages. Returns false when it can't be one. */
static bool read_set(const struct image *image, uint64_t at, unsigned int pointer_size,
		     uint64_t highest, struct set *set)
{
	const uint8_t *header = image_bytes(image, at, SET_HEADER);
	if (!header)
		return false;
	uint32_t value = le32(header);
	*set = (struct set){
		.descriptors = value & 0xff, .size = value >> 8 & 0xfffff, .method = value >> 28};
	uint64_t size = (uint64_t)set->descriptors * pointer_size;
	if (!set->descriptors || set->descriptors > HIBERFIL_SET_PAGES || !set->size)
		return false;
	set->first = image_bytes(image, at + SET_HEADER, size);
	if (!set->first)
		return false;
	for (uint32_t i = 0; i < set->descriptors; i++) {
		uint32_t pages;
		if (descriptor(set, i, pointer_size, &pages) + pages - 1 > highest)
			return false;
		set->pages += pages;
	}
	set->from = at + SET_HEADER + size;
	set->end = set->from + set->size;
	return set->pages <= HIBERFIL_SET_PAGES && set->size <= set->pages * PAGE_SIZE;
}

/* Do so many sets, at least one, begin at `at`, up to the end of the file? */
static bool is_chain(const struct image *image, uint64_t at, unsigned int pointer_size,
		     uint64_t highest, unsigned int length)
{
	struct set set;
	for (unsigned int i = 0; i < length; i++, at = set.end) {
		if (!read_set(image, at, pointer_size, highest, &set))
			return i && at >= image->size;
	}
	return true;
}

/* Can the set's data be unpacked in one of the ways there are? */
static bool unpacks(const struct image *image, const struct set *set)
{
	uint8_t pages[SET_BYTES];
	const ptrdiff_t size = (ptrdiff_t)(set->pages * PAGE_SIZE);
	const uint8_t *from = image_bytes(image, set->from, set->size);
	return from && (set->size == size ||
			xpress_decompress(from, set->size, pages, (size_t)size) == size ||
			xpress_huffman_decompress(from, set->size, pages, (size_t)size) == size);
}

/* Does a section begin there? For where nothing says so: at least two sets must be sound. */
static bool is_section(const struct image *image, uint64_t at, unsigned int pointer_size)
{
	struct set set;
	unsigned int sets = 0;
	for (; sets < CHAIN; sets++, at = set.end) {
		if (!read_set(image, at, pointer_size, HIBERFIL_PAGE_END - 1, &set) ||
		    set.end > image->size)
			break;
		if (!unpacks(image, &set))
			return false;
	}
	return sets > 1;
}

/* The first section that begins at one of FIRST_PAGES pages from `at` on, or 0. */
static uint64_t search_section(const struct image *image, uint64_t at, unsigned int pointer_size)
{
	at = (at + PAGE_SIZE - 1) & PAGE_MASK;
	for (unsigned int i = 0; i < FIRST_PAGES; i++, at += PAGE_SIZE)
		if (is_section(image, at, pointer_size))
			return at;
	return 0;
}

/* A section being walked. */
struct section {
	uint64_t start, end; /* offsets: of the first set; where no set begins any more */
	uint64_t pages;	     /* that it should have; 0: not known */
	uint64_t highest;    /* page there may be */
};

/* What came of it. */
struct walked {
	uint64_t end;	/* behind the last set */
	uint64_t pages; /* that were found */
	uint64_t sets_dropped;
	bool cut;  /* whether the file ends within the section */
	bool more; /* whether sets follow that the header does not count */
};

static void add_set(struct hiberfil *hiberfil, const struct set *set, unsigned int pointer_size)
{
	if (!hiberfil_add_set(hiberfil, set->from, set->size, set->pages, set->method))
		return;
	uint32_t index = 0, pages;
	for (uint32_t i = 0; i < set->descriptors; i++, index += pages) {
		uint64_t page = descriptor(set, i, pointer_size, &pages);
		hiberfil_add_run(hiberfil, page, index, pages);
	}
}

/*
 * Where sets end too early one of the last has a wrong size, and what seemed to follow it is none:
 * it must not stand for pages that others have. Drops those of the last sets from the first on that
 * does not unpack.
 */
static uint64_t drop_doubtful(struct hiberfil *hiberfil, size_t first)
{
	size_t count = hiberfil->piece_count;
	size_t from = count - first > TRIED ? count - TRIED : first;
	for (size_t i = from; i < count; i++) {
		uint32_t method = hiberfil->pieces[i].method;
		hiberfil->pieces[i].method = HIBERFIL_LZ77_FIRST;
		bool sound = hiberfil_unpacks(hiberfil, i);
		hiberfil->pieces[i].method = method;
		if (!sound) {
			hiberfil_drop_sets(hiberfil, i);
			return count - i;
		}
	}
	return 0;
}

static struct walked walk_section(struct hiberfil *hiberfil, const struct section *section,
				  unsigned int pointer_size)
{
	const struct image *image = hiberfil->image;
	const size_t first = hiberfil->piece_count;
	const uint64_t pages_before = hiberfil->pages;
	struct walked walked = {.end = section->start};
	struct set set;
	while (walked.end < section->end &&
	       read_set(image, walked.end, pointer_size, section->highest, &set)) {
		walked.cut = set.end > image->size;
		if (walked.cut)
			break;
		add_set(hiberfil, &set, pointer_size);
		walked.pages += set.pages;
		walked.end = set.end;
		if (walked.pages == section->pages) {
			walked.more =
				walked.end < section->end &&
				is_chain(image, walked.end, pointer_size, section->highest, CHAIN);
			return walked;
		}
	}
	walked.cut |= walked.end >= image->size;
	walked.sets_dropped = drop_doubtful(hiberfil, first);
	if (walked.sets_dropped)
		walked.pages = hiberfil->pages - pages_before;
	return walked;
}

static void warn(struct image *image, const char *name, const struct section *section,
		 const struct walked *walked)
{
	char missing[IMAGE_SIZE_TEXT], all[IMAGE_SIZE_TEXT];
	if (walked->more)
		image_warn(image, "the %s section has more pages than the header counts", name);
	if (walked->pages < section->pages)
		image_warn(image, "%s: %s of the %s of the %s section are missing",
			   walked->cut ? "the file is truncated"
				       : "the sets of compressed pages are damaged",
			   image_size_text((section->pages - walked->pages) * PAGE_SIZE, missing),
			   image_size_text(section->pages * PAGE_SIZE, all), name);
	else if (!section->pages && walked->cut)
		image_warn(image, "the file is truncated within the %s section", name);
	else if (walked->sets_dropped)
		image_warn(
			image,
			"the last %llu sets of compressed pages of the %s section are damaged and "
			"left out",
			(unsigned long long)walked->sets_dropped, name);
}

/* Decides how sets of the method are unpacked by what most of the first of them can be. */
static uint32_t try_method(struct hiberfil *hiberfil, uint32_t method)
{
	unsigned int tried = 0, huffman = 0;
	for (size_t i = 0; i < hiberfil->piece_count && tried < TRIED; i++) {
		struct source_piece *piece = &hiberfil->pieces[i];
		if (piece->method != method || piece->size == piece->from_size)
			continue;
		tried++;
		piece->method = HIBERFIL_LZ77;
		huffman += !hiberfil_unpacks(hiberfil, i);
		piece->method = method;
	}
	return huffman > tried - huffman ? HIBERFIL_HUFFMAN_FIRST : HIBERFIL_LZ77_FIRST;
}

/* From the methods of the file to those that sets are unpacked by. */
static void decide_methods(struct hiberfil *hiberfil)
{
	uint32_t ways[METHODS];
	for (uint32_t method = 0; method < METHODS; method++)
		ways[method] = method == METHOD_LZ77 ? HIBERFIL_LZ77_FIRST
			       : method == METHOD_HUFFMAN || method == METHOD_HUFFMAN_BEST
				       ? HIBERFIL_HUFFMAN_FIRST
				       : try_method(hiberfil, method);
	for (size_t i = 0; i < hiberfil->piece_count; i++)
		hiberfil->pieces[i].method = ways[hiberfil->pieces[i].method % METHODS];
}

/* By what sets are compressed. */
static void add_compression(const struct hiberfil *hiberfil)
{
	size_t lz77 = 0, huffman = 0;
	for (size_t i = 0; i < hiberfil->piece_count; i++) {
		const struct source_piece *piece = &hiberfil->pieces[i];
		if (piece->size == piece->from_size)
			continue;
		lz77 += piece->method != HIBERFIL_HUFFMAN_FIRST;
		huffman += piece->method == HIBERFIL_HUFFMAN_FIRST;
	}
	if (lz77)
		image_add_fact(hiberfil->image, IMAGE_FACT_COMPRESSION, "Xpress");
	if (huffman)
		image_add_fact(hiberfil->image, IMAGE_FACT_COMPRESSION, "Xpress-Huffman");
}

static const struct layout *layout_of(const struct image *image)
{
	const uint8_t *length = image_bytes(image, LENGTH_SELF, 4);
	for (size_t i = 0; length && i < array_size(layouts); i++)
		if (le32(length) == layouts[i].length)
			return &layouts[i];
	return NULL;
}

bool hiberfil_new_probe(const struct image *image)
{
	return layout_of(image);
}

bool hiberfil_new_search(const struct image *image)
{
	return search_section(image, PAGE_SIZE, 8) || search_section(image, PAGE_SIZE, 4);
}

static uint64_t member(const struct image *image, uint32_t offset, unsigned int size)
{
	const uint8_t *p = offset ? image_bytes(image, offset, size) : NULL;
	return p ? le_pointer(p, size) : 0;
}

/* The offset of the page whose number stands in the header; 0: it is none of the file's. */
static uint64_t page_offset(const struct image *image, uint32_t offset, unsigned int size)
{
	uint64_t page = member(image, offset, size);
	return page < image->size / PAGE_SIZE ? page * PAGE_SIZE : 0;
}

/* The two sections by a header; those that it does not have begin at 0. */
struct sections {
	struct section boot, kernel;
	unsigned int pointer_size;
};

static struct sections sections_of(const struct image *image, const struct layout *layout)
{
	const unsigned int size = layout->pointer_size;
	uint64_t highest = member(image, layout->highest, size);
	if (!highest || highest >= HIBERFIL_PAGE_END)
		highest = HIBERFIL_PAGE_END - 1;
	struct sections sections = {
		.pointer_size = size,
		.boot = {.start = page_offset(image, layout->boot, size),
			 .pages = member(image, layout->loader_pages, 8),
			 .highest = highest},
		.kernel = {.start = page_offset(image, layout->kernel, size),
			   .end = UINT64_MAX,
			   .pages = member(image, layout->kernel_pages, size),
			   .highest = highest},
	};
	sections.boot.end = UINT64_MAX;
	/* Neither goes on into the other one. */
	if (sections.kernel.start == sections.boot.start)
		sections.boot = (struct section){0};
	else if (sections.kernel.start > sections.boot.start)
		sections.boot.end = sections.kernel.start;
	else if (sections.kernel.start)
		sections.kernel.end = sections.boot.start;
	return sections;
}

/* Does the section begin with a set? If not by the highest page that the header has, without it. */
static bool begins(const struct image *image, struct section *section, unsigned int pointer_size)
{
	struct set set;
	if (!section->start)
		return false;
	if (read_set(image, section->start, pointer_size, section->highest, &set))
		return true;
	section->highest = HIBERFIL_PAGE_END - 1;
	if (read_set(image, section->start, pointer_size, section->highest, &set))
		return true;
	section->start = 0;
	return false;
}

/* Returns how many of the two begin with sets. */
static unsigned int find_sections(const struct image *image, const struct layout *layout,
				  struct sections *sections)
{
	const unsigned int size = layout->pointer_size;
	*sections = sections_of(image, layout);
	bool boot = begins(image, &sections->boot, size);
	bool kernel = begins(image, &sections->kernel, size);
	if (!layout->length) { /* a guess must be better than that */
		boot = boot && is_section(image, sections->boot.start, size);
		kernel = kernel && is_section(image, sections->kernel.start, size);
	}
	return (unsigned int)boot + kernel;
}

static void walk(struct hiberfil *hiberfil, const struct section *section,
		 unsigned int pointer_size, const char *name)
{
	if (section->start) {
		struct walked walked = walk_section(hiberfil, section, pointer_size);
		warn(hiberfil->image, name, section, &walked);
	} else if (section->pages) {
		image_warn(hiberfil->image, "the %s section is not where the header says", name);
	}
}

/* Walks sections wherever they are, for want of a header. */
static bool walk_found(struct hiberfil *hiberfil, unsigned int pointer_size)
{
	uint64_t at = search_section(hiberfil->image, PAGE_SIZE, pointer_size);
	if (!at)
		return false;
	while (at) {
		struct section section = {
			.start = at, .end = UINT64_MAX, .highest = HIBERFIL_PAGE_END - 1};
		struct walked walked = walk_section(hiberfil, &section, pointer_size);
		warn(hiberfil->image, "next", &section, &walked);
		at = search_section(hiberfil->image, walked.end, pointer_size);
	}
	return true;
}

static bool is_empty(const struct image *image, uint64_t at)
{
	const uint8_t *page = image_bytes(image, at, PAGE_SIZE);
	return !page || (!page[0] && !memcmp(page, page + 1, PAGE_SIZE - 1));
}

/* Whether there is nothing where the header, or any version's, says that sections begin. */
static bool is_cleared(const struct image *image, const struct layout *layout)
{
	const struct layout *tried = layout ? layout : guesses;
	const size_t count = layout ? 1 : array_size(guesses);
	for (size_t i = 0; i < count; i++) {
		const struct sections sections = sections_of(image, &tried[i]);
		if (!is_empty(image, sections.boot.start) && sections.boot.start)
			return false;
		if (!is_empty(image, sections.kernel.start) && sections.kernel.start)
			return false;
	}
	return true;
}

/*
 * Whether the file ends before a section that the header knows of begins, or before any could: what
 * is there before the first set, in any version, is the header and some pages.
 */
static bool is_cut(const struct image *image, const struct layout *layout)
{
	const uint32_t members[] = {layout ? layout->boot : 0, layout ? layout->kernel : 0};
	bool begins_in_file = !layout, begins = false;
	for (size_t i = 0; i < array_size(members); i++) {
		const uint64_t page = layout ? member(image, members[i], layout->pointer_size) : 0;
		begins |= page != 0;
		begins_in_file |= page && page < image->size / PAGE_SIZE;
	}
	return image->size < 2 * PAGE_SIZE || (begins && !begins_in_file);
}

/*
 * What leads to sections: the layout by the header's length, or the best guess; NULL: none does.
 */
static const struct layout *choose_layout(const struct image *image, struct sections *sections)
{
	const struct layout *layout = layout_of(image), *best = NULL;
	if (layout)
		return find_sections(image, layout, sections) ? layout : NULL;
	for (size_t i = 0; i < array_size(guesses); i++) {
		unsigned int found = find_sections(image, &guesses[i], sections);
		if (found == 2)
			return &guesses[i];
		if (found && !best)
			best = &guesses[i];
	}
	if (best)
		find_sections(image, best, sections);
	return best;
}

struct error *hiberfil_new_parse(struct hiberfil *hiberfil, struct hiberfil_new *found)
{
	struct image *image = hiberfil->image;
	const struct layout *known = layout_of(image);
	struct sections sections;
	const struct layout *layout = choose_layout(image, &sections);
	*found = (struct hiberfil_new){.versions = known ? known->versions : NULL};
	if (known && member(image, known->highest - HIBERBOOT_BACK, 4) & 1)
		found->hiberboot = true;
	if (layout) {
		found->pointer_size = layout->pointer_size;
		walk(hiberfil, &sections.boot, layout->pointer_size, "boot");
		walk(hiberfil, &sections.kernel, layout->pointer_size, "kernel");
	} else if (walk_found(hiberfil, 8)) {
		found->pointer_size = 8;
	} else if (walk_found(hiberfil, 4)) {
		found->pointer_size = 4;
	} else {
		found->cleared = is_cleared(image, known);
		found->cut = is_cut(image, known);
		return NULL;
	}
	decide_methods(hiberfil);
	add_compression(hiberfil);
	image_add_taken(image, member(image, found->pointer_size == 8 ? 0x20 : 0x18, 8));
	image->hints.machine =
		found->pointer_size == 8 ? IMAGE_FILE_MACHINE_AMD64 : IMAGE_FILE_MACHINE_I386;
	return NULL;
}
