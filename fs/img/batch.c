// # img batch: many commands, one transaction
//
//     $ img batch disk.img <<'.'
//     mkdir /home
//     put notes.txt /home/          # the line of img put, without IMAGE
//     chmod 600 /home/notes.txt
//     .
//
// All of it happens or nothing: the image is opened once, and committed when the
// last line has succeeded. With --each every line is committed by itself, and what
// stands before a line that fails stays done.
//
// A line that fails is named with its number. So is one that is bad usage, which
// ends the program at once, as it does outside a batch.

#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fs/img/img.h"
#include "fs/img/words.h"
#include "must.h"

struct batch {
	struct session *session;
	const char *script; // NULL or "-": standard input
	bool each;
	bool keep_going;
	unsigned line;
	unsigned done, failed;
};

// ## The command line

enum { OPT_EACH = 256, OPT_KEEP_GOING };

static const struct argp_option table[] = {
	{ "each", OPT_EACH, 0, 0, "Commit every line by itself", 1 },
	{ "keep-going", OPT_KEEP_GOING, 0, 0,
	  "With --each: go on after a line that failed", 1 },
	{ 0 }
};

static error_t parse(int key, char *text, struct argp_state *state)
{
	struct batch *b = state->input;

	switch (key) {
	case OPT_EACH:
		b->each = true;
		return 0;
	case OPT_KEEP_GOING:
		b->keep_going = true;
		return 0;
	case ARGP_KEY_ARG:
		if (b->script)
			argp_failure(state, EXIT_USAGE, 0, "want one SCRIPT");
		b->script = text;
		return 0;
	case ARGP_KEY_END:
		if (b->keep_going && !b->each)
			argp_failure(state, EXIT_USAGE, 0,
				     "--keep-going: want it with --each; "
				     "without, all lines are one");
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static const struct argp parser = {
	.options = table,
	.parser = parse,
	.args_doc = "IMAGE [SCRIPT]",
	.doc = "Runs the commands of SCRIPT (or of standard input), a line "
	       "each, without IMAGE: all of them, or none."
	       "\vBlanks separate words; quotes \"\" and '' keep them "
	       "together; a # begins a comment.\n\n"
	       "Example:\n"
	       "  printf 'mkdir /a\\nput notes.txt /a/\\n' | img batch "
	       "disk.img",
};

// ## A line

static const char *script_name(const struct batch *b)
{
	return b->script && strcmp(b->script, "-") != 0 ? b->script
							: "standard input";
}

static int play(struct batch *b, const struct command *command,
		struct words *words)
{
	struct session line = *b->session;
	char *called = NULL, *where = NULL;

	must(asprintf(&called, "img batch: %s:%u: %s", script_name(b), b->line,
		      command->name));
	must(asprintf(&where, "batch: %s:%u: %s", script_name(b), b->line,
		      command->name));
	line.command = where;
	line.shared = true;
	line.json = false;
	words->word[0] = called;
	int status = command->run(&line, words->count, words->word);
	free(called);
	free(where);
	return status;
}

static int play_line(struct batch *b, const char *text)
{
	struct words words;

	if (words_of(text, &words) != 0)
		return complain(b->session, 0,
				"%s:%u: want the end of the quote",
				script_name(b), b->line);
	int status = EXIT_SUCCESS;
	if (words.count) {
		const struct command *command = command_called(words.word[0]);
		if (!command || command->alone)
			status = complain(b->session, 0, "%s:%u: %s: %s",
					  script_name(b), b->line,
					  words.word[0],
					  command ? "want it outside a batch"
						  : "want a command of img");
		else
			status = play(b, command, &words);
		b->done += status == EXIT_SUCCESS;
	}
	words_free(&words);
	return status;
}

// ## The script

static int commit_line(struct batch *b, int status)
{
	struct session *s = b->session;

	status = session_end(s, status);
	return session_open(s, EXT2_WRITE) ? EXIT_FAILURE : status;
}

static int play_script(struct batch *b, FILE *in)
{
	char *text = NULL;
	size_t room = 0;
	int status = EXIT_SUCCESS, last = EXIT_SUCCESS;

	while (getline(&text, &room, in) != -1) {
		b->line++;
		status = play_line(b, text);
		if (b->each)
			status = commit_line(b, status);
		if (status) {
			last = status;
			b->failed++;
		}
		if ((status && !b->keep_going) || !b->session->fs)
			break;
	}
	if (ferror(in))
		last = complain(b->session, errno, "cannot read %s",
				script_name(b));
	free(text);
	return last;
}

static int batch(struct session *s, int argc, char **argv)
{
	struct batch b = { .session = s };
	FILE *in = stdin;

	command_parse(s, &parser, argc, argv, &b);
	if (b.script && strcmp(b.script, "-") != 0 &&
	    !(in = fopen(b.script, "re")))
		return complain(s, errno, "cannot open %s", b.script);
	int status = in == stdin ? session_stdin(s) : EXIT_SUCCESS;
	s->stdin_is_script |= in == stdin;
	if (!status)
		status = session_open(s, EXT2_WRITE);
	if (!status)
		status = play_script(&b, in);
	if (in != stdin)
		fclose(in);
	if (status && !b.each && b.line)
		complain(s, 0, "nothing of it was done");
	return status;
}

const struct command batch_command = {
	"batch", "many commands as one transaction", "Changing", batch,
	.alone = true
};
