/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Machines by the image writer, damaged in what the kernel and processes keep: page-table entries,
 * EPROCESS, VADs and what they lead to, loader lists, headers, exports, imports. See machine_damage.h.
 */
#include "attack/target.h"

#include "fuzz/machine_damage.h"

static const struct machine_kind machines[] = {
	{"19041", "x64", "hidden", false}, {"26100", "x64", "demo", false},
	{"2600", "x86", "plain", false},   {"7601", "x86", "rebuilt", true},
	{"19041", "x64", "dotnet", false}, {"17763", "x64", "go", false},
	{"9600", "x64", "absent", false},  {"3790", "x64", "packed", false},
	{"10240", "x86", "demo", true},
};

struct machine_state {
	struct written_machine machine;
	struct before before[PIECES];
	size_t pieces;
	const char *classes[32]; /* of structures, each once */
	size_t class_count;
};

static void find_classes(struct machine_state *state)
{
	for (size_t i = 0; i < state->machine.structure_count; i++) {
		size_t c = 0;
		while (c < state->class_count &&
		       state->classes[c] != state->machine.structures[i].what)
			c++;
		if (c < state->class_count)
			continue;
		need(state->class_count < array_size(state->classes));
		state->classes[state->class_count++] = state->machine.structures[i].what;
	}
}

static void make(struct target *target)
{
	struct machine_state *state = alloc_new(struct machine_state);
	machine_make(&state->machine, &machines[(size_t)target->state]);
	find_classes(state);
	target->fd = state->machine.fd;
	target->state = state;
}

/* The number of a structure of a class that is chosen first: of some there are very few. */
static size_t choose(const struct machine_state *state, struct random *random)
{
	const struct written_machine *m = &state->machine;
	const char *what = state->classes[random_below(random, state->class_count)];
	size_t n = random_below(random, m->structure_count);
	while (m->structures[n].what != what)
		n = (n + 1) % m->structure_count;
	return n;
}

static void damage_machine(struct target *target, struct random *random, FILE *told)
{
	struct machine_state *state = target->state;
	struct written_machine *m = &state->machine;
	const size_t pieces = (size_t)1 << random_below(random, 6);
	for (state->pieces = 0; state->pieces < pieces; state->pieces++) {
		uint8_t piece[PIECE];
		const uint64_t low = random_next(random), high = random_next(random);
		const size_t n = choose(state, random);
		memcpy(piece, &low, 8);
		memcpy(piece + 8, &high, 4);
		piece[0] = (uint8_t)n;
		piece[1] = (uint8_t)(n >> 8);
		const struct before before = damage(m, piece);
		state->before[state->pieces] = before;
		if (told)
			fprintf(told, "%s: at 0x%llx 0x%llx becomes 0x%llx\n",
				m->structures[n].what, (unsigned long long)before.physical,
				(unsigned long long)before.value,
				(unsigned long long)le64(m->bytes + before.physical));
	}
}

static void mend(struct target *target)
{
	struct machine_state *state = target->state;
	mend_all(&state->machine, state->before, state->pieces);
}

static const struct target_kind kind = {make, damage_machine, mend};

bool target_machine(size_t n, struct target *target)
{
	static char names[array_size(machines)][64];
	if (n >= array_size(machines))
		return false;
	snprintf(names[n], sizeof(names[n]), "machine %s %s%s %s", machines[n].build,
		 machines[n].arch, machines[n].pae ? " PAE" : "", machines[n].scenario);
	*target = (struct target){names[n], -1, (void *)n, &kind, NULL};
	return true;
}
