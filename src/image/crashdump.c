/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Windows crash dumps: reads the header and its hints, and refuses the kinds of dump that don't
 * hold the memory of processes.
 *
 * Facts: DUMP_HEADER32, DUMP_HEADER64 and DUMP_TYPES of mindumpdef.h (Windows SDK); types 8 to 10
 * of newer debuggers from github.com/0vercl0k/kdmp-parser-rs. A member that the
 * writer did not set holds the pattern "PAGE".
 */
#include "crashdump.h"

#define PAGE_PATTERN 0x45474150u

#define TAKE_A_COMPLETE_ONE                                                                       \
	"set Windows to write a complete memory dump, or take the memory with a tool that reads " \
	"all of it"

static const struct dump_layout layouts[] = {
	{
		.signature = "PAGEDU64",
		.pointer_size = 8,
		.size = 0x2000,
		.directory_table_base = 0x10,
		.ps_loaded_module_list = 0x20,
		.ps_active_process_head = 0x28,
		.machine_image_type = 0x30,
		.kd_debugger_data_block = 0x80,
		.physical_memory_block = 0x88,
		.dump_type = 0xf98,
		.attributes = 0x1050,
		.comment = 0xfb0,
		.system_time = 0xfa8,
	},
	{
		.signature = "PAGEDUMP",
		.pointer_size = 4,
		.size = 0x1000,
		.directory_table_base = 0x10,
		.ps_loaded_module_list = 0x18,
		.ps_active_process_head = 0x1c,
		.machine_image_type = 0x20,
		.pae_enabled = 0x5c,
		.kd_debugger_data_block = 0x60,
		.physical_memory_block = 0x64,
		.dump_type = 0xf88,
		.attributes = 0x8a0,
		.comment = 0x820,
		.system_time = 0xfc0,
	},
};

struct dump_type {
	const char *name; /* "Windows crash dump (64-bit, NAME)" */
	struct error *(*parse)(struct image *image, const struct dump_layout *layout);
	const char *warning; /* what such a dump lacks */
	const char *refusal; /* '%s' is ...: do this; instead of `parse` */
};

static const char lacks_user_pages[] = "this dump was written to hold the kernel's memory: "
				       "processes can be read only as far as it "
				       "holds theirs too";

static const struct dump_type types[] = {
	[DUMP_TYPE_FULL] = {.name = "full", .parse = dump_parse_runs},
	[DUMP_TYPE_SUMMARY] = {.refusal = "a kernel memory dump, without the memory of processes"},
	[DUMP_TYPE_HEADER] = {.refusal = "the header of a crash dump only"},
	[DUMP_TYPE_TRIAGE] = {.refusal = "a small memory dump of a few kilobytes of the kernel"},
	[DUMP_TYPE_BITMAP_FULL] = {.name = "bitmap", .parse = dump_parse_bitmap},
	/*
	 * Kernel and automatic memory dumps, but also active memory dumps and Task Manager's live
	 * dumps, which hold the pages of processes as well; the header does not tell them apart.
	 */
	[DUMP_TYPE_BITMAP_KERNEL] = {.name = "kernel or active memory, bitmap",
				     .parse = dump_parse_bitmap,
				     .warning = lacks_user_pages},
	[DUMP_TYPE_AUTOMATIC] =
		{.refusal = "an automatic memory dump, without the memory of processes"},
	[DUMP_TYPE_DEBUGGER_KERNEL] = {.name = "kernel memory, by a debugger",
				       .parse = dump_parse_rdmp,
				       .warning = lacks_user_pages},
	[DUMP_TYPE_DEBUGGER_ACTIVE] = {.name = "active memory, by a debugger",
				       .parse = dump_parse_rdmp},
	[DUMP_TYPE_DEBUGGER_FULL] = {.name = "full, by a debugger", .parse = dump_parse_rdmp},
};

static const struct dump_layout *layout_of(const struct image *image)
{
	for (size_t i = 0; i < array_size(layouts); i++)
		if (image_has(image, 0, layouts[i].signature, 8))
			return &layouts[i];
	return NULL;
}

static bool probe(const struct image *image)
{
	return layout_of(image);
}

/* A member of the header, 0 when the writer did not fill it in. */
static uint32_t member32(const struct image *image, uint32_t offset)
{
	uint32_t value = le32(image->data + offset);
	return value == PAGE_PATTERN ? 0 : value;
}

static uint64_t member_pointer(const struct image *image, const struct dump_layout *layout,
			       uint32_t offset)
{
	uint64_t value = le_pointer(image->data + offset, layout->pointer_size);
	return (uint32_t)value == PAGE_PATTERN ? 0 : value;
}

static void read_hints(struct image *image, const struct dump_layout *layout)
{
	struct image_hints *hints = &image->hints;
	uint32_t machine = member32(image, layout->machine_image_type);
	if (machine == IMAGE_FILE_MACHINE_I386 || machine == IMAGE_FILE_MACHINE_AMD64)
		hints->machine = (uint16_t)machine;
	hints->build = member32(image, 0xc) & 0xffff; /* MinorVersion; above: checked or free */
	hints->pae = layout->pae_enabled && image->data[layout->pae_enabled] == 1;
	hints->ps_loaded_module_list = member_pointer(image, layout, layout->ps_loaded_module_list);
	hints->ps_active_process_head =
		member_pointer(image, layout, layout->ps_active_process_head);
	hints->kd_debugger_data_block =
		member_pointer(image, layout, layout->kd_debugger_data_block);
	/*
	 * CR3 as it was: the low bits are flags or a PCID. A PAE table is aligned to 32 bytes, and
	 * PaeEnabled is not believed: some writers leave it out, so a 32-bit address stays whole.
	 */
	hints->dtb = member_pointer(image, layout, layout->directory_table_base) &
		     (layout->pointer_size == 4 ? ~UINT64_C(0x1f) : ~UINT64_C(0xfff)) &
		     (IMAGE_PHYSICAL_END - 1);
}

/* When it was written, and the comment that some tools leave in it. */
static void read_facts(struct image *image, const struct dump_layout *layout)
{
	enum { COMMENT_SIZE = 128 };
	const char *comment = (const char *)image->data + layout->comment;
	int length = (int)strnlen(comment, COMMENT_SIZE);
	image_add_taken(image, le64(image->data + layout->system_time));
	if (length && member32(image, layout->comment))
		image_add_fact(image, IMAGE_FACT_NOTE, "comment: %.*s", length, comment);
}

/* DUMP_FILE_ATTRIBUTES, EncryptedDumpData. Older writers left other data there. */
static bool is_encrypted(const struct image *image, const struct dump_layout *layout)
{
	const uint32_t encrypted = 1u << 8, reserved = ~0u << 10;
	uint32_t attributes = member32(image, layout->attributes);
	return (attributes & encrypted) && !(attributes & reserved);
}

static struct error *parse(struct image *image)
{
	const struct dump_layout *layout = layout_of(image);
	unsigned int bits = layout->pointer_size * 8;
	image_name_format(image, "Windows crash dump (%u-bit)", bits);
	if (!image_bytes(image, 0, layout->size))
		return error_new("'%s' is a Windows crash dump cut off within its header",
				 image->path);
	if (is_encrypted(image, layout))
		return error_new("'%s' is an encrypted Windows crash dump: decrypt it first "
				 "(KernelDumpDecrypt.exe, with the key it was written for)",
				 image->path);
	uint32_t machine = member32(image, layout->machine_image_type);
	if (machine == IMAGE_FILE_MACHINE_ARM64 || machine == IMAGE_FILE_MACHINE_IA64)
		return error_new(
			"'%s' is a Windows crash dump of an %s machine: only x86 and x64 are "
			"supported",
			image->path, machine == IMAGE_FILE_MACHINE_ARM64 ? "ARM64" : "Itanium");

	uint32_t number = le32(image->data + layout->dump_type);
	const struct dump_type *type = number < array_size(types) ? &types[number] : NULL;
	if (type && type->refusal)
		return error_new("'%s' is %s: " TAKE_A_COMPLETE_ONE, image->path, type->refusal);
	if (!type || !type->parse)
		return error_new(
			"'%s' is a Windows crash dump of the unknown type %u: " TAKE_A_COMPLETE_ONE,
			image->path, number);
	image_name_format(image, "Windows crash dump (%u-bit, %s)", bits, type->name);
	if (type->warning)
		image_warn(image, "%s", type->warning);
	read_hints(image, layout);
	read_facts(image, layout);
	return type->parse(image, layout);
}

const struct image_format image_format_crashdump = {
	.name = "dump",
	.probe = probe,
	.parse = parse,
};
