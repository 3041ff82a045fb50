// # shm-futex: a mailbox in shared memory, and a sleep that costs nothing awake
//
// The box for one message of shm_spin.c, but who has to wait sleeps. A futex is
// a 32-bit word of our own memory plus a queue of sleepers that the kernel
// makes when somebody asks for it, found by the word's address:
//
//     FUTEX_WAIT(word, seen)   sleep, if the word still is `seen`
//     FUTEX_WAKE(word, n)      wake up to n who sleep on this word
//
// The comparison is the heart of it. Between our look at the word and our sleep
// the other side may change the word and wake nobody, because nobody sleeps
// yet; we would sleep for ever (the lost wake-up). The kernel looks again under
// the lock of the queue that FUTEX_WAKE takes too: either it sees the change
// and returns at once, or we are in the queue before the waker looks there.
//
//     sender                      word                     receiver
//     await EMPTY, copy in   EMPTY ─▶ FULL ─▶ …   await FULL, copy out
//     change EMPTY to FULL   ◀─ EMPTY ◀─ FULL     change FULL to EMPTY
//
// The second idea saves the system call when nobody sleeps. Who is about to
// sleep first sets the bit SLEEPER in the same word; who changes the word
// clears the bit in the same atomic step, and calls FUTEX_WAKE only if it was
// set. One bit is enough: the sender sleeps only on a full box and the receiver
// only on an empty one, never both.
//
// End: ENDED and GONE are bits of the same word, so setting them wakes like any
// change. A peer that dies changes nothing: then the wait is for ever. (The
// kernel does this for mutexes: robust lists, see shm_cond.c.)
//
// Price: two copies; no system call while both are busy; a WAKE and a WAIT, and
// two context switches, when one waits. Sources: futex(2), futex(7); Drepper,
// "Futexes Are Tricky" (2011): a mutex with three states, as our bits.

#define _GNU_SOURCE
#include <errno.h>
#include <string.h>

#include "lane.h"
#include "word.h"

struct box {
	_Atomic uint32_t word;
	uint32_t length; // whoever owns the box owns this too
	char bytes[];
};

// Only while none of the bits is set may SLEEPER be set, hence one
// compare-and-exchange over all of them: had the word changed in between, it
// fails and shows the new value. Its order is acquire for that case.
uint32_t word_await(_Atomic uint32_t *word, uint32_t bits)
{
	uint32_t seen = atomic_load_explicit(word, memory_order_acquire);
	while (!(seen & bits)) {
		if (!(seen & WORD_SLEEPER) &&
		    !atomic_compare_exchange_weak_explicit(
			    word, &seen, seen | WORD_SLEEPER,
			    memory_order_acquire, memory_order_acquire))
			continue;
		futex_wait(word, seen | WORD_SLEEPER);
		seen = atomic_load_explicit(word, memory_order_acquire);
	}
	return seen;
}

void word_change(_Atomic uint32_t *word, uint32_t clear, uint32_t set)
{
	uint32_t old = atomic_load_explicit(word, memory_order_relaxed);
	while (!atomic_compare_exchange_weak_explicit(
		word, &old, (old & ~(clear | WORD_SLEEPER)) | set,
		memory_order_release, memory_order_relaxed))
		;
	if (old & WORD_SLEEPER)
		futex_wake(word, 1);
}

static int open_boxes(struct channel *c)
{
	int error = lanes_open(c, sizeof(struct box) + c->largest_bytes);
	if (error)
		return error;
	for (int side = 0; side < 2; side++) {
		struct box *box = lanes_of(c, side);
		atomic_init(&box->word, WORD_EMPTY);
	}
	return 0;
}

static int send(struct channel *c, const void *message, size_t bytes)
{
	struct box *box = lane_out(c);

	if (word_await(&box->word, WORD_EMPTY | WORD_GONE) & WORD_GONE)
		return -EPIPE;
	memcpy(box->bytes, message, bytes);
	box->length = bytes;
	word_change(&box->word, WORD_EMPTY, WORD_FULL);
	return 0;
}

static ssize_t receive(struct channel *c, void *buffer, size_t bytes)
{
	struct box *box = lane_in(c);

	if (!(word_await(&box->word, WORD_FULL | WORD_ENDED) & WORD_FULL))
		return 0;
	uint32_t length = box->length;
	if (length > bytes)
		return -EMSGSIZE;
	memcpy(buffer, box->bytes, length);
	word_change(&box->word, WORD_FULL, WORD_EMPTY);
	return length;
}

static int finish(struct channel *c)
{
	struct box *box = lane_out(c);
	word_change(&box->word, 0, WORD_ENDED);
	return 0;
}

static void close_boxes(struct channel *c)
{
	if (channel_has_side(c)) {
		struct box *box = lane_in(c);
		word_change(&box->word, 0, WORD_GONE);
		finish(c);
	}
	lanes_close(c);
}

const struct mechanism mechanism_shm_futex = {
	.name = "shm-futex",
	.title = "shared memory and a futex: the kernel only to sleep",
	.when = "large data seen in place; waiting and order are yours to "
		"write",
	.meets = "name",
	.kind = CHANNEL_MESSAGE,
	.probe = lanes_probe,
	.open = open_boxes,
	.take_side = lanes_take_side,
	.send = send,
	.receive = receive,
	.finish = finish,
	.close = close_boxes,
};
