// # On Linux a queue is a descriptor like others
//
// POSIX says only that mqd_t is some type. In Linux it is a file descriptor, so
// a queue can be waited for with poll(2) and epoll(7), together with sockets,
// timers and other queues. Nothing has to be asked for anew, nobody is EBUSY,
// and no order of calls is wrong: epoll says "there is something" for as long
// as there is. A program for Linux alone needs no mq_notify().

#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "lab.h"
#include "queue.h"

static bool is_ready(mqd_t queue, short event)
{
	struct pollfd what = { .fd = queue, .events = event };

	must(poll(&what, 1, 0));
	return what.revents & event;
}

static void wait_with_epoll(int loop, mqd_t queue)
{
	struct epoll_event event;
	char got[LARGEST];

	must(epoll_wait(loop, &event, 1, -1));
	claim(event.data.fd == queue && event.events & EPOLLIN,
	      "a message wakes who waits for the queue with epoll");
	int again = must(epoll_wait(loop, &event, 1, 0));
	claim(again == 1, "asked again it says so again, unlike a notice");
	must(mq_receive(queue, got, sizeof got, NULL));
	again = must(epoll_wait(loop, &event, 1, 0));
	claim(again == 0, "until the message is received");
}

void polling(void)
{
	mqd_t queue = make_queue(fresh_name(), O_RDWR);
	int loop = must(epoll_create1(EPOLL_CLOEXEC));
	struct epoll_event interest = { .events = EPOLLIN, .data.fd = queue };

	if (epoll_ctl(loop, EPOLL_CTL_ADD, queue, &interest) == -1)
		skip("queues are no descriptors here (epoll_ctl): %s",
		     strerror(errno));
	pid_t receiver = fork_as("receiver");
	if (receiver == 0) {
		wait_with_epoll(loop, queue);
		_exit(0);
	}
	await_state(receiver, 'S');
	say("receiver sleeps in epoll_wait; sending");
	must(mq_send(queue, "hello", 5, 0));
	reap(receiver);

	bool room_before = is_ready(queue, POLLOUT);
	for (int i = 0; i < ROOM; i++)
		must(mq_send(queue, "x", 1, 0));
	claim(room_before && !is_ready(queue, POLLOUT),
	      "POLLOUT tells senders whether there is room");
}
