// device_recorder.c - what was written when, and what if that fails
//
// Everything goes through to the base, and what changes it is noted with its
// bytes. A test can then build every state in which a crash may have left the
// image: some of the notes between two flushes are there, and others not.

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fs/ext2/device_parts.h"

struct recorder {
	struct device device;
	struct device *base;
	struct recording *recording;
};

static int note(struct recording *recording, enum recorded_kind kind,
		uint64_t offset, uint64_t n, const void *bytes)
{
	size_t count = recording->count;
	struct recorded item = { .kind = kind, .offset = offset, .n = n };

	// The room is the next power of two.
	if (!(count & (count - 1))) {
		struct recorded *larger =
			realloc(recording->item,
				(count ? 2 * count : 1) * sizeof(item));

		if (!larger)
			return -ENOMEM;
		recording->item = larger;
	}
	if (bytes) {
		item.bytes = malloc(n);
		if (!item.bytes)
			return -ENOMEM;
		memcpy(item.bytes, bytes, n);
	}
	recording->item[recording->count++] = item;
	return 0;
}

// Counts a call; -errno: this is the one that fails.
static int counted(struct recording *recording)
{
	uint64_t call = recording->calls++;
	bool due = recording->fail_ever_after ? call >= recording->fail_at
					      : call == recording->fail_at;

	return due ? -recording->error : 0;
}

static int recorder_read(struct device *device, uint64_t offset, void *bytes,
			 size_t n)
{
	struct recorder *recorder = (struct recorder *)device;
	int error = recorder->recording->fail_reads
			    ? counted(recorder->recording)
			    : 0;

	return error ? error : device_read(recorder->base, offset, bytes, n);
}

static int put_down(struct recorder *recorder, uint64_t offset,
		    const void *bytes, size_t n)
{
	int error = n ? device_write(recorder->base, offset, bytes, n) : 0;

	if (!error && n)
		error = note(recorder->recording, RECORDED_WRITE, offset, n,
			     bytes);
	return error;
}

static int recorder_write(struct device *device, uint64_t offset,
			  const void *bytes, size_t n)
{
	struct recorder *recorder = (struct recorder *)device;
	struct recording *recording = recorder->recording;
	bool first = recording->calls == recording->fail_at;
	int error = counted(recording);

	if (!error)
		return put_down(recorder, offset, bytes, n);
	if (first && recording->short_bytes < n)
		n = recording->short_bytes;
	else if (!first)
		n = 0;
	put_down(recorder, offset, bytes, n);
	return error;
}

static int recorder_flush(struct device *device)
{
	struct recorder *recorder = (struct recorder *)device;
	int error = counted(recorder->recording);

	if (!error)
		error = device_flush(recorder->base);
	return error ? error
		     : note(recorder->recording, RECORDED_FLUSH, 0, 0, NULL);
}

static int recorder_punch(struct device *device, uint64_t offset, uint64_t n)
{
	struct recorder *recorder = (struct recorder *)device;
	int error = counted(recorder->recording);

	if (!error)
		error = device_punch(recorder->base, offset, n);
	return error ? error
		     : note(recorder->recording, RECORDED_PUNCH, offset, n,
			    NULL);
}

static int recorder_resize(struct device *device, uint64_t bytes)
{
	struct recorder *recorder = (struct recorder *)device;
	int error = device_resize(recorder->base, bytes);

	return error ? error
		     : note(recorder->recording, RECORDED_RESIZE, bytes, 0,
			    NULL);
}

static void recorder_close(struct device *device)
{
	free(device);
}

static const struct device_kind recorder_kind = {
	.name = "recorder",
	.read = recorder_read,
	.write = recorder_write,
	.flush = recorder_flush,
	.punch = recorder_punch,
	.resize = recorder_resize,
	.close = recorder_close,
};

int device_recorder(struct device *base, struct recording *recording,
		    struct device **made)
{
	struct recorder *recorder = malloc(sizeof(*recorder));

	if (!recorder)
		return -ENOMEM;
	*recorder = (struct recorder){
		.device = { .kind = &recorder_kind,
			    .bytes = base->bytes,
			    .writable = base->writable },
		.base = base,
		.recording = recording,
	};
	*made = &recorder->device;
	return 0;
}

void recording_clear(struct recording *recording)
{
	for (size_t i = 0; i < recording->count; i++)
		free(recording->item[i].bytes);
	free(recording->item);
	*recording = (struct recording){ 0 };
}
