// # Tests of ipc/relay: what is missing, too slow, killed or forbidden

#define _GNU_SOURCE
#include "relay_parts.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "interrupt.h"

// ## What this host lacks

START_TEST(relay_leaves_out_what_is_missing)
{
	struct rlimit before;

	make_job_folder();
	make_input(1000);
	ck_assert_int_eq(getrlimit(RLIMIT_SIGPENDING, &before), 0);
	ck_assert_int_eq(setrlimit(RLIMIT_SIGPENDING,
				   &(struct rlimit){ 0, before.rlim_max }),
			 0);
	struct outcome got = run(RELAY, "--via=signal", input, NULL);
	struct outcome two = run(RELAY, "--via=signal,pipe", input, NULL);
	struct outcome all = run(RELAY, "--format=json", input, NULL);
	ck_assert_int_eq(setrlimit(RLIMIT_SIGPENDING, &before), 0);
	ck_assert_int_eq(got.exit, 77);
	assert_has(got.err, "relay: signal: no signal may be queued");
	ck_assert_int_eq(two.exit, 0);
	assert_has(two.out, "  signal: no signal may be queued");
	ck_assert_int_eq(all.exit, 0);
	json_t *report = parse(&all);
	ck_assert_str_eq(text_in(row_of(report, "signal"), "result"),
			 "skipped");
	ck_assert_str_eq(text_in(row_of(report, "eventfd"), "result"),
			 "skipped");
	ck_assert_str_eq(text_in(row_of(report, "pipe"), "result"), "carried");
	json_decref(report);
	outcome_free(&got);
	outcome_free(&two);
	outcome_free(&all);
	remove_job_folder();
}
END_TEST

// A file of a tebibyte, all hole: nobody carries it in 10 s, and it takes no
// ten seconds to say so. By name it would be carried, so it is interrupted.
START_TEST(relay_all_leaves_out_what_takes_too_long)
{
	make_job_folder();
	struct outcome got = run_shell("truncate -s 1T $IN 2>/dev/null");
	if (got.exit != 0) {
		outcome_free(&got);
		remove_job_folder();
		SKIP("no file of a tebibyte in /tmp");
	}
	outcome_free(&got);
	got = run_shell("script -qec \"$B/" RELAY " --via=all --format=json"
			" $IN >$D/report\" /dev/null >$D/terminal; s=$?;"
			" cat $D/report; cat $D/terminal >&2; exit $s");
	ck_assert_int_eq(got.exit, 1);
	assert_has(got.err, "relay: --via=all: nothing was carried: name");
	assert_has(got.err, "\restimating "); // on a terminal: it takes a while
	json_t *report = parse(&got);
	for (int i = 0; i < mechanism_count(); i++) {
		const struct mechanism *m = channel_mechanisms[i];
		const json_t *row = row_of(report, m->name);
		ck_assert_str_eq(text_in(row, "result"), "skipped");
		if (m->kind == CHANNEL_EVENT ||
		    !json_object_get(row, "estimated_seconds"))
			continue;
		assert_has(text_in(row, "reason"), "more than 10 s");
		ck_assert_double_gt(json_real_value(json_object_get(
					    row, "estimated_seconds")),
				    10);
	}
	ck_assert_double_gt(
		json_real_value(json_object_get(row_of(report, "pipe"),
						"estimated_seconds")),
		10);
	json_decref(report);
	outcome_free(&got);
	got = run_shell("timeout -s INT 1 $B/" RELAY " --via=pipe $IN");
	ck_assert_int_eq(got.exit, 124);
	ck_assert_str_eq(got.out, "");
	ck_assert_str_eq(got.err, "");
	outcome_free(&got);
	remove_job_folder();
}
END_TEST

// 8 GiB: some mechanisms are fast enough for that, some are not.
START_TEST(relay_all_of_several_gibibytes)
{
	if (!soaking())
		return;
	make_job_folder();
	struct outcome got = run_shell(
		"truncate -s 8G $IN && timeout 600 $B/" RELAY
		" --format=json $IN");
	ck_assert_int_eq(got.exit, 0);
	json_t *report = parse(&got);
	ck_assert_str_eq(text_in(row_of(report, "signal"), "result"),
			 "skipped");
	json_decref(report);
	outcome_free(&got);
	remove_job_folder();
}
END_TEST

// ## Somebody is killed

struct running {
	pid_t front;
	int stdin_end, err;
};

// A relay whose input never ends: from /dev/zero, or a pipe that we hold.
static struct running start_endless(const char *via, bool busy)
{
	struct running r;
	char path[PATH_MAX], option[64];
	int ends[2];
	pid_t test = getpid();

	snprintf(path, sizeof path, "%s/" RELAY, build_folder());
	snprintf(option, sizeof option, "--via=%s", via);
	ck_assert_int_eq(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
	r.stdin_end = ends[1];
	r.err = memfd_create("err", MFD_CLOEXEC);
	int zero = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	ck_assert(r.err != -1 && zero != -1 && null != -1);
	r.front = fork_fresh();
	if (r.front == 0) {
		if (prctl(PR_SET_PDEATHSIG, SIGKILL) == -1 ||
		    getppid() != test ||
		    dup2(busy ? zero : ends[0], STDIN_FILENO) == -1 ||
		    dup2(null, STDOUT_FILENO) == -1 ||
		    dup2(r.err, STDERR_FILENO) == -1)
			_exit(126);
		execl(path, path, option, (char *)NULL);
		_exit(127);
	}
	close(ends[0]);
	close(zero);
	close(null);
	return r;
}

// The parent of a process and what it is called; 0 when there is none.
static pid_t parent_and_name(pid_t pid, char name[32])
{
	char path[64], text[512] = "";
	int parent = 0;

	snprintf(path, sizeof path, "/proc/%d/stat", pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd == -1 ? -1 : read(fd, text, sizeof text - 1);
	if (fd != -1)
		close(fd);
	char *begin = strchr(text, '('), *end = strrchr(text, ')');
	if (n <= 0 || !begin || !end)
		return 0;
	snprintf(name, 32, "%.*s", (int)(end - begin - 1), begin + 1);
	return sscanf(end + 1, " %*c %d", &parent) == 1 ? parent : 0;
}

// The process of this name below `top`, or 0.
static pid_t find_below(pid_t top, const char *wanted)
{
	pid_t found = 0;
	DIR *proc = opendir("/proc");

	ck_assert_ptr_nonnull(proc);
	for (struct dirent *entry; !found && (entry = readdir(proc));) {
		pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);
		char name[32], other[32];
		pid_t up = pid > 0 ? parent_and_name(pid, name) : 0;
		if (up == 0 || strcmp(name, wanted) != 0)
			continue;
		while (up > 1 && up != top)
			up = parent_and_name(up, other);
		if (up == top)
			found = pid;
	}
	closedir(proc);
	return found;
}

static char *all_of(int fd)
{
	off_t n = lseek(fd, 0, SEEK_END);
	char *text = calloc(1, n + 1);

	ck_assert_ptr_nonnull(text);
	ck_assert_int_eq(pread(fd, text, n, 0), n);
	return text;
}

static void kill_one(const struct mechanism *m, const char *who, bool busy)
{
	char name[32], says[128];
	int status;

	struct running r = start_endless(m->name, busy);
	snprintf(name, sizeof name, "relay-%s", who);
	pid_t victim = 0;
	// both have to be there, or there is nobody to wait for it
	await(find_below(r.front, "relay-receiver") &&
	      find_below(r.front, "relay-sender"));
	await((victim = find_below(r.front, name)) != 0);
	ck_assert_int_eq(kill(victim, SIGKILL), 0);
	ck_assert_int_eq(waitpid(r.front, &status, 0), r.front);
	ck_assert_int_eq(living_child(NULL, 0), 0);
	char *text = all_of(r.err);
	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 1,
		      "%s, %s killed: status %#x: %s", m->name, who, status,
		      text);
	snprintf(says, sizeof says, "relay: %s: the %s was killed (SIGKILL)\n",
		 m->name, who);
	ck_assert_str_eq(text, says);
	free(text);
	close(r.err);
	close(r.stdin_end);
}

// Often in a soak: a relay that believed the first complaint it hears would, in
// one of twelve kills of a receiver over unix-stream, blame the sender.
START_TEST(relay_says_who_was_killed)
{
	const struct mechanism *m;
	size_t limit;

	CARRIER(m, limit);
	for (int i = 0; i < (soaking() ? 50 : 1); i++) {
		kill_one(m, "sender", false);
		kill_one(m, "receiver", false);
		kill_one(m, "sender", true);
		kill_one(m, "receiver", true);
	}
}
END_TEST

// Killed before everything has come: the file is as it was, and alone.
START_TEST(relay_killed_leaves_the_old_file)
{
	static const int signals[] = { SIGTERM, SIGHUP, SIGKILL };
	const int signal_number = signals[_i];
	char text[16] = "", command[512], says[32];

	make_job_folder();
	write_file(output, "old", 3);
	snprintf(command, sizeof command,
		 "$B/" RELAY " --via=pipe --to $OUT </dev/zero & p=$!;"
		 " sleep 0.3; kill -%d $p; wait $p; echo $?",
		 signal_number);
	struct outcome got = run_shell(command);
	snprintf(says, sizeof says, "%d\n", 128 + signal_number);
	ck_assert_str_eq(got.out, says);
	outcome_free(&got);
	ck_assert_uint_eq(read_file(output, text, sizeof text), 3);
	ck_assert(!memcmp(text, "old", 3));
	ck_assert_uint_eq(entries_in(job_folder), 1);
	remove_job_folder();
}
END_TEST

// Mechanisms with names, memory and processes of all kinds, and the program
// that plays these tests as their input.
static void interrupt_relay(int with)
{
	char check[PATH_MAX];
	const char *const argv[] = {
		RELAY, "--via=sysv-mq,mqueue,file,fifo,ring,vmread", check, NULL
	};

	snprintf(check, sizeof check, "%s/tests/check", build_folder());
	interrupt_at_moments(argv, with, soaking() ? 300 : 30);
}

START_TEST(relay_sigint_at_any_moment)
{
	interrupt_relay(SIGINT);
}
END_TEST

START_TEST(relay_sigkill_at_any_moment)
{
	interrupt_relay(SIGKILL);
}
END_TEST

// ## An ordinary user

// Root becomes one; the program is copied to where such a user can go.
START_TEST(relay_as_ordinary_user)
{
	make_job_folder();
	make_input(400000);
	ck_assert_int_eq(chmod(job_folder, 0777), 0);
	struct outcome got = run_shell(
		"cp $B/" RELAY " $D/relay; cd $D; "
		"as=; [ $(id -u) != 0 ] || as='setpriv --reuid=65534"
		" --regid=65534 --clear-groups'; export TMPDIR=$D;"
		" $as ./relay --format=json in && $as ./relay --via=pipe"
		" --chunk=4K --format=json in >$D/pipe &&"
		" cat in | $as ./relay --via=ring,pipe >/dev/null &&"
		" chmod 600 in && $as ./relay --via=pipe in >/dev/null;"
		" echo $? >&2; $as ./relay --via=pipe --to in /proc/version"
		" >/dev/null; echo $? >&2");
	json_t *report = parse(&got), *row;
	size_t i, carried = 0;
	json_array_foreach(json_object_get(report, "mechanisms"), i, row)
	{
		const char *result = text_in(row, "result");
		ck_assert_str_ne(result, "failed");
		carried += !strcmp(result, "carried");
	}
	ck_assert_uint_gt(carried, 10);
	json_decref(report);
	if (geteuid() == 0)
		ck_assert_str_eq(got.err, "relay: in: Permission denied\n1\n"
					  "relay: in: Permission denied\n1\n");
	free(got.out);
	got.out = calloc(1, 8192);
	char path[128];
	snprintf(path, sizeof path, "%s/pipe", job_folder);
	read_file(path, got.out, 8191);
	report = parse(&got);
	if (!strcmp(text_in(report, "system_calls_counted_by"), "ptrace"))
		check_calls(&got, "ptrace");
	json_decref(report);
	outcome_free(&got);
	remove_job_folder();
}
END_TEST

void add_relay_trouble_tests(TCase *tests, int mechanisms)
{
	tcase_add_test(tests, relay_leaves_out_what_is_missing);
	tcase_add_test(tests, relay_all_leaves_out_what_takes_too_long);
	tcase_add_test(tests, relay_all_of_several_gibibytes);
	tcase_add_loop_test(tests, relay_says_who_was_killed, 0, mechanisms);
	tcase_add_loop_test(tests, relay_killed_leaves_the_old_file, 0, 3);
	tcase_add_test(tests, relay_sigint_at_any_moment);
	tcase_add_test(tests, relay_sigkill_at_any_moment);
	tcase_add_test(tests, relay_as_ordinary_user);
}
