/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Ending a run in order when a signal asks for it.
 */
#ifndef CLI_INTERRUPT_H
#define CLI_INTERRUPT_H

#include <stdatomic.h>

/*
 * From now on SIGINT, SIGTERM and SIGHUP (those that are not ignored) do not end the process at
 * once, but set the flag that is returned; the second signal of a kind does.
 */
const atomic_bool *interrupt_watch(void);

/* From now on these signals end the process at once again, as before interrupt_watch(). */
void interrupt_unwatch(void);

/* Ends the process by the signal that came; returns when none did. */
void interrupt_finish(void);

#endif
