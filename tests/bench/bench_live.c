/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What is taken for an address table in the memory of living processes, and are real ones found
 * there? Copies the memory of processes of Wine, which map real DLLs, and prints each table that no
 * import directory describes. Then it plants known ones: for each module a copy of the table that
 * the loader filled for it, in the middle of a page of private data. Prints precision and recall:
 *
 *	bench_live [-v] PID ...
 *
 * A page counts once, however many processes have it: pages are told apart by what they hold. -v
 * shows the slots of what is taken for a table, and which planted ones were not found as they were.
 * live_wine.py starts processes and runs this on them.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <impscan/address_set.h>
#include <impscan/alloc.h>
#include <impscan/bytes.h>

#include "live.h"

#define SLOT	     8u
#define PLANT_LEAST  5	/* exports; smaller tables are not believed in private memory */
#define PLANT_MARGIN 64 /* bytes of the page's own before a planted table, and behind */
#define SITE_LEAST   64 /* slots that are not zero: a page that holds data */
#define AROUND	     6	/* slots that are shown before and behind a table */

#define PAGE_NEW 2 /* a page whose bytes were not seen before */

struct plant {
	const struct live_piece *of;
	uint64_t start, end;
};

struct run {
	bool verbose;
	struct address_set seen; /* pages, by hash */
	struct live live;
	struct rebuilt rebuilt;
	struct plant *plants;
	size_t plant_count, plant_capacity;
	size_t processes, modules, private_pages, module_pages, private_tables, module_tables;
	size_t planted, small, found, named, right, longer;
};

static uint64_t hash_page(const uint8_t *bytes)
{
	uint64_t hash = 0;
	for (size_t i = 0; i < PAGE_SIZE; i += SLOT) {
		hash = (hash ^ le64(bytes + i)) * UINT64_C(0xff51afd7ed558ccd);
		hash ^= hash >> 32;
	}
	return hash >> 1;
}

static void count_pages(struct run *run)
{
	for (size_t i = 0; i < run->live.count; i++) {
		struct live_piece *piece = &run->live.pieces[i];
		run->modules += piece->module;
		for (uint64_t p = 0; p < (piece->end - piece->start) / PAGE_SIZE; p++) {
			if (!piece->pages[p] ||
			    !address_set_add(&run->seen, hash_page(piece->bytes + p * PAGE_SIZE)))
				continue;
			piece->pages[p] = PAGE_NEW;
			*(piece->module ? &run->module_pages : &run->private_pages) += 1;
		}
	}
}

/* Does the table lie on a page that counts? */
static bool is_new(const struct live_piece *piece, const struct rebuilt_table *table)
{
	for (uint64_t p = (table->start - piece->start) / PAGE_SIZE;
	     p <= (table->end - 1 - piece->start) / PAGE_SIZE; p++)
		if (piece->pages[p] == PAGE_NEW)
			return true;
	return false;
}

/* The slots of a table and those around it, so that a reader can judge what it is. */
static void show_slots(const struct run *run, const struct live_piece *piece,
		       const struct rebuilt_table *table)
{
	uint64_t from = max_of(table->start - AROUND * SLOT, piece->start);
	for (uint64_t a = from; a < min_of(table->end + AROUND * SLOT, piece->end); a += SLOT) {
		size_t available, n;
		const uint8_t *p = live_bytes(piece, a - piece->start, &available);
		uint64_t value = p && available >= SLOT ? le64(p) : 0;
		struct export_candidate names[1];
		const struct export_module *in = export_map_module_at(run->live.map, value);
		n = in ? export_map_find(run->live.map, value, names, 1) : 0;
		printf("  %c %16llx %16llx %s%s%s\n",
		       a >= table->start && a < table->end ? '|' : ' ', (unsigned long long)a,
		       (unsigned long long)value, in ? in->name : "", n ? " " : "",
		       n && names[0].export->name ? names[0].export->name : "");
	}
}

/* Prints the tables from number `t` on that count; returns how many. */
static size_t print_tables(const struct run *run, const struct live_piece *piece, size_t t)
{
	const struct rebuilt *rebuilt = &run->rebuilt;
	size_t count = 0;
	for (; t < rebuilt->table_count; t++) {
		const struct rebuilt_table *table = &rebuilt->tables[t];
		if (table->directory || !is_new(piece, table))
			continue;
		count++;
		printf("%d %s %s 0x%llx+0x%llx: %zu imports:", run->live.pid, run->live.program,
		       piece->module ? piece->name : "private", (unsigned long long)piece->start,
		       (unsigned long long)(table->start - piece->start), table->imports);
		for (size_t i = table->first, shown = 0; i < table->first + table->count; i++) {
			const struct rebuilt_entry *e = &rebuilt->entries[i];
			const char *name = rebuilt_name(rebuilt, e);
			if (e->kind != IMPORT_UNKNOWN && shown++ < 5)
				printf(" %s.%s", rebuilt_dll(rebuilt, e), name ? name : "#");
		}
		printf("\n");
		if (run->verbose)
			show_slots(run, piece, table);
	}
	return count;
}

static void scan_modules(struct run *run)
{
	for (size_t i = 0; i < run->live.count; i++) {
		const struct live_piece *piece = &run->live.pieces[i];
		if (!piece->module)
			continue;
		rebuild(&run->rebuilt, run->live.map, &run->live.memory,
			&(struct rebuild_area){.base = piece->start,
					       .size = piece->end - piece->start,
					       .pe = &piece->pe,
					       .declared = &piece->declared});
		run->module_tables += print_tables(run, piece, 0);
	}
}

static void scan_private(struct run *run, bool print)
{
	rebuilt_clear(&run->rebuilt);
	for (size_t i = 0; i < run->live.count; i++) {
		const struct live_piece *piece = &run->live.pieces[i];
		size_t before = run->rebuilt.table_count;
		if (piece->module)
			continue;
		rebuild_private(&run->rebuilt, run->live.map, &run->live.memory, piece->start,
				piece->end - piece->start);
		if (print)
			run->private_tables += print_tables(run, piece, before);
	}
}

/* Where the module's import `i`, not its first, begins the slots of another DLL: behind a zero. */
static bool parts(const struct live_piece *of, size_t i)
{
	const struct import_entry *e = &of->declared.entries[i];
	return i && e->descriptor != e[-1].descriptor;
}

/* Bytes of the module's table: the loader's slots, and a zero behind each DLL's. */
static uint64_t table_size(const struct live_piece *of)
{
	uint64_t slots = 1;
	for (size_t i = 0; i < of->declared.entry_count; i++)
		slots += 1 + parts(of, i);
	return slots * SLOT;
}

/* What the loader put there; 0: not known. */
static uint64_t slot_value(const struct live_piece *of, size_t i)
{
	size_t available;
	const uint8_t *p = live_bytes(of, of->declared.entries[i].slot, &available);
	return p && available >= SLOT ? le64(p) : 0;
}

/* How many different exports? */
static size_t count_exports(const struct run *run, const struct live_piece *of)
{
	_cleanup_address_set_ struct address_set different = {0};
	for (size_t i = 0; i < of->declared.entry_count; i++)
		if (export_map_hit(run->live.map, slot_value(of, i)))
			address_set_add(&different, slot_value(of, i));
	return address_set_count(&different);
}

/* Writes the module's table into the page at `page` or over its end; false when there's no room. */
static bool plant(struct run *run, const struct live_piece *of, uint64_t page)
{
	struct live_piece *piece = live_at(&run->live, page);
	uint64_t size = table_size(of), room = PAGE_SIZE - 2 * PLANT_MARGIN;
	uint64_t hash = hash_page(piece->bytes + (page - piece->start));
	uint64_t start = page + PLANT_MARGIN;
	start += size < room ? hash % (room - size) / SLOT * SLOT : 0;
	uint64_t end = start + size + PLANT_MARGIN;
	for (uint64_t a = page; a < end; a += PAGE_SIZE)
		if (end > piece->end || !piece->pages[(a - piece->start) / PAGE_SIZE])
			return false;
	uint8_t *to = piece->bytes + (start - piece->start);
	memset(to, 0, size);
	for (size_t i = 0; i < of->declared.entry_count; i++) {
		uint64_t value = htole64(slot_value(of, i));
		to += parts(of, i) ? SLOT : 0;
		memcpy(to, &value, SLOT);
		to += SLOT;
	}
	*array_push(run->plants, run->plant_count, run->plant_capacity) =
		(struct plant){.of = of, .start = start, .end = start + size};
	return true;
}

/* Pages of private data. */
static uint64_t *find_sites(const struct live *live, size_t *count)
{
	uint64_t *sites = NULL;
	size_t capacity = 0;
	*count = 0;
	for (size_t i = 0; i < live->count; i++) {
		const struct live_piece *piece = &live->pieces[i];
		for (uint64_t a = 0; a < piece->end - piece->start; a += PAGE_SIZE) {
			size_t filled = 0;
			if (piece->module || !piece->writable || !piece->pages[a / PAGE_SIZE])
				continue;
			for (size_t k = 0; k < PAGE_SIZE; k += SLOT)
				filled += le64(piece->bytes + a + k) != 0;
			if (filled >= SITE_LEAST)
				*array_push(sites, *count, capacity) = piece->start + a;
		}
	}
	return sites;
}

/* Plants the tables of all modules, evenly over the sites and none over another. */
static void plant_all(struct run *run)
{
	size_t site_count, next = 0;
	_cleanup_free_ uint64_t *sites = find_sites(&run->live, &site_count);
	uint64_t used = 0;
	run->plant_count = 0;
	for (size_t i = 0; i < run->live.count; i++) {
		const struct live_piece *of = &run->live.pieces[i];
		if (!of->module || !of->declared.entry_count)
			continue;
		if (count_exports(run, of) < PLANT_LEAST) {
			run->small++;
			continue;
		}
		next = max_of(next, i * site_count / run->live.count);
		for (bool done = false; !done && next < site_count; next++)
			done = sites[next] >= used && plant(run, of, sites[next]);
		if (run->plant_count)
			used = run->plants[run->plant_count - 1].end;
	}
}

static const struct rebuilt_entry *entry_at(const struct rebuilt *rebuilt, uint64_t slot)
{
	size_t low = 0, high = rebuilt->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (rebuilt->entries[middle].slot < slot)
			low = middle + 1;
		else
			high = middle;
	}
	bool is = low < rebuilt->count && rebuilt->entries[low].slot == slot;
	return is ? &rebuilt->entries[low] : NULL;
}

enum naming {
	NAME_OTHER,
	NAME_ALIAS, /* another name of the same address in the same DLL: no address tells which */
	NAME_SAME,
};

/* An API set's DLL is its host: which set it was no address tells either. */
static enum naming judge_name(const struct run *run, const struct live_piece *of, size_t i,
			      const struct rebuilt_entry *found)
{
	const struct export_map *map = run->live.map;
	const struct import_entry *e = &of->declared.entries[i];
	const char *dll = imports_entry_dll(&of->declared, e);
	const char *name = imports_entry_name(&of->declared, e);
	const char *other = rebuilt_name(&run->rebuilt, found);
	if (found->kind == IMPORT_UNKNOWN ||
	    export_map_dll(map, dll) != export_map_dll(map, rebuilt_dll(&run->rebuilt, found)))
		return NAME_OTHER;
	if (name && other ? !strcmp(name, other) : !name)
		return name || export_map_resolve(map, dll, NULL, e->ordinal) == found->target
			       ? NAME_SAME
			       : NAME_OTHER;
	return export_map_resolve(map, dll, other, found->ordinal) == slot_value(of, i)
		       ? NAME_ALIAS
		       : NAME_OTHER;
}

/* Was it found, in one table? Slots that lead to no export of a module can't be. */
static void check(struct run *run, const struct plant *plant)
{
	const struct live_piece *of = plant->of;
	const struct rebuilt_table *table = NULL;
	uint64_t slot = plant->start;
	size_t exports = 0, names[NAME_SAME + 1] = {0};
	for (size_t i = 0; i < of->declared.entry_count; i++, slot += SLOT) {
		slot += parts(of, i) ? SLOT : 0;
		if (!export_map_hit(run->live.map, slot_value(of, i)))
			continue;
		exports++;
		const struct rebuilt_entry *entry = entry_at(&run->rebuilt, slot);
		if (!entry || (table && table != &run->rebuilt.tables[entry->table]))
			continue;
		table = &run->rebuilt.tables[entry->table];
		names[judge_name(run, of, i, entry)]++;
	}
	run->planted++;
	run->found += table != NULL;
	run->named += names[NAME_ALIAS] + names[NAME_SAME] == exports;
	run->right += names[NAME_SAME] == exports;
	run->longer += table && (table->start < plant->start || table->end > plant->end);
	if (run->verbose && names[NAME_SAME] < exports)
		printf("planted: %d %s, of %s at 0x%llx: %zu slots, %zu right, %zu by another name "
		       "of the same address, %zu wrong\n",
		       run->live.pid, run->live.program, of->name, (unsigned long long)plant->start,
		       exports, names[NAME_SAME], names[NAME_ALIAS], names[NAME_OTHER]);
}

static void scan_process(struct run *run, int pid)
{
	live_open(&run->live, pid);
	run->processes += export_map_count(run->live.map) > 0;
	count_pages(run);
	scan_modules(run);
	scan_private(run, true);
	plant_all(run);
	scan_private(run, false);
	for (size_t i = 0; i < run->plant_count; i++)
		check(run, &run->plants[i]);
	live_close(&run->live);
}

static double percent(size_t part, size_t whole)
{
	return whole ? 100 * (double)part / (double)whole : 100;
}

static void print(const struct run *run)
{
	size_t others = run->private_tables + run->module_tables;
	printf("%zu processes, %zu modules: %zu MB of private and mapped memory and %zu MB of "
	       "modules, no page twice: %zu MB\n",
	       run->processes, run->modules, run->private_pages >> 8, run->module_pages >> 8,
	       (run->private_pages + run->module_pages) >> 8);
	printf("tables that no directory describes: %zu in private memory, %zu in modules\n",
	       run->private_tables, run->module_tables);
	printf("precision: %zu planted among %zu tables: %.2f%%\n", run->found, run->found + others,
	       percent(run->found, run->found + others));
	printf("recall: %zu of %zu planted tables found whole, each slot with a name of its "
	       "address: %.2f%%; with exactly the names of the directory: %.2f%%; found at all: "
	       "%zu; with slots beyond: %zu; %zu too small to be planted\n",
	       run->named, run->planted, percent(run->named, run->planted),
	       percent(run->right, run->planted), run->found, run->longer, run->small);
}

int main(int argc, char **argv)
{
	struct run run = {0};
	run.verbose = argc > 1 && !strcmp(argv[1], "-v");
	int first = 1 + run.verbose;
	if (first >= argc) {
		fprintf(stderr, "usage: bench_live [-v] PID ...\n");
		return 2;
	}
	for (int i = first; i < argc; i++)
		scan_process(&run, atoi(argv[i]));
	print(&run);
	rebuilt_free(&run.rebuilt);
	address_set_free(&run.seen);
	free(run.plants);
	return 0;
}
