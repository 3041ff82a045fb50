// # Addresses that are none

#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lab.h"
#include "mem/pages/pages.h"
#include "mem/walk/walk.h"

// ## Not every number is an address
//
// A pointer has 64 bits, the tables take 48 or 57 of them apart. The CPU does not
// ignore the others: they must be copies of the highest that counts, so that
// nobody keeps data there and breaks when the tables grow. An address for which
// that is not so is not canonical. It is refused before any table is looked at,
// with another exception: a general protection fault (#GP, vector 13), which has
// no address to tell, and not a page fault (#PF, vector 14), which has one in CR2.
// The kernel makes SIGSEGV of both; si_code and si_addr show which it was.
// (AArch64 looks at bit 55 for the half and leaves the top byte to the user.)

static sigjmp_buf back;
static siginfo_t got;

static void on_signal(int number, siginfo_t *info, void *context)
{
	(void)number;
	(void)context;
	got = *info;
	siglongjmp(back, 1);
}

// One byte, by an instruction that no compiler removes and no sanitizer sees.
static unsigned char load(uintptr_t address)
{
	unsigned char byte = 0;
#if defined __x86_64__
	__asm__ volatile("movb (%1), %0"
			 : "=q"(byte)
			 : "r"(address)
			 : "memory");
#elif defined __aarch64__
	__asm__ volatile("ldrb %w0, [%1]"
			 : "=r"(byte)
			 : "r"(address)
			 : "memory");
#else
	byte = *(volatile unsigned char *)address;
#endif
	return byte;
}

// Whether the load went through; else `got` tells.
static bool can_load(uintptr_t address, unsigned char *byte)
{
	struct sigaction action = { .sa_sigaction = on_signal,
				    .sa_flags = SA_SIGINFO };

	must(sigaction(SIGSEGV, &action, NULL));
	must(sigaction(SIGBUS, &action, NULL));
	if (sigsetjmp(back, 1))
		return false;
	*byte = load(address);
	return true;
}

static uintptr_t unmapped_page(void)
{
	void *page = must(mmap(NULL, page_bytes(), PROT_NONE,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));

	must(munmap(page, page_bytes()));
	return (uintptr_t)page;
}

#ifdef __x86_64__
static const char *code_text(int code)
{
	return code == SEGV_MAPERR   ? "SEGV_MAPERR"
	       : code == SEGV_ACCERR ? "SEGV_ACCERR"
	       : code == SI_KERNEL   ? "SI_KERNEL"
				     : "another";
}

// What a load from an address comes to: a page fault tells the address, a general
// protection fault none.
enum answer { LOADED, PAGE_FAULT, PROTECTION_FAULT, OTHER };

static enum answer try(FILE *out, const char *what, uintptr_t address)
{
	unsigned char byte;

	fprintf(out, "%-19s 0x%016" PRIxPTR, what, address);
	if (can_load(address, &byte)) {
		fprintf(out, "  loaded\n");
		return LOADED;
	}
	uintptr_t told = (uintptr_t)got.si_addr;
	fprintf(out, "  %-11s  0x%016" PRIxPTR "\n", code_text(got.si_code),
		told);
	if (got.si_signo != SIGSEGV)
		return OTHER;
	if (got.si_code == SI_KERNEL && told == 0)
		return PROTECTION_FAULT;
	return got.si_code == SEGV_MAPERR && told == address ? PAGE_FAULT
							     : OTHER;
}

static void play(const struct paging *paging)
{
	unsigned bits = paging_bits(paging);
	uintptr_t top = (uintptr_t)1 << (bits - 1); // one past the user's half
	uintptr_t kernel = (uintptr_t)0 - top;      // where the kernel's begins

	char *text = NULL;
	size_t bytes;
	FILE *out = must_ptr(open_memstream(&text, &bytes));

	fprintf(out, "%-19s %-18s  %-11s  si_addr\n", "a load from", "address",
		"si_code");
	enum answer unmapped = try(out, "an unmapped page", unmapped_page());
	enum answer last = try(out, "the user's last", top - 1);
	enum answer beyond = try(out, "one further", top);
	enum answer far = try(out, "in the middle", (uintptr_t)1 << 62);
	enum answer below = try(out, "before the kernel's", kernel - 1);
	enum answer first = try(out, "the kernel's first", kernel);
	fclose(out);
	show_text(text);
	free(text);
	claim(unmapped == PAGE_FAULT && last == PAGE_FAULT,
	      "a page that is not mapped: a page fault, which tells where");
	claim(beyond == PROTECTION_FAULT && far == PROTECTION_FAULT &&
		      below == PROTECTION_FAULT,
	      "no address: #GP, which has none to tell (SI_KERNEL, 0)");
	claim(first == PAGE_FAULT,
	      "the kernel's half is canonical: a page fault again");

	int fd[2];
	must(pipe(fd));
	int error = write(fd[1], (void *)top, 1) == -1 ? errno : 0;
	claim(error == EFAULT,
	      "a system call that is given such an address returns EFAULT");
}
#else
static void play(const struct paging *paging)
{
	(void)paging;
#ifdef __aarch64__
	static unsigned char mine = 42;
	unsigned char byte = 0;
	uintptr_t tagged = (uintptr_t)&mine | (uintptr_t)0x5a << 56;

	bool went = can_load(tagged, &byte);
	say("0x%016" PRIxPTR " reads %d", tagged, byte);
	claim(went && byte == 42,
	      "the top byte is the user's: the CPU leaves it out of the walk");
	uintptr_t nowhere = unmapped_page();
	went = can_load(nowhere, &byte);
	claim(!went && got.si_code == SEGV_MAPERR &&
		      (uintptr_t)got.si_addr == nowhere,
	      "a page that is not mapped: a fault that tells where");
#else
	(void)can_load;
	(void)unmapped_page;
	skip("what this CPU does with the unused bits is not known here: "
	     "x86-64 "
	     "refuses them, AArch64 ignores the top byte");
#endif
}
#endif

void scene_canonical(void)
{
	struct paging paging;

	need_paging_here(&paging);
	play(&paging);
}
