// # Messages: whole, and the most urgent first

#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "draw.h"
#include "lab.h"
#include "queue.h"

// ## A message stays whole
//
// One send, one receive: the kernel keeps each message as a thing of its own,
// with its length, even a message of no bytes at all. Nothing is split, nothing
// is joined, and nothing is ever cut: what does not fit is refused.
//
// For the receiver that has a price that surprises. It cannot know how long the
// next message is, so it must be ready for the longest that the queue allows:
// mq_receive() compares its buffer with mq_msgsize, not with the message. The
// usual mistake is a buffer for the messages one expects; its error, "Message
// too long", then sends one to look at the wrong side. mq_getattr() tells the
// right size.

void boundaries(void)
{
	mqd_t queue = make_queue(fresh_name(), O_RDWR);
	char got[LARGEST], large[LARGEST + 1] = "";
	ssize_t n[3];

	must(mq_send(queue, "one", 3, 0));
	must(mq_send(queue, "", 0, 0));
	must(mq_send(queue, "twenty-two", 10, 0));
	for (int i = 0; i < 3; i++)
		n[i] = must(mq_receive(queue, got, sizeof got, NULL));
	say("sent 3, 0 and 10 bytes; received %zd, %zd and %zd", n[0], n[1],
	    n[2]);
	claim(n[0] == 3 && n[1] == 0 && n[2] == 10 &&
		      !memcmp(got, "twenty-two", 10),
	      "each receive returns one message, just as it was sent");

	must(mq_send(queue, "hello", 5, 0));
	int error = FAILURE(mq_receive(queue, got, 5, NULL));
	say("5 bytes wait, a buffer of 5 bytes: %s", strerror(error));
	claim(error == EMSGSIZE,
	      "a buffer below mq_msgsize (%d) is refused (EMSGSIZE)", LARGEST);
	claim(waiting(queue) == 1, "the message is still in the queue");
	n[0] = must(mq_receive(queue, got, sizeof got, NULL));
	claim(n[0] == 5 && !memcmp(got, "hello", 5),
	      "with mq_msgsize bytes of room it comes, whole");

	error = FAILURE(mq_send(queue, large, sizeof large, 0));
	claim(error == EMSGSIZE && waiting(queue) == 0,
	      "a message of %zu bytes is refused, not cut (EMSGSIZE)",
	      sizeof large);
}

// ## The most urgent first
//
// Each message has a priority, 0 to 32767 on Linux, and a larger number is more
// urgent. (With real-time signals it is the other way round.) The kernel keeps
// a tree of lists, a list a priority: mq_receive() takes the oldest message
// of the highest priority. So among equals the queue is fair.
//
// Among unequals it is not: there is no ageing as in a scheduler. The last
// message of the least priority waits for as long as others come, and they may
// come for ever (starvation). Who uses priorities has to see to it that the
// urgent is rare.

enum { ROUNDS = 100 };

static const struct letter {
	char text;
	unsigned priority;
} letters[ROOM] = {
	{ 'a', 1 }, { 'b', 5 }, { 'c', 0 }, { 'd', 5 }, { 'e', 9 }, { 'f', 1 },
};

static void draw(const char *what, const struct letter *order)
{
	struct canvas canvas = canvas_of(STDOUT_FILENO);
	char labels[ROOM][16], notes[ROOM][16];
	struct bar bars[ROOM];

	for (int i = 0; i < ROOM; i++) {
		snprintf(labels[i], sizeof *labels, "%d. %c", i + 1,
			 order[i].text);
		snprintf(notes[i], sizeof *notes, "%u", order[i].priority);
		bars[i] = (struct bar){ labels[i], notes[i],
					order[i].priority };
	}
	char *picture = must_ptr(draw_bars(&canvas, bars, ROOM, false));
	say("in the order in which they were %s, with priority:", what);
	show(picture);
	free(picture);
}

// Sends an urgent message and receives one, again and again. Returns how often
// the message "late", which is there already and is not urgent, came out.
static int overtake(mqd_t queue)
{
	char got[LARGEST];
	int came = 0;

	for (int i = 0; i < ROUNDS; i++) {
		must(mq_send(queue, "urgent", 6, 1));
		ssize_t n = must(mq_receive(queue, got, sizeof got, NULL));
		came += n == 4 && !memcmp(got, "late", 4);
	}
	return came;
}

void priorities(void)
{
	mqd_t queue = make_queue(fresh_name(), O_RDWR);
	char sent[ROOM + 1] = "", came[ROOM + 1] = "", got[LARGEST];
	struct letter received[ROOM];

	for (int i = 0; i < ROOM; i++) {
		must(mq_send(queue, &letters[i].text, 1, letters[i].priority));
		sent[i] = letters[i].text;
	}
	draw("sent", letters);
	for (int i = 0; i < ROOM; i++) {
		must(mq_receive(queue, got, sizeof got, &received[i].priority));
		came[i] = received[i].text = *got;
	}
	draw("received", received);
	claim(!strcmp(came, "ebdafc"),
	      "by priority, and by age among equals: %s became %s", sent, came);

	must(mq_send(queue, "late", 4, 0));
	claim(overtake(queue) == 0 && waiting(queue) == 1,
	      "%d urgent ones overtake it: priority 0 can wait for ever",
	      ROUNDS);

	long levels = must(sysconf(_SC_MQ_PRIO_MAX));
	int error = FAILURE(mq_send(queue, "x", 1, levels));
	claim(error == EINVAL, "there are %ld priorities: %ld is none (EINVAL)",
	      levels, levels);
}
