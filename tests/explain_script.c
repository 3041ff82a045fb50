// # img batch and img shell
//
// A batch is one transaction: judged by the bytes of the image after a line that
// fails. The shell is played from a pipe, and on a terminal of its own for what only
// a terminal has: completion, history, Ctrl-C and Ctrl-D.

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "explain_parts.h"

#define MAKE                                                       \
	"mke2fs -q -F -t ext3 -b 1024 x.img 8M; echo hello >notes.txt; " \
	"sha256sum <x.img >before; "

// ## batch

START_TEST(explain_batch_is_one)
{
	if (!img_judges())
		SKIP(IMG_NEEDS);
	img_do("set -e; " MAKE "printf 'mkdir /a\\n# a comment\\n\\n"
	       "put notes.txt \"/a/two words\"\\nchmod 600 /a/two\\\\ words\\n"
	       "ln -s '\"'two words'\"' /a/link # and more\\n' >script; "
	       "img batch x.img script");
	img_prints("hello\n", "img cat x.img /a/link");
	img_prints("Mode:  0600\n", "debugfs -R 'stat \"/a/two words\"' x.img "
				    "2>/dev/null | grep -o 'Mode: *0600'");
	img_clean("x.img");

	// One line fails: nothing of it was done, and which it was is said.
	img_do(MAKE);
	struct outcome o = img_shell(
		"printf 'mkdir /b\\nrm /none\\nmkdir /c\\n'"
		" | img batch x.img");
	ck_assert_int_eq(o.exit, 1);
	ck_assert_str_eq(o.out, "");
	ck_assert(strstr(o.err, "standard input:2: rm: "));
	ck_assert(strstr(o.err, "/none"));
	ck_assert(strstr(o.err, "nothing of it was done"));
	outcome_free(&o);
	img_do("sha256sum <x.img | cmp - before");

	// Each by itself: what stood before the line stays.
	o = img_shell("printf 'mkdir /b\\nrm /none\\nmkdir /c\\n' | "
		      "img batch --each x.img");
	ck_assert_int_eq(o.exit, 1);
	outcome_free(&o);
	img_prints("b\nlost+found\n", "img ls x.img");
	o = img_shell("printf 'rm /none\\nmkdir /c\\n' | "
		      "img batch --each --keep-going x.img");
	ck_assert_int_eq(o.exit, 1);
	outcome_free(&o);
	img_prints("b\nc\nlost+found\n", "img ls x.img");
	img_clean("x.img");
}
END_TEST

static const struct {
	int status;
	const char *line, *words;
} lines[] = {
	{ 1, "rm \"/a", ":3: want the end of the quote" },
	{ 1, "nonsense /a", ":3: nonsense: want a command of img" },
	{ 1, "shell", ":3: shell: want it outside a batch" },
	{ 1, "mkfs --size=1M", ":3: mkfs: want it outside a batch" },
	{ 1, "cat /none", ":3: cat: " },
	{ 2, "mkdir", ":3: mkdir: want IMAGE and PATH" },
	{ 2, "chmod 99 /", ":3: chmod: MODE=99" },
	{ 1, "put none /", "ENOENT" },
	{ 1, "put - /x\nmkdir /b", ":3: put: x.img: standard input is the" },
	{ 1, "xattr / set user.a -", "standard input is the script" },
};

// Whatever the third line is, the first two are undone.
START_TEST(explain_batch_lines)
{
	if (!img_judges())
		SKIP(IMG_NEEDS);
	img_do(MAKE);
	struct outcome o = img_shell("printf 'mkdir /a\\n\\n%%s\\n' '%s' | "
				     "img batch x.img",
				     lines[_i].line);
	ck_assert_msg(o.exit == lines[_i].status, "exit %d: %s", o.exit, o.err);
	ck_assert_msg(strstr(o.err, lines[_i].words), "no '%s' in %s",
		      lines[_i].words, o.err);
	outcome_free(&o);
	img_do("sha256sum <x.img | cmp - before");
}
END_TEST

// ## The shell from a pipe

START_TEST(explain_shell_from_a_pipe)
{
	if (!img_judges())
		SKIP(IMG_NEEDS);
	img_do(MAKE);
	img_prints("/\n/d/\na\n/d/a b/\nhello\n/\n",
		   "printf '%%s\\n' pwd 'mkdir /d' 'cd d' pwd 'mkdir a' ls "
		   "'rm -r a' 'mkdir \"a b\"' 'cd a\\ b' pwd "
		   "'put notes.txt .' 'cat notes.txt' cd pwd exit "
		   "'mkdir /never' | img shell x.img");
	img_prints("d\nlost+found\n", "img ls x.img");
	img_prints("/d/a b/notes.txt\n", "img find --type=f x.img /d");
	img_clean("x.img");
	// A line that fails is said, the next are done, the last status is ours.
	struct outcome o = img_shell("printf 'cd /none\\nnope\\nrm \"x\\npwd\\n"
				     "cat /none\\n' | img shell x.img");
	ck_assert_int_eq(o.exit, 1);
	ck_assert_str_eq(o.out, "/\n");
	ck_assert(strstr(o.err, "no command `nope'"));
	ck_assert(strstr(o.err, "want the end of the quote"));
	ck_assert(strstr(o.err, "ENOENT"));
	outcome_free(&o);
	o = img_shell("printf 'put - /x\nput --tar - /\nbatch\npwd\n' | "
		      "img shell x.img");
	ck_assert_str_eq(o.out, "/\n");
	ck_assert(strstr(o.err, "standard input is the script"));
	outcome_free(&o);
	img_do("! img stat x.img /x 2>/dev/null");
	// Not so when the script is a file.
	img_do("echo 'put - /y' >script; img batch x.img script <notes.txt; "
	       "img cat x.img /y | cmp - notes.txt");
	o = img_shell(": | img shell none.img");
	ck_assert_int_eq(o.exit, 1);
	outcome_free(&o);
}
END_TEST

// ## On a terminal

struct terminal {
	int master;
	pid_t child;
	char seen[1 << 16];
	size_t length;
};

static void terminal_begin(struct terminal *t)
{
	char program[512], image[256];
	struct winsize size = { .ws_row = 24, .ws_col = 80 };

	*t = (struct terminal){ 0 };
	snprintf(program, sizeof program, "%s/fs/img", build_folder());
	snprintf(image, sizeof image, "%s/x.img", img_folder);
	t->master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	ck_assert_int_ne(t->master, -1);
	ck_assert_int_eq(grantpt(t->master), 0);
	ck_assert_int_eq(unlockpt(t->master), 0);
	ck_assert_int_eq(ioctl(t->master, TIOCSWINSZ, &size), 0);
	const char *name = ptsname(t->master);
	t->child = fork();
	ck_assert_int_ne(t->child, -1);
	if (t->child == 0) {
		setsid();
		int fd = open(name, O_RDWR);
		if (fd == -1 || ioctl(fd, TIOCSCTTY, 0) == -1)
			_exit(125);
		dup2(fd, 0);
		dup2(fd, 1);
		dup2(fd, 2);
		setenv("TERM", "vt100", 1);
		setenv("LC_ALL", "C", 1);
		unsetenv("COLUMNS");
		execl(program, "img", "shell", image, (char *)NULL);
		_exit(126);
	}
}

// Reads until the words have come, and forgets all up to their end. False: nothing
// came for so long.
static bool terminal_sees(struct terminal *t, const char *words, int ms)
{
	struct pollfd wait = { .fd = t->master, .events = POLLIN };
	const char *found;

	while (!(found = memmem(t->seen, t->length, words, strlen(words)))) {
		if (poll(&wait, 1, ms) != 1)
			return false;
		ssize_t n = read(t->master, t->seen + t->length,
				 sizeof t->seen - 1 - t->length);
		ck_assert_msg(n > 0, "the terminal ends before '%s':\n%.2000s",
			      words, t->seen);
		t->length += (size_t)n;
		t->seen[t->length] = '\0';
	}
	found += strlen(words);
	t->length -= (size_t)(found - t->seen);
	memmove(t->seen, found, t->length + 1);
	return true;
}

static void terminal_until(struct terminal *t, const char *words)
{
	ck_assert_msg(terminal_sees(t, words, 60000),
		      "no '%s' within a minute in\n%.2000s", words, t->seen);
}

// A terminal's own line editing (ICANON) is off at a prompt of the shell and on while
// a command reads. What is typed before the change of mode may be lost, so that is
// waited for (not for ever: what reads may be gone).
static void type_in_mode(struct terminal *t, const char *keys, bool edited)
{
	struct termios mode;

	for (int ms = 0; ms < 20000 && tcgetattr(t->master, &mode) == 0 &&
			 !(mode.c_lflag & ICANON) == edited;
	     ms++)
		usleep(1000);
	ck_assert_int_eq(write(t->master, keys, strlen(keys)),
			 (ssize_t)strlen(keys));
}

static void type(struct terminal *t, const char *keys)
{
	type_in_mode(t, keys, false);
}

static void type_to_command(struct terminal *t, const char *keys)
{
	type_in_mode(t, keys, true);
}

static int terminal_end(struct terminal *t)
{
	struct pollfd wait = { .fd = t->master, .events = POLLIN };
	char rest[512];
	int state;

	// What it still prints must not stop it. A Ctrl-D that was lost is typed again.
	do
		if (poll(&wait, 1, 3000) == 0)
			type(t, "\004");
	while (wait.revents == 0 || read(t->master, rest, sizeof rest) > 0);
	while (waitpid(t->child, &state, 0) == -1)
		ck_assert_int_eq(errno, EINTR);
	close(t->master);
	ck_assert_msg(WIFEXITED(state), "ended by signal %d", WTERMSIG(state));
	return WEXITSTATUS(state);
}

START_TEST(explain_shell_on_a_terminal)
{
	if (!img_judges())
		SKIP(IMG_NEEDS);
	struct terminal t;
	img_do(MAKE "img mkdir x.img /directory /directory/inner; "
		    "img put x.img notes.txt /directory/inner/");
	terminal_begin(&t);
	terminal_until(&t, "/ > ");
	// Completion of a command, then of a path, step by step.
	type(&t, "pw\t\n");
	terminal_until(&t, "\r\n/\r\n");
	terminal_until(&t, "/ > ");
	type(&t, "cat /dir\tin\tno\t\n");
	terminal_until(&t, "hello");
	terminal_until(&t, "/ > ");
	type(&t, "cd dir\t\n");
	terminal_until(&t, "/directory/ > ");
	type(&t, "cat inner/n\t\n");
	terminal_until(&t, "hello");
	terminal_until(&t, "/directory/ > ");
	// History: the line before comes back with the arrow, or Ctrl-P.
	type(&t, "\020\n");
	terminal_until(&t, "hello");
	terminal_until(&t, "/directory/ > ");
	// Ctrl-C gives a line up, and not the shell.
	// What is typed soon after it may be thrown away with it.
	type(&t, "rm -r /directory\003");
	do
		type(&t, "\npwd\n");
	while (!terminal_sees(&t, "\r\n/directory/\r\n", 3000));
	terminal_until(&t, "/directory/ > ");
	type(&t, "\004");
	ck_assert_int_eq(terminal_end(&t), 0);
	img_prints("hello\n", "img cat x.img /directory/inner/notes.txt");
}
END_TEST

// What Tab writes is read as the one name, whatever stands in that.
START_TEST(explain_shell_completes_hard_names)
{
	if (!img_judges())
		SKIP(IMG_NEEDS);
	struct terminal t;
	img_do(MAKE "img mkdir x.img '/my files' /files /q /q/inner; "
		    "img put x.img notes.txt \"/q/a'b \\\\\\\"#c\"; "
		    "img put x.img notes.txt /q/inner/'x y'; "
		    "img put x.img notes.txt \"/q/inner/x'z\"; "
		    "img put x.img notes.txt \"$(printf '/q/n\\nl')\"");
	terminal_begin(&t);
	terminal_until(&t, "/ > ");
	static const char *const cats[] = {
		"cat /q/a\t\n",
		"cat \"/q/a\t\n",
		"cat '/q/a\t\n",
		"cat /q/a\\'\t\n",
		"cat /q/in\tx\t\\ \t\n",
		"cat '/q/in\tx\t y\t\n",
	};
	for (size_t i = 0; i < sizeof cats / sizeof *cats; i++) {
		type(&t, cats[i]);
		terminal_until(&t, "\r\nhello\r\n");
		terminal_until(&t, "/ > ");
	}
	// A name that cannot be typed is not offered.
	type(&t, "ls /q/n\t\n");
	terminal_until(&t, "ENOENT");
	terminal_until(&t, "/ > ");
	type(&t, "rm -rf /my\t\n");
	terminal_until(&t, "/ > ");
	type(&t, "exit\n");
	ck_assert_int_eq(terminal_end(&t), 0);
	img_prints("files\nlost+found\nq\n", "img ls x.img");
}
END_TEST

// Ctrl-C while a command runs ends that command.
START_TEST(explain_shell_survives_interrupts)
{
	if (!img_judges())
		SKIP(IMG_NEEDS);
	struct terminal t;
	img_do(MAKE "mkfifo pipe");
	terminal_begin(&t);
	terminal_until(&t, "/ > ");
	char command[256];
	snprintf(command, sizeof command, "put - /from-the-terminal\n");
	type(&t, command);
	terminal_until(&t, "from-the-terminal\r\n");
	type_to_command(&t, "a line\n");
	terminal_until(&t, "a line\r\n");
	type_to_command(&t, "\003");
	terminal_until(&t, "/ > ");
	type(&t, "ls\n");
	terminal_until(&t, "lost+found");
	terminal_until(&t, "/ > ");
	type(&t, "exit\n");
	terminal_end(&t);
	img_do("sha256sum <x.img | cmp - before");
}
END_TEST

void add_explain_script_tests(Suite *suite)
{
	TCase *script = tcase_create("script");
	const int n = sizeof lines / sizeof *lines;

	tcase_add_checked_fixture(script, img_set_up, img_tear_down);
	tcase_set_timeout(script, 150);
	tcase_add_test(script, explain_batch_is_one);
	tcase_add_loop_test(script, explain_batch_lines, 0, n);
	tcase_add_test(script, explain_shell_from_a_pipe);
	tcase_add_test(script, explain_shell_on_a_terminal);
	tcase_add_test(script, explain_shell_completes_hard_names);
	tcase_add_test(script, explain_shell_survives_interrupts);
	suite_add_tcase(suite, script);
}
