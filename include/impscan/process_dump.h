/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A machine of one process, as a dump of that process has it: no kernel, and so no EPROCESS and no
 * VADs. What they would tell comes from the dump, which windows_open() (discover.h) reads; all else
 * is as on a whole machine.
 *
 * Room: windows.
 */
#ifndef IMPSCAN_PROCESS_DUMP_H
#define IMPSCAN_PROCESS_DUMP_H

#include <impscan/minidump.h>
#include <impscan/process.h>
#include <impscan/vad.h>

/* Of struct windows, which owns it. */
struct process_dump {
	const struct minidump *minidump; /* the image's */
	struct process process;		 /* the one that there is */
	struct vads vads;		 /* what is known of its memory in their place */
};

/* Copies the process, whose name the caller frees. */
struct process process_dump_process(const struct process_dump *dump);

/* As process_vads(). */
bool process_dump_vads(const struct process_dump *dump, struct budget *budget, struct vads *vads);

/* Releases it; NULL is allowed. */
void process_dump_free(struct process_dump *dump);

#endif
