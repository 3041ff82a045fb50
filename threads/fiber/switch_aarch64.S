// # The switch on aarch64
//
// What it stores, from the stack pointer upwards (a context is its address):
//
//       0  x19 to x28    80  x29, x30 (frame pointer, return address)
//      96  d8 to d15    160  FPCR
//
// FPCR is compared and only written where it differs, since a write makes the CPU
// wait. The CFI lines count from the stack pointer, so they hold on the old and
// on the new stack.

#ifdef __aarch64__

#define FRAME 176

#define SAVED(register, offset) \
	.cfi_rel_offset register, offset

	.text
	.globl	fiber_switch
	.type	fiber_switch, %function
	.p2align 4
fiber_switch:				// from x0, to x1, value x2
	.cfi_startproc
	sub	sp, sp, #FRAME
	.cfi_adjust_cfa_offset FRAME
	stp	x19, x20, [sp, #0]
	stp	x21, x22, [sp, #16]
	stp	x23, x24, [sp, #32]
	stp	x25, x26, [sp, #48]
	stp	x27, x28, [sp, #64]
	stp	x29, x30, [sp, #80]
	SAVED(x19, 0)
	SAVED(x20, 8)
	SAVED(x21, 16)
	SAVED(x22, 24)
	SAVED(x23, 32)
	SAVED(x24, 40)
	SAVED(x25, 48)
	SAVED(x26, 56)
	SAVED(x27, 64)
	SAVED(x28, 72)
	SAVED(x29, 80)
	SAVED(x30, 88)
	stp	d8, d9, [sp, #96]
	stp	d10, d11, [sp, #112]
	stp	d12, d13, [sp, #128]
	stp	d14, d15, [sp, #144]
	mrs	x3, fpcr
	str	x3, [sp, #160]
	mov	x4, sp
	str	x4, [x0]
	mov	sp, x1
	ldr	x4, [sp, #160]
	cmp	x3, x4
	b.eq	1f
	msr	fpcr, x4
1:	ldp	d8, d9, [sp, #96]
	ldp	d10, d11, [sp, #112]
	ldp	d12, d13, [sp, #128]
	ldp	d14, d15, [sp, #144]
	ldp	x19, x20, [sp, #0]
	ldp	x21, x22, [sp, #16]
	ldp	x23, x24, [sp, #32]
	ldp	x25, x26, [sp, #48]
	ldp	x27, x28, [sp, #64]
	ldp	x29, x30, [sp, #80]
	mov	x0, x2
	add	sp, sp, #FRAME
	.cfi_adjust_cfa_offset -FRAME
	.cfi_restore x19
	.cfi_restore x20
	.cfi_restore x21
	.cfi_restore x22
	.cfi_restore x23
	.cfi_restore x24
	.cfi_restore x25
	.cfi_restore x26
	.cfi_restore x27
	.cfi_restore x28
	.cfi_restore x29
	.cfi_restore x30
	ret
	.cfi_endproc
	.size	fiber_switch, . - fiber_switch

// The first switch returns to `fiber_first`, with begin in x19. There is nothing above:
// unwinding ends here. (A debugger looks up what is before a return address: hence
// the nop.)

	.type	fiber_first, %function
	.p2align 4
fiber_first:
	.cfi_startproc
	.cfi_undefined x30
	nop
2:	blr	x19
	brk	#0
	.cfi_endproc
	.size	fiber_first, . - fiber_first

	.globl	fiber_prepare
	.type	fiber_prepare, %function
	.p2align 4
fiber_prepare:				// top x0, begin x1
	.cfi_startproc
	sub	x0, x0, #FRAME
	stp	x1, xzr, [x0, #0]
	stp	xzr, xzr, [x0, #16]
	stp	xzr, xzr, [x0, #32]
	stp	xzr, xzr, [x0, #48]
	stp	xzr, xzr, [x0, #64]
	adr	x2, 2b
	stp	xzr, x2, [x0, #80]
	stp	xzr, xzr, [x0, #96]
	stp	xzr, xzr, [x0, #112]
	stp	xzr, xzr, [x0, #128]
	stp	xzr, xzr, [x0, #144]
	mrs	x2, fpcr
	str	x2, [x0, #160]
	ret
	.cfi_endproc
	.size	fiber_prepare, . - fiber_prepare

#endif

	.section .note.GNU-stack, "", %progbits
