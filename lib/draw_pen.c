#define _GNU_SOURCE
#include "draw_pen.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "utf8.h"

struct pen pen_begin(const struct canvas *canvas)
{
	return (struct pen){
		.columns = canvas->columns < 40 ? 40 : canvas->columns,
		.utf8 = canvas->utf8,
		.colour = canvas->colour,
	};
}

static void append(struct pen *pen, const char *text, size_t bytes)
{
	if (pen->failed)
		return;
	if (pen->room - pen->bytes <= bytes) {
		size_t room = 2 * pen->room + bytes + 256;
		char *larger = realloc(pen->text, room);
		if (!larger) {
			pen->failed = true;
			return;
		}
		pen->text = larger;
		pen->room = room;
	}
	memcpy(pen->text + pen->bytes, text, bytes);
	pen->bytes += bytes;
	pen->text[pen->bytes] = '\0';
}

char *pen_end(struct pen *pen)
{
	append(pen, "", 0);
	if (!pen->failed)
		return pen->text;
	free(pen->text);
	return NULL;
}

void pen_write(struct pen *pen, const char *text)
{
	append(pen, text, strlen(text));
}

void pen_repeat(struct pen *pen, const char *glyph, int count)
{
	while (count-- > 0)
		pen_write(pen, glyph);
}

const char *pen_glyph(const struct pen *pen, const char *utf8,
		      const char *ascii)
{
	return pen->utf8 ? utf8 : ascii;
}

void pen_colour(struct pen *pen, const char *sgr)
{
	if (pen->colour)
		pen_write(pen, sgr ? sgr : "\033[0m");
}

void pen_newline(struct pen *pen)
{
	while (pen->bytes > 0 && pen->text[pen->bytes - 1] == ' ')
		pen->bytes--;
	append(pen, "\n", 1);
}

// ## Text and its columns
//
// A text is a row of pieces: a character, or a control sequence (CSI, ECMA-48
// 5.4), which takes no column; of those only colours are ever passed on.

struct piece {
	size_t bytes;
	int columns;
	uint32_t character; // 0 for a control sequence
	bool sgr;
};

static struct piece next_piece(const char *text)
{
	struct piece piece = { 0 };

	if (text[0] == '\033' && text[1] == '[') {
		size_t n = 2 + strspn(text + 2, "0123456789;:<=>?");
		if (text[n] >= '@' && text[n] <= '~') {
			piece.bytes = n + 1;
			piece.sgr = text[n] == 'm';
			return piece;
		}
	}
	piece.character = utf8_next(text, &piece.bytes);
	piece.columns = piece.character == UTF8_INVALID
				? 1
				: utf8_columns(piece.character);
	return piece;
}

int text_columns(const char *text)
{
	int columns = 0;

	while (*text) {
		struct piece piece = next_piece(text);
		columns += piece.columns;
		text += piece.bytes;
	}
	return columns;
}

static void write_piece(struct pen *pen, const char *text,
			const struct piece *piece)
{
	uint32_t c = piece->character;

	if (c == 0) {
		if (piece->sgr && pen->colour)
			append(pen, text, piece->bytes);
	} else if (c == UTF8_INVALID) {
		append(pen, "?", 1);
	} else if (c < 0x80) {
		append(pen, text, (size_t)piece->columns);
	} else if (pen->utf8) {
		if (c >= 0xa0 && c != 0x2028 && c != 0x2029)
			append(pen, text, piece->bytes);
	} else if (c == 0xb5 || c == 0x3bc) {
		append(pen, "u", 1);
	} else {
		pen_repeat(pen, "?", piece->columns);
	}
}

void pen_text(struct pen *pen, const char *text, int columns,
	      enum pen_align align)
{
	int whole = text_columns(text), left = columns, coloured = 0;
	const char *ellipsis = "";

	if (whole > columns) {
		ellipsis = pen_glyph(pen, "…", columns > 1 ? ".." : ".");
		left -= text_columns(ellipsis);
	} else if (align == PEN_RIGHT) {
		pen_repeat(pen, " ", columns - whole);
		left = whole;
	}
	while (*text) {
		struct piece piece = next_piece(text);
		if (piece.columns > left)
			break;
		write_piece(pen, text, &piece);
		coloured |= piece.sgr;
		left -= piece.columns;
		text += piece.bytes;
	}
	if (coloured)
		pen_colour(pen, NULL);
	if (whole <= columns) {
		if (align == PEN_LEFT)
			pen_repeat(pen, " ", left);
		return;
	}
	pen_write(pen, ellipsis);
	pen_repeat(pen, " ", left);
}

// A word wider than a line goes on in the next one wherever it is full.
int pen_word(struct pen *pen, const char *text, size_t bytes, int used,
	     int hang)
{
	const char *end = text + bytes;

	while (text < end && *text) {
		struct piece piece = next_piece(text);
		if (used + piece.columns > pen->columns) {
			pen_newline(pen);
			pen_repeat(pen, " ", hang);
			used = hang;
		}
		write_piece(pen, text, &piece);
		used += piece.columns;
		text += piece.bytes;
	}
	return used;
}

// The blocks of Unicode from one eighth to eight make the length precise to an
// eighth of a column. What is not 0 shows, however small.
int pen_bar(struct pen *pen, double share, int columns)
{
	static const char *const eighths[] = { "",  "▏", "▎", "▍",
					       "▌", "▋", "▊", "▉" };
	int parts = pen->utf8 ? 8 : 1;
	int length = (int)lround(share * columns * parts);

	if (length == 0 && share > 0)
		length = 1;
	if (length == 0)
		return 0;
	pen_colour(pen, PEN_BAR);
	pen_repeat(pen, pen_glyph(pen, "█", "#"), length / parts);
	pen_write(pen, eighths[length % parts]);
	pen_colour(pen, NULL);
	return (length + parts - 1) / parts;
}
