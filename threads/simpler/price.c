// # The price of each
//
// A thread needs a stack, of which it touches a few pages, and one in the kernel
// (16 KiB on x86-64), which no process sees. A machine needs its struct. And who
// sleeps has to be woken: each thread for its own client, the machine once for
// all who have something to say.

#define _GNU_SOURCE
#include <string.h>
#include <unistd.h>

#include "lab.h"
#include "options.h"
#include "simpler.h"
#include "stats.h"

// ## Memory
//
// A hundred clients in the middle of a list. The server's figures before and
// after are the kernel's, from /proc/PID/status and smaps_rollup; the first client
// is there before, so that what is set up once does not count. (Of a thread's
// addresses more are malloc's than its stack's: an arena of up to 64 MiB for each
// of the first threads, eight for each CPU. Addresses are cheap.)

enum { PARKED = 100, KIB = 1024 };

struct memory {
	long threads, address_kib, anonymous_kib;
};

static struct memory memory_of(const struct running *r)
{
	return (struct memory){
		.threads = status_of_server(r, "status", "Threads"),
		.address_kib = status_of_server(r, "status", "VmSize"),
		.anonymous_kib = status_of_server(r, "smaps_rollup",
						  "Anonymous"),
	};
}

static int park(const struct running *r)
{
	char reply[REPLY];
	int fd = connect_to(r);

	send_text(fd, "hello ann\nsum 3\n1\n");
	receive(fd, reply, strlen("hello ann\n"));
	await_read(fd);
	return fd;
}

static struct memory park_many(const struct way *way)
{
	struct running r = start_server(way, 0);
	int fds[1 + PARKED];
	char a[HUMAN_BYTES], b[HUMAN_BYTES];

	fds[0] = park(&r);
	struct memory before = memory_of(&r);
	for (int i = 1; i <= PARKED; i++)
		fds[i] = park(&r);
	struct memory after = memory_of(&r);
	struct memory grown = { after.threads - before.threads,
				after.address_kib - before.address_kib,
				after.anonymous_kib - before.anonymous_kib };
	say("%s: %d clients more, %ld threads more", way->name, PARKED,
	    grown.threads);
	say("  each %s of addresses, %s of memory",
	    human_size(a, (uint64_t)grown.address_kib * KIB / PARKED),
	    human_size(b, (uint64_t)grown.anonymous_kib * KIB / PARKED));
	for (int i = 0; i <= PARKED; i++)
		must(close(fds[i]));
	await_open(&r, 0);
	stop_server(&r);
	return grown;
}

void scene_memory(void)
{
	struct memory threads = park_many(&threads_way);
	struct memory machine = park_many(&machine_way);

	claim(threads.threads == PARKED && machine.threads == 0,
	      "a thread for each client, or one for all");
	claim(threads.address_kib > machine.address_kib,
	      "threads take more addresses: a stack each");
#ifndef OSLAB_SANITIZED
	claim(threads.anonymous_kib >= PARKED * getpagesize() / KIB &&
		      machine.anonymous_kib < threads.anonymous_kib,
	      "and more memory: a page of its stack at the least");
	say("sizeof(struct connection) is %zu bytes",
	    sizeof(struct connection));
#endif
}

// ## A load
//
// Some clients at once, each with one request under way: all ask, then all are
// answered, and again. Returns how many answers were right.

enum { CLIENTS = 16 };

static int load(const struct running *r, int turns)
{
	int fds[CLIENTS], right = 0;
	char reply[REPLY];

	for (int i = 0; i < CLIENTS; i++) {
		fds[i] = connect_to(r);
		send_text(fds[i], "hello ann\n");
		receive(fds[i], reply, strlen("hello ann\n"));
	}
	for (int turn = 0; turn < turns; turn++) {
		for (int i = 0; i < CLIENTS; i++)
			send_text(fds[i], "sum 1\n7\n");
		for (int i = 0; i < CLIENTS; i++)
			right += receive(fds[i], reply, 2) == 2 &&
				 reply[0] == '7';
	}
	for (int i = 0; i < CLIENTS; i++)
		must(close(fds[i]));
	await_open(r, 0);
	return right;
}

// ## System calls and switches
//
// Counted twice, with few and with many requests: the difference is what the
// requests cost, whatever the beginning and the end do. The back end takes a
// millisecond, as in the task, so that every request has its wait.

enum { FEW = 5, MANY = 20, WAIT_NS = 1000000 };

static int64_t calls_for(const struct way *way, int turns)
{
	struct running r = start_traced_server(way, WAIT_NS);
	const uint64_t one = 1;

	pid_t client = fork_as("client");
	if (client == 0) {
		load(&r, turns);
		must(write(r.server->stop, &one, sizeof one));
		_exit(0);
	}
	int64_t calls = count_calls(r.pid, client);
	close_server(&r);
	return calls;
}

static double switches_for(const struct way *way, int turns)
{
	struct running r = start_server(way, WAIT_NS);

	load(&r, turns);
	struct rusage usage = stop_server(&r);
	return (double)(usage.ru_nvcsw + usage.ru_nivcsw);
}

void scene_calls(void)
{
	const double requests = (double)(MANY - FEW) * CLIENTS;
	double calls[WAYS], switches[WAYS];

	for (int i = 0; i < WAYS; i++) {
		switches[i] = (switches_for(ways[i], MANY) -
			       switches_for(ways[i], FEW)) /
			      requests;
		calls[i] = (double)(calls_for(ways[i], MANY) -
				    calls_for(ways[i], FEW)) /
			   requests;
		say("%-8s %.2f switches, %.2f system calls a request",
		    ways[i]->name, switches[i], calls[i]);
	}
	claim(switches[THREADS] >= 1,
	      "for each request a thread has gone to sleep, once at least");
	claim(calls[MACHINE] > calls[THREADS],
	      "the machine has to ask the kernel more often");
}

// ## Speed

enum { ROUNDS = 7, TURNS = 60 };

void scene_speed(void)
{
	double rates[WAYS][ROUNDS];
	int right = 0;

	for (int round = 0; round < ROUNDS; round++)
		for (int i = 0; i < WAYS; i++) {
			struct running r = start_server(ways[i], 0);
			int64_t began_ns = now_ns();
			right += load(&r, TURNS);
			rates[i][round] = (double)TURNS * CLIENTS * 1e6 /
					  (double)(now_ns() - began_ns);
			stop_server(&r);
		}
	for (int i = 0; i < WAYS; i++) {
		struct interval in = stats_median_interval(rates[i], ROUNDS);
		say("%-8s %.0f thousand requests a second, 95 %%: %.0f to %.0f",
		    ways[i]->name, stats_median(rates[i], ROUNDS), in.low,
		    in.high);
	}
	claim(right == WAYS * ROUNDS * TURNS * CLIENTS,
	      "and all %d answers were right", right);
}
