// # The tests
//
// Each is written once, with three macros, and compiled four times: PUT, GET and
// BETWEEN are what the order makes of them. The compiler must not reorder what
// the CPU is to reorder, so where there is no fence there is a signal fence: it
// holds the compiler and is no instruction.
//
// The fence is written in assembly, so that it is the one that is named. (And
// ThreadSanitizer, which knows nothing of fences, sees atomics only, and is
// content.)

#define _GNU_SOURCE
#include "litmus.h"

const char *const order_names[] = { "relaxed", "acqrel", "fence", "seqcst",
				    NULL };

static inline void compiler_fence(void)
{
	atomic_signal_fence(memory_order_seq_cst);
}

static inline void cpu_fence(void)
{
#if defined __x86_64__
	__asm__ volatile("mfence" ::: "memory");
#elif defined __aarch64__
	__asm__ volatile("dmb ish" ::: "memory");
#else
	atomic_thread_fence(memory_order_seq_cst);
#endif
}

// ## What each thread does

#define PART(order, name) static void name##_##order(                         \
	struct cells *c, uint32_t new, uint32_t *seen)

#define PARTS(order, PUT, GET, BETWEEN)                                       \
	/* x = 1; r0 = y  ||  y = 1; r1 = x */                                \
	PART(order, sb0)                                                      \
	{                                                                     \
		PUT(&c->x, new); BETWEEN; seen[0] = GET(&c->y);               \
	}                                                                     \
	PART(order, sb1)                                                      \
	{                                                                     \
		PUT(&c->y, new); BETWEEN; seen[1] = GET(&c->x);               \
	}                                                                     \
	/* x = 1; y = 1  ||  r0 = y; r1 = x */                                \
	PART(order, mp0)                                                      \
	{                                                                     \
		PUT(&c->x, new); BETWEEN; PUT(&c->y, new);                    \
		(void)seen;                                                   \
	}                                                                     \
	PART(order, mp1)                                                      \
	{                                                                     \
		seen[0] = GET(&c->y); BETWEEN; seen[1] = GET(&c->x);          \
		(void)new;                                                    \
	}                                                                     \
	/* r0 = x; y = 1  ||  r1 = y; x = 1 */                                \
	PART(order, lb0)                                                      \
	{                                                                     \
		seen[0] = GET(&c->x); BETWEEN; PUT(&c->y, new);               \
	}                                                                     \
	PART(order, lb1)                                                      \
	{                                                                     \
		seen[1] = GET(&c->y); BETWEEN; PUT(&c->x, new);               \
	}                                                                     \
	/* x = 1  ||  y = 1  ||  r0 = x; r1 = y  ||  r2 = y; r3 = x */        \
	PART(order, put_x)                                                    \
	{                                                                     \
		PUT(&c->x, new);                                              \
		(void)seen;                                                   \
	}                                                                     \
	PART(order, put_y)                                                    \
	{                                                                     \
		PUT(&c->y, new);                                              \
		(void)seen;                                                   \
	}                                                                     \
	PART(order, iriw2)                                                    \
	{                                                                     \
		seen[0] = GET(&c->x); BETWEEN; seen[1] = GET(&c->y);          \
		(void)new;                                                    \
	}                                                                     \
	PART(order, iriw3)                                                    \
	{                                                                     \
		seen[2] = GET(&c->y); BETWEEN; seen[3] = GET(&c->x);          \
		(void)new;                                                    \
	}                                                                     \
	/* x = 1  ||  r0 = x; r1 = x */                                       \
	PART(order, corr1)                                                    \
	{                                                                     \
		seen[0] = GET(&c->x); BETWEEN; seen[1] = GET(&c->x);          \
		(void)new;                                                    \
	}

#define PUT_RELAXED(p, v) atomic_store_explicit(p, v, memory_order_relaxed)
#define GET_RELAXED(p) atomic_load_explicit(p, memory_order_relaxed)
#define PUT_RELEASE(p, v) atomic_store_explicit(p, v, memory_order_release)
#define GET_ACQUIRE(p) atomic_load_explicit(p, memory_order_acquire)
#define PUT_SEQCST(p, v) atomic_store_explicit(p, v, memory_order_seq_cst)
#define GET_SEQCST(p) atomic_load_explicit(p, memory_order_seq_cst)

PARTS(relaxed, PUT_RELAXED, GET_RELAXED, compiler_fence())
PARTS(acqrel, PUT_RELEASE, GET_ACQUIRE, compiler_fence())
PARTS(fence, PUT_RELAXED, GET_RELAXED, cpu_fence())
PARTS(seqcst, PUT_SEQCST, GET_SEQCST, compiler_fence())

#define IN_EACH_ORDER(OF)                                                     \
	{                                                                     \
		[RELAXED] = OF(relaxed), [ACQREL] = OF(acqrel),               \
		[FENCE] = OF(fence), [SEQCST] = OF(seqcst),                   \
	}
#define SB_OF(order)                                                           \
	{                                                                      \
		sb0_##order, sb1_##order                                       \
	}
#define MP_OF(order)                                                           \
	{                                                                      \
		mp0_##order, mp1_##order                                       \
	}
#define LB_OF(order)                                                           \
	{                                                                      \
		lb0_##order, lb1_##order                                       \
	}
#define IRIW_OF(order) { put_x_##order, put_y_##order, iriw2_##order,         \
			 iriw3_##order }
#define CORR_OF(order)                                                         \
	{                                                                      \
		put_x_##order, corr1_##order                                   \
	}

// ## What is allowed
//
// The four rows of a test: relaxed, acqrel, fence, seqcst; the columns: x86-TSO,
// Arm, C11. Three things to see in them:
//
// - x86 has one weakness, SB: a store waits in a buffer while the next load goes
//   ahead. Release and acquire are free there, and do not cure it.
// - Arm's acqrel is more than C11 asks for: `ldar` waits for an `stlr` before it.
//   (Built for CPUs with RCpc, -march=armv8.3-a, an acquire is `ldapr`, which
//   does not; then SB with acqrel is allowed there, too.)
// - IRIW with acqrel is allowed by C11 and happens on neither: both machines have
//   one memory, and no reader sees a store before other readers do. IBM's Power
//   has not, and C11 is for it, too. C11's text even allows it with fences where
//   the stores are relaxed, which was a mistake and is mended in C++20 (Lahav et
//   al., "Repairing Sequential Consistency in C/C++11", PLDI 2017).

const struct test tests[TESTS] = {
	[SB] = {
		.name = "SB",
		.spoken = "store buffering",
		.threads = 2,
		.registers = 2,
		.program = { "x = 1; r0 = y", "y = 1; r1 = x" },
		.reader = { 0, 1 },
		.weak = 0,
		.allowed = { { true, true, true }, { true, false, true } },
		.part = IN_EACH_ORDER(SB_OF),
	},
	[MP] = {
		.name = "MP",
		.spoken = "message passing",
		.threads = 2,
		.registers = 2,
		.program = { "x = 1; y = 1", "r0 = y; r1 = x" },
		.reader = { 1, 1 },
		.weak = 1 << 0,
		.allowed = { { false, true, true } },
		.part = IN_EACH_ORDER(MP_OF),
	},
	[LB] = {
		.name = "LB",
		.spoken = "load buffering",
		.threads = 2,
		.registers = 2,
		.program = { "r0 = x; y = 1", "r1 = y; x = 1" },
		.reader = { 0, 1 },
		.weak = 1 << 0 | 1 << 1,
		.allowed = { { false, true, true } },
		.part = IN_EACH_ORDER(LB_OF),
	},
	[IRIW] = {
		.name = "IRIW",
		.spoken = "independent reads of independent writes",
		.threads = 4,
		.registers = 4,
		.program = { "x = 1", "y = 1", "r0 = x; r1 = y",
			     "r2 = y; r3 = x" },
		.reader = { 2, 2, 3, 3 },
		.weak = 1 << 0 | 1 << 2,
		.allowed = { { false, true, true },
			     { false, false, true },
			     { false, false, true } },
		.part = IN_EACH_ORDER(IRIW_OF),
	},
	[CORR] = {
		.name = "CoRR",
		.spoken = "coherence of two reads",
		.threads = 2,
		.registers = 2,
		.program = { "x = 1", "r0 = x; r1 = x" },
		.reader = { 1, 1 },
		.weak = 1 << 0,
		.part = IN_EACH_ORDER(CORR_OF),
	},
};

bool is_allowed_here(const struct test *test, enum order order)
{
	const struct verdict *verdict = &test->allowed[order];

#if defined __x86_64__ || defined __i386__
	return verdict->tso;
#elif defined __aarch64__
	return verdict->arm || (verdict->c11 && order == ACQREL);
#else
	return verdict->c11;
#endif
}
