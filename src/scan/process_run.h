/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside the scan room: one result for each process of a session, made by several threads and
 * handed out in the order of the process list. It does not matter here what the result is: rows of
 * modules, imports or regions.
 *
 * Results are made ahead with the budget of work that seems to be left. Where the processes before
 * turn out to have used so much that this was too generous, the result is made again with what is
 * really left. So output does not depend on the number of threads.
 */
#ifndef SCAN_PROCESS_RUN_H
#define SCAN_PROCESS_RUN_H

#include "scan/session.h"

/* What to make of each process. */
struct process_work {
	/*
	 * Makes the result of process number `i` of the session's selection, at a cost of at most
	 * `budget`. From any thread; `worker` is the thread's own. Never NULL.
	 */
	void *(*make)(void *context, size_t i, struct worker *worker, const struct budget *budget);
	/* Returns the budget that a result was made with, and what of it was spent. */
	const struct budget *(*budget)(const void *result);
	/*
	 * Hands out a result; called in order, by one thread at a time. The result stays
	 * process_run()'s. After false no more are handed out.
	 */
	bool (*take)(void *context, size_t i, void *result);
	/* Frees a result, handed out or not. NULL is fine. */
	void (*drop)(void *result);
	/* Returns how many bytes of memory a result takes, roughly; 0 for NULL. */
	size_t (*weight)(const void *result);
	void *context;
};

/*
 * Does the work on all processes that the session has selected. Where options->stop becomes true,
 * what is begun is finished and handed out, and no more is begun.
 */
void process_run(const struct session *session, const struct scan_events *events,
		 const struct process_work *work);

#endif
