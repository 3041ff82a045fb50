// # A random program over a strip
//
// What it asks for and gives back depends on its seed alone, so a claim about it
// holds in every run or in none.

#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>

#include "mem/fragment/fragment.h"
#include "must.h"

enum { SEED = 16 };

struct program program_begin(enum fit fit, uint64_t strip_bytes, uint64_t least,
			     uint64_t most)
{
	const struct strip_settings settings = { .size = strip_bytes,
						 .fit = fit,
						 .coalesce = true };
	struct program program = { .random = { SEED },
				   .least = least,
				   .most = most };

	must_neg(strip_open(&settings, &program.strip));
	program.live = must_ptr(calloc(MOST_LIVE, sizeof *program.live));
	return program;
}

void program_end(struct program *program)
{
	strip_close(program->strip);
	free(program->live);
}

int program_ask(struct program *program, struct placement *placement)
{
	uint64_t range = program->most - program->least + 1;
	uint64_t bytes = program->least +
			 random_below(&program->random, (uint32_t)range);

	program->requests++;
	int error = strip_allocate(program->strip, bytes, placement);
	if (error != -ENOSPC)
		must_neg(error);
	else
		placement->size = bytes;
	if (!error)
		program->live[program->count++] = placement->address;
	return error;
}

void program_give(struct program *program)
{
	size_t i = random_below(&program->random, (uint32_t)program->count);

	must_neg(strip_free(program->strip, program->live[i]));
	program->live[i] = program->live[--program->count];
}

uint64_t program_run(struct program *program, unsigned limit)
{
	struct placement placement;

	while (program->requests < limit) {
		uint64_t free = strip_statistics(program->strip).free;
		bool room = free >= 2 * program->most &&
			    program->count < MOST_LIVE;
		if (!room ||
		    (program->count && random_below(&program->random, 5) < 2))
			program_give(program);
		else if (program_ask(program, &placement) != 0)
			return placement.size;
	}
	return 0;
}
