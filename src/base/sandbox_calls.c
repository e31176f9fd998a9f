/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which system calls a sandbox denies, and how. All others are left: which ones the C library makes
 * differs from version to version, and what is denied here is what harms others.
 */
#include "base/sandbox_calls.h"

#include <stdio.h>
#include <string.h>

/* Why system calls are not denied, behind what is said of files. */
static void add_reason(struct sandbox_state *state, const char *reason)
{
	const size_t length = strlen(state->because);
	snprintf(state->because + length, sizeof(state->because) - length, "%s%s",
		 length ? ", " : "", reason);
}

#ifdef HAVE_SECCOMP
#include <errno.h>
#include <sched.h>
#include <seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <impscan/bytes.h>

/* What only foreign code would ask for. */
/* clang-format off */
static const char *const ending[] = {
	/* programs */
	"execve", "execveat", "uselib",
	/* processes */
	"fork", "vfork", "ptrace", "process_vm_readv", "process_vm_writev", "process_madvise",
	"pidfd_getfd", "pidfd_open", "pidfd_send_signal", "kcmp", "migrate_pages", "move_pages",
	/* much of the kernel by one call */
	"io_uring_setup", "io_uring_enter", "io_uring_register", "bpf", "userfaultfd",
	"perf_event_open", "add_key", "request_key", "keyctl",
	/* the system */
	"mount", "umount2", "pivot_root", "chroot", "move_mount", "open_tree", "fsopen", "fspick",
	"fsconfig", "fsmount", "mount_setattr", "unshare", "setns", "open_by_handle_at", "swapon",
	"swapoff", "quotactl", "quotactl_fd", "acct", "fanotify_init", "init_module",
	"finit_module", "delete_module", "kexec_load", "kexec_file_load", "reboot", "ioperm",
	"iopl", "modify_ldt", "personality", "syslog", "settimeofday", "clock_settime",
	"clock_adjtime", "adjtimex", "sethostname", "setdomainname", "vhangup",
	/* who it is */
	"setuid", "setgid", "setreuid", "setregid", "setresuid", "setresgid", "setfsuid",
	"setfsgid", "setgroups", "capset",
};

/* What a library may try, and do without. */
static const char *const failing[] = {
	"socket", "socketpair", "connect", "bind", "listen", "accept", "accept4", "mknod",
	"mknodat", "tkill", "mq_open", "shmget", "shmat", "semget", "msgget",
	/* Changes of files that are not opened for it: Landlock does not know them. */
	"chmod", "fchmod", "fchmodat", "fchmodat2", "chown", "fchown", "lchown", "fchownat",
	"setxattr", "lsetxattr", "fsetxattr", "removexattr", "lremovexattr", "fremovexattr",
	"utime", "utimes", "utimensat", "futimesat", "name_to_handle_at",
};
/* clang-format on */

/* What leak checks need of a sanitizer's build. */
static bool left_out(const char *name)
{
	return SANDBOX_SANITIZED &&
	       (!strcmp(name, "ptrace") || !strcmp(name, "fork") || !strcmp(name, "vfork"));
}

/* Adds a rule for each call that libseccomp and the architecture have; returns 0 or -errno. */
static int deny(scmp_filter_ctx context, uint32_t action, const char *const *names, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		int number = seccomp_syscall_resolve_name(names[i]);
		if (number == __NR_SCMP_ERROR || left_out(names[i]))
			continue;
		int result = seccomp_rule_add(context, action, number, 0);
		/* A call that the architecture does not have. */
		if (result && result != -EDOM)
			return result;
	}
	return 0;
}

/* Signals to other processes, which Landlock denies from ABI 6 on only; a thread's number is its own. */
static int deny_signals(scmp_filter_ctx context)
{
	static const char *const names[] = {"kill", "tgkill", "rt_sigqueueinfo",
					    "rt_tgsigqueueinfo"};
	const scmp_datum_t self = (scmp_datum_t)getpid();
	int result = 0;
	for (size_t i = 0; !result && i < array_size(names); i++) {
		int number = seccomp_syscall_resolve_name(names[i]);
		result = seccomp_rule_add(context, SCMP_ACT_ERRNO(EPERM), number, 1,
					  SCMP_A0_64(SCMP_CMP_NE, self, 0));
	}
	return result;
}

/* One process more, and what puts letters into a terminal's input. */
static int deny_by_arguments(scmp_filter_ctx context)
{
	const unsigned long requests[] = {TIOCSTI, TIOCLINUX};
	const scmp_datum_t low = UINT32_MAX; /* the kernel looks at no more of a request */
	int result = 0;
	for (size_t i = 0; !result && i < array_size(requests); i++)
		result = seccomp_rule_add(context, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(ioctl), 1,
					  SCMP_A1_64(SCMP_CMP_MASKED_EQ, low, requests[i]));
	if (result || SANDBOX_SANITIZED)
		return result;
	result = deny_signals(context);
	if (result)
		return result;
	result = seccomp_rule_add(context, SCMP_ACT_KILL_PROCESS, SCMP_SYS(clone), 1,
				  SCMP_A0_64(SCMP_CMP_MASKED_EQ, CLONE_THREAD, 0));
	/* Its flags are in memory, out of sight: the C library takes clone() instead. */
	return result ? result
		      : seccomp_rule_add(context, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
}

static int load(scmp_filter_ctx context)
{
	int result = seccomp_attr_set(context, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	if (!result)
		result = seccomp_attr_set(context, SCMP_FLTATR_CTL_TSYNC, 1);
	if (!result)
		result = seccomp_attr_set(context, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	/*
	 * Kernels before 5.16 would also stop speculation past stores, which costs speed and guards a
	 * process against code of others within it. Where it can't be asked for, so be it.
	 */
	seccomp_attr_set(context, SCMP_FLTATR_CTL_SSB, 1);
	if (!result)
		result = deny(context, SCMP_ACT_KILL_PROCESS, ending, array_size(ending));
	if (!result)
		result = deny(context, SCMP_ACT_ERRNO(EPERM), failing, array_size(failing));
	if (!result)
		result = deny_by_arguments(context);
	return result ? result : seccomp_load(context);
}

struct error *sandbox_deny_calls(struct sandbox_state *state)
{
	scmp_filter_ctx context = seccomp_init(SCMP_ACT_ALLOW);
	const int result = context ? load(context) : -ENOMEM;
	if (context)
		seccomp_release(context);
	state->calls = !result;
	/* What a kernel without it answers, or without what libseccomp needs of it. */
	if (result == -ENOSYS || result == -EINVAL || result == -ECANCELED ||
	    result == -EOPNOTSUPP) {
		add_reason(state, "the kernel lacks seccomp");
		return NULL;
	}
	if (result)
		return error_errno(-result,
				   "can't lock in by seccomp (--no-sandbox goes on without)");
	return NULL;
}

const char *sandbox_seccomp_version(char text[32])
{
	const struct scmp_version *version = seccomp_version();
	snprintf(text, 32, "%u.%u.%u", version->major, version->minor, version->micro);
	return text;
}
#else
struct error *sandbox_deny_calls(struct sandbox_state *state)
{
	add_reason(state, "built without libseccomp");
	return NULL;
}

const char *sandbox_seccomp_version(char text[32])
{
	snprintf(text, 32, "missing");
	return text;
}
#endif
