// labs.h - little labs, played inside the tests
//
// The suite of lib/lab is several files: lab.c (verdicts, lines), lab_scenes.c
// (processes, time, names), lab_usage.c (options, JSON, output that fails),
// lab_terminal.c (what a reader sees and types), supervisor.c (signals, and who
// is left). They define labs of a scene or two and play them in a child.

#ifndef LABS_H
#define LABS_H

#include <signal.h>
#include <sys/types.h>

#include "lab.h"
#include "tests.h"

// A lab called "test/lab" of these scenes: LAB({ "one", "first", one }).
#define LAB(...) (&(const struct lab){                                        \
	.name = "test/lab", .summary = "a lab for the tests",                 \
	.chapter = "00 · Tests",                                              \
	.scenes = (const struct scene[]){ __VA_ARGS__, { 0 } } })

// A scene of one line, for LAB: its name is the function's.
#define SCENE(function)                                                        \
	{                                                                      \
#function, "what " #function " shows", function                \
	}

#define assert_has(text, part) \
	ck_assert_msg(strstr((text), (part)), "no \"%s\" in:\n%.3000s", part, text)
#define assert_lacks(text, part) \
	ck_assert_msg(!strstr((text), (part)), "\"%s\" in:\n%.3000s", part, text)

// Plays it as a program would, in a session of its own (so without a terminal),
// standard input from /dev/null. Arguments end with NULL. The test fails when
// anybody is left afterwards.
struct outcome play_lab(const struct lab *lab, ...) __attribute__((sentinel));

// The same where the caller prepares the child first: `prepare` runs in it
// before lab_main, when standard output and error are set already.
struct outcome play_lab_after(void (*prepare)(void), const struct lab *lab,
			      const char *const *arguments);

// Starts lab_main in a child that leads a group of its own, its output thrown
// away; the caller waits.
pid_t begin_lab(const struct lab *lab, const char *const *arguments);

// fork(2), and in the child Check's signal handlers are gone, which would kill
// the whole test.
pid_t fork_fresh(void);

// Waits for a child; its wait status.
int status_of(pid_t pid);

// How often `part` occurs in `text`.
int occurrences(const char *text, const char *part);

// Memory for a test and all its processes, zeroed, of at least a page.
void *shared_memory(size_t bytes);

// No process has this number (or it is a zombie that waits for its parent).
bool is_gone(pid_t pid);

// For threads and processes that are to do nothing, for ever.
_Noreturn void wait_for_ever(void);

void add_scene_tests(Suite *suite);
void add_usage_tests(Suite *suite);
void add_terminal_tests(Suite *suite);
void add_supervisor_tests(Suite *suite);

#endif
