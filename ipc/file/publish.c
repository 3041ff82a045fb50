// # Publish: all of the new, or all of the old
//
// A settings file, a page, a result: written by one, read by many, at any time.

#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file.h"
#include "lab.h"

// ## Write beside it, then rename
//
// In place, the old text must go before the new one comes, and whoever reads in
// between gets nothing, or half. So write the new text into a file beside it,
// and when it is complete give it the name. rename(2) puts one inode in the
// place of another in one step: the name is never missing, never half a file.
// (Both must lie on one file system. To survive a loss of power as well, fsync(2)
// the file before the rename and its directory after it.)
//
// Who has the old file open keeps it, for an inode lives until its last name and
// its last descriptor are gone: what it reads is old, and whole.
//
// A reader, a process of its own, opens the name after each of the writer's
// steps.

enum { STEPS = 4, TEXT = 16 };

static const char old[] = "old old", new[] = "new new";

static void look(const char *path, char *shared_text)
{
	pid_t reader = fork_as("reader");

	if (reader == 0) {
		read_text(path, shared_text, TEXT);
		_exit(0);
	}
	reap(reader);
}

// Opens `target`, writes half, writes the rest; then `target` gets the name
// `path`, if it is not the same file.
static void rewrite(const char *target, const char *path, char (*seen)[TEXT])
{
	int fd = must(open(target, O_WRONLY | O_TRUNC | O_CLOEXEC));

	look(path, seen[0]);
	must(write(fd, "new", 3));
	look(path, seen[1]);
	must(write(fd, " new", 4));
	look(path, seen[2]);
	must(close(fd));
	if (target != path)
		must(rename(target, path));
	look(path, seen[3]);
}

static bool saw(char (*seen)[TEXT], const char *const wanted[STEPS])
{
	int same = 0;

	for (int i = 0; i < STEPS; i++)
		same += !strcmp(seen[i], wanted[i]);
	return same == STEPS;
}

void publish(void)
{
	static const char *const labels[STEPS] = {
		"open, O_TRUNC", "write half", "write the rest", "close, rename"
	};
	char(*placed)[TEXT] = shared_memory(STEPS * TEXT);
	char(*renamed)[TEXT] = shared_memory(STEPS * TEXT), kept[TEXT] = "";
	const char *first = file_with(old), *second = file_with(old);
	const char *draft = file_with("");
	struct picture picture;
	struct stat facts;
	int reader = open_again(second);

	rewrite(first, first, placed);
	rewrite(draft, second, renamed);
	say("what a reader finds after each of the writer's steps:");
	picture_begin(&picture);
	fprintf(picture.stream, "%-16s%-11s%s\n", "", "in place", "renamed");
	for (int i = 0; i < STEPS; i++)
		fprintf(picture.stream, "%-16s\"%s\"%*s \"%s\"\n", labels[i],
			placed[i], 8 - (int)strlen(placed[i]), "", renamed[i]);
	picture_end(&picture);
	claim(saw(placed, (const char *[]){ "", "new", new, new }),
	      "in place: a reader finds first nothing, then half");
	claim(saw(renamed, (const char *[]){ old, old, old, new }),
	      "renamed: at every step all of the old or all of the new");

	must(read(reader, kept, sizeof kept - 1));
	must(fstat(reader, &facts));
	say("the old file, open here: %ju names, and it says \"%s\"",
	    (uintmax_t)facts.st_nlink, kept);
	claim(facts.st_nlink == 0 && !strcmp(kept, old),
	      "who had opened it before still reads all of the old");
}
