// # What the documents say of the tree
//
// Links between the Markdown files lead somewhere, headings included; every
// program is in the catalogue and on the page of its chapter; and a sample on the
// page of the images is what the program prints.

#define _GNU_SOURCE
#include "ipc/channel/channel.h"
#include "sched/policy/policy.h"
#include "tests.h"

#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char *read_whole(const char *path)
{
	char *text = NULL;
	size_t bytes = 0;
	FILE *file = fopen(path, "re");

	ck_assert_msg(file, "cannot read %s", path);
	if (getdelim(&text, &bytes, '\0', file) == -1 && text)
		*text = '\0';
	fclose(file);
	return text ? text : strdup("");
}

// ## Links

// How a heading is called in a link: in small letters, without punctuation, a
// hyphen for each space. Other letters than ASCII's stay (GitHub's rule, as
// far as we use it).
static void anchor_of(const char *heading, char *anchor, size_t bytes)
{
	size_t n = 0;

	for (const char *c = heading; *c && n + 1 < bytes; c++)
		if (*c == ' ')
			anchor[n++] = '-';
		else if (*c & 0x80 || *c == '-' || *c == '_' ||
			 isalnum((unsigned char)*c))
			anchor[n++] = (char)tolower((unsigned char)*c);
	anchor[n] = '\0';
}

static bool has_anchor(const char *file, const char *anchor)
{
	char *text = read_whole(file), *rest = text;
	bool found = false, code = false;

	for (char *line; !found && (line = strsep(&rest, "\n"));) {
		if (!strncmp(line, "```", 3))
			code = !code;
		if (code || *line != '#')
			continue;
		char name[256];
		line += strspn(line, "#");
		anchor_of(line + strspn(line, " "), name, sizeof name);
		found = !strcmp(name, anchor);
	}
	free(text);
	return found;
}

// A link as it stands between the parentheses, in this file. Appends what is
// wrong with it.
static void check_link(const char *file, char *link, FILE *wrong)
{
	char target[PATH_MAX];
	char *anchor = strchr(link, '#');

	if (strstr(link, "://") || !strncmp(link, "mailto:", 7))
		return;
	if (anchor)
		*anchor++ = '\0';
	if (*link)
		snprintf(target, sizeof target, "%.*s/%s",
			 (int)(strrchr(file, '/') - file), file, link);
	else
		snprintf(target, sizeof target, "%s", file);
	if (access(target, F_OK) == -1)
		fprintf(wrong, "\n%s: no file %s", file, target);
	else if (anchor && !has_anchor(target, anchor))
		fprintf(wrong, "\n%s: no heading #%s in %s", file, anchor,
			target);
}

static void check_links(const char *file, FILE *wrong)
{
	char *text = read_whole(file), *rest = text;
	bool code = false;

	for (char *line; (line = strsep(&rest, "\n"));) {
		if (!strncmp(line, "```", 3))
			code = !code;
		if (code || !strncmp(line, "    ", 4))
			continue;
		for (char *at = line; (at = strstr(at, "]("));) {
			at += 2;
			size_t length = strcspn(at, ")");
			char *link = strndup(at, length);
			link[strcspn(link, " ")] = '\0'; // a title
			check_link(file, link, wrong);
			free(link);
			at += length;
		}
	}
	free(text);
}

START_TEST(docs_links_lead_somewhere)
{
	char *text;
	size_t bytes;
	FILE *wrong = open_memstream(&text, &bytes);
	struct outcome files = run_shell("find . -name '*.md' -not -path "
					 "'./.git/*' -not -path './build/*'");
	char *rest = files.out;

	ck_assert_ptr_nonnull(wrong);
	for (char *file; (file = strsep(&rest, "\n"));)
		if (*file)
			check_links(file, wrong);
	fclose(wrong);
	ck_assert_msg(!bytes, "dead links:%s", text);
	free(text);
	outcome_free(&files);
}
END_TEST

// The checks above find what they should.
START_TEST(docs_finds_dead_links)
{
	char folder[] = "/tmp/oslab-tests-docs-XXXXXX", file[64], *text;
	size_t bytes;
	FILE *wrong = open_memstream(&text, &bytes);

	ck_assert_ptr_nonnull(wrong);
	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(file, sizeof file, "%s/a.md", folder);
	FILE *page = fopen(file, "we");
	ck_assert_ptr_nonnull(page);
	fputs("# One `two`: 셋\n[x](a.md#one-two-셋) [x](#one-two-셋 \"t\") "
	      "[x](http://no) [bad](b.md) [bad](#two)\n```\n[x](no)\n```\n",
	      page);
	fclose(page);
	check_links(file, wrong);
	fclose(wrong);
	unlink(file);
	rmdir(folder);
	char *first = strstr(text, "b.md"), *second = strstr(text, "#two");
	ck_assert_msg(first && second, "found only:%s", text);
	ck_assert_ptr_null(strchr(strchr(text + 1, '\n') + 1, '\n'));
	free(text);
}
END_TEST

// ## Programs

// Calls check(name, folder, catalogue line) for each program of the tree.
static void each_program(void (*check)(const char *program, const char *line))
{
	struct outcome programs = run_shell(
		"ls sched/*.c ipc/*.c threads/*.c sync/*.c mem/*.c fs/*.c "
		"virt/*.c */*/main.c 2>/dev/null | grep -v ^tests/ | "
		"sed 's,/main.c$,,; s,.c$,,';"
		"ls bench/main.c | sed s,main.c,bench,");
	char *rest = programs.out;

	ck_assert_int_eq(programs.exit, 0);
	for (char *program; (program = strsep(&rest, "\n"));) {
		if (!*program)
			continue;
		struct outcome said = run(program, "--catalogue", NULL);
		ck_assert_msg(said.exit == 0, "%s --catalogue: %s", program,
			      said.err);
		check(program, said.out);
		outcome_free(&said);
	}
	outcome_free(&programs);
}

static void check_catalogue(const char *program, const char *line)
{
	char name[64], summary[128], chapter[128];

	int fields = sscanf(line, "%63[^\t\n]\t%127[^\t\n]\t%127[^\t\n]\n",
			    name, summary, chapter);
	ck_assert_msg(fields == 3, "not name, summary, chapter: %s", line);
	ck_assert_str_eq(name, program);
	ck_assert_msg(strchr(line, '\n') == line + strlen(line) - 1,
		      "more than a line: %s", line);
	ck_assert_msg(isdigit((unsigned char)*chapter),
		      "%s: a chapter begins with its number, not \"%s\"",
		      program, chapter);
}

START_TEST(docs_catalogue_is_complete)
{
	each_program(check_catalogue);
}
END_TEST

static void check_page(const char *program, const char *line)
{
	char path[64];
	const char *name = strchr(program, '/') + 1;

	(void)line;
	snprintf(path, sizeof path, "%.*sREADME.md", (int)(name - program),
		 program);
	char *page = read_whole(path);
	ck_assert_msg(strstr(page, name), "%s does not mention %s", path, name);
	free(page);
}

START_TEST(docs_pages_name_programs)
{
	each_program(check_page);
}
END_TEST

// The table "which mechanism when" says what the mechanisms say of themselves.
START_TEST(docs_table_of_mechanisms)
{
	static const char *const carries[] = { "bytes", "messages", "events" };
	char *page = read_whole("ipc/README.md"), *at = page;

	for (int i = 0; channel_mechanisms[i]; i++) {
		const struct mechanism *m = channel_mechanisms[i];
		char file[64], row[512];

		snprintf(file, sizeof file, "%s", m->name);
		for (char *c = file; *c; c++)
			if (*c == '-')
				*c = '_';
		snprintf(row, sizeof row,
			 "\n| [`%s`](channel/%s.c) | %s | %s | %s | %s | %s |",
			 m->name, file, carries[m->kind], m->meets,
			 m->tells_death ? "yes" : "no",
			 m->spins ? "spins" : "sleeps", m->when);
		at = strstr(at, row);
		ck_assert_msg(at, "ipc/README.md lacks, in its order: %s", row);
	}
	free(page);
}
END_TEST

// And the table of policies what the policies say of themselves.
START_TEST(docs_table_of_policies)
{
	char *page = read_whole("sched/README.md"), *at = page;

	for (int i = 0; policies[i]; i++) {
		const struct policy *policy = policies[i];
		char begin[64], rest[512];

		snprintf(begin, sizeof begin, "\n| [`%s`](policy/",
			 policy->name);
		snprintf(rest, sizeof rest, " | %s | %s | %s |", policy->title,
			 policy_kind(policy), policy->summary);
		at = strstr(at, begin);
		ck_assert_msg(at, "sched/README.md lacks, in its order: %s",
			      policy->name);
		at++;
		char *found = strstr(at, rest);
		ck_assert_msg(found && found < strchr(at, '\n'),
			      "sched/README.md, %s: want%s", policy->name,
			      rest);
	}
	free(page);
}
END_TEST

// Of a tour nothing is shown but titles, claims, skips and tallies: a picture
// of which half the lines are missing says nothing.
START_TEST(docs_tour_shows_no_pictures)
{
	struct outcome tour = run_shell(
		"printf 'ipc/pipe\\ta pipe\\t10 IPC\\nipc/pipebuf\\tits "
		"room\\t10 IPC\\nbench/bench\\tcosts\\t09 Cost\\ttool\\n' | "
		"B=\"$B\" docs/tour.sh");
	char *rest = tour.out;

	ck_assert_msg(tour.exit == 0, "%s%s", tour.out, tour.err);
	ck_assert_ptr_nonnull(strstr(tour.out, "--- ipc/pipebuf: its room"));
	ck_assert_ptr_null(strstr(tour.out, "bench/bench"));
	for (char *line; (line = strsep(&rest, "\n"));)
		ck_assert_msg(!*line || strstr(line, " - ") ||
				      strstr(line, " · ") ||
				      strstr(line, " held, ") ||
				      !strncmp(line, "=== ", 4) ||
				      !strncmp(line, "--- ", 4) ||
				      strspn(line, " ") == 13,
			      "neither title nor claim: %s", line);
	outcome_free(&tour);
}
END_TEST

// ## Samples
//
// In a block of code, "$ " begins a command, and what follows is what it prints;
// "[...]" stands for any lines. A page's commands are played from top to bottom in
// one empty folder, in which build/ leads to the programs.

// True when `printed` is what the page says, up to the block's end or the next
// command; *rest is then behind it.
static bool is_what_was_printed(char **rest, char *printed)
{
	bool any = false;

	while (**rest && strncmp(*rest, "$ ", 2) != 0 &&
	       strncmp(*rest, "```", 3) != 0) {
		size_t n = strcspn(*rest, "\n") + 1;

		if (!strncmp(*rest, "[...]\n", n)) {
			any = true;
		} else {
			while (any && *printed && strncmp(printed, *rest, n))
				printed += strcspn(printed, "\n") + 1;
			if (strncmp(printed, *rest, n) != 0)
				return false;
			printed += n;
			any = false;
		}
		*rest += n;
	}
	return any || !*printed;
}

static void shell(const char *command)
{
	struct outcome done = run_shell(command);

	ck_assert_msg(done.exit == 0, "%s: %s", command, done.err);
	outcome_free(&done);
}

// How many commands were played.
static int play_samples(const char *page)
{
	char folder[] = "/tmp/oslab-tests-docs-XXXXXX", command[1024];
	char *text = read_whole(page), *rest = text;
	int played = 0;

	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(command, sizeof command, "ln -s \"$B\" %s/build", folder);
	shell(command);
	while ((rest = strstr(rest, "\n```\n$ "))) {
		rest += 5;
		while (!strncmp(rest, "$ ", 2)) {
			int n = (int)strcspn(rest, "\n");

			snprintf(command, sizeof command,
				 "cd %s && export SOURCE_DATE_EPOCH=0 && "
				 "umask 022 && { %.*s; } 2>&1",
				 folder, n - 2, rest + 2);
			rest += n + 1;

			struct outcome said = run_shell(command);

			ck_assert_msg(is_what_was_printed(&rest, said.out),
				      "%s: this is not what it says:\n%s\n%s",
				      page, command, said.out);
			outcome_free(&said);
			played++;
		}
	}
	snprintf(command, sizeof command, "rm -rf %s", folder);
	shell(command);
	free(text);
	return played;
}

START_TEST(docs_samples_are_true)
{
	ck_assert_int_ge(play_samples("fs/README.md"), 8);
}
END_TEST

START_TEST(docs_finds_untrue_samples)
{
	char told[] = "a\n[...]\nd\n```\n", *rest = told;

	ck_assert(is_what_was_printed(&rest, (char[]){ "a\nb\nc\nd\n" }));
	ck_assert_str_eq(rest, "```\n");
	rest = told;
	ck_assert(!is_what_was_printed(&rest, (char[]){ "a\nb\nc\n" }));
	rest = told;
	ck_assert(!is_what_was_printed(&rest, (char[]){ "a\nd\ne\n" }));
	rest = told;
	ck_assert(!is_what_was_printed(&rest, (char[]){ "b\nd\n" }));
}
END_TEST

Suite *docs_suite(void)
{
	Suite *suite = suite_create("docs");
	TCase *tcase = tcase_create("docs");

	suite_add_tcase(suite, tcase);
	tcase_add_test(tcase, docs_links_lead_somewhere);
	tcase_add_test(tcase, docs_finds_dead_links);
	tcase_add_test(tcase, docs_catalogue_is_complete);
	tcase_add_test(tcase, docs_pages_name_programs);
	tcase_add_test(tcase, docs_table_of_mechanisms);
	tcase_add_test(tcase, docs_table_of_policies);
	tcase_add_test(tcase, docs_tour_shows_no_pictures);
	tcase_add_test(tcase, docs_samples_are_true);
	tcase_add_test(tcase, docs_finds_untrue_samples);
	return suite;
}
