// # One libc for everybody
//
// Nobody asked for it, and it is the largest sharing of all: the text of programs
// and libraries. The loader maps their files privately and without the right to
// write, so all processes have the page cache's frames. Here two shells are started,
// which are no kin: each has called execve(2). Their page tables are compared, page
// by page, also with our own, wherever two map the same piece of the same file.

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lab.h"
#include "mem/cast/cast.h"
#include "mem/shared/shared.h"

enum { WORD = 8, NAME = 28 };

struct shell {
	const char *name;
	pid_t pid;
	int input, output;
};

// Says "ready" when libc and the shell have run, and waits to be told to end.
static struct shell start_shell(const char *name)
{
	int in[2], out[2];
	char word[WORD];

	must(pipe2(in, O_CLOEXEC));
	must(pipe2(out, O_CLOEXEC));
	pid_t pid = fork_as(name);
	if (pid == 0) {
		must(dup2(in[0], STDIN_FILENO));
		must(dup2(out[1], STDOUT_FILENO));
		execlp("sh", "sh", "-c", "echo ready; read line", (char *)NULL);
		_exit(127);
	}
	must(close(in[0]));
	must(close(out[1]));
	if (must(read(out[0], word, sizeof word)) <= 0)
		skip("there is no shell (sh) to look at");
	return (struct shell){ name, pid, in[1], out[0] };
}

static void end_shell(struct shell *shell)
{
	must(close(shell->input)); // read fails: the shell ends with 1
	must(close(shell->output));
	must(waitpid(shell->pid, NULL, 0));
}

// What two processes have of one piece of a file.
struct common {
	size_t both, one_frame, alone, anonymous;
};

static void compare_pages(struct common *common, pid_t a, uintptr_t at_a,
			  pid_t b, uintptr_t at_b, size_t n)
{
	struct page *pages = must_ptr(calloc(2 * n, sizeof *pages));

	must_neg(pages_read(a, at_a, n, pages));
	must_neg(pages_read(b, at_b, n, pages + n));
	for (size_t i = 0; i < n; i++) {
		const struct page *x = &pages[i], *y = &pages[n + i];
		if (!x->present || !y->present)
			continue;
		common->both++;
		common->one_frame += x->frame && x->frame == y->frame;
		common->alone += x->exclusive || y->exclusive;
		common->anonymous += !x->file && !y->file;
	}
	free(pages);
}

// The mapping of the same piece of the same file, with the same rights, or NULL.
static const struct mapping *twin_of(const struct mapping *wanted,
				     const struct maps *maps)
{
	for (size_t i = 0; i < maps->count; i++) {
		const struct mapping *m = &maps->all[i];
		if (m->inode == wanted->inode && m->offset == wanted->offset &&
		    m->device_major == wanted->device_major &&
		    m->device_minor == wanted->device_minor &&
		    m->write == wanted->write && m->execute == wanted->execute)
			return m;
	}
	return NULL;
}

static const char *last_part(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

// All files that both map with these rights, a line each; returns the sums.
static struct common compare(pid_t a, pid_t b, bool write, bool execute)
{
	struct maps mine, theirs;
	struct common sum = { 0 };
	char *text = NULL;
	size_t bytes;
	FILE *out = must_ptr(open_memstream(&text, &bytes));

	must_neg(maps_read(&mine, a));
	must_neg(maps_read(&theirs, b));
	fprintf(out, "  %-*s %6s  %9s  %6s", NAME, "", "pages", "one frame",
		"alone");
	for (size_t i = 0; i < mine.count; i++) {
		const struct mapping *m = &mine.all[i];
		if (!m->inode || m->shared || m->write != write ||
		    m->execute != execute)
			continue;
		const struct mapping *twin = twin_of(m, &theirs);
		if (!twin)
			continue;
		size_t n = (m->end - m->begin) / page_bytes();
		size_t most = (twin->end - twin->begin) / page_bytes();
		struct common c = { 0 };
		compare_pages(&c, a, m->begin, b, twin->begin,
			      n < most ? n : most);
		fprintf(out, "\n  %-*.*s %6zu  %9zu  %6zu", NAME, NAME,
			last_part(m->name), c.both, c.one_frame, c.alone);
		sum.both += c.both;
		sum.one_frame += c.one_frame;
		sum.alone += c.alone;
		sum.anonymous += c.anonymous;
	}
	maps_free(&mine);
	maps_free(&theirs);
	if (fclose(out) != 0)
		skip("no memory for a table");
	show_text(text);
	free(text);
	return sum;
}

void scene_text(void)
{
	struct sight sight = sight_begin();
	struct shell first = start_shell("first");
	struct shell second = start_shell("second");

	say("pages of text (r-x) that two shells have in memory:");
	struct common shells = compare(first.pid, second.pid, false, true);
	claim(shells.both > 0 && shells.alone == 0,
	      "two shells, %zu pages of text, and nobody is alone with one",
	      shells.both);
	claim_seen(&sight, shells.one_frame == shells.both,
		   "each of them lies in one frame for both");
	say("a shell and this lab:");
	struct common me = compare(first.pid, getpid(), false, true);
	if (me.both == 0)
		say("(nothing: this lab was linked statically, or with "
		    "another libc)");
	else
		claim(me.alone == 0 &&
			      (!sight.shown || me.one_frame == me.both),
		      "%zu pages of libraries serve another program, too",
		      me.both);
	end_shell(&first);
	end_shell(&second);
}

// ## The same file, and each his own
//
// A library has data, too. Its pages are mapped privately and writable; the loader
// writes addresses into them, the library its variables, and each write has made a
// copy. The file is the same; what is shared of it is what nobody has written to.

void scene_data(void)
{
	struct sight sight = sight_begin();
	struct shell first = start_shell("first");
	struct shell second = start_shell("second");

	say("data (rw-) of the same files in two shells:");
	struct common data = compare(first.pid, second.pid, true, false);
	claim(data.anonymous > 0,
	      "%zu of %zu pages were written to: copied, of no file any more",
	      data.anonymous, data.both);
	claim(data.alone >= data.anonymous,
	      "with each copy a process is alone");
	claim_seen(&sight, data.one_frame + data.anonymous <= data.both,
		   "no copy is in a frame that both have");
	end_shell(&first);
	end_shell(&second);
}
