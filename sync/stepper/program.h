// program.h - pieces of code from a small assembly text
//
// A text names shared words, gives each process its instructions, and says what
// is to be checked:
//
//     # two processes count
//     word x = 0
//
//     process A B              the same instructions for both
//         mov rax, [x]
//         add rax, 1
//     put: mov [x], rax        a label begins a section, up to the next one
//
//     check end x == 2         see condition.h
//
// A comment begins with # or ; and goes to the end of the line. Up to 16 words,
// 3 processes (a capital letter each, defined in the order A, B, C), 64
// instructions and 16 sections a process, 8 checks.
//
// Instructions are those of x86-64 with 64-bit operands, as the Intel manual
// writes them:
//
//     mov add sub and or xor cmp    REG,REG  REG,NUMBER  REG,[x]
//                                   [x],REG  [x],NUMBER
//     test                          REG,REG
//     inc dec neg not               REG  [x]
//     xchg                          [x],REG  REG,[x]  (locked by itself)
//     xadd cmpxchg                  [x],REG
//     lock ...                      before add sub and or xor inc dec neg not
//                                   xadd cmpxchg with [x] first
//     jmp je jne jz jnz jl jle jg jge jb jbe ja jae js jns   LABEL
//     mfence pause nop
//
// REG is rax rbx rcx rdx rsi r8 ... r15 (rdi holds the address of the words,
// rsp and rbp are not for pieces); NUMBER is decimal or 0x..., of 32 bits with
// sign. Each is encoded as GNU as does it, byte by byte.
// Source: Intel 64 and IA-32 Architectures Software Developer's Manual, vol. 2.

#ifndef SYNC_STEPPER_PROGRAM_H
#define SYNC_STEPPER_PROGRAM_H

#include <stddef.h>
#include <stdint.h>

#include "sync/stepper/stepper.h"

enum {
	PROGRAM_NAME = 12, // bytes of the name of a word or a section
	PROGRAM_INSTRUCTIONS = 64,
	PROGRAM_SECTIONS = 16,
	PROGRAM_CHECKS = 8,
	PROGRAM_TEXT = 40,  // bytes of an instruction as it is printed
	PROGRAM_BYTES = 12, // of machine code of one
	PROGRAM_CHECK = 120,
};

// Where a text is wrong, and why. Lines and columns count from 1; the column
// is 0 where it is about the whole line, the line 0 about the whole text.
struct text_error {
	int line, column;
	char text[120];
};

struct instruction {
	char text[PROGRAM_TEXT];
	uint16_t offset; // from the first instruction of its process
	uint8_t bytes;
	uint8_t code[PROGRAM_BYTES];
	int line; // of the text
};

struct section {
	char name[PROGRAM_NAME];
	int first, end; // its instructions
};

struct routine {
	char name; // 'A' ...
	int count, sections;
	struct instruction instructions[PROGRAM_INSTRUCTIONS];
	struct section section[PROGRAM_SECTIONS];
	size_t bytes;
	uint8_t code[PROGRAM_INSTRUCTIONS * PROGRAM_BYTES];
};

struct program {
	int words, routines, checks;
	char word[STEPPER_WORDS][PROGRAM_NAME];
	uint64_t start[STEPPER_WORDS];
	struct routine routine[STEPPER_PROCESSES];
	struct {
		char text[PROGRAM_CHECK];
		int line;
	} check[PROGRAM_CHECKS];
};

// Reads a text of `length` bytes. Returns 0, or -EINVAL with *error filled.
// Checks are kept as text: condition_parse reads them.
int program_parse(struct program *program, const char *text, size_t length,
		  struct text_error *error);

// The pieces of a program, for stepper_open; they point into it. And its state
// before the first step.
int program_pieces(const struct program *program,
		   struct step_piece pieces[STEPPER_PROCESSES]);
void program_start(const struct program *program, const struct stepper *stepper,
		   struct step_state *state);

// Which instruction a process executes next: an index into its instructions,
// `count` at its end, -1 when it stands at none.
int program_at(const struct routine *routine,
	       const struct step_process *process);

// The index of a word or section by its name, or -1.
int program_word(const struct program *program, const char *name,
		 size_t length);
int program_section(const struct routine *routine, const char *name,
		    size_t length);

#endif
