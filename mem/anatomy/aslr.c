// # Addresses that are drawn by lot
//
// Who knows where the stack and the libraries lie can write an attack that works
// everywhere. So the kernel moves them at each execve(2) by a random number of
// pages (ASLR). randomize_va_space says what: 0 nothing, 1 stack, mappings and
// vDSO (and with them a program that can lie anywhere, PIE), 2 the heap as well.
// A process may do without: personality(2) with ADDR_NO_RANDOMIZE, as debuggers do.
//
// Here this program executes itself and reads what its children print (--marks).
// Two draws may be the same; so each part is given several.

#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host.h"
#include "lab.h"
#include "mem/anatomy/anatomy.h"
#include "mem/of/of.h"
#include "options.h"

enum { DRAWS = 32, OUTPUT = 4096 };

// ## The tool: a line each, "ADDRESS NAME"

enum { OPT_FORMAT = 0x100 };

static const struct argp_option options[] = {
	{ "format", OPT_FORMAT, "text|json", 0,
	  "For people (the default), or for programs", 0 },
	{ 0 }
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	static const char *const formats[] = { "text", "json", NULL };
	int *json = state->input;

	if (key == ARGP_KEY_ARG)
		option_refuse(state, "argument", arg, "options only");
	if (key != OPT_FORMAT)
		return ARGP_ERR_UNKNOWN;
	*json = option_choice(state, "--format", arg, formats);
	return 0;
}

static void print_json(const struct mark *marks)
{
	json_t *all = must_ptr(json_array());

	for (int i = 0; i < MARKS; i++)
		must(json_array_append_new(
			all, must_ptr(json_pack("{s:s, s:o}", "name",
						marks[i].name, "address",
						of_hex(marks[i].address)))));
	of_print(must_ptr(json_pack("{s:s, s:o}", "program", "mem/anatomy",
				    "marks", all)));
}

int marks_main(int argc, char **argv)
{
	static const struct argp argp = {
		.options = options,
		.parser = parse,
		.doc = "Where things of this run are: their addresses and "
		       "names, a line each. Two runs differ (ASLR).\v"
		       "  build/mem/anatomy marks; setarch -R "
		       "build/mem/anatomy marks",
	};
	struct mark marks[MARKS];
	int json = 0;

	must_zero(argp_parse(&argp, argc, argv, 0, NULL, &json));
	own_marks(marks);
	if (json)
		print_json(marks);
	for (int i = 0; !json && i < MARKS; i++)
		printf("%" PRIxPTR " %s\n", marks[i].address, marks[i].name);
	return options_end(EXIT_SUCCESS);
}

// ## Running it

static _Noreturn void run_myself(int out, bool random)
{
	static char name[] = "anatomy", marks[] = "marks";
	char *const argv[] = { name, marks, NULL };
	int current = must(personality(0xffffffff));
	int wanted = random ? current & ~ADDR_NO_RANDOMIZE
			    : current | ADDR_NO_RANDOMIZE;

	if (personality((unsigned)wanted) == -1)
		skip("personality: %s: some filter (seccomp) of this host "
		     "forbids it; try outside its container",
		     strerror(errno));
	must(dup2(out, STDOUT_FILENO));
	must(execv("/proc/self/exe", argv));
	abort();
}

// Reads to the end of the file.
static void read_all(int fd, char text[OUTPUT])
{
	size_t n = 0;
	ssize_t got;

	while (n < OUTPUT - 1 &&
	       (got = must(read(fd, text + n, OUTPUT - 1 - n))) > 0)
		n += (size_t)got;
	text[n] = '\0';
}

static void addresses_of_run(bool random, uintptr_t addresses[MARKS])
{
	char text[OUTPUT], *at = text;
	int fd[2];

	must(pipe(fd));
	pid_t child = fork_as("run");
	if (child == 0) {
		must(close(fd[0]));
		run_myself(fd[1], random);
	}
	must(close(fd[1]));
	read_all(fd[0], text);
	must(close(fd[0]));
	reap(child);
	for (int i = 0; i < MARKS; i++) {
		addresses[i] = (uintptr_t)strtoull(at, &at, 16);
		at += strcspn(at, "\n");
	}
}

// ## Two runs side by side

static void show_runs(const struct mark *marks, const uintptr_t *one,
		      const uintptr_t *two, const uintptr_t *moved)
{
	char *text = NULL;
	size_t bytes;
	FILE *out = must_ptr(open_memstream(&text, &bytes));

	fprintf(out, "%-17s  %-16s  %-16s%s\n", "", "one run", "another",
		moved ? "  bits seen to change" : "");
	for (int i = 0; i < MARKS; i++) {
		fprintf(out, "%-17s  %-16" PRIxPTR "  %-16" PRIxPTR,
			marks[i].name, one[i], two[i]);
		if (moved)
			fprintf(out, "  %d", __builtin_popcountll(moved[i]));
		fputc('\n', out);
	}
	must(fclose(out));
	show_text(text);
	free(text);
}

// Whether this program may lie anywhere (PIE). A linker's symbol says where its
// headers are.
extern const ElfW(Ehdr) __ehdr_start
	__attribute__((weak, visibility("hidden")));

static bool is_pie(void)
{
	return &__ehdr_start && __ehdr_start.e_type == ET_DYN;
}

// Which marks the kernel promises to move: that depends on where they are.
static void expect(int level, bool expected[MARKS])
{
	struct mark marks[MARKS];
	struct layout layout;

	own_marks(marks);
	own_layout(&layout);
	for (int i = 0; i < MARKS; i++) {
		const struct region *region = layout_find(&layout,
							  marks[i].address);
		enum part part = region ? region->part : PARTS;
		if (part == PART_HEAP)
			expected[i] = level > 1;
		else if (part <= PART_BSS)
			expected[i] = level > 0 && is_pie();
		else
			expected[i] = level > 0 && part != PARTS;
		if (!MALLOC_IS_KNOWN && (i == MARK_SMALL || i == MARK_LARGE))
			expected[i] = false;
	}
	layout_free(&layout);
}

static bool all_moved(const bool expected[MARKS], const uintptr_t moved[MARKS])
{
	for (int i = 0; i < MARKS; i++)
		if (expected[i] && !moved[i])
			return false;
	return true;
}

static void draw_by_lot(const struct mark *marks, int level)
{
	uintptr_t first[MARKS], other[MARKS], moved[MARKS] = { 0 };
	bool expected[MARKS];
	int runs = 1;

	expect(level, expected);
	addresses_of_run(true, first);
	do {
		addresses_of_run(true, other);
		for (int i = 0; i < MARKS; i++)
			moved[i] |= first[i] ^ other[i];
		runs++;
	} while (runs < DRAWS && (runs < 8 || !all_moved(expected, moved)));
	show_runs(marks, first, other, moved);
	say("%d runs; randomize_va_space is %d", runs, level);
	say("this program %s",
	    is_pie() ? "can lie anywhere (PIE)" : "has a fixed place (no PIE)");
	claim(all_moved(expected, moved),
	      "what shall move at this setting has moved");
	bool fixed = is_pie() || (!moved[MARK_MAIN] && !moved[MARK_GLOBAL]);
	claim(fixed, is_pie() ? "the program, too, since it is a PIE"
			      : "the program has not: it is no PIE");
	claim((moved[MARK_LIBRARY] & (page_bytes() - 1)) == 0 &&
		      (moved[MARK_MAIN] & (page_bytes() - 1)) == 0,
	      "by whole pages: the offset in the page stays");
}

static void do_without(const struct mark *marks)
{
	uintptr_t one[MARKS], two[MARKS];

	addresses_of_run(false, one);
	addresses_of_run(false, two);
	say("two runs with ADDR_NO_RANDOMIZE:");
	show_runs(marks, one, two, NULL);
	claim(!memcmp(one, two, sizeof one), "nothing has moved");
}

void scene_aslr(void)
{
	struct mark marks[MARKS];
	char line[HOST_TEXT];

	need_plain_memory();
	own_marks(marks);
	if (!host_line("/proc/sys/kernel/randomize_va_space", line,
		       sizeof line))
		skip("no /proc/sys/kernel/randomize_va_space: it takes "
		     "Linux's own /proc");
	draw_by_lot(marks, atoi(line));
	do_without(marks);
}
