// litmus.h - small programs that tell what a CPU reorders
//
// A litmus test is a handful of loads and stores on two or more CPUs, and one
// outcome that cannot come about if each CPU does its own in program order and
// all see one memory. Where that outcome is seen, one of the two is not so. The
// names are those of the literature and of herd7 and litmus7 (Alglave, Maranget
// & Tautschnig, "Herding Cats", ACM TOPLAS 36, 2014).
//
// x and y are two words, each on lines of its own. They are not set back to 0
// between rounds: in round n a store stores n, so who loads n has seen the new
// value (1) and who loads n - 1 the old one (0). Any other value is a mistake of
// ours, and counted as a stray.

#ifndef SYNC_LITMUS_H
#define SYNC_LITMUS_H

#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

// How a test's loads and stores are written (bodies.c).
enum order {
	RELAXED, // as they are: mov; ldr and str
	ACQREL,  // a store is a release, a load an acquire
	FENCE,   // as they are, and a full fence between: mfence; dmb ish
	SEQCST,  // sequentially consistent: xchg to store; stlr and ldar
	ORDERS
};
extern const char *const order_names[]; // "relaxed" ...; NULL at the end

enum { MOST_THREADS = 4, MOST_REGISTERS = 4, OUTCOMES = 1 << MOST_REGISTERS };

struct cells {
	alignas(128) _Atomic uint32_t x;
	alignas(128) _Atomic uint32_t y;
};

// One thread's part of a round: does its loads and stores, with the value of
// this round, and leaves what it loaded in seen[], by number of register.
typedef void part_fn(struct cells *cells, uint32_t value, uint32_t *seen);

// Whether the weak outcome may be, by the rules of three machines: x86-TSO
// (Sewell et al., CACM 53, 2010), Armv8 as published since 2017 (Pulte et al.,
// POPL 2018), and C11's own.
struct verdict {
	bool tso, arm, c11;
};

struct test {
	const char *name;   // "SB"
	const char *spoken; // "store buffering"
	int threads, registers;
	const char *program[MOST_THREADS]; // each thread's part, for people
	int reader[MOST_REGISTERS];        // whose register it is
	unsigned weak;                  // bit i: register i sees the new value
	struct verdict allowed[ORDERS]; // the weak outcome
	part_fn *part[ORDERS][MOST_THREADS];
};

enum { SB, MP, LB, IRIW, CORR, TESTS };
extern const struct test tests[TESTS];

// The verdict for the CPU this was compiled for (C11's where it is another).
bool is_allowed_here(const struct test *test, enum order order);

// The outcomes that some interleaving of the test's steps has, as a set (bit o:
// outcome o), and how many interleavings there are (sc.c).
unsigned sc_outcomes(const struct test *test, uint64_t *ways);

struct counts {
	uint64_t rounds, of[OUTCOMES], strays;
	int64_t took_ns;
	int cpus; // that the threads were on
};

// Plays up to `rounds` rounds (1 to MOST_ROUNDS), at most about `limit_ns`, and
// adds up in *counts. The seed chooses the random delays. Threads are pinned,
// each to a CPU of its own or, where there are too few, to one of two. Returns 0
// or -errno: -ENODEV where the process may use one CPU only, -EPERM where it may
// not choose. Any one thread may call this.
enum { MOST_ROUNDS = 1 << 20 };
int litmus_run(const struct test *test, enum order order, uint32_t rounds,
	       int64_t limit_ns, uint64_t seed, struct counts *counts);

// table.c: for people.
void print_counts(FILE *out, const struct test *test, enum order order,
		  const struct counts *counts);
const char *outcome_text(const struct test *test, unsigned outcome,
			 char text[40]);
const char *yes_no(bool yes);

int tool_main(int argc, char **argv); // tool.c

// The scenes (scenes.c, price.c)
void scene_sb(void);
void scene_cures(void);
void scene_mp(void);
void scene_lb(void);
void scene_iriw(void);
void scene_corr(void);
void scene_all(void);
void scene_price(void);

#endif
