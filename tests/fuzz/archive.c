// # An archive becomes an image
//
// The archive is made here from a compact form, so that it is a whole one and what
// is hostile in it is what it says: names, types, links, sizes, order. With the
// option 1 the rest of the input is the archive itself, as it is.
//
//     option  (type name link size mode flags)...
//
// A name is put together from a few pieces. What comes out is made into an image,
// which the check must find clean.

#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fs/ext2/check.h"
#include "fs/img/mkfs.h"
#include "must.h"
#include "tests/fuzz/fuzz.h"

// ## A tar archive (ustar; POSIX.1-2001, pax)

enum { BLOCK = 512, ENTRY = 6, ENTRIES_MOST = 40, ROOM = 64 << 10 };

struct making {
	uint8_t *at, *end;
};

static const char *const pieces[] = {
	"a", "b", "a/b", "a/c", "./", "/", "..", "a/../b", "a/b/c/d", ".",
	"a//b", "lost+found", "lost+found/x", "a/", "\xff\xfe", "b/a",
};

static size_t make_name(char *to, size_t room, uint8_t number)
{
	enum { PIECES = sizeof pieces / sizeof *pieces, LONG = 240 };

	if (number >= LONG) { // components of 80 to 320 bytes
		memset(to, 'n', room - 1);
		to[room - 1] = '\0';
		to[(number - LONG + 1) * 20 % room] = '/';
		return room - 1;
	}
	return (size_t)snprintf(to, room, "%s%s", pieces[number % PIECES],
				number < PIECES ? "" : pieces[number / PIECES]);
}

static void put_octal(char *field, size_t n, unsigned value)
{
	snprintf(field, n, "%0*o", (int)n - 1, value);
}

static void put_block(struct making *m, char type, const char *name,
		      const char *link, unsigned size, const uint8_t *entry)
{
	char *h = (char *)m->at;
	unsigned sum = 0;

	memset(h, 0, BLOCK);
	memcpy(h, name, strnlen(name, 100));
	put_octal(h + 100, 8, (unsigned)(entry[4] | entry[5] << 8) & 07777);
	put_octal(h + 108, 8, entry[4] * 300u);
	put_octal(h + 116, 8, entry[5]);
	put_octal(h + 124, 12, size);
	put_octal(h + 136, 12, 1000000000u + entry[5]);
	memset(h + 148, ' ', 8);
	h[156] = type;
	memcpy(h + 157, link, strnlen(link, 100));
	memcpy(h + 257, "ustar\00000", 8);
	put_octal(h + 329, 8, entry[4]);
	put_octal(h + 337, 8, entry[5]);
	for (int i = 0; i < BLOCK; i++)
		sum += (uint8_t)h[i];
	snprintf(h + 148, 8, "%06o", sum);
	m->at += BLOCK;
}

static const char *const records[] = {
	"SCHILY.xattr.user.mime=text",
	"SCHILY.acl.access=user::rwx,group::r-x,user:9:r--,mask::rwx,other::-",
	"SCHILY.acl.default=user::rwx,group::r-x,other::r--",
	"mtime=-1.75", "atime=99999999999.5", "uid=70000", "size=1",
	"SCHILY.xattr.security.capability=01234567", "path=a/b", "linkpath=b",
	"GNU.sparse.major=1", "uid=-1", "SCHILY.xattr.=x",
	"SCHILY.acl.access=user::9",
};

// Extended header: a record for each bit of the flags.
static void put_records(struct making *m, const uint8_t *entry)
{
	char text[BLOCK] = "";
	size_t n = 0, first = entry[5] % 14u;

	for (size_t i = 0; i < 3; i++) {
		const char *record = records[(first + i * 5) % 14];
		size_t length = strlen(record) + 5; // "NNN ...\n"

		if (entry[4] & 1u << i && n + length < sizeof text)
			n += (size_t)snprintf(text + n, sizeof text - n,
					      "%03zu %s\n", length, record);
	}
	if (!n)
		return;
	put_block(m, 'x', "pax", "", (unsigned)n, entry);
	memcpy(m->at, text, BLOCK);
	m->at += BLOCK;
}

static void put_entry(struct making *m, const uint8_t *entry)
{
	static const char types[] = "0512346S70";
	char name[350], link[350];
	char type = types[entry[0] % (sizeof types - 1)];
	unsigned size = entry[3];

	if (m->end - m->at < 69 * BLOCK)
		return;
	make_name(name, sizeof name, entry[1]);
	make_name(link, sizeof link, entry[2]);
	if (entry[0] & 0x80)
		put_records(m, entry);
	if (size & 0x80)
		size = (size & 0x7f) * 256;
	if (strchr("15234", type))
		size = 0;
	put_block(m, type, name, link, size, entry);
	memset(m->at, entry[0], size);
	m->at += (size + BLOCK - 1) / BLOCK * BLOCK;
}

static size_t make_archive(const uint8_t *bytes, size_t n, uint8_t *archive)
{
	struct making m = { archive, archive + ROOM };

	memset(archive, 0, ROOM);
	for (size_t i = 0; i < ENTRIES_MOST && (i + 1) * ENTRY <= n; i++)
		put_entry(&m, bytes + i * ENTRY);
	m.at += m.end - m.at < 2 * BLOCK ? m.end - m.at : 2 * BLOCK;
	return (size_t)(m.at - archive);
}

// ## The image

static void found(void *context, const struct finding *f, bool repaired)
{
	char *first = context;

	(void)repaired;
	if (!*first)
		snprintf(first, 400, "%s: %s", f->code, f->text);
}

static void judge(struct device *device)
{
	char first[400] = "";
	const struct check_options options = {
		.force = true,
		.threads = 1,
		.found = found,
		.context = first,
	};
	struct check_result result;

	int error = ext2_check(device, &options, &result);
	promise(!error && !result.findings, "%d %s", error, first);
}

static int make_image(struct session *s, struct tree *t, struct make_options *o)
{
	struct progress progress;
	struct ext2_plan plan = { 0 };
	struct need need = { 0 };
	struct ext2 *fs = NULL;

	begin_plan(t, o, &plan);
	int status = size_tree(t, o, &plan, &need);
	if (!status)
		status = finish_plan(t, o, &need, &plan);
	if (status)
		return status;
	must_neg(device_memory(plan.blocks * plan.block_bytes, &s->device));
	must_neg(ext2_make(s->device, &plan));
	must_neg(ext2_open(s->device, EXT2_WRITE | EXT2_FRESH, &fs, NULL));
	progress_begin(&progress, s, "writing", 0);
	status = write_tree(t, fs, o, &progress);
	progress_end(&progress);
	int error = status ? 0 : ext2_commit(fs);
	ext2_close(fs);
	promise(!error, "commit: %d", error);
	if (!status)
		judge(s->device);
	device_close(s->device);
	return status;
}

// As mkfs does it; the size is what the tree needs, so that an image that is too
// small for it is a mistake of the forecast.
int fuzz_archive(const uint8_t *bytes, size_t n)
{
	static uint8_t archive[ROOM];
	struct session s = {
		.image_path = "/tmp/new",
		.command = "mkfs",
		.quiet = true,
	};
	struct make_options o = {
		.block_bytes = 1024,
		.inode_bytes = 256,
		.free_share = 0,
		.label = "",
		.uid = -1,
		.gid = -1,
		.now = { .seconds = 1000000000 },
	};
	struct tree tree;
	char path[32];

	if (!n)
		return 0;
	bool raw = bytes[0] & 1;
	size_t size = raw ? n - 1 : make_archive(bytes + 1, n - 1, archive);
	int fd = fuzz_file(raw ? bytes + 1 : archive, size, path);

	o.from = path;
	o.journal = bytes[0] & 2;
	o.sparse = bytes[0] & 4;
	o.inode_bytes = bytes[0] & 8 ? 128 : 256;
	fuzz_hush();
	tree_begin(&tree, &s);
	tree.node[ROOT_NODE].mtime = pack_time(o.now.seconds, 0);
	tree.arranged = true;
	int status = read_archive(&tree, &o);
	if (!status) {
		tree_normalise(&tree, &o);
		tree_arrange(&tree);
		status = make_image(&s, &tree, &o);
		promise(status != EXIT_SUCCESS || !tree.changed,
			"files have changed");
	}
	tree_end(&tree);
	fuzz_speak();
	close(fd);
	return 0;
}
