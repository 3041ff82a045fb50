// # A lab: what every lab program understands
//
// Options and scene names are read here; the playing is manager.c's, behind the
// supervisor. What only prints (--list, --help) starts no process.

#define _GNU_SOURCE
#include "lab.h"

#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "names.h"
#include "options.h"
#include "stage.h"
#include "supervisor.h"

enum {
	BAD_USAGE = 2,
	SECOND = 1000000000,
	OPT_FORMAT = 0x100,
	OPT_LIST,
	OPT_SLOW,
	OPT_PREDICT,
	OPT_TIMEOUT,
	OPT_SWEEP,
	OPT_CATALOGUE,
};

static const struct argp_option options[] = {
	{ "list", OPT_LIST, 0, 0, "List the scenes", 1 },
	{ "format", OPT_FORMAT, "text|json", 0,
	  "For people (the default), or for programs: one JSON object", 1 },
	{ "slow", OPT_SLOW, "DURATION", OPTION_ARG_OPTIONAL,
	  "Pause between lines (1s, or as long as said)", 2 },
	{ "predict", OPT_PREDICT, 0, 0,
	  "Ask whether a claim is true before it is checked, and keep the "
	  "score", 2 },
	{ "timeout", OPT_TIMEOUT, "DURATION", 0,
	  "End a scene that takes longer (30s)", 3 },
	{ "sweep", OPT_SWEEP, 0, 0,
	  "Remove what programs that were killed have left, and stop", 3 },
	{ "catalogue", OPT_CATALOGUE, 0, OPTION_HIDDEN, 0, 0 },
	{ 0 }
};

struct request {
	struct programme programme;
	int mode;  // OPT_LIST, OPT_SWEEP, OPT_CATALOGUE, or 0: play
	int swept; // names_sweep, which every run begins with
	bool predict;
	bool utf8;
};

static size_t count_scenes(const struct lab *lab)
{
	size_t n = 0;

	while (lab->scenes[n].name)
		n++;
	return n;
}

static void choose(struct request *request, const char *name,
		   const struct argp_state *state)
{
	struct programme *programme = &request->programme;
	const struct lab *lab = programme->lab;
	char text[100];

	for (const struct scene *s = lab->scenes; s->name; s++)
		if (!strcmp(s->name, name)) {
			programme->scenes[programme->count++] = s;
			return;
		}
	plain_text(text, sizeof text, name, request->utf8);
	fprintf(stderr, "%s: no scene '%s'; there %s", state->name, text,
		count_scenes(lab) == 1 ? "is" : "are");
	for (const struct scene *s = lab->scenes; s->name; s++)
		fprintf(stderr, " %s", s->name);
	fputc('\n', stderr);
	exit(BAD_USAGE);
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	static const char *const formats[] = { "text", "json", NULL };
	struct request *request = state->input;
	struct programme *programme = &request->programme;

	switch (key) {
	case OPT_FORMAT:
		programme->json = option_choice(state, "--format", arg,
						formats);
		return 0;
	case OPT_SLOW:
		programme->pause_ns =
			arg ? option_duration(state, "--slow", arg,
					      INT64_C(1000000),
					      INT64_C(60) * SECOND)
			    : SECOND;
		return 0;
	case OPT_TIMEOUT:
		programme->limit_ns = option_duration(state, "--timeout", arg,
						      INT64_C(100000000),
						      INT64_C(86400) * SECOND);
		return 0;
	case OPT_PREDICT:
		request->predict = true;
		return 0;
	case OPT_LIST:
	case OPT_SWEEP:
	case OPT_CATALOGUE:
		request->mode = key;
		return 0;
	case ARGP_KEY_ARG:
		choose(request, arg, state);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

// ## What only prints

static int scene_columns(const struct lab *lab)
{
	int longest = 0;

	for (const struct scene *s = lab->scenes; s->name; s++)
		if ((int)strlen(s->name) > longest)
			longest = (int)strlen(s->name);
	return longest;
}

static void print_scenes(FILE *out, const struct lab *lab, bool utf8,
			 const char *indent)
{
	char title[SENTENCE_BYTES];

	for (const struct scene *s = lab->scenes; s->name; s++) {
		plain_text(title, sizeof title, s->title, utf8);
		fprintf(out, "%s%-*s  %s\n", indent, scene_columns(lab),
			s->name, title);
	}
}

static void print_tools(FILE *out, const struct lab *lab)
{
	if (!lab->tools)
		return;
	fprintf(out, "\nWith your own data:\n");
	for (const struct tool *t = lab->tools; t->name; t++)
		fprintf(out, "  %s %s%s%s\n      %s\n", lab->name, t->name,
			*t->usage == '=' ? "" : " ", t->usage, t->summary);
	fprintf(out, "  Each has a --help of its own.\n");
}

static void print_list_json(const struct lab *lab)
{
	json_t *scenes = must_ptr(json_array());

	for (const struct scene *s = lab->scenes; s->name; s++)
		must(json_array_append_new(
			scenes,
			must_ptr(json_pack("{s:s, s:s}", "name", s->name,
					   "title", s->title))));
	json_t *list = must_ptr(json_pack(
		"{s:s, s:s, s:s, s:o}", "program", lab->name, "summary",
		lab->summary, "chapter", lab->chapter, "scenes", scenes));
	char *text = must_ptr(json_dumps(list, JSON_INDENT(2)));
	puts(text);
	free(text);
	json_decref(list);
}

// argp prints what stands before the \v above the options and the rest below.
static char *help_text(const struct lab *lab, bool utf8)
{
	char line[SENTENCE_BYTES], *text;
	size_t bytes;
	FILE *out = must_ptr(open_memstream(&text, &bytes));

	plain_text(line, sizeof line, lab->summary, utf8);
	fprintf(out, "%s\n", line);
	plain_text(line, sizeof line, lab->chapter, utf8);
	fprintf(out,
		"(chapter %s)\vScenes, all of which are played unless some "
		"are named:\n",
		line);
	print_scenes(out, lab, utf8, "  ");
	print_tools(out, lab);
	fprintf(out,
		"\nExample: %s --slow %s\n"
		"\nExit status: 0 every claim held, 1 one did not or the "
		"output "
		"could not be written, 2 bad usage, 77 this host can play none "
		"of the scenes.",
		lab->name, lab->scenes->name);
	must(fclose(out));
	return text;
}

static int sweep(const struct lab *lab, int n)
{
	if (n < 0) {
		fprintf(stderr, "%s: cannot remove all that was left: %s\n",
			lab->name, strerror(-n));
		return EXIT_FAILURE;
	}
	if (n == 0)
		puts("nothing to sweep");
	else
		printf("swept %d %s that killed programs had left\n", n,
		       n == 1 ? "object" : "objects");
	return EXIT_SUCCESS;
}

// ## Tools

static bool chooses(const struct tool *tool, const char *argument)
{
	size_t length = strlen(tool->name);

	return !strncmp(argument, tool->name, length) &&
	       (!argument[length] ||
		(*tool->name == '-' && argument[length] == '='));
}

static const struct tool *chosen_tool(const struct lab *lab, int argc,
				      char **argv)
{
	for (const struct tool *t = lab->tools; t && t->name; t++)
		for (int i = 1; i < argc; i++) {
			if (*t->name != '-' && i > 1)
				break;
			if (chooses(t, argv[i]))
				return t;
		}
	return NULL;
}

static int use(const struct tool *tool, int argc, char **argv)
{
	names_sweep();
	if (*tool->name == '-')
		return options_end(tool->main(argc, argv));
	static char name[PATH_MAX]; // as --help has to call it

	snprintf(name, sizeof name, "%s %s", argv[0], tool->name);
	argv[1] = name;
	return options_end(tool->main(argc - 1, argv + 1));
}

// ## Playing

// The answers come from the terminal, whatever the standard input is.
static int open_terminal(const struct lab *lab)
{
	int fd = open("/dev/tty", O_RDWR | O_CLOEXEC);

	if (fd != -1)
		return fd;
	fprintf(stderr,
		"%s: --predict asks its questions at a terminal, and "
		"there is none\n",
		lab->name);
	exit(BAD_USAGE);
}

// Until a scene plays, a host without room is one that can play none of them.
static void leave_unplayed(const char *call, int error)
{
	const char *limit = limit_met(call, error);

	if (!limit)
		return;
	dprintf(STDERR_FILENO, "no scene can be played: %s\n", limit);
	names_close();
	_exit(EXIT_SKIP);
}

static int play(struct request *request)
{
	struct programme *programme = &request->programme;

	if (request->predict && programme->json) {
		fprintf(stderr,
			"%s: --predict is for people, --format=json for "
			"programs: one of them\n",
			programme->lab->name);
		return BAD_USAGE;
	}
	if (request->predict)
		programme->terminal = open_terminal(programme->lab);
	if (programme->count == 0)
		for (const struct scene *s = programme->lab->scenes; s->name;
		     s++)
			programme->scenes[programme->count++] = s;
	die_first = leave_unplayed;
	int status = supervise(manage, programme);
	if (programme->terminal != -1)
		must(close(programme->terminal));
	return status;
}

static int answer(struct request *request)
{
	const struct lab *lab = request->programme.lab;

	switch (request->mode) {
	case OPT_LIST:
		if (request->programme.json)
			print_list_json(lab);
		else
			print_scenes(stdout, lab, request->utf8, "");
		return EXIT_SUCCESS;
	case OPT_CATALOGUE:
		printf("%s\t%s\t%s\n", lab->name, lab->summary, lab->chapter);
		return EXIT_SUCCESS;
	case OPT_SWEEP:
		return sweep(lab, request->swept);
	default:
		return play(request);
	}
}

int lab_main(const struct lab *lab, int argc, char **argv)
{
	options_begin(lab->name);
	const struct tool *tool = chosen_tool(lab, argc, argv);
	if (tool)
		return use(tool, argc, argv);
	struct request request = {
		.swept = names_sweep(),
		.utf8 = canvas_of(STDOUT_FILENO).utf8,
		.programme = {
			.lab = lab,
			.limit_ns = INT64_C(30) * SECOND,
			.terminal = -1,
			.scenes = must_ptr(calloc(argc + count_scenes(lab),
						  sizeof(struct scene *))),
		},
	};
	char *help = help_text(lab, request.utf8);
	struct argp argp = { options, parse, "[SCENE...]", help, 0, 0, 0 };
	must_zero(argp_parse(&argp, argc, argv, 0, NULL, &request));
	int status = answer(&request);
	free(request.programme.scenes);
	free(help);
	return options_end(status);
}
