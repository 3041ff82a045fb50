// # A stack each, by custom; thread-local storage, by register
//
// pthread_create maps a piece of the common memory for each thread: its stack,
// with its thread-local storage at the top and a guard page at the bottom.
// Nothing keeps another thread out of it.

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lab.h"
#include "options.h"
#include "threads/share/share.h"

enum { THREADS = 2 };

struct place {
	pthread_t thread;
	pthread_barrier_t *turn;
	char *frame; // an address on its stack
	char *stack; // its lowest byte
	size_t stack_bytes, guard_bytes;
	volatile int *local; // a variable on its stack
	int found;           // what it finds there afterwards
};

static void look_up_stack(struct place *place)
{
	pthread_attr_t attributes;
	void *stack;

	must_zero(pthread_getattr_np(pthread_self(), &attributes));
	must_zero(pthread_attr_getstack(&attributes, &stack,
					&place->stack_bytes));
	must_zero(pthread_attr_getguardsize(&attributes, &place->guard_bytes));
	must_zero(pthread_attr_destroy(&attributes));
	place->stack = stack;
	place->frame = __builtin_frame_address(0);
}

static void *stand(void *argument)
{
	struct place *place = argument;
	volatile int local = 0;

	look_up_stack(place);
	place->local = &local;
	pthread_barrier_wait(place->turn); // everybody can be seen
	pthread_barrier_wait(place->turn); // main has written
	place->found = local;
	return NULL;
}

static bool holds(const struct place *place, const char *address)
{
	return place->stack <= address &&
	       address < place->stack + place->stack_bytes;
}

// The kernel reads for us, and says EFAULT instead of sending SIGSEGV.
static bool is_readable(const char *address)
{
	int fd[2];

	must(pipe2(fd, O_CLOEXEC));
	bool readable = write(fd[1], address, 1) == 1;
	if (!readable && errno != EFAULT)
		die_at(__FILE__, __LINE__, "write(address)", errno);
	must(close(fd[0]));
	must(close(fd[1]));
	return readable;
}

void scene_stacks(void)
{
	pthread_barrier_t turn;
	struct place places[THREADS], mine;
	char size[HUMAN_BYTES];
	bool guarded = true;

	must_zero(pthread_barrier_init(&turn, NULL, THREADS + 1));
	for (int i = 0; i < THREADS; i++) {
		places[i] = (struct place){ .turn = &turn };
		must_zero(pthread_create(&places[i].thread, NULL, stand,
					 &places[i]));
	}
	pthread_barrier_wait(&turn);
	look_up_stack(&mine);
	say("main runs at %p", (void *)mine.frame);
	for (int i = 0; i < THREADS; i++) {
		say("thread %d: %p, in %s from %p", i + 1,
		    (void *)places[i].frame,
		    human_size(size, places[i].stack_bytes),
		    (void *)places[i].stack);
		guarded &= places[i].guard_bytes > 0 &&
			   is_readable(places[i].stack) &&
			   !is_readable(places[i].stack - 1);
		*places[i].local = i + 1;
	}
	pthread_barrier_wait(&turn);
	for (int i = 0; i < THREADS; i++)
		must_zero(pthread_join(places[i].thread, NULL));
	claim(holds(&places[0], places[0].frame) &&
		      holds(&places[1], places[1].frame) &&
		      !holds(&places[0], places[1].frame) &&
		      !holds(&places[1], places[0].frame) &&
		      !holds(&places[0], mine.frame) &&
		      !holds(&places[1], mine.frame),
	      "three threads, three stacks in one address space");
	claim(places[0].found == 1 && places[1].found == 2,
	      "main has changed a local variable of each, unhindered");
	claim(guarded, "below each a guard page, for who grows too far");
	must_zero(pthread_barrier_destroy(&turn));
}

// ## One name, as many variables as threads
//
// errno is the oldest: a call fails in one thread while another looks why its
// own has. The order is forced here; were errno one variable, main would read
// the other's error.

static _Thread_local int mine;
static int ours;

struct sight {
	int *mine, *ours, *error;
	int reason;
};

static void look(struct sight *sight)
{
	*sight = (struct sight){ &mine, &ours, &errno, errno };
}

static void *fail_otherwise(void *argument)
{
	struct sight *sight = argument;

	if (open("", O_RDONLY | O_CLOEXEC) != -1)
		exit(EXIT_FAILURE);
	look(sight);
	return NULL;
}

void scene_local(void)
{
	struct sight here, there;
	pthread_t thread;

	must_zero(pthread_create(&thread, NULL, fail_otherwise, &there));
	must_zero(pthread_join(thread, NULL));
	say("a thread opens \"\" and finds errno = %s",
	    there.reason == ENOENT ? "ENOENT" : "?");
	if (close(-1) != -1)
		exit(EXIT_FAILURE);
	must_zero(pthread_create(&thread, NULL, fail_otherwise, &there));
	must_zero(pthread_join(thread, NULL));
	look(&here);
	say("main closes -1, a thread opens \"\", main looks: %s",
	    here.reason == EBADF ? "EBADF" : "?");
	claim(here.reason == EBADF && there.reason == ENOENT,
	      "each finds its own call's error");
	say("main:   %p global, %p local", (void *)here.ours,
	    (void *)here.mine);
	say("thread: %p global, %p local", (void *)there.ours,
	    (void *)there.mine);
	claim(here.ours == there.ours, "a global has one address");
	claim(here.mine != there.mine && here.error != there.error,
	      "a thread-local variable, and errno, one in each thread");
}
