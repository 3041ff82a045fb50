// # Torn reads, and a number that tells
//
// Two words that belong together: a picture of the world is right only if both
// are of the same moment. Here "noon" is (12, 12) and "one" is (13, 13).

#define _GNU_SOURCE
#include <stdlib.h>
#include <unistd.h>

#include "lab.h"
#include "scenes.h"
#include "sync/crew/crew.h"
#include "sync/lock/seqlock.h"

static struct seqlock lock;
static _Atomic uint64_t words[2] = { 12, 12 };

static uint64_t look(int i)
{
	return atomic_load_explicit(&words[i], memory_order_acquire);
}

static void write_one(void)
{
	seqlock_write(&lock, words, (uint64_t[]){ 13, 13 }, 2);
}

static void write_noon(void)
{
	seqlock_write(&lock, words, (uint64_t[]){ 12, 12 }, 2);
}

// A writer that is stopped between its two words, as any interrupt may stop it.
static void write_half(struct hand *hand)
{
	atomic_fetch_add_explicit(&lock.sequence, 1, memory_order_acq_rel);
	atomic_store_explicit(&words[0], 13, memory_order_release);
	hand_stay(hand);
	atomic_store_explicit(&words[1], 13, memory_order_release);
	atomic_fetch_add_explicit(&lock.sequence, 1, memory_order_release);
}

// ## Without
//
// Each word is atomic, and nothing here is undefined. Both together are not.

void scene_torn(void)
{
	static struct crew crew;
	struct hand *writer;

	must_neg(crew_come(&crew, "writer", write_half, NULL, &writer));
	uint64_t first = look(0), second = look(1);
	say("a writer is between two words; I read %ju and %ju",
	    (uintmax_t)first, (uintmax_t)second);
	claim(first == 13 && second == 12,
	      "a moment that never was: the first is new, the second old");
	hand_dismiss(writer);

	write_noon();
	first = look(0);
	write_one();
	second = look(1);
	say("a writer came between my two looks: %ju and %ju", (uintmax_t)first,
	    (uintmax_t)second);
	claim(first == 12 && second == 13,
	      "the same the other way: the first is old, the second new");
}

// ## With
//
// The same two accidents. The writer makes the number odd before its first word
// and even after its last. A reader that finds it odd need not read; one that
// finds another number than before throws away what it has read.

void scene_seqlock(void)
{
	static struct crew crew;
	struct hand *writer;
	uint64_t values[2];

	must_neg(crew_come(&crew, "writer", write_half, NULL, &writer));
	say("a writer is between two words; the number is %u", lock.sequence);
	claim((lock.sequence & 1) && !seqlock_try_read(&lock, words, values, 2),
	      "it is odd: a reader knows before it reads");
	hand_dismiss(writer);

	write_noon();
	uint32_t before = atomic_load_explicit(&lock.sequence,
					       memory_order_acquire);
	values[0] = look(0);
	write_one();
	values[1] = look(1);
	uint32_t after = lock.sequence;
	say("a writer came in between: %ju, %ju; the number %u, now %u",
	    (uintmax_t)values[0], (uintmax_t)values[1], before, after);
	claim(values[0] != values[1] && before != after,
	      "what was read is torn, and the number has changed");
	unsigned long again = seqlock_read(&lock, words, values, 2);
	claim(values[0] == 13 && values[1] == 13 && again == 0,
	      "read once more, undisturbed: both words of one moment");
}
