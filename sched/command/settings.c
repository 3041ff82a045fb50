// # What policies look at

#define _GNU_SOURCE
#include "options.h"
#include "random.h"
#include "sched/command/command.h"

enum {
	OPT_QUANTUM = 256,
	OPT_LEVELS,
	OPT_QUANTA,
	OPT_ALLOTMENTS,
	OPT_BOOST,
	OPT_AGEING,
	OPT_STAY,
	OPT_IO_HEAD,
};

static const struct argp_option table[] = {
	{ "quantum", OPT_QUANTUM, "TIME", 0,
	  "Of rr, lottery, stride, eevdf, and of mlfq's highest level (10)",
	  0 },
	{ "levels", OPT_LEVELS, "N", 0,
	  "mlfq: how many queues (3), each with twice the quantum of the one "
	  "above", 0 },
	{ "quanta", OPT_QUANTA, "TIME,...", 0,
	  "mlfq: the quantum of each level, the highest first (10,20,40)", 0 },
	{ "allotments", OPT_ALLOTMENTS, "N,...", 0,
	  "mlfq: after how many quanta a job sinks, one number for all levels "
	  "or one for each (1)", 0 },
	{ "boost", OPT_BOOST, "TIME", 0,
	  "mlfq: how often all go back to the top; 0: never (1s)", 0 },
	{ "stay", OPT_STAY, 0, 0,
	  "mlfq: who waits gets a new quantum and allotment", 0 },
	{ "io-head", OPT_IO_HEAD, 0, 0,
	  "mlfq: who waited comes back at the head of its queue", 0 },
	{ "ageing", OPT_AGEING, "TIME", 0,
	  "ageing: so much waiting is worth a step of priority (100)", 0 },
	{ 0 }
};

struct settings_given settings_given(int64_t shortest_quantum_ns)
{
	static struct random nobodys;

	return (struct settings_given){
		.shortest_quantum_ns = shortest_quantum_ns,
		.settings = policy_defaults(&nobodys),
	};
}

// Each level has twice the quantum of the one above, unless all were given.
static void finish(struct settings_given *given, const struct argp_state *state)
{
	struct policy_settings *s = &given->settings;

	if (given->quanta && given->levels && given->levels != given->quanta)
		option_refuse(state, "--levels", given->levels_text,
			      "as many levels as --quanta has times, %d, or no "
			      "--levels at all",
			      given->quanta);
	if (given->quanta || given->levels)
		s->levels = given->quanta ? given->quanta : given->levels;
	int64_t quantum_ns = s->quantum_ns;
	for (int i = 0; !given->quanta && i < s->levels; i++) {
		s->level_quantum_ns[i] = quantum_ns;
		if (quantum_ns <= LONGEST_NS / 2)
			quantum_ns *= 2;
	}
	if (given->allotments > 1 && given->allotments != s->levels)
		option_refuse(state, "--allotments", given->allotments_text,
			      "one number, or one for each of the %d levels",
			      s->levels);
	for (int i = 0; i < s->levels; i++)
		if (given->allotments == 0)
			s->level_allotment[i] = 1;
		else if (given->allotments == 1)
			s->level_allotment[i] = s->level_allotment[0];
}

static error_t parse(int key, char *text, struct argp_state *state)
{
	static const int64_t MOST_QUANTA = 1000000;
	struct settings_given *given = state->input;
	struct policy_settings *s = &given->settings;
	int64_t shortest_ns = given->shortest_quantum_ns;

	for (const struct argp_option *o = table; o->name; o++)
		if (o->key == key)
			given->option = o->name;
	switch (key) {
	case OPT_QUANTUM:
		s->quantum_ns = option_time(state, "--quantum", text,
					    shortest_ns, LONGEST_NS);
		return 0;
	case OPT_LEVELS:
		given->levels_text = text;
		given->levels = (int)option_number(state, "--levels", text, 1,
						   LEVELS_MAX);
		return 0;
	case OPT_QUANTA:
		given->quanta = option_times(state, "--quanta", text,
					     shortest_ns, LONGEST_NS,
					     s->level_quantum_ns, LEVELS_MAX);
		return 0;
	case OPT_ALLOTMENTS:
		given->allotments_text = text;
		given->allotments = option_numbers(state, "--allotments", text,
						   1, MOST_QUANTA,
						   s->level_allotment,
						   LEVELS_MAX);
		return 0;
	case OPT_BOOST:
		s->boost_ns = option_time(state, "--boost", text, 0,
					  LONGEST_NS);
		return 0;
	case OPT_STAY:
		s->stay = true;
		return 0;
	case OPT_IO_HEAD:
		s->io_head = true;
		return 0;
	case OPT_AGEING:
		s->ageing_ns = option_time(state, "--ageing", text, 1,
					   LONGEST_NS);
		return 0;
	case ARGP_KEY_END:
		finish(given, state);
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

const struct argp settings_argp = { .options = table, .parser = parse };
