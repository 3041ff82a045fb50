// # Inversion: the urgent one waits for one who has nothing it wants
//
// Chapter 06 · Scheduling algorithms (스케쥴링 알고리즘)
//
// Priorities say who runs first. Locks say who must wait. Each is simple, and
// together they contradict each other: when the least urgent thread has the lock
// that the most urgent one wants, whoever is between them keeps the first from
// running and so the second from going on. That is priority inversion (우선순위
// 역전). Here it is made, with three real-time threads on one CPU, drawn from
// the kernel's own records, and cured in two ways.
//
//     three.c     three threads and a lock; what POSIX offers against it
//     refused.c   a ceiling that does not fit
//     chain.c     two locks and four threads: a priority is lent on
//     model.c     the simulator's prediction beside what happened here
//
//     actors.c    what a thread does, and why nothing of it is left to luck
//     perform.c   locks, the rights that it takes, a watchdog
//     witness.c   who ran when
//     picture.c   how it is drawn
//
//     $ build/sched/inversion                 every scene
//     $ build/sched/inversion inversion       one of them
//
//     inversion · the urgent one waits for a stranger
//        26.96 ms  main     from the kernel's record of its switches (perf events):
//     H  ···········hhh-----------------------------------------HHHHHhhh······
//     M  ····················mmmmmmmmmmmmmmmmmmmmmmm··························
//     L  llllllLLLLL___LLLLLL_______________________LLLLLLLLLLLL________llllll
//        ┬─────────────┬─────────────┬──────────────┬─────────────┬───────────
//        0 ms          5             10             15            20
//        27.01 ms  main     h: runs, H: with the lock, -: waits for it, _: for the CPU
//                  ✓ they ran in the order L H L M L H L
//                  ✓ M came after H wanted the lock, and was done before H got it
//                  ✓ M overtook H, though H is more urgent and M wants no lock
//                  ✓ H waits, and L keeps its priority all the time: 1
//        27.04 ms  main     H took 14.16 ms to get the lock: L ran 6.04 of them, M 8.01
//        27.05 ms  main     H was done 18.19 ms after it was woken
//
//     inheritance · the cure: a priority is lent
//        26.53 ms  main     from the kernel's record of its switches (perf events):
//     H  ···········hhh-----------------HHHHHHhhh·····························
//     M  ····················____________________mmmmmmmmmmmmmmmmmmmmmmm······
//     L  llllllLLLLL___LLLLLLLLLLLLLLLLL________________________________llllll
//        ┬─────────────┬─────────────┬──────────────┬─────────────┬───────────
//        0 ms          5             10             15            20
//        26.58 ms  main     h: runs, H: with the lock, -: waits for it, _: for the CPU
//                  ✓ they ran in the order L H L H M L
//
// It takes the right to real-time priorities: root, CAP_SYS_NICE, or a limit of
// 4 (`ulimit -r`, rtprio in limits.conf(5)). Who has not got it sees `model`,
// without the machine's half. Nothing of all this exists for ordinary threads:
// a nice value is not lent to anybody.
//
// Try: in three.c, give M the priority 3, like H. In which of the three pictures
// does the order change, and why only there? Let L compute 4 ms more before its
// UNLOCK; after it. What does H feel of either? Add a second M, woken by the
// first at its end: what bounds H's waiting now, with and without a cure?
//
// Read next: sched/sim (`--policy=priority-preemptive`), sched/duel (model and
// machine on any jobs), sync/mutex (what a lock is made of).
// Sources: Lampson & Redell, "Experience with Processes and Monitors in Mesa",
// CACM 23 (1980), 105-117; Sha, Rajkumar & Lehoczky, "Priority Inheritance
// Protocols: An Approach to Real-Time Synchronization", IEEE Transactions on
// Computers 39 (1990), 1175-1185; Reeves, "What Really Happened on Mars?"
// (1997); sched(7), futex(2), proc(5), perf_event_open(2), setrlimit(2);
// pthread_mutexattr_setprotocol(3p), pthread_mutexattr_setprioceiling(3p).

#include "lab.h"
#include "sched/inversion/inversion.h"

static const struct scene scenes[] = {
	{ "inversion",   "the urgent one waits for a stranger",  inversion },
	{ "inheritance", "the cure: a priority is lent",         inheritance },
	{ "ceiling",     "the cure beforehand: a priority for the lock",
	  ceiling },
	{ "refused",     "a ceiling that is too low",            refused },
	{ "chain",       "a lent priority is passed on",         chain },
	{ "model",       "the same three in the simulator",      model },
	{ 0 }
};

static const struct lab lab = {
	.name = "sched/inversion",
	.summary = "the urgent waits for a stranger: priority inversion, cured",
	.chapter = "06 · Scheduling algorithms",
	.scenes = scenes,
};

int main(int argc, char **argv)
{
	return lab_main(&lab, argc, argv);
}
