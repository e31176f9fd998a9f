/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Within the room `source`: threads that do what will be asked for next.
 */
#ifndef IMPSCAN_SOURCE_AHEAD_H
#define IMPSCAN_SOURCE_AHEAD_H

struct ahead;

/*
 * Starts up to `threads` threads, which wait; NULL where there are none. Each time that they are
 * asked one of them calls work(context), several at once.
 */
struct ahead *ahead_new(unsigned int threads, void (*work)(void *context), void *context);

/* Asks for one more call of work(), unless as many as there are threads are asked for already. */
void ahead_ask(struct ahead *ahead);

/* Waits for the calls that have begun, and ends the threads; NULL is allowed. */
void ahead_free(struct ahead *ahead);

#endif
