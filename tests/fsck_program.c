// img fsck as a person meets it: what it asks and prints, how it ends, and that
// an image is as before or repaired, whatever happens to the program.

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <utmp.h>

#include "fsck_parts.h"
#include "img_parts.h"
#include "random.h"

// Damage that is safe to repair (a field without meaning) and such that is not (a
// name that cannot be): one finding each, in this order.
static void make_images(void)
{
	img_do("mkdir -p tree/d && head -c 3000 /dev/zero | tr '\\0' a "
	       ">tree/d/plain && cp tree/d/plain tree/d/other && "
	       "mke2fs -q -t ext2 -b 1024 -g 1024 -d tree good 4000 && "
	       "cp good safe && cp good unsafe && "
	       "debugfs -w -R 'sif /d/plain faddr 7' safe 2>/dev/null && "
	       "cp safe both && head -c 4096000 /dev/urandom >foreign");
	img_patch("unsafe", "other", "oth/r");
	img_patch("both", "other", "oth/r");
}

static void program_set_up(void)
{
	img_set_up();
	if (img_judges())
		make_images();
}

#define NEED_JUDGES                            \
	do {                                   \
		if (!img_judges())             \
			SKIP(IMG_NEEDS);       \
	} while (0)

// The script prints (on either stream) all these words, and ends so.
static void ends(int status, const char *words, const char *script)
{
	struct outcome o = img_shell("%s", script);
	const char *at = words;

	ck_assert_msg(o.exit == status, "%s: exit %d (signal %d), not %d\n%s%s",
		      script, o.exit, o.signal, status, o.out, o.err);
	while (*at) {
		size_t n = strcspn(at, "|");
		char word[200];

		snprintf(word, sizeof word, "%.*s", (int)n, at);
		ck_assert_msg(strstr(o.out, word) || strstr(o.err, word),
			      "%s: no \"%s\" in\n%s%s", script, word, o.out,
			      o.err);
		at += n + (at[n] == '|');
	}
	outcome_free(&o);
}

// ## Exit statuses

START_TEST(fsck_statuses)
{
	NEED_JUDGES;
	static const struct {
		int status;
		const char *words, *script;
	} rows[] = {
		{ 0, "good: clean, |blocks are used (-f", "img fsck -n good" },
		{ 0, "2 files, 3 directories|: 0 findings",
		  "img fsck -nf good" },
		{ 0, "", "img fsck -y --quiet good && [ ! -e good.undo ]" },
		{ 4, "(/d): the entry 'oth/r' has a name with '/'|  repair: "
		     "puts dots|1 finding, 0 repaired",
		  "img fsck -nf unsafe" },
		{ 4, "(/d/plain): i_faddr is not 0", "img fsck -nf safe" },
		{ 1, "  repaired: sets it to 0|1 finding, 1 repaired",
		  "cp safe x; img fsck -pf x" },
		{ 1, "repaired", "cp safe x; img fsck -af x" },
		{ 4, "not repaired: puts dots|run img fsck without -p",
		  "cp both x; img fsck -pf x" },
		{ 1, "2 findings, 2 repaired", "cp both x; img fsck -yf x" },
		{ 0, "0 findings", "cp both x; img fsck -yf x >/dev/null; "
				   "img fsck -nf x && e2fsck -fn x" },
		{ 8, "No such file", "img fsck -n missing" },
		{ 8, "no superblock of ext2", "head -c 100000 /dev/zero >x; "
					      "img fsck -y x" },
		{ 8, "no superblock of ext2", ": >x; img fsck -y x" },
		{ 8, "", "img fsck -y ." },
		{ 16, "want one of -n, -y and -p", "img fsck -n -y good" },
		{ 16, "want an IMAGE", "img fsck -n" },
		{ 16, "--superblock", "img fsck --superblock=x good" },
		{ 16, "want it with --superblock", "img fsck -B 1024 good" },
		{ 16, "power of two", "img fsck -b 1 -B 3000 good" },
		{ 16, "nothing is overwritten",
		  "img fsck -n --keep-undo=u good" },
		{ 16, "does not exist yet",
		  ">u; img fsck -y --keep-undo=u good" },
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		ends(rows[i].status, rows[i].words, rows[i].script);
}
END_TEST

// ext4 is another program's; it is named what is in the way.
START_TEST(fsck_refuses_ext4)
{
	NEED_JUDGES;
	img_do("mke2fs -q -t ext4 four 8M");
	ends(8, "only ext4 has|extent|metadata_csum|e2fsck(8)",
	     "cp four x; img fsck -y x");
	img_do("cmp four x");
}
END_TEST

START_TEST(fsck_looking_writes_nothing)
{
	NEED_JUDGES;
	ends(0, "",
	     "cp both x; chmod 444 x; img fsck -nf x >/dev/null; "
	     "[ $? = 4 ] && cmp both x && [ ! -e x.undo ]");
	// No terminal: nobody could be asked.
	ends(4, "2 findings, 0 repaired",
	     "cp -f both x; img fsck -f x; s=$?; "
	     "cmp both x && exit $s");
	if (geteuid() != 0)
		ends(8, "Permission denied",
		     "cp -f both x; chmod 444 x; "
		     "img fsck -yf x");
}
END_TEST

// -p stops where it would have to decide: what comes before is done all the same.
START_TEST(fsck_preen_leaves_the_rest)
{
	NEED_JUDGES;
	img_do("cp both x; img fsck -pf x >/dev/null; [ $? = 4 ]");
	ends(4, "'oth/r'|1 finding", "img fsck -nf x");
	img_do("img fsck -yf x >/dev/null; [ $? = 1 ]; e2fsck -fn x");
}
END_TEST

// ## JSON

START_TEST(fsck_json)
{
	NEED_JUDGES;
	img_do("cp both x; img fsck -yf --format=json x >j; [ $? = 1 ]");
	char *text = img_text("cat j");
	json_t *all = json_loads(text, 0, NULL);
	json_t *list = json_object_get(all, "findings");

	ck_assert_msg(json_array_size(list) == 2, "%s", text);
	json_t *first = json_array_get(list, 1);

	ck_assert_str_eq(json_string_value(json_object_get(first, "code")),
			 "entry-name");
	ck_assert_str_eq(json_string_value(json_object_get(first, "path")),
			 "/d");
	ck_assert(json_is_false(json_object_get(first, "safe")));
	// The other is of an inode, and names no block: where the inode stands.
	char *said = img_text("debugfs -R 'imap /d/plain' good 2>/dev/null | "
			      "sed -n 's/.*located at block \\([0-9]*\\),.*/"
			      "\\1/p'");
	ck_assert_int_eq(json_integer_value(json_object_get(
				 json_array_get(list, 0), "block")),
			 atoll(said));
	free(said);
	ck_assert(json_is_true(json_object_get(first, "repaired")));
	ck_assert_int_eq(json_integer_value(json_object_get(all, "repaired")),
			 2);
	ck_assert_int_eq(json_integer_value(json_object_get(all, "exit")), 1);
	json_decref(all);
	free(text);
	ends(0, "\"findings\": []|\"exit\": 0", "img fsck -nf --format=json x");
}
END_TEST

// ## Questions

struct talk {
	pid_t pid;
	int terminal;
	char seen[8192];
	size_t n;
};

static void talk_begin(struct talk *t, const char *image)
{
	char program[512];
	int theirs;

	*t = (struct talk){ 0 };
	snprintf(program, sizeof program, "%s/fs/img", build_folder());
	ck_assert_int_eq(openpty(&t->terminal, &theirs, NULL, NULL,
				 &(struct winsize){ 24, 80, 0, 0 }),
			 0);
	t->pid = fork();
	if (!t->pid) {
		close(t->terminal);
		if (chdir(img_folder) || login_tty(theirs))
			_exit(126);
		execl(program, "img", "fsck", "-f", image, (char *)NULL);
		_exit(127);
	}
	close(theirs);
}

static bool talk_read(struct talk *t)
{
	struct pollfd ready = { .fd = t->terminal, .events = POLLIN };
	ssize_t got = -1;

	ck_assert_int_eq(poll(&ready, 1, 60000), 1);
	ck_assert_uint_lt(t->n, sizeof t->seen - 1);
	got = read(t->terminal, t->seen + t->n, sizeof t->seen - 1 - t->n);
	if (got <= 0)
		return false;
	t->n += (size_t)got;
	t->seen[t->n] = '\0';
	return true;
}

// Waits for a question after what was seen before, and answers it.
static void talk_answer(struct talk *t, const char *question, const char *keys)
{
	size_t from = t->n;

	while (!strstr(t->seen + from, question))
		ck_assert_msg(talk_read(t), "no \"%s\" in\n%s", question,
			      t->seen);
	ck_assert_int_eq(write(t->terminal, keys, strlen(keys)),
			 (ssize_t)strlen(keys));
}

static int talk_end(struct talk *t)
{
	int status;

	while (talk_read(t))
		;
	close(t->terminal);
	ck_assert_int_eq(waitpid(t->pid, &status, 0), t->pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

START_TEST(fsck_asks)
{
	NEED_JUDGES;
	static const struct {
		const char *answer[3];
		int status, left; // left: what is found after it
	} rows[] = {
		{ { "y\n", "y\n" }, 1, 0 },   { { "n\n", "n\n" }, 4, 2 },
		{ { "yes\n", "no\n" }, 4, 1 }, { { "N\n", "Y\n" }, 4, 1 },
		{ { "a\n" }, 1, 0 },	      { { "?\n", "y\n", "a\n" }, 1, 0 },
		{ { "n\n", "\x04" }, 4, 2 },
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct talk t;
		int status;

		img_do("cp both x");
		talk_begin(&t, "x");
		for (int k = 0; k < 3 && rows[i].answer[k]; k++)
			talk_answer(&t, "? (yes, no, all) ", rows[i].answer[k]);
		status = talk_end(&t);
		ck_assert_msg(status == rows[i].status, "%zu: %d\n%s", i,
			      status, t.seen);
		img_do("img fsck -nf --format=json x | grep '\"found\": %d,'",
		       rows[i].left);
		if (rows[i].left == 2)
			img_do("cmp both x");
	}
}
END_TEST

// Also after a repair that was agreed to: it has not been written yet.
START_TEST(fsck_canceled)
{
	NEED_JUDGES;
	struct talk t;
	int status;

	img_do("cp both x");
	talk_begin(&t, "x");
	talk_answer(&t, "? (yes, no, all) ", "y\n");
	talk_answer(&t, "? (yes, no, all) ", "\x03");
	status = talk_end(&t);
	ck_assert_msg(status == 32 && strstr(t.seen, "canceled"), "%d\n%s",
		      status, t.seen);
	img_do("cmp both x && [ ! -e x.undo ]");
}
END_TEST

// ## Undo

START_TEST(fsck_undo_file)
{
	NEED_JUDGES;
	img_do("cp both x; img fsck -yf --keep-undo=u x >/dev/null; "
	       "[ $? = 1 ] && e2fsck -fn x && ! cmp -s both x && "
	       "[ ! -e x.undo ]");
	ends(1, "as it was before",
	     "img fsck --undo=u x && exit 7 || s=$?; "
	     "cmp both x && exit $s");
	ends(8, "not a whole undo file",
	     "cp x y; echo >>y; truncate -s +1k y; "
	     "img fsck --undo=u y");
	ends(8, "not a whole undo file",
	     "head -c 1000 u >half; "
	     "img fsck --undo=half x");
	ends(8, "not a whole undo file", "img fsck --undo=both x");
	img_do("cmp both x");
	ends(8, "changed since",
	     "cp both x; rm u; "
	     "img fsck -yf --keep-undo=u x >/dev/null; "
	     "cp foreign x; img fsck --undo=u x");
	img_do("cmp foreign x && cp both x");
	// It comes first: where it cannot be, nothing is repaired.
	ends(8, "--keep-undo", "img fsck -yf --keep-undo=no/such/u x");
	img_do("cmp both x");
}
END_TEST

// Killed between the first and the last write: files may be written to only up
// to a size (setrlimit(2)), and there is damage on both sides of it.
#define CUT_OFF                                                              \
	"rm -f x.undo; cp both x; dd if=/dev/urandom of=x bs=1024 "          \
	"seek=3073 count=1 "                                                 \
	"conv=notrunc status=none; cp x before; "                            \
	"(ulimit -c 0; ulimit -f 4000; img fsck -yf x) >/dev/null 2>&1; "    \
	"[ -e x.undo ] || exit 3; ! cmp -s x before || exit 4; "

START_TEST(fsck_cut_off)
{
	NEED_JUDGES;
	// Looking: as if it were back, and nothing is written.
	ends(4, "put back in memory|oth/r",
	     CUT_OFF "cp x now; img fsck -nf x; s=$?; "
		     "cmp x now && [ -e x.undo ] && exit $s");
	// Nobody else writes to it meanwhile.
	ends(1, "repair of it was cut off", CUT_OFF "img mkdir x /new");
	ends(1, "as it was",
	     CUT_OFF "img fsck --undo=x.undo x; s=$?; "
		     "cmp x before && [ ! -e x.undo ] && "
		     "exit $s");
	ends(1, "has been put back|repaired",
	     CUT_OFF "img fsck -yf x; s=$?; [ ! -e x.undo ] && "
		     "e2fsck -fn x && exit $s");
	// The undo file itself was cut off: the image is whole.
	ends(1, "repaired",
	     "cp both x; head -c 500 /dev/zero >x.undo; "
	     "img fsck -yf x; s=$?; [ ! -e x.undo ] && exit $s");
	// By now it is another image: nothing old is put into it.
	ends(8, "moved away", CUT_OFF "cp foreign x; img fsck -yf x");
	img_do("cmp foreign x && [ -e x.undo ]");
	// Something else has its name.
	ends(8, "moved away", "cp both x; seq 500 >x.undo; img fsck -yf x");
	img_do("cmp both x && seq 500 | cmp - x.undo");
}
END_TEST

static void kill_it_some_time(uint32_t microseconds)
{
	char program[512], image[128];
	pid_t pid;

	snprintf(program, sizeof program, "%s/fs/img", build_folder());
	snprintf(image, sizeof image, "%s/x", img_folder);
	pid = fork();
	if (!pid) {
		int null = open("/dev/null", O_RDWR);

		dup2(null, STDOUT_FILENO);
		execl(program, "img", "fsck", "-yf", image, (char *)NULL);
		_exit(127);
	}
	nanosleep(&(struct timespec){ .tv_nsec = microseconds * 1000L }, NULL);
	kill(pid, SIGKILL);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
}

// At any moment: it is as it was, or repaired; and where it is neither there is
// what puts it back.
START_TEST(fsck_killed)
{
	NEED_JUDGES;
	struct random random = { 17 };
	int turns = soaking() ? 500 : 15, seen[3] = { 0 };

	img_do("cp both before; for i in 300 1400 2400 3400; do "
	       "dd if=/dev/urandom of=before bs=1024 seek=$i count=3 "
	       "conv=notrunc status=none; done; cp before after; "
	       "img fsck -yf after >/dev/null; [ $? = 1 ]");
	for (int i = 0; i < turns; i++) {
		img_do("cp before x; rm -f x.undo");
		kill_it_some_time(random_below(&random, 30000));
		char *text = img_text(
			"if [ -e x.undo ]; then img fsck --undo=x.undo x "
			">/dev/null; cmp -s x before || "
			"img fsck -nf x >/dev/null && echo 2; "
			"elif cmp -s x before; then echo 0; "
			"else img fsck -nf x >/dev/null && "
			"e2fsck -fn x >/dev/null 2>&1 && echo 1; fi");
		ck_assert_msg(*text >= '0' && *text <= '2', "turn %d: %s", i,
			      text);
		seen[*text - '0']++;
		free(text);
	}
	if (soaking())
		printf("fsck: killed: %d before, %d after, %d in between\n",
		       seen[0], seen[1], seen[2]);
}
END_TEST

// ## Where the file system is, and which superblock counts

START_TEST(fsck_places)
{
	NEED_JUDGES;
	img_do("head -c 1M /dev/zero >disk; cat both >>disk; cat good >>disk; "
	       "p() { printf '\\000\\000\\000\\000\\203\\000\\000\\000'\"$1\"; "
	       "}; { head -c 446 /dev/zero; "
	       "p '\\000\\010\\000\\000\\100\\037\\000\\000'; "
	       "p '\\100\\047\\000\\000\\100\\037\\000\\000'; "
	       "head -c 32 /dev/zero; printf '\\125\\252'; } | "
	       "dd of=disk conv=notrunc status=none");
	ends(4, "2 findings", "img fsck -nf --partition=1 disk");
	ends(0, "0 findings", "img fsck -nf --partition=2 disk");
	ends(4, "2 findings", "img fsck -nf --offset=1M disk");
	ends(8, "no partition 3", "img fsck -nf --partition=3 disk");
	ends(1, "2 repaired",
	     "cp disk before; img fsck -yf --partition=1 disk");
	img_do("tail -c +1048577 disk | head -c 4096000 >x; e2fsck -fn x; "
	       "tail -c 4096000 disk | cmp - good; "
	       "head -c 1M disk >a; head -c 1M before | cmp - a");
	// What a repair of one partition has left is not of the other.
	ends(0, "0 findings",
	     "cp before disk; : >disk.1048576.undo; "
	     "img fsck -yf --partition=2 disk && "
	     "[ -e disk.1048576.undo ]");
}
END_TEST

START_TEST(fsck_other_superblock)
{
	NEED_JUDGES;
	img_do("cp good lost; dd if=/dev/zero of=lost bs=1024 seek=1 count=1 "
	       "conv=notrunc status=none");
	ends(1,
	     "superblock at byte 1024 is damaged|restores it from block "
	     "1025",
	     "cp lost x; img fsck -y x");
	ends(0, "", "e2fsck -fn x");
	ends(1, "from block 3073",
	     "cp lost x; img fsck -y -b 3073 x && exit 9 "
	     "|| s=$?; e2fsck -fn x && exit $s");
	ends(1, "from block 3073", "cp lost x; img fsck -y -b 3073 -B 1024 x");
	ends(0, ": 0 findings", "img fsck -n -b 1025 good");
	ends(0, ": 0 findings",
	     "cp good x; img fsck -y -b 1025 x; s=$?; "
	     "cmp good x && exit $s");
	ends(4, "not of the same shape as the copy",
	     "cp good x; tune2fs -U clear x; img fsck -n -b 1025 good; "
	     "printf x | dd of=x bs=1 seek=1049704 conv=notrunc status=none; "
	     "img fsck -n -b 1025 x");
	ends(8, "no superblock", "cp good x; img fsck -y -b 77 x");
	img_do("cmp good x");
}
END_TEST

START_TEST(fsck_replays)
{
	NEED_JUDGES;
	img_do("mke2fs -q -t ext3 -J size=1 -b 1024 -d tree log 4000 && "
	       "head -c 2048 /dev/zero | tr '\\0' z >blocks && "
	       "printf '%%s\\n' jo 'jw -b 3000-3001 blocks' jc | "
	       "debugfs -w -f - log >/dev/null 2>&1");
	ends(0,
	     "journal was not emptied|  played in memory for this|0 findings",
	     "cp log x; img fsck -n x; s=$?; cmp log x && "
	     "exit $s");
	ends(0, "\"findings\": []|\"played\": true|\"found\": 0",
	     "e2fsck -fn x && img fsck -n --format=json x");
	ends(1, "replays it", "img fsck -p x");
	img_do("e2fsck -fn x; cp log y; e2fsck -p y >/dev/null; "
	       "for i in x y; do dd if=$i bs=1024 skip=3000 count=2 "
	       "status=none | cmp - blocks || exit 1; done");
}
END_TEST

// ## Trouble

START_TEST(fsck_output_fails)
{
	NEED_JUDGES;
	if (access("/dev/full", W_OK))
		SKIP("no /dev/full");
	ends(12, "cannot write the report", "img fsck -nf both >/dev/full");
	ends(9, "cannot write the report",
	     "cp both x; img fsck -yf x >/dev/full");
	img_do("e2fsck -fn x");
	ends(0, "", "cp both x; img fsck -nf x | :");
	ends(0, "",
	     "cp both x; { sleep 0.1; img fsck -yf x; echo $? >s; } | :; "
	     "if cmp -s x both; then [ ! -e x.undo ]; "
	     "else e2fsck -fn x; fi");
}
END_TEST

START_TEST(fsck_locked)
{
	NEED_JUDGES;
	ends(8, "another program",
	     "cp both x; flock x \"$B/fs/img\" fsck -yf x");
	img_do("cmp both x");
}
END_TEST

START_TEST(fsck_mounted)
{
	NEED_JUDGES;
	if (geteuid() != 0)
		SKIP("mounting needs root");
	struct outcome o = img_shell(
		"mkdir mnt; cp good x; unshare -m sh -c 'mount -o loop x mnt "
		"2>/dev/null || exit 77; \"$B/fs/img\" fsck -yf x; echo $?; "
		"\"$B/fs/img\" fsck -nf x | grep -c \"x: it is mounted: "
		"what\"; "
		"umount mnt; \"$B/fs/img\" fsck -nf x | grep -c mounted:'");

	if (o.exit == 77)
		SKIP("no loop mounts here");
	ck_assert_msg(!strcmp(o.out, "8\n1\n0\n") && strstr(o.err, "mounted"),
		      "%s%s", o.out, o.err);
	outcome_free(&o);
}
END_TEST

void fsck_program_tests(Suite *suite)
{
	TCase *tests = tcase_create("program");

	tcase_add_checked_fixture(tests, program_set_up, img_tear_down);
	tcase_set_timeout(tests, soaking() ? 600 : 120);
	tcase_add_test(tests, fsck_statuses);
	tcase_add_test(tests, fsck_refuses_ext4);
	tcase_add_test(tests, fsck_looking_writes_nothing);
	tcase_add_test(tests, fsck_preen_leaves_the_rest);
	tcase_add_test(tests, fsck_json);
	tcase_add_test(tests, fsck_asks);
	tcase_add_test(tests, fsck_canceled);
	tcase_add_test(tests, fsck_undo_file);
	tcase_add_test(tests, fsck_cut_off);
	tcase_add_test(tests, fsck_killed);
	tcase_add_test(tests, fsck_places);
	tcase_add_test(tests, fsck_other_superblock);
	tcase_add_test(tests, fsck_replays);
	tcase_add_test(tests, fsck_output_fails);
	tcase_add_test(tests, fsck_locked);
	tcase_add_test(tests, fsck_mounted);
	suite_add_tcase(suite, tests);
}
