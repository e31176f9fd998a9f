/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The part of a sandbox that denies system calls; see sandbox.h.
 */
#ifndef BASE_SANDBOX_CALLS_H
#define BASE_SANDBOX_CALLS_H

#include <impscan/sandbox.h>

/*
 * Denies them in all threads of the process, which has no_new_privs. Without libseccomp, or where
 * the kernel lacks seccomp, `state` says so.
 */
struct error *sandbox_deny_calls(struct sandbox_state *state);

#endif
