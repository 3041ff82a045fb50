// pause.h - what a loop says that waits for another CPU
//
// On x86-64 PAUSE: the CPU waits some 10 to 140 cycles, leaves its resources to
// the other hardware thread of its core, and is spared the flush of its pipeline
// that the end of a tight loop of loads costs (Intel 64 and IA-32 Optimization
// Reference Manual, "Pause Latency in Skylake"). On aarch64 ISB, which waits in
// much the same way; YIELD does nothing there on most cores.

#ifndef PAUSE_H
#define PAUSE_H

static inline void cpu_pause(void)
{
#if defined __x86_64__ || defined __i386__
	__builtin_ia32_pause();
#elif defined __aarch64__
	__asm__ volatile("isb" ::: "memory");
#else
	__asm__ volatile("" ::: "memory");
#endif
}

#endif
