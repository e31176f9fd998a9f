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

#include <impscan/bytes.h>

/* What the heap of the program, or of a thread, grows by at a time, and the size of large pages. */
#define GROWTH	   ((size_t)8 << 20)
#define LARGE_PAGE ((uintptr_t)2 << 20)

/* Bytes at the end of a block, and behind it, that malloc() has for itself, and more. */
#define NOTES ((uintptr_t)256)

/* Blocks of at least so many bytes are mapped by themselves. */
#define MAPPED_FROM ((size_t)16 << 20)

/* It is only advice: where something else than a heap lies there, that has it too. */
static void advise(uintptr_t start)
{
	(void)madvise((void *)start, GROWTH, MADV_HUGEPAGE);
}

void heap_begin(void)
{
	mallopt(M_TOP_PAD, (int)GROWTH);
	mallopt(M_TRIM_THRESHOLD, (int)(2 * GROWTH));
	mallopt(M_MMAP_THRESHOLD, (int)MAPPED_FROM);
	/* What is left up to the next large page, but for what malloc() notes there, is not touched. */
	void *first = malloc(1);
	uintptr_t left = -(uintptr_t)first & (LARGE_PAGE - 1);
	static void *volatile unused;
	unused = malloc(max_of(left, NOTES + 1) - NOTES);
	advise((uintptr_t)first + left);
	free(first);
	(void)unused;
}

void heap_begin_thread(void)
{
	/* It lies at the start of the thread's heap, and GROWTH bytes follow. */
	void *first = calloc(1, 1);
	advise((uintptr_t)first & ~(LARGE_PAGE - 1));
	free(first);
}
