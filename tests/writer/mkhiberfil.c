/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * mkhiberfil: packs a memory image, raw (without the holes of its file) or LiME, into a hibernation
 * file.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <writer/hiberfil.h>
#include <writer/util.h>

/* An image that is mapped: where each of its pages lies in the file. */
struct input {
	const uint8_t *data;
	uint64_t size;
	uint64_t *pages, *offsets;
	size_t count, page_room, offset_room;
	size_t last; /* number of the page that was asked for last */
};

static void add_pages(struct input *input, uint64_t start, uint64_t size, uint64_t offset)
{
	for (uint64_t at = 0; at + 4096 <= size; at += 4096) {
		size_t count = input->count;
		*util_push(input->pages, count, input->page_room) = (start + at) / 4096;
		*util_push(input->offsets, input->count, input->offset_room) = offset + at;
	}
}

/* Source: struct lime_mem_range_header of LiME's documentation. */
static void add_lime(struct input *input)
{
	for (uint64_t at = 0; at + 32 <= input->size;) {
		uint64_t start = util_get(input->data + at + 8, 8);
		uint64_t size = util_get(input->data + at + 16, 8) + 1 - start;
		add_pages(input, start, size, at + 32);
		at += 32 + size;
	}
}

static void add_raw(struct input *input, int fd)
{
	off_t end = 0;
	for (off_t at = lseek(fd, 0, SEEK_DATA); at >= 0; at = lseek(fd, end, SEEK_DATA)) {
		end = lseek(fd, at, SEEK_HOLE);
		at -= at % 4096;
		add_pages(input, (uint64_t)at, (uint64_t)(end - at), (uint64_t)at);
	}
}

static void open_input(struct input *input, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	if (fd < 0 || fstat(fd, &st))
		util_die("%s: %s", path, strerror(errno));
	input->size = (uint64_t)st.st_size;
	void *data = mmap(NULL, input->size, PROT_READ, MAP_SHARED, fd, 0);
	if (data == MAP_FAILED)
		util_die("%s: %s", path, strerror(errno));
	input->data = data;
	if (input->size > 32 && !memcmp(data, "EMiL", 4))
		add_lime(input);
	else
		add_raw(input, fd);
	close(fd);
}

static const uint8_t *page_of_input(void *context, uint64_t number)
{
	struct input *input = context;
	/* They are asked for in order, mostly. */
	if (input->last + 1 < input->count && input->pages[input->last + 1] == number)
		return input->data + input->offsets[++input->last];
	size_t low = 0, high = input->count;
	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;
		if (input->pages[middle] <= number)
			low = middle;
		else
			high = middle;
	}
	input->last = low;
	return input->data + input->offsets[low];
}

static void print_layout(const char *name, unsigned int pointer_size)
{
	printf("%s\t%s\n", name, pointer_size == 8 ? "x64" : "x86");
}

enum option_id {
	OPTION_LAYOUT = 256,
	OPTION_SIGNATURE,
	OPTION_METHOD,
	OPTION_LENGTH,
	OPTION_CR3,
	OPTION_ZERO_HEADER,
	OPTION_HIBERBOOT,
	OPTION_MIXED,
	OPTION_METHOD_1,
	OPTION_OVERLAP,
	OPTION_SHUFFLE,
	OPTION_WRONG_COUNTS,
	OPTION_STALE,
	OPTION_LIST,
};

static const struct option options_of_getopt[] = {
	{"layout", required_argument, NULL, OPTION_LAYOUT},
	{"signature", required_argument, NULL, OPTION_SIGNATURE},
	{"method", required_argument, NULL, OPTION_METHOD},
	{"length", required_argument, NULL, OPTION_LENGTH},
	{"cr3", required_argument, NULL, OPTION_CR3},
	{"zero-header", no_argument, NULL, OPTION_ZERO_HEADER},
	{"hiberboot", no_argument, NULL, OPTION_HIBERBOOT},
	{"mixed", no_argument, NULL, OPTION_MIXED},
	{"method-1", no_argument, NULL, OPTION_METHOD_1},
	{"overlap", no_argument, NULL, OPTION_OVERLAP},
	{"shuffle", no_argument, NULL, OPTION_SHUFFLE},
	{"wrong-counts", no_argument, NULL, OPTION_WRONG_COUNTS},
	{"stale", no_argument, NULL, OPTION_STALE},
	{"list", no_argument, NULL, OPTION_LIST},
	{0},
};

static const char usage[] = "mkhiberfil --layout L [options] IMAGE OUTPUT: packs a raw or LiME "
			    "image into a hibernation "
			    "file.\n"
			    "  --list           the layouts, and of which machines, then stop\n"
			    "  --signature S    four letters\n"
			    "  --zero-header    clear the first page\n"
			    "  --hiberboot      as by a fast startup's shutdown\n"
			    "  --method N       of all sets: 0, 1 LZ77, 2, 3 Huffman codes\n"
			    "  --mixed          methods in turn, and stored\n"
			    "  --method-1       Huffman codes are called method 1\n"
			    "  --length N       LengthSelf of the header\n"
			    "  --overlap        pages are there twice, first with other content\n"
			    "  --shuffle        sets in any order\n"
			    "  --wrong-counts   numbers of pages in the header are 0\n"
			    "  --stale          old blocks between tables and at the end\n"
			    "  --cr3 N          in the processor's state";

static void set_option(struct hiberfil_options *options, struct hiberfil_memory *memory, int id)
{
	switch (id) {
	case OPTION_LAYOUT:
		options->layout = optarg;
		break;
	case OPTION_SIGNATURE:
		if (strlen(optarg) != 4)
			util_die("--signature %s: four letters are needed", optarg);
		options->signature = optarg;
		break;
	case OPTION_METHOD:
		options->method = (unsigned int)strtoul(optarg, NULL, 0) & 3;
		break;
	case OPTION_LENGTH:
		options->length = (uint32_t)strtoul(optarg, NULL, 0);
		break;
	case OPTION_CR3:
		memory->cr3 = strtoull(optarg, NULL, 0);
		break;
	case OPTION_ZERO_HEADER:
		options->zero_header = true;
		break;
	case OPTION_HIBERBOOT:
		options->hiberboot = true;
		break;
	case OPTION_MIXED:
		options->mixed = true;
		break;
	case OPTION_METHOD_1:
		options->method_1 = true;
		break;
	case OPTION_OVERLAP:
		options->overlap = true;
		break;
	case OPTION_SHUFFLE:
		options->shuffle = true;
		break;
	case OPTION_WRONG_COUNTS:
		options->wrong_counts = true;
		break;
	case OPTION_STALE:
		options->stale = true;
		break;
	case OPTION_LIST:
		hiberfil_layouts(print_layout);
		exit(0);
	default:
		util_die("%s", usage);
	}
}

int main(int argc, char **argv)
{
	struct input input = {0};
	struct hiberfil_options options = {0};
	struct hiberfil_memory memory = {.page = page_of_input, .context = &input};
	int id;
	while ((id = getopt_long(argc, argv, "", options_of_getopt, NULL)) != -1)
		set_option(&options, &memory, id);
	if (argc - optind != 2 || !options.layout)
		util_die("%s", usage);
	open_input(&input, argv[optind]);
	memory.pages = input.pages;
	memory.count = input.count;
	size_t length = strlen(options.layout);
	memory.pointer_size = length > 3 && !strcmp(options.layout + length - 3, "x86") ? 4 : 8;
	hiberfil_write(&options, &memory, argv[optind + 1]);
	munmap((void *)(uintptr_t)input.data, input.size);
	free(input.pages);
	free(input.offsets);
	return 0;
}
