// contest.h - threads that want the same thing, all at once
//
// What a lock is worth shows when many threads ask for it. A contest starts n
// threads, lets all of them begin together, stops them after a length of time
// or a number of turns each, and tells of each what it got and what it cost:
//
//     static void add(struct contestant *me)
//     {
//             struct shared *s = me->argument;
//             while (contest_goes_on(me)) {
//                     pthread_mutex_lock(&s->mutex);
//                     s->counter++;
//                     pthread_mutex_unlock(&s->mutex);
//             }
//     }
//
//     struct contestant who[4];
//     struct contest_sum sum;
//     int error = contest_run(&(struct contest){
//             .play = add, .argument = &s, .threads = 4,
//             .length_ns = 100000000, .places = CONTEST_PINNED }, who, &sum);
//
// The loop is the caller's, so that the compiler sees the hot path as it would
// in a program: a turn costs an addition and a look at two variables. Waits are
// timed where the caller asks for it (a reading of the clock costs more than a
// free lock):
//
//     int64_t asked_ns = now_ns();
//     pthread_mutex_lock(&s->mutex);
//     contest_waited(me, now_ns() - asked_ns);

#ifndef SYNC_CONTEST_H
#define SYNC_CONTEST_H

#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum {
	CONTEST_MOST = 4096, // threads
	// What keeps two things of two threads from disturbing each other: a
	// cache line is 64 bytes, and x86 fetches them in pairs.
	CONTEST_APART = 128,
};

enum contest_places {
	CONTEST_FREE,    // where the kernel puts them
	CONTEST_PINNED,  // thread i on the CPU number i mod CPUs, of those this
			 // process may use
	CONTEST_ONE_CPU, // all on the last of these CPUs
};

// One thread: what it is given, and what it did. Only its own thread writes it
// until contest_run returns.
struct contestant {
	alignas(CONTEST_APART) void *argument;
	int index;                  // 0 to threads - 1
	int64_t turns;              // begun, and all of these were finished
	int64_t limit;              // ... and never more than these
	const atomic_bool *over;    // no more turns
	pid_t tid;                  // gettid(2), in every process its own
	int cpu;                    // it is pinned to, or -1
	int64_t longest_wait_ns;    // as told by contest_waited
	int64_t waited_ns;          // ... in all
	int64_t begun_ns, ended_ns; // its first turn and its last (now_ns)
	int64_t cpu_ns;             // CLOCK_THREAD_CPUTIME_ID, in between
	int64_t voluntary;          // switches, getrusage(2): it slept
	int64_t involuntary;        // ... or was taken off the CPU
};

struct contest {
	void (*play)(struct contestant *me); // in each thread; see above
	void *argument;
	// Where each thread has another one: argument + index * stride.
	size_t stride;
	int threads;       // 1 to CONTEST_MOST
	int64_t length_ns; // 0: until all have had their turns
	int64_t turns;     // each; 0: until the time is over
	enum contest_places places;
};

struct contest_sum {
	int64_t turns, fewest, most; // of all; of one thread
	int64_t length_ns;           // from the start to the last turn's end
	int64_t cpu_ns;              // of all threads together
	int64_t voluntary, involuntary;
	int64_t longest_wait_ns, waited_ns;
	// Jain, Chiu & Hawe, "A Quantitative Measure of Fairness and
	// Discrimination" (DEC-TR-301, 1984): (sum x)^2 / (n * sum x^2) of the
	// turns. 1: all the same, 1/n: one had everything.
	double fairness;
};

// Plays. `who` is an array of contest->threads (what it held is lost), `sum`
// may be NULL. Threads are made first, then all begin; the calling thread waits
// meanwhile without using its CPU. With a length, a turn that has begun is
// finished. Returns 0, or -errno when it did not take place and nobody played:
// -EINVAL (a number out of range, neither length nor turns), -EAGAIN (no more
// threads), -ENOMEM, or what pinning said. Any thread may call it.
int contest_run(const struct contest *contest, struct contestant *who,
		struct contest_sum *sum);

// Whether there is another turn; counts it. The flag is relaxed: it orders
// nothing, and what the threads wrote is handed over by pthread_join.
static inline bool contest_goes_on(struct contestant *me)
{
	if (me->turns == me->limit ||
	    atomic_load_explicit(me->over, memory_order_relaxed))
		return false;
	me->turns++;
	return true;
}

// Notes how long a turn had to wait.
static inline void contest_waited(struct contestant *me, int64_t ns)
{
	me->waited_ns += ns;
	if (ns > me->longest_wait_ns)
		me->longest_wait_ns = ns;
}

#endif
