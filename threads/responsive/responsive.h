// responsive.h - the scenes of threads/responsive, and what they share

#ifndef THREADS_RESPONSIVE_H
#define THREADS_RESPONSIVE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

// alone.c: one thread for the work and for the answers
void scene_after(void);
void scene_pieces(void);

// two.c: a thread for each
void scene_threads(void);
void scene_lock(void);

// one_cpu.c: and one CPU for both
void scene_preempt(void);
void scene_rank(void);

// ## The work (work.c)
//
// Which numbers are prime, by trial division: real work, without a system call
// in it, and without an end of its own. It goes on until the client has asked
// its last question (and `least` numbers are done), so that no question comes
// too late to meet it, however fast this machine is.
//
// One thread works; any may read the two counts. `primes` is stored before
// `tested`, which is a release and pairs with the acquire of answer_now: an
// answer never counts too few primes for the numbers it names.
struct work {
	_Atomic uint64_t tested; // the numbers 0 to tested - 1 are done
	_Atomic uint64_t primes;
	uint64_t least;
	uint64_t in_first; // primes among the first 100,000
	int64_t began_ns, ended_ns;
	int cpu;           // where it ended
	long taken, given; // how often the worker was taken from its CPU, and
			   // how often it gave it up, by the end of the work
};
enum { FIRST = 100000 };

struct meeting;

// Tests `numbers` more, or fewer where the work ends before. False when it has
// ended: the answers that follow say so.
bool work_piece(struct meeting *m, uint64_t numbers);
void work_to_the_end(struct meeting *m);

// ## The client (client.c)
//
// A process that asks "how far?" at random times, whether or not it has been
// answered, as people do. What it saw lies in memory that it shares with us,
// to be read once it has ended.
enum { QUESTIONS = 40, GAP_NS = 10000000 /* at most, between two */ };

struct reply {
	uint32_t number; // of the question
	bool over;       // the work has ended
	uint64_t tested, primes;
};

struct asked {
	int64_t asked_ns, told_ns;
	struct reply reply;
};

struct meeting {
	struct work work;
	int socket; // our end of the conversation
	pid_t client;
	int cpu;        // the program's, or -1: any
	int client_cpu; // likewise
	// The program promises answers during the work, which lasts until the
	// last question: the client keeps that back until it has had one. (Where
	// somebody else has the CPUs, all other questions may come at once.)
	bool promised;
	// Shared with the client, which raises `count` before it sends. Release
	// and acquire: once the work has seen the last question counted, the
	// time at which it was asked is there, too.
	struct {
		_Atomic uint32_t count;
		struct asked log[QUESTIONS];
	} * asked;
};

// Starts a client that begins with its questions once it is told that the work
// has begun. `cpu`, `client_cpu` and `promised` of the meeting must be set.
void meet_client(struct meeting *m);

// The next question's number; sleeps until there is one. With `wait` false, -1
// where there is none now, or the client has gone with all its answers.
int next_question(const struct meeting *m, bool wait);
void answer_now(const struct meeting *m, int question);

// Waits for the client, shows its questions and answers as a timeline and the
// waits as a histogram. Returns how many answers came before the work's end.
int part(struct meeting *m, const char *how);
int count_during(const struct meeting *m);
double median_wait_ns(const struct meeting *m);
double longest_wait_ns(const struct meeting *m);

// Every scene: what the work found is right, however often it was disturbed.
void claim_work(const struct meeting *m);

#endif
