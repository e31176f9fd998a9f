/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The scenario "programs": PE files of the caller's, each in a process of its own, in which all
 * that it imports is loaded and its address table filled. What was done to it, options.treatment:
 *
 *	loaded		the loader loaded it, and nothing else
 *	names		written into a process by hand; descriptors, names and name tables are zero
 *	directories	the same, and what the header says of imports
 *	header		the same, and the whole first page
 *	heap		"directories", and its address table lies on the heap; code has its address
 *	variable	the same, but code takes the address from a variable
 *	calls		the same, but code calls through its slots
 *
 * options.programs is a line each: "program", a name that no other has, the path; or "beside" and a
 * DLL that every process loads as well. A process's `damage` is the name of its program.
 */
#include <writer/scenario.h>

enum {
	FIRST_PID = 5000,
	EXECUTE_READWRITE = 6,
	RELOCATIONS = 5,
	/* 32 bits: above where programs are linked for, which some can't leave */
	HEAP_32 = 0x1800000,
	HEAP_BEYOND =
		0x4000000, /* 64 bits: from such a program to the heap, which its code reaches */
};

enum treatment { LOADED, NAMES, DIRECTORIES, HEADER, HEAP, VARIABLE, CALLS, TREATMENTS };

static const char *const treatment_names[TREATMENTS] = {
	[LOADED] = "loaded", [NAMES] = "names", [DIRECTORIES] = "directories",
	[HEADER] = "header", [HEAP] = "heap",	[VARIABLE] = "variable",
	[CALLS] = "calls",
};

static enum treatment parse_treatment(const char *name)
{
	for (unsigned int i = 0; i < TREATMENTS; i++) {
		if (!strcmp(name, treatment_names[i]))
			return i;
	}
	util_die("--treatment %s: there is no such treatment", name);
}

struct list {
	char *text;
	char *beside[64];
	size_t beside_count;
	struct {
		const char *name, *path;
	} * programs;
	size_t count, capacity;
};

static struct list read_list(const char *path)
{
	struct list list = {0};
	size_t size;
	if (!path)
		util_die("the scenario needs --programs FILE");
	list.text = (char *)util_read_file(path, &size);
	if (!size || list.text[size - 1] != '\n')
		util_die("%s: its last line has no end", path);
	list.text[size - 1] = '\0';
	char *rest = list.text;
	for (char *line; (line = strsep(&rest, "\n"));) {
		const char *kind = strsep(&line, "\t");
		char *name = strsep(&line, "\t");
		if (name && !strcmp(kind, "beside")) {
			if (list.beside_count == sizeof(list.beside) / sizeof(list.beside[0]))
				util_die("%s: too many DLLs", path);
			list.beside[list.beside_count++] = name;
			continue;
		}
		if (!name || !line || strcmp(kind, "program"))
			util_die("%s: a line that is none: %s", path, kind);
		__auto_type program = util_push(list.programs, list.count, list.capacity);
		program->name = name;
		program->path = line;
	}
	return list;
}

/* Without relocations a program must lie where it was linked for. */
static uint64_t fixed_base(const struct pefile *pe)
{
	uint32_t size;
	return pefile_directory(pe, RELOCATIONS, &size) ? 0 : pe->image_base;
}

static struct guest_process *start(struct guest *guest, uint32_t pid, const char *name,
				   const struct guest_image *image, const struct list *list)
{
	uint64_t fixed = fixed_base(image->pe);
	struct guest_process *process =
		guest_process_new(guest, &(struct guest_process_options){
						 .name = name,
						 .folder = "C:\\Users\\k\\Downloads",
						 .pid = pid,
						 .ppid = 340,
						 .session = 1,
						 .heap = guest->pointer == 4 ? HEAP_32
							 : fixed	     ? fixed + HEAP_BEYOND
									     : 0,
					 });
	for (size_t i = 0; i < list->beside_count; i++)
		guest_load(process, list->beside[i]);
	return process;
}

static void load(struct guest *guest, uint32_t pid, struct guest_image *image,
		 const struct list *list)
{
	const char *dot = strrchr(image->name, '.');
	bool program = dot && util_same_name(dot, ".exe");
	/* one after the other, many of them would find no room below the heaps */
	image->base =
		program && guest->pointer == 4 ? image->pe->image_base : fixed_base(image->pe);
	struct guest_process *process =
		start(guest, pid, program ? image->name : "cmd.exe", image, list);
	struct guest_module *module =
		program ? process->modules[0] : guest_load(process, image->name);
	process->damage = image->name;
	guest_note_slots(process, image->name, image, module->base);
}

static void inject(struct guest *guest, uint32_t pid, struct guest_image *image,
		   enum treatment treatment, const struct list *list)
{
	struct guest_process *process = start(guest, pid, "cmd.exe", image, list);
	const char *name = process->damage = image->name;
	uint64_t base = guest_inject(process,
				     &(struct guest_injection){
					     .name = name,
					     .kind = "reflective",
					     .image = image,
					     .base = fixed_base(image->pe),
					     .protection = EXECUTE_READWRITE,
					     .wiped = treatment == HEADER,
					     .flags = treatment == HEADER ? "no-header" : NULL,
				     })
				->base;
	if (treatment >= HEAP)
		guest_table_on_heap(process, name, image, base,
				    treatment == HEAP	    ? GUEST_REACH_NUMBER
				    : treatment == VARIABLE ? GUEST_REACH_VARIABLE
							    : GUEST_REACH_CALLS);
	else
		guest_note_slots(process, name, image, base);
	if (treatment == NAMES)
		guest_erase_names(process->space, image, base);
	else
		guest_erase_imports(process->space, image, base);
}

void programs_start(struct guest *guest)
{
	enum treatment treatment = parse_treatment(guest->options.treatment);
	struct list list = read_list(guest->options.programs);
	for (size_t i = 0; i < list.count; i++) {
		size_t size;
		uint8_t *data = util_read_file(list.programs[i].path, &size);
		struct guest_image *image =
			guest_add_image(guest, list.programs[i].name, data, size);
		uint32_t pid = FIRST_PID + 4 * (uint32_t)i;
		if (image->pe->pe32_plus != (guest->pointer == 8))
			util_die("%s is of another architecture", list.programs[i].path);
		if (treatment == LOADED)
			load(guest, pid, image, &list);
		else
			inject(guest, pid, image, treatment, &list);
	}
	free(list.programs);
	free(list.text);
}
