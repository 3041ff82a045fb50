// supervisor.h - nobody is left behind
//
// A lab starts processes that sleep, stop, lose their parents and start
// sessions of their own, and a reader may press Ctrl-C or Ctrl-Z at any moment
// or kill the program with SIGKILL. So the work is done two processes down:
//
//   front     the process the shell started. It waits, passes signals on,
//             and outlives everybody else.
//   guard     its child. It starts the body and waits for it.
//   body      the guard's child, which does the work and starts all others.
//
// All three are subreapers (PR_SET_CHILD_SUBREAPER, prctl(2)): an orphan
// becomes the child of the nearest one alive, whatever session it is in. What
// the body leaves behind the guard kills; if the guard is killed, the body dies
// with it and the front kills the rest; if the front is killed, the guard
// notices (PR_SET_PDEATHSIG) and kills everybody.
//
// Front, body and all that the body starts stay in the process group that the
// shell made: Ctrl-C, Ctrl-Z and fg reach them all. The guard alone has a group
// of its own, because what hits the whole group (`kill -9 %1`, `timeout -s
// KILL`) must leave somebody to clean up, and because a stopped process could
// not. It reads and writes nothing, so no terminal ever stops it.

#ifndef SUPERVISOR_H
#define SUPERVISOR_H

#include <stdbool.h>

// Sweeps and opens the ledger (names.h), runs body(argument) in a process of
// its own and returns its exit status once all descendants are gone and the
// ledger is closed. The body ends with exit(3), so that its output is flushed.
// A body killed by a signal kills the front by the same signal, so that the
// shell sees it. Call it once, before there are threads.
//
// A terminal's SIGINT, SIGQUIT and SIGHUP reach the body by themselves; sent to
// the front alone, they and SIGTERM are passed on to it. In the body they have
// the action they had when the program was started, unless it installs
// handlers: with one it may finish its work and return what it likes. A sender
// that signals the whole group (timeout(1)) reaches the body twice: a handler
// must allow for that.
int supervise(int (*body)(void *argument), void *argument);

// Kills and reaps every descendant of the calling process, stopped ones too.
// Makes the caller a subreaper, or their children would escape. Returns how
// many it reaped, dead ones that nobody had waited for among them; -EPERM where
// only processes are left that we may not kill (they belong to another user),
// -ENOSYS where /proc does not show our children. Not for fork bombs: whoever
// forks and dies faster than we look may get away (a PID namespace or a cgroup
// holds those).
int kill_descendants(void);

// Whether the process IDs in /proc are those that we use. A /proc that belongs
// to another PID namespace (`unshare --pid --fork` without --mount-proc) shows
// numbers that mean other processes here.
bool proc_is_ours(void);

#endif
