/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * VMware's snapshot files (.vmsn) as older products write them: groups of tags, and among those of
 * the group `memory` all of the memory but for its hole, as one block. See ramfile.h.
 *
 * Facts: vmware.py of Volatility 2; vmware_vmss.c and .h of the crash utility, by VMware.
 */
#include <writer/ramfile.h>

enum {
	MAGIC = 0xbed2bed2,
	GROUPS = 3,
	GROUP_SIZE = 80,
	GROUP_NAME = 64,
	HEADER_SIZE = 12 + GROUPS * GROUP_SIZE,
	TAGS_ROOM = 4096, /* more than all tags have before the memory */
	BLOCK = 63,
	BLOCK_HEADER = 8 + 8 + 2,
};

/* What is written before the memory: header and tags. */
struct head {
	uint8_t bytes[HEADER_SIZE + TAGS_ROOM];
	uint64_t at; /* where the next tag goes */
};

static void begin_group(struct head *head, unsigned int number, const char *name)
{
	uint8_t *group = head->bytes + 12 + number * GROUP_SIZE;
	memcpy(group, name, strlen(name));
	util_put(group + GROUP_NAME, head->at, 8);
}

/* The tag's name and indices; its data comes next, of so many bytes. */
static void put_tag(struct head *head, const char *name, unsigned int indices, unsigned int first,
		    unsigned int second, unsigned int data)
{
	head->bytes[head->at++] = (uint8_t)(indices << 6 | data);
	head->bytes[head->at++] = (uint8_t)strlen(name);
	memcpy(head->bytes + head->at, name, strlen(name));
	head->at += strlen(name);
	for (unsigned int i = 0; i < indices; i++, head->at += 4)
		util_put(head->bytes + head->at, i ? second : first, 4);
}

static void put_value(struct head *head, uint64_t value, unsigned int size)
{
	util_put(head->bytes + head->at, value, size);
	head->at += size;
}

static void put_u32(struct head *head, const char *name, uint32_t value)
{
	put_tag(head, name, 0, 0, 0, 4);
	put_value(head, value, 4);
}

static void put_region(struct head *head, uint32_t number, uint64_t start, uint64_t offset,
		       uint64_t size)
{
	put_tag(head, "regionPPN", 1, number, 0, 4);
	put_value(head, start / PAGE, 4);
	put_tag(head, "regionPageNum", 1, number, 0, 4);
	put_value(head, offset / PAGE, 4);
	put_tag(head, "regionSize", 1, number, 0, 4);
	put_value(head, size / PAGE, 4);
}

static void end_group(struct head *head, unsigned int number)
{
	uint8_t *group = head->bytes + 12 + number * GROUP_SIZE;
	head->at += 2;
	util_put(group + GROUP_NAME + 8, head->at - util_get(group + GROUP_NAME, 8), 8);
}

static void put_processor(struct head *head, const struct guest *guest)
{
	const bool wide = guest->pointer == 8;
	const char *name = wide ? "CR64" : "CR";
	put_u32(head, "cpu:numVCPUs", 1);
	for (unsigned int number = 0; number < 5; number++) {
		const uint64_t values[] = {0x80050033, 0, 0, paging_root(guest->kernel), 0x6f8};
		put_tag(head, name, 2, 0, number, wide ? 8 : 4);
		put_value(head, values[number], wide ? 8 : 4);
	}
}

void ramfile_write_vmsn(struct guest *guest, const char *path)
{
	size_t count;
	const struct ram_run *runs = ram_runs(guest->ram, &count);
	const uint64_t low = runs[count - 2].start + runs[count - 2].size;
	const struct ram_run *high = &runs[count - 1];
	struct head head = {.at = HEADER_SIZE};
	util_put(head.bytes, MAGIC, 4);
	util_put(head.bytes + 4, 8, 4);
	util_put(head.bytes + 8, GROUPS, 4);
	begin_group(&head, 0, "Checkpoint");
	put_u32(&head, "Platform", 1);
	put_u32(&head, "memSize", (uint32_t)((low + high->size) >> 20));
	end_group(&head, 0);
	begin_group(&head, 1, "cpu");
	put_processor(&head, guest);
	end_group(&head, 1);
	begin_group(&head, 2, "memory");
	put_u32(&head, "regionsCount", 2);
	put_region(&head, 0, 0, 0, low);
	put_region(&head, 1, high->start, low, high->size);
	put_tag(&head, "Memory", 2, 0, 0, BLOCK);
	const uint64_t data = util_round_up(head.at + BLOCK_HEADER, PAGE);
	put_value(&head, low + high->size, 8);
	put_value(&head, low + high->size, 8);
	put_value(&head, data - head.at - 2, 2);
	util_put(head.bytes + 12 + 2 * GROUP_SIZE + GROUP_NAME + 8,
		 data - head.at + low + high->size, 8);

	struct ramfile file = ramfile_create(path);
	ramfile_put(&file, head.bytes, head.at);
	for (size_t i = 0; i < count; i++) {
		uint64_t offset = i + 1 < count ? runs[i].start : low;
		ramfile_skip(&file, data + offset - file.at);
		ramfile_put_ram(&file, guest->ram, runs[i].start, runs[i].size);
	}
	ramfile_put(&file, (const uint8_t[2]){0}, 2);
	ramfile_close(&file);
}
