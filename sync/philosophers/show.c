// # What is seen of a table

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "draw.h"
#include "lab.h"
#include "table.h"

void show_graph(struct table *table)
{
	struct graph now = graph_now(&table->graph);
	char *text;
	size_t bytes;
	FILE *out = must_ptr(open_memstream(&text, &bytes));

	for (int who = 0; who < now.n; who++) {
		const char *separator = " has fork";
		fprintf(out, "    P%d", who);
		for (int fork = 0; fork < now.n; fork++)
			if (now.holder[fork] == who) {
				fprintf(out, "%s %d", separator, fork);
				separator = " and";
			}
		int other = graph_waits_for(&now, who);
		if (other != NOBODY)
			fprintf(out, "%s fork %d, P%d's",
				*separator == ' ' && separator[1] == 'h'
					? " waits for"
					: ", waits for",
				now.wants[who], other);
		else if (separator[1] == 'a')
			fprintf(out, ", eats or waits at the gate");
		else
			fprintf(out, " has none, and waits for none");
		fputc('\n', out);
	}
	must(fclose(out));
	show_text(text);
	free(text);
}

char *draw_meals(const struct table *table)
{
	struct canvas canvas = canvas_of(STDOUT_FILENO);
	struct bar bars[MOST];
	char labels[MOST][16], notes[MOST][64];

	for (int i = 0; i < table->n; i++) {
		const struct philosopher *p = &table->philosopher[i];
		snprintf(labels[i], sizeof labels[i], "P%d", i);
		snprintf(notes[i], sizeof notes[i], "%ld, overtaken %ld",
			 p->meals, p->overtaken);
		bars[i] = (struct bar){ labels[i], notes[i], p->meals };
	}
	return must_ptr(draw_bars(&canvas, bars, table->n, false));
}

void show_meals(const struct table *table)
{
	char *picture = draw_meals(table);

	show(picture);
	free(picture);
}

void claim_meals(const struct table *table)
{
	long least = table->philosopher[0].meals, most = least, meals = 0;
	int rings = table->rings;
	bool exclusive = true;

	for (int i = 0; i < table->n; i++) {
		long own = table->philosopher[i].meals;
		least = own < least ? own : least;
		most = own > most ? own : most;
		meals += own;
		exclusive &= table->uses[right(table, i)] ==
			     own + table->philosopher[right(table, i)].meals;
	}
	claim(least >= table->goal,
	      "%s: %ld meals, everybody ate, at least %ld times",
	      table->manner->name, meals, least);
	claim(exclusive, "%s: each fork counts the meals of both its sides",
	      table->manner->name);
	if (!table->refuses)
		claim(rings == 0, "%s: no ring was ever closed",
		      table->manner->name);
}
