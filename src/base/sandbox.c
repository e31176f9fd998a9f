/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * See sandbox.h: Landlock by its system calls, since the C library has no functions for them.
 *
 * Numbers and bits are the kernel's interface: Documentation/userspace-api/landlock.rst and
 * include/uapi/linux/landlock.h of Linux 6.15 (ABI 1 to 7). Debian 12's header ends at ABI 2.
 */
#include <impscan/sandbox.h>

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <impscan/alloc.h>

#include "base/sandbox_calls.h"

/* System calls that have one number on all architectures. */
#define CREATE_RULESET 444
#define ADD_RULE       445
#define RESTRICT_SELF  446

#define RULESET_VERSION	  1
#define RULE_PATH_BENEATH 1

#define FS_EXECUTE     (UINT64_C(1) << 0)
#define FS_WRITE_FILE  (UINT64_C(1) << 1)
#define FS_READ_FILE   (UINT64_C(1) << 2)
#define FS_READ_DIR    (UINT64_C(1) << 3)
#define FS_REMOVE_DIR  (UINT64_C(1) << 4)
#define FS_REMOVE_FILE (UINT64_C(1) << 5)
#define FS_MAKE_DIR    (UINT64_C(1) << 7)
#define FS_MAKE_REG    (UINT64_C(1) << 8)
#define FS_ABI_1       ((UINT64_C(1) << 13) - 1) /* all of these, links and devices */
#define FS_REFER       (UINT64_C(1) << 13)	 /* ABI 2 */
#define FS_TRUNCATE    (UINT64_C(1) << 14)	 /* ABI 3 */
#define FS_IOCTL_DEV   (UINT64_C(1) << 15)	 /* ABI 5 */

#define NET_BIND_AND_CONNECT_TCP UINT64_C(3) /* ABI 4 */
#define SCOPE_SOCKETS_AND_SIGNAL UINT64_C(3) /* ABI 6: abstract Unix sockets, signals */

#define ABI_KNOWN 7

/* What a rule may allow of a file, rather than of a folder. */
#define FS_OF_FILES (FS_EXECUTE | FS_WRITE_FILE | FS_READ_FILE | FS_TRUNCATE | FS_IOCTL_DEV)

struct ruleset_attributes {
	uint64_t handled_fs, handled_net, scoped;
};

struct path_beneath {
	uint64_t allowed;
	int32_t parent;
} __attribute__((packed));

struct sandbox {
	int abi;
	int ruleset; /* a descriptor; -1: no Landlock */
	int refused; /* errno of what could not be made or allowed; 0: nothing */
	uint64_t handled;
};

int sandbox_landlock_abi(void)
{
	long abi = syscall(CREATE_RULESET, NULL, 0, RULESET_VERSION);
	return abi < 1 ? 0 : abi > ABI_KNOWN ? ABI_KNOWN : (int)abi;
}

struct sandbox *sandbox_new(void)
{
	struct sandbox *sandbox = alloc_new(struct sandbox);
	const int abi = sandbox_landlock_abi();
	const struct ruleset_attributes attributes = {
		.handled_fs = FS_ABI_1 | (abi >= 2 ? FS_REFER : 0) | (abi >= 3 ? FS_TRUNCATE : 0) |
			      (abi >= 5 ? FS_IOCTL_DEV : 0),
		.handled_net = abi >= 4 ? NET_BIND_AND_CONNECT_TCP : 0,
		.scoped = abi >= 6 ? SCOPE_SOCKETS_AND_SIGNAL : 0,
	};
	/* Older kernels take no more of it than they know. */
	const size_t size = abi >= 6   ? sizeof(attributes)
			    : abi >= 4 ? offsetof(struct ruleset_attributes, scoped)
				       : offsetof(struct ruleset_attributes, handled_net);
	sandbox->abi = abi;
	sandbox->handled = attributes.handled_fs;
	sandbox->ruleset = abi ? (int)syscall(CREATE_RULESET, &attributes, size, 0) : -1;
	if (abi && sandbox->ruleset < 0)
		sandbox->refused = errno;
	return sandbox;
}

void sandbox_free(struct sandbox *sandbox)
{
	if (sandbox && sandbox->ruleset >= 0)
		close(sandbox->ruleset);
	free(sandbox);
}

static uint64_t rights_of(unsigned int access)
{
	uint64_t rights = 0;
	rights |= access & SANDBOX_READ ? FS_READ_FILE : 0;
	rights |= access & SANDBOX_LIST ? FS_READ_DIR : 0;
	rights |= access & SANDBOX_CREATE
			  ? FS_MAKE_REG | FS_WRITE_FILE | FS_TRUNCATE | FS_REMOVE_FILE
			  : 0;
	rights |= access & SANDBOX_FOLDERS ? FS_MAKE_DIR | FS_REMOVE_DIR : 0;
	rights |= access & SANDBOX_REMOVE_FOLDERS ? FS_REMOVE_DIR : 0;
	return rights;
}

void sandbox_allow(struct sandbox *sandbox, const char *path, unsigned int access)
{
	struct stat status;
	_cleanup_close_ int fd = sandbox->ruleset < 0 ? -1 : open(path, O_PATH | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &status))
		return;
	const struct path_beneath rule = {
		.allowed = rights_of(access) & sandbox->handled &
			   (S_ISDIR(status.st_mode) ? UINT64_MAX : FS_OF_FILES),
		.parent = fd,
	};
	if (!rule.allowed || !syscall(ADD_RULE, sandbox->ruleset, RULE_PATH_BENEATH, &rule, 0))
		return;
	/* A pipe that /dev/fd leads to is in no folder, and never denied. */
	if (errno != EBADFD && !sandbox->refused)
		sandbox->refused = errno;
}

/* Files, TCP and signals; no_new_privs is set. */
static struct error *enter_landlock(const struct sandbox *sandbox, struct sandbox_state *state)
{
	if (!sandbox->abi) {
		snprintf(state->because, sizeof(state->because), "the kernel lacks Landlock");
		return NULL;
	}
	int number = sandbox->refused;
	if (!number && syscall(RESTRICT_SELF, sandbox->ruleset, 0))
		number = errno;
	if (number)
		return error_errno(number, "can't lock in by Landlock, so that no file is read "
					   "that nobody named (--no-sandbox goes on without)");
	state->landlock = sandbox->abi;
	return NULL;
}

struct error *sandbox_enter(struct sandbox *sandbox, struct sandbox_state *state)
{
	const struct rlimit none = {0, 0};
	*state = (struct sandbox_state){.entered = true};
	if (setrlimit(RLIMIT_CORE, &none) || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return error_errno(errno,
				   "can't give up privileges (--no-sandbox goes on without)");
	try_(enter_landlock(sandbox, state));
	return sandbox_deny_calls(state);
}

void sandbox_describe(const struct sandbox_state *state, char text[256])
{
	char files[96] = "files are not locked in";
	if (!state->entered) {
		snprintf(text, 256, "off (--no-sandbox)");
		return;
	}
	if (state->landlock)
		snprintf(files, sizeof(files), "files%s%s by Landlock (ABI %d)",
			 state->landlock >= 4 ? ", TCP" : "",
			 state->landlock >= 6 ? ", signals" : "", state->landlock);
	snprintf(text, 256, "%s, %s%s%s", files,
		 state->calls ? "system calls by seccomp" : "system calls are not denied",
		 *state->because ? ": " : "", state->because);
}
