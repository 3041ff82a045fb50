// # Tests of ipc/channel: the peer dies, signals strike, strangers come
//
// How they are played: channel_parts.h.

#define _GNU_SOURCE
#include "channel_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ipc/channel/parts.h"

// ## The death of the peer
//
// `tells_death` must be the truth, whether the peer died before we wait or
// while we do. That a mechanism tells is seen by its receive coming back; that
// it does not, by the receiver being asleep when there is nobody left to wake
// it.

static int pids[2]; // a pipe: left says who right is, and waits

static void live_on(struct channel *c)
{
	give(c, message_bytes, 0);
	for (;;)
		pause();
}

static struct channel *meet_a_mortal(pid_t *right)
{
	message_bytes = at_most(64);
	struct channel *c = open_channel(message_bytes);
	*right = fork_right(c, live_on);
	take_side(c, CHANNEL_LEFT);
	must_take(c, message_bytes, 0);
	return c;
}

_Noreturn static void wait_for_the_dead(struct channel *c, pid_t right)
{
	need(write(pids[1], &right, sizeof right) == sizeof right, "write");
	ssize_t n = channel_receive(c, got, is_event() ? 0 : message_bytes);
	need(n <= 0, "%zd bytes from a dead peer", n);
	need(mechanism->tells_death, "told of a death, against its word: %s",
	     n ? strerror(-(int)n) : "0");
	channel_close(c);
	must_close_names();
	_exit(0);
}

static void wait_after_death(void)
{
	pid_t right;
	struct channel *c = meet_a_mortal(&right);

	kill(right, SIGKILL);
	waitpid(right, NULL, 0);
	wait_for_the_dead(c, right);
}

static void wait_before_death(void)
{
	pid_t right;
	struct channel *c = meet_a_mortal(&right);

	wait_for_the_dead(c, right);
}

static void judge_death(void (*body)(void), bool kill_right)
{
	pid_t right = 0;

	ck_assert_int_eq(pipe2(pids, O_CLOEXEC), 0);
	pid_t left = start_left(body);
	close(pids[1]);
	ssize_t n = read(pids[0], &right, sizeof right);
	close(pids[0]);
	if (n == sizeof right && kill_right) {
		await(state_of(left) == 'S' || state_of(left) == 'Z');
		ck_assert_int_eq(kill(right, SIGKILL), 0);
		await(strchr("Z?", state_of(right)));
	}
	if (n != sizeof right || mechanism->tells_death) {
		ck_assert_int_eq(judge(left), 0);
		return;
	}
	char state;
	await((state = state_of(left)) == 'S' || state == 'Z');
	kill(left, SIGKILL);
	if (state == 'Z') {
		judge(left); // fails with what it was told
		return;
	}
	end_play();
	waitpid(left, NULL, 0);
	ck_assert_int_ge(names_sweep(), 0);
}

START_TEST(peer_died_before)
{
	MECHANISM();
	judge_death(wait_after_death, false);
}
END_TEST

START_TEST(peer_dies_while_we_wait)
{
	MECHANISM();
	judge_death(wait_before_death, true);
}
END_TEST

// ## Interrupted by signals
//
// A handler without SA_RESTART makes system calls return EINTR. Callers of a
// channel must not notice, wherever it strikes: in a thousand round trips, in a
// receive that waits, in a send that waits.

static enum channel_side my_side;

static void on_alarm(int signal)
{
	(void)signal;
	atomic_fetch_add(&play_shared->alarms[my_side], 1);
}

static void handle_alarms(struct channel *c, int every_us)
{
	struct sigaction action = { .sa_handler = on_alarm };
	struct itimerval timer = { { 0, every_us }, { 0, every_us } };

	my_side = c->side;
	need(sigaction(SIGALRM, &action, NULL) == 0 &&
		     setitimer(ITIMER_REAL, &timer, NULL) == 0,
	     "setitimer");
}

enum { EVERY_US = 300, TRIPS = 1000, ALARMS = 20 };

static bool enough(int trips)
{
	return trips >= TRIPS &&
	       atomic_load(&play_shared->alarms[0]) >= ALARMS &&
	       atomic_load(&play_shared->alarms[1]) >= ALARMS;
}

static void ask_under_alarms(struct channel *c)
{
	handle_alarms(c, EVERY_US);
	for (int i = 0; !enough(i); i++) {
		give(c, message_bytes, i);
		must_take(c, message_bytes, i);
	}
	int error = channel_finish(c);
	need(!error, "finishing: %s", strerror(-error));
	handle_alarms(c, 0);
}

static void answer_under_alarms(struct channel *c)
{
	handle_alarms(c, EVERY_US);
	for (int i = 0; take(c, message_bytes, i); i++)
		give(c, message_bytes, i);
	handle_alarms(c, 0);
}

static void play_under_alarms(void)
{
	message_bytes = at_most(64);
	play_sides(message_bytes, ask_under_alarms, answer_under_alarms);
}

START_TEST(round_trips_under_alarms)
{
	MECHANISM();
	perform(play_under_alarms);
}
END_TEST

static void interrupt(struct channel *c)
{
	pid_t peer = channel_peer(c);
	_Atomic int *alarms = &play_shared->alarms[!c->side];

	for (int times = 0; times < 3; times++) {
		int before = atomic_load(alarms);
		await_sleep(peer);
		need(kill(peer, SIGALRM) == 0, "kill: %s", strerror(errno));
		while (atomic_load(alarms) == before)
			test_nap();
	}
	await_sleep(peer);
}

static void interrupt_and_give(struct channel *c)
{
	must_take(c, message_bytes, 0);
	interrupt(c);
	give(c, message_bytes, 1);
}

static void wait_interrupted(struct channel *c)
{
	handle_alarms(c, 0);
	give(c, message_bytes, 0);
	must_take(c, message_bytes, 1);
}

static void play_interrupted_receive(void)
{
	message_bytes = at_most(64);
	play_sides(message_bytes, interrupt_and_give, wait_interrupted);
}

START_TEST(interrupted_receive)
{
	MECHANISM();
	perform(play_interrupted_receive);
}
END_TEST

// Left sends until right, which takes nothing, has seen it asleep: whatever the
// channel holds is then full to the brim, and all of it must still come.
static void send_to_the_brim(struct channel *c)
{
	handle_alarms(c, 0);
	for (int i = 0; !atomic_load(&play_shared->stop); i++)
		give(c, message_bytes, i);
	int error = channel_finish(c);
	need(!error, "finishing: %s", strerror(-error));
}

static void interrupt_and_take(struct channel *c)
{
	int taken = 0;

	interrupt(c);
	atomic_store(&play_shared->stop, true);
	while (take(c, message_bytes, taken))
		taken++;
	need(taken > 0, "nothing came");
}

static void play_interrupted_send(void)
{
	play_sides(message_bytes, send_to_the_brim, interrupt_and_take);
}

START_TEST(interrupted_send)
{
	MECHANISM();
	if (is_event())
		return; // an event is counted, nothing can be full
	message_bytes = mechanism->kind == CHANNEL_STREAM ? 512 : 1;
	perform(play_interrupted_send);
	message_bytes = at_most(65507);
	perform(play_interrupted_send);
}
END_TEST

// A receiver that closes in an orderly way while a sender waits for it: the
// sender must be told. Left out are those that say in their files that it is
// not, and signals, of which the user has only so many.
static void send_until_refused(struct channel *c)
{
	static char message[65507];
	int error;

	while (!(error = channel_send(c, message, message_bytes)))
		;
	need(error < 0, "send returns %d", error);
}

static void leave_while_it_waits(struct channel *c)
{
	await_sleep(channel_peer(c));
}

static void play_orderly_close(void)
{
	play_sides(message_bytes, send_until_refused, leave_while_it_waits);
}

START_TEST(a_waiting_sender_is_told_of_a_close)
{
	MECHANISM();
	if (is_event() || !strcmp(mechanism->name, "mqueue") ||
	    !strcmp(mechanism->name, "signal"))
		return;
	message_bytes = at_most(4096);
	perform(play_orderly_close);
}
END_TEST

// ## Strangers
//
// Everybody on the machine may send to a port. The worst moment is when ours is
// open and the two sockets do not know each other yet, so this connect(2), which
// stands in for the C library's in all of this program, lets a stranger go
// first where a test asks for it: he connects to the same port and sends.

static bool strangers_come;
static int strangers;

static void come_first(int fd, const struct sockaddr *there, socklen_t bytes)
{
	int type;
	socklen_t length = sizeof type;

	need(getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length) == 0,
	     "getsockopt: %s", strerror(errno));
	int stranger = socket(there->sa_family, type | SOCK_CLOEXEC, 0);
	need(stranger != -1, "socket: %s", strerror(errno));
	if (syscall(SYS_connect, stranger, there, bytes) == 0 &&
	    send(stranger, "!", 1, 0) == 1)
		strangers++;
}

int connect(int fd, const struct sockaddr *there, socklen_t bytes)
{
	if (strangers_come && there->sa_family == AF_INET)
		come_first(fd, there, bytes);
	return (int)syscall(SYS_connect, fd, there, bytes);
}

static void play_among_strangers(void)
{
	strangers_come = true;
	message_bytes = at_most(64);
	play_round_trips();
	need(strangers > 1, "nobody came");
}

START_TEST(strangers_are_not_heard)
{
	MECHANISM();
	if (!strcmp(mechanism->name, "tcp") || !strcmp(mechanism->name, "udp"))
		perform(play_among_strangers);
}
END_TEST

void add_trouble_tests(TCase *tests, int mechanisms)
{
	tcase_add_loop_test(tests, peer_died_before, 0, mechanisms);
	tcase_add_loop_test(tests, peer_dies_while_we_wait, 0, mechanisms);
	tcase_add_loop_test(tests, round_trips_under_alarms, 0, mechanisms);
	tcase_add_loop_test(tests, interrupted_receive, 0, mechanisms);
	tcase_add_loop_test(tests, interrupted_send, 0, mechanisms);
	tcase_add_loop_test(tests, a_waiting_sender_is_told_of_a_close, 0,
			    mechanisms);
	tcase_add_loop_test(tests, strangers_are_not_heard, 0, mechanisms);
}
