// # vmread: the receiver reaches into the sender's memory
//
// Shared memory takes two copies, in and out, because the message does not lie
// in it to begin with. process_vm_readv(2) needs one: the kernel pins the pages
// of the other process and copies from there straight into our buffer. All that
// has to be shared is where to look:
//
//     sender                                            receiver
//     message  ◀──────────── one copy, by the kernel ──── buffer
//     [ address, length ] ─ change to FULL ─▶ await FULL
//     await EMPTY ◀──── change to EMPTY ───── taken
//
// The sender must not touch the message before it has been taken, so send
// returns only then: a rendezvous. Nothing is held in between, so two sides
// that both send first wait for each other for ever. Both wait on a futex, with
// the word of shm_futex.c.
//
// Who may read whom is the question a debugger asks (ptrace(2), "Ptrace access
// mode checking"): the same user, the sender not undumpable. Yama
// (kernel.yama.ptrace_scope = 1, as on Ubuntu) wants more: that the reader is
// an ancestor, or that the read one has named it with PR_SET_PTRACER; so each
// side names its peer.
//
// End: the bit ENDED of the word. A sender that dies between offer and copy
// shows as ESRCH; any other death is not noticed: the wait is for ever.
//
// Price: one copy, at the price of pinning pages: one system call for that, a
// WAKE and a WAIT. It pays for large messages only. Sources:
// process_vm_readv(2); Documentation/admin-guide/LSM/Yama.rst; Yeoh, "Cross
// Memory Attach", Linux 3.2.

#define _GNU_SOURCE
#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "lane.h"
#include "word.h"

struct offer {
	_Atomic uint32_t word;
	uint64_t address, length; // the owner's by `word`
};

// Copies `bytes` bytes from `from` of another process. The kernel copies up to
// 2 GiB a call.
static int read_memory(pid_t pid, uint64_t from, char *to, size_t bytes)
{
	size_t got = 0;
	while (got < bytes) {
		struct iovec here = { to + got, bytes - got };
		struct iovec there = { (void *)(uintptr_t)(from + got),
				       bytes - got };
		ssize_t n = process_vm_readv(pid, &here, 1, &there, 1, 0);
		if (n <= 0 && errno != EINTR)
			return n == 0 ? -EFAULT : -errno;
		if (n > 0)
			got += n;
	}
	return 0;
}

static bool may_trace_anybody(void)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct data[2];
	return !syscall(SYS_capget, &header, data) &&
	       (data[CAP_TO_INDEX(CAP_SYS_PTRACE)].effective &
		CAP_TO_MASK(CAP_SYS_PTRACE));
}

// 0 (or no Yama): whoever ptrace lets. 1: PR_SET_PTRACER helps. 2: only
// CAP_SYS_PTRACE. 3: nobody.
static int yama_scope(void)
{
	int scope = 0;
	FILE *f = fopen("/proc/sys/kernel/yama/ptrace_scope", "re");
	if (f && fscanf(f, "%d", &scope) != 1)
		scope = 0;
	if (f)
		fclose(f);
	return scope;
}

// Reading ourselves shows whether the system call is there: it asks nobody.
static int probe(size_t *limit_bytes, char *why, size_t why_bytes)
{
	char from = 1, to = 0;
	int error = read_memory(getpid(), (uintptr_t)&from, &to, 1);
	if (error) {
		snprintf(why, why_bytes,
			 "process_vm_readv is refused: %s (a "
			 "container's seccomp filter?)",
			 strerror(-error));
		return error;
	}
	int scope = yama_scope();
	if (scope > 2 || (scope == 2 && !may_trace_anybody())) {
		snprintf(why, why_bytes,
			 "kernel.yama.ptrace_scope is %d: no "
			 "process may read another",
			 scope);
		return -EPERM;
	}
	*limit_bytes = SIZE_MAX;
	return 0;
}

static int open_offers(struct channel *c)
{
	int error = lanes_open(c, sizeof(struct offer));
	if (error)
		return error;
	for (int side = 0; side < 2; side++) {
		struct offer *offer = lanes_of(c, side);
		atomic_init(&offer->word, WORD_EMPTY);
	}
	return 0;
}

// Waits for the peer: it has to be named. Before our first offer, so before it
// can read. EINVAL says that there is no Yama.
static int take_side(struct channel *c)
{
	int set = prctl(PR_SET_PTRACER, (unsigned long)channel_peer(c), 0, 0,
			0);
	if (set == -1 && errno != EINVAL)
		return -errno;
	return lanes_take_side(c);
}

static int send(struct channel *c, const void *message, size_t bytes)
{
	struct offer *offer = lane_out(c);

	offer->address = (uintptr_t)message;
	offer->length = bytes;
	word_change(&offer->word, WORD_EMPTY, WORD_FULL);
	uint32_t word = word_await(&offer->word, WORD_EMPTY | WORD_GONE);
	return word & WORD_EMPTY ? 0 : -EPIPE;
}

static ssize_t receive(struct channel *c, void *buffer, size_t bytes)
{
	struct offer *offer = lane_in(c);

	if (!(word_await(&offer->word, WORD_FULL | WORD_ENDED) & WORD_FULL))
		return 0;
	size_t length = offer->length;
	if (length > bytes)
		return -EMSGSIZE;
	int error = read_memory(channel_peer(c), offer->address, buffer,
				length);
	if (error)
		return error == -ESRCH ? -EPIPE : error;
	word_change(&offer->word, WORD_FULL, WORD_EMPTY);
	return length;
}

static int finish(struct channel *c)
{
	struct offer *offer = lane_out(c);
	word_change(&offer->word, 0, WORD_ENDED);
	return 0;
}

static void close_offers(struct channel *c)
{
	if (channel_has_side(c)) {
		struct offer *offer = lane_in(c);
		word_change(&offer->word, 0, WORD_GONE);
		finish(c);
	}
	lanes_close(c);
}

const struct mechanism mechanism_vmread = {
	.name = "vmread",
	.title = "process_vm_readv: straight from the sender's memory",
	.when = "large buffers in one copy; needs the right to debug the peer",
	.meets = "PID",
	.kind = CHANNEL_MESSAGE,
	.probe = probe,
	.open = open_offers,
	.take_side = take_side,
	.send = send,
	.receive = receive,
	.finish = finish,
	.close = close_offers,
};
