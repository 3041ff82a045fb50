// # The workers

#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "lab.h"
#include "threads/crash/crash.h"

struct board *new_board(void)
{
	return must(mmap(NULL, sizeof(struct board), PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0));
}

void read_byte(const void *address)
{
#if defined __x86_64__
	__asm__ volatile("movb (%0), %%al" : : "r"(address) : "rax", "memory");
#elif defined __aarch64__
	__asm__ volatile("ldrb w9, [%0]" : : "r"(address) : "x9", "memory");
#else
#error "no load in the assembly of this machine"
#endif
}

void be_mortal(void)
{
	sigset_t set;

	must(prctl(PR_SET_DUMPABLE, 0, 0, 0, 0));
	must(signal(SIGSEGV, SIG_DFL));
	must(sigemptyset(&set));
	must(sigaddset(&set, SIGSEGV));
	must_zero(pthread_sigmask(SIG_UNBLOCK, &set, NULL));
}

bool is_there(pid_t tid)
{
	char path[32];

	snprintf(path, sizeof path, "/proc/%d", tid);
	return access(path, F_OK) == 0;
}

static void tick(struct worker *worker)
{
	enum { TICK_NS = 500000 };

	nanosleep(&(struct timespec){ .tv_nsec = TICK_NS }, NULL);
	worker->last_ns = now_ns();
	worker->ticks++;
}

static bool all_have_ticked(const struct board *board)
{
	for (int n = 0; n < WORKERS; n++)
		if (board->workers[n].ticks < ENOUGH_TICKS)
			return false;
	return true;
}

void work(struct board *board, int n)
{
	struct worker *me = &board->workers[n];

	me->tid = gettid();
	me->began_ns = now_ns();
	while (!(n == CULPRIT ? all_have_ticked(board) : board->told))
		tick(me);
	if (n == CULPRIT) {
		board->fault_ns = now_ns();
		read_byte(NULL);
	}
	for (int i = 0; i < ENOUGH_TICKS; i++)
		tick(me);
}
