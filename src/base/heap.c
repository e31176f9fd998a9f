/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Tuning of the heap: memory that is needed for the whole run is not given back and asked for again,
 * and comes in large pages where the system has them (a page of 4 kB costs some microseconds when it
 * is first touched, one of 2 MB hardly more than clearing it). It makes nothing but time different.
 */
#include <impscan/heap.h>

#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

/* What the heap of the program, or of a thread, grows by at a time, and the size of large pages. */
#define GROWTH	   ((size_t)8 << 20)
#define LARGE_PAGE ((uintptr_t)2 << 20)

/* Blocks of at least so many bytes are mapped by themselves. */
#define MAPPED_FROM ((size_t)16 << 20)

void heap_begin(void)
{
	mallopt(M_TOP_PAD, (int)GROWTH);
	mallopt(M_TRIM_THRESHOLD, (int)(2 * GROWTH));
	mallopt(M_MMAP_THRESHOLD, (int)MAPPED_FROM);
	heap_begin_thread();
}

void heap_begin_thread(void)
{
	/*
	 * The first block of a heap lies at its start, and GROWTH bytes follow. It is only advice:
	 * where something else lies there, that has it too.
	 */
	void *first = malloc(1);
	uintptr_t start = (uintptr_t)first & ~(LARGE_PAGE - 1);
	if (first)
		(void)madvise((void *)start, GROWTH, MADV_HUGEPAGE);
	free(first);
}
