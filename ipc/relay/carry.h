// carry.h - one carrying while it is watched
//
// For carry.c, which watches, and blame.c, which judges.

#ifndef CARRY_H
#define CARRY_H

#include <sys/types.h>

#include "relay.h"

struct watch {
	const struct job *job;
	struct ground *ground;
	pid_t pids[2]; // 0: not yet known
	int pidfds[2];
	int status[2]; // of wait
	bool ended[2], killed[2];
	unsigned ready; // bytes of news
	int64_t opened_ns, last_ns;
};

// SIDE_WORKS, SIDE_DONE or SIDE_FAILED; what the side told is there to be read.
int side_state(const struct watch *w, int side);

// It failed with what one says whose peer is gone.
bool blames_peer(const struct watch *w, int side);

// When both sides have ended. result->ending may be TOO_LONG already.
void judge(const struct watch *w, struct carried *result);

#endif
