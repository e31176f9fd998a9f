/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "live.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>
#include <impscan/text.h>

#define PRESENT	    (UINT64_C(3) << 62) /* in /proc/PID/pagemap: in memory, or swapped out */
#define HOST_SPAN   (UINT64_C(1) << 40) /* the host allocates below its libraries, this near */
#define DISCARDABLE 0x02000000		/* IMAGE_SCN_MEM_DISCARDABLE */

struct live_piece *live_at(const struct live *live, uint64_t address)
{
	size_t low = 0, high = live->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (live->pieces[middle].end <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low < live->count && live->pieces[low].start <= address ? &live->pieces[low] : NULL;
}

uint8_t *live_bytes(const struct live_piece *piece, uint64_t offset, size_t *available)
{
	if (offset >= piece->end - piece->start || !piece->pages[offset / PAGE_SIZE])
		return NULL;
	*available = (size_t)(PAGE_SIZE - offset % PAGE_SIZE);
	return piece->bytes + offset;
}

static const uint8_t *memory_at(const struct rebuild_memory *memory, uint64_t address,
				size_t *available)
{
	const struct live_piece *piece = live_at(memory->context, address);
	return piece ? live_bytes(piece, address - piece->start, available) : NULL;
}

static const uint8_t *module_at(const struct pe_reader *reader, uint64_t position,
				size_t *available)
{
	return live_bytes(reader->context, position, available);
}

struct mapping {
	uint64_t start, end;
	char access[5];
	char path[512]; /* "" when there is none */
};

static FILE *open_proc(int pid, const char *what)
{
	_cleanup_free_ char *path = alloc_printf("/proc/%d/%s", pid, what);
	return fopen(path, "r");
}

static bool next_mapping(FILE *maps, struct mapping *m)
{
	char line[1024];
	while (fgets(line, sizeof(line), maps)) {
		unsigned long long start, end;
		m->path[0] = '\0';
		if (sscanf(line, "%llx-%llx %4s %*s %*s %*s %511[^\n]", &start, &end, m->access,
			   m->path) < 3)
			continue;
		m->start = start;
		m->end = end;
		return true;
	}
	return false;
}

/* Where the host's libraries lie, and between and below them what they allocate. */
static void find_host(int pid, uint64_t *low, uint64_t *high)
{
	_cleanup_file_ FILE *maps = open_proc(pid, "maps");
	struct mapping m;
	*low = UINT64_MAX;
	*high = 0;
	while (maps && next_mapping(maps, &m)) {
		if (!strstr(m.path, ".so"))
			continue;
		*low = min_of(*low, m.start);
		*high = max_of(*high, m.end);
	}
	*low -= *low % HOST_SPAN;
}

/* SizeOfImage of the 64-bit module that begins here; 0: none does. A shared view is a data file. */
static uint64_t module_size(int memory, const struct mapping *m)
{
	uint8_t header[PAGE_SIZE];
	if (m->access[3] != 'p' ||
	    pread(memory, header, sizeof(header), (off_t)m->start) != sizeof(header))
		return 0;
	struct pe_reader reader = pe_reader_bytes(header, sizeof(header), PE_LAYOUT_MEMORY);
	_cleanup_pe_ struct pe pe;
	bool is = pe_open(&pe, &reader) == PE_OK && pe.pe32_plus;
	return is ? (pe.size_of_image + PAGE_SIZE - 1) / PAGE_SIZE * PAGE_SIZE : 0;
}

static void *reserve(uint64_t size)
{
	void *p = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p != MAP_FAILED)
		return p;
	fprintf(stderr, "bench_live: no address space left\n");
	exit(2);
}

/* The piece that a mapping belongs to, maybe a new one. `module`: its size if it begins one. */
static struct live_piece *piece_for(struct live *live, const struct mapping *m, uint64_t module)
{
	struct live_piece *last = live->count ? &live->pieces[live->count - 1] : NULL;
	if (last && m->start < last->end)
		return last;
	struct live_piece *piece = array_push(live->pieces, live->count, live->capacity);
	piece->start = m->start;
	piece->end = module ? m->start + module : m->end;
	piece->module = module != 0;
	piece->writable = m->access[1] == 'w' && m->access[3] == 'p';
	piece->name = alloc_strdup(text_base_name(m->path));
	piece->bytes = reserve(piece->end - piece->start);
	piece->pages = alloc_zero((size_t)((piece->end - piece->start) / PAGE_SIZE), 1);
	return piece;
}

/* Copies the pages of a mapping; of memory without a file those that were ever used. */
static void copy(int memory, int pagemap, struct live_piece *piece, const struct mapping *m)
{
	for (uint64_t a = m->start; a < min_of(m->end, piece->end); a += PAGE_SIZE) {
		uint64_t entry = PRESENT, offset = a - piece->start;
		off_t at = (off_t)(a / PAGE_SIZE * sizeof(entry));
		if (!*m->path && pread(pagemap, &entry, sizeof(entry), at) != sizeof(entry))
			continue;
		if (entry & PRESENT &&
		    pread(memory, piece->bytes + offset, PAGE_SIZE, (off_t)a) == (ssize_t)PAGE_SIZE)
			piece->pages[offset / PAGE_SIZE] = 1;
	}
}

static void read_memory(struct live *live)
{
	uint64_t low, high;
	find_host(live->pid, &low, &high);
	_cleanup_file_ FILE *comm = open_proc(live->pid, "comm");
	_cleanup_file_ FILE *maps = open_proc(live->pid, "maps");
	_cleanup_file_ FILE *memory = open_proc(live->pid, "mem");
	_cleanup_file_ FILE *pagemap = open_proc(live->pid, "pagemap");
	if (!comm || !maps || !memory || !pagemap || fscanf(comm, "%31[^\n]", live->program) != 1)
		return;
	struct mapping m;
	while (next_mapping(maps, &m)) {
		bool host = (m.start >= low && m.start < high) || m.path[0] == '[' ||
			    strstr(m.path, "wine64") || strstr(m.path, "/SYSV");
		if (host || m.access[0] != 'r')
			continue;
		uint64_t module = module_size(fileno(memory), &m);
		copy(fileno(memory), fileno(pagemap), piece_for(live, &m, module), &m);
	}
}

static void discard(struct live_piece *piece)
{
	for (size_t i = 0; i < piece->pe.section_count; i++) {
		const struct pe_section *s = &piece->pe.sections[i];
		uint64_t end = min_of((uint64_t)s->virtual_address + s->virtual_size,
				      piece->end - piece->start);
		for (uint64_t a = s->virtual_address; a < end; a += PAGE_SIZE)
			if (s->characteristics & DISCARDABLE)
				piece->pages[a / PAGE_SIZE] = 0;
	}
}

static void open_module(struct live *live, struct live_piece *piece)
{
	piece->reader = (struct pe_reader){
		.layout = PE_LAYOUT_MEMORY,
		.size = piece->end - piece->start,
		.at = module_at,
		.context = piece,
	};
	pe_open(&piece->pe, &piece->reader);
	piece->declared.keep_entries = true;
	imports_declared(&piece->declared, &piece->pe);
	_cleanup_export_table_ struct export_table *table = export_table_read(&piece->pe);
	export_map_add(live->map, piece->start, piece->end - piece->start, piece->name, table);
	discard(piece);
}

void live_open(struct live *live, int pid)
{
	*live = (struct live){.pid = pid, .map = export_map_new(8, NULL)};
	live->memory = (struct rebuild_memory){.at = memory_at, .context = live};
	read_memory(live);
	for (size_t i = 0; i < live->count; i++)
		if (live->pieces[i].module)
			open_module(live, &live->pieces[i]);
	export_map_finish(live->map);
}

void live_close(struct live *live)
{
	for (size_t i = 0; i < live->count; i++) {
		struct live_piece *piece = &live->pieces[i];
		munmap(piece->bytes, (size_t)(piece->end - piece->start));
		free(piece->pages);
		free(piece->name);
		pe_close(&piece->pe);
		imports_free(&piece->declared);
	}
	free(live->pieces);
	export_map_free(live->map);
}
