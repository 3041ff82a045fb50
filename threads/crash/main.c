// # Crash: one worker of eight reads address 0
//
// Chapter 11 · Threads (스레드)
//
// The first disadvantage in the notes: trouble in one thread is trouble for the
// whole process (한 스레드만 문제가 있어도, 전체 프로세스가 영향을 받음). Eight
// workers, of which number 3 dereferences NULL: as threads all eight die, as
// processes seven live. Who was told, when, and what; how a thread, a process
// and a program end; and what remains of a lock when somebody wants to live on.
//
//     $ build/threads/crash              every scene
//     $ build/threads/crash alone jump   two of them
//
//     alone · one of eight processes does
//     worker 2  ·······wwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwww
//     worker 3  ········wwwwwwwwwwwwwwwwwwwwwwwwwwwww!·················
//     worker 4  ·········wwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwww·
//     parent    .......................................················
//                 ✓ the parent is told who: worker 3, killed by SIGSEGV
//                 ✓ seven have worked on since then
//
//     jump · the wrong cure: jump out of the fault
//         0.42 ms  mover    saved! I have jumped out of the fault, and end
//         0.48 ms  process  the mover is gone; the accounts hold 90 and 0
//                 ✓ the lock is taken, and its owner is gone
//                 ✓ of 100, 10 are lost
//
// Read on in this order: work.c (the workers), eight.c, told.c, ends.c, locks.c.
//
// Try: in told.c, leave out SA_RESETHAND and watch the process with `top`. Who
// raises the signal again and again? Then let `mover` in locks.c take the lock
// with PTHREAD_MUTEX_ROBUST: does a jump count as the owner's death?
//
// Read next: ipc/signal/threads.c (which thread gets a signal), sync/robust (an
// owner dies holding the lock), threads/share (what they share in the first
// place).
// Sources: signal(7), sigaction(2), wait(2), pthreads(7), pthread_exit(3),
// exit_group(2), execve(2), fork(2), pthread_atfork(3), siglongjmp(3);
// POSIX.1-2017, XSH 2.9.

#define _GNU_SOURCE
#include "lab.h"
#include "threads/crash/crash.h"

static const struct scene scenes[] = {
	{ "together", "one of eight threads reads address 0", scene_together },
	{ "alone", "one of eight processes does", scene_alone },
	{ "told", "who is told, and what", scene_told },
	{ "leave", "main leaves first", scene_leave },
	{ "exit", "one thread says exit", scene_exit },
	{ "exec", "one thread becomes another program", scene_exec },
	{ "jump", "the wrong cure: jump out of the fault", scene_jump },
	{ "fork", "a copy of the locks, but not of who holds them", scene_fork },
	{ 0 }
};

static const struct lab lab = {
	.name = "threads/crash",
	.summary = "one worker of eight crashes: as threads, as processes",
	.chapter = "11 · Threads",
	.scenes = scenes,
};

int main(int argc, char **argv)
{
	return lab_main(&lab, argc, argv);
}
