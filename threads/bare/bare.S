// A new task begins behind the very system call that its creator made, with all
// registers the same but two: the result, which is 0, and the stack pointer. On
// that empty stack a C function could not return. So: call run(argument) from
// here, and end this task alone with exit(2) (exit_group(2) ends them all).
//
// The kernel leaves every register but the result (and, on x86-64, rcx and r11)
// as it was, so what the task needs crosses in two that the call does not read.
// Of clone's arguments, those that belong to flags we never set are not read.

#if defined __x86_64__

	.text

// rdi how, rsi how_bytes, rdx run, rcx argument
	.globl	bare_clone3
	.type	bare_clone3, @function
bare_clone3:
	.cfi_startproc
	mov	%rdx, %r9
	mov	%rcx, %r8
	mov	$435, %eax		// clone3
	syscall
	test	%rax, %rax
	jz	begin
	ret
	.cfi_endproc
	.size	bare_clone3, . - bare_clone3

// rdi flags, rsi stack_top, rdx run, rcx argument, r8 alive
	.globl	bare_clone
	.type	bare_clone, @function
bare_clone:
	.cfi_startproc
	mov	%rdx, %r9
	mov	%r8, %r10		// child_tid
	mov	%rcx, %r8
	mov	$56, %eax		// clone
	syscall
	test	%rax, %rax
	jz	begin
	ret
	.cfi_endproc
	.size	bare_clone, . - bare_clone

	.type	begin, @function
begin:
	.cfi_startproc
	.cfi_undefined rip		// nobody called: backtraces end here
	xor	%ebp, %ebp
	xor	%edi, %edi
	test	%r9, %r9
	jz	ended
	mov	%r8, %rdi
	call	*%r9
	mov	%eax, %edi
ended:
	mov	$60, %eax		// exit
	syscall
	hlt
	.cfi_endproc
	.size	begin, . - begin

#elif defined __aarch64__

	.text

// x0 how, x1 how_bytes, x2 run, x3 argument
	.globl	bare_clone3
	.type	bare_clone3, %function
bare_clone3:
	.cfi_startproc
	mov	x9, x2
	mov	x10, x3
	mov	x8, #435		// clone3
	svc	#0
	cbz	x0, begin
	ret
	.cfi_endproc
	.size	bare_clone3, . - bare_clone3

// x0 flags, x1 stack_top, x2 run, x3 argument, x4 alive (as child_tid)
	.globl	bare_clone
	.type	bare_clone, %function
bare_clone:
	.cfi_startproc
	mov	x9, x2
	mov	x10, x3
	mov	x8, #220		// clone
	svc	#0
	cbz	x0, begin
	ret
	.cfi_endproc
	.size	bare_clone, . - bare_clone

	.type	begin, %function
begin:
	.cfi_startproc
	.cfi_undefined x30		// nobody called: backtraces end here
	mov	x29, #0
	cbz	x9, ended
	mov	x0, x10
	blr	x9
ended:
	mov	x8, #93			// exit
	svc	#0
	brk	#0
	.cfi_endproc
	.size	begin, . - begin

#else
#error "bare.S speaks x86-64 and aarch64"
#endif

	.section .note.GNU-stack, "", %progbits
