// graph.h - who holds what, and who waits for it
//
// A waits-for graph, kept by whoever takes and gives: a philosopher points at
// the one who holds the fork that he waits for. Nobody waits for two things at
// once, so at most one arrow leaves each, and a search for a ring is a walk.
//
//     graph_asks     before a lock that may wait    an arrow appears
//     graph_has      after it                       the arrow goes, he holds
//     graph_gives    before the unlock              he holds no more
//
// In this order no arrow ever lies. While A's arrow points at B, B holds the
// fork (it takes its name off before it unlocks), so A waits for it, or is about
// to. A ring that is found is a deadlock, and no later call can undo it. And no
// ring is missed: arrows are drawn one at a time, under the lock, so one of the
// ring is drawn last, and whoever draws it walks around it.
//
// All of it may lie in memory that processes share. Each function may be called
// by any thread; O(1), or O(n) where it walks.

#ifndef SYNC_PHILOSOPHERS_GRAPH_H
#define SYNC_PHILOSOPHERS_GRAPH_H

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>

enum { MOST = 32, NOBODY = -1, NOTHING = -1 };

struct graph {
	pthread_mutex_t lock;
	int n;
	int holder[MOST]; // of a fork
	int wants[MOST];  // which fork, by philosopher
};

// Philosophers in the order of their arrows; the last one's leads to the first.
struct ring {
	int length; // 0: there is none
	int who[MOST];
	int fork[MOST]; // what who[i] waits for
};

// An error number or 0.
int graph_init(struct graph *graph, int n);

// Draws the arrow, and returns the ring that it closes.
struct ring graph_asks(struct graph *graph, int who, int fork);
void graph_no_longer_asks(struct graph *graph, int who);
void graph_has(struct graph *graph, int who, int fork);
void graph_gives(struct graph *graph, int fork);

// The ring there is, if there is one.
struct ring graph_ring(struct graph *graph);

// A copy, to look at; its lock is not to be used.
struct graph graph_now(struct graph *graph);

// The one for whom `who` waits, or NOBODY.
int graph_waits_for(const struct graph *graph, int who);

// The ring as a picture, the fork that is waited for on each arrow.
void ring_draw(FILE *out, const struct ring *ring);

#endif
