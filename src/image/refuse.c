/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Files that are recognised but hold no memory that impscan can use. Opening one fails with a
 * sentence on what the file is and what to do. Taken for raw memory, it would end in "no Windows
 * kernel found" after a long search.
 *
 * Here is only what can't be memory by its bytes. What may be, since it takes only a few bytes or
 * memory has them too, is read as raw memory first: see likeness.c.
 *
 * Those that are also taken for page files are listed again in memory/page_file.c.
 *
 * Facts: the formats' own documents, file(1).
 */
#include "internal.h"

#include <strings.h>

#define DECOMPRESS "decompress it first"
#define ONE_PROCESS                                                                           \
	"holds the memory of one process: impscan needs that of the whole machine, as a raw " \
	"image, "                                                                             \
	"LiME, ELF core or complete crash dump"
#define DISK                                                                                      \
	"is a virtual disk, not a memory image: take the memory of the running machine, or look " \
	"for a page or hibernation file in it"
#define RAW_DISK                                                                                   \
	"is an image of a disk or volume, not of memory: take the memory of the running machine, " \
	"or look for a page or hibernation file in it"
#define KDUMP                                                                                  \
	"is a kdump file, whose pages are compressed: take the dump again as an uncompressed " \
	"ELF core (QEMU: dump-guest-memory without -z, -l or -s)"
#define SAVED_VM "is the saved state of a virtual machine: take its memory as an ELF core instead"
#define EWF                                                                                    \
	"is an EnCase evidence file: export what it holds as a raw image first (ewfexport -f " \
	"raw), "                                                                               \
	"or mount it with ewfmount"

#define QCOW                                                                                       \
	"is a virtual disk of QEMU, not a memory image: if it has the state of a running machine " \
	"(savevm), load that and take the memory as an ELF core (dump-guest-memory)"
#define XEN                                                                                       \
	"is a saved machine of Xen: take its memory as raw memory instead, or convert it with a " \
	"tool that reads it (Volatility 3: layerwriter)"
#define AD1                                                                                      \
	"is an AD1 container of FTK Imager, which holds files: export the memory image that is " \
	"in "                                                                                    \
	"it, or take the memory without \"create AD1\""
#define WINPMEM                                                                                 \
	"is an image that winpmem or Velociraptor compressed: decompress it first, or take it " \
	"again without compression"
#define SPLIT_ZIP                                                                          \
	"is a part of a split ZIP archive: join its parts first (zip -s 0 NAME.zip --out " \
	"WHOLE.zip)"
#define DOWNLOAD  "is a web page, not a memory image: the download went wrong, fetch the file again"
#define ENCRYPTED "is an encrypted file: decrypt it first"

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
	SIGNATURE(0, "USERDUMP", "is a user-mode dump, which " ONE_PROCESS),
	SIGNATURE(0, "USERDU64", "is a user-mode dump, which " ONE_PROCESS),
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
	SIGNATURE(0, "PK\7\x08", SPLIT_ZIP),
	SIGNATURE(0, "PK00PK\3\4", SPLIT_ZIP),
	SIGNATURE(0, "7z\xbc\xaf\x27\x1c", "is a 7-Zip archive: unpack it first"),
	SIGNATURE(0, "Rar!\x1a\x07", "is a RAR archive: unpack it first"),
	SIGNATURE(0, "MSCF\0\0\0\0", "is a cabinet archive: unpack it first"),
	SIGNATURE(257, "ustar", "is a tar archive: unpack it first"),
	SIGNATURE(0, "QFI\xfb", QCOW),
	SIGNATURE(0, "KDMV", DISK),
	SIGNATURE(0, "COWD", DISK),
	SIGNATURE(0, "# Disk DescriptorFile", DISK),
	SIGNATURE(0, "conectix", DISK),
	SIGNATURE(0, "vhdxfile", DISK),
	SIGNATURE(0x40, "\x7f\x10\xda\xbe", DISK), /* VirtualBox */
	SIGNATURE(3, "NTFS    ", "is an NTFS volume, not a memory image"),
	SIGNATURE(0, "QEVM", SAVED_VM " (QEMU: dump-guest-memory)"),
	SIGNATURE(0, "LibvirtQemudSave", SAVED_VM " (virsh dump --memory-only)"),
	SIGNATURE(0, "LibvirtQemudPart",
		  "is the saved state of a virtual machine that libvirt did not finish: take its "
		  "memory as an ELF core instead (virsh dump --memory-only)"),
	SIGNATURE(0,
		  "\x7f"
		  "VirtualBox SavedState",
		  SAVED_VM " (VBoxManage debugvm NAME dumpvmcore)"),
	SIGNATURE(0, "regf", "is a registry hive, not a memory image"),
	SIGNATURE(0, "ElfFile\0", "is a Windows event log, not a memory image"),
	SIGNATURE(0, "ZDMP", "is a compressed dump of DumpIt: convert it with Z2Dmp first"),
	SIGNATURE(0, "HPAK",
		  "is an HPAK file of FDPro: extract the memory that it holds first (Volatility 2: "
		  "hpakextract)"),
	SIGNATURE(0, "ADSEGMENTEDFILE\0", AD1),
	SIGNATURE(0, "ADCRYPT\0", AD1),
	SIGNATURE(0, "\x89LZO\0\r\n\x1a\n", "is an lzop file: " DECOMPRESS " (lzop -d)"),
	SIGNATURE(0, "LZIP\1", "is an lzip file: " DECOMPRESS " (lzip -d)"),
	SIGNATURE(0, "LRZI", "is an lrzip file: " DECOMPRESS " (lrunzip)"),
	SIGNATURE(0, "\x02\x21\x4c\x18", "is an LZ4 file: " DECOMPRESS " (unlz4)"),
	SIGNATURE(0, "\xff\x06\0\0sNaPpY", WINPMEM),
	SIGNATURE(0, "\xff\x06\0\0S2sTwO", WINPMEM),
	SIGNATURE(0, "MSWIM\0\0\0",
		  "is a Windows image (WIM), which holds files, not memory: extract what you need"),
	SIGNATURE(0, "LibxenFmt", XEN),
	SIGNATURE(0, "\xff\xff\xff\xff\xff\xff\xff\xffXENF", XEN),
	SIGNATURE(0, "Xen saved domain", XEN),
	SIGNATURE(0, "XenSavedDomain", XEN),   /* xl */
	SIGNATURE(0, "\xed\xeb\x0f\xf0", XEN), /* xc_core.h, PV and HVM */
	SIGNATURE(0, "\xee\xeb\x0f\xf0", XEN),
	SIGNATURE(0, "\xbe\xba\xfe\xca\0\0\0\0", DISK), /* VMware's sparse disks */
	SIGNATURE(0, "WithoutFreeSpace", DISK),		/* Parallels */
	SIGNATURE(0, "WithouFreSpacExt", DISK),
	SIGNATURE(512, "EFI PART", RAW_DISK),
	SIGNATURE(4096, "EFI PART", RAW_DISK),
	SIGNATURE(3, "EXFAT   ", RAW_DISK),
	SIGNATURE(3, "-FVE-FS-", RAW_DISK), /* BitLocker */
	SIGNATURE(3, "ReFS\0\0\0\0", RAW_DISK),
	SIGNATURE(0, "LUKS\xba\xbe", ENCRYPTED),
	SIGNATURE(0, "Salted__", ENCRYPTED), /* openssl enc */
	SIGNATURE(0, "-----BEGIN PGP MESSAGE", ENCRYPTED),
	SIGNATURE(0, "age-encryption.org/", ENCRYPTED),
	SIGNATURE(0, "version https://git-lfs",
		  "is a pointer of Git LFS, not the file itself: fetch that (git lfs pull)"),
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

/*
 * Is it a kind of processor that Mach-O files are of? The same with the flag of 64 bits, or 64:32.
 */
static bool is_mach_kind(uint32_t kind)
{
	static const uint32_t kinds[] = {7, 12, 18}; /* x86, ARM, PowerPC */
	for (size_t i = 0; i < array_size(kinds); i++)
		if ((kind & 0xffffff) == kinds[i])
			return kind >> 24 <= 2;
	return false;
}

/*
 * A Mach-O file: magic of 32 or 64 bits, then the processor's kind. Or several in one, "fat": magic
 * and count, then the same of the first, all big-endian. A class of Java has a version in the place
 * of the count, which is larger.
 */
static bool is_mach_o(const struct image *image)
{
	const uint8_t *header = image_bytes(image, 0, 16);
	if (!header)
		return false;
	const uint32_t magic = le32(header), kind = le32(header + 4);
	const uint32_t count = __builtin_bswap32(kind);
	if (magic == 0xbebafeca || magic == 0xbfbafeca)
		return count && count < 32 && is_mach_kind(__builtin_bswap32(le32(header + 8)));
	if (magic == 0xcefaedfe || magic == 0xcffaedfe)
		return is_mach_kind(__builtin_bswap32(kind));
	return (magic == 0xfeedface || magic == 0xfeedfacf) && is_mach_kind(kind);
}

/*
 * The last part of a split ZIP archive: the record at its end, with a comment of at most 64 KB
 * behind it, says that it is not on the first disk.
 */
static bool is_last_of_zip(const struct image *image)
{
	enum { THIS_DISK = 4, COMMENT = 20, RECORD = 22 };
	const uint64_t most = RECORD + 0xffff;
	const uint64_t size = min_of(image->size, most), start = image->size - size;
	const uint8_t *end = image_bytes(image, start, size);
	for (uint64_t at = end && size >= RECORD ? size - RECORD + 1 : 0; at-- > 0;)
		if (!memcmp(end + at, "PK\5\6", 4) &&
		    at + RECORD + le16(end + at + COMMENT) == size)
			return le16(end + at + THIS_DISK);
	return false;
}

/*
 * Hyper-V's key and value files: two headers with the same signature, then the table of objects.
 * The file of a machine's settings is one, too.
 */
static bool is_vmrs(const struct image *image)
{
	static const char header[] = "\x14\x20\x28\x01";
	return (image_has(image, 0, header, 4) || image_has(image, 0x1000, header, 4)) &&
	       (image->size <= 0x2000 || image_has(image, 0x2000, "\x01\x00\x11\x01", 4));
}

/*
 * An .lzma file: properties, a power of two, or one and a half, as dictionary, then the size, or
 * -1. What is compressed is hardly ever less than before.
 */
static bool is_lzma(const struct image *image)
{
	const uint8_t *header = image_bytes(image, 0, 13);
	if (!header || header[0] != 0x5d)
		return false;
	uint32_t dictionary = le32(header + 1);
	const uint64_t size = le64(header + 5);
	while (dictionary && !(dictionary & 1))
		dictionary >>= 1;
	return le32(header + 1) >= 4096 && (dictionary == 1 || dictionary == 3) &&
	       (size == UINT64_MAX || (size >> 40 == 0 && size > image->size / 2));
}

/* The partition table of an MBR, one of whose partitions begins as volumes of Windows do. */
static bool is_partitioned(const struct image *image)
{
	const uint8_t *mbr = image_bytes(image, 0, 512);
	for (size_t entry = 446; mbr && le16(mbr + 510) == 0xaa55 && entry < 510; entry += 16) {
		const uint64_t start = (uint64_t)le32(mbr + entry + 8) * 512;
		if (!start || (mbr[entry] & 0x7f))
			continue;
		if (image_has(image, start + 3, "NTFS    ", 8) ||
		    image_has(image, start + 3, "MSDOS5.0", 8) ||
		    image_has(image, start + 3, "-FVE-FS-", 8) ||
		    image_has(image, start + 0x438, "\x53\xef", 2)) /* Linux: ext2 to 4 */
			return true;
	}
	return false;
}

/* Does the file begin with a word, whatever its case, behind a byte order mark and spaces? */
static bool begins_with(const struct image *image, const char *word)
{
	uint64_t at = image_has(image, 0, "\xef\xbb\xbf", 3) ? 3 : 0;
	const uint64_t spaces = at + 1024;
	const uint8_t *p;
	while (at < spaces && (p = image_bytes(image, at, 1)) &&
	       (*p == ' ' || *p == '\t' || *p == '\r' || *p == '\n'))
		at++;
	p = image_bytes(image, at, strlen(word));
	return p && !strncasecmp((const char *)p, word, strlen(word));
}

static bool is_web_page(const struct image *image)
{
	return begins_with(image, "<!DOCTYPE ") || begins_with(image, "<html") ||
	       begins_with(image, "<?xml ");
}

/* What takes more than bytes at one place to recognise. */
static const struct {
	bool (*is)(const struct image *image);
	const char *sentence;
} others[] = {
	{is_last_of_zip, SPLIT_ZIP},
	{is_mach_o,
	 "is a Mach-O file (a core of macOS, or a program), not the memory of a Windows "
	 "machine: take that as raw memory (of a virtual machine: its own way to dump it)"},
	{is_vmrs,
	 "is a saved state of a Hyper-V machine (.vmrs): resume it and take the memory inside "
	 "it, or convert it on Windows with a tool that uses Microsoft's "
	 "vmsavedstatedumpprovider.dll (MemProcFS)"},
	{is_lzma, "is an .lzma file: " DECOMPRESS " (unlzma)"},
	{is_partitioned, RAW_DISK},
	{is_web_page, DOWNLOAD},
};

/* The sentence for a file, or NULL when it is none of these. */
static const char *sentence_for(const struct image *image)
{
	for (size_t i = 0; i < array_size(signatures); i++)
		if (image_has(image, signatures[i].offset, signatures[i].bytes, signatures[i].size))
			return signatures[i].sentence;
	if (is_zip(image))
		return is_aff4(image)
			       ? "is an AFF4 volume: export the memory it holds as a raw image "
				 "first (aff4imager -e)"
			       : "is a ZIP archive: unpack it first";
	if (is_pe(image))
		return "is a PE file, not a memory image: to compare an image with it, give it "
		       "to -e";
	if (is_fixed_vhd(image))
		return DISK;
	for (size_t i = 0; i < array_size(others); i++)
		if (others[i].is(image))
			return others[i].sentence;
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
