// # Who is told, and what
//
// Three kinds of witness. The thread that did it is told in detail, if it has a
// handler: which fault, at which address (sigaction(2), siginfo_t). The parent
// is told in one word, once all are gone: SIGCHLD and a wait status. And the
// seven other threads are told nothing: SIGKILL cannot be handled, so none of
// their clean-up runs, and what they had in hand is left as it was.
//
// Our handler is a witness only. It notes what it is told and returns; the same
// instruction runs again, and SA_RESETHAND has removed the handler.

#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lab.h"
#include "threads/crash/crash.h"

struct testimony {
	struct board board;
	_Atomic int64_t handled_ns;
	_Atomic pid_t handler_tid;
	_Atomic int code;
	_Atomic(void *) address;
};

static struct testimony *testimony; // a handler has no argument of its own

static void note_fault(int number, siginfo_t *info, void *context)
{
	(void)number, (void)context;
	testimony->handled_ns = now_ns();
	testimony->handler_tid = gettid();
	testimony->code = info->si_code;
	testimony->address = info->si_addr;
}

static void note_clean_up(void *argument)
{
	(void)argument;
	testimony->board.cleaned_up++;
}

// Two kinds of clean-up that pthread_exit and pthread_cancel would run:
// a handler and the destructor of a key.
static pthread_key_t key;

static void *work_with_clean_up(void *argument)
{
	const int *n = argument;

	must_zero(pthread_setspecific(key, argument));
	pthread_cleanup_push(note_clean_up, NULL);
	work(&testimony->board, *n);
	pthread_cleanup_pop(1);
	return NULL;
}

static _Noreturn void be_witnesses(void)
{
	pthread_t threads[WORKERS];
	int numbers[WORKERS];
	struct sigaction action = { .sa_sigaction = note_fault,
				    .sa_flags = SA_SIGINFO | SA_RESETHAND };

	be_mortal();
	must(sigemptyset(&action.sa_mask));
	must(sigaction(SIGSEGV, &action, NULL));
	must_zero(pthread_key_create(&key, note_clean_up));
	for (int n = 0; n < WORKERS; n++) {
		numbers[n] = n;
		must_zero(pthread_create(&threads[n], NULL, work_with_clean_up,
					 &numbers[n]));
	}
	for (int n = 0; n < WORKERS; n++)
		must_zero(pthread_join(threads[n], NULL));
	_exit(EXIT_SUCCESS);
}

struct event {
	int64_t ns;
	const char *what;
};

static int compare_events(const void *one, const void *other)
{
	const struct event *a = one, *b = other;

	return (a->ns > b->ns) - (a->ns < b->ns);
}

static void say_in_turn(struct event *events, size_t n, int64_t start_ns)
{
	qsort(events, n, sizeof *events, compare_events);
	for (size_t i = 0; i < n; i++)
		say("%7.3f ms  %s", (double)(events[i].ns - start_ns) / 1e6,
		    events[i].what);
}

static int64_t last_tick(const struct board *board)
{
	int64_t last_ns = 0;

	for (int n = 0; n < WORKERS; n++)
		if (n != CULPRIT && board->workers[n].last_ns > last_ns)
			last_ns = board->workers[n].last_ns;
	return last_ns;
}

void scene_told(void)
{
	sigset_t set;
	siginfo_t info;
	int status;

	testimony = must(mmap(NULL, sizeof *testimony, PROT_READ | PROT_WRITE,
			      MAP_SHARED | MAP_ANONYMOUS, -1, 0));
	must(sigemptyset(&set));
	must(sigaddset(&set, SIGCHLD));
	must_zero(pthread_sigmask(SIG_BLOCK, &set, NULL));
	int64_t start_ns = now_ns();
	pid_t process = fork_as("process");
	if (process == 0)
		be_witnesses();
	while (sigwaitinfo(&set, &info) == -1)
		if (errno != EINTR)
			die_at(__FILE__, __LINE__, "sigwaitinfo", errno);
	int64_t signalled_ns = now_ns();
	must(waitpid(process, &status, 0));
	int64_t waited_ns = now_ns();

	const struct board *board = &testimony->board;
	struct event events[] = {
		{ board->fault_ns, "worker 3 reads address 0" },
		{ testimony->handled_ns,
		  "its handler is told: a code, an address" },
		{ last_tick(board), "last sign of the seven others" },
		{ signalled_ns, "the parent is told: SIGCHLD" },
		{ waited_ns, "and by waitpid: a status" },
	};
	say_in_turn(events, sizeof events / sizeof *events, start_ns);
	claim(testimony->handler_tid == board->workers[CULPRIT].tid,
	      "the handler ran in the thread that did it");
	claim(testimony->code == SEGV_MAPERR && !testimony->address,
	      "it was told why and where: SEGV_MAPERR, si_addr 0");
	claim(info.si_pid == process && info.si_code == CLD_KILLED &&
		      info.si_status == SIGSEGV && WIFSIGNALED(status) &&
		      WTERMSIG(status) == SIGSEGV,
	      "the parent was told the signal, and of no thread");
	claim(board->fault_ns <= testimony->handled_ns &&
		      testimony->handled_ns <= signalled_ns,
	      "the fault, the handler, the parent: in this order");
	claim(board->cleaned_up == 0,
	      "of sixteen clean-up functions in eight threads, none has run");
	must(munmap(testimony, sizeof *testimony));
}
