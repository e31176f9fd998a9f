/* SPDX-License-Identifier: GPL-3.0-or-later */
/* image: VMware's .vmem, .vmss and .vmsn, and memory that nothing is said of. */
#include "image_builder.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

enum {
	HEADER = 12,
	GROUP = 80,
	MAGIC = 0xbed2bed2,
	OLD_MAGIC = 0xbed0bed0,
	COMPRESSED_BLOCK = 62,
	BLOCK = 63,
};

/* A state file that is made; the tags of a group follow each other. */
struct state_file {
	struct blob blob;
	uint32_t magic;
	uint32_t groups;
};

#define _cleanup_state_file_ __attribute__((cleanup(state_file_free)))
static void state_file_free(struct state_file *file)
{
	blob_free(&file->blob);
}

/* Room for eight groups. */
static void begin(struct state_file *file, uint32_t magic)
{
	*file = (struct state_file){.magic = magic};
	put32(&file->blob, 0, magic);
	put32(&file->blob, 4, 8);
	blob_resize(&file->blob, HEADER + 8 * GROUP);
}

static void group(struct state_file *file, const char *name)
{
	const size_t at = HEADER + (size_t)file->groups++ * GROUP;
	put32(&file->blob, 8, file->groups);
	put(&file->blob, at, name, strlen(name));
	put64(&file->blob, at + 64, file->blob.size);
}

static void end_group(struct state_file *file)
{
	const size_t at = HEADER + (size_t)(file->groups - 1) * GROUP;
	blob_resize(&file->blob, file->blob.size + 2);
	put64(&file->blob, at + 72, file->blob.size - le64(file->blob.data + at + 64));
}

static void tag(struct state_file *file, const char *name, unsigned int index_count,
		const uint32_t *indices, unsigned int size)
{
	const uint8_t head[2] = {(uint8_t)(index_count << 6 | size), (uint8_t)strlen(name)};
	put(&file->blob, file->blob.size, head, 2);
	put(&file->blob, file->blob.size, name, strlen(name));
	for (unsigned int i = 0; i < index_count; i++)
		put32(&file->blob, file->blob.size, indices[i]);
}

static void number(struct state_file *file, const char *name, uint32_t value)
{
	tag(file, name, 0, NULL, 4);
	put32(&file->blob, file->blob.size, value);
}

static void numbered(struct state_file *file, const char *name, uint32_t index, uint32_t value)
{
	tag(file, name, 1, &index, 4);
	put32(&file->blob, file->blob.size, value);
}

/* All in pages. */
static void region(struct state_file *file, uint32_t index, uint32_t start, uint32_t place,
		   uint32_t pages)
{
	numbered(file, "regionPPN", index, start);
	numbered(file, "regionPageNum", index, place);
	numbered(file, "regionSize", index, pages);
}

/* The sizes and padding of a block; its data comes next. */
static void sizes(struct state_file *file, uint64_t on_disk, uint64_t in_memory, uint16_t padding)
{
	if (file->magic == OLD_MAGIC || file->magic == 0xbed2bed0) {
		put32(&file->blob, file->blob.size, (uint32_t)on_disk);
		put32(&file->blob, file->blob.size, (uint32_t)in_memory);
	} else {
		put64(&file->blob, file->blob.size, on_disk);
		put64(&file->blob, file->blob.size, in_memory);
	}
	put16(&file->blob, file->blob.size, padding);
	blob_resize(&file->blob, file->blob.size + padding);
}

/* `count` pages numbered from `first` on. */
static void memory_block(struct state_file *file, uint64_t first, size_t count, uint16_t padding)
{
	tag(file, "Memory", 2, (const uint32_t[]){0, 0}, BLOCK);
	sizes(file, count * PAGE, count * PAGE, padding);
	put_pages(&file->blob, file->blob.size, first, count);
}

/* Pages 100 to 103 at 0, 104 and 105 at 0x10000. */
static void usual(struct state_file *file, uint32_t magic, uint16_t padding)
{
	begin(file, magic);
	group(file, "memory");
	number(file, "align_mask", 0xffff);
	number(file, "regionsCount", 2);
	region(file, 0, 0, 0, 4);
	region(file, 1, 0x10, 4, 2);
	memory_block(file, 100, 6, padding);
	end_group(file);
}

static void check_usual(const struct image *image)
{
	assert_page(image, 0, 100);
	assert_page(image, 3 * PAGE, 103);
	assert_null(image_page(image, 4 * PAGE));
	assert_page(image, 0x10 * PAGE, 104);
	assert_page(image, 0x11 * PAGE, 105);
	assert_null(image_page(image, 0x12 * PAGE));
}

static void memory_inside(void **state)
{
	(void)state;
	const uint32_t magics[] = {0xbed0bed0, 0xbed2bed0, 0xbad1bad1,
				   0xbad2bad2, 0xbed2bed2, 0xbed3bed3};
	for (size_t i = 0; i < array_size(magics); i++) {
		for (uint16_t padding = 0; padding < 5000; padding += 1237) {
			_cleanup_state_file_ struct state_file file;
			usual(&file, magics[i], padding);
			_cleanup_opened_ struct opened opened = open_blob(&file.blob);
			assert_non_null(strstr(image_format(opened.image), "VMware"));
			assert_null(image_warning(opened.image));
			check_usual(opened.image);
		}
	}
}

static void regions_behind_the_memory(void **state)
{
	(void)state;
	_cleanup_state_file_ struct state_file file;
	begin(&file, MAGIC);
	group(&file, "other");
	number(&file, "regionsCount", 77);
	end_group(&file);
	group(&file, "memory");
	memory_block(&file, 100, 6, 3);
	numbered(&file, "regionSize", 1, 2);
	put32(&file.blob, file.blob.size, 0); /* between tags */
	numbered(&file, "regionSize", 0, 4);
	numbered(&file, "regionPPN", 1, 0x10);
	numbered(&file, "regionPPN", 0, 0);
	number(&file, "regionsCount", 2);
	numbered(&file, "regionPageNum", 1, 4);
	numbered(&file, "regionPageNum", 0, 0);
	end_group(&file);
	_cleanup_opened_ struct opened opened = open_blob(&file.blob);
	check_usual(opened.image);
}

static void without_regions_it_is_one_from_0_on(void **state)
{
	(void)state;
	for (unsigned int counted = 0; counted < 2; counted++) {
		_cleanup_state_file_ struct state_file file;
		begin(&file, MAGIC);
		group(&file, "memory");
		if (counted)
			number(&file, "regionsCount", 0);
		memory_block(&file, 7, 3, 0);
		end_group(&file);
		_cleanup_opened_ struct opened opened = open_blob(&file.blob);
		assert_page(opened.image, 0, 7);
		assert_page(opened.image, 2 * PAGE, 9);
		assert_null(image_page(opened.image, 3 * PAGE));
		assert_null(image_other_layout(opened.image));
	}
}

static void memory_behind_the_tags(void **state)
{
	(void)state;
	const size_t pages = 4097;
	_cleanup_state_file_ struct state_file file;
	begin(&file, MAGIC);
	group(&file, "memory");
	number(&file, "regionsCount", 2);
	region(&file, 0, 0, 0, 4);
	region(&file, 1, 0x10, 4, 4093);
	blob_resize(&file.blob, file.blob.size + 2);
	const size_t from = (file.blob.size + PAGE - 1) / PAGE * PAGE;
	put_pages(&file.blob, from, 100, pages);
	put64(&file.blob, HEADER + 72, file.blob.size - le64(file.blob.data + HEADER + 64));
	_cleanup_opened_ struct opened opened = open_blob(&file.blob);
	assert_page(opened.image, 0, 100);
	assert_page(opened.image, 0x10 * PAGE, 104);
	assert_page(opened.image, (0x10 + 4092) * PAGE, 100 + pages - 1);
}

static void processor(void **state)
{
	(void)state;
	for (unsigned int form = 0; form < 4; form++) {
		_cleanup_state_file_ struct state_file file;
		usual(&file, MAGIC, 0);
		group(&file, "cpu");
		for (uint32_t i = 0; i < 5 && form < 2; i++) {
			tag(&file, form ? "CR" : "CR64", 2, (const uint32_t[]){0, i}, form ? 4 : 8);
			if (form)
				put32(&file.blob, file.blob.size, i == 3 ? 0x1ad020 : 0x80050033);
			else
				put64(&file.blob, file.blob.size,
				      i == 3 ? 0x1ad001ad002 : 0x80050033);
		}
		if (form >= 2) {
			tag(&file, "CR64", 1, (const uint32_t[]){0}, form == 2 ? 40 : BLOCK);
			if (form == 3)
				sizes(&file, 40, 40, 2);
			for (uint32_t i = 0; i < 5; i++)
				put64(&file.blob, file.blob.size,
				      i == 3 ? 0x1ad001ad002 : 0x80050033);
		}
		end_group(&file);
		_cleanup_opened_ struct opened opened = open_blob(&file.blob);
		assert_int_equal(image_hints(opened.image)->dtb,
				 form == 1 ? 0x1ad020 : 0x1ad001ad000);
		check_usual(opened.image);
	}
}

static void what_wrote_it(void **state)
{
	(void)state;
	_cleanup_state_file_ struct state_file file;
	usual(&file, MAGIC, 0);
	group(&file, "Checkpoint");
	tag(&file, "ProductName", 0, NULL, BLOCK);
	sizes(&file, 256, 256, 1);
	put(&file.blob, file.blob.size, "VMware Workstation", 18);
	blob_resize(&file.blob, file.blob.size + 256 - 18);
	tag(&file, "VersionNumber", 0, NULL, 6);
	put(&file.blob, file.blob.size, "16.1.2", 6);
	end_group(&file);
	_cleanup_opened_ struct opened opened = open_blob(&file.blob);
	assert_string_equal(image_fact(opened.image, IMAGE_FACT_TOOL), "VMware Workstation 16.1.2");
}

static void refused(void **state)
{
	(void)state;
	_cleanup_state_file_ struct state_file arm, compressed, disks, nothing;
	usual(&arm, MAGIC, 0);
	group(&arm, "Checkpoint");
	number(&arm, "Platform", 3);
	end_group(&arm);
	refuse_blob(&arm.blob, "ARM64");

	begin(&compressed, MAGIC);
	group(&compressed, "memory");
	tag(&compressed, "Memory", 2, (const uint32_t[]){0, 0}, COMPRESSED_BLOCK);
	sizes(&compressed, PAGE, 6 * PAGE, 0);
	put_pages(&compressed.blob, compressed.blob.size, 1, 1);
	end_group(&compressed);
	refuse_blob(&compressed.blob, "compressed");

	begin(&disks, MAGIC);
	group(&disks, "memory");
	number(&disks, "regionsCount", 2);
	region(&disks, 0, 0, 0, 4);
	region(&disks, 1, 0x10, 4, 2);
	end_group(&disks);
	refuse_blob(&disks.blob, ".vmem: put that beside it");

	begin(&nothing, MAGIC);
	group(&nothing, "cpu");
	end_group(&nothing);
	refuse_blob(&nothing.blob, "says nothing of memory");
}

/* The offset of the data of the first tag of that name. */
static size_t data_of(const struct state_file *file, const char *name)
{
	const uint8_t *at = memmem(file->blob.data, file->blob.size, name, strlen(name));
	assert_non_null(at);
	return (size_t)(at - file->blob.data) + strlen(name) + 4u * (at[-2] >> 6);
}

static void damaged_tables(void **state)
{
	(void)state;
	const struct {
		const char *tag;
		uint32_t value;
		const char *said;
	} wrong[] = {
		{"regionsCount", 1, "more regions"},
		{"regionsCount", 3, "not all of its regions"},
		{"regionsCount", 65, "more regions"},
		{"regionsCount", UINT32_MAX, NULL}, /* as if it said nothing */
		{"regionPPN", 0x10, "overlap"},
		{"regionPPN", 0x11, "overlap"},
		{"regionPageNum", 1, "overlap"},
		{"regionSize", 5, "overlap"},
		{"regionSize", 0x7fffffff, "overlap"},
		{"regionPageNum", 6, "larger than its memory"},
	};
	for (size_t i = 0; i < array_size(wrong); i++) {
		_cleanup_state_file_ struct state_file file;
		usual(&file, MAGIC, 9);
		put32(&file.blob, data_of(&file, wrong[i].tag), wrong[i].value);
		if (wrong[i].said) {
			refuse_blob(&file.blob, wrong[i].said);
			continue;
		}
		_cleanup_opened_ struct opened opened = open_blob(&file.blob);
		check_usual(opened.image);
	}
	_cleanup_state_file_ struct state_file file;
	usual(&file, MAGIC, 9);
	put32(&file.blob, 8, UINT32_MAX);
	refuse_blob(&file.blob, "table of groups");
	put32(&file.blob, 8, 0);
	refuse_blob(&file.blob, "table of groups");
	put32(&file.blob, 8, 1);
	put64(&file.blob, HEADER + 64, UINT64_MAX - 1);
	refuse_blob(&file.blob, "not whole");
	put64(&file.blob, HEADER + 64, file.blob.size - 1);
	refuse_blob(&file.blob, "not whole");
	put64(&file.blob, HEADER + 64, 0); /* the group is the header itself */
	refuse_blob(&file.blob, "not whole");
	put64(&file.blob, HEADER + 64, HEADER); /* or its own entry */
	refuse_blob(&file.blob, "not whole");
}

static void cut_memory_is_told(void **state)
{
	(void)state;
	_cleanup_state_file_ struct state_file file;
	usual(&file, MAGIC, 0);
	blob_resize(&file.blob, file.blob.size - 2 - 3 * PAGE);
	_cleanup_opened_ struct opened opened = open_blob(&file.blob);
	assert_warns(opened.image, "truncated");
	assert_page(opened.image, 2 * PAGE, 102);
	assert_null(image_page(opened.image, 3 * PAGE));
	assert_null(image_page(opened.image, 0x10 * PAGE));
}

static void any_damage(void **state)
{
	(void)state;
	_cleanup_state_file_ struct state_file file, old;
	usual(&file, MAGIC, 100);
	torture(&file.blob, HEADER + 8 * GROUP + 300, 3000);
	usual(&old, OLD_MAGIC, 100);
	torture(&old.blob, HEADER + 8 * GROUP + 300, 3000);
}

/* A folder for files of these tests. */
struct folder {
	char path[32];
	char file[64];
};

static void new_folder(struct folder *folder)
{
	snprintf(folder->path, sizeof(folder->path), "/tmp/impscan.test-XXXXXX");
	assert_non_null(mkdtemp(folder->path));
}

static const char *in(struct folder *folder, const char *name)
{
	snprintf(folder->file, sizeof(folder->file), "%s/%s", folder->path, name);
	return folder->file;
}

static void write_blob(struct folder *folder, const char *name, const struct blob *blob)
{
	FILE *file = fopen(in(folder, name), "wb");
	assert_non_null(file);
	assert_int_equal(fwrite(blob->data, 1, blob->size, file), blob->size);
	fclose(file);
}

static void drop(struct folder *folder, const char *name)
{
	assert_int_equal(unlink(in(folder, name)), 0);
}

static struct opened open_sparse(struct folder *folder, const char *name)
{
	struct opened opened = {0};
	opened.error = image_open(in(folder, name), &opened.image);
	return opened;
}

static struct opened open_file(struct folder *folder, const char *name)
{
	struct opened opened = open_sparse(folder, name);
	if (opened.image)
		check_image(opened.image);
	return opened;
}

/* The state of six pages of memory: four at 0, two at 0x10000. */
static void state_of_six(struct state_file *file)
{
	begin(file, MAGIC);
	group(file, "memory");
	number(file, "regionsCount", 2);
	region(file, 0, 0, 0, 4);
	region(file, 1, 0x10, 4, 2);
	end_group(file);
}

static void memory_and_its_state(void **state)
{
	(void)state;
	static const struct {
		const char *memory, *state;
		bool believed;
	} names[] = {
		{"a.vmem", "a.vmss", true},
		{"a.vmem", "a.vmsn", true},
		{"A.VMEM", "a.Vmss", true},
		{"w.vmem", "w-Snapshot1.vmsn", true},
		{"w-564d1234.vmem", "w.vmss", true},
		{"w.raw", "w.vmss", true},
		{"w", "w.vmss", true},
		{".vmem", ".vmss", false}, /* names without an extension */
		{"x.vmem", "w.vmss", false},
	};
	struct folder folder;
	_cleanup_state_file_ struct state_file file;
	_cleanup_blob_ struct blob memory = {0};
	new_folder(&folder);
	state_of_six(&file);
	put_pages(&memory, 0, 100, 6);
	for (size_t i = 0; i < array_size(names); i++) {
		write_blob(&folder, names[i].memory, &memory);
		write_blob(&folder, names[i].state, &file.blob);
		_cleanup_opened_ struct opened by_memory = open_file(&folder, names[i].memory);
		assert_null(by_memory.error);
		assert_null(image_warning(by_memory.image));
		if (names[i].believed)
			check_usual(by_memory.image);
		else
			assert_string_equal(image_format(by_memory.image), "raw");
		drop(&folder, names[i].memory);
		drop(&folder, names[i].state);
	}
	rmdir(folder.path);
}

static void state_and_its_memory(void **state)
{
	(void)state;
	struct folder folder;
	_cleanup_state_file_ struct state_file file;
	_cleanup_blob_ struct blob memory = {0}, other = {0};
	new_folder(&folder);
	state_of_six(&file);
	put_pages(&memory, 0, 100, 6);
	put_pages(&other, 0, 200, 7);
	write_blob(&folder, "w.vmss", &file.blob);
	_cleanup_opened_ struct opened alone = open_file(&folder, "w.vmss");
	assert_non_null(strstr(error_message(alone.error), "put that beside it"));
	/* Of another name, it must be as large as the state says. */
	write_blob(&folder, "564d.vmem", &other);
	_cleanup_opened_ struct opened large = open_file(&folder, "w.vmss");
	assert_non_null(strstr(error_message(large.error), "put that beside it"));
	write_blob(&folder, "564d.vmem", &memory);
	_cleanup_opened_ struct opened one = open_file(&folder, "w.vmss");
	assert_null(one.error);
	check_usual(one.image);
	assert_non_null(strstr(image_format(one.image), "'564d.vmem'"));
	write_blob(&folder, "564e.vmem", &memory);
	_cleanup_opened_ struct opened two = open_file(&folder, "w.vmss");
	assert_non_null(strstr(error_message(two.error), "give that one the same name"));
	write_blob(&folder, "w-1.vmem", &memory);
	_cleanup_opened_ struct opened like = open_file(&folder, "w.vmss");
	assert_non_null(strstr(image_format(like.image), "'w-1.vmem'"));
	write_blob(&folder, "w.vmem", &memory);
	_cleanup_opened_ struct opened same = open_file(&folder, "w.vmss");
	assert_non_null(strstr(image_format(same.image), "'w.vmem'"));
	check_usual(same.image);
	const char *const names[] = {"w.vmss", "564d.vmem", "564e.vmem", "w-1.vmem", "w.vmem"};
	for (size_t i = 0; i < array_size(names); i++)
		drop(&folder, names[i]);
	rmdir(folder.path);
}

static void state_that_does_not_fit(void **state)
{
	(void)state;
	struct folder folder;
	_cleanup_state_file_ struct state_file file;
	_cleanup_blob_ struct blob less = {0}, more = {0};
	new_folder(&folder);
	state_of_six(&file);
	put_pages(&less, 0, 100, 5);
	put_pages(&more, 0, 100, 7);
	write_blob(&folder, "w.vmss", &file.blob);
	write_blob(&folder, "w.vmem", &less);
	_cleanup_opened_ struct opened cut = open_file(&folder, "w.vmem");
	assert_warns(cut.image, "truncated");
	assert_page(cut.image, 0x10 * PAGE, 104);
	write_blob(&folder, "w.vmem", &more);
	_cleanup_opened_ struct opened larger = open_file(&folder, "w.vmem");
	assert_warns(larger.image, "4 KB more than its state file lists");
	check_usual(larger.image);
	/* An image that was taken inside the machine is no .vmem. */
	write_blob(&folder, "w.raw", &more);
	_cleanup_opened_ struct opened raw = open_file(&folder, "w.raw");
	assert_string_equal(image_format(raw.image), "raw");
	assert_null(image_warning(raw.image));
	blob_resize(&file.blob, 200);
	write_blob(&folder, "w.vmss", &file.blob);
	_cleanup_opened_ struct opened damaged = open_file(&folder, "w.vmem");
	assert_warns(damaged.image, "the state file beside it is not used");
	assert_page(damaged.image, 4 * PAGE, 104);
	write_blob(&folder, "w.vmss", &less);
	_cleanup_opened_ struct opened none = open_file(&folder, "w.vmem");
	assert_warns(none.image, "no VMware state file");
	state_file_free(&file);
	usual(&file, MAGIC, 0);
	group(&file, "Checkpoint");
	number(&file, "Platform", 3);
	end_group(&file);
	write_blob(&folder, "w.vmss", &file.blob);
	_cleanup_opened_ struct opened arm = open_file(&folder, "w.vmem");
	assert_non_null(strstr(error_message(arm.error), "ARM64"));
	drop(&folder, "w.vmss");
	drop(&folder, "w.vmem");
	drop(&folder, "w.raw");
	rmdir(folder.path);
}

/* A file of 3 GB and two pages, whose pages before and behind that border are numbered 1 to 3. */
static void write_large(struct folder *folder, const char *name)
{
	const uint64_t border = UINT64_C(3) << 30;
	_cleanup_blob_ struct blob pages = {0};
	put_pages(&pages, 0, 1, 3);
	int fd = open(in(folder, name), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, pages.data, pages.size, (off_t)(border - PAGE)), pages.size);
	assert_int_equal(close(fd), 0);
}

static void check_flat(const struct image *image)
{
	const uint64_t border = UINT64_C(3) << 30;
	assert_page(image, border - PAGE, 1);
	assert_page(image, border, 2);
	assert_page(image, border + PAGE, 3);
	assert_null(image_page(image, UINT64_C(4) << 30));
}

static void check_hole(const struct image *image)
{
	const uint64_t border = UINT64_C(3) << 30, high = UINT64_C(4) << 30;
	assert_page(image, border - PAGE, 1);
	assert_null(image_page(image, border));
	assert_page(image, high, 2);
	assert_page(image, high + PAGE, 3);
	assert_non_null(strstr(image_format(image), "hole from 3 to 4 GB"));
	assert_non_null(image_layout_guess(image));
}

static void two_layouts_above_3_gb(void **state)
{
	(void)state;
	struct folder folder;
	new_folder(&folder);
	write_large(&folder, "w.raw");
	_cleanup_opened_ struct opened raw = open_sparse(&folder, "w.raw");
	assert_null(image_layout_guess(raw.image));
	check_flat(raw.image);
	check_hole(image_other_layout(raw.image));
	assert_null(image_other_layout(image_other_layout(raw.image)));
	write_large(&folder, "w.vmem");
	_cleanup_opened_ struct opened vmem = open_sparse(&folder, "w.vmem");
	check_hole(vmem.image);
	check_flat(image_other_layout(vmem.image));
	assert_non_null(image_layout_guess(image_other_layout(vmem.image)));
	/* What says where memory lies leaves nothing to guess. */
	_cleanup_state_file_ struct state_file file;
	begin(&file, MAGIC);
	group(&file, "memory");
	number(&file, "regionsCount", 2);
	region(&file, 0, 0, 0, 0xbffff);
	region(&file, 1, 0x120000, 0xbffff, 3);
	end_group(&file);
	write_blob(&folder, "w.vmss", &file.blob);
	_cleanup_opened_ struct opened known = open_sparse(&folder, "w.vmem");
	assert_null(image_other_layout(known.image));
	assert_null(image_layout_guess(known.image));
	assert_page(known.image, UINT64_C(0x120000) * PAGE, 1);
	drop(&folder, "w.raw");
	drop(&folder, "w.vmem");
	drop(&folder, "w.vmss");
	rmdir(folder.path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_inside),
		cmocka_unit_test(regions_behind_the_memory),
		cmocka_unit_test(without_regions_it_is_one_from_0_on),
		cmocka_unit_test(memory_behind_the_tags),
		cmocka_unit_test(processor),
		cmocka_unit_test(what_wrote_it),
		cmocka_unit_test(refused),
		cmocka_unit_test(damaged_tables),
		cmocka_unit_test(cut_memory_is_told),
		cmocka_unit_test(any_damage),
		cmocka_unit_test(memory_and_its_state),
		cmocka_unit_test(state_and_its_memory),
		cmocka_unit_test(state_that_does_not_fit),
		cmocka_unit_test(two_layouts_above_3_gb),
	};
	return cmocka_run_group_tests_name("image_vmware", tests, NULL, NULL);
}
