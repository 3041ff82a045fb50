// # Being told, instead of waiting
//
// A process that has other things to do asks the kernel for a notice,
// mq_notify(): a signal (SIGEV_SIGNAL) or a new thread (SIGEV_THREAD, which
// glibc builds from a netlink socket and a thread that listens to it). We block
// the signal and look at it when we like; a handler would be one more thing to
// go wrong.
//
// The kernel sends the signal inside the sender's mq_send(). So once that has
// returned, the signal is pending or it will never be: to show that *no* notice
// comes we need not wait for one.

#define _GNU_SOURCE
#include <fcntl.h>
#include <stdbool.h>
#include <time.h>

#include "lab.h"
#include "queue.h"

static sigset_t block_notice(void)
{
	sigset_t only;

	sigemptyset(&only);
	sigaddset(&only, NOTICE);
	must(sigprocmask(SIG_BLOCK, &only, NULL));
	return only;
}

// Whether a notice has come; takes it.
static bool was_told(siginfo_t *info)
{
	static const struct timespec at_once;
	sigset_t only = block_notice();

	int got = sigtimedwait(&only, info, &at_once);
	if (got == -1 && errno != EAGAIN)
		die_at(__FILE__, __LINE__, "sigtimedwait(NOTICE)", errno);
	return got == NOTICE;
}

static void send_one(mqd_t queue)
{
	must(mq_send(queue, "hello", 5, 0));
}

static void receive(mqd_t queue)
{
	char got[LARGEST];

	must(mq_receive(queue, got, sizeof got, NULL));
}

// ## A notice, once
//
// The signal says where it comes from: si_code is SI_MESGQ, si_value is what we
// gave when we asked (a pointer, to tell several queues apart), si_pid is the
// sender. Then the order is done with: the next arrival is silent unless we ask
// anew. There is one place for such an order in a queue, for all processes; it
// is free again when the process that ordered closes the queue, or ends.
//
// A signal's information takes memory, which counts as a pending signal of the
// user (RLIMIT_SIGPENDING). Where there is none left the signal comes all the
// same, without value and sender.

static void order_from_children(mqd_t queue)
{
	pid_t first = fork_as("first");
	if (first == 0) {
		must_zero(ask_for_notice(queue));
		_exit(0);
	}
	reap(first);
	claim(ask_for_notice(queue) == 0,
	      "an order ends with its process: there is place for ours");

	pid_t second = fork_as("second");
	if (second == 0) {
		claim(ask_for_notice(queue) == EBUSY,
		      "one order a queue: a second process gets EBUSY");
		_exit(0);
	}
	reap(second);
}

void notices(void)
{
	mqd_t queue = make_queue(fresh_name(), O_RDWR);
	siginfo_t told = { 0 };

	block_notice();
	order_from_children(queue);
	pid_t sender = fork_as("sender");
	if (sender == 0) {
		send_one(queue);
		_exit(0);
	}
	reap(sender);
	bool came = was_told(&told);
	if (came && told.si_code == SI_USER && told.si_pid == 0)
		skip("the signal came without its value: the limit of pending "
		     "signals is used up, raise it (ulimit -i)");
	claim(came && told.si_code == SI_MESGQ &&
		      told.si_value.sival_int == VALUE,
	      "a message arrives: a signal, with the value we gave");
	say("si_value %d, si_pid %d; the sender was %d",
	    told.si_value.sival_int, told.si_pid, sender);
	claim(told.si_pid == sender, "si_pid names the sender");

	receive(queue);
	send_one(queue);
	claim(!was_told(&told) && waiting(queue) == 1,
	      "the next message comes without: an order is good for one");

	receive(queue);
	must_zero(ask_for_notice(queue));
	must(mq_notify(queue, NULL));
	send_one(queue);
	claim(!was_told(&told), "mq_notify(queue, NULL) takes an order back");
}

// ## When no notice comes
//
// The notice says "the queue was empty, now it is not". So no notice comes for
// a message that finds others; and none when somebody sleeps in mq_receive():
// the kernel hands the message straight to the sleeper, and the queue stays
// empty. The order stays, too.

void silences(void)
{
	mqd_t queue = make_queue(fresh_name(), O_RDWR);
	siginfo_t told;

	block_notice();
	send_one(queue);
	must_zero(ask_for_notice(queue));
	send_one(queue);
	claim(!was_told(&told), "a message that is not alone makes no notice");
	receive(queue);
	receive(queue);

	pid_t receiver = fork_as("receiver");
	if (receiver == 0) {
		receive(queue);
		_exit(0);
	}
	await_state(receiver, 'S');
	send_one(queue);
	reap(receiver);
	claim(!was_told(&told) && waiting(queue) == 0,
	      "a message that somebody waits for goes there, silently");

	send_one(queue);
	claim(was_told(&told),
	      "the order was still there: the next one is announced");
}

// ## Ask anew first, then empty the queue
//
// After a notice there are two things to do: receive what is there, and ask for
// the next notice. In the order in which they come to mind a message can fall
// between them: the queue is not empty any more when we ask, so no message to
// come will be announced, ever. The process sleeps on a queue that fills.
// The other way round nothing can be lost: a message in between is received
// with the others, or it is announced. We let one fall there in both. (We send
// it ourselves; to the queue that is all the same.)
//
// Several messages may hide behind one notice, so "empty the queue" is a loop
// until EAGAIN.

static int drain(mqd_t queue)
{
	char got[LARGEST];
	int n = 0;

	while (mq_receive(queue, got, sizeof got, NULL) != -1)
		n++;
	if (errno != EAGAIN)
		die_at(__FILE__, __LINE__, "mq_receive(queue)", errno);
	return n;
}

static void drain_then_ask(mqd_t queue)
{
	siginfo_t told;

	int received = drain(queue);
	send_one(queue);
	must_zero(ask_for_notice(queue));
	send_one(queue);
	bool came = was_told(&told);
	say("emptied (%d), [message], asked, [message]: %s", received,
	    came ? "told" : "not told");
	claim(!came && waiting(queue) == 2,
	      "asked last: never told again, and %ld messages pile up",
	      waiting(queue));
	must(mq_notify(queue, NULL));
	drain(queue);
}

static void ask_then_drain(mqd_t queue)
{
	siginfo_t told;

	must_zero(ask_for_notice(queue));
	send_one(queue);
	int received = drain(queue);
	send_one(queue);
	bool came = was_told(&told);
	say("asked, [message], emptied (%d), [message]: %s", received,
	    came ? "told" : "not told");
	claim(received == 2 && came,
	      "asked first: one in between is received, the next announced");
}

void rearming(void)
{
	mqd_t queue = make_queue(fresh_name(), O_RDWR | O_NONBLOCK);

	block_notice();
	send_one(queue);
	drain_then_ask(queue);
	send_one(queue);
	ask_then_drain(queue);
}
