/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * base: what a sandbox denies, tried from inside. Each trial is a process of its own, since what was
 * given up can't be taken back; its exit code is an errno, 0 where it could be done.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>
#include <impscan/sandbox.h>

#define NOT_PREPARED  250		/* exit code: the trial itself went wrong */
#define ENDED(number) (1000 + (number)) /* by this signal */

typedef int trial_function(void);

enum thread {
	SAME,
	LATER,	 /* started in the sandbox */
	EARLIER, /* started before */
};

static char root[] = "/tmp/impscan-sandbox.XXXXXX";
static int before_fd = -1; /* other/file, opened before */

static int result_of(long result)
{
	return result < 0 ? errno : 0;
}

static char *in_root(const char *name)
{
	return alloc_printf("%s/%s", root, name);
}

/* Opens a file in the test's folder. */
static int open_there(const char *name, int flags)
{
	_cleanup_free_ char *path = in_root(name);
	_cleanup_close_ int fd = open(path, flags | O_CLOEXEC, 0600);
	return result_of(fd);
}

static int remove_it(const char *name)
{
	_cleanup_free_ char *path = in_root(name);
	return result_of(remove(path));
}

static int make_folder(const char *name)
{
	_cleanup_free_ char *path = in_root(name);
	return result_of(mkdir(path, 0700));
}

static int move(const char *name, const char *to)
{
	_cleanup_free_ char *path = in_root(name), *other = in_root(to);
	return result_of(rename(path, other));
}

static int cut(const char *name)
{
	_cleanup_free_ char *path = in_root(name);
	return result_of(truncate(path, 2));
}

static int change_mode(const char *name)
{
	_cleanup_free_ char *path = in_root(name);
	return result_of(chmod(path, 0600));
}

static int make_link(const char *name)
{
	_cleanup_free_ char *path = in_root(name);
	return result_of(symlink("/etc/passwd", path));
}

/* clang-format off */

/* What is allowed. */
static int read_named(void) { return open_there("read/file", O_RDONLY); }
static int read_below(void) { return open_there("read/below/file", O_RDONLY); }
static int list_named(void) { return open_there("read", O_RDONLY | O_DIRECTORY); }
static int file_there(void) { return open_there("write/new", O_WRONLY | O_CREAT | O_EXCL) ?: remove_it("write/new"); }
static int folder_there(void) { return make_folder("write/folder") ?: remove_it("write/folder"); }
static int move_there(void) { return move("write/file", "write/moved") ?: move("write/moved", "write/file"); }
static int temporary_there(void) { return open_there("write", O_TMPFILE | O_RDWR | O_EXCL); }
static int read_opened(void) { char c; return result_of(pread(before_fd, &c, 1, 0)); }
static int map_opened(void) { return mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, before_fd, 0) == MAP_FAILED ? errno : 0; }
static int signal_itself(void) { signal(SIGUSR1, SIG_IGN); return result_of(raise(SIGUSR1)); }

/* What is not. */
static int read_other(void) { return open_there("other/file", O_RDONLY); }
static int list_other(void) { return open_there("other", O_RDONLY | O_DIRECTORY); }
static int read_by_link(void) { return open_there("read/link", O_RDONLY); }
static int read_around(void) { return open_there("read/../other/file", O_RDONLY); }
static int read_passwords(void) { _cleanup_close_ int fd = open("/etc/passwd", O_RDONLY | O_CLOEXEC); return result_of(fd); }
static int write_named(void) { return open_there("read/file", O_WRONLY); }
static int write_other(void) { return open_there("other/file", O_WRONLY); }
static int cut_named(void) { return cut("read/file"); }
static int file_in_named(void) { return open_there("read/new", O_WRONLY | O_CREAT) ?: remove_it("read/new"); }
static int folder_in_named(void) { return make_folder("read/new") ?: remove_it("read/new"); }
static int link_there(void) { return make_link("write/new") ?: remove_it("write/new"); }
static int remove_named(void) { return remove_it("read/file") ?: open_there("read/file", O_WRONLY | O_CREAT); }
static int move_away(void) { return move("read/file", "other/moved") ?: move("other/moved", "read/file"); }
static int signal_parent(void) { return result_of(kill(getppid(), SIGUSR1)); }
/* No signal of this number exists, which only who gets past seccomp is told. */
static int kill_parent(void) { return result_of(kill(getppid(), 200)); }
static int queue_to_parent(void) { return result_of(sigqueue(getppid(), 200, (union sigval){0})); }
static int kill_thread_of_parent(void) { return result_of(syscall(SYS_tgkill, getppid(), getppid(), 200)); }
static int kill_all(void) { return result_of(kill(-1, 200)); }
static int execute(void) { return result_of(execl("/bin/true", "true", (char *)NULL)); }
static int execute_opened(void) { char *none[] = {NULL}; return result_of(syscall(SYS_execveat, before_fd, "", none, none, AT_EMPTY_PATH)); }
static int start_process(void) { pid_t pid = fork(); if (!pid) _exit(0); return result_of(pid); }
static int clone_process(void) { long pid = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0); if (!pid) _exit(0); return result_of(pid); }
static int clone_unseen(void) { return result_of(syscall(SYS_clone3, NULL, 0)); }
static int open_socket(void) { return result_of(socket(AF_INET, SOCK_STREAM, 0)); }
static int open_local_socket(void) { return result_of(socket(AF_UNIX, SOCK_STREAM, 0)); }
static int open_pair(void) { int pair[2]; return result_of(socketpair(AF_UNIX, SOCK_STREAM, 0, pair)); }
static int attach(void) { return result_of(ptrace(PTRACE_SEIZE, getppid(), NULL, NULL)); }
static int set_up_ring(void) { char parameters[120] = {0}; return result_of(syscall(SYS_io_uring_setup, 8, parameters)); }
static int load_bpf(void) { return result_of(syscall(SYS_bpf, 0, NULL, 0)); }
static int handle_faults(void) { return result_of(syscall(SYS_userfaultfd, 0)); }
static int count_events(void) { return result_of(syscall(SYS_perf_event_open, NULL, 0, -1, -1, 0)); }
static int new_namespace(void) { return result_of(unshare(CLONE_NEWNS)); }
static int become_root(void) { return result_of(syscall(SYS_setuid, 0)); }
static int mode_of_named(void) { return change_mode("read/file"); }
static int type_letters(void) { return result_of(ioctl(before_fd, TIOCSTI, "x")); }
static int type_letters_high(void) { return result_of(syscall(SYS_ioctl, before_fd, UINT64_C(1) << 32 | TIOCSTI, "x")); }
/* clang-format on */

static int read_process(void)
{
	char c;
	struct iovec mine = {&c, 1}, others = {root, 1};
	return result_of(process_vm_readv(getppid(), &mine, 1, &others, 1, 0));
}

static int write_process(void)
{
	char c = root[0];
	struct iovec mine = {&c, 1}, others = {root, 1};
	return result_of(process_vm_writev(getppid(), &mine, 1, &others, 1, 0));
}

/* What is no socket would be ENOTSOCK. */
static int connect_any(void)
{
	const struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(9)};
	return result_of(connect(before_fd, (const struct sockaddr *)&address, sizeof(address)));
}

/* Is anything left of them? */
static int core_and_privileges(void)
{
	struct rlimit limit;
	return getrlimit(RLIMIT_CORE, &limit) || limit.rlim_cur || limit.rlim_max ||
	       prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) || prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1;
}

struct trial {
	trial_function *function;
	enum thread thread;
	pthread_barrier_t entered;
	int result;
};

static void *in_thread(void *p)
{
	struct trial *trial = p;
	if (trial->thread == EARLIER)
		pthread_barrier_wait(&trial->entered);
	trial->result = trial->function();
	return NULL;
}

static int enter_and_try(struct trial *trial)
{
	pthread_t thread;
	struct sandbox_state state;
	_cleanup_sandbox_ struct sandbox *sandbox = sandbox_new();
	_cleanup_free_ char *read = in_root("read"), *write = in_root("write");
	sandbox_allow(sandbox, read, SANDBOX_READ | SANDBOX_LIST);
	sandbox_allow(sandbox, write,
		      SANDBOX_READ | SANDBOX_LIST | SANDBOX_CREATE | SANDBOX_FOLDERS);
	if (pthread_barrier_init(&trial->entered, NULL, 2) ||
	    (trial->thread == EARLIER && pthread_create(&thread, NULL, in_thread, trial)))
		return NOT_PREPARED;
	_cleanup_error_ struct error *error = sandbox_enter(sandbox, &state);
	if (error) {
		fprintf(stderr, "%s\n", error_message(error));
		return NOT_PREPARED;
	}
	if (trial->thread == SAME)
		return trial->function();
	if (trial->thread == EARLIER)
		pthread_barrier_wait(&trial->entered);
	else if (pthread_create(&thread, NULL, in_thread, trial))
		return NOT_PREPARED;
	pthread_join(thread, NULL);
	return trial->result;
}

static int wait_for(pid_t pid)
{
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) ? ENDED(WTERMSIG(status)) : WEXITSTATUS(status);
}

static int try_inside(trial_function *function, enum thread thread)
{
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		struct trial trial = {.function = function, .thread = thread};
		_exit(enter_and_try(&trial));
	}
	return wait_for(pid);
}

static int try_outside(trial_function *function)
{
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (!pid)
		_exit(function());
	return wait_for(pid);
}

static void what_is_allowed_can_be_done(void **state)
{
	trial_function *const trials[] = {
		read_named, read_below,	     list_named,  file_there, folder_there,
		move_there, temporary_there, read_opened, map_opened, signal_itself,
	};
	(void)state;
	for (size_t i = 0; i < array_size(trials); i++)
		for (enum thread thread = SAME; thread <= EARLIER; thread++)
			assert_int_equal(try_inside(trials[i], thread), 0);
}

/* Each could be done outside. */
static void files_are_denied(void **state)
{
	static const struct {
		trial_function *function;
		int abi; /* the first that denies it */
		int number;
	} trials[] = {
		{read_other, 1, EACCES},  {list_other, 1, EACCES},     {read_by_link, 1, EACCES},
		{read_around, 1, EACCES}, {read_passwords, 1, EACCES}, {write_named, 1, EACCES},
		{write_other, 1, EACCES}, {file_in_named, 1, EACCES},  {folder_in_named, 1, EACCES},
		{link_there, 1, EACCES},  {remove_named, 1, EACCES},   {move_away, 1, EACCES},
		{cut_named, 3, EACCES},	  {signal_parent, 6, EPERM},
	};
	(void)state;
	if (!sandbox_landlock_abi())
		skip();
	signal(SIGUSR1, SIG_IGN);
	for (size_t i = 0; i < array_size(trials); i++) {
		if (sandbox_landlock_abi() < trials[i].abi)
			continue;
		assert_int_equal(try_outside(trials[i].function), 0);
		assert_int_equal(try_inside(trials[i].function, SAME), trials[i].number);
		assert_int_equal(try_inside(trials[i].function, LATER), trials[i].number);
	}
}

/* In all threads. No other answer than seccomp's ends a process by SIGSYS. */
static void calls_are_denied(void **state)
{
	static const struct {
		trial_function *function;
		int result;
		bool for_leaks; /* left to builds with sanitizers, by seccomp */
	} trials[] = {
		{execute, ENDED(SIGSYS), false},
		{execute_opened, ENDED(SIGSYS), false},
		{start_process, ENDED(SIGSYS), true},
		{clone_process, ENDED(SIGSYS), true},
		{clone_unseen, ENOSYS, true},
		{attach, ENDED(SIGSYS), true},
		{read_process, ENDED(SIGSYS), false},
		{write_process, ENDED(SIGSYS), false},
		{set_up_ring, ENDED(SIGSYS), false},
		{load_bpf, ENDED(SIGSYS), false},
		{handle_faults, ENDED(SIGSYS), false},
		{count_events, ENDED(SIGSYS), false},
		{new_namespace, ENDED(SIGSYS), false},
		{become_root, ENDED(SIGSYS), false},
		{kill_parent, EPERM, true},
		{queue_to_parent, EPERM, true},
		{kill_thread_of_parent, EPERM, true},
		{kill_all, EPERM, true},
		{open_socket, EPERM, false},
		{open_local_socket, EPERM, false},
		{open_pair, EPERM, false},
		{connect_any, EPERM, false},
		{mode_of_named, EPERM, false},
		{type_letters, EPERM, false},
		{type_letters_high, EPERM, false},
	};
	char version[32];
	(void)state;
	if (!strcmp(sandbox_seccomp_version(version), "missing"))
		skip();
	for (size_t i = 0; i < array_size(trials); i++)
		for (enum thread thread = SAME; thread <= EARLIER; thread++)
			if (!SANDBOX_SANITIZED || !trials[i].for_leaks)
				assert_int_equal(try_inside(trials[i].function, thread),
						 trials[i].result);
	assert_int_equal(try_outside(execute), 0);
	assert_int_equal(try_outside(open_socket), 0);
	assert_int_equal(try_outside(mode_of_named), 0);
	assert_int_equal(try_outside(type_letters), ENOTTY);
	assert_int_equal(try_outside(kill_parent), EINVAL);
}

static void no_core_and_no_privileges(void **state)
{
	(void)state;
	assert_int_equal(try_outside(core_and_privileges), 1);
	assert_int_equal(try_inside(core_and_privileges, SAME), 0);
	assert_int_equal(try_inside(core_and_privileges, LATER), 0);
}

static void assert_described(struct sandbox_state state, const char *expected)
{
	char text[256];
	sandbox_describe(&state, text);
	assert_string_equal(text, expected);
}

static void what_holds_is_told(void **state)
{
	(void)state;
	assert_described((struct sandbox_state){.entered = true, .landlock = 7, .calls = true},
			 "files, TCP, signals by Landlock (ABI 7), system calls by seccomp");
	assert_described((struct sandbox_state){.entered = true, .landlock = 4, .calls = true},
			 "files, TCP by Landlock (ABI 4), system calls by seccomp");
	assert_described((struct sandbox_state){.entered = true,
						.landlock = 1,
						.because = "built without libseccomp"},
			 "files by Landlock (ABI 1), system calls are not denied: built without "
			 "libseccomp");
	assert_described((struct sandbox_state){.entered = true,
						.calls = true,
						.because = "the kernel lacks Landlock"},
			 "files are not locked in, system calls by seccomp: the kernel lacks "
			 "Landlock");
	assert_described((struct sandbox_state){0}, "off (--no-sandbox)");
}

static void put(const char *folder, const char *name)
{
	_cleanup_free_ char *path = alloc_printf("%s/%s/%s", root, folder, name);
	make_folder(folder);
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(write(fd, "text", 4), 4);
}

static int make_folders(void **state)
{
	(void)state;
	if (!mkdtemp(root))
		return -1;
	put("read", "file");
	put("read/below", "file");
	put("write", "file");
	put("other", "file");
	_cleanup_free_ char *link = in_root("read/link"), *target = in_root("other/file");
	before_fd = open(target, O_RDONLY | O_CLOEXEC);
	return before_fd < 0 || symlink(target, link);
}

static int remove_folders(void **state)
{
	static const char *const made[] = {
		"read/link",  "read/file",  "read/below/file", "read/below", "read",
		"write/file", "other/file", "write",	       "other",	     "",
	};
	(void)state;
	close(before_fd);
	for (size_t i = 0; i < array_size(made); i++)
		if (remove_it(made[i]))
			return -1;
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_allowed_can_be_done),
		cmocka_unit_test(files_are_denied),
		cmocka_unit_test(calls_are_denied),
		cmocka_unit_test(no_core_and_no_privileges),
		cmocka_unit_test(what_holds_is_told),
	};
	return cmocka_run_group_tests(tests, make_folders, remove_folders);
}
