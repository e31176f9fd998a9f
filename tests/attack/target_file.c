/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Files of any kind, damaged in their bytes: most often near their beginning and end, where headers
 * and directories are. Small ones also get longer and shorter; large ones are only cut.
 */
#include "attack/target.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>
#include <impscan/cleanup.h>

#define SMALL	  (1u << 20)
#define DAMAGES	  64
#define BLOCK_MAX 64
#define BLOCK	  ((size_t)4096)

struct file_state {
	uint8_t *original; /* the file, mapped */
	size_t size;
	size_t size_now;
	bool rewritten; /* a small one, all of it; else only what `at` says */
	struct {
		size_t at, length;
	} done[DAMAGES];
	size_t done_count;
};

static void need(bool ok, const char *path)
{
	if (ok)
		return;
	perror(path);
	exit(2);
}

static void write_at(const struct target *target, const void *data, size_t size, size_t at)
{
	while (size) {
		ssize_t n = pwrite(target->fd, data, size, (off_t)at);
		need(n > 0, target->path);
		data = (const uint8_t *)data + n;
		at += (size_t)n;
		size -= (size_t)n;
	}
}

static void make(struct target *target)
{
	struct file_state *state = alloc_new(struct file_state);
	struct stat status;
	_cleanup_close_ int fd = open(target->path, O_RDONLY | O_CLOEXEC);
	need(fd >= 0 && !fstat(fd, &status) && status.st_size > 0, target->path);
	state->size = state->size_now = (size_t)status.st_size;
	state->original = mmap(NULL, state->size, PROT_READ, MAP_PRIVATE, fd, 0);
	target->fd = memfd_create("mutant", MFD_CLOEXEC);
	need(state->original != MAP_FAILED && target->fd >= 0, target->path);
	for (size_t at = 0; at < state->size; at += BLOCK) { /* holes stay holes */
		static const uint8_t zeros[BLOCK];
		const size_t size = min_of(state->size - at, BLOCK);
		if (memcmp(state->original + at, zeros, size) != 0)
			write_at(target, state->original + at, size, at);
	}
	need(!ftruncate(target->fd, status.st_size), target->path);
	target->state = state;
}

/* A place in `size` bytes, not behind the last. */
static size_t place(struct random *random, size_t size)
{
	const size_t part = min_of(size, (size_t)4096 << random_below(random, 5));
	switch (random_below(random, 8)) {
	case 0:
		return random_below(random, size);
	case 1:
		return size - 1 - random_below(random, part);
	case 2:
	case 3:
		return random_below(random, min_of(size, (size_t)256));
	default:
		return random_below(random, part);
	}
}

/* Bytes that are likely to mean something: limits, powers of two, what stands elsewhere. */
static size_t make_bytes(struct random *random, const uint8_t *data, size_t size, uint8_t *bytes)
{
	static const uint64_t values[] = {
		0,	   1,	       UINT64_MAX, INT64_MAX, UINT32_MAX,
		INT32_MAX, 0x80000000, 0xffff,	   0x10000,   4096,
	};
	const size_t length = (size_t)1 << random_below(random, 4);
	uint64_t value = random_next(random);
	switch (random_below(random, 5)) {
	case 0:
		value = values[random_below(random, array_size(values))];
		break;
	case 1:
		value = UINT64_C(1) << (value & 63);
		break;
	case 2:
		value &= 0xff;
		break;
	case 3: { /* a copy, of up to a block */
		const size_t from = place(random, size);
		const size_t most = min_of(size - from, (size_t)BLOCK_MAX);
		const size_t copied = 1 + random_below(random, most);
		memcpy(bytes, data + from, copied);
		return copied;
	}
	default:
		break;
	}
	memcpy(bytes, &value, 8);
	return length;
}

/* One change of a small file in `data`, which has room for it; returns its size then. */
static size_t change(struct random *random, uint8_t *data, size_t size, FILE *told)
{
	uint8_t bytes[BLOCK_MAX];
	const size_t at = place(random, size);
	const size_t length = make_bytes(random, data, size, bytes);
	const uint64_t how = random_below(random, 8);
	if (told)
		fprintf(told, "%s %zu bytes at %zu of %zu\n",
			how == 0   ? "insert"
			: how == 1 ? "remove"
				   : "overwrite",
			length, at, size);
	if (how == 0) {
		memmove(data + at + length, data + at, size - at);
		memcpy(data + at, bytes, length);
		return size + length;
	}
	if (how == 1 && size - at > length) {
		memmove(data + at, data + at + length, size - at - length);
		return size - length;
	}
	if (how == 2)
		data[at] ^= (uint8_t)(1u << (bytes[0] & 7));
	else
		memcpy(data + at, bytes, min_of(length, size - at));
	return size;
}

static void damage_small(struct target *target, struct random *random, size_t count, FILE *told)
{
	struct file_state *state = target->state;
	_cleanup_free_ uint8_t *data = alloc_zero(state->size + count * BLOCK_MAX, 1);
	size_t size = state->size;
	memcpy(data, state->original, size);
	for (size_t i = 0; i < count; i++)
		size = change(random, data, size, told);
	write_at(target, data, size, 0);
	state->rewritten = true;
	state->size_now = size;
}

static void damage_large(struct target *target, struct random *random, size_t count, FILE *told)
{
	struct file_state *state = target->state;
	for (size_t i = 0; i < count; i++) {
		uint8_t bytes[BLOCK_MAX];
		const size_t at = place(random, state->size);
		const size_t length = min_of(
			make_bytes(random, state->original, state->size, bytes), state->size - at);
		if (told)
			fprintf(told, "overwrite %zu bytes at %zu of %zu\n", length, at,
				state->size);
		write_at(target, bytes, length, at);
		state->done[state->done_count].at = at;
		state->done[state->done_count++].length = length;
	}
}

static void damage(struct target *target, struct random *random, FILE *told)
{
	struct file_state *state = target->state;
	const size_t count = (size_t)1 << random_below(random, 6);
	state->size_now = state->size;
	if (state->size <= SMALL)
		damage_small(target, random, count, told);
	else
		damage_large(target, random, count, told);
	if (!random_below(random, 8)) {
		state->size_now = 1 + place(random, state->size_now);
		if (told)
			fprintf(told, "cut to %zu bytes\n", state->size_now);
	}
	need(!ftruncate(target->fd, (off_t)state->size_now), target->path);
}

static void mend(struct target *target)
{
	struct file_state *state = target->state;
	const size_t cut = min_of(state->size_now, state->size);
	if (state->rewritten)
		write_at(target, state->original, state->size, 0);
	else if (cut < state->size)
		write_at(target, state->original + cut, state->size - cut, cut);
	while (state->done_count) {
		state->done_count--;
		write_at(target, state->original + state->done[state->done_count].at,
			 state->done[state->done_count].length, state->done[state->done_count].at);
	}
	need(!ftruncate(target->fd, (off_t)state->size), target->path);
}

static const struct target_kind kind = {make, damage, mend};

struct target target_file(const char *path)
{
	const char *slash = strrchr(path, '/');
	return (struct target){slash ? slash + 1 : path, -1, NULL, &kind, path};
}
