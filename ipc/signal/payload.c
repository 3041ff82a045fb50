// # What comes with a signal, and how many may wait
//
// sigqueue(3) sends a real-time signal with a value, an int or a pointer. The
// receiver finds it in a siginfo_t, along with who sent it and how. A handler
// gets that with SA_SIGINFO; sigwaitinfo(2) and signalfd(2) return it.

#define _GNU_SOURCE
#include <sched.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ipc/signal/scenes.h"
#include "lab.h"

static const char *code_name(int code)
{
	return code == SI_USER      ? "SI_USER"
	       : code == SI_QUEUE   ? "SI_QUEUE"
	       : code == SI_TKILL   ? "SI_TKILL"
	       : code == CLD_EXITED ? "CLD_EXITED"
				    : "another";
}

static void tell(const siginfo_t *info, const char *how)
{
	say("%-9s si_code %-10s si_pid %d, si_uid %d", how,
	    code_name(info->si_code), info->si_pid, (int)info->si_uid);
}

static siginfo_t take(int number, const char *how)
{
	const sigset_t set = only(number);
	siginfo_t info;

	must(sigwaitinfo(&set, &info));
	tell(&info, how);
	return info;
}

static bool is_from(const siginfo_t *info, pid_t pid, int code)
{
	return info->si_code == code && info->si_pid == pid &&
	       info->si_uid == getuid();
}

// ## Who, how, and what
//
// si_code tells how a signal came to be: by kill (SI_USER), sigqueue
// (SI_QUEUE), to one thread (SI_TKILL), or from the kernel (above 0: CLD_EXITED
// says that a child has ended, and then si_status is its exit status).
//
// One detail is glibc's: its sigwaitinfo says SI_USER where the kernel said
// SI_TKILL. A handler is entered by the kernel and sees what that said.

static volatile siginfo_t delivered;

static void keep(int number, siginfo_t *info, void *context)
{
	(void)number, (void)context;
	delivered = *info;
}

static siginfo_t raise_to_handler(void)
{
	struct sigaction action = { .sa_sigaction = keep,
				    .sa_flags = SA_SIGINFO };

	must(sigemptyset(&action.sa_mask));
	must(sigaction(SIGUSR1, &action, NULL));
	unblock(SIGUSR1);
	must_zero(raise(SIGUSR1));
	return delivered;
}

void scene_payload(void)
{
	enum { VALUE = 42, STATUS = 7 };

	handle(SIGCHLD, SIG_DFL, 0);
	block(SIGUSR1);
	block(SIGRTMIN);
	block(SIGCHLD);
	pid_t parent = getpid(), child = fork_as("child");
	if (child == 0) {
		must(kill(parent, SIGUSR1));
		queue(parent, SIGRTMIN, VALUE);
		_exit(STATUS);
	}
	say("I am process %d, my child is %d", parent, child);
	siginfo_t info = take(SIGUSR1, "kill:");
	claim(is_from(&info, child, SI_USER),
	      "kill: SI_USER, and the sender's process and user");
	info = take(SIGRTMIN, "sigqueue:");
	say("    and si_value %d", info.si_value.sival_int);
	claim(is_from(&info, child, SI_QUEUE) &&
		      info.si_value.sival_int == VALUE,
	      "sigqueue: SI_QUEUE, and the value that was sent");
	info = take(SIGCHLD, "its end:");
	say("    and si_status %d", info.si_status);
	claim(is_from(&info, child, CLD_EXITED) && info.si_status == STATUS,
	      "the kernel's own SIGCHLD tells of the child and its status");
	must(waitpid(child, NULL, 0));

	info = raise_to_handler();
	tell(&info, "raise:");
	claim(is_from(&info, parent, SI_TKILL),
	      "raise, seen by a handler: SI_TKILL, it was sent to a thread");
}

// ## Whom to believe
//
// Below sigqueue lies a system call that copies the sender's siginfo_t as it
// is. So an SI_QUEUE may name any si_pid. What the kernel vouches for are
// SI_USER, SI_TKILL and all above 0: nobody may send those codes to another
// process (EPERM). To know who talks to you, use a socket (SO_PEERCRED,
// ipc/socket).

static int send_info(pid_t to, const siginfo_t *info)
{
	return (int)syscall(SYS_rt_sigqueueinfo, to, info->si_signo, info);
}

void scene_forge(void)
{
	enum { INIT = 1 };

	block(SIGRTMIN);
	pid_t child = fork_as("forger");
	if (child == 0) {
		siginfo_t info = { .si_signo = SIGRTMIN, .si_code = SI_USER };
		info.si_pid = INIT;
		say("I am %d, and say that I am process %d", getpid(), INIT);
		int error = send_info(getppid(), &info) == -1 ? errno : 0;
		claim(error == EPERM, "a forged SI_USER is refused (EPERM)");
		info.si_code = SI_QUEUE;
		need_queued(send_info(getppid(), &info));
		_exit(EXIT_SUCCESS);
	}
	reap(child);
	siginfo_t info = take(SIGRTMIN, "sigqueue:");
	claim(info.si_code == SI_QUEUE && info.si_pid == INIT,
	      "a forged SI_QUEUE arrives: it says it comes from process %d",
	      INIT);
}

// ## How many may wait
//
// Each queued signal takes kernel memory, so RLIMIT_SIGPENDING bounds them.
// What is counted are the signals queued for all processes of the receiver's
// user (SigQ in /proc/PID/status); the bound is the receiver's. Above it
// sigqueue fails with EAGAIN, and it is for the sender to try again.
//
// kill never fails so: a standard signal needs no entry to be pending. Nor does
// it for a real-time signal, and that is a trap: the signal is sent, but
// without an entry, so it merges with others, and its sender is not known. (The
// same happens to a standard signal sent with sigqueue: its value is lost.)

static void limit_to(rlim_t signals)
{
	struct rlimit limit;

	must(getrlimit(RLIMIT_SIGPENDING, &limit));
	if (signals > limit.rlim_max)
		skip("RLIMIT_SIGPENDING allows only %ju: raise it (ulimit -H "
		     "-i)",
		     (uintmax_t)limit.rlim_max);
	limit.rlim_cur = signals;
	must(setrlimit(RLIMIT_SIGPENDING, &limit));
}

static int take_all(int number, siginfo_t *last)
{
	const sigset_t set = only(number);
	int taken = 0;

	while (sigtimedwait(&set, last, &(struct timespec){ 0 }) == number)
		taken++;
	return taken;
}

// In a user namespace of our own the count is ours (Linux 5.14). Without one
// other processes of the user may hold some of the LIMIT entries. (The change
// clears what should kill us with our parent, so we ask for it again.)
void scene_limit(void)
{
	enum { LIMIT = 5, KILLS = 3 };
	const union sigval nothing = { 0 };
	siginfo_t info;
	int queued = 1;

	if (unshare(CLONE_NEWUSER) == 0)
		must(prctl(PR_SET_PDEATHSIG, SIGKILL));
	block(SIGRTMIN);
	queue(getpid(), SIGRTMIN, 0);
	limit_to(LIMIT);
	while (queued <= LIMIT && sigqueue(getpid(), SIGRTMIN, nothing) == 0)
		queued++;
	int error = queued <= LIMIT ? errno : 0;
	int taken = take_all(SIGRTMIN, &info);
	say("with a limit of %d I could queue %d, and took %d", LIMIT, queued,
	    taken);
	claim(queued <= LIMIT && error == EAGAIN,
	      "above RLIMIT_SIGPENDING sigqueue is refused (EAGAIN)");
	claim(taken == queued, "each that was accepted has arrived");

	limit_to(0);
	error = sigqueue(getpid(), SIGRTMIN, nothing) == -1 ? errno : 0;
	claim(error == EAGAIN, "with a limit of 0 none can be queued");
	for (int i = 0; i < KILLS; i++)
		must(kill(getpid(), SIGRTMIN));
	taken = take_all(SIGRTMIN, &info);
	say("kill sends %d all the same; %d came, with si_pid %d", KILLS, taken,
	    info.si_pid);
	claim(taken == 1 && info.si_pid == 0,
	      "what kill sends then is merged, and its sender forgotten");
}
