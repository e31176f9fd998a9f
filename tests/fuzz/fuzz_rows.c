/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Saved rows of any content: what is read of a line equals what json-c reads.
 */
#include <stdint.h>
#include <stdio.h>

#include "../rows_oracle.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *wrong = oracle_judge((const char *)data, size);
	if (wrong) {
		fprintf(stderr, "%s\n", wrong);
		abort();
	}
	return 0;
}
