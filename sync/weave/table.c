// # Tables
//
// A schedule is a line a step: whose it was, the instruction, then the words
// and the registers that the program uses. A value that the step has changed
// has a mark; a value that is as it was is shown all the same, so that each
// line is a whole state.

#define _GNU_SOURCE
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "weave.h"

enum { COLUMNS = 64, VALUE_BYTES = 24, PLACE = 5 };

bool register_used(const struct weave *weave, int who, int number)
{
	const struct routine *routine = &weave->program.routine[who];
	const char *name = step_register_name(number);

	for (int i = 0; i < routine->count; i++) {
		const char *at = strstr(routine->instructions[i].text, name);
		if (at &&
		    (at == routine->instructions[i].text || at[-1] == ' ') &&
		    !strchr("0123456789",
			    at[strlen(name)] ? at[strlen(name)] : ' '))
			return true;
	}
	return false;
}

const char *place_of(const struct weave *weave, const struct step_state *state,
		     int who)
{
	const struct routine *routine = &weave->program.routine[who];
	int at = program_at(routine, &state->processes[who]);

	if (step_ended(state, who))
		return "end";
	for (int i = 0; i < routine->sections; i++)
		if (at >= routine->section[i].first &&
		    at < routine->section[i].end)
			return routine->section[i].name;
	return "-";
}

// ## The program

// The widest instruction, and the most bytes of one.
static void measure(const struct weave *weave, int *text, int *bytes)
{
	*text = *bytes = 0;
	for (int i = 0; i < weave->program.routines; i++) {
		const struct routine *r = &weave->program.routine[i];
		for (int j = 0; j < r->count; j++) {
			int n = (int)strlen(r->instructions[j].text);
			*text = n > *text ? n : *text;
			n = r->instructions[j].bytes;
			*bytes = n > *bytes ? n : *bytes;
		}
	}
}

enum { BEFORE_TEXT = 12 };

static void put_instruction(FILE *out, const struct instruction *in,
			    const char *label, int width)
{
	fprintf(out, "    %-7s %-*s", label, width, in->text);
	for (int i = 0; i < in->bytes && width; i++)
		fprintf(out, "%s%02x", i ? " " : "  ", in->code[i]);
	fputc('\n', out);
}

// Without the bytes where the page is too narrow for them.
static void put_routine(FILE *out, const struct weave *weave, int who,
			int columns)
{
	const struct routine *routine = &weave->program.routine[who];
	int section = 0, width, bytes;

	measure(weave, &width, &bytes);
	if (BEFORE_TEXT + width + 1 + 3 * bytes > columns)
		width = 0;
	for (int i = 0; i < routine->count; i++) {
		char label[PROGRAM_NAME + 1] = "";
		while (section < routine->sections &&
		       routine->section[section].first <= i)
			snprintf(label, sizeof label,
				 "%s:", routine->section[section++].name);
		put_instruction(out, &routine->instructions[i], label, width);
	}
}

// Processes with the same instructions are shown once.
void put_program(FILE *out, const struct weave *weave, int columns)
{
	const struct program *program = &weave->program;

	for (int i = 0; i < program->routines; i++) {
		const struct routine *routine = &program->routine[i];
		fprintf(out, "  %s %c", i ? "and" : "process", routine->name);
		while (i + 1 < program->routines &&
		       routine[1].bytes == routine->bytes &&
		       !memcmp(routine[1].code, routine->code,
			       routine->bytes)) {
			routine++;
			fprintf(out, " %c", routine->name);
			i++;
		}
		fputc('\n', out);
		put_routine(out, weave, i, columns);
	}
}

// ## A schedule

struct column {
	char head[PROGRAM_NAME + 4];
	int who; // a register's process, or -1: a word
	int index, width;
};

static uint64_t value_in(const struct column *column,
			 const struct step_state *state)
{
	return column->who < 0
		       ? state->words[column->index]
		       : state->processes[column->who].registers[column->index];
}

static int add_columns(const struct weave *weave, struct column *columns)
{
	int n = 0;

	for (int i = 0; i < weave->program.words; i++) {
		columns[n] = (struct column){ .who = -1, .index = i };
		snprintf(columns[n++].head, sizeof columns->head, "%s",
			 weave->program.word[i]);
	}
	for (int who = 0; who < weave->program.routines; who++)
		for (int i = 0; i < STEPPER_REGISTERS && n < COLUMNS; i++)
			if (register_used(weave, who, i)) {
				columns[n] = (struct column){ .who = who,
							      .index = i };
				snprintf(columns[n++].head,
					 sizeof columns->head, "%c.%s",
					 'A' + who, step_register_name(i));
			}
	return n;
}

// As wide as the widest value, and a mark.
static void set_width(struct column *column, const struct step_state *states,
		      size_t count)
{
	char text[VALUE_BYTES];

	column->width = (int)strlen(column->head);
	for (size_t i = 0; i < count; i++) {
		int n = snprintf(text, sizeof text, "%" PRId64,
				 (int64_t)value_in(column, &states[i]));
		if (n + 1 > column->width)
			column->width = n + 1;
	}
}

static void put_row(FILE *out, const struct column *columns, int n,
		    const struct step_state *state,
		    const struct step_state *before)
{
	char text[VALUE_BYTES];

	for (int i = 0; i < n; i++) {
		int64_t value = (int64_t)value_in(&columns[i], state);
		bool changed = before &&
			       value_in(&columns[i], before) != (uint64_t)value;
		snprintf(text, sizeof text, "%s%" PRId64, changed ? ">" : "",
			 value);
		fprintf(out, "  %*s", columns[i].width, text);
	}
}

static void put_places(FILE *out, const struct weave *weave,
		       const struct step_state *state)
{
	int last = weave->program.routines - 1;

	fputs("  ", out);
	for (int i = 0; i <= last; i++)
		fprintf(out, " %-*s", i < last ? PLACE : 0,
			place_of(weave, state, i));
}

static bool has_sections(const struct weave *weave)
{
	for (int i = 0; i < weave->program.routines; i++)
		if (weave->program.routine[i].sections)
			return true;
	return false;
}

// How many columns fit: where a page is too narrow, the last ones stay away.
// Words come first, registers after them.
static int columns_that_fit(const struct column *columns, int n, int room)
{
	int width = 0, fit = 0;

	while (fit < n && (width += columns[fit].width + 2) <= room)
		fit++;
	return fit;
}

enum { BEFORE_STEP = 8, LEAST_TEXT = 11 };

void put_steps(FILE *out, const struct weave *weave, const char *order,
	       const struct step_state *states, int columns_of_page)
{
	struct column columns[COLUMNS];
	size_t steps = strlen(order);
	int n = add_columns(weave, columns), width, bytes;
	int places = 2 + (PLACE + 1) * weave->program.routines;

	measure(weave, &width, &bytes);
	width = width < LEAST_TEXT ? LEAST_TEXT : width;
	for (int i = 0; i < n; i++)
		set_width(&columns[i], states, steps + 1);
	int room = columns_of_page - width - BEFORE_STEP;
	bool sections = has_sections(weave) &&
			columns_that_fit(columns, n, room - places) >=
				weave->program.words;
	n = columns_that_fit(columns, n, room - (sections ? places : 0));
	fprintf(out, "      %-*s", width + 2, "instruction");
	for (int i = 0; i < n; i++)
		fprintf(out, "  %*s", columns[i].width, columns[i].head);
	fputs(sections ? "   then at\n" : "\n", out);
	fprintf(out, "      %-*s", width + 2, "");
	put_row(out, columns, n, &states[0], NULL);
	if (sections)
		put_places(out, weave, &states[0]);
	fputc('\n', out);
	for (size_t i = 0; i < steps; i++) {
		int who = order[i] - 'A';
		const struct routine *r = &weave->program.routine[who];
		int at = program_at(r, &states[i].processes[who]);
		fprintf(out, "%4zu %c %-*s", i + 1, order[i], width + 1,
			at < 0 ? "?" : r->instructions[at].text);
		put_row(out, columns, n, &states[i + 1], &states[i]);
		if (sections)
			put_places(out, weave, &states[i + 1]);
		fputc('\n', out);
	}
}

// ## All orders

enum { NARROW = 5 };

static int order_columns(const struct weave *weave, struct column *columns,
			 int columns_of_page, int *steps)
{
	int n = add_columns(weave, columns);

	*steps = 0;
	for (int i = 0; i < weave->program.routines; i++)
		*steps += weave->program.routine[i].count;
	*steps = *steps < NARROW ? NARROW : *steps;
	for (int i = 0; i < n; i++) {
		int width = (int)strlen(columns[i].head);
		columns[i].width = width < NARROW ? NARROW : width;
	}
	return columns_that_fit(columns, n, columns_of_page - 2 - *steps);
}

void put_order_head(FILE *out, const struct weave *weave, int columns_of_page)
{
	struct column columns[COLUMNS];
	int steps, n = order_columns(weave, columns, columns_of_page, &steps);

	fprintf(out, "  %-*s", steps, "order");
	for (int i = 0; i < n; i++)
		fprintf(out, "  %*s", columns[i].width, columns[i].head);
	fputc('\n', out);
}

void put_order(FILE *out, const struct weave *weave, const char *order,
	       const struct step_state *end, int columns_of_page)
{
	struct column columns[COLUMNS];
	int steps, n = order_columns(weave, columns, columns_of_page, &steps);

	fprintf(out, "  %-*s", steps, order);
	put_row(out, columns, n, end, NULL);
	fputc('\n', out);
}

// ## Ends

enum { MOST_ENDS = 16, LABEL_BYTES = 64, NOTE_BYTES = 48 };

void put_ends(FILE *out, const struct weave *weave, const struct canvas *canvas)
{
	struct bar bars[MOST_ENDS];
	char labels[MOST_ENDS][LABEL_BYTES], notes[MOST_ENDS][NOTE_BYTES];
	struct weave_end *ends;
	int n = weave_ends(weave, &ends), shown = n < MOST_ENDS ? n : MOST_ENDS;

	for (int i = 0; i < shown; i++) {
		struct step_state state;
		size_t used = 0;
		uint64_t count = weave->all.finite ? ends[i].orders
						   : ends[i].states;
		exploration_state(&weave->all, ends[i].state, &state);
		labels[i][0] = '\0';
		for (int j = 0; j < weave->program.words; j++)
			if (used < LABEL_BYTES)
				used += (size_t)snprintf(
					labels[i] + used, LABEL_BYTES - used,
					"%s%s=%" PRId64, j ? " " : "",
					weave->program.word[j],
					(int64_t)state.words[j]);
		snprintf(notes[i], NOTE_BYTES, "%" PRIu64 " %s%s", count,
			 weave->all.finite ? "order" : "state",
			 count == 1 ? "" : "s");
		bars[i] = (struct bar){ labels[i], notes[i], (double)count };
	}
	char *picture = shown > 0
				? draw_bars(canvas, bars, (size_t)shown, false)
				: NULL;
	if (picture)
		fputs(picture, out);
	if (n > shown && shown >= 0)
		fprintf(out, "and %d other ends\n", n - shown);
	free(picture);
	free(ends);
}
