// # Random edits, against a model in memory, by all who can edit
//
// A run begins with an image that somebody made (we, mke2fs, genext2fs, debugfs) and
// goes through phases, in each of which somebody else edits it:
//
//     L   our library, in transactions of some length; now and then one is given up
//     P   our program, a process an edit
//     B   our program, many edits as one batch
//     K   the kernel, by system calls below a loop mount (as root)
//
// Every edit is played by the model, too: both must end alike, with the same error.
// The images are small: they fill up, and then a failed edit must leave all as it
// was, and may only fail when there is little room indeed. From time to time and
// after each phase e2fsck -fn has nothing to say, and the whole tree is the model's:
// read by our library and, as root, by the kernel.

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "edits_random.h"

// ## What must be so

static const char *describe(const struct run *r)
{
	static char text[700];
	const struct edit *e = &r->e;

	snprintf(text, sizeof text,
		 "step %d: %s %.120s %.120s offset %" PRIu64 " size %" PRIu64,
		 r->step, edit_words[e->kind], e->path, e->other, e->offset,
		 e->size);
	return text;
}

static void same(const struct run *r, const struct sight *sight,
		 const char *who)
{
	struct sight wanted;

	see_model(&wanted, r->model);
	char *difference = sight_difference(&wanted, sight);
	ck_assert_msg(!difference, "%s: %s and the model: %s", describe(r), who,
		      difference);
	free(difference);
	sight_free(&wanted);
}

static void open_image(struct run *r, int flags)
{
	struct ext2_refusal why = { "" };

	ck_assert_int_eq(device_file(r->image,
				     flags ? DEVICE_WRITE : DEVICE_READ, 0, 0,
				     &r->device),
			 0);
	int error = ext2_open(r->device, flags, &r->fs, &why);
	ck_assert_msg(error == 0, "%s: %s", strerror(-error), why.text);
}

static void close_image(struct run *r)
{
	ext2_close(r->fs);
	device_close(r->device);
	r->fs = NULL;
	r->device = NULL;
}

static void see_ours(struct run *r)
{
	struct sight sight;

	see_library(&sight, r->fs);
	same(r, &sight, "our library");
	sight_free(&sight);
}

static void shell_does(const char *fmt, ...)
	__attribute__((format(printf, 1, 2)));
static void shell_does(const char *fmt, ...)
{
	char *command, *whole;
	va_list ap;

	va_start(ap, fmt);
	ck_assert_int_gt(vasprintf(&command, fmt, ap), 0);
	va_end(ap);
	ck_assert_int_gt(asprintf(&whole,
				  "PATH=$PATH:/usr/sbin:/sbin LC_ALL=C; "
				  "export PATH LC_ALL; %s",
				  command),
			 0);
	struct outcome o = run_shell(whole);
	ck_assert_msg(o.exit == 0, "%s: exit %d\n%.3000s%.1000s", command,
		      o.exit, o.out, o.err);
	outcome_free(&o);
	free(command);
	free(whole);
}

static void mount_image(struct run *r, const char *options)
{
	shell_does("mount -o loop,noatime,%s '%s' '%s'", options, r->image,
		   r->mount);
}

// The image is closed.
static void check_image(struct run *r)
{
	struct outcome o;
	char *command;
	struct sight sight;

	ck_assert_int_gt(asprintf(&command,
				  "PATH=$PATH:/usr/sbin:/sbin; "
				  "e2fsck -fn '%s' 2>&1",
				  r->image),
			 0);
	o = run_shell(command);
	ck_assert_msg(o.exit == 0, "%s: e2fsck -fn: %d\n%.30000s", describe(r),
		      o.exit, o.out);
	outcome_free(&o);
	free(command);
	open_image(r, 0);
	see_ours(r);
	close_image(r);
	if (!r->mounts)
		return;
	mount_image(r, "ro");
	see_mounted(&sight, r->mount, r->block_bytes);
	shell_does("umount '%s'", r->mount);
	same(r, &sight, "the kernel");
	sight_free(&sight);
}

// Whether there was no room indeed: what the edit can need of blocks, with those
// of maps, directories and indexes; a block of attributes.
static bool is_full(struct run *r)
{
	const struct edit *e = &r->e;
	struct ext2_numbers n;
	uint64_t need = 16 + ext2_blocks_of(e->size / r->block_bytes + 2,
					    r->block_bytes);

	if (e->kind == EDIT_SET_XATTR &&
	    model_look(r->model, e->path).attribute_bytes + e->size >
		    r->block_bytes / 2)
		return true;
	ext2_numbers(r->fs, &n);
	return n.free_blocks < need || n.free_inodes == 0;
}

// An edit was played and ended so. The model follows.
static void settle(struct run *r, int error)
{
	int wanted = model_play(r->model, &r->e, true);

	// The kernel asks whether the new name is that of a directory above
	// before what kind of file is to replace it, and whether a link's new
	// name is there before what it is to be a name of. We do not.
	bool alike = error == wanted ||
		     (wanted == -ENOTEMPTY && error == -EISDIR) ||
		     (wanted == -EEXIST && error == -EPERM);
	ck_assert_msg(alike, "%s: %s, not %s", describe(r),
		      error ? strerrorname_np(-error) : "done",
		      wanted ? strerrorname_np(-wanted) : "done");
	if (!wanted)
		model_play(r->model, &r->e, false);
	r->played += !wanted;
	r->refused += wanted != 0;
}

static void remember(struct run *r)
{
	model_free(r->committed);
	r->committed = model_copy(r->model);
}

// ## The players' phases

static void end_transaction(struct run *r)
{
	if (one_in(r, 6)) {
		close_image(r);
		model_free(r->model);
		r->model = model_copy(r->committed);
		r->abandoned++;
	} else {
		int error = ext2_commit(r->fs);
		ck_assert_msg(error == 0, "%s: commit: %s", describe(r),
			      strerror(-error));
		if (!one_in(r, 3)) {
			remember(r);
			return;
		}
		close_image(r);
		remember(r);
		if (one_in(r, 4))
			check_image(r);
	}
	open_image(r, EXT2_WRITE);
}

static void play_library(struct run *r, int steps)
{
	open_image(r, EXT2_WRITE);
	for (int end = r->step + steps; r->step < end; r->step++) {
		random_edit(r, false);
		if (!edit_is_possible(r, false))
			continue;
		int error = edit_by_library(r->fs, &r->e);
		if (error == -ENOSPC) {
			// What this transaction freed can be used after it.
			if (r->full++ < 30)
				see_ours(r);
			ck_assert_int_eq(ext2_commit(r->fs), 0);
			remember(r);
			error = edit_by_library(r->fs, &r->e);
			if (error == -ENOSPC) {
				ck_assert_msg(is_full(r),
					      "%s: ENOSPC, and there is room",
					      describe(r));
				r->growing = false;
				continue;
			}
		}
		settle(r, error);
		if (one_in(r, 30))
			end_transaction(r);
	}
	ck_assert_int_eq(ext2_commit(r->fs), 0);
	close_image(r);
	remember(r);
}

static void play_program(struct run *r, int steps)
{
	for (int end = r->step + steps; r->step < end; r->step++) {
		r->now++;
		random_edit(r, true);
		if (!edit_is_possible(r, true))
			continue;
		int error = edit_by_program(r->image, r->folder, &r->e);
		if (error == -ENOSPC) {
			open_image(r, 0);
			ck_assert_msg(is_full(r),
				      "%s: ENOSPC, and there is room",
				      describe(r));
			// Of the lines for one edit the first may have room.
			bool half = r->e.kind == EDIT_CREATE ||
				    r->e.kind == EDIT_SYMLINK;
			if (!half || r->full++ < 30)
				see_ours(r);
			close_image(r);
			r->full++;
			r->growing = false;
			continue;
		}
		// Not every refusal of a program has the name of an error.
		settle(r, error == -EIO ? model_play(r->model, &r->e, true)
					: error);
	}
	remember(r);
}

// Lines that can be played, in the model's eyes, as one transaction.
static void play_batch(struct run *r, int steps)
{
	char *text, *script, *command;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	bool spoiled = one_in(r, 5);

	ck_assert_ptr_nonnull(out);
	r->now++;
	for (int end = r->step + steps; r->step < end; r->step++) {
		random_edit(r, true);
		if (!edit_is_possible(r, true) ||
		    model_play(r->model, &r->e, true) != 0 ||
		    !edit_in_words(out, r->folder, r->step, &r->e))
			continue;
		model_play(r->model, &r->e, false);
		r->played++;
	}
	if (spoiled)
		fputs("rm /is/not/there\n", out);
	ck_assert_int_eq(fclose(out), 0);
	ck_assert_int_gt(asprintf(&script, "%s/script", r->folder), 0);
	out = fopen(script, "we");
	ck_assert_ptr_nonnull(out);
	ck_assert_uint_eq(fwrite(text, 1, size, out), size);
	ck_assert_int_eq(fclose(out), 0);
	ck_assert_int_gt(asprintf(&command, "%" PRIu32, r->now), 0);
	ck_assert_int_eq(setenv("SOURCE_DATE_EPOCH", command, 1), 0);
	struct outcome o = run("fs/img", "batch", r->image, script, NULL);
	bool full = strstr(o.err, "ENOSPC") != NULL;
	ck_assert_msg(o.exit == (spoiled || full), "%s: batch: exit %d: %s",
		      describe(r), o.exit, o.err);
	if (o.exit) {
		model_free(r->model);
		r->model = model_copy(r->committed);
		r->abandoned++;
		r->full += full;
	}
	if (full)
		r->growing = false;
	remember(r);
	outcome_free(&o);
	free(text);
	free(script);
	free(command);
	shell_does("rm -f '%s'/source*", r->folder);
}

static void play_batches(struct run *r, int steps)
{
	for (int end = r->step + steps; r->step < end;)
		play_batch(r, 1 + (int)below(r, 80));
}

// The kernel may fail in the middle of a write, and for want of room that it only
// fears; so it is not asked then.
static bool has_room(const struct run *r)
{
	struct statvfs s;

	ck_assert_int_eq(fstatvfs(r->top, &s), 0);
	return s.f_bfree > 150 + 2 * (EDIT_PIECE / r->block_bytes) &&
	       s.f_ffree > 8;
}

static void play_kernel(struct run *r, int steps)
{
	struct sight sight;

	mount_image(r, "rw");
	r->top = open(r->mount, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_ge(r->top, 0);
	for (int end = r->step + steps; r->step < end; r->step++) {
		if (r->growing && !has_room(r))
			r->growing = false;
		random_edit(r, false);
		bool takes = r->e.kind != EDIT_UNLINK &&
			     r->e.kind != EDIT_RMDIR &&
			     r->e.kind != EDIT_TRUNCATE;
		if (!edit_is_possible(r, false) || (takes && !has_room(r)))
			continue;
		int error = edit_by_kernel(r->top, &r->e);
		if (error == -ENOSPC && r->e.kind == EDIT_SET_XATTR)
			continue;
		settle(r, error);
	}
	close(r->top);
	r->top = -1;
	shell_does("umount '%s'", r->mount);
	mount_image(r, "ro");
	see_mounted(&sight, r->mount, r->block_bytes);
	shell_does("umount '%s'", r->mount);
	model_take_times(r->model, &sight);
	same(r, &sight, "the kernel");
	sight_free(&sight);
	remember(r);
}

// ## Runs
//
// genext2fs makes images without the feature filetype. There the kernel (6.18) leaves
// the byte of the type in "." and ".." of a new directory as the last owner of the
// block had it, and e2fsck complains: so the kernel only reads those.

static const struct {
	const char *make; // makes `image`, from nothing, in the folder
	const char *phases;
} runs[] = {
	{ "img mkfs --quiet image --size=6M --block-size=1K --inodes=900",
	  "LLPBKL" },
	{ "img mkfs --quiet image --size=10M --journal", "LKBPL" },
	{ "mke2fs -q -t ext2 -b 1024 -I 256 -O dir_index,resize_inode "
	  "-N 700 image 5M",
	  "KLPKBL" },
	{ "mke2fs -q -t ext3 -b 4096 -I 256 -N 2000 -O "
	  "resize_inode,^dir_index image 16M",
	  "LKLBP" },
	{ "mke2fs -q -t ext3 -b 1024 -I 256 -O dir_index,^resize_inode "
	  "image 8M",
	  "KLKBLP" },
	{ "mke2fs -q -t ext2 -b 2048 -I 128 -O ^dir_index,^resize_inode,"
	  "^sparse_super image 8M",
	  "LPKL" },
	{ "mke2fs -q -t ext3 -b 2048 -I 512 image 9M", "LKPL" },
	{ "genext2fs -b 6000 -N 600 -B 1024 image", "LPBL" },
	{ "mke2fs -q -t ext2 -b 1024 -I 256 -O dir_index image 6M && "
	  "head -c 300000 /dev/urandom >f && debugfs -w -f - image "
	  "<<'END' 2>/dev/null >&2\nmkdir d\nmkdir d/e\nwrite f d/e/f\n"
	  "cd d\nsymlink s short\nmknod p p\nmknod b b 8 300\ncd /\n"
	  "ln d/e/f hard\nea_set d/e/f user.x value\n"
	  "sif hard links_count 2\nEND",
	  "LKBPL" },
	{ "img mkfs --quiet image --size=3M --block-size=2K --inodes=200",
	  "LLLL" },
};

enum { RUNS = sizeof runs / sizeof *runs };

static bool can_mount(struct run *r)
{
	if (geteuid() != 0 || unshare(CLONE_NEWNS) != 0)
		return false;
	struct outcome o = run_shell("mount --make-rprivate /");
	bool can = o.exit == 0;
	char *command;

	outcome_free(&o);
	ck_assert_int_gt(asprintf(&command,
				  "mount -o loop,ro '%s' '%s' && "
				  "umount '%s'",
				  r->image, r->mount, r->mount),
			 0);
	o = run_shell(command);
	can &= o.exit == 0;
	outcome_free(&o);
	free(command);
	return can;
}

static char run_folder[64]; // of the test, to be cleared when it fails, too

static void clear_run(void)
{
	if (*run_folder)
		shell_does("if [ \"$(stat -c %%d '%s/mnt' 2>/dev/null)\" != "
			   "\"$(stat -c %%d '%s' 2>/dev/null)\" ]; then "
			   "umount '%s/mnt'; fi; rm -rf '%s'",
			   run_folder, run_folder, run_folder, run_folder);
	*run_folder = '\0';
}

static void begin_run(struct run *r, int number, uint64_t seed)
{
	struct ext2_numbers n;

	*r = (struct run){ .random = { seed }, .top = -1, .growing = true };
	r->now = 1700000000;
	snprintf(r->folder, sizeof r->folder, "/dev/shm/edits-random-XXXXXX");
	if (!mkdtemp(r->folder)) {
		snprintf(r->folder, sizeof r->folder,
			 "/tmp/edits-random-XXXXXX");
		ck_assert_ptr_nonnull(mkdtemp(r->folder));
	}
	memcpy(run_folder, r->folder, sizeof run_folder);
	snprintf(r->image, sizeof r->image, "%s/image", r->folder);
	snprintf(r->mount, sizeof r->mount, "%s/mnt", r->folder);
	shell_does("img() { \"$B/fs/img\" \"$@\"; }; cd '%s' && mkdir mnt && "
		   "%s",
		   r->folder, runs[number].make);
	r->bytes = malloc(EDIT_PIECE + 8);
	ck_assert_ptr_nonnull(r->bytes);
	r->mounts = can_mount(r);
	open_image(r, 0);
	ext2_numbers(r->fs, &n);
	r->block_bytes = n.block_bytes;
	r->wide = n.inode_bytes > 128;
	r->model = model_new(r->block_bytes, r->wide);
	model_adopt(r->model, r->fs);
	close_image(r);
	remember(r);
}

static void end_run(struct run *r)
{
	model_free(r->model);
	model_free(r->committed);
	free(r->bytes);
}

static uint64_t run_seed(void)
{
	const char *text = getenv("EDITS_SEED");

	return text ? strtoull(text, NULL, 10) : 1;
}

static void play_phase(struct run *r, char phase, int steps)
{
	if (phase == 'L')
		play_library(r, steps);
	else if (phase == 'P')
		play_program(r, steps);
	else if (phase == 'B')
		play_batches(r, steps);
	else if (r->mounts)
		play_kernel(r, steps);
}

START_TEST(edits_against_a_model)
{
	int steps = soaking() ? 10000 : 400;
	struct run r;

	struct outcome o = run_shell("PATH=$PATH:/usr/sbin:/sbin; "
				     "command -v mke2fs && command -v "
				     "e2fsck && command -v debugfs");
	bool judges = o.exit == 0;
	outcome_free(&o);
	if (!judges)
		SKIP("needs mke2fs, e2fsck and debugfs");
	o = run_shell("command -v genext2fs");
	bool genext2fs = o.exit == 0;
	outcome_free(&o);
	if (!genext2fs && !strncmp(runs[_i].make, "genext2fs", 9))
		SKIP("needs genext2fs");
	begin_run(&r, _i, run_seed() * 100 + (uint64_t)_i);
	check_image(&r);
	r.e.kind = EDIT_MKDIR;
	for (const char *phase = runs[_i].phases; *phase; phase++) {
		// Programs take milliseconds an edit.
		int some = steps / (int)strlen(runs[_i].phases);
		play_phase(&r, *phase, *phase == 'P' ? some / 4 : some);
		check_image(&r);
	}
	if (getenv("EDITS_SAY"))
		fprintf(stderr,
			"run %d: %u edits done, %u refused, %u without room, "
			"%u transactions given up; %" PRIu64 " names\n",
			_i, r.played, r.refused, r.full, r.abandoned,
			model_names(r.model));
	ck_assert_uint_gt(r.played, 0);
	end_run(&r);
}
END_TEST

TCase *edits_random_case(void)
{
	TCase *tcase = tcase_create("random edits");

	tcase_add_checked_fixture(tcase, NULL, clear_run);
	tcase_set_timeout(tcase, soaking() ? 3600 : 120);
	tcase_add_loop_test(tcase, edits_against_a_model, 0, RUNS);
	return tcase;
}
