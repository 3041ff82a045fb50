// # An archive becomes a tree of nodes
//
// libarchive reads it, whatever its form and compression: tar in all its forms,
// cpio, zip, 7z, ISO 9660. (Not mtree, which it would know, too: nearly every text
// is one, and it may name any file of the host for its content.)
//
// An archive comes in its own order, perhaps through a pipe, and the size of all is
// only known at its end. So contents go into a spool meanwhile, a file without a
// name beside the image: each file begins on a page of it, and holes stay holes
// there, so that it is read like a directory's files (SEEK_DATA, copy_file_range).
// Names and attributes become nodes.
//
// A name is a path below the root, with or without "/" or "./" before it. One with
// ".." in it is refused, and so is one that leads through something that is no
// directory: an archive has no say in anything outside itself. What comes twice is
// replaced, as extracting does it.
//
// Times that the archive does not have (of last access, of change) are that of the
// last modification. Directories that are only implied belong to root.

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "fs/img/archive.h"
#include "fs/img/mkfs.h"
#include "must.h"

#ifdef OSLAB_WITHOUT_ARCHIVE

int read_archive(struct tree *t, const struct make_options *o)
{
	(void)o;
	return no_archives(t->session);
}

#else

#include <grp.h>
#include <pwd.h>

enum { PAGE = 4096, READ_BYTES = 256 << 10 };

struct unpacking {
	struct tree *tree;
	const struct make_options *options;
	const struct archives *call;
	struct archive *archive;
	uint64_t end; // of the spool
	uint64_t now;
	const char *name; // of the entry, as the archive has it
};

static int refuse(const struct unpacking *u, const char *wanted)
{
	return complain(u->tree->session, 0, "%s: %s: %s", u->options->from,
			u->name, wanted);
}

static int archive_failed(const struct unpacking *u)
{
	const char *why = u->call->archive_error_string(u->archive);

	return complain(u->tree->session, 0, "cannot read %s: %s",
			u->options->from, why ? why : "no reason is given");
}

// ## Names

// Goes down `path`, making directories that are only implied. The last component
// is left to the caller: *name and *length; "" is the root.
static int walk(struct unpacking *u, const char *path, uint32_t *parent,
		const char **name, size_t *length)
{
	struct tree *t = u->tree;

	*parent = ROOT_NODE;
	*name = "";
	*length = 0;
	for (; *path; path += strspn(path, "/")) {
		size_t n = strcspn(path, "/");
		const char *next = path + n + strspn(path + n, "/");

		if (n == 0 || (n == 1 && *path == '.')) {
			path += n;
			continue;
		}
		if (n == 2 && !memcmp(path, "..", 2))
			return refuse(u, "it leads out of the archive");
		if (n > NAME_LONGEST)
			return refuse(u, "a name is longer than 255 bytes");
		if (*length) {
			uint32_t i = tree_child(t, *parent, *name, *length);
			if (i == NO_NODE) {
				struct node *made = tree_add(t, *parent, *name,
							     *length);
				made->mode = S_IFDIR | 0755;
				made->atime = made->mtime = u->now;
				made->ctime = u->now;
				i = t->count - 1;
			}
			if (!S_ISDIR(t->node[i].mode))
				return refuse(u, "it leads through something "
						 "that is no directory");
			*parent = i;
		}
		*name = path;
		*length = n;
		path = next;
		if (!*path)
			break;
	}
	return EXIT_SUCCESS;
}

static int find(struct unpacking *u, const char *path, uint32_t *found)
{
	uint32_t parent;
	const char *name;
	size_t length;

	if (walk(u, path, &parent, &name, &length))
		return EXIT_FAILURE;
	*found = length ? tree_child(u->tree, parent, name, length) : ROOT_NODE;
	return EXIT_SUCCESS;
}

// ## ACLs
//
// As getxattr(2) has them: a version, then a tag, permissions and an id each.

enum { ACL_SHOWN_VERSION = 2, ACL_NO_ID = -1 };

static uint16_t acl_tag(int tag)
{
	switch (tag) {
	case ARCHIVE_ENTRY_ACL_USER_OBJ:
		return 0x01;
	case ARCHIVE_ENTRY_ACL_USER:
		return 0x02;
	case ARCHIVE_ENTRY_ACL_GROUP_OBJ:
		return 0x04;
	case ARCHIVE_ENTRY_ACL_GROUP:
		return 0x08;
	case ARCHIVE_ENTRY_ACL_MASK:
		return 0x10;
	default:
		return 0x20; // others
	}
}

static int64_t acl_id(int tag, int id, const char *name)
{
	if (tag != ARCHIVE_ENTRY_ACL_USER && tag != ARCHIVE_ENTRY_ACL_GROUP)
		return ACL_NO_ID;
	if (id >= 0 || !name)
		return id;
	int64_t number;
	if (!parse_number(name, 0, UINT32_MAX, &number))
		return number;
	if (tag == ARCHIVE_ENTRY_ACL_USER) {
		const struct passwd *user = getpwnam(name);
		return user ? (int64_t)user->pw_uid : ACL_NO_ID;
	}
	const struct group *group = getgrnam(name);
	return group ? (int64_t)group->gr_gid : ACL_NO_ID;
}

struct acl_item {
	le16 tag, permissions;
	le32 id;
};

// The kernel wants them by tag, and by id.
static int by_tag(const void *a, const void *b)
{
	const struct acl_item *p = a, *q = b;

	if (get16(p->tag) != get16(q->tag))
		return get16(p->tag) < get16(q->tag) ? -1 : 1;
	return (get32(p->id) > get32(q->id)) - (get32(p->id) < get32(q->id));
}

static int add_acl(struct unpacking *u, struct archive_entry *entry, int kind,
		   const char *attribute)
{
	int n = u->call->archive_entry_acl_reset(entry, kind), type,
	    permissions, tag;
	struct {
		le32 version;
		struct acl_item item[];
	} * acl;
	int count = 0, id;
	const char *name;

	if (n <= 0)
		return EXIT_SUCCESS;
	acl = must_ptr(
		calloc(1, sizeof *acl + ((size_t)n + 4) * sizeof *acl->item));
	acl->version = put32(ACL_SHOWN_VERSION);
	while (count < n + 4 && u->call->archive_entry_acl_next(
					entry, kind, &type, &permissions, &tag,
					&id, &name) == ARCHIVE_OK) {
		int64_t whose = acl_id(tag, id, name);

		if (whose < 0 && (tag == ARCHIVE_ENTRY_ACL_USER ||
				  tag == ARCHIVE_ENTRY_ACL_GROUP)) {
			free(acl);
			return refuse(u, "its ACL names somebody who is not "
					 "known here");
		}
		acl->item[count++] = (struct acl_item){
			put16(acl_tag(tag)),
			put16((uint32_t)permissions & 7),
			put32((uint32_t)whose),
		};
	}
	qsort(acl->item, (size_t)count, sizeof *acl->item, by_tag);
	tree_xattr_add(u->tree, attribute, acl,
		       sizeof *acl + (size_t)count * sizeof *acl->item);
	free(acl);
	return EXIT_SUCCESS;
}

// ## Attributes

static int add_xattrs(struct unpacking *u, struct archive_entry *entry,
		      uint32_t *xattrs)
{
	struct tree *t = u->tree;
	uint32_t begun = xattrs_begin(t);
	const char *name;
	const void *value;
	size_t size;

	u->call->archive_entry_xattr_reset(entry);
	while (u->call->archive_entry_xattr_next(entry, &name, &value, &size) ==
	       ARCHIVE_OK)
		if (is_kept_xattr(name) && strlen(name) <= UINT8_MAX &&
		    strncmp(name, "system.", 7) != 0)
			tree_xattr_add(t, name, value, size);
	int status = add_acl(u, entry, ARCHIVE_ENTRY_ACL_TYPE_ACCESS,
			     "system.posix_acl_access");
	if (!status && u->call->archive_entry_filetype(entry) == AE_IFDIR)
		status = add_acl(u, entry, ARCHIVE_ENTRY_ACL_TYPE_DEFAULT,
				 "system.posix_acl_default");
	*xattrs = xattrs_end(t, begun);
	return status;
}

// A time before 1970 with a fraction, "-1.75" (POSIX, pax), libarchive (3.6) takes
// for -1 s and 0.75 s to be added.
static uint64_t entry_time(time_t (*seconds)(struct archive_entry *),
			   long (*ns)(struct archive_entry *),
			   struct archive_entry *entry)
{
	int64_t whole = seconds(entry);
	uint32_t fraction = (uint32_t)ns(entry);

	return whole < 0 && fraction
		       ? pack_time(whole - 1, 1000000000 - fraction)
		       : pack_time(whole, fraction);
}

static void take_attributes(const struct unpacking *u, struct node *node,
			    struct archive_entry *entry)
{
	node->mode = (uint16_t)u->call->archive_entry_mode(entry);
	node->uid = (uint32_t)u->call->archive_entry_uid(entry);
	node->gid = (uint32_t)u->call->archive_entry_gid(entry);
	node->mtime = entry_time(u->call->archive_entry_mtime,
				 u->call->archive_entry_mtime_nsec, entry);
	node->atime = node->ctime = node->mtime;
	if (u->call->archive_entry_atime_is_set(entry))
		node->atime = entry_time(u->call->archive_entry_atime,
					 u->call->archive_entry_atime_nsec,
					 entry);
	if (u->call->archive_entry_ctime_is_set(entry))
		node->ctime = entry_time(u->call->archive_entry_ctime,
					 u->call->archive_entry_ctime_nsec,
					 entry);
}

// ## Content

static int open_spool(struct unpacking *u)
{
	const char *image = u->tree->session->image_path;
	const char *slash = strrchr(image, '/');
	char *dir = must_ptr(slash == image ? strdup("/")
			     : slash ? strndup(image, (size_t)(slash - image))
				     : strdup("."));

	u->tree->spool = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (u->tree->spool < 0) {
		char *path;
		must(asprintf(&path, "%s/.img-spool-XXXXXX", dir));
		u->tree->spool = mkostemp(path, O_CLOEXEC);
		if (u->tree->spool >= 0)
			unlink(path);
		free(path);
	}
	free(dir);
	return u->tree->spool < 0 ? complain(u->tree->session, errno,
					     "cannot make a temporary file "
					     "beside it")
				  : EXIT_SUCCESS;
}

static int spool_write(const struct unpacking *u, const char *bytes, size_t n,
		       uint64_t at)
{
	while (n) {
		ssize_t put = pwrite(u->tree->spool, bytes, n, (off_t)at);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return complain(u->tree->session, errno,
					"cannot write a temporary file beside "
					"it");
		bytes += put;
		at += (uint64_t)put;
		n -= (size_t)put;
	}
	return EXIT_SUCCESS;
}

static int take_content(struct unpacking *u, struct archive_entry *entry,
			struct node *node)
{
	uint64_t begin = u->end, size = 0, data = 0;
	const void *bytes;
	la_int64_t at;
	size_t n;
	int result;

	while ((result = u->call->archive_read_data_block(
			u->archive, &bytes, &n, &at)) == ARCHIVE_OK) {
		if (at < 0 || (uint64_t)at + n > INT64_MAX - begin)
			return refuse(u, "it is too large");
		if (n && spool_write(u, bytes, n, begin + (uint64_t)at))
			return EXIT_FAILURE;
		data += n;
		if ((uint64_t)at + n > size)
			size = (uint64_t)at + n;
	}
	if (result != ARCHIVE_EOF)
		return archive_failed(u);
	if (u->call->archive_entry_size_is_set(entry) &&
	    (uint64_t)u->call->archive_entry_size(entry) > size)
		size = (uint64_t)u->call->archive_entry_size(entry);
	if (size > INT64_MAX - begin - PAGE)
		return refuse(u, "it is too large");
	node->content = begin;
	node->size = size;
	if (size && (data < size || u->options->sparse))
		node->flags |= NODE_SPARSE;
	u->end = (begin + size + PAGE - 1) / PAGE * PAGE;
	if (ftruncate(u->tree->spool, (off_t)u->end))
		return complain(u->tree->session, errno,
				"cannot write a temporary file beside it");
	return EXIT_SUCCESS;
}

// ## One entry

static int take_link(struct unpacking *u, const char *target, uint32_t parent,
		     const char *name, size_t length)
{
	struct tree *t = u->tree;
	uint32_t first;

	if (find(u, target, &first))
		return EXIT_FAILURE;
	if (first == NO_NODE || S_ISDIR(t->node[first].mode))
		return refuse(u, "a hard link to a file that did not come "
				 "before it");
	while (t->node[first].flags & NODE_LINK)
		first = t->node[first].target;
	uint32_t old = tree_child(t, parent, name, length);
	if (old == first)
		return EXIT_SUCCESS;
	if (old != NO_NODE)
		t->node[old].flags |= NODE_GONE;
	struct node *node = tree_add(t, parent, name, length);
	node->mode = t->node[first].mode;
	node->flags = NODE_LINK;
	node->target = first;
	t->node[first].count++;
	return EXIT_SUCCESS;
}

// The name is given away: where other names of the file remain, one of them has
// its content.
static void replace(struct tree *t, uint32_t old)
{
	uint32_t heir = NO_NODE;
	bool links = t->node[old].count > 0 && !S_ISDIR(t->node[old].mode);

	for (uint32_t i = 0; links && i < t->count; i++) {
		struct node *node = &t->node[i];

		if (!(node->flags & NODE_LINK) || node->flags & NODE_GONE ||
		    node->target != old)
			continue;
		if (heir != NO_NODE) {
			node->target = heir;
			continue;
		}
		heir = i;
		uint32_t name = node->name, parent = node->parent;
		*node = t->node[old];
		node->name = name;
		node->parent = parent;
	}
	t->node[old].flags |= NODE_GONE;
}

static int take_entry(struct unpacking *u, struct archive_entry *entry)
{
	struct tree *t = u->tree;
	mode_t type = u->call->archive_entry_filetype(entry);
	const char *name, *target;
	uint32_t parent, i, xattrs;
	size_t length;

	if (walk(u, u->name, &parent, &name, &length))
		return EXIT_FAILURE;
	target = u->call->archive_entry_hardlink(entry);
	if (target)
		return take_link(u, target, parent, name, length);
	if (!length && type != AE_IFDIR)
		return refuse(u, "the root can only be a directory");
	i = length ? tree_child(t, parent, name, length) : ROOT_NODE;
	if (i != NO_NODE && S_ISDIR(t->node[i].mode) && type != AE_IFDIR)
		return refuse(u, "there is a directory of that name already");
	if (i != NO_NODE && !(type == AE_IFDIR && S_ISDIR(t->node[i].mode))) {
		replace(t, i);
		i = NO_NODE;
	}
	if (i == NO_NODE) {
		tree_add(t, parent, name, length);
		i = t->count - 1;
	}
	take_attributes(u, &t->node[i], entry);
	if (add_xattrs(u, entry, &xattrs))
		return EXIT_FAILURE;
	t->node[i].xattrs = xattrs;
	switch (type) {
	case AE_IFREG:
		return take_content(u, entry, &t->node[i]);
	case AE_IFLNK:
		target = u->call->archive_entry_symlink(entry);
		if (!target || !*target)
			return refuse(u, "a symlink to nothing");
		t->node[i].size = strlen(target);
		t->node[i].target = tree_keep(t, target, strlen(target) + 1);
		return EXIT_SUCCESS;
	case AE_IFCHR:
	case AE_IFBLK:
		t->node[i].size =
			(uint64_t)u->call->archive_entry_rdevmajor(entry)
				<< 32 |
			(uint32_t)u->call->archive_entry_rdevminor(entry);
		return EXIT_SUCCESS;
	case AE_IFDIR:
	case AE_IFIFO:
	case AE_IFSOCK:
		return EXIT_SUCCESS;
	}
	return refuse(u, "an entry of an unknown type");
}

static int read_entries(struct unpacking *u)
{
	struct archive_entry *entry;
	int result, status = EXIT_SUCCESS;

	while (!status && (result = u->call->archive_read_next_header(
				   u->archive, &entry)) != ARCHIVE_EOF) {
		// A warning is about what no path of ours depends on: a name in
		// a character set that is not known here.
		if (result < ARCHIVE_WARN)
			return archive_failed(u);
		u->name = u->call->archive_entry_pathname(entry);
		if (!u->name)
			return archive_failed(u);
		status = take_entry(u, entry);
	}
	return status;
}

int read_archive(struct tree *t, const struct make_options *o)
{
	struct unpacking u = {
		.tree = t,
		.options = o,
		.call = archives(),
		.now = pack_time(o->now.seconds, o->now.ns),
	};
	bool standard = !strcmp(o->from, "-");

	if (!u.call)
		return no_archives(t->session);
	if (standard && session_stdin(t->session) != EXIT_SUCCESS)
		return EXIT_FAILURE;
	if (open_spool(&u))
		return EXIT_FAILURE;
	t->arranged = false;
	u.archive = must_ptr(u.call->archive_read_new());
	u.call->archive_read_support_filter_all(u.archive);
	u.call->archive_read_support_format_tar(u.archive);
	u.call->archive_read_support_format_cpio(u.archive);
	u.call->archive_read_support_format_zip(u.archive);
	u.call->archive_read_support_format_7zip(u.archive);
	u.call->archive_read_support_format_iso9660(u.archive);
	int result = standard ? u.call->archive_read_open_fd(
					u.archive, STDIN_FILENO, READ_BYTES)
			      : u.call->archive_read_open_filename(
					u.archive, o->from, READ_BYTES);
	int status = result == ARCHIVE_OK ? read_entries(&u)
					  : archive_failed(&u);
	u.call->archive_read_free(u.archive);
	return status;
}

#endif
