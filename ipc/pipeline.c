// # Pipeline: programs joined by pipes
//
// Chapter 10 · Interprocess communication (프로세스 간 통신)
//
// `sort words | uniq -c`: two programs that have never heard of each other work
// as one. Neither opens a pipe. The shell makes it, puts its ends in the places
// of standard output and standard input, and leaves. This program is that shell.
//
//     $ build/ipc/pipeline              every scene
//     $ build/ipc/pipeline head         one of them
//
//     head · why `yes | head -n 1` ends
//        17.14 ms  main     head has ended with 0; yes sleeps, and we hold a read end
//                  ✓ one forgotten read end keeps the writer waiting
//        18.84 ms  main     closed: yes has ended with 141, 128 and SIGPIPE
//     yes   yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy
//     head  hhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhh·····
//           ┬──────────────┬─────────────┬──────────────┬─────────
//           0 ms           5             10             15
//                  ✓ when the last read end is closed, SIGPIPE ends it
//
// Try: make the pipe of `head` without O_CLOEXEC. Who now holds the read end
// that keeps `yes` waiting? Then take the close(fd[WRITE]) out of `start_all`:
// which programs wait for ever, and for whom?
//
// Read next: ipc/pipe.c (what the ends of a pipe tell each other).
// Sources: dup(2), execve(2), pipe(7), signal(7); POSIX.1-2017, Shell Command
// Language, 2.9.2 Pipelines; bash(1), PIPESTATUS.

#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "draw.h"
#include "lab.h"

enum { READ, WRITE };

// ## A program between two descriptors
//
// fork, then dup2 to put the ends of two pipes in the places of standard input
// and output, then exec. What was open stays open across exec, and what was
// ignored stays ignored: so a shell gives SIGPIPE its default back, or a
// program that relies on it would not end.

struct program {
	const char *argv[6]; // ends with NULL
	pid_t pid;
	int status;                 // as a shell has it in $?
	int64_t began_ns, ended_ns; // ended: when we noticed
};

static void start(struct program *program, int in, int out)
{
	program->began_ns = now_ns();
	program->pid = fork_as(program->argv[0]);
	if (program->pid > 0)
		return;
	must(dup2(in, STDIN_FILENO));
	must(dup2(out, STDOUT_FILENO));
	must(signal(SIGPIPE, SIG_DFL));
	must(execvp(program->argv[0], (char **)program->argv));
}

// A shell says 128 and the signal's number of a program that a signal killed.
static void wait_for(struct program *program)
{
	int status;

	must(waitpid(program->pid, &status, 0));
	program->ended_ns = now_ns();
	program->status = WIFSIGNALED(status) ? 128 + WTERMSIG(status)
					      : WEXITSTATUS(status);
}

// ## A pipeline
//
// For each bar a pipe. All programs run at once, and whoever has nothing to do
// sleeps. Each unused end has to be closed in every process, or nobody sees an
// end of file. O_CLOEXEC has the kernel do it at exec: the copies that dup2
// made do not have that mark and stay. Our own ends we close ourselves.

// Returns where to read what the last program writes.
static int start_all(struct program *programs, int n)
{
	int fd[2], in = must(open("/dev/null", O_RDONLY | O_CLOEXEC));

	for (int i = 0; i < n; i++) {
		must(pipe2(fd, O_CLOEXEC));
		start(&programs[i], in, fd[WRITE]);
		must(close(in));
		must(close(fd[WRITE]));
		in = fd[READ];
	}
	return in;
}

static void run_all(struct program *programs, int n, char *output, size_t bytes)
{
	int out = start_all(programs, n);
	size_t got = 0;

	for (ssize_t part = 1; part > 0; got += part)
		part = must(read(out, output + got, bytes - 1 - got));
	output[got] = '\0';
	must(close(out));
	for (int i = 0; i < n; i++) {
		wait_for(&programs[i]);
		say("%6s ends with %d", programs[i].argv[0],
		    programs[i].status);
	}
}

static void words(void)
{
	struct program programs[] = {
		{ .argv = { "printf", "to be or not to be" } },
		{ .argv = { "tr", " ", "\\n" } },
		{ .argv = { "sort", "-u" } },
		{ .argv = { "wc", "-l" } },
	};
	char output[64];

	say("printf 'to be or not to be' | tr ' ' '\\n' | sort -u | wc -l");
	run_all(programs, 4, output, sizeof output);
	long count = strtol(output, NULL, 10);
	say("what came out: %ld", count);
	claim(count == 4, "four programs together count the different words");
}

// ## Whose failure counts
//
// Each program has a status, but a shell has one $?, the last program's. So a
// pipeline can fail at its source and look well: its output is only shorter.
// bash keeps them all in PIPESTATUS, and `set -o pipefail` looks at them.

static void status(void)
{
	struct program programs[] = {
		{ .argv = { "sh", "-c", "echo half; exit 3" } },
		{ .argv = { "cat" } },
	};
	char output[64];

	say("sh -c 'echo half; exit 3' | cat");
	run_all(programs, 2, output, sizeof output);
	claim(!strcmp(output, "half\n") && programs[0].status == 3,
	      "the first program failed halfway");
	claim(programs[1].status == 0,
	      "the last one, and so $?, knows nothing");
}

// ## Why `yes | head -n 1` ends
//
// `yes` writes for ever. `head` takes its line and leaves, which closes the
// last read end, and the next write of `yes` is one to nobody. The end of a
// pipeline travels downstream as end of file, upstream as SIGPIPE.
//
// Unless somebody else holds a read end, such as a shell that forgot its own.
// We forget it, see `yes` asleep on a full pipe, and then remember.

static void draw_lives(const struct program *yes, const struct program *line)
{
	const char *tracks[] = { yes->argv[0], line->argv[0] };
	const struct span lives[] = {
		{ 0, yes->began_ns, yes->ended_ns, 'y' },
		{ 1, line->began_ns, line->ended_ns, 'h' },
	};
	struct canvas canvas = canvas_of(STDOUT_FILENO);
	char *picture = must_ptr(draw_timeline(&canvas, tracks, 2, lives, 2));

	show(picture);
	free(picture);
}

static void head(void)
{
	struct program yes = { .argv = { "yes" } };
	struct program line = { .argv = { "head", "-n", "1" } };
	int fd[2], null = must(open("/dev/null", O_RDWR | O_CLOEXEC));

	must(pipe2(fd, O_CLOEXEC));
	start(&yes, null, fd[WRITE]);
	start(&line, fd[READ], null);
	must(close(fd[WRITE]));
	wait_for(&line);
	await_state(yes.pid, 'S');
	say("head has ended with %d; yes sleeps, and we hold a read end",
	    line.status);
	claim(waitpid(yes.pid, NULL, WNOHANG) == 0,
	      "one forgotten read end keeps the writer waiting");

	must(close(fd[READ]));
	wait_for(&yes);
	say("closed: yes has ended with %d, 128 and SIGPIPE", yes.status);
	draw_lives(&yes, &line);
	claim(yes.status == 128 + SIGPIPE,
	      "when the last read end is closed, SIGPIPE ends it");
}

static const struct scene scenes[] = {
	{ "words",  "a pipeline, as a shell makes it", words },
	{ "status", "whose failure counts",            status },
	{ "head",   "why `yes | head -n 1` ends",      head },
	{ 0 }
};

static const struct lab lab = {
	.name = "ipc/pipeline",
	.summary = "programs joined by pipes, as a shell does it",
	.chapter = "10 · Interprocess communication",
	.scenes = scenes,
};

int main(int argc, char **argv)
{
	return lab_main(&lab, argc, argv);
}
