// sync_ring_parts.h - what the files of the suite `ring` share

#ifndef SYNC_RING_PARTS_H
#define SYNC_RING_PARTS_H

#include <stdint.h>

#include "sync/lockfree/hazard.h"
#include "tests.h"

// A queue under test. join is NULL where threads need no record.
struct traffic_kind {
	void *queue;
	struct hazard_record *(*join)(void *queue);
	int (*push)(void *queue, struct hazard_record *record, uintptr_t value);
	int (*pop)(void *queue, struct hazard_record *record, uintptr_t *value);
};

enum { TRAFFIC_SIDES = 6 }; // so many producers, and so many consumers

// Far more threads than CPUs: every value comes out once, what a producer wrote
// before it pushed a value is seen by who pops it, and each consumer gets the
// values of one producer in order.
void assert_each_value_once(const struct traffic_kind *kind);

void add_hazard_tests(Suite *suite); // sync_hazard.c

#endif
