/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside the scan room: units of work 0 to count-1 done by several threads, with the results handed
 * out in order. What a unit is does not matter here.
 */
#ifndef SCAN_ORDERED_H
#define SCAN_ORDERED_H

#include <stdbool.h>
#include <stddef.h>

/* What is to be done. */
struct ordered_work {
	size_t count;
	unsigned int threads;
	/* Makes the result of unit `i`; called from any thread, `worker` tells which (0-based). */
	void *(*make)(void *context, size_t i, unsigned int worker);
	/*
	 * Takes the result of unit `i`, called in order and by one thread at a time, whichever:
	 * `worker`; it owns the result now. After false nothing more is handed out or begun.
	 */
	bool (*take)(void *context, size_t i, void *result, unsigned int worker);
	/* Frees a result that nobody took; make() may have given NULL. */
	void (*drop)(void *result);
	/* Bytes that a result takes, to bound those that wait for their turn. NULL: few. */
	size_t (*weight)(const void *result);
	void *context;
};

/* Returns when every unit was taken, or take() said no. */
void ordered_run(const struct ordered_work *work);

#endif
