/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Minidumps: the memory of one process, as procdump, Task Manager and MiniDumpWriteDump() write it.
 *
 *	 0  "MDMP"	 4  version, its low half 0xa793	 8  number of streams
 *	12  RVA of the directory	16  checksum	20  time	24  flags, 64 bits
 *
 * RVAs are offsets in the file, of 32 bits. An entry of the directory has the type of a stream, its
 * size and its RVA. Nothing is aligned.
 *
 * Facts: Microsoft's minidumpapiset.h; platforms of Breakpad and Crashpad from the former's
 * minidump_format.h; what writers do (padding, order) from Wine's dbghelp and rust-minidump.
 */
#include "minidump_parts.h"

#include <stdlib.h>

#include <impscan/alloc.h>

#define HEADER_SIZE    32
#define SYSTEM_SIZE    28 /* up to its CSDVersionRva */
#define WINDOWS_NT     2  /* VER_PLATFORM_WIN32_NT */
#define STREAMS_LISTED 64

#define FULL_MEMORY                                                                           \
	"take it with full memory: procdump -ma, Task Manager's \"Create memory dump file\" " \
	"or MiniDumpWriteDump() with MiniDumpWithFullMemory"

/* What a stream is called; NULL: it has no name of its own. */
static const char *stream_name(uint32_t type)
{
	static const char *const names[] = {
		NULL,
		NULL,
		NULL,
		"ThreadList",
		"ModuleList",
		"MemoryList",
		"Exception",
		"SystemInfo",
		"ThreadExList",
		"Memory64List",
		"CommentA",
		"CommentW",
		"HandleData",
		"FunctionTable",
		"UnloadedModuleList",
		"MiscInfo",
		"MemoryInfoList",
		"ThreadInfoList",
		"HandleOperationList",
		"Token",
		"JavaScriptData",
		"SystemMemoryInfo",
		"ProcessVmCounters",
		"IptTrace",
		"ThreadNames",
	};
	if (type < array_size(names))
		return names[type];
	return type >> 16 == 0x4767 ? "Breakpad" : type >> 16 == 0x4350 ? "Crashpad" : NULL;
}

/* The directory, and what the streams are called. */
static struct error *read_directory(struct image *image, struct minidump_parts *parts)
{
	const uint8_t *header = image_bytes(image, 0, HEADER_SIZE);
	uint64_t count = header ? le32(header + 8) : 0;
	uint64_t rva = header ? le32(header + 12) : 0;
	parts->directory = count ? image_bytes(image, rva, count * MINIDUMP_ENTRY_SIZE) : NULL;
	if (!parts->directory)
		return error_new("'%s' is a minidump that is cut off or damaged: its directory of "
				 "streams is not in the file",
				 image->path);
	struct minidump *dump = &parts->dump;
	size_t capacity = 0;
	parts->directory_count = (size_t)count;
	dump->time = le32(header + 20);
	dump->flags = le64(header + 24);
	for (size_t i = 0; i < count && dump->stream_count < STREAMS_LISTED; i++) {
		uint32_t type = le32(parts->directory + i * MINIDUMP_ENTRY_SIZE);
		const char *name = stream_name(type);
		if (type == STREAM_UNUSED)
			continue;
		*array_push(dump->streams, dump->stream_count, capacity) =
			name && type <= 0xffff ? alloc_strdup(name)
			: name		       ? alloc_printf("%s 0x%x", name, type)
					       : alloc_printf("0x%x", type);
	}
	return NULL;
}

/* The system of a dump that is not of Windows, by SystemInfo.PlatformId; NULL: it is of Windows. */
static const char *other_system(uint32_t platform)
{
	switch (platform) {
	case 0x8000:
		return "Unix";
	case 0x8101:
		return "macOS";
	case 0x8102:
		return "iOS";
	case 0x8201:
		return "Linux";
	case 0x8202:
		return "Solaris";
	case 0x8203:
		return "Android";
	case 0x8204:
		return "PlayStation 3";
	case 0x8205:
		return "Native Client";
	case 0x8206:
		return "Fuchsia";
	}
	return platform >= 0x8000 ? "another system than Windows" : NULL;
}

/* SYSTEM_INFO.wProcessorArchitecture of processors whose code impscan does not read. */
static const char *processor_name(unsigned int architecture)
{
	switch (architecture) {
	case 5:
		return "ARM";
	case 6:
		return "Itanium";
	case 12:
	case 0x8003: /* Breakpad's, before Microsoft had one */
		return "ARM64";
	}
	return NULL;
}

/* The system and its processor. */
static struct error *read_system(struct image *image, struct minidump *dump)
{
	struct stream stream = minidump_stream(image, STREAM_SYSTEM);
	if (!stream.data || stream.size < SYSTEM_SIZE)
		return error_new("'%s' is a minidump without a SystemInfoStream, which says of "
				 "which processor it is: it is cut off or damaged",
				 image->path);
	unsigned int architecture = le16(stream.data);
	uint32_t platform = le32(stream.data + 20);
	const char *system = other_system(platform), *processor = processor_name(architecture);
	if (system)
		return error_new("'%s' is a minidump of a process of %s, as Breakpad and Crashpad "
				 "write it; impscan reads those of Windows",
				 image->path, system);
	if (platform != WINDOWS_NT)
		return error_new("'%s' is a minidump of Windows with platform %u, only NT (2) is "
				 "known",
				 image->path, platform);
	if (processor)
		return error_new("'%s' is a minidump of a process on %s; impscan reads x86 and x64",
				 image->path, processor);
	if (architecture != 0 && architecture != 9)
		return error_new("'%s' is a minidump of a process on a processor of type %u; "
				 "impscan reads x86 (0) and x64 (9)",
				 image->path, architecture);
	dump->pointer_size = architecture == 9 ? 8 : 4;
	dump->processors = stream.data[6];
	dump->major = le32(stream.data + 8);
	dump->minor = le32(stream.data + 12);
	dump->build = le32(stream.data + 16);
	char *pack = minidump_string(image, le32(stream.data + 24), 512);
	if (pack && *pack)
		dump->service_pack = take_ptr(pack);
	free(pack);
	image->hints.build = dump->build;
	image->hints.machine =
		architecture == 9 ? IMAGE_FILE_MACHINE_AMD64 : IMAGE_FILE_MACHINE_I386;
	return NULL;
}

/* Who wrote a dump that holds only stacks, for the sentence on it. */
static const char *writer(const struct image *image)
{
	const struct minidump_parts *parts = (const void *)image->minidump;
	for (size_t i = 0; i < parts->directory_count; i++) {
		uint32_t type = le32(parts->directory + i * MINIDUMP_ENTRY_SIZE) >> 16;
		if (type == 0x4767 || type == 0x4350)
			return type == 0x4767 ? ", written by Breakpad," : ", written by Crashpad,";
	}
	return "";
}

/*
 * Why a dump is of no use that has no memory of modules, whose `bytes` of memory are of other
 * things.
 */
static struct error *refuse_memory(const struct image *image, uint64_t bytes)
{
	const struct minidump_parts *parts = (const void *)image->minidump;
	char text[IMAGE_SIZE_TEXT];
	if (parts->disputed)
		return error_new("'%s' is a minidump%s that contradicts itself: it lists %s of "
				 "memory more than once with other bytes, and nothing tells which "
				 "of them are right; what is left has no module",
				 image->path, writer(image),
				 image_size_text(parts->disputed, text));
	if (!bytes)
		return error_new("'%s' is a minidump%s without any memory; " FULL_MEMORY,
				 image->path, writer(image));
	return error_new("'%s' is a minidump%s without the memory of modules: its %s are stacks "
			 "and the like, in which no import list is; " FULL_MEMORY,
			 image->path, writer(image), image_size_text(bytes, text));
}

/* Is there memory of modules, or at least of anything, where the modules are not listed? */
static struct error *check_memory(const struct image *image, struct minidump *dump)
{
	uint64_t bytes = 0;
	for (size_t i = 0; i < image->count; i++)
		bytes += image->ranges[i].size;
	for (size_t i = 0; i < dump->module_count; i++) {
		uint64_t base = dump->modules[i].base;
		size_t after = 0, end = image->count;
		while (after < end) {
			size_t middle = (after + end) / 2;
			if (image->ranges[middle].start <= base)
				after = middle + 1;
			else
				end = middle;
		}
		const struct image_range *range = after ? &image->ranges[after - 1] : NULL;
		dump->modules_held +=
			range && range_within(base - range->start, PAGE_SIZE, range->size);
	}
	if (bytes && (dump->modules_held || !dump->module_count))
		return NULL;
	return refuse_memory(image, bytes);
}

/* What --info tells is missing. */
static void add_missing(struct image *image, const struct minidump *dump)
{
	char text[IMAGE_SIZE_TEXT];
	uint64_t left_out = minidump_left_out(image);
	image_add_fact(image, IMAGE_FACT_MISSING, "the kernel, and all other processes");
	if (left_out)
		image_add_fact(image, IMAGE_FACT_MISSING, "%s that the process uses",
			       image_size_text(left_out, text));
	if (!dump->has_regions)
		image_add_fact(image, IMAGE_FACT_MISSING,
			       "MemoryInfoList: which memory is private or can be run");
	if (!dump->module_count)
		image_add_fact(image, IMAGE_FACT_MISSING, "ModuleList");
	if (!dump->teb_count)
		image_add_fact(image, IMAGE_FACT_MISSING, "ThreadList: nothing leads to the PEB");
}

static bool probe(const struct image *image)
{
	return image_has(image, 0, "MDMP\x93\xa7", 6);
}

static struct error *parse(struct image *image)
{
	struct minidump_parts *parts = alloc_new(struct minidump_parts);
	struct minidump *dump = &parts->dump;
	image_name_format(image, "minidump");
	image->minidump = dump;
	try_(read_directory(image, parts));
	try_(read_system(image, dump));
	image_name_format(image, "minidump (%s process)", dump->pointer_size == 8 ? "x64" : "x86");
	minidump_read_modules(image);
	minidump_read_threads(image);
	minidump_read_about(image);
	minidump_read_memory(image);
	minidump_read_regions(image);
	try_(check_memory(image, dump));
	add_missing(image, dump);
	if (dump->modules_held < dump->module_count)
		image_warn(image, "the dump has the memory of only %zu of %zu modules%s",
			   dump->modules_held, dump->module_count,
			   parts->disputed ? "" : "; " FULL_MEMORY);
	return NULL;
}

const struct image_format image_format_minidump = {
	.name = "minidump",
	.probe = probe,
	.parse = parse,
};
