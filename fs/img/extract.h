// extract.h - files of an image become files of the host

#ifndef IMG_EXTRACT_H
#define IMG_EXTRACT_H

#include "fs/img/beneath.h"
#include "fs/img/img.h"
#include "fs/img/numbers.h"

struct extraction {
	struct session *session;
	bool force;   // replace what exists
	bool devices; // make them, too
	bool owners;  // keep owners and groups
	bool xattrs;

	struct beneath beneath; // the target directory
	struct numbers links;   // of inodes with several names the first, as a
				// path below the target directory
	bool *made; // by level of `beneath`: whether the directory is ours
	size_t made_room;
	bool inherits; // a directory there gives ACLs to what is made in it
	char *buffer;
	uid_t uid; // the user's
	gid_t gid;
	mode_t mask; // his umask(2), which comes back in the end
	uint32_t block_bytes;
	uint64_t devices_left, failed;
	struct progress *progress;

	// Of the tree that is being extracted, or "": its content goes into the
	// target directory itself.
	const char *name;
	size_t source_length; // of its path in the image
};

// Opens the directory `target` of the host and sets umask(2) to 0. An exit status.
int extract_begin(struct extraction *, const char *target);
void extract_end(struct extraction *);

// What has the path `source` in the image, as `name` in the target directory.
// Says what fails and goes on with the rest. An exit status.
int extract_tree(struct extraction *, uint32_t ino, const char *source,
		 const char *name);

#endif
