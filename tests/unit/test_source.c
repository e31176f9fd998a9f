/* SPDX-License-Identifier: GPL-3.0-or-later */
/* source: pieces that are unpacked when they are needed, by many threads, within a bound of memory. */
#include "image_builder.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include <impscan/source.h>
#include <impscan/source_pieces.h>

/* What the tests' unpack() is told, and counts. */
struct maker {
	_Atomic unsigned int calls;
	bool parts;	     /* whether pieces are unpacked as far as they are needed */
	uint32_t damaged;    /* with that: so many bytes of each piece are there; 0: all */
	uint64_t fails_from; /* offset in the unpacked bytes of the first piece that fails */
	bool freed;
};

/* Byte 8 * n of what is unpacked is the number n. */
static struct error *unpack(void *context, const struct source_piece *piece, const uint8_t *from,
			    uint8_t *to)
{
	struct maker *maker = context;
	atomic_fetch_add(&maker->calls, 1);
	(void)from;
	if (piece->offset >= maker->fails_from)
		return error_new("made to fail at 0x%llx", (unsigned long long)piece->offset);
	for (uint32_t i = 0; i + 8 <= piece->size; i += 8) {
		uint64_t number = htole64((piece->offset + i) / 8);
		memcpy(to + i, &number, 8);
	}
	return NULL;
}

/* The same, as far as it is needed and some bytes more. What is behind that is anything. */
static struct error *unpack_part(void *context, const struct source_piece *piece, size_t number,
				 const uint8_t *from, uint8_t *to, uint32_t wanted, uint32_t *done)
{
	struct maker *maker = context;
	atomic_fetch_add(&maker->calls, 1);
	(void)from;
	assert_true(*done < wanted && wanted <= piece->size);
	assert_int_equal(piece->offset / piece->size, number);
	uint32_t end = min_of(wanted + 24, piece->size);
	bool fails = maker->damaged && wanted > maker->damaged;
	if (maker->damaged)
		end = min_of(end, maker->damaged);
	for (uint32_t i = *done & ~7u; i + 8 <= end; i += 8) {
		uint64_t value = htole64((piece->offset + i) / 8);
		if (i >= *done)
			memcpy(to + i, &value, 8);
		else
			assert_memory_equal(to + i, &value, *done - i);
	}
	memset(to + end, 0xa5, piece->size - end);
	*done = end;
	return fails ? error_new("damaged at 0x%llx", (unsigned long long)piece->offset + end)
		     : NULL;
}

static void free_maker(void *context)
{
	((struct maker *)context)->freed = true;
}

/* `count` pieces of `size` bytes each, `apart` bytes from one to the next. */
static struct source *make_source_with(struct maker *maker, size_t count, uint32_t size,
				       uint64_t apart, const struct source_options *options)
{
	struct source *source = NULL;
	struct source_pieces table = {
		.name = "the test's pieces",
		.size = count * apart,
		.pieces = alloc_zero(count, sizeof(struct source_piece)),
		.count = count,
		.unpack = unpack,
		.context = maker,
		.free_context = free_maker,
		.ahead = true,
	};
	if (!maker->fails_from)
		maker->fails_from = UINT64_MAX;
	if (maker->parts)
		table.unpack_part = unpack_part;
	for (size_t i = 0; i < count; i++)
		table.pieces[i] = (struct source_piece){.offset = i * apart, .size = size};
	assert_null(source_new_pieces(NULL, &table, options, &source));
	assert_true(source->lazy);
	return source;
}

static struct source *make_source(struct maker *maker, size_t count, uint32_t size, uint64_t apart,
				  uint64_t memory)
{
	const struct source_options options = {.memory = memory};
	return make_source_with(maker, count, size, apart, &options);
}

static void pieces_are_unpacked_once_and_where_needed(void **state)
{
	(void)state;
	struct maker maker = {0};
	struct source *source = make_source(&maker, 16, 8192, 8192, 0);
	assert_int_equal(maker.calls, 0);
	assert_int_equal(source_ready(source, 8192 * 3 + 8, 1), 8192 - 8);
	assert_int_equal(maker.calls, 1);
	assert_int_equal(le64(source->data + 8192 * 3 + 8), 8192 * 3 / 8 + 1);
	/* Across a seam: both. */
	const uint8_t *bytes = source_bytes(source, 8192 * 4 - 8, 16);
	assert_non_null(bytes);
	assert_int_equal(maker.calls, 2);
	assert_int_equal(le64(bytes + 8), 8192 * 4 / 8);
	assert_int_equal(source_ready(source, 8192 * 3, 2 * 8192), 2 * 8192);
	assert_int_equal(maker.calls, 2);
	/* The end. */
	assert_int_equal(source_ready(source, 16 * 8192 - 1, 100), 1);
	assert_null(source_bytes(source, 16 * 8192 - 1, 2));
	assert_int_equal(source_ready(source, 16 * 8192, 1), 0);
	assert_int_equal(source_ready(source, UINT64_MAX, 1), 0);
	uint64_t all;
	assert_int_equal(source_unpacked(source, &all), 3 * 8192);
	assert_int_equal(all, 16 * 8192);
	assert_null(source_failure(source));
	source_close(source);
	assert_true(maker.freed);
}

static void what_no_piece_has_is_not_ready(void **state)
{
	(void)state;
	struct maker maker = {0};
	struct source *source = make_source(&maker, 4, 0x1800, 0x3000, 0);
	assert_int_equal(source_ready(source, 0, 0x3000), 0x1800);
	assert_int_equal(source_ready(source, 0x1800, 1), 0);
	assert_int_equal(source_ready(source, 0x2fff, 1), 0);
	assert_int_equal(source_ready(source, 0x3000, 1), 0x1800);
	assert_null(source_bytes(source, 0x1000, 0x1000));
	assert_int_equal(source_ready(source, 3 * 0x3000 + 0x17ff, 1), 1);
	assert_int_equal(source_ready(source, 3 * 0x3000 + 0x1800, 1), 0);
	source_close(source);
}

static void a_piece_that_fails_is_told_and_never_read(void **state)
{
	(void)state;
	struct maker maker = {.fails_from = 3 * 4096};
	struct source *source = make_source(&maker, 8, 4096, 4096, 0);
	assert_int_equal(source_ready(source, 2 * 4096, 2 * 4096), 4096);
	assert_int_equal(source_ready(source, 5 * 4096, 1), 0);
	assert_int_equal(source_ready(source, 3 * 4096, 1), 0);
	assert_int_equal(maker.calls, 3); /* not tried again */
	_cleanup_free_ char *failure = source_failure(source);
	assert_non_null(failure);
	assert_string_equal(failure, "2 of 8 pieces of the test's pieces (8 KB) could not be "
				     "unpacked: made to fail at 0x3000");
	source_close(source);
}

/* With threads the next piece is unpacked too, but what fails so is told only when it is needed. */
static void pieces_are_unpacked_ahead(void **state)
{
	const uint64_t bounds[] = {0, 2 << 20}; /* in memory, and through a temporary file */
	(void)state;
	for (size_t b = 0; b < array_size(bounds); b++) {
		const uint32_t size = 1 << 18;
		const struct source_options options = {.memory = bounds[b], .threads = 3};
		struct maker maker = {.fails_from = 9 * (uint64_t)size};
		struct source *source = make_source_with(&maker, 12, size, size, &options);
		assert_int_equal(source_ready(source, 7 * (uint64_t)size, 1), size);
		/* It may take its time, but comes: one that was not asked for. */
		for (int i = 0; i < 20000 && maker.calls < 2; i++)
			usleep(1000);
		assert_true(maker.calls >= 2);
		for (uint64_t at = 0; at < 9; at++) {
			const uint8_t *bytes = source_bytes(source, at * size, size);
			assert_non_null(bytes);
			assert_int_equal(le64(bytes + size - 8), ((at + 1) * size - 8) / 8);
		}
		assert_null(source_failure(source));
		assert_null(source_bytes(source, 10 * (uint64_t)size, 1));
		_cleanup_free_ char *failure = source_failure(source);
		assert_string_equal(failure, "1 of 12 pieces of the test's pieces (256 KB) could "
					     "not be unpacked: made to fail at 0x280000");
		source_close(source); /* at once, whatever the threads do */
		assert_true(maker.freed);
	}
}

static void tables_that_are_none_are_refused(void **state)
{
	(void)state;
	struct source_piece pieces[2] = {{.size = 4096}, {.offset = 4096, .size = 4096}};
	struct source_pieces table = {
		.name = "pieces", .size = 8192, .pieces = pieces, .count = 2, .unpack = unpack};
	const struct source_piece wrong[] = {
		{.offset = 4095, .size = 4096},		 /* overlaps */
		{.offset = 4096, .size = 0},		 /* empty */
		{.offset = 4096, .size = 4097},		 /* beyond the end */
		{.offset = UINT64_MAX - 10, .size = 20}, /* wraps around */
	};
	for (size_t i = 0; i < array_size(wrong); i++) {
		struct source *source = NULL;
		pieces[1] = wrong[i];
		_cleanup_error_ struct error *error =
			source_new_pieces(NULL, &table, NULL, &source);
		assert_non_null(error);
		assert_null(source);
	}
}

#define THREADS 8

struct reader {
	const struct source *source;
	uint64_t seed;
	bool wrong;
};

static void *read_all(void *argument)
{
	struct reader *reader = argument;
	const uint64_t pages = reader->source->size / 4096;
	for (uint64_t i = 0; i < 4 * pages; i++) {
		uint64_t at = next_random(&reader->seed) % pages * 4096;
		const uint8_t *page = source_bytes(reader->source, at, 4096);
		if (!page || le64(page) != at / 8 || le64(page + 4088) != at / 8 + 511)
			reader->wrong = true;
	}
	return NULL;
}

static void read_by_threads(struct source *source)
{
	pthread_t threads[THREADS];
	struct reader readers[THREADS];
	for (size_t i = 0; i < THREADS; i++) {
		readers[i] = (struct reader){source, 0x1234567 * (i + 1), false};
		assert_int_equal(pthread_create(&threads[i], NULL, read_all, &readers[i]), 0);
	}
	for (size_t i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
		assert_false(readers[i].wrong);
	}
}

/* Whether pieces stay in memory, or go through a temporary file and small a bound. */
static void threads_share_pieces(void **state)
{
	(void)state;
	struct maker maker = {0};
	struct source *source = make_source(&maker, 512, 16384, 16384, 0);
	read_by_threads(source);
	assert_int_equal(maker.calls, 512);
	source_close(source);

	struct maker second = {0};
	source = make_source(&second, 512, 16384, 16384, 256 << 10);
	read_by_threads(source);
	assert_int_equal(second.calls, 512);
	source_close(source);
}

static void pieces_are_unpacked_as_far_as_needed(void **state)
{
	(void)state;
	struct maker maker = {.parts = true};
	uint64_t all = 0;
	struct source *source = make_source(&maker, 4, 16384, 16384, 0);
	assert_int_equal(source_ready(source, 4096, 4096), 4096);
	assert_int_equal(source_ready(source, 0, 4096), 4096); /* it is there already */
	assert_int_equal(maker.calls, 1);
	assert_int_equal(source_unpacked(source, &all), 8192 + 24);
	assert_int_equal(all, 4 * 16384);
	assert_int_equal(source_ready(source, 3 * 4096, 3 * 4096), 3 * 4096); /* over two pieces */
	assert_int_equal(maker.calls, 3);
	for (uint64_t at = 0; at < 6 * 4096; at += 8)
		assert_int_equal(le64(source->data + at), at / 8);
	assert_null(source_failure(source));
	source_close(source);

	for (uint64_t memory = 0; memory <= 256 << 10; memory += 256 << 10) {
		struct maker shared = {.parts = true};
		source = make_source(&shared, 512, 16384, 16384, memory);
		read_by_threads(source);
		source_close(source);
	}
}

/* What comes before the damage is there, whatever is needed first. */
static void a_damaged_piece_has_what_comes_before(void **state)
{
	(void)state;
	for (unsigned int order = 0; order < 4; order++) {
		struct maker maker = {.parts = true, .damaged = 10000};
		struct source *source =
			make_source(&maker, 16, 16384, 16384, order & 2 ? 64 << 10 : 0);
		for (uint64_t i = 0; i < 64; i++) {
			uint64_t page = order & 1 ? 63 - i : i;
			const uint8_t *bytes = source_bytes(source, page * 4096, 4096);
			assert_int_equal(bytes != NULL, page % 4 < 2);
			if (bytes)
				assert_int_equal(le64(bytes + 4088), page * 512 + 511);
		}
		_cleanup_free_ char *failure = source_failure(source);
		assert_string_equal(failure,
				    "16 of 16 pieces of the test's pieces (256 KB) could not be "
				    "unpacked: damaged at 0x2710");
		source_close(source);
	}
}

/* Memory that is in use; with a sanitizer, which keeps what was freed, only that of files. */
static size_t resident_bytes(void)
{
	unsigned long size, resident, of_files;
	_cleanup_file_ FILE *file = fopen("/proc/self/statm", "r");
	assert_non_null(file);
	assert_int_equal(fscanf(file, "%lu %lu %lu", &size, &resident, &of_files), 3);
#ifdef __SANITIZE_ADDRESS__
	resident = of_files;
#endif
	return resident * 4096;
}

static void memory_stays_below_the_bound(void **state)
{
	(void)state;
	const uint64_t bound = 32 << 20, size = 256 << 20;
	struct maker maker = {0};
	struct source *source = make_source(&maker, size >> 16, 1 << 16, 1 << 16, bound);
	const uint8_t *first = source_bytes(source, 8, 8);
	size_t before = resident_bytes(), most = 0;
	/* Unpacked, and then read again from the file. */
	for (int round = 0; round < 2; round++)
		for (uint64_t at = 0; at < size; at += 4096) {
			const uint8_t *page = source_bytes(source, at, 4096);
			assert_non_null(page);
			assert_int_equal(le64(page), at / 8);
			if (at % (1 << 20) == 0)
				most = max_of(most, resident_bytes());
		}
	assert_int_equal(maker.calls, size >> 16);
	assert_true(most - before < bound);
	assert_int_equal(le64(first), 1); /* a pointer from before is as good as ever */
	source_close(source);
}

/* As where the disk is full: the write fails. */
static void a_full_disk_is_a_condition(void **state)
{
	(void)state;
	struct maker maker = {0};
	struct source *source = make_source(&maker, 64, 1 << 16, 1 << 16, 1 << 20);
	struct rlimit old, small = {.rlim_cur = 1 << 20};
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &old);
	small.rlim_max = old.rlim_max;
	setrlimit(RLIMIT_FSIZE, &small);
	assert_non_null(source_bytes(source, 0, 4096));
	assert_null(source_bytes(source, 40 << 16, 4096));
	setrlimit(RLIMIT_FSIZE, &old);
	signal(SIGXFSZ, SIG_DFL);
	_cleanup_free_ char *failure = source_failure(source);
	assert_non_null(failure);
	assert_non_null(strstr(failure, "can't write to the temporary file"));
	source_close(source);
}

static void no_folder_for_temporary_files_is_an_error(void **state)
{
	(void)state;
	struct source_piece pieces[2] = {{.size = 4096}, {.offset = 4096, .size = 4096}};
	struct source_pieces table = {
		.name = "pieces", .size = 8192, .pieces = pieces, .count = 2, .unpack = unpack};
	struct source_options options = {.memory = 4096};
	struct source *source = NULL;
	const char *old = getenv("TMPDIR");
	_cleanup_free_ char *kept = old ? alloc_strdup(old) : NULL;
	setenv("TMPDIR", "/nowhere/at/all", 1);
	_cleanup_error_ struct error *error = source_new_pieces(NULL, &table, &options, &source);
	if (kept)
		setenv("TMPDIR", kept, 1);
	else
		unsetenv("TMPDIR");
	assert_non_null(error);
	assert_non_null(strstr(error_message(error), "/nowhere/at/all"));
}

/* Pieces of what is in pieces itself; one of them is cut off below. */
static struct error *copy(void *context, const struct source_piece *piece, const uint8_t *from,
			  uint8_t *to)
{
	(void)context;
	memcpy(to, from, piece->size);
	return NULL;
}

static void sources_are_stacked(void **state)
{
	(void)state;
	struct maker maker = {0};
	struct source *below = make_source(&maker, 4, 8192, 8192, 0), *source = NULL;
	struct source_pieces table = {
		.name = "the upper pieces",
		.size = 3 * 4096,
		.pieces = alloc_zero(3, sizeof(struct source_piece)),
		.count = 3,
		.unpack = copy,
	};
	table.pieces[0] = (struct source_piece){0, 3 * 4096, 4096, 4096, 0};
	table.pieces[1] = (struct source_piece){4096, 0, 4096, 4096, 0};
	table.pieces[2] = (struct source_piece){8192, 8 * 4096 - 1, 4096, 4096, 0};
	assert_null(source_new_pieces(below, &table, NULL, &source));
	const uint8_t *bytes = source_bytes(source, 0, 8192);
	assert_non_null(bytes);
	assert_int_equal(le64(bytes), 3 * 512);
	assert_int_equal(le64(bytes + 4096), 0);
	assert_int_equal(maker.calls, 2);
	assert_null(source_bytes(source, 8192, 1));
	_cleanup_free_ char *failure = source_failure(source);
	assert_non_null(strstr(failure, "cut off"));
	source_close(source);
	assert_true(maker.freed);
}

/* An image over such a source: pages that can't be unpacked are not there, and no zeros. */
static void images_are_read_from_pieces(void **state)
{
	(void)state;
	struct maker maker = {.fails_from = 6 * 6144};
	struct image *image = alloc_new(struct image);
	image->path = alloc_strdup("pieces");
	image_use_source(image, make_source(&maker, 8, 6144, 6144, 0));
	image_name_format(image, "test");
	image_add_range(image, 0x100000, 8 * 6144, 0);
	image_finish_ranges(image);
	image_find_stretches(image);
	assert_int_equal(maker.calls, 0);
	size_t size;
	/* The second page has an end of the first piece and a start of the second. */
	const uint8_t *page = image_page(image, 0x101000);
	assert_non_null(page);
	assert_int_equal(maker.calls, 2);
	assert_int_equal(le64(page), 512);
	assert_int_equal(le64(page + 4088), 1023);
	assert_ptr_equal(image_at(image, 0x101010, &size), page + 16);
	assert_int_equal(size, 2 * 6144 - 4096 - 16);
	/* What is lost begins at the start of a page here. */
	assert_null(image_page(image, 0x109000));
	assert_null(image_at(image, 0x109000, &size));
	assert_true(image_holds(image, 0x109000));
	assert_non_null(image_page(image, 0x108000));
	uint8_t buffer[16];
	assert_false(image_read(image, 0x109000 - 8, buffer, 16));
	assert_true(image_read(image, 0x109000 - 8, buffer, 8));
	image_close(image);
	assert_true(maker.freed);
}

static void sizes_have_units(void **state)
{
	(void)state;
	static const struct {
		uint64_t bytes;
		const char *text;
	} sizes[] = {
		{0, "0 bytes"},
		{1023, "1023 bytes"},
		{1024, "1 KB"},
		{(1 << 20) - 1, "1023 KB"},
		{3 << 19, "1.5 MB"},
		{UINT64_C(16) << 30, "16384.0 MB"},
		{UINT64_C(5) << 39, "2560.0 GB"},
		{UINT64_C(1) << 62, "4096.0 PB"},
		{UINT64_MAX, "16383.9 PB"},
	};
	for (size_t i = 0; i < array_size(sizes); i++) {
		char text[SOURCE_SIZE_TEXT];
		assert_string_equal(source_size_text(sizes[i].bytes, text), sizes[i].text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pieces_are_unpacked_once_and_where_needed),
		cmocka_unit_test(what_no_piece_has_is_not_ready),
		cmocka_unit_test(a_piece_that_fails_is_told_and_never_read),
		cmocka_unit_test(pieces_are_unpacked_ahead),
		cmocka_unit_test(tables_that_are_none_are_refused),
		cmocka_unit_test(threads_share_pieces),
		cmocka_unit_test(pieces_are_unpacked_as_far_as_needed),
		cmocka_unit_test(a_damaged_piece_has_what_comes_before),
		cmocka_unit_test(memory_stays_below_the_bound),
		cmocka_unit_test(a_full_disk_is_a_condition),
		cmocka_unit_test(sizes_have_units),
		cmocka_unit_test(no_folder_for_temporary_files_is_an_error),
		cmocka_unit_test(sources_are_stacked),
		cmocka_unit_test(images_are_read_from_pieces),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
