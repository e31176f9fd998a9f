/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside the room discover: inferring a layout from the image itself.
 *
 * The profiles of other builds are the models, the nearest build first. Each group of members is
 * tested on several processes as the models have it. What no model explains is searched for. Only
 * what the image confirms becomes part of the inferred profile; the rest is left out, or the user
 * is told that it is assumed.
 *
 *	infer.c          the order of it all, the result, what is said when it fails
 *	infer_search.c   models and places compared: what all parts below use
 *	infer_system.c   System, the ring of processes, their page maps and names
 *	infer_process.c  other members of EPROCESS: times, parent, lists
 *	infer_handles.c  handle tables, the table of PIDs
 *	infer_user.c     PEB, loader lists, WoW64
 *	infer_vad.c      the VAD tree, its nodes and flags
 *	infer_section.c  what is behind an image VAD: prototype PTEs, the file's name
 *	infer_pte.c      entries of pages that are not valid, by entry_form.c
 *	infer_pages.c    page files, the compressed store
 */
#ifndef DISCOVER_INFER_H
#define DISCOVER_INFER_H

#include <impscan/module.h>
#include <impscan/text.h>
#include <impscan/vad.h>
#include <impscan/windows.h>

#include "discover/candidate.h"
#include "discover/entry_form.h"
#include "discover/internal.h"

/* Bytes that are searched from an EPROCESS on; all known ones are smaller. */
#define INFER_BODY 0x1000u

/* Processes whose user part is looked at; every one tells of each member. */
#define INFER_PROCESSES 64

enum infer_state {
	INFER_ABSENT,	/* nothing tells where it is */
	INFER_ASSUMED,	/* not tested by this image */
	INFER_VERIFIED, /* another build's, and the image bears it out */
	INFER_FOUND,	/* found by search */
};

/* One process and what is known of it so far. */
struct infer_process {
	uint64_t eprocess;
	uint8_t *body; /* INFER_BODY bytes from it on ... */
	size_t size;   /* ... of which so many are present */
	uint32_t pid;
	uint64_t dtb;
	uint64_t create_time;
	uint64_t peb;	     /* 0: none, or not readable */
	uint64_t image_base; /* PEB.ImageBaseAddress */
	struct space *space;
	struct modules modules; /* of the loader's lists; for the first INFER_PROCESSES */
	struct vads vads;
};

struct infer {
	struct candidate *candidate; /* what is tried; its profile is `profile` */
	struct space *kernel;
	struct profile *profile;      /* in the making */
	const struct profile **model; /* profiles of other builds, the nearest first */
	size_t model_count;
	enum infer_state state[PROFILE_MEMBER_COUNT];
	bool looked_for[PROFILE_MEMBER_COUNT]; /* where it is absent, that was found out */
	struct infer_process *sample;	       /* in ring order, System first */
	size_t sample_count;
	size_t sample_capacity;
	struct address_set eprocesses; /* of all samples */
	uint64_t cid_steps;	       /* of one search for the table of PIDs; 0: not counted yet */
	size_t users;		       /* how many have modules */
	struct text doubt;	       /* sentences for the user: what is not certain */
	struct text tried;	       /* what failed, for the error */
};

/* infer_search.c */

/* A member of the sample's EPROCESS as a number of `size` bytes; false when not present. */
bool sample_value(const struct infer_process *sample, uint32_t offset, unsigned int size,
		  uint64_t *value);

/*
 * Do enough facts agree? A few may not: images are damaged, and processes tampered with.
 */
static inline bool tally_passes(struct tally tally)
{
	return tally.good >= 2 && tally.bad * 4 <= tally.good;
}

typedef struct tally infer_judge(struct infer *infer, uint32_t offset);

/*
 * Where in EPROCESS a member is: what most processes speak for, of equals the nearest model's.
 * `step` is its alignment, [first, last] the places searched. Sets profile and state. With
 * `by_value`, doubt is noted when two places are equally good but hold different numbers.
 */
bool infer_offset(struct infer *infer, enum profile_member member, uint32_t step, uint32_t first,
		  uint32_t last, infer_judge *judge, bool by_value);

/* Sets one member. */
void infer_set(struct infer *infer, enum profile_member member, uint32_t offset,
	       enum infer_state state);
void infer_set_bits(struct infer *infer, enum profile_member member, uint32_t offset, uint8_t bit,
		    uint8_t bits, enum infer_state state);

/* Takes members out again. */
void infer_drop(struct infer *infer, const enum profile_member *members, size_t count);

/* Do two profiles say the same of these members? */
bool infer_same(const struct profile *a, const struct profile *b,
		const enum profile_member *members, size_t count);

/* Has no nearer model the same in these members as model `i`? */
bool infer_is_new(const struct infer *infer, size_t i, const enum profile_member *members,
		  size_t count);

/* Takes members over from a model. */
void infer_take(struct infer *infer, const struct profile *model,
		const enum profile_member *members, size_t count, enum infer_state state);

/*
 * Takes from the models the group for which `test` gives most (the nearest of equals); false,
 * and none of the members, when it gives nothing above 0.
 */
bool infer_group(struct infer *infer, const enum profile_member *members, size_t count,
		 int (*test)(struct infer *infer));

/*
 * Counts steps (see budget.h) of candidate->budget; false when it has ended: all of it fails then.
 */
static inline bool infer_spend(struct infer *infer, uint64_t steps)
{
	return budget_spend(infer->candidate->budget, steps);
}

/*
 * A part whose failure is told, but makes not all of it fail: it gets a budget of its own, for when
 * it ends. Begins with infer_begin_part(); infer_end_part() returns whether it was cut off.
 */
struct infer_part {
	struct budget budget, *whole;
};

void infer_begin_part(struct infer *infer, struct infer_part *part);
bool infer_end_part(struct infer *infer, struct infer_part *part);

/* Is it in the table of these processes? */
bool infer_is_sample(const struct infer *infer, uint64_t eprocess);

/* May it be a pointer to a structure of the kernel? */
static inline bool infer_is_pointer(const struct infer *infer, uint64_t address)
{
	return is_kernel_address(memory_paging(infer->candidate->memory), address) &&
	       address % infer->candidate->pointer_size == 0;
}

/*
 * May it be a PID? A handle's value: a multiple of 4; no system has had PIDs of more than 24 bits.
 */
static inline bool infer_is_pid(uint64_t value)
{
	return value && value % 4 == 0 && value < 1u << 24;
}

/* What could not be found, for the error. */
void infer_failed(struct infer *infer, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* What the user should know of the result. */
void infer_doubt(struct infer *infer, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* The parts, in their order; those that may fail make it all fail. */
bool infer_processes(struct infer *infer, struct space *space);
bool infer_user(struct infer *infer);
void infer_process_details(struct infer *infer);
void infer_handles(struct infer *infer);
void infer_wow64(struct infer *infer);
bool infer_vads(struct infer *infer);
void infer_sections(struct infer *infer);
void infer_entries(struct infer *infer);
void infer_pages(struct infer *infer);

/*
 * Finds the layout of the kernel that the candidate has, without the profiles of its own build.
 * Sets system, dtb, profile, inferred and doubt. False: none; then `*tried`, NULL before, says why
 * in sentences, a line each, which the caller frees.
 */
bool infer_profile(struct candidate *candidate, struct space *space, struct profiles *profiles,
		   char **tried);

#endif
