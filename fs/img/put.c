// # put: files enter the image
//
// As `cp -a` into a file system that is mounted: modes, owners, times, links,
// holes and attributes are kept. Trees and archives are gathered and written by
// what mkfs --from does it with (mkfs.h); names that the image has already are
// looked up in between. All sources are one transaction: they are in the image
// together, or none of them is.

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "fs/img/img.h"
#include "fs/img/mkfs.h"
#include "fs/img/values.h"
#include "must.h"

struct options {
	char **sources;
	int count; // of sources
	const char *destination;
	const char *owner_text;
	struct owner owner;
	bool force, follow, tar, numeric, one_file_system;
};

// ## The command line

enum { OPT_TAR = 256, OPT_OWNER, OPT_NUMERIC };

static const struct argp_option table[] = {
	{ "force", 'f', 0, 0,
	  "Replace files that exist, and give directories that exist their "
	  "attributes", 1 },
	{ "dereference", 'L', 0, 0,
	  "A SOURCE that is a symlink means its target", 1 },
	{ "tar", OPT_TAR, 0, 0,
	  "SOURCE is an archive (tar, cpio, zip ..., compressed or not)", 1 },
	{ "one-file-system", 'x', 0, 0,
	  "Do not go into directories where others are mounted", 1 },
	{ "owner", OPT_OWNER, "USER:GROUP", 0,
	  "All of it is theirs, such as 0:0 (as it is)", 2 },
	{ "numeric", OPT_NUMERIC, 0, 0, "These are numbers, not names", 2 },
	{ 0 }
};

static error_t parse(int key, char *text, struct argp_state *state)
{
	struct options *o = state->input;

	switch (key) {
	case 'f':
		o->force = true;
		return 0;
	case 'L':
		o->follow = true;
		return 0;
	case 'x':
		o->one_file_system = true;
		return 0;
	case OPT_TAR:
		o->tar = true;
		return 0;
	case OPT_OWNER:
		o->owner_text = text;
		return 0;
	case OPT_NUMERIC:
		o->numeric = true;
		return 0;
	case ARGP_KEY_ARGS:
		o->sources = state->argv + state->next;
		o->count = state->argc - state->next - 1;
		o->destination = state->argv[state->argc - 1];
		if (o->count < 1)
			argp_failure(state, EXIT_USAGE, 0,
				     "want IMAGE, SOURCE and DESTINATION");
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_failure(state, EXIT_USAGE, 0,
			     "want IMAGE, SOURCE and DESTINATION");
		return 0;
	case ARGP_KEY_SUCCESS:
		if (o->owner_text)
			option_owner(state, "--owner", o->owner_text,
				     o->numeric, &o->owner);
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static const struct argp parser = {
	.options = table,
	.parser = parse,
	.args_doc = "IMAGE SOURCE... DESTINATION",
	.doc = "Copies files and trees of this host into an image, with modes, "
	       "owners, times, links, holes and attributes; - is standard "
	       "input."
	       "\vA DESTINATION that is a directory gets the sources in it. "
	       "DIRECTORY/. means what DIRECTORY holds.\n\n"
	       "Examples:\n"
	       "  img put disk.img notes.txt /home/\n"
	       "  img put --owner=0:0 disk.img tree/. /\n"
	       "  zcat image.tar.gz | img put --tar disk.img - /srv\n"
	       "  date | img put disk.img - /etc/built",
};

// ## Where a source goes

struct place {
	uint32_t dir;
	const char *name; // "": it is the directory itself
	size_t length;
	uint32_t there; // the inode of that name, or 0
	uint16_t mode;  // of that
	char *path;     // for people
	bool slash;     // at its end: for a directory only
};

static bool is_dots(const char *name, size_t length)
{
	return length == 0 || (length == 1 && name[0] == '.') ||
	       (length == 2 && name[0] == '.' && name[1] == '.');
}

static int look_at_place(struct session *s, struct place *place)
{
	struct ext2_entry entry;
	struct ext2_inode inode;

	place->there = place->length ? 0 : place->dir;
	place->mode = S_IFDIR;
	if (!place->length)
		return EXIT_SUCCESS;
	int error = ext2_find(s->fs, place->dir, place->name, place->length,
			      &entry);
	if (error == -ENOENT)
		return EXIT_SUCCESS;
	if (!error)
		error = ext2_inode(s->fs, entry.ino, &inode);
	if (error)
		return complain(s, error, "%s", place->path);
	place->there = entry.ino;
	place->mode = inode.mode;
	return EXIT_SUCCESS;
}

static int find_place(struct session *s, const struct options *o,
		      const char *source, struct place *place)
{
	const char *destination = o->destination;

	*place = (struct place){ .dir = 0 };
	if (leads_to_directory(s, destination, &place->dir)) {
		place->name = path_last(source, &place->length);
		if (!o->tar && !strcmp(source, "-"))
			return complain(s, 0,
					"%s is a directory: want a name for "
					"what comes from standard input",
					destination);
		if (o->tar || is_dots(place->name, place->length))
			place->length = 0;
		must(asprintf(&place->path, "%s/%.*s", destination,
			      (int)place->length, place->name));
		return look_at_place(s, place);
	}
	if (o->count > 1 || o->tar)
		return complain(s, 0, "%s: want a directory for %s",
				destination,
				o->tar ? "an archive" : "more than one source");
	int error = ext2_walk_parent(s->fs, from_here(s), destination,
				     &place->dir, &place->name, &place->length);
	if (error)
		return complain(s, error, "%s", destination);
	place->path = must_ptr(strdup(destination));
	place->slash = place->name[place->length] == '/';
	return look_at_place(s, place);
}

// What has the name goes away, when it may.
static int clear_place(struct session *s, const struct options *o,
		       const struct place *place)
{
	if (!place->there)
		return EXIT_SUCCESS;
	if (S_ISDIR(place->mode))
		return complain(s, EISDIR, "%s", place->path);
	if (!o->force)
		return complain(s, EEXIST, "%s (--force replaces it)",
				place->path);
	int error = ext2_unlink(s->fs, place->dir, place->name, place->length);
	return error ? complain(s, error, "cannot replace %s", place->path)
		     : EXIT_SUCCESS;
}

// ## A file that is no directory

static struct ext2_time time_of(struct timespec t)
{
	return unpack_time(pack_time(t.tv_sec, (uint32_t)t.tv_nsec));
}

static struct ext2_inode attributes_of(const struct session *s,
				       const struct options *o,
				       const struct stat *info)
{
	return (struct ext2_inode){
		.mode = (uint16_t)info->st_mode,
		.uid = o->owner.uid < 0 ? info->st_uid : (uint32_t)o->owner.uid,
		.gid = o->owner.gid < 0 ? info->st_gid : (uint32_t)o->owner.gid,
		.atime = time_of(info->st_atim),
		.mtime = time_of(info->st_mtim),
		.ctime = time_of(info->st_ctim),
		.crtime = ext2_now(s->fs),
		.device_major = major(info->st_rdev),
		.device_minor = minor(info->st_rdev),
	};
}

static int copy_xattrs(struct session *s, uint32_t ino, const char *path,
		       bool follow)
{
	enum { MOST = 65536 };
	char *names = must_ptr(malloc(MOST)), *value = must_ptr(malloc(MOST));
	ssize_t n = follow ? listxattr(path, names, MOST)
			   : llistxattr(path, names, MOST);
	int error = n < 0 && errno != EOPNOTSUPP ? -errno : 0;

	for (char *at = names; !error && at < names + n; at += strlen(at) + 1) {
		if (!is_kept_xattr(at))
			continue;
		ssize_t size = follow ? getxattr(path, at, value, MOST)
				      : lgetxattr(path, at, value, MOST);
		error = size < 0 ? -errno
				 : ext2_set_xattr(s->fs, ino, at, value,
						  (size_t)size);
	}
	free(names);
	free(value);
	return error;
}

struct copying {
	struct session *session;
	struct progress *progress;
	uint32_t ino;
	int fd;
};

static int copy_run(void *context, uint64_t from, uint64_t n)
{
	enum { STEP = 16 << 20 };
	struct copying *c = context;
	int error = 0;

	while (!error && n) {
		uint64_t some = n < STEP ? n : STEP;
		error = ext2_write_from(c->session->fs, c->ino, from, c->fd,
					from, some);
		progress_add(c->progress, some);
		from += some;
		n -= some;
	}
	return error;
}

static int put_regular(struct session *s, const struct place *place,
		       const struct ext2_inode *attributes, int fd,
		       uint64_t size, uint32_t *ino)
{
	struct progress progress;
	struct copying copying = { .session = s,
				   .progress = &progress,
				   .fd = fd };

	int error = ext2_create(s->fs, place->dir, place->name, place->length,
				attributes, ino);
	if (error)
		return error;
	copying.ino = *ino;
	progress_begin(&progress, s, "copying", size);
	error = each_run(fd, 0, size, 0, copy_run, &copying);
	progress_end(&progress);
	return error ? error : ext2_truncate(s->fs, *ino, size);
}

static int put_symlink(struct session *s, const struct place *place,
		       const struct ext2_inode *attributes, const char *source,
		       uint32_t *ino)
{
	char target[4096]; // PATH_MAX, the longest that Linux makes
	ssize_t n = readlink(source, target, sizeof target);

	return n < 0 ? -errno
		     : ext2_symlink(s->fs, place->dir, place->name,
				    place->length, attributes, target,
				    (size_t)n, ino);
}

// Opened first and asked then, so that both are about the same file.
static int open_source(const struct options *o, const char *source,
		       struct stat *info)
{
	int follow = o->follow ? 0 : O_NOFOLLOW;

	if (fstatat(AT_FDCWD, source, info,
		    o->follow ? 0 : AT_SYMLINK_NOFOLLOW))
		return -errno;
	if (!S_ISREG(info->st_mode))
		return 0;
	int fd = open(source, O_RDONLY | O_NONBLOCK | O_CLOEXEC | follow);
	if (fd == -1)
		return -errno;
	if (fstat(fd, info) == 0 && S_ISREG(info->st_mode))
		return fd;
	close(fd);
	return -EAGAIN;
}

static int put_file(struct session *s, const struct options *o,
		    const char *source, const struct place *place)
{
	struct stat info;
	uint32_t ino = 0;
	int fd = open_source(o, source, &info);

	if (fd < 0)
		return complain(s, fd, "cannot read %s", source);
	if (clear_place(s, o, place) != EXIT_SUCCESS) {
		if (S_ISREG(info.st_mode))
			close(fd);
		return EXIT_FAILURE;
	}
	struct ext2_inode attributes = attributes_of(s, o, &info);
	int error;
	if (S_ISREG(info.st_mode)) {
		error = put_regular(s, place, &attributes, fd,
				    (uint64_t)info.st_size, &ino);
		close(fd);
	} else if (S_ISLNK(info.st_mode)) {
		error = put_symlink(s, place, &attributes, source, &ino);
	} else {
		error = ext2_create(s->fs, place->dir, place->name,
				    place->length, &attributes, &ino);
	}
	if (!error)
		error = copy_xattrs(s, ino, source, o->follow);
	return error ? complain(s, error, "cannot copy %s to %s", source,
				place->path)
		     : EXIT_SUCCESS;
}

// ## Standard input

static int put_stream(struct session *s, const struct options *o,
		      const struct place *place)
{
	enum { BUFFER_BYTES = 1 << 18 };
	struct ext2_time now = ext2_now(s->fs);
	const struct ext2_inode attributes = {
		.mode = S_IFREG | 0644,
		.uid = o->owner.uid < 0 ? 0 : (uint32_t)o->owner.uid,
		.gid = o->owner.gid < 0 ? 0 : (uint32_t)o->owner.gid,
		.atime = now,
		.mtime = now,
		.ctime = now,
		.crtime = now,
	};
	uint64_t at = 0;
	uint32_t ino;
	size_t n;

	if (session_stdin(s) != EXIT_SUCCESS ||
	    clear_place(s, o, place) != EXIT_SUCCESS)
		return EXIT_FAILURE;
	char *buffer = must_ptr(malloc(BUFFER_BYTES));
	int error = ext2_create(s->fs, place->dir, place->name, place->length,
				&attributes, &ino);
	while (!error && (n = fread(buffer, 1, BUFFER_BYTES, stdin)) > 0) {
		error = ext2_write(s->fs, ino, at, buffer, n);
		at += n;
	}
	free(buffer);
	if (!error && ferror(stdin))
		return complain(s, errno, "cannot read standard input");
	return error ? complain(s, error, "cannot write %s", place->path)
		     : EXIT_SUCCESS;
}

// ## Trees and archives

// Names that the image has: directories are filled further, files replaced.
static int meet_node(struct session *s, const struct options *o, struct tree *t,
		     struct node *node)
{
	const struct node *parent = &t->node[node->parent];
	char *path = node_path(t, node);
	struct place place = {
		.dir = parent->ino,
		.name = node_name(t, node),
		.length = node_name_len(t, node),
		.path = path,
	};
	int status = EXIT_SUCCESS;

	if (parent->ino && !(node->flags & NODE_GONE))
		status = look_at_place(s, &place);
	if (status == EXIT_SUCCESS && place.there && S_ISDIR(node->mode) &&
	    S_ISDIR(place.mode)) {
		node->ino = place.there;
		if (!o->force)
			node->flags |= NODE_THERE;
	} else if (status == EXIT_SUCCESS && place.there) {
		status = S_ISDIR(node->mode) ? complain(s, ENOTDIR, "%s", path)
					     : clear_place(s, o, &place);
	}
	free(path);
	return status;
}

static uint64_t bytes_of(const struct tree *t)
{
	uint64_t bytes = 0;

	for (uint32_t i = 0; i < t->count; i++)
		if (S_ISREG(t->node[i].mode))
			bytes += t->node[i].size;
	return bytes;
}

static int put_tree(struct session *s, const struct options *o,
		    const struct make_options *make, struct tree *t,
		    const struct place *place)
{
	struct progress progress;
	struct node *root;
	int status = EXIT_SUCCESS;

	tree_normalise(t, make);
	tree_arrange(t);
	root = &t->node[ROOT_NODE];
	root->ino = place->there;
	if (place->there && (!o->force || o->tar))
		root->flags |= NODE_THERE;
	if (!place->there) {
		const struct ext2_inode attributes = { .mode = root->mode };
		int error = ext2_create(s->fs, place->dir, place->name,
					place->length, &attributes, &root->ino);
		if (error)
			return complain(s, error, "cannot make %s",
					place->path);
	}
	for (uint32_t i = 1; place->there && i < t->count; i++)
		if (meet_node(s, o, t, &t->node[i]) != EXIT_SUCCESS)
			return EXIT_FAILURE;
	progress_begin(&progress, s, "copying", bytes_of(t));
	status = write_tree(t, s->fs, make, &progress);
	progress_end(&progress);
	return status;
}

static int gather_and_put(struct session *s, const struct options *o,
			  const char *source, const struct place *place)
{
	struct ext2_numbers numbers;
	struct tree tree;

	ext2_numbers(s->fs, &numbers);
	const struct make_options make = {
		.from = source,
		.block_bytes = numbers.block_bytes,
		.uid = o->owner.uid,
		.gid = o->owner.gid,
		.one_file_system = o->one_file_system,
		.reproducible = getenv("SOURCE_DATE_EPOCH") != NULL,
		.now = ext2_now(s->fs),
	};
	tree_begin(&tree, s);
	tree.arranged = true;
	int status = o->tar ? read_archive(&tree, &make)
			    : scan_directory(&tree, &make);
	if (status == EXIT_SUCCESS)
		status = put_tree(s, o, &make, &tree, place);
	if (status == EXIT_SUCCESS && tree.changed)
		status = complain(s, 0,
				  "%s changed while it was read; the image is "
				  "as it was",
				  source);
	tree_end(&tree);
	return status;
}

// ## The command

static int put(struct session *s, const struct options *o, const char *source)
{
	struct place place;
	struct stat info;
	int status = find_place(s, o, source, &place);

	bool directory = !o->tar && strcmp(source, "-") &&
			 !fstatat(AT_FDCWD, source, &info,
				  o->follow ? 0 : AT_SYMLINK_NOFOLLOW) &&
			 S_ISDIR(info.st_mode);
	if (status != EXIT_SUCCESS)
		;
	else if (directory ? place.there && !S_ISDIR(place.mode) : place.slash)
		status = complain(s, ENOTDIR, "%s", place.path);
	else if (directory || o->tar)
		status = gather_and_put(s, o, source, &place);
	else if (!strcmp(source, "-"))
		status = put_stream(s, o, &place);
	else
		status = put_file(s, o, source, &place);
	free(place.path);
	return status;
}

static int run_put(struct session *s, int argc, char **argv)
{
	struct options o = { .owner = { -1, -1 } };
	int status = EXIT_SUCCESS;

	command_parse(s, &parser, argc, argv, &o);
	status = session_open(s, EXT2_WRITE);
	for (int i = 0; i < o.count && status == EXIT_SUCCESS; i++)
		status = put(s, &o, o.sources[i]);
	return status;
}

const struct command put_command = {
	.name = "put",
	.summary = "copies files and trees into the image",
	.heading = "Changing",
	.run = run_put,
};
