// # Today: one segment from 0 to the end
//
// Segments and pages both translate; two translations are one too many. So
// systems made every segment as large as all memory, base 0, and used pages
// alone: the flat model. x86-64 made that the rule. In 64-bit mode the CPU takes
// base 0 and no limit for CS, DS, ES and SS, whatever their descriptors say.
// FS and GS kept their bases, 64 bits wide and no longer in any table, since
// systems had found a use: FS is the thread's own data, GS the kernel's per-CPU
// data.

#define _GNU_SOURCE
#include <string.h>

#include "lab.h"
#include "mem/segment/segment.h"

#if defined __x86_64__ && defined __LP64__

#include <asm/prctl.h>
#include <pthread.h>
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <unistd.h>

// ## flat

struct sight {
	uint64_t byte;
	uint16_t found; // what the register holds
};

// In 64-bit mode: load DS with `s`, read the byte at `at`, and set it back.
static struct sight read_by_ds(uint16_t s, const uint8_t *at)
{
	struct sight sight;

	__asm__ volatile("mov %w[s], %%ds\n\t"
			 "movzbl %%ds:(%[at]), %k[byte]\n\t"
			 "mov %%ds, %w[found]\n\t"
			 "mov %w[null], %%ds"
			 : [byte] "=&r"(sight.byte), [found] "=&r"(sight.found)
			 : [s] "r"(s), [at] "r"(at), [null] "r"(0)
			 : "memory");
	return sight;
}

// The same by GS, at an offset.
static uint64_t read_by_gs(uint16_t s, uint64_t d)
{
	uint64_t byte;

	__asm__ volatile("mov %w[s], %%gs\n\t"
			 "movzbl %%gs:(%[d]), %k[byte]\n\t"
			 "mov %w[null], %%gs"
			 : [byte] "=&r"(byte)
			 : [s] "r"(s), [d] "r"(d), [null] "r"(0)
			 : "memory");
	return byte;
}

// lsl loads the limit that the table gives for a selector, if we may know it.
static bool limit_of(uint16_t s, uint64_t *limit)
{
	bool known;

	*limit = 0;
	__asm__("lsl %k[s], %k[limit]"
		: [limit] "+r"(*limit), "=@ccz"(known)
		: [s] "r"((uint32_t)s));
	return known;
}

void scene_flat(void)
{
	enum { AT = 0x100, BYTES = 16 };
	uint64_t code_limit = 0, stack_limit = 0;
	uint16_t cs, ds, ss;

	reach_begin();
	__asm__("mov %%cs, %0; mov %%ds, %1; mov %%ss, %2"
		: "=r"(cs), "=r"(ds), "=r"(ss));
	bool known = limit_of(cs, &code_limit) && limit_of(ss, &stack_limit);
	say("CS 0x%02x (limit 0x%llx), SS 0x%02x (0x%llx), DS 0x%02x", cs,
	    (unsigned long long)code_limit, ss, (unsigned long long)stack_limit,
	    ds);
	claim(known && (uintptr_t)&stack_limit > stack_limit,
	      "my stack is at %p, beyond SS's limit", (void *)&stack_limit);
	claim(selector_is_null(ds),
	      "DS holds the null selector, and all data is reached");

	struct descriptor d = data_segment(AT, BYTES);
	uint16_t s = put_entry(ENTRY_ONE, &d);
	arena()[AT + 5] = 'b';
	uint8_t *outside = arena() + 0x800;
	*outside = 'o';
	struct sight sight = read_by_ds(s, outside);
	tell_segment(s);
	say("64-bit code: DS = 0x%02x, read 0x%08x: '%c'", sight.found,
	    arena_address(0x800), (int)sight.byte);
	claim(sight.found == s && sight.byte == 'o',
	      "DS takes the selector, and neither adds base nor checks");
	claim(faulted(visit(ACT_LOAD, s, arena_address(0x800), 0), VECTOR_GP,
		      0),
	      "32-bit code cannot do that: #GP");
	uint64_t in = read_by_gs(s, 5), beyond = read_by_gs(s, 0x700);
	say("64-bit code: GS = 0x%02x, read 5 and 0x700: '%c', '%c'", s,
	    (int)in, (int)beyond);
	claim(in == 'b' && beyond == 'o', "GS adds the base, without a limit");
}

// ## thread
//
// `__thread int x` is one name for as many variables as there are threads. Each
// thread has its own FS base, and x is a fixed offset from it (negative: the
// variables lie below the thread's descriptor). So v = (FS, d) lives on in every
// access to errno. To change the thread, the kernel changes one base.

static _Thread_local int mine;

static uint64_t fs_base(void)
{
	uint64_t base;

	must(syscall(SYS_arch_prctl, ARCH_GET_FS, &base));
	return base;
}

struct other {
	uint64_t base;
	int *variable;
};

static void *look(void *argument)
{
	struct other *other = argument;

	*other = (struct other){ .base = fs_base(), .variable = &mine };
	return NULL;
}

static int read_by_fs(int64_t d)
{
	int value;

	__asm__ volatile("mov %%fs:(%1), %0" : "=r"(value) : "r"(d) : "memory");
	return value;
}

static uint64_t rdfsbase(void)
{
	uint64_t base;

	__asm__ volatile("rdfsbase %0" : "=r"(base));
	return base;
}

void scene_thread(void)
{
	enum { HWCAP2_RDFSBASE = 2 }; // arch/x86/include/uapi/asm/hwcap2.h
	struct other other;
	pthread_t thread;
	uint64_t base = fs_base();
	int64_t d = (int64_t)((uintptr_t)&mine - base), its;

	mine = 1234;
	must_zero(pthread_create(&thread, NULL, look, &other));
	must_zero(pthread_join(thread, NULL));
	its = (int64_t)((uintptr_t)other.variable - other.base);
	say("main:  FS base 0x%llx, d of the variable %lld",
	    (unsigned long long)base, (long long)d);
	say("other: FS base 0x%llx, d of the variable %lld",
	    (unsigned long long)other.base, (long long)its);
	claim(base != other.base && d == its, "two threads: two bases, one d");
	claim(read_by_fs(d) == 1234, "(FS, %lld) is the variable's value",
	      (long long)d);
	claim(base > UINT32_MAX || other.base > UINT32_MAX,
	      "no descriptor could hold such a base: it has 32 bits");
	if (getauxval(AT_HWCAP2) & HWCAP2_RDFSBASE)
		claim(rdfsbase() == base,
		      "rdfsbase reads it without a system call");
	else
		say("no rdfsbase here: arch_prctl(2) is the way");
}

#else

void scene_flat(void)
{
	reach_begin();
}

void scene_thread(void)
{
	reach_begin();
}

#endif
