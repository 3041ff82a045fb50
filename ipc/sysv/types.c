// # Types: one queue, several letter boxes
//
// A System V message carries a type, a number above 0, and the receiver says
// which it will have:
//
//     msgrcv(type > 0)   the oldest of that type
//     msgrcv(type < 0)   the oldest of the lowest type up to |type|
//     msgrcv(type = 0)   the oldest
//     MSG_EXCEPT         with type > 0: the oldest of any other type (Linux)
//
// So a type can be an address (the client's process ID) or, with negative
// numbers, a priority, where the lowest number comes first. (The other way round
// than in a POSIX queue.) The kernel walks along the queue to find it.

#define _GNU_SOURCE
#include <string.h>

#include "lab.h"
#include "sysv.h"

enum { LETTERS = 6 };

static const struct {
	long type;
	const char *text;
} letters[LETTERS] = {
	{ 3, "a" },
	{ 1, "b" },
	{ 2, "c" },
	{ 1, "d" },
	{ 3, "e" },
	{ 2, "f" },
};

static char take(int queue, long type, int flags)
{
	struct letter got;
	ssize_t n = must(msgrcv(queue, &got, TEXT, type, flags | IPC_NOWAIT));

	return n == 1 ? *got.text : '?';
}

// A line of the picture: what is still in the queue, and what was just taken.
static int draw(char *line, size_t bytes, const char *call, const char *taken)
{
	int used = snprintf(line, bytes, "%-8s", call);

	for (int i = 0; i < LETTERS; i++)
		if (strchr(taken, *letters[i].text))
			used += snprintf(line + used, bytes - used, "  .");
		else
			used += snprintf(line + used, bytes - used, " %ld%s",
					 letters[i].type, letters[i].text);
	if (*taken)
		used += snprintf(line + used, bytes - used, "  -> %c",
				 taken[strlen(taken) - 1]);
	used += snprintf(line + used, bytes - used, "\n");
	return used;
}

static void pick_by_type(int queue)
{
	static const struct {
		const char *name;
		long type;
		int flags;
	} calls[] = {
		{ "type 2", 2, 0 },
		{ "type -2", -2, 0 },
		{ "type 0", 0, 0 },
		{ "not 3", 3, MSG_EXCEPT },
	};
	char picture[512], taken[8] = "";
	size_t used = draw(picture, sizeof picture, "sent", taken);

	for (int i = 0; i < LETTERS; i++)
		must_zero(
			send_text(queue, letters[i].type, letters[i].text, 0));
	for (int i = 0; i < 4; i++) {
		taken[i] = take(queue, calls[i].type, calls[i].flags);
		used += draw(picture + used, sizeof picture - used,
			     calls[i].name, taken);
	}
	say("types and texts in one queue; one receive a line:");
	show(picture);
	claim(taken[0] == 'c', "type 2: the oldest of type 2");
	claim(taken[1] == 'b',
	      "type -2: the oldest of the lowest type, up to 2");
	claim(taken[2] == 'a', "type 0: the oldest of all");
	claim(taken[3] == 'd', "not 3 (MSG_EXCEPT): the oldest that is no 3");
	struct letter got;
	int error = FAILURE(msgrcv(queue, &got, TEXT, 1, IPC_NOWAIT));
	claim(error == ENOMSG, "two are left, and none is a 1 (ENOMSG)");
	take(queue, 0, 0);
	take(queue, 0, 0);
}

// ## Whose answer?
//
// A server answers two clients through one queue. Who asks for the oldest gets
// whatever lies in front: the other's answer, and it is gone for the other.

static void answer_clients(int queue)
{
	enum { ANN = 11, BOB = 12 };

	must_zero(send_text(queue, BOB, "B", 0));
	must_zero(send_text(queue, ANN, "A", 0));
	char wrong = take(queue, 0, 0);
	claim(wrong == 'B', "Ann asks for the oldest: she has taken Bob's");
	take(queue, 0, 0);

	must_zero(send_text(queue, BOB, "B", 0));
	must_zero(send_text(queue, ANN, "A", 0));
	char ann = take(queue, ANN, 0), bob = take(queue, BOB, 0);
	claim(ann == 'A' && bob == 'B',
	      "a type for each: they get their own, in whatever order");
}

// ## Too long for the buffer
//
// Refused, like the POSIX queue does; but here the buffer is compared with the
// message, not with the longest possible. MSG_NOERROR asks to cut.

static void cut(int queue)
{
	struct letter got;

	must_zero(send_text(queue, 1, "twelve bytes", 0));
	int error = FAILURE(msgrcv(queue, &got, 6, 0, IPC_NOWAIT));
	claim(error == E2BIG, "a buffer too small for the message: E2BIG");
	ssize_t n = must(msgrcv(queue, &got, 6, 0, IPC_NOWAIT | MSG_NOERROR));
	int rest = FAILURE(msgrcv(queue, &got, TEXT, 0, IPC_NOWAIT));
	claim(n == 6 && rest == ENOMSG,
	      "it was still there; MSG_NOERROR cuts it, the rest is lost");
}

void types(void)
{
	int queue = make_queue(0600, NULL);

	pick_by_type(queue);
	answer_clients(queue);
	cut(queue);
	int error = send_text(queue, 0, "x", 0);
	claim(error == EINVAL, "a message must have a type above 0 (EINVAL)");
}
