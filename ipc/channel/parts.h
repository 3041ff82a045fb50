// parts.h - what the mechanisms of a channel share

#ifndef CHANNEL_PARTS_H
#define CHANNEL_PARTS_H

#include <stdatomic.h>
#include <sys/types.h>

#include "channel.h"

// A page that both sides share from before the fork: who they are.
struct meeting {
	_Atomic pid_t pids[2]; // by side; 0 until that side was taken. Stored
			       // with release and read with acquire: what a
			       // side did before it came is seen
};

// The process ID of the other side; waits until it has taken its side
// (futex(2) on meeting->pids).
pid_t channel_peer(struct channel *c);

// Whether this process has taken its side. Not so the process that opened the
// channel for two children, nor a child of a side: their close tells the peer
// nothing.
bool channel_has_side(const struct channel *c);

// Descriptors that read(2) and write(2) understand. write_all goes on after a
// short write and EINTR; returns 0 or -errno. read_some returns read's count.
int write_all(int fd, const void *bytes, size_t n);
ssize_t read_some(int fd, void *buffer, size_t n);

// Marks descriptors as the ends of a side; the core closes those of the other
// side in take_side, and all that are left in close. One descriptor may be
// both in and out of a side.
void channel_set_ends(struct channel *c, enum channel_side side, int in,
		      int out);

// futex(2) between processes (no FUTEX_PRIVATE_FLAG). wait returns when *word
// differs from `seen` or somebody woke it: look again. Ignores EINTR.
void futex_wait(_Atomic uint32_t *word, uint32_t seen);
void futex_wake(_Atomic uint32_t *word, int waiters);

// Memory that both sides share, whole pages, zeroed. NULL when there is none;
// release with munmap(2).
void *shared_pages(size_t bytes);

// Waits between two looks at a word in shared memory: spins with the CPU's
// pause instruction first, then lets others run, then naps, so that a peer on
// the same CPU gets its turn and an idle channel costs little. Start with
// {0}; one call is one wait.
struct backoff {
	unsigned turns;
};
void backoff_wait(struct backoff *backoff);

// One definition a file, collected in mechanisms.c.
extern const struct mechanism mechanism_pipe, mechanism_fifo, mechanism_mqueue,
	mechanism_sysv_mq, mechanism_unix_stream, mechanism_unix_dgram,
	mechanism_unix_seqpacket, mechanism_socketpair, mechanism_tcp,
	mechanism_udp, mechanism_signal, mechanism_eventfd, mechanism_shm_futex,
	mechanism_shm_sem, mechanism_shm_cond, mechanism_shm_spin,
	mechanism_ring, mechanism_file, mechanism_vmread, mechanism_uring;

#endif
