// # Stealing: each worker its own tasks, and each other's
//
// Chapter 11 · Threads (스레드)
//
// A pool with one queue has one lock, and all workers stand in line for it. In a
// pool that steals each worker keeps the tasks that it makes itself, and only who
// has nothing goes and takes from another. A task then costs no more than a few
// function calls: a call that may happen elsewhere. This lab shows who takes
// what, a tree of calls done by two workers, and what a worker should do while
// it waits.
//
//     $ build/threads/steal              every scene
//     $ build/threads/steal order        one of them
//
//     order · the owner takes the newest, a thief the oldest
//         0.66 ms  main     pushed in the order a b c d: worker 0 took d c b
//                  ✓ a thief took what had lain longest: a
//                  ✓ its owner took the others, newest first: d c b
//
// Try: in `tree`, let the first leaf take ten times as long as the others. Who
// does the rest? In `wait`, a chain of tasks each of which waits for the next:
// how deep does one worker's stack get?
//
// Read next: threads/pool/deque.h and deque.c (Chase and Lev's deque), join.c
// (waiting that helps), sleep.c (idle workers); threads/amdahl.c (how much faster
// it gets); threads/pool.c (the queue, and the end).
// Sources: Blumofe & Leiserson, "Scheduling Multithreaded Computations by Work
// Stealing", JACM 46 (1999); those of threads/pool/pool.h.

#define _GNU_SOURCE
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "draw.h"
#include "lab.h"
#include "threads/pool/pool.h"

static struct pool *new_pool(int workers)
{
	struct pool *pool;

	must_neg(
		pool_open(&pool, &(struct pool_options){ .kind = POOL_STEALING,
							 .workers = workers }));
	return pool;
}

static void spin_for(int64_t ns)
{
	for (int64_t end = now_ns() + ns; now_ns() < end;)
		;
}

// ## Newest first, oldest first
//
// A worker puts the tasks it spawns at one end of its deque and takes them from
// there, newest first, as function calls would come: what it needs is still in
// its cache. An idle worker takes from the other end, oldest first: in a program
// that divides its work that is the largest piece, so a thief comes rarely. Here
// the owner spawns four and waits until one is gone, and the thief's piece lasts
// until the owner has done all others.

struct piece {
	struct pool_task task;
	char name;
	int worker;
	_Atomic bool begun, released;
};

struct root {
	struct pool_task task;
	int worker;
	char order[8];
};

static struct piece pieces[4];

static void do_piece(struct pool_worker *me, struct pool_task *task)
{
	struct piece *piece = (struct piece *)task;

	piece->worker = pool_index(me);
	piece->begun = true;
	while (!piece->released)
		sched_yield();
}

static void divide(struct pool_worker *me, struct pool_task *task)
{
	struct root *root = (struct root *)task;
	bool stolen = false;

	root->worker = pool_index(me);
	for (int i = 0; i < 4; i++) {
		pieces[i] = (struct piece){ .task.run = do_piece,
					    .name = (char)('a' + i) };
		pool_spawn(me, &pieces[i].task);
	}
	while (!stolen) {
		sched_yield();
		for (int i = 0; i < 4; i++)
			stolen |= pieces[i].begun;
	}
	for (int i = 3, n = 0; i >= 0; i--) {
		if (!pieces[i].begun)
			root->order[n++] = pieces[i].name;
		// The thief's piece may end once the others have.
		pieces[i].released = true;
		pool_sync(me, &pieces[i].task);
	}
}

static void order(void)
{
	struct pool *pool = new_pool(2);
	struct root root = { .task.run = divide };

	must_neg(pool_run(pool, &root.task));
	say("pushed in the order a b c d: worker %d took %c %c %c", root.worker,
	    root.order[0], root.order[1], root.order[2]);
	claim(pieces[0].worker != root.worker,
	      "a thief took what had lain longest: a");
	claim(!strcmp(root.order, "dcb"),
	      "its owner took the others, newest first: d c b");
	pool_close(pool);
}

// ## A tree of calls
//
// The range is halved until one piece is left: one half is spawned, the other
// called. Nobody has divided the pieces among the workers beforehand, and still
// both work to the end, for who runs out takes half of what the other has left.

enum { LEAVES = 26 };

static struct span leaves[LEAVES];
static _Atomic int leaf_runs[LEAVES];

struct branch {
	struct pool_task task;
	int from, to;
};

static void grow(struct pool_worker *me, struct pool_task *task)
{
	struct branch *b = (struct branch *)task;
	int middle = (b->from + b->to) / 2;

	if (b->to - b->from == 1) {
		leaf_runs[b->from]++;
		leaves[b->from] = (struct span){ pool_index(me), now_ns(), 0,
						 (char)('a' + b->from) };
		spin_for(500000);
		leaves[b->from].end_ns = now_ns();
		return;
	}
	struct branch left = { .task.run = grow,
			       .from = b->from,
			       .to = middle };
	struct branch right = { .from = middle, .to = b->to };
	pool_spawn(me, &left.task);
	grow(me, &right.task);
	pool_sync(me, &left.task);
}

static void draw_crew(struct span *spans, size_t n)
{
	static const char *const names[] = { "worker 0", "worker 1" };
	struct canvas canvas = canvas_of(STDOUT_FILENO);
	char *picture = must_ptr(draw_timeline(&canvas, names, 2, spans, n));

	show(picture);
	free(picture);
}

static void tree(void)
{
	struct pool *pool = new_pool(2);
	struct branch all = { .task.run = grow, .from = 0, .to = LEAVES };
	bool once = true;

	must_neg(pool_run(pool, &all.task));
	must_neg(pool_stop(pool, POOL_DRAIN));
	for (int i = 0; i < LEAVES; i++)
		once &= leaf_runs[i] == 1;
	say("each letter is one leaf, in the row of who did it");
	draw_crew(leaves, LEAVES);
	struct pool_counts count = pool_count(pool, -1);
	say("%llu tasks, %llu of them stolen", (unsigned long long)count.ran,
	    (unsigned long long)count.stolen);
	claim(once, "each leaf of a tree of calls was done once, by somebody");
	pool_close(pool);
}

// ## Waiting that helps
//
// A task waits for another one that has not begun. If it just sleeps, it keeps a
// worker from work; when all workers do, nobody is left to run what they wait
// for. So a worker that waits begins the awaited task itself. (And only that
// one: pool.h says why helping with just anything is a deadlock, too.)

static void *answer(struct pool_worker *me, void *argument)
{
	(void)me;
	return argument;
}

struct asker {
	struct pool_task task;
	bool helps;
	_Atomic pid_t thread;
	void *got;
};

static void ask(struct pool_worker *me, struct pool_task *task)
{
	struct asker *asker = (struct asker *)task;
	struct pool_future future;

	asker->thread = gettid();
	must_neg(future_begin(pool_of(me), &future, answer, asker));
	must_neg(future_value(pool_of(me), asker->helps ? me : NULL, &future,
			      &asker->got));
}

static void helpful(void)
{
	struct pool *pool = new_pool(1);
	struct asker asker = { .task.run = ask, .helps = true };

	must_neg(pool_run(pool, &asker.task));
	claim(asker.got == &asker,
	      "one worker waits for a task and gets the answer: from itself");
	pool_close(pool);

	pid_t child = fork_as("sleeper");
	if (child == 0) {
		pool = new_pool(1);
		asker = (struct asker){ .task.run = ask };
		must_neg(pool_submit(pool, &asker.task));
		while (!asker.thread || pool_queue_now(pool).length != 1)
			sched_yield();
		await_state(asker.thread, 'S');
		claim(pool_queue_now(pool).length == 1,
		      "one that only sleeps waits for what only it could run");
		_exit(0); // nothing else ends this
	}
	reap(child);
}

static const struct scene scenes[] = {
	{ "order", "the owner takes the newest, a thief the oldest", order },
	{ "tree",  "a tree of calls, by two",                        tree },
	{ "wait",  "who waits runs what he waits for",               helpful },
	{ 0 }
};

static const struct lab lab = {
	.name = "threads/steal",
	.summary = "a pool whose idle workers take from the busy ones",
	.chapter = "11 · Threads",
	.scenes = scenes,
};

int main(int argc, char **argv)
{
	return lab_main(&lab, argc, argv);
}
