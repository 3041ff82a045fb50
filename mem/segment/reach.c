// # To a segment and back
//
// The table is written by modify_ldt(2), func 0x11. The user gives base, limit
// and kind, and the kernel makes the descriptor: DPL is always 3, and L, which
// would be 64-bit code, always 0. func 0 reads the table back, eight bytes an
// entry, as the CPU reads it.
//
// A fault in the 32-bit code reaches a handler of 64-bit code: the kernel loads
// CS anew. It cannot trust the stack pointer, which counts from another segment's
// base; so the handler has a stack of its own (sigaltstack(2)). To come home it
// writes into the saved registers where the far return would have led: RIP, CS,
// SS. DS and ES the signal frame does not hold; thunk.S clears them.

#define _GNU_SOURCE
#include "mem/segment/reach.h"

#include "lab.h"

#if defined __x86_64__ && defined __LP64__

#include <asm/ldt.h>
#include <assert.h>
#include <cpuid.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "mem/segment/visit.h"

enum {
	THUNK_BYTES = 4096,
	STACK_BYTES = 64 * 1024,
	SIGNAL_STACK_BYTES = 256 * 1024,
};

// The copy of thunk.S, the 32-bit stack with the visit on top, and the arena.
struct low {
	uint8_t thunk[THUNK_BYTES];
	uint8_t stack[STACK_BYTES - sizeof(struct visit)];
	struct visit visit;
	uint8_t arena[ARENA_BYTES];
};

static_assert(offsetof(struct visit, rsp) == VISIT_RSP &&
		      offsetof(struct visit, selector) == VISIT_SELECTOR &&
		      offsetof(struct visit, offset) == VISIT_OFFSET &&
		      offsetof(struct visit, value) == VISIT_VALUE &&
		      offsetof(struct visit, stack) == VISIT_STACK &&
		      offsetof(struct visit, entry) == VISIT_ENTRY,
	      "thunk.S counts on these");
static_assert(offsetof(struct low, arena) == THUNK_BYTES + STACK_BYTES,
	      "the arena begins with a page");

// thunk.S
extern const uint8_t thunk_begin[];
extern const uint32_t thunk_at[ACTS], thunk_back_at, thunk_bytes;

static struct low *low;
static uint16_t code;
static bool (*mend)(const struct fault *);
static struct fault *expected; // where the visit wants its fault told

// ## The table

// The kernel returns an int and does not widen its sign: -EINVAL arrives as
// 4294967274, which the C library takes for success.
static int modify_ldt(int func, void *buffer, unsigned long bytes)
{
	long done = syscall(SYS_modify_ldt, func, buffer, bytes);

	return done == -1 ? -errno : (int)done;
}

int try_entry(unsigned entry, const struct descriptor *d)
{
	enum { WRITE_NEW = 0x11 };
	struct user_desc wish = {
		.entry_number = entry,
		.base_addr = d->base,
		.limit = d->limit,
		.seg_32bit = d->big,
		.contents = d->type >> 2 & 3,
		.read_exec_only = !(d->type & TYPE_WRITABLE),
		.limit_in_pages = d->pages,
		.seg_not_present = !d->present,
		.useable = d->available,
	};

	return modify_ldt(WRITE_NEW, &wish, sizeof wish);
}

uint64_t entry_bits(unsigned entry)
{
	enum { READ = 0 };
	static uint64_t table[LDT_ENTRIES];

	memset(table, 0, sizeof table);
	must_neg(modify_ldt(READ, table, sizeof table));
	return table[entry];
}

// ## Memory below 4 GiB

uint8_t *arena(void)
{
	return low->arena;
}

uint32_t arena_address(size_t at)
{
	return (uint32_t)(uintptr_t)low->arena + (uint32_t)at;
}

static void protect(void *memory, size_t bytes, bool executable)
{
	if (mprotect(memory, bytes,
		     PROT_READ | (executable ? PROT_EXEC : PROT_WRITE)) == 0)
		return;
	if (errno == EACCES || errno == EPERM)
		skip("memory that was written may not be executed here: it "
		     "takes a policy (SELinux, PR_SET_MDWE) that allows it");
	must(-1);
}

void arena_execute(bool executable)
{
	protect(low->arena, ARENA_BYTES, executable);
}

static void map_low(void)
{
	low = mmap(NULL, sizeof *low, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	if (low == MAP_FAILED)
		skip("no memory below 2 GiB (MAP_32BIT): free some, or raise "
		     "ulimit -v");
	memcpy(low->thunk, thunk_begin, thunk_bytes);
	protect(low->thunk, THUNK_BYTES, true);
}

// ## Faults

static uint16_t running_in(void)
{
	uint16_t cs;

	__asm__("mov %%cs, %0" : "=r"(cs));
	return cs;
}

// REG_CSGSFS holds four selectors: CS lowest, SS highest.
static void come_home(greg_t registers[])
{
	uint64_t flat_ss = 0x2b, four = (uint64_t)registers[REG_CSGSFS];
	const uint8_t *back = low->thunk + thunk_back_at;

	four &= 0x0000ffffffff0000;
	registers[REG_CSGSFS] = (greg_t)(four | running_in() | flat_ss << 48);
	registers[REG_RIP] = (greg_t)(uintptr_t)back;
	registers[REG_RDI] = (greg_t)(uintptr_t)&low->visit;
	registers[REG_RSP] = (greg_t)low->visit.stack;
}

static void handle(int signal, siginfo_t *info, void *context)
{
	greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;

	if (!expected) { // not ours: let it happen again, and end us
		(void)!sigaction(signal,
				 &(struct sigaction){ .sa_handler = SIG_DFL },
				 NULL);
		return;
	}
	*expected = (struct fault){
		.vector = (int)registers[REG_TRAPNO],
		.error = (uint32_t)registers[REG_ERR],
		.signal = signal,
		.code = info->si_code,
		.cs = (uint16_t)registers[REG_CSGSFS],
		.ip = (uint32_t)registers[REG_RIP],
		.handler_cs = running_in(),
	};
	if (mend && mend(expected))
		expected->vector = VECTOR_NONE;
	else
		come_home(registers);
}

static void catch_faults(void)
{
	struct sigaction action = { .sa_sigaction = handle,
				    .sa_flags = SA_SIGINFO | SA_ONSTACK };
	stack_t stack = { .ss_size = SIGNAL_STACK_BYTES };

	stack.ss_sp = must(mmap(NULL, SIGNAL_STACK_BYTES,
				PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	must(sigaltstack(&stack, NULL));
	sigfillset(&action.sa_mask);
	must(sigaction(SIGSEGV, &action, NULL));
	must(sigaction(SIGBUS, &action, NULL));
}

// ## A visit

// Signals that are not the CPU's wait until the stack is our own again.
struct answer visit(enum act act, uint16_t s, uint32_t d, uint32_t value)
{
	struct answer answer = { .fault.vector = VECTOR_NONE };
	void (*go)(struct visit *);
	sigset_t others, before;

	sigfillset(&others);
	sigdelset(&others, SIGSEGV);
	sigdelset(&others, SIGBUS);
	low->visit = (struct visit){
		.selector = s,
		.offset = d,
		.value = value,
		.stack = (uint32_t)(uintptr_t)&low->visit,
		.entry = thunk_at[act],
		.code = code,
	};
	memcpy(&go, &(void *){ low->thunk }, sizeof go);
	must_zero(pthread_sigmask(SIG_BLOCK, &others, &before));
	expected = &answer.fault;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	go(&low->visit);
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	expected = NULL;
	must_zero(pthread_sigmask(SIG_SETMASK, &before, NULL));
	answer.value = low->visit.value;
	return answer;
}

struct descriptor visiting_code(void)
{
	struct descriptor d = { .base = (uint32_t)(uintptr_t)low->thunk,
				.type = TYPE_CODE | TYPE_READABLE,
				.memory = true,
				.dpl = 3,
				.present = true,
				.big = true };

	descriptor_set_bytes(&d, thunk_bytes);
	return d;
}

// QEMU without KVM executes the instructions by a program of its own, which
// leaves out the comparison with the limit. It says who it is (cpuid).
static bool checks_no_limits(void)
{
	enum { HYPERVISOR = 0x40000000 };
	unsigned most, name[3];

	__cpuid(HYPERVISOR, most, name[0], name[1], name[2]);
	return !memcmp(name, "TCGTCGTCGTCG", sizeof name);
}

void reach_begin(void)
{
	if (checks_no_limits())
		skip("QEMU's TCG checks no limits: it takes a real CPU, or "
		     "KVM");
	map_low();
	struct descriptor d = visiting_code();
	int error = try_entry(ENTRY_CODE, &d);
	if (error == -ENOSYS)
		skip("this kernel has no modify_ldt: it takes one that was "
		     "built with CONFIG_MODIFY_LDT_SYSCALL, and no sandbox "
		     "(gVisor) in between");
	if (error == -EPERM || error == -EACCES)
		skip("modify_ldt is forbidden here: it takes a container whose "
		     "filter (seccomp) allows it");
	must_neg(error);
	code = entry_selector(ENTRY_CODE);
	catch_faults();
}

#else // another processor

_Noreturn static void no_segments(void)
{
	skip("this processor has no segments: it takes x86-64");
}

void reach_begin(void)
{
	no_segments();
}

uint8_t *arena(void)
{
	no_segments();
}

uint32_t arena_address(size_t at)
{
	(void)at;
	no_segments();
}

void arena_execute(bool executable)
{
	(void)executable;
	no_segments();
}

int try_entry(unsigned entry, const struct descriptor *d)
{
	(void)entry, (void)d;
	no_segments();
}

uint64_t entry_bits(unsigned entry)
{
	(void)entry;
	no_segments();
}

struct answer visit(enum act act, uint16_t s, uint32_t d, uint32_t value)
{
	(void)act, (void)s, (void)d, (void)value;
	no_segments();
}

struct descriptor visiting_code(void)
{
	no_segments();
}

static uint16_t code;
static bool (*mend)(const struct fault *);

#endif

void visit_in(uint16_t other)
{
	code = other;
}

void visit_mend(bool (*other)(const struct fault *))
{
	mend = other;
}

uint16_t entry_selector(unsigned entry)
{
	return selector_encode((struct selector){
		.index = (uint16_t)entry, .local = true, .rpl = 3 });
}

uint16_t put_entry(unsigned entry, const struct descriptor *d)
{
	must_neg(try_entry(entry, d));
	return entry_selector(entry);
}

struct descriptor data_segment(size_t at, uint64_t bytes)
{
	struct descriptor d = { .base = arena_address(at),
				.type = TYPE_WRITABLE,
				.memory = true,
				.dpl = 3,
				.present = true,
				.big = true };

	descriptor_set_bytes(&d, bytes);
	return d;
}

struct descriptor code_segment(size_t at, uint64_t bytes, unsigned type)
{
	struct descriptor d = data_segment(at, bytes);

	d.type = (uint8_t)type;
	return d;
}
