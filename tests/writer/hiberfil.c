/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See hiberfil.h. */
#include <writer/hiberfil.h>

#include <stdio.h>

#include <writer/ramfile.h>
#include <writer/util.h>
#include <writer/xpress.h>

enum {
	BLOCK_PAGES = 16,
	BLOCK_BYTES = BLOCK_PAGES * 4096,
	BLOCK_HEADER = 32,
	FIRST_TABLE = 6, /* page of the file */
	BUFFER = 1 << 20,
	MOST_DESCRIPTORS = 16,
};

/* XP to 7: where the first table is said to be, and tables of ranges. */
struct old_layout {
	const char *name;
	unsigned int pointer;
	const char *signature;
	uint32_t length, page_size, time, total_pages, first_table; /* in the header; 0: none */
	uint32_t state_page;					    /* _KPROCESSOR_STATE */
	uint32_t next, count;					    /* in a table */
	uint32_t ranges, range_size, start, end;
	uint32_t most; /* ranges of a table */
};

static const struct old_layout old_layouts[] = {
	{"xp-x86", 4, "hibr", 168, 0x14, 0x20, 0x54, 0x58, 2, 4, 0xc, 0x10, 16, 4, 8, 0xff},
	{"2003-x64", 8, "hibr", 192, 0x18, 0x20, 0x60, 0x68, 2, 8, 0x14, 0x20, 32, 8, 16, 0x7f},
	{"vista-sp0-x86", 4, "HIBR", 224, 0x14, 0x18, 0x4c, 0x50, 4, 4, 0xc, 0x10, 16, 4, 8, 0xff},
	{"vista-sp1-x86", 4, "HIBR", 240, 0x14, 0x18, 0x4c, 0x50, 1, 4, 0xc, 0x10, 16, 4, 8, 0xff},
	{"vista-sp2-x86", 4, "HIBR", 240, 0x14, 0x18, 0x4c, 0x50, 1, 4, 8, 0xc, 8, 0, 4, 0x1fe},
	{"7-x86", 4, "HIBR", 224, 0x14, 0x18, 0, 0x4c, 1, 0, 4, 8, 8, 0, 4, 0x1ff},
	{"vista-sp0-x64", 8, "HIBR", 296, 0x18, 0x20, 0x60, 0x68, 4, 8, 0x14, 0x20, 32, 8, 16,
	 0x7f},
	{"vista-sp1-x64", 8, "HIBR", 320, 0x18, 0x20, 0x60, 0x68, 1, 8, 0x14, 0x20, 32, 8, 16,
	 0x7f},
	{"vista-sp2-x64", 8, "HIBR", 312, 0x18, 0x20, 0x60, 0x68, 1, 8, 0x10, 0x18, 16, 0, 8, 0xfe},
	{"7-x64", 8, "HIBR", 296, 0x18, 0x20, 0, 0x60, 1, 0, 8, 0x10, 16, 0, 8, 0xff},
};

/* 8 to 11: members of the header. */
struct new_layout {
	const char *name;
	unsigned int pointer;
	unsigned int build; /* the first that has it */
	uint32_t length, time, loader_pages, boot, kernel, kernel_pages, highest;
};

static const struct new_layout new_layouts[] = {
	{"8-x64", 8, 9200, 0x360, 0x20, 0x58, 0x60, 0x68, 0x1c8, 0x330},
	{"10240-x64", 8, 10240, 0x3b0, 0x20, 0x58, 0x68, 0x70, 0x218, 0x380},
	{"14393-x64", 8, 14393, 0x3c8, 0x20, 0x58, 0x68, 0x70, 0x220, 0x388},
	{"15063-x64", 8, 15063, 0x3d8, 0x20, 0x58, 0x68, 0x70, 0x230, 0x398},
	{"17763-x64", 8, 17763, 0x3e0, 0x20, 0x58, 0x68, 0x70, 0x230, 0x398},
	{"20348-x64", 8, 20348, 0x448, 0x20, 0x58, 0x68, 0x70, 0x230, 0x400},
	{"26100-x64", 8, 26100, 0x4d8, 0x20, 0x58, 0x68, 0x70, 0x238, 0x498},
	{"8-x86", 4, 9200, 0x2c8, 0x18, 0x48, 0x50, 0x54, 0x1b0, 0x2b0},
	{"10240-x86", 4, 10240, 0x310, 0x18, 0x48, 0x50, 0x54, 0x1f8, 0x2f8},
	{"14393-x86", 4, 14393, 0x328, 0x18, 0x48, 0x50, 0x54, 0x200, 0x300},
	{"15063-x86", 4, 15063, 0x338, 0x18, 0x48, 0x50, 0x54, 0x210, 0x310},
	{"17763-x86", 4, 17763, 0x340, 0x18, 0x48, 0x50, 0x54, 0x210, 0x310},
};

enum {
	OLD_LAYOUTS = sizeof(old_layouts) / sizeof(old_layouts[0]),
	NEW_LAYOUTS = sizeof(new_layouts) / sizeof(new_layouts[0]),
	HIBERBOOT_BEFORE_HIGHEST = 0x34, /* in the public symbols of every build */
};

void hiberfil_layouts(void (*each)(const char *name, unsigned int pointer_size))
{
	for (size_t i = 0; i < OLD_LAYOUTS; i++)
		each(old_layouts[i].name, old_layouts[i].pointer);
	for (size_t i = 0; i < NEW_LAYOUTS; i++)
		each(new_layouts[i].name, new_layouts[i].pointer);
}

const char *hiberfil_layout_of(unsigned int build, unsigned int pointer_size)
{
	static const struct {
		unsigned int build;
		const char *x64, *x86;
	} table[] = {
		{7600, "7-x64", "7-x86"},
		{6002, "vista-sp2-x64", "vista-sp2-x86"},
		{6001, "vista-sp1-x64", "vista-sp1-x86"},
		{6000, "vista-sp0-x64", "vista-sp0-x86"},
		{0, "2003-x64", "xp-x86"},
	};
	for (size_t i = NEW_LAYOUTS; i-- > 0;) {
		if (new_layouts[i].pointer == pointer_size && build >= new_layouts[i].build)
			return new_layouts[i].name;
	}
	size_t i = 0;
	while (build < table[i].build)
		i++;
	return pointer_size == 8 ? table[i].x64 : table[i].x86;
}

/* A file being written, by way of a buffer. */
struct writing {
	const struct hiberfil_options *options;
	const struct hiberfil_memory *memory;
	struct ramfile file;
	uint8_t *buffer;
	size_t used;
	uint8_t *in, *out; /* pages, and what became of them */
	struct util_random random;
	unsigned int sets;
};

static uint64_t position(const struct writing *writing)
{
	return writing->file.at + writing->used;
}

static void flush(struct writing *writing)
{
	ramfile_put(&writing->file, writing->buffer, writing->used);
	writing->used = 0;
}

static void put(struct writing *writing, const void *data, size_t size)
{
	if (writing->used + size > BUFFER)
		flush(writing);
	memcpy(writing->buffer + writing->used, data, size);
	writing->used += size;
}

static void pad(struct writing *writing, uint64_t unit)
{
	static const uint8_t zeros[4096];
	put(writing, zeros, util_round_up(position(writing), unit) - position(writing));
}

/* The bytes of pages; `other`: not those that they have, but an older state of theirs. */
static void fetch(struct writing *writing, const uint64_t *pages, size_t count, bool other)
{
	for (size_t i = 0; i < count; i++) {
		uint8_t *to = writing->in + i * 4096;
		memcpy(to, writing->memory->page(writing->memory->context, pages[i]), 4096);
		for (size_t at = 0; other && at < 4096; at += 8)
			to[at] ^= 0x5a;
	}
}

/* How many pages from number `at` of the list on follow one another, at most `most`. */
static size_t run_length(const uint64_t *pages, size_t count, size_t at, size_t most)
{
	size_t length = 1;
	while (length < most && at + length < count && pages[at + length] == pages[at] + length)
		length++;
	return length;
}

/* XP to 7: a block of at most 16 pages. */
static void put_block(struct writing *writing, const uint64_t *pages, size_t count, bool other)
{
	fetch(writing, pages, count, other);
	size_t bytes = count * 4096;
	const uint8_t *data = writing->out;
	size_t size = xpress_compress(writing->in, bytes, writing->out, bytes - 1);
	if (!size) {
		size = bytes;
		data = writing->in;
	}
	uint8_t header[BLOCK_HEADER] = "\x81\x81xpress";
	util_put(header + 8, (size - 1) << 10 | (count - 1), 4);
	put(writing, header, sizeof(header));
	put(writing, data, size);
	pad(writing, 8);
}

static void put_blocks(struct writing *writing, const uint64_t *pages, size_t count, bool other)
{
	for (size_t at = 0; at < count; at += BLOCK_PAGES)
		put_block(writing, pages + at, count - at < BLOCK_PAGES ? count - at : BLOCK_PAGES,
			  other);
}

/* A table and its blocks; sets where it is. Returns how many pages of the list it took. */
static size_t put_table(struct writing *writing, const struct old_layout *layout,
			const uint64_t *pages, size_t count, bool other, uint64_t *at)
{
	uint8_t table[4096] = {0};
	size_t taken = 0;
	uint32_t ranges = 0;
	for (; taken < count && ranges < layout->most; ranges++) {
		uint8_t *range = table + layout->ranges + ranges * layout->range_size;
		size_t length = run_length(pages, count, taken, SIZE_MAX);
		util_put(range + layout->start, pages[taken], layout->pointer);
		util_put(range + layout->end, pages[taken] + length, layout->pointer);
		taken += length;
	}
	util_put(table + layout->count, ranges, 4);
	pad(writing, 4096);
	*at = position(writing);
	put(writing, table, sizeof(table));
	put_blocks(writing, pages, taken, other);
	return taken;
}

static void link_table(struct writing *writing, const struct old_layout *layout, uint64_t table,
		       uint64_t next)
{
	uint8_t link[8];
	flush(writing);
	uint64_t end = writing->file.at;
	util_put(link, next / 4096, layout->pointer);
	writing->file.at = table + layout->next;
	ramfile_put(&writing->file, link, layout->pointer);
	writing->file.at = end;
}

static void put_old_header(struct writing *writing, const struct old_layout *layout)
{
	const struct hiberfil_memory *memory = writing->memory;
	const char *signature = writing->options->signature;
	uint8_t header[FIRST_TABLE * 4096] = {0};
	memcpy(header, signature ? signature : layout->signature, 4);
	util_put(header + 0xc, layout->length, 4);
	util_put(header + layout->page_size, 4096, 4);
	util_put(header + layout->time, UINT64_C(129000000000000000), 8);
	if (layout->total_pages)
		util_put(header + layout->total_pages, memory->count, layout->pointer);
	util_put(header + layout->first_table, FIRST_TABLE, layout->pointer);
	if (writing->options->zero_header)
		memset(header, 0, 4096);
	/* SpecialRegisters: behind ContextFrame on x86, before it on x64. */
	uint8_t *registers =
		header + layout->state_page * 4096 + (layout->pointer == 8 ? 0 : 0x2cc);
	util_put(registers, 0x80050031, layout->pointer); /* CR0: paging, protection */
	util_put(registers + 2 * layout->pointer, memory->cr3, layout->pointer);
	put(writing, header, sizeof(header));
}

static void write_old(struct writing *writing, const struct old_layout *layout)
{
	const struct hiberfil_memory *memory = writing->memory;
	uint64_t before = 0, table;
	put_old_header(writing, layout);
	if (writing->options->overlap) {
		/* A first table, full, whose pages come again. */
		size_t many = memory->count < 3000 ? memory->count : 3000;
		put_table(writing, layout, memory->pages, many, true, &before);
	}
	for (size_t at = 0; at < memory->count;) {
		if (writing->options->stale && before) /* between blocks and the next table */
			put_blocks(writing, memory->pages, 40, true);
		at += put_table(writing, layout, memory->pages + at, memory->count - at, false,
				&table);
		if (before)
			link_table(writing, layout, before, table);
		before = table;
	}
	if (writing->options->stale)
		put_blocks(writing, memory->pages, 1000 < memory->count ? 1000 : memory->count,
			   true);
}

/* 8 and later: how the next set is compressed. Returns the bytes, or 0 where it is stored. */
static size_t compress_set(struct writing *writing, size_t bytes, unsigned int *method)
{
	const struct hiberfil_options *options = writing->options;
	unsigned int number = writing->sets++;
	*method = options->mixed ? (options->method_1 ? number % 2 * 2 : number % 4)
				 : options->method;
	if (options->mixed && number % 5 == 4)
		return 0;
	bool huffman = *method & 2;
	size_t size = huffman ? xpress_huffman_compress(writing->in, bytes, writing->out, bytes - 1)
			      : xpress_compress(writing->in, bytes, writing->out, bytes - 1);
	if (huffman && options->method_1)
		*method = 1;
	return size;
}

static void put_set(struct writing *writing, const uint64_t *pages, size_t count, bool other)
{
	const unsigned int pointer = writing->memory->pointer_size;
	uint8_t header[4 + MOST_DESCRIPTORS * 8];
	size_t descriptors = 0, bytes = count * 4096;
	for (size_t at = 0; at < count; descriptors++) {
		size_t length = run_length(pages, count, at, BLOCK_PAGES);
		util_put(header + 4 + descriptors * pointer, pages[at] << 4 | (length - 1),
			 pointer);
		at += length;
	}
	fetch(writing, pages, count, other);
	unsigned int method;
	size_t size = compress_set(writing, bytes, &method);
	const uint8_t *data = size ? writing->out : writing->in;
	if (!size)
		size = bytes;
	util_put(header, descriptors | size << 8 | (uint64_t)method << 30, 4);
	put(writing, header, 4 + descriptors * pointer);
	put(writing, data, size);
}

static void put_sets(struct writing *writing, const uint64_t *pages, size_t count, bool other)
{
	size_t sets = (count + BLOCK_PAGES - 1) / BLOCK_PAGES;
	size_t *order = util_alloc(sets + 1, sizeof(*order));
	for (size_t i = 0; i < sets; i++)
		order[i] = i;
	for (size_t i = sets; writing->options->shuffle && i > 1; i--) {
		size_t j = util_random_below(&writing->random, i), swap = order[i - 1];
		order[i - 1] = order[j];
		order[j] = swap;
	}
	for (size_t i = 0; i < sets; i++) {
		size_t at = order[i] * BLOCK_PAGES;
		put_set(writing, pages + at, count - at < BLOCK_PAGES ? count - at : BLOCK_PAGES,
			other);
	}
	free(order);
}

static void put_new_header(struct writing *writing, const struct new_layout *layout, uint64_t boot,
			   uint64_t boot_pages, uint64_t kernel, uint64_t kernel_pages)
{
	const struct hiberfil_options *options = writing->options;
	const struct hiberfil_memory *memory = writing->memory;
	uint8_t header[4096] = {0};
	memcpy(header, options->signature ? options->signature : "HIBR", 4);
	util_put(header + 0xc, options->length ? options->length : layout->length, 4);
	util_put(header + (layout->pointer == 8 ? 0x18 : 0x14), 4096, 4);
	util_put(header + layout->time, UINT64_C(132000000000000000), 8);
	util_put(header + layout->loader_pages, options->wrong_counts ? 0 : boot_pages, 8);
	util_put(header + layout->boot, boot / 4096, layout->pointer);
	util_put(header + layout->kernel, kernel / 4096, layout->pointer);
	util_put(header + layout->kernel_pages, options->wrong_counts ? 0 : kernel_pages,
		 layout->pointer);
	util_put(header + layout->highest, memory->count ? memory->pages[memory->count - 1] : 0,
		 layout->pointer);
	header[layout->highest - HIBERBOOT_BEFORE_HIGHEST] = options->hiberboot;
	if (options->zero_header)
		memset(header, 0, sizeof(header));
	flush(writing);
	uint64_t end = writing->file.at;
	writing->file.at = 0;
	ramfile_put(&writing->file, header, sizeof(header));
	writing->file.at = end;
}

static void write_new(struct writing *writing, const struct new_layout *layout)
{
	const struct hiberfil_memory *memory = writing->memory;
	/* The boot section has every eighth of the memory; the kernel section what is left. */
	size_t boot_count = 0, kernel_count = 0;
	uint64_t *boot = util_alloc(memory->count + 1, sizeof(*boot));
	uint64_t *kernel = util_alloc(memory->count + 1, sizeof(*kernel));
	for (size_t i = 0; i < memory->count; i++) {
		if (i / 64 % 8 == 3)
			boot[boot_count++] = memory->pages[i];
		else
			kernel[kernel_count++] = memory->pages[i];
	}
	ramfile_skip(&writing->file, 7 * 4096);
	uint64_t boot_at = position(writing);
	/* Pages of the kernel section in the boot section, which are not what they are later. */
	size_t other = writing->options->overlap ? kernel_count / 3 : 0;
	put_sets(writing, kernel, other, true);
	put_sets(writing, boot, boot_count, false);
	pad(writing, 4096);
	uint64_t kernel_at = position(writing);
	put_sets(writing, kernel, kernel_count, false);
	put_new_header(writing, layout, boot_at, boot_count + other, kernel_at, kernel_count);
	free(boot);
	free(kernel);
}

static const struct old_layout *find_old(const char *name)
{
	for (size_t i = 0; i < OLD_LAYOUTS; i++) {
		if (!strcmp(old_layouts[i].name, name))
			return &old_layouts[i];
	}
	return NULL;
}

static const struct new_layout *find_new(const char *name)
{
	for (size_t i = 0; i < NEW_LAYOUTS; i++) {
		if (!strcmp(new_layouts[i].name, name))
			return &new_layouts[i];
	}
	util_die("%s: no layout of hibernation files", name);
}

void hiberfil_write(const struct hiberfil_options *options, const struct hiberfil_memory *memory,
		    const char *path)
{
	struct writing writing = {.options = options, .memory = memory, .random = {9}};
	const struct old_layout *old = find_old(options->layout);
	if ((old ? old->pointer : find_new(options->layout)->pointer) != memory->pointer_size)
		util_die("%s: not of such a machine", options->layout);
	writing.buffer = util_alloc(BUFFER, 1);
	writing.in = util_alloc(BLOCK_BYTES, 1);
	writing.out = util_alloc(BLOCK_BYTES, 1);
	writing.file = ramfile_create(path);
	if (old)
		write_old(&writing, old);
	else
		write_new(&writing, find_new(options->layout));
	pad(&writing, 4096);
	flush(&writing);
	ramfile_close(&writing.file);
	free(writing.buffer);
	free(writing.in);
	free(writing.out);
}
