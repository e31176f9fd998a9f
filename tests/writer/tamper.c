/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What becomes of address tables at run time: filled by a packer's stub, hooked, without their
 * names, resolved late, or made on the heap. See guest.h.
 */
#include <writer/guest.h>

#include <writer/packer.h>

enum { GRANULARITY = 0x10000, EXECUTE_READ = 3, READWRITE = 4, EXECUTE_READWRITE = 6 };

/* Bytes of a slot of the process's programs. */
static unsigned int width_of(const struct guest_process *process)
{
	return process->wow64 ? 4 : process->guest->pointer;
}

static uint64_t resolve(void *context, const char *dll, const char *function, uint32_t ordinal)
{
	uint64_t address = guest_resolve(context, dll, function, ordinal);
	if (!address)
		util_die("a packed program imports %s!%s, which is not there", dll, function);
	return address;
}

void guest_unpack(struct guest_process *process, const struct guest_module *program)
{
	size_t size = program->image->pe->size;
	uint8_t *bytes = util_alloc(size, 1);
	paging_read(process->space, program->base, bytes, size);
	packer_run(bytes, size, program->base, resolve, process);
	paging_write(process->space, program->base, bytes, size);
	free(bytes);
}

static struct guest_slot *note(struct guest_process *process, const char *name, uint64_t slot,
			       const char *dll, const char *function)
{
	struct guest_slot *noted =
		util_push(process->slots, process->slot_count, process->slot_capacity);
	*noted = (struct guest_slot){
		.name = name,
		.slot = slot,
		.target = paging_get(process->space, slot, width_of(process)),
		.dll = dll,
		.function = function,
	};
	return noted;
}

void guest_note_slots(struct guest_process *process, const char *name,
		      const struct guest_image *image, uint64_t base)
{
	for (size_t i = 0; i < image->pe->import_count; i++) {
		const struct pefile_import *import = &image->pe->imports[i];
		struct guest_slot *noted =
			note(process, name, base + import->slot, import->dll, import->function);
		noted->ordinal = import->ordinal;
		noted->import = image->imports ? image->imports[i] : NULL;
	}
}

static void zero(struct paging *space, uint64_t va, uint64_t size)
{
	for (uint64_t i = 0; i < size; i++)
		paging_put(space, va + i, 0, 1);
}

/* Gives a process pages of its own, where it shares them with others that map the file. */
static void own_pages(struct paging *space, const struct guest_image *image, uint64_t base)
{
	for (uint64_t rva = 0; rva < image->pe->size; rva += PAGE) {
		uint64_t physical;
		if (!image->section || base != image->base || image->patched[rva / PAGE] ||
		    (image->flags[rva / PAGE] & PAGE_WRITE) ||
		    (image->flags[rva / PAGE] & PAGE_EXECUTE) ||
		    !paging_translate(space, base + rva, &physical))
			continue;
		uint8_t bytes[PAGE];
		paging_read(space, base + rva, bytes, sizeof(bytes));
		paging_map_new(space, base + rva, PAGE,
			       image->flags[rva / PAGE] | PAGE_USER | PAGE_DIRTY);
		paging_write(space, base + rva, bytes, sizeof(bytes));
	}
}

void guest_erase_names(struct paging *space, const struct guest_image *image, uint64_t base)
{
	const struct pefile *pe = image->pe;
	const unsigned int width = pe->pe32_plus ? 8 : 4;
	uint32_t size, at = pefile_directory(pe, 1, &size);
	own_pages(space, image, base);
	for (; at && util_get(pe->mapped + at + 12, 4); at += 20) {
		/* without a name table the address table has the names, as long as it isn't filled */
		uint64_t table = util_get(pe->mapped + at, 4);
		uint64_t names = table ? table : util_get(pe->mapped + at + 16, 4);
		uint64_t dll = util_get(pe->mapped + at + 12, 4), value;
		zero(space, base + dll, strlen((const char *)pe->mapped + dll));
		for (; (value = util_get(pe->mapped + names, width)); names += width) {
			if (!(value >> (8 * width - 1)))
				zero(space, base + value,
				     2 + strlen((const char *)pe->mapped + value + 2));
			if (table)
				zero(space, base + names, width);
		}
		zero(space, base + at, 20);
	}
}

void guest_erase_imports(struct paging *space, const struct guest_image *image, uint64_t base)
{
	const struct pefile *pe = image->pe;
	guest_erase_names(space, image, base);
	uint64_t directories = base + pe->nt + 24 + (pe->pe32_plus ? 112 : 96);
	zero(space, directories + 8, 8);
	zero(space, directories + 12 * 8, 8);
}

/* A free range of one page that a 32-bit jump to `target` reaches. */
static uint64_t region_near(struct guest_process *process, uint64_t target)
{
	uint64_t va = target / GRANULARITY * GRANULARITY;
	do
		va -= GRANULARITY;
	while (guest_vad_find(process, va) || guest_vad_find(process, va + PAGE));
	guest_vad_add(process, va, PAGE, EXECUTE_READ)->commit = true;
	paging_map_new(process->space, va, PAGE, PAGE_USER | PAGE_EXECUTE);
	return va;
}

/* Code that goes on at `target`; the kinds differ in how. */
static void put_jump(struct guest_process *process, uint64_t va, uint64_t target, unsigned int kind)
{
	const unsigned int pointer = width_of(process);
	uint8_t code[16] = {0xe9};
	util_put(code + 1, target - (va + 5), 4);
	if (kind % 3 == 1 && pointer == 8) { /* mov rax, imm64; jmp rax */
		memcpy(code, (const uint8_t[]){0x48, 0xb8}, 2);
		util_put(code + 2, target, 8);
		memcpy(code + 10, (const uint8_t[]){0xff, 0xe0}, 2);
	} else if (kind % 3 == 1) { /* push imm32; ret */
		code[0] = 0x68;
		util_put(code + 1, target, 4);
		code[5] = 0xc3;
	} else if (kind % 3 == 2 && pointer == 8) { /* jmp [rip] */
		memcpy(code, (const uint8_t[]){0xff, 0x25, 0, 0, 0, 0}, 6);
		util_put(code + 6, target, 8);
	} else if (kind % 3 == 2) { /* mov eax, imm32; jmp eax */
		code[0] = 0xb8;
		util_put(code + 1, target, 4);
		memcpy(code + 5, (const uint8_t[]){0xff, 0xe0}, 2);
	}
	paging_write(process->space, va, code, sizeof(code));
}

static void note_target(struct guest_process *process, const struct guest_module *module,
			uint64_t start, uint64_t size)
{
	for (size_t i = 0; i < process->hook_target_count; i++) {
		if (process->hook_targets[i].start != start)
			continue;
		process->hook_targets[i].slots++;
		return;
	}
	struct guest_hook_target *target = util_push(
		process->hook_targets, process->hook_target_count, process->hook_target_capacity);
	*target = (struct guest_hook_target){module->name, start, size, 1};
}

/* Leads slot number `number` of those that are hooked elsewhere; returns where to. */
static uint64_t lead(struct guest_process *process, const struct guest_module *module,
		     enum guest_hooks how, uint64_t region, uint64_t target, unsigned int number)
{
	uint64_t va = region + number * 0x48; /* three functions further */
	uint64_t size = PAGE;
	unsigned int kind = number;
	if (how == GUEST_HOOKS_NEAR) {
		region = region_near(process, target);
		va = region + 0x40;
	} else if (how == GUEST_HOOKS_PAGE) {
		kind = 1 + number % 2; /* near jumps don't reach */
	} else if (how == GUEST_HOOKS_INTO) {
		va += PAGE;
		size = 0;
	}
	if (how == GUEST_HOOKS_NEAR || how == GUEST_HOOKS_PAGE)
		put_jump(process, va, target, kind);
	note_target(process, module, region, size);
	return va;
}

void guest_hook(struct guest_process *process, const struct guest_module *module,
		enum guest_hooks how, uint64_t into)
{
	enum { EVERY = 20, AT = 5 }; /* one of 20: five percent */
	struct paging *space = process->space;
	unsigned int kind = 0;
	uint64_t region = into;
	if (how == GUEST_HOOKS_LOST) {
		region = guest_region_new32(process, PAGE, EXECUTE_READ, PAGE_EXECUTE,
					    process->wow64);
		guest_put_code(process, region, PAGE);
	} else if (how == GUEST_HOOKS_PAGE) {
		region = guest_region_new32(process, PAGE, READWRITE, PAGE_WRITE, process->wow64);
	}
	for (size_t i = AT; i < process->slot_count; i += EVERY, kind++) {
		struct guest_slot *slot = &process->slots[i];
		uint64_t target = paging_get(space, slot->slot, width_of(process));
		paging_put(space, slot->slot, lead(process, module, how, region, target, kind),
			   width_of(process));
		slot->hooked = true;
		slot->lost = how == GUEST_HOOKS_LOST || how == GUEST_HOOKS_INTO;
	}
	if (kind < 3)
		util_die("too few slots to hook one in %d in every way", EVERY);
}

void guest_resolve_delayed(struct guest_process *process, const struct guest_image *image,
			   uint64_t base, unsigned int every)
{
	const struct pefile *pe = image->pe;
	const unsigned int width = pe->pe32_plus ? 8 : 4;
	uint32_t size, at = pefile_directory(pe, 13, &size);
	for (; at && util_get(pe->mapped + at + 4, 4); at += 32) {
		const char *dll = (const char *)pe->mapped + util_get(pe->mapped + at + 4, 4);
		uint64_t slots = util_get(pe->mapped + at + 12, 4), value;
		uint64_t names = util_get(pe->mapped + at + 16, 4);
		for (uint64_t i = 0; (value = util_get(pe->mapped + names + i * width, width));
		     i++) {
			if (i % every)
				continue;
			const char *function = (const char *)pe->mapped + value + 2;
			paging_put(process->space, base + slots + i * width,
				   guest_resolve(process, dll, function, 0), width);
		}
	}
}

/* An instruction with an operand in memory: relative to what follows it, or (32 bits) absolute. */
static void put_operand(struct guest_process *process, uint64_t at, uint16_t instruction,
			uint64_t operand)
{
	const bool wide = process->guest->pointer == 8;
	if (wide && (operand - (at + 6) + (UINT64_C(1) << 31)) >> 32)
		util_die("%s: code does not reach its table", process->damage);
	paging_put(process->space, at, instruction, 2);
	paging_put(process->space, at + 2, wide ? operand - (at + 6) : operand, 4);
}

/* mov rbx (ebx), [variable] */
static void put_load_of(struct guest_process *process, uint64_t at, uint64_t variable)
{
	if (process->guest->pointer == 8)
		paging_put(process->space, at++, 0x48, 1);
	put_operand(process, at, 0x1d8b, variable);
}

/* call [slot], for `count` slots, in the largest section that runs. */
static void put_calls(struct guest_process *process, const struct pefile *pe, uint64_t base,
		      const struct guest_slot *slots, size_t count)
{
	const struct pefile_section *largest = NULL;
	for (size_t i = 0; i < pe->section_count; i++) {
		const struct pefile_section *section = &pe->sections[i];
		if (section->flags & PEFILE_EXECUTE && (!largest || section->size > largest->size))
			largest = section;
	}
	if (!largest || largest->size < 8 * count)
		util_die("%s: its code has no room for %zu calls", process->damage, count);
	for (size_t i = 0; i < count; i++) {
		put_operand(process, base + largest->rva + 8 * i, 0x15ff, slots[i].slot);
		paging_put(process->space, base + largest->rva + 8 * i + 6, 0x9090, 2);
	}
}

/* Where an image's own code begins: its entry point, or else its first section that runs. */
static uint32_t code_of(const struct pefile *pe)
{
	if (pe->entry_point)
		return pe->entry_point;
	for (size_t i = 0; i < pe->section_count; i++) {
		if (pe->sections[i].flags & PEFILE_EXECUTE)
			return pe->sections[i].rva;
	}
	util_die("a file without code");
}

/* mov rbx (ebx), value; returns what lies behind it. */
static uint64_t put_load(struct guest_process *process, uint64_t at, uint64_t value)
{
	if (process->guest->pointer == 8)
		paging_put(process->space, at++, 0x48, 1);
	paging_put(process->space, at, 0xbb, 1);
	paging_put_pointer(process->space, at + 1, value);
	return at + 1 + process->guest->pointer;
}

void guest_table_on_heap(struct guest_process *process, const char *name,
			 const struct guest_image *image, uint64_t base, enum guest_reach reach)
{
	const struct pefile *pe = image->pe;
	const unsigned int width = process->guest->pointer;
	struct paging *space = process->space;
	guest_heap_alloc(process, 0x60);
	uint64_t table = guest_heap_alloc(process, (pe->import_count * 2 + 1) * width);
	uint64_t slot = table;
	guest_heap_alloc(process, 0x60);
	size_t first = process->slot_count;
	for (size_t i = 0; i < pe->import_count; i++, slot += width) {
		const struct pefile_import *import = &pe->imports[i];
		uint64_t own = base + import->slot;
		slot += i && strcmp(import->dll, pe->imports[i - 1].dll) ? width : 0;
		paging_put_pointer(space, slot, paging_get_pointer(space, own));
		paging_put_pointer(space, own, 0);
		struct guest_slot *noted = note(process, name, slot, import->dll, import->function);
		noted->ordinal = import->ordinal;
		noted->import = image->imports ? image->imports[i] : NULL;
	}
	uint64_t variable = base + pe->imports[0].slot;
	if (reach == GUEST_REACH_VARIABLE) {
		paging_put_pointer(space, variable, table);
		put_load_of(process, base + code_of(pe), variable);
	} else if (reach == GUEST_REACH_CALLS) {
		put_calls(process, pe, base, process->slots + first, pe->import_count);
	} else {
		put_load(process, base + code_of(pe), table);
	}
}

/* Addresses of what it needs, at `table`, and code that loads its address and calls through it. */
static void fill_blob(struct guest_process *process, const char *name, uint64_t code,
		      uint64_t table)
{
	static const struct {
		const char *dll;
		const char *function;
		uint32_t ordinal;
	} wanted[] = {
		{"KERNEL32.dll", "LoadLibraryA", 0},
		{"KERNEL32.dll", "VirtualAlloc", 0},
		{"KERNEL32.dll", "VirtualProtect", 0},
		{"KERNEL32.dll", "HeapAlloc", 0},
		{"KERNEL32.dll", "CreateThread", 0},
		{"KERNEL32.dll", "ExitProcess", 0},
		{"KERNEL32.dll", "GetTempPathW", 0},
		{"WININET.dll", "InternetOpenA", 0},
		{"WININET.dll", "InternetConnectA", 0},
		{"WININET.dll", "HttpOpenRequestA", 0},
		{"WININET.dll", "HttpSendRequestA", 0},
		{"WININET.dll", "InternetReadFile", 0},
		{"WS2_32.dll", NULL, 115},
		{"WS2_32.dll", NULL, 23},
		{"WS2_32.dll", NULL, 4},
	};
	enum { COUNT = sizeof(wanted) / sizeof(wanted[0]) };
	const unsigned int width = process->guest->pointer;
	struct paging *space = process->space;
	/* then call [rbx + n] */
	uint64_t at = put_load(process, code + 0x800, table);
	for (uint32_t i = 0; i < COUNT; i++, at += 8) {
		uint64_t slot = table + i * width;
		paging_put_pointer(space, slot,
				   guest_resolve(process, wanted[i].dll, wanted[i].function,
						 wanted[i].ordinal));
		note(process, name, slot, wanted[i].dll, wanted[i].function)->ordinal =
			wanted[i].ordinal;
		paging_put(space, at, 0x93ff, 2);
		paging_put(space, at + 2, i * width, 4);
		paging_put(space, at + 6, 0x9090, 2);
	}
}

void guest_blob(struct guest_process *process, const char *name)
{
	enum { SIZE = 0x3000, TABLE = 0x200 };
	uint64_t code =
		guest_jit(process, name, SIZE, EXECUTE_READWRITE, PAGE_WRITE | PAGE_EXECUTE);
	guest_heap_alloc(process, 0x60);
	uint64_t table = guest_heap_alloc(process, TABLE);
	guest_heap_alloc(process, 0x60);
	fill_blob(process, name, code, table);
}

void guest_blobs_side_by_side(struct guest_process *process, const char *around, const char *beside,
			      const struct guest_image *image)
{
	enum { ROOM = 0x2000, TABLE = 0x40 };
	const struct guest_injection inner =
		*guest_inject(process, &(struct guest_injection){
					       .kind = "reflective",
					       .image = image,
					       .protection = EXECUTE_READWRITE,
					       .offset = ROOM,
				       });
	*util_push(process->decoys, process->decoy_count, process->decoy_capacity) =
		(struct guest_decoy){around, inner.region, inner.region_size};
	uint64_t table = inner.region + inner.region_size - PAGE + TABLE;
	guest_put_code(process, inner.region, PAGE);
	for (uint64_t at = 0; at < PAGE; at += 8)
		paging_put(process->space, inner.region + inner.region_size - PAGE + at, 0, 8);
	fill_blob(process, around, inner.region, table);
	guest_blob(process, beside);
	uint64_t code = process->decoys[process->decoy_count - 1].start;
	put_load(process, code + 0x400, table);
	put_load(process, code + 0x420, inner.base + image->pe->imports[0].slot);
}
