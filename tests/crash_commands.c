// Every command that changes an image, killed and cut off
//
// The edits of crash_edits.c are calls of the library. These are the commands as
// their users give them, and what the program really writes (crash_traced.c):
//
//     states    of what it wrote to the image all states are built and judged as
//               those of the edits are
//     kills     SIGKILL before each call that changes something; the folder then
//               holds nothing but the image (and what the next run deals with)
//     order     before it ends all that was written has been flushed, and a new
//               file is flushed before it gets the name and the folder after
//
// mkfs, resize and defrag write a new image beside the old one, if there is one; fsck
// saves in IMAGE.undo what it overwrites. Those are killed, too, and what the next
// fsck makes of it is judged.
//
// And commands that only read are played on an image whose log is to be replayed:
// they see what is in it, and write nothing.

#define _GNU_SOURCE
#include "crash_parts.h"

#include <dirent.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fs/ext2/fs.h"

enum { FEW_STATES = 2, SOAK_STATES = 200, FEW_KILLS = 2, WORDS = 16 };

enum way { IN_PLACE, ANEW, FIRST, REPAIR };

struct crash_command {
	const char *name;
	const char *base;   // the crash_edit whose image it is; NULL: the usual
	const char *before; // a script that makes the image what it is to be
	const char *words;  // I is the image
	enum way way;
};

#define ACL                                                                \
	"0200000001000600ffffffff02000700d204000004000400ffffffff"         \
	"10000700ffffffff20000400ffffffff"

static const struct crash_command commands[] = {
	{ "put", NULL, NULL, "put I medium /a/new", IN_PLACE },
	{ "put over", NULL, NULL, "put -f I medium /a/single", IN_PLACE },
	{ "put tree", NULL, NULL, "put I tree /b/", IN_PLACE },
	{ "put over tree", NULL, NULL, "put -f I tree/. /tree", IN_PLACE },
	{ "put holes", NULL, NULL, "put I sparse /b/", IN_PLACE },
	{ "put tar", NULL, NULL, "put --tar I tree.tar /b", IN_PLACE },
	{ "put many", NULL, NULL, "put I many /b/", IN_PLACE },
	{ "mkdir", NULL, NULL, "mkdir -p I /b/x/y/z", IN_PLACE },
	{ "rm", NULL, NULL, "rm I /big /a/medium /short", IN_PLACE },
	{ "rm tree", NULL, NULL, "rm -r I /tree", IN_PLACE },
	{ "rm many", NULL, "img put $I many /b/", "rm -r I /b/many", IN_PLACE },
	{ "mv over", NULL, NULL, "mv I /a/single /tree/one/file", IN_PLACE },
	{ "mv directory", NULL, NULL, "mv I /tree/one /b/moved", IN_PLACE },
	{ "mv several", NULL, NULL, "mv I /a/small /a/sub /fifo /b", IN_PLACE },
	{ "ln", NULL, NULL, "ln I /a/single /b/name", IN_PLACE },
	{ "ln over", NULL, NULL, "ln -f I /a/single /a/medium", IN_PLACE },
	{ "ln -s", NULL, NULL, "ln -s I ../a/single /b/name", IN_PLACE },
	{ "ln -s over", NULL, NULL, "ln -sf I a/single /long", IN_PLACE },
	{ "chmod", NULL, NULL, "chmod -R I u=rwX,go= /tree", IN_PLACE },
	{ "chown", NULL, NULL, "chown -R I 100000:70000 /tree", IN_PLACE },
	{ "touch", NULL, NULL, "touch -d 2040-01-01T00:00:00.5Z I /a/small /x",
	  IN_PLACE },
	{ "truncate", NULL, NULL, "truncate -s 5001 I /big", IN_PLACE },
	{ "truncate to nothing", NULL, NULL, "truncate -s 0 I /big /a/single",
	  IN_PLACE },
	{ "truncate longer", NULL, NULL, "truncate -s 3G I /a/small",
	  IN_PLACE },
	{ "truncate triple", NULL, "img put $I sparse /b/",
	  "truncate -s 70001 I /b/sparse", IN_PLACE },
	{ "mknod", NULL, NULL, "mknod I /b/disk b 259 70000", IN_PLACE },
	{ "mknod fifo", NULL, NULL, "mknod I /b/p p", IN_PLACE },
	{ "xattr set", NULL, NULL, "xattr I /a/empty set user.x text",
	  IN_PLACE },
	{ "xattr set in block", NULL, NULL,
	  "xattr I /a/medium set user.outside 0x" ACL ACL ACL, IN_PLACE },
	{ "xattr remove", NULL, NULL, "xattr I /a/medium remove user.outside",
	  IN_PLACE },
	{ "xattr acl", NULL, NULL,
	  "xattr I /a set system.posix_acl_access 0x" ACL, IN_PLACE },
	{ "xattr shared", "shared attributes", NULL,
	  "xattr I /a/single set user.more text", IN_PLACE },
	{ "xattr shared remove", "shared attributes", NULL,
	  "xattr I /a/single remove user.outside", IN_PLACE },
	{ "rm shared", "shared attributes", NULL, "rm I /a/single", IN_PLACE },
	{ "index", "index", NULL, "put I many/. /indexed", IN_PLACE },
	{ "index less", "index", NULL, "rm -r I /indexed", IN_PLACE },
	{ "batch", NULL, NULL, "batch I script", IN_PLACE },
	{ "fill", NULL, "img rm $I /big", "fill I", IN_PLACE },
	{ "fill --write", NULL, "img rm $I /big", "fill --write I", IN_PLACE },
	{ "resize grow", NULL, NULL, "resize I 24M", ANEW },
	{ "resize shrink", NULL, NULL, "resize I --minimum", ANEW },
	{ "defrag", NULL, NULL, "defrag I", ANEW },
	{ "mkfs over", NULL, NULL, "mkfs --force I --from=tree", ANEW },
	{ "mkfs", NULL, NULL, "mkfs I --from=tree", FIRST },
	{ "fsck", NULL, NULL, "fsck -fy I", REPAIR },
};
enum { COMMANDS = sizeof(commands) / sizeof(*commands) };

// ## The folder

// B is the build folder, I the image, img the program.
static void script(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

static void script(const char *fmt, ...)
{
	char *text, *whole;
	va_list ap;

	va_start(ap, fmt);
	ck_assert_int_ge(vasprintf(&text, fmt, ap), 0);
	va_end(ap);
	ck_assert_int_ge(asprintf(&whole,
				  "cd '%s' || exit\n"
				  "export SOURCE_DATE_EPOCH=1700000400\n"
				  "img() { \"$B/fs/img\" \"$@\"; }\n"
				  "I='%s'\n{ %s\n} >/dev/null",
				  crash_folder, crash_image(), text),
			 0);
	struct outcome o = run_shell(whole);

	ck_assert_msg(o.exit == 0, "%s: exit %d: %.1000s", text, o.exit, o.err);
	outcome_free(&o);
	free(text);
	free(whole);
}

static void make_sources(void)
{
	script("test -e script && exit\n"
	       "umask 022\n"
	       "seq 14000 | head -c 70000 >medium\n"
	       "seq 100 >sparse; for at in 300 20000 100000; do\n"
	       "seq 900 | dd of=sparse conv=notrunc bs=1k seek=$at "
	       "status=none; done\n"
	       "mkdir tree tree/one tree/new; seq 2000 >tree/one/file\n"
	       "seq 10 >tree/file; ln tree/file tree/new/name\n"
	       "ln -s file tree/link; mkfifo tree/new/fifo; chmod 4711 "
	       "tree/file\n"
	       "tar -cf tree.tar -C tree .\n"
	       "mkdir many; for i in $(seq 100 260); do\n"
	       "echo $i >many/some-name-that-takes-a-lot-of-room-$i; done\n"
	       "cat >script <<'.'\n"
	       "mkdir -p /b/x/y\n"
	       "put tree /b/x/y\n"
	       "mv /tree/one/two /b/x\n"
	       "rm -r /a/sub /big\n"
	       "ln -f /a/medium /a/small\n"
	       "put -f medium /a/single\n"
	       "truncate -s 100 /tree/one/file\n"
	       "chmod 700 /a\n"
	       "xattr /a/empty set user.x text\n"
	       "mknod /b/null c 1 3\n"
	       ".\n");
}

// Names that should not be there any more: how many.
static int left_over(void)
{
	DIR *dir = opendir(crash_folder);
	struct dirent *entry;
	int count = 0;

	ck_assert_ptr_nonnull(dir);
	while ((entry = readdir(dir)))
		count += !strcmp(entry->d_name, "image.undo") ||
			 (!strncmp(entry->d_name, ".", 1) &&
			  strlen(entry->d_name) > 2);
	closedir(dir);
	return count;
}

// ## Playing a command

struct playing {
	const struct crash_command *command;
	const struct crash_kind *kind;
	char program[4096], text[1200], *words[WORDS + 2];
	struct crash_bytes before, after;
	struct traced traced;
};

static void split(struct playing *p)
{
	char *rest = p->text;
	size_t n = 0;

	snprintf(p->program, sizeof(p->program), "%s/fs/img", build_folder());
	snprintf(p->text, sizeof(p->text), "%s", p->command->words);
	p->words[n++] = p->program;
	while (rest && n < WORDS)
		p->words[n++] = strsep(&rest, " ");
	ck_assert_ptr_null(rest);
	for (size_t i = 0; i < n; i++)
		if (!strcmp(p->words[i], "I"))
			p->words[i] = (char *)(uintptr_t)crash_image();
	p->words[n] = NULL;
}

static void put_image(const struct crash_bytes *bytes)
{
	unlink(crash_image());
	put_sector_bytes(crash_image(), bytes);
}

static struct crash_bytes prepared(const struct playing *p)
{
	const struct crash_command *c = p->command;
	struct crash_bytes made = crash_base(
		p->kind, crash_edit_called(c->base ? c->base : "nothing"));

	if (c->way == REPAIR) {
		struct device *device = device_of_bytes(&made);

		crash_damage(device);
		free(made.bytes);
		made = bytes_of_device(device);
		device_close(device);
	}
	if (c->before) {
		put_image(&made);
		free(made.bytes);
		script("%s", c->before);
		made = get_bytes(crash_image());
	}
	return made;
}

static void begin_with(const struct playing *p)
{
	if (p->command->way == FIRST)
		unlink(crash_image());
	else
		put_image(&p->before);
}

// Once to its end. Returns false where nobody may be traced.
static bool play(struct playing *p, int turn)
{
	*p = (struct playing){
		.command = &commands[turn % COMMANDS],
		.kind = turn / COMMANDS < CRASH_KINDS
				? &crash_journal[turn / COMMANDS]
				: &crash_ordered[turn / COMMANDS - CRASH_KINDS],
		.traced = { .image = crash_image(), .kill_at = -1 },
	};
	make_sources();
	split(p);
	p->before = prepared(p);
	begin_with(p);
	if (!run_traced(&p->traced, p->words))
		return false;
	ck_assert_msg(p->traced.exit == (p->command->way == REPAIR),
		      "%s, %s: exit %d", p->command->name, p->kind->name,
		      p->traced.exit);
	ck_assert_int_eq(left_over(), 0);
	p->after = get_bytes(crash_image());
	return true;
}

static void play_end(struct playing *p)
{
	free(p->before.bytes);
	free(p->after.bytes);
	traced_clear(&p->traced);
}

// ## The order of the calls

// The last of `these` comes before the last `flush`.
static bool flushed(const char *calls, const char *these, char flush)
{
	const char *last = strrchr(calls, flush);

	return last && !last[strcspn(last, these)];
}

static void check_order(const struct playing *p)
{
	const char *calls = p->traced.calls, *at;
	bool good = calls && !strchr(calls, '?') &&
		    calls[p->traced.count - 1] == 'E';

	switch (p->command->way) {
	case IN_PLACE:
		good = good && flushed(calls, "WC", 'F') &&
		       !strpbrk(calls, "LRX");
		break;
	case ANEW: // the image that stands is not written to
		good = good && !strpbrk(calls, "WC") &&
		       flushed(calls, "T", 't') && (at = strchr(calls, 'L')) &&
		       !strchr(at, 't') && (at = strchr(calls, 'R')) &&
		       !strcmp(at, "RDE");
		break;
	case FIRST:
		good = good && !strpbrk(calls, "WCR") &&
		       flushed(calls, "T", 't') && (at = strchr(calls, 'L')) &&
		       !strcmp(at, "LDE");
		break;
	case REPAIR: // what is saved is flushed, with its name, before the rest
		good = good && flushed(calls, "U", 'u') &&
		       (at = strchr(calls, 'W')) && at > strchr(calls, 'D') &&
		       at > strrchr(calls, 'u') && strchr(calls, 'D') &&
		       flushed(calls, "WC", 'F') &&
		       (at = strrchr(calls, 'X')) && at > strrchr(calls, 'F') &&
		       !strcmp(at, "XDE");
		break;
	}
	ck_assert_msg(good, "%s, %s: %s", p->command->name, p->kind->name,
		      calls);
}

// What was recorded makes of the one image the other: the recorder sees all.
static void check_recording(const struct playing *p)
{
	struct crash_bytes made = crash_prefix(&p->before, &p->traced.recording,
					       p->traced.recording.count);

	ck_assert_uint_eq(made.n, p->after.n);
	ck_assert_msg(!memcmp(made.bytes, p->after.bytes, made.n), "%s, %s",
		      p->command->name, p->kind->name);
	free(made.bytes);
}

// ## Killed

static bool same_tree(const struct crash_bytes *state,
		      const struct tree *wanted)
{
	struct device *device = device_of_bytes(state);
	struct tree tree;
	int error = tree_of_device(device, &tree);
	bool same = !error && !tree_difference(&tree, wanted);

	tree_clear(&tree);
	device_close(device);
	return same;
}

static void judge_new(struct judge *j, const struct crash_bytes *state)
{
	const char *said;

	j->states++;
	j->judged_e2fsck++;
	if (!same_tree(state, &j->before) && !same_tree(state, &j->after))
		crash_wrong(j, "neither before nor after");
	put_image(state);
	if (e2fsck("-fn", crash_image(), &said))
		crash_wrong(j, "e2fsck -fn: %s", said);
}

static void judge_repair(struct judge *j, const struct playing *p)
{
	const char *said;

	j->states++;
	script("img fsck -fy $I; test $? -le 1");
	if (left_over())
		crash_wrong(j, "fsck leaves something behind");

	struct crash_bytes now = get_bytes(crash_image());

	if (now.n != p->after.n || memcmp(now.bytes, p->after.bytes, now.n))
		crash_wrong(j, "the next fsck does not repair the same");
	free(now.bytes);
	if (e2fsck("-fn", crash_image(), &said))
		crash_wrong(j, "e2fsck -fn: %s", said);
}

static bool next_run_removes(const struct playing *p)
{
	struct traced t = { .image = crash_image(), .kill_at = -1 };
	bool good = run_traced(&t, p->words) && t.exit == 0 && !left_over();

	traced_clear(&t);
	return good;
}

static void kill_at(struct judge *j, const struct playing *p, int at)
{
	struct traced t = { .image = crash_image(), .kill_at = at };
	char where[100];

	begin_with(p);
	ck_assert(run_traced(&t, p->words));
	ck_assert_int_eq(t.exit, -1);
	snprintf(where, sizeof(where), "killed before call %d (%c) of %zu", at,
		 t.calls[at], p->traced.count);
	judge_looks_at(j, NULL, where);

	const char *calls = t.calls;

	if (p->command->way == FIRST && access(crash_image(), F_OK)) {
		j->states++;
		if (left_over() || strchr(calls, 'D'))
			crash_wrong(j, "it left something, or nothing");
		traced_clear(&t);
		return;
	}

	struct crash_bytes state = get_bytes(crash_image());

	judge_looks_at(j, &state, where);
	if (p->command->way == REPAIR) {
		judge_repair(j, p);
	} else {
		// Linked and not yet renamed: it has a name for a moment.
		if (left_over() != (calls[at] == 'R' && calls[at - 1] == 'L'))
			crash_wrong(j, "something is left behind");
		if (left_over() && !next_run_removes(p))
			crash_wrong(j, "the next run leaves it there");
		if (p->command->way != IN_PLACE)
			judge_new(j, &state);
		else
			judge_state(j, &state, where);
	}
	free(state.bytes);
	traced_clear(&t);
}

static void all_kills(struct judge *j, const struct playing *p)
{
	struct random random = { 31 };
	int calls = (int)p->traced.count;

	for (int at = 0; at < calls; at++) {
		char call = p->traced.calls[at];
		bool again = at && p->traced.calls[at - 1] == call;

		// Of writes that follow each other a few.
		j->in_all++;
		if (soaking()
			    ? !again || random_below(&random, 4) == 0
			    : call == 'R' || call == 'X' ||
				      random_unit(&random) * calls < FEW_KILLS)
			kill_at(j, p, at);
	}
}

// ## The tests

// All kinds of images for each command in a soak, else one.
static bool wanted(int turn)
{
	return soaking() ||
	       turn / COMMANDS == (turn % COMMANDS) % (2 * CRASH_KINDS);
}

START_TEST(crash_commands)
{
	struct playing p;
	struct judge j;
	uint64_t seen = 0;

	if (!wanted(_i))
		return;
	if (!have_e2fsck())
		SKIP(NO_E2FSCK);
	if (!play(&p, _i))
		SKIP(NO_TRACING);
	check_order(&p);
	// What is damaged, or not there yet, has no tree to compare with.
	judge_begin(&j, p.command->name, p.kind,
		    p.command->way >= FIRST ? &p.after : &p.before, &p.after);
	if (p.command->way == IN_PLACE) {
		check_recording(&p);
		j.in_all = crash_states(&p.before, &p.traced.recording,
					soaking() ? SOAK_STATES : FEW_STATES,
					_i, &seen, judge_point, &j);
	}
	all_kills(&j, &p);
	play_end(&p);
	judge_end(&j, "command");
}
END_TEST

// ## Reading

// The batch has just been decided: it is in the log, and nowhere else.
static struct crash_bytes with_log(const struct playing *p)
{
	const struct recording *r = &p->traced.recording;
	struct device *device = device_of_bytes(&p->before);
	struct crash_bytes state = { 0 };
	uint64_t found = 0;

	for (size_t end = 0; end <= r->count && !found; end++) {
		free(state.bytes);
		state = crash_prefix(&p->before, r, end);
		device_write(device, 0, state.bytes, state.n);
		ck_assert_int_eq(journal_replay(device, &found), 0);
	}
	ck_assert_uint_eq(found, 1);
	device_close(device);
	return state;
}

static int turn_of(const char *name)
{
	for (int i = 0; i < COMMANDS; i++)
		if (!strcmp(commands[i].name, name))
			return i;
	ck_abort_msg("no command is called %s", name);
	return 0;
}

START_TEST(crash_readers_only_read)
{
	static const char *const readers[] = {
		"ls -lRi I",	      "tree I",	       "cat I /b/x/y/tree/file",
		"stat I /b/x/y",      "df I",	       "find I /b/x",
		"get I /b/x out",     "get --tar I / out.tar",
		"xattr I /a/empty",   "diff I . --quiet",
		"walk I /b/x/y/tree", "walk --hex I /b/x",
		"dump I super",	      "dump I journal", "dump I dir /b",
		"dump I inode 2",     "dump I group 0", "dump I block 1",
		"map I",	      "who I 100",	"fsck -n I",
		"fsck -fn I",	      "undelete I",	"shell I",
	};
	struct playing p;
	struct crash_command reader = { .name = "reader" };

	if (!play(&p, turn_of("batch")))
		SKIP(NO_TRACING);

	struct crash_bytes state = with_log(&p);

	p.command = &reader;
	for (size_t i = 0; i < sizeof(readers) / sizeof(*readers); i++) {
		reader.words = readers[i];
		split(&p);
		put_image(&state);
		script("rm -rf out out.tar; touch -d @7 $I; chmod 600 $I");
		traced_clear(&p.traced);
		ck_assert(run_traced(&p.traced, p.words));
		// fsck says that there is a log; diff, that they differ.
		ck_assert_msg(p.traced.exit == 0 ||
				      (p.traced.exit == 4 &&
				       !strncmp(readers[i], "fsck", 4)) ||
				      (p.traced.exit == 1 &&
				       !strncmp(readers[i], "diff", 4)),
			      "%s: exit %d", readers[i], p.traced.exit);
		ck_assert_msg(!strpbrk(p.traced.calls, "WCF?Uu"), "%s: %s",
			      readers[i], p.traced.calls);
		script("test $(stat -c %%Y $I) = 7");

		struct crash_bytes now = get_bytes(crash_image());

		ck_assert(now.n == state.n &&
			  !memcmp(now.bytes, state.bytes, now.n));
		free(now.bytes);
	}
	// They do see it, and whoever writes plays it.
	script("img ls $I /b/x | grep -q y; img cat $I /b/x/y/tree/file | "
	       "cmp - tree/file; cp $I before; "
	       "img mkdir $I /d; img ls $I /b/x | grep -q y; ! cmp -s $I "
	       "before");
	free(state.bytes);
	play_end(&p);
}
END_TEST

// What a repair had overwritten is put back by the next one, and so nobody writes
// before.
START_TEST(crash_half_repaired)
{
	struct playing p;

	if (!play(&p, turn_of("fsck")))
		SKIP(NO_TRACING);

	const char *calls = p.traced.calls;
	struct traced t = { .image = crash_image(),
			    .kill_at = (int)(strchr(calls, 'W') - calls) + 1 };

	put_image(&p.before);
	ck_assert(run_traced(&t, p.words));
	ck_assert_int_eq(left_over(), 1);
	script("cp $I half; img mkdir $I /d 2>words; test $? = 1; "
	       "grep -q 'a repair of it was cut off' words; cmp $I half; "
	       "img rm $I /big 2>words; test $? = 1; cmp $I half; "
	       "img fsck -n $I; test $? = 4; cmp $I half; "
	       "img fsck -y $I; test $? = 1; img mkdir $I /d");
	ck_assert_int_eq(left_over(), 0);
	traced_clear(&t);
	play_end(&p);
}
END_TEST

void add_crash_command_tests(TCase *tests)
{
	tcase_add_loop_test(tests, crash_commands, 0,
			    2 * CRASH_KINDS * COMMANDS);
	tcase_add_test(tests, crash_readers_only_read);
	tcase_add_test(tests, crash_half_repaired);
}
