// # A function that keeps its patterns over a switch
//
// unsigned long fiber_keep(unsigned long seed): fills all registers that a call
// must keep with seed + 1, + 2 ..., yields, and returns the or of all differences.

#ifdef __x86_64__
	.text
	.globl	fiber_keep
	.type	fiber_keep, @function
fiber_keep:
	pushq	%rbp
	pushq	%rbx
	pushq	%r12
	pushq	%r13
	pushq	%r14
	pushq	%r15
	pushq	%rdi
	leaq	1(%rdi), %rbp
	leaq	2(%rdi), %rbx
	leaq	3(%rdi), %r12
	leaq	4(%rdi), %r13
	leaq	5(%rdi), %r14
	leaq	6(%rdi), %r15
	call	fiber_yield@PLT
	popq	%rdi
	subq	%rdi, %rbp
	subq	%rdi, %rbx
	subq	%rdi, %r12
	subq	%rdi, %r13
	subq	%rdi, %r14
	subq	%rdi, %r15
	leaq	-1(%rbp), %rax
	leaq	-2(%rbx), %rcx
	orq	%rcx, %rax
	leaq	-3(%r12), %rcx
	orq	%rcx, %rax
	leaq	-4(%r13), %rcx
	orq	%rcx, %rax
	leaq	-5(%r14), %rcx
	orq	%rcx, %rax
	leaq	-6(%r15), %rcx
	orq	%rcx, %rax
	popq	%r15
	popq	%r14
	popq	%r13
	popq	%r12
	popq	%rbx
	popq	%rbp
	ret
	.size	fiber_keep, . - fiber_keep
#endif

#ifdef __aarch64__
	.text
	.globl	fiber_keep
	.type	fiber_keep, %function
fiber_keep:
	stp	x29, x30, [sp, #-176]!
	stp	x19, x20, [sp, #16]
	stp	x21, x22, [sp, #32]
	stp	x23, x24, [sp, #48]
	stp	x25, x26, [sp, #64]
	stp	x27, x28, [sp, #80]
	stp	d8, d9, [sp, #96]
	stp	d10, d11, [sp, #112]
	stp	d12, d13, [sp, #128]
	stp	d14, d15, [sp, #144]
	str	x0, [sp, #160]
	.irp	n, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29
	add	x\n, x0, #\n
	.endr
	.irp	n, 8, 9, 10, 11, 12, 13, 14, 15
	add	x1, x0, #\n
	fmov	d\n, x1
	.endr
	bl	fiber_yield
	ldr	x2, [sp, #160]
	mov	x0, #0
	.irp	n, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29
	sub	x1, x\n, x2
	sub	x1, x1, #\n
	orr	x0, x0, x1
	.endr
	.irp	n, 8, 9, 10, 11, 12, 13, 14, 15
	fmov	x1, d\n
	sub	x1, x1, x2
	sub	x1, x1, #\n
	orr	x0, x0, x1
	.endr
	ldp	x19, x20, [sp, #16]
	ldp	x21, x22, [sp, #32]
	ldp	x23, x24, [sp, #48]
	ldp	x25, x26, [sp, #64]
	ldp	x27, x28, [sp, #80]
	ldp	d8, d9, [sp, #96]
	ldp	d10, d11, [sp, #112]
	ldp	d12, d13, [sp, #128]
	ldp	d14, d15, [sp, #144]
	ldp	x29, x30, [sp], #176
	ret
	.size	fiber_keep, . - fiber_keep
#endif

	.section .note.GNU-stack, "", %progbits
