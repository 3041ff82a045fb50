// # Delivery and masks
//
// A signal has a life of two moments: it is generated (somebody sends it), and
// it is delivered (the receiver acts on it). In between it is pending. As a
// rule that is the time until the receiver next leaves the kernel; a receiver
// that blocks the signal makes it as long as it likes. Each thread has a mask
// of what it blocks; what a signal does when it is delivered (default, ignore,
// handler: its disposition) belongs to the process.

#define _GNU_SOURCE
#include <fcntl.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ipc/signal/scenes.h"
#include "lab.h"

enum { READ, WRITE };

// Volatile, because the compiler does not know of handlers: it may keep a copy
// of a variable in a register across kill and raise.
static volatile sig_atomic_t handled;

static void count(int number)
{
	(void)number;
	handled = handled + 1;
}

static bool is_pending(int number)
{
	return has(masks_of(getpid()).process_pending, number);
}

// ## Blocked, so pending; unblocked, so delivered
//
// The kernel keeps two sets of pending signals: one for the process, where
// kill(2) puts them, and one for each thread, where raise(3) does, for it means
// the calling thread. Blocking delays both.
//
// Who unblocks has at least one of them delivered before the call returns
// (POSIX, pthread_sigmask): the line after it can rely on that.

void scene_pending(void)
{
	handle(SIGUSR1, count, 0);
	handle(SIGUSR2, count, 0);
	block(SIGUSR1);
	block(SIGUSR2);
	must(kill(getpid(), SIGUSR1));
	must_zero(raise(SIGUSR2));
	struct masks masks = masks_of(getpid());
	say("both blocked: kill sends SIGUSR1 (%d), raise SIGUSR2 (%d)",
	    SIGUSR1, SIGUSR2);
	show_masks(&masks);
	claim(has(masks.blocked, SIGUSR1) && has(masks.blocked, SIGUSR2) &&
		      handled == 0,
	      "what is blocked is not delivered");
	claim(has(masks.process_pending, SIGUSR1) &&
		      !has(masks.thread_pending, SIGUSR1),
	      "kill has left its signal pending for the process");
	claim(has(masks.thread_pending, SIGUSR2) &&
		      !has(masks.process_pending, SIGUSR2),
	      "raise has left its own pending for this thread");

	say("now I unblock them, one after the other");
	unblock(SIGUSR1);
	claim(handled == 1, "the handler ran before the unblocking returned");
	unblock(SIGUSR2);
	masks = masks_of(getpid());
	claim(handled == 2 && !has(masks.process_pending, SIGUSR1) &&
		      !has(masks.thread_pending, SIGUSR2),
	      "both were delivered, none is pending");
}

// ## What is ignored vanishes
//
// An ignored signal is thrown away when it is sent, and a pending one when its
// receiver decides to ignore it. One case POSIX leaves open: ignored *and*
// blocked. Linux keeps it, since the disposition may be another by the time the
// signal is unblocked; so a program can ignore a signal and still fetch it with
// sigwait(3) or signalfd(2).

void scene_ignored(void)
{
	handle(SIGUSR1, SIG_IGN, 0);
	unblock(SIGUSR1);
	must(kill(getpid(), SIGUSR1));
	bool kept = is_pending(SIGUSR1);
	handle(SIGUSR1, count, 0);
	say("ignored, sent; then a handler; its runs: %d", (int)handled);
	claim(!kept && handled == 0, "ignored, it is gone as soon as sent");

	block(SIGUSR1);
	must(kill(getpid(), SIGUSR1));
	kept = is_pending(SIGUSR1);
	handle(SIGUSR1, SIG_IGN, 0);
	bool still_kept = is_pending(SIGUSR1);
	say("blocked, sent: pending. Then ignored: %s",
	    still_kept ? "still pending" : "no longer pending");
	claim(kept && !still_kept, "to ignore a signal drops a pending one");

	must(kill(getpid(), SIGUSR1));
	kept = is_pending(SIGUSR1);
	handle(SIGUSR1, count, 0);
	unblock(SIGUSR1);
	say("ignored and blocked, sent; then a handler; its runs: %d",
	    (int)handled);
	claim(kept && handled == 1,
	      "ignored but blocked, Linux keeps it for what comes later");
}

// ## Two that nobody can refuse
//
// SIGKILL and SIGSTOP are how a system stays in charge of its processes. To
// block them is not an error, it just does not happen; to handle or ignore them
// is EINVAL. A third has a privilege: SIGCONT wakes a stopped process when it
// is sent, even if it is blocked (only its handler then has to wait).

static pid_t fork_deaf_child(void)
{
	struct sigaction ignore = { .sa_handler = SIG_IGN };
	sigset_t all;
	pid_t child = fork_as("deaf");

	if (child > 0)
		return child;
	must(sigfillset(&all));
	must(sigprocmask(SIG_SETMASK, &all, NULL));
	say("I block all signals there are, and want to ignore SIGKILL");
	int error = sigaction(SIGKILL, &ignore, NULL) == -1 ? errno : 0;
	claim(error == EINVAL, "to ignore SIGKILL is refused (EINVAL)");
	for (;;)
		pause();
}

void scene_unblockable(void)
{
	const uint64_t standard = 0x7fffffff;
	const uint64_t refused = UINT64_C(1) << (SIGKILL - 1) |
				 UINT64_C(1) << (SIGSTOP - 1);
	int status;

	pid_t child = fork_deaf_child();
	await_state(child, 'S');
	struct masks masks = masks_of(child);
	show_masks(&masks);
	claim((masks.blocked & standard) == (standard & ~refused),
	      "all are blocked but SIGKILL (%d) and SIGSTOP (%d)", SIGKILL,
	      SIGSTOP);

	must(kill(child, SIGTERM));
	must(kill(child, SIGSTOP));
	await_state(child, 'T');
	say("SIGTERM: nothing happens. SIGSTOP: its state is T, stopped");
	must(kill(child, SIGCONT));
	await_state(child, 'S');
	say("SIGCONT: its state is S again, asleep");
	masks = masks_of(child);
	claim(has(masks.process_pending, SIGTERM) &&
		      !has(masks.process_pending, SIGSTOP),
	      "SIGTERM is pending, SIGSTOP has done its work");
	claim(has(masks.process_pending, SIGCONT),
	      "SIGCONT has woken it, and is pending all the same");
	must(kill(child, SIGKILL));
	must(waitpid(child, &status, 0));
	claim(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL,
	      "SIGKILL ends it");
}

// ## What fork and execve pass on
//
// A pending signal was sent to one process: a child begins with none. The mask
// and the dispositions it inherits. execve(2) then loads another program, and a
// handler's code is gone: what had a handler gets its default back. The mask,
// what is ignored and what is pending stay.
//
// That is how nohup(1) works (it ignores SIGHUP and execs), and why a program
// that starts others must clean up: a blocked SIGTERM is inherited by programs
// that never heard of it. (posix_spawn(3) has attributes for just that.)

static _Noreturn void become_cat(int in, int out)
{
	struct masks masks = masks_of(getpid());

	say("after fork:");
	show_masks(&masks);
	claim(!has(masks.process_pending, SIGUSR1),
	      "fork: a child has nothing pending");
	claim(has(masks.blocked, SIGUSR1) && has(masks.ignored, SIGHUP) &&
		      has(masks.caught, SIGUSR2),
	      "fork: it has the mask, what is ignored, and the handlers");
	must(kill(getpid(), SIGUSR1));
	say("I send myself SIGUSR1, and exec cat(1)");
	must(dup2(in, STDIN_FILENO));
	must(dup2(out, STDOUT_FILENO));
	execlp("cat", "cat", NULL);
	skip("no cat(1) found in PATH: %s", strerror(errno));
}

// What comes back through cat shows that the execve is over.
void scene_inherit(void)
{
	int to_cat[2], from_cat[2];
	char byte = 'x';

	must(pipe2(to_cat, O_CLOEXEC));
	must(pipe2(from_cat, O_CLOEXEC));
	handle(SIGHUP, SIG_IGN, 0);
	handle(SIGUSR2, count, 0);
	block(SIGUSR1);
	must(kill(getpid(), SIGUSR1));
	struct masks masks = masks_of(getpid());
	say("%d (USR1) is pending, %d (HUP) ignored, %d (USR2) caught:",
	    SIGUSR1, SIGHUP, SIGUSR2);
	show_masks(&masks);
	claim(has(masks.process_pending, SIGUSR1), "I have one pending");
	pid_t child = fork_as("child");
	if (child == 0)
		become_cat(to_cat[READ], from_cat[WRITE]);

	must(close(from_cat[WRITE]));
	must(write(to_cat[WRITE], &byte, 1));
	if (must(read(from_cat[READ], &byte, 1)) != 1)
		reap(child);
	masks = masks_of(child);
	say("after execve:");
	show_masks(&masks);
	claim(has(masks.blocked, SIGUSR1) && has(masks.ignored, SIGHUP),
	      "execve: the mask and what is ignored stay");
	claim(has(masks.process_pending, SIGUSR1),
	      "execve: what is pending stays");
	claim(!has(masks.caught, SIGUSR2) && !has(masks.ignored, SIGUSR2),
	      "execve: what was caught has its default action again");
	must(close(to_cat[WRITE]));
	reap(child);
}
