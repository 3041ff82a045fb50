// # --of=PID: mem/translate and mem/anatomy look at a process of ours
//
// The process is this test itself, or a child of it: what the tools print is held
// against what we know of our own memory.

#define _GNU_SOURCE
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "labs.h"
#include "mem/pages/pages.h"
#include "mem/layout/layout.h"
#include "pages_parts.h"

enum { MISSING = 77 };

#ifdef OSLAB_SANITIZED
enum { IS_SANITIZED = true };
#else
enum { IS_SANITIZED = false };
#endif

static json_t *tools_json(const struct outcome *got)
{
	json_error_t error;
	json_t *parsed = json_loads(got->out, 0, &error);

	ck_assert_msg(parsed, "no JSON (%s):\n%s%s", error.text, got->out,
		      got->err);
	return parsed;
}

static const char *tools_text(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

static unsigned long long tools_hex(const json_t *object, const char *key)
{
	return strtoull(tools_text(object, key), NULL, 16);
}

static void of_myself(char text[32])
{
	snprintf(text, 32, "--of=%d", getpid());
}

static char *tools_pages(size_t n)
{
	char *pages = mmap(NULL, n * page_bytes(), PROT_READ | PROT_WRITE,
			   MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	ck_assert_ptr_ne(pages, MAP_FAILED);
	return pages;
}

START_TEST(tools_translate_of_me)
{
	char of[32], touched[32], untouched[32];
	char *pages = tools_pages(2);
	struct frame_row row;

	*(volatile char *)pages = 1;
	of_myself(of);
	snprintf(touched, sizeof touched, "%p", (void *)(pages + 0x123));
	snprintf(untouched, sizeof untouched, "%" PRIxPTR,
		 (uintptr_t)pages + page_bytes());
	struct outcome got = run("mem/translate", of, "--format=json", touched,
				 untouched, "0", NULL);
	bool shown = frames_shown() == 1;
	ck_assert_int_eq(got.exit, shown ? 0 : MISSING);
	json_t *all = tools_json(&got), *rows = json_object_get(all, "pages");
	ck_assert_str_eq(tools_text(all, "program"), "mem/translate");
	ck_assert_int_eq(json_integer_value(json_object_get(all, "pid")),
			 getpid());
	ck_assert_uint_eq(json_array_size(rows), 3);
	json_t *first = json_array_get(rows, 0);
	ck_assert_uint_eq(tools_hex(first, "address"),
			  (uintptr_t)pages + 0x123);
	ck_assert_uint_eq(tools_hex(first, "page"),
			  (uintptr_t)pages / page_bytes());
	ck_assert_uint_eq(tools_hex(first, "offset"), 0x123);
	ck_assert(json_is_true(json_object_get(first, "present")));
	ck_assert(json_is_true(json_object_get(first, "file")));
	ck_assert_str_eq(tools_text(json_object_get(first, "mapping"),
				    "rights"),
			 "rw-s");
	if (shown) {
		ck_assert_int_eq(
			frame_row_read(&row, "", 0, (uintptr_t)pages, NULL), 0);
		ck_assert_uint_eq(tools_hex(first, "frame"), row.page.frame);
		ck_assert_uint_eq(tools_hex(first, "physical"),
				  row.page.frame * page_bytes() + 0x123);
	} else {
		ck_assert(json_is_true(json_object_get(first, "hidden")));
		ck_assert(json_is_null(json_object_get(first, "frame")));
		assert_has(got.err, "CAP_SYS_ADMIN");
	}
	json_t *second = json_array_get(rows, 1),
	       *third = json_array_get(rows, 2);
	ck_assert(json_is_false(json_object_get(second, "present")));
	ck_assert(json_is_object(json_object_get(second, "mapping")));
	ck_assert(json_is_null(json_object_get(third, "mapping")));
	json_decref(all);
	outcome_free(&got);
}
END_TEST

// As an ordinary user of a process of his own: what is hidden is said, and 77.
START_TEST(tools_translate_without_privilege)
{
	struct outcome got;

	if (geteuid() != 0)
		SKIP("only root can become somebody else");
	// (the tree may lie where an ordinary user cannot go)
	got = run_shell("exec 9<$B/mem/translate; setpriv --reuid=65534 "
			"--regid=65534 --clear-groups sh -c '"
			"/proc/self/fd/9 --of=$$ $(sed -n \"s/-.*stack.*//p\" "
			"/proc/$$/maps) $(sed -n 2s/-.*//p /proc/$$/maps); "
			"exit $?'");
	ck_assert_msg(got.exit == MISSING, "%d:\n%s%s", got.exit, got.out,
		      got.err);
	assert_has(got.out, "hidden by the kernel");
	assert_has(got.err, "CAP_SYS_ADMIN");
	outcome_free(&got);
}
END_TEST

static const char *const tools[] = { "mem/translate", "mem/anatomy" };
enum { TOOLS = sizeof tools / sizeof *tools };

// translate wants an address, anatomy none
static struct outcome run_of(int tool, const char *of, const char *more)
{
	return run(tools[tool], of, more, tool == 0 ? "1000" : NULL, NULL);
}

START_TEST(tools_of_another_user)
{
	if (geteuid() != 0)
		SKIP("only root can become somebody else");
	for (int i = 0; i < TOOLS; i++) {
		char command[400];
		snprintf(command, sizeof command,
			 "exec 9<$B/%s; setpriv --reuid=65534 --regid=65534 "
			 "--clear-groups /proc/self/fd/9 --of=%d %s",
			 tools[i], getpid(), i == 0 ? "1000" : "");
		struct outcome got = run_shell(command);
		ck_assert_msg(got.exit == MISSING && !*got.out, "%d:\n%s%s",
			      got.exit, got.out, got.err);
		assert_has(got.err, "be its user, or root");
		ck_assert_int_eq(occurrences(got.err, "\n"), 1);
		outcome_free(&got);
	}
}
END_TEST

START_TEST(tools_of_nobody)
{
	char of[32];
	pid_t child = fork_fresh();

	if (child == 0)
		_exit(0);
	status_of(child);
	snprintf(of, sizeof of, "--of=%d", child);
	for (int i = 0; i < TOOLS; i++) {
		struct outcome got = run_of(i, of, "--format=text");
		ck_assert_int_eq(got.exit, 1);
		ck_assert_str_eq(got.out, "");
		assert_has(got.err, "no such process");
		outcome_free(&got);
	}
}
END_TEST

START_TEST(tools_of_bad_usage)
{
	static const struct {
		const char *arguments[3], *named;
	} rows[] = {
		{ { "--of=0" }, "--of=0" },
		{ { "--of=-1" }, "--of=-1" },
		{ { "--of=4194305" }, "4194304" },
		{ { "--of=1x" }, "--of=1x" },
		{ { "--of=" }, "--of=" },
		{ { "--of=1", "--format=xml" }, "--format=xml" },
		{ { "--of=1", "1g" }, "1g" },
		{ { "--of=1", "0x" }, "0x" },
		{ { "--of=1", "-1" }, "-1" },
		{ { "--of=1", "12345678901234567" }, "12345678901234567" },
		{ { "--of=1", "zz" }, "zz" },
		{ { "--of=1", "--no-such" }, "--no-such" },
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		for (int k = 0; k < TOOLS; k++) {
			const char *const *a = rows[i].arguments;
			struct outcome got = run(tools[k], a[0], a[1], NULL);
			ck_assert_msg(got.exit == 2 && !*got.out,
				      "%s %s %s: %d %s", tools[k], a[0],
				      a[1] ? a[1] : "", got.exit, got.err);
			if (rows[i].named[0] != '-' || a[1] == NULL)
				assert_has(got.err, rows[i].named);
			outcome_free(&got);
		}
	struct outcome got = run("mem/translate", "--of=1", NULL);
	ck_assert_int_eq(got.exit, 2);
	assert_has(got.err, "ADDRESS");
	outcome_free(&got);
}
END_TEST

// Every mapping of a process that stands still, and what it is for.
START_TEST(tools_anatomy_of_me)
{
	char of[32];
	char *mine = tools_pages(3);
	struct layout layout;
	size_t found = 0, i;
	json_t *mapping;

	of_myself(of);
	struct outcome got = run("mem/anatomy", of, "--format=json", NULL);
	ck_assert_int_eq(got.exit, 0);
	json_t *all = tools_json(&got),
	       *mappings = json_object_get(all, "mappings");
	ck_assert_int_eq(layout_read(&layout, 0), 0);
	ck_assert_uint_gt(json_array_size(mappings), 5);
	json_array_foreach(mappings, i, mapping)
	{
		unsigned long long begin = tools_hex(mapping, "begin");
		const char *part = tools_text(mapping, "part");
		if (begin <= (uintptr_t)&tools &&
		    (uintptr_t)&tools < tools_hex(mapping, "end"))
			found++;
		if (begin <= (uintptr_t)&of_myself &&
		    (uintptr_t)&of_myself < tools_hex(mapping, "end")) {
			ck_assert_str_eq(part, "text");
			ck_assert_str_eq(tools_text(mapping, "rights"), "r-xp");
			found++;
		}
		if (begin <= (uintptr_t)mine &&
		    (uintptr_t)mine < tools_hex(mapping, "end")) {
			ck_assert_str_eq(part, "shared memory");
			found++;
		}
		if (begin <= (uintptr_t)of &&
		    (uintptr_t)of < tools_hex(mapping, "end") &&
		    !strcmp(tools_text(mapping, "name"), "[stack]"))
			ck_assert_str_eq(part, "stack");
	}
	ck_assert_uint_eq(found, 3);
	assert_has(tools_text(all, "file"), "check");
	layout_free(&layout);
	json_decref(all);
	outcome_free(&got);
}
END_TEST

// The picture of another process: each address once, from above to below, within
// the width; in ASCII where the locale is not UTF-8.
START_TEST(tools_anatomy_picture)
{
	static const int widths[] = { 40, 80, 132 };

	for (size_t i = 0; i < sizeof widths / sizeof *widths; i++) {
		char command[200];
		unsigned long long last = ~0ULL;
		size_t addresses = 0;
		snprintf(command, sizeof command,
			 "COLUMNS=%d LC_ALL=C $B/mem/anatomy --of=%d",
			 widths[i], getpid());
		struct outcome got = run_shell(command);
		ck_assert_int_eq(got.exit, 0);
		assert_has(got.out, "stack");
		assert_has(got.out, "text");
		assert_has(got.out, "not mapped");
		char *rest = got.out;
		for (char *line; (line = strsep(&rest, "\n"));) {
			char *end;
			unsigned long long at = strtoull(line, &end, 16);
			ck_assert_uint_le(strlen(line), (size_t)widths[i]);
			for (const char *c = line; *c; c++)
				ck_assert(!(*c & 0x80));
			if (end == line || *end != ' ' || *line == ' ')
				continue;
			ck_assert_uint_lt(at, last);
			last = at;
			addresses++;
		}
		ck_assert_uint_gt(addresses, 5);
		outcome_free(&got);
	}
}
END_TEST

// What the picture of a long region leaves out it says, and no mark is lost.
START_TEST(tools_anatomy_marks_are_drawn)
{
	static const struct canvas canvas = { .columns = 80 };
	size_t bytes = 100 * page_bytes();
	char *mine = tools_pages(100);
	const struct mark marks[] = {
		{ "lowest", (uintptr_t)mine },
		{ "middle", (uintptr_t)mine + bytes / 2 },
		{ "also", (uintptr_t)mine + bytes / 2 + 1 },
		{ "highest", (uintptr_t)mine + bytes - 1 },
		{ "elsewhere", (uintptr_t)mine + bytes },
	};
	struct layout layout;

	ck_assert_int_eq(layout_read(&layout, 0), 0);
	char *picture = layout_picture(&layout, &canvas, marks, 5, page_bytes(),
				       (uintptr_t)mine,
				       (uintptr_t)mine + bytes);
	ck_assert_ptr_nonnull(picture);
	for (int i = 0; i < 4; i++) {
		char text[32];
		snprintf(text, sizeof text, "<- %s\n", marks[i].name);
		ck_assert_int_eq(occurrences(picture, text), 1);
	}
	assert_lacks(picture, "elsewhere");
	ck_assert_int_eq(occurrences(picture, "more of it"), 2);
	ck_assert(strstr(picture, "highest") < strstr(picture, "middle"));
	ck_assert(strstr(picture, "also") < strstr(picture, "lowest"));
	free(picture);
	picture = layout_picture(&layout, &canvas, NULL, 0, bytes,
				 (uintptr_t)mine, (uintptr_t)mine + bytes);
	ck_assert_int_eq(occurrences(picture, "\n"), 2);
	free(picture);
	layout_free(&layout);
}
END_TEST

// A file whose name would paint the terminal, and add a line of its own.
START_TEST(tools_of_hostile_names)
{
	char folder[] = "/tmp/oslab-tests-tools-XXXXXX", path[100], of[32],
	     address[32];

	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(path, sizeof path, "%s/\033[31m\n\xff\r(deleted)", folder);
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(ftruncate(fd, (off_t)page_bytes()), 0);
	void *page = mmap(NULL, page_bytes(), PROT_READ, MAP_SHARED, fd, 0);
	ck_assert_ptr_ne(page, MAP_FAILED);
	of_myself(of);
	snprintf(address, sizeof address, "%p", page);
	for (int i = 0; i < TOOLS; i++)
		for (int json = 0; json < 2; json++) {
			struct outcome got = run(tools[i], of,
						 json ? "--format=json"
						      : "--format=text",
						 i == 0 ? address : NULL, NULL);
			ck_assert(got.exit == 0 || got.exit == MISSING);
			ck_assert(!strchr(got.out, '\033') &&
				  !strchr(got.out, '\r') &&
				  !strstr(got.out, "\xff"));
			assert_has(got.out, "(deleted)");
			if (json)
				json_decref(tools_json(&got));
			outcome_free(&got);
		}
	close(fd);
	unlink(path);
	rmdir(folder);
}
END_TEST

// Ten thousand mappings.
START_TEST(tools_of_many_mappings)
{
	enum { MANY = 5000 };
	char of[32];
	char *pages = tools_pages(2 * MANY);
	struct outcome got;

	for (size_t i = 0; i < MANY; i++)
		if (mprotect(pages + 2 * i * page_bytes(), page_bytes(),
			     PROT_NONE) == -1)
			SKIP("vm.max_map_count is small here");
	of_myself(of);
	got = run("mem/anatomy", of, "--format=json", NULL);
	ck_assert_int_eq(got.exit, 0);
	json_t *all = tools_json(&got);
	ck_assert_uint_gt(json_array_size(json_object_get(all, "mappings")),
			  2 * MANY);
	json_decref(all);
	outcome_free(&got);
	got = run("mem/anatomy", of, NULL);
	ck_assert_int_eq(got.exit, 0);
	ck_assert_int_gt(occurrences(got.out, "----"), MANY - 1);
	outcome_free(&got);
	munmap(pages, 2 * MANY * page_bytes());
}
END_TEST

// Without /proc a lab plays what it can, and says what it lacks.
START_TEST(tools_labs_without_proc)
{
	if (geteuid() != 0)
		SKIP("only root can mount something over /proc");
	for (int i = 0; i < TOOLS; i++) {
		char command[200];
		snprintf(command, sizeof command,
			 "unshare -m sh -c 'mount -t tmpfs none /proc || "
			 "exit 70; exec $B/%s'",
			 tools[i]);
		struct outcome got = run_shell(command);
		if (got.exit == 70 || strstr(got.err, "unshare")) {
			outcome_free(&got);
			SKIP("no mount namespaces here");
		}
		ck_assert_msg(got.exit == (i == 0 ? MISSING : 0), "%d\n%s%s",
			      got.exit, got.out, got.err);
		assert_has(got.out, "/proc/self/");
		outcome_free(&got);
	}
}
END_TEST

// Two runs without ASLR say the same; the JSON says what the text does.
START_TEST(tools_anatomy_marks)
{
	struct outcome text = run_shell(
			       "setarch -R $B/mem/anatomy marks 2>/dev/null"),
		       json = run_shell("setarch -R $B/mem/anatomy marks "
					"--format=json 2>/dev/null");
	size_t i;
	json_t *mark;

	if (text.exit != 0)
		SKIP("setarch -R: personality(2) is forbidden here");
	json_t *all = tools_json(&json), *marks = json_object_get(all, "marks");
	ck_assert_uint_gt(json_array_size(marks), 5);
	json_array_foreach(marks, i, mark)
	{
		char line[80];
		const char *name = tools_text(mark, "name");
		snprintf(line, sizeof line, "%s %s\n",
			 tools_text(mark, "address") + 2, name);
		// (the longer command line moves what is on the stack)
		if (strcmp(name, "a local") != 0 &&
		    strcmp(name, "a small malloc"))
			assert_has(text.out, line);
	}
	json_decref(all);
	outcome_free(&text);
	outcome_free(&json);
}
END_TEST

TCase *pages_tools_tcase(void)
{
	TCase *tcase = tcase_create("tools");

	tcase_add_test(tcase, tools_translate_of_me);
	tcase_add_test(tcase, tools_translate_without_privilege);
	tcase_add_test(tcase, tools_of_another_user);
	tcase_add_test(tcase, tools_of_nobody);
	tcase_add_test(tcase, tools_of_bad_usage);
	tcase_add_test(tcase, tools_anatomy_of_me);
	tcase_add_test(tcase, tools_anatomy_picture);
	tcase_add_test(tcase, tools_anatomy_marks_are_drawn);
	tcase_add_test(tcase, tools_of_hostile_names);
	tcase_add_test(tcase, tools_of_many_mappings);
	tcase_add_test(tcase, tools_anatomy_marks);
	if (!IS_SANITIZED) // its libraries read /proc
		tcase_add_test(tcase, tools_labs_without_proc);
	return tcase;
}
