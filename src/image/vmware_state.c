/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * VMware's state files: a header, a table of groups, and in each group tags, one behind the other.
 *
 *	header	u32 magic, u32, u32 number of groups
 *	group	char name[64], u64 offset of its first tag, u64 size
 *	tag	u8 flags, u8 length of the name, name, u32 indices[flags >> 6], data
 *
 * A tag's data has flags & 0x3f bytes. 63, or 62 where they may be compressed, stands for a block:
 * its size in the file, its size in memory (u32 each in old files, else u64), a u16 with the length
 * of what is skipped, and then the data. Two zeros end the group.
 *
 * Group `memory` has regionsCount, and for each region by its number regionPPN (its first page's
 * number in the machine), regionPageNum (the same in the memory as it was written), and regionSize
 * (in pages). Where memory is in the file, a block `Memory` has it; some files have it behind the
 * group's tags, from the next page on. Group `Checkpoint` says what wrote the file, and of which
 * kind the machine is. Group `cpu` has the control registers: CR64, of older or 32-bit ones CR, by
 * the numbers of processor and register, or of a processor all in one.
 *
 * Facts: vmware.py of Volatility 2 and 3; vmware_vmss.c and .h of the crash utility, by VMware;
 * device_file.c of LeechCore.
 */
#include "vmware_state.h"

#include <stdlib.h>
#include <string.h>

#include <impscan/bytes.h>

enum {
	HEADER_SIZE = 12,
	GROUP_SIZE = 80,
	GROUP_NAME = 64,
	DATA_BLOCK = 62, /* of flags & 0x3f: this and more */
	INDICES = 3,
	PLATFORM_ARM = 3, /* Checkpoint/Platform */
	CR3 = 3,
};

/* A processor has some hundred tags. */
#define TAGS_MAX (UINT32_C(1) << 20)

/* A group of this size has the memory behind its tags, which are in its first megabyte. */
#define GROUP_WITH_MEMORY (UINT64_C(16) << 20)
#define GROUP_TAGS_SIZE	  (UINT64_C(1) << 20)

/* `old`: sizes of blocks have 32 bits. */
static const struct {
	uint32_t magic;
	bool old;
} magics[] = {
	{0xbed0bed0, true},  {0xbed2bed0, true},  {0xbad1bad1, false},
	{0xbad2bad2, false}, {0xbed2bed2, false}, {0xbed3bed3, false},
};

/* A file that is read. */
struct reading {
	const struct source *source;
	const char *path;
	bool old;
	struct vmware_state *state;
	/* Regions by their numbers; which of a region's three tags were there. */
	uint32_t page[VMWARE_REGIONS_MAX], place[VMWARE_REGIONS_MAX], pages[VMWARE_REGIONS_MAX];
	uint8_t there[VMWARE_REGIONS_MAX];
	uint32_t regions; /* as many as it says; UINT32_MAX: nothing */
	bool compressed;
	uint32_t platform;
};

/* A tag, and where it ends. */
struct tag {
	char name[256];
	uint32_t indices[INDICES];
	unsigned int index_count;
	uint64_t data; /* offset in the file */
	uint64_t size; /* bytes in the file */
	uint64_t size_in_memory;
	uint64_t end;
};

static const uint8_t *bytes(const struct reading *reading, uint64_t offset, uint64_t size)
{
	return source_bytes(reading->source, offset, size);
}

bool vmware_state_probe(const struct source *source)
{
	const uint8_t *start = source_bytes(source, 0, 4);
	for (size_t i = 0; start && i < array_size(magics); i++)
		if (le32(start) == magics[i].magic)
			return true;
	return false;
}

/* Reads the sizes before a block's data, and what is skipped. Returns false when the file ends. */
static bool read_block(const struct reading *reading, struct tag *tag)
{
	const unsigned int word = reading->old ? 4 : 8;
	const uint8_t *head = bytes(reading, tag->data, 2 * word + 2);
	if (!head)
		return false;
	tag->size = le_pointer(head, word);
	tag->size_in_memory = le_pointer(head + word, word);
	tag->data += 2 * word + 2 + le16(head + 2 * word);
	return true;
}

enum tag_end {
	TAG_READ,
	TAG_LAST, /* the group's end */
	TAG_CUT,  /* the file's end, or what can't be */
};

/* Reads the tag at an offset. */
static enum tag_end read_tag(const struct reading *reading, uint64_t at, struct tag *tag)
{
	const uint8_t *head = bytes(reading, at, 2);
	if (!head)
		return TAG_CUT;
	if (!head[0] && !head[1])
		return TAG_LAST;
	if (!head[1])
		return TAG_CUT;
	const uint8_t flags = head[0], length = head[1];
	tag->index_count = flags >> 6;
	const uint8_t *name = bytes(reading, at + 2, length + 4u * tag->index_count);
	if (!name)
		return TAG_CUT;
	memcpy(tag->name, name, length);
	tag->name[length] = '\0';
	for (unsigned int i = 0; i < length; i++)
		if (name[i] < ' ' || name[i] > '~')
			return TAG_CUT;
	for (unsigned int i = 0; i < tag->index_count; i++)
		tag->indices[i] = le32(name + length + 4 * i);
	tag->data = at + 2 + length + 4u * tag->index_count;
	tag->size = tag->size_in_memory = flags & 0x3f;
	if (tag->size >= DATA_BLOCK && !read_block(reading, tag))
		return TAG_CUT;
	if (tag->size > UINT64_MAX - tag->data)
		return TAG_CUT;
	tag->end = tag->data + tag->size;
	return TAG_READ;
}

/* Reads a number of 4 bytes; false when the tag has no such data. */
static bool tag_u32(const struct reading *reading, const struct tag *tag, uint32_t *value)
{
	const uint8_t *data = tag->size >= 4 ? bytes(reading, tag->data, 4) : NULL;
	if (data)
		*value = le32(data);
	return data;
}

/* What a region has, by the names of its tags; bits of reading->there. */
enum {
	REGION_PAGE = 1 << 0,
	REGION_PLACE = 1 << 1,
	REGION_PAGES = 1 << 2,
	REGION_WHOLE = REGION_PAGE | REGION_PLACE | REGION_PAGES,
};

static void take_region(struct reading *reading, const struct tag *tag, unsigned int what,
			uint32_t *values)
{
	uint32_t number = tag->index_count ? tag->indices[0] : 0;
	if (number < VMWARE_REGIONS_MAX && tag_u32(reading, tag, &values[number]))
		reading->there[number] |= (uint8_t)what;
}

static void take_memory(struct reading *reading, const struct tag *tag)
{
	if (!strcmp(tag->name, "regionsCount")) {
		(void)tag_u32(reading, tag, &reading->regions);
	} else if (!strcmp(tag->name, "regionPPN")) {
		take_region(reading, tag, REGION_PAGE, reading->page);
	} else if (!strcmp(tag->name, "regionPageNum")) {
		take_region(reading, tag, REGION_PLACE, reading->place);
	} else if (!strcmp(tag->name, "regionSize")) {
		take_region(reading, tag, REGION_PAGES, reading->pages);
	} else if (!strcmp(tag->name, "Memory") && tag->size && !reading->state->inside) {
		reading->state->inside = true;
		reading->state->memory_offset = tag->data;
		reading->state->memory_size = tag->size_in_memory;
		reading->compressed = tag->size != tag->size_in_memory;
	}
}

/* CR3 of the first processor that has one: a number of its own, or one of all in a row. */
static void take_cpu(struct reading *reading, const struct tag *tag)
{
	const bool wide = !strcmp(tag->name, "CR64");
	const unsigned int word = wide ? 8 : 4;
	if ((!wide && strcmp(tag->name, "CR") != 0) || reading->state->cr3)
		return;
	if (tag->index_count == 2 && tag->indices[1] != CR3)
		return;
	const uint64_t at = tag->index_count == 2 ? 0 : CR3 * word;
	const uint8_t *value = tag->size >= at + word ? bytes(reading, tag->data + at, word) : NULL;
	if (value)
		reading->state->cr3 = le_pointer(value, word);
}

/* A text that ends at a zero or with the data, of which the beginning is enough. */
static void take_text(const struct reading *reading, const struct tag *tag, char *text, size_t size)
{
	const uint64_t length = min_of(tag->size, (uint64_t)size - 1);
	const uint8_t *data = bytes(reading, tag->data, length);
	if (data)
		memcpy(text, data, length);
	text[data ? length : 0] = '\0';
}

static void take_checkpoint(struct reading *reading, const struct tag *tag)
{
	struct vmware_state *state = reading->state;
	if (!strcmp(tag->name, "Platform"))
		(void)tag_u32(reading, tag, &reading->platform);
	else if (!strcmp(tag->name, "ProductName"))
		take_text(reading, tag, state->product, sizeof(state->product));
	else if (!strcmp(tag->name, "VersionNumber"))
		take_text(reading, tag, state->version, sizeof(state->version));
}

/* A group that is read. */
struct group {
	const char *name;
	void (*take)(struct reading *reading, const struct tag *tag);
	uint64_t offset, size; /* as the table has them */
	uint64_t end;	       /* where its tags end */
	bool there, whole;     /* it is there; its end was found */
};

/*
 * Some files have zeros between tags, by fours: is there a tag behind these, as far as the group
 * goes?
 */
static bool goes_on(const struct reading *reading, const struct group *group, uint64_t at)
{
	const uint8_t *p = bytes(reading, at, 7);
	return p && at - group->offset < group->size && group->size - (at - group->offset) >= 7 &&
	       !le32(p) && p[5] && p[6] >= 'A' && p[6] <= 'z';
}

static void read_tags(struct reading *reading, struct group *group)
{
	struct tag tag;
	uint64_t at = group->offset;
	for (uint32_t count = 0; count < TAGS_MAX; count++) {
		enum tag_end end = read_tag(reading, at, &tag);
		group->end = at;
		if (end == TAG_CUT)
			return;
		if (end == TAG_LAST && goes_on(reading, group, at)) {
			at += 4;
			continue;
		}
		if (end == TAG_LAST) {
			group->end = at + 2;
			group->whole = true;
			return;
		}
		group->take(reading, &tag);
		at = tag.end;
	}
}

static struct error *damaged(const struct reading *reading, const char *what)
{
	return error_new("'%s' is a VMware state file (.vmss, .vmsn) that is cut off or damaged: "
			 "%s; if its memory is in a .vmem, give that without it",
			 reading->path, what);
}

/* Finds the groups that are needed, and reads their tags. */
static struct error *read_groups(struct reading *reading, struct group *groups, size_t needed)
{
	const uint8_t *header = bytes(reading, 0, HEADER_SIZE);
	const uint64_t count = header ? le32(header + 8) : 0;
	const uint8_t *table = bytes(reading, HEADER_SIZE, count * GROUP_SIZE);
	if (!count || !table)
		return damaged(reading, "its table of groups is not there");
	for (uint64_t i = 0; i < count; i++) {
		const uint8_t *entry = table + i * GROUP_SIZE;
		for (size_t g = 0; g < needed; g++) {
			const size_t length = strlen(groups[g].name) + 1;
			if (groups[g].there || memcmp(entry, groups[g].name, length) != 0)
				continue;
			groups[g].there = true;
			groups[g].offset = le64(entry + GROUP_NAME);
			groups[g].size = le64(entry + GROUP_NAME + 8);
			if (groups[g].offset >= HEADER_SIZE + count * GROUP_SIZE)
				read_tags(reading, &groups[g]);
		}
	}
	return NULL;
}

static int compare_starts(const void *a, const void *b)
{
	const struct vmware_region *x = a, *y = b;
	return x->start < y->start ? -1 : x->start > y->start;
}

static int compare_offsets(const void *a, const void *b)
{
	const struct vmware_region *x = a, *y = b;
	return x->offset < y->offset ? -1 : x->offset > y->offset;
}

/* Returns whether no two regions have an address, or a place, in common. Sorts them by address. */
static bool regions_apart(struct vmware_region *regions, size_t count)
{
	bool apart = true;
	qsort(regions, count, sizeof(*regions), compare_offsets);
	for (size_t i = 1; i < count; i++)
		apart &= regions[i].offset >= regions[i - 1].offset + regions[i - 1].size;
	qsort(regions, count, sizeof(*regions), compare_starts);
	for (size_t i = 1; i < count; i++)
		apart &= regions[i].start >= regions[i - 1].start + regions[i - 1].size;
	return apart;
}

/* Makes the regions of what their tags say. */
static struct error *make_regions(struct reading *reading)
{
	struct vmware_state *state = reading->state;
	uint64_t listed = 0;
	for (size_t i = 0; i < VMWARE_REGIONS_MAX; i++)
		listed += reading->there[i] != 0;
	uint32_t count = reading->regions == UINT32_MAX ? (uint32_t)listed : reading->regions;
	if (count > VMWARE_REGIONS_MAX || listed > count)
		return damaged(reading, "it lists more regions of memory than there can be");
	for (uint32_t i = 0; i < count; i++) {
		if (reading->there[i] != REGION_WHOLE)
			return damaged(reading, "not all of its regions of memory are there");
		if (!reading->pages[i])
			continue;
		state->regions[state->region_count++] = (struct vmware_region){
			.start = (uint64_t)reading->page[i] * PAGE_SIZE,
			.offset = (uint64_t)reading->place[i] * PAGE_SIZE,
			.size = (uint64_t)reading->pages[i] * PAGE_SIZE,
		};
	}
	if (count && !state->region_count)
		return damaged(reading, "all of its regions of memory are empty");
	if (!regions_apart(state->regions, state->region_count))
		return damaged(reading, "its regions of memory overlap");
	return NULL;
}

/* Finds memory behind the tags of its group, where no tag has it. */
static void find_behind_tags(struct vmware_state *state, const struct group *group)
{
	if (state->inside || group->size <= GROUP_WITH_MEMORY || !group->whole ||
	    group->end - group->offset > GROUP_TAGS_SIZE)
		return;
	const uint64_t from = (group->end + PAGE_SIZE - 1) & PAGE_MASK;
	state->inside = true;
	state->memory_offset = from;
	state->memory_size = group->size - (from - group->offset);
}

uint64_t vmware_state_extent(const struct vmware_state *state)
{
	uint64_t end = 0;
	for (size_t i = 0; i < state->region_count; i++)
		end = max_of(end, state->regions[i].offset + state->regions[i].size);
	return end;
}

struct error *vmware_state_read(const struct source *source, const char *path,
				struct vmware_state *state)
{
	*state = (struct vmware_state){0};
	struct reading reading = {
		.source = source, .path = path, .state = state, .regions = UINT32_MAX};
	const uint8_t *magic = source_bytes(source, 0, 4);
	for (size_t i = 0; magic && i < array_size(magics); i++)
		if (le32(magic) == magics[i].magic)
			reading.old = magics[i].old;
	struct group groups[] = {
		{.name = "memory", .take = take_memory},
		{.name = "cpu", .take = take_cpu},
		{.name = "Checkpoint", .take = take_checkpoint},
	};
	const struct group *memory = &groups[0];
	try_(read_groups(&reading, groups, array_size(groups)));
	state->arm = reading.platform == PLATFORM_ARM;
	if (state->arm)
		return NULL;
	if (!memory->there)
		return damaged(&reading, "it says nothing of memory");
	/* A file whose memory is cut off has its tags before that, or says nothing of regions. */
	if (!memory->whole && !state->inside)
		return damaged(&reading, "what it says of memory is not whole");
	if (reading.compressed)
		return error_new(
			"'%s' is a VMware state file whose memory is compressed, which is "
			"not documented: resume the machine and take its memory with a tool "
			"inside it, or suspend it with mainMem.useNamedFile = \"TRUE\", which "
			"leaves a .vmem",
			path);
	try_(make_regions(&reading));
	find_behind_tags(state, memory);
	if (state->inside && vmware_state_extent(state) > state->memory_size)
		return damaged(&reading, "its regions of memory are larger than its memory");
	return NULL;
}
