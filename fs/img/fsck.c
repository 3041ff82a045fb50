// # fsck: does an image hold together
//
//     $ img fsck -y disk.img
//     Inode 12 (/home/x): block 733 is also claimed by inode 15 (/home/y).
//       repaired: gives this inode a copy of its own
//     disk.img: 35 files, 4 directories, 2 symlinks; 1 in pieces (2.4 %)
//     disk.img: 52 of 128 inodes and 733 of 2048 blocks are used
//     disk.img: 1 finding, 1 repaired
//
// What is looked at and how it is repaired is the module's doing (check.h). Here is
// who decides: with -y and -n nobody is asked, with -p what is safe is done (that
// is, what nobody can lose anything by), until something is met that is not: from
// then on nothing is repaired any more, as it might depend on that. Without an
// option the question goes to the terminal, and where there is none the answer is
// no.
//
// Repairs gather in memory, above the image. When the check has ended they are
// applied: first what stands in their places is saved in IMAGE.undo and flushed,
// then they are written and flushed, then IMAGE.undo is removed. Killed before, the
// image is as it was; killed in between, the next fsck finds IMAGE.undo and first
// puts back what it holds. Ctrl-C is heeded up to the first write, and from there
// on no more.
//
// Without repair a log that waits for its replay is played in memory, and what
// results is checked: that it waits is no finding, as the next mount plays it.
//
// The exit status is that of fsck(8): 0 nothing is wrong, 1 all was repaired, 4
// something is left, 8 it could not be checked, or its report not be written (added
// to the others), 16 bad usage, 32 Ctrl-C. No image needs the 2, "reboot".

#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fs/ext2/check.h"
#include "fs/img/img.h"
#include "must.h"

enum {
	FSCK_CLEAN = 0,
	FSCK_REPAIRED = 1,
	FSCK_LEFT = 4,
	FSCK_TROUBLE = 8,
	FSCK_USAGE = 16,
	FSCK_CANCELED = 32
};

enum answer { ANSWER_ASK, ANSWER_NO, ANSWER_YES, ANSWER_SAFE };

struct fsck {
	struct session *session;
	enum answer answer;
	bool force;
	const char *keep_undo, *undo_from;
	uint64_t super_block;
	uint32_t block_bytes;

	char *undo_path;
	struct progress progress;
	bool all;        // "a" to a question: yes to all that come
	bool unsafe_met; // with -p
	bool any;        // JSON: a finding was printed
	bool mounted;    // and only looked at
};

// ## Options

enum { OPT_KEEP = 256, OPT_UNDO };

static const struct argp_option table[] = {
	{ "no", 'n', 0, 0, "Repair nothing, write nothing", 1 },
	{ "yes", 'y', 0, 0, "Repair everything", 1 },
	{ "preen", 'p', 0, 0,
	  "Repair what is safe; 4 is the exit status if there is more", 1 },
	{ 0, 'a', 0, OPTION_ALIAS, 0, 1 },
	{ "force", 'f', 0, 0,
	  "Check also what the superblock says is clean", 2 },
	{ "superblock", 'b', "BLOCK", 0,
	  "Take this copy of the superblock", 3 },
	{ "block-size", 'B', "SIZE", 0,
	  "The size that --superblock counts in", 3 },
	{ "keep-undo", OPT_KEEP, "FILE", 0,
	  "Save what is overwritten in FILE, and keep that", 4 },
	{ "undo", OPT_UNDO, "FILE", 0,
	  "Put back what such a FILE holds, and nothing else", 4 },
	{ 0 }
};

static void set_answer(struct fsck *k, const struct argp_state *state,
		       enum answer answer)
{
	if (k->answer && k->answer != answer)
		argp_failure(state, FSCK_USAGE, 0, "want one of -n, -y and -p");
	k->answer = answer;
}

static error_t parse(int key, char *text, struct argp_state *state)
{
	struct fsck *k = state->input;

	switch (key) {
	case 'n':
		set_answer(k, state, ANSWER_NO);
		return 0;
	case 'y':
		set_answer(k, state, ANSWER_YES);
		return 0;
	case 'p':
	case 'a':
		set_answer(k, state, ANSWER_SAFE);
		return 0;
	case 'f':
		k->force = true;
		return 0;
	case 'b':
		k->super_block = (uint64_t)option_number(state, "--superblock",
							 text, 1, UINT32_MAX);
		return 0;
	case 'B':
		k->block_bytes = (uint32_t)option_size(state, "--block-size",
						       text, 1024, 65536);
		if (k->block_bytes & (k->block_bytes - 1))
			option_refuse(state, "--block-size", text,
				      "a power of two from 1K to 64K");
		return 0;
	case OPT_KEEP:
		if (!*text || access(text, F_OK) == 0)
			option_refuse(state, "--keep-undo", text,
				      "a file that does not exist yet");
		k->keep_undo = text;
		return 0;
	case OPT_UNDO:
		k->undo_from = text;
		return 0;
	case ARGP_KEY_END:
		if (k->keep_undo && k->answer == ANSWER_NO)
			argp_failure(state, FSCK_USAGE, 0,
				     "--keep-undo with -n: nothing is "
				     "overwritten then");
		if (k->block_bytes && !k->super_block)
			argp_failure(state, FSCK_USAGE, 0,
				     "--block-size: want it with --superblock");
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static const struct argp parser = {
	.options = table,
	.parser = parse,
	.args_doc = "IMAGE",
	.doc = "Checks an ext2 or ext3 image, and repairs it. Without -n, -y "
	       "or "
	       "-p each repair is asked for on the terminal; where there is "
	       "none, it is -n."
	       "\vExamples:\n"
	       "  img fsck -n disk.img\n"
	       "  img fsck -y --keep-undo=before disk.img\n"
	       "  img fsck --undo=before disk.img\n\n"
	       "Exit status: 0 nothing is wrong; 1 all was repaired; 4 "
	       "something is left; 8 it could not be checked; 16 bad usage; "
	       "32 Ctrl-C, and the image is as it was.",
};

// ## Ctrl-C
//
// Until the repairs are applied nothing has been written: the program just ends.

static void canceled(int number)
{
	static const char text[] =
		"\nimg fsck: canceled; nothing has been repaired\n";

	(void)number;
	if (write(STDERR_FILENO, text, sizeof text - 1) < 0)
		_exit(FSCK_TROUBLE | FSCK_CANCELED);
	_exit(FSCK_CANCELED);
}

static const int canceling[] = { SIGINT, SIGTERM };

static void on_cancel(void (*handler)(int))
{
	struct sigaction old, new = { .sa_handler = handler };

	for (size_t i = 0; i < sizeof canceling / sizeof *canceling; i++) {
		must(sigaction(canceling[i], NULL, &old));
		if (old.sa_handler != SIG_IGN)
			must(sigaction(canceling[i], &new, NULL));
	}
}

// ## Trouble

static int trouble(const struct fsck *k, int error, const char *text)
{
	complain(k->session, error, "%s", text);
	return FSCK_TROUBLE;
}

// ## Findings

static void print_finding(struct fsck *k, const struct finding *f,
			  const char *state)
{
	char *text = shown_line(f->text, strlen(f->text));

	progress_end(&k->progress);
	printf("%s.\n", text);
	if (f->pending)
		puts("  played in memory for this check; -y or -p plays it for "
		     "good");
	else if (state)
		printf("  %s: %s\n", state, f->repair);
	free(text);
}

static void print_finding_json(struct fsck *k, const struct finding *f,
			       bool repaired)
{
	json_t *object = must_ptr(
		json_pack("{s:s, s:b, s:I, s:I, s:s, s:b}", "code", f->code,
			  "safe", (int)f->safe, "block", (json_int_t)f->block,
			  "inode", (json_int_t)f->inode, "repair", f->repair,
			  "repaired", (int)repaired));
	char *line;

	json_set_name(object, "text", f->text, strlen(f->text));
	if (f->path)
		json_set_name(object, "path", f->path, strlen(f->path));
	line = must_ptr(json_dumps(object, JSON_PRESERVE_ORDER));
	printf("%s\n  %s", k->any ? "," : "", line);
	k->any = true;
	free(line);
	json_decref(object);
}

static void found(void *context, const struct finding *f, bool repaired)
{
	struct fsck *k = context;

	if (f->pending && k->session->json)
		return; // it is no finding: "played" says it
	if (k->session->json)
		print_finding_json(k, f, repaired);
	else if (k->answer != ANSWER_ASK)
		print_finding(k, f,
			      repaired                 ? "repaired"
			      : k->answer == ANSWER_NO ? "repair"
						       : "not repaired");
}

static bool ask(struct fsck *k, const struct finding *f)
{
	char *line = NULL;
	size_t room = 0;
	char answer;

	print_finding(k, f, NULL);
	for (;;) {
		printf("  %s? (yes, no, all) ", f->repair);
		fflush(stdout);
		if (getline(&line, &room, stdin) < 0) {
			puts("no");
			answer = 'n';
			break;
		}
		answer = line[strspn(line, " \t")];
		if (answer && strchr("ynaYNA", answer))
			break;
	}
	free(line);
	k->all = answer == 'a' || answer == 'A';
	return answer != 'n' && answer != 'N';
}

static bool agree(void *context, const struct finding *f)
{
	struct fsck *k = context;

	switch (k->answer) {
	case ANSWER_NO:
		return false;
	case ANSWER_YES:
		return true;
	case ANSWER_SAFE:
		k->unsafe_met |= !f->safe;
		return !k->unsafe_met;
	default:
		if (!k->all)
			return ask(k, f);
		print_finding(k, f, "repaired");
		return true;
	}
}

static void show_progress(void *context, const char *phase, double share)
{
	struct fsck *k = context;

	k->progress.what = phase;
	k->progress.done = (uint64_t)(share * 1000);
	progress_add(&k->progress, 0);
}

// ## A repair that was cut off

static int put_back(struct fsck *k, struct device *device, bool memory_only)
{
	int error = device_undo(device, k->undo_path);

	if (error == -ENODATA) {
		if (!memory_only)
			device_undo_remove(k->undo_path);
		return FSCK_CLEAN;
	}
	if (error) {
		complain(k->session, error == -EINVAL ? 0 : error,
			 error == -EINVAL
				 ? "%s is not what a repair of this image has "
				   "left, or others have changed the image "
				   "since: want it moved away"
				 : "cannot put back what %s holds",
			 k->undo_path);
		return FSCK_TROUBLE;
	}
	if (!k->session->json)
		printf("%s: a repair was cut off; what it had overwritten %s\n",
		       k->session->image_path,
		       memory_only ? "is put back in memory for this check"
				   : "has been put back");
	error = memory_only ? 0 : device_undo_remove(k->undo_path);
	return error ? trouble(k, error, "cannot remove the undo file")
		     : FSCK_CLEAN;
}

// Whether this is the file that the next fsck would put back anyway.
static bool is_left_over(const struct session *s, const char *path)
{
	char *left = session_undo_path(s);
	struct stat a, b;
	bool same = !stat(left, &a) && !stat(path, &b) &&
		    a.st_dev == b.st_dev && a.st_ino == b.st_ino;

	free(left);
	return same;
}

static int only_undo(struct fsck *k)
{
	struct session *s = k->session;
	int error;

	if (session_device(s, DEVICE_WRITE))
		return FSCK_TROUBLE;
	error = device_undo(s->device, k->undo_from);
	if (error) {
		complain(s, error == -EINVAL || error == -ENODATA ? 0 : error,
			 error == -EINVAL || error == -ENODATA
				 ? "%s is not a whole undo file of this image, "
				   "or the image has been changed since"
				 : "cannot put back what %s holds",
			 k->undo_from);
		return FSCK_TROUBLE;
	}
	if (is_left_over(s, k->undo_from)) {
		error = device_undo_remove(k->undo_from);
		if (error)
			return trouble(k, error, "cannot remove the undo file");
	}
	if (!s->quiet && !s->json)
		printf("%s: as it was before the repair\n", s->image_path);
	return FSCK_REPAIRED;
}

// ## Applying

static int apply(struct fsck *k, struct device *overlay)
{
	static const int ending[] = { SIGINT,  SIGTERM, SIGHUP,  SIGQUIT,
				      SIGTSTP, SIGPIPE, SIGALRM, SIGXCPU,
				      SIGUSR1, SIGUSR2 };
	const char *undo = k->keep_undo ? k->keep_undo : k->undo_path;
	sigset_t wait, before;
	int error;

	sigemptyset(&wait);
	for (size_t i = 0; i < sizeof ending / sizeof *ending; i++)
		sigaddset(&wait, ending[i]);
	must(sigprocmask(SIG_BLOCK, &wait, &before));
	error = device_overlay_apply(overlay, undo);
	if (error) {
		complain(k->session, error,
			 access(undo, F_OK) == 0
				 ? "cannot write the repairs; %s holds what "
				   "stood in their places"
				 : "cannot save in %s what the repairs "
				   "overwrite; --keep-undo=FILE takes another "
				   "place",
			 undo);
	} else if (!k->keep_undo && (error = device_undo_remove(undo))) {
		complain(k->session, error,
			 "all is repaired, but %s cannot be removed", undo);
	}
	on_cancel(SIG_IGN); // one that came meanwhile is too late
	must(sigprocmask(SIG_SETMASK, &before, NULL));
	return error ? FSCK_TROUBLE : FSCK_CLEAN;
}

// ## The end

static const char *plural(uint64_t n, const char *one, const char *more)
{
	return n == 1 ? one : more;
}

static void print_numbers(const struct fsck *k, const struct check_result *r)
{
	const char *image = k->session->image_path;
	uint64_t all = (uint64_t)r->files + r->directories + r->links;

	if (r->was_clean) {
		printf("%s: clean, %" PRIu32 " of %" PRIu32
		       " inodes and %" PRIu64 " of %" PRIu64
		       " blocks are used (-f checks it all the same)\n",
		       image, r->used_inodes, r->inodes, r->used_blocks,
		       r->blocks);
		return;
	}
	printf("%s: %" PRIu32 " %s, %" PRIu32 " %s, %" PRIu32 " %s; %" PRIu32
	       " in pieces (%.1f %%)\n",
	       image, r->files, plural(r->files, "file", "files"),
	       r->directories,
	       plural(r->directories, "directory", "directories"), r->links,
	       plural(r->links, "symlink", "symlinks"), r->fragmented,
	       all ? 100.0 * r->fragmented / (double)all : 0.0);
	printf("%s: %" PRIu32 " of %" PRIu32 " inodes and %" PRIu64
	       " of %" PRIu64 " blocks are used\n",
	       image, r->used_inodes, r->inodes, r->used_blocks, r->blocks);
	printf("%s: %" PRIu64 " %s", image, r->findings,
	       plural(r->findings, "finding", "findings"));
	if (r->findings)
		printf(", %" PRIu64 " repaired", r->repaired);
	putchar('\n');
	if (k->unsafe_met)
		printf("%s: run img fsck without -p: some repairs have to be "
		       "decided\n",
		       image);
}

static void print_end_json(const struct fsck *k, const struct check_result *r,
			   int status)
{
	json_t *object = must_ptr(json_pack(
		"{s:b, s:b, s:b, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, "
		"s:I, s:I, s:i}",
		"mounted", (int)k->mounted, "played", (int)r->played,
		"was_clean", (int)r->was_clean, "found",
		(json_int_t)r->findings, "repaired", (json_int_t)r->repaired,
		"left", (json_int_t)r->left, "files", (json_int_t)r->files,
		"directories", (json_int_t)r->directories, "symlinks",
		(json_int_t)r->links, "fragmented", (json_int_t)r->fragmented,
		"used_inodes", (json_int_t)r->used_inodes, "inodes",
		(json_int_t)r->inodes, "used_blocks",
		(json_int_t)r->used_blocks, "blocks", (json_int_t)r->blocks,
		"exit", status));
	char *text = must_ptr(json_dumps(object, JSON_PRESERVE_ORDER));

	printf("%s],\n %s\n", k->any ? "\n" : "", text + 1);
	free(text);
	json_decref(object);
}

// ext4 has another judge. Which features it is that we do not know.
static int refuse_features(const struct fsck *k, struct device *device)
{
	struct disk_super super;
	char names[512] = "";
	size_t n = 0;

	if (device_read(device, SUPER_OFFSET, &super, sizeof super))
		return trouble(k, 0, "its superblock cannot be read");
	const uint32_t words[3] = {
		get32(super.s_feature_compat),
		get32(super.s_feature_incompat),
		get32(super.s_feature_ro_compat),
	};
	for (int word = 0; word < 3; word++)
		for (int bit = 0; bit < 32; bit++) {
			const char *name = ext2_feature_name(word, bit);

			if (!(words[word] & ~ext2_checked[word] & 1u << bit) ||
			    n > sizeof names - 40)
				continue;
			n += (size_t)snprintf(names + n, sizeof names - n,
					      "%s%s", n ? ", " : "",
					      name ? name : "an unknown one");
		}
	complain(k->session, 0,
		 "it has features that only ext4 has, and that are not checked "
		 "here (%s): e2fsck(8) does it",
		 n ? names : "a journal on another device");
	return FSCK_TROUBLE;
}

static int judge(struct fsck *k, struct device *device, int error,
		 const struct check_result *r)
{
	if (error == -ENOTSUP)
		return refuse_features(k, device);
	if (error == -EINVAL)
		return trouble(k, 0,
			       "no superblock of ext2 or ext3 can be found in "
			       "it, nor a copy of one");
	if (error)
		return trouble(k, error, "cannot check it");
	return r->left ? FSCK_LEFT : r->repaired ? FSCK_REPAIRED : FSCK_CLEAN;
}

// ## The whole

static int check(struct fsck *k, struct device *device, bool repair)
{
	const struct check_options options = {
		.repair = repair,
		.force = k->force,
		.super_block = k->super_block,
		.block_bytes = k->block_bytes,
		.agree = agree,
		.found = found,
		.progress = show_progress,
		.context = k,
	};
	struct check_result result;
	struct session *s = k->session;
	int status;

	if (s->json)
		fputs("{\"findings\": [", stdout);
	progress_begin(&k->progress, s, "", 1000);
	int error = ext2_check(device, &options, &result);
	progress_end(&k->progress);
	status = judge(k, device, error, &result);
	if (status != FSCK_TROUBLE && result.repaired) {
		int applied = apply(k, device);

		status = applied ? applied : status;
	}
	if (s->json)
		print_end_json(k, &result, status);
	else if (!error && !s->quiet)
		print_numbers(k, &result);
	return status;
}

static int check_through(struct fsck *k, bool repair)
{
	enum { UNIT = 512, MEMORY = 6 << 20 };
	struct session *s = k->session;
	struct device *overlay;
	int status = FSCK_CLEAN;

	if (session_device(s, repair ? DEVICE_WRITE : DEVICE_READ))
		return FSCK_TROUBLE;
	k->mounted = !repair && device_mounted(s->device);
	if (k->mounted && !s->json)
		printf("%s: it is mounted: what is found may be on its way to "
		       "the disk\n",
		       s->image_path);
	k->undo_path = session_undo_path(s);
	bool cut_off = access(k->undo_path, F_OK) == 0;
	if (!repair && !cut_off)
		return check(k, s->device, false);
	int error = device_overlay(s->device, UNIT, MEMORY, &overlay);
	if (error)
		return trouble(k, error, "cannot prepare the repairs");
	if (cut_off) {
		status = put_back(k, repair ? s->device : overlay, !repair);
		k->force = true; // whatever the superblock says
	}
	if (!status)
		status = check(k, overlay, repair);
	device_close(overlay);
	return status;
}

// 1, with which programs end that cannot write, would mean here that all is well.
static int said(const struct fsck *k, int status)
{
	if (!fflush(stdout) && !ferror(stdout))
		return status;
	complain(k->session, errno, "cannot write the report");
	_exit(status | FSCK_TROUBLE);
}

static int run_fsck(struct session *s, int argc, char **argv)
{
	struct fsck k = { .session = s };
	int status;

	argp_err_exit_status = FSCK_USAGE;
	command_parse(s, &parser, argc, argv, &k);
	if (k.undo_from)
		return only_undo(&k);
	if (k.answer == ANSWER_ASK &&
	    (s->json || !isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO)))
		k.answer = ANSWER_NO;
	on_cancel(canceled);
	status = check_through(&k, k.answer != ANSWER_NO);
	free(k.undo_path);
	return said(&k, status);
}

const struct command fsck_command = {
	.name = "fsck",
	.summary = "checks an image, and repairs it",
	.heading = "Caring",
	.run = run_fsck,
	.alone = true,
};
