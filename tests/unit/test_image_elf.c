/* SPDX-License-Identifier: GPL-3.0-or-later */
/* image: ELF cores. */
#include "image_builder.h"

#include <elf.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <impscan/cleanup.h>

/* A header for `count` program headers, which follow it at `table`. */
static void put_elf(struct blob *blob, bool wide, uint16_t type, uint16_t machine, uint16_t count)
{
	const uint8_t ident[EI_NIDENT] = {
		0x7f, 'E', 'L', 'F', wide ? ELFCLASS64 : ELFCLASS32, ELFDATA2LSB, EV_CURRENT};
	put(blob, 0, ident, sizeof(ident));
	put16(blob, 16, type);
	put16(blob, 18, machine);
	if (wide) {
		put64(blob, 32, 64);
		put16(blob, 54, 56);
		put16(blob, 56, count);
		blob_resize(blob, 64 + 56u * count);
	} else {
		put32(blob, 28, 52);
		put16(blob, 42, 32);
		put16(blob, 44, count);
		blob_resize(blob, 52 + 32u * count);
	}
}

static void put_segment(struct blob *blob, bool wide, size_t i, uint32_t type, uint64_t offset,
			uint64_t virtual, uint64_t physical, uint64_t size)
{
	if (wide) {
		size_t at = 64 + 56 * i;
		put32(blob, at, type);
		put64(blob, at + 8, offset);
		put64(blob, at + 16, virtual);
		put64(blob, at + 24, physical);
		put64(blob, at + 32, size);
		put64(blob, at + 40, size);
	} else {
		size_t at = 52 + 32 * i;
		put32(blob, at, type);
		put32(blob, at + 4, (uint32_t)offset);
		put32(blob, at + 8, (uint32_t) virtual);
		put32(blob, at + 12, (uint32_t)physical);
		put32(blob, at + 16, (uint32_t)size);
		put32(blob, at + 20, (uint32_t)size);
	}
}

/* Appends a note at the end of `blob` and returns where its content is. */
static size_t add_note(struct blob *blob, const char *name, uint32_t type, uint32_t size)
{
	size_t at = blob->size, name_size = strlen(name) + 1;
	put32(blob, at, (uint32_t)name_size);
	put32(blob, at + 4, size);
	put32(blob, at + 8, type);
	put(blob, at + 12, name, name_size);
	size_t content = at + 12 + (name_size + 3) / 4 * 4;
	blob_resize(blob, content + (size + 3) / 4 * 4);
	return content;
}

static void add_qemu_note(struct blob *blob, uint64_t cr3, uint64_t cr4, bool in_kernel)
{
	size_t note = add_note(blob, "QEMU", 0, 0x1b8);
	put32(blob, note, 1);
	put32(blob, note + 4, 0x1b8);
	put64(blob, note + 0x108, in_kernel ? 0xfffff80000000000 : 0x7ff00000);
	put64(blob, note + 0x188, 0x80050033);
	put64(blob, note + 0x1a0, cr3);
	put64(blob, note + 0x1a8, cr4);
}

/* A machine's core: a note segment and pages 0-1, 0x100-0x101, and with `wide` 0x100000. */
static void put_core(struct blob *blob, bool wide, uint16_t machine, const struct blob *notes)
{
	put_elf(blob, wide, ET_CORE, machine, wide ? 4 : 3);
	size_t at = blob->size;
	put_segment(blob, wide, 0, PT_NOTE, at, 0, 0, notes->size);
	if (notes->size)
		put(blob, at, notes->data, notes->size);
	at = blob->size;
	put_segment(blob, wide, 1, PT_LOAD, at, 0, 0, 2 * PAGE);
	put_pages(blob, at, 0, 2);
	put_segment(blob, wide, 2, PT_LOAD, at + 2 * PAGE, 0, 0x100000, 2 * PAGE);
	put_pages(blob, at + 2 * PAGE, 0x100, 2);
	if (wide) {
		put_segment(blob, wide, 3, PT_LOAD, at + 4 * PAGE, 0, 0x100000000, PAGE);
		put_pages(blob, at + 4 * PAGE, 0x100000, 1);
	}
}

static void check_core(const struct image *image, bool wide)
{
	assert_page(image, 0, 0);
	assert_page(image, 0x1000, 1);
	assert_page(image, 0x100000, 0x100);
	assert_page(image, 0x101000, 0x101);
	if (wide)
		assert_page(image, 0x100000000, 0x100000);
	assert_null(image_page(image, 0x2000));
	assert_null(image_page(image, 0x102000));
}

static void qemu_64(void **state)
{
	(void)state;
	_cleanup_blob_ struct blob notes = {0}, blob = {0};
	add_note(&notes, "CORE", 1, 336);
	add_qemu_note(&notes, 0x111000, 0x6f8, false);
	add_qemu_note(&notes, 0x1ad002, 0x6f8, true);
	add_qemu_note(&notes, 0x222000, 0x6f8, true);
	put_core(&blob, true, EM_X86_64, &notes);
	_cleanup_opened_ struct opened opened = open_blob(&blob);
	assert_string_equal(image_format(opened.image), "ELF core (QEMU)");
	assert_null(image_warning(opened.image));
	check_core(opened.image, true);
	/* The first processor in the kernel, without its PCID. */
	assert_int_equal(image_hints(opened.image)->dtb, 0x1ad000);
	assert_int_equal(image_hints(opened.image)->machine, IMAGE_FILE_MACHINE_AMD64);
	assert_false(image_hints(opened.image)->pae);
}

static void qemu_32(void **state)
{
	(void)state;
	_cleanup_blob_ struct blob notes = {0}, blob = {0};
	add_qemu_note(&notes, 0x185020, 0x6f8, false);
	put_core(&blob, false, EM_386, &notes);
	_cleanup_opened_ struct opened opened = open_blob(&blob);
	check_core(opened.image, false);
	assert_int_equal(image_hints(opened.image)->dtb, 0x185020);
	assert_int_equal(image_hints(opened.image)->machine, IMAGE_FILE_MACHINE_I386);
	assert_true(image_hints(opened.image)->pae);
}

static void virtualbox(void **state)
{
	(void)state;
	_cleanup_blob_ struct blob notes = {0}, blob = {0};
	for (uint32_t i = 0; i < 2; i++) { /* only the first is believed */
		size_t core = add_note(&notes, "VBCORE", 0xb00, 24);
		put32(&notes, core, 0xc01ac0de);
		put32(&notes, core + 0xc, 0x0701000a + i);
		put32(&notes, core + 0x10, 165205);
	}
	size_t cpu = add_note(&notes, "VBCPU", 0xb01, 0x300);
	put64(&notes, cpu + 0x120, 0x80050033);
	put64(&notes, cpu + 0x130, 0x1aa000);
	put64(&notes, cpu + 0x138, 0x6f8);
	put64(&notes, cpu + 0x1e8, 0xd01);
	put_core(&blob, true, EM_X86_64, &notes);
	_cleanup_opened_ struct opened opened = open_blob(&blob);
	assert_string_equal(image_format(opened.image), "ELF core (VirtualBox)");
	assert_string_equal(image_fact(opened.image, IMAGE_FACT_TOOL), "VirtualBox 7.1.10 r165205");
	assert_null(image_fact(opened.image, IMAGE_FACT_TAKEN));
	check_core(opened.image, true);
	assert_int_equal(image_hints(opened.image)->dtb, 0x1aa000);
	assert_int_equal(image_hints(opened.image)->machine, IMAGE_FILE_MACHINE_AMD64);
}

static void a_processor_without_paging_gives_no_hint(void **state)
{
	(void)state;
	_cleanup_blob_ struct blob notes = {0}, blob = {0};
	add_qemu_note(&notes, 0x111000, 0, true);
	put64(&notes, 12 + 8 + 0x188, 0x10); /* cr0 after reset */
	put_core(&blob, true, EM_X86_64, &notes);
	_cleanup_opened_ struct opened opened = open_blob(&blob);
	assert_int_equal(image_hints(opened.image)->dtb, 0);
	assert_int_equal(image_hints(opened.image)->machine, 0);
}

static void more_headers_than_16_bits_count(void **state)
{
	(void)state;
	const uint32_t count = 70000;
	_cleanup_blob_ struct blob blob = {0};
	put_elf(&blob, true, ET_CORE, EM_X86_64, PN_XNUM);
	size_t section = 64 + 56 * (size_t)count, pages = section + 64;
	blob_resize(&blob, pages + PAGE);
	put64(&blob, 40, section); /* e_shoff */
	put32(&blob, section + offsetof(Elf64_Shdr, sh_info), count);
	put_page(&blob, pages, 5);
	/* 16 bytes each, every second one missing. */
	for (uint32_t i = 0; i < count; i++)
		put_segment(&blob, true, i, PT_LOAD, pages + i % 16, 0, 0x1000 + i * 32, 16);
	_cleanup_opened_ struct opened opened = open_blob(&blob);
	size_t ranges;
	image_ranges(opened.image, &ranges);
	assert_int_equal(ranges, count);
	assert_null(image_warning(opened.image));

	put32(&blob, section + offsetof(Elf64_Shdr, sh_info), UINT32_MAX);
	_cleanup_opened_ struct opened many = open_blob(&blob);
	assert_warns(many.image, "program headers");
	put64(&blob, 40, UINT64_MAX); /* no such section */
	_cleanup_opened_ struct opened none = open_blob(&blob);
	image_ranges(none.image, &ranges);
	assert_int_equal(ranges, PN_XNUM);
}

/* QEMU with paging on: the same memory under several virtual addresses. */
static void one_page_mapped_twice(void **state)
{
	(void)state;
	_cleanup_blob_ struct blob blob = {0};
	put_elf(&blob, true, ET_CORE, EM_X86_64, 2);
	size_t at = blob.size;
	put_pages(&blob, at, 0, 4);
	put_segment(&blob, true, 0, PT_LOAD, at, 0xfffff80000000000, 0, 4 * PAGE);
	put_segment(&blob, true, 1, PT_LOAD, at + PAGE, 0x7ff00000, 0x1000, PAGE);
	_cleanup_opened_ struct opened opened = open_blob(&blob);
	assert_null(image_warning(opened.image));
	assert_page(opened.image, 0x1000, 1);
	assert_page(opened.image, 0x3000, 3);
}

static void truncated_segments(void **state)
{
	(void)state;
	_cleanup_blob_ struct blob notes = {0}, blob = {0};
	put_core(&blob, true, EM_X86_64, &notes);
	blob_resize(&blob, blob.size - 2 * PAGE);
	_cleanup_opened_ struct opened opened = open_blob(&blob);
	assert_warns(opened.image, "holds 12 KB of the 20 KB");
	assert_page(opened.image, 0x100000, 0x100);
	put_segment(&blob, true, 2, PT_LOAD, UINT64_MAX, 0, 0x100000, UINT64_MAX);
	_cleanup_opened_ struct opened huge = open_blob(&blob);
	assert_warns(huge.image, "truncated");
	assert_page(huge.image, 0x1000, 1);
}

static void what_is_no_machine_is_refused(void **state)
{
	(void)state;
	_cleanup_blob_ struct blob process = {0};
	put_elf(&process, true, ET_CORE, EM_X86_64, 2);
	size_t at = process.size;
	put_pages(&process, at, 0, 2);
	put_segment(&process, true, 0, PT_LOAD, at, 0x400000, 0, PAGE);
	put_segment(&process, true, 1, PT_LOAD, at + PAGE, 0x7ff000, 0, PAGE);
	refuse_blob(&process, "core dump of one process");
	put16(&process, 16, ET_DYN);
	refuse_blob(&process, "program or library");
	put16(&process, 18, EM_AARCH64);
	refuse_blob(&process, "another kind of machine");
	put16(&process, 18, EM_X86_64);
	const uint8_t big = ELFDATA2MSB, class = 7;
	put(&process, EI_DATA, &big, 1);
	refuse_blob(&process, "another kind of machine");
	put(&process, EI_CLASS, &class, 1);
	refuse_blob(&process, "damaged");
	blob_resize(&process, 20);
	refuse_blob(&process, "cut off");

	_cleanup_blob_ struct blob empty = {0};
	put_elf(&empty, false, ET_CORE, EM_386, 0);
	refuse_blob(&empty, "none of the memory");
	put16(&empty, 42, 0); /* e_phentsize */
	put16(&empty, 44, 9);
	refuse_blob(&empty, "none of the memory");
}

/* Opens a file that has those bytes and a hole behind them. */
static struct error *open_sparse(const struct blob *blob, struct image **image)
{
	char path[] = "/tmp/impscan-elf.XXXXXX";
	_cleanup_close_ int fd = mkostemp(path, O_CLOEXEC);
	assert_int_equal(write(fd, blob->data, blob->size), blob->size);
	assert_int_equal(ftruncate(fd, 1 << 20), 0);
	struct error *error = image_open(path, image);
	unlink(path);
	return error;
}

/* The holes of a file are passed over, header by header; headers without a size have none. */
static void headers_in_a_sparse_file(void **state)
{
	(void)state;
	_cleanup_blob_ struct blob blob = {0};
	struct image *image = NULL;
	put_elf(&blob, true, ET_CORE, EM_X86_64, 1);
	put_segment(&blob, true, 0, PT_LOAD, 16 * PAGE, 0, 0x1000, 2 * PAGE);
	assert_null(open_sparse(&blob, &image));
	assert_non_null(image_page(image, 0x2000));
	image_close(take_ptr(image));
	for (uint16_t size = 0; size < 56; size++) {
		put16(&blob, 54, size); /* e_phentsize */
		_cleanup_error_ struct error *error = open_sparse(&blob, &image);
		assert_non_null(error);
		assert_non_null(strstr(error_message(error), "none of the memory"));
	}
}

/* As xl dump-core writes it: sections and no segment. */
static void core_of_xen(void **state)
{
	(void)state;
	static const char names[] = "\0.shstrtab\0.xen_p2m\0.xen_pages";
	for (unsigned int wide = 0; wide < 2; wide++) {
		_cleanup_blob_ struct blob blob = {0};
		put_elf(&blob, wide, ET_CORE, wide ? EM_X86_64 : EM_386, 0);
		const size_t table = blob.size, section = wide ? 64 : 40;
		put16(&blob, wide ? 62 : 50, 1); /* e_shstrndx */
		blob_resize(&blob, table + 2 * section);
		const size_t text = blob.size;
		if (wide) {
			put64(&blob, 40, table);
			put64(&blob, table + section + 24, text);
			put64(&blob, table + section + 32, sizeof(names));
		} else {
			put32(&blob, 32, (uint32_t)table);
			put32(&blob, table + section + 16, (uint32_t)text);
			put32(&blob, table + section + 20, sizeof(names));
		}
		put(&blob, text, names, sizeof(names));
		refuse_blob(&blob, "core of a Xen machine");
		put(&blob, text + 20, "!", 1); /* another name */
		refuse_blob(&blob, "none of the memory");
		put16(&blob, wide ? 62 : 50, 0xffff);
		refuse_blob(&blob, "none of the memory");
	}
}

static void damage_does_no_harm(void **state)
{
	(void)state;
	_cleanup_blob_ struct blob notes = {0}, blob = {0}, small = {0};
	add_qemu_note(&notes, 0x185020, 0x6f8, true);
	add_note(&notes, "VBCPU", 0xb01, 0x1f0);
	put_core(&blob, true, EM_X86_64, &notes);
	torture(&blob, 64 + 4 * 56, 3000);
	torture(&blob, 64 + 4 * 56 + notes.size, 3000);
	put_core(&small, false, EM_386, &notes);
	torture(&small, 52 + 3 * 32 + 64, 3000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(qemu_64),
		cmocka_unit_test(qemu_32),
		cmocka_unit_test(virtualbox),
		cmocka_unit_test(a_processor_without_paging_gives_no_hint),
		cmocka_unit_test(more_headers_than_16_bits_count),
		cmocka_unit_test(one_page_mapped_twice),
		cmocka_unit_test(truncated_segments),
		cmocka_unit_test(what_is_no_machine_is_refused),
		cmocka_unit_test(headers_in_a_sparse_file),
		cmocka_unit_test(core_of_xen),
		cmocka_unit_test(damage_does_no_harm),
	};
	return cmocka_run_group_tests_name("image_elf", tests, NULL, NULL);
}
