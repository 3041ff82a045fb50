// # The same bytes from both
//
// A server that is right when each line comes in one packet may be wrong when it
// does not, and on a local machine that can go unnoticed for years. So it is
// forced here: each part of what we send is read before we send the next.

#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lab.h"
#include "simpler.h"

enum { WAIT_NS = 200000 };

static const struct script {
	const char *what, *say, *hear;
} scripts[] = {
	{ "a conversation",
	  "hello ann\nsum 3\n10\n20\n12\nbye\n",
	  "hello ann\n42\nbye ann, 1 sum\n" },
	{ "no manners",
	  "sum 2\nhello\nhello bob\nplease\nsum 0\nsum 1\n-7\nbye\n",
	  "hello first\nhello first\nhello bob\nwhat?\nwhat?\n-7\n"
	  "bye bob, 1 sum\n" },
	{ "no farewell", "hello eve\nsum 1\n5\nsum 2\n1\n", "hello eve\n5\n" },
	{ "a line that does not end",
	  "hello dan\nsum 1\n3\n"
	  "0123456789012345678901234567890123456789012345678901234567890123",
	  "hello dan\n3\ntoo long\n" },
};
enum { SCRIPTS = sizeof scripts / sizeof *scripts };

static bool hears(int fd, const char *expected)
{
	char reply[REPLY];
	size_t n = receive(fd, reply, sizeof reply);

	must(close(fd));
	return n == strlen(expected) && !memcmp(reply, expected, n);
}

// The first `cut` bytes, then the others, and no more from us.
static bool say_cut(const struct running *r, const struct script *s, size_t cut)
{
	char first[REPLY];
	int fd = connect_to(r);

	snprintf(first, sizeof first, "%.*s", (int)cut, s->say);
	send_text(fd, first);
	await_read(fd);
	send_text(fd, s->say + cut);
	must(shutdown(fd, SHUT_WR));
	return hears(fd, s->hear);
}

void scene_talk(void)
{
	for (int i = 0; i < WAYS; i++) {
		struct running r = start_server(ways[i], WAIT_NS);
		for (int k = 0; k < SCRIPTS; k++)
			claim(say_cut(&r, &scripts[k], strlen(scripts[k].say)),
			      "%s: %s", ways[i]->name, scripts[k].what);
		stop_server(&r);
	}
}

// ## Cut anywhere

static bool say_by_byte(const struct running *r, const struct script *s)
{
	int fd = connect_to(r);

	for (const char *byte = s->say; *byte; byte++) {
		must(send(fd, byte, 1, MSG_NOSIGNAL));
		await_read(fd);
	}
	must(shutdown(fd, SHUT_WR));
	return hears(fd, s->hear);
}

void scene_split(void)
{
	for (int i = 0; i < WAYS; i++) {
		struct running r = start_server(ways[i], WAIT_NS);
		size_t cuts = 0, right = 0;
		for (int k = 0; k < SCRIPTS; k++)
			for (size_t at = 1; scripts[k].say[at]; at++) {
				cuts++;
				right += say_cut(&r, &scripts[k], at);
			}
		claim(right == cuts, "%s: cut in two at each of %zu places",
		      ways[i]->name, cuts);
		right = 0;
		for (int k = 0; k < SCRIPTS; k++)
			right += say_by_byte(&r, &scripts[k]);
		claim(right == SCRIPTS, "%s: byte by byte", ways[i]->name);
		stop_server(&r);
	}
}

// ## All at once
//
// Many requests in one packet, and then nothing more.

enum { AT_ONCE = 20 };

void scene_joined(void)
{
	char request[REPLY] = "hello ann\n", expected[REPLY] = "hello ann\n";
	size_t said = strlen(request), heard = strlen(expected);

	for (int i = 0; i < AT_ONCE; i++) {
		said += snprintf(request + said, sizeof request - said,
				 "sum 2\n%d\n1\n", i);
		heard += snprintf(expected + heard, sizeof expected - heard,
				  "%d\n", i + 1);
	}
	snprintf(request + said, sizeof request - said, "bye\n");
	snprintf(expected + heard, sizeof expected - heard,
		 "bye ann, %d sums\n", AT_ONCE);
	for (int i = 0; i < WAYS; i++) {
		struct running r = start_server(ways[i], WAIT_NS);
		int fd = connect_to(&r);
		send_text(fd, request);
		claim(hears(fd, expected),
		      "%s: %d requests in a packet, %d answers in order",
		      ways[i]->name, AT_ONCE, AT_ONCE);
		stop_server(&r);
	}
}
