// # The worksheet: printed, explained, asked
//
// As text, as JSON, or as questions.

#define _GNU_SOURCE
#include "mem/segment/sheet.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "draw.h"
#include "must.h"
#include "quiz.h"

// ## The exercise

// A segment 1 whose base is below its limit begins below address 0.
static void print_address(int64_t address)
{
	printf("%s0x%08" PRIx64 " (%" PRId64 ")", address < 0 ? "-" : "",
	       (uint64_t)llabs(address), address);
}

static void print_problem(const struct exercise *x,
			  const struct exercise_options *o)
{
	printf("Two segments, seed %" PRIu64 "\n\n"
	       "  address space  %" PRId64 " bytes\n"
	       "  memory         %" PRId64 " bytes\n",
	       o->seed, x->space, x->physical);
	printf("  segment 0      grows up    base ");
	print_address(x->base0);
	printf(", limit %" PRId64 "\n", x->limit0);
	printf("  segment 1      grows down  base ");
	print_address(exercise_top(x));
	printf(", limit %" PRId64 "\n\n", x->limit1);
}

// ## Why
//
// One line, without quotes.

static void print_why(FILE *out, const struct exercise *x, int64_t address)
{
	int64_t physical, d = address - x->space;
	bool valid = exercise_translate(x, address, &physical);

	if (exercise_segment(x, address) == 0) {
		fprintf(out, "%" PRId64 " is %s %" PRId64, address,
			valid ? "below" : "not below", x->limit0);
		if (valid)
			fprintf(out, "; %" PRId64 " + %" PRId64, x->base0,
				address);
		return;
	}
	fprintf(out, "%" PRId64 " - %" PRId64 " = %" PRId64 " is %s %" PRId64,
		address, x->space, d, valid ? "not below" : "below",
		-x->limit1);
	if (valid)
		fprintf(out, "; %" PRId64 " - %" PRId64, exercise_top(x), -d);
}

// ## Where they lie

static void mark(char *cells, size_t n, const struct exercise *x, int64_t from,
		 int64_t bytes, char letter)
{
	double cell = (double)x->physical / (double)n;

	for (size_t i = 0; i < n; i++)
		if ((double)from < (double)(i + 1) * cell &&
		    (double)(from + bytes) > (double)i * cell)
			cells[i] = letter;
}

static void print_map(const struct exercise *x)
{
	enum { CELLS = 64 };
	struct canvas canvas = canvas_of(STDOUT_FILENO);
	char cells[CELLS];

	memset(cells, '.', sizeof cells);
	mark(cells, CELLS, x, x->base0, x->limit0, '0');
	mark(cells, CELLS, x, x->low1, x->limit1, '1');
	char *map = must_ptr(draw_map(&canvas, cells, CELLS, CELLS));
	printf("Physical memory, %.4g bytes a cell\n%s\n",
	       (double)x->physical / CELLS, map);
	free(map);
}

static void print_addresses(const struct exercise *x,
			    const struct exercise_options *o)
{
	for (size_t i = 0; i < x->count; i++) {
		int64_t address = x->addresses[i], physical;
		printf("  VA %zu: ", i);
		print_address(address);
		if (o->compute) {
			printf("  segment %d, ", exercise_segment(x, address));
			if (exercise_translate(x, address, &physical))
				print_address(physical);
			else
				printf("segmentation violation");
		}
		putchar('\n');
		if (o->compute && o->explain) {
			printf("      because ");
			print_why(stdout, x, address);
			putchar('\n');
		}
	}
}

static void print_text(const struct exercise *x,
		       const struct exercise_options *o)
{
	print_problem(x, o);
	if (o->compute && o->explain)
		print_map(x);
	print_addresses(x, o);
	if (!o->compute)
		printf("\nWork out the segment of each address, and its "
		       "physical address or that it is a\nviolation. The "
		       "answers are shown with -c, asked for with --quiz.\n");
}

// ## JSON

static void json_translation(const struct exercise *x,
			     const struct exercise_options *o, size_t i)
{
	int64_t address = x->addresses[i], physical;

	printf("%s\n  {\"virtual\": %" PRId64 ", \"segment\": %d, ",
	       i ? "," : "", address, exercise_segment(x, address));
	if (exercise_translate(x, address, &physical))
		printf("\"physical\": %" PRId64 ", \"fault\": null", physical);
	else
		printf("\"physical\": null, "
		       "\"fault\": \"segmentation violation\"");
	if (o->explain) {
		printf(", \"why\": \"");
		print_why(stdout, x, address);
		putchar('"');
	}
	putchar('}');
}

static void print_json(const struct exercise *x,
		       const struct exercise_options *o)
{
	printf("{\"exercise\": \"segmentation\", \"seed\": %" PRIu64
	       ",\n \"address_space\": %" PRId64
	       ", \"physical_memory\": %" PRId64 ",\n \"segments\": [\n",
	       o->seed, x->space, x->physical);
	printf("  {\"segment\": 0, \"base\": %" PRId64 ", \"limit\": %" PRId64
	       ", \"grows\": \"up\"},\n",
	       x->base0, x->limit0);
	printf("  {\"segment\": 1, \"base\": %" PRId64 ", \"limit\": %" PRId64
	       ", \"grows\": \"down\"}],\n \"translations\": [",
	       exercise_top(x), x->limit1);
	for (size_t i = 0; i < x->count; i++)
		json_translation(x, o, i);
	printf("]}\n");
}

// ## Questions

static int ask(const struct exercise *x)
{
	struct quiz quiz = { 0 };

	for (size_t i = 0; i < x->count; i++) {
		int64_t address = x->addresses[i], physical;
		if (!exercise_translate(x, address, &physical))
			physical = -1;
		if (!quiz_ask(&quiz, exercise_segment(x, address),
			      "VA %zu, %" PRId64 ": which segment", i,
			      address) ||
		    !quiz_ask(&quiz, (double)physical,
			      "VA %zu, %" PRId64
			      ": physical address, -1 for a violation",
			      i, address))
			break;
	}
	return quiz_end(&quiz);
}

int sheet_show(const struct exercise *x, const struct exercise_options *o)
{
	int status = EXIT_SUCCESS;

	if (o->json) {
		print_json(x, o);
	} else if (o->quiz) {
		print_problem(x, o);
		status = ask(x);
		if (o->compute)
			print_addresses(x, o);
	} else {
		print_text(x, o);
	}
	return status;
}
