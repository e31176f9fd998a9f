/*
 * Work on units 0 .. count-1 by several threads, results handed out in order.
 */
#ifndef SCAN_ORDERED_H
#define SCAN_ORDERED_H

#include <stdbool.h>
#include <stddef.h>

struct ordered_work {
	size_t count;
	unsigned int threads;
	/* Makes the result of unit `i`; called from any thread, `worker` tells which (0-based). */
	void *(*make)(void *context, size_t i, unsigned int worker);
	/*
	 * Takes the result of unit `i`, called in order and by one thread at a time, whichever; it
	 * owns the result now. After false nothing more is handed out or begun.
	 */
	bool (*take)(void *context, size_t i, void *result);
	/* Frees a result that nobody took. */
	void (*drop)(void *result);
	void *context;
};

/* Returns when every unit was taken, or take() said no. */
void ordered_run(const struct ordered_work *work);

#endif
