// # A walk through a graph
//
// Breadth first, from vertex 0: each vertex gets its distance. Every vertex has
// four neighbours anywhere. The queue is walked page by page, the vertices are
// not: of all the works here this one has the least locality.

#include "mem/pager/work.h"

enum {
	VERTICES = 2048,
	DEGREE = 4,
	EDGES_AT = 0,
	FAR_AT = EDGES_AT + VERTICES * DEGREE, // distance + 1; 0: not seen
	QUEUE_AT = FAR_AT + VERTICES,
	PAGES = (QUEUE_AT + VERTICES) / USED,
};

static void prepare(struct view view)
{
	for (size_t i = 0; i < VERTICES * DEGREE; i++)
		set(view, EDGES_AT + i, mixed(i) % VERTICES);
}

static void walk(struct view view)
{
	size_t first = 0, last = 0;

	set(view, FAR_AT, 1);
	set(view, QUEUE_AT + last++, 0);
	while (first < last) {
		uint64_t vertex = get(view, QUEUE_AT + first++);
		uint64_t distance = get(view, FAR_AT + vertex);
		for (size_t i = 0; i < DEGREE; i++) {
			uint64_t next = get(view,
					    EDGES_AT + vertex * DEGREE + i);
			if (get(view, FAR_AT + next) != 0)
				continue;
			set(view, FAR_AT + next, distance + 1);
			set(view, QUEUE_AT + last++, next);
		}
	}
}

const struct work work_graph = { "graph", "breadth-first walk through a graph",
				 PAGES, prepare, walk };
