/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Hibernation files of Windows XP to 7: tables of page ranges, each a page of the file that blocks
 * of compressed pages follow. Blocks hold the pages of the table's ranges, in order, 16 in each but
 * the last. A table leads to the next one.
 *
 * Which of the versions' tables they are is tried: the header's length does not tell (that of Vista
 * and that of 7 may be the same), and resuming clears the header. A table of the right form lists
 * just the pages that its blocks have.
 *
 * Nothing but its place says which pages a block has. So what lies behind a block that is missing
 * is not used, unless the sum of all pages shows that none is.
 */
#include "hiberfil.h"

#define MAGIC	   "\x81\x81xpress"
#define MAGIC_SIZE 8

enum {
	LENGTH_SELF = 0xc, /* in the file's header */

	BLOCK_SIZES = 8, /* low 10 bits: pages - 1; the rest: bytes - 1 */
	BLOCK_PAGES_BITS = 10,
	BLOCK_HEADER = 32,
	BLOCK_ALIGN = 8,

	FIRST_PAGES = 64, /* where the first table is searched; Volatility 2: the first 10 */
	GAP_MAX = 10240,  /* between blocks, as in Volatility 2 */
	TABLES_MAX = 1 << 20,
};

/* The form of tables. Offsets in the table, or in a range. */
struct form {
	const char *name;
	unsigned int pointer_size;
	uint32_t next;	/* file page of the next table; a pointer */
	uint32_t count; /* of ranges; 4 bytes */
	uint32_t ranges, range_size;
	uint32_t start, end; /* first page, and the one behind the last; pointers */
	uint32_t lengths[4]; /* of the file's header, LengthSelf, in these versions */
};

static const struct form forms[] = {
	{"32-bit, Windows XP to Vista SP1", 4, 4, 0xc, 0x10, 16, 4, 8, {168, 224, 240}},
	{"32-bit, Windows Vista SP2", 4, 4, 8, 0xc, 8, 0, 4, {240}},
	{"32-bit, Windows 7", 4, 0, 4, 8, 8, 0, 4, {224}},
	{"64-bit, Windows 2003 to Vista SP1", 8, 8, 0x14, 0x20, 32, 8, 0x10, {192, 296, 320}},
	{"64-bit, Windows Vista SP2", 8, 8, 0x10, 0x18, 16, 0, 8, {312}},
	{"64-bit, Windows 7", 8, 0, 8, 0x10, 16, 0, 8, {296}},
};

/* A table that has been read. */
struct table {
	const struct form *form;
	const uint8_t *page;
	uint64_t offset; /* in the file */
	uint32_t count;	 /* ranges */
	uint64_t next;	 /* offset of the next one; 0: none */
	uint64_t pages;	 /* that its ranges list */
	uint32_t back;	 /* ranges that begin before the one before ends */
};

static uint32_t ranges_max(const struct form *form)
{
	return ((uint32_t)PAGE_SIZE - form->ranges) / form->range_size;
}

/* Range number `i`: its first page, and how many they are; 0: it is damaged. */
static uint64_t range_of(const struct table *table, uint32_t i, uint64_t *start)
{
	const struct form *form = table->form;
	const uint8_t *range = table->page + form->ranges + i * form->range_size;
	uint64_t end = le_pointer(range + form->end, form->pointer_size);
	*start = le_pointer(range + form->start, form->pointer_size);
	return *start < end && end <= HIBERFIL_PAGE_END ? end - *start : 0;
}

/* Returns false when there is no table of that form. */
static bool read_table(const struct image *image, const struct form *form, uint64_t offset,
		       struct table *table)
{
	*table = (struct table){.form = form, .offset = offset};
	table->page = image_bytes(image, offset, PAGE_SIZE);
	if (!table->page)
		return false;
	table->count = le32(table->page + form->count);
	if (!table->count || table->count > ranges_max(form))
		return false;
	uint64_t end = 0;
	for (uint32_t i = 0; i < table->count; i++) {
		uint64_t start, pages = range_of(table, i, &start);
		if (!pages)
			return false;
		table->pages += pages; /* at most 511 times 2^40 */
		table->back += start < end;
		end = start + pages;
	}
	uint64_t next = le_pointer(table->page + form->next, form->pointer_size);
	table->next = next <= UINT64_MAX / PAGE_SIZE ? next * PAGE_SIZE : UINT64_MAX;
	return true;
}

/* A block's header. */
struct block {
	uint64_t from; /* offset of its data */
	uint32_t size; /* of it, in bytes */
	uint32_t pages;
	uint64_t end; /* where the next header should be */
};

/* Reads a header without looking at its magic. Returns false when there can't be one. */
static bool read_block(const struct image *image, uint64_t at, struct block *block)
{
	const uint8_t *header = image_bytes(image, at, BLOCK_HEADER);
	if (!header)
		return false;
	uint32_t sizes = le32(header + BLOCK_SIZES);
	block->pages = (sizes & ((1u << BLOCK_PAGES_BITS) - 1)) + 1;
	block->size = (sizes >> BLOCK_PAGES_BITS) + 1;
	block->from = at + BLOCK_HEADER;
	block->end = block->from +
		     (((uint64_t)block->size + BLOCK_ALIGN - 1) & ~(uint64_t)(BLOCK_ALIGN - 1));
	return true;
}

/* Can a block have these sizes? `pages`: that it must have. */
static bool is_sound(const struct block *block, uint32_t pages)
{
	return block->pages == pages && block->size <= pages * PAGE_SIZE;
}

static bool has_magic(const struct image *image, uint64_t at)
{
	return image_has(image, at, MAGIC, MAGIC_SIZE);
}

/* Going from block to block of a table. */
struct walk {
	const struct image *image;
	uint64_t at;	/* where the next header should be */
	uint64_t end;	/* no header begins at or behind it */
	uint64_t pages; /* that the table has and are still to come */
	bool gap;	/* whether something lay between this block and the one before */
	bool mended;	/* whether a block's header was damaged, this one's or another */
	bool strict;	/* whether there was a gap: nothing is mended any more */
	bool sound;	/* whether this block's header is not damaged */
};

static struct walk walk_from(const struct image *image, const struct table *table, uint64_t end)
{
	return (struct walk){.image = image,
			     .at = table->offset + PAGE_SIZE,
			     .end = min_of(end, image->size),
			     .pages = table->pages};
}

/* Finds the next magic within GAP_MAX bytes. Zeros before it are no gap: they align blocks. */
static bool skip_gap(struct walk *walk)
{
	uint64_t size = walk->at < walk->end ? min_of(walk->end - walk->at, (uint64_t)GAP_MAX) : 0;
	const uint8_t *start = size ? image_bytes(walk->image, walk->at, size) : NULL;
	const uint8_t *found = start ? memmem(start, (size_t)size, MAGIC, MAGIC_SIZE) : NULL;
	if (!found)
		return false;
	for (const uint8_t *p = start; p < found; p++)
		walk->gap |= *p != 0;
	walk->at += (uint64_t)(found - start);
	return true;
}

/*
 * Is there the header of the next block, which has `pages` pages? One whose magic or number of
 * pages is damaged is one if its size leads to another.
 */
static bool is_next(struct walk *walk, uint32_t pages, struct block *block)
{
	if (!read_block(walk->image, walk->at, block))
		return false;
	walk->sound = has_magic(walk->image, walk->at) && is_sound(block, pages);
	if (walk->sound)
		return true;
	if (walk->strict)
		return false;
	block->pages = pages;
	walk->mended = true;
	return block->size > 1 && is_sound(block, pages) && block->end < walk->end &&
	       has_magic(walk->image, block->end);
}

/*
 * The next block: it has 16 pages, or the rest of the table's. Behind a gap the rest is not known:
 * it may have less. Returns false when there is none.
 */
static bool next_block(struct walk *walk, struct block *block)
{
	uint32_t pages = (uint32_t)min_of(walk->pages, (uint64_t)HIBERFIL_SET_PAGES);
	walk->gap = false;
	if (!pages || walk->at >= walk->end)
		return false;
	bool found = is_next(walk, pages, block);
	if (!found && walk->strict)
		return false;
	while (!found) {
		if (has_magic(walk->image, walk->at)) { /* its sizes are damaged */
			walk->at++;
			walk->gap = true;
		}
		if (!skip_gap(walk) || !read_block(walk->image, walk->at, block))
			return false;
		found = walk->gap ? block->pages <= pages && is_sound(block, block->pages)
				  : is_sound(block, pages);
	}
	walk->strict |= walk->gap;
	walk->at = block->end;
	walk->pages -= block->pages;
	return true;
}

/* What a table's blocks are. */
struct content {
	uint64_t sound; /* pages of the blocks up to the first gap */
	uint64_t pages; /* of all of them */
	uint64_t end;	/* where the last of them ends */
	bool ends;	/* whether the last one has just the rest of the table's pages */
	bool clean; /* whether no header among them is damaged, and none is missing between them */
};

/*
 * Looks at the blocks of a table, which end at `end` at the latest. With `through`, those behind a
 * gap too.
 */
static struct content look_at_blocks(const struct image *image, const struct table *table,
				     uint64_t end, bool through)
{
	struct walk walk = walk_from(image, table, end);
	struct content content = {.end = walk.at};
	struct block block;
	bool gap = false;
	while (next_block(&walk, &block)) {
		content.ends = !walk.pages && walk.sound;
		gap |= walk.gap;
		if (gap && !through)
			break;
		content.pages += block.pages;
		content.sound = gap ? content.sound : content.pages;
		content.end = block.end;
	}
	content.clean = !gap && !walk.mended;
	return content;
}

/* Adds the pages of blocks, `pages` in all. */
static void add_blocks(struct hiberfil *hiberfil, const struct table *table, uint64_t pages,
		       uint64_t end)
{
	struct walk walk = walk_from(hiberfil->image, table, end);
	struct block block;
	uint64_t page = 0, left = 0; /* of the range */
	uint32_t range = 0;
	while (pages && next_block(&walk, &block)) {
		bool added = hiberfil_add_set(hiberfil, block.from, block.size, block.pages,
					      HIBERFIL_LZ77);
		for (uint32_t index = 0; index < block.pages && pages;) {
			if (!left)
				left = range_of(table, range++, &page);
			uint32_t count = (uint32_t)min_of(min_of(left, pages),
							  (uint64_t)(block.pages - index));
			if (added)
				hiberfil_add_run(hiberfil, page, index, count);
			page += count;
			left -= count;
			pages -= count;
			index += count;
		}
	}
}

/* Is there a table of that form, with blocks behind it? */
static bool is_table(const struct image *image, const struct form *form, uint64_t offset)
{
	struct table table;
	struct block block;
	return read_table(image, form, offset, &table) && has_magic(image, offset + PAGE_SIZE) &&
	       read_block(image, offset + PAGE_SIZE, &block);
}

/*
 * Returns whether a table's link can be followed: it leads on in the file, to a table. A table that
 * is not full has none, unless the next one is just behind its blocks: Windows writes tables in
 * order.
 */
static bool link_leads_on(const struct image *image, const struct table *table)
{
	if (table->next <= table->offset || !is_table(image, table->form, table->next))
		return false;
	if (table->count == ranges_max(table->form))
		return true;
	struct content content = look_at_blocks(image, table, table->next, false);
	return content.pages == table->pages && table->next - content.end < GAP_MAX + PAGE_SIZE;
}

/* Does a block begin between two offsets? */
static bool has_block(const struct image *image, uint64_t from, uint64_t to)
{
	const uint8_t *start = from < to ? image_bytes(image, from, to - from) : NULL;
	return start && memmem(start, (size_t)(to - from), MAGIC, MAGIC_SIZE);
}

/* What could not be read of the tables' pages. */
struct losses {
	uint64_t listed, pages; /* by the tables; that are missing */
	bool cut;		/* whether the file ends before they do */
	uint64_t broken;	/* offset of the first table whose link leads nowhere; 0: none */
};

static void add_table(struct hiberfil *hiberfil, const struct table *table, bool linked,
		      struct losses *losses)
{
	const struct image *image = hiberfil->image;
	const uint64_t end = linked ? table->next : image->size;
	struct content content = look_at_blocks(image, table, end, linked);
	/*
	 * Behind a gap blocks are the table's if all blocks up to the next table, and no old ones
	 * are among them then, have as many pages as there should be.
	 */
	bool all = linked && content.pages == table->pages &&
		   (content.sound == table->pages || !has_block(image, content.end, end));
	uint64_t pages = all ? content.pages : content.sound;
	add_blocks(hiberfil, table, pages, end);
	losses->listed += table->pages;
	losses->pages += table->pages - pages;
	losses->cut |= pages < table->pages && image->size - content.end < BLOCK_HEADER;
}

static void warn(struct image *image, const struct losses *losses)
{
	char missing[IMAGE_SIZE_TEXT], listed[IMAGE_SIZE_TEXT];
	if (losses->pages)
		image_warn(image,
			   losses->cut ? "the file is truncated: %s of the %s that its tables list "
					 "are missing"
				       : "compressed pages are damaged: %s of the %s that the "
					 "tables list can't be told apart",
			   image_size_text(losses->pages * PAGE_SIZE, missing),
			   image_size_text(losses->listed * PAGE_SIZE, listed));
	if (losses->broken)
		image_warn(image,
			   "the table of pages at offset 0x%llx leads to no other, though one "
			   "follows: the pages from there on are missing",
			   (unsigned long long)losses->broken);
}

static void add_tables(struct hiberfil *hiberfil, const struct form *form, uint64_t first)
{
	struct losses losses = {0};
	struct table table;
	uint64_t at = first;
	for (unsigned int i = 0; i < TABLES_MAX && read_table(hiberfil->image, form, at, &table);
	     i++) {
		bool linked = link_leads_on(hiberfil->image, &table);
		add_table(hiberfil, &table, linked, &losses);
		if (!linked && table.next)
			losses.broken = at;
		if (!linked)
			break;
		at = table.next; /* each is further on in the file */
	}
	warn(hiberfil->image, &losses);
}

/* Where the header says that the first table is, in any version. */
static uint64_t header_table(const struct image *image)
{
	static const uint32_t places[] = {0x58, 0x68, 0x50, 0x60, 0x4c};
	for (size_t i = 0; i < array_size(places); i++) {
		const uint8_t *place = image_bytes(image, places[i], 4);
		uint64_t page = place ? le32(place) : 0;
		if (page && has_magic(image, (page + 1) * PAGE_SIZE))
			return page * PAGE_SIZE;
	}
	return 0;
}

/* The offset of the first table, or 0. */
static uint64_t first_table(const struct image *image)
{
	uint64_t offset = header_table(image);
	for (uint64_t page = 1; !offset && page < FIRST_PAGES; page++)
		if (has_magic(image, (page + 1) * PAGE_SIZE))
			offset = page * PAGE_SIZE;
	return offset;
}

bool hiberfil_old_probe(const struct image *image)
{
	return first_table(image);
}

/* How much speaks for a form, where its table and blocks do not agree: they are damaged or cut. */
static uint64_t likeness(const struct image *image, const struct table *table,
			 const struct content *content)
{
	bool link = !table->next ||
		    (table->next > table->offset && is_table(image, table->form, table->next));
	/* Another form sees ranges in no order, or one where there are many. */
	uint64_t in_order = table->count - table->back;
	return in_order << 2 | (uint64_t)link << 1 | content->clean;
}

/* Is it a form of the version that the header's length tells? */
static bool has_length(const struct form *form, uint32_t length)
{
	for (size_t i = 0; i < array_size(form->lengths); i++)
		if (form->lengths[i] == length)
			return length;
	return false;
}

static bool is_length_known(uint32_t length)
{
	for (size_t i = 0; i < array_size(forms); i++)
		if (has_length(&forms[i], length))
			return true;
	return false;
}

/* The form of the first table: the one that lists just the pages that its blocks have. */
static const struct form *find_form(const struct image *image, uint64_t first)
{
	const struct form *best = NULL;
	const uint8_t *header = image_bytes(image, LENGTH_SELF, 4);
	const uint32_t length = header ? le32(header) : 0;
	const bool known = is_length_known(length);
	uint64_t most = 0;
	for (size_t i = 0; i < array_size(forms); i++) {
		struct table table;
		if ((known && !has_length(&forms[i], length)) ||
		    !read_table(image, &forms[i], first, &table))
			continue;
		struct content content = look_at_blocks(image, &table, image->size, false);
		if (content.clean && content.ends && !has_magic(image, content.end))
			return &forms[i];
		if (content.pages == table.pages && !content.ends)
			continue; /* its blocks have more pages than it lists */
		uint64_t like = likeness(image, &table, &content);
		if (like >= most) {
			best = &forms[i];
			most = like;
		}
	}
	return best;
}

/*
 * CR3 and CR4 of the processor's saved state, _KPROCESSOR_STATE, whose page depends on the version:
 * there SpecialRegisters is in front on x64, and behind ContextFrame on x86. They are checked where
 * they are used.
 */
static void read_state(struct image *image, unsigned int pointer_size)
{
	static const unsigned int pages[] = {1, 2, 4};
	const uint64_t cr0_mask = 0x80000001; /* paging, protection */
	const unsigned int cr4_pae = 5;
	for (size_t i = 0; i < array_size(pages); i++) {
		uint64_t at = pages[i] * PAGE_SIZE + (pointer_size == 8 ? 0 : 0x2cc);
		const uint8_t *registers = image_bytes(image, at, 4 * (uint64_t)pointer_size);
		if (!registers)
			continue;
		uint64_t cr0 = le_pointer(registers, pointer_size);
		uint64_t cr3 = le_pointer(registers + 2 * (size_t)pointer_size, pointer_size);
		uint64_t cr4 = le_pointer(registers + 3 * (size_t)pointer_size, pointer_size);
		bool pae = pointer_size == 4 && cr4 >> cr4_pae & 1;
		cr3 &= pae ? ~UINT64_C(0x1f) : ~UINT64_C(0xfff);
		if ((cr0 & cr0_mask) != cr0_mask || cr0 >> 32 || !cr3 || cr3 >= IMAGE_PHYSICAL_END)
			continue;
		image->hints.dtb = cr3;
		image->hints.pae = pae;
		return;
	}
}

/* SystemTime of the header. */
static void read_time(struct image *image, unsigned int pointer_size)
{
	const uint32_t length_xp = 168, place_xp = 0x20;
	const uint8_t *length = image_bytes(image, LENGTH_SELF, 4);
	bool xp = length && le32(length) == length_xp;
	uint32_t place = xp ? place_xp : pointer_size == 8 ? 0x20 : 0x18;
	const uint8_t *time = image_bytes(image, place, 8);
	if (time)
		image_add_taken(image, le64(time));
}

struct error *hiberfil_old_parse(struct hiberfil *hiberfil, const char **name)
{
	struct image *image = hiberfil->image;
	uint64_t first = first_table(image);
	const struct form *form = find_form(image, first);
	if (!form)
		return error_new("'%s' is a Windows hibernation file whose first table of pages is "
				 "damaged",
				 image->path);
	*name = form->name;
	image->hints.machine =
		form->pointer_size == 8 ? IMAGE_FILE_MACHINE_AMD64 : IMAGE_FILE_MACHINE_I386;
	read_state(image, form->pointer_size);
	read_time(image, form->pointer_size);
	image_add_fact(image, IMAGE_FACT_COMPRESSION, "Xpress");
	add_tables(hiberfil, form, first);
	return NULL;
}
