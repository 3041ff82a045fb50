// # Who runs
//
// Those that can run stand in a queue. A fiber that waits, yields or ends takes
// the next from the queue and switches to it directly, on its own: there is no
// scheduler in between, and so one switch, not two.
//
// Only when nobody can run, or after LOOK_EVERY switches, does it switch to the
// root: the thread's own stack, on which fiber_run has been called. The root
// looks who has slept enough and whose I/O is done, and sleeps when nobody can
// run. If then nobody sleeps and no I/O is under way either, nobody will ever run
// again: a deadlock, and no guess. Every wait there is lies in this program.
//
//       ┌──────┐ yield, wait  ┌──────┐       ┌──────┐
//       │ a    │ ───────────▶ │ b    │ ────▶ │ c    │ ─ ─ ▶
//       └──────┘              └──────┘       └──────┘
//           ▲                                   │ nobody left, or time to look
//           │         ┌───────────────────┐     │
//           └──────── │ root: timers, I/O │ ◀───┘
//                     └───────────────────┘
//
// The one word that is global is which scheduler this thread runs.

#define _GNU_SOURCE
#include <errno.h>
#include <time.h>

#include "clock.h"
#include "parts.h"
#include "switch.h"

enum { LOOK_EVERY = 256 };

static _Thread_local struct scheduler *current;

struct scheduler *fiber_scheduler(void)
{
	return current;
}

struct fiber *fiber_self(void)
{
	return current ? current->running : NULL;
}

// ## The switch

static inline void push(struct queue *queue, struct fiber *f)
{
	f->next = NULL;
	if (queue->head)
		queue->tail->next = f;
	else
		queue->head = f;
	queue->tail = f;
}

static inline struct fiber *pop(struct queue *queue)
{
	struct fiber *f = queue->head;

	queue->head = f->next;
	return f;
}

// Who runs next: not the caller, unless it is the root.
static inline struct fiber *next_of(struct scheduler *s)
{
	if (!s->ready.head || s->turns == 0)
		return &s->root;
	s->turns--;
	return pop(&s->ready);
}

// The first thing on a stack that has been switched to. ThreadSanitizer forgets
// a fiber only when it no longer runs.
static inline void arrive(struct scheduler *s, struct fiber *f)
{
	shadow_arrive(&f->shadow, &s->previous->shadow);
#ifdef FIBER_TSAN
	if (s->ended)
		shadow_end(&s->ended->shadow);
	s->ended = NULL;
#endif
}

static inline void go(struct scheduler *s, struct fiber *to, bool forever)
{
	struct fiber *from = s->running;

	s->facts.switches++;
	s->previous = from;
	s->running = to;
	shadow_leave(&from->shadow, &to->shadow, forever);
	fiber_switch(&from->context, to->context, NULL);
	arrive(s, from);
}

// ## A life

static void begin(void *nothing)
{
	struct scheduler *s = current;
	struct fiber *f = s->running;

	(void)nothing;
	arrive(s, f);
	f->value = f->function(f->value);
	f->state = FIBER_ENDED;
	s->facts.alive--;
	if (f->joiner)
		fiber_ready(s, f->joiner, 0);
	if (f->detached)
		fiber_slot_give(s, f);
	s->ended = f;
	go(s, next_of(s), true);
	__builtin_unreachable();
}

static int spawn(struct scheduler *s, struct fiber **new,
		 fiber_function *function, void *argument)
{
	struct fiber *f;

	int error = fiber_slot_take(s, &f);
	if (error)
		return error;
	f->function = function;
	f->value = argument;
	f->detached = !new;
	f->context = fiber_prepare(fiber_stack_top(s, f), begin);
	s->facts.spawned++;
	if (++s->facts.alive > s->facts.most_alive)
		s->facts.most_alive = s->facts.alive;
	fiber_ready(s, f, 0);
	if (new)
		*new = f;
	return 0;
}

int fiber_spawn(struct fiber **new, fiber_function *function, void *argument)
{
	return current ? spawn(current, new, function, argument) : -EPERM;
}

void fiber_yield(void)
{
	struct scheduler *s = current;

	if (!s)
		return;
	if (!s->ready.head && s->turns > 0) {
		s->turns--;
		return;
	}
	push(&s->ready, s->running);
	go(s, next_of(s), false);
}

// ## Waiting

void fiber_ready(struct scheduler *s, struct fiber *f, int64_t outcome)
{
	f->state = FIBER_READY;
	f->outcome = outcome;
	push(&s->ready, f);
}

int64_t fiber_wait(struct scheduler *s, give_up_function *give_up)
{
	struct fiber *f = s->running;

	f->give_up = give_up;
	f->state = FIBER_WAITS;
	go(s, next_of(s), false);
	return f->outcome;
}

int fiber_check_cancel(struct fiber *f)
{
	if (!f->cancelled)
		return 0;
	f->cancelled = false;
	return -ECANCELED;
}

// One whose wait ends by itself finds the mark when it does.
void fiber_cancel(struct fiber *f)
{
	struct scheduler *s = current;

	if (!s)
		return;
	f->cancelled = true;
	if (f->state == FIBER_WAITS && f->give_up && f->give_up(s, f)) {
		f->cancelled = false;
		fiber_ready(s, f, -ECANCELED);
	}
}

static bool stop_joining(struct scheduler *s, struct fiber *f)
{
	(void)s;
	f->target->joiner = NULL;
	return true;
}

int fiber_join(struct fiber *f, void **result)
{
	struct scheduler *s = current;

	if (!s)
		return -EPERM;
	if (f == s->running || f->joiner || f->detached)
		return -EINVAL;
	int error = fiber_check_cancel(s->running);
	if (!error && f->state != FIBER_ENDED) {
		f->joiner = s->running;
		f->joiner->target = f;
		error = (int)fiber_wait(s, stop_joining);
	}
	if (error)
		return error;
	if (result)
		*result = f->value;
	fiber_slot_give(s, f);
	return 0;
}

// ## The root

static int sleep_until(struct scheduler *s, int64_t limit_ns)
{
	struct timespec pause = { .tv_sec = limit_ns / 1000000000,
				  .tv_nsec = limit_ns % 1000000000 };

	if (s->under_way)
		return s->backend->look(s, limit_ns);
	if (limit_ns > 0)
		(void)nanosleep(&pause, NULL); // or less: a signal
	return 0;
}

static int look_around(struct scheduler *s)
{
	int64_t limit_ns = 0;

	if (s->sleeping == 0 && s->under_way == 0)
		return 0;
	s->facts.looks++;
	if (s->sleeping)
		fiber_timer_wake(s, now_ns());
	if (!s->ready.head) {
		int64_t first_ns = fiber_timer_first(s), now = now_ns();
		limit_ns = first_ns == INT64_MAX ? -1
			   : first_ns > now      ? first_ns - now
						 : 0;
		s->facts.sleeps++;
	}
	int error = sleep_until(s, limit_ns);
	if (s->sleeping)
		fiber_timer_wake(s, now_ns());
	return error;
}

// Each wait of those that are left can be given up at once: no I/O is among them.
static void tell_deadlock(struct scheduler *s)
{
	for (size_t i = 0; i < s->used; i++) {
		struct fiber *f = &s->fibers[i];
		if (f->state == FIBER_WAITS && f->give_up(s, f))
			fiber_ready(s, f, -EDEADLK);
	}
}

static int conduct(struct scheduler *s)
{
	bool locked = false;

	while (s->facts.alive > 0) {
		int error = look_around(s) ?: s->broken;
		if (error)
			return error;
		s->turns = LOOK_EVERY;
		if (s->ready.head) {
			go(s, pop(&s->ready), false);
		} else if (s->sleeping == 0 && s->under_way == 0) {
			if (locked)
				break;
			locked = true;
			tell_deadlock(s);
		}
	}
	return locked ? -EDEADLK : 0;
}

static void tell_facts(const struct scheduler *s, struct fiber_facts *facts)
{
	*facts = s->facts;
	facts->backend = s->backend ? s->backend->name : "none";
	facts->guard = s->guard == FIBER_GUARD_MARK ? "marked" : "protected";
	facts->stack_bytes = s->stack_bytes;
	facts->most = s->most;
}

static int run(struct scheduler *s, fiber_function *first, void *argument)
{
	int error = 0;

	if (s->wanted != FIBER_ANY)
		error = fiber_backend_open(s);
	error = error ?: spawn(s, NULL, first, argument);
	if (error)
		return error;
	s->running = &s->root;
	shadow_root(&s->root.shadow);
	current = s;
	error = conduct(s);
	current = NULL;
	s->facts.left = s->facts.alive;
	return error;
}

// A ring that is broken may still have requests that write to the stacks: then
// these stay.
int fiber_run(const struct fiber_setup *setup, fiber_function *first,
	      void *argument)
{
	struct scheduler s = { .wanted = setup->backend };

	if (current)
		return -EBUSY;
	if (setup->backend > FIBER_EPOLL || setup->guard > FIBER_GUARD_PROTECT)
		return -EINVAL;
	int error = fiber_stacks_open(&s, setup);
	if (error)
		return error;
	error = run(&s, first, argument);
	if (setup->facts)
		tell_facts(&s, setup->facts);
	if (s.backend)
		s.backend->close(&s);
	if (s.under_way == 0)
		fiber_stacks_close(&s);
	return error;
}

int fiber_look(struct fiber_facts *facts)
{
	if (!current)
		return -EPERM;
	tell_facts(current, facts);
	return 0;
}

void fiber_stack(const struct fiber *f, void **low, size_t *bytes)
{
	*low = fiber_stack_low(current, f);
	*bytes = current->stack_bytes;
}
