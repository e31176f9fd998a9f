/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The image writer itself: an own walk of the page tables in the written file leads back to the
 * bytes that were put in; every format holds the same memory; damage is where the truth says.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "written.h"

static void layouts_are_looked_up_by_name(void **state)
{
	(void)state;
	struct layout *layout = layout_load(STRUCTS, "19041", "x64", NULL);
	assert_int_equal(offset_of(layout, "_EPROCESS", "UniqueProcessId"), 0x440);
	assert_int_equal(size_of(layout, "_EPROCESS"), 0xa40);
	assert_false(layout_has(layout, "_EPROCESS", "NoSuchMember"));
	const struct layout_field *field = layout_find(layout, "_MMPTE_SOFTWARE", "PageFileHigh");
	assert_int_equal(field->bit, 32);
	assert_int_equal(field->bits, 32);
	uint8_t pte[8] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
	layout_put_bits(layout, "_MMPTE_SOFTWARE", "PageFileLow", pte, 2);
	assert_int_equal(util_get(pte, 8), UINT64_C(0xffffffffffff2fff));
	layout_free(layout);
}

/* Every process is reached through the ring and has its name, PEB and modules where it says. */
static void check_ring(const struct guest *guest, const struct written *raw)
{
	const struct layout *l = guest->layout;
	uint64_t dtb = paging_root(guest->kernel);
	uint64_t head = guest_symbol(guest, "PsActiveProcessHead");
	uint64_t links = offset_of(l, "_EPROCESS", "ActiveProcessLinks");
	uint64_t at = read_at(raw, dtb, head, 8);
	for (size_t i = 0; i < guest->process_count; i++) {
		const struct guest_process *process = guest->processes[i];
		assert_int_equal(at, process->eprocess + links);
		uint64_t own = read_at(
			raw, dtb,
			process->eprocess + offset_of(l, "_KPROCESS", "DirectoryTableBase"), 8);
		assert_int_equal(own & ~UINT64_C(0xfff), paging_root(process->space));
		assert_int_equal(
			read_at(raw, own,
				process->eprocess + offset_of(l, "_EPROCESS", "UniqueProcessId"),
				8),
			process->pid);
		if (process->peb)
			assert_int_equal(
				read_at(raw, own,
					process->peb + offset_of(l, "_PEB", "ImageBaseAddress"), 8),
				process->modules[0]->base);
		at = read_at(raw, dtb, at, 8);
	}
	assert_int_equal(at, head);
}

/* What a module's pages hold is the relocated file, but for its address table. */
static void check_modules(const struct guest *guest, const struct written *raw)
{
	for (size_t i = 0; i < guest->process_count; i++) {
		const struct guest_process *process = guest->processes[i];
		for (size_t k = 0; k < process->module_count; k++) {
			const struct guest_module *module = process->modules[k];
			const struct guest_image *image = module->image;
			for (size_t page = 0; page < image->pe->size / PAGE; page++) {
				uint64_t physical = walk(raw, paging_root(process->space),
							 module->base + page * PAGE);
				assert_true(physical != 0);
				if (!image->patched[page])
					assert_memory_equal(raw->data + physical,
							    image->relocated + page * PAGE, PAGE);
			}
		}
	}
}

static void own_walk_finds_what_was_put_in(void **state)
{
	(void)state;
	static const char *const builds[] = {"7601", "9600", "10240", "19041", "26100"};
	for (size_t i = 0; i < sizeof(builds) / sizeof(builds[0]); i++) {
		struct guest *guest = new_guest(builds[i], "demo");
		struct written raw = write_as(guest, "raw");
		assert_int_equal(raw.size, ram_end(guest->ram));
		check_ring(guest, &raw);
		check_modules(guest, &raw);
		drop(&raw);
		guest_free(guest);
	}
}

static void imports_lead_to_exports(void **state)
{
	(void)state;
	struct guest *guest = new_guest("19041", "demo");
	const struct guest_module *program = module_of(guest, 4012, "invoice.exe");
	const struct guest_module *ntdll = module_of(guest, 4012, "ntdll.dll");
	const struct guest_module *sockets = module_of(guest, 4012, "ws2_32.dll");
	const struct paging *space = scenario_process(guest, 4012)->space;
	size_t forwarded = 0, by_ordinal = 0;
	for (size_t i = 0; i < program->image->pe->import_count; i++) {
		const struct pefile_import *import = &program->image->pe->imports[i];
		uint64_t slot = paging_get(space, program->base + import->slot, 8);
		if (import->function && !strcmp(import->function, "HeapAlloc")) {
			const struct pefile_export *target =
				pefile_find_export(ntdll->image->pe, "RtlAllocateHeap");
			assert_int_equal(slot, ntdll->base + target->rva);
			forwarded++;
		} else if (!import->function && import->ordinal == 115) {
			const struct pefile_export *target =
				pefile_find_ordinal(sockets->image->pe, 115);
			assert_int_equal(slot, sockets->base + target->rva);
			by_ordinal++;
		}
	}
	assert_true(forwarded && by_ordinal);
	/* the list in the truth has an entry an import */
	assert_int_equal(program->image->import_count, program->image->pe->import_count);
	guest_free(guest);
}

static void shared_pages_share_frames(void **state)
{
	(void)state;
	struct guest *guest = new_guest("18362", "plain");
	const struct guest_module *one = module_of(guest, 728, "kernel32.dll");
	const struct guest_module *two = module_of(guest, 2212, "kernel32.dll");
	const struct guest_image *image = one->image;
	assert_int_equal(one->base, two->base);
	size_t shared = 0, copies = 0;
	for (size_t page = 0; page < image->pe->size / PAGE; page++) {
		uint64_t a, b, va = one->base + page * PAGE;
		assert_true(paging_translate(scenario_process(guest, 728)->space, va, &a));
		assert_true(paging_translate(scenario_process(guest, 2212)->space, va, &b));
		bool copied = image->patched[page] || (image->flags[page] & PAGE_WRITE);
		assert_int_equal(a != b, copied);
		*(copied ? &copies : &shared) += 1;
	}
	assert_true(shared && copies);
	guest_free(guest);
}

/* Copies a range out of a file to where it belongs in `memory`. */
static void place(uint8_t *memory, size_t size, uint64_t address, const struct written *file,
		  uint64_t offset, uint64_t length)
{
	assert_true(address + length <= size && offset + length <= file->size);
	memcpy(memory + address, file->data + offset, length);
}

static void unpack_raw(const struct written *file, uint8_t *memory, size_t size)
{
	place(memory, size, 0, file, 0, file->size);
}

static void unpack_lime(const struct written *file, uint8_t *memory, size_t size)
{
	for (uint64_t at = 0; at < file->size;) {
		assert_int_equal(get(file, at, 4), 0x4c694d45);
		assert_int_equal(get(file, at + 4, 4), 1);
		uint64_t start = get(file, at + 8, 8), end = get(file, at + 16, 8);
		place(memory, size, start, file, at + 32, end + 1 - start);
		at += 32 + end + 1 - start;
	}
}

static void unpack_dump(const struct written *file, uint8_t *memory, size_t size)
{
	assert_memory_equal(file->data, "PAGEDU64", 8);
	assert_int_equal(get(file, 0xf98, 4), 1);
	uint64_t at = 0x2000, pages = 0;
	for (uint64_t i = 0; i < get(file, 0x88, 4); i++) {
		uint64_t first = get(file, 0x98 + 16 * i, 8), count = get(file, 0xa0 + 16 * i, 8);
		place(memory, size, first * PAGE, file, at, count * PAGE);
		at += count * PAGE;
		pages += count;
	}
	assert_int_equal(at, file->size);
	assert_int_equal(pages, get(file, 0x90, 8));
}

static void unpack_bitmap(const struct written *file, uint8_t *memory, size_t size)
{
	assert_memory_equal(file->data, "PAGEDU64", 8);
	assert_int_equal(get(file, 0xf98, 4), 5);
	assert_memory_equal(file->data + 0x2000, "SDMPDUMP", 8);
	uint64_t at = get(file, 0x2020, 8), pages = 0;
	for (uint64_t i = 0; i < get(file, 0x2030, 8); i++) {
		if (!(get(file, 0x2038 + i / 8, 1) >> i % 8 & 1))
			continue;
		place(memory, size, i * PAGE, file, at, PAGE);
		at += PAGE;
		pages++;
	}
	assert_int_equal(at, file->size);
	assert_int_equal(pages, get(file, 0x2028, 8));
}

static void unpack_elf(const struct written *file, uint8_t *memory, size_t size)
{
	assert_memory_equal(file->data, "\177ELF\2\1\1", 7);
	assert_int_equal(get(file, 16, 2), 4); /* ET_CORE */
	uint64_t segment = get(file, 32, 8), end = 0;
	for (uint64_t i = 0; i < get(file, 56, 2); i++, segment += 56) {
		uint64_t offset = get(file, segment + 8, 8), length = get(file, segment + 32, 8);
		if (get(file, segment, 4) == 1) /* PT_LOAD */
			place(memory, size, get(file, segment + 24, 8), file, offset, length);
		end = offset + length;
	}
	assert_int_equal(end, file->size);
}

/* The data of the first tag of that name in the file, whose indices are `index` alone or 0. */
static uint64_t vmware_tag(const struct written *file, const char *name, uint32_t index)
{
	const size_t length = strlen(name);
	for (uint64_t at = 0; at + length + 32 < file->size && at < 8192; at++) {
		uint64_t indices = get(file, at, 1) >> 6;
		if (get(file, at + 1, 1) == length && !memcmp(file->data + at + 2, name, length) &&
		    (!indices || get(file, at + 2 + length, 4) == index))
			return at + 2 + length + 4 * indices;
	}
	fail_msg("no tag %s", name);
	return 0;
}

static void unpack_vmsn(const struct written *file, uint8_t *memory, size_t size)
{
	assert_int_equal(get(file, 0, 4), 0xbed2bed2);
	uint64_t block = vmware_tag(file, "Memory", 0), end = 0;
	uint64_t data = block + 18 + get(file, block + 16, 2);
	assert_int_equal(data % PAGE, 0);
	for (uint32_t i = 0; i < get(file, vmware_tag(file, "regionsCount", 0), 4); i++) {
		uint64_t start = get(file, vmware_tag(file, "regionPPN", i), 4) * PAGE;
		uint64_t from = get(file, vmware_tag(file, "regionPageNum", i), 4) * PAGE;
		uint64_t length = get(file, vmware_tag(file, "regionSize", i), 4) * PAGE;
		assert_int_equal(from, end);
		place(memory, size, start, file, data + from, length);
		end = from + length;
	}
	assert_int_equal(get(file, block, 8), end);
	assert_int_equal(get(file, block + 8, 8), end);
	assert_int_equal(data + end + 2, file->size);
}

/* The rest of a match's length in plain LZ77 of Xpress; moves on in the input. */
static uint64_t rest_of_length(const uint8_t **in, const uint8_t **nibble)
{
	uint64_t length;
	if (*nibble) {
		length = **nibble >> 4;
		*nibble = NULL;
	} else {
		*nibble = (*in)++;
		length = **nibble & 15;
	}
	if (length < 15)
		return length + 7;
	length = *(*in)++;
	if (length < 255)
		return length + 15 + 7;
	*in += 2;
	return util_get(*in - 2, 2); /* the whole; there is no more in 64 KB */
}

/* Plain LZ77 of Xpress ([MS-XCA] 2.4), of data that is sound. */
static void unpack_lz77(const uint8_t *in, uint8_t *out, size_t size)
{
	const uint8_t *nibble = NULL;
	uint64_t flags = 0;
	for (size_t at = 0, left = 0; at < size; left--) {
		if (!left) {
			flags = util_get(in, 4);
			in += 4;
			left = 32;
		}
		if (!(flags >> (left - 1) & 1)) {
			out[at++] = *in++;
			continue;
		}
		uint64_t match = util_get(in, 2), length = match & 7;
		in += 2;
		if (length == 7)
			length = rest_of_length(&in, &nibble);
		for (length += 3; length && at < size; length--, at++)
			out[at] = out[at - (match >> 3) - 1];
	}
}

/* Bits of Xpress with Huffman codes: two words are read ahead of the bytes between them. */
struct bits {
	const uint8_t *at;
	uint32_t ahead;
	int more; /* bits beyond 16 */
};

static unsigned int next_bit(struct bits *bits)
{
	unsigned int bit = bits->ahead >> 31;
	bits->ahead <<= 1;
	if (--bits->more < 0) {
		bits->ahead |= (uint32_t)util_get(bits->at, 2) << 1;
		bits->at += 2;
		bits->more = 15;
	}
	return bit;
}

/* A symbol, bit by bit: canonical codes, by length and then by symbol. */
static unsigned int next_symbol(struct bits *bits, const uint8_t *lengths)
{
	uint32_t code = 0, first = 0;
	for (unsigned int length = 1; length <= 15; length++) {
		code = code << 1 | next_bit(bits);
		for (unsigned int symbol = 0; symbol < 512; symbol++) {
			if ((lengths[symbol / 2] >> (symbol % 2 * 4) & 15) == length &&
			    first++ == code)
				return symbol;
		}
		first <<= 1;
	}
	fail_msg("no code of the table");
	return 0;
}

static void unpack_huffman(const uint8_t *in, uint8_t *out, size_t size)
{
	struct bits bits = {.at = in + 260,
			    .ahead =
				    (uint32_t)(util_get(in + 256, 2) << 16 | util_get(in + 258, 2)),
			    .more = 16};
	for (size_t at = 0; at < size;) {
		unsigned int symbol = next_symbol(&bits, in);
		if (symbol < 256) {
			out[at++] = (uint8_t)symbol;
			continue;
		}
		uint64_t length = symbol & 15, distance = 1;
		if (length == 15 && (length += *bits.at++) == 15 + 255) {
			length = util_get(bits.at, 2);
			bits.at += 2;
		}
		for (unsigned int i = symbol >> 4 & 15; i; i--)
			distance = distance << 1 | next_bit(&bits);
		for (length += 3; length && at < size; length--, at++)
			out[at] = out[at - distance];
	}
}

/* Sets of Windows 10, 64-bit, from `at` on: `pages` pages in all. */
static void unpack_sets(const struct written *file, uint64_t at, uint64_t pages, uint8_t *memory,
			size_t size)
{
	uint8_t out[16 * PAGE];
	while (pages) {
		uint64_t header = get(file, at, 4), count = header & 0xff, here = 0;
		uint64_t packed = header >> 8 & 0xfffff, data = at + 4 + count * 8;
		for (uint64_t i = 0; i < count; i++)
			here += (get(file, at + 4 + i * 8, 8) & 15) + 1;
		assert_true(here <= 16 && here <= pages && data + packed <= file->size);
		if (packed == here * PAGE)
			memcpy(out, file->data + data, packed);
		else if (header >> 31)
			unpack_huffman(file->data + data, out, here * PAGE);
		else
			unpack_lz77(file->data + data, out, here * PAGE);
		const uint8_t *from = out;
		for (uint64_t i = 0; i < count; i++) {
			uint64_t run = get(file, at + 4 + i * 8, 8),
				 bytes = ((run & 15) + 1) * PAGE;
			assert_true((run >> 4) * PAGE + bytes <= size);
			memcpy(memory + (run >> 4) * PAGE, from, bytes);
			from += bytes;
		}
		pages -= here;
		at = data + packed;
	}
}

static void unpack_hiberfil(const struct written *file, uint8_t *memory, size_t size)
{
	assert_memory_equal(file->data, "HIBR", 4);
	assert_int_equal(get(file, 0xc, 4), 0x3e0);
	unpack_sets(file, get(file, 0x68, 8) * PAGE, get(file, 0x58, 8), memory, size);
	unpack_sets(file, get(file, 0x70, 8) * PAGE, get(file, 0x230, 8), memory, size);
}

typedef void unpack_function(const struct written *file, uint8_t *memory, size_t size);

/* What reads a format of ramfile.c back, here and not by impscan's code; every format has one. */
static unpack_function *unpack_of(const char *format)
{
	static const struct {
		const char *format;
		unpack_function *unpack;
	} table[] = {
		{"raw", unpack_raw},
		{"lime", unpack_lime},
		{"lime-shuffled", unpack_lime},
		{"dump", unpack_dump},
		{"bitmap", unpack_bitmap},
		{"elf", unpack_elf},
		{"hiberfil", unpack_hiberfil},
		{"vmsn", unpack_vmsn},
	};
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if (!strcmp(table[i].format, format))
			return table[i].unpack;
	}
	fail_msg("nothing here unpacks the format %s", format);
	return NULL;
}

static void formats_hold_the_same_memory(void **state)
{
	(void)state;
	struct guest *guest = new_guest("19041", "plain");
	struct written raw = write_as(guest, "raw");
	size_t count;
	const struct ramfile_format *formats = ramfile_formats(&count);
	for (size_t i = 0; i < count; i++) {
		struct written file = write_as(guest, formats[i].name);
		uint8_t *memory = util_alloc(raw.size, 1);
		unpack_of(formats[i].name)(&file, memory, raw.size);
		assert_memory_equal(memory, raw.data, raw.size);
		free(memory);
		drop(&file);
	}
	drop(&raw);
	guest_free(guest);
}

static void dump_header_leads_to_the_lists(void **state)
{
	(void)state;
	struct guest *guest = new_guest("9600", "plain");
	struct written file = write_as(guest, "dump");
	assert_int_equal(get(&file, 0xc, 4), 9600);
	assert_int_equal(get(&file, 0x10, 8), paging_root(guest->kernel));
	assert_int_equal(get(&file, 0x20, 8), guest_symbol(guest, "PsLoadedModuleList"));
	assert_int_equal(get(&file, 0x28, 8), guest_symbol(guest, "PsActiveProcessHead"));
	assert_int_equal(get(&file, 0x30, 4), 0x8664);
	assert_int_equal(get(&file, 0x80, 8), guest->kdbg);
	drop(&file);
	guest_free(guest);
}

static void damage_is_where_it_says(void **state)
{
	(void)state;
	struct guest *guest = new_guest("22621", "damaged");
	struct written raw = write_as(guest, "raw");
	const struct guest_process *absent = scenario_process(guest, 512);
	assert_string_equal(absent->damage, "peb-absent");
	assert_int_equal(walk(&raw, absent->dtb, absent->peb), 0);
	const struct guest_module *header = module_of(guest, 616, "rpcrt4.dll");
	assert_int_equal(walk(&raw, scenario_process(guest, 616)->dtb, header->base), 0);
	assert_true(walk(&raw, scenario_process(guest, 604)->dtb, header->base) != 0);
	const struct guest_module *zeroed = module_of(guest, 2212, "shell32.dll");
	uint64_t directory = zeroed->base + zeroed->image->pe->nt + 24 + 120;
	assert_int_equal(read_at(&raw, scenario_process(guest, 2212)->dtb, directory, 8), 0);
	assert_int_not_equal(read_at(&raw, scenario_process(guest, 4012)->dtb, directory, 8), 0);
	/* the circle: following Flink never comes back to the head */
	const struct guest_process *circle = scenario_process(guest, 728);
	uint64_t head =
		circle->ldr + offset_of(guest->layout, "_PEB_LDR_DATA", "InLoadOrderModuleList");
	uint64_t at = read_at(&raw, circle->dtb, head, 8);
	for (size_t i = 0; i < 10 * circle->module_count; i++) {
		assert_int_not_equal(at, head);
		at = read_at(&raw, circle->dtb, at, 8);
	}
	drop(&raw);
	guest_free(guest);
}

static void a_seed_repeats_an_image(void **state)
{
	(void)state;
	struct guest *one = new_guest("20348", "demo"), *two = new_guest("20348", "demo");
	struct written a = write_as(one, "lime-shuffled"), b = write_as(two, "lime-shuffled");
	assert_int_equal(a.size, b.size);
	assert_memory_equal(a.data, b.data, a.size);
	drop(&a);
	drop(&b);
	guest_free(one);
	guest_free(two);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(layouts_are_looked_up_by_name),
		cmocka_unit_test(own_walk_finds_what_was_put_in),
		cmocka_unit_test(imports_lead_to_exports),
		cmocka_unit_test(shared_pages_share_frames),
		cmocka_unit_test(formats_hold_the_same_memory),
		cmocka_unit_test(dump_header_leads_to_the_lists),
		cmocka_unit_test(damage_is_where_it_says),
		cmocka_unit_test(a_seed_repeats_an_image),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
