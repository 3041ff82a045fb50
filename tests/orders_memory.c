// What a thread sees of memory: the compiler's calls before each access, who
// knows of which access, and the older values of a word. See orders.h.

#define _GNU_SOURCE
#include <assert.h>
#include <stdatomic.h>
#include <string.h>

#include "orders_parts.h"
#include "tests.h"

#define W orders_world

enum { PLAIN_WRITE, PLAIN_READ, ATOMIC_WRITE, ATOMIC_READ, ACCESSES };
enum { GRAIN = 4, GRAINS = 4096, ALL_WORDS = ORDERS_WORDS };

// Four bytes. They are watched, that is have rows, once two threads have been
// seen to touch them, one of them writing and one plainly. What is only atomic,
// only read or only one thread's cannot be raced for.
static struct grain {
	uint8_t touched[ACCESSES]; // by which threads
	int16_t row[ACCESSES][ORDERS_THREADS];
	bool wanted, watched;
} grains[GRAINS + ORDERS_THREADS * ORDERS_STACK / GRAIN];

static const void *words[ALL_WORDS];
static size_t rows, word_count;

static uint64_t thread_bit(int thread)
{
	return UINT64_C(1) << thread;
}

static uint64_t message_bit(size_t word, int age)
{
	return UINT64_C(1) << (ORDERS_THREADS + word * AGES + (size_t)age);
}

static_assert(ORDERS_THREADS + ALL_WORDS * AGES <= 64, "a bit for each");

size_t memory_rows(void)
{
	return rows;
}

size_t memory_words(void)
{
	return word_count;
}

void memory_forget(void)
{
	memset(grains, 0, sizeof grains);
	rows = word_count = 0;
}

// At the beginning everybody knows everything.
void memory_begin(void)
{
	memset(&W.memory, 0xff, sizeof W.memory);
	for (size_t i = 0; i < ALL_WORDS; i++)
		W.memory.words[i] = (struct word){ .ages = 1 };
}

// What `from` knows (or tells), `to` knows too.
static void pass(uint64_t from, uint64_t to)
{
	struct memory *m = &W.memory;

	for (size_t i = 0; i < rows; i++)
		if (m->rows[i] & from)
			m->rows[i] |= to;
	for (size_t i = 0; W.game->stale && i < word_count * AGES; i++)
		if (m->messages[i] & from)
			m->messages[i] |= to;
}

// Those who know what `from` does, and no others, are `to`: it is overwritten.
static void set(uint64_t from, uint64_t to)
{
	struct memory *m = &W.memory;

	for (size_t i = 0; i < rows; i++)
		m->rows[i] = (m->rows[i] & ~to) | (m->rows[i] & from ? to : 0);
	for (size_t i = 0; W.game->stale && i < word_count * AGES; i++)
		m->messages[i] = (m->messages[i] & ~to) |
				 (m->messages[i] & from ? to : 0);
}

// --- races -------------------------------------------------------------------

static struct grain *grain_of(uintptr_t at)
{
	uintptr_t shared = at - (uintptr_t)W.game->shared;
	uintptr_t stack = at - (uintptr_t)W.stacks;

	if (shared < W.game->bytes && shared / GRAIN < GRAINS)
		return &grains[shared / GRAIN];
	if (stack < ORDERS_THREADS * ORDERS_STACK)
		return &grains[GRAINS + stack / GRAIN];
	return NULL;
}

// From the next play on: rows do not come and go within one.
void memory_watch(void)
{
	for (size_t n = 0; n < sizeof grains / sizeof *grains; n++) {
		struct grain *g = &grains[n];
		if (!g->wanted || g->watched)
			continue;
		g->watched = true;
		ck_assert_uint_lt(rows + ACCESSES * ORDERS_THREADS,
				  ORDERS_ROWS);
		for (int i = 0; i < ACCESSES; i++)
			for (int j = 0; j < W.game->threads; j++)
				g->row[i][j] = (int16_t)rows++;
	}
}

static void look_for_rivals(struct grain *g)
{
	uint8_t plain = g->touched[PLAIN_WRITE] | g->touched[PLAIN_READ];
	uint8_t write = g->touched[PLAIN_WRITE] | g->touched[ATOMIC_WRITE];
	uint8_t all = plain | write | g->touched[ATOMIC_READ];

	if (!W.game->unwatched && plain && write && (all & (all - 1)))
		g->wanted = W.again = true;
}

// Which accesses of others this one must know of.
static const uint8_t rivals[ACCESSES] = {
	[PLAIN_WRITE] = 1 << PLAIN_WRITE | 1 << PLAIN_READ |
			1 << ATOMIC_WRITE | 1 << ATOMIC_READ,
	[PLAIN_READ] = 1 << PLAIN_WRITE | 1 << ATOMIC_WRITE,
	[ATOMIC_WRITE] = 1 << PLAIN_WRITE | 1 << PLAIN_READ,
	[ATOMIC_READ] = 1 << PLAIN_WRITE,
};

static void touch_grain(struct grain *g, int access, int me)
{
	uint64_t *row = W.memory.rows;

	g->touched[access] |= 1 << me;
	if (!g->wanted)
		look_for_rivals(g);
	if (!g->watched)
		return;
	for (int i = 0; i < ACCESSES; i++)
		for (int j = 0; j < W.game->threads; j++) {
			uint64_t *known = &row[g->row[i][j]];
			if (rivals[access] >> i & 1 &&
			    !(*known & thread_bit(me)))
				orders_fail("a data race");
			if (access == PLAIN_WRITE)
				*known = UINT64_MAX;
		}
	row[g->row[access][me]] = thread_bit(me);
}

static void touch(uintptr_t at, size_t bytes, int access)
{
	uintptr_t end = at + bytes;

	for (at -= at % GRAIN; at < end; at += GRAIN) {
		struct grain *g = grain_of(at);
		if (g)
			touch_grain(g, access, W.running);
	}
}

static __attribute__((unused)) void plain(const void *at, size_t bytes,
					  bool writes)
{
	uintptr_t begin = (uintptr_t)at;

	if (W.running < 0)
		return;
	if (!grain_of(begin))
		return;
	touch(begin, bytes, writes ? PLAIN_WRITE : PLAIN_READ);
	// a word begins anew
	for (size_t i = 0; writes && i < word_count; i++)
		if ((uintptr_t)words[i] - begin < bytes) {
			uint64_t all = message_bit(i, 0) | message_bit(i, 1) |
				       message_bit(i, 2);
			set(0, all);
			W.memory.words[i] = (struct word){ .ages = 1 };
			for (int age = 0; age < AGES; age++)
				W.memory.messages[i * AGES + (size_t)age] =
					UINT64_MAX;
		}
}

// --- words -------------------------------------------------------------------

static size_t word_of(const void *at)
{
	size_t i = 0;

	while (i < word_count && words[i] != at)
		i++;
	ck_assert_msg(i < ALL_WORDS, "too many atomic words");
	if (i == word_count)
		words[word_count++] = at;
	return i;
}

static uint64_t get(const void *at, size_t bytes)
{
	uint64_t value = 0;

	memcpy(&value, at, bytes);
	return value;
}

static bool knows(int me, size_t word, int age)
{
	return W.memory.messages[word * AGES + (size_t)age] & thread_bit(me);
}

// How many ways its next step has.
int memory_choices(const struct coroutine *c, int me)
{
	int choices = 1;

	if (W.stale == 0 || c->order == memory_order_seq_cst ||
	    c->next == STEP || c->next == SLEEP || c->next == WAKE)
		return 1;
	size_t i = word_of(c->at);
	const struct word *word = &W.memory.words[i];
	// to write before the newest, and nobody stands between it and the next
	if (c->next != LOAD)
		return !knows(me, i, 0) && !word->tied[0] &&
				       (c->next == STORE || word->ages > 1)
			       ? 2
			       : 1;
	while (choices < word->ages && !knows(me, i, choices - 1))
		choices++;
	return choices;
}

// A place for a message of this age; the older ones are one older.
static void make_room(size_t i, int age, const void *at, size_t bytes)
{
	struct word *word = &W.memory.words[i];
	uint64_t *messages = &W.memory.messages[i * AGES];

	if (!W.game->stale)
		return;
	for (int k = AGES - 1; k > age; k--) {
		word->older[k - 1] = k == 1 ? get(at, bytes)
					    : word->older[k - 2];
		word->tied[k] = word->tied[k - 1];
		messages[k] = messages[k - 1];
		set(message_bit(i, k - 1), message_bit(i, k));
	}
	word->tied[age] = false;
	word->ages += word->ages < AGES;
}

// What nobody can read any more is forgotten, so that states are the same.
static void forget_old(void)
{
	for (size_t i = 0; i < word_count; i++) {
		struct word *word = &W.memory.words[i];
		int keep = W.stale ? 1 : 0;
		uint64_t live = 0, known = 0;
		for (int j = 0; j < W.game->threads; j++)
			if (W.threads[j].status != ENDED)
				live |= thread_bit(j);
		for (; keep && keep < word->ages; keep++) {
			known |= W.memory.messages[i * AGES + (size_t)keep - 1];
			if ((known & live) == live)
				break;
		}
		word->tied[0] &= keep > 0;
		for (int age = 1; age < AGES; age++) {
			if (age < keep)
				continue;
			set(0, message_bit(i, age));
			word->older[age - 1] = 0;
			word->tied[age] = false;
		}
		for (int age = keep; age < AGES; age++)
			W.memory.messages[i * AGES + (size_t)age] = UINT64_MAX;
		word->ages = (uint8_t)(keep ? keep : 1);
	}
}

static void write_word(size_t i, int age, const void *at, size_t bytes,
		       bool releases, bool tied)
{
	int me = W.running;
	uint64_t mine = message_bit(i, age);

	make_room(i, age, at, bytes);
	W.memory.words[i].tied[age] = tied && W.game->stale;
	// what is tied goes on telling what the one before told
	if (!tied)
		set(0, mine);
	W.memory.messages[i * AGES + (size_t)age] = thread_bit(me);
	if (releases)
		pass(thread_bit(me), mine);
}

static bool acquires(int order)
{
	return order == memory_order_acquire || order == memory_order_acq_rel ||
	       order == memory_order_seq_cst || order == memory_order_consume;
}

static bool releases(int order)
{
	return order == memory_order_release || order == memory_order_acq_rel ||
	       order == memory_order_seq_cst;
}

// Whether an order holds in this game: it may be one that is left out.
static bool holds(enum operation operation, const void *at, int order,
		  bool acquire)
{
	if (!(acquire ? acquires(order) : releases(order)))
		return false;
	orders_part_used(operation, at, acquire);
	return !orders_without(operation, at, acquire);
}

static uint64_t changed(enum operation operation, uint64_t was, uint64_t value)
{
	switch (operation) {
	case ADD:
		return was + value;
	case SUB:
		return was - value;
	case AND:
		return was & value;
	case OR:
		return was | value;
	case XOR:
		return was ^ value;
	default:
		return value;
	}
}

static const char *const names[] = { "step", "load",    "store",  "exchange",
				     "add",  "sub",     "and",    "or",
				     "xor",  "compare", "failed", "sleep",
				     "wake" };

const char *orders_operation(int operation)
{
	return names[operation];
}

static void tell(enum operation operation, const void *at, uint64_t was,
		 uint64_t now)
{
	static const char *const strange[] = { "", " an older value",
					       " a still older value" };
	ptrdiff_t offset = (const char *)at - (const char *)W.game->shared;
	bool shared = offset >= 0 && (size_t)offset < W.game->bytes;

	orders_tell("  thread %d  %-8s %s%-4td %#jx -> %#jx%s\n", W.running,
		    names[operation], shared ? "+" : "stack ",
		    shared ? offset : offset & 0xfff, (uintmax_t)was,
		    (uintmax_t)now,
		    operation == LOAD ? strange[W.choice]
		    : W.choice        ? " before it"
				      : "");
}

static uint64_t load_word(const void *at, size_t bytes, int order)
{
	int me = W.running, age = W.choice;
	size_t i = word_of(at);
	uint64_t seen = age ? W.memory.words[i].older[age - 1] : get(at, bytes);

	tell(LOAD, at, get(at, bytes), seen);
	if (age) {
		W.stale--;
		W.threads[me].news = true;
	}
	if (W.game->stale)
		W.memory.messages[i * AGES + (size_t)age] |= thread_bit(me);
	if (holds(LOAD, at, order, true))
		pass(message_bit(i, age), thread_bit(me));
	return seen;
}

static void store_word(void *at, size_t bytes, uint64_t value, int order)
{
	size_t i = word_of(at);
	uint64_t was = get(at, bytes);

	tell(STORE, at, was, value);
	write_word(i, W.choice, at, bytes, holds(STORE, at, order, false),
		   false);
	if (W.choice) {
		W.stale--;
		W.memory.words[i].older[0] = value;
	} else {
		memcpy(at, &value, bytes);
		if (get(at, bytes) != was)
			orders_wrote();
	}
}

// Reads and writes in one: nobody comes in between.
static uint64_t change_word(enum operation operation, void *at, size_t bytes,
			    uint64_t value, const uint64_t *expected, int order,
			    int failed)
{
	size_t i = word_of(at);
	int age = W.choice;
	uint64_t newest = get(at, bytes);
	uint64_t was = age ? W.memory.words[i].older[age - 1] : newest;
	uint64_t now = changed(operation, was, value);
	enum operation what = operation;

	if (expected && was != *expected) {
		what = COMPARE_FAILED;
		order = failed;
	}
	tell(what, at, was, what == COMPARE_FAILED ? was : now);
	W.stale -= age > 0;
	W.threads[W.running].news |= age > 0;
	if (W.game->stale)
		W.memory.messages[i * AGES + (size_t)age] |=
			thread_bit(W.running);
	if (holds(what, at, order, true))
		pass(message_bit(i, age), thread_bit(W.running));
	if (what == COMPARE_FAILED)
		return was;
	write_word(i, age, at, bytes, holds(what, at, order, false), true);
	if (age)
		W.memory.words[i].older[age - 1] = now;
	else
		memcpy(at, &now, bytes);
	if (get(at, bytes) != newest)
		orders_wrote();
	return was;
}

static __attribute__((unused)) uint64_t
atomic(enum operation operation, void *at, size_t bytes, uint64_t value,
       const uint64_t *expected, int order, int failed)
{
	uint64_t seen = 0;
	bool playing = W.running >= 0;

	if (!playing) {
		uint64_t was = get(at, bytes);
		uint64_t now = changed(operation, was, value);
		if (operation != LOAD && (!expected || was == *expected))
			memcpy(at, &now, bytes);
		return was;
	}
	orders_before(operation, at, order, 0);
	touch((uintptr_t)at, bytes,
	      operation == LOAD ? ATOMIC_READ : ATOMIC_WRITE);
	if (operation == LOAD)
		seen = load_word(at, bytes, order);
	else if (operation == STORE)
		store_word(at, bytes, value, order);
	else
		seen = change_word(operation, at, bytes, value, expected, order,
				   failed);
	if (W.game->stale)
		forget_old();
	return seen;
}

// --- what the compiler calls -------------------------------------------------

#ifndef OSLAB_SANITIZED

// As in the runtime of ThreadSanitizer (compiler-rt, tsan_interface.h and
// tsan_interface_atomic.h), whose place these take.
#define CALLED(type, name, ...)      \
	type name(__VA_ARGS__);      \
	type name(__VA_ARGS__)

CALLED(void, __tsan_init, void)
{
}

CALLED(void, __tsan_func_entry, void *caller)
{
	(void)caller;
}

CALLED(void, __tsan_func_exit, void)
{
}

#define PLAIN(bytes)                                                  \
	CALLED(void, __tsan_read##bytes, const void *at)              \
	{                                                             \
		plain(at, bytes, false);                              \
	}                                                             \
	CALLED(void, __tsan_write##bytes, void *at)                   \
	{                                                             \
		plain(at, bytes, true);                               \
	}                                                             \
	CALLED(void, __tsan_unaligned_read##bytes, const void *at)    \
	{                                                             \
		plain(at, bytes, false);                              \
	}                                                             \
	CALLED(void, __tsan_unaligned_write##bytes, void *at)         \
	{                                                             \
		plain(at, bytes, true);                               \
	}                                                             \
	CALLED(void, __tsan_read_write##bytes, void *at)              \
	{                                                             \
		plain(at, bytes, false);                              \
		plain(at, bytes, true);                               \
	}
PLAIN(1)
PLAIN(2)
PLAIN(4)
PLAIN(8)
PLAIN(16)

CALLED(void, __tsan_read_range, const void *at, size_t bytes)
{
	plain(at, bytes, false);
}

CALLED(void, __tsan_write_range, void *at, size_t bytes)
{
	plain(at, bytes, true);
}

#define CHANGE(bits, name, operation)                                 \
	CALLED(uint##bits##_t, __tsan_atomic##bits##_##name,          \
	       volatile void *at, uint##bits##_t value, int order)    \
	{                                                             \
		return (uint##bits##_t)atomic(operation, (void *)at,  \
					      bits / 8, value, NULL,  \
					      order, order);          \
	}
#define COMPARES(bits, name)                                          \
	CALLED(int, __tsan_atomic##bits##_compare_exchange_##name,    \
	       volatile void *at, void *seen, uint##bits##_t value,   \
	       int order, int failed)                                 \
	{                                                             \
		uint64_t wanted = get(seen, bits / 8);                \
		uint64_t was = atomic(COMPARE, (void *)at, bits / 8,  \
				      value, &wanted, order, failed); \
		if (was != wanted)                                    \
			memcpy(seen, &was, bits / 8);                 \
		return was == wanted;                                 \
	}
#define ATOMIC(bits)                                                  \
	CALLED(uint##bits##_t, __tsan_atomic##bits##_load,            \
	       const volatile void *at, int order)                    \
	{                                                             \
		return (uint##bits##_t)atomic(LOAD, (void *)at,       \
					      bits / 8, 0, NULL,      \
					      order, order);          \
	}                                                             \
	CALLED(void, __tsan_atomic##bits##_store, volatile void *at,  \
	       uint##bits##_t value, int order)                       \
	{                                                             \
		atomic(STORE, (void *)at, bits / 8, value, NULL,      \
		       order, order);                                 \
	}                                                             \
	CALLED(uint##bits##_t,                                        \
	       __tsan_atomic##bits##_compare_exchange_val,            \
	       volatile void *at, uint##bits##_t seen,                \
	       uint##bits##_t value, int order, int failed)           \
	{                                                             \
		uint64_t wanted = seen;                               \
		return (uint##bits##_t)atomic(COMPARE, (void *)at,    \
					      bits / 8, value,        \
					      &wanted, order,         \
					      failed);                \
	}                                                             \
	CHANGE(bits, exchange, EXCHANGE)                              \
	CHANGE(bits, fetch_add, ADD)                                  \
	CHANGE(bits, fetch_sub, SUB)                                  \
	CHANGE(bits, fetch_and, AND)                                  \
	CHANGE(bits, fetch_or, OR)                                    \
	CHANGE(bits, fetch_xor, XOR)                                  \
	COMPARES(bits, strong)                                        \
	COMPARES(bits, weak)
ATOMIC(8)
ATOMIC(16)
ATOMIC(32)
ATOMIC(64)

CALLED(void, __tsan_atomic_thread_fence, int order)
{
	(void)order;
	orders_fail("a fence, of which the checker knows nothing");
}

#endif
