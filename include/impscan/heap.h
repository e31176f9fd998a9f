/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The heap, tuned for programs that run once and end: see src/base/heap.c.
 *
 * Room: base.
 */
#ifndef IMPSCAN_HEAP_H
#define IMPSCAN_HEAP_H

/* For the program: to be called once, before there are threads. */
void heap_begin(void);

/* For a thread that allocates much: to be called by it when it begins. */
void heap_begin_thread(void);

#endif
