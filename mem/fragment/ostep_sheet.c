// # The worksheet, its answers, JSON, the quiz
//
//     $ build/mem/fragment --ostep=malloc -S 60 -A +10,+20,-0,+4 -c --explain
//     malloc: 60 bytes from 1000, no headers,
//     BEST fit, free list ADDRSORT, not coalesced
//     The free list as [address, size]; at first:
//            [1000, 60]
//
//        1  ptr[0] = alloc(10)  returns 1000, searched 1
//            [1010, 50]
//            the smallest that has 10 bytes was [1000, 60]; 50 of it stay there
//     ...
//        4  ptr[2] = alloc(4)  returns 1000, searched 2
//            [1004, 6] [1030, 30]
//            the smallest that has 4 bytes was [1000, 10]; 6 of it stay there
//
// "searched" counts the pieces of the list that were looked at.

#define _GNU_SOURCE
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mem/fragment/ostep.h"
#include "options.h"
#include "quiz.h"

enum { WIDTH = 80, HANG = 7 };

// ## Lines of pieces

// Prints words, and begins a new line before one that would be too long.
struct line {
	int column;
};

static void word(struct line *line, const char *text)
{
	int length = (int)strlen(text), gap = *text != ';';

	// (a semicolon may follow)
	if (line->column && line->column + gap + length >= WIDTH && gap) {
		putchar('\n');
		line->column = 0;
	}
	if (!line->column)
		gap = HANG;
	printf("%*s%s", gap, "", text);
	line->column += gap + length;
}

static void words(struct line *line, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static void words(struct line *line, const char *fmt, ...)
{
	char text[512], *rest = text, *one;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	while ((one = strsep(&rest, " ")))
		word(line, one);
}

// A hole is one word.
static void hole(struct line *line, const struct exercise *x,
		 const struct piece *piece)
{
	char text[64];

	snprintf(text, sizeof text, "[%" PRId64 ", %" PRIu64 "]",
		 exercise_address(x, piece->address), piece->size);
	word(line, text);
}

static void print_list(const struct exercise *x)
{
	const struct piece *holes;
	struct line line = { 0 };
	size_t n = strip_holes(x->strip, &holes);

	for (size_t i = 0; i < n; i++)
		hole(&line, x, &holes[i]);
	if (!n)
		word(&line, "(nothing is free)");
	putchar('\n');
}

// ## Why

static void why_size(struct line *line, const struct ostep *o,
		     const struct operation *op)
{
	uint64_t rounded = op->placement.size - (uint64_t)o->header;

	words(line, "%" PRIu64 " bytes", op->placement.size);
	if (rounded != (uint64_t)op->size)
		words(line, "(%" PRId64 ", rounded up to %" PRIu64 "%s",
		      op->size, rounded, o->header ? "," : ")");
	else if (o->header)
		words(line, "(%" PRId64, op->size);
	if (o->header)
		words(line, "and %" PRId64 " of header)", o->header);
}

static void why_alloc(struct line *line, const struct exercise *x,
		      const struct operation *op)
{
	const struct ostep *o = x->options;
	const struct strip_statistics s = strip_statistics(x->strip);
	uint64_t rest = op->placement.hole.size - op->placement.size;

	if (!op->done) {
		words(line, "nothing on the list has");
		why_size(line, o, op);
		words(line,
		      "; %" PRIu64 " are free in all, in pieces of at most "
		      "%" PRIu64,
		      s.free, s.largest);
		return;
	}
	words(line, "the %s that has",
	      !strcmp(o->policy, "BEST")    ? "smallest"
	      : !strcmp(o->policy, "WORST") ? "largest"
					    : "first");
	why_size(line, o, op);
	word(line, "was");
	hole(line, x, &op->placement.hole);
	if (rest)
		words(line, "; %" PRIu64 " of it stay there", rest);
	else
		words(line, "; it fits exactly");
}

static void why_free(struct line *line, const struct exercise *x,
		     const struct operation *op)
{
	const struct ostep *o = x->options;
	const struct piece *holes;
	size_t joined = op->holes_before + 1 - strip_holes(x->strip, &holes);

	if (!op->done) {
		words(line, "no block begins at %" PRId64 " now",
		      exercise_address(x, op->address));
		return;
	}
	words(line, "the block at %" PRId64, exercise_address(x, op->address));
	if (!strncmp(o->order, "INSERT", 6))
		words(line, "goes to the %s of the list",
		      !strcmp(o->order, "INSERT-FRONT") ? "head" : "tail");
	else
		words(line, "goes on the list, which is sorted by %s",
		      !strcmp(o->order, "ADDRSORT")    ? "address"
		      : !strcmp(o->order, "SIZESORT+") ? "size, rising"
						       : "size, falling");
	if (joined)
		words(line,
		      "; then those join that touch and are neighbours in it: "
		      "%zu fewer",
		      joined);
}

static void explain(const struct exercise *x, const struct operation *op)
{
	struct line line = { 0 };

	if (op->kind == OPERATION_ALLOC)
		why_alloc(&line, x, op);
	else
		why_free(&line, x, op);
	putchar('\n');
}

// ## The worksheet

static void print_problem(const struct exercise *x)
{
	const struct ostep *o = x->options;

	printf("malloc: %" PRId64 " bytes from %" PRId64 ", ", o->size,
	       o->base);
	if (o->header)
		printf("headers of %" PRId64, o->header);
	else
		printf("no headers");
	if (o->alignment > 1)
		printf(",\nsizes rounded up to %" PRId64, o->alignment);
	printf(",\n%s fit, free list %s, %s", o->policy, o->order,
	       o->coalesce ? "coalesced" : "not coalesced");
	if (!*o->list)
		printf("; seed %" PRIu64, o->seed);
	printf("\nThe free list as [address, size]; at first:\n");
	print_list(x);
	putchar('\n');
}

static void print_operation(const struct operation *op, int64_t number)
{
	printf("%4" PRId64 "  ", number);
	if (op->kind == OPERATION_ALLOC)
		printf("ptr[%" PRId64 "] = alloc(%" PRId64 ")", op->index,
		       op->size);
	else
		printf("free(ptr[%" PRId64 "])", op->index);
}

static void print_answer(const struct exercise *x, const struct operation *op)
{
	printf("  returns %" PRId64, op->result);
	if (op->kind == OPERATION_ALLOC)
		printf(", searched %zu", op->placement.searched);
	putchar('\n');
	print_list(x);
	if (x->options->explain)
		explain(x, op);
}

static bool ask(const struct exercise *x, const struct operation *op,
		struct quiz *quiz)
{
	const struct piece *holes;
	size_t n = strip_holes(x->strip, &holes);

	putchar('\n');
	bool on = quiz_ask(quiz, (double)op->result, "      returns");
	if (on && op->kind == OPERATION_ALLOC)
		on = quiz_ask(quiz, (double)op->placement.searched,
			      "      pieces of the list looked at");
	if (on)
		on = quiz_ask(quiz, (double)n, "      pieces on it afterwards");
	if (on)
		print_list(x);
	return on;
}

static int show_text(const struct ostep *o)
{
	struct exercise x;
	struct operation op;
	struct quiz quiz = { 0 };
	bool on = true;

	exercise_begin(&x, o);
	print_problem(&x);
	while (on && exercise_next(&x, &op)) {
		print_operation(&op, x.played);
		if (op.kind == OPERATION_SKIPPED)
			printf("  skipped: there is no such pointer yet\n");
		else if (o->quiz)
			on = ask(&x, &op, &quiz);
		else if (o->compute)
			print_answer(&x, &op);
		else
			putchar('\n');
	}
	exercise_end(&x);
	if (o->quiz)
		return quiz_end(&quiz);
	if (!o->compute)
		printf("\nWhat does each return, at how many pieces of the "
		       "list does an allocation look\n(searched), and what is "
		       "the list then? The answers are shown with -c,\nasked "
		       "for with --quiz.\n");
	return EXIT_SUCCESS;
}

// ## JSON

static void json_list(const struct exercise *x)
{
	const struct piece *holes;
	size_t n = strip_holes(x->strip, &holes);

	printf("[");
	for (size_t i = 0; i < n; i++)
		printf("%s[%" PRId64 ", %" PRIu64 "]", i ? ", " : "",
		       exercise_address(x, holes[i].address), holes[i].size);
	printf("]");
}

static void json_operation(const struct exercise *x, const struct operation *op)
{
	bool alloc = op->kind == OPERATION_ALLOC;

	printf("  {\"operation\": \"%s\", \"index\": %" PRId64,
	       alloc ? "alloc" : "free", op->index);
	if (alloc)
		printf(", \"size\": %" PRId64 ", \"searched\": %zu, "
		       "\"address\": ",
		       op->size, op->placement.searched);
	if (alloc && op->done)
		printf("%" PRId64, exercise_address(x, op->placement.address));
	else if (alloc)
		printf("null");
	printf(", \"result\": %" PRId64 ",\n   \"free_list\": ", op->result);
	json_list(x);
	printf("}");
}

static int show_json(const struct ostep *o)
{
	struct exercise x;
	struct operation op;
	const char *comma = "";

	exercise_begin(&x, o);
	printf("{\"exercise\": \"malloc\", \"seed\": %" PRIu64
	       ", \"size\": %" PRId64 ", \"base\": %" PRId64
	       ",\n \"header\": %" PRId64 ", \"alignment\": %" PRId64
	       ", \"policy\": \"%s\", \"order\": \"%s\", \"coalesce\": %s,\n"
	       " \"operations\": [",
	       o->seed, o->size, o->base, o->header, o->alignment, o->policy,
	       o->order, o->coalesce ? "true" : "false");
	while (exercise_next(&x, &op)) {
		if (op.kind == OPERATION_SKIPPED)
			continue;
		printf("%s\n", comma);
		json_operation(&x, &op);
		comma = ",";
	}
	printf("]}\n");
	exercise_end(&x);
	return EXIT_SUCCESS;
}

// A list is played once before anything is printed: what is wrong in it is
// refused then.
int exercise_show(const struct ostep *o)
{
	struct exercise x;
	struct operation op;

	exercise_begin(&x, o);
	while (*o->list && exercise_next(&x, &op))
		;
	exercise_end(&x);
	return o->json ? show_json(o) : show_text(o);
}
