// # Share: what threads share, and what they do not
//
// Chapter 11 · Threads (스레드)
//
// A thread lives in its process and has access to all of its data (프로세스의
// 데이터를 모두 접근 가능); two processes share nothing. So say the books. The
// kernel knows neither: it has tasks, and clone(2) has a flag for each thing
// that a new task may share with its maker. fork(2) sets none of them,
// pthread_create(3) all. This lab sets them one at a time, lets the task change
// something, and looks whether its maker sees it: 25 things, 7 ways, each cell
// of the table tried.
//
//     $ build/threads/share           every scene
//     $ build/threads/share table     one of them
//
//     table · what is shared, and by which flag
//                        fork      FS   FILES      VM SIGHAND  THREAD pthread
//            a global       ·       ·       ·       ●       ●       ●       ●
//               errno       ·       ·       ·       ●       ●       ●       ·
//      working folder       ·       ●       ·       ·       ·       ·       ●
//         file offset       ●       ●       ●       ●       ●       ●       ●
//     signal handlers       ·       ·       ·       ·       ●       ●       ●
//                 PID       ·       ·       ·       ·       ·       ●       ●
//         signal mask       ·       ·       ·       ·       ·       ·       ·
//                 ✓ VM: all that has an address, 28 of 28 cells
//
// (VM means CLONE_VM alone; SIGHAND wants VM as well, and THREAD both.)
//
// Read on in this order: table.c, try.c (how a cell is tried), memory.c,
// files.c, process.c and own.c (the rows), needs.c, ids.c, stacks.c,
// credentials.c, apart.c, notes.c (the comparison of the lecture notes, tried).
//
// Try: add a row of your own: the I/O priority, the personality, the timer
// slack. Guess the flag first. Then take CLONE_VFORK out of try.c and play
// `table` until something breaks: what do maker and task both use at once?
//
// Read next: threads/crash (the price of sharing), threads/price (what each way
// costs), threads/bare (a task without the C library).
// Sources: clone(2), pthreads(7), nptl(7), unshare(2), kcmp(2), fork(2),
// credentials(7), proc(5), open(2); POSIX.1-2017, XBD 3.404 "Thread".

#define _GNU_SOURCE
#include "lab.h"
#include "threads/share/share.h"

static const struct scene scenes[] = {
	{ "table", "what is shared, and by which flag", scene_table },
	{ "needs", "which flags need which", scene_needs },
	{ "kernel", "the kernel's own answer", scene_kernel },
	{ "ids", "one PID, many TIDs", scene_ids },
	{ "stacks", "whose stack is it", scene_stacks },
	{ "local", "one name, a variable each", scene_local },
	{ "credentials", "two users in one process", scene_credentials },
	{ "apart", "the folder under another's feet", scene_apart },
	{ "notes", "process and thread, line by line", scene_notes },
	{ 0 }
};

static const struct lab lab = {
	.name = "threads/share",
	.summary = "what threads share: one clone flag at a time, tried",
	.chapter = "11 · Threads",
	.scenes = scenes,
};

int main(int argc, char **argv)
{
	return lab_main(&lab, argc, argv);
}
