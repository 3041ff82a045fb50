// # One thread for the work and for the answers
//
// A thread does one thing at a time. The questions do not get lost meanwhile:
// the kernel keeps them in the socket's buffer. But nobody reads them.

#define _GNU_SOURCE
#include <stdio.h>

#include "lab.h"
#include "options.h"
#include "responsive.h"

// ## First the work, then the answers

void scene_after(void)
{
	struct meeting m = { .work.least = FIRST, .cpu = -1, .client_cpu = -1 };

	meet_client(&m);
	work_to_the_end(&m);
	for (int i = 0; i < QUESTIONS; i++)
		answer_now(&m, next_question(&m, true));
	int during = part(&m, "one after the other");
	claim(during == 0, "no answer comes before the work's end");
	claim(m.asked->log[0].told_ns > m.asked->log[QUESTIONS - 1].asked_ns,
	      "who asks first is answered after the last has asked");
	claim_work(&m);
}

// ## Look up between two pieces
//
// So the thread interrupts itself: after so many numbers it looks whether there
// is a question. This is what a browser's or a game's one thread does, and what
// is called cooperative multitasking where an operating system relies on it. Who
// asks waits for the rest of a piece. The shorter the pieces, the shorter the
// wait, and the more looks are in vain. And somebody had to cut the work in
// pieces: that is easy in our loop, hard within a library's function.

enum { LARGE = 50000, SMALL = 500, LEAST = 4 * LARGE };

struct looks {
	uint64_t all, vain;
};

static struct looks work_in_pieces(struct meeting *m, uint64_t numbers)
{
	struct looks looks = { 0 };
	int left = QUESTIONS;

	while (work_piece(m, numbers)) {
		int question = next_question(m, false);
		looks.all++;
		looks.vain += question < 0;
		for (; question >= 0; question = next_question(m, false)) {
			answer_now(m, question);
			left--;
		}
	}
	for (; left > 0; left--)
		answer_now(m, next_question(m, true));
	return looks;
}

static double try_pieces(uint64_t numbers)
{
	struct meeting m = { .work.least = LEAST,
			     .cpu = -1,
			     .client_cpu = -1,
			     .promised = true };
	char how[64], longest[HUMAN_BYTES];
	int between = 0;

	meet_client(&m);
	struct looks looks = work_in_pieces(&m, numbers);
	snprintf(how, sizeof how, "pieces of %ju", (uintmax_t)numbers);
	int during = part(&m, how);
	say("looked %ju times, %ju in vain; longest wait %s",
	    (uintmax_t)looks.all, (uintmax_t)looks.vain,
	    human_duration(longest, longest_wait_ns(&m)));
	claim(during > 0, "answers come while the work goes on");
	for (int i = 0; i < QUESTIONS; i++) {
		const struct reply *reply = &m.asked->log[i].reply;
		between += !reply->over && reply->tested % numbers == 0;
	}
	claim(between == during, "each of them between two pieces");
	claim_work(&m);
	return median_wait_ns(&m);
}

void scene_pieces(void)
{
	char a[HUMAN_BYTES], b[HUMAN_BYTES];
	double large_ns = try_pieces(LARGE), small_ns = try_pieces(SMALL);

	say("median wait: %s by large pieces, %s by small",
	    human_duration(a, large_ns), human_duration(b, small_ns));
}
