// # Simpler: one server, as threads and as a state machine
//
// Chapter 11 · Threads (스레드)
//
// The notes' third advantage of threads is 작업이 분리돼 코드가 간결, that each
// task has code of its own and the code is short. What would it look like
// otherwise? So there is one small task, a server that reads lines, waits for a
// slow back end and answers, and it is written twice:
//
//     threads.c    a thread for each client. It reads like the protocol.
//     machine.c    one thread for all, epoll, and what a client's thread would
//                  know put into a struct, by hand
//
// First both have to give the same bytes, however the packets are cut and
// however badly clients behave; then the lab looks into both while they sleep in
// the middle of a conversation; then it lays them side by side, step by step
// (`steps`), and counts what each costs.
//
//     $ build/threads/simpler                 every scene
//     $ build/threads/simpler states lines    two of them
//
//     states · what is remembered, and where it is
//         1.54 ms  main     asleep in system call 45; 5040 bytes of stack in use
//                  ✓ the name and the sum so far lie on its stack
//                  ✓ the machine has it in a struct: NUMBER, 1 left, 3333333333
//                    on the thread's stack            in the machine's struct
//     how far        return addresses                 state = NUMBER
//     with whom      sp + 0x094: "ann"                name = "ann"
//     still to come  count, the loop's variable       left = 1
//     sum so far     sp + 0x0e8: 3333333333           total = 3333333333
//     half a line    input, of the same kind          input = "33"
//
// Read threads.c from `converse` upwards, then machine.c from `take_step`. For
// each field of `struct connection` (simpler.h) find what it is in threads.c.
//
// Try: give the protocol a command `again` that repeats the last answer. How many
// places did you touch in each file? Then let `sum` ask for its numbers one at a
// time ("1?", "2?" ...). Which of the two servers needs a new state?
//
// Read next: ipc/echo (a server for a thousand clients, three ways),
// threads/fiber (code like threads.c at the price of machine.c).
// Sources: pthreads(7), epoll(7), unix(7), proc(5), process_vm_readv(2),
// ptrace(2); Adya, Howell, Theimer, Bolosky & Douceur, "Cooperative Task
// Management without Manual Stack Management", USENIX 2002 (who call what is
// done here by hand "stack ripping"); Ousterhout, "Why Threads Are A Bad Idea
// (for most purposes)", USENIX 1996 (talk), for the other side.

#define _GNU_SOURCE
#include "lab.h"
#include "simpler.h"

static const struct scene scenes[] = {
	{ "talk",   "one task, two servers, the same bytes",   scene_talk },
	{ "split",  "packets cut anywhere",                    scene_split },
	{ "joined", "many requests in one packet",             scene_joined },
	{ "leave",  "clients that leave in the middle",        scene_leave },
	{ "slow",   "a client that asks and does not listen",  scene_slow },
	{ "states", "what is remembered, and where it is",     scene_states },
	{ "forgotten", "a mistake that only a machine can make", scene_forgotten },
	{ "steps",  "line by line: each step, here and there", scene_steps },
	{ "lines",  "how much there is to read",               scene_lines },
	{ "memory", "the price: memory",                       scene_memory },
	{ "calls",  "the price: switches and system calls",    scene_calls },
	{ "speed",  "the price: requests a second",            scene_speed },
	{ 0 }
};

static const struct lab lab = {
	.name = "threads/simpler",
	.summary =
		"one server, as threads and as a state machine, and the price",
	.chapter = "11 · Threads",
	.scenes = scenes,
};

int main(int argc, char **argv)
{
	return lab_main(&lab, argc, argv);
}
