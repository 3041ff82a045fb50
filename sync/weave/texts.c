// # The programs
//
// Each is a text that you can take as the beginning of your own:
// `weave --source=peterson >mine.txt`, then `weave --program=mine.txt`. The
// language is described in sync/stepper/program.h.
//
// All locks guard the same thing, a counter that is loaded, increased and
// stored, in the section `in`. So there are two ways to see that one fails: two
// are `in` at once, and the count is wrong in the end.
//
// Sources: the mutual exclusion of two by loads and stores is T. J. Dekker's
// (E. W. Dijkstra, EWD 123, 1965) and G. L. Peterson's (1981); the ticket lock
// is D. P. Reed's and R. K. Kanodia's (1979); P and V are Dijkstra's (EWD 123).

#define _GNU_SOURCE
#include <string.h>

#include "weave.h"

// The critical section.
#define COUNT "in:   mov rbx, [x]\n"                                          \
	      "      add rbx, 1\n"                                            \
	      "      mov [x], rbx\n"

#define EXCLUDES "check always !(A.in && B.in)\n"                             \
		 "check end x == 2\n"                                         \
		 "check progress\n"

#define EXCLUDES_THREE "check always A.in + B.in + C.in <= 1\n"               \
		       "check end x == 3\n"                                   \
		       "check progress\n"

static const char count[] = "word x\n"
			    "\n"
			    "process A B\n"
			    "      mov rax, [x]\n"
			    "      add rax, 1\n"
			    "      mov [x], rax\n"
			    "\n"
			    "check end x == 2\n";

static const char count3[] = "word x\n"
			     "\n"
			     "process A B C\n"
			     "      mov rax, [x]\n"
			     "      add rax, 1\n"
			     "      mov [x], rax\n"
			     "\n"
			     "check end x == 3\n";

static const char add[] =
	"word x\n"
	"\n"
	"process A B\n"
	"      add [x], 1      # one instruction, two accesses\n"
	"\n"
	"check end x == 2\n";

static const char lock[] = "word x\n"
			   "\n"
			   "process A B\n"
			   "      lock add [x], 1\n"
			   "\n"
			   "check end x == 2\n";

static const char flag[] = "word gate\n"
			   "word x\n"
			   "\n"
			   "process A B\n"
			   "wait: cmp [gate], 0\n"
			   "      jne wait\n"
			   "      mov [gate], 1  # too late\n" COUNT
			   "out:  mov [gate], 0\n"
			   "\n" EXCLUDES;

static const char polite[] = "word a               # A wants in\n"
			     "word b\n"
			     "word x\n"
			     "\n"
			     "process A\n"
			     "      mov [a], 1\n"
			     "wait: cmp [b], 0\n"
			     "      jne wait\n" COUNT "out:  mov [a], 0\n"
			     "\n"
			     "process B\n"
			     "      mov [b], 1\n"
			     "wait: cmp [a], 0\n"
			     "      jne wait\n" COUNT "out:  mov [b], 0\n"
			     "\n" EXCLUDES;

static const char peterson[] =
	"word a               # A wants in\n"
	"word b\n"
	"word turn            # who goes first, if both\n"
	"word x\n"
	"\n"
	"process A\n"
	"      mov [a], 1\n"
	"      mov [turn], 1   # after you, B\n"
	"wait: cmp [b], 0\n"
	"      je in\n"
	"      cmp [turn], 1\n"
	"      je wait\n" COUNT "out:  mov [a], 0\n"
	"\n"
	"process B\n"
	"      mov [b], 1\n"
	"      mov [turn], 0   # after you, A\n"
	"wait: cmp [a], 0\n"
	"      je in\n"
	"      cmp [turn], 0\n"
	"      je wait\n" COUNT "out:  mov [b], 0\n"
	"\n" EXCLUDES;

static const char overtake[] =
	"# Peterson's, as another CPU may see it: the first load has\n"
	"# overtaken the stores before it.\n"
	"word a\n"
	"word b\n"
	"word turn\n"
	"word x\n"
	"\n"
	"process A\n"
	"      mov rax, [b]    # too early\n"
	"      mov [a], 1\n"
	"      mov [turn], 1\n"
	"      test rax, rax\n"
	"      je in\n"
	"wait: cmp [b], 0\n"
	"      je in\n"
	"      cmp [turn], 1\n"
	"      je wait\n" COUNT "out:  mov [a], 0\n"
	"\n"
	"process B\n"
	"      mov rax, [a]\n"
	"      mov [b], 1\n"
	"      mov [turn], 0\n"
	"      test rax, rax\n"
	"      je in\n"
	"wait: cmp [a], 0\n"
	"      je in\n"
	"      cmp [turn], 0\n"
	"      je wait\n" COUNT "out:  mov [b], 0\n"
	"\n" EXCLUDES;

static const char dekker[] = "word a\n"
			     "word b\n"
			     "word turn            # 0: A's, 1: B's\n"
			     "word x\n"
			     "\n"
			     "process A\n"
			     "      mov [a], 1\n"
			     "try:  cmp [b], 0\n"
			     "      je in\n"
			     "      cmp [turn], 0\n"
			     "      je try\n"
			     "      mov [a], 0      # not mine: step back\n"
			     "wait: cmp [turn], 0\n"
			     "      jne wait\n"
			     "      mov [a], 1\n"
			     "      jmp try\n" COUNT "out:  mov [turn], 1\n"
			     "      mov [a], 0\n"
			     "\n"
			     "process B\n"
			     "      mov [b], 1\n"
			     "try:  cmp [a], 0\n"
			     "      je in\n"
			     "      cmp [turn], 1\n"
			     "      je try\n"
			     "      mov [b], 0\n"
			     "wait: cmp [turn], 1\n"
			     "      jne wait\n"
			     "      mov [b], 1\n"
			     "      jmp try\n" COUNT "out:  mov [turn], 0\n"
			     "      mov [b], 0\n"
			     "\n" EXCLUDES;

#define XCHG_LOCK "wait: mov rax, 1\n"                                         \
		  "      xchg [gate], rax  # look and take, in one\n"         \
		  "      test rax, rax\n"                                      \
		  "      jne wait\n"                                           \
		  COUNT                                                        \
		  "out:  mov [gate], 0\n"                                     \
		  "\n"

static const char xchg[] = "word gate\n"
			   "word x\n"
			   "\n"
			   "process A B\n" XCHG_LOCK EXCLUDES;

static const char xchg3[] = "word gate\n"
			    "word x\n"
			    "\n"
			    "process A B C\n" XCHG_LOCK EXCLUDES_THREE;

static const char cmpxchg[] = "word gate\n"
			      "word x\n"
			      "\n"
			      "process A B\n"
			      "      mov rcx, 1\n"
			      "wait: mov rax, 0         # what must be there\n"
			      "      lock cmpxchg [gate], rcx\n"
			      "      jne wait\n" COUNT "out:  mov [gate], 0\n"
			      "\n" EXCLUDES;

#define TICKET_LOCK "      mov rax, 1\n"                                       \
		    "      lock xadd [next], rax  # my number\n"               \
		    "wait: cmp [serving], rax\n"                               \
		    "      jne wait\n"                                         \
		    COUNT                                                      \
		    "out:  add [serving], 1       # only the owner writes\n"   \
		    "\n"

static const char ticket[] = "word next            # number to draw\n"
			     "word serving         # number whose turn it is\n"
			     "word x\n"
			     "\n"
			     "process A B\n" TICKET_LOCK EXCLUDES;

static const char ticket3[] = "word next\n"
			      "word serving\n"
			      "word x\n"
			      "\n"
			      "process A B C\n" TICKET_LOCK EXCLUDES_THREE
			      "check always !(A.wait && B.in && "
			      "B.rax > A.rax)\n";

static const char semaphore[] =
	"word s = 2           # two may be in\n"
	"\n"
	"process A B C\n"
	"P:    mov rax, [s]\n"
	"      mov rcx, rax\n"
	"      sub rcx, 1\n"
	"      js P            # it was 0: busy waiting\n"
	"      lock cmpxchg [s], rcx\n"
	"      jne P           # somebody was faster\n"
	"in:   lock add [s], 1 # V\n"
	"\n"
	"check always A.in + B.in + C.in <= 2\n"
	"check always s >= 0\n"
	"check end s == 2\n"
	"check progress\n";

static const char semagap[] = "word s = 2\n"
			      "\n"
			      "process A B C\n"
			      "P:    cmp [s], 0\n"
			      "      jle P\n"
			      "      lock sub [s], 1 # and who came between?\n"
			      "in:   lock add [s], 1 # V\n"
			      "\n"
			      "check always A.in + B.in + C.in <= 2\n"
			      "check always s >= 0\n"
			      "check end s == 2\n"
			      "check progress\n";

#define TAKE(label, word)                                                      \
	label ":   mov rax, 1\n"                                               \
	      "      xchg [" word "], rax\n"                                   \
	      "      test rax, rax\n"                                          \
	      "      jne " label "\n"

static const char embrace[] =
	"word p\n"
	"word q\n"
	"\n"
	"process A\n" TAKE("l1", "p") TAKE(
		"l2",
		"q") "in:   mov [q], 0\n"
		     "out:  mov [p], 0\n"
		     "\n"
		     "process B            # the other way round\n" TAKE("l1",
									 "q")
			     TAKE("l2", "p") "in:   mov [p], 0\n"
					     "out:  mov [q], 0\n"
					     "\n"
					     "check always !(A.in && B.in)\n"
					     "check progress\n";

const struct listed listed[] = {
	{ "count", "load, add, store: updates are lost", count },
	{ "count3", "the same with three processes", count3 },
	{ "add", "one plain instruction: why none is lost here", add },
	{ "lock", "one locked instruction", lock },
	{ "flag", "look, then set a flag: both are in", flag },
	{ "polite", "set a flag, then look: both wait for ever", polite },
	{ "peterson", "Peterson's algorithm", peterson },
	{ "overtake", "Peterson's, a load having overtaken a store", overtake },
	{ "dekker", "Dekker's algorithm", dekker },
	{ "xchg", "a spinlock by xchg (test-and-set)", xchg },
	{ "xchg3", "the same with three processes", xchg3 },
	{ "cmpxchg", "a spinlock by lock cmpxchg", cmpxchg },
	{ "ticket", "a ticket lock by lock xadd", ticket },
	{ "ticket3", "the same with three processes", ticket3 },
	{ "semaphore", "P and V with busy waiting, two of three in",
	  semaphore },
	{ "semagap", "P with a gap between the look and the taking", semagap },
	{ "embrace", "two locks, taken in opposite orders", embrace },
	{ 0 }
};

const struct listed *listed_named(const char *name)
{
	for (const struct listed *l = listed; l->name; l++)
		if (!strcmp(l->name, name))
			return l;
	return NULL;
}
