/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Code that no loader put there: PE files written into a process by hand, programs replaced by
 * others, code of modules overwritten, and what only looks like it. See guest.h.
 */
#include <writer/guest.h>

enum { GRANULARITY = 0x10000, PROTECTION_READWRITE = 4, PROTECTION_EXECUTE_READWRITE = 6 };

/* A PE file's bytes as they are to lie at `base`. */
static uint8_t *content(const struct guest_image *image, const struct guest_injection *injection,
			uint64_t *size)
{
	const uint8_t *from = injection->raw ? image->data : image->pe->mapped;
	*size = injection->raw ? image->data_size : image->pe->size;
	uint8_t *bytes = util_alloc(*size, 1);
	memcpy(bytes, from, *size);
	if (!injection->raw)
		pefile_relocate(image->pe, bytes, injection->base);
	return bytes;
}

/* The pages' flags as VirtualProtect made them, section by section. */
static void protect_sections(struct guest_process *process, const struct guest_injection *injection)
{
	const struct pefile *pe = injection->image->pe;
	struct paging *space = process->space;
	for (uint64_t rva = 0; rva < pe->size; rva += PAGE) {
		uint64_t physical;
		unsigned int flags = PAGE_USER | PAGE_DIRTY;
		for (size_t i = 0; i < pe->section_count; i++) {
			const struct pefile_section *s = &pe->sections[i];
			if (rva - s->rva >= util_round_up(s->size, PAGE) || rva < s->rva)
				continue;
			flags |= s->flags & PEFILE_EXECUTE ? PAGE_EXECUTE : 0;
			flags |= s->flags & PEFILE_WRITE ? PAGE_WRITE : 0;
		}
		if (paging_translate(space, injection->base + rva, &physical))
			paging_map(space, injection->base + rva, physical, flags);
	}
}

/* A section, all pages of it mapped; `below` is guest_area32()'s. */
static uint64_t map_section(struct guest_process *process, const char *file, uint64_t size,
			    unsigned int protection, unsigned int flags, bool below)
{
	struct guest *guest = process->guest;
	struct guest_section *section =
		guest_section_new(guest, file, util_round_up(size, PAGE) / PAGE, protection);
	uint64_t va = guest_area32(process, size, below);
	guest_vad_add_view(process, va, section);
	for (size_t i = 0; i < section->pages; i++) {
		section->frames[i] = ram_take(guest->ram);
		paging_map(process->space, va + i * PAGE, section->frames[i], PAGE_USER | flags);
	}
	return va;
}

uint64_t guest_map_data(struct guest_process *process, const char *file, const uint8_t *bytes,
			size_t size, unsigned int protection, unsigned int flags)
{
	uint64_t va = map_section(process, file, size, protection, flags, true);
	paging_write(process->space, va, bytes, size);
	return va;
}

/* What lies around a PE in a blob: bytes of no meaning. */
static void fill_noise(struct guest_process *process, uint64_t va, uint64_t size)
{
	for (uint64_t at = 0; at + 8 <= size; at += 8)
		paging_put(process->space, va + at,
			   util_random(&process->guest->random) | UINT64_C(0x0101010101010101), 8);
}

static uint64_t place(struct guest_process *process, const struct guest_injection *how,
		      uint64_t size)
{
	unsigned int flags = PAGE_WRITE | (how->data ? 0 : PAGE_EXECUTE);
	if (how->mapped)
		return map_section(process, NULL, size, PROTECTION_EXECUTE_READWRITE,
				   PAGE_WRITE | PAGE_EXECUTE, false);
	if (!how->base)
		return guest_region_new32(process, size, how->protection, flags,
					  !how->image->pe->pe32_plus);
	guest_vad_add(process, how->base, size, how->protection)->commit = true;
	paging_map_new(process->space, how->base, util_round_up(size, PAGE), flags | PAGE_USER);
	return how->base;
}

struct guest_injection *guest_inject(struct guest_process *process,
				     const struct guest_injection *how)
{
	struct guest_injection *injection = util_push(process->injections, process->injection_count,
						      process->injection_capacity);
	*injection = *how;
	const struct guest_image *image = how->image;
	uint64_t size = how->raw ? image->data_size : image->pe->size;
	injection->region = place(process, how, size + 2 * how->offset);
	injection->region_size = util_round_up(size + 2 * how->offset, PAGE);
	injection->base = injection->region + how->offset;
	injection->size = size;
	if (how->offset)
		fill_noise(process, injection->region, injection->region_size);
	uint8_t *bytes = content(image, injection, &size);
	paging_write(process->space, injection->base, bytes, size);
	free(bytes);
	if (!how->raw && !how->data)
		guest_link_injection(process, injection);
	if (how->wiped) {
		static const uint8_t zeros[0x1000];
		paging_write(process->space, injection->base, zeros, sizeof(zeros));
	}
	if (how->sections)
		protect_sections(process, injection);
	return injection;
}

/* Takes a module's view out of the process. */
void guest_unmap(struct guest_process *process, const struct guest_module *module)
{
	for (uint64_t rva = 0; rva < module->image->pe->size; rva += PAGE)
		paging_set_entry(process->space, module->base + rva, 0);
	guest_vad_remove(process, module->base);
}

void guest_stomp(struct guest_process *process, struct guest_module *module, unsigned int pages)
{
	const struct guest_image *image = module->image;
	struct guest *guest = process->guest;
	for (size_t page = 0; page < image->pe->size / PAGE && module->stomped < pages; page++) {
		if (!(image->flags[page] & PAGE_EXECUTE) || image->patched[page] ||
		    (image->flags[page] & PAGE_WRITE))
			continue;
		uint64_t va = module->base + page * PAGE, frame = ram_take(guest->ram);
		memcpy(ram_at(guest->ram, frame), image->relocated + page * PAGE, PAGE);
		paging_map(process->space, va, frame, PAGE_USER | PAGE_EXECUTE | PAGE_DIRTY);
		guest_put_code(process, va + 0x80, 0x700);
		module->stomped++;
	}
	if (module->stomped < pages)
		util_die("%s has no %u pages of code", module->name, pages);
}

void guest_put_code(struct guest_process *process, uint64_t va, uint64_t size)
{
	/* push rbp; mov rbp, rsp; sub rsp, 0x20; xor eax, eax; test ecx, ecx; jz +5; inc eax; dec
	 * ecx; nop; leave; ret; int3 */
	static const uint8_t function[] = {0x55, 0x48, 0x89, 0xe5, 0x48, 0x83, 0xec, 0x20,
					   0x31, 0xc0, 0x85, 0xc9, 0x74, 0x05, 0xff, 0xc0,
					   0xff, 0xc9, 0x90, 0xc9, 0xc3, 0xcc, 0xcc, 0xcc};
	for (uint64_t at = 0; at + sizeof(function) <= size; at += sizeof(function)) {
		paging_write(process->space, va + at, function, sizeof(function));
		paging_put(process->space, va + at + 7,
			   8 * (1 + util_random_below(&process->guest->random, 15)), 1);
	}
}

uint64_t guest_jit(struct guest_process *process, const char *name, uint64_t size,
		   unsigned int protection, unsigned int flags)
{
	uint64_t va = guest_region_new(process, size, protection, flags);
	guest_put_code(process, va, size / 2);
	struct guest_decoy *decoy =
		util_push(process->decoys, process->decoy_count, process->decoy_capacity);
	*decoy = (struct guest_decoy){.name = name, .start = va, .size = size};
	return va;
}
