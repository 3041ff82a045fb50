// # The table
//
// A row for each thing, a column for each way to make a task, and each cell is
// tried: does the maker see what the task has changed? What must come out is
// known before, from clone(2): the flag that decides a row is set in a column,
// or not.

#define _GNU_SOURCE
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "draw.h"
#include "lab.h"
#include "threads/share/share.h"

static bool promised(const struct thing *thing, const struct way *way)
{
	switch (thing->decided_by) {
	case ALWAYS:
		return true;
	case NEVER:
		return false;
	case BY_REGISTER:
		return (way->flags & CLONE_VM) && !(way->flags & CLONE_SETTLS);
	default:
		return way->flags & thing->decided_by;
	}
}

// ## Drawn
//
// In a narrow terminal the columns go by two letters.

struct page {
	FILE *file;
	struct canvas canvas;
	int label, column; // how wide
};

static void draw_heading(const struct page *page)
{
	fprintf(page->file, "%*s", page->label, "");
	for (int w = 0; w < WAYS; w++)
		fprintf(page->file, "%*.*s", page->column, page->column - 1,
			ways[w].name);
	fputc('\n', page->file);
}

static void draw_row(const struct page *page, const char *name,
		     const bool shared[WAYS])
{
	static const char *const glyphs[2][2] = { { ".", "#" }, { "·", "●" } };

	fprintf(page->file, "%*s", page->label, name);
	for (int w = 0; w < WAYS; w++)
		fprintf(page->file, "%*s%s", page->column - 1, "",
			glyphs[page->canvas.utf8][shared[w]]);
	fputc('\n', page->file);
}

// ## Filled in, and held against clone(2)

struct verdict {
	int decided_by;
	const char *sentence;
	int cells, kept; // tried, and as promised
};

static struct verdict *verdict_of(struct verdict *verdicts,
				  const struct thing *thing)
{
	while (verdicts->decided_by != thing->decided_by)
		verdicts++;
	return verdicts;
}

static void fill(const struct page *page, const struct thing *thing,
		 struct verdict *verdicts)
{
	for (; thing->name; thing++) {
		struct verdict *verdict = verdict_of(verdicts, thing);
		bool shared[WAYS];
		for (int w = 0; w < WAYS; w++) {
			shared[w] = try_thing(thing, &ways[w]);
			verdict->cells++;
			verdict->kept += shared[w] == promised(thing, &ways[w]);
		}
		draw_row(page, thing->name, shared);
	}
}

void scene_table(void)
{
	enum { LABEL = 16, NARROW = 3, WIDE = 8 };
	struct verdict verdicts[] = {
		{ CLONE_VM, "VM: all that has an address", 0, 0 },
		{ ALWAYS, "with or without: open files, MAP_SHARED pages",
		  0, 0 },
		{ BY_REGISTER, "VM without a thread pointer: thread-local",
		  0, 0 },
		{ CLONE_FS, "FS: working folder and umask", 0, 0 },
		{ CLONE_FILES, "FILES: the table of descriptors", 0, 0 },
		{ CLONE_SIGHAND, "SIGHAND: what signals do", 0, 0 },
		{ CLONE_THREAD, "THREAD: what is the process's", 0, 0 },
		{ NEVER, "never: the rest is each task's own", 0, 0 },
	};
	char *text = NULL;
	size_t bytes = 0;
	struct page page = { .canvas = canvas_of(STDOUT_FILENO),
			     .label = LABEL };

	page.column = page.canvas.columns < LABEL + WAYS * WIDE ? NARROW : WIDE;
	page.file = must_ptr(open_memstream(&text, &bytes));
	draw_heading(&page);
	fill(&page, memory_things, verdicts);
	fill(&page, file_things, verdicts);
	fill(&page, process_things, verdicts);
	fill(&page, own_things, verdicts);
	must(fclose(page.file));
	say("does its maker see what a task has changed?");
	show(text);
	free(text);
	for (size_t i = 0; i < sizeof verdicts / sizeof *verdicts; i++)
		claim(verdicts[i].kept == verdicts[i].cells,
		      "%s, %d of %d cells", verdicts[i].sentence,
		      verdicts[i].kept, verdicts[i].cells);
}
