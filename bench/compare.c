// # bench compare: is it slower, or was it only luck?
//
//     $ bench compare before.json after.json
//     $ bench compare --fail-if-slower=10 before.json after.json   # for CI
//
// Each new file is held against the first, case by case (the statistics are
// told in reader.c). A difference is listed when it is real, the others are
// counted; --all lists everything.
//
// ## What --fail-if-slower=PERCENT means
//
// Exit status 1 takes two things at once: the case is really slower, and all
// of the 95 % interval of its ratio lies beyond PERCENT. So noise does not fail
// a build, nor does a slowdown that may as well be below the limit. Slower
// means more time for the same work: half the bandwidth is 100 % slower. A
// case that had values and now fails (bytes lost, hung) counts as well; one
// that is missing or skipped is named, no more. Nothing to compare at all is a
// failure, with or without the option.

#define _GNU_SOURCE
#include <argp.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"
#include "draw.h"
#include "options.h"
#include "reader.h"

enum format { AS_TEXT, AS_JSON };

struct request {
	bool all, limited;
	double limit; // the slowdown that is allowed: 1.1 for 10 %
	enum format format;
	char **paths;
	size_t path_count;
};

// One new file against the first, and what the two have not in common.
struct pair {
	const struct reading *old, *new;
	struct comparison comparison;
	const struct request *request;
	size_t beyond; // cases over the limit
};

static bool over_limit(const struct difference *d, const struct request *r)
{
	return r->limited && d->verdict == SLOWER &&
	       d->slowdown_interval.low > r->limit;
}

static bool broke(const struct reading *old, const struct measured *c)
{
	const struct measured *was = reading_find(old, c->name);
	return c->failed && was && has_values(was);
}

// ## Text

// What fits into the width: all columns, or the ratio and its picture, or the
// ratio alone below the name.
enum layout { WIDE, MEDIUM, NARROW };

struct page {
	struct canvas canvas;
	enum layout layout;
	int name_columns, picture_columns;
	int order; // of sorting, +1 largest slowdown first
};

static void print_picture(const struct page *page, const struct difference *d)
{
	int columns = page->picture_columns, middle = columns / 2;
	// from 0.5 to 2 is four halves of a doubling around the middle
	double scale = middle;
	int at = (int)lround(middle + scale * log2(d->ratio));
	int low = (int)lround(middle + scale * log2(d->interval.low));
	int high = (int)lround(middle + scale * log2(d->interval.high));
	const char *const dot = page->canvas.utf8 ? "●" : "o";
	const char *const dash = page->canvas.utf8 ? "─" : "-";
	const char *const one = page->canvas.utf8 ? "│" : "|";

	for (int i = 0; i < columns; i++)
		fputs(i == at                             ? dot
		      : i == 0 && at < 0                  ? "<"
		      : i == columns - 1 && at >= columns ? ">"
		      : i >= low && i <= high             ? dash
		      : i == middle                       ? one
							  : " ",
		      stdout);
}

static void print_scale(const struct page *page)
{
	int middle = page->picture_columns / 2;
	printf("%-*s%-*s%s", middle - 1, "0.5x", middle - 1, "1x", "2x");
}

static const char *p_text(char text[16], double p)
{
	snprintf(text, 16, p < 0.0001 ? "<0.0001" : "%.4f", p);
	return text;
}

static void print_heading(const struct page *page, const char *title,
			  size_t count)
{
	char text[64];

	snprintf(text, sizeof text, "%s (%zu)", title, count);
	printf("\n%-*s", page->layout == NARROW ? 0 : page->name_columns + 2,
	       text);
	if (page->layout == WIDE)
		printf("%10s%10s", "old", "new");
	if (page->layout != NARROW)
		printf("%7s  %-14s", "ratio", "95 % interval");
	if (page->layout == WIDE)
		printf("%9s  ", "p");
	if (page->layout != NARROW)
		print_scale(page);
	putchar('\n');
}

static void print_difference(const struct page *page,
			     const struct difference *d)
{
	char old[VALUE_BYTES], new[VALUE_BYTES], interval[40], p[16];
	int decimals = d->ratio < 99.995 ? 2 : 0;
	const char *colour = !page->canvas.colour   ? ""
			     : d->verdict == SLOWER ? "\033[31m"
			     : d->verdict == FASTER ? "\033[32m"
						    : "";
	bool unstable = !d->old->stable || !d->new->stable;

	human_value(old, d->old->bandwidth, d->old->median);
	human_value(new, d->new->bandwidth, d->new->median);
	snprintf(interval, sizeof interval, "%.*f to %.*f", decimals,
		 d->interval.low, decimals, d->interval.high);
	if (page->layout == NARROW) {
		printf("%s%s\n  %s%.*fx%s (%s), %s -> %s\n", d->new->name,
		       unstable ? " ~" : "", colour, decimals, d->ratio,
		       *colour ? "\033[m" : "", interval, old, new);
		return;
	}
	printf("%s%-*s", d->new->name,
	       page->name_columns + 2 - text_columns(d->new->name),
	       unstable ? " ~" : "");
	if (page->layout == WIDE)
		printf("%10s%10s", old, new);
	printf("%s%7.*f%s  %-14s", colour, decimals, d->ratio,
	       *colour ? "\033[m" : "", interval);
	if (page->layout == WIDE)
		printf("%9s  ", p_text(p, d->adjusted));
	fputs(colour, stdout);
	print_picture(page, d);
	puts(*colour ? "\033[m" : "");
}

// Worst first, best first; cases that do not differ stay in their order.
static int by_slowdown(const void *left, const void *right, void *argument)
{
	const struct difference *a = *(const struct difference *const *)left;
	const struct difference *b = *(const struct difference *const *)right;
	const struct page *page = argument;
	double x = a->slowdown, y = b->slowdown;

	if (page->order && x != y)
		return (x < y ? 1 : -1) * page->order;
	return (a > b) - (a < b);
}

static bool print_verdict(struct page *page, const struct pair *pair,
			  enum verdict verdict, const char *title)
{
	const struct comparison *c = &pair->comparison;
	const struct difference **chosen = calloc(c->count + 1, sizeof *chosen);
	size_t count = 0;

	if (!chosen)
		return false;
	for (size_t i = 0; i < c->count; i++)
		if (c->differences[i].verdict == verdict)
			chosen[count++] = &c->differences[i];
	page->order = verdict == SLOWER ? 1 : verdict == FASTER ? -1 : 0;
	qsort_r(chosen, count, sizeof *chosen, by_slowdown, page);
	if (count)
		print_heading(page, title, count);
	for (size_t i = 0; i < count; i++)
		print_difference(page, chosen[i]);
	free(chosen);
	return true;
}

struct margin {
	int columns, at;
	bool begun;
};

// Words behind each other, wrapped.
static void print_word(struct margin *margin, const char *word)
{
	int width = text_columns(word);

	if (margin->begun && margin->at + 2 + width > margin->columns) {
		printf(",\n  ");
		margin->at = 2;
	} else {
		fputs(margin->begun ? ", " : "  ", stdout);
		margin->at += 2;
	}
	fputs(word, stdout);
	margin->at += width;
	margin->begun = true;
}

static size_t print_missing(const struct page *page, const struct reading *of,
			    const struct reading *in)
{
	struct margin margin = { .columns = page->canvas.columns };
	char path[100];
	size_t count = 0;

	for (size_t i = 0; i < of->count; i++)
		count += !reading_find(in, of->cases[i].name);
	if (!count)
		return 0;
	printable_text(path, sizeof path, of->path);
	printf("\nOnly in %s (%zu):\n", path, count);
	for (size_t i = 0; i < of->count; i++)
		if (!reading_find(in, of->cases[i].name))
			print_word(&margin, of->cases[i].name);
	putchar('\n');
	return count;
}

static const char *state(const struct measured *c, char text[220])
{
	char why[200];

	printable_text(why, sizeof why,
		       c->skipped  ? c->skipped
		       : c->failed ? c->failed
				   : "");
	snprintf(text, 220, "%s%s",
		 c->skipped  ? "skipped: "
		 : c->failed ? "FAILED: "
			     : "measured",
		 why);
	return text;
}

static bool same_state(const char *a, const char *b)
{
	return (!a && !b) || (a && b && !strcmp(a, b));
}

// Cases of both files that have values in one of them only, or in neither.
static void print_without_values(const struct pair *pair)
{
	char was[220], is[220];
	bool begun = false;

	for (size_t i = 0; i < pair->new->count; i++) {
		const struct measured *new = &pair->new->cases[i];
		const struct measured *old = reading_find(pair->old, new->name);
		if (!old || (has_values(old) && has_values(new)))
			continue;
		if (!begun)
			puts("\nWithout values:");
		begun = true;
		if (same_state(old->skipped, new->skipped) &&
		    same_state(old->failed, new->failed))
			printf("  %s: %s\n", new->name, state(new, is));
		else
			printf("  %s: old %s; new %s\n", new->name,
			       state(old, was), state(new, is));
	}
}

struct environment_text {
	const struct page *page;
	bool begun;
};

static void print_environment(void *argument, const char *field,
			      const char *was, const char *is)
{
	struct environment_text *text = argument;

	if (!text->begun)
		puts("\nThe environments differ, and that may be the reason:");
	text->begun = true;
	if (24 + text_columns(was) + text_columns(is) <=
	    text->page->canvas.columns)
		printf("  %-16s %s -> %s\n", field, was, is);
	else
		printf("  %-16s %s\n  %16s -> %s\n", field, was, "", is);
}

static void print_summary(const struct pair *pair)
{
	const struct comparison *c = &pair->comparison;
	const struct request *r = pair->request;
	bool unstable = false;

	for (size_t i = 0; i < c->count; i++)
		unstable |= (!c->differences[i].old->stable ||
			     !c->differences[i].new->stable) &&
			    (r->all || c->differences[i].verdict == SLOWER ||
			     c->differences[i].verdict == FASTER);
	putchar('\n');
	if (unstable)
		puts("~ the rounds of one of the two disagree: see its "
		     "why_unstable");
	printf("%zu cases compared: %zu slower, %zu faster, %zu without a real "
	       "difference\n%s",
	       c->count, c->verdicts[SLOWER], c->verdicts[FASTER],
	       c->verdicts[NO_DIFFERENCE],
	       r->all || !c->verdicts[NO_DIFFERENCE] ? ""
						     : "(--all lists them)\n");
	if (c->verdicts[TOO_FEW])
		printf("%zu have too few rounds for any verdict: with %zu "
		       "cases, %zu of each side\nare needed before a "
		       "difference can be told from chance\n",
		       c->verdicts[TOO_FEW], c->count, c->rounds_needed);
	puts("Real: Mann-Whitney U over the rounds, p < 0.05 after Holm's "
	     "correction");
}

static void print_failures(const struct page *page, const struct pair *pair)
{
	const struct comparison *c = &pair->comparison;
	struct margin margin = { .columns = page->canvas.columns };

	if (!pair->request->limited)
		return;
	double percent = (pair->request->limit - 1) * 100;
	if (!pair->beyond) {
		printf("No case is surely slower by more than %.6g %%\n",
		       percent);
		return;
	}
	printf("\nFAILS, surely slower by more than %.6g %% or broken (%zu):\n",
	       percent, pair->beyond);
	for (size_t i = 0; i < c->count; i++)
		if (over_limit(&c->differences[i], pair->request))
			print_word(&margin, c->differences[i].new->name);
	for (size_t i = 0; i < pair->new->count; i++)
		if (broke(pair->old, &pair->new->cases[i]))
			print_word(&margin, pair->new->cases[i].name);
	putchar('\n');
}

static bool print_text(const struct pair *pair)
{
	const struct comparison *c = &pair->comparison;
	struct page page = { .canvas = canvas_of(STDOUT_FILENO) };
	struct environment_text environment = { .page = &page };
	char old[100], new[100], date[40];

	// a file or a pipe has no width that anything would have to fit into
	if (!isatty(STDOUT_FILENO) && !getenv("COLUMNS"))
		page.canvas.columns = 120;
	page.name_columns = 20;
	for (size_t i = 0; i < c->count; i++) {
		int width = text_columns(c->differences[i].new->name);
		if (page.name_columns < width)
			page.name_columns = width;
	}
	int fixed = page.name_columns + 2 + 23;
	page.picture_columns = 21;
	page.layout = page.canvas.columns >= fixed + 31 + 21 ? WIDE
		      : page.canvas.columns >= fixed + 13    ? MEDIUM
							     : NARROW;
	if (page.layout == MEDIUM && page.canvas.columns - fixed < 21)
		page.picture_columns = (page.canvas.columns - fixed - 1) | 1;

	printable_text(old, sizeof old, pair->old->path);
	printable_text(new, sizeof new, pair->new->path);
	printable_text(date, sizeof date, reading_text(pair->old, "date"));
	printf("old  %s  %s\n", old, date);
	printable_text(date, sizeof date, reading_text(pair->new, "date"));
	printf("new  %s  %s\n", new, date);
	environments_differ(pair->old, pair->new, print_environment,
			    &environment);
	bool done = print_verdict(&page, pair, SLOWER, "Slower") &&
		    print_verdict(&page, pair, FASTER, "Faster");
	if (done && pair->request->all)
		done = print_verdict(&page, pair, NO_DIFFERENCE,
				     "No real difference") &&
		       print_verdict(&page, pair, TOO_FEW, "Too few rounds");
	print_missing(&page, pair->old, pair->new);
	print_missing(&page, pair->new, pair->old);
	print_without_values(pair);
	print_summary(pair);
	print_failures(&page, pair);
	return done;
}

// ## JSON

static json_t *difference_json(const struct pair *pair,
			       const struct difference *d)
{
	return json_pack("{s:s, s:s, s:s, s:f, s:f, s:i, s:i, s:f, s:[f,f], "
			 "s:f, s:f, s:s, s:b, s:b}",
			 "name", d->new->name, "unit",
			 d->new->bandwidth ? "B/s" : "ns", "better",
			 d->new->bandwidth ? "higher" : "lower", "old",
			 d->old->median, "new", d->new->median, "old_rounds",
			 (int)d->old->rounds, "new_rounds", (int)d->new->rounds,
			 "ratio", d->ratio, "interval", d->interval.low,
			 d->interval.high, "p", d->p, "p_adjusted", d->adjusted,
			 "verdict", verdict_names[d->verdict], "stable",
			 d->old->stable && d->new->stable, "fails",
			 over_limit(d, pair->request));
}

static void environment_json(void *array, const char *field, const char *was,
			     const char *is)
{
	json_array_append_new(array, json_pack("{s:s, s:s, s:s}", "field",
					       field, "old", was, "new", is));
}

static json_t *only_json(const struct reading *of, const struct reading *in)
{
	json_t *names = json_array();

	for (size_t i = 0; i < of->count; i++)
		if (!reading_find(in, of->cases[i].name))
			json_array_append_new(names,
					      json_string(of->cases[i].name));
	return names;
}

static json_t *without_values_json(const struct pair *pair)
{
	json_t *array = json_array();
	char was[220], is[220];

	for (size_t i = 0; i < pair->new->count; i++) {
		const struct measured *new = &pair->new->cases[i];
		const struct measured *old = reading_find(pair->old, new->name);
		if (old && !(has_values(old) && has_values(new)))
			json_array_append_new(array,
					      json_pack("{s:s, s:s, s:s}",
							"name", new->name,
							"old", state(old, was),
							"new", state(new, is)));
	}
	return array;
}

static json_t *pair_json(const struct pair *pair)
{
	const struct comparison *c = &pair->comparison;
	json_t *environment = json_array(), *cases = json_array();
	char path[4096];

	environments_differ(pair->old, pair->new, environment_json,
			    environment);
	for (size_t i = 0; i < c->count; i++)
		json_array_append_new(
			cases, difference_json(pair, &c->differences[i]));
	printable_text(path, sizeof path, pair->new->path);
	return json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:i, s:i, s:i, s:i, "
			 "s:i, s:i}",
			 "new", path, "environment", environment, "cases",
			 cases, "only_old", only_json(pair->old, pair->new),
			 "only_new", only_json(pair->new, pair->old),
			 "without_values", without_values_json(pair), "slower",
			 (int)c->verdicts[SLOWER], "faster",
			 (int)c->verdicts[FASTER], "no_difference",
			 (int)c->verdicts[NO_DIFFERENCE], "too_few_rounds",
			 (int)c->verdicts[TOO_FEW], "rounds_needed",
			 (int)c->rounds_needed, "fails", (int)pair->beyond);
}

static bool print_json(const char *old, const struct pair *pairs, size_t count)
{
	json_t *comparisons = json_array();
	char path[4096];

	for (size_t i = 0; i < count; i++)
		json_array_append_new(comparisons, pair_json(&pairs[i]));
	printable_text(path, sizeof path, old);
	json_t *all = json_pack("{s:i, s:s, s:o}", "schema", 1, "old", path,
				"comparisons", comparisons);
	if (!all || json_array_size(comparisons) != count) {
		json_decref(all);
		return false;
	}
	bool written = json_dumpf(all, stdout,
				  JSON_INDENT(1) | JSON_REAL_PRECISION(6)) == 0;
	putchar('\n');
	json_decref(all);
	// what standard output did not take is told by options_end
	return written || ferror(stdout);
}

// ## The command

static bool compare_pair(struct pair *pair)
{
	if (compare_readings(pair->old, pair->new, &pair->comparison) != 0)
		return false;
	for (size_t i = 0; i < pair->comparison.count; i++)
		pair->beyond += over_limit(&pair->comparison.differences[i],
					   pair->request);
	for (size_t i = 0; pair->request->limited && i < pair->new->count; i++)
		pair->beyond += broke(pair->old, &pair->new->cases[i]);
	return true;
}

static int compare_all(const struct request *request,
		       const struct reading *readings)
{
	size_t count = request->path_count - 1;
	struct pair *pairs = calloc(count + 1, sizeof *pairs);
	bool done = pairs != NULL;
	int status = 0;

	for (size_t i = 0; done && i < count; i++) {
		pairs[i] = (struct pair){ .old = &readings[0],
					  .new = &readings[i + 1],
					  .request = request };
		done = compare_pair(&pairs[i]);
	}
	if (done && request->format == AS_JSON)
		done = print_json(readings[0].path, pairs, count);
	for (size_t i = 0; done && i < count; i++) {
		if (request->format == AS_TEXT) {
			if (i > 0)
				putchar('\n');
			done = print_text(&pairs[i]);
		}
		if (pairs[i].beyond)
			status = 1;
		if (!pairs[i].comparison.count && pairs[i].beyond == 0) {
			fflush(stdout);
			fprintf(stderr,
				"bench: no case has values in both %s "
				"and %s\n",
				pairs[i].old->path, pairs[i].new->path);
			status = 1;
		}
	}
	if (!done) {
		fprintf(stderr, "bench: out of memory\n");
		status = 1;
	}
	for (size_t i = 0; pairs && i < count; i++)
		comparison_free(&pairs[i].comparison);
	free(pairs);
	return status;
}

enum { OPTION_FAIL = 0x100, OPTION_FORMAT, OPTION_ALL };

static error_t parse(int key, char *argument, struct argp_state *state)
{
	static const char *const formats[] = { "text", "json", NULL };
	struct request *r = state->input;

	switch (key) {
	case OPTION_FAIL:
		r->limited = true;
		r->limit = 1 + option_real(state, "--fail-if-slower", argument,
					   0, 10000) /
				       100;
		return 0;
	case OPTION_FORMAT:
		r->format = option_choice(state, "--format", argument, formats);
		return 0;
	case OPTION_ALL:
		r->all = true;
		return 0;
	case ARGP_KEY_ARGS:
		r->paths = state->argv + state->next;
		r->path_count = (size_t)(state->argc - state->next);
		return 0;
	case ARGP_KEY_END:
		if (r->path_count < 2)
			argp_error(state,
				   "want two or more result files, as "
				   "`bench run --json FILE` writes them");
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

int bench_compare(int argc, char **argv)
{
	static const struct argp_option options[] = {
		{ "fail-if-slower", OPTION_FAIL, "PERCENT", 0,
		  "Exit with 1 when a case is really slower, all of its "
		  "interval by more than PERCENT, or fails where it had values",
		  0 },
		{ "format", OPTION_FORMAT, "FORMAT", 0,
		  "text (default) or json (every case)", 0 },
		{ "all", OPTION_ALL, NULL, 0,
		  "List the cases without a real difference too", 0 },
		{ 0 },
	};
	static const struct argp argp = {
		.options = options,
		.parser = parse,
		.args_doc = "OLD NEW [NEW...]",
		.doc = "Compares results of `bench run --json`, each NEW with "
		       "OLD: the ratio of the medians (new / old) with its "
		       "95 % interval, and whether the difference is real."
		       "\vExit status: 0; 1 as --fail-if-slower says, or a "
		       "file cannot be read, or no case is in both; 2 bad "
		       "usage.",
	};
	struct request request = { .format = AS_TEXT };
	char why[256];
	int status = 0;

	argp_parse(&argp, argc, argv, 0, NULL, &request);
	struct reading *readings = calloc(request.path_count, sizeof *readings);
	if (!readings) {
		fprintf(stderr, "bench: out of memory\n");
		return 1;
	}
	for (size_t i = 0; i < request.path_count; i++)
		if (!reading_open(&readings[i], request.paths[i], why)) {
			fprintf(stderr, "bench: %s\n", why);
			status = 1;
		}
	if (status == 0)
		status = compare_all(&request, readings);
	for (size_t i = 0; i < request.path_count; i++)
		reading_close(&readings[i]);
	free(readings);
	return options_end(status);
}
