// switch.h - from one stack to another
//
// All that a running function has is its registers and its stack. Most registers
// a caller must save itself before any call; a few must be unchanged after one
// (callee-saved): on x86-64 rbx, rbp, r12 to r15 and the control words of MXCSR
// and the x87; on aarch64 x19 to x29, the lower halves of v8 to v15, and FPCR.
// So a function that pushes those, changes the stack pointer, pops those of the
// other stack and returns has switched. Everything else follows by itself: the
// return address lies on the stack, too.
//
// No system call, no signal mask: sigprocmask(2) in every switch is what makes
// swapcontext(3) some hundred times dearer.
//
// Sources: System V ABI, AMD64 supplement, 3.2.1 (registers); Procedure Call
// Standard for the Arm 64-bit Architecture, 6.1; Kowalke, Boost.Context.

#ifndef SWITCH_H
#define SWITCH_H

#include <stddef.h>

// Saves the caller's registers on its stack and where that ends into *from, and
// goes on on the stack `to`, whose switch returns `value` there. Any function
// may call it; it must not return to a stack that is gone. O(1).
void *fiber_switch(void **from, void *to, void *value);

// Makes a context on an empty stack that ends below `top` (aligned to 16 bytes,
// at least 256 bytes of room): the first switch to it calls begin(value), with
// the caller's floating-point controls of now. begin must never return.
void *fiber_prepare(void *top, void (*begin)(void *value));

#endif
