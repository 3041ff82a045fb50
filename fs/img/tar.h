// tar.h - files of an image become a tar archive

#ifndef IMG_TAR_H
#define IMG_TAR_H

#include <locale.h>

#include "fs/img/img.h"
#include "fs/img/numbers.h"

struct tar_request {
	struct session *session;
	const char *destination; // a file of the host, or "-"
	bool force;              // which may be replaced
	bool xattrs;

	// tar.c's own
	const char *name; // of the tree being written; "": its content
	size_t source_length;
	void *archive, *entry;
	int fd;
	char *temporary; // the name while it is not complete
	char *buffer;
	void *zeros;
	uint32_t block_bytes;
	struct numbers links; // of inodes with several names the first path
	uint64_t failed, sockets;
	locale_t utf8, before;
};

// Each returns an exit status, having complained. After tar_begin has succeeded
// tar_end must be called, with the status so far; it returns the final one.
int tar_begin(struct tar_request *);
int tar_tree(struct tar_request *, uint32_t ino, const char *source,
	     const char *name);
int tar_end(struct tar_request *, int status);

#endif
