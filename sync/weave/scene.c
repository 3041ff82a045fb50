// # What the scenes share

#define _GNU_SOURCE
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lab.h"
#include "weave.h"

enum { SOME_STATES = 100000 };

// Every program starts with its text: what is claimed is claimed about that.
struct weave *scene_weave(const char *name)
{
	static const struct explore_limits limits = { .states = SOME_STATES,
						      .steps = SIZE_MAX };
	struct weave *weave = must_ptr(calloc(1, sizeof *weave));
	const struct listed *l = must_ptr(listed_named(name));
	struct text_error error;

	must_neg(weave_read(weave, name, l->text, strlen(l->text), &error));
	int result = weave_start(weave);
	if (weave_obstacle(result))
		skip("%s", weave_obstacle(result));
	must_neg(result);
	must_neg(weave_explore(weave, &limits));
	return weave;
}

void scene_show(void (*put)(FILE *, const struct weave *, int columns),
		const struct weave *weave)
{
	char *text = NULL;
	size_t bytes;
	FILE *out = must_ptr(open_memstream(&text, &bytes));

	put(out, weave, canvas_of(STDOUT_FILENO).columns);
	must(fclose(out));
	show(text);
	free(text);
}

bool scene_holds(struct weave *weave, int check)
{
	struct verdict verdict;

	must_neg(weave_judge(weave, check, &verdict));
	return verdict.holds;
}

void scene_witness(struct weave *weave, int check)
{
	struct verdict verdict;
	struct step_state *states;
	char *text = NULL;
	size_t bytes, at;
	bool ended;

	must_neg(weave_judge(weave, check, &verdict));
	if (verdict.holds)
		return;
	char *order =
		must_ptr(malloc(weave->all.states[verdict.first].steps + 1));
	exploration_order(&weave->all, verdict.first, order);
	must_neg(weave_replay(weave, order, &states, &at, &ended));
	FILE *out = must_ptr(open_memstream(&text, &bytes));
	put_steps(out, weave, order, states, canvas_of(STDOUT_FILENO).columns);
	must(fclose(out));
	show(text);
	free(text);
	free(order);
	free(states);
}
