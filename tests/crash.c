// Tests of what a loss of power leaves, at every write
//
// An edit is played on a recorder, and every state is built in which the image may
// then be (crash_states.c). Each is judged (crash_verdict.c). The same is done to what
// replay writes, to what a repair with an undo file writes (crash_repair.c), and to
// what the program's commands write (crash_commands.c). And each call to the device
// fails once.
//
// A state costs about 5 ms, 40 with e2fsck. `make check` takes a few of each, by a
// seed; `make soak` takes them all and prints how many they were. CRASH_KEEP=FILE
// keeps the first image that a judge did not like.

#include "crash_parts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fs/ext2/fs.h"

enum { FEW = 15, FEW_ORDERED = 2, FEW_CALLS = 5 };

// ## Every state of an edit

struct played {
	struct crash_bytes before, after;
	struct recording recording;
};

static void play(struct played *p, const struct crash_kind *kind,
		 const struct crash_edit *edit)
{
	struct device *device, *recorder;
	bool decided;

	*p = (struct played){ .before = crash_base(kind, edit) };
	device = device_of_bytes(&p->before);
	ck_assert_int_eq(device_recorder(device, &p->recording, &recorder), 0);
	ck_assert_int_eq(crash_play(recorder, edit, &decided), 0);
	// Done means durable.
	ck_assert_int_eq(p->recording.item[p->recording.count - 1].kind,
			 RECORDED_FLUSH);
	p->after = bytes_of_device(device);
	device_close(recorder);
	device_close(device);
}

static void played_end(struct played *p)
{
	free(p->before.bytes);
	free(p->after.bytes);
	recording_clear(&p->recording);
}

static void all_states(const struct crash_kind *kind,
		       const struct crash_edit *edit, uint64_t few)
{
	struct played p;
	struct judge j;
	uint64_t seen = 0;

	play(&p, kind, edit);
	judge_begin(&j, edit->name, kind, &p.before, &p.after);
	judge_state(&j, &p.after, "the end");
	j.in_all = 1 + crash_states(&p.before, &p.recording,
				    soaking() ? 0 : few, 5, &seen, judge_point,
				    &j);
	played_end(&p);
	judge_end(&j, "states");
}

// What turn _i of a loop over all edits and kinds of images plays: all of them in a
// soak, else each edit with one kind. NULL: nothing.
static const struct crash_edit *edit_of(int turn)
{
	const struct crash_edit *edit = &crash_edits[turn % crash_edit_count];
	int kind = turn / crash_edit_count;

	if (edit->large)
		return kind == 0 ? edit : NULL;
	return soaking() || turn % 2 == kind ? edit : NULL;
}

START_TEST(crash_journal_is_all_or_nothing)
{
	if (edit_of(_i))
		all_states(&crash_journal[_i / crash_edit_count], edit_of(_i),
			   sanitized() ? FEW / 3 : FEW);
}
END_TEST

START_TEST(crash_ordered_loses_nothing)
{
	if (!have_e2fsck())
		SKIP(NO_E2FSCK);
	if (edit_of(_i))
		all_states(&crash_ordered[_i / crash_edit_count], edit_of(_i),
			   FEW_ORDERED);
}
END_TEST

// ## Every state of a replay

// The image right after the decision: its log has it all. The first state whose
// tree is the one after.
static struct crash_bytes decided_state(const struct played *p)
{
	struct tree after, tree;
	struct device *device = device_of_bytes(&p->after);
	struct crash_bytes state = { 0 };
	bool found = false;

	ck_assert_int_eq(tree_of_device(device, &after), 0);
	for (size_t end = 0; end <= p->recording.count && !found; end++) {
		free(state.bytes);
		state = crash_prefix(&p->before, &p->recording, end);
		device_write(device, 0, state.bytes, state.n);
		ck_assert_int_eq(tree_of_device(device, &tree), 0);
		found = !tree_difference(&tree, &after);
		tree_clear(&tree);
	}
	ck_assert(found);
	tree_clear(&after);
	device_close(device);
	return state;
}

static const char *const replayed_edits[] = { "rename directory", "batch",
					      "index" };
enum { REPLAYED = sizeof(replayed_edits) / sizeof(*replayed_edits) };

// Opens for writing, which replays.
static int replay_on(struct device *device, struct recording *recording)
{
	struct device *recorder;
	struct ext2 *fs;

	ck_assert_int_eq(device_recorder(device, recording, &recorder), 0);

	int error = ext2_open(recorder, EXT2_WRITE, &fs, NULL);

	if (!error)
		ext2_close(fs);
	device_close(recorder);
	return error;
}

// There is no way back: before is the same as after.
static void replay_begin(struct judge *j, const struct crash_edit *edit,
			 struct crash_bytes *state)
{
	struct played p;

	play(&p, &crash_journal[0], edit);
	*state = decided_state(&p);
	judge_begin(j, edit->name, &crash_journal[0], &p.after, &p.after);
	played_end(&p);
}

START_TEST(crash_while_replaying)
{
	const struct crash_edit *edit = crash_edit_called(replayed_edits[_i]);
	struct recording recording = { 0 };
	struct crash_bytes state;
	struct judge j;
	uint64_t seen = 0;

	replay_begin(&j, edit, &state);
	device_write(j.work, 0, state.bytes, state.n);
	ck_assert_int_eq(replay_on(j.work, &recording), 0);
	ck_assert_uint_gt(recording.count, 3);
	ck_assert_int_eq(recording.item[recording.count - 1].kind,
			 RECORDED_FLUSH);
	j.e2fsck_of = 1; // there are few of them
	j.in_all = crash_states(&state, &recording, soaking() ? 0 : 2 * FEW, 6,
				&seen, judge_point, &j);
	recording_clear(&recording);
	free(state.bytes);
	judge_end(&j, "replay");
}
END_TEST

START_TEST(crash_replay_calls_fail)
{
	const struct crash_edit *edit = crash_edit_called(replayed_edits[_i]);
	struct crash_bytes state;
	struct judge j;

	replay_begin(&j, edit, &state);
	for (int way = 0; way < 4; way++)
		for (uint64_t at = 0;; at++) {
			struct recording recording = {
				.fail_at = at,
				.error = EIO,
				.short_bytes = way & 1 ? 512 : 0,
				.fail_reads = true,
				.fail_ever_after = way & 2,
			};
			char where[100];

			device_write(j.work, 0, state.bytes, state.n);

			int error = replay_on(j.work, &recording);
			bool reached = recording.calls > at;
			struct crash_bytes left = bytes_of_device(j.work);

			snprintf(where, sizeof(where),
				 "call %ju fails, way %d, open says %d",
				 (uintmax_t)at, way, error);
			j.where = where;
			j.state = &left;
			j.in_all++;
			if (error && (!reached || error != -EIO))
				crash_wrong(&j, "that is not the right error");
			if (!error || soaking() || at % 16 == (uint64_t)way)
				judge_state(&j, &left, where);
			recording_clear(&recording);
			free(left.bytes);
			if (!reached)
				break;
		}
	free(state.bytes);
	judge_end(&j, "failing replay");
}
END_TEST

// ## Calls that fail

struct failing {
	uint64_t at;
	int error;
	uint64_t short_bytes;
	bool reads, ever_after;
};

// Returns false when it was not reached.
static bool play_failing(struct judge *j, const struct played *p,
			 const struct crash_edit *edit, const struct failing *f)
{
	struct recording recording = {
		.fail_at = f->at,
		.error = f->error,
		.short_bytes = f->short_bytes,
		.fail_reads = f->reads,
		.fail_ever_after = f->ever_after,
	};
	struct device *recorder;
	const char *difference;
	char where[200];
	struct tree now;
	bool decided;

	device_write(j->work, 0, p->before.bytes, p->before.n);
	ck_assert_int_eq(device_recorder(j->work, &recording, &recorder), 0);

	int error = crash_play(recorder, edit, &decided);
	bool reached = recording.calls > f->at;
	struct crash_bytes state = bytes_of_device(j->work);

	snprintf(where, sizeof(where),
		 "call %ju%s says %s%s after %ju bytes, commit %d, decided %d",
		 (uintmax_t)f->at, f->reads ? " (with reads)" : "",
		 strerror(f->error), f->ever_after ? " as all others" : "",
		 (uintmax_t)f->short_bytes, error, decided);
	judge_looks_at(j, &state, where);
	// A read that was only for the statistics may fail in silence.
	if (reached && !error && !f->reads)
		crash_wrong(j, "the error is not returned");
	if (error && error != -f->error)
		crash_wrong(j, "another error is returned");
	judge_state(j, &state, where);
	// Done is done. A disk that fails in writing the decision, and ever after,
	// has it or has it not: nobody can know, and nobody can take it back.
	if ((!error || (j->journal && (decided || !f->ever_after))) &&
	    !tree_of_device(j->work, &now)) {
		difference = tree_difference(&now,
					     decided ? &j->after : &j->before);
		if (difference)
			crash_wrong(j, "not as ext2_decided says: %s",
				    difference);
		tree_clear(&now);
	}
	device_close(recorder);
	recording_clear(&recording);
	free(state.bytes);
	return reached;
}

// How many calls it makes.
static uint64_t count_calls(const struct played *p,
			    const struct crash_edit *edit, bool reads)
{
	struct recording recording = { .fail_reads = reads };
	struct device *device = device_of_bytes(&p->before), *recorder;
	bool decided;

	ck_assert_int_eq(device_recorder(device, &recording, &recorder), 0);
	ck_assert_int_eq(crash_play(recorder, edit, &decided), 0);

	uint64_t calls = recording.calls;

	device_close(recorder);
	device_close(device);
	recording_clear(&recording);
	return calls;
}

static void all_failures(const struct crash_kind *kind,
			 const struct crash_edit *edit)
{
	const int errors[] = { EIO, ENOSPC };
	const uint64_t shorts[] = { 0, 512, 1 << 30 };
	struct random random = { 21 };
	struct played p;
	struct judge j;

	play(&p, kind, edit);
	judge_begin(&j, edit->name, kind, &p.before, &p.after);

	const uint64_t all_calls[] = { count_calls(&p, edit, false),
				       count_calls(&p, edit, true) };

	for (int way = 0; way < 24; way++) {
		struct failing f = {
			.error = errors[way & 1],
			.ever_after = way & 2,
			.reads = way & 4,
			.short_bytes = shorts[way >> 3],
		};

		if (f.reads && f.short_bytes)
			continue;

		uint64_t calls = all_calls[f.reads];

		for (f.at = 0; f.at < calls; f.at++) {
			j.in_all++;
			if (!soaking() &&
			    random_unit(&random) * (double)calls * 16 >=
				    FEW_CALLS)
				continue;
			ck_assert(play_failing(&j, &p, edit, &f));
		}
	}
	played_end(&p);
	judge_end(&j, "failing calls");
}

START_TEST(crash_journal_calls_fail)
{
	if (edit_of(_i))
		all_failures(&crash_journal[_i / crash_edit_count],
			     edit_of(_i));
}
END_TEST

START_TEST(crash_ordered_calls_fail)
{
	if (!have_e2fsck())
		SKIP(NO_E2FSCK);
	if (edit_of(_i))
		all_failures(&crash_ordered[_i / crash_edit_count],
			     edit_of(_i));
}
END_TEST

Suite *crash_suite(void)
{
	Suite *suite = suite_create("crash");
	TCase *tests = tcase_create("crash");
	const int turns = CRASH_KINDS * crash_edit_count;

	tcase_add_unchecked_fixture(tests, make_crash_folder,
				    remove_crash_folder);
	tcase_add_loop_test(tests, crash_journal_is_all_or_nothing, 0, turns);
	tcase_add_loop_test(tests, crash_ordered_loses_nothing, 0, turns);
	tcase_add_loop_test(tests, crash_while_replaying, 0, REPLAYED);
	tcase_add_loop_test(tests, crash_replay_calls_fail, 0, REPLAYED);
	tcase_add_loop_test(tests, crash_journal_calls_fail, 0, turns);
	tcase_add_loop_test(tests, crash_ordered_calls_fail, 0, turns);
	add_crash_repair_tests(tests);
	add_crash_command_tests(tests);
	suite_add_tcase(suite, tests);
	return suite;
}
