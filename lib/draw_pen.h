// draw_pen.h - what the pictures of draw.h are drawn with
//
// A pen writes into a string that grows. When memory runs out it stops writing,
// and pen_end returns NULL: the drawing in between checks nothing.

#ifndef DRAW_PEN_H
#define DRAW_PEN_H

#include "draw.h"

struct pen {
	int columns;
	bool utf8, colour;
	char *text;
	size_t bytes, room;
	bool failed;
};

// SGR sequences (ECMA-48, 8.3.117). Three hues that can be read on a light and
// on a dark ground, and faint for what is only there to guide the eye.
#define PEN_BAR "\033[36m"
#define PEN_FAINT "\033[2m"

struct pen pen_begin(const struct canvas *canvas);
char *pen_end(struct pen *pen);

void pen_write(struct pen *pen, const char *text);
void pen_repeat(struct pen *pen, const char *glyph, int count);

// The first in UTF-8, the second in ASCII.
const char *pen_glyph(const struct pen *pen, const char *utf8,
		      const char *ascii);

// Starts a colour; NULL ends it. Nothing where the canvas has none.
void pen_colour(struct pen *pen, const char *sgr);

// Ends the line, without blanks at its end.
void pen_newline(struct pen *pen);

// A text in exactly `columns` columns: filled up with blanks, or cut, with an
// ellipsis. Controls are left out; what the canvas cannot show becomes '?'.
enum pen_align { PEN_LEFT, PEN_RIGHT };
void pen_text(struct pen *pen, const char *text, int columns,
	      enum pen_align align);

// A word of so many bytes, without a line's end in it, behind `used` columns of a
// line; lines that it goes on in begin with `hang` blanks. Controls and what
// cannot be shown as above. Returns how many columns of its last line are used.
int pen_word(struct pen *pen, const char *text, size_t bytes, int used,
	     int hang);

// A bar of `share` (0 to 1) of `columns`. Returns how many columns it took.
int pen_bar(struct pen *pen, double share, int columns);

#endif
