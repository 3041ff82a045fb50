// # Actors: children that do what they are told

#define _GNU_SOURCE
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lab.h"
#include "mem/cast/cast.h"

struct order {
	enum { READ, WRITE, CALL, LEAVE } what;
	char *address;
	char value;
	long (*function)(const void *argument);
	_Alignas(max_align_t) char argument[ACTOR_BYTES];
};

struct answer {
	char value;
	long faults, result;
};

long faults_now(void)
{
	struct rusage use;

	must(getrusage(RUSAGE_THREAD, &use));
	return use.ru_minflt + use.ru_majflt;
}

// Between the two readings is nothing but the access. (A sanitizer would look at
// its own notes on this address, and fault there.)
__attribute__((no_sanitize("address", "thread"))) char
count_read(const void *address, long *faults)
{
	long before = faults_now();
	char value = *(const volatile char *)address;
	long after = faults_now();

	if (faults)
		*faults = after - before;
	return value;
}

__attribute__((no_sanitize("address", "thread"))) void
count_write(void *address, char value, long *faults)
{
	long before = faults_now();
	*(volatile char *)address = value;
	long after = faults_now();

	if (faults)
		*faults = after - before;
}

__attribute__((no_sanitize("address", "thread"))) long
write_pages(void *memory, size_t pages, char value)
{
	size_t page = page_bytes();
	volatile char *bytes = memory;
	long before = faults_now();

	for (size_t i = 0; i < pages; i++)
		bytes[i * page] = value;
	return faults_now() - before;
}

static struct answer obey(const struct order *order)
{
	struct answer answer = { 0 };

	if (order->what == READ)
		answer.value = count_read(order->address, &answer.faults);
	else if (order->what == WRITE)
		count_write(order->address, order->value, &answer.faults);
	else if (order->what == CALL)
		answer.result = order->function(order->argument);
	return answer;
}

static _Noreturn void play(int stage)
{
	struct order order;

	// what is counted later shall not be the first write to this stack
	memset(&order, 0, sizeof order);
	while (read(stage, &order, sizeof order) == sizeof order &&
	       order.what != LEAVE) {
		struct answer answer = obey(&order);
		must(write(stage, &answer, sizeof answer));
	}
	_exit(EXIT_SUCCESS);
}

struct actor actor_enter(const char *name)
{
	int stage[2];

	must(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, stage));
	pid_t pid = fork_as(name);
	if (pid == 0) {
		must(close(stage[0]));
		play(stage[1]);
	}
	must(close(stage[1]));
	return (struct actor){ name, pid, stage[0] };
}

static struct answer ask(struct actor *actor, const struct order *order)
{
	struct answer answer;

	must(send(actor->stage, order, sizeof *order, MSG_NOSIGNAL));
	if (read(actor->stage, &answer, sizeof answer) != sizeof answer) {
		reap(actor->pid); // says how it ended
		_exit(EXIT_FAILURE);
	}
	return answer;
}

char actor_read(struct actor *actor, const void *address, long *faults)
{
	struct answer answer = ask(
		actor, &(struct order){ .what = READ,
					.address = (char *)(size_t)address });

	if (faults)
		*faults = answer.faults;
	return answer.value;
}

void actor_write(struct actor *actor, void *address, char value, long *faults)
{
	struct answer answer = ask(actor, &(struct order){ .what = WRITE,
							   .address = address,
							   .value = value });

	if (faults)
		*faults = answer.faults;
}

long actor_call(struct actor *actor, long (*function)(const void *argument),
		const void *argument, size_t bytes)
{
	struct order order = { .what = CALL, .function = function };

	memcpy(order.argument, argument, bytes);
	return ask(actor, &order).result;
}

struct map_call {
	size_t bytes;
	int protection, flags, fd;
};

static long call_map(const void *argument)
{
	const struct map_call *call = argument;

	return (long)must(mmap(NULL, call->bytes, call->protection, call->flags,
			       call->fd, 0));
}

void *actor_map(struct actor *actor, size_t bytes, int protection, int flags,
		int fd)
{
	struct map_call call = { bytes, protection, flags, fd };

	return (void *)actor_call(actor, call_map, &call, sizeof call);
}

void actor_leave(struct actor *actor)
{
	must(send(actor->stage, &(struct order){ .what = LEAVE },
		  sizeof(struct order), MSG_NOSIGNAL));
	must(close(actor->stage));
	reap(actor->pid);
}
