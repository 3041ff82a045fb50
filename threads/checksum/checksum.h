// checksum.h - SHA-256 of every file of a tree, by all CPUs
//
// The tool `threads/pool sum`, in pieces: walk.c finds the files, in an order
// that does not depend on the file system; digest.c reads one of them, as a task
// of a pool; print.c writes a line as sha256sum(1) does, or JSON; sum.c puts them
// together: one thread walks and prints, the workers read and compute.
//
// SHA-256 is FIPS 180-4, computed by libcrypto (EVP_DigestInit_ex(3)).

#ifndef THREADS_CHECKSUM_H
#define THREADS_CHECKSUM_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "threads/pool/pool.h"

enum { SUM_BYTES = 32 };

// The tool (see struct tool in lab.h). Returns the exit status: 0 all was read,
// 1 something could not be; bad usage exits with 2.
int sum_main(int argc, char **argv);

// --- walk.c --------------------------------------------------------------------

// Whom a walk calls, from the walking thread. The path is the visitor's to copy.
// A non-zero result of `file` ends the walk, which returns it.
struct visitor {
	int (*file)(struct visitor *visitor, const char *path, bool named);
	void (*trouble)(struct visitor *visitor, const char *path, int error);
};

// Calls `file` for a file (`named`: the user wrote this path, so links in it are
// followed), or for every regular file in and below a directory, in the order of
// the bytes of their paths. Symbolic links below the path are not followed, so
// there are no loops; they, sockets, devices and FIFOs are passed over. What
// cannot be read is `trouble` (the errno), and the walk goes on. Needs memory for
// the names of the directories on the way to where it is, and one descriptor.
// Returns 0, what `file` returned, or -ENOMEM.
int walk(const char *path, struct visitor *visitor);

// --- digest.c ------------------------------------------------------------------

// What all tasks of one run share.
struct digests {
	struct pool *pool;
	struct lane *lanes;             // one for each worker
	void *algorithm;                // EVP_MD
	_Atomic uint64_t bytes;         // read so far
	const _Atomic int *interrupted; // not 0: end soon
};

// 0, -EINVAL (libcrypto has no SHA-256), -ENOMEM or what pool_open says.
int digests_open(struct digests *digests, int workers,
		 const _Atomic int *interrupted);
void digests_close(struct digests *digests); // drops what has not begun

// One file. The task is digest_run; `error` is 0, or a positive errno: EINVAL,
// it is no regular file; ECANCELED, interrupted.
struct digest {
	struct pool_task task;
	struct digests *all;
	char *path;
	bool named;
	int error;
	unsigned char sum[SUM_BYTES];
};
void digest_run(struct pool_worker *me, struct pool_task *task);

// --- print.c ------------------------------------------------------------------

// "HASH  PATH" and a newline. A path with a backslash, newline or carriage return
// has these as \\, \n and \r, and the line begins with a backslash, as GNU
// coreutils do since 9.0 (cksum(1)): sha256sum --check reads them back.
void print_sum(FILE *out, const struct digest *digest);

// The same as a JSON object, without a newline; a path that is not UTF-8 is given
// as "path_hex". With an error instead of the sum where there is one.
void print_json(FILE *out, const struct digest *digest);

#endif
