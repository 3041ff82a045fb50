// What is right after a loss of power, or after a kill
//
//     journal   our replay, e2fsck -E journal_only and the kernel give the same
//               tree, it is the one before or the one after, and e2fsck -fn finds
//               nothing
//     ordered   e2fsck -p asks nothing, and no file is lost or changed that was
//               not to be

#include "crash_parts.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fs/ext2/fs.h"

void crash_wrong(struct judge *j, const char *fmt, ...)
{
	const char *keep = getenv("CRASH_KEEP");
	va_list ap;
	int n;

	if (j->failures++)
		return;
	if (keep && j->state)
		put_sector_bytes(keep, j->state);
	n = snprintf(j->first, sizeof(j->first), "%s, %s, %.200s: ", j->edit,
		     j->kind, j->where);
	va_start(ap, fmt);
	vsnprintf(j->first + n, sizeof(j->first) - n, fmt, ap);
	va_end(ap);
}

void judge_begin(struct judge *j, const char *edit,
		 const struct crash_kind *kind,
		 const struct crash_bytes *before,
		 const struct crash_bytes *after)
{
	*j = (struct judge){
		.edit = edit,
		.kind = kind->name,
		.journal = kind->journal,
		.random = { 11 },
		.e2fsck_of = soaking()     ? 1
			     : sanitized() ? 40
					   : 10,
		.kernel_of = soaking()     ? 50
			     : sanitized() ? 160
					   : 40,
		.no_kernel = geteuid() != 0,
		.where = "",
	};
	j->device = device_of_bytes(before);
	j->work = device_of_bytes(before);
	ck_assert_int_eq(tree_of_device(j->device, &j->before), 0);
	device_write(j->device, 0, after->bytes, after->n);
	ck_assert_int_eq(tree_of_device(j->device, &j->after), 0);
}

void judge_end(struct judge *j, const char *what)
{
	tree_clear(&j->before);
	tree_clear(&j->after);
	device_close(j->device);
	device_close(j->work);
	if (soaking())
		printf("crash: %s, %s, %s: %ju of %ju states, e2fsck saw %ju, "
		       "the kernel %ju, %ju were wrong\n",
		       what, j->edit, j->kind, (uintmax_t)j->states,
		       (uintmax_t)j->in_all, (uintmax_t)j->judged_e2fsck,
		       (uintmax_t)j->judged_kernel, (uintmax_t)j->failures);
	fflush(stdout);
	ck_assert_msg(!j->failures,
		      "%ju of %ju states are wrong; the first: %s",
		      (uintmax_t)j->failures, (uintmax_t)j->states, j->first);
}

static void must_be_clean(struct judge *j, const char *when)
{
	const char *said;
	int status = e2fsck("-fn", crash_image(), &said);

	if (status)
		crash_wrong(j, "%s e2fsck -fn gives %d: %s", when, status,
			    said);
}

// ## With a journal

// NULL: it is one of the two.
static const char *neither(const struct judge *j, const struct tree *tree)
{
	const char *difference = tree_difference(tree, &j->before);

	return difference ? tree_difference(tree, &j->after) : NULL;
}

static void same_by_e2fsck(struct judge *j, const struct crash_bytes *state,
			   const struct tree *ours)
{
	const char *said, *difference;
	struct tree theirs;
	int status;

	j->judged_e2fsck++;
	put_sector_bytes(crash_image(), state);
	status = e2fsck("-y -E journal_only", crash_image(), &said);
	if (status > 1)
		crash_wrong(j, "e2fsck -E journal_only gives %d: %s", status,
			    said);

	struct crash_bytes replayed = get_bytes(crash_image());

	device_write(j->device, 0, replayed.bytes, replayed.n);
	free(replayed.bytes);
	status = tree_of_device(j->device, &theirs);
	difference = tree_difference(ours, &theirs);
	if (status || difference)
		crash_wrong(j, "replayed by e2fsck it is another: %d, %s",
			    status, difference);
	tree_clear(&theirs);
	must_be_clean(j, "replayed by e2fsck,");
}

static void same_by_kernel(struct judge *j, const struct crash_bytes *state,
			   const struct tree *ours)
{
	struct tree theirs;
	const char *difference;
	int error;

	put_sector_bytes(crash_image(), state);
	error = tree_of_kernel(crash_image(), j->journal, &theirs);
	if (error == -ENODEV) {
		j->no_kernel = true;
	} else {
		j->judged_kernel++;
		difference = tree_difference(ours, &theirs);
		if (error || difference)
			crash_wrong(j, "mounted it is another: %d, %s", error,
				    difference);
		must_be_clean(j, "after the kernel had it,");
	}
	tree_clear(&theirs);
}

static void judge_journal(struct judge *j, const struct crash_bytes *state)
{
	struct tree ours, replayed;
	const char *difference;
	uint64_t found;
	int error;

	device_write(j->device, 0, state->bytes, state->n);
	error = tree_of_device(j->device, &ours);
	difference = error ? strerror(-error) : neither(j, &ours);
	if (difference)
		crash_wrong(j, "neither before nor after: %s", difference);

	error = journal_replay(j->device, &found);
	if (!error)
		error = tree_of_device(j->device, &replayed);
	difference = error ? strerror(-error)
			   : tree_difference(&ours, &replayed);
	if (difference)
		crash_wrong(j, "replayed it is another: %s", difference);
	if (!error)
		tree_clear(&replayed);

	if (have_e2fsck() && !random_below(&j->random, j->e2fsck_of)) {
		struct crash_bytes now = bytes_of_device(j->device);

		put_sector_bytes(crash_image(), &now);
		free(now.bytes);
		must_be_clean(j, "replayed by us,");
		same_by_e2fsck(j, state, &ours);
	}
	if (!j->no_kernel && have_e2fsck() &&
	    !random_below(&j->random, j->kernel_of))
		same_by_kernel(j, state, &ours);
	tree_clear(&ours);
}

// ## Without one

static bool same_content(const struct tree_row *a, const struct tree_row *b)
{
	return a->mode == b->mode && a->content == b->content &&
	       (S_ISDIR(a->mode) ||
		(a->size == b->size && a->others == b->others));
}

static bool has_content(const struct tree *tree, const struct tree_row *wanted)
{
	for (size_t i = 0; i < tree->count; i++)
		if (S_ISREG(tree->row[i].mode) &&
		    tree->row[i].size == wanted->size &&
		    tree->row[i].content == wanted->content)
			return true;
	return false;
}

static bool in_lost_and_found(const char *path)
{
	return !strncmp(path, "/lost+found/", strlen("/lost+found/"));
}

// Each name: what it was before, or what it was to be.
static void judge_names(struct judge *j, const struct tree *now)
{
	for (size_t i = 0; i < j->before.count; i++) {
		const struct tree_row *was = &j->before.row[i];
		const struct tree_row *is = crash_tree_find(now, was->path);

		if (!is && crash_tree_find(&j->after, was->path))
			crash_wrong(j, "%s is lost", was->path);
		if (S_ISREG(was->mode) && was->size &&
		    has_content(&j->after, was) && !has_content(now, was))
			crash_wrong(j, "the content of %s is lost", was->path);
	}
	for (size_t i = 0; i < now->count; i++) {
		const struct tree_row *is = &now->row[i];
		const struct tree_row *was = crash_tree_find(&j->before,
							     is->path);
		const struct tree_row *becomes = crash_tree_find(&j->after,
								 is->path);

		if (!was && !becomes && in_lost_and_found(is->path) &&
		    (!S_ISREG(is->mode) || has_content(&j->before, is) ||
		     has_content(&j->after, is)))
			continue;
		if ((!was || !same_content(was, is)) &&
		    (!becomes || !same_content(becomes, is)))
			crash_wrong(
				j,
				"%s is neither what it was nor what it was to "
				"be: now %s; was %s; was to be %s",
				is->path, is->line, was ? was->line : "nothing",
				becomes ? becomes->line : "nothing");
	}
}

static void judge_ordered(struct judge *j, const struct crash_bytes *state)
{
	const char *said;
	struct tree now;
	int status;

	j->judged_e2fsck++;
	put_sector_bytes(crash_image(), state);
	status = e2fsck("-f -p", crash_image(), &said);
	if (status > 1)
		crash_wrong(j, "e2fsck -p gives %d: %s", status, said);
	must_be_clean(j, "after e2fsck -p");

	struct crash_bytes mended = get_bytes(crash_image());

	device_write(j->device, 0, mended.bytes, mended.n);
	free(mended.bytes);
	status = tree_of_device(j->device, &now);
	if (status)
		crash_wrong(j, "cannot be read: %s", strerror(-status));
	else
		judge_names(j, &now);
	tree_clear(&now);
}

void judge_looks_at(struct judge *j, const struct crash_bytes *state,
		    const char *where)
{
	j->state = state;
	j->where = where;
}

void judge_state(struct judge *j, const struct crash_bytes *state,
		 const char *where)
{
	j->states++;
	judge_looks_at(j, state, where);
	if (j->journal)
		judge_journal(j, state);
	else
		judge_ordered(j, state);
}

void judge_point(void *context, const struct crash_bytes *state,
		 const struct crash_point *point)
{
	judge_state(context, state, crash_point_text(point));
}
