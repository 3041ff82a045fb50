// sides.h - what diff compares: a tree in an image, or in a directory of the host
//
// A side is walked directory by directory: enter, look at names, leave. Functions
// return 0 or -errno.

#ifndef IMG_SIDES_H
#define IMG_SIDES_H

#include "fs/img/beneath.h"
#include "fs/img/img.h"

struct side {
	struct session *session; // NULL: a directory
	uint64_t image_bytes;    // no file holds more data
	struct beneath beneath;

	uint32_t *dir; // of an image: those entered
	size_t depth, room;
};

enum { TIME_CHANGED, TIME_READ, TIME_STATUS, TIME_MADE, TIMES };

// What one side says of a file.
struct facts {
	uint64_t dev, ino;
	uint16_t mode;
	uint32_t uid, gid, major, minor;
	uint64_t size, links;
	struct ext2_time time[TIMES];
	bool has_ns, has_made;
	struct ext2_inode inode; // of an image
};

struct side_xattr {
	char *name;
	uint8_t *value;
	size_t size;
};
struct side_xattrs {
	struct side_xattr *item; // by name
	size_t count;
};

int side_image(struct side *, struct session *, uint32_t start);
int side_directory(struct side *, const char *path);
void side_end(struct side *);

static inline bool side_is_image(const struct side *side)
{
	return side->session;
}

// The names in the directory that was entered last, sorted by their bytes.
int side_list(struct side *, struct listing *);
int by_bytes(const struct listed *a, const struct listed *b);

// A name in it; NULL: the directory itself.
int side_facts(struct side *, const struct listed *, struct facts *);
int side_target(struct side *, const struct listed *, const struct facts *,
		char **target);
int side_xattrs(struct side *, const struct listed *, const struct facts *,
		struct side_xattrs *);
void side_xattrs_free(struct side_xattrs *);
int side_enter(struct side *, const struct listed *);
int side_leave(struct side *);

// The content of a regular file, run by run.
struct side_file {
	struct side *side;
	const struct facts *facts;
	int fd; // of a directory's
	uint64_t met;
};
int side_open(struct side *, const struct listed *, const struct facts *,
	      struct side_file *);
// The first run of data at or behind `at`; none: *from is the size.
int side_run(struct side_file *, uint64_t at, uint64_t *from, uint64_t *end);
int side_read(struct side_file *, uint64_t at, void *bytes, size_t n);
void side_close(struct side_file *);

#endif
