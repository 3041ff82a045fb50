// The table of mechanisms, in the order of the lecture notes (chapter 10):
// file, message queue, shared memory, pipe, signal, semaphore, socket; the
// newer ones behind.

#include "parts.h"

const struct mechanism *const channel_mechanisms[] = {
	&mechanism_file,
	&mechanism_mqueue,
	&mechanism_sysv_mq,
	&mechanism_shm_futex,
	&mechanism_shm_sem,
	&mechanism_shm_cond,
	&mechanism_shm_spin,
	&mechanism_ring,
	&mechanism_pipe,
	&mechanism_fifo,
	&mechanism_signal,
	&mechanism_unix_stream,
	&mechanism_unix_dgram,
	&mechanism_unix_seqpacket,
	&mechanism_socketpair,
	&mechanism_tcp,
	&mechanism_udp,
	&mechanism_eventfd,
	&mechanism_vmread,
	&mechanism_uring,
	NULL
};
