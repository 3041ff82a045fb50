// # A bar for work that takes long
//
// On standard error, and only where that is a terminal. Work that is done within
// half a second shows none; ten pictures a second are enough for an eye.

#define _GNU_SOURCE
#include <stdlib.h>
#include <unistd.h>

#include "clock.h"
#include "draw.h"
#include "fs/img/img.h"

static const int64_t PATIENCE_NS = 500000000, STEP_NS = 100000000;

void progress_begin(struct progress *p, const struct session *s,
		    const char *what, uint64_t total)
{
	*p = (struct progress){
		.session = s,
		.what = what,
		.total = total,
		.begin_ns = now_ns(),
	};
	if (s->quiet || !isatty(STDERR_FILENO))
		p->begin_ns = INT64_MAX; // never
}

static void show(struct progress *p)
{
	struct canvas canvas = canvas_of(STDERR_FILENO);

	canvas.columns -= canvas.columns > 40; // the last makes some wrap
	char *line = draw_progress(
		&canvas, p->total ? (double)p->done / p->total : 0, p->what);
	if (line)
		fprintf(stderr, "\r%s\033[K", line);
	free(line);
	p->visible = true;
}

void progress_add(struct progress *p, uint64_t n)
{
	p->done += n;
	if (p->begin_ns == INT64_MAX)
		return;
	int64_t now = now_ns();
	if (now - p->begin_ns < PATIENCE_NS || now - p->shown_ns < STEP_NS)
		return;
	p->shown_ns = now;
	show(p);
}

void progress_end(struct progress *p)
{
	if (p->visible)
		fputs("\r\033[K", stderr);
	p->visible = false;
}
