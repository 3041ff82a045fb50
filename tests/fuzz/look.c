// # The program's commands on a hostile image
//
//     look      lists, explains, draws: the option says which command line
//     extract   copies everything out, into a directory of the host
//
// Commands are called as a batch calls them, on an image that is open. What they
// print goes nowhere. Extraction may make nothing outside its target: beside that
// stands a directory to which a symlink of the base points, and which has to stay
// as it is.

#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fs/img/extract.h"
#include "fs/img/img.h"
#include "fs/img/words.h"
#include "must.h"
#include "tests/fuzz/fuzz.h"

// ## Looking

static const struct look {
	const struct command *command;
	const char *line;
	bool json;
} looks[] = {
	{ &ls_command, "img -lRiah", false },
	{ &ls_command, "img -lRi", true },
	{ &tree_command, "img -ais", false },
	{ &tree_command, "img", true },
	{ &stat_command, "img / /dir/file /short /device /dir/large /tree",
	  false },
	{ &stat_command, "img / /dir/file /hard /index /dir/large /tree",
	  true },
	{ &df_command, "img", false },
	{ &df_command, "img", true },
	{ &find_command, "img --type=f --size=+0 --not --name=x* --empty",
	  false },
	{ &find_command, "img --xattr=user.mime --links=+1", true },
	{ &walk_command, "img --hex /dir/up", false },
	{ &walk_command, "img /short", true },
	{ &walk_command, "img --hex /index/77-a-name-that-takes-some-room",
	  false },
	{ &walk_command, "img --no-follow /dir/sub/deep", false },
	{ &dump_command, "img --hex super", false },
	{ &dump_command, "img super", true },
	{ &dump_command, "img --hex group 0", false },
	{ &dump_command, "img group 0", true },
	{ &dump_command, "img --hex inode 2", false },
	{ &dump_command, "img inode 14", true },
	{ &dump_command, "img --hex inode 14", false },
	{ &dump_command, "img --hex block 30", false },
	{ &dump_command, "img block 20", true },
	{ &dump_command, "img --hex dir /", false },
	{ &dump_command, "img dir /index", true },
	{ &dump_command, "img --hex dir /index", false },
	{ &dump_command, "img journal", false },
	{ &dump_command, "img journal", true },
	{ &map_command, "img", false },
	{ &map_command, "img --files", false },
	{ &map_command, "img --files", true },
	{ &who_command, "img 1 5 20 25 30 40", false },
	{ &who_command, "img 1 5 20 25 30 40", true },
	{ &xattr_command, "img /dir/file list", false },
	{ &xattr_command, "img /dir/file list", true },
	{ &xattr_command, "img /dir/file get user.mime", false },
};

enum { LOOKS = sizeof looks / sizeof *looks };

static void look_at(struct session *s, const struct look *look)
{
	struct words words;

	s->command = look->command->name;
	s->json = look->json;
	if (words_of(look->line, &words) != 0)
		return;
	int status = look->command->run(s, words.count, words.word);
	promise(status == EXIT_SUCCESS || status == EXIT_FAILURE,
		"%s: exit status %d", look->line, status);
	words_free(&words);
}

int fuzz_look(const uint8_t *bytes, size_t n)
{
	struct session s = {
		.image_path = "hostile",
		.quiet = true,
		.shared = true,
	};

	if (n < STEPS_BEGIN)
		return 0;
	struct scratch *scratch = scratch_begin(base_of(bytes[0]), bytes, n,
						NULL, NULL);

	scratch->seal = true;
	scratch->device.writable = false;
	s.device = &scratch->device;
	if (ext2_open(s.device, 0, &s.fs, NULL))
		return 0;
	fuzz_hush();
	look_at(&s, &looks[bytes[1] % LOOKS]);
	fuzz_speak();
	ext2_close(s.fs);
	return 0;
}

// ## Extracting

static char folder[64]; // which holds these
static char target[80], outside[80], keep[96];

static int remove_one(const char *path, const struct stat *info, int kind,
		      struct FTW *walk)
{
	(void)info;
	(void)walk;
	return kind == FTW_DP ? rmdir(path) : unlink(path);
}

static int let_in(const char *path, const struct stat *info, int kind,
		  struct FTW *walk)
{
	(void)info;
	(void)walk;
	if (kind == FTW_D || kind == FTW_DNR)
		(void)chmod(path, 0700);
	return 0;
}

static void remove_tree(const char *path)
{
	enum { DESCRIPTORS = 20 };

	(void)nftw(path, let_in, DESCRIPTORS, FTW_PHYS);
	(void)nftw(path, remove_one, DESCRIPTORS, FTW_PHYS | FTW_DEPTH);
}

static void remove_folder(void)
{
	remove_tree(folder);
}

static void make_folder(void)
{
	static const char *const place[] = { "/dev/shm", "/tmp" };

	for (size_t i = 0; i < 2; i++) {
		snprintf(folder, sizeof folder, "%s/oslab-fuzz-XXXXXX",
			 place[i]);
		if (mkdtemp(folder))
			break;
	}
	snprintf(target, sizeof target, "%s/target", folder);
	snprintf(outside, sizeof outside, "%s/outside", folder);
	snprintf(keep, sizeof keep, "%s/outside/keep", folder);
	must(mkdir(outside, 0755));
	must(mkdir(target, 0755));
	must(close(must(open(keep, O_CREAT | O_WRONLY | O_CLOEXEC, 0644))));
	must_zero(atexit(remove_folder));
}

static int names_in(const char *path)
{
	DIR *dir = must_ptr(opendir(path));
	int n = 0;

	for (const struct dirent *entry; (entry = readdir(dir));)
		n += !!strcmp(entry->d_name, ".") &&
		     !!strcmp(entry->d_name, "..");
	closedir(dir);
	return n;
}

static void judge_outside(const struct stat *before)
{
	struct stat dir, file;

	must(stat(outside, &dir));
	must(stat(keep, &file));
	promise(names_in(folder) == 2 && names_in(outside) == 1,
		"a new name outside the target");
	promise(dir.st_mode == before[0].st_mode &&
			file.st_mode == before[1].st_mode &&
			file.st_size == 0 && dir.st_uid == before[0].st_uid &&
			file.st_uid == before[1].st_uid && file.st_nlink == 1,
		"what is outside the target has changed");
}

int fuzz_extract(const uint8_t *bytes, size_t n)
{
	struct session s = {
		.image_path = "hostile",
		.command = "get",
		.quiet = true,
		.shared = true,
	};
	struct progress progress;
	struct stat before[2];

	if (n < STEPS_BEGIN)
		return 0;
	if (!*folder)
		make_folder();
	struct scratch *scratch = scratch_begin(base_of(bytes[0]), bytes, n,
						NULL, NULL);
	struct extraction x = {
		.session = &s,
		.force = bytes[1] & 1,
		.owners = geteuid() == 0 && bytes[1] & 2,
		.xattrs = bytes[1] & 4,
		.progress = &progress,
	};

	scratch->seal = true;
	scratch->device.writable = false;
	s.device = &scratch->device;
	if (ext2_open(s.device, 0, &s.fs, NULL))
		return 0;
	must(stat(outside, &before[0]));
	must(stat(keep, &before[1]));
	fuzz_hush();
	progress_begin(&progress, &s, "copying", 0);
	if (extract_begin(&x, target) == EXIT_SUCCESS) {
		(void)extract_tree(&x, INO_ROOT, "/", "");
		// Over what is there now, as --force allows it.
		if (bytes[1] & 8)
			(void)extract_tree(&x, INO_ROOT, "/", "");
		extract_end(&x);
	}
	progress_end(&progress);
	fuzz_speak();
	ext2_close(s.fs);
	remove_tree(target);
	must(mkdir(target, 0755));
	judge_outside(before);
	return 0;
}
