// text.h - words in columns

#ifndef DUEL_TEXT_H
#define DUEL_TEXT_H

#include <stdio.h>

#include "draw.h"

// A title and a sentence beside it, wrapped to the canvas's width.
void print_point(FILE *out, const struct canvas *canvas, const char *title,
		 const char *fmt, ...) __attribute__((format(printf, 4, 5)));

// Takes a UTF-8 string's last character away.
void text_shorten(char *text);

#endif
