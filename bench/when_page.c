// # The table "which mechanism when": for a terminal, for notes, for programs
//
// What costs is worth nothing without what it buys: so what a mechanism can
// (ipc/channel/channel.h says it) stands in one row with what it costs here,
// and with a word of advice. The rows have the order of the lecture notes,
// not of speed: who chooses by speed alone finds the fastest in the sentences
// below.

#define _GNU_SOURCE
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "draw.h"
#include "options.h"
#include "when.h"

enum { TEXT_BYTES = 2048 };

static const char *const kind_names[] = {
	[CHANNEL_STREAM] = "bytes",
	[CHANNEL_MESSAGE] = "messages",
	[CHANNEL_EVENT] = "events",
};

// ## Cells

enum { PROPERTIES = 5, COLUMNS = 1 + PROPERTIES + FIGURES };

// A negative width: left-aligned.
static const struct {
	const char *top, *title;
	int width;
} columns[COLUMNS] = {
	{ "", "mechanism", -14 }, { "", "carries", -8 },
	{ "largest", "message", 7 }, { "", "meets by", -9 },
	{ "tells", "death", -5 }, { "", "waits", -6 }, { "us on", "1 CPU", 6 },
	{ "us on", "2 CPUs", 6 }, { "MB/s", "one way", 7 },
};

// Exact, as a limit has to be. "-" where the host lacks the mechanism.
static const char *limit_text(char text[HUMAN_BYTES], const struct mechanism *m)
{
	const struct subject *s = plan_subject("ipc", m->name, NULL);

	if (s->missing[0] || m->kind == CHANNEL_EVENT)
		return "-";
	return s->limit_bytes == SIZE_MAX ? "any"
					  : size_name(text, s->limit_bytes);
}

static const char *figure(char cell[CELL_BYTES], int column, double value)
{
	return significant(cell, column == ONE_WAY ? value / 1e6 : value / 1e3);
}

static void figure_cell(char cell[CELL_BYTES], const struct guide *guide,
			size_t row, int column)
{
	const struct figures *f = &guide->figures[column];
	const struct result *r = f->cells[row];
	char value[CELL_BYTES];

	if (!cell_figure(f, row)) {
		snprintf(cell, CELL_BYTES, "-  ");
		return;
	}
	snprintf(cell, CELL_BYTES, "%.40s%-2s",
		 figure(value, column, r->median),
		 r->unstable && cell_differs(f, row) ? "~*"
		 : r->unstable                       ? "~"
		 : cell_differs(f, row)              ? "*"
						     : "");
}

enum { HEADING_TOP = -2, HEADING = -1 }; // rows above the first

static void any_cell(char cell[CELL_BYTES], const struct guide *guide, int row,
		     int column)
{
	const struct mechanism *m = channel_mechanisms[row < 0 ? 0 : row];
	char limit[HUMAN_BYTES];
	const char *const words[1 + PROPERTIES] = {
		m->name,
		kind_names[m->kind],
		limit_text(limit, m),
		m->meets,
		m->tells_death ? "yes" : "no",
		m->spins ? "spins" : "sleeps",
	};
	if (row < 0)
		snprintf(cell, CELL_BYTES, "%s",
			 row == HEADING ? columns[column].title
					: columns[column].top);
	else if (column <= PROPERTIES)
		snprintf(cell, CELL_BYTES, "%s", words[column]);
	else
		figure_cell(cell, guide, (size_t)row, column - 1 - PROPERTIES);
}

// ## Lines, as text or in Markdown

struct page {
	const struct guide *guide;
	bool markdown, utf8;
	int width;
	bool properties; // the table has room for them
};

// What a file says is a stranger's text: it must not become markup.
static void print_markdown(const char *text)
{
	for (; *text; text++) {
		if (strchr("\\`*_{}[]<>#|&~", *text))
			putchar('\\');
		putchar(*text);
	}
	putchar('\n');
}

static void line(const struct page *page, const char *label, int indent,
		 const char *fmt, ...) __attribute__((format(printf, 4, 5)));

static void line(const struct page *page, const char *label, int indent,
		 const char *fmt, ...)
{
	char text[TEXT_BYTES];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	for (char *c = text; *c && !page->utf8; c++)
		if ((unsigned char)*c >= 0x80)
			*c = '?';
	if (!page->markdown) {
		print_wrapped(stdout, label, text, page->width, indent);
		return;
	}
	if (*label)
		printf("- `%s`: ", label);
	print_markdown(text);
	if (!*label)
		putchar('\n');
}

// ## Below the table

enum { LEGEND = 9 }; // columns of what is explained
static void finding_line(void *argument, const char *sentence)
{
	const struct page *page = argument;
	if (!page->markdown)
		putchar('\n');
	line(page, "", 0, "%s", sentence);
}

static void explain_figures(const struct page *page)
{
	static const char *const labels[] = { "1 CPU", "2 CPUs", "one way" };
	char size[HUMAN_BYTES];

	for (int k = 0; k < FIGURES; k++) {
		const struct bench_case *topic = page->guide->figures[k].topic;
		if (!topic)
			line(page, labels[k], LEGEND, "was not measured");
		else
			line(page, labels[k], LEGEND, "%s %s, %s%s",
			     human_size(size, topic->bytes),
			     k == ONE_WAY ? "messages in a row"
					  : "there and as much back",
			     where_phrase(topic),
			     k == ONE_WAY ? "; none where one message is all "
					    "it holds"
					  : "");
	}
}

// Whether an earlier column has told of that size of the row already.
static bool size_told(const struct guide *guide, int column, size_t row)
{
	for (int k = 0; k < column; k++)
		if (cell_differs(&guide->figures[k], row) &&
		    guide->figures[k].cells[row]->c->bytes ==
			    guide->figures[column].cells[row]->c->bytes)
			return true;
	return false;
}

static void explain_marks(const struct page *page)
{
	char others[TEXT_BYTES] = "", size[HUMAN_BYTES];
	bool unstable = false;
	size_t n = 0;

	for (int k = 0; k < FIGURES; k++)
		for (size_t i = 0; channel_mechanisms[i]; i++) {
			const struct figures *f = &page->guide->figures[k];
			unstable |= cell_figure(f, i) && f->cells[i]->unstable;
			if (!cell_differs(f, i) ||
			    size_told(page->guide, k, i) || n >= sizeof others)
				continue;
			n += (size_t)snprintf(
				others + n, sizeof others - n, "%s%s %s",
				n ? ", " : "", channel_mechanisms[i]->name,
				size_name(size, f->cells[i]->c->bytes));
		}
	if (unstable)
		line(page, "~", LEGEND,
		     "the rounds disagree: the next run may say otherwise");
	if (n && !page->markdown)
		line(page, "*", LEGEND, "of another size: %s", others);
}

// Few rounds bear no mark, and that is not to be taken for agreement.
static void explain_few_rounds(const struct page *page)
{
	size_t figures = 0, few = 0, least = SIZE_MAX, most = 0;

	for (int k = 0; k < FIGURES; k++)
		for (size_t i = 0; channel_mechanisms[i]; i++) {
			const struct figures *f = &page->guide->figures[k];
			if (!cell_figure(f, i))
				continue;
			size_t rounds = f->cells[i]->rounds;
			figures++;
			few += rounds < ROUNDS_JUDGED;
			least = rounds < least ? rounds : least;
			most = rounds > most ? rounds : most;
		}
	if (!few)
		return;
	if (few < figures)
		line(page, "rounds", LEGEND,
		     "%zu of the %zu figures are of fewer than %d, too few to "
		     "tell whether they agree",
		     few, figures, ROUNDS_JUDGED);
	else if (least < most)
		line(page, "rounds", LEGEND,
		     "%zu to %zu each, too few to tell whether they agree",
		     least, most);
	else
		line(page, "rounds", LEGEND,
		     "%zu each, too few to tell whether they agree", least);
}

static const char *why_none(const struct result *r)
{
	return r->failure[0]       ? r->failure
	       : r->c->excluded[0] ? r->c->excluded
				   : "the run ended before its first round";
}

// Why a cell is empty, once for a mechanism where it is always the same. What
// an interrupted run did not come to goes without saying.
static void explain_gaps(const struct page *page)
{
	bool cut = json_is_true(
		json_object_get(page->guide->result, "interrupted"));

	for (size_t i = 0; channel_mechanisms[i]; i++) {
		const char *name = channel_mechanisms[i]->name, *said = "";
		const struct subject *s = plan_subject("ipc", name, NULL);

		if (s->missing[0]) {
			said = s->missing;
			line(page, name, LEGEND, "is not on this host: %s",
			     said);
		}
		for (int k = 0; k < FIGURES; k++) {
			const struct figures *f = &page->guide->figures[k];
			if (!f->cells[i] || cell_figure(f, i) ||
			    (cut && !f->cells[i]->failure[0]) ||
			    !strcmp(why_none(f->cells[i]), said))
				continue;
			said = why_none(f->cells[i]);
			line(page, name, LEGEND, "not measured: %s", said);
		}
	}
}

static void explain(const struct page *page)
{
	explain_figures(page);
	line(page, "largest", LEGEND,
	     "of ipc/channel on this host: for shared memory and files a bound "
	     "of its own");
	line(page, "meets by", LEGEND,
	     "how programs that are no relatives find it; inherited: not at "
	     "all, its descriptors come by fork or over a UNIX socket");
	line(page, "death", LEGEND,
	     "whether who waits for a message hears that its peer died");
	line(page, "spins", LEGEND, "keeps its CPU busy while it waits");
	explain_marks(page);
	explain_few_rounds(page);
	explain_gaps(page);
}

// ## For a terminal

enum { NAME_COLUMNS = 16 };
static const char advice[] = "when; what speaks against it";

static int table_width(bool properties)
{
	int width = -1;
	for (int i = 0; i < COLUMNS; i++)
		if (i == 0 || i > PROPERTIES || properties)
			width += abs(columns[i].width) + 1;
	return width;
}

static void row_text(const struct page *page, int row, char text[TEXT_BYTES])
{
	char cell[CELL_BYTES];
	size_t n = 0;

	for (int i = 0; i < COLUMNS; i++) {
		if (i > 0 && i <= PROPERTIES && !page->properties)
			continue;
		any_cell(cell, page->guide, row, i);
		n += (size_t)snprintf(text + n, TEXT_BYTES - n, "%s%*s",
				      i ? " " : "", columns[i].width, cell);
	}
	while (n && text[n - 1] == ' ')
		text[--n] = '\0';
}

// The advice below the table, with the properties that the table has no room
// for.
static void print_advice(const struct page *page, int row)
{
	const struct mechanism *m = channel_mechanisms[row];
	char limit[HUMAN_BYTES], name[CELL_BYTES];

	if (page->properties) {
		line(page, m->name, NAME_COLUMNS, "%s", m->when);
		return;
	}
	const char *largest = limit_text(limit, m);
	snprintf(name, sizeof name, "%s:", m->name);
	line(page, name, 2, "%s (%s, largest: %s, %s%s, %s, %s)", m->when,
	     kind_names[m->kind], largest,
	     strcmp(m->meets, "inherited") ? "found by " : "", m->meets,
	     m->tells_death ? "tells death" : "tells no death",
	     m->spins ? "spins" : "sleeps");
}

static int longest_advice(void)
{
	size_t longest = 0;
	for (size_t i = 0; channel_mechanisms[i]; i++)
		if (strlen(channel_mechanisms[i]->when) > longest)
			longest = strlen(channel_mechanisms[i]->when);
	return (int)longest;
}

void guide_text(const struct guide *guide)
{
	struct canvas canvas = canvas_of(STDOUT_FILENO);
	struct page page = {
		.guide = guide,
		.utf8 = canvas.utf8,
		.width = canvas.columns,
		.properties = canvas.columns >= table_width(true),
	};
	int indent = table_width(true) + 2;
	bool beside = page.width >= indent + longest_advice();
	char text[TEXT_BYTES];

	line(&page, "", 0, "Which mechanism when: %s", guide->source);
	if (guide->differs[0])
		line(&page, "", 0, "%s", guide->differs);
	putchar('\n');
	for (int row = HEADING_TOP; row < 0 || channel_mechanisms[row]; row++) {
		row_text(&page, row, text);
		if (beside && row != HEADING_TOP)
			printf("%-*s%s\n", indent, text,
			       row < 0 ? advice
				       : channel_mechanisms[row]->when);
		else
			puts(text);
	}
	if (!beside && page.properties)
		printf("\n%-*s%s\n", NAME_COLUMNS, "", advice);
	else if (!beside)
		putchar('\n');
	for (int row = 0; !beside && channel_mechanisms[row]; row++)
		print_advice(&page, row);
	guide_findings(guide, finding_line, &page);
	putchar('\n');
	explain(&page);
}

// ## For notes

static void markdown_cell(const struct guide *guide, int row, int column)
{
	const struct figures *f = &guide->figures[column];
	char median[CELL_BYTES], low[CELL_BYTES], high[CELL_BYTES],
		size[HUMAN_BYTES];
	const struct result *r = f->cells[row];

	if (!cell_figure(f, (size_t)row)) {
		printf(" - |");
		return;
	}
	printf(" %s%s (%s - %s)", figure(median, column, r->median),
	       r->unstable ? "~" : "", figure(low, column, r->interval.low),
	       figure(high, column, r->interval.high));
	if (cell_differs(f, (size_t)row))
		printf(" at %s", size_name(size, r->c->bytes));
	printf(" |");
}

void guide_markdown(const struct guide *guide)
{
	struct page page = { .guide = guide, .markdown = true, .utf8 = true };
	char cell[CELL_BYTES];

	putchar('|');
	for (int i = 0; i < COLUMNS; i++)
		printf(" %s%s%s |", columns[i].top, *columns[i].top ? " " : "",
		       columns[i].title);
	printf(" %s |\n|", advice);
	for (int i = 0; i < COLUMNS; i++)
		printf(" --%s |", columns[i].width > 0 ? "-:" : "-");
	printf(" --- |\n");
	for (int row = 0; channel_mechanisms[row]; row++) {
		printf("| `%s` |", channel_mechanisms[row]->name);
		for (int i = 1; i <= PROPERTIES; i++) {
			any_cell(cell, guide, row, i);
			printf(" %s |", cell);
		}
		for (int k = 0; k < FIGURES; k++)
			markdown_cell(guide, row, k);
		printf(" %s |\n", channel_mechanisms[row]->when);
	}
	putchar('\n');
	line(&page, "", 0,
	     "%s. In parentheses: the 95 %% interval of the median.",
	     guide->source);
	if (guide->differs[0])
		line(&page, "", 0, "%s", guide->differs);
	guide_findings(guide, finding_line, &page);
	explain(&page);
}

// ## For programs

static json_t *figure_json(const struct figures *f, size_t row)
{
	const struct result *r = f->cells[row];

	if (!r)
		return json_null();
	if (!cell_figure(f, row))
		return json_pack("{s:s, s:s}", "case", r->c->name,
				 r->failure[0] ? "failed" : "skipped",
				 why_none(r));
	return json_pack("{s:s, s:s, s:I, s:f, s:[f,f], s:b}", "case",
			 r->c->name, "unit",
			 r->c->subject->bandwidth ? "B/s" : "ns", "bytes",
			 (json_int_t)r->c->bytes, "median", r->median,
			 "interval", r->interval.low, r->interval.high,
			 "stable", !r->unstable);
}

static void finding_json(void *array, const char *sentence)
{
	json_array_append_new(array, json_string(sentence));
}

json_t *guide_json(const struct guide *guide)
{
	json_t *rows = json_array(), *findings = json_array();

	for (size_t i = 0; channel_mechanisms[i]; i++) {
		const struct mechanism *m = channel_mechanisms[i];
		const struct subject *s = plan_subject("ipc", m->name, NULL);
		bool bounded = s->limit_bytes < SIZE_MAX && !s->missing[0];
		json_t *row = json_pack(
			"{s:s, s:s, s:s, s:s, s:s, s:b, s:b, s:b, s:o, s:o,"
			" s:o, s:o, s:o}",
			"name", m->name, "title", m->title, "when", m->when,
			"carries", kind_names[m->kind], "meets", m->meets,
			"queues", m->queues, "spins", m->spins, "tells_death",
			m->tells_death, "limit_bytes",
			bounded ? json_integer((json_int_t)s->limit_bytes)
				: json_null(),
			"missing",
			s->missing[0] ? json_string(s->missing) : json_null(),
			"one_cpu", figure_json(&guide->figures[ON_ONE_CPU], i),
			"two_cpus",
			figure_json(&guide->figures[BETWEEN_CPUS], i),
			"one_way", figure_json(&guide->figures[ONE_WAY], i));
		json_array_append_new(rows, row);
	}
	guide_findings(guide, finding_json, findings);
	return json_pack("{s:i, s:s, s:b, s:s, s:O, s:o, s:o}", "schema", 1,
			 "source", guide->source, "elsewhere", guide->elsewhere,
			 "differs", guide->differs, "environment",
			 json_object_get(guide->result, "environment"),
			 "mechanisms", rows, "findings", findings);
}
