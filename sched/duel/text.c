// # Words in columns

#define _GNU_SOURCE
#include "text.h"

#include <stdarg.h>
#include <string.h>

enum { TITLE_COLUMNS = 11, SENTENCE_BYTES = 1024 };

void text_shorten(char *text)
{
	size_t n = strlen(text);

	while (n > 0 && (text[n - 1] & 0xc0) == 0x80)
		n--;
	text[n > 0 ? n - 1 : 0] = '\0';
}

void print_point(FILE *out, const struct canvas *canvas, const char *title,
		 const char *fmt, ...)
{
	char text[SENTENCE_BYTES], *rest = text, *word;
	int used = TITLE_COLUMNS;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	fprintf(out, "%-*s", TITLE_COLUMNS - 1, title);
	while ((word = strsep(&rest, " "))) {
		int columns = text_columns(word) + 1;
		if (used + columns > canvas->columns && used > TITLE_COLUMNS) {
			fprintf(out, "\n%*s", TITLE_COLUMNS - 1, "");
			used = TITLE_COLUMNS;
		}
		fprintf(out, " %s", word);
		used += columns;
	}
	putc('\n', out);
}
