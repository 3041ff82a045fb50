// # Shared: one frame, many processes
//
// Chapter 14 · Paging (페이징): 공유 페이지, shared memory, KSM
//
// With paging two processes can have one frame behind two addresses; nothing is
// needed for it but two page table entries. That is how processes talk through memory
// (ipc/shm), why a hundred processes need libc once, why the sum of what top shows is
// more than there is, and what a hypervisor saves when its guests are alike. This
// lab looks at the frames and adds them up.
//
//     $ build/mem/shared              every scene (the frames' numbers: as root)
//     $ build/mem/shared ways         one of them
//
//     ways · five ways to one frame
//        91.75 ms  main     memfd:
//                 address         frame     mapped
//       I         0x7fceebd42000  0x206676       2  file       a descriptor
//       the other 0x7fceeaa9c000  0x206676       2  file
//                  ✓ memfd: what one writes, the other reads
//                  ✓ memfd: at another address
//
//     text · one libc for everybody
//        13.65 ms  main     pages of text (r-x) that two shells have in memory:
//                                     pages  one frame   alone
//       dash                             19         19       0
//       libc.so.6                       221        221       0
//       ld-linux-x86-64.so.2             38         38       0
//
// The kernel shows the numbers of frames to root only. An ordinary user plays the same
// scenes; then it is the bytes that pass, smaps, and the kernel's word that somebody
// else maps the page (pagemap, bit 56) that tell.
//
// Read on in this order: ways.c, seal.c, text.c, pss.c, merge.c.
//
// Try: in `ways`, store a pointer to the page in the page, and let the other follow
// it. In `pss`, let A fork. What becomes of everybody's Pss? As root, where nobody
// minds: `echo 1 >/sys/kernel/mm/ksm/run`, play `merge`, and write 0 again.
//
// Read next: mem/cow (sharing until somebody writes), ipc/shm (what to do with it),
// mem/translate (frames by number). Sources: mmap(2), memfd_create(2), shm_open(3),
// shmop(2), madvise(2), proc_pid_smaps(5), fcntl(2); Arcangeli, Eidus & Wright,
// "Increasing memory density by using KSM", Linux Symposium 2009; Waldspurger,
// "Memory Resource Management in VMware ESX Server", OSDI 2002; Linux,
// Documentation/admin-guide/mm/ksm.rst.

#define _GNU_SOURCE
#include "lab.h"
#include "mem/shared/shared.h"

static const struct scene scenes[] = {
	{ "ways", "five ways to one frame", scene_ways },
	{ "seal", "a promise about what is shared", scene_seal },
	{ "text", "one libc for everybody", scene_text },
	{ "data", "the same file, and each his own", scene_data },
	{ "pss", "whose memory is it: Rss and Pss", scene_pss },
	{ "merge", "equal pages become one (KSM)", scene_merge },
	{ 0 }
};

static const struct lab lab = {
	.name = "mem/shared",
	.summary = "one frame, many processes",
	.chapter = "14 · Paging",
	.scenes = scenes,
};

int main(int argc, char **argv)
{
	return lab_main(&lab, argc, argv);
}
