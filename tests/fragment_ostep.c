// # Tests of mem/fragment --ostep=malloc
//
// tests/data/ostep/NN-malloc*.cmd is the course's program with its options,
// .json what it printed for them (ostep-homework, commit 6c6cfc7, run with
// Python 3.11): ops, ["alloc", index, size, printed result, searched] or ["free",
// index, result]; freelist after each, [[address, size], ...].
//
// Then random exercises against the course's rules once more, as literal as they
// can be written.

#define _GNU_SOURCE
#include "fragment_parts.h"

#include <glob.h>
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "python_random.h"
#include "random.h"

#define FRAGMENT "mem/fragment"

static void assert_has(const char *text, const char *part)
{
	ck_assert_msg(strstr(text, part) != NULL, "no \"%s\" in\n%s", part,
		      text);
}

// ## The program's answers, in the form of the cases

static json_t *facts_of(const json_t *sheet)
{
	json_t *ops = json_array(), *lists = json_array(), *op;
	size_t i;

	json_array_foreach(json_object_get(sheet, "operations"), i, op)
	{
		const char *kind;
		json_int_t index, size = 0, result, searched = 0;
		json_t *list;
		ck_assert_int_eq(json_unpack(op, "{s:s, s:I, s:I, s:o}",
					     "operation", &kind, "index",
					     &index, "result", &result,
					     "free_list", &list),
				 0);
		if (!strcmp(kind, "alloc")) {
			ck_assert_int_eq(json_unpack(op, "{s:I, s:I}", "size",
						     &size, "searched",
						     &searched),
					 0);
			json_array_append_new(ops, json_pack("[s, I, I, I, I]",
							     kind, index, size,
							     result, searched));
		} else {
			json_array_append_new(ops, json_pack("[s, I, I]", kind,
							     index, result));
		}
		json_array_append(lists, list);
	}
	return json_pack("{s:o, s:o}", "ops", ops, "freelist", lists);
}

// One JSON text after another.
static json_t *next_facts(const char **text)
{
	json_error_t error;
	json_t *sheet = json_loads(*text, JSON_DISABLE_EOF_CHECK, &error);

	ck_assert_msg(sheet != NULL, "%s in %.200s", error.text, *text);
	*text += error.position;
	json_t *facts = facts_of(sheet);
	json_decref(sheet);
	return facts;
}

// ## The course's cases

START_TEST(fragment_ostep_cases)
{
	glob_t found;

	ck_assert(glob("tests/data/ostep/*-malloc*.cmd", 0, NULL, &found) == 0);
	ck_assert_uint_eq(found.gl_pathc, 6);
	for (size_t i = 0; i < found.gl_pathc; i++) {
		char path[256], options[512], command[640];
		FILE *file = fopen(found.gl_pathv[i], "re");
		ck_assert(file && fgets(options, sizeof options, file));
		fclose(file);
		snprintf(path, sizeof path, "%s", found.gl_pathv[i]);
		*strrchr(path, '.') = '\0';
		strncat(path, ".json", sizeof path - strlen(path) - 1);
		json_t *want = json_load_file(path, 0, NULL);
		ck_assert_msg(want != NULL, "%s", path);
		options[strcspn(options, "\n")] = '\0';
		snprintf(command, sizeof command,
			 "$B/" FRAGMENT " --ostep %s --format=json", options);
		struct outcome got = run_shell(command);
		ck_assert_msg(got.exit == 0, "%s%s", command, got.err);
		const char *text = got.out;
		json_t *facts = next_facts(&text);
		char *printed = json_dumps(facts, 0);
		ck_assert_msg(json_equal(facts, want), "%s: %s", path, printed);
		free(printed);
		json_decref(facts);
		json_decref(want);
		outcome_free(&got);
	}
	globfree(&found);
}
END_TEST

// ## The rules once more

enum { EXERCISES = 300, ROOM = 400 };

// A program with a sanitizer takes ten times as long to begin.
#ifdef OSLAB_SANITIZED
enum { TURNS = 1 };
#else
enum { TURNS = 8 };
#endif

struct chunk {
	int64_t address, size;
};

// A list of chunks as the course's program keeps one, and a table of who has
// what. Everything is copied instead of changed.
struct naive {
	int64_t size, base, header, alignment, range, percent, operations;
	const char *policy, *order;
	bool coalesce;
	struct chunk list[ROOM], held[ROOM];
	int listed, holding;
};

static int64_t naive_alloc(struct naive *n, int64_t size, int *looked)
{
	int best = -1;

	while (n->alignment != -1 && size % n->alignment)
		size++;
	size += n->header;
	*looked = 0;
	for (int i = 0; i < n->listed; i++) {
		bool fits = n->list[i].size >= size;
		++*looked;
		if (fits && (best == -1 ||
			     (n->policy[0] == 'B' &&
			      n->list[i].size < n->list[best].size) ||
			     (n->policy[0] == 'W' &&
			      n->list[i].size > n->list[best].size)))
			best = i;
		if (fits && n->policy[0] == 'F')
			break;
	}
	if (best == -1)
		return -1;
	int64_t address = n->list[best].address;
	n->held[n->holding++] = (struct chunk){ address, size };
	if (n->list[best].size > size) {
		n->list[best].address += size;
		n->list[best].size -= size;
		return address;
	}
	n->listed--;
	for (int i = best; i < n->listed; i++)
		n->list[i] = n->list[i + 1];
	return address;
}

static int64_t naive_key(const struct naive *n, struct chunk c)
{
	return !strcmp(n->order, "ADDRSORT")    ? c.address
	       : !strcmp(n->order, "SIZESORT+") ? c.size
						: -c.size;
}

// Bubbles: stable, since equals never change places.
static void naive_sort(struct naive *n)
{
	for (int turn = 0; turn < n->listed; turn++)
		for (int i = 0; i + 1 < n->listed; i++)
			if (naive_key(n, n->list[i]) >
			    naive_key(n, n->list[i + 1])) {
				struct chunk c = n->list[i];
				n->list[i] = n->list[i + 1];
				n->list[i + 1] = c;
			}
}

static int64_t naive_free(struct naive *n, int64_t address)
{
	struct chunk joined[ROOM];
	int found = -1, count = 0;

	for (int i = 0; i < n->holding; i++)
		if (n->held[i].address == address)
			found = i;
	if (found == -1)
		return -1;
	struct chunk c = n->held[found];
	n->held[found] = n->held[--n->holding];
	if (!strcmp(n->order, "INSERT-FRONT")) {
		memmove(n->list + 1, n->list,
			(size_t)n->listed++ * sizeof *n->list);
		n->list[0] = c;
	} else {
		n->list[n->listed++] = c;
	}
	if (strncmp(n->order, "INSERT", 6) != 0)
		naive_sort(n);
	for (int i = 0; n->coalesce && i < n->listed; i++)
		if (count &&
		    joined[count - 1].address + joined[count - 1].size ==
			    n->list[i].address)
			joined[count - 1].size += n->list[i].size;
		else
			joined[count++] = n->list[i];
	if (n->coalesce)
		memcpy(n->list, joined, (size_t)count * sizeof *joined);
	n->listed = n->coalesce ? count : n->listed;
	return 0;
}

static void naive_note(const struct naive *n, json_t *facts, json_t *op)
{
	json_t *list = json_array();

	for (int i = 0; i < n->listed; i++)
		json_array_append_new(list,
				      json_pack("[I, I]",
						(json_int_t)n->list[i].address,
						(json_int_t)n->list[i].size));
	json_array_append_new(json_object_get(facts, "freelist"), list);
	json_array_append_new(json_object_get(facts, "ops"), op);
}

static json_t *naive_random(struct naive *n, uint64_t seed)
{
	json_t *facts = json_pack("{s:[], s:[]}", "ops", "freelist");
	struct python_random random = python_random_seeded(seed);
	int64_t live[ROOM], address[ROOM];
	int lives = 0, index = 0, looked;

	n->list[0] = (struct chunk){ n->base, n->size };
	n->listed = 1;
	for (int done = 0; done < n->operations;) {
		if (python_random_real(&random) < (double)n->percent / 100.0) {
			int64_t size = (int64_t)(python_random_real(&random) *
						 (double)n->range) +
				       1;
			address[index] = naive_alloc(n, size, &looked);
			naive_note(n, facts,
				   json_pack("[s, i, I, I, i]", "alloc", index,
					     (json_int_t)size,
					     (json_int_t)address[index] +
						     n->header,
					     looked));
			if (address[index] != -1)
				live[lives++] = index;
			index++;
			done++;
		} else if (lives) {
			int k = (int)(python_random_real(&random) * lives);
			int64_t which = live[k];
			lives--;
			for (int i = k; i < lives; i++)
				live[i] = live[i + 1];
			naive_note(
				n, facts,
				json_pack("[s, I, i]", "free",
					  (json_int_t)which,
					  (int)naive_free(n, address[which])));
			done++;
		}
	}
	return facts;
}

// A list of operations as text, and its answers.
static json_t *naive_list(struct naive *n, struct random *random, char *text,
			  size_t bytes)
{
	json_t *facts = json_pack("{s:[], s:[]}", "ops", "freelist");
	int64_t address[ROOM];
	int index = 0, succeeded = 0, looked;
	size_t at = 0;

	n->list[0] = (struct chunk){ n->base, n->size };
	n->listed = 1;
	*text = '\0';
	for (int i = 0; i < n->operations; i++) {
		int which = (int)random_below(random, (uint32_t)index + 2);
		bool valid = which >= succeeded || address[which] != -1;
		if (random_below(random, 100) < (uint32_t)n->percent ||
		    !valid) {
			int64_t size = 1 +
				       random_below(random, (uint32_t)n->range);
			address[index] = naive_alloc(n, size, &looked);
			at += (size_t)snprintf(text + at, bytes - at,
					       "+%" PRId64 ",", size);
			naive_note(n, facts,
				   json_pack("[s, i, I, I, i]", "alloc", index,
					     (json_int_t)size,
					     (json_int_t)address[index],
					     looked));
			succeeded += address[index++] != -1;
			continue;
		}
		at += (size_t)snprintf(text + at, bytes - at, "-%d,", which);
		if (which < succeeded)
			naive_note(
				n, facts,
				json_pack("[s, i, i]", "free", which,
					  (int)naive_free(n, address[which])));
	}
	ck_assert_uint_lt(at, bytes);
	text[at - 1] = '\0';
	return facts;
}

static struct naive some_exercise(struct random *random)
{
	static const char *const policies[] = { "BEST", "WORST", "FIRST" };
	static const char *const orders[] = { "ADDRSORT", "SIZESORT+",
					      "SIZESORT-", "INSERT-FRONT",
					      "INSERT-BACK" };
	static const int alignments[] = { -1, -1, 1, 4, 7, 8, 16 };

	return (struct naive){
		.size = 1 + random_below(random, 400),
		.base = (int64_t)random_below(random, 3000) - 1000,
		.header = random_below(random, 2) * random_below(random, 12),
		.alignment = alignments[random_below(random, 7)],
		.range = 1 + random_below(random, 40),
		.percent = 20 + random_below(random, 80),
		.operations = 1 + random_below(random, 60),
		.policy = policies[random_below(random, 3)],
		.order = orders[random_below(random, 5)],
		.coalesce = random_below(random, 2),
	};
}

START_TEST(fragment_ostep_naive)
{
	struct random random = { 20261124 + (uint64_t)_i };
	json_t **want = calloc(EXERCISES, sizeof *want);
	char *command, text[2048];
	size_t bytes;
	FILE *out = open_memstream(&command, &bytes);

	ck_assert(want && out);
	for (int i = 0; i < EXERCISES; i++) {
		struct naive n = some_exercise(&random);
		uint64_t seed = random_next(&random) >> 1;
		fprintf(out,
			"$B/" FRAGMENT " --ostep=malloc --format=json "
			"-S %" PRId64 " -b %" PRId64 " -H %" PRId64
			" -a %" PRId64 " -p %s -l %s%s ",
			n.size, n.base, n.header, n.alignment, n.policy,
			n.order, n.coalesce ? " -C" : "");
		if (i % 4 == 3) {
			want[i] = naive_list(&n, &random, text, sizeof text);
			fprintf(out, "-A %s || exit\n", text);
			continue;
		}
		want[i] = naive_random(&n, seed);
		fprintf(out,
			"-r %" PRId64 " -P %" PRId64 " -n %" PRId64
			" -s %" PRIu64 " || exit\n",
			n.range, n.percent, n.operations, seed);
	}
	ck_assert_int_eq(fclose(out), 0);
	struct outcome got = run_shell(command);
	ck_assert_msg(got.exit == 0, "%s", got.err);
	const char *at = got.out;
	char *line = command;
	for (int i = 0; i < EXERCISES; i++) {
		json_t *facts = next_facts(&at);
		char *a = json_dumps(facts, 0), *b = json_dumps(want[i], 0);
		ck_assert_msg(json_equal(facts, want[i]),
			      "%.*s\ngot  %.1500s\nwant %.1500s",
			      (int)strcspn(line, "\n"), line, a, b);
		line += strcspn(line, "\n") + 1;
		free(a);
		free(b);
		json_decref(facts);
		json_decref(want[i]);
	}
	ck_assert_str_eq(at + strspn(at, "\n"), "");
	outcome_free(&got);
	free(command);
	free(want);
}
END_TEST

// ## Options

static const struct {
	const char *options, *says;
} bad_options[] = {
	{ "--ostep", "fragment: --ostep=: want malloc" },
	{ "--ostep=mlfq", "--ostep=mlfq: want malloc" },
	{ "--ostep=malloc -x", "-x: want an option of --ostep=malloc" },
	{ "--ostep=malloc -S 0", "--size=0: want a whole number from 1" },
	{ "--ostep=malloc -S -5", "--size=-5: want" },
	{ "--ostep=malloc -S 1e3", "-S=1e3: want a whole number" },
	{ "--ostep=malloc -S 1099511627777", "--size=1099511627777: want" },
	{ "--ostep=malloc -b", "-b: want a value" },
	{ "--ostep=malloc -b 9223372036854775807", "--baseAddr=92233" },
	{ "--ostep=malloc -H -1", "--headerSize=-1: want" },
	{ "--ostep=malloc -a 0", "--alignment=0: want -1, or a number" },
	{ "--ostep=malloc -a -2", "--alignment=-2: want" },
	{ "--ostep=malloc -p NEXT", "--policy=NEXT: want FIRST, BEST or" },
	{ "--ostep=malloc -p best", "--policy=best: want" },
	{ "--ostep=malloc -l ADDR", "--listOrder=ADDR: want ADDRSORT" },
	{ "--ostep=malloc -n -1", "--numOps=-1: want" },
	{ "--ostep=malloc -n 100001", "to 100000" },
	{ "--ostep=malloc -r -1", "--range=-1: want" },
	{ "--ostep=malloc -P 0", "--percentAlloc=0: want" },
	{ "--ostep=malloc -A 10", "--allocList=10: want +SIZE" },
	{ "--ostep=malloc -A +", "--allocList=+: want +SIZE" },
	{ "--ostep=malloc -A +10,", "--allocList=+10,: want +SIZE" },
	{ "--ostep=malloc -A +1x", "--allocList=+1x: want +SIZE" },
	{ "--ostep=malloc -A +-1", "--allocList=+-1: want +SIZE" },
	{ "--ostep=malloc -A +0", "--allocList=+0: want +SIZE (above 0" },
	{ "--ostep=malloc -A +99999999999999999999", "want +SIZE" },
	// the second allocation fails, and pointer 1 is asked for
	{ "--ostep=malloc -A +10,+500,+10,-1", "-INDEX of an allocation" },
	{ "--ostep=malloc --quiz --format=json", "want text beside --quiz" },
};

START_TEST(fragment_ostep_bad)
{
	char command[256];

	snprintf(command, sizeof command, "$B/" FRAGMENT " %s",
		 bad_options[_i].options);
	struct outcome got = run_shell(command);
	ck_assert_msg(got.exit == 2, "%s: %d", command, got.exit);
	assert_has(got.err, bad_options[_i].says);
	ck_assert_str_eq(got.out, "");
	outcome_free(&got);
}
END_TEST

// ## Text and questions

static void prints(const char *arguments, int status, const char *part)
{
	char command[512];

	snprintf(command, sizeof command, "$B/" FRAGMENT " %s", arguments);
	struct outcome got = run_shell(command);
	ck_assert_msg(got.exit == status, "%s: %d\n%s%s", command, got.exit,
		      got.out, got.err);
	assert_has(got.out, part);
	outcome_free(&got);
}

START_TEST(fragment_ostep_text)
{
	prints("--ostep=malloc --help", 0, "--allocList");
	prints("--ostep=malloc", 0, "The answers are shown with -c");
	prints("--ostep=malloc -H 4 -A +0 -c", 0, "returns 1000");
	prints("--ostep=malloc -A +100 -c", 0, "(nothing is free)");
	prints("--ostep=malloc -A ' +10 , -0' -c", 0,
	       "free(ptr[0])  returns 0");
	prints("--ostep=malloc -S 60 -A +10,+20,-0,+4 -c --explain", 0,
	       "   4  ptr[2] = alloc(4)  returns 1000, searched 2\n"
	       "       [1004, 6] [1030, 30]\n"
	       "       the smallest that has 4 bytes was [1000, 10]; 6 of it "
	       "stay there\n");
	prints("--ostep=malloc -S 60 -H 2 -a 4 -A +5,-0,-0 -c --explain", 0,
	       "the smallest that has 10 bytes (5, rounded up to 8, and 2 of "
	       "header) was\n       [1000, 60]; 50 of it stay there");
	prints("--ostep=malloc -S 60 -A +5,-0,-0 -c --explain", 0,
	       "no block begins at 1000 now");
	prints("--ostep=malloc -S 60 -A +60,-0 -c --explain", 0,
	       "it fits exactly");
	prints("--ostep=malloc -S 60 -A +40,+30 -c --explain", 0,
	       "nothing on the list has 30 bytes; 20 are free in all, in "
	       "pieces "
	       "of at\n       most 20");
	prints("--ostep=malloc -S 60 -C -A +40,-0 -c --explain", 0,
	       "then\n       those join that touch and are neighbours in it: "
	       "1 fewer");
	prints("--ostep=malloc -A +4,-7", 0, "skipped");

	// no line is wider than the page, however long the list
	struct outcome got = run_shell(
		"$B/" FRAGMENT " --ostep=malloc -S 5000 -n 400 -l SIZESORT+ "
		"-H 3 -a 8 -c --explain | awk 'length > 80'; "
		"$B/" FRAGMENT " --ostep=malloc | awk 'length > 80'; "
		"$B/" FRAGMENT " --ostep=malloc --help | awk 'length > 80'; "
		"$B/" FRAGMENT " --help | awk 'length > 80'");
	ck_assert_str_eq(got.out, "");
	outcome_free(&got);
}
END_TEST

START_TEST(fragment_ostep_quiz)
{
	struct outcome got = run_shell(
		"printf '1000\\n1\\n1\\n1010\\n1\\n2\\n0\\n2\\n' | "
		"$B/" FRAGMENT " --ostep=malloc --quiz -S 60 -A +10,+20,-0");

	ck_assert_int_eq(got.exit, 1);
	assert_has(got.out, "wrong: it is 1.00");
	assert_has(got.out, "[1000, 10] [1030, 30]");
	assert_has(got.out, "7 of 8 right");
	outcome_free(&got);
	got = run_shell("printf '1000\\n' | "
			"$B/" FRAGMENT " --quiz --ostep=malloc -A +10");
	ck_assert_int_eq(got.exit, 1);
	assert_has(got.out, "1 of 1 right; the rest was not answered");
	outcome_free(&got);
	got = run_shell("printf '1000\\n1\\n1\\n' | "
			"$B/" FRAGMENT " --quiz --ostep=malloc -A +10");
	ck_assert_int_eq(got.exit, 0);
	outcome_free(&got);
}
END_TEST

// The defaults, by hand: random() seeded with 0 begins .844 .758 .421 .259.
START_TEST(fragment_ostep_defaults)
{
	prints("--ostep=malloc -c", 0, "BEST fit, free list ADDRSORT, not");
	prints("--ostep=malloc -s 0 -n 1 -c", 0,
	       "ptr[0] = alloc(3)  returns 1000, searched 1\n"
	       "       [1003, 97]\n");
}
END_TEST

void fragment_ostep_tests(Suite *suite)
{
	TCase *tests = tcase_create("ostep");

	tcase_add_test(tests, fragment_ostep_cases);
	tcase_add_loop_test(tests, fragment_ostep_naive, 0,
			    soaking() ? 100 : TURNS);
	tcase_add_loop_test(tests, fragment_ostep_bad, 0,
			    sizeof bad_options / sizeof *bad_options);
	tcase_add_test(tests, fragment_ostep_text);
	tcase_add_test(tests, fragment_ostep_quiz);
	tcase_add_test(tests, fragment_ostep_defaults);
	suite_add_tcase(suite, tests);
}
