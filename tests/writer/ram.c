/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See ram.h. */
#include <writer/ram.h>

#include <sys/mman.h>

enum { RUNS = 3, MEGABYTE = 1 << 20 };

struct ram {
	uint8_t *
		bytes; /* one mapping from address 0 to the end: what is not touched costs nothing */
	uint64_t end;
	struct ram_run runs[RUNS];
	bool *used;	 /* by frame number */
	uint32_t *order; /* all frames above 1 MB, shuffled */
	uint64_t order_count;
	uint64_t next; /* in order */
	uint64_t used_count;
	struct util_random *random;
};

struct ram *ram_new(uint64_t size, const struct ram_run *hole, struct util_random *random)
{
	if (size < 16 * MEGABYTE || size % MEGABYTE)
		util_die("memory of %llu bytes: a multiple of 1 MB, at least 16, is needed",
			 (unsigned long long)size);
	struct ram *ram = util_alloc(1, sizeof(*ram));
	ram->random = random;
	uint64_t half = hole->size ? hole->start : size / MEGABYTE * 5 / 8 * MEGABYTE;
	uint64_t missing = hole->size ? hole->size : 8 * MEGABYTE;
	if (half <= MEGABYTE || half >= size || half % MEGABYTE || missing % MEGABYTE)
		util_die("no hole of that size is possible there");
	ram->runs[0] = (struct ram_run){PAGE, 0x9f000 - PAGE};
	ram->runs[1] = (struct ram_run){MEGABYTE, half - MEGABYTE};
	ram->runs[2] = (struct ram_run){half + missing, size - half};
	ram->end = size + missing;
	ram->bytes = mmap(NULL, ram->end, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (ram->bytes == MAP_FAILED)
		util_die("no address space for %llu bytes of memory", (unsigned long long)size);
	ram->used = util_alloc(ram->end / PAGE, sizeof(bool));
	ram->order = util_alloc(ram->end / PAGE, sizeof(*ram->order));
	for (size_t i = 1; i < RUNS; i++) {
		for (uint64_t at = 0; at < ram->runs[i].size; at += PAGE)
			ram->order[ram->order_count++] =
				(uint32_t)((ram->runs[i].start + at) / PAGE);
	}
	for (uint64_t i = ram->order_count; i > 1; i--) { /* Fisher and Yates */
		uint64_t j = util_random_below(random, i);
		uint32_t swap = ram->order[i - 1];
		ram->order[i - 1] = ram->order[j];
		ram->order[j] = swap;
	}
	return ram;
}

void ram_free(struct ram *ram)
{
	munmap(ram->bytes, ram->end);
	free(ram->used);
	free(ram->order);
	free(ram);
}

const struct ram_run *ram_runs(const struct ram *ram, size_t *count)
{
	*count = RUNS;
	return ram->runs;
}

uint64_t ram_end(const struct ram *ram)
{
	return ram->end;
}

static bool is_ram(const struct ram *ram, uint64_t address)
{
	for (size_t i = 0; i < RUNS; i++) {
		if (address - ram->runs[i].start < ram->runs[i].size)
			return true;
	}
	return false;
}

static uint64_t take(struct ram *ram, uint64_t address)
{
	ram->used[address / PAGE] = true;
	ram->used_count++;
	return address;
}

uint64_t ram_take(struct ram *ram)
{
	while (ram->next < ram->order_count) {
		uint64_t address = ram->order[ram->next++] * PAGE;
		if (!ram->used[address / PAGE])
			return take(ram, address);
	}
	util_die("the machine's memory is full: give it more (--memory)");
}

uint64_t ram_take_below(struct ram *ram, uint64_t limit)
{
	for (uint64_t i = ram->next; i < ram->order_count; i++) {
		uint64_t address = ram->order[i] * PAGE;
		if (address < limit && !ram->used[address / PAGE])
			return take(ram, address);
	}
	util_die("the machine's memory below %#llx is full: give it more (--memory)",
		 (unsigned long long)limit);
}

uint64_t ram_take_at(struct ram *ram, uint64_t address)
{
	if (!is_ram(ram, address) || address % PAGE || ram->used[address / PAGE])
		util_die("frame %#llx can't be had", (unsigned long long)address);
	return take(ram, address);
}

void ram_drop(struct ram *ram, uint64_t address)
{
	address &= ~(PAGE - 1);
	memset(ram_at(ram, address), 0, PAGE);
	if (ram->used[address / PAGE])
		ram->used_count--;
	ram->used[address / PAGE] = false;
}

uint64_t ram_take_low(struct ram *ram)
{
	uint64_t frames = ram->runs[0].size / PAGE;
	for (;;) {
		uint64_t address = PAGE + util_random_below(ram->random, frames) * PAGE;
		if (!ram->used[address / PAGE])
			return take(ram, address);
	}
}

uint64_t ram_take_block(struct ram *ram, uint64_t count, uint64_t align)
{
	for (size_t i = 1; i < RUNS; i++) {
		const struct ram_run *run = &ram->runs[i];
		uint64_t start = util_round_up(run->start, align);
		for (; start + count * PAGE <= run->start + run->size; start += align) {
			uint64_t n = 0;
			while (n < count && !ram->used[start / PAGE + n])
				n++;
			if (n < count)
				continue;
			for (uint64_t at = 0; at < count; at++)
				take(ram, start + at * PAGE);
			return start;
		}
	}
	util_die("no %llu frames in one piece: give the machine more memory (--memory)",
		 (unsigned long long)count);
}

uint8_t *ram_at(const struct ram *ram, uint64_t address)
{
	if (!is_ram(ram, address))
		util_die("physical address %#llx is not RAM", (unsigned long long)address);
	return ram->bytes + address;
}

bool ram_used(const struct ram *ram, uint64_t address)
{
	return address < ram->end && ram->used[address / PAGE];
}

uint64_t ram_used_count(const struct ram *ram)
{
	return ram->used_count;
}
