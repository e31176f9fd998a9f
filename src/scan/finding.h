/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside the scan room: findings as values (struct finding, unit.h).
 */
#ifndef SCAN_FINDING_H
#define SCAN_FINDING_H

#include "scan/unit.h"

/* Makes a copy that owns what it has; `to` is overwritten. */
void finding_copy(struct finding *to, const struct finding *from);

/* Adds a sentence to finding->reason. Takes `more`, which must come from malloc(). */
void finding_add_reason(struct finding *finding, char *more);

/* Releases what a finding owns, but for its `dump`. */
void finding_free(struct finding *finding);

#endif
