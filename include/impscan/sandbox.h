/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Giving up what a process no longer needs, before it reads what malware wrote: files that nobody
 * named, the network, other processes, new programs. It can't be taken back.
 *
 * Files, TCP and signals to others are denied by Landlock, as far as the kernel has it: what is not
 * allowed fails with EACCES (a signal with EPERM). System calls are denied by seccomp, where the
 * program was built with libseccomp: those that no part of the program makes, and that only foreign
 * code would make, end the process by SIGSYS; those that a library may try and do without (sockets,
 * changing a file's mode) fail with EPERM. No core dump is written, and nobody may attach but root.
 *
 * Enter before the first thread is started: Landlock holds for the thread that enters and those that
 * it starts.
 *
 * Room: base.
 */
#ifndef IMPSCAN_SANDBOX_H
#define IMPSCAN_SANDBOX_H

#include <stdbool.h>

#include <impscan/error.h>

/*
 * Is this a build with AddressSanitizer? Its check of leaks stops threads from another process, which
 * such a build may therefore start.
 */
#if defined(__SANITIZE_ADDRESS__)
#define SANDBOX_SANITIZED true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANDBOX_SANITIZED true
#endif
#endif
#ifndef SANDBOX_SANITIZED
#define SANDBOX_SANITIZED false
#endif

/* What may be done with a file, or with all below a folder. */
enum sandbox_access {
	SANDBOX_READ = 1,	    /* open files to read them */
	SANDBOX_LIST = 2,	    /* list folders */
	SANDBOX_CREATE = 4,	    /* make files, write and rename them, remove files */
	SANDBOX_FOLDERS = 8,	    /* make and remove folders */
	SANDBOX_REMOVE_FOLDERS = 16 /* remove empty folders, and nothing else */
};

/* What holds once it was entered. */
struct sandbox_state {
	int landlock;	  /* the ABI in use; 0: files are not locked in */
	bool calls;	  /* system calls are denied by seccomp */
	bool entered;	  /* false: nothing was given up */
	char because[96]; /* why what does not hold does not; may be empty */
};

struct sandbox;

/* Returns what nothing is allowed by yet; the caller releases it with sandbox_free(). */
struct sandbox *sandbox_new(void);
void sandbox_free(struct sandbox *sandbox);
DEFINE_CLEANUP(struct sandbox, sandbox_free)
#define _cleanup_sandbox_ _cleanup_(sandbox_free_p)

/*
 * Allows something of what a path leads to now, with all below it when it is a folder.
 *
 * path: what does not exist stays denied. Of a file, only what can be done with one is allowed.
 * access: of enum sandbox_access, one or several.
 */
void sandbox_allow(struct sandbox *sandbox, const char *path, unsigned int access);

/*
 * Gives up all but what was allowed, in this thread and those it will start, for good.
 *
 * state: what holds now; that a kernel lacks something is no error.
 * Fails where the kernel has it and refuses all the same; nothing should be read then.
 */
struct error *sandbox_enter(struct sandbox *sandbox, struct sandbox_state *state);

/* Writes what holds: "files, TCP, signals by Landlock (ABI 7), system calls by seccomp". */
void sandbox_describe(const struct sandbox_state *state, char text[256]);

/* Returns the Landlock ABI of this kernel, as far as it is made use of; 0: it has none. */
int sandbox_landlock_abi(void);

/* Returns the version of libseccomp in use, written to `text`, or "missing". */
const char *sandbox_seccomp_version(char text[32]);

#endif
