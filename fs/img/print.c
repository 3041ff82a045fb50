// # How names, modes, times and numbers are shown
//
// A name in an image may hold any byte but '/' and NUL: colours and cursor
// movements for the terminal, line breaks, text that is not UTF-8. Whatever is
// printed is escaped first. The backslash itself is doubled in names, so that
// what is shown can be turned back.
//
// Times are shown in UTC (ISO 8601), whatever the time zone of the host: an
// image goes to other hosts. JSON: RFC 8259, one object an element of a list.

#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "draw.h"
#include "fs/img/img.h"
#include "must.h"
#include "utf8.h"

// ## Names

// Controls, and what makes a terminal print from right to left.
static bool is_printable(uint32_t c)
{
	return c != UTF8_INVALID && c >= ' ' && c != 0x7f &&
	       !(c >= 0x80 && c < 0xa0) && !(c >= 0x200b && c <= 0x200f) &&
	       !(c >= 0x2028 && c <= 0x202e) && !(c >= 0x2066 && c <= 0x2069);
}

// `name` need not end with NUL, and may hold some: utf8_next stops there.
static char *escape(const char *name, size_t length, bool backslash)
{
	char *copy = must_ptr(calloc(1, length + 1)), *text;
	size_t bytes, n;
	FILE *out = must_ptr(open_memstream(&text, &bytes));

	memcpy(copy, name, length);
	for (const char *at = copy; at < copy + length; at += n ? n : 1) {
		uint32_t c = utf8_next(at, &n);
		bool printable = n && is_printable(c);
		if (printable && backslash && c == '\\')
			fputs("\\\\", out);
		else if (printable)
			fwrite(at, 1, n, out);
		else
			for (size_t i = 0; i < (n ? n : 1); i++)
				fprintf(out, "\\%03o", (unsigned char)at[i]);
	}
	must_zero(fclose(out));
	free(copy);
	return text;
}

char *shown(const char *name, size_t length)
{
	return escape(name, length, true);
}

char *shown_line(const char *line, size_t length)
{
	return escape(line, length, false);
}

json_t *json_name(const char *name, size_t length)
{
	size_t n;
	bool odd = memchr(name, '\0', length) != NULL;
	char *copy = must_ptr(strndup(name, length));

	for (const char *at = copy; *at && !odd; at += n)
		odd = utf8_next(at, &n) == UTF8_INVALID;
	char *text = odd ? shown(name, length) : copy;
	json_t *value = must_ptr(json_string(text));
	if (odd)
		free(text);
	free(copy);
	return value;
}

void json_set_name(json_t *object, const char *key, const char *name,
		   size_t length)
{
	json_t *value = json_name(name, length);

	if (json_string_length(value) != length ||
	    memcmp(json_string_value(value), name, length) != 0) {
		char *hex = must_ptr(malloc(length * 2 + 1)), also[64];
		for (size_t i = 0; i < length; i++)
			snprintf(hex + i * 2, 3, "%02x",
				 (unsigned char)name[i]);
		hex[length * 2] = '\0';
		snprintf(also, sizeof also, "%s_bytes", key);
		must(json_object_set_new(object, also,
					 must_ptr(json_string(hex))));
		free(hex);
	}
	must(json_object_set_new(object, key, value));
}

// ## Modes

static const struct {
	uint16_t format;
	uint8_t type;
	char letter;
	const char *word;
} types[] = {
	{ S_IFREG, TYPE_REGULAR, '-', "file" },
	{ S_IFDIR, TYPE_DIRECTORY, 'd', "directory" },
	{ S_IFLNK, TYPE_SYMLINK, 'l', "symlink" },
	{ S_IFCHR, TYPE_CHARACTER, 'c', "character device" },
	{ S_IFBLK, TYPE_BLOCK, 'b', "block device" },
	{ S_IFIFO, TYPE_FIFO, 'p', "fifo" },
	{ S_IFSOCK, TYPE_SOCKET, 's', "socket" },
	{ 0, TYPE_UNKNOWN, '?', "unknown" },
};

static size_t type_index(uint16_t mode)
{
	size_t i = 0;

	while (types[i].format && types[i].format != (mode & S_IFMT))
		i++;
	return i;
}

const char *type_word(uint16_t mode)
{
	return types[type_index(mode)].word;
}

uint8_t type_of_mode(uint16_t mode)
{
	return types[type_index(mode)].type;
}

const char *mode_text(uint16_t mode, char text[11])
{
	static const char letters[] = "rwxrwxrwx";

	text[0] = types[type_index(mode)].letter;
	for (int i = 0; i < 9; i++)
		text[1 + i] = mode & 0400 >> i ? letters[i] : '-';
	if (mode & S_ISUID)
		text[3] = mode & S_IXUSR ? 's' : 'S';
	if (mode & S_ISGID)
		text[6] = mode & S_IXGRP ? 's' : 'S';
	if (mode & S_ISVTX)
		text[9] = mode & S_IXOTH ? 't' : 'T';
	text[10] = '\0';
	return text;
}

// ## Times

const char *time_text(struct ext2_time when, bool ns, char text[40])
{
	time_t seconds = (time_t)when.seconds;
	struct tm tm;

	if (!gmtime_r(&seconds, &tm)) {
		snprintf(text, 40, "@%" PRId64, when.seconds);
		return text;
	}
	size_t n = strftime(text, 40, "%Y-%m-%dT%H:%M:%S", &tm);
	if (ns)
		n += (size_t)snprintf(text + n, 40 - n, ".%09" PRIu32,
				      when.ns % 1000000000);
	snprintf(text + n, 40 - n, "Z");
	return text;
}

// ## JSON

json_t *json_time(struct ext2_time when)
{
	char text[40];

	return must_ptr(json_string(time_text(when, true, text)));
}

json_t *json_inode(const struct ext2_inode *inode)
{
	char mode[8];

	snprintf(mode, sizeof mode, "%04o", inode->mode & 07777);
	json_t *object = must_ptr(json_pack(
		"{s:I, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:o, s:o, s:o}",
		"inode", (json_int_t)inode->ino, "type", type_word(inode->mode),
		"mode", mode, "links", (json_int_t)inode->links, "uid",
		(json_int_t)inode->uid, "gid", (json_int_t)inode->gid, "size",
		(json_int_t)inode->size, "sectors", (json_int_t)inode->sectors,
		"atime", json_time(inode->atime), "mtime",
		json_time(inode->mtime), "ctime", json_time(inode->ctime)));
	if (inode->crtime.seconds)
		must(json_object_set_new(object, "crtime",
					 json_time(inode->crtime)));
	if (S_ISCHR(inode->mode) || S_ISBLK(inode->mode)) {
		json_object_set_new(object, "major",
				    json_integer(inode->device_major));
		json_object_set_new(object, "minor",
				    json_integer(inode->device_minor));
	}
	return object;
}

int print_json(json_t *value)
{
	int failed = json_dumpf(value, stdout, JSON_INDENT(1));

	putchar('\n');
	json_decref(value);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

void json_list_add(struct json_list *list, json_t *value)
{
	fputs(list->any ? ",\n" : "[\n", stdout);
	list->any = true;
	(void)json_dumpf(value, stdout, JSON_COMPACT);
	json_decref(value);
}

void json_list_end(struct json_list *list)
{
	puts(list->any ? "\n]" : "[]");
}

// ## Prose

void put_wrapped_with(FILE *out, int columns, const char *before,
		      const char *after, const char *text)
{
	int used = text_columns(before);
	const char *blank = "";

	fputs(before, out);
	while (*text) {
		int n = (int)strcspn(text, " ");
		char *word = must_ptr(strndup(text, n));
		int width = text_columns(word);
		if (*blank && used + 1 + width > columns) {
			fprintf(out, "\n%s", after);
			used = text_columns(after);
			blank = "";
		}
		fprintf(out, "%s%s", blank, word);
		used += width + (*blank != '\0');
		blank = " ";
		text += n;
		text += strspn(text, " ");
		free(word);
	}
	putc('\n', out);
}

void put_wrapped(FILE *out, int columns, const char *before, int indent,
		 const char *text)
{
	char *after;

	must(asprintf(&after, "%*s", indent, ""));
	put_wrapped_with(out, columns, before, after, text);
	free(after);
}
