// # The switch on x86-64
//
// What it pushes, from the stack pointer upwards (a context is its address):
//
//      0  MXCSR (4 bytes), x87 control word (2)
//      8  r15    16  r14    24  r13    32  r12    40  rbx    48  rbp
//     56  the return address, pushed by the call
//
// It leaves with a jump and not with ret. The CPU predicts a ret by a stack of the
// calls that it has seen, and a switch is just where that is wrong: with a ret
// two loops that switch to each other took twice as long here. No property note
// marks this file as fit for shadow stacks, where that would be an error and not
// only slow; so the linker leaves them off for the whole program.
//
// To compare the control words first and load them only where they differ was
// slower here than just to load them.
//
// The CFI lines tell debuggers where each register is at each instruction. They
// count from the stack pointer, so they hold on the old and on the new stack.

#ifdef __x86_64__

#define PUSH(register)                  \
	pushq	register;               \
	.cfi_adjust_cfa_offset 8;       \
	.cfi_rel_offset register, 0

#define POP(register)                   \
	popq	register;               \
	.cfi_adjust_cfa_offset -8;      \
	.cfi_restore register

	.text
	.globl	fiber_switch
	.type	fiber_switch, @function
	.p2align 4
fiber_switch:				// from rdi, to rsi, value rdx
	.cfi_startproc
	PUSH(%rbp)
	PUSH(%rbx)
	PUSH(%r12)
	PUSH(%r13)
	PUSH(%r14)
	PUSH(%r15)
	leaq	-8(%rsp), %rsp
	.cfi_adjust_cfa_offset 8
	stmxcsr	(%rsp)
	fnstcw	4(%rsp)
	movq	%rsp, (%rdi)
	movq	%rsi, %rsp
	movq	56(%rsp), %r8
	ldmxcsr	(%rsp)
	fldcw	4(%rsp)
	leaq	8(%rsp), %rsp
	.cfi_adjust_cfa_offset -8
	POP(%r15)
	POP(%r14)
	POP(%r13)
	POP(%r12)
	POP(%rbx)
	POP(%rbp)
	leaq	8(%rsp), %rsp
	.cfi_adjust_cfa_offset -8
	.cfi_register %rip, %r8
	movq	%rdx, %rax
	jmp	*%r8
	.cfi_endproc
	.size	fiber_switch, . - fiber_switch

// The first switch jumps to `fiber_first`, on a stack that is aligned as before a
// call, with begin in rbx. There is nothing above: unwinding ends here. (A debugger
// looks up the byte before a return address: hence the nop.)

	.type	fiber_first, @function
	.p2align 4
fiber_first:
	.cfi_startproc
	.cfi_undefined %rip
	nop
1:	movq	%rax, %rdi
	call	*%rbx
	ud2
	.cfi_endproc
	.size	fiber_first, . - fiber_first

	.globl	fiber_prepare
	.type	fiber_prepare, @function
	.p2align 4
fiber_prepare:				// top rdi, begin rsi
	.cfi_startproc
	leaq	-80(%rdi), %rax
	stmxcsr	(%rax)
	fnstcw	4(%rax)
	xorl	%ecx, %ecx
	movq	%rcx, 8(%rax)
	movq	%rcx, 16(%rax)
	movq	%rcx, 24(%rax)
	movq	%rcx, 32(%rax)
	movq	%rsi, 40(%rax)
	movq	%rcx, 48(%rax)
	leaq	1b(%rip), %rdx
	movq	%rdx, 56(%rax)
	movq	%rcx, 64(%rax)
	movq	%rcx, 72(%rax)
	ret
	.cfi_endproc
	.size	fiber_prepare, . - fiber_prepare

#endif

	.section .note.GNU-stack, "", %progbits
