// # img: a file system in a file
//
// Chapter 17 · File systems (파일 시스템)

#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "draw.h"
#include "fs/img/img.h"
#include "names.h"

static const char chapter[] = "17 · File systems";
static const char summary[] =
	"makes, reads, edits, checks and explains ext2 and ext3 images";

// ## The commands, as --help lists them

const struct command *const commands[] = {
	&ls_command,       &tree_command,
	&cat_command,      &stat_command,
	&df_command,       &find_command,
	&get_command,      &diff_command,
	&put_command,      &mkdir_command,
	&rm_command,       &mv_command,
	&ln_command,       &chmod_command,
	&chown_command,    &touch_command,
	&truncate_command, &mknod_command,
	&xattr_command,    &mkfs_command,
	&walk_command,     &dump_command,
	&map_command,      &who_command,
	&fsck_command,     &undelete_command,
	&resize_command,   &defrag_command,
	&fill_command,     &inject_command,
	&exercise_command, &batch_command,
	&shell_command,    NULL,
};

const struct command *command_called(const char *name)
{
	for (size_t i = 0; commands[i]; i++)
		if (!strcmp(commands[i]->name, name))
			return commands[i];
	return NULL;
}

// ## A name that is not there

// How many letters must be put in, taken out, replaced or swapped with their
// neighbour to make one word of the other (Damerau, "A technique for computer
// detection and correction of spelling errors", CACM 1964).
static int distance(const char *a, const char *b)
{
	enum { LONGEST = 32 };
	int row[LONGEST + 1][LONGEST + 1];
	int m = (int)strnlen(a, LONGEST), n = (int)strnlen(b, LONGEST);

	for (int i = 0; i <= m; i++) {
		for (int j = 0; j <= n; j++) {
			if (i == 0 || j == 0) {
				row[i][j] = i + j;
				continue;
			}
			int least = row[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
			if (row[i - 1][j] + 1 < least)
				least = row[i - 1][j] + 1;
			if (row[i][j - 1] + 1 < least)
				least = row[i][j - 1] + 1;
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] &&
			    a[i - 2] == b[j - 1] &&
			    row[i - 2][j - 2] + 1 < least)
				least = row[i - 2][j - 2] + 1;
			row[i][j] = least;
		}
	}
	return row[m][n];
}

static int unknown(const char *name)
{
	const char *nearest = commands[0]->name;
	char *text = shown(name, strlen(name));

	for (size_t i = 1; commands[i]; i++)
		if (distance(name, commands[i]->name) < distance(name, nearest))
			nearest = commands[i]->name;
	fprintf(stderr,
		"img: no command `%.60s'; do you mean `%s'? `img --help' lists "
		"them\n",
		text, nearest);
	free(text);
	return EXIT_USAGE;
}

// ## --help

static int name_columns(void)
{
	int longest = 0;

	for (size_t i = 0; commands[i]; i++)
		if ((int)strlen(commands[i]->name) > longest)
			longest = (int)strlen(commands[i]->name);
	return longest;
}

static void list_commands(const char *heading, int columns)
{
	char before[64];
	int width = name_columns();
	bool any = false;

	for (size_t i = 0; commands[i]; i++) {
		if (strcmp(commands[i]->heading, heading) != 0)
			continue;
		if (!any)
			printf("\n%s\n", heading);
		any = true;
		snprintf(before, sizeof before, "  %-*s  ", width,
			 commands[i]->name);
		put_wrapped(stdout, columns, before, width + 4,
			    commands[i]->summary);
	}
}

static int help(void)
{
	static const char *const headings[] = { "Looking",    "Changing",
						"Making",     "Caring",
						"Explaining", "Teaching" };
	int columns = canvas_of(STDOUT_FILENO).columns;

	puts("Usage: img COMMAND IMAGE [ARGUMENT...]\n");
	put_wrapped(stdout, columns, "", 0,
		    "Makes, reads, edits, checks and explains ext2 and ext3 "
		    "images (and reads ext4), without mounting them and "
		    "without root.");
	puts("(chapter 17 · File systems)");
	for (size_t i = 0; i < sizeof headings / sizeof *headings; i++)
		list_commands(headings[i], columns);
	puts("\nExamples:\n"
	     "  img mkfs disk.img --from=tree\n"
	     "  img ls -l disk.img /home\n"
	     "  img put disk.img notes.txt /home/\n"
	     "  img get disk.img /home copy\n"
	     "  img put --help\n");
	put_wrapped(stdout, columns, "", 0,
		    "Exit status: 0 done, and what was changed is on stable "
		    "storage; 1 it failed; 2 bad usage; 77 this host lacks "
		    "what was asked for. fsck has those of fsck(8).");
	return EXIT_SUCCESS;
}

static int sweep(void)
{
	int n = names_sweep();

	if (n < 0) {
		fprintf(stderr, "img: cannot remove all that was left: %s\n",
			strerror(-n));
		return EXIT_FAILURE;
	}
	if (n == 0)
		puts("nothing to sweep");
	else
		printf("swept %d %s that killed programs had left\n", n,
		       n == 1 ? "object" : "objects");
	return EXIT_SUCCESS;
}

// ## One command

static int perform(const struct command *command, int argc, char **argv)
{
	struct session session = { .command = command->name };
	char name[64];

	snprintf(name, sizeof name, "img %s", command->name);
	argv[0] = name;
	int status = command->run(&session, argc, argv);
	return session_end(&session, status);
}

static int help_on(int argc, char **argv)
{
	char option[] = "--help", *arguments[] = { argv[0], option, NULL };

	if (argc < 2)
		return help();
	const struct command *command = command_called(argv[1]);
	return command ? perform(command, 2, arguments) : unknown(argv[1]);
}

static int choose(int argc, char **argv)
{
	const char *word = argc < 2 ? "" : argv[1];

	if (argc < 2)
		fputs("img: want a command: `img --help' lists them\n", stderr);
	else if (!strcmp(word, "--help") || !strcmp(word, "-?") ||
		 !strcmp(word, "-h"))
		return help();
	else if (!strcmp(word, "help"))
		return help_on(argc - 1, argv + 1);
	else if (!strcmp(word, "--version") || !strcmp(word, "-V"))
		return puts(argp_program_version) < 0;
	else if (!strcmp(word, "--sweep"))
		return sweep();
	else if (!strcmp(word, "--catalogue"))
		return printf("fs/img\t%s\t%s\ttool\n", summary, chapter) < 0;
	else if (*word == '-')
		fprintf(stderr,
			"img: the command comes before its options: want `img "
			"COMMAND IMAGE ...'\n");
	else if (command_called(word))
		return perform(command_called(word), argc - 1, argv + 1);
	else
		return unknown(word);
	return EXIT_USAGE;
}

int main(int argc, char **argv)
{
	options_begin("fs/img");
	return options_end(choose(argc, argv));
}
