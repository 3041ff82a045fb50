// # Step by step, as a textbook draws it
//
// The references on top, the frames below them after each, and whom a fault took
// its frame from. A page stays in its frame, so a row is one frame's story. A
// trace that is wider than the terminal goes on in another block.

#define _GNU_SOURCE
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "draw.h"
#include "mem/replace/replace.h"
#include "options.h"

struct grid {
	const struct input *input;
	const struct replacement *policy;
	uint32_t frames;
	uint64_t references;
	uint32_t *cells; // references x frames: page, or NO_PAGE
	bool *dirty;     // of the same
	struct mark {
		uint32_t page, victim;
		bool write, hit, written;
	} * marks;
	FILE *out; // of the block
};

static void note(void *context, const struct paging_step *s)
{
	struct grid *grid = context;
	size_t row = s->index * grid->frames;

	memcpy(grid->cells + row, s->contents,
	       grid->frames * sizeof *s->contents);
	for (uint32_t f = 0; f < grid->frames; f++)
		grid->dirty[row + f] =
			s->contents[f] != NO_PAGE &&
			(grid->policy->page(s->state, s->contents[f]) &
			 PAGE_MODIFIED);
	grid->marks[s->index] = (struct mark){ s->page, s->victim, s->write,
					       s->hit, s->dirty };
}

static void fill(struct grid *grid, const struct kept *kept,
		 const struct replacement_future *future)
{
	struct paging_setup setup = setup_of(grid->input->request, future);
	struct paging_run run = { grid->policy, grid->frames };
	struct paging *paging;

	setup.runs = &run;
	setup.count = 1;
	setup.step = note;
	setup.context = grid;
	int error = paging_create(&paging, &setup);
	if (!error)
		error = paging_play(paging, kept->references, kept->count);
	if (error)
		exit(failure(grid->policy->name, error));
	paging_free(paging);
}

// ## Drawing

enum { LABEL = 10, NAME_BYTES = 32 };

static int cell_width(const struct grid *grid)
{
	char text[NAME_BYTES];
	int width = 1;

	for (uint64_t i = 0; i < grid->references; i++) {
		int n = snprintf(text, sizeof text, "%" PRIu64,
				 input_page(grid->input, grid->marks[i].page));
		if (n > width)
			width = n;
	}
	return width + 1 + grid->input->wrote;
}

static void put_page(const struct grid *grid, int width, uint32_t page,
		     char behind)
{
	char text[NAME_BYTES] = "";

	if (page != NO_PAGE)
		snprintf(text, sizeof text, "%" PRIu64,
			 input_page(grid->input, page));
	if (grid->input->wrote)
		fprintf(grid->out, "%*s%c", width - 1, text, behind);
	else
		fprintf(grid->out, "%*s", width, text);
}

static void put_frame(const struct grid *grid, int width, uint64_t from,
		      uint64_t to, uint32_t frame)
{
	fprintf(grid->out, "frame %-*" PRIu32, LABEL - 6, frame);
	for (uint64_t i = from; i < to; i++) {
		uint64_t at = i * grid->frames + frame;
		put_page(grid, width, grid->cells[at],
			 grid->dirty[at] ? '*' : ' ');
	}
	fputc('\n', grid->out);
}

static void put_block(const struct grid *grid, int width, uint64_t from,
		      uint64_t to)
{
	bool any = false;

	fprintf(grid->out, "%-*s", LABEL, "reference");
	for (uint64_t i = from; i < to; i++)
		put_page(grid, width, grid->marks[i].page,
			 grid->marks[i].write ? 'w' : ' ');
	fputc('\n', grid->out);
	for (uint32_t f = 0; f < grid->frames; f++)
		put_frame(grid, width, from, to, f);
	fprintf(grid->out, "%-*s", LABEL, "fault");
	for (uint64_t i = from; i < to; i++) {
		fprintf(grid->out, "%*s%s", width - grid->input->wrote,
			grid->marks[i].hit ? "" : "F",
			grid->input->wrote ? " " : "");
		any |= grid->marks[i].victim != NO_PAGE;
	}
	fputc('\n', grid->out);
	if (!any)
		return;
	fprintf(grid->out, "%-*s", LABEL, "leaves");
	for (uint64_t i = from; i < to; i++)
		put_page(grid, width, grid->marks[i].victim,
			 grid->marks[i].written ? '*' : ' ');
	fputc('\n', grid->out);
}

// Without blanks at the lines' ends.
static void print_lines(const char *text)
{
	while (*text) {
		size_t n = strcspn(text, "\n"), used = n;
		while (used && text[used - 1] == ' ')
			used--;
		printf("%.*s\n", (int)used, text);
		text += n + 1;
	}
}

static void put_blocks(struct grid *grid, int width, uint64_t per_block)
{
	char *text = NULL;
	size_t bytes;

	for (uint64_t from = 0; from < grid->references; from += per_block) {
		uint64_t to = from + per_block;
		grid->out = have(open_memstream(&text, &bytes));
		put_block(grid, width, from,
			  to < grid->references ? to : grid->references);
		if (fclose(grid->out) != 0)
			out_of_memory();
		fputs(from ? "\n" : "", stdout);
		print_lines(text);
		free(text);
	}
}

static void put_grid(struct grid *grid)
{
	int columns = canvas_of(1).columns, width = cell_width(grid);
	int room = columns - LABEL + grid->input->wrote;
	uint64_t faulted = 0;

	printf("%s: %s, %" PRIu32 " frame%s\n", grid->policy->name,
	       grid->policy->title, grid->frames, grid->frames == 1 ? "" : "s");
	put_blocks(grid, width, room > width ? (uint64_t)(room / width) : 1);
	for (uint64_t i = 0; i < grid->references; i++)
		faulted += !grid->marks[i].hit;
	printf("%" PRIu64 " fault%s%s\n", faulted, faulted == 1 ? "" : "s",
	       grid->input->wrote
		       ? "; w writes, * modified (leaving: written back)"
		       : "");
}

void show_steps(const struct input *input, const struct kept *kept,
		const struct replacement_future *future,
		const struct replacement *policy, uint32_t frames)
{
	enum { MOST_ROWS = 1000 };
	struct grid grid = {
		.input = input,
		.policy = policy,
		.frames = frames,
		.references = kept->count,
	};

	if (frames > MOST_ROWS)
		exit(option_complain(EXIT_USAGE,
				     "--steps: want at most %d frames as text, "
				     "found %" PRIu32,
				     MOST_ROWS, frames));
	grid.cells = have_zeroed(kept->count * frames, sizeof *grid.cells);
	grid.dirty = have_zeroed(kept->count * frames, sizeof *grid.dirty);
	grid.marks = have_zeroed(kept->count, sizeof *grid.marks);
	fill(&grid, kept, future);
	put_grid(&grid);
	free(grid.cells);
	free(grid.dirty);
	free(grid.marks);
}
