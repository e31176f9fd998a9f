/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What is taken for an address table in an image? Looks through all private and mapped memory of
 * all 64-bit processes, and through all of their modules, and prints each table that no import
 * directory describes; then how much memory that was and what it cost:
 *
 *	bench_tables IMAGE
 *
 * In an ordinary image each line is a false table, or one that a program filled at run time.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>
#include <impscan/discover.h>
#include <impscan/imports.h>
#include <impscan/module.h>
#include <impscan/module_reader.h>
#include <impscan/process.h>
#include <impscan/rebuild.h>
#include <impscan/vad.h>
#include <impscan/view.h>
#include <impscan/windows.h>

#define FRAMES_MAX ((uint64_t)1 << 28) /* 1 TB of physical memory */

struct run {
	const struct windows *windows;
	uint8_t *clean; /* a bit for each frame */
	struct view view;
	size_t modules, tables, module_tables, differing, hooked;
	size_t bytes_private, bytes_modules;
	double time_names, time_rebuild, time_private, time_map;
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
	struct run *run = memory->context;
	return space_at(run->view.space, address, available);
}

/* 0: none */
static uint64_t frame_of(struct run *run, uint64_t address)
{
	struct page page;
	space_page(run->view.space, address, &page);
	uint64_t frame = page.frame / PAGE_SIZE;
	return page.data && frame < FRAMES_MAX ? frame : 0;
}

static bool is_clean(struct run *run, uint64_t address)
{
	uint64_t frame = frame_of(run, address);
	return frame && run->clean[frame / 8] & 1u << frame % 8;
}

static uint64_t next_page(const struct rebuild_memory *memory, uint64_t address, uint64_t end)
{
	while (address < end && is_clean(memory->context, address))
		address += min_of(PAGE_SIZE - address % PAGE_SIZE, end - address);
	return address;
}

static void found_clean(const struct rebuild_memory *memory, uint64_t address)
{
	struct run *run = memory->context;
	uint64_t frame = frame_of(run, address);
	if (frame)
		run->clean[frame / 8] |= (uint8_t)(1u << frame % 8);
}

static bool read_space(void *context, uint64_t address, void *buffer, size_t size)
{
	return space_read(context, address, buffer, size);
}

static struct export_map *make_map(struct run *run, const struct modules *modules,
				   struct api_sets *sets)
{
	struct export_map *map = export_map_new(8, sets);
	for (size_t i = 0; i < modules->count; i++) {
		const struct module *m = &modules->items[i];
		_cleanup_module_reader_ struct module_reader reader;
		module_reader_init(&reader, run->view.space, m->base, m->size);
		_cleanup_pe_ struct pe pe;
		if (pe_open(&pe, &reader.reader) == PE_OK && !pe.pe32_plus)
			continue;
		_cleanup_export_table_ struct export_table *table = export_table_read(&pe);
		export_map_add(map, m->base, m->size, m->name, table);
	}
	export_map_finish(map);
	/* where Windows puts DLLs from 8 on; wider than any process's own range */
	export_map_set_range(map, UINT64_C(0x7ff000000000), UINT64_C(0x7fffffff0000));
	return map;
}

static void print_table(const struct process *process, const char *where, uint64_t base,
			const struct rebuilt *rebuilt, size_t t)
{
	const struct rebuilt_table *table = &rebuilt->tables[t];
	printf("%u %s %s+0x%llx: %zu imports:", process->pid, process->name, where,
	       (unsigned long long)(table->start - base), table->imports);
	int shown = 0;
	for (size_t i = 0; i < rebuilt->count && shown < 5; i++) {
		const struct rebuilt_entry *e = &rebuilt->entries[i];
		if (e->table != t || e->kind == IMPORT_UNKNOWN)
			continue;
		const char *name = rebuilt_name(rebuilt, e);
		printf(" %s.%s", rebuilt_dll(rebuilt, e), name ? name : "#");
		shown++;
	}
	printf("\n");
}

static void scan_module(struct run *run, const struct process *process, const struct module *m,
			const struct export_map *map, const struct rebuild_memory *memory,
			struct rebuilt *rebuilt)
{
	double start = now();
	_cleanup_module_reader_ struct module_reader reader;
	module_reader_init(&reader, run->view.space, m->base, m->size);
	_cleanup_pe_ struct pe pe;
	if (pe_open(&pe, &reader.reader) == PE_OK && !pe.pe32_plus)
		return;
	_cleanup_imports_ struct imports declared = {.keep_entries = true};
	imports_declared(&declared, &pe);
	double middle = now();
	rebuild(rebuilt, map, memory,
		&(struct rebuild_area){
			.base = m->base, .size = m->size, .pe = &pe, .declared = &declared});
	run->time_names += middle - start;
	run->time_rebuild += now() - middle;
	run->modules++;
	run->bytes_modules += rebuilt->pages_found * PAGE_SIZE;
	run->differing += rebuilt->differs;
	run->hooked += rebuilt->hooked;
	for (size_t t = 0; t < rebuilt->table_count; t++) {
		if (rebuilt->tables[t].directory)
			continue;
		run->module_tables++;
		print_table(process, m->name, m->base, rebuilt, t);
	}
}

static void scan_process(struct run *run, const struct process *process)
{
	view_open(&run->view, run->windows, process, NULL);
	_cleanup_modules_ struct modules modules = {0};
	process_modules(run->windows, process, &run->view, &modules);
	uint64_t schema = 0;
	double start = now();
	space_u64(run->view.space,
		  process->peb + profile_offset(run->windows->profile, PEB_ApiSetMap), &schema);
	struct api_sets *sets = api_sets_read(read_space, run->view.space, schema);
	struct export_map *map = make_map(run, &modules, sets);
	run->time_map += now() - start;
	struct rebuild_memory memory = {
		.at = memory_at, .next = next_page, .found_clean = found_clean, .context = run};
	_cleanup_rebuilt_ struct rebuilt rebuilt = {0};
	for (size_t i = 0; i < modules.count; i++)
		scan_module(run, process, &modules.items[i], map, &memory, &rebuilt);
	rebuilt_clear(&rebuilt);
	start = now();
	for (size_t i = 0; i < run->view.vads.count; i++) {
		const struct vad *vad = &run->view.vads.items[i];
		size_t before = rebuilt.table_count;
		if (vad->kind == VAD_IMAGE)
			continue;
		rebuild_private(&rebuilt, map, &memory, vad->start, vad->end - vad->start + 1);
		for (size_t t = before; t < rebuilt.table_count; t++) {
			char where[32];
			snprintf(where, sizeof(where), "0x%llx", (unsigned long long)vad->start);
			print_table(process, where, vad->start, &rebuilt, t);
		}
	}
	run->time_private += now() - start;
	run->bytes_private += rebuilt.pages_found * PAGE_SIZE;
	run->tables += rebuilt.table_count;
	export_map_free(map);
	api_sets_unref(sets);
	view_close(&run->view);
}

static struct error *scan(const char *path, struct run *run)
{
	_cleanup_image_ struct image *image = NULL;
	_cleanup_profiles_ struct profiles *profiles = NULL;
	_cleanup_discovery_ struct discovery discovery = {0};
	struct windows_options options = {0};
	try_(image_open(path, &image));
	try_(profiles_new(&profiles));
	try_(windows_open(image, profiles, &options, &discovery));
	const struct windows *windows = discovery.windows;
	run->windows = windows;
	_cleanup_processes_ struct processes processes = {0};
	windows_processes(windows, false, 1, &processes);
	for (size_t i = 0; i < processes.count; i++)
		if (processes.items[i].peb)
			scan_process(run, &processes.items[i]);
	return NULL;
}

int main(int argc, char **argv)
{
	if (argc != 2) {
		fprintf(stderr, "usage: bench_tables IMAGE\n");
		return 2;
	}
	struct run run = {.clean = alloc_zero(FRAMES_MAX / 8, 1)};
	_cleanup_error_ struct error *error = scan(argv[1], &run);
	double n = run.modules ? (double)run.modules : 1;
	printf("private memory: %zu MB present, %zu tables, %.2f s\n", run.bytes_private >> 20,
	       run.tables, run.time_private);
	printf("%zu modules: %zu MB present, %zu tables no directory describes, %zu lists differ, "
	       "%zu slots hooked\n",
	       run.modules, run.bytes_modules >> 20, run.module_tables, run.differing, run.hooked);
	printf("a module: names %.0f us, rebuilding %.0f us; all maps %.2f s\n",
	       run.time_names / n * 1e6, run.time_rebuild / n * 1e6, run.time_map);
	free(run.clean);
	if (error)
		fprintf(stderr, "bench_tables: %s\n", error_message(error));
	return error ? 2 : 0;
}
