// # Tests of sched/sim: every option, good and bad, and mistakes in job files

#define _GNU_SOURCE
#include <string.h>

#include "sim_parts.h"

// ## Options that are understood
//
// Each makes a difference, on jobs where it must.

static const struct difference {
	const char *jobs, *without, *with;
} differences[] = {
	{ sim_mixed, "--policy=rr", "--policy=rr --quantum=3" },
	{ sim_mixed, "--policy=rr", "--policy=rr --quantum=3ms" },
	{ sim_mixed, "--policy=rr", "--policy=rr --quantum=2.5" },
	{ sim_mixed, "--policy=rr", "--policy=rr --cpus=2" },
	{ sim_mixed, "--policy=rr", "--policy=rr --switch-cost=100us" },
	{ "A 0 20\\nB 10 10\\n", "--policy=rr", "--policy=rr --ties=expired" },
	{ sim_mixed, "--policy=mlfq", "--policy=mlfq --levels=1" },
	{ sim_mixed, "--policy=mlfq", "--policy=mlfq --quanta=1,2,3,4" },
	{ sim_mixed, "--policy=mlfq", "--policy=mlfq --allotments=2" },
	{ sim_mixed, "--policy=mlfq", "--policy=mlfq --allotments=2,1,1" },
	{ "A 0 30\\nB 0 30\\n", "--policy=mlfq", "--policy=mlfq --boost=20" },
	{ "A 0 4,1,30\\nB 0 30\\n", "--policy=mlfq --quantum=5",
	  "--policy=mlfq --quantum=5 --stay" },
	{ "A 0 4,1,4,1,4\\nB 0 4,2,9\\nC 0 9\\n", "--policy=mlfq",
	  "--policy=mlfq --io-head" },
	{ "A 0 50 prio=1\\nB 1 50 prio=9\\nC 45 50 prio=2\\n",
	  "--policy=ageing", "--policy=ageing --ageing=1" },
	{ "", "--generate=9", "--generate=10" },
	{ "", "--generate=9", "--generate=9 --arrivals=together" },
	{ "", "--generate=9", "--generate=9 --arrivals=uniform" },
	{ "", "--generate=9", "--generate=9 --lengths=uniform" },
	{ "", "--generate=9", "--generate=9 --lengths=fixed" },
	{ "", "--generate=9", "--generate=9 --lengths=pareto" },
	{ "", "--generate=9", "--generate=9 --lengths=bimodal" },
	{ "", "--generate=9", "--generate=9 --load=2" },
	{ "", "--generate=9", "--generate=9 --mean=1s" },
	{ "", "--generate=9", "--generate=9 --io=1" },
	{ "", "--generate=9", "--generate=9 --seed=1" },
	{ sim_mixed, "--policy=lottery", "--policy=lottery --seed=7" },
	{ sim_mixed, "--rows=4", "--rows=3" },
	{ sim_mixed, "", "--steps" },
	{ sim_mixed, "", "--explain" },
	{ sim_mixed, "", "--svg=-" },
	{ sim_mixed, "", "--format=json" },
	{ sim_mixed, "", "--policy=srtf" },
};

enum { DIFFERENCES = sizeof differences / sizeof *differences };

START_TEST(sim_options_matter)
{
	const struct difference *d = &differences[_i];
	struct outcome without = sim_run(d->jobs, d->without);
	struct outcome with = sim_run(d->jobs, d->with), again;

	again = sim_run(d->jobs, d->with);
	ck_assert_msg(without.exit == 0 && with.exit == 0, "%s: %s%s", d->with,
		      without.err, with.err);
	ck_assert_msg(strcmp(without.out, with.out) != 0,
		      "%s makes no difference:\n%s", d->with, with.out);
	ck_assert_str_eq(with.out, again.out);
	ck_assert_str_eq(with.err, "");
	outcome_free(&without);
	outcome_free(&with);
	outcome_free(&again);
}
END_TEST

// The usual settings, said aloud.
START_TEST(sim_defaults_are_as_documented)
{
	struct outcome silent = sim_run(sim_mixed, "");
	struct outcome aloud =
		sim_run(sim_mixed,
			"--policy=fifo,sjf,rr --cpus=1 --switch-cost=0 "
			"--ties=arrivals --quantum=10 --rows=24 --format=text "
			"-");
	ck_assert_str_eq(silent.out, aloud.out);
	outcome_free(&silent);
	outcome_free(&aloud);

	silent = sim_run(sim_mixed, "--policy=mlfq,ageing,lottery");
	aloud = sim_run(sim_mixed,
			"--policy=mlfq,ageing,lottery --levels=3 "
			"--quanta=10,20,40 --allotments=1 --boost=1s "
			"--ageing=100 --seed=0");
	ck_assert_str_eq(silent.out, aloud.out);
	outcome_free(&silent);
	outcome_free(&aloud);

	silent = sim_run(sim_mixed, "--policy=mlfq --quantum=2 --levels=4 "
				    "--allotments=3");
	aloud = sim_run(sim_mixed, "--policy=mlfq --quantum=2 "
				   "--quanta=2,4,8,16 --allotments=3,3,3,3");
	ck_assert_str_eq(silent.out, aloud.out);
	outcome_free(&silent);
	outcome_free(&aloud);

	silent = sim_run("", "--generate=10");
	aloud = sim_run("", "--generate=10 --arrivals=poisson "
			    "--lengths=exponential --load=0.8 --mean=50 --io=0 "
			    "--seed=0");
	ck_assert_str_eq(silent.out, aloud.out);
	outcome_free(&silent);
	outcome_free(&aloud);
}
END_TEST

// ## ... and refused: one line, exit 2, nothing on standard output

static const struct {
	const char *arguments, *says;
} refused[] = {
	{ "--quantum=0", "--quantum=0: want a time from 1ns" },
	{ "--quantum=-1", "--quantum=-1: want" },
	{ "--quantum=", "--quantum=: want" },
	{ "--quantum=10xs", "--quantum=10xs: want" },
	{ "--quantum=1..2", "want" },
	{ "--quantum=.", "want" },
	{ "--quantum=2000h", "1000h" },
	{ "--policy=foo", "want all, or some of" },
	{ "--policy=", "want all, or some of" },
	{ "--policy=rr,", "want all, or some of" },
	{ "--policy=RR", "want all, or some of" },
	{ "--policy=all,rr", "want all, or some of" },
	{ "--cpus=0", "--cpus=0: want a whole number from 1 to 1024" },
	{ "--cpus=1025", "from 1 to 1024" },
	{ "--switch-cost=-1", "--switch-cost" },
	{ "--ties=both", "want arrivals or expired" },
	{ "--levels=0", "--levels=0: want a whole number from 1 to 64" },
	{ "--levels=65", "from 1 to 64" },
	{ "--quanta=10,0", "--quanta=10,0: want" },
	{ "--quanta=10,,20", "want" },
	{ "--quanta=", "want" },
	{ "--quanta=$(seq -s, 65)", "want at most 64 times" },
	{ "--levels=3 --quanta=1,2", "--levels=3: want" },
	{ "--allotments=0", "--allotments=0: want" },
	{ "--allotments=1,x", "want whole numbers" },
	{ "--allotments=1,2", "one for each of the 3 levels" },
	{ "--allotments=$(seq -s, 65)", "want at most 64 numbers" },
	{ "--boost=-5", "--boost" },
	{ "--ageing=0", "--ageing=0" },
	{ "--generate=0", "--generate=0: want" },
	{ "--generate=x", "--generate=x: want" },
	{ "--generate=3 --arrivals=never", "want together, poisson or uniform" },
	{ "--generate=3 --lengths=long", "want exponential" },
	{ "--generate=3 --load=0", "--load=0" },
	{ "--generate=3 --load=nan", "--load=nan" },
	{ "--generate=3 --mean=0", "--mean=0" },
	{ "--generate=3 --mean=1ns", "from 1us to 24h" },
	{ "--generate=3 --io=1.5", "--io=1.5" },
	{ "--generate=3 --io=-1", "--io=-1" },
	{ "--generate=3 --seed=-1", "--seed=-1" },
	{ "--generate=3 /etc/passwd", "want a file or --generate, not both" },
	{ "--load=1", "--load: want --generate=N beside it" },
	{ "--arrivals=together", "--arrivals: want --generate=N" },
	{ "--rows=-1", "--rows=-1" },
	{ "--format=xml", "want text or json" },
	{ "--svg=", "--svg=: want a file" },
	{ "--svg=- --format=json", "standard output is for the JSON" },
	{ "--svg=x --generate=1001", "--svg: want at most 1000 jobs" },
	{ "--quiz --format=json --generate=3", "want text beside --quiz" },
	{ "--steps --format=json --generate=3", "want text beside --steps" },
	{ "--quiz", "standard input is for the answers" },
	{ "--quiz -", "standard input is for the answers" },
	{ "one two", "two: want one file of jobs" },
	{ "no-such-file", "no-such-file: No such file" },
	{ "/tmp", "/tmp: Is a directory" },
	{ "/dev/null", "/dev/null: want at least one job" },
	{ "\"$(printf 'a\\n\\033[31m')\"", "a??[31m: No such file" },
	{ "", "standard input: want at least one job" },
};

enum { REFUSED = sizeof refused / sizeof *refused };

START_TEST(sim_refuses_bad_options)
{
	struct outcome got = sim_run("", refused[_i].arguments);

	sim_check_refusal(&got, refused[_i].arguments, refused[_i].says);
	outcome_free(&got);
}
END_TEST

// Where in the file, and what was expected.
START_TEST(sim_refuses_bad_jobs)
{
	static const struct {
		const char *jobs, *says;
	} bad[] = {
		{ "A 0 10\\nB 0 x\\n", "standard input:2:5: want" },
		{ "A 0 -5\\n", "standard input:1:5: want" },
		{ "A 0 0\\n", "standard input:1:5: want" },
		{ "# only\\n\\n   # comments\\n", "want at least one job" },
		{ "A 0 10\\nA 0 10\\n", "standard input:2:1:" },
		{ "A 0 10,20\\n", "standard input:1:" },
		{ "A 0 10 prio=high\\n", "standard input:1:" },
		{ "A 0 10 colour=red\\n", "standard input:1:8: want" },
		{ "A\\n", "standard input:1:" },
		{ "A 0 9223372036855\\nB 0 9223372036855\\n", "sim: " },
	};

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct outcome got = sim_run(bad[i].jobs, "--policy=all");
		sim_check_refusal(&got, bad[i].jobs, bad[i].says);
		outcome_free(&got);
	}
	struct outcome got = run_shell(
		"d=$(mktemp -d); printf 'A 0 10\\nB 0 3x\\n' >$d/jobs.txt; "
		"cd $d && " SIM "jobs.txt; s=$?; rm -r $d; exit $s");
	sim_check_refusal(&got, "a file", "sim: jobs.txt:2:5: want");
	outcome_free(&got);
}
END_TEST

// ## What would take for ever, or all memory, is refused, too

static const struct {
	const char *jobs, *arguments, *says;
} endless[] = {
	{ "A 0 1h\\nB 0 1h\\n", "--policy=rr --quantum=1ns --rows=0",
	  "--quantum=1ns: want a longer one: with rr" },
	{ "A 0 1h\\nB 0 1h\\n", "--policy=all --quantum=1ns --rows=0", "--quantum" },
	{ "A 0 1h\\n", "--policy=fifo,lottery --quantum=1ns", "with lottery" },
	{ "A 0 1h\\n", "--policy=stride --quantum=1ns", "with stride" },
	{ "A 0 1h\\n", "--policy=eevdf --quantum=1ns", "with eevdf" },
	{ "A 0 1h\\nB 0 1h\\n",
	  "--policy=ageing-preemptive --ageing=1ns --rows=0",
	  "--ageing=1ns: want a longer one" },
	{ "A 0 1000h\\n", "--policy=mlfq --boost=1ns --rows=0",
	  "--boost=1ns: want a longer one" },
	{ "A 0 1000h\\n", "--policy=mlfq --quanta=9,1ns,9 --rows=0",
	  "--quanta=1ns: want a longer one" },
	{ "A 0 1000h\\n", "--policy=mlfq --quantum=1ns --rows=0",
	  "--quantum=1ns: want a longer one" },
	// a burst that is not the first
	{ "A 0 1,5,1000h\\n", "--policy=rr --quantum=1us --rows=0",
	  "more than 10000000000 turns, too many\n" },
	// just too many to keep, of one policy or of several
	{ "A 0 1000h\\n", "--policy=rr", "too many for charts (--rows=0" },
	{ "A 0 21s\\n", "--policy=rr --quantum=1us --rows=0 --steps",
	  "more than 20000000 turns, too many for --steps" },
	{ "A 0 21s\\n", "--policy=rr --quantum=1us --rows=0 --explain",
	  "for --explain" },
	{ "A 0 21s\\n", "--policy=rr --quantum=1us --rows=0 --svg=-",
	  "for --svg" },
	{ "A 0 21s\\n", "--policy=rr --quantum=1us --rows=0 --format=json",
	  "for --format=json" },
	{ "A 0 11s\\n", "--policy=rr,stride --quantum=1us", "with stride" },
};

enum { ENDLESS = sizeof endless / sizeof *endless };

START_TEST(sim_refuses_endless_work)
{
	struct outcome got = sim_run(endless[_i].jobs, endless[_i].arguments);

	sim_check_refusal(&got, endless[_i].arguments, endless[_i].says);
	outcome_free(&got);
}
END_TEST

// What looks as long is played: these policies do not look at that time.
START_TEST(sim_plays_long_jobs)
{
	static const char *const arguments[] = {
		"--policy=fifo,sjf,srtf --quantum=1ns --ageing=1ns",
		"--policy=batch,edf,ageing --quantum=1ns --boost=1ns",
		"--policy=ageing-preemptive --quantum=1ns --boost=1ns --rows=0",
		"--policy=mlfq --boost=0 --quantum=1h --ageing=1ns",
		"--policy=rr --quantum=1h --boost=1ns --ageing=1ns",
	};

	for (size_t i = 0; i < sizeof arguments / sizeof *arguments; i++) {
		struct outcome got = sim_run("A 0 1000h\\n", arguments[i]);
		ck_assert_msg(got.exit == 0, "%s: %s", arguments[i], got.err);
		outcome_free(&got);
	}
	struct outcome got = sim_run("A 0 2s\\n",
				     "--policy=rr --quantum=1us --rows=0");
	ck_assert_msg(got.exit == 0, "%s", got.err);
	outcome_free(&got);
}
END_TEST

void add_sim_options(TCase *tests)
{
	tcase_add_loop_test(tests, sim_refuses_endless_work, 0, ENDLESS);
	tcase_add_test(tests, sim_plays_long_jobs);
	tcase_add_loop_test(tests, sim_options_matter, 0, DIFFERENCES);
	tcase_add_test(tests, sim_defaults_are_as_documented);
	tcase_add_loop_test(tests, sim_refuses_bad_options, 0, REFUSED);
	tcase_add_test(tests, sim_refuses_bad_jobs);
}
