// # The loom for your own pieces
//
// Everything but the scenes: a program by name or from a file, all of its
// interleavings explored and judged, one of them replayed, all of them printed.

#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "must.h"
#include "options.h"
#include "weave.h"

enum {
	OPT_PROGRAM = 256,
	OPT_LIST,
	OPT_SOURCE,
	OPT_SCHEDULE,
	OPT_FIND,
	OPT_ALL,
	OPT_STEPS,
	OPT_STATES,
	OPT_FORMAT,

	EXIT_USAGE = 2,
	EXIT_LACKING = 77,
	TEXT_BYTES = 65536,
	MOST_ORDERS = 100000,
	MOST_STEPS = 1000000,
	MOST_STATES = 1000000,
	SOME_STATES = 100000,
};

static const struct argp_option table[] = {
	{ "program", OPT_PROGRAM, "NAME|FILE", 0,
	  "What is woven: one of the programs (count), or a file with your "
	  "own (- is standard input)", 1 },
	{ "list-programs", OPT_LIST, 0, 0, "List the programs", 1 },
	{ "source", OPT_SOURCE, 0, 0,
	  "Print the text of the program, to begin your own with", 1 },

	{ "schedule", OPT_SCHEDULE, "ORDER", 0,
	  "Play one order, such as AABBAB: a line a step", 2 },
	{ "find", OPT_FIND, "CHECK", 0,
	  "Look for an order that breaks this check (in place of the "
	  "program's own)", 2 },
	{ "all", OPT_ALL, 0, 0,
	  "Also play every order by itself: a line an order", 2 },

	{ "steps", OPT_STEPS, "N", 0,
	  "Follow no order further than N steps (as far as it goes)", 3 },
	{ "states", OPT_STATES, "N", 0, "Give up beyond N states (100000)",
	  3 },
	{ "format", OPT_FORMAT, "text|json", 0,
	  "For people (the default), or for programs: one object", 3 },
	{ 0 }
};

static const char doc[] =
	"Every interleaving of the machine instructions of two or three "
	"processes, each instruction executed by the CPU, one at a time.\v"
	"A program is a text:\n"
	"\n"
	"  word x = 0               # shared, 8 bytes\n"
	"  process A B              # the same for both; or one after another\n"
	"        mov rax, [x]\n"
	"        add rax, 1\n"
	"  put:  mov [x], rax       # a label begins a section\n"
	"  check end x == 2\n"
	"\n"
	"Instructions: mov add sub and or xor cmp test inc dec neg not xchg, "
	"lock "
	"xadd, lock cmpxchg and lock before others, jmp and je jne jz jnz jl "
	"jle "
	"jg jge jb jbe ja jae js jns, mfence pause nop; 64 bits; registers rax "
	"rbx rcx rdx rsi r8 to r15.\n"
	"\n"
	"Checks: [end] EXPRESSION (when all have ended), always EXPRESSION (in "
	"every state), progress (nobody waits for ever). An expression knows "
	"|| && == != < <= > >= + - * ! ( ), numbers, words (x), registers "
	"(A.rax), A.put (A's next instruction lies in its section `put') and "
	"A.done.\n"
	"\n"
	"Example: weave --program=peterson --find='always !(A.in && B.in)'\n"
	"\n"
	"Exit status: 0 every check holds, 1 one does not or the work failed, "
	"2 "
	"bad usage, 77 processes cannot be traced here.";

struct tool {
	const char *program, *schedule, *find;
	bool list, source, all, json;
	struct explore_limits limits;
};

static error_t parse(int key, char *text, struct argp_state *state)
{
	static const char *const formats[] = { "text", "json", NULL };
	struct tool *tool = state->input;

	switch (key) {
	case OPT_PROGRAM:
		tool->program = text;
		return 0;
	case OPT_SCHEDULE:
		if (!*text || text[strspn(text, "ABC")])
			option_refuse(state, "--schedule", text,
				      "letters of processes, such as AABBAB");
		tool->schedule = text;
		return 0;
	case OPT_FIND:
		tool->find = text;
		return 0;
	case OPT_LIST:
		tool->list = true;
		return 0;
	case OPT_SOURCE:
		tool->source = true;
		return 0;
	case OPT_ALL:
		tool->all = true;
		return 0;
	case OPT_STEPS:
		tool->limits.steps = (size_t)option_number(state, "--steps",
							   text, 1, MOST_STEPS);
		return 0;
	case OPT_STATES:
		tool->limits.states = (size_t)option_number(
			state, "--states", text, 1, MOST_STATES);
		return 0;
	case OPT_FORMAT:
		tool->json = option_choice(state, "--format", text, formats);
		return 0;
	case ARGP_KEY_END:
		if (tool->schedule && (tool->all || tool->find))
			argp_error(state, "--schedule plays one order; --all "
					  "and --find are about all of them");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

// ## The text of a program

static int read_file(const char *path, char text[TEXT_BYTES], size_t *length)
{
	FILE *file = strcmp(path, "-") ? fopen(path, "re") : stdin;

	if (!file)
		return errno == ENOENT
			       ? option_complain(EXIT_USAGE,
						 "no program and no file is "
						 "called '%s'; --list-programs "
						 "names the programs",
						 path)
			       : option_complain(EXIT_FAILURE, "%s: %s", path,
						 strerror(errno));
	*length = fread(text, 1, TEXT_BYTES, file);
	int error = ferror(file) ? errno : 0;
	if (file != stdin)
		fclose(file);
	if (error)
		return option_complain(EXIT_FAILURE, "%s: %s", path,
				       strerror(error));
	if (*length == TEXT_BYTES)
		return option_complain(EXIT_USAGE,
				       "%s: a program has less than %d bytes",
				       path, TEXT_BYTES);
	return 0;
}

static int read_text(const struct tool *tool, char text[TEXT_BYTES],
		     size_t *length)
{
	const struct listed *l = listed_named(tool->program);

	if (!l)
		return read_file(tool->program, text, length);
	*length = strlen(l->text);
	memcpy(text, l->text, *length);
	return 0;
}

static int complain_of_text(const char *name, const struct text_error *error)
{
	if (error->line && error->column)
		return option_complain(EXIT_USAGE, "%s:%d:%d: %s", name,
				       error->line, error->column, error->text);
	if (error->line)
		return option_complain(EXIT_USAGE, "%s:%d: %s", name,
				       error->line, error->text);
	return option_complain(EXIT_USAGE, "%s: %s", name, error->text);
}

static int load(const struct tool *tool, struct weave *weave)
{
	char *text = must_ptr(malloc(TEXT_BYTES));
	struct text_error error;
	size_t length = 0;
	int status = read_text(tool, text, &length);

	if (!status && tool->source)
		fwrite(text, 1, length, stdout);
	if (!status && weave_read(weave, tool->program, text, length, &error))
		status = complain_of_text(tool->program, &error);
	free(text);
	if (!status && tool->find &&
	    weave_check(weave, tool->find, true, &error))
		status = option_complain(EXIT_USAGE,
					 "--find=%s: at character %d: %s",
					 tool->find, error.column, error.text);
	return status;
}

// ## What went wrong

static int complain(int error)
{
	const char *obstacle = weave_obstacle(error);

	if (obstacle)
		return option_complain(EXIT_LACKING, "%s", obstacle);
	if (error == -E2BIG)
		return option_complain(EXIT_FAILURE,
				       "there are more states than --states "
				       "allows; --steps=N follows each order "
				       "N steps only");
	return option_complain(EXIT_FAILURE, "cannot step: %s",
			       strerror(-error));
}

static int complain_of_order(const struct weave *weave, const char *order,
			     size_t at, bool ended)
{
	char letter = order[at];

	if (ended)
		return option_complain(EXIT_USAGE,
				       "--schedule=%s: %c has come to its end "
				       "before step %zu",
				       order, letter, at + 1);
	return option_complain(EXIT_USAGE,
			       "--schedule=%s: there is no process %c in %s",
			       order, letter, weave->name);
}

// ## One order

static int play(struct weave *weave, const char *order, bool json)
{
	struct step_state *states;
	bool ended = false;
	size_t at = 0;

	int error = weave_replay(weave, order, &states, &at, &ended);
	if (error == -EINVAL)
		return complain_of_order(weave, order, at, ended);
	if (error)
		return complain(error);
	if (json) {
		free(states);
		return put_json(weave, order, false);
	}
	put_steps(stdout, weave, order, states,
		  canvas_of(STDOUT_FILENO).columns);
	for (int i = 0; i < weave->program.routines; i++)
		if (!step_ended(&states[strlen(order)], i))
			printf("%c has not come to its end\n", 'A' + i);
	free(states);
	return EXIT_SUCCESS;
}

// ## All orders

static bool put_one(void *context, const char *order,
		    const struct step_state *end)
{
	put_order(stdout, context, order, end,
		  canvas_of(STDOUT_FILENO).columns);
	return !ferror(stdout);
}

static int check_all(const struct weave *weave)
{
	uint64_t orders = exploration_orders(&weave->all);

	if (!weave->all.finite || !weave->all.complete)
		return option_complain(EXIT_FAILURE,
				       "--all: %s has no end of orders, since "
				       "who waits may look any number of times",
				       weave->name);
	if (orders > MOST_ORDERS)
		return option_complain(EXIT_FAILURE,
				       "--all: %" PRIu64 " orders are more "
				       "than the %d that are printed",
				       orders, MOST_ORDERS);
	return EXIT_SUCCESS;
}

static int play_all(struct weave *weave)
{
	put_order_head(stdout, weave, canvas_of(STDOUT_FILENO).columns);
	int error = weave_orders(weave, put_one, weave);
	putchar('\n');
	return error ? complain(error) : EXIT_SUCCESS;
}

static void put_counts(const struct weave *weave,
		       const struct explore_limits *limits)
{
	const struct exploration *e = &weave->all;
	uint64_t orders = exploration_orders(e);
	uint64_t steps = stepper_steps(weave->stepper);
	size_t stuck = 0;
	char many[32];

	snprintf(many, sizeof many, "%" PRIu64, orders);
	if (!e->complete)
		printf("All orders, up to %zu steps of each", limits->steps);
	else if (!e->finite)
		printf("No end of orders, as who waits may look any number of "
		       "times");
	else
		printf("%s order%s",
		       orders == EXPLORED_MANY ? "More than 2^64" : many,
		       orders == 1 ? "" : "s");
	printf(":\n%zu state%s, %" PRIu64 " step%s of the CPU.\n", e->count,
	       e->count == 1 ? "" : "s", steps, steps == 1 ? "" : "s");
	for (size_t i = 0; i < e->count; i++)
		stuck += !e->states[i].can_end;
	if (stuck)
		printf("From %zu of them there is no way to the end.\n", stuck);
}

static int put_check(struct weave *weave, int i)
{
	struct verdict verdict;
	struct step_state *states;
	bool ended;
	size_t at;

	must_neg(weave_judge(weave, i, &verdict));
	if (verdict.holds) {
		printf("\ncheck %s: holds%s\n", weave->check_text[i],
		       weave->all.complete ? "" : ", as far as was followed");
		return EXIT_SUCCESS;
	}
	const struct explored_state *first = &weave->all.states[verdict.first];
	char *order = must_ptr(malloc(first->steps + 1));
	exploration_order(&weave->all, verdict.first, order);
	printf("\ncheck %s: FAILS in %zu state%s", weave->check_text[i],
	       verdict.states, verdict.states == 1 ? "" : "s");
	if (weave->all.finite && verdict.orders != EXPLORED_MANY)
		printf(", in %" PRIu64 " of %" PRIu64 " orders", verdict.orders,
		       exploration_orders(&weave->all));
	printf("\n%s %s:\n",
	       weave->check[i].when == CONDITION_PROGRESS
		       ? "nobody gets on after"
		       : "the shortest way there is",
	       *order ? order : "no step at all");
	int error = weave_replay(weave, order, &states, &at, &ended);
	if (!error)
		put_steps(stdout, weave, order, states,
			  canvas_of(STDOUT_FILENO).columns);
	free(states);
	free(order);
	return error ? complain(error) : EXIT_FAILURE;
}

static int report(struct weave *weave, const struct tool *tool)
{
	struct canvas canvas = canvas_of(STDOUT_FILENO);
	int status = EXIT_SUCCESS;

	printf("%s\n", weave->name);
	put_program(stdout, weave, canvas.columns);
	putchar('\n');
	if (tool->all)
		status = play_all(weave);
	put_counts(weave, &tool->limits);
	put_ends(stdout, weave, &canvas);
	for (int i = 0; i < weave->checks; i++) {
		int result = put_check(weave, i);
		status = status > result ? status : result;
	}
	puts("\nOne instruction at a time: store buffers, caches and the "
	     "compiler add to this\n(sync/litmus shows what).");
	return status;
}

static int run(struct weave *weave, const struct tool *tool)
{
	int error = weave_start(weave);

	if (error)
		return complain(error);
	if (tool->schedule)
		return play(weave, tool->schedule, tool->json);
	error = weave_explore(weave, &tool->limits);
	if (error)
		return complain(error);
	int status = tool->all ? check_all(weave) : EXIT_SUCCESS;
	if (status)
		return status;
	return tool->json ? put_json(weave, NULL, tool->all)
			  : report(weave, tool);
}

static int list(void)
{
	for (const struct listed *l = listed; l->name; l++)
		printf("%-10s %s\n", l->name, l->title);
	return EXIT_SUCCESS;
}

int tool_main(int argc, char **argv)
{
	struct argp argp = { table, parse, "", doc, 0, 0, 0 };
	struct tool tool = {
		.program = "count",
		.limits = { .states = SOME_STATES, .steps = SIZE_MAX },
	};
	int status;

	must_zero(argp_parse(&argp, argc, argv, 0, NULL, &tool));
	if (tool.list)
		return list();
	struct weave *weave = must_ptr(calloc(1, sizeof *weave));
	status = load(&tool, weave);
	if (!status && !tool.source)
		status = run(weave, &tool);
	weave_free(weave);
	free(weave);
	return status;
}
