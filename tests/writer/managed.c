/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The scenarios of programs whose import lists say nothing, .NET's and Go's: see scenario.h.
 *
 * Where assemblies lie follows the runtime's sources (coreclr, peimagelayout.cpp): a program is an
 * image section; Assembly.Load() of an array of bytes copies them into a section of the page file,
 * in the file's layout, to be read and written, and the array stays on the managed heap until it is
 * collected; what a single-file bundle holds lies in a view of its file.
 */
#include <writer/scenario.h>

#include <writer/assembly.h>
#include <writer/go_program.h>

enum {
	READONLY = 1,
	READWRITE = 4,
	HEAP_ROOM = 0x30000, /* of the heap before an array */
	BUNDLE_HEAD = 0x5000,
	BUNDLE_UNIT = 16,
};

/* ----- .NET ----- */

/* The assemblies, by the names of their files. */
static const struct {
	const char *file;
	unsigned int family, member;
} assemblies[] = {
	{"agent.exe", 1, 0},   {"module.dll", 2, 0}, {"loader.dll", 3, 0},
	{"theirs.dll", 4, 0},  {"ours.dll", 4, 1},   {"protected.exe", 5, 0},
	{"partly.dll", 6, 0},  {"torn.dll", 7, 0},   {"kept.dll", 8, 0},
	{"idle.dll", 9, 0},    {"alone.dll", 10, 0}, {"agent32.exe", 11, 0},
	{"tool32.dll", 12, 0}, {"wiped.dll", 13, 0}, {"patched.dll", 14, 0},
};

/* Adds a file that is 32-bit code for WoW64 processes, if `wow64`. */
static struct guest_image *add_image(struct guest *guest, const char *name, uint8_t *data,
				     size_t size, bool wow64)
{
	struct guest_image *image = guest_add_image(guest, name, data, size);
	image->wow64 = wow64;
	return image;
}

/* Adds one of them to the files of the machine; it says where things lie in it. */
static struct guest_image *add_assembly_of(struct guest *guest, const char *name, bool wow64,
					   struct assembly_file *file)
{
	size_t i = 0;
	while (strcmp(assemblies[i].file, name))
		if (++i == sizeof(assemblies) / sizeof(assemblies[0]))
			util_die("there is no assembly %s", name);
	struct assembly assembly;
	assembly_relative(&assembly, assemblies[i].family, assemblies[i].member, 4);
	free((char *)(uintptr_t)assembly.name);
	assembly.name = util_printf("%.*s", (int)(strchr(name, '.') - name), name);
	assembly.plus = guest->pointer == 8 && !wow64;
	assembly.padding = PAGE; /* so that names lie in another page than headers */
	assembly.version[0] = 1;
	assembly.version[3] = (uint16_t)i;
	*file = assembly_write(&assembly);
	assembly_free(&assembly);
	return add_image(guest, name, file->data, file->size, wow64);
}

static struct guest_image *add_assembly(struct guest *guest, const char *name,
					struct assembly_file *file)
{
	return add_assembly_of(guest, name, false, file);
}

/* A process of a program that hosts the runtime `clr`. */
static struct guest_process *host(struct guest *guest, uint32_t pid, const char *name,
				  const char *clr, const char *what)
{
	struct guest_process *process = scenario_start(guest, pid, name, false);
	process->damage = what;
	if (clr && !guest_load(process, clr))
		util_die("there is no DLL %s", clr);
	return process;
}

/* Notes that an assembly lies at an address, as in its file; `hidden`: without a row of its own. */
static void note(struct guest_process *process, const char *name, const struct guest_image *image,
		 uint64_t base, bool hidden)
{
	const struct guest_vad *vad = guest_vad_find(process, base);
	*util_push(process->injections, process->injection_count, process->injection_capacity) =
		(struct guest_injection){
			.name = name,
			.kind = "assembly",
			.image = image,
			.raw = true,
			.data = true,
			.managed = !hidden,
			.base = base,
			.size = image->data_size,
			.region = vad->start,
			.region_size = vad->end - vad->start + 1,
		};
}

/* Assembly.Load(): the runtime's copy, which has `bytes` now. */
static void load_bytes(struct guest_process *process, const char *name,
		       const struct guest_image *image, const uint8_t *bytes, bool hidden)
{
	uint64_t va = guest_map_data(process, NULL, bytes, image->data_size, READWRITE, PAGE_WRITE);
	note(process, name, image, va, hidden);
}

static void load_copy(struct guest_process *process, const char *name,
		      const struct guest_image *image, bool hidden)
{
	load_bytes(process, name, image, image->data, hidden);
}

/* The same of one that ConfuserEx's "anti dump" has wiped. */
static void load_protected(struct guest_process *process, const char *name,
			   const struct guest_image *image, const struct assembly_file *file,
			   bool hidden)
{
	uint8_t *bytes = util_alloc(image->data_size, 1);
	memcpy(bytes, image->data, image->data_size);
	assembly_wipe(file, ASSEMBLY_ANTI_DUMP, bytes, false);
	load_bytes(process, name, image, bytes, hidden);
	free(bytes);
}

/* One that has what tells the image from others, and another byte. */
static void load_patched(struct guest_process *process, const char *name,
			 const struct guest_image *image, const struct assembly_file *file)
{
	uint8_t *bytes = util_alloc(image->data_size, 1);
	memcpy(bytes, image->data, image->data_size);
	uint8_t *padding = bytes + (file->strings - file->section + file->position) - 1;
	if (*padding)
		util_die("there is no padding before the names");
	*padding = 0xcc;
	load_bytes(process, name, image, bytes, false);
	free(bytes);
}

/* The array on the managed heap; returns where its content begins. */
static uint64_t load_array(struct guest_process *process, const char *name,
			   const struct guest_image *image, bool hidden)
{
	struct paging *space = process->space;
	const unsigned int pointer = process->wow64 ? 4 : process->guest->pointer;
	uint64_t heap = guest_region_new32(process, HEAP_ROOM + image->data_size + PAGE, READWRITE,
					   PAGE_WRITE, true);
	uint64_t object = heap + HEAP_ROOM - PAGE / 2 + pointer;
	uint64_t va = object + 2 * pointer; /* behind its type and its length */
	for (uint64_t at = heap; at < object; at += pointer)
		paging_put(space, at, at % 64 ? at * 0x9e3779b1 & 0xffffff : 0x5a4d, pointer);
	paging_put(space, va - pointer, image->data_size, pointer);
	paging_write(space, va, image->data, image->data_size);
	note(process, name, image, va, hidden);
	return va;
}

/* The page with the last names of an assembly is gone, of a copy at `va`. */
static void lose_names(struct guest_process *process, const struct assembly_file *file, uint64_t va)
{
	uint64_t lost =
		va + file->strings + file->strings_size - 8 - file->section + file->position;
	lost &= ~(uint64_t)(PAGE - 1);
	if (lost < va + file->position)
		util_die("the assembly is too small: its headers would be lost");
	paging_set_entry(process->space, lost, 0);
}

/* A single file with several assemblies behind the program. */
static void map_bundle(struct guest_process *process, const struct guest_image **images,
		       size_t count)
{
	size_t size = BUNDLE_HEAD;
	for (size_t i = 0; i < count; i++)
		size += util_round_up(images[i]->data_size, BUNDLE_UNIT) + BUNDLE_UNIT;
	uint8_t *bytes = util_alloc(size, 1);
	const struct guest_image *program = process->modules[0]->image;
	memcpy(bytes, program->data,
	       program->data_size < BUNDLE_HEAD ? program->data_size : BUNDLE_HEAD);
	size_t at = BUNDLE_HEAD;
	for (size_t i = 0; i < count; i++) {
		memcpy(bytes + at, images[i]->data, images[i]->data_size);
		at += util_round_up(images[i]->data_size, BUNDLE_UNIT) + BUNDLE_UNIT;
	}
	uint64_t va = guest_map_data(process, "\\Users\\k\\Downloads\\bundle.exe", bytes, size,
				     READONLY, 0);
	free(bytes);
	at = BUNDLE_HEAD;
	for (size_t i = 0; i < count; i++) {
		note(process, "bundle", images[i], va + at, false);
		at += util_round_up(images[i]->data_size, BUNDLE_UNIT) + BUNDLE_UNIT;
	}
}

/*
 * Gives the process a copy of each page of a program that is to be changed, and changes them:
 * `bytes` is the whole image. Pages of code are counted as patched.
 */
static void change_image(struct guest_process *process, struct guest_module *module,
			 const uint8_t *bytes)
{
	const struct guest_image *image = module->image;
	struct guest *guest = process->guest;
	uint8_t before[PAGE];
	for (uint64_t rva = 0; rva < image->pe->size; rva += PAGE) {
		paging_read(process->space, module->base + rva, before, PAGE);
		if (!memcmp(before, bytes + rva, PAGE))
			continue;
		uint64_t frame = ram_take(guest->ram);
		unsigned int flags = image->flags[rva / PAGE];
		memcpy(ram_at(guest->ram, frame), bytes + rva, PAGE);
		paging_map(process->space, module->base + rva, frame,
			   PAGE_USER | PAGE_DIRTY | flags);
		if ((flags & PAGE_EXECUTE) && !(flags & PAGE_WRITE))
			module->stomped++;
	}
}

static uint8_t *copy_image(const struct guest_module *module)
{
	uint8_t *bytes = util_alloc(module->image->pe->size, 1);
	memcpy(bytes, module->image->relocated, module->image->pe->size);
	return bytes;
}

/* A program that ConfuserEx's "anti dump" has wiped what leads to the metadata of. */
static void protect(struct guest *guest, uint32_t pid)
{
	struct assembly_file file;
	add_assembly(guest, "protected.exe", &file);
	struct guest_process *process = host(guest, pid, "protected.exe", "clr.dll", "anti-dump");
	struct guest_module *program = process->modules[0];
	uint8_t *bytes = copy_image(program);
	assembly_wipe(&file, ASSEMBLY_ANTI_DUMP, bytes, true);
	change_image(process, program, bytes);
	program->damage = "anti-dump";
	free(bytes);
}

/* A 32-bit program on a 64-bit Windows. */
static void start_wow64(struct guest *guest, uint32_t pid)
{
	struct assembly_file file;
	add_assembly_of(guest, "agent32.exe", true, &file);
	const struct guest_image *tool = add_assembly_of(guest, "tool32.dll", true, &file);
	struct guest_process *process = scenario_start(guest, pid, "agent32.exe", true);
	process->damage = "wow64";
	process->modules[0]->damage = "exe";
	if (!guest_load32(process, "clr.dll"))
		util_die("there is no clr.dll");
	load_array(process, "wow64-heap", tool, true);
	load_copy(process, "wow64", tool, false);
}

void managed_start(struct guest *guest)
{
	struct assembly_file file;
	add_assembly(guest, "agent.exe", &file);
	struct guest_process *agent = host(guest, 5000, "agent.exe", "clr.dll", "exe");
	agent->modules[0]->damage = "exe";
	const struct guest_image *module = add_assembly(guest, "module.dll", &file);
	load_array(agent, "both-heap", module, true);
	load_copy(agent, "both", module, false);
	load_array(agent, "heap", add_assembly(guest, "loader.dll", &file), false);
	const struct guest_image *bundled[] = {
		add_assembly(guest, "theirs.dll", &file),
		add_assembly(guest, "ours.dll", &file),
	};
	map_bundle(host(guest, 5004, "cmd.exe", "coreclr.dll", "bundle"), bundled, 2);
	protect(guest, 5008);
	/* the whole copy counts, whichever lies first */
	struct guest_process *parts = host(guest, 5012, "cmd.exe", "mscorwks.dll", "parts");
	const struct guest_image *partly = add_assembly(guest, "partly.dll", &file);
	uint64_t torn = load_array(parts, "part", partly, true);
	lose_names(parts, &file, torn);
	load_array(parts, "whole", partly, false);
	torn = load_array(parts, "torn", add_assembly(guest, "torn.dll", &file), false);
	lose_names(parts, &file, torn);
	load_copy(host(guest, 5016, "cmd.exe", "mono-2.0-bdwgc.dll", "mono"), "mono",
		  add_assembly(guest, "kept.dll", &file), false);
	/* the runtime is in the program itself */
	const struct guest_image *alone[] = {add_assembly(guest, "alone.dll", &file)};
	map_bundle(host(guest, 5024, "bundle.exe", NULL, "static-runtime"), alone, 1);
	/* without a runtime they are files like any other */
	load_array(host(guest, 5020, "cmd.exe", NULL, "no-runtime"), "no-runtime",
		   add_assembly(guest, "idle.dll", &file), true);
	if (guest->pointer == 8)
		start_wow64(guest, 5028);
	/* the array of the first was collected; of the second it is there, and nothing is wiped */
	const struct guest_image *wiped = add_assembly(guest, "wiped.dll", &file);
	load_protected(host(guest, 5032, "cmd.exe", "clr.dll", "wiped"), "wiped", wiped, &file,
		       false);
	struct guest_process *both = host(guest, 5036, "cmd.exe", "clr.dll", "wiped-both");
	load_protected(both, "wiped-both", wiped, &file, true);
	load_array(both, "not-wiped", wiped, false);
	struct guest_process *patched = host(guest, 5040, "cmd.exe", "clr.dll", "patched");
	const struct guest_image *original = add_assembly(guest, "patched.dll", &file);
	load_array(patched, "original", original, false);
	load_patched(patched, "patched", original, &file);
}

/* ----- Go ----- */

enum { GO_STANDARD = 700, GO_OWN = 60 };

/* Functions of a program: the standard library's, then its own, which differ by `seed`. */
static const char **name_functions(unsigned int seed, size_t *count)
{
	static const char *const packages[] = {"runtime", "internal/cpu", "fmt",     "net/http",
					       "os",	  "crypto/tls",	  "strings", "reflect"};
	static const char *const verbs[] = {"Get", "set", "Run", "Send", "open", "Load"};
	static const char *const things[] = {"File", "Key", "Host", "Shell", "Task", "User"};
	const char **names = util_alloc(GO_STANDARD + GO_OWN + 2, sizeof(*names));
	struct util_random r = {seed};
	names[(*count)++] = util_strdup("go.buildid");
	names[(*count)++] = util_strdup("internal/cpu.Initialize");
	for (unsigned int i = 0; i < GO_STANDARD; i++)
		names[(*count)++] = util_printf("%s.(*T%u).%s%s", packages[i % 8], i,
						verbs[i / 8 % 6], things[i / 48 % 6]);
	for (unsigned int i = 0; i < GO_OWN; i++)
		names[(*count)++] = util_printf("example.org/x%u/core.%s%s%u", seed,
						verbs[util_random_below(&r, 6)],
						things[util_random_below(&r, 6)], i);
	return names;
}

static void start_go(struct guest *guest, uint32_t pid, const char *name, enum go_version version,
		     bool wow64, struct go_program_file *file)
{
	/* it can't be moved: the writer makes no relocations */
	const bool plus = guest->pointer == 8 && !wow64;
	const uint64_t base = plus ? 0x140000000 : 0x10000000;
	size_t count = 0;
	const char **names = name_functions(pid, &count);
	go_program_write(
		&(struct go_plan){
			.version = version,
			.plus = plus,
			.base = base,
			.linked = true,
			.names = names,
			.count = count,
			.build_info =
				version < GO_1_18 ? GO_BUILD_INFO_POINTERS : GO_BUILD_INFO_INLINE,
			.go_version = "go1.19.8",
			.lines = "path\texample.org/x\nmod\texample.org/x\t(devel)\t\n",
		},
		file);
	for (size_t i = 0; i < count; i++)
		free((char *)(uintptr_t)names[i]);
	free(names);
	add_image(guest, name, file->data, file->size, wow64)->base = base;
	scenario_start(guest, pid, name, wow64);
}

/* What is wiped or changed in memory. */
enum go_wipe { GO_PLAIN, GO_NO_HEADERS, GO_OTHER_MAGIC, GO_NO_TABLE_HEADER };

void golang_start(struct guest *guest)
{
	static const struct {
		const char *name, *what;
		enum go_version version;
		enum go_wipe wipe;
		bool wow64;
	} programs[] = {
		{"go12.exe", "go-plain", GO_1_2, GO_PLAIN, false},
		{"go16.exe", "go-plain", GO_1_16, GO_PLAIN, false},
		{"go18.exe", "go-plain", GO_1_18, GO_PLAIN, false},
		{"go20.exe", "go-plain", GO_1_20, GO_PLAIN, false},
		{"gobare.exe", "go-no-headers", GO_1_20, GO_NO_HEADERS, false},
		{"gomagic.exe", "go-magic", GO_1_20, GO_OTHER_MAGIC, false},
		{"gowiped.exe", "go-no-table-header", GO_1_18, GO_NO_TABLE_HEADER, false},
		{"go32.exe", "go-plain", GO_1_20, GO_PLAIN, true},
		{"gomagic32.exe", "go-magic", GO_1_18, GO_OTHER_MAGIC, true},
	};
	for (uint32_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++) {
		struct go_program_file file;
		if (programs[i].wow64 && guest->pointer == 4)
			continue;
		start_go(guest, 5000 + 4 * i, programs[i].name, programs[i].version,
			 programs[i].wow64, &file);
		struct guest_process *process = scenario_process(guest, 5000 + 4 * i);
		struct guest_module *program = process->modules[0];
		process->damage = program->damage = programs[i].what;
		uint8_t *bytes = copy_image(program);
		if (programs[i].wipe == GO_NO_HEADERS)
			memset(bytes, 0, PAGE);
		else if (programs[i].wipe == GO_OTHER_MAGIC)
			util_put(bytes + file.table, 0x12345678, 4);
		else if (programs[i].wipe == GO_NO_TABLE_HEADER)
			memset(bytes + file.table, 0, file.header_size);
		change_image(process, program, bytes);
		free(bytes);
	}
}
