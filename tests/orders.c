// The explorer of orders.h: threads are coroutines of one thread, and a state is
// all there is: the shared bytes, the live part of each stack with its saved
// registers, who waits for what, and who knows of what. So the explorer can go
// back to one by copying it back.

#define _GNU_SOURCE
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ordered.h"
#include "orders_parts.h"

#define W orders_world

enum { LOOKS = 2, NOBODY = -1, CHOICES = 4 };

// What there was before a step that has other choices left.
struct snapshot {
	struct coroutine threads[ORDERS_THREADS];
	int spurious, stale;
	struct word words[ORDERS_WORDS];
	uint64_t messages[ORDERS_WORDS * AGES];
	char bytes[]; // rows, the shared ones, then each live stack
};

struct step {
	uint8_t chosen;          // thread * CHOICES + choice
	uint16_t untried;        // a bit for each of them
	struct snapshot *before; // if something is untried
	size_t room;             // there, for the next time too
};

struct orders_world orders_world = { .running = NOBODY };
int orders_spin;

static _Alignas(4096) char stacks[ORDERS_THREADS][ORDERS_STACK];
static struct step path[ORDERS_STEPS];
static char *explorer; // its stack pointer

// The hashes of the states that were met; 0 is none.
static uint64_t *table;
static size_t table_slots, states;

// --- switching ---------------------------------------------------------------

// orders_switch(&from, to): pushes what a function must keep, so that it is part
// of the live stack; notes the stack pointer; goes on from the other.
void orders_switch(char **from, char *to);

#if defined OSLAB_SANITIZED || defined __SANITIZE_ADDRESS__ ||                 \
	!(defined __x86_64__ || defined __aarch64__)
enum { POSSIBLE = 0, KEPT_WORDS = 0 };
void orders_switch(char **from, char *to)
{
	(void)from, (void)to;
}
#elif defined __x86_64__
enum { POSSIBLE = 1, KEPT_WORDS = 6 };
__asm__(".text\n.globl orders_switch\n"
	".type orders_switch, @function\norders_switch:\n"
	"push %rbp\npush %rbx\npush %r12\npush %r13\npush %r14\npush %r15\n"
	"mov %rsp, (%rdi)\nmov %rsi, %rsp\n"
	"pop %r15\npop %r14\npop %r13\npop %r12\npop %rbx\npop %rbp\nret\n"
	".size orders_switch, . - orders_switch\n");
#else
enum { POSSIBLE = 1, KEPT_WORDS = 11 };
__asm__(".text\n.globl orders_switch\n"
	".type orders_switch, @function\norders_switch:\n"
	"sub sp, sp, #160\n"
	"stp x19, x20, [sp]\nstp x21, x22, [sp, #16]\n"
	"stp x23, x24, [sp, #32]\nstp x25, x26, [sp, #48]\n"
	"stp x27, x28, [sp, #64]\nstp x29, x30, [sp, #80]\n"
	"stp d8, d9, [sp, #96]\nstp d10, d11, [sp, #112]\n"
	"stp d12, d13, [sp, #128]\nstp d14, d15, [sp, #144]\n"
	"mov x9, sp\nstr x9, [x0]\nmov sp, x1\n"
	"ldp x19, x20, [sp]\nldp x21, x22, [sp, #16]\n"
	"ldp x23, x24, [sp, #32]\nldp x25, x26, [sp, #48]\n"
	"ldp x27, x28, [sp, #64]\nldp x29, x30, [sp, #80]\n"
	"ldp d8, d9, [sp, #96]\nldp d10, d11, [sp, #112]\n"
	"ldp d12, d13, [sp, #128]\nldp d14, d15, [sp, #144]\n"
	"add sp, sp, #160\nret\n"
	".size orders_switch, . - orders_switch\n");
#endif

bool orders_possible(void)
{
	return POSSIBLE;
}

static void to_explorer(enum status status)
{
	struct coroutine *me = &W.threads[W.running];

	me->status = status;
	orders_switch(&me->low, explorer);
}

static void to_thread(int i, int choice)
{
	struct coroutine *c = &W.threads[i];

	c->looks = c->news ? 0 : c->looks + c->paused;
	c->news = c->paused = false;
	W.running = i;
	W.choice = choice;
	orders_switch(&explorer, c->low);
	W.running = NOBODY;
}

static void thread_begins(void)
{
	W.game->thread(W.running);
	to_explorer(ENDED);
}

// The stack as if thread_begins had been about to begin when it was left.
static void start(int i)
{
	uintptr_t *top = (uintptr_t *)(stacks[i] + ORDERS_STACK) - 32;

	memset(stacks[i], 0, ORDERS_STACK);
	top[KEPT_WORDS] = (uintptr_t)thread_begins;
	W.threads[i] = (struct coroutine){ .low = (char *)top };
}

// --- what a thread may do ----------------------------------------------------

void orders_fail(const char *why)
{
	if (!W.wrong)
		W.wrong = why;
}

void orders_before(enum operation next, const void *at, int order, int count)
{
	struct coroutine *me = &W.threads[W.running];

	me->next = next;
	me->at = at;
	me->order = order;
	me->count = count;
	to_explorer(READY);
}

// Between games, nobody else can be there.
void orders_step(void)
{
	if (W.running != NOBODY)
		orders_before(STEP, NULL, 0, 0);
}

void orders_pause(void)
{
	if (W.running != NOBODY)
		W.threads[W.running].paused = true;
}

// For who is looking again and again, that is news.
void orders_wrote(void)
{
	for (int i = 0; i < W.game->threads; i++)
		W.threads[i].news |= W.threads[i].paused || W.threads[i].looks;
}

static int sleep_on(const _Atomic uint32_t *word, uint32_t value, bool timed)
{
	struct coroutine *me = &W.threads[W.running];

	orders_before(SLEEP, (const void *)word, 0, 0);
	orders_tell("  thread %d  sleeps%s\n", W.running,
		    *(volatile const uint32_t *)word == value ? "" : " not");
	if (*(volatile const uint32_t *)word != value)
		return -EAGAIN;
	me->word = (const void *)word;
	me->timed = timed;
	to_explorer(WAITING);
	if (!me->word)
		return 0;
	me->word = NULL;
	me->timed = false;
	orders_tell("  thread %d  wakes by itself\n", W.running);
	if (timed)
		return -ETIMEDOUT;
	W.spurious--;
	return -EINTR;
}

int orders_futex_wait(const _Atomic uint32_t *word, uint32_t value, bool far)
{
	(void)far;
	return sleep_on(word, value, false);
}

int orders_futex_wait_until(const _Atomic uint32_t *word, uint32_t value,
			    const struct timespec *until, bool far)
{
	(void)until, (void)far;
	return sleep_on(word, value, true);
}

static bool sleeps_on(const struct coroutine *c, const void *word)
{
	return c->status == WAITING && c->word == word;
}

int orders_futex_wake(const _Atomic uint32_t *word, int count, bool far)
{
	int woken = 0, skip;

	(void)far;
	orders_before(WAKE, (const void *)word, 0, count);
	orders_part_used(WAKE, (const void *)word, false);
	if (orders_without(WAKE, (const void *)word, false))
		return 0;
	skip = W.choice;
	for (int i = 0; i < W.game->threads && woken < count; i++) {
		struct coroutine *c = &W.threads[i];
		if (!sleeps_on(c, (const void *)word) || skip-- > 0)
			continue;
		c->word = NULL;
		c->timed = false;
		c->status = READY;
		c->next = STEP;
		c->news = true;
		woken++;
		orders_tell("  thread %d  wakes %d\n", W.running, i);
	}
	return woken;
}

// --- parts -------------------------------------------------------------------

static long offset_of(const void *at)
{
	ptrdiff_t offset = (const char *)at - (const char *)W.game->shared;

	return offset >= 0 && (size_t)offset < W.game->bytes ? (long)offset
							     : -1;
}

bool orders_without(enum operation operation, const void *at, bool acquire)
{
	const struct orders_part *part = W.without;

	return part && part->operation == (int)operation &&
	       part->acquire == acquire && part->offset == offset_of(at);
}

void orders_part_used(enum operation operation, const void *at, bool acquire)
{
	struct orders_result *r = W.result;
	const struct orders_part part = { (int)operation, acquire,
					  offset_of(at) };

	if (!r)
		return;
	for (int i = 0; i < r->count; i++)
		if (r->parts[i].operation == part.operation &&
		    r->parts[i].acquire == part.acquire &&
		    r->parts[i].offset == part.offset)
			return;
	ck_assert_int_lt(r->count, ORDERS_PARTS);
	r->parts[r->count++] = part;
}

void orders_tell(const char *fmt, ...)
{
	va_list arguments;

	if (!W.told)
		return;
	va_start(arguments, fmt);
	int n = vsnprintf(W.told, W.room, fmt, arguments);
	va_end(arguments);
	if (n < 0 || (size_t)n >= W.room)
		n = W.room ? (int)W.room - 1 : 0;
	W.told += n;
	W.room -= (size_t)n;
}

// --- states ------------------------------------------------------------------

static uint64_t mix(uint64_t hash, uint64_t word)
{
	hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
	return hash ^ hash >> 29;
}

static uint64_t mix_bytes(uint64_t hash, const void *from, size_t n)
{
	const char *bytes = from;

	for (; n >= sizeof hash; n -= sizeof hash, bytes += sizeof hash) {
		uint64_t word;
		memcpy(&word, bytes, sizeof word);
		hash = mix(hash, word);
	}
	while (n-- > 0)
		hash = mix(hash, (unsigned char)*bytes++);
	return hash;
}

static size_t live(int i)
{
	const struct coroutine *c = &W.threads[i];

	return c->status == ENDED ? 0
				  : (size_t)(stacks[i] + ORDERS_STACK - c->low);
}

static uint64_t state_now(void)
{
	const struct memory *m = &W.memory;
	uint64_t hash = mix((uint64_t)W.spurious + 1, (uint64_t)W.stale);

	hash = mix_bytes(hash, W.game->shared, W.game->bytes);
	hash = mix_bytes(hash, m->rows, memory_rows() * sizeof *m->rows);
	if (W.stale > 0) {
		hash = mix_bytes(hash, m->messages,
				 memory_words() * AGES * sizeof *m->messages);
		hash = mix_bytes(hash, m->words,
				 memory_words() * sizeof *m->words);
	}
	for (int i = 0; i < W.game->threads; i++) {
		const struct coroutine *c = &W.threads[i];
		hash = mix(hash, c->status + 8u * c->paused + 16u * c->news +
					 32u * c->timed + 64u * c->looks);
		hash = mix(hash, (uintptr_t)c->word);
		hash = mix_bytes(hash, c->low, live(i));
	}
	return hash ? hash : 1;
}

// False: it was there.
static bool add_hash(uint64_t hash)
{
	size_t slot = hash & (table_slots - 1);

	while (table[slot] && table[slot] != hash)
		slot = (slot + 1) & (table_slots - 1);
	if (table[slot])
		return false;
	table[slot] = hash;
	return true;
}

static bool add_state(uint64_t hash)
{
	if (2 * (states + 1) > table_slots) {
		uint64_t *old = table;
		size_t n = table_slots;
		table_slots *= 2;
		table = calloc(table_slots, sizeof *table);
		ck_assert_ptr_nonnull(table);
		for (size_t i = 0; i < n; i++)
			if (old[i])
				add_hash(old[i]);
		free(old);
	}
	if (!add_hash(hash))
		return false;
	states++;
	return true;
}

static void save(struct step *step)
{
	size_t row_bytes = memory_rows() * sizeof *W.memory.rows;
	size_t bytes = row_bytes + W.game->bytes;

	for (int i = 0; i < W.game->threads; i++)
		bytes += live(i);
	if (step->room < bytes) {
		step->room = bytes + 512;
		free(step->before);
		step->before = malloc(sizeof *step->before + step->room);
		ck_assert_ptr_nonnull(step->before);
	}
	struct snapshot *s = step->before;
	memcpy(s->threads, W.threads, sizeof s->threads);
	memcpy(s->words, W.memory.words, sizeof s->words);
	memcpy(s->messages, W.memory.messages, sizeof s->messages);
	s->spurious = W.spurious;
	s->stale = W.stale;
	char *at = mempcpy(s->bytes, W.memory.rows, row_bytes);
	at = mempcpy(at, W.game->shared, W.game->bytes);
	for (int i = 0; i < W.game->threads; i++)
		at = mempcpy(at, W.threads[i].low, live(i));
}

static void restore(const struct snapshot *s)
{
	size_t row_bytes = memory_rows() * sizeof *W.memory.rows;
	const char *at = s->bytes + row_bytes;

	memcpy(W.threads, s->threads, sizeof s->threads);
	memcpy(W.memory.words, s->words, sizeof s->words);
	memcpy(W.memory.messages, s->messages, sizeof s->messages);
	W.spurious = s->spurious;
	W.stale = s->stale;
	memcpy(W.memory.rows, s->bytes, row_bytes);
	memcpy(W.game->shared, at, W.game->bytes);
	at += W.game->bytes;
	for (int i = 0; i < W.game->threads; at += live(i++))
		memcpy(W.threads[i].low, at, live(i));
}

// --- exploring ---------------------------------------------------------------

static int choices_of(int i)
{
	const struct coroutine *c = &W.threads[i];
	int sleepers = 0;

	if (c->status == WAITING)
		return c->timed || W.spurious > 0;
	if (c->status == ENDED || (c->paused && !c->news && c->looks >= LOOKS))
		return 0;
	if (c->next != WAKE || c->count != 1)
		return memory_choices(c, i);
	for (int j = 0; j < W.game->threads; j++)
		sleepers += sleeps_on(&W.threads[j], c->at);
	return sleepers ? sleepers : 1;
}

static uint16_t who_can(void)
{
	unsigned can = 0;

	for (int i = 0; i < W.game->threads; i++)
		can |= ((1u << choices_of(i)) - 1) << CHOICES * i;
	return (uint16_t)can;
}

static bool all_ended(void)
{
	for (int i = 0; i < W.game->threads; i++)
		if (W.threads[i].status != ENDED)
			return false;
	return true;
}

// Each thread comes to its first step; before that it is nobody's turn.
static void begin_game(void)
{
	const struct game *game = W.game;

	memset(game->shared, 0, game->bytes);
	W.stacks = stacks;
	W.wrong = NULL;
	W.spurious = game->spurious;
	W.stale = game->stale;
	orders_spin = game->threads < 3;
	memory_begin();
	if (game->begin)
		game->begin();
	for (int i = 0; i < game->threads; i++)
		start(i);
}

static void judge_end(void)
{
	if (W.game->end)
		W.wrong = W.game->end();
}

// Goes on from here, always with the first who can, until the end, or a state
// that was met before, or a fault. Returns the length of the path.
static size_t play(size_t at, struct orders_result *result)
{
	for (;; at++) {
		uint16_t can = who_can();
		if (W.wrong)
			return at;
		if (all_ended()) {
			result->ends++;
			judge_end();
			return at;
		}
		if (!add_state(state_now()))
			return at;
		if (!can) {
			W.wrong = "nobody can go on";
			return at;
		}
		ck_assert_msg(at < ORDERS_STEPS, "a game without end");
		struct step *step = &path[at];
		step->chosen = (uint8_t)__builtin_ctz(can);
		step->untried = (uint16_t)(can & (can - 1));
		if (step->untried)
			save(step);
		to_thread(step->chosen / CHOICES, step->chosen % CHOICES);
		result->steps++;
	}
}

// Back to the last step that has a choice left, and takes that. Returns the
// length of the path then, or 0.
static size_t turn_back(size_t at, struct orders_result *result)
{
	while (at > 0 && !path[at - 1].untried)
		at--;
	if (at == 0)
		return 0;
	struct step *step = &path[at - 1];
	restore(step->before);
	step->chosen = (uint8_t)__builtin_ctz(step->untried);
	step->untried = (uint16_t)(step->untried & (step->untried - 1));
	to_thread(step->chosen / CHOICES, step->chosen % CHOICES);
	result->steps++;
	return at;
}

static void note_schedule(struct orders_result *result, size_t length)
{
	char *to = result->schedule;
	const char *end = to + sizeof result->schedule;

	for (size_t i = 0; i < length; i++) {
		int choice = path[i].chosen % CHOICES;
		to += snprintf(to, end - to, "%s%d", i ? " " : "",
			       path[i].chosen / CHOICES);
		if (choice)
			to += snprintf(to, end - to, "%c", 'a' + choice);
	}
}

// Once through all, or through twice as much as there was before it turned out
// that more has to be watched.
static void explore_once(struct orders_result *result)
{
	size_t length = 0, enough = 0;

	W.again = false;
	states = 0;
	memset(table, 0, table_slots * sizeof *table);
	memory_watch();
	begin_game();
	do {
		length = play(length, result);
		if (W.again && !enough)
			enough = 2 * states + 1000;
		if (!W.wrong)
			length = turn_back(length, result);
	} while (length > 0 && !W.wrong && !(enough && states > enough));
	if (W.wrong)
		note_schedule(result, length);
	result->wrong = W.wrong;
	result->states = states;
}

struct orders_result orders_explore(const struct game *game,
				    const struct orders_part *without)
{
	struct orders_result result;

	W.game = game;
	W.without = without;
	W.result = &result;
	memory_forget();
	table_slots = 1 << 12;
	table = calloc(table_slots, sizeof *table);
	ck_assert_ptr_nonnull(table);
	do {
		result = (struct orders_result){ 0 };
		explore_once(&result);
	} while (W.again && !result.wrong);
	free(table);
	for (size_t i = 0; i < ORDERS_STEPS; i++) {
		free(path[i].before);
		path[i] = (struct step){ 0 };
	}
	W.result = NULL;
	return result;
}

const char *orders_replay(const struct game *game,
			  const struct orders_part *without,
			  const char *schedule, char *out, size_t room)
{
	const char *at;

	W.game = game;
	W.without = without;
	memory_forget();
	do {
		W.again = false;
		memory_watch();
		W.told = out;
		W.room = room;
		begin_game();
		for (at = schedule; *at && !W.wrong; at += strspn(at, " ")) {
			int who = *at++ - '0';
			int choice = *at > 'a' ? *at++ - 'a' : 0;
			ck_assert_int_ge(who, 0);
			ck_assert_int_lt(who, game->threads);
			ck_assert_msg(choice < choices_of(who),
				      "no such step, before: %s", at);
			to_thread(who, choice);
		}
	} while (W.again && !W.wrong);
	W.told = NULL;
	if (!W.wrong && all_ended())
		judge_end();
	else if (!W.wrong && !who_can())
		W.wrong = "nobody can go on";
	return W.wrong;
}
