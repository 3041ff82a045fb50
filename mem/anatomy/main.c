// # Anatomy: what lies where in a process
//
// Chapter 08 · Processes (프로세스 구조)
//
// A process has an address space (주소 공간): text (코드), data (데이터), bss, heap
// (힙), mappings, stack (스택). Books draw it as a tall box. This lab draws its own,
// from what the kernel says, to scale, and marks what it knows of itself: main, a
// constant, a global, a block of malloc, a local. Then it grows each part, meets
// the end of the stack, runs itself again to see what moves, and tries what the
// rights forbid.
//
//     $ build/mem/anatomy                every scene
//     $ build/mem/anatomy picture        one of them
//     $ build/mem/anatomy --of=PID       another process
//
// Try: give `zeros` in own.c a first value other than 0, and look at the size of
// the program (ls -l, size(1)): which part has grown? Compare --of= your shell with
// --of= a browser. Run `picture` under `setarch -R`.
//
// Read next: regions.c (what is what), picture.c, own.c, grow.c, faults.c, aslr.c in
// this folder; mem/translate (what is behind an address), mem/walk.
// Sources: proc_pid_maps(5), elf(5), brk(2), mmap(2), sigaltstack(2), mprotect(2),
// personality(2), malloc(3), mallopt(3), vdso(7); Linux,
// Documentation/admin-guide/sysctl/kernel.rst (randomize_va_space).

#define _GNU_SOURCE
#include "lab.h"
#include "mem/anatomy/anatomy.h"

static const struct scene scenes[] = {
	{ "picture", "my address space, drawn to scale",        scene_picture },
	{ "grow",    "heap, stack and mappings grow",           scene_grow },
	{ "guard",   "where a stack ends",                      scene_guard },
	{ "aslr",    "two runs side by side: what has moved",   scene_aslr },
	{ "rights",  "text is not written, data not executed",  scene_rights },
	{ 0 }
};

static const struct tool tools[] = {
	{ "--of", "PID", "the address space of any process", of_main },
	{ "marks", "[--format=json]", "where things of this run are, a line each",
	  marks_main },
	{ 0 }
};

static const struct lab lab = {
	.name = "mem/anatomy",
	.summary = "what lies where in a process, drawn",
	.chapter = "08 · Processes",
	.scenes = scenes,
	.tools = tools,
};

int main(int argc, char **argv)
{
	return lab_main(&lab, argc, argv);
}
