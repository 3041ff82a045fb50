// # img shell: the commands of img, by hand
//
//     $ img shell disk.img
//     / > cd home/ubuntu
//     /home/ubuntu > ls -l
//     ...
//     /home/ubuntu > put ../notes.txt .
//
// A line is a command of img without IMAGE; paths may be relative to where cd led.
// Every line is a process and a transaction of its own: Ctrl-C ends the command, or
// gives up the line that is being typed, and not the shell, and the image is free for others between two lines. Tab completes
// commands and the image's paths, and names of the host after ./ or ../ or for
// the sources of put. From a pipe it reads lines as a batch --each --keep-going does.
//
// Line editing: libedit, by its interface of GNU readline.

#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <editline/readline.h>

#include "fs/img/img.h"
#include "fs/img/words.h"
#include "must.h"
#include "utf8.h"

static const struct argp parser = {
	.args_doc = "IMAGE",
	.doc = "Takes commands of img by hand, without IMAGE, with cd, pwd, "
	       "help and exit; Tab completes."
	       "\vExample:\n"
	       "  img shell disk.img",
};

// What libedit calls has no argument to carry this.
static struct shell {
	struct session *session;
	char *cwd; // begins and ends with / ; the root is "/"
	bool terminal;
	int status;
} shell;

// ## Where we are

// "a", "../b" and "/c" as seen from cwd, without dots and double slashes.
static char *absolute(const char *path)
{
	char *all = NULL, *rest, *part;
	size_t length = 0;

	must(asprintf(&all, "%s/%s", *path == '/' ? "" : shell.cwd, path));
	char *clean = must_ptr(calloc(1, strlen(all) + 3));
	rest = all;
	clean[length++] = '/';
	while ((part = strsep(&rest, "/"))) {
		if (!*part || !strcmp(part, "."))
			continue;
		if (!strcmp(part, "..")) {
			while (length > 1 && clean[--length - 1] != '/')
				;
			continue;
		}
		memcpy(clean + length, part, strlen(part));
		length += strlen(part);
		clean[length++] = '/';
	}
	clean[length] = '\0';
	free(all);
	return clean;
}

// A session on the same image, not yet open.
static struct session fresh(void)
{
	return (struct session){
		.command = "shell",
		.image_path = shell.session->image_path,
		.offset = shell.session->offset,
		.bytes = shell.session->bytes,
		.partition = shell.session->partition,
		.quiet = true,
	};
}

static int change_directory(int argc, char **argv)
{
	char *path = absolute(argc > 1 ? argv[1] : "/");
	struct session s = fresh();
	struct ext2_inode inode;

	int status = session_open(&s, EXT2_READ_ONLY);
	if (!status)
		status = reach_inode(&s, path, 0, &inode);
	if (!status && !S_ISDIR(inode.mode))
		status = complain(&s, -ENOTDIR, "%s", path);
	session_end(&s, status);
	if (status) {
		free(path);
		return status;
	}
	free(shell.cwd);
	shell.cwd = path;
	return EXIT_SUCCESS;
}

// ## A line

// In a process of its own; the words get IMAGE in front. What the shell has read of
// its input ahead is not this process's to give back.
static _Noreturn void perform(const struct command *command,
			      const struct words *words)
{
	struct session s = fresh();
	char name[64], **argv;

	s.command = command->name;
	s.quiet = false;
	s.image_path = NULL;
	s.stdin_is_script = !shell.terminal;
	argv = must_ptr(calloc((size_t)words->count + 2, sizeof *argv));
	snprintf(name, sizeof name, "img %s", command->name);
	argv[0] = name;
	argv[1] = (char *)shell.session->image_path;
	memcpy(argv + 2, words->word + 1,
	       (size_t)(words->count - 1) * sizeof *argv);
	struct session look = fresh();
	if (session_open(&look, EXT2_READ_ONLY) == 0 &&
	    ext2_walk(look.fs, INO_ROOT, shell.cwd, 0, NULL, NULL, &s.start) !=
		    0)
		s.start = 0;
	session_end(&look, EXIT_FAILURE);
	int status = command->run(&s, words->count + 1, argv);
	status = session_end(&s, status);
	free(argv);
	exit(options_end(status));
}

static int run_apart(const struct command *command, const struct words *words)
{
	sigset_t interrupt, before;
	int state;

	fflush(stdout);
	// A Ctrl-C that comes before the child has left our handler waits for that.
	sigemptyset(&interrupt);
	sigaddset(&interrupt, SIGINT);
	must(sigprocmask(SIG_BLOCK, &interrupt, &before));
	pid_t child = must(fork());
	if (!child)
		signal(SIGINT, SIG_DFL);
	must(sigprocmask(SIG_SETMASK, &before, NULL));
	if (!child) {
		__fpurge(stdin);
		perform(command, words);
	}
	while (waitpid(child, &state, 0) == -1)
		if (errno != EINTR)
			return EXIT_FAILURE;
	if (WIFSIGNALED(state)) {
		fprintf(stderr, "%s: %s\n", command->name,
			strsignal(WTERMSIG(state)));
		return 128 + WTERMSIG(state);
	}
	return WEXITSTATUS(state);
}

static int help(void)
{
	printf("cd [DIR]   where relative paths begin\n"
	       "pwd        says it\n"
	       "exit       leaves (as Ctrl-D does)\n\n"
	       "and the commands of img, without IMAGE:\n");
	for (size_t i = 0; commands[i]; i++)
		if (!commands[i]->alone || !strcmp(commands[i]->name, "fsck"))
			printf("  %-10s %s\n", commands[i]->name,
			       commands[i]->summary);
	printf("\n`ls --help' and the like say more.\n");
	return EXIT_SUCCESS;
}

// Returns false when it is the last line.
static bool play_line(const char *line)
{
	struct words words;
	bool go_on = true;

	if (words_of(line, &words) != 0) {
		fprintf(stderr, "img shell: want the end of the quote\n");
		shell.status = EXIT_USAGE;
		return true;
	}
	const char *name = words.count ? words.word[0] : "";
	const struct command *command = command_called(name);
	if (!strcmp(name, "exit") || !strcmp(name, "quit"))
		go_on = false;
	else if (!strcmp(name, "cd"))
		shell.status = change_directory(words.count, words.word);
	else if (!strcmp(name, "pwd"))
		printf("%s\n", shell.cwd);
	else if (!strcmp(name, "help"))
		shell.status = help();
	else if (command && command != &shell_command)
		shell.status = run_apart(command, &words);
	else if (words.count) {
		char *text = shown(name, strlen(name));
		fprintf(stderr,
			"img shell: no command `%s'; `help' lists "
			"them\n",
			text);
		free(text);
		shell.status = EXIT_USAGE;
	}
	words_free(&words);
	return go_on;
}

// ## Completion

//
// What has been typed stays, in whatever quotes it stands; what the names that fit
// have in common is written on, such that words.c reads it as it is.

struct matches {
	char **text; // libedit's: [0] is what they have in common
	size_t count;
	const char *begin; // of the name
	size_t begin_length;
};

// Neither a control nor what libedit cannot decode: it would take the word away.
static bool can_be_typed(const char *text)
{
	const char *whole = text;
	size_t bytes;
	uint32_t c;

	for (; (c = utf8_next(text, &bytes)); text += bytes)
		if (c < ' ' || (c >= 0x7f && c < 0xa0) || c == UTF8_INVALID)
			return false;
	return mbstowcs(NULL, whole, 0) != (size_t)-1;
}

static void add_match(struct matches *m, const char *name, size_t length,
		      const char *after)
{
	char *text;

	if (length < m->begin_length || memchr(name, '\0', length) ||
	    memcmp(name, m->begin, m->begin_length) != 0)
		return;
	must(asprintf(&text, "%.*s%s", (int)length, name, after));
	if (!can_be_typed(text)) {
		free(text);
		return;
	}
	m->text = must_ptr(realloc(m->text, (m->count + 3) * sizeof *m->text));
	m->text[++m->count] = text;
	m->text[m->count + 1] = NULL;
}

static bool is_dots(const char *name, size_t length)
{
	return name[0] == '.' &&
	       (length == 1 || (length == 2 && name[1] == '.'));
}

static int match_entry(void *context, const struct ext2_entry *entry)
{
	if (!is_dots(entry->name, entry->name_len))
		add_match(context, entry->name, entry->name_len,
			  entry->type == TYPE_DIRECTORY ? "/" : "");
	return 0;
}

static void match_paths(struct matches *m, const char *above)
{
	struct session s = fresh();
	char *path = absolute(above);
	uint32_t dir;

	if (session_device(&s, DEVICE_READ) == 0 &&
	    ext2_open(s.device, 0, &s.fs, NULL) == 0 &&
	    ext2_walk(s.fs, INO_ROOT, path, 0, NULL, NULL, &dir) == 0)
		ext2_list(s.fs, dir, match_entry, m);
	session_end(&s, EXIT_FAILURE);
	free(path);
}

static void match_host(struct matches *m, const char *above)
{
	DIR *dir = opendir(*above ? above : ".");
	struct dirent *entry;
	struct stat info;

	while (dir && (entry = readdir(dir))) {
		const char *name = entry->d_name;
		bool directory = fstatat(dirfd(dir), name, &info, 0) == 0 &&
				 S_ISDIR(info.st_mode);
		if (!is_dots(name, strlen(name)))
			add_match(m, name, strlen(name), directory ? "/" : "");
	}
	if (dir)
		closedir(dir);
}

static void match_commands(struct matches *m)
{
	static const char *const own[] = { "cd", "pwd", "help", "exit" };

	for (size_t i = 0; commands[i]; i++)
		add_match(m, commands[i]->name, strlen(commands[i]->name), "");
	for (size_t i = 0; i < sizeof own / sizeof *own; i++)
		add_match(m, own[i], strlen(own[i]), "");
}

// The beginning that all have in common, in whole characters.
static size_t common_length(const struct matches *m)
{
	const char *first = m->text[1];
	size_t length = 0, bytes;

	while (utf8_next(first + length, &bytes)) {
		for (size_t i = 2; i <= m->count; i++)
			if (strncmp(first, m->text[i], length + bytes) != 0)
				return length;
		length += bytes;
	}
	return length;
}

// The first of the texts: what is to stand instead of `typed`.
static void write_on(struct matches *m, const char *typed, char quote)
{
	size_t length = common_length(m);
	const char *first = m->text[1];
	bool done = m->count == 1 && length && first[length - 1] != '/';
	char *rest = words_escaped(first + m->begin_length,
				   length - m->begin_length, quote);

	must(asprintf(&m->text[0], "%s%s%.*s", typed, rest, done && quote,
		      &quote));
	free(rest);
	if (m->count == 1) {
		free(m->text[1]);
		m->text[1] = must_ptr(strdup(m->text[0]));
	}
}

static bool of_host(const char *line, const char *text)
{
	return !strncmp(text, "./", 2) || !strncmp(text, "../", 3) ||
	       (!strncmp(line, "put ", 4) && *text != '/');
}

static char **complete(const char *typed, int start, int end)
{
	char *line = must_ptr(strndup(rl_line_buffer, (size_t)end));
	struct matches m = { 0 };
	struct word_begun word;

	(void)start;
	rl_attempted_completion_over = 1;
	rl_completion_append_character = '\0';
	if (words_begun(line, &word)) {
		char *slash = strrchr(word.text, '/');
		m.begin = slash ? slash + 1 : word.text;
		m.begin_length = strlen(m.begin);
		char *above = must_ptr(
			strndup(word.text, (size_t)(m.begin - word.text)));
		if (word.first)
			match_commands(&m);
		else if (of_host(line, word.text))
			match_host(&m, above);
		else
			match_paths(&m, above);
		if (m.count)
			write_on(&m, typed, word.quote);
		free(above);
		free(word.text);
	}
	free(line);
	return m.text;
}

// ## Ctrl-C
//
// libedit's own handler would give the terminal back and then wait on for the rest
// of the line. So the keys are read here, where a signal ends the wait, and with it
// the line.

static volatile sig_atomic_t interrupted;

static void on_interrupt(int signal)
{
	(void)signal;
	interrupted = 1;
}

static int next_key(FILE *in)
{
	unsigned char key;
	ssize_t n = -1;

	while (!interrupted && (n = read(fileno(in), &key, 1)) == -1 &&
	       errno == EINTR)
		;
	return n == 1 ? key : EOF;
}

static void catch_interrupts(void)
{
	const struct sigaction action = { .sa_handler = on_interrupt };

	must(sigaction(SIGINT, &action, NULL));
	rl_catch_signals = 0;
	rl_getc_function = next_key;
}

// ## The shell

static char *next_line(void)
{
	char *prompt = NULL, *line = NULL;
	size_t room = 0;

	if (shell.terminal) {
		char *cwd = shown(shell.cwd, strlen(shell.cwd));
		must(asprintf(&prompt, "%s > ", cwd));
		do {
			interrupted = 0;
			line = readline(prompt);
			if (interrupted) {
				putchar('\n');
				free(line);
				line = NULL;
			}
		} while (interrupted);
		if (line && *line)
			add_history(line);
		free(prompt);
		free(cwd);
		return line;
	}
	if (getline(&line, &room, stdin) != -1)
		return line;
	free(line);
	return NULL;
}

static int play(struct session *s, int argc, char **argv)
{
	char *line;
	bool go_on = true;

	command_parse(s, &parser, argc, argv, NULL);
	shell = (struct shell){
		.session = s,
		.cwd = must_ptr(strdup("/")),
		.terminal = isatty(STDIN_FILENO),
	};
	int status = session_open(s, EXT2_READ_ONLY);
	if (status)
		return status;
	session_end(s, EXIT_FAILURE);
	if (shell.terminal)
		catch_interrupts();
	rl_readline_name = "img";
	rl_attempted_completion_function = complete;
	rl_basic_word_break_characters = " \t";
	while (go_on && (line = next_line())) {
		go_on = play_line(line);
		free(line);
	}
	if (shell.terminal && go_on)
		putchar('\n');
	free(shell.cwd);
	return shell.status;
}

const struct command shell_command = {
	"shell", "these commands by hand, with completion", "Changing", play,
	.alone = true
};
