/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef ATTACK_PLANTED_H
#define ATTACK_PLANTED_H

/* Runs what must be found, and what must not; returns 0 where each was told from the other. */
int planted_run(void);

#endif
