/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The memory that a thread uses again for each module.
 */
#include <stdlib.h>

#include "scan/unit.h"

void worker_free(struct worker *worker)
{
	imports_free(&worker->imports);
	dotnet_free(&worker->dotnet);
	golang_free(&worker->golang);
	rebuilt_free(&worker->rebuilt);
	matches_free(&worker->matches);
	module_slots_free(&worker->slots);
	free(worker->files.sizes);
	imports_free(&worker->written);
	free(worker->hooks.items);
}
