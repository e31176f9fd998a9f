/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Ending a run in order when a signal asks for it.
 */
#include "cli/interrupt.h"

#include <signal.h>

#include <impscan/bytes.h>

static atomic_bool interrupted;
static volatile sig_atomic_t interrupt_number;

static void on_interrupt(int number)
{
	interrupt_number = number;
	atomic_store(&interrupted, true);
}

const atomic_bool *interrupt_watch(void)
{
	static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
	for (size_t i = 0; i < array_size(numbers); i++) {
		struct sigaction before;
		/* What is ignored (nohup) stays so. */
		if (sigaction(numbers[i], NULL, &before) || before.sa_handler == SIG_IGN)
			continue;
		struct sigaction action = {
			.sa_handler = on_interrupt,
			.sa_flags = SA_RESTART | (int)SA_RESETHAND,
		};
		sigaction(numbers[i], &action, NULL);
	}
	return &interrupted;
}

void interrupt_finish(void)
{
	if (!interrupt_number)
		return;
	signal(interrupt_number, SIG_DFL);
	raise(interrupt_number);
}
