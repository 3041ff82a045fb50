// # Overcommit: more memory than there is
//
// Chapter 13 · Virtual memory (가상메모리)
//
// A process may reserve far more than the machine has: addresses are cheap, and
// frames come when a page is touched. The kernel promises more than it could
// keep, because most of it is never called in. Here 1 TiB is reserved and 10 MiB
// are used; the kernel's three modes of promising are read and tried; and a
// promise is broken, in a child on a leash, which does not survive it.
//
//     $ build/mem/overcommit            every scene
//     $ build/mem/overcommit leash      one of them (as root)
//
//     leash · killed inside
//        10.65 ms  main     a child asks for 256 MiB, in a group that may have 32
//     promised  ████████████████████████████████████████████████████   256 MiB
//     limit     ██████▌                                                 32 MiB
//     touched   ██████▌                                               31.9 MiB
//                  ✓ mmap of 256 MiB was granted
//                  ✓ in the midst of touching them it was killed (SIGKILL)
//                  ✓ what it had touched is no more than the limit
//                  ✓ the group's oom_kill says 1
//
// Read on in this order: promise.c, broken.c, group.c.
//
// Try: in `leash`, give the child a handler for SIGTERM, SIGSEGV, SIGBUS. Which
// of them is told? In `chosen`, give both 1000. Then `dmesg | tail`: what did the
// kernel write down?
//
// Read next: mem/demand (a page when it is touched), mem/cow (fork promises all
// memory twice), sched/leash (other ways to stop who takes too much).
// Sources: mmap(2), proc(5) (overcommit_memory, oom_score_adj), setrlimit(2),
// cgroups(7); Documentation/mm/overcommit-accounting.rst,
// Documentation/admin-guide/cgroup-v2.rst.

#define _GNU_SOURCE
#include "lab.h"
#include "mem/overcommit/overcommit.h"

static const struct scene scenes[] = {
	{ "reserve", "1 TiB reserved, 10 MiB used", scene_reserve },
	{ "modes", "how much the kernel promises", scene_modes },
	{ "limit", "refused at the door", scene_limit },
	{ "leash", "killed inside", scene_leash },
	{ "chosen", "who is chosen", scene_chosen },
	{ "score", "who may choose", scene_score },
	{ 0 }
};

static const struct lab lab = {
	.name = "mem/overcommit",
	.summary = "more memory than there is: promised, refused, killed for",
	.chapter = "13 · Virtual memory",
	.scenes = scenes,
};

int main(int argc, char **argv)
{
	return lab_main(&lab, argc, argv);
}
