// # What is said, and how it fits
//
// A file's name may hold anything, also what moves a terminal's cursor; a
// sentence may be longer than a line.

#define _GNU_SOURCE
#include <stdarg.h>
#include <string.h>

#include "relay.h"
#include "utf8.h"

void printable(char *out, size_t bytes, const char *text)
{
	size_t used = 0, n;

	for (; *text; text += n) {
		uint32_t c = utf8_next(text, &n);
		bool plain = c != UTF8_INVALID && c >= ' ' && c != 0x7f &&
			     !(c >= 0x80 && c < 0xa0);
		if (used + (plain ? n : 1) + 1 > bytes)
			break;
		memcpy(out + used, plain ? text : "?", plain ? n : 1);
		used += plain ? n : 1;
	}
	out[used] = '\0';
}

void complain(const char *name, const char *fmt, ...)
{
	char shown[256], text[WHY_BYTES];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	printable(shown, sizeof shown, name);
	fprintf(stderr, "relay: %s: %s\n", shown, text);
}

static void wrap(FILE *out, const struct canvas *canvas, const char *text,
		 int indent)
{
	int at = 0;

	while (*text) {
		int word = (int)strcspn(text, " ");
		if (at && at + 1 + word > canvas->columns) {
			at = 0;
			putc('\n', out);
		}
		at += at ? fprintf(out, " %.*s", word, text)
			 : fprintf(out, "%*s%.*s", indent, "", word, text);
		text += word + strspn(text + word, " ");
	}
	putc('\n', out);
}

void print_wrapped(FILE *out, const struct canvas *canvas, int indent,
		   const char *fmt, ...)
{
	char text[2 * WHY_BYTES];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	wrap(out, canvas, text, indent);
}
