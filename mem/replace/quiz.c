// # A quiz: the reader predicts, the simulator marks
//
//     $ build/mem/replace --quiz --policy=lru --string=7,0,1,2,0,3
//     lru: least recently used, 3 frames
//     references: 7 0 1 2 0 3
//     reference 1, page 7: is it a fault (1 yes, 0 no)? 1
//     right
//     ...
//     reference 4, page 2: which page leaves? 0
//     wrong: it is 7.00

#define _GNU_SOURCE
#include "quiz.h"

#include <inttypes.h>
#include <stdlib.h>

#include "mem/replace/replace.h"

struct asking {
	const struct input *input;
	struct quiz quiz;
	uint64_t faults, writebacks;
};

static void ask(void *context, const struct paging_step *s)
{
	struct asking *a = context;

	a->faults += !s->hit;
	a->writebacks += s->dirty;
	if (a->quiz.ended)
		return;
	quiz_ask(&a->quiz, !s->hit,
		 "reference %" PRIu64 ", page %" PRIu64
		 "%s: is it a fault (1 yes, 0 no)",
		 s->index + 1, input_page(a->input, s->page),
		 s->write ? ", written" : "");
	if (s->victim != NO_PAGE && !a->quiz.ended)
		quiz_ask(&a->quiz, (double)input_page(a->input, s->victim),
			 "reference %" PRIu64 ", page %" PRIu64
			 ": which page leaves",
			 s->index + 1, input_page(a->input, s->page));
}

static void print_trace(const struct input *input, const struct kept *kept)
{
	enum { COLUMNS = 78, PAGE = 24 };
	int used = printf("references:");

	for (uint64_t i = 0; i < kept->count; i++) {
		uint32_t r = kept->references[i];
		char text[PAGE];
		int n = snprintf(text, sizeof text, " %s%" PRIu64,
				 r & REFERENCE_WRITE ? "w" : "",
				 input_page(input, r & ~REFERENCE_WRITE));
		if (used + n > COLUMNS) {
			printf("\n   ");
			used = 3;
		}
		used += printf("%s", text);
	}
	putchar('\n');
}

static int ask_one(struct input *input, const struct kept *kept,
		   const struct replacement_future *future,
		   const struct replacement *policy, uint32_t frames)
{
	struct asking a = { .input = input };
	struct paging_setup setup = setup_of(input->request, future);
	struct paging_run run = { policy, frames };
	struct paging *paging;

	setup.runs = &run;
	setup.count = 1;
	setup.step = ask;
	setup.context = &a;
	printf("%s: %s, %" PRIu32 " frame%s\n", policy->name, policy->title,
	       frames, frames == 1 ? "" : "s");
	print_trace(input, kept);
	int error = paging_create(&paging, &setup);
	if (!error)
		error = paging_play(paging, kept->references, kept->count);
	if (error)
		exit(failure(policy->name, error));
	paging_free(paging);
	if (!a.quiz.ended)
		quiz_ask(&a.quiz, (double)a.faults, "how many faults in all");
	if (!a.quiz.ended && input->wrote)
		quiz_ask(&a.quiz, (double)a.writebacks,
			 "how many pages were written back");
	return quiz_end(&a.quiz);
}

int play_quiz(struct input *input, const struct kept *kept,
	      const struct replacement_future *future)
{
	const struct request *r = input->request;
	int status = 0;

	input_progress_end(input);
	for (size_t p = 0; p < r->policies; p++)
		for (size_t f = 0; f < r->counts; f++)
			if (ask_one(input, kept, future, r->policy[p],
				    r->frames[f]))
				status = EXIT_FAILURE;
	return status;
}
