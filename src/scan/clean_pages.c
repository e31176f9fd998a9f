/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Clean pages: a hash table of sections, each with one bit a page. Bits are only ever set, by any
 * thread and without a lock.
 */
#include "scan/clean_pages.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>

/* A power of two; some thousand sections are in use on a machine. */
#define BUCKETS 4096

struct clean_section {
	/* Of the view. Two that claim one section but not the same prototype PTEs are two. */
	uint64_t control_area, start, prototypes;
	uint64_t base, size; /* of the image */
	unsigned int pointer_size;
	size_t pages;
	atomic_bool told;	    /* the headers were asked */
	bool alone;		    /* nobody else knows of it */
	struct clean_section *next; /* of the same bucket */
	/* With pointers of 4 bytes, EXPORTERS_MAX bits a page: what it was compared with. */
	_Atomic uint64_t *compared;
	_Atomic uint64_t bits[]; /* bit i % 64 of bits[i / 64]: page i is clean */
};

/* Bytes of all sections that are shared; beyond them each process looks for itself. */
#define MEMORY_MAX ((size_t)32 << 20)

/* Sections of one bucket: addresses that fall into the same one are made up. */
#define BUCKET_MAX 64

/* Bytes of the export tables that are kept for their modules' numbers. */
#define TABLES_MAX ((size_t)32 << 20)

/* A module that exports something. */
struct exporter {
	uint64_t base, size;
	struct export_table *table; /* a reference */
};

struct clean_pages {
	pthread_rwlock_t lock;
	struct exporter exporters[EXPORTERS_MAX];
	size_t exporter_count, table_memory;
	size_t memory;
	struct clean_section *buckets[BUCKETS];
};

struct clean_pages *clean_pages_new(void)
{
	struct clean_pages *clean = alloc_new(struct clean_pages);
	pthread_rwlock_init(&clean->lock, NULL);
	return clean;
}

static void section_free(struct clean_section *section)
{
	free((void *)section->compared);
	free(section);
}

void clean_pages_free(struct clean_pages *clean)
{
	for (size_t i = 0; i < BUCKETS; i++)
		for (struct clean_section *section = clean->buckets[i], *next; section;
		     section = next) {
			next = section->next;
			section_free(section);
		}
	for (size_t i = 0; i < clean->exporter_count; i++)
		export_table_unref(clean->exporters[i].table);
	pthread_rwlock_destroy(&clean->lock);
	free(clean);
}

static void add(struct clean_section *section, size_t page)
{
	atomic_fetch_or_explicit(&section->bits[page / 64], UINT64_C(1) << page % 64,
				 memory_order_relaxed);
}

bool clean_section_told(const struct clean_section *section)
{
	return atomic_load_explicit(&section->told, memory_order_acquire);
}

void clean_section_tell(struct clean_section *section, const struct pe *pe)
{
	uint64_t from = section->base - section->start;
	/* Sections of a linker's don't overlap. */
	size_t most = pe->directory[PE_DIRECTORY_BOUND_IMPORT].rva ? 0 : 2 * section->pages;
	for (size_t i = 0; pe->status == PE_OK && i < pe->section_count && most; i++) {
		const struct pe_section *s = &pe->sections[i];
		if (s->characteristics & IMAGE_SCN_MEM_WRITE &&
		    s->characteristics & IMAGE_SCN_MEM_SHARED)
			continue;
		uint64_t start = from + s->virtual_address;
		uint64_t end = start + max_of(s->virtual_size, s->size_of_raw_data);
		size_t last = (size_t)min_of(end / PAGE_SIZE, (uint64_t)section->pages);
		/* Those that are wholly in it. */
		for (size_t page = (size_t)((start + PAGE_SIZE - 1) / PAGE_SIZE);
		     page < last && most; page++, most--)
			add(section, page);
	}
	/* Only now: who sees it relies on all that was added. */
	atomic_store_explicit(&section->told, true, memory_order_release);
}

/* Adds a section; where there are too many it is the caller's alone. With the lock held. */
static struct clean_section *add_section(struct clean_pages *clean, struct clean_section **bucket,
					 const struct own_pages *own, uint64_t base, uint64_t size,
					 unsigned int pointer_size)
{
	size_t words = own->count / 64 + 1, others = 0;
	size_t compared = pointer_size == 4 ? own->count * (EXPORTERS_MAX / 64) : 0;
	size_t memory = sizeof(struct clean_section) + words * sizeof(uint64_t);
	for (const struct clean_section *other = *bucket; other; other = other->next)
		others++;
	struct clean_section *section = alloc_zero(memory, 1);
	memory += compared * sizeof(uint64_t);
	section->alone = memory > MEMORY_MAX - clean->memory || others >= BUCKET_MAX;
	if (compared && !section->alone)
		section->compared = alloc_zero(compared, sizeof(uint64_t));
	section->control_area = own->vad->control_area;
	section->start = own->vad->start;
	section->prototypes = own->vad->first_prototype_pte;
	section->base = base;
	section->size = size;
	section->pointer_size = pointer_size;
	section->pages = own->count;
	if (section->alone)
		return section;
	clean->memory += memory;
	section->next = *bucket;
	*bucket = section;
	return section;
}

/* With the lock held. */
static struct clean_section *find(struct clean_section *const *bucket, const struct own_pages *own,
				  uint64_t base, uint64_t size, unsigned int pointer_size)
{
	struct clean_section *section = *bucket;
	while (section && (section->control_area != own->vad->control_area ||
			   section->prototypes != own->vad->first_prototype_pte ||
			   section->start != own->vad->start || section->base != base ||
			   section->size != size || section->pages != own->count ||
			   section->pointer_size != pointer_size))
		section = section->next;
	return section;
}

struct clean_section *clean_pages_of(struct clean_pages *clean, const struct own_pages *own,
				     uint64_t base, uint64_t size, unsigned int pointer_size)
{
	uint64_t control_area = own->vad->control_area, start = own->vad->start;
	uint64_t hash = (control_area ^ start >> 12) * UINT64_C(0x9e3779b97f4a7c15);
	struct clean_section **bucket = &clean->buckets[(hash >> 32) & (BUCKETS - 1)];
	pthread_rwlock_rdlock(&clean->lock);
	struct clean_section *section = find(bucket, own, base, size, pointer_size);
	pthread_rwlock_unlock(&clean->lock);
	if (!section) {
		pthread_rwlock_wrlock(&clean->lock);
		section = find(bucket, own, base, size, pointer_size);
		if (!section)
			section = add_section(clean, bucket, own, base, size, pointer_size);
		pthread_rwlock_unlock(&clean->lock);
	}
	return section;
}

void clean_section_release(struct clean_section *section)
{
	if (section && section->alone)
		section_free(section);
}

size_t clean_section_next(const struct clean_section *section, const struct own_pages *own,
			  size_t from, size_t end)
{
	for (size_t word = from / 64; word * 64 < end; word++) {
		uint64_t bits = own->bits[word] |
				~atomic_load_explicit(&section->bits[word], memory_order_relaxed);
		if (word == from / 64)
			bits &= UINT64_MAX << from % 64;
		if (bits)
			return min_of(word * 64 + (size_t)__builtin_ctzll(bits), end);
	}
	return end;
}

void clean_section_add(struct clean_section *section, const struct own_pages *own, size_t page)
{
	if (!own_pages_has(own, page))
		add(section, page);
}

/* Finds the number of a module, with the lock held. EXPORTERS_MAX: it has none. */
static size_t find_exporter(const struct clean_pages *clean, uint64_t base, uint64_t size,
			    const struct export_table *table)
{
	for (size_t i = 0; i < clean->exporter_count; i++)
		if (clean->exporters[i].base == base && clean->exporters[i].size == size &&
		    clean->exporters[i].table == table)
			return i;
	return EXPORTERS_MAX;
}

bool exporters_add(struct exporters *exporters, struct clean_pages *clean, uint64_t base,
		   uint64_t size, struct export_table *table)
{
	pthread_rwlock_rdlock(&clean->lock);
	size_t number = find_exporter(clean, base, size, table);
	pthread_rwlock_unlock(&clean->lock);
	if (number == EXPORTERS_MAX) {
		size_t memory = export_table_memory(table);
		pthread_rwlock_wrlock(&clean->lock);
		number = find_exporter(clean, base, size, table);
		if (number == EXPORTERS_MAX && clean->exporter_count < EXPORTERS_MAX &&
		    memory <= TABLES_MAX - clean->table_memory) {
			number = clean->exporter_count++;
			clean->table_memory += memory;
			clean->exporters[number] =
				(struct exporter){base, size, export_table_ref(table)};
		}
		pthread_rwlock_unlock(&clean->lock);
	}
	if (number == EXPORTERS_MAX)
		return false;
	exporters->bits[number / 64] |= UINT64_C(1) << number % 64;
	return true;
}

static bool is_compared(const struct clean_section *section, size_t page,
			const struct exporters *exporters)
{
	const _Atomic uint64_t *compared = section->compared + page * (EXPORTERS_MAX / 64);
	uint64_t missing = 0;
	for (size_t i = 0; i < EXPORTERS_MAX / 64; i++)
		missing |= exporters->bits[i] &
			   ~atomic_load_explicit(&compared[i], memory_order_relaxed);
	return !missing;
}

size_t clean_section_uncompared(const struct clean_section *section, const struct own_pages *own,
				size_t from, size_t end, const struct exporters *exporters)
{
	if (!section->compared)
		return from;
	while (from < end && !own_pages_has(own, from) && is_compared(section, from, exporters))
		from++;
	return from;
}

void clean_section_compared(struct clean_section *section, const struct own_pages *own, size_t page,
			    const struct exporters *exporters)
{
	if (!section->compared || own_pages_has(own, page))
		return;
	_Atomic uint64_t *compared = section->compared + page * (EXPORTERS_MAX / 64);
	for (size_t i = 0; i < EXPORTERS_MAX / 64; i++)
		if (exporters->bits[i])
			atomic_fetch_or_explicit(&compared[i], exporters->bits[i],
						 memory_order_relaxed);
}
