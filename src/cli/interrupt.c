/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Ending a run in order when a signal asks for it.
 */
#include "cli/interrupt.h"

#include <signal.h>
#include <stdbool.h>

#include <impscan/bytes.h>

static atomic_bool interrupted;
static volatile sig_atomic_t interrupt_number;

static void on_interrupt(int number)
{
	interrupt_number = number;
	atomic_store(&interrupted, true);
}

static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};

/* What is ignored (nohup) stays so. */
static bool is_ignored(int number)
{
	struct sigaction before;
	return sigaction(number, NULL, &before) || before.sa_handler == SIG_IGN;
}

const atomic_bool *interrupt_watch(void)
{
	for (size_t i = 0; i < array_size(numbers); i++) {
		struct sigaction action = {
			.sa_handler = on_interrupt,
			.sa_flags = SA_RESTART | (int)SA_RESETHAND,
		};
		if (!is_ignored(numbers[i]))
			sigaction(numbers[i], &action, NULL);
	}
	return &interrupted;
}

void interrupt_unwatch(void)
{
	for (size_t i = 0; i < array_size(numbers); i++)
		if (!is_ignored(numbers[i]))
			signal(numbers[i], SIG_DFL);
}

void interrupt_finish(void)
{
	if (!interrupt_number)
		return;
	signal(interrupt_number, SIG_DFL);
	raise(interrupt_number);
}
