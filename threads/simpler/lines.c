// # How much there is to read
//
// The two files are counted by this program, where they are to be found: below
// the folder it was built in, or the one you are in. Comments and empty lines do
// not count.

#define _GNU_SOURCE
#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "draw.h"
#include "lab.h"
#include "simpler.h"

FILE *open_source(const char *source)
{
	char path[PATH_MAX], file[PATH_MAX + 64];
	ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);

	path[n < 0 ? 0 : n] = '\0';
	for (char *slash; (slash = strrchr(path, '/')); *slash = '\0') {
		snprintf(file, sizeof file, "%.*s/%s", (int)(slash - path),
			 path, source);
		FILE *found = fopen(file, "re");
		if (found)
			return found;
	}
	FILE *found = fopen(source, "re");
	if (!found)
		skip("the sources are not here: run me where they are");
	return found;
}

struct count {
	int lines;
	int names[2]; // how often the text names a blocking call, a state
};

static int count_word(const char *line, const char *word)
{
	int n = 0;

	for (; (line = strstr(line, word)); line += strlen(word))
		n++;
	return n;
}

static struct count count_source(const char *source)
{
	struct count count = { 0 };
	char line[256];
	FILE *file = open_source(source);

	while (fgets(line, sizeof line, file)) {
		const char *c = line;
		while (isspace((unsigned char)*c))
			c++;
		if (!*c || !strncmp(c, "//", 2))
			continue;
		count.lines++;
		count.names[0] += count_word(c, "->state");
		for (int s = GREETING; s <= LEAVING; s++)
			count.names[1] += count_word(c, state_names[s]);
	}
	must(fclose(file));
	return count;
}

void scene_lines(void)
{
	struct canvas canvas = canvas_of(STDOUT_FILENO);
	struct count counts[WAYS];
	struct bar bars[WAYS];
	char notes[WAYS][32];

	for (int i = 0; i < WAYS; i++) {
		counts[i] = count_source(ways[i]->source);
		snprintf(notes[i], sizeof notes[i], "%d lines",
			 counts[i].lines);
		bars[i] = (struct bar){ ways[i]->name, notes[i],
					counts[i].lines };
	}
	char *picture = must_ptr(draw_bars(&canvas, bars, WAYS, false));
	show(picture);
	free(picture);
	say("machine.c asks for or sets a state %d times, threads.c %d",
	    counts[MACHINE].names[0], counts[THREADS].names[0]);
	claim(counts[THREADS].lines < counts[MACHINE].lines,
	      "the threads' server is the shorter one");
	claim(counts[THREADS].names[0] + counts[THREADS].names[1] == 0 &&
		      counts[MACHINE].names[0] > 0,
	      "and there is no state in it: the text is the state");
}
