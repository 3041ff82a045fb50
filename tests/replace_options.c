// # Tests of mem/replace: every option, good and bad

#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mem/policy/policy.h"
#include "random.h"
#include "replace_parts.h"

#define MIXED "7 0 1 w2 0 3 0 4 w2 3 0 3 2 1 2 0 1 7 0 w1"

// ## Options that are understood: each makes a difference, where it must

static const struct {
	const char *input, *without, *with;
} replace_differences[] = {
	{ MIXED, "", "--policy=mru" },
	{ MIXED, "", "--policy=all" },
	{ MIXED, "", "--frames=4" },
	{ MIXED, "", "--frames=3,4" },
	{ MIXED, "--frames=1-3", "--frames=1-2" },
	{ MIXED, "--policy=working-set --frames=5",
	  "--policy=working-set --frames=5 --window=2" },
	{ MIXED, "--policy=nur --frames=4", "--policy=nur --frames=4 --period=1" },
	{ "0x1 0x2 0x3", "", "--page-size=1" },
	{ "0x1000 0x1400", "", "--page-size=1K" },
	{ "12345678", "", "--trace-format=binary" },
	{ "12345678", "", "--trace-format=perf" },
	{ MIXED, "", "--steps --frames=50" },
	{ MIXED, "", "--curve" },
	{ MIXED, "", "--anomaly" },
	{ MIXED, "", "--svg=-" },
	{ MIXED, "", "--format=json" },
	{ "", "--string=1,2,3", "--string=1,2,1" },
	{ "", "--generate=zipf", "--generate=uniform" },
	{ "", "--generate=loop", "--generate=scan" },
	{ "", "--generate=phases", "--generate=uniform" },
	{ "", "--generate=zipf", "--generate=zipf --references=77" },
	{ "", "--generate=zipf", "--generate=zipf --pages=99" },
	{ "", "--generate=zipf", "--generate=zipf --exponent=0.9" },
	{ "", "--generate=zipf --policy=fifo", "--generate=zipf --policy=fifo --write=0.5" },
	{ "", "--generate=zipf", "--generate=zipf --seed=1" },
	{ "", "--generate=phases", "--generate=phases --phase=100" },
	{ "", "--generate=phases", "--generate=phases --locality=2" },
	{ "", "--generate=zipf --references=20",
	  "--generate=zipf --references=20 --sparse" },
	{ MIXED, "--policy=random", "--policy=random --seed=9" },
};

enum { DIFFERENCES = sizeof replace_differences / sizeof *replace_differences };

START_TEST(replace_options_matter)
{
	const char *input = replace_differences[_i].input;
	const char *arguments = replace_differences[_i].with;
	struct outcome without = replace_run(input,
					     replace_differences[_i].without);
	struct outcome with = replace_run(input, arguments);
	struct outcome again = replace_run(input, arguments);

	ck_assert_msg(without.exit == 0 && with.exit == 0, "%s: %s%s",
		      arguments, without.err, with.err);
	ck_assert_msg(strcmp(without.out, with.out) != 0,
		      "%s makes no difference:\n%s", arguments, with.out);
	ck_assert_str_eq(with.out, again.out);
	ck_assert_str_eq(with.err, "");
	outcome_free(&without);
	outcome_free(&with);
	outcome_free(&again);
}
END_TEST

static const struct {
	const char *input, *silent, *aloud;
} replace_defaults[] = {
	{ MIXED, "", "--policy=fifo,lru,opt --frames=3 --page-size=4096 "
		     "--trace-format=text --format=text -" },
	{ "", "--generate=phases",
	  "--generate=phases --references=1000000 --pages=1000 --exponent=1 "
	  "--write=0 --phase=10000 --locality=100 --seed=0" },
	{ MIXED, "--policy=working-set,nur", "--policy=ws,nru --window=12 --period=3" },
	{ MIXED, "--steps", "" },
	{ MIXED, "--frames=2-4", "--frames=2,3,4" },
	{ MIXED, "--anomaly", "--anomaly --policy=fifo --frames=1-6" },
};

START_TEST(replace_defaults_are_as_documented)
{
	const char *input = replace_defaults[_i].input;
	struct outcome silent = replace_run(input, replace_defaults[_i].silent);
	struct outcome aloud = replace_run(input, replace_defaults[_i].aloud);

	ck_assert_msg(aloud.exit == 0, "%s", aloud.err);
	ck_assert_str_eq(silent.out, aloud.out);
	outcome_free(&silent);
	outcome_free(&aloud);
}
END_TEST

// ## Options that are refused

static const struct {
	const char *arguments, *says;
} refused[] = {
	{ "--policy=", "--policy=: want `all', or names" },
	{ "--policy=what", "--policy=what: want `all', or names" },
	{ "--policy=fifo,,lru", "--policy=fifo,,lru: want" },
	{ "--policy=fifo,lru,fifo", "fifo is there twice" },
	{ "--frames=0", "--frames=0: want numbers from 1 to 536870912" },
	{ "--frames=3,", "--frames=3,: want numbers" },
	{ "--frames=-3", "--frames=-3: want numbers" },
	{ "--frames=3-", "--frames=3-: want numbers" },
	{ "--frames=x", "--frames=x: want numbers" },
	{ "--frames=7-3", "the smaller number of a range first" },
	{ "--frames=1-5000", "at most 4096 numbers" },
	{ "--frames=536870913", "to 536870912" },
	{ "--window=0", "--window=0: want" },
	{ "--period=x", "--period=x: want" },
	{ "--page-size=0", "--page-size=0: want" },
	{ "--page-size=4Q", "--page-size=4Q: want" },
	{ "--trace-format=pcap", "--trace-format=pcap: want" },
	{ "--generate=pareto", "--generate=pareto: want" },
	{ "--generate=zipf --references=0", "--references=0: want" },
	{ "--generate=zipf --references=1e6", "--references=1e6: want" },
	{ "--generate=zipf --pages=0", "--pages=0: want" },
	{ "--generate=zipf --pages=300000000", "at most 268435456 for zipf" },
	{ "--generate=zipf --exponent=-1", "--exponent=-1: want" },
	{ "--generate=zipf --exponent=nan", "--exponent=nan: want" },
	{ "--generate=zipf --write=2", "--write=2: want" },
	{ "--generate=phases --phase=0", "--phase=0: want" },
	{ "--generate=phases --locality=0", "--locality=0: want" },
	{ "--generate=phases --pages=5 --locality=6", "no more than the pages, 5" },
	{ "--generate=zipf --seed=-1", "--seed=-1: want" },
	{ "--references=5", "--references: want --generate=KIND beside it" },
	{ "--sparse", "--sparse: want --generate=KIND" },
	{ "--generate=zipf x", "x: want a file or --generate, not both" },
	{ "--string=1 x", "x: want a file or --string, not both" },
	{ "--string=1 --generate=zipf", "it or --generate, not both" },
	{ "--string=", "--string: want at least one reference" },
	{ "--string=1,x", "--string:1:3: want a page number" },
	{ "a b", "b: want one file of references" },
	{ "/no/such", "/no/such: No such file" },
	{ "/", "/: Is a directory" },
	{ "--format=xml", "--format=xml: want" },
	{ "--format=json --quiz --string=1", "--format=json: want text beside" },
	{ "--format=json --svg=-", "--svg=-: want a file" },
	{ "--svg=", "--svg=: want a file, or -" },
	{ "--quiz", "--quiz: want a file, --string or --generate" },
	{ "--quiz -", "--quiz: want a file, --string or --generate" },
	{ "--quiz --generate=zipf", "--quiz: want at most 4000 references" },
	{ "--steps --generate=zipf", "--steps: want at most 4000 references" },
	{ "--steps --format=json --references=1000001 --generate=zipf",
	  "--steps: want at most 1000000 references" },
	{ "--steps --frames=2000 --string=1", "--steps: want at most 1000 frames" },
	{ "--curve --anomaly", "--anomaly: want it or --curve" },
	{ "--curve --steps", "--steps: want it without --curve" },
	{ "--anomaly --quiz --string=1", "--quiz: want it without --anomaly" },
	{ "--anomaly --generate=uniform --pages=5000", "want at most 4096 pages" },
	{ "--ost=paging-policy", "spelled out" },
	{ "--nonsense", "nonsense" },
	{ "--format=json --policy=lru --trace-format=binary </dev/null",
	  "standard input: want at least one reference, found none" },
};

START_TEST(replace_bad_options)
{
	char command[512];

	snprintf(command, sizeof command, REPLACE "%s%s", refused[_i].arguments,
		 strchr(refused[_i].arguments, '<') ? "" : " </dev/null");
	struct outcome got = run_shell(command);
	// argp adds a line of its own
	if (!strcmp(refused[_i].arguments, "--nonsense"))
		ck_assert(got.exit == 2 && strstr(got.err, "nonsense"));
	else
		replace_refused(&got, refused[_i].arguments, refused[_i].says);
	outcome_free(&got);
}
END_TEST

// A mistake in the trace is told with its line, wherever the trace comes from, and
// nothing else is printed.
START_TEST(replace_bad_traces)
{
	static const struct {
		const char *input, *says;
	} bad[] = {
		{ "1 2\\n3 x\\n", "standard input:2:3: want a page number, or "
				  "an address" },
		{ "", "standard input: want at least one reference, found "
		      "none" },
		{ "\\0\\0\\0", "standard input: want page numbers of 8 bytes, "
			       "found 3 at byte 0" },
		{ "I 04,1\\n Z 4\\n", "standard input:2:2: want a line such "
				      "as" },
	};
	static const char *const arguments[] = {
		"--policy=fifo", "--policy=opt", "--curve", "--steps",
		"--format=json",
	};

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		for (size_t k = 0; k < 5; k++) {
			struct outcome got = replace_run(bad[i].input,
							 arguments[k]);
			replace_refused(&got, bad[i].input, bad[i].says);
			outcome_free(&got);
		}
	struct outcome got = run_shell("d=$(mktemp -d); echo 5 6w >$d/t; "
				       "cd $d; $B/mem/replace t; s=$?; "
				       "rm -r $d; exit $s");
	replace_refused(&got, "t",
			"replace: t:1:3: want a page number, or an "
			"address as 0x1f3a, r or w in front if you "
			"like, found \"6w\"\n");
	outcome_free(&got);
}
END_TEST

// ## Where the trace comes from

START_TEST(replace_reads_files_and_standard_input)
{
	struct outcome got = run_shell(
		"d=$(mktemp -d); echo " MIXED " >$d/t; r=$B/mem/replace; "
		"$r $d/t >$d/1; $r - <$d/t >$d/2; cat $d/t | $r >$d/3; "
		"mkfifo $d/p; cat $d/t >$d/p & $r $d/p >$d/4; wait; "
		"cmp $d/1 $d/2 && cmp $d/1 $d/3 && cmp $d/1 $d/4 && "
		"test -s $d/1; s=$?; rm -r $d; exit $s");

	ck_assert_msg(got.exit == 0, "%s%s", got.out, got.err);
	outcome_free(&got);
}
END_TEST

// The same references in every format.
START_TEST(replace_formats_agree)
{
	static const char *const inputs[] = {
		"r1 2 w1 3", "0x1000 r0x2fff\\nw0x1004,0x3000",
		" L 1000,8\\n L 2ff8,8\\n S 1004,4\\nI  3000,2\\n",
		("a 1: loads: 1000\\na 1: loads: 2fff\\n"
		 "a 1: stores: 1004\\na 1: loads: 3000\\n"),
	};
	struct outcome first = replace_run(inputs[0], "--format=json --steps");

	for (size_t i = 1; i < 4; i++) {
		struct outcome got = replace_run(inputs[i],
						 "--format=json --steps");
		ck_assert_str_eq(got.out, first.out);
		outcome_free(&got);
	}
	outcome_free(&first);
}
END_TEST

// Small page numbers stay as they are, large ones are numbered: never the same.
START_TEST(replace_small_and_large_pages)
{
	static const char input[] = "0 1 4000000000 18446744073709551615 65536 "
				    "4194303 4194304 0 1 2 0x7fff00001000";
	char command[256];
	json_t *array = replace_json(input, "--policy=lru,opt --frames=99");
	size_t i;
	const json_t *run;

	json_array_foreach(array, i, run)
	{
		ck_assert_double_eq(replace_number(run, "faults"), 9);
	}
	json_decref(array);
	snprintf(command, sizeof command,
		 "printf '%s' | " REPLACE "--steps --format=json --policy=fifo "
		 "--frames=2 | tr -d '\n' | grep -o 'page\": [0-9]*' | "
		 "tr -dc '0-9\n' | tr '\n' ' '",
		 input);
	struct outcome got = run_shell(command);
	ck_assert_str_eq(got.out, "0 1 4000000000 18446744073709551615 65536 "
				  "4194303 4194304 0 1 2 34358689793 ");
	outcome_free(&got);
}
END_TEST

START_TEST(replace_wants_a_trace_at_a_terminal)
{
	char command[256], *slave;
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);

	ck_assert(master != -1 && grantpt(master) == 0 &&
		  unlockpt(master) == 0 && (slave = ptsname(master)));
	snprintf(command, sizeof command, REPLACE "<%s", slave);
	struct outcome got = run_shell(command);
	replace_refused(&got, command, "want a file of references, - for");
	outcome_free(&got);
	// On a terminal a long trace has a bar, which is gone in the end
	snprintf(command, sizeof command,
		 REPLACE "--generate=uniform --pages=1000000 "
			 "--references=3000000 --policy=fifo 2>%s",
		 slave);
	got = run_shell(command);
	ck_assert_int_eq(got.exit, 0);
	char seen[65536] = "";
	ssize_t n = read(master, seen, sizeof seen - 1);
	ck_assert_int_gt(n, 0);
	assert_has(seen, "of the trace");
	ck_assert_str_eq(seen + strlen(seen) - 4, "\r\033[K");
	outcome_free(&got);
	close(master);
}
END_TEST

START_TEST(replace_help_and_lists)
{
	struct outcome help = run_shell(REPLACE "--help");
	struct outcome list = run_shell(REPLACE "--list-policies");
	struct outcome version = run_shell(REPLACE "--version");

	ck_assert(help.exit == 0 && list.exit == 0 && version.exit == 0);
	assert_has(help.out, "Examples:\n  replace --string=7,0,1");
	assert_has(version.out, "mem/replace (oslab)");
	for (size_t i = 0; replacements[i]; i++) {
		assert_has(help.out, replacements[i]->name);
		assert_has(list.out, replacements[i]->title);
		assert_has(list.out, replacements[i]->bound);
	}
	char *rest = list.out;
	for (char *line; (line = strsep(&rest, "\n"));)
		ck_assert_msg(strlen(line) <= 82, "'%s'", line);
	outcome_free(&help);
	outcome_free(&list);
	outcome_free(&version);
}
END_TEST

// Options and traces at random: played or refused, and nothing else.
START_TEST(replace_takes_anything)
{
	static const char *const words[] = {
		"--policy=all", "--policy=clock", "--policy=opt,arc",
		"--frames=1-5", "--frames=100000", "--frames=2,1", "--steps",
		"--curve", "--anomaly", "--svg=-", "--timing", "--window=1",
		"--period=1", "--page-size=7", "--trace-format=lackey",
		"--trace-format=binary", "--generate=loop",
		"--references=2000", "--pages=3", "--write=1", "--sparse",
		"--exponent=9", "--format=text", "--frames=x", "-",
		"--string=5,w5,0x5",
	};
	static const char *const traces[] = {
		"1 2 3 1 w2", "w1", "", "x", "I 04,1\\n", "1\\n\\0", "7f00a0\\n",
		"99999999999999999999", "0xffffffffffffffff 0", "# nothing",
	};
	struct random random = { 7 };
	int rounds = soaking() ? 5000 : 150, played = 0;

	for (int i = 0; i < rounds; i++) {
		char arguments[512] = "";
		const char *trace = traces[random_below(&random, 10)];
		size_t used = 0;
		for (uint32_t n = random_below(&random, 5); n; n--)
			used += (size_t)snprintf(
				arguments + used, sizeof arguments - used,
				"%s ", words[random_below(&random, 26)]);
		bool json = random_below(&random, 3) == 0;
		if (json)
			snprintf(arguments + used, sizeof arguments - used,
				 "--format=json");
		struct outcome got = replace_run(trace, arguments);
		ck_assert_msg(got.exit == 0 || got.exit == 2,
			      "printf '%s' | replace %s: exit %d, signal %d\n"
			      "%s",
			      trace, arguments, got.exit, got.signal, got.err);
		if (got.exit == 0 && json) {
			json_t *array = json_loads(got.out, 0, NULL);
			ck_assert_msg(json_is_array(array), "replace %s\n%s",
				      arguments, got.out);
			json_decref(array);
		}
		played += got.exit == 0;
		outcome_free(&got);
	}
	ck_assert_int_gt(played, rounds / 6);
	ck_assert_int_lt(played, rounds * 5 / 6);
}
END_TEST

void add_replace_options(Suite *suite)
{
	TCase *tests = tcase_create("options");

	tcase_set_timeout(tests, soaking() ? 3600 : 300);
	tcase_add_loop_test(tests, replace_options_matter, 0, DIFFERENCES);
	tcase_add_loop_test(tests, replace_defaults_are_as_documented, 0,
			    sizeof replace_defaults / sizeof *replace_defaults);
	tcase_add_loop_test(tests, replace_bad_options, 0,
			    sizeof refused / sizeof *refused);
	tcase_add_test(tests, replace_bad_traces);
	tcase_add_test(tests, replace_reads_files_and_standard_input);
	tcase_add_test(tests, replace_formats_agree);
	tcase_add_test(tests, replace_small_and_large_pages);
	tcase_add_test(tests, replace_wants_a_trace_at_a_terminal);
	tcase_add_test(tests, replace_help_and_lists);
	tcase_add_test(tests, replace_takes_anything);
	suite_add_tcase(suite, tests);
}
