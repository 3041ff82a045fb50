// # A device that is put back, and steps that damage it; see fuzz.h

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fs/ext2/layout.h"
#include "must.h"
#include "tests/fuzz/fuzz.h"

enum { PAGE = 4096, STEPS_MOST = 400 };

// ## The device

static struct {
	struct scratch scratch;
	const struct base *base;
	struct copy *copy; // of that base
	struct step steps[STEPS_MOST];
} one;

static struct copy {
	uint8_t *bytes;
	uint32_t *page; // those that differ from the base
	size_t pages;
	bool *differs;
} copies[BASES + DISKS];

static int scratch_read(struct device *device, uint64_t offset, void *bytes,
			size_t n)
{
	(void)device;
	memcpy(bytes, one.scratch.bytes + offset, n);
	return 0;
}

static void note(uint64_t offset, size_t n)
{
	struct copy *c = one.copy;

	for (uint64_t page = offset / PAGE; page * PAGE < offset + n; page++)
		if (!c->differs[page]) {
			c->differs[page] = true;
			c->page[c->pages++] = (uint32_t)page;
		}
}

void scratch_touch(uint64_t offset, size_t n)
{
	note(offset, n);
}

static int scratch_write(struct device *device, uint64_t offset,
			 const void *bytes, size_t n)
{
	(void)device;
	promise(!one.scratch.seal, "%zu bytes at %ju", n, (uintmax_t)offset);
	one.scratch.writes++;
	note(offset, n);
	memcpy(one.scratch.bytes + offset, bytes, n);
	return 0;
}

static int scratch_flush(struct device *device)
{
	(void)device;
	return 0;
}

static void scratch_close(struct device *device)
{
	(void)device;
}

static const struct device_kind scratch_kind = {
	.name = "scratch",
	.read = scratch_read,
	.write = scratch_write,
	.flush = scratch_flush,
	.close = scratch_close,
};

static void make_copy(struct copy *c, const struct base *base)
{
	size_t pages = base->size / PAGE + 1;

	c->bytes = must_ptr(malloc(base->size));
	memcpy(c->bytes, base->bytes, base->size);
	c->page = must_ptr(calloc(pages, sizeof *c->page));
	c->differs = must_ptr(calloc(pages, sizeof *c->differs));
}

static void put_back(const struct base *base)
{
	struct copy *c = &copies[base->number];

	if (!c->bytes)
		make_copy(c, base);
	for (; c->pages; c->pages--) {
		uint32_t page = c->page[c->pages - 1];
		size_t at = (size_t)page * PAGE;
		size_t n = base->size - at < PAGE ? base->size - at : PAGE;

		memcpy(c->bytes + at, base->bytes + at, n);
		c->differs[page] = false;
	}
	one.base = base;
	one.copy = c;
	one.scratch.bytes = c->bytes;
}

// ## Steps

static struct step step_at(const uint8_t *bytes)
{
	return (struct step){
		.region = bytes[0],
		.kind = bytes[1] % STEP_KINDS,
		.at = (uint16_t)(bytes[2] | bytes[3] << 8),
		.value = (uint16_t)(bytes[4] | bytes[5] << 8),
	};
}

static void put(uint64_t at, uint32_t value, size_t n, bool big)
{
	if (at + n > one.base->size)
		return;
	note(at, n);
	for (size_t i = 0; i < n; i++)
		one.scratch.bytes[at + (big ? n - 1 - i : i)] =
			(uint8_t)(value >> 8 * i);
}

static uint32_t number_at(uint64_t at)
{
	le32 n;

	memcpy(&n, one.scratch.bytes + at, sizeof n);
	return get32(n);
}

static void damage(const struct step *step)
{
	const struct base *base = one.base;
	const struct region *r = &base->region[step->region % base->regions];
	const struct region *other = &base->region[step->value % base->regions];
	size_t at = r->offset + step->at % r->bytes;
	size_t room = r->offset + r->bytes - at, n = step->value;

	switch ((enum step_kind)step->kind) {
	case STEP_8:
		put(at, step->value, 1, false);
		return;
	case STEP_16:
	case STEP_BIG_16:
		put(at, step->value, 2, step->kind == STEP_BIG_16);
		return;
	case STEP_32:
	case STEP_BIG_32:
		put(at, step->value, 4, step->kind == STEP_BIG_32);
		return;
	case STEP_SIGNED:
		put(at, (uint32_t)(int16_t)step->value, 4, false);
		return;
	case STEP_HIGH:
		put(at, (uint32_t)step->value << 16, 4, false);
		return;
	case STEP_ADD:
		if (room >= 4)
			put(at, number_at(at) + (uint32_t)(int16_t)step->value,
			    4, false);
		return;
	case STEP_POINT:
	case STEP_BIG_POINT:
		put(at, other->offset / base->block_bytes, 4,
		    step->kind == STEP_BIG_POINT);
		return;
	case STEP_XOR:
		put(at, one.scratch.bytes[at] ^ (uint32_t)step->value, 1,
		    false);
		return;
	case STEP_COPY:
	case STEP_COPY_64:
		n = step->kind == STEP_COPY ? other->bytes : 64;
		n = n < other->bytes ? n : other->bytes;
		n = n < room ? n : room;
		note(at, n);
		memmove(one.scratch.bytes + at,
			one.scratch.bytes + other->offset, n);
		return;
	case STEP_ZERO:
	case STEP_ONES:
		n = n < room ? n : room;
		note(at, n);
		memset(one.scratch.bytes + at,
		       step->kind == STEP_ZERO ? 0 : 0xff, n);
		return;
	case STEP_DO:
	case STEP_KINDS:
		return;
	}
}

struct scratch *scratch_begin(const struct base *base, const uint8_t *bytes,
			      size_t n, const struct step **steps, int *count)
{
	int kept = 0;

	put_back(base);
	one.scratch.device = (struct device){
		.kind = &scratch_kind,
		.bytes = base->size,
		.writable = true,
		.parallel = true,
	};
	one.scratch.writes = 0;
	one.scratch.seal = false;
	for (size_t at = STEPS_BEGIN, i = 0;
	     at + STEP_BYTES <= n && i < STEPS_MOST; at += STEP_BYTES, i++) {
		struct step step = step_at(bytes + at);

		if (step.kind == STEP_DO)
			one.steps[kept++] = step;
		else
			damage(&step);
	}
	if (steps)
		*steps = one.steps;
	if (count)
		*count = kept;
	return &one.scratch;
}

// ## Besides

void fuzz_broken(const char *file, int line, const char *condition,
		 const char *fmt, ...)
{
	va_list ap;

	fuzz_speak();
	fflush(stdout);
	fprintf(stderr, "%s:%d: a promise is broken: %s: ", file, line,
		condition);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	abort();
}

int fuzz_file(const void *bytes, size_t n, char path[32])
{
	int fd = must(memfd_create("fuzz", MFD_CLOEXEC));

	for (size_t done = 0; done < n;)
		done += (size_t)must(
			write(fd, (const char *)bytes + done, n - done));
	must(lseek(fd, 0, SEEK_SET));
	snprintf(path, 32, "/proc/self/fd/%d", fd);
	return fd;
}

static int kept_out = -1, kept_err = -1;

void fuzz_hush(void)
{
	if (getenv("FUZZ_LOUD") || kept_out >= 0)
		return;
	int nowhere = must(open("/dev/null", O_WRONLY | O_CLOEXEC));

	fflush(stdout);
	kept_out = must(fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3));
	kept_err = must(fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3));
	must(dup2(nowhere, STDOUT_FILENO));
	must(dup2(nowhere, STDERR_FILENO));
	close(nowhere);
}

void fuzz_speak(void)
{
	if (kept_out < 0)
		return;
	fflush(stdout);
	must(dup2(kept_out, STDOUT_FILENO));
	must(dup2(kept_err, STDERR_FILENO));
	close(kept_out);
	close(kept_err);
	kept_out = kept_err = -1;
}
