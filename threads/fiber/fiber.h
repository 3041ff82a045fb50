// fiber.h - user-level threads: many stacks, one kernel thread
//
// The kernel switches threads, and each switch costs a system call, a choice of
// the scheduler, and a stack that it must know of. A fiber is a thread that the
// kernel does not know: a stack and the registers that a call must keep. To
// switch is a function call that returns on another stack (switch.h). Nobody is
// preempted: a fiber runs until it waits, yields or ends; so what lies between
// two such calls needs no lock, and a fiber that never waits starves all others.
//
//     static void *greet(void *name) { fiber_sleep(1000000); return name; }
//
//     static void *first(void *argument)
//     {
//             struct fiber *f;
//             void *result;
//             fiber_spawn(&f, greet, "you");
//             fiber_join(f, &result);
//             return NULL;
//     }
//
//     fiber_run(&(struct fiber_setup){ 0 }, first, NULL);
//
// What would block the thread blocks one fiber here: the I/O calls below hand
// their work to io_uring and let the others run until the result is there. Where
// io_uring is forbidden, epoll says when to try; then regular files, which epoll
// does not know, block the thread as ever.
//
// A scheduler belongs to the thread that called fiber_run, and so do its fibers
// and channels: all calls below are for fibers of that thread (others get
// -EPERM). Several threads may each run one; they share nothing. What another
// thread or a signal handler has to say comes through a descriptor (eventfd(2),
// signalfd(2)) that a fiber reads.
//
// All return 0 (or what is said) or -errno, never through errno: that is the
// thread's, so any fiber that runs meanwhile may change it. So does a change of
// the signal mask or of a thread-local variable: all fibers of a thread share
// them. Rounding mode and the other floating-point controls are a fiber's own.
//
// A call that waits fails with
//   -ECANCELED  somebody has called fiber_cancel; once
//   -EDEADLK    every fiber waits for another one, and no sleep or I/O is
//               under way; see fiber_run
//
// Sources: Anderson et al., "Scheduler Activations", SOSP 1991 (what user-level
// threads win and lose); Hoare, "Communicating Sequential Processes", CACM 21
// (1978) (channels, select); io_uring(7), epoll(7), madvise(2).

#ifndef FIBER_H
#define FIBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

struct fiber;
struct fiber_channel;

typedef void *fiber_function(void *argument);

// ## To run

enum fiber_backend {
	FIBER_ANY, // io_uring, and epoll where that is refused; opened by the
		   // first I/O, so a program without has neither
	FIBER_URING,
	FIBER_EPOLL
};

// What keeps a stack from growing into the next one. A marked page costs no
// mapping of its own (MADV_GUARD_INSTALL, Linux 6.13); a protected one splits
// the mapping, and of these there are at most vm.max_map_count, so about 32,000
// stacks.
enum fiber_guard { FIBER_GUARD_ANY, FIBER_GUARD_MARK, FIBER_GUARD_PROTECT };

struct fiber_facts {
	const char *backend; // "uring", "epoll"; "none": no I/O yet
	const char *guard;   // "marked" or "protected" pages
	size_t stack_bytes;  // of each, without its guard
	size_t most;         // fibers there may be at once
	size_t alive;        // fibers now that have not ended
	size_t most_alive;   // at once, until now
	uint64_t spawned;    // all that there have been
	uint64_t switches;   // from stack to stack, to the scheduler's too
	uint64_t looks;      // at timers and I/O
	uint64_t sleeps;     // of the thread: nobody could run
	size_t left;         // that fiber_run left behind; see there
};

struct fiber_setup {
	// At least 16 KiB, rounded up to pages; 0: 64 KiB (256 KiB under
	// sanitizers). Only touched pages are memory. A signal handler runs on
	// the stack of whichever fiber it meets, unless it has sigaltstack(2).
	size_t stack_bytes;

	// Fibers at once, those not joined yet included; 0: 1,000. Stacks for
	// all of them are reserved at once (address space, not memory; under
	// vm.overcommit_memory=2 that counts as memory). ThreadSanitizer knows
	// 8,000 fibers at most, so there it is at most 7,000.
	size_t most;

	enum fiber_backend backend;
	enum fiber_guard guard;

	struct fiber_facts *facts; // if not NULL: filled when all is over
};

// Runs first(argument) as a fiber, and all that it spawns, and returns when the
// last one has ended. Its stacks, ring and descriptors are gone then.
//
// When all that are left wait for each other, each of these waits fails with
// -EDEADLK, so that they can end in order; in the end fiber_run returns it, too.
// Those that then wait for each other once more are left behind: they never run
// again, and their stacks are gone.
//
// -EINVAL: a setup that is out of range. -EBUSY: called by a fiber. -ENOMEM: no
// room for the stacks (less `most`?). With FIBER_URING what io_uring_setup(2)
// says where there is none: -EPERM, -ENOSYS, -ENOMEM. With FIBER_GUARD_MARK
// -EINVAL where the kernel has none. Or the error with which io_uring or epoll
// itself failed; all fibers are left behind then.
int fiber_run(const struct fiber_setup *setup, fiber_function *first,
	      void *argument);

// A new fiber, behind all that can run already; the caller goes on. With `new`
// it waits for its join; without, nobody can join it and it goes by itself. O(1).
// -EAGAIN: `most` are there. -ENOMEM: the kernel has no guard page left for us
// (vm.max_map_count).
int fiber_spawn(struct fiber **new, fiber_function *function, void *argument);

// Lets all others run that can, then goes on. O(1). Without any, a function call.
// Neither fails nor is it a place where a cancellation is noticed.
void fiber_yield(void);

// Waits for its end, takes what it returned (if `result` is not NULL), and frees
// it: join once; after the end of fiber_run nobody needs to be joined any more.
// -EINVAL: somebody else waits for it already, or it is the caller.
int fiber_join(struct fiber *fiber, void **result);

// Not before so much time, or such a time of CLOCK_MONOTONIC (now_ns() of
// clock.h), has passed. O(log n). A deadline that is past is a fiber_yield.
// With epoll rounded up to a millisecond.
int fiber_sleep(int64_t ns);
int fiber_sleep_until(int64_t deadline_ns);

// What it waits in fails with -ECANCELED, or if it does not wait, the next that
// waits or might. Once. A request that the kernel has already done keeps its
// result, then it hits the next one; close is not cancelled. The fiber has not
// been joined yet.
void fiber_cancel(struct fiber *fiber);

// The fiber that calls; NULL outside of all.
struct fiber *fiber_self(void);

// Where its stack lies: from `low` upwards; the guard page ends at `low`.
void fiber_stack(const struct fiber *fiber, void **low, size_t *bytes);

// Facts until now. -EPERM: the caller is no fiber.
int fiber_look(struct fiber_facts *facts);

// ## Channels
//
// A queue of `capacity` elements of the same size. Who puts into a full one
// waits, who takes from an empty one waits, in order of arrival. With capacity 0
// each put waits for its take: a meeting. Elements are copied.
//
// A closed channel takes nothing more (-EPIPE, also for who waits to put) and
// gives what it still has, then -EPIPE. Closing it again does nothing.

// -ENOMEM. -EINVAL: no element bytes. -EOVERFLOW.
int fiber_channel_new(struct fiber_channel **new, size_t element_bytes,
		      size_t capacity);

// Nobody waits in it. NULL is allowed.
void fiber_channel_free(struct fiber_channel *channel);

int fiber_channel_put(struct fiber_channel *channel, const void *element);
int fiber_channel_take(struct fiber_channel *channel, void *element);
void fiber_channel_close(struct fiber_channel *channel);
size_t fiber_channel_count(const struct fiber_channel *channel);

// Several at once: the first of the cases (in their order, which is their
// priority) that can be done is done; if none can, waits for one. Returns its
// index, with `error` of it 0 or -EPIPE; or -ECANCELED, -EDEADLK; or -EAGAIN
// when it is not to wait. The cases are memory of the caller's until it returns.
// O(count).
enum fiber_act { FIBER_PUT, FIBER_TAKE };

struct fiber_case {
	struct fiber_channel *channel;
	enum fiber_act act;
	void *element; // a put only reads it
	int error;

	// The channel's own.
	struct fiber *fiber;
	struct fiber_case *next, *previous;
};

int fiber_select(struct fiber_case *cases, size_t count, bool wait);

// ## Input and output
//
// As the system calls of the same names, but for a fiber, and with -errno.
// Descriptors may be blocking or not. Two fibers may wait on one descriptor. Do
// not close one that another fiber waits on: cancel that first, or shut the
// socket down.
//
// With epoll, a socket that is accepted from becomes O_NONBLOCK, and stays so.
// What cannot be asked whether it is ready (regular files) and openat and fsync
// block the thread there.

ssize_t fiber_read(int fd, void *bytes, size_t n);
ssize_t fiber_write(int fd, const void *bytes, size_t n);
ssize_t fiber_pread(int fd, void *bytes, size_t n, off_t offset);
ssize_t fiber_pwrite(int fd, const void *bytes, size_t n, off_t offset);
ssize_t fiber_recv(int fd, void *bytes, size_t n, int flags);
ssize_t fiber_send(int fd, const void *bytes, size_t n, int flags);

// Flags of accept4(2). A send never raises SIGPIPE.
int fiber_accept(int fd, struct sockaddr *address, socklen_t *bytes, int flags);
int fiber_connect(int fd, const struct sockaddr *address, socklen_t bytes);
int fiber_openat(int folder, const char *path, int flags, mode_t mode);
int fiber_fsync(int fd);
int fiber_close(int fd);

// Waits until one of the events of poll(2) is there; returns those that are.
int fiber_poll(int fd, short events);

#endif
