/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What mutants are made of: written machines, whose structures are damaged where they lie, and files.
 * Both are files in memory, mended after each mutant, so that thousands are run without writing any.
 */
#ifndef ATTACK_TARGET_H
#define ATTACK_TARGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define ARGUMENTS_MAX 16

/* What an image is asked for is chosen by the mutant's number, too. */
struct arguments_of_mutant {
	const char *items[ARGUMENTS_MAX];
	size_t count;
};

struct random {
	uint64_t state;
};

/* Returns 64 bits that depend on the state only, and steps it (splitmix64). */
static inline uint64_t random_next(struct random *random)
{
	uint64_t z = random->state += UINT64_C(0x9e3779b97f4a7c15);
	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static inline uint64_t random_below(struct random *random, uint64_t bound)
{
	return random_next(random) % bound;
}

struct target {
	const char *name;
	int fd; /* the file in memory */
	void *state;
	const struct target_kind *kind;
	const char *path; /* of the file it was read from; NULL: a machine */
};

struct target_kind {
	/* Makes the file in memory, the first time that a mutant of the target is asked for. */
	void (*make)(struct target *target);
	/* Damages it. What is done is told to `told`, when that is not NULL. */
	void (*damage)(struct target *target, struct random *random, FILE *told);
	void (*mend)(struct target *target);
};

/* Written machines: number `n`, or false where there are no more. */
bool target_machine(size_t n, struct target *target);

/* A file, which is read when a mutant of it is asked for; its name chooses what it is given as. */
struct target target_file(const char *path);

/*
 * Adds what impscan is given of a target that is found at `path`. Roles of files by the part of their
 * name before the first dot: list, good, sample, rows, profile, symbols; all others are images.
 */
void target_arguments(const struct target *target, const char *path, struct random *random,
		      struct arguments_of_mutant *arguments);

#endif
