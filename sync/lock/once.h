// once.h - one of many does it, and all find it done
//
// What is made at first use must be made by one thread, and nobody may go on
// with half of it. Whoever comes first does it, the others wait; later, asking
// costs one load. The same as pthread_once(3), with an argument.
//
// Any thread. Zeroed memory has not been done. From within `make` the same once
// must not be asked for: it would wait for itself.

#ifndef ONCE_H
#define ONCE_H

#include <stdint.h>

#include "sync/lock/waiters.h"

struct once {
	_Atomic uint32_t state;
};

void once_run(struct once *once, void (*make)(void *argument), void *argument);

#endif
