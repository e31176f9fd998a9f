/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Files that are recognised but hold no memory that impscan can use. Opening one fails with a
 * sentence on what the file is and what to do. Taken for raw memory, it would end in "no Windows
 * kernel found" after a long search.
 *
 * Those that are also taken for page files are listed again in memory/page_file.c.
 *
 * Facts: the formats' own documents, file(1); hibernation files from Volatility's HiberAddressSpace
 * and MemProcFS.
 */
#include "internal.h"

#define DECOMPRESS "decompress it first"
#define ONE_PROCESS                                                                           \
	"holds the memory of one process: impscan needs that of the whole machine, as a raw " \
	"image, "                                                                             \
	"LiME, ELF core or complete crash dump"
#define HIBERNATION                                                                                \
	"is a Windows hibernation file, whose pages are compressed: convert it to a raw image or " \
	"crash dump first"
#define DISK                                                                                      \
	"is a virtual disk, not a memory image: take the memory of the running machine, or look " \
	"for a page or hibernation file in it"
#define KDUMP                                                                                  \
	"is a kdump file, whose pages are compressed: take the dump again as an uncompressed " \
	"ELF core (QEMU: dump-guest-memory without -z, -l or -s)"
#define SAVED_VM "is the saved state of a virtual machine: take its memory as an ELF core instead"
#define EWF                                                                                    \
	"is an EnCase evidence file: export what it holds as a raw image first (ewfexport -f " \
	"raw), "                                                                               \
	"or mount it with ewfmount"

struct signature {
	uint32_t offset;
	uint32_t size;
	const char *bytes;
	const char *sentence; /* behind the path */
};

/* `bytes` without its NUL. */
#define SIGNATURE(offset, bytes, sentence)                 \
	{                                                  \
		offset, sizeof(bytes) - 1, bytes, sentence \
	}

static const struct signature signatures[] = {
	SIGNATURE(0, "MDMP\x93\xa7", "is a minidump, which " ONE_PROCESS),
	SIGNATURE(0, "USERDUMP", "is a user-mode dump, which " ONE_PROCESS),
	SIGNATURE(0, "USERDU64", "is a user-mode dump, which " ONE_PROCESS),
	SIGNATURE(0, "hibr", HIBERNATION),
	SIGNATURE(0, "HIBR", HIBERNATION),
	SIGNATURE(0, "wake", HIBERNATION),
	SIGNATURE(0, "WAKE", HIBERNATION),
	SIGNATURE(0, "RSTR", HIBERNATION),
	SIGNATURE(0, "HORM", HIBERNATION),
	SIGNATURE(0, "KDUMP   ", KDUMP),
	SIGNATURE(0, "DISKDUMP", KDUMP),
	SIGNATURE(0, "makedumpfile\0\0\0\0", KDUMP),
	SIGNATURE(0, "EVF\x09\x0d\x0a\xff\x00", EWF),
	SIGNATURE(0, "LVF\x09\x0d\x0a\xff\x00", EWF),
	SIGNATURE(0, "EVF2\x0d\x0a\x81\x00", EWF),
	SIGNATURE(0, "AFF10\x0d\x0a\x00",
		  "is an AFF image: export what it holds as a raw image first"),
	SIGNATURE(0, "AVML", "is a compressed AVML image: convert it with avml-convert first"),
	SIGNATURE(0, "\x1f\x8b\x08", "is a gzip file: " DECOMPRESS " (gunzip)"),
	SIGNATURE(0,
		  "\xfd"
		  "7zXZ\0",
		  "is an xz file: " DECOMPRESS " (unxz)"),
	SIGNATURE(0, "\x28\xb5\x2f\xfd", "is a Zstandard file: " DECOMPRESS " (unzstd)"),
	SIGNATURE(0, "\x04\x22\x4d\x18", "is an LZ4 file: " DECOMPRESS " (unlz4)"),
	SIGNATURE(4, "1AY&SY", "is a bzip2 file: " DECOMPRESS " (bunzip2)"),
	SIGNATURE(0, "7z\xbc\xaf\x27\x1c", "is a 7-Zip archive: unpack it first"),
	SIGNATURE(0, "Rar!\x1a\x07", "is a RAR archive: unpack it first"),
	SIGNATURE(0, "MSCF\0\0\0\0", "is a cabinet archive: unpack it first"),
	SIGNATURE(257, "ustar", "is a tar archive: unpack it first"),
	SIGNATURE(0, "QFI\xfb", DISK),
	SIGNATURE(0, "KDMV", DISK),
	SIGNATURE(0, "COWD", DISK),
	SIGNATURE(0, "# Disk DescriptorFile", DISK),
	SIGNATURE(0, "conectix", DISK),
	SIGNATURE(0, "vhdxfile", DISK),
	SIGNATURE(0x40, "\x7f\x10\xda\xbe", DISK), /* VirtualBox */
	SIGNATURE(3, "NTFS    ", "is an NTFS volume, not a memory image"),
	SIGNATURE(0, "QEVM", SAVED_VM " (QEMU: dump-guest-memory)"),
	SIGNATURE(0, "LibvirtQemudSave", SAVED_VM " (virsh dump --memory-only)"),
	SIGNATURE(0,
		  "\x7f"
		  "VirtualBox SavedState",
		  SAVED_VM " (VBoxManage debugvm NAME dumpvmcore)"),
	SIGNATURE(0, "regf", "is a registry hive, not a memory image"),
};

/* A ZIP archive, which an AFF4 volume is too: its first member is named after its content. */
static bool is_zip(const struct image *image)
{
	return image_has(image, 0, "PK\x03\x04", 4);
}

static bool is_aff4(const struct image *image)
{
	size_t size = (size_t)min_of(image->size, UINT64_C(4096));
	const uint8_t *start = image_bytes(image, 0, size);
	return (start && (memmem(start, size, "aff4", 4) || memmem(start, size, "AFF4", 4))) ||
	       image_has(image, 30, "container.description", 21) ||
	       image_has(image, 30, "information.turtle", 18);
}

/*
 * A resumed machine leaves its hibernation file with the first page zeroed; up to Windows 7 blocks
 * of compressed pages, marked so, begin on one of the next pages.
 */
static bool is_wiped_hibernation(const struct image *image)
{
	const uint64_t pages = 64;
	const uint8_t *first = image_bytes(image, 0, PAGE_SIZE);
	if (!first || first[0] || memcmp(first, first + 1, PAGE_SIZE - 1) != 0)
		return false;
	for (uint64_t page = 1; page < pages; page++)
		if (image_has(image, page * PAGE_SIZE, "\x81\x81xpress", 8))
			return true;
	return false;
}

/* A PE file has its second header where the word at 0x3c says. */
static bool is_pe(const struct image *image)
{
	const uint8_t *header = image_bytes(image, 0, 0x40);
	return header && header[0] == 'M' && header[1] == 'Z' &&
	       image_has(image, le32(header + 0x3c), "PE\0", 4);
}

static bool is_fixed_vhd(const struct image *image)
{
	const uint64_t footer = 512;
	return image->size > footer && image_has(image, image->size - footer, "conectix", 8);
}

/* The sentence for a file, or NULL when it is none of these. */
static const char *sentence_for(const struct image *image)
{
	for (size_t i = 0; i < array_size(signatures); i++)
		if (image_has(image, signatures[i].offset, signatures[i].bytes, signatures[i].size))
			return signatures[i].sentence;
	if (is_zip(image))
		return is_aff4(image)
			       ? "is an AFF4 volume: export the memory it holds as a raw image "
				 "first"
			       : "is a ZIP archive: unpack it first";
	if (is_wiped_hibernation(image))
		return HIBERNATION " (this one was wiped when the machine resumed)";
	if (is_pe(image))
		return "is a PE file, not a memory image: to compare an image with it, give it "
		       "to -e";
	if (is_fixed_vhd(image))
		return DISK;
	return NULL;
}

static bool probe(const struct image *image)
{
	return sentence_for(image);
}

static struct error *parse(struct image *image)
{
	return error_new("'%s' %s", image->path, sentence_for(image));
}

const struct image_format image_format_refused = {.probe = probe, .parse = parse};
