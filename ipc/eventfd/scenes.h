// scenes.h - the scenes of ipc/eventfd, and what they share

#ifndef IPC_EVENTFD_SCENES_H
#define IPC_EVENTFD_SCENES_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

// counter.c: eventfd
void scene_counter(void);
void scene_share(void);
void scene_full(void);

// timer.c: timerfd
void scene_late(void);
void scene_drift(void);

// process.c: pidfd
void scene_end(void);
void scene_recycled(void);

// edge.c: level- and edge-triggered epoll
void scene_edge(void);
void scene_asleep(void);

// loop.c: all of them in one loop
void scene_loop(void);

// tools.c. These leave the scene where the kernel or a container's filter does
// not have them (skip).
int new_counter(int flags); // eventfd(0, flags and EFD_CLOEXEC)
int new_timer(void);        // of CLOCK_MONOTONIC
int open_process(pid_t pid);
int signal_process(int pidfd, int number); // -1: ESRCH, it has been reaped

// An eventfd and a timerfd are read as one number of 64 bits. read_number
// returns 0 where a descriptor with O_NONBLOCK has none (no read brings a 0).
void add_number(int fd, uint64_t number);
uint64_t read_number(int fd);

// What can be done with fd now: POLLIN, POLLOUT ...
short ready(int fd);

// SIGTERM ends the calling process, whatever it has inherited.
void be_mortal(void);

// Waits for the end of a child by its descriptor, and reaps it.
siginfo_t reap_process(int pidfd);

#endif
