// # The figures of the table, and whose they are
//
// A file holds what somebody chose to measure. Of each mechanism the case is
// taken whose size is nearest to the wanted one (a signal has 8 bytes, a file of
// the default set has 1 KiB for all); the size that most have stands in the
// heading, and the others are marked. Only those of the heading's size are held
// against each other in the sentences below the table.

#define _GNU_SOURCE
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "options.h"
#include "reader.h"
#include "when.h"

bool cell_figure(const struct figures *f, size_t row)
{
	return f->cells[row] && has_figures(f->cells[row]);
}

bool cell_differs(const struct figures *f, size_t row)
{
	return cell_figure(f, row) &&
	       f->cells[row]->c->bytes != f->topic->bytes;
}

static double distance(size_t bytes, size_t wanted)
{
	return fabs(log2(bytes ? (double)bytes : 0.5) - log2((double)wanted));
}

// A case without a figure is better than none: it knows why.
static const struct result *nearest(const struct result *results, size_t count,
				    const char *family, const char *what,
				    const char *where, size_t wanted)
{
	const struct result *best = NULL;

	for (size_t i = 0; i < count; i++) {
		const struct result *r = &results[i];
		if (strcmp(r->c->family->name, family) ||
		    strcmp(r->c->subject->name, what) ||
		    strcmp(r->c->where, where))
			continue;
		if (!best || has_figures(r) > has_figures(best) ||
		    (has_figures(r) == has_figures(best) &&
		     distance(r->c->bytes, wanted) <
			     distance(best->c->bytes, wanted)))
			best = r;
	}
	return best;
}

static void choose_topic(struct figures *f)
{
	size_t most = 0;

	for (size_t i = 0; channel_mechanisms[i]; i++) {
		size_t alike = 0;
		for (size_t j = 0; channel_mechanisms[j]; j++)
			alike += cell_figure(f, i) && cell_figure(f, j) &&
				 f->cells[i]->c->bytes == f->cells[j]->c->bytes;
		if (alike > most) {
			most = alike;
			f->topic = f->cells[i]->c;
		}
	}
}

void guide_fill(struct guide *guide, const struct result *results, size_t count)
{
	static const struct {
		const char *family;
		size_t bytes;
		const char *places[6]; // the first that has figures
	} wanted[FIGURES] = {
		[ON_ONE_CPU] = { "ipc", TRIP_BYTES, { "same-cpu" } },
		[BETWEEN_CPUS] = { "ipc",
				   TRIP_BYTES,
				   { "cross-core", "smt", "cross-socket",
				     "anywhere" } },
		[ONE_WAY] = { "bandwidth",
			      ONE_WAY_BYTES,
			      { "cross-core", "smt", "cross-socket", "anywhere",
				"same-cpu" } },
	};
	for (int k = 0; k < FIGURES; k++) {
		struct figures *f = &guide->figures[k];
		for (int p = 0; wanted[k].places[p] && !f->topic; p++) {
			for (size_t i = 0; channel_mechanisms[i]; i++)
				f->cells[i] = nearest(
					results, count, wanted[k].family,
					channel_mechanisms[i]->name,
					wanted[k].places[p], wanted[k].bytes);
			choose_topic(f);
		}
	}
}

void guide_findings(const struct guide *guide,
		    void (*said)(void *argument, const char *sentence),
		    void *argument)
{
	struct result alike[MAX_MECHANISMS];
	char text[512];

	for (int k = 0; k < FIGURES; k++) {
		const struct figures *f = &guide->figures[k];
		size_t count = 0;
		for (size_t i = 0; channel_mechanisms[i]; i++)
			if (cell_figure(f, i) && !cell_differs(f, i))
				alike[count++] = *f->cells[i];
		if (finding(text, sizeof text,
			    guide->elsewhere ? "there" : "here", alike, count))
			said(argument, text);
	}
}

// ## Whose they are

static const char *environment(const struct guide *guide, const char *field)
{
	const char *text = json_string_value(json_object_get(
		json_object_get(guide->result, "environment"), field));
	return text ? text : "";
}

// What makes it another machine, and what may change while a machine stays.
static const char *const of_machine[] = { "cpu_model",   "architecture",
					  "cpus_online", "cores",
					  "sockets",     "hypervisor",
					  NULL };
static const char *const of_state[] = { "kernel", "mitigations", "governor",
					"clock_source", NULL };

struct differences {
	const char *const *fields; // those that count
	char *text;
	size_t room, used;
};

static void differs(void *argument, const char *field, const char *was,
		    const char *is)
{
	struct differences *d = argument;
	size_t i = 0;

	while (d->fields[i] && strcmp(field, d->fields[i]))
		i++;
	if (!d->fields[i] || d->used >= d->room)
		return;
	d->used += (size_t)snprintf(d->text + d->used, d->room - d->used,
				    "%s%s %.100s, here %.100s",
				    d->used ? "; " : "", field, was, is);
}

static void compare_with_here(struct guide *guide)
{
	struct run_facts facts = { 0 };
	struct reading there = { .json = (json_t *)guide->result },
		       here = { 0 };
	char sentence[sizeof guide->differs],
		text[sizeof guide->differs - 100] = "";
	struct differences d = { of_machine, text, sizeof text, 0 };

	host_read(&facts.host);
	here.json = result_json(NULL, 0, &facts);
	here.environment = json_object_get(here.json, "environment");
	environments_differ(&there, &here, differs, &d);
	guide->elsewhere = d.used > 0;
	d.fields = of_state;
	if (!guide->elsewhere)
		environments_differ(&there, &here, differs, &d);
	json_decref(here.json);
	if (!*text)
		return;
	// the fields are cut, and that may have been within a character
	snprintf(sentence, sizeof sentence,
		 guide->elsewhere
			 ? "That is another machine than this one (%s). The "
			   "limits are of this one."
			 : "It is different here now: %s.",
		 text);
	printable_text(guide->differs, sizeof guide->differs, sentence);
}

void guide_source(struct guide *guide)
{
	enum { LONG_RELEASE = 60 };
	json_int_t cpus = json_integer_value(json_object_get(
		json_object_get(guide->result, "environment"), "cpus_online"));
	const char *model = environment(guide, "cpu_model"),
		   *kernel = environment(guide, "kernel"),
		   *hypervisor = environment(guide, "hypervisor");
	bool virtual = *hypervisor && strcmp(hypervisor, "none");
	char text[sizeof guide->source], from[300];
	int release = (int)strcspn(kernel, " ");

	if (guide->path)
		compare_with_here(guide);
	if (guide->path)
		snprintf(from, sizeof from, "from %.200s", guide->path);
	else
		snprintf(from, sizeof from, "in %.1f s",
			 json_number_value(
				 json_object_get(guide->result, "elapsed_s")));
	snprintf(text, sizeof text,
		 "%.80s, %" JSON_INTEGER_FORMAT
		 " CPU%s%s%.40s, Linux %.*s; measured %.40s, %s%s",
		 *model ? model : environment(guide, "architecture"), cpus,
		 cpus == 1 ? "" : "s",
		 virtual ? ", a virtual machine under " : "",
		 virtual ? hypervisor : "",
		 release < LONG_RELEASE ? release : LONG_RELEASE, kernel,
		 environment(guide, "date"), from,
		 json_is_true(json_object_get(guide->result, "interrupted"))
			 ? ", interrupted"
			 : "");
	printable_text(guide->source, sizeof guide->source, text);
}
