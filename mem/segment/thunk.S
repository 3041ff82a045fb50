// The way into a segment and back: 64-bit code that C calls, 32-bit code behind
// a far jump, and a far return.
//
// In 64-bit mode the CPU adds no base and checks no limit. It does both as soon
// as CS holds a segment whose L bit is clear: compatibility mode, which is how a
// 64-bit system runs 32-bit programs. No system call is needed to go there, only
// a far jump. What lies here is copied below 4 GiB (reach.c), where 32 bits can
// name it; it is never executed where the linker puts it.
//
// The struct visit (reach.h) is below 4 GiB, too. Across the modes only the low
// halves of the first eight registers are sure to live; so the 64-bit stack
// pointer waits in memory.
//
// Source: Intel SDM, volume 1, 3.4.1.1 (registers across modes), volume 3A,
// 5.8.1 (far transfers), 10.8.5 (compatibility mode).

#if defined __x86_64__ && defined __LP64__

#include "mem/segment/visit.h"

	.section .rodata
	.balign	16
	.globl	thunk_begin, thunk_at, thunk_back_at, thunk_bytes

	.code64
thunk_begin:				// rdi: the visit
	push	%rbx
	push	%rbp
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	mov	%rsp, VISIT_RSP(%rdi)
	mov	VISIT_SELECTOR(%rdi), %ebx
	mov	VISIT_OFFSET(%rdi), %edx
	mov	VISIT_VALUE(%rdi), %eax
	mov	VISIT_STACK(%rdi), %esp
	lea	thunk_back(%rip), %rsi
	mov	%cs, %ecx
	mov	%esi, -8(%rsp)		// what lret takes: where, and which CS
	mov	%ecx, -4(%rsp)
	sub	$8, %rsp
	ljmp	*VISIT_ENTRY(%rdi)

thunk_back:				// edi: the visit
	mov	%edi, %edi
	mov	%eax, VISIT_VALUE(%rdi)
	mov	VISIT_RSP(%rdi), %rsp
	xor	%eax, %eax
	mov	%eax, %ds
	mov	%eax, %es
	cld
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbp
	pop	%rbx
	ret

// What is done there with v = (ebx, edx) and the value eax.

	.code32
thunk_load:				// the byte at v
	mov	%ebx, %es
	movzbl	%es:(%edx), %eax
	lret

thunk_store:				// al to v
	mov	%ebx, %es
	mov	%al, %es:(%edx)
	lret

thunk_take:				// load the register, and use it not
	mov	%ebx, %es
	lret

thunk_push:				// eax onto a stack whose top is v
	mov	%ss, %ebp
	mov	%esp, %esi
	mov	%ebx, %ss
	mov	%edx, %esp
	push	%eax
	mov	%ebp, %ss
	mov	%esi, %esp
	lret

thunk_call:				// far call of v; its result in eax
	push	%ebx
	push	%edx
	lcall	*(%esp)
	add	$8, %esp
	lret

thunk_own:				// the byte at edx of the own code segment
	movzbl	%cs:(%edx), %eax
	lret

thunk_sum:				// a program: the sum of the words 0 .. edx
	mov	%ebx, %ds
	xor	%eax, %eax
	xor	%esi, %esi
1:	add	%ds:(%esi), %eax
	add	$4, %esi
	cmp	%edx, %esi
	jb	1b
	lret

thunk_jump:				// jump to edx of the own code segment
	jmp	*%edx

	.code64
thunk_end:

// Where what is: offsets from the beginning, in the order of enum act (reach.h).

	.balign	4
thunk_at:
	.long	thunk_load - thunk_begin
	.long	thunk_store - thunk_begin
	.long	thunk_take - thunk_begin
	.long	thunk_push - thunk_begin
	.long	thunk_call - thunk_begin
	.long	thunk_own - thunk_begin
	.long	thunk_sum - thunk_begin
	.long	thunk_jump - thunk_begin
thunk_back_at:
	.long	thunk_back - thunk_begin
thunk_bytes:
	.long	thunk_end - thunk_begin

#endif

	.section .note.GNU-stack, "", %progbits
