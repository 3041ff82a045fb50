// # What the two processes do
//
//     relay ── fork ▶ sender ── fork ▶ receiver
//                       │                 │
//                read, checksum,    receive, checksum,
//                send               write (--to)
//                       └──── channel ────┘
//
// The sender opens the channel: who opens it must be one of the two sides, or a
// third copy of its descriptors would hide the end of a stream (ipc/pipe.c,
// `eof`). When the sender is done it may leave; the receiver then becomes a
// child of relay, which is a subreaper (supervisor.h).
//
// Both wait at a gate until both are ready, with their memory touched, so that
// starting them is not timed. The time runs from the moment the sender asks for
// the first byte until the receiver has the checksum of the last.
//
// The checksum is XXH3 with 128 bits (Collet, xxHash 0.8): far faster than any
// mechanism here, so that it does not hide what they cost, and no accident gets
// past it (1 in 2^128); it is no defence against somebody who wants to. Both
// sides compute it over what they hold, and relay compares.

#define _GNU_SOURCE
#include <errno.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "clock.h"
#include "cpu.h"
#include "relay.h"

const char *const side_names[2] = { "sender", "receiver" };

const char *const step_names[] = {
	[STEP_OPENING] = "opening the channel",
	[STEP_MEETING] = "taking its side",
	[STEP_PINNING] = "going to its CPU",
	[STEP_MEMORY] = "getting memory for a message",
	[STEP_COUNTING] = "counting system calls",
	[STEP_READING] = "reading",
	[STEP_SENDING] = "sending",
	[STEP_FINISHING] = "sending the end",
	[STEP_RECEIVING] = "receiving",
	[STEP_WRITING] = "writing",
};

// On x86-64 the library may have a version of the same that looks what the CPU
// can do and then uses AVX2 or AVX-512, three times as fast. Not every
// distribution builds it in: a weak symbol is NULL where it is missing.
extern XXH_errorcode XXH3_128bits_update_dispatch(XXH3_state_t *state,
						  const void *bytes, size_t n)
	__attribute__((weak));

static void add_to_checksum(XXH3_state_t *state, const void *bytes, size_t n)
{
	if (XXH3_128bits_update_dispatch)
		XXH3_128bits_update_dispatch(state, bytes, n);
	else
		XXH3_128bits_update(state, bytes, n);
}

struct side {
	const struct job *job;
	struct ground *ground;
	struct side_report *report;
	struct channel *channel;
	XXH3_state_t *checksum;
	char *message;
	int counter;
	struct rusage before;
};

static _Noreturn void fail(struct side *side, enum step step, int error)
{
	side->report->step = step;
	side->report->error = error;
	atomic_store_explicit(&side->report->state, SIDE_FAILED,
			      memory_order_release);
	_exit(EXIT_FAILURE);
}

static void check(struct side *side, enum step step, int error)
{
	if (error)
		fail(side, step, error);
}

// ## The gate

static void tell_news(const struct ground *ground)
{
	while (write(ground->news[1], "", 1) == -1 && errno == EINTR)
		;
}

static void await_gate(struct ground *ground)
{
	// acquire: pairs with the release of ground_open_gate
	while (!atomic_load_explicit(&ground->gate, memory_order_acquire))
		syscall(SYS_futex, &ground->gate, FUTEX_WAIT, 0, NULL, NULL, 0);
}

void ground_open_gate(struct ground *ground)
{
	atomic_store_explicit(&ground->gate, 1, memory_order_release);
	syscall(SYS_futex, &ground->gate, FUTEX_WAKE, 2, NULL, NULL, 0);
}

// ## Before and after the job

static void prepare(struct side *side, int number)
{
	const struct job *job = side->job;
	size_t bytes = job->message_bytes ? job->message_bytes : 1;
	char name[16];

	snprintf(name, sizeof name, "relay-%s", side_names[number]);
	prctl(PR_SET_NAME, name, 0, 0, 0);
	if (job->cpus[number] != -1)
		check(side, STEP_PINNING, pin_to_cpu(job->cpus[number]));
	side->message = malloc(bytes);
	side->checksum = XXH3_createState();
	if (!side->message || !side->checksum)
		fail(side, STEP_MEMORY, -ENOMEM);
	memset(side->message, 0, bytes);
	XXH3_128bits_reset(side->checksum);
	check(side, STEP_MEETING, channel_take_side(side->channel, number));
	check(side, STEP_COUNTING,
	      count_prepare(job->counting, &side->counter));
	tell_news(side->ground);
	await_gate(side->ground);
	getrusage(RUSAGE_SELF, &side->before);
}

static void begin_counting(struct side *side)
{
	atomic_store(&side->report->counting, true);
	count_begin(side->counter);
}

static void end_counting(struct side *side)
{
	int64_t calls = count_end(side->counter);

	if (calls >= 0)
		side->report->calls = calls;
	atomic_store(&side->report->counting, false);
}

static void done(struct side *side)
{
	struct side_report *report = side->report;
	struct rusage after;

	getrusage(RUSAGE_SELF, &after);
	report->voluntary = after.ru_nvcsw - side->before.ru_nvcsw;
	report->involuntary = after.ru_nivcsw - side->before.ru_nivcsw;
	atomic_store_explicit(&report->state, SIDE_DONE, memory_order_release);
}

// ## The job

static void send_all(struct side *side)
{
	const struct job *job = side->job;
	struct side_report *report = side->report;
	uint64_t at = 0;

	report->stamp_ns = now_ns();
	while (at < job->most_bytes) {
		size_t most = job->message_bytes;
		if (most > job->most_bytes - at)
			most = job->most_bytes - at;
		ssize_t n = source_read(job->source, at, side->message, most);
		if (n < 0)
			fail(side, STEP_READING, (int)n);
		if (n == 0)
			break;
		add_to_checksum(side->checksum, side->message, n);
		check(side, STEP_SENDING,
		      channel_send(side->channel, side->message, n));
		at += n;
	}
	check(side, STEP_FINISHING, channel_finish(side->channel));
	report->bytes = at;
	report->checksum = XXH3_128bits_digest(side->checksum);
}

static void receive_all(struct side *side)
{
	const struct job *job = side->job;
	struct side_report *report = side->report;
	size_t room = job->message_bytes ? job->message_bytes : 1;
	uint64_t at = 0;
	ssize_t n;

	while ((n = channel_receive(side->channel, side->message, room)) > 0) {
		add_to_checksum(side->checksum, side->message, n);
		if (job->out != -1)
			check(side, STEP_WRITING,
			      sink_write(job->out, side->message, n));
		at += n;
		atomic_store_explicit(&side->ground->carried, at,
				      memory_order_relaxed);
	}
	if (n < 0)
		fail(side, STEP_RECEIVING, (int)n);
	report->bytes = at;
	report->checksum = XXH3_128bits_digest(side->checksum);
	report->stamp_ns = now_ns();
}

static _Noreturn void play(struct side *side, int number,
			   void (*work)(struct side *side))
{
	prepare(side, number);
	begin_counting(side);
	work(side);
	end_counting(side);
	done(side);
	channel_close(side->channel);
	_exit(EXIT_SUCCESS);
}

// SIGPIPE would kill who sends to the dead; -EPIPE says more.
_Noreturn void side_sender(const struct job *job, struct ground *ground)
{
	struct side side = { .job = job,
			     .ground = ground,
			     .report = &ground->sides[SENDER],
			     .counter = -1 };
	size_t largest = job->message_bytes ? job->message_bytes : 1;

	progress_forget();
	signal(SIGPIPE, SIG_IGN);
	check(&side, STEP_OPENING,
	      channel_open(&side.channel, job->mechanism, largest));
	pid_t child = fork();
	if (child == -1)
		fail(&side, STEP_OPENING, -errno);
	if (child == 0) {
		side.report = &ground->sides[RECEIVER];
		play(&side, RECEIVER, receive_all);
	}
	atomic_store(&ground->receiver, child);
	tell_news(ground);
	play(&side, SENDER, send_all);
}
