// # What is always one's own
//
// No flag shares these: they are fields of the task itself. Some of that
// surprises: POSIX wants one nice value and one set of credentials for a
// process, Linux has them in each task (see credentials.c for what the C
// library does about it).

#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "lab.h"
#include "threads/share/share.h"

static void compare_tid(struct trial *trial)
{
	trial->same = gettid() == trial->maker;
}

static void change_mask_by(int how)
{
	sigset_t set;

	must(sigemptyset(&set));
	must(sigaddset(&set, SIGUSR1));
	must_zero(pthread_sigmask(how, &set, NULL));
}

static void prepare_mask(struct trial *trial)
{
	(void)trial;
	change_mask_by(SIG_UNBLOCK);
}

static void change_mask(struct trial *trial)
{
	(void)trial;
	change_mask_by(SIG_BLOCK);
}

static bool mask_changed(struct trial *trial)
{
	sigset_t mask;

	(void)trial;
	must_zero(pthread_sigmask(SIG_BLOCK, NULL, &mask));
	return sigismember(&mask, SIGUSR1);
}

static void change_alternate_stack(struct trial *trial)
{
	enum { STACK_BYTES = 64 * 1024 };

	trial->address = must(mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE,
				   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	must(sigaltstack(&(stack_t){ .ss_sp = trial->address,
				     .ss_size = STACK_BYTES },
			 NULL));
}

static bool alternate_stack_changed(struct trial *trial)
{
	stack_t stack;

	must(sigaltstack(NULL, &stack));
	return stack.ss_sp == trial->address;
}

// -1 is a nice value, too.
static int nice_value(void)
{
	errno = 0;
	int value = getpriority(PRIO_PROCESS, 0);
	if (errno)
		die_at(__FILE__, __LINE__, "getpriority", errno);
	return value;
}

static void prepare_nice(struct trial *trial)
{
	trial->before = nice_value();
}

static void change_nice(struct trial *trial)
{
	(void)trial;
	must(setpriority(PRIO_PROCESS, 0, nice_value() + 1));
}

static bool nice_changed(struct trial *trial)
{
	return nice_value() != trial->before;
}

// A bit that lies beside the user IDs in a task's credentials and that anybody
// may change.
static void change_credentials(struct trial *trial)
{
	(void)trial;
	must(prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0));
}

static bool credentials_changed(struct trial *trial)
{
	(void)trial;
	return must(prctl(PR_GET_KEEPCAPS, 0, 0, 0, 0)) == 1;
}

static void change_name(struct trial *trial)
{
	(void)trial;
	must(prctl(PR_SET_NAME, "changed", 0, 0, 0));
}

static bool name_changed(struct trial *trial)
{
	enum { TASK_NAME_BYTES = 16 };
	char name[TASK_NAME_BYTES];

	(void)trial;
	must(prctl(PR_GET_NAME, name, 0, 0, 0));
	return !strcmp(name, "changed");
}

const struct thing own_things[] = {
	{ "TID (LWP)", NEVER, NULL, compare_tid, NULL },
	{ "signal mask", NEVER, prepare_mask, change_mask, mask_changed },
	{ "signal stack", NEVER, NULL, change_alternate_stack,
	  alternate_stack_changed },
	{ "nice value", NEVER, prepare_nice, change_nice, nice_changed },
	{ "credentials", NEVER, NULL, change_credentials,
	  credentials_changed },
	{ "name", NEVER, NULL, change_name, name_changed },
	{ 0 }
};
