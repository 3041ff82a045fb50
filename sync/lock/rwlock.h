// rwlock.h - many readers or one writer, three ways to choose who is next
//
// Readers change nothing, so any number may be inside together; a writer is
// inside alone (Courtois, Heymans & Parnas, "Concurrent Control with 'Readers'
// and 'Writers'", CACM 14, 1971). That leaves one question open: a reader comes
// while readers are inside and a writer waits. May it go in?
//
//   reader   yes. Readers that overlap keep the writer out for ever.
//   writer   no, and not before the last waiting writer is done. Writers that
//            overlap keep the readers out for ever.
//   fair     no, but when that writer leaves, all readers that wait go in, and
//            after them the next writer: phases in turn. A reader waits for at
//            most one phase of readers and one writer, whoever else comes; a
//            writer for those writers that came before (phase-fair: Brandenburg
//            & Anderson, "Spin-based reader-writer synchronization for
//            multiprocessor real-time systems", Real-Time Systems 46, 2010).
//
// A table of functions, so that programs can do the same with each. Locks of
// one process; any thread; whoever locked unlocks. Nobody who is inside may lock
// once more, not even as a reader: where readers wait for a writer, that one
// waits for itself. Zeroed memory is a free lock. No call fails.
//
// Uncontended, each call is one atomic read-modify-write.

#ifndef RWLOCK_H
#define RWLOCK_H

#include "sync/lock/waiters.h"

struct rw_reader {
	_Atomic uint32_t state; // readers that are in, or will be; two bits
	_Atomic uint32_t
		gate; // changes when a writer leaves; low bit: sleepers
	_Atomic uint32_t turn; // changes when a writer may try again
};

struct rw_writer {
	_Atomic uint64_t state; // readers inside, writers that wait; three bits
	_Atomic uint32_t gate;  // changes when readers may try again
	_Atomic uint32_t turn;  // changes when a writer may try again
};

struct rw_fair {
	_Atomic uint64_t state;          // readers inside; two bits
	struct waiters readers, writers; // under the guard of `readers`
};

union rwlock {
	struct rw_reader reader;
	struct rw_writer writer;
	struct rw_fair fair;
};

struct rwlock_kind {
	const char *name;
	void (*read_lock)(union rwlock *lock);
	void (*read_unlock)(union rwlock *lock);
	void (*write_lock)(union rwlock *lock);
	void (*write_unlock)(union rwlock *lock);
};

// rwlock_reader.c, rwlock_writer.c, rwlock_fair.c
extern const struct rwlock_kind rwlock_reader, rwlock_writer, rwlock_fair;

#endif
