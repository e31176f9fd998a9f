/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A busy machine to measure with: one process for every 54 MB of memory (150 in 8 GB), each with 60
 * to 100 modules, half of them in every process and half in some, and heaps and stacks that fill
 * about half of the memory. Of a module's data most pages were never touched, so that the process
 * has no copies of them, as usual. One process in ten has code that a just-in-time compiler made.
 *
 * The DLLs are those of --pe-dir when it is given, else generated ones of the sizes that Windows'
 * own have: some hundred KB, hundreds of exports, up to 250 imports.
 */
#include <writer/scenario.h>

#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <sys/stat.h>

#include <writer/pe_builder.h>

enum {
	MEMORY_EACH = 54 << 20, /* a process's part of the memory */
	HEAP_EACH = 22 << 20,
	REGION = 0x400000,
	STACK = 0x10000,
	LIBRARIES = 260, /* that there are to choose from */
	COMMON = 35,	 /* in every process */
	LEAST = 60,
	MOST = 100, /* modules of a process */
	TOUCHED_ONE_IN = 4,
	READWRITE = 4,
	EXECUTE_READWRITE = 6,
	SMALLEST_FILE = 100 << 10,
	LARGEST_FILE = 5 << 20,
};

struct big {
	struct guest *guest;
	char **libraries;
	size_t count, capacity;
	uint64_t low, high; /* where modules lie */
};

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* What lies in the kernel already is no user's. */
static bool is_driver(const struct guest *guest, const char *name)
{
	for (size_t i = 0; i < guest->driver_count; i++) {
		if (util_same_name(guest->drivers[i]->image->name, name))
			return true;
	}
	return false;
}

/* Those DLLs of --pe-dir that are of usual size, in the order of their names. */
static void list_real(struct big *big)
{
	const char *folder = big->guest->options.pe_dir;
	DIR *dir = opendir(folder);
	if (!dir)
		util_die("%s can't be read", folder);
	for (const struct dirent *entry; (entry = readdir(dir));) {
		const char *dot = strrchr(entry->d_name, '.');
		char *path = util_printf("%s/%s", folder, entry->d_name);
		struct stat st;
		if (dot && !strcmp(dot, ".dll") && !is_driver(big->guest, entry->d_name) &&
		    !stat(path, &st) && st.st_size >= SMALLEST_FILE && st.st_size <= LARGEST_FILE)
			*util_push(big->libraries, big->count, big->capacity) =
				util_strdup(entry->d_name);
		free(path);
	}
	closedir(dir);
	if (big->count)
		qsort(big->libraries, big->count, sizeof(*big->libraries), compare_names);
}

/* Imports `n` functions of a generated library that was made before, or of the catalog's. */
static void import_some(struct big *big, struct pe_builder *builder, const char *dll, size_t n)
{
	const struct guest_image *image = guest_find_image(big->guest, dll);
	const struct pefile *pe = image->pe;
	size_t named = 0;
	while (named < pe->export_count && pe->exports[named].name)
		named++;
	size_t step = named / (n + 1) + 1;
	for (size_t i = util_random_below(&big->guest->random, step); i < named && n;
	     i += step, n--)
		pe_builder_import(builder, dll, pe->exports[i].name);
}

static void generate(struct big *big, unsigned int number)
{
	static const char *const system[] = {"ntdll.dll",  "KERNELBASE.dll", "KERNEL32.DLL",
					     "msvcrt.dll", "ADVAPI32.dll",   "USER32.dll"};
	static const char *const verbs[] = {"Create", "Open", "Query",	  "Set",
					    "Close",  "Enum", "Register", "Release"};
	struct util_random *random = &big->guest->random;
	char name[32], function[64];
	snprintf(name, sizeof(name), "library%03u.dll", number);
	uint32_t text = (uint32_t)(0x10000 << util_random_below(random, 5)); /* to 1 MB */
	text += (uint32_t)util_random_below(random, text) & ~0xfffu;
	size_t exports = 20 + util_random_below(random, text / 0x200);
	struct pe_builder *builder = pe_builder_new(big->guest->pointer == 8, true, name);
	pe_builder_room(builder, text + (uint32_t)exports * 16 + 0x1000, text / 4);
	for (size_t i = 0; i < sizeof(system) / sizeof(system[0]); i++)
		import_some(big, builder, system[i], 5 + util_random_below(random, 36));
	for (size_t i = util_random_below(random, 4); i > 0 && big->count; i--) {
		/* Before the call: compilers differ in which argument they work out first. */
		size_t functions = 1 + util_random_below(random, 20);
		size_t library = util_random_below(random, big->count);
		import_some(big, builder, big->libraries[library], functions);
	}
	for (size_t i = 0; i < exports; i++) {
		snprintf(function, sizeof(function), "%sLibrary%03uObject%zu",
			 verbs[util_random_below(random, 8)], number, i);
		pe_builder_export(builder, function);
	}
	pe_builder_code(builder, text - 0x100, number + 1);
	size_t size;
	uint8_t *data = pe_builder_build(builder, &size);
	pe_builder_free(builder);
	guest_add_image(big->guest, name, data, size);
	*util_push(big->libraries, big->count, big->capacity) = util_strdup(name);
}

/* In an order of this machine's own. */
static void shuffle(struct big *big)
{
	for (size_t i = big->count; i > 1; i--) {
		size_t j = util_random_below(&big->guest->random, i);
		char *swap = big->libraries[i - 1];
		big->libraries[i - 1] = big->libraries[j];
		big->libraries[j] = swap;
	}
}

/* The least that is loaded and the most, with what it imports: it may be some more. */
static void load(struct big *big, struct guest_process *process)
{
	struct util_random *random = &big->guest->random;
	size_t wanted = LEAST + util_random_below(random, MOST - LEAST + 1);
	size_t choice = big->count < LIBRARIES ? big->count : LIBRARIES;
	for (size_t i = 0; i < COMMON && i < choice; i++)
		guest_load(process, big->libraries[i]);
	for (size_t tries = 0; process->module_count < wanted && tries < MOST * 4; tries++)
		guest_load(process, big->libraries[util_random_below(random, choice)]);
}

/* One word of a heap. */
static uint64_t word(struct big *big, uint64_t region, unsigned int kind, uint64_t bits)
{
	static const char text[] = "Software\\Microsoft\\Windows\\CurrentVersion\\Explorer";
	if (bits % 8 == 0)
		return 0;
	switch (kind) {
	case 0: /* objects: pointers to each other, one in 64 to a module */
		if (bits % 64 == 1)
			return big->low + ((bits >> 8) % (big->high - big->low) & ~UINT64_C(7));
		return region + ((bits >> 8) % REGION & ~UINT64_C(15));
	case 1: { /* UTF-16 */
		uint64_t value = 0;
		for (unsigned int i = 0; i < 4; i++)
			value |= (uint64_t)(uint8_t)text[(bits + i) % (sizeof(text) - 1)] << 16 * i;
		return value;
	}
	case 2: /* numbers */
		return bits >> 8 & 0xffff;
	default: /* compressed, encrypted, floating point */
		return bits;
	}
}

static void fill(struct big *big, struct guest_process *process, uint64_t start, uint64_t size)
{
	struct guest *guest = big->guest;
	for (uint64_t va = start; va < start + size; va += PAGE) {
		uint64_t physical, seed = util_random(&guest->random);
		unsigned int kind = (unsigned int)(seed % 5);
		if (!paging_translate(process->space, va, &physical))
			continue;
		uint8_t *page = ram_at(guest->ram, physical);
		for (size_t i = 0; i < PAGE; i += 8) {
			seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
			uint64_t value = word(big, start, kind, seed ^ seed >> 29);
			memcpy(page + i, &value, 8);
		}
	}
}

/* Does the page lie in the section of the import directory? Some linkers make that writable. */
static bool holds_imports(const struct pefile *pe, size_t page)
{
	uint32_t size, directory = pefile_directory(pe, 1, &size);
	for (size_t i = 0; i < pe->section_count; i++) {
		const struct pefile_section *section = &pe->sections[i];
		if (page * PAGE - section->rva < section->size)
			return directory - section->rva < section->size;
	}
	return false;
}

/* The page was read but not written to: the process has no copy, it shares the section's. */
static void share(struct guest_process *process, const struct guest_image *image, size_t page,
		  uint64_t va, uint64_t physical)
{
	struct guest *guest = process->guest;
	uint64_t *frame = &image->section->frames[page];
	if (!*frame)
		*frame = physical;
	else
		ram_drop(guest->ram, physical);
	paging_map(process->space, va, *frame, PAGE_USER | PAGE_COPY_ON_WRITE);
}

/*
 * Pages that may be written to are copied when they are. The loader reads the names of imports and
 * writes the slots only; the rest of a module's data is hardly used.
 */
static void leave_untouched(struct guest_process *process, const struct guest_module *module)
{
	struct guest *guest = process->guest;
	const struct guest_image *image = module->image;
	for (size_t page = 0; page < image->pe->size / PAGE; page++) {
		uint64_t physical, va = module->base + page * PAGE;
		if (!(image->flags[page] & PAGE_WRITE) || image->patched[page] ||
		    !paging_translate(process->space, va, &physical))
			continue;
		if (holds_imports(image->pe, page)) {
			share(process, image, page, va, physical);
		} else if (util_random_below(&guest->random, TOUCHED_ONE_IN)) {
			paging_set_entry(process->space, va, 0);
			ram_drop(guest->ram, physical);
		}
	}
}

static void note_range(struct big *big, const struct guest_process *process)
{
	for (size_t i = 0; i < process->module_count; i++) {
		uint64_t base = process->modules[i]->base;
		if (!big->low || base < big->low)
			big->low = base;
		if (base + process->modules[i]->image->pe->size > big->high)
			big->high = base + process->modules[i]->image->pe->size;
	}
}

static void start(struct big *big, unsigned int number)
{
	static const char *const programs[] = {"svchost.exe",  "svchost.exe", "svchost.exe",
					       "explorer.exe", "notepad.exe", "cmd.exe",
					       "winlogon.exe", "services.exe"};
	struct util_random *random = &big->guest->random;
	struct guest_process *process = guest_process_new(
		big->guest,
		&(struct guest_process_options){
			.name = programs[number % (sizeof(programs) / sizeof(*programs))],
			.pid = 1000 + number * 16,
			.ppid = number ? 1000 : 4,
			.session = number % 2,
		});
	load(big, process);
	note_range(big, process);
	for (size_t i = 0; i < process->module_count; i++)
		leave_untouched(process, process->modules[i]);
	uint64_t size = HEAP_EACH / 2 + util_random_below(random, HEAP_EACH);
	for (; size >= REGION; size -= REGION)
		fill(big, process, guest_region_new(process, REGION, READWRITE, PAGE_WRITE),
		     REGION);
	for (unsigned int threads = 4 + number % 16; threads > 0; threads--)
		fill(big, process, guest_region_new(process, STACK, READWRITE, PAGE_WRITE), STACK);
	if (number % 10 == 9)
		guest_jit(process, "just-in-time code", 0x40000, EXECUTE_READWRITE,
			  PAGE_WRITE | PAGE_EXECUTE);
	guest_peb_new(process);
}

void scenario_big(struct guest *guest)
{
	struct big big = {.guest = guest};
	if (guest->options.pe_dir)
		list_real(&big);
	else
		for (unsigned int i = 0; i < LIBRARIES; i++)
			generate(&big, i);
	shuffle(&big);
	for (unsigned int i = 0; i < guest->options.memory / MEMORY_EACH; i++)
		start(&big, i);
	for (size_t i = 0; i < big.count; i++)
		free(big.libraries[i]);
	free(big.libraries);
}
