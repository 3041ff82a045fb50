// queue.h - what the files of ipc/mqueue share

#ifndef QUEUE_H
#define QUEUE_H

#include <errno.h>
#include <mqueue.h>
#include <signal.h>

// The error of a call that may fail: 0 or errno. FAILURE(mq_send(...)).
#define FAILURE(call) ((call) == -1 ? errno : 0)

// The queues of the scenes: places for ROOM messages of up to LARGEST bytes.
enum { ROOM = 6, LARGEST = 64 };

// A new queue under a name that nobody has. Leaves the scene (skip) where this
// host or user can have none.
mqd_t make_queue(const char *name, int flags);

// How many messages lie in a queue and wait to be received.
long waiting(mqd_t queue);

// Asks for a notice of the next message: the signal NOTICE, with this value.
// Returns 0 or the error; leaves the scene where a filter forbids it.
enum { NOTICE = SIGUSR1, VALUE = 4711 };
int ask_for_notice(mqd_t queue);

// messages.c
void boundaries(void);
void priorities(void);

// waiting.c
void full_and_empty(void);
void timeouts(void);

// notify.c
void notices(void);
void silences(void);
void rearming(void);

// poll.c
void polling(void);

// limits.c
void limits(void);
void namespace_limit(void);

// persist.c
void survivors(void);
void looking_inside(void);
void mounting(void);

#endif
