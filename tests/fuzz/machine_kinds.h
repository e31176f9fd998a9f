/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The machines that fuzzers damage: one of each kind, made when it is first asked for. */
#ifndef FUZZ_MACHINE_KINDS_H
#define FUZZ_MACHINE_KINDS_H

#include "machine_damage.h"

static const struct machine_kind machine_kinds[] = {
	{"19041", "x64", "hidden", false},
	{"26100", "x64", "demo", false},
	{"2600", "x86", "plain", false},
	{"7601", "x86", "demo", true},
};
#define MACHINE_KINDS (sizeof(machine_kinds) / sizeof(machine_kinds[0]))

static struct written_machine *machine_of_kind(size_t kind)
{
	static struct written_machine machines[MACHINE_KINDS];
	struct written_machine *m = &machines[kind % MACHINE_KINDS];
	if (!m->bytes)
		machine_make(m, &machine_kinds[kind % MACHINE_KINDS]);
	return m;
}

/* Does what the pieces say; returns how many there were. */
static size_t damage_all(struct written_machine *m, const uint8_t *data, size_t size,
			 struct before before[PIECES])
{
	size_t pieces = 0;
	for (; pieces < PIECES && size >= PIECE; data += PIECE, size -= PIECE)
		before[pieces++] = damage(m, data);
	return pieces;
}

#endif
