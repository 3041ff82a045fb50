// # A line for each file

#define _GNU_SOURCE
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "threads/checksum/checksum.h"

static void to_hex(char *text, const unsigned char *bytes, size_t n)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < n; i++) {
		*text++ = digits[bytes[i] >> 4];
		*text++ = digits[bytes[i] & 15];
	}
	*text = '\0';
}

void print_sum(FILE *out, const struct digest *digest)
{
	char hex[2 * SUM_BYTES + 1];
	const char *path = digest->path;

	to_hex(hex, digest->sum, SUM_BYTES);
	if (!strpbrk(path, "\\\n\r")) {
		fprintf(out, "%s  %s\n", hex, path);
		return;
	}
	fprintf(out, "\\%s  ", hex);
	for (; *path; path++)
		switch (*path) {
		case '\\':
			fputs("\\\\", out);
			break;
		case '\n':
			fputs("\\n", out);
			break;
		case '\r':
			fputs("\\r", out);
			break;
		default:
			putc(*path, out);
		}
	putc('\n', out);
}

void print_json(FILE *out, const struct digest *digest)
{
	size_t n = strlen(digest->path);
	char hex[2 * SUM_BYTES + 1], *bytes = malloc(2 * n + 1);
	json_t *object = json_object(), *path = json_stringn(digest->path, n);

	to_hex(hex, digest->sum, SUM_BYTES);
	if (bytes)
		to_hex(bytes, (const unsigned char *)digest->path, n);
	json_object_set_new(object, path ? "path" : "path_hex",
			    path ? path : json_string(bytes ? bytes : ""));
	if (digest->error)
		json_object_set_new(object, "error",
				    json_string(strerror(digest->error)));
	else
		json_object_set_new(object, "sha256", json_string(hex));
	(void)json_dumpf(object, out, JSON_COMPACT);
	json_decref(object);
	free(bytes);
}
