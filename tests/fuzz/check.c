// # Checking and repairing a hostile image
//
//     n   finds, and writes nothing
//     y   repairs; after that a second check finds nothing but what was left (no
//         room for it), the image can be opened for writing, and all of its
//         directories can be read
//     p   repairs what is safe, or what the input agrees to
//
// The answers come from the input's first byte.

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fs/ext2/check.h"
#include "fs/ext2/ext2.h"
#include "must.h"
#include "tests/fuzz/fuzz.h"

enum { ANSWER_NO, ANSWER_SAFE, ANSWER_SOME, ANSWER_YES, ANSWERS };

struct checking {
	int answer;
	uint32_t random;
	uint64_t found;
	bool second;
	char first[600]; // what a second check finds
};

static bool agree(void *context, const struct finding *f)
{
	struct checking *c = context;

	c->random = c->random * 1664525 + 1013904223;
	return c->answer == ANSWER_SAFE
		       ? f->safe
		       : c->answer == ANSWER_YES || c->random >> 31;
}

static void found(void *context, const struct finding *f, bool repaired)
{
	struct checking *c = context;

	promise(f->code && f->text && f->repair, "a finding without words");
	if (getenv("FUZZ_LOUD"))
		printf("%s: %s (inode %u, block %ju): %s%s\n", f->code, f->text,
		       f->inode, (uintmax_t)f->block, f->repair,
		       repaired ? ", done" : "");
	if (!c->found++)
		snprintf(c->first, sizeof c->first, "%s: %s", f->code, f->text);
}

static int check(struct device *device, struct checking *c,
		 struct check_result *result)
{
	const struct check_options options = {
		.repair = c->answer != ANSWER_NO,
		.force = true,
		.threads = 1,
		.agree = agree,
		.found = found,
		.context = c,
	};

	c->found = 0;
	*c->first = '\0';
	int error = ext2_check(device, &options, result);
	promise(error || result->findings == c->found, "%ju counted, %ju told",
		(uintmax_t)result->findings, (uintmax_t)c->found);
	return error;
}

static int nothing(void *context, const struct ext2_entry *entry)
{
	(void)context;
	(void)entry;
	return 0;
}

// What is clean can be used.
static void use(struct device *device)
{
	struct ext2_refusal why = { "" };
	struct ext2_numbers n;
	struct ext2_inode inode;
	struct ext2 *fs;

	int error = ext2_open(device, EXT2_WRITE, &fs, &why);
	if (error == -ENOTSUP)
		return;
	promise(!error, "cannot be opened: %d %s", error, why.text);
	ext2_numbers(fs, &n);
	for (uint32_t ino = 1; ino <= n.inodes && ino < 64; ino++) {
		bool used = false;

		promise(!ext2_inode_in_use(fs, ino, &used), "inode %u", ino);
		if (!used || (ino < n.first_inode && ino != INO_ROOT))
			continue;
		error = ext2_inode(fs, ino, &inode);
		promise(!error, "inode %u: %d", ino, error);
		if (!S_ISDIR(inode.mode))
			continue;
		error = ext2_list(fs, ino, nothing, NULL);
		promise(!error, "directory %u: %d", ino, error);
	}
	ext2_close(fs);
}

static void repair(struct device *device, struct checking *c)
{
	struct check_result result;

	if (check(device, c, &result) || c->answer != ANSWER_YES)
		return;
	uint64_t left = result.left;
	c->answer = ANSWER_NO;
	int error = check(device, c, &result);
	promise(!error && result.findings <= left,
		"a second check: %d, %ju: %s", error,
		(uintmax_t)result.findings, c->first);
	if (!result.findings)
		use(device);
}

int fuzz_check(const uint8_t *bytes, size_t n)
{
	struct checking c = { 0 };
	struct check_result result;
	struct device *overlay;

	if (n < STEPS_BEGIN)
		return 0;
	struct scratch *s = scratch_begin(base_of(bytes[0]), bytes, n, NULL,
					  NULL);

	// Most inputs are repaired wholly: that promises most.
	c.answer = bytes[1] < 160 ? ANSWER_YES : bytes[1] % ANSWERS;
	c.random = bytes[1];
	s->seal = true;
	if (c.answer == ANSWER_NO) {
		(void)check(&s->device, &c, &result);
		return 0;
	}
	must_neg(device_overlay(&s->device, 512, 4 << 20, &overlay));
	repair(overlay, &c);
	device_close(overlay);
	return 0;
}
