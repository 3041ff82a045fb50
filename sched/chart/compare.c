// # Several policies in one table
//
//     policy  response  turnaround  waiting  switches  CPU %  jobs/s  fairness
//     fifo        5.00       20.00     5.00         3    100    66.7      0.91
//     rr          1.67       25.00    10.00         7    100    66.7      0.96
//
//     times: means in ms

#define _GNU_SOURCE
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "chart.h"
#include "digits.h"
#include "draw_pen.h"

enum column {
	NAME,
	RESPONSE,
	TURNAROUND,
	WAITING,
	SWITCHES,
	BUSY,
	RATE,
	FAIRNESS,
	COLUMNS
};

struct comparison {
	struct pen pen;
	const struct compared *rows;
	size_t count;
	struct digits digits;
	int decimals;
	bool narrow;
	int columns; // how many are shown
	int width[COLUMNS];
};

enum { GAP = 2, CELL_BYTES = 64 };

static const char *const titles[][2] = {
	[NAME] = { "policy", "policy" },
	[RESPONSE] = { "response", "resp." },
	[TURNAROUND] = { "turnaround", "turn." },
	[WAITING] = { "waiting", "wait" },
	[SWITCHES] = { "switches", "sw." },
	[BUSY] = { "CPU %", "CPU %" },
	[RATE] = { "jobs/s", "jobs/s" },
	[FAIRNESS] = { "fairness", "fair" },
};

static void cell_text(const struct comparison *c, enum column column,
		      const struct compared *row, char cell[CELL_BYTES])
{
	const struct summary *s = &row->summary;

	switch (column) {
	case NAME:
		snprintf(cell, CELL_BYTES, "%s", row->name);
		break;
	case RESPONSE:
		digits_text(&c->digits, cell, s->response_ns, c->decimals);
		break;
	case TURNAROUND:
		digits_text(&c->digits, cell, s->turnaround_ns, c->decimals);
		break;
	case WAITING:
		digits_text(&c->digits, cell, s->waiting_ns, c->decimals);
		break;
	case SWITCHES:
		snprintf(cell, CELL_BYTES, "%" PRIu64, s->switches);
		break;
	case BUSY:
		digits_three(cell, s->utilisation * 100);
		break;
	case RATE:
		digits_three(cell, s->throughput);
		break;
	case FAIRNESS:
		snprintf(cell, CELL_BYTES, "%.2f", s->fairness);
		break;
	case COLUMNS:
		break;
	}
}

// Of all columns; then as many of them are shown as fit.
static int measure_widths(struct comparison *c)
{
	char cell[CELL_BYTES];
	int total = -GAP;

	for (int i = NAME; i < COLUMNS; i++) {
		c->width[i] = text_columns(titles[i][c->narrow]);
		for (size_t r = 0; r < c->count; r++) {
			cell_text(c, i, &c->rows[r], cell);
			int own = text_columns(cell);
			if (own > c->width[i])
				c->width[i] = own;
		}
		if (i < c->columns)
			total += c->width[i] + GAP;
	}
	return total;
}

static void fit(struct comparison *c)
{
	int room = c->pen.columns;

	c->columns = COLUMNS;
	if (measure_widths(c) <= room)
		return;
	c->narrow = true;
	int over = measure_widths(c) - room;
	while (c->columns > WAITING + 1 && over > 0) {
		c->columns--;
		over = measure_widths(c) - room;
	}
	if (over > 0)
		c->width[NAME] -= over;
	if (c->width[NAME] < 1)
		c->width[NAME] = 1;
}

static void draw_cell(struct comparison *c, int column, const char *cell)
{
	if (column != NAME)
		pen_repeat(&c->pen, " ", GAP);
	pen_text(&c->pen, cell, c->width[column],
		 column == NAME ? PEN_LEFT : PEN_RIGHT);
}

char *chart_comparison(const struct canvas *canvas, const struct compared *rows,
		       size_t n)
{
	enum { MOST_DECIMALS = 2 };
	struct comparison c = { .pen = pen_begin(canvas),
				.rows = rows,
				.count = n };
	char cell[CELL_BYTES];
	double largest = 0;

	for (size_t i = 0; i < n; i++)
		largest = fmax(largest, rows[i].summary.turnaround_ns);
	c.digits = digits_for(largest);
	for (size_t i = 0; i < n; i++) {
		const struct summary *s = &rows[i].summary;
		const double times[] = { s->response_ns, s->turnaround_ns,
					 s->waiting_ns };
		for (size_t t = 0; t < sizeof times / sizeof *times; t++) {
			int own = digits_decimals(&c.digits, times[t],
						  MOST_DECIMALS);
			c.decimals = own > c.decimals ? own : c.decimals;
		}
	}
	fit(&c);
	pen_colour(&c.pen, PEN_FAINT);
	for (int i = NAME; i < c.columns; i++)
		draw_cell(&c, i, titles[i][c.narrow]);
	pen_colour(&c.pen, NULL);
	pen_newline(&c.pen);
	for (size_t r = 0; r < n; r++) {
		for (int i = NAME; i < c.columns; i++) {
			cell_text(&c, i, &rows[r], cell);
			draw_cell(&c, i, cell);
		}
		pen_newline(&c.pen);
	}
	pen_newline(&c.pen);
	pen_write(&c.pen, "times: means in ");
	pen_write(&c.pen, c.digits.unit);
	pen_newline(&c.pen);
	if (c.columns < COLUMNS) {
		snprintf(cell, sizeof cell,
			 "(%d more columns where it is wider)",
			 COLUMNS - c.columns);
		pen_write(&c.pen, cell);
		pen_newline(&c.pen);
	}
	return pen_end(&c.pen);
}
