// # Tests of the tool ipc/echo: real clients, its output, its options

#define _GNU_SOURCE
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "echo_parts.h"
#include "interrupt.h"

// --- real clients ------------------------------------------------------------

// Starts a server in a folder of its own, waits for its first line (in which the
// port is), runs the clients, stops it; prints what they got, the server's
// lines and its exit status.
static struct outcome run_tool(const char *options, const char *clients)
{
	char script[2048];

	snprintf(script, sizeof script,
		 "cd \"$(mktemp -d)\" || exit 99\n"
		 "until_there() { until grep -qs \"$1\" \"$2\"; do "
		 "sleep 0.02; done; }\n"
		 "$B/ipc/echo %s >out 2>&1 & server=$!\n"
		 "until_there try out\n"
		 "port=$(sed -n '1s/.*:\\([0-9]*\\) .*/\\1/p' out)\n"
		 "%s\n"
		 "kill -TERM $server; wait $server; echo \"exit $?\"\n"
		 "cat out; rm -f out heard; echo \"left: $(ls -A)\"; rm -rf "
		 "\"$PWD\"",
		 options, clients);
	return run_shell(script);
}

static bool is_installed(const char *program)
{
	char command[128];

	snprintf(command, sizeof command, "command -v %s >/dev/null", program);
	struct outcome got = run_shell(command);
	bool found = got.exit == 0;
	outcome_free(&got);
	return found;
}

// OpenBSD's nc half closes at the end of its input with -N; nmap's ncat, which
// does not know that, without.
#define NC "nc=nc; nc -h 2>&1 | grep -q -e -N && nc='nc -N'\n"

START_TEST(echo_real_nc)
{
	const char *const tries[][2] = {
		{ "--listen=127.0.0.1:0",
		  NC "printf 'from nc' | $nc 127.0.0.1 $port" },
		{ "--listen=unix:door", NC "printf 'from nc' | $nc -U door" },
	};
	WAY(_i);
	char options[128];

	if (!is_installed("nc"))
		SKIP("nc is not installed (netcat-openbsd, make deps-dev)");
	for (int i = 0; i < 2; i++) {
		snprintf(options, sizeof options, "--way=%s %s --verbose",
			 way->name, tries[i][0]);
		struct outcome got = run_tool(options, tries[i][1]);
		assert_has(got.out, "from ncexit 0\nlistening on ");
		assert_has(got.out, "client 1: 7 bytes\n1 client, 1 at once at "
				    "most, 0 cut off; 7 B sent back\n");
		assert_has(got.out, "\nleft: \n");
		outcome_free(&got);
	}
}
END_TEST

// curl waits for more until it is stopped, as an echo server never hangs up.
START_TEST(echo_real_curl)
{
	const char *const tries[][3] = {
		{ "--listen=127.0.0.1:0",
		  "printf 'from curl\\n' | curl -sN telnet://127.0.0.1:$port",
		  "from curl\n" },
		{ "--listen=unix:door",
		  "curl -sN --http0.9 --unix-socket door http://echo/path",
		  "GET /path HTTP/1.1\r\nHost: echo\r\n" },
	};
	WAY(_i);
	char options[128], clients[512];

	if (!is_installed("curl"))
		SKIP("curl is not installed (make deps-dev)");
	for (int i = 0; i < 2; i++) {
		snprintf(options, sizeof options, "--way=%s %s", way->name,
			 tries[i][0]);
		snprintf(clients, sizeof clients,
			 ": >heard; { %s; } >heard & until_there '.' heard\n"
			 "kill $!; cat heard",
			 tries[i][1]);
		struct outcome got = run_tool(options, clients);
		assert_has(got.out, tries[i][2]);
		assert_has(got.out, "exit 0\nlistening on ");
		assert_has(got.out, "\n1 client, ");
		outcome_free(&got);
	}
}
END_TEST

START_TEST(echo_path_in_use)
{
	struct outcome got =
		run_tool("--listen=unix:door",
			 "$B/ipc/echo --listen=unix:door; echo \"second $?\"");
	assert_has(got.err, "somebody listens there");
	ck_assert_int_eq(occurrences(got.err, "\n"), 1);
	assert_has(got.out, "second 1\nexit 0\n");
	assert_has(got.out, "\nleft: \n");
	outcome_free(&got);

	got = run_shell("cd \"$(mktemp -d)\" && : >file; "
			"$B/ipc/echo --listen=unix:file; echo $?; ls; "
			"rm -r \"$PWD\"");
	assert_has(got.err, "it is not a socket");
	ck_assert_str_eq(got.out, "1\nfile\n");
	outcome_free(&got);
}
END_TEST

// SIGKILL leaves the path (whom should it ask?), and the next start says so.
START_TEST(echo_path_left)
{
	struct outcome got = run_shell(
		"cd \"$(mktemp -d)\" || exit 99\n"
		"$B/ipc/echo --listen=unix:door >out & server=$!\n"
		"until grep -qs try out; do sleep 0.02; done\n"
		"kill -KILL $server; wait $server 2>/dev/null\n"
		"while $B/ipc/echo --listen=unix:door 2>&1 | tee said | "
		"grep -q 'somebody listens'; do sleep 0.02; done\n"
		"cat said; rm -r \"$PWD\"");
	assert_has(got.out, "a server that is gone left it: remove it");
	outcome_free(&got);
}
END_TEST

// --- output and usage ----------------------------------------------------------

// A line for each way: 40 well and none failed, or skipped.
START_TEST(echo_tool_crowd)
{
	struct outcome got = run_shell("COLUMNS=40 LC_ALL=C $B/ipc/echo "
				       "--crowd=40 --listen=unix:@");

	ck_assert_msg(got.exit == 0, "%s%s", got.out, got.err);
	for (const char *c = got.out; *c; c++)
		ck_assert_msg(!(*c & 0x80), "not ASCII: %s", got.out);
	for (size_t i = 0; echo_ways[i]; i++) {
		char line[64], skipped[64];
		snprintf(line, sizeof line, "\n%-8s %7d %7d ",
			 echo_ways[i]->name, 40, 0);
		snprintf(skipped, sizeof skipped,
			 "\n%-8s skipped: ", echo_ways[i]->name);
		ck_assert_msg(strstr(got.out, line) || strstr(got.out, skipped),
			      "%s: %s", echo_ways[i]->name, got.out);
	}
	outcome_free(&got);
}
END_TEST

START_TEST(echo_tool_crowd_json)
{
	json_error_t error;
	const json_t *way;
	size_t i;
	struct outcome got = run("ipc/echo", "--format=json", "--crowd=40",
				 NULL);

	ck_assert_msg(got.exit == 0, "%s%s", got.out, got.err);
	json_t *parsed = json_loads(got.out, 0, &error);
	ck_assert_msg(parsed, "%s: %s", error.text, got.out);
	ck_assert_uint_eq(json_array_size(json_object_get(parsed, "ways")), 3);
	json_array_foreach(json_object_get(parsed, "ways"), i, way)
	{
		const char *result =
			json_string_value(json_object_get(way, "result"));
		ck_assert_ptr_nonnull(result);
		ck_assert(!strcmp(result, "skipped") ||
			  (!strcmp(result, "held") &&
			   json_integer_value(json_object_get(way, "well")) ==
				   40));
	}
	json_decref(parsed);
	outcome_free(&got);
}
END_TEST

START_TEST(echo_tool_too_few_descriptors)
{
	struct outcome got = run_shell("ulimit -n 100; $B/ipc/echo "
				       "--crowd=1000");

	ck_assert_int_eq(got.exit, 77);
	assert_has(got.err, "ulimit -Hn");
	ck_assert_int_eq(occurrences(got.err, "\n"), 1);
	outcome_free(&got);
}
END_TEST

START_TEST(echo_tool_list)
{
	struct outcome got = run("ipc/echo", "--list", NULL);
	for (size_t i = 0; echo_ways[i]; i++)
		assert_has(got.out, echo_ways[i]->title);
	outcome_free(&got);
	got = run("ipc/echo", "--catalogue", NULL);
	assert_has(got.out, "ipc/echo\t");
	assert_has(got.out, "\t10 · Interprocess communication\ttool\n");
	outcome_free(&got);
	got = run("ipc/echo", "--version", NULL);
	ck_assert_int_eq(got.exit, 0);
	outcome_free(&got);
	got = run("ipc/echo", "--help", NULL);
	assert_has(got.out, "Examples:");
	outcome_free(&got);
}
END_TEST

START_TEST(echo_tool_bad_usage)
{
	static const char *const bad[][2] = {
		{ "--way=select", "--way" },
		{ "--way=", "--way" },
		{ "--listen=here", "--listen" },
		{ "--listen=127.0.0.1:99999", "--listen" },
		{ "--listen=unix:", "--listen" },
		{ "--crowd=0", "--crowd" },
		{ "--crowd=20001", "--crowd" },
		{ "--crowd=1e3", "--crowd" },
		{ "--crowd", "crowd" },
		{ "--most=0", "--most" },
		{ "--most=-1", "--most" },
		{ "--format=xml", "--format" },
		{ "--format=json", "--format" },
		{ "--verbose=yes", "verbose" },
		{ "--no-such-option", "no-such-option" },
		{ "argument", "argument" },
	};

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct outcome got = run("ipc/echo", bad[i][0], NULL);
		ck_assert_msg(got.exit == 2 && !*got.out &&
				      strstr(got.err, bad[i][1]),
			      "%s: exit %d\n%s%s", bad[i][0], got.exit, got.out,
			      got.err);
		outcome_free(&got);
	}
}
END_TEST

START_TEST(echo_tool_output)
{
	static const char *const arguments[] = { "", "--crowd=5", "--list",
						 "--help",
						 "--crowd=5 --format=json" };
	char command[256];

	for (size_t i = 0; i < sizeof arguments / sizeof *arguments; i++) {
		snprintf(command, sizeof command, "$B/ipc/echo %s >/dev/full",
			 arguments[i]);
		struct outcome got = run_shell(command);
		ck_assert_msg(got.exit == 1 && occurrences(got.err, "\n") == 1,
			      "%s: exit %d: %s", command, got.exit, got.err);
		outcome_free(&got);
		snprintf(command, sizeof command,
			 "{ sleep 0.1; $B/ipc/echo %s; } | :", arguments[i]);
		got = run_shell(command);
		ck_assert_str_eq(got.err, "");
		outcome_free(&got);
	}
}
END_TEST

START_TEST(echo_tool_interrupted)
{
	static const char *const argv[] = { "ipc/echo", "--crowd=50", NULL };

	interrupt_at_moments(argv, _i ? SIGKILL : SIGINT, soaking() ? 300 : 15);
}
END_TEST

void add_echo_tool_tests(TCase *tcase, int ways)
{
	tcase_add_loop_test(tcase, echo_real_nc, 0, ways);
	tcase_add_loop_test(tcase, echo_real_curl, 0, ways);
	tcase_add_test(tcase, echo_path_in_use);
	tcase_add_test(tcase, echo_path_left);
	tcase_add_test(tcase, echo_tool_crowd);
	tcase_add_test(tcase, echo_tool_crowd_json);
	tcase_add_test(tcase, echo_tool_too_few_descriptors);
	tcase_add_test(tcase, echo_tool_list);
	tcase_add_test(tcase, echo_tool_bad_usage);
	tcase_add_test(tcase, echo_tool_output);
	tcase_add_loop_test(tcase, echo_tool_interrupted, 0, 2);
}
