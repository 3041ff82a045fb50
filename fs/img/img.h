// img.h - what the commands of img have in common
//
// A command is a row of the table in main.c: a name, a line, and a function that
// reads its arguments, opens the image (or is given one that is open, inside a
// batch), works on it and returns an exit status. Whoever opened the image
// commits: status 0 commits, anything else leaves it as it was.
//
//     static int ls(struct session *s, int argc, char **argv)
//     {
//             struct options o = { 0 };
//
//             command_parse(s, &parser, argc, argv, &o);
//             int status = session_open(s, EXT2_READ_ONLY);
//             if (status)
//                     return status;
//             ...
//             return complain(s, error, "cannot list %s", path);
//     }

#ifndef IMG_H
#define IMG_H

#include <argp.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "fs/ext2/ext2.h"
#include "options.h"

enum { EXIT_USAGE = 2, EXIT_MISSING = 77, EXT2_READ_ONLY = 0 };

struct session {
	const char *command;    // "put"
	const char *image_path; // the first argument
	uint64_t offset, bytes; // --offset, or those of --partition
	int partition;          // 0: none
	bool json;              // --format=json
	bool quiet;             // --quiet: no progress, no closing line

	struct device *device;
	struct ext2 *fs;
	int flags;   // as opened
	bool shared; // a batch opened it; its owner commits

	bool stdin_is_script; // what stands there is not for a command

	// Where relative paths in the image begin; 0: the root. See from_here.
	uint32_t start;
};

static inline uint32_t from_here(const struct session *s)
{
	return s->start ? s->start : INO_ROOT;
}

struct command {
	const char *name;
	const char *summary; // one line
	const char
		*heading; // under which --help lists it: "Looking", "Changing",
			  // "Making", "Explaining", "Caring", "Teaching"
	int (*run)(struct session *, int argc, char **argv);
	bool alone; // not inside a batch: it does not work on an open image
};

extern const struct command *const commands[]; // main.c; ends with NULL
const struct command *command_called(const char *name); // NULL: none

// Parses with `parser` (the command's own options and positional arguments, of
// which IMAGE has been taken already) and what all commands understand: --offset,
// --partition, --format, --quiet, --help, and IMAGE as the first argument (unless
// s->shared). Ends the program with 2 on bad usage. The parser's `doc` begins
// with a sentence and has an example after \v; args_doc begins with "IMAGE".
void command_parse(struct session *, const struct argp *parser, int argc,
		   char **argv, void *input);

// Opens device and file system (EXT2_WRITE or not; or-ed with other flags of
// ext2_open). Returns 0, or has said why not and returns the exit status. In a
// batch the image is open already.
int session_open(struct session *, int flags);

// Says why a device could not be opened or made (-errno, in which mode): in use,
// mounted, or, for any other reason, that it `failed`. Returns EXIT_FAILURE.
int session_refused(const struct session *, int error, int mode,
		    const char *failed);
// The device alone (fsck, mkfs of a partition).
int session_device(struct session *, int mode);
// Where a repair keeps what it overwrites, until it is done: beside the image. Once
// the device is open; the caller frees it.
char *session_undo_path(const struct session *);
// Whether a file of the host is the image itself, which what leaves the image must
// not replace.
struct stat;
bool is_own_image(const struct session *, const struct stat *file);

// Commits if status is 0 and the image was opened for writing by this session,
// closes it all, returns the status (1 if the commit failed, having said so).
// Signals that end a program wait meanwhile. main calls it after each command.
int session_end(struct session *, int status);

// "img put: disk.img: cannot make /a/b: No space left on device (ENOSPC)" on
// standard error, names shown so that they cannot hurt a terminal; error 0: none.
// Returns 1, so that a command can return it.
int complain(const struct session *, int error, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

// Before a command reads standard input: 0, or has said that it holds the lines
// that are yet to be played, and returns 1.
int session_stdin(const struct session *);

// ## Printing

// A name as it can be printed: itself if it is printable UTF-8, else bytes as
// \ooo; in a buffer that the caller frees.
char *shown(const char *name, size_t length);
// A line of ours that holds such names: a backslash stays as it is.
char *shown_line(const char *line, size_t length);
// The same for JSON: jansson wants UTF-8. json_set_name puts it into an object,
// and where it is not UTF-8 its bytes, too: "name_bytes": "hex".
json_t *json_name(const char *name, size_t length);
void json_set_name(json_t *object, const char *key, const char *name,
		   size_t length);

const char *mode_text(uint16_t mode, char text[11]); // "drwxr-xr-x"
const char *time_text(struct ext2_time time, bool ns, char text[40]);
const char *type_word(uint16_t mode); // "file", "directory", "symlink" ...
uint8_t type_of_mode(uint16_t mode);  // enum entry_type

// What an inode says of itself, without its path: "inode", "type", "mode" ...
json_t *json_inode(const struct ext2_inode *inode);
json_t *json_time(struct ext2_time time); // text; null for crtime 0

// Prints a JSON value and frees it. Returns 0, or 1 having complained.
int print_json(json_t *value);

// An array of which only one element is in memory at a time.
struct json_list {
	bool any;
};
void json_list_add(struct json_list *, json_t *value); // frees it
void json_list_end(struct json_list *);

// Words up to the canvas's width; lines after the first begin with `after`, or are
// indented.
void put_wrapped_with(FILE *out, int columns, const char *before,
		      const char *after, const char *text);
void put_wrapped(FILE *out, int columns, const char *before, int indent,
		 const char *text);

// Whether any file of such an image can be so long: 2^32 blocks. (What an image
// says beyond that would be zeros for years.)
bool possible_size(const struct session *, const struct ext2_inode *inode);

// A regular file's bytes to standard output. An exit status, having complained.
int print_content(struct session *, const struct ext2_inode *inode,
		  const char *path);

// ## Progress: a bar on standard error, if that is a terminal and the work takes
// longer than half a second. total 0: unknown.
struct progress {
	const struct session *session;
	const char *what;
	uint64_t done, total;
	int64_t begin_ns, shown_ns;
	bool visible;
};
void progress_begin(struct progress *, const struct session *, const char *what,
		    uint64_t total);
void progress_add(struct progress *, uint64_t n);
void progress_end(struct progress *);

// ## Trees

// A directory's entries in memory, without "." and "..", by rising inode (that is
// the fastest order to work them off in), or by name (its bytes), or as they lie.
struct listed {
	uint32_t ino;
	uint8_t type, name_len;
	const char *name; // terminated, too
	struct ext2_entry entry;
};
struct listing {
	struct listed *item;
	size_t count, room;
	char *names;
	size_t name_bytes, name_room;
};
enum { LIST_SORTED = 1, LIST_AS_IS = 2, LIST_DOTS = 4 };
int listing_read(struct ext2 *fs, uint32_t dir, int flags, struct listing *);
void listing_free(struct listing *);

// Calls `each` for every inode below (and for) `path`, parents before what is in
// them; the path is that in the image. Returning other than 0 stops it, and is
// returned. What cannot be read is said, and left out: the first such error is
// returned in the end. A directory that is met twice is such an error, so that a
// hostile image has an end.
struct visit {
	const char *path;
	struct ext2_inode inode;
	const struct ext2_entry *entry; // NULL: of the start
	int depth;
	bool last; // of its directory (for drawing trees)
	bool skip; // set by `each`: do not go into this directory
};
int visit_tree(struct session *, uint32_t start, const char *path, bool sorted,
	       int (*each)(void *context, struct visit *), void *context);
// The same, with all it can do.
struct visitor {
	int list_flags; // as of listing_read
	int (*each)(void *context, struct visit *);
	// For a directory that was entered, after all that is in it; or NULL.
	int (*leave)(void *context, struct visit *);
	// Whether to visit what has this name; or NULL: all.
	bool (*wanted)(void *context, const struct listed *);
	void *context;
};
int visit_with(struct session *, uint32_t start, const char *path,
	       const struct visitor *);
// How much of a path is left without "/" and "/." at its end: what visits begin
// with.
size_t path_trimmed(const char *path);
// Its last name, which `/` at the end does not belong to; empty for "/".
const char *path_last(const char *path, size_t *length);

// The inode that a path in the image means, or has said why not and returns 1.
int reach(struct session *, const char *path, int walk_flags, uint32_t *ino);
// Whether it means a directory, and which; says nothing.
bool leads_to_directory(struct session *, const char *path, uint32_t *ino);
int reach_inode(struct session *, const char *path, int walk_flags,
		struct ext2_inode *inode);

// SOURCE_DATE_EPOCH, or now.
struct ext2_time time_now(void);

// ## The commands. Each is a file (or shares one with its family), has a line
// here and its place in main.c's table.

extern const struct command ls_command;
extern const struct command tree_command;
extern const struct command cat_command;
extern const struct command stat_command;
extern const struct command df_command;
extern const struct command find_command;
extern const struct command get_command;
extern const struct command put_command;
extern const struct command mkdir_command;
extern const struct command rm_command;
extern const struct command mv_command;
extern const struct command ln_command;
extern const struct command chmod_command;
extern const struct command chown_command;
extern const struct command touch_command;
extern const struct command truncate_command;
extern const struct command mknod_command;
extern const struct command xattr_command;
extern const struct command mkfs_command;
extern const struct command walk_command;
extern const struct command dump_command;
extern const struct command map_command;
extern const struct command who_command;
extern const struct command diff_command;
extern const struct command fsck_command;
extern const struct command undelete_command;
extern const struct command resize_command;
extern const struct command defrag_command;
extern const struct command fill_command;
extern const struct command exercise_command;
extern const struct command inject_command;
extern const struct command batch_command;
extern const struct command shell_command;

#endif
