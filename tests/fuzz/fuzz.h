// fuzz.h - hostile input for every reader
//
// A target is a function: it takes bytes, plays them, and returns 0. It stops the
// process where a promise is broken (promise()); the sanitizers stop it elsewhere.
//
//     make fuzz SECONDS=60             libFuzzer (clang), each target that long
//     make fuzz FUZZ=check SECONDS=3600
//     build/tests/check fuzz           the inputs in seeds/, with any compiler
//
// Targets are linked into the Check suite, too; main.c is only libFuzzer's side.
//
// ## Images as a few bytes
//
// An image is large, and all but a few of its bytes do not matter to a reader. So
// an input is the number of a base image (bases.c makes them at the start) and a
// list of steps of six bytes, which aim at what the base has: its superblock, a
// bitmap, an inode, a directory's block. A step may point one region at another,
// which a fuzzer would find by chance once in 2^32. Steps with STEP_DO are no
// damage but something to do afterwards; what, and what the option is, each target
// says.
//
//     base  option  (region kind at at value value)...

#ifndef FUZZ_H
#define FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fs/ext2/device.h"

struct fuzz_target {
	const char *name;
	int (*play)(const uint8_t *bytes, size_t n);
	bool steps; // such input; otherwise bytes or text
};

extern const struct fuzz_target fuzz_targets[]; // ends with name NULL

// What must hold whatever the input. Says which, and ends the process.
#define promise(condition, ...)                                    \
	((condition) ? (void)0                                     \
		     : fuzz_broken(__FILE__, __LINE__, #condition, \
				   "" __VA_ARGS__))
_Noreturn void fuzz_broken(const char *file, int line, const char *condition,
			   const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

// ## Bases

enum { STEPS_BEGIN = 2, STEP_BYTES = 6 };

enum step_kind {
	STEP_8, // the value, in so many bits
	STEP_16,
	STEP_32,
	STEP_SIGNED, // in 32 bits, with its sign
	STEP_HIGH,   // in the upper 16 of 32
	STEP_ADD,    // to 32 bits
	STEP_POINT,  // 32 bits: the block of the region `value`
	STEP_XOR,
	STEP_COPY,    // from the region `value`, up to its end
	STEP_COPY_64, // bytes of it
	STEP_ZERO,    // so many bytes
	STEP_ONES,
	STEP_BIG_32, // big-endian, as the journal is
	STEP_BIG_POINT,
	STEP_BIG_16,
	STEP_DO,
	STEP_KINDS
};

struct step {
	uint8_t region, kind;
	uint16_t at, value;
};

struct base {
	const char *name;
	int number; // among all
	uint8_t *bytes;
	size_t size;
	uint32_t block_bytes;
	struct region {
		uint32_t offset, bytes;
	} region[250];
	int regions;
};

enum { BASES = 9, BASE_LOG = 2, DISKS = 2 };
const struct base *base_of(uint8_t number); // of file systems
const struct base *disk_of(uint8_t number); // with partitions

// ## Scratch: a device that begins as a base, damaged by the steps of an input
//
// There is one; what was written to it is put back by the next scratch_begin, page
// by page, so that an input costs what it changes.

struct scratch {
	struct device device;
	uint8_t *bytes;
	uint64_t writes; // since scratch_begin
	bool seal;       // a write now breaks a promise
};

// *steps: those that are STEP_DO, in an array that holds until the next call.
struct scratch *scratch_begin(const struct base *base, const uint8_t *bytes,
			      size_t n, const struct step **steps, int *count);

// For a target that changes scratch->bytes itself.
void scratch_touch(uint64_t offset, size_t n);

// The input as a file of the host, "/proc/self/fd/N"; close the descriptor.
int fuzz_file(const void *bytes, size_t n, char path[32]);

// Standard output and error to nowhere, unless FUZZ_LOUD is set; and back.
void fuzz_hush(void);
void fuzz_speak(void);

int fuzz_read(const uint8_t *bytes, size_t n);
int fuzz_replay(const uint8_t *bytes, size_t n);
int fuzz_check(const uint8_t *bytes, size_t n);
int fuzz_edit(const uint8_t *bytes, size_t n);
int fuzz_rebuild(const uint8_t *bytes, size_t n);
int fuzz_look(const uint8_t *bytes, size_t n);
int fuzz_extract(const uint8_t *bytes, size_t n);
int fuzz_partitions(const uint8_t *bytes, size_t n);
int fuzz_undo(const uint8_t *bytes, size_t n);
int fuzz_table(const uint8_t *bytes, size_t n);
int fuzz_values(const uint8_t *bytes, size_t n);
int fuzz_archive(const uint8_t *bytes, size_t n);
int fuzz_trace(const uint8_t *bytes, size_t n);

#endif
