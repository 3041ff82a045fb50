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
//     $ build/mem/anatomy picture
//     7ffe745a5000 │wwww│ stack             rw-p   132 KiB  ◂ a local
//                  ┆    ┆ 159 GiB not mapped
//     7fd699946000 │xxxx│ [vdso]            r-xp     8 KiB  ◂ the vDSO
//                  │rrrr│ libc.so.6          (5)  1.83 MiB
//                  │xxxx│ ◂ getenv
//                  ┆    ┆ 41.8 TiB not mapped
//     560c07d3a000 │wwww│ heap              rw-p   132 KiB  ◂ a small malloc
//                  ┆    ┆ 693 MiB not mapped
//                  │wwww│ bss               rw-p   264 KiB
//     560bdc808000 │wwww│ ◂ a global of zeros
//     560bdc807000 │wwww│ data              rw-p     4 KiB  ◂ a global
//     560bdc7fe000 │rrrr│ constants         r--p    28 KiB  ◂ a constant
//     560bdc7ee000 │xxxx│ text              r-xp    64 KiB  ◂ main
//
// (some lines of 45; x execute, w write, r read)
//
// Try: give `zeros` in own.c a first value other than 0, and look at the size of
// the program (ls -l, size(1)): which part has grown? Compare --of= your shell with
// --of= a browser. Run `picture` under `setarch -R`.
//
// Read next: own.c, grow.c, guard.c, faults.c, aslr.c in this folder; mem/layout (what is what,
// and the picture); mem/translate (what is behind an address), mem/walk.
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
