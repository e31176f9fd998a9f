/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The command line of a process, as its own memory has it: RTL_USER_PROCESS_PARAMETERS behind the
 * PEB. The process can change it at any time, so it is what the process says of itself.
 *
 * Facts: PEB.ProcessParameters, RTL_USER_PROCESS_PARAMETERS by the public symbols of ntdll.dll; the
 * same in every Windows since XP.
 */
#include <impscan/process.h>

#include <stdlib.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>
#include <impscan/space.h>

/* Bytes of UTF-16 that are read: each row has the text. */
#define READ_MOST 1024

/* Flags: pointers are addresses; without it, distances from the structure. */
#define NORMALISED 1u

struct parameters_layout {
	unsigned int pointer_size;
	uint32_t parameters; /* of the PEB */
	uint32_t flags, command_line;
};

static const struct parameters_layout layout64 = {8, 0x20, 8, 0x70};
static const struct parameters_layout layout32 = {4, 0x10, 8, 0x40};

static char *read_behind(struct space *space, const struct parameters_layout *layout, uint64_t peb)
{
	uint64_t parameters, buffer;
	uint32_t flags;
	uint16_t length;
	if (!peb ||
	    !space_pointer(space, peb + layout->parameters, layout->pointer_size, &parameters) ||
	    !parameters || !space_u32(space, parameters + layout->flags, &flags) ||
	    !space_unicode_place(space, parameters + layout->command_line, layout->pointer_size,
				 &buffer, &length) ||
	    !length)
		return NULL;
	if (!(flags & NORMALISED))
		buffer += parameters;
	char *text = space_utf16(space, buffer, (uint16_t)min_of(length, (uint16_t)READ_MOST));
	if (!text || length <= READ_MOST)
		return text;
	_cleanup_free_ char *start = text;
	return alloc_printf("%s (%d more characters)", start, (length - READ_MOST) / 2);
}

char *process_command_line(const struct windows *windows, const struct process *process,
			   struct space *space)
{
	const struct parameters_layout *layout = windows->pointer_size == 8 ? &layout64 : &layout32;
	char *text = read_behind(space, layout, process->peb);
	return text ? text : read_behind(space, &layout32, process->peb32);
}
