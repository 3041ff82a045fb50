// # Who waits
//
// The kernel knows one thread. When it sleeps in read(2), all fibers sleep. So a
// library of user-level threads must not let a fiber sleep in the kernel: it asks
// for the bytes, lets others run, and is told when they are there.

#define _GNU_SOURCE
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lab.h"
#include "threads/fiber_scenes/scenes.h"

enum { READ, WRITE, TURNS = 1000 };

struct table {
	int fd[2];
	_Atomic int turns; // relaxed: looked at from another process, a number
	bool asks_kernel;  // the wrong way: read(2)
	char got;
};

static void *reader(void *table)
{
	struct table *t = table;

	if (t->asks_kernel)
		must(read(t->fd[READ], &t->got, 1));
	else
		must_neg(fiber_read(t->fd[READ], &t->got, 1));
	return NULL;
}

static void *counter(void *table)
{
	struct table *t = table;

	for (int i = 0; i < TURNS; i++) {
		atomic_fetch_add_explicit(&t->turns, 1, memory_order_relaxed);
		fiber_yield();
	}
	return NULL;
}

static void *read_and_count(void *table)
{
	struct table *t = table;
	struct fiber *r = spawn(reader, t), *c = spawn(counter, t);

	must_neg(fiber_join(c, NULL));
	if (!t->asks_kernel) {
		claim(t->got == 0 && t->turns == TURNS,
		      "one waits for a byte, the other has had %d turns",
		      TURNS);
		must_neg(fiber_write(t->fd[WRITE], "x", 1));
	}
	must_neg(fiber_join(r, NULL));
	return NULL;
}

// ## The wrong way: read(2)
//
// The fiber runs in a child, so that somebody is left to look.

void scene_thread(void)
{
	struct table *t = must(mmap(NULL, sizeof *t, PROT_READ | PROT_WRITE,
				    MAP_SHARED | MAP_ANONYMOUS, -1, 0));

	t->asks_kernel = true;
	must(pipe(t->fd));
	pid_t child = fork_as("fibers");
	if (child == 0) {
		run_fibers(3, read_and_count, t);
		claim(t->turns == TURNS, "only now the other had its turns");
		_exit(0);
	}
	await_state(child, 'S');
	int turns = atomic_load_explicit(&t->turns, memory_order_relaxed);
	say("a fiber is in read(2): the whole thread is in state S");
	claim(turns == 0, "the other fiber could run, and has had %d turns",
	      turns);
	must(write(t->fd[WRITE], "x", 1));
	reap(child);
}

// ## A blocking call blocks one fiber

static bool play_with(enum fiber_backend backend, const char *name)
{
	struct table t = { 0 };
	struct fiber_facts facts;
	const struct fiber_setup setup = { .backend = backend,
					   .facts = &facts };

	must(pipe(t.fd));
	int error = fiber_run(&setup, read_and_count, &t);
	if (error) {
		say("%s is refused here (%s)", name, strerror(-error));
	} else {
		say("by %s: looked %llu time%s, slept %llu time%s", name,
		    (unsigned long long)facts.looks,
		    facts.looks == 1 ? "" : "s",
		    (unsigned long long)facts.sleeps,
		    facts.sleeps == 1 ? "" : "s");
		claim(t.got == 'x', "%s: then the byte came", name);
	}
	must(close(t.fd[READ]));
	must(close(t.fd[WRITE]));
	return !error;
}

void scene_block(void)
{
	bool uring = play_with(FIBER_URING, "io_uring");
	bool epoll = play_with(FIBER_EPOLL, "epoll");

	if (!uring && !epoll)
		skip("neither io_uring nor epoll is to be had: raise ulimit "
		     "-n");
}

// ## A fiber that never yields
//
// Nobody takes the CPU from a fiber. The kernel's timer interrupts the thread,
// but what it gives the CPU to is another thread, not another fiber. Here one
// wants to wake after a millisecond while another computes for five. First it
// computes in one go, then with a fiber_yield now and then.

enum { COMPUTE_NS = 5000000, WAKE_NS = 1000000 };

struct work {
	bool yields, done;
	bool woke_in_between;
	int64_t due_ns, late_ns;
};

static int64_t cpu_ns(void)
{
	struct timespec t;

	must(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t));
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

// Until so much CPU time is used and the other one is overdue.
static void *compute(void *work)
{
	struct work *w = work;
	int64_t begin = cpu_ns();

	while (cpu_ns() - begin < COMPUTE_NS || now_ns() < w->due_ns ||
	       (w->yields && !w->woke_in_between)) {
		if (w->yields)
			fiber_yield();
	}
	w->done = true;
	return NULL;
}

static void *wake_up(void *work)
{
	struct work *w = work;

	w->due_ns = now_ns() + WAKE_NS;
	must_neg(fiber_sleep_until(w->due_ns));
	w->late_ns = now_ns() - w->due_ns;
	w->woke_in_between = !w->done;
	return NULL;
}

static void *both(void *work)
{
	struct fiber *sleeper = spawn(wake_up, work);
	struct fiber *busy;

	fiber_yield();
	busy = spawn(compute, work);
	must_neg(fiber_join(sleeper, NULL));
	must_neg(fiber_join(busy, NULL));
	return NULL;
}

void scene_starve(void)
{
	struct work greedy = { 0 }, polite = { .yields = true };

	run_fibers(3, both, &greedy);
	say("computed in one go: who slept woke %.2f ms late",
	    (double)greedy.late_ns / 1e6);
	claim(!greedy.woke_in_between,
	      "a fiber that never yields starves all others");
	run_fibers(3, both, &polite);
	say("with a yield now and then: %.2f ms late",
	    (double)polite.late_ns / 1e6);
	claim(polite.woke_in_between, "one that yields lets them run");
}
