// # The waits-for graph
//
// Holt, "Some Deadlock Properties of Computer Systems", ACM Computing Surveys 4
// (1972), has graphs with several units of each kind; with one of each, a ring
// is enough.

#include <string.h>

#include "graph.h"
#include "must.h"

int graph_init(struct graph *graph, int n)
{
	pthread_mutexattr_t attributes;

	graph->n = n;
	for (int i = 0; i < MOST; i++)
		graph->holder[i] = graph->wants[i] = -1;
	int error = pthread_mutexattr_init(&attributes);
	if (error)
		return error;
	error = pthread_mutexattr_setpshared(&attributes,
					     PTHREAD_PROCESS_SHARED);
	if (!error)
		error = pthread_mutex_init(&graph->lock, &attributes);
	pthread_mutexattr_destroy(&attributes);
	return error;
}

int graph_waits_for(const struct graph *graph, int who)
{
	int fork = graph->wants[who];

	return fork == NOTHING ? NOBODY : graph->holder[fork];
}

// The walk. It ends at somebody who waits for nobody, or after n steps: then it
// has been somewhere twice. Only a ring that leads back to where we began is
// ours; who waits for somebody in a ring is not in it.
static struct ring ring_from(const struct graph *graph, int first)
{
	struct ring ring = { 0 };
	int who = first;

	do {
		ring.who[ring.length] = who;
		ring.fork[ring.length++] = graph->wants[who];
		who = graph_waits_for(graph, who);
	} while (who != NOBODY && who != first && ring.length < graph->n);
	if (who != first)
		ring.length = 0;
	return ring;
}

struct ring graph_asks(struct graph *graph, int who, int fork)
{
	must_zero(pthread_mutex_lock(&graph->lock));
	graph->wants[who] = fork;
	struct ring ring = ring_from(graph, who);
	must_zero(pthread_mutex_unlock(&graph->lock));
	return ring;
}

void graph_no_longer_asks(struct graph *graph, int who)
{
	must_zero(pthread_mutex_lock(&graph->lock));
	graph->wants[who] = NOTHING;
	must_zero(pthread_mutex_unlock(&graph->lock));
}

void graph_has(struct graph *graph, int who, int fork)
{
	must_zero(pthread_mutex_lock(&graph->lock));
	graph->wants[who] = NOTHING;
	graph->holder[fork] = who;
	must_zero(pthread_mutex_unlock(&graph->lock));
}

void graph_gives(struct graph *graph, int fork)
{
	must_zero(pthread_mutex_lock(&graph->lock));
	graph->holder[fork] = NOBODY;
	must_zero(pthread_mutex_unlock(&graph->lock));
}

struct graph graph_now(struct graph *graph)
{
	must_zero(pthread_mutex_lock(&graph->lock));
	struct graph copy = { .n = graph->n };
	memcpy(copy.holder, graph->holder, sizeof copy.holder);
	memcpy(copy.wants, graph->wants, sizeof copy.wants);
	must_zero(pthread_mutex_unlock(&graph->lock));
	return copy;
}

struct ring graph_ring(struct graph *graph)
{
	struct graph now = graph_now(graph);
	struct ring ring = { 0 };

	for (int who = 0; who < now.n && ring.length == 0; who++)
		ring = ring_from(&now, who);
	return ring;
}

// ## The picture
//
// The first half from left to right, the rest back below it. What is too long
// for that is a list.

enum { STEP = 16, HIGH = 5, WIDE = 80 };

static void put(char *line, const char *text)
{
	memcpy(line, text, strlen(text));
}

// An arrow between two columns of a line, the fork's name in its middle.
static void put_arrow(char *line, int from, int to, int fork)
{
	int left = from < to ? from + 3 : to + 3;
	int right = from < to ? to - 2 : from - 2;
	char name[32];

	memset(line + left, '-', right - left + 1);
	if (from < to)
		line[right] = '>';
	else
		line[left] = '<';
	int length = snprintf(name, sizeof name, " fork %d ", fork);
	memcpy(line + (left + right + 1 - length) / 2, name, length);
}

static void draw_grid(FILE *out, const struct ring *ring)
{
	char grid[HIGH][WIDE + 1], name[32];
	int top = (ring->length + 1) / 2, last = (top - 1) * STEP, at[MOST];

	memset(grid, ' ', sizeof grid);
	for (int i = 0; i < ring->length; i++) {
		at[i] = i < top ? i * STEP : last - (i - top) * STEP;
		if (i == ring->length - 1)
			at[i] = 0;
		snprintf(name, sizeof name, "P%d", ring->who[i]);
		put(grid[i < top ? 0 : HIGH - 1] + at[i] + 4, name);
	}
	for (int i = 0; i < ring->length - 1; i++)
		if (i != top - 1)
			put_arrow(grid[i < top ? 0 : HIGH - 1] + 4, at[i],
				  at[i + 1], ring->fork[i]);
	const char *down[] = { "|", "fork %d", "v" };
	const char *up[] = { "^", "fork %d", "|" };
	for (int i = 0; i < 3; i++) {
		snprintf(name, sizeof name, down[i], ring->fork[top - 1]);
		put(grid[i + 1] + last + (i == 1 ? 2 : 4), name);
		snprintf(name, sizeof name, up[i],
			 ring->fork[ring->length - 1]);
		put(grid[i + 1] + (i == 1 ? 2 : 4), name);
	}
	for (int i = 0; i < HIGH; i++) {
		int length = WIDE;
		while (length > 0 && grid[i][length - 1] == ' ')
			length--;
		fprintf(out, "%.*s\n", length, grid[i]);
	}
}

void ring_draw(FILE *out, const struct ring *ring)
{
	if (ring->length >= 3 && ring->length <= 8) {
		draw_grid(out, ring);
		return;
	}
	for (int i = 0; i < ring->length; i++)
		fprintf(out, "    P%-2d waits for fork %-2d, which P%d holds\n",
			ring->who[i], ring->fork[i],
			ring->who[(i + 1) % ring->length]);
}
