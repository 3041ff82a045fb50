// # Which thread gets it
//
// A process has one table of dispositions, and each of its threads a mask and
// pending signals of its own. A signal is sent to the process (kill, sigqueue,
// a timer, Ctrl-C) or to one thread (pthread_kill, raise, tgkill). What a
// thread does itself, a fault, goes to that thread. (pthreads(7), signal(7))

#define _GNU_SOURCE
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ipc/signal/scenes.h"
#include "lab.h"

// ## Two threads and a handler
//
// Each thread sets its mask and posts that it is ready; when it is told to, it
// unblocks the signal and ends. The handler notes in which thread it runs:
// gettid(2) is a bare system call, and sem_post(3) is on the list of
// signal-safety(7).

struct actor {
	const char *name;
	bool blocks;
	pthread_t thread;
	_Atomic pid_t tid;
	sem_t go;
};

static sem_t ready, handled;
static _Atomic pid_t handled_by;

static void note_thread(int number)
{
	(void)number;
	handled_by = gettid();
	sem_post(&handled);
}

static void *act(void *argument)
{
	struct actor *actor = argument;

	speak_as(actor->name);
	if (!actor->blocks)
		unblock(SIGUSR1);
	actor->tid = gettid();
	must(sem_post(&ready));
	must(sem_wait(&actor->go));
	unblock(SIGUSR1);
	return NULL;
}

// A thread inherits the mask of who makes it, so it begins with SIGUSR1
// blocked.
static void begin(struct actor *actor)
{
	must(sem_init(&actor->go, 0, 0));
	must_zero(pthread_create(&actor->thread, NULL, act, actor));
	must(sem_wait(&ready));
}

static void finish(struct actor *actor)
{
	must(sem_post(&actor->go));
	must_zero(pthread_join(actor->thread, NULL));
}

static void prepare(void)
{
	handled_by = 0;
	must(sem_init(&ready, 0, 0));
	must(sem_init(&handled, 0, 0));
	handle(SIGUSR1, note_thread, SA_RESTART);
	block(SIGUSR1);
}

// ## To the process: any thread that does not block it
//
// One handler call for one signal, in whichever thread is free for it. Which
// one of several is the kernel's choice. If all block it, it is pending for the
// process (ShdPnd), and the first to unblock takes it.

void scene_any(void)
{
	struct actor deaf = { .name = "deaf", .blocks = true };
	struct actor open = { .name = "open" };

	prepare();
	begin(&deaf);
	begin(&open);
	say("open is thread %d; deaf, %d, and I block SIGUSR1", open.tid,
	    deaf.tid);
	must(kill(getpid(), SIGUSR1));
	must(sem_wait(&handled));
	say("kill: the handler ran in thread %d", handled_by);
	claim(handled_by == open.tid,
	      "the one thread that does not block it has handled it");
	finish(&open);

	handled_by = 0;
	say("open has ended; kill once more");
	must(kill(getpid(), SIGUSR1));
	struct masks mine = masks_of(getpid()), its = masks_of(deaf.tid);
	claim(has(mine.process_pending, SIGUSR1) &&
		      has(its.process_pending, SIGUSR1) && handled_by == 0,
	      "all that are left block it: it is pending for the process");
	say("deaf unblocks it");
	finish(&deaf);
	claim(handled_by == deaf.tid, "the first to unblock it has taken it");
}

// ## To one thread, and the end of all
//
// pthread_kill(3) puts the signal into the set of one thread. If that blocks
// it, it stays there, and no other takes it. But a disposition is the
// process's: the default action of a signal ends, stops or continues all
// threads, whomever it was sent to. There is no killing of a single thread.

static void *wait_for_ever(void *argument)
{
	for (;;)
		pause();
	return argument;
}

void scene_one(void)
{
	struct actor deaf = { .name = "deaf", .blocks = true };
	struct actor open = { .name = "open" };
	pthread_t thread;
	int status;

	prepare();
	begin(&deaf);
	begin(&open);
	must_zero(pthread_kill(deaf.thread, SIGUSR1));
	struct masks its = masks_of(deaf.tid);
	say("pthread_kill to deaf, which blocks it:");
	show_masks(&its);
	claim(has(its.thread_pending, SIGUSR1) &&
		      !has(its.process_pending, SIGUSR1) && handled_by == 0,
	      "it waits for deaf, though open would be free");
	finish(&deaf);
	claim(handled_by == deaf.tid, "deaf has unblocked it, and handled it");
	finish(&open);

	say("now to one of a child's two threads, and without a handler");
	pid_t child = fork_as("child");
	if (child == 0) {
		handle(SIGUSR1, SIG_DFL, 0);
		unblock(SIGUSR1);
		must_zero(pthread_create(&thread, NULL, wait_for_ever, NULL));
		must_zero(pthread_kill(thread, SIGUSR1));
		wait_for_ever(NULL);
	}
	must(waitpid(child, &status, 0));
	claim(WIFSIGNALED(status) && WTERMSIG(status) == SIGUSR1,
	      "its default action ends the process, not the one thread");
}

// ## What a thread did itself
//
// A fault is an answer to one instruction, so it goes to the thread that
// executed it, and at once: here to a thread that touches a page it may not.
// The handler allows the access and returns, and the instruction runs again.
// (mprotect is not on the list of signal-safety(7). But we know what this
// handler interrupts: a load of our own, not the middle of a library.)
//
// To block it does not help: a fault whose signal is blocked or ignored kills.
// (That child must not leave a core file behind: PR_SET_DUMPABLE.)

static char *page;
static size_t page_bytes;
static void *volatile fault_address;

static void allow(int number, siginfo_t *info, void *context)
{
	(void)number, (void)context;
	handled_by = gettid();
	fault_address = info->si_addr;
	if (info->si_addr != page ||
	    mprotect(page, page_bytes, PROT_READ) == -1)
		_exit(EXIT_FAILURE);
}

static void *touch(void *argument)
{
	_Atomic pid_t *tid = argument;

	speak_as("toucher");
	*tid = gettid();
	say("I read a page that nobody may read");
	char byte = *(volatile char *)page;
	say("and it holds %d", byte);
	return NULL;
}

void scene_fault(void)
{
	struct sigaction action = { .sa_sigaction = allow,
				    .sa_flags = SA_SIGINFO };
	pthread_t thread;
	_Atomic pid_t tid;
	int status;

	page_bytes = must(sysconf(_SC_PAGESIZE));
	page = must(mmap(NULL, page_bytes, PROT_NONE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	must(sigemptyset(&action.sa_mask));
	must(sigaction(SIGSEGV, &action, NULL));
	unblock(SIGSEGV);
	must_zero(pthread_create(&thread, NULL, touch, &tid));
	must_zero(pthread_join(thread, NULL));
	say("SIGSEGV came to thread %d, toucher is %d, I am %d", handled_by,
	    tid, gettid());
	claim(handled_by == tid && fault_address == page,
	      "a fault's signal goes to the thread that made it");

	must(mprotect(page, page_bytes, PROT_NONE));
	say("a child blocks SIGSEGV and reads the page");
	pid_t child = fork_as("child");
	if (child == 0) {
		must(prctl(PR_SET_DUMPABLE, 0, 0, 0, 0));
		block(SIGSEGV);
		char byte = *(volatile char *)page;
		_exit(byte);
	}
	must(waitpid(child, &status, 0));
	claim(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV,
	      "blocked, a fault kills, though there is a handler");
}
