// # For programs
//
// The names of policies need no escapes, and page numbers have up to 64 bits,
// which printf writes and a library of doubles would not.

#define _GNU_SOURCE
#include <inttypes.h>
#include <stdlib.h>

#include "mem/replace/replace.h"

void json_begin(const struct played *played)
{
	const struct replacement_counts *c = &played->counts;

	printf("{\"policy\": \"%s\", \"frames\": %" PRIu32
	       ", \"references\": %" PRIu64 ", \"hits\": %" PRIu64
	       ", \"faults\": %" PRIu64 ", \"writebacks\": %" PRIu64,
	       played->policy->name, played->frames, c->references,
	       c->references - c->faults, c->faults, c->writebacks);
}

static void step(void *context, const struct paging_step *s)
{
	const struct input *input = context;

	printf("%s{\"page\": %" PRIu64 ", \"hit\": %s, \"victim\": ",
	       s->index ? ",\n" : "\n", input_page(input, s->page),
	       s->hit ? "true" : "false");
	if (s->victim == NO_PAGE)
		printf("null}");
	else
		printf("%" PRIu64 "}", input_page(input, s->victim));
}

void json_steps(const struct input *input, const struct kept *kept,
		const struct replacement_future *future,
		const struct replacement *policy, uint32_t frames)
{
	struct paging_setup setup = setup_of(input->request, future);
	struct paging_run run = { policy, frames };
	struct paging *paging;

	setup.runs = &run;
	setup.count = 1;
	setup.step = step;
	setup.context = (void *)input;
	fputs(",\n\"steps\": [", stdout);
	int error = paging_create(&paging, &setup);
	if (!error)
		error = paging_play(paging, kept->references, kept->count);
	if (error)
		exit(failure(policy->name, error));
	paging_free(paging);
	putchar(']');
}
