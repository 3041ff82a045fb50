// gather.c - data that wait to be written together
//
// Small files are what most trees are made of, and a pwrite(2) for each costs more
// than all the rest. Data that go to a block just after the last one are gathered,
// and written when 1 MiB is full, or when something else needs the device:
// content_settle() before blocks are freed, read or written past the buffer. Larger
// pieces go straight to the device.

#include "fs/ext2/content.h"

#include <stdlib.h>
#include <string.h>
#include <errno.h>

enum {
	BUFFER_BYTES = 1 << 20,
	STRAIGHT_BYTES = 1 << 18, // from here on not through the buffer
};

int content_make(struct ext2 *fs)
{
	struct content *content;

	if (fs->content)
		return 0;
	content = calloc(1, sizeof(*content));
	if (!content)
		return -ENOMEM;
	content->bytes = malloc(BUFFER_BYTES);
	if (!content->bytes) {
		free(content);
		return -ENOMEM;
	}
	fs->content = content;
	return 0;
}

int content_flush(struct ext2 *fs)
{
	struct content *content = fs->content;
	int error;

	if (!content || !content->blocks)
		return 0;
	error = device_write(fs->device, content->block << fs->block_bits,
			     content->bytes,
			     (size_t)content->blocks << fs->block_bits);
	if (!error)
		content->blocks = 0;
	return error;
}

void content_free(struct ext2 *fs)
{
	if (fs->content)
		free(fs->content->bytes);
	free(fs->content);
	fs->content = NULL;
}

int content_settle(struct ext2 *fs, uint64_t first, uint64_t count)
{
	const struct content *content = fs->content;

	if (!content || !content->blocks ||
	    first >= content->block + content->blocks ||
	    content->block >= first + count)
		return 0;
	return content_flush(fs);
}

uint8_t *content_gather(struct ext2 *fs, uint64_t block, uint64_t count,
			int *error)
{
	struct content *content = fs->content;
	uint64_t most = BUFFER_BYTES >> fs->block_bits;
	uint64_t at = block - content->block;

	*error = 0;
	if (content->blocks && block >= content->block &&
	    at + count <= content->blocks)
		return content->bytes + (at << fs->block_bits);
	if (count << fs->block_bits >= STRAIGHT_BYTES) {
		*error = content_settle(fs, block, count);
		return NULL;
	}
	if (content->blocks && (block != content->block + content->blocks ||
				content->blocks + count > most)) {
		*error = content_flush(fs);
		if (*error)
			return NULL;
	}
	if (!content->blocks)
		content->block = block;
	at = content->blocks;
	content->blocks += (uint32_t)count;
	return content->bytes + (at << fs->block_bits);
}

int content_fetch(struct ext2 *fs, uint64_t block, uint32_t offset, void *bytes,
		  size_t n)
{
	const struct content *content = fs->content;
	uint64_t count = (offset + n + fs->block_bytes - 1) >> fs->block_bits;

	if (content && content->blocks && block >= content->block &&
	    block - content->block + count <= content->blocks) {
		memcpy(bytes,
		       content->bytes +
			       ((block - content->block) << fs->block_bits) +
			       offset,
		       n);
		return 0;
	}

	int error = content_settle(fs, block, count);

	if (error)
		return error;
	return device_read(fs->device, (block << fs->block_bits) + offset,
			   bytes, n);
}
