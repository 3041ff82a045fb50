// Traced processes in trouble: exceptions, deaths, signals, refusals.

#define _GNU_SOURCE
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host_tree.h"
#include "weave_parts.h"

// Opens or leaves the test.
#define OPEN(stepper, pieces, n)                                              \
	do {                                                                  \
		int error_ = stepper_open(&(stepper), pieces, n);             \
		if (error_ == -EPERM || error_ == -ENOSYS ||                  \
		    error_ == -ENOTSUP)                                       \
			SKIP(NO_STEPPING);                                    \
		ck_assert_int_eq(error_, 0);                                  \
	} while (0)

static const uint8_t two_nops[] = { 0x90, 0x90 };

#define PIECE(bytes)                                                           \
	{                                                                      \
		bytes, sizeof(bytes), NULL                                     \
	}

static const struct step_piece nops = PIECE(two_nops);

START_TEST(stepper_refuses)
{
	struct stepper *stepper = (void *)1;
	struct step_piece pieces[4] = { nops, nops, nops, nops };
	struct step_state state;
	static const uint8_t page[STEPPER_CODE + 1];

	ck_assert_int_eq(stepper_open(&stepper, pieces, 0), -EINVAL);
	ck_assert_ptr_null(stepper);
	ck_assert_int_eq(stepper_open(&stepper, pieces, 4), -EINVAL);
	ck_assert_int_eq(stepper_open(&stepper, pieces, -1), -EINVAL);
	pieces[1].bytes = 0;
	ck_assert_int_eq(stepper_open(&stepper, pieces, 2), -EINVAL);
	pieces[1] = (struct step_piece)PIECE(page);
	ck_assert_int_eq(stepper_open(&stepper, pieces, 2), -EINVAL);
	stepper_close(NULL);

	OPEN(stepper, &nops, 1);
	stepper_start(stepper, &state);
	ck_assert_int_eq(stepper_step(stepper, &state, -1), -EINVAL);
	ck_assert_int_eq(stepper_step(stepper, &state, 1), -EINVAL);
	ck_assert_int_eq(stepper_step(stepper, &state, 0), 0);
	ck_assert(!step_ended(&state, 0));
	ck_assert_int_eq(stepper_step(stepper, &state, 0), 0);
	ck_assert(step_ended(&state, 0));
	ck_assert_int_eq(stepper_step(stepper, &state, 0), -EINVAL);
	ck_assert_uint_eq(stepper_steps(stepper), 2);
	stepper_close(stepper);
}
END_TEST

// An exception is an error, the state is as it was, and others go on.
static const uint8_t load_from_0[] = { 0x48, 0x8b, 0x04, 0x25, 0, 0, 0, 0 };
static const uint8_t undefined[] = { 0x0f, 0x0b };         // ud2
static const uint8_t divide_by_0[] = { 0x48, 0xf7, 0xf1 }; // div rcx
static const uint8_t privileged[] = { 0xf4 };              // hlt
static const uint8_t store_into_code[] = { 0x48, 0x89, 0x05, 0xf9,
					   0xff, 0xff, 0xff };

START_TEST(stepper_exceptions)
{
	const struct step_piece bad[] = { PIECE(load_from_0), PIECE(undefined),
					  PIECE(divide_by_0), PIECE(privileged),
					  PIECE(store_into_code) };
	const struct step_piece pieces[] = { bad[_i], nops };
	struct stepper *stepper;
	struct step_state state, before;

	OPEN(stepper, pieces, 2);
	stepper_start(stepper, &state);
	before = state;
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(stepper_step(stepper, &state, 0), -EFAULT);
		ck_assert_mem_eq(&state, &before, sizeof state);
	}
	ck_assert_int_eq(stepper_step(stepper, &state, 1), 0);
	// another state may be one in which it works
	if (_i == 2) {
		state.processes[0].registers[1] = 1;
		ck_assert_int_eq(stepper_step(stepper, &state, 0), 0);
		ck_assert(step_ended(&state, 0));
	}
	stepper_close(stepper);
}
END_TEST

// A state can be stepped from again, in any order, and in another stepper.
START_TEST(stepper_states_are_values)
{
	static const uint8_t add_one[] = { 0x48, 0x83, 0x07, 0x01 };
	const struct step_piece pieces[] = { PIECE(add_one), PIECE(add_one) };
	struct stepper *stepper;
	struct step_state start, states[4];

	OPEN(stepper, pieces, 2);
	stepper_start(stepper, &start);
	for (int i = 0; i < 4; i++) {
		states[i] = start;
		states[i].words[0] = (uint64_t)i * 100;
		states[i].words[15] = (uint64_t)i;
	}
	for (int i = 3; i >= 0; i--)
		ck_assert_int_eq(stepper_step(stepper, &states[i], i % 2), 0);
	for (int i = 0; i < 4; i++) {
		ck_assert_uint_eq(states[i].words[0], (uint64_t)i * 100 + 1);
		ck_assert_uint_eq(states[i].words[15], (uint64_t)i);
		ck_assert(step_ended(&states[i], i % 2));
		ck_assert(!step_ended(&states[i], !(i % 2)));
	}
	stepper_close(stepper);
}
END_TEST

// --- functions -------------------------------------------------------------------

// Compiled C: it needs a stack only for its return.
__attribute__((noinline,
	       no_sanitize("address", "undefined", "thread"))) static void
add_up_words(void *words)
{
	volatile uint64_t *w = words;

	w[2] = w[0] + w[1];
}

START_TEST(stepper_steps_a_function)
{
	const struct step_piece piece = { .function = add_up_words };
	struct stepper *stepper;
	struct step_state state;

#if defined OSLAB_SANITIZED || defined __SANITIZE_ADDRESS__
	SKIP("the compiler's checks are no part of what is stepped");
#endif
	OPEN(stepper, &piece, 1);
	stepper_start(stepper, &state);
	state.words[0] = 40;
	state.words[1] = 2;
	for (int i = 0; i < 100 && !step_ended(&state, 0); i++)
		ck_assert_int_eq(stepper_step(stepper, &state, 0), 0);
	ck_assert(step_ended(&state, 0));
	ck_assert_uint_eq(state.words[2], 42);
	stepper_close(stepper);
}
END_TEST

// In machine code: push rdi, and back to it, until the stack is too deep.
#if defined __x86_64__
void oslab_push_for_ever(void *words);
__asm__(".pushsection .text\n"
	"oslab_push_for_ever: push %rdi\n"
	"jmp oslab_push_for_ever\n"
	".popsection\n");

START_TEST(stepper_stack_has_an_end)
{
	const struct step_piece piece = { .function = oslab_push_for_ever };
	struct stepper *stepper;
	struct step_state state;
	int error = 0, pushes = 0;

	OPEN(stepper, &piece, 1);
	stepper_start(stepper, &state);
	while (!error && pushes < 100) {
		error = stepper_step(stepper, &state, 0);
		if (!error && state.processes[0].next == 1)
			pushes++;
	}
	ck_assert_int_eq(error, -EOVERFLOW);
	ck_assert_int_eq(pushes, STEPPER_STACK - 2);
	stepper_close(stepper);
}
END_TEST
#endif

// --- signals and deaths ----------------------------------------------------------

static char state_of(pid_t pid)
{
	char path[64], line[512] = "";

	snprintf(path, sizeof path, "/proc/%d/stat", pid);
	FILE *f = fopen(path, "re");
	if (f && !fgets(line, sizeof line, f))
		*line = '\0';
	if (f)
		fclose(f);
	const char *after = strrchr(line, ')');
	return after && after[1] ? after[2] : '?';
}

START_TEST(stepper_stops_and_goes)
{
	const struct step_piece pieces[] = { nops, nops, nops };
	struct stepper *stepper;
	pid_t pids[3];

	OPEN(stepper, pieces, 3);
	for (int i = 0; i < 3; i++) {
		pids[i] = stepper_pid(stepper, i);
		ck_assert_int_eq(state_of(pids[i]), 't');
	}
	ck_assert_int_eq(stepper_pid(stepper, 3), 0);
	stepper_close(stepper);
	for (int i = 0; i < 3; i++)
		ck_assert(is_gone(pids[i]));
	ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
}
END_TEST

// Signals to the process do not disturb its steps: those that can be blocked
// are, and a SIGSTOP is taken back.
START_TEST(stepper_ignores_signals)
{
	static const int signals[] = { SIGINT,  SIGTERM, SIGSTOP, SIGTSTP,
				       SIGCONT, SIGHUP,  SIGUSR1, SIGALRM };
	uint8_t code[40];
	struct stepper *stepper;
	struct step_state state;

	memset(code, 0x90, sizeof code);
	const struct step_piece piece = PIECE(code);
	OPEN(stepper, &piece, 1);
	stepper_start(stepper, &state);
	for (uint64_t i = 0; i < sizeof code; i++) {
		ck_assert_int_eq(kill(stepper_pid(stepper, 0), signals[i % 8]),
				 0);
		ck_assert_int_eq(stepper_step(stepper, &state, 0), 0);
		if (i + 1 < sizeof code)
			ck_assert_uint_eq(state.processes[0].next, i + 1);
	}
	ck_assert(step_ended(&state, 0));
	stepper_close(stepper);
}
END_TEST

START_TEST(stepper_process_killed)
{
	const struct step_piece pieces[] = { nops, nops };
	struct stepper *stepper;
	struct step_state state;

	OPEN(stepper, pieces, 2);
	stepper_start(stepper, &state);
	ck_assert_int_eq(stepper_step(stepper, &state, 0), 0);
	ck_assert_int_eq(kill(stepper_pid(stepper, 0), SIGKILL), 0);
	await(state_of(stepper_pid(stepper, 0)) == 'Z');
	ck_assert_int_eq(stepper_step(stepper, &state, 0), -ESRCH);
	ck_assert_int_eq(stepper_step(stepper, &state, 0), -ESRCH);
	ck_assert_int_eq(stepper_step(stepper, &state, 1), 0);
	stepper_close(stepper);
	ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
}
END_TEST

// Its tracer dies, even by SIGKILL: they die with it.
START_TEST(stepper_dies_with_tracer)
{
	volatile pid_t *pids = shared_memory(3 * sizeof *pids);
	pid_t tracer = fork_fresh();

	if (tracer == 0) {
		const struct step_piece pieces[] = { nops, nops };
		struct stepper *stepper;
		if (stepper_open(&stepper, pieces, 2))
			_exit(77);
		pids[0] = stepper_pid(stepper, 0);
		pids[1] = stepper_pid(stepper, 1);
		pids[2] = 1;
		wait_for_ever();
	}
	await(pids[2] || state_of(tracer) == 'Z');
	if (!pids[2]) {
		ck_assert_int_eq(WEXITSTATUS(status_of(tracer)), 77);
		SKIP(NO_STEPPING);
	}
	ck_assert_int_eq(kill(tracer, _i ? SIGINT : SIGKILL), 0);
	ck_assert(WIFSIGNALED(status_of(tracer)));
	await(is_gone(pids[0]) && is_gone(pids[1]));
}
END_TEST

// --- where it is forbidden -------------------------------------------------------

static int refusal;

static int open_forbidden(void)
{
	struct stepper *stepper;

	if (forbid(SYS_ptrace, refusal, UINT_MAX))
		return CANNOT;
	int error = stepper_open(&stepper, &nops, 1);
	if (error != -refusal && error != -ENOTSUP)
		return 1;
	if (stepper || waitpid(-1, NULL, WNOHANG) != -1)
		return 2;
	return 0;
}

// sync/weave says why, and leaves with 77.
static int run_forbidden(void)
{
	int bad = 0;

	// which looks for leaks with ptrace(2)
	setenv("ASAN_OPTIONS", "detect_leaks=0", 1);
	if (forbid(SYS_ptrace, refusal, UINT_MAX))
		return CANNOT;
	struct outcome got = run_shell("$B/sync/weave --schedule=AB");
	bad |= (got.exit != 77 || !strstr(got.err, "ptrace") || *got.out) * 2;
	outcome_free(&got);
	got = run_shell("$B/sync/weave --program=flag --format=json");
	bad |= (got.exit != 77 || !strstr(got.err, "ptrace") || *got.out) * 4;
	outcome_free(&got);
	got = run_shell("$B/sync/weave");
	bad |= (got.exit != 77 || !strstr(got.out, "ptrace")) * 8;
	outcome_free(&got);
	got = run_shell("$B/sync/weave --list-programs && "
			"$B/sync/weave --source");
	bad |= (got.exit != 0) * 16;
	outcome_free(&got);
	return bad;
}

START_TEST(stepper_forbidden)
{
	static const int errors[] = { EPERM, ENOSYS, EACCES };

	refusal = errors[_i];
	int result = in_child(open_forbidden);
	if (result == CANNOT)
		SKIP("this host allows no seccomp filter");
	ck_assert_int_eq(result, 0);
	ck_assert_int_eq(in_child(run_forbidden), 0);
}
END_TEST

// Who is traced already cannot be traced by us: as under strace -f.
static int run_traced(void)
{
	struct stepper *stepper;

	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL))
		return CANNOT;
	int error = stepper_open(&stepper, &nops, 1);
	stepper_close(error ? NULL : stepper);
	return error ? 1 : 0;
}

START_TEST(stepper_while_traced)
{
	int status;
	pid_t child = fork_fresh();

	if (child == 0)
		_exit(run_traced());
	// its SIGCHLD and stops are shown to us first
	while (waitpid(child, &status, 0) == child && WIFSTOPPED(status))
		ck_assert_int_eq(ptrace(PTRACE_CONT, child, NULL, NULL), 0);
	ck_assert(WIFEXITED(status));
	if (WEXITSTATUS(status))
		SKIP(NO_STEPPING);
}
END_TEST

// Two at once, each with processes of its own.
START_TEST(stepper_two_at_once)
{
	static const uint8_t add_one[] = { 0x48, 0x83, 0x07, 0x01 };
	const struct step_piece piece = PIECE(add_one);
	struct stepper *one, *two;
	struct step_state first, second;

	OPEN(one, &piece, 1);
	ck_assert_int_eq(stepper_open(&two, &piece, 1), 0);
	stepper_start(one, &first);
	stepper_start(two, &second);
	first.words[0] = 10;
	ck_assert_int_eq(stepper_step(two, &second, 0), 0);
	ck_assert_int_eq(stepper_step(one, &first, 0), 0);
	ck_assert_uint_eq(first.words[0], 11);
	ck_assert_uint_eq(second.words[0], 1);
	stepper_close(one);
	stepper_close(two);
}
END_TEST

void add_weave_stepper_tests(Suite *suite)
{
	TCase *stepper = tcase_create("stepper");

	tcase_set_timeout(stepper, 120);
	tcase_add_test(stepper, stepper_refuses);
	tcase_add_loop_test(stepper, stepper_exceptions, 0, 5);
	tcase_add_test(stepper, stepper_states_are_values);
	tcase_add_test(stepper, stepper_steps_a_function);
#if defined __x86_64__
	tcase_add_test(stepper, stepper_stack_has_an_end);
#endif
	tcase_add_test(stepper, stepper_stops_and_goes);
	tcase_add_test(stepper, stepper_ignores_signals);
	tcase_add_test(stepper, stepper_process_killed);
	tcase_add_loop_test(stepper, stepper_dies_with_tracer, 0, 2);
	tcase_add_loop_test(stepper, stepper_forbidden, 0, 3);
	tcase_add_test(stepper, stepper_while_traced);
	tcase_add_test(stepper, stepper_two_at_once);
	suite_add_tcase(suite, stepper);
}
