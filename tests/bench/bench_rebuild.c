/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How well are import lists rebuilt? Loads every PE of a folder (libwine's DLLs) with a loader of
 * its own, each in a process of the DLLs it needs, erases names and descriptors, rebuilds, and
 * compares with the file's own hashes:
 *
 *	bench_rebuild [-h] [-k] [-v] FOLDER
 *
 * -h wipes the headers too, -k hooks one slot in twenty by a jump in private memory, -v names each
 * module that is not equal. A file whose address tables have another order than its directory is
 * counted apart. Fails when fewer than 90% of the lists equal the file's impfuzzy, 85% its imphash,
 * or 97% score 90 or more.
 */
#include <dirent.h>
#include <fuzzy.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <impscan/alloc.h>
#include <impscan/hash.h>
#include <impscan/imports.h>
#include <impscan/rebuild.h>

#include <writer/loader.h>

#define STUBS	   UINT64_C(0x20000000)
#define STUBS_SIZE 0x10000u
#define STUB_SIZE  16

struct world {
	struct loader loader;
	uint8_t stubs[STUBS_SIZE]; /* where hooked slots lead to */
};

struct options {
	bool header, hook, verbose;
};

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static const uint8_t *memory_at(const struct rebuild_memory *memory, uint64_t address,
				size_t *available)
{
	struct world *world = memory->context;
	if (address - STUBS < STUBS_SIZE) {
		*available = (size_t)(STUBS + STUBS_SIZE - address);
		return world->stubs + (address - STUBS);
	}
	struct loader_module *m = loader_at(&world->loader, address);
	if (!m)
		return NULL;
	*available = (size_t)(m->base + m->size - address);
	return m->bytes + (address - m->base);
}

static void load_folder(struct world *world, const char *folder)
{
	struct dirent **names;
	int n = scandir(folder, &names, NULL, alphasort);
	for (int i = 0; i < n; i++) {
		_cleanup_free_ char *path = alloc_printf("%s/%s", folder, names[i]->d_name);
		struct pe_file file;
		_cleanup_error_ struct error *error = pe_file_open(&file, path);
		if (!error) {
			loader_add(&world->loader, names[i]->d_name, file.data, file.size);
			pe_file_close(&file);
		}
		free(names[i]);
	}
	if (n >= 0)
		free(names);
}

static struct export_map *make_map(struct world *world)
{
	struct export_map *map = export_map_new(8, NULL);
	for (size_t i = 0; i < world->loader.count; i++) {
		struct loader_module *m = &world->loader.modules[i];
		if (!m->wanted)
			continue;
		const uint8_t *bytes = m->original;
		struct pe_reader reader = pe_reader_bytes(bytes, m->size, PE_LAYOUT_MEMORY);
		_cleanup_pe_ struct pe pe;
		pe_open(&pe, &reader);
		_cleanup_export_table_ struct export_table *table = export_table_read(&pe);
		export_map_add(map, m->base, m->size, m->name, table);
	}
	export_map_finish(map);
	return map;
}

struct order {
	uint32_t last;
	bool differs;
};

static void see_order(void *context, struct loader_module *m, const char *dll, const char *name,
		      uint32_t ordinal, uint32_t slot)
{
	(void)m, (void)dll, (void)name, (void)ordinal;
	struct order *order = context;
	order->differs |= slot < order->last;
	order->last = slot;
}

struct tally {
	size_t modules, other_order, none, imphash, impfuzzy, good, any_list;
	size_t scores[11];
	double names_time, rebuild_time, map_time, intact_time;
	size_t intact_differs;
};

static int best_score(const struct rebuilt *rebuilt, const char *impfuzzy)
{
	int best = 0;
	for (size_t i = 0; i < rebuilt->list_count; i++) {
		struct hashes hashes;
		hash_imports(&hashes, &rebuilt->lists[i].string, &rebuilt->lists[i].string);
		int score = fuzzy_compare(hashes.impfuzzy, impfuzzy);
		best = score > best ? score : best;
	}
	return best;
}

static void compare(struct tally *tally, const struct rebuilt *rebuilt, const struct imports *truth,
		    const char *name, bool verbose)
{
	struct hashes expected, got = {0};
	hash_imports(&expected, &truth->string, &truth->string);
	if (rebuilt->list_count)
		hash_imports(&got, &rebuilt->lists[0].string, &rebuilt->lists[0].string);
	int score = rebuilt->list_count ? fuzzy_compare(got.impfuzzy, expected.impfuzzy) : 0;
	bool same = !strcmp(got.impfuzzy, expected.impfuzzy);
	score = same ? 100 : score;
	tally->modules++;
	tally->none += !rebuilt->list_count;
	tally->imphash += !strcmp(got.imphash, expected.imphash);
	tally->impfuzzy += same;
	tally->good += score >= 90;
	tally->any_list += best_score(rebuilt, expected.impfuzzy) >= 90;
	tally->scores[(score < 0 ? 0 : score) / 10]++;
	if (same || !verbose)
		return;
	printf("%s: score %d, %zu of %zu imports, %zu lists, %zu tables\n", name, score,
	       rebuilt->list_count ? rebuilt->lists[0].count : 0, truth->count, rebuilt->list_count,
	       rebuilt->table_count);
	printf("  file    %s\n  rebuilt %s\n", text_string(&truth->string),
	       rebuilt->list_count ? text_string(&rebuilt->lists[0].string) : "");
}

/* Hooks every 20th slot: "mov rax, target; jmp rax". */
static void hook(struct world *world, struct loader_module *m, const struct imports *truth)
{
	size_t stub = 0;
	for (size_t i = 10; i < truth->entry_count; i += 20) {
		uint8_t *slot = m->bytes + truth->entries[i].slot;
		uint8_t *code = world->stubs + stub;
		uint64_t to = STUBS + stub;
		if (stub + STUB_SIZE > STUBS_SIZE)
			break;
		memcpy(code, "\x48\xb8", 2);
		memcpy(code + 2, slot, 8);
		memcpy(code + 10, "\xff\xe0", 2);
		memcpy(slot, &to, 8);
		stub += STUB_SIZE;
	}
}

static void try_module(struct world *world, struct loader_module *m, const struct options *options,
		       struct tally *tally)
{
	bool verbose = options->verbose;
	struct pe_reader file = pe_reader_bytes(m->original, m->size, PE_LAYOUT_MEMORY);
	_cleanup_pe_ struct pe whole;
	_cleanup_imports_ struct imports truth = {.keep_entries = true};
	if (pe_open(&whole, &file) != PE_OK)
		return;
	imports_declared(&truth, &whole);
	if (truth.status != IMPORTS_OK)
		return;
	struct order order = {0};
	loader_imports(m, see_order, &order);
	loader_closure(&world->loader, m);
	double start = now();
	_cleanup_export_map_ struct export_map *map = make_map(world);
	tally->map_time += now() - start;
	struct rebuild_memory memory = {.at = memory_at, .context = world};
	_cleanup_rebuilt_ struct rebuilt rebuilt = {0};

	/* untouched: what a scan does for every module */
	struct pe_reader reader = pe_reader_bytes(m->bytes, m->size, PE_LAYOUT_MEMORY);
	_cleanup_imports_ struct imports declared = {.keep_entries = true};
	start = now();
	_cleanup_pe_ struct pe intact;
	pe_open(&intact, &reader);
	imports_declared(&declared, &intact);
	double middle = now();
	rebuild(&rebuilt, map, &memory,
		&(struct rebuild_area){m->base, m->size, &intact, &declared, NULL, false, false});
	tally->names_time += middle - start;
	tally->intact_time += now() - middle;
	tally->intact_differs += rebuilt.differs;
	if (rebuilt.differs && verbose)
		printf("%s: intact, but rebuilt differs: %s\n", m->name,
		       text_string(&rebuilt.lists[0].string));

	if (options->hook)
		hook(world, m, &truth);
	loader_erase(m, options->header);
	_cleanup_pe_ struct pe pe;
	pe_open(&pe, &reader);
	imports_declared(&declared, &pe);
	start = now();
	rebuild(&rebuilt, map, &memory,
		&(struct rebuild_area){m->base, m->size, &pe, &declared, NULL, false, false});
	tally->rebuild_time += now() - start;
	if (order.differs)
		tally->other_order++;
	else
		compare(tally, &rebuilt, &truth, m->name, verbose);
	loader_restore(m);
	for (size_t i = 10; options->hook && i < truth.entry_count; i += 20) {
		uint8_t *slot = m->bytes + truth.entries[i].slot;
		uint64_t stub;
		memcpy(&stub, slot, 8);
		if (stub - STUBS < STUBS_SIZE)
			memcpy(slot, world->stubs + (stub - STUBS) + 2, 8);
	}
}

static void print(const struct tally *t)
{
	double n = t->modules ? (double)t->modules : 1;
	printf("%zu modules with imports (and %zu whose tables have another order)\n", t->modules,
	       t->other_order);
	printf("impfuzzy equal %zu (%.1f%%), score >= 90 %zu (%.1f%%), imphash equal %zu (%.1f%%), "
	       "no list %zu\n",
	       t->impfuzzy, 100 * (double)t->impfuzzy / n, t->good, 100 * (double)t->good / n,
	       t->imphash, 100 * (double)t->imphash / n, t->none);
	printf("any list scores >= 90: %zu (%.1f%%); intact modules whose list differs: %zu\n",
	       t->any_list, 100 * (double)t->any_list / n, t->intact_differs);
	printf("scores 0-9 .. 90-99, 100:");
	for (size_t i = 0; i < 11; i++)
		printf(" %zu", t->scores[i]);
	printf("\na module: names %.0f us, rebuilding intact %.0f us, erased %.0f us, map %.0f "
	       "us\n",
	       t->names_time / n * 1e6, t->intact_time / n * 1e6, t->rebuild_time / n * 1e6,
	       t->map_time / n * 1e6);
}

static bool good_enough(const struct tally *t)
{
	return t->modules && t->impfuzzy * 100 >= t->modules * 90 &&
	       t->imphash * 100 >= t->modules * 85 && t->good * 100 >= t->modules * 97;
}

int main(int argc, char **argv)
{
	struct options options = {0};
	bool usage = false;
	for (int option; (option = getopt(argc, argv, "hkv")) != -1;) {
		options.header |= option == 'h';
		options.hook |= option == 'k';
		options.verbose |= option == 'v';
		usage |= option == '?';
	}
	if (usage || optind + 1 != argc) {
		fprintf(stderr, "usage: bench_rebuild [-h] [-k] [-v] FOLDER\n");
		return 2;
	}
	struct world *world = alloc_new(struct world);
	loader_init(&world->loader, UINT64_C(0x7ff800000000));
	load_folder(world, argv[optind]);
	size_t missing;
	size_t filled = loader_resolve(&world->loader, &missing);
	printf("%zu files, %zu slots resolved, %zu not\n", world->loader.count, filled, missing);
	struct tally tally = {0};
	for (size_t i = 0; i < world->loader.count; i++)
		try_module(world, &world->loader.modules[i], &options, &tally);
	print(&tally);
	loader_free(&world->loader);
	free(world);
	return good_enough(&tally) ? 0 : 1;
}
