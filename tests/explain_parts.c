// # Images for the explaining pages, and their judges

#define _GNU_SOURCE
#include "explain_parts.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const struct explain_image explain_images[EXPLAIN_IMAGES] = {
	{ "ext2", 1024 }, { "ext3", 2048 }, { "ext3", 4096 }, { "ext2", 4096 },
	{ "ext4", 1024 }, { "ext4", 2048 }, { "ext4", 4096 },
};

static char *formatted(const char *fmt, va_list list)
{
	char *text;

	ck_assert_int_ge(vasprintf(&text, fmt, list), 0);
	return text;
}

void explain_make(int which)
{
	const struct explain_image *image = &explain_images[which];

	img_do("mkdir -p t/home/ubuntu t/many; "
	       "echo notes >t/home/ubuntu/notes.txt; "
	       "ln -sfn notes.txt t/home/ubuntu/link.txt; "
	       "ln -sfn /home/ubuntu t/u; ln -sfn loop t/loop; "
	       "ln -sfn \"$(printf '%%0100d' 7)\" t/long; "
	       "seq 100000 | head -c 400000 >t/big; "
	       "truncate -s 80M t/big; echo end >>t/big; "
	       "for i in $(seq 1200); do "
	       ": >t/many/a-name-that-takes-some-room-$i; done; "
	       "mke2fs -q -F -t %s -b %d -d t x.img 48M >/dev/null; "
	       "e2fsck -fyD x.img >/dev/null 2>&1; test $? -le 1",
	       image->type, image->block_bytes);
}

json_t *explain_json(const char *fmt, ...)
{
	json_error_t error;
	va_list list;

	va_start(list, fmt);
	char *command = formatted(fmt, list);
	va_end(list);
	char *text = img_text("img %s --format=json", command);
	json_t *value = json_loads(text, 0, &error);
	ck_assert_msg(value, "%s: line %d: %s\n%.1000s", command, error.line,
		      error.text, text);
	free(text);
	free(command);
	return value;
}

int64_t explain_number(const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);

	ck_assert_msg(json_is_integer(value), "no number %s", key);
	return json_integer_value(value);
}

const char *explain_text(const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);

	ck_assert_msg(json_is_string(value), "no text %s", key);
	return json_string_value(value);
}

char *debugfs_says(const char *fmt, ...)
{
	va_list list;

	va_start(list, fmt);
	char *request = formatted(fmt, list);
	va_end(list);
	char *text = img_text("debugfs -R '%s' x.img 2>/dev/null", request);
	free(request);
	return text;
}

int64_t debugfs_number(const char *before, const char *fmt, ...)
{
	va_list list;

	va_start(list, fmt);
	char *request = formatted(fmt, list);
	va_end(list);
	char *text = debugfs_says("%s", request);
	const char *at = strstr(text, before);
	ck_assert_msg(at, "debugfs %s: no '%s' in\n%.2000s", request, before,
		      text);
	int64_t value = strtoll(at + strlen(before), NULL, 0);
	free(text);
	free(request);
	return value;
}

static int open_image(int flags)
{
	char path[256];

	snprintf(path, sizeof path, "%s/x.img", img_folder);
	int fd = open(path, flags | O_CLOEXEC);
	ck_assert_int_ne(fd, -1);
	return fd;
}

void explain_bytes(uint64_t at, void *bytes, size_t n)
{
	int fd = open_image(O_RDONLY);

	ck_assert_int_eq(pread(fd, bytes, n, (off_t)at), (ssize_t)n);
	close(fd);
}

void explain_put_bytes(uint64_t at, const void *bytes, size_t n)
{
	int fd = open_image(O_RDWR);

	ck_assert_int_eq(pwrite(fd, bytes, n, (off_t)at), (ssize_t)n);
	close(fd);
}

uint32_t explain_le32(uint64_t at)
{
	uint8_t b[4];

	explain_bytes(at, b, sizeof b);
	return b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 |
	       (uint32_t)b[3] << 24;
}

uint32_t explain_block_bytes(void)
{
	return 1024u << explain_le32(1024 + 24);
}
