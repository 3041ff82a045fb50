// hazard.h - when may a node be freed that others may still be reading?
//
// Michael, "Hazard Pointers: Safe Memory Reclamation for Lock-Free Objects",
// IEEE TPDS 15 (2004). Each thread has a few words that all can read. Before it
// follows a pointer it writes it there, and then makes sure that the pointer is
// still where it was found: from then on the node is not freed. Whoever takes a
// node out of a structure does not free it but retires it: onto a list of his
// own. When that is long enough he reads all hazard pointers of all threads once
// and frees what none of them names.
//
//     protect   store the hazard pointer, load the source again    (seq_cst)
//     retire    unlink by an exchange, then load all hazard pointers (seq_cst)
//
// Both sides store first and load then, and all four are sequentially consistent,
// so at least one sees the other: the reader that the node is no longer there, or
// the one who frees that somebody reads it.
//
// ABA is gone with it: a node that a thread holds in a hazard pointer is not
// freed, so its address is nobody else's, and an address that is still there has
// been there all the time (of the nodes that are not put back by hand).
//
// The garbage is bounded. With N records of K pointers there are H = N * K
// hazard pointers. A list is scanned when it has 2H nodes, at most H of them are
// kept, so each scan frees H or more: O(log H) a node, and there are never more
// than 2H nodes on a list, 2HN altogether, also if a thread sleeps for ever.

#ifndef SYNC_LOCKFREE_HAZARD_H
#define SYNC_LOCKFREE_HAZARD_H

#include <stdatomic.h>
#include <stddef.h>

enum { HAZARDS = 2 }; // of each record: what a queue needs

// The first member of a node. A reader that holds a node may look at the rest of
// it after it was retired, so this is not for links of the structure.
struct hazard_node {
	struct hazard_node *next_retired;
};

struct hazard_record;

struct hazard {
	struct hazard_record *records;
	size_t count, limit;
	void (*free_node)(void *context, struct hazard_node *node);
	void *context;
};

// For at most `threads` threads at a time (1 or more). free_node is called by
// whichever thread scans. 0, -EINVAL or -ENOMEM.
int hazard_init(struct hazard *hazard, size_t threads,
		void (*free_node)(void *context, struct hazard_node *node),
		void *context);

// Frees all that is retired. Nobody may use it any more.
void hazard_destroy(struct hazard *hazard);

// A record for the calling thread, or NULL where all are taken. It is used by
// one thread at a time, which gives it back with hazard_leave: what it retired
// and others still read stays with the record, for the next who has it.
struct hazard_record *hazard_join(struct hazard *hazard);
void hazard_leave(struct hazard_record *record);

// Loads *source until it is sure that what it has is protected; returns it (NULL
// needs no protection). The `which`th pointer of the record, 0 to HAZARDS - 1.
// Lock-free: it begins again only where *source has changed.
void *hazard_protect(struct hazard_record *record, int which,
		     void *_Atomic *source);

// Sets it, where the caller sees for himself that the node is still there.
void hazard_set(struct hazard_record *record, int which, const void *node);

// The node may go. Release, so that all reads of it come first.
void hazard_clear(struct hazard_record *record, int which);

// The node was unlinked by the caller, with a sequentially consistent exchange,
// and is retired once. May free nodes. O(log H) on average.
void hazard_retire(struct hazard_record *record, struct hazard_node *node);

// Frees what can be freed now. O(H log H + R log H) for R nodes.
void hazard_scan(struct hazard_record *record);

// How many nodes this record has retired and not freed; how many it ever may.
size_t hazard_retired(const struct hazard_record *record);
size_t hazard_limit(const struct hazard *hazard);

#endif
