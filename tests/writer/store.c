/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Writes compressed stores; see store.h. The structures are those of FireEye's "Finding Evil in
 * Windows 10 Compressed Memory" and of MemProcFS, by whose rules they are found again:
 *
 *	key		page file << 28 | offset (the offset alone from 26100 on)
 *	KeyToStoreTree	key -> number of the store, of 32 x 32
 *	PagesTree	key -> number of the record: (chunk + 1) << BitValue | place in the chunk;
 *			array n of ChunkPtrArray holds the 2^n chunks from chunk 2^n - 1 on
 *	record		region << RegionIndexMask | place in it / 16, bytes, number of the next
 */
#include <writer/store.h>

#include <lz4.h>
#include <stdio.h>

#include <writer/xpress.h>

enum {
	PAGE_BYTES = 4096,
	RECORD_BYTES = 16,
	CHUNK_HEADER = 0x20,
	RECORD_BITS = 7, /* records of a chunk: 128 */
	REGION_BYTES = 0x20000,
	REGION_BITS = 13, /* of the place in a region, in units of 16 bytes */
	CHUNK_ARRAYS = 32,
	METADATA_EACH = 32,
	STORES_LIMIT = 8,
	FACTS_LIMIT = 256,
};

struct fact {
	char *type, *member;
	uint32_t offset;
	unsigned int bits;
};

struct item {
	uint32_t key;
	uint32_t value;
};

struct page {
	uint32_t key;
	uint32_t record_key;
	struct store_placed placed;
};

struct one_store {
	uint64_t address;
	unsigned int number; /* of 1024 */
	uint32_t records;
	uint32_t region_count;
	uint32_t region_used; /* bytes of the last one */
};

struct store_writer {
	struct store_options options;
	struct util_random random;
	struct fact facts[FACTS_LIMIT];
	size_t fact_count;
	unsigned int pointer;
	struct one_store stores[STORES_LIMIT];
	struct page *pages;
	size_t page_count, page_capacity;
	uint64_t next_region;
	uint64_t *regions[STORES_LIMIT]; /* their addresses */
	size_t region_capacity[STORES_LIMIT];
	uint8_t *manager;
	size_t manager_size;
	uint64_t manager_at;
};

static void read_facts(struct store_writer *writer)
{
	size_t size;
	uint8_t *data = util_read_file(writer->options.facts, &size);
	char *text = util_alloc(size + 1, 1);
	memcpy(text, data, size);
	free(data);
	char *rest = text;
	for (char *line; (line = strsep(&rest, "\n"));) {
		char *column[9] = {0};
		for (size_t i = 0; i < 9; i++)
			column[i] = strsep(&line, "\t");
		if (!column[8] || strcmp(column[2], writer->options.arch) ||
		    strtoul(column[0], NULL, 10) > writer->options.build ||
		    strtoul(column[1], NULL, 10) < writer->options.build)
			continue;
		if (writer->fact_count == FACTS_LIMIT)
			util_die("%s: too many rows", writer->options.facts);
		writer->facts[writer->fact_count++] = (struct fact){
			.type = util_strdup(column[4]),
			.member = util_strdup(column[5]),
			.offset = (uint32_t)strtoul(column[6], NULL, 0),
			.bits = (unsigned int)strtoul(column[8], NULL, 10),
		};
	}
	free(text);
}

static const struct fact *find_fact(const struct store_writer *writer, const char *type,
				    const char *member)
{
	for (size_t i = 0; i < writer->fact_count; i++)
		if (!strcmp(writer->facts[i].type, type) &&
		    !strcmp(writer->facts[i].member, member))
			return &writer->facts[i];
	return NULL;
}

uint32_t store_writer_offset(const struct store_writer *writer, const char *type,
			     const char *member)
{
	const struct fact *fact = find_fact(writer, type, member);
	if (!fact)
		util_die("no %s.%s in build %u", type, member, writer->options.build);
	return fact->offset;
}

#define at(type, member) store_writer_offset(writer, type, member)

bool store_writer_knows(const char *facts, uint32_t build, const char *arch)
{
	struct store_writer *writer = util_alloc(1, sizeof(*writer));
	writer->options = (struct store_options){.facts = facts, .build = build, .arch = arch};
	read_facts(writer);
	bool known = writer->fact_count;
	store_writer_free(writer);
	return known;
}

struct store_writer *store_writer_new(const struct store_options *options)
{
	struct store_writer *writer = util_alloc(1, sizeof(*writer));
	writer->options = *options;
	writer->random.state = options->seed;
	writer->pointer = strcmp(options->arch, "x64") ? 4 : 8;
	writer->next_region = options->region_base;
	if (!options->stores || options->stores > STORES_LIMIT || options->node_limit < 2)
		util_die("a store needs 1 to %d stores, and nodes of 2 entries", STORES_LIMIT);
	read_facts(writer);
	if (!writer->fact_count)
		util_die("%s: no store of build %u, %s", options->facts, options->build,
			 options->arch);
	for (unsigned int i = 0; i < options->stores; i++) {
		/* spread over the arrays: 0, 35, 70 ... */
		writer->stores[i].number = i * 35;
		writer->stores[i].address =
			options->memory.kernel_new(options->memory.context, 2 * PAGE_BYTES);
	}
	return writer;
}

void store_writer_free(struct store_writer *writer)
{
	for (size_t i = 0; i < writer->fact_count; i++) {
		free(writer->facts[i].type);
		free(writer->facts[i].member);
	}
	for (size_t i = 0; i < STORES_LIMIT; i++)
		free(writer->regions[i]);
	free(writer->pages);
	free(writer->manager);
	free(writer);
}

static void put(struct store_writer *writer, uint64_t va, uint64_t value, unsigned int size)
{
	uint8_t bytes[8];
	util_put(bytes, value, size);
	writer->options.memory.kernel_write(writer->options.memory.context, va, bytes, size);
}

static uint64_t new_kernel(struct store_writer *writer, uint64_t size)
{
	return writer->options.memory.kernel_new(writer->options.memory.context, size);
}

static bool is_lz4(const struct store_writer *writer)
{
	return !find_fact(writer, "ST_DATA_MGR", "CompressionAlgorithm");
}

/* As the store keeps a page: nothing of zeros, raw where nothing is won. */
static uint32_t compress(const struct store_writer *writer, const uint8_t *page, uint8_t *out)
{
	static const uint8_t zeros[PAGE_BYTES];
	size_t size;
	if (!memcmp(page, zeros, PAGE_BYTES))
		return 0;
	if (is_lz4(writer))
		size = (size_t)LZ4_compress_default((const char *)page, (char *)out, PAGE_BYTES,
						    PAGE_BYTES - 1);
	else
		size = xpress_compress(page, PAGE_BYTES, out, PAGE_BYTES - 1);
	if (size)
		return (uint32_t)size;
	memcpy(out, page, PAGE_BYTES);
	return PAGE_BYTES;
}

/* Room for `size` bytes in a store's regions: the key of a record that points there. */
static uint32_t place(struct store_writer *writer, unsigned int n, uint32_t size, uint64_t *va)
{
	struct one_store *store = &writer->stores[n];
	uint32_t need = (uint32_t)util_round_up(size ? size : 1, 16);
	if (!store->region_count || store->region_used + need > REGION_BYTES) {
		uint64_t *region = util_grow(writer->regions[n], store->region_count,
					     &writer->region_capacity[n], sizeof(*region));
		writer->regions[n] = region;
		region[store->region_count++] = writer->next_region;
		writer->options.memory.owner_map(writer->options.memory.context,
						 writer->next_region, REGION_BYTES);
		/* not neighbours */
		writer->next_region += REGION_BYTES + 0x10000;
		store->region_used = 0;
	}
	uint32_t region = store->region_count - 1;
	*va = writer->regions[n][region] + store->region_used;
	uint32_t key = region << REGION_BITS | store->region_used / 16;
	store->region_used += need;
	return key;
}

size_t store_writer_add(struct store_writer *writer, unsigned int page_file, uint64_t offset,
			const uint8_t *page)
{
	uint8_t data[PAGE_BYTES];
	struct page *new = util_push(writer->pages, writer->page_count, writer->page_capacity);
	unsigned int n = (unsigned int)util_random_below(&writer->random, writer->options.stores);
	new->key = (uint32_t)offset;
	if (find_fact(writer, "SM_PAGE_KEY", "PageFileNumber"))
		new->key |= page_file << find_fact(writer, "SM_PAGE_KEY", "PageFileOffset")->bits;
	new->placed.store = n;
	new->placed.size = compress(writer, page, data);
	new->record_key = place(writer, n, new->placed.size, &new->placed.data);
	writer->options.memory.owner_write(writer->options.memory.context, new->placed.data, data,
					   new->placed.size);
	return writer->page_count - 1;
}

static int by_key(const void *a, const void *b)
{
	uint32_t x = ((const struct item *)a)->key, y = ((const struct item *)b)->key;
	return x < y ? -1 : x > y;
}

struct tree_node {
	uint32_t first_key;
	uint64_t address;
};

/* One level: nodes of up to node_limit entries. `children` NULL: leaves, with the items. */
static size_t write_level(struct store_writer *writer, const struct item *items,
			  const struct tree_node *children, size_t count, unsigned int level,
			  struct tree_node *nodes)
{
	/* An inner node has one child more than entries: the left one. */
	size_t each = writer->options.node_limit + (children ? 1 : 0);
	const char *type = children ? "B_TREE_NODE" : "B_TREE_LEAF_NODE";
	uint32_t size = at(type, "size"), key = at(type, "Key");
	size_t made = 0;
	for (size_t i = 0; i < count; made++) {
		size_t part = count - i < each ? count - i : each;
		/* no inner node without an entry */
		if (children && count - i - part == 1)
			part--;
		uint64_t node = new_kernel(writer, PAGE_BYTES);
		nodes[made].address = node;
		nodes[made].first_key = children ? children[i].first_key : items[i].key;
		put(writer, node + at("B_TREE", "Elements"), part - (children ? 1 : 0), 2);
		put(writer, node + at("B_TREE", "Elements") + 2, level, 1);
		put(writer, node + at("B_TREE", "Leaf"), !children, 1);
		size_t k = 0;
		if (children) {
			put(writer, node + at("B_TREE", "LeftChild"), children[i].address,
			    writer->pointer);
			k = 1;
		}
		for (uint64_t to = node + at("B_TREE", "Nodes"); k < part; k++, to += size) {
			put(writer, to + key,
			    children ? children[i + k].first_key : items[i + k].key, 4);
			if (children)
				put(writer, to + at(type, "Child"), children[i + k].address,
				    writer->pointer);
			else
				put(writer, to + at(type, "Value"), items[i + k].value, 4);
		}
		i += part;
	}
	return made;
}

/* Writes a tree; the address of its root. */
static uint64_t write_tree(struct store_writer *writer, struct item *items, size_t count)
{
	qsort(items, count, sizeof(*items), by_key);
	struct tree_node *nodes = util_alloc(count + 1, sizeof(*nodes));
	struct tree_node *above = util_alloc(count + 1, sizeof(*above));
	size_t n = count ? write_level(writer, items, NULL, count, 0, nodes) : 1;
	if (!count)
		nodes[0].address = new_kernel(writer, PAGE_BYTES);
	for (unsigned int level = 1; n > 1; level++) {
		n = write_level(writer, NULL, nodes, n, level, above);
		struct tree_node *swap = nodes;
		nodes = above;
		above = swap;
	}
	uint64_t root = nodes[0].address;
	free(nodes);
	free(above);
	return root;
}

/* The number of a record: 1-based chunk above, place in the chunk below. */
static uint32_t record_number(uint32_t i)
{
	return ((i >> RECORD_BITS) + 1) << RECORD_BITS | (i & ((1u << RECORD_BITS) - 1));
}

struct chunks {
	uint64_t arrays[CHUNK_ARRAYS];
	uint64_t *chunks; /* by number */
	uint32_t count;
};

static struct chunks write_chunks(struct store_writer *writer, uint32_t records)
{
	struct chunks chunks = {.count = (records >> RECORD_BITS) + 1};
	chunks.chunks = util_alloc(chunks.count, sizeof(*chunks.chunks));
	uint32_t element = at("SMHP_CHUNK", "size");
	for (unsigned int n = 0; (1u << n) - 1 < chunks.count; n++) {
		chunks.arrays[n] = new_kernel(writer, (uint64_t)element << n);
		for (uint32_t i = 0; i < 1u << n && (1u << n) - 1 + i < chunks.count; i++) {
			uint64_t chunk =
				new_kernel(writer, CHUNK_HEADER + (RECORD_BYTES << RECORD_BITS));
			put(writer, chunks.arrays[n] + (uint64_t)i * element, chunk,
			    writer->pointer);
			chunks.chunks[(1u << n) - 1 + i] = chunk;
		}
	}
	return chunks;
}

static uint64_t record_address(const struct chunks *chunks, uint32_t i)
{
	return chunks->chunks[i >> RECORD_BITS] + CHUNK_HEADER +
	       (uint64_t)(i & ((1u << RECORD_BITS) - 1)) * RECORD_BYTES;
}

static void write_store(struct store_writer *writer, unsigned int n)
{
	struct one_store *store = &writer->stores[n];
	uint64_t data = store->address + at("SMKM_STORE", "StStore") + at("ST_STORE", "StDataMgr");
	struct item *items = util_alloc(writer->page_count + 1, sizeof(*items));
	size_t count = 0;
	/* Each page may need a second record. */
	struct chunks chunks = write_chunks(writer, (uint32_t)writer->page_count * 2);
	for (size_t i = 0; i < writer->page_count; i++) {
		struct page *page = &writer->pages[i];
		if (page->placed.store != n)
			continue;
		uint32_t first = store->records++;
		items[count++] = (struct item){page->key, record_number(first)};
		uint64_t record = record_address(&chunks, first);
		if (writer->options.detours && i % writer->options.detours == 0) {
			uint32_t second = store->records++;
			put(writer, record + at("ST_PAGE_RECORD", "Key"), UINT32_MAX, 4);
			put(writer, record + at("ST_PAGE_RECORD", "NextKey"), record_number(second),
			    4);
			record = record_address(&chunks, second);
		}
		put(writer, record + at("ST_PAGE_RECORD", "Key"), page->record_key, 4);
		put(writer, record + at("ST_PAGE_RECORD", "CompressedSize"), page->placed.size, 2);
		page->placed.record = record;
		page->placed.smkm_store = store->address;
	}
	put(writer, data + at("ST_DATA_MGR", "PagesTree"), write_tree(writer, items, count),
	    writer->pointer);
	free(items);

	uint64_t metadata = data + at("ST_DATA_MGR", "ChunkMetaData");
	for (unsigned int i = 0; i < CHUNK_ARRAYS; i++)
		put(writer,
		    metadata + at("SMHP_CHUNK_METADATA", "ChunkPtrArray") + i * writer->pointer,
		    chunks.arrays[i], writer->pointer);
	free(chunks.chunks);
	put(writer, metadata + at("SMHP_CHUNK_METADATA", "BitValue"), RECORD_BITS, 4);
	put(writer, metadata + at("SMHP_CHUNK_METADATA", "PageRecordsPerChunkMask"),
	    (1u << RECORD_BITS) - 1, 4);
	put(writer, metadata + at("SMHP_CHUNK_METADATA", "PageRecordSize"), RECORD_BYTES, 4);
	put(writer, metadata + at("SMHP_CHUNK_METADATA", "ChunkPageHeaderSize"), CHUNK_HEADER, 4);

	uint64_t regions =
		new_kernel(writer, (uint64_t)(store->region_count + 1) * writer->pointer);
	for (uint32_t i = 0; i < store->region_count; i++)
		put(writer, regions + (uint64_t)i * writer->pointer, writer->regions[n][i],
		    writer->pointer);
	put(writer, data + at("ST_DATA_MGR", "SmkmStore"), store->address, writer->pointer);
	put(writer, data + at("ST_DATA_MGR", "RegionSizeMask"), (1u << REGION_BITS) - 1, 4);
	put(writer, data + at("ST_DATA_MGR", "RegionIndexMask"), REGION_BITS, 4);
	if (!is_lz4(writer))
		put(writer, data + at("ST_DATA_MGR", "CompressionAlgorithm"), 3, 2);
	put(writer, store->address + at("SMKM_STORE", "CompressedRegionPtrArray"), regions,
	    writer->pointer);
	put(writer, store->address + at("SMKM_STORE", "OwnerProcess"), writer->options.owner,
	    writer->pointer);
}

uint64_t store_writer_finish(struct store_writer *writer)
{
	uint32_t smkm = at("SMKM_STORE_MGR", "Smkm");
	uint32_t tree = at("SMKM_STORE_MGR", "KeyToStoreTree");
	writer->manager_size = smkm + CHUNK_ARRAYS * writer->pointer;
	if (writer->manager_size < tree + writer->pointer)
		writer->manager_size = tree + writer->pointer;
	writer->manager = util_alloc(writer->manager_size, 1);
	struct item *items = util_alloc(writer->page_count + 1, sizeof(*items));
	for (size_t i = 0; i < writer->page_count; i++)
		items[i] = (struct item){writer->pages[i].key,
					 writer->stores[writer->pages[i].placed.store].number};
	util_put(writer->manager + tree, write_tree(writer, items, writer->page_count),
		 writer->pointer);
	free(items);
	for (unsigned int n = 0; n < writer->options.stores; n++) {
		uint32_t size = at("SMKM_STORE_METADATA", "size");
		uint32_t slot = smkm + writer->stores[n].number / METADATA_EACH * writer->pointer;
		uint64_t array = util_get(writer->manager + slot, writer->pointer);
		if (!array) {
			array = new_kernel(writer, (uint64_t)METADATA_EACH * size);
			util_put(writer->manager + slot, array, writer->pointer);
		}
		put(writer,
		    array + writer->stores[n].number % METADATA_EACH * (uint64_t)size +
			    at("SMKM_STORE_METADATA", "SmkmStore"),
		    writer->stores[n].address, writer->pointer);
		write_store(writer, n);
	}
	if (find_fact(writer, "SMKM_STORE_MGR", "SmGlobalsLink")) {
		writer->manager_at = new_kernel(writer, writer->manager_size);
		writer->options.memory.kernel_write(writer->options.memory.context,
						    writer->manager_at, writer->manager,
						    writer->manager_size);
	}
	return writer->manager_at;
}

const uint8_t *store_writer_globals(const struct store_writer *writer, size_t *size, uint64_t *link)
{
	const struct fact *fact = find_fact(writer, "SMKM_STORE_MGR", "SmGlobalsLink");
	if (fact) {
		*link = writer->manager_at + fact->offset;
		return NULL;
	}
	*size = writer->manager_size;
	return writer->manager;
}

struct store_placed store_writer_placed(const struct store_writer *writer, size_t number)
{
	return writer->pages[number].placed;
}
