// # Pictures of characters: the canvas, maps, text and progress
//
// Bars and histograms are draw_bars.c, timelines draw_timeline.c.

#define _GNU_SOURCE
#include "draw.h"

#include <langinfo.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "draw_pen.h"
#include "options.h"

// ## What a terminal can show

static int columns_of(int fd)
{
	enum { USUAL = 80, LEAST = 40, MOST = 10000 };
	const char *text = getenv("COLUMNS");
	struct winsize window;
	int64_t columns = USUAL;

	if (ioctl(fd, TIOCGWINSZ, &window) == 0 && window.ws_col > 0)
		columns = window.ws_col;
	else if (text && parse_number(text, 1, MOST, &columns) != 0)
		columns = USUAL;
	return columns < LEAST ? LEAST : (int)columns;
}

// The locale that the environment names, as setlocale(3) would find it. A
// minimal system often has none but C.UTF-8 installed while LANG, which came
// with the ssh(1) session, names another: then its name tells.
static bool is_utf8(void)
{
	static const char *const variables[] = { "LC_ALL", "LC_CTYPE", "LANG" };
	locale_t locale = newlocale(LC_CTYPE_MASK, "", (locale_t)0);

	if (locale != (locale_t)0) {
		const char *set = nl_langinfo_l(CODESET, locale);
		bool yes = !strcmp(set, "UTF-8");
		freelocale(locale);
		return yes;
	}
	for (size_t i = 0; i < sizeof variables / sizeof *variables; i++) {
		const char *name = getenv(variables[i]);
		if (name && *name)
			return strcasestr(name, ".utf-8") ||
			       strcasestr(name, ".utf8");
	}
	return false;
}

// NO_COLOR as no-color.org has it: present and not empty.
static bool has_colour(int fd)
{
	const char *terminal = getenv("TERM"), *no = getenv("NO_COLOR");

	return isatty(fd) && terminal && *terminal &&
	       strcmp(terminal, "dumb") != 0 && !(no && *no);
}

struct canvas canvas_of(int fd)
{
	return (struct canvas){
		.columns = columns_of(fd),
		.utf8 = is_utf8(),
		.colour = has_colour(fd),
	};
}

// ## Maps

static void draw_cell(struct pen *pen, char cell)
{
	char letter[] = { cell >= ' ' && cell <= '~' ? cell : '?', '\0' };

	if (cell == '.') {
		pen_colour(pen, PEN_FAINT);
		pen_write(pen, pen_glyph(pen, "·", "."));
		pen_colour(pen, NULL);
	} else if (cell == '#' || cell == '+') {
		pen_colour(pen, PEN_BAR);
		pen_write(pen, cell == '#' ? pen_glyph(pen, "█", "#")
					   : pen_glyph(pen, "▒", "+"));
		pen_colour(pen, NULL);
	} else {
		pen_write(pen, letter);
	}
}

// A row that does not fit goes on in lines of its own, each with its index, so
// that a new row always starts a new line.
char *draw_map(const struct canvas *canvas, const char *cells, size_t n,
	       size_t per_row)
{
	struct pen pen = pen_begin(canvas);
	char index[32];
	int digits = snprintf(index, sizeof index, "%zu", n > 0 ? n - 1 : 0);
	size_t fit = (size_t)(pen.columns - digits - 2);

	if (per_row == 0)
		per_row = fit - fit % 10;
	for (size_t i = 0; i < n; i++) {
		size_t place = i % per_row % fit;
		if (place == 0) {
			snprintf(index, sizeof index, "%zu", i);
			pen_text(&pen, index, digits, PEN_RIGHT);
			pen_write(&pen, "  ");
		}
		draw_cell(&pen, cells[i]);
		if (i + 1 == n || (i + 1) % per_row % fit == 0 ||
		    (i + 1) % per_row == 0)
			pen_newline(&pen);
	}
	return pen_end(&pen);
}

// ## Text
//
// Word by word, each with the blanks before it. At the end of a line that goes on
// they are left out.

static void draw_line(struct pen *pen, const char *line, size_t bytes)
{
	enum { HANG = 8 };
	const char *end = line + bytes;
	char word[256];
	int used = 0;

	while (line < end) {
		size_t blanks = strspn(line, " "), length;
		if (blanks > (size_t)(end - line))
			blanks = (size_t)(end - line);
		line += blanks;
		length = strcspn(line, " \n");
		if (length == 0)
			break;
		if (length > sizeof word - 1)
			length = sizeof word - 1;
		memcpy(word, line, length);
		word[length] = '\0';
		int columns = text_columns(word), gap = (int)blanks;
		if (used + gap + columns > pen->columns &&
		    (HANG + columns <= pen->columns ||
		     used + gap >= pen->columns)) {
			pen_newline(pen);
			used = 0;
			gap = HANG;
		}
		pen_repeat(pen, " ", gap);
		used = pen_word(pen, word, length, used + gap, HANG);
		line += length;
	}
	pen_newline(pen);
}

char *draw_text(const struct canvas *canvas, const char *text)
{
	struct pen pen = pen_begin(canvas);

	while (*text) {
		size_t bytes = strcspn(text, "\n");
		draw_line(&pen, text, bytes);
		text += bytes + (text[bytes] == '\n');
	}
	return pen_end(&pen);
}

// ## Progress
//
// The figure has a fixed width, so that nothing jumps, and is rounded down:
// 100 % is the end and nothing else.

char *draw_progress(const struct canvas *canvas, double share, const char *text)
{
	struct pen pen = pen_begin(canvas);
	int bar = pen.columns / 4;
	char figure[16];

	if (bar > 30)
		bar = 30;
	if (!(share > 0))
		share = 0;
	if (share > 1)
		share = 1;
	int percent = (int)(share * 100 + 1e-9);
	snprintf(figure, sizeof figure, "] %3d %%", percent);
	pen_write(&pen, "[");
	int done = pen_bar(&pen, percent / 100.0, bar);
	pen_colour(&pen, PEN_FAINT);
	pen_repeat(&pen, pen_glyph(&pen, "·", "."), bar - done);
	pen_colour(&pen, NULL);
	pen_write(&pen, figure);
	int columns = text_columns(text);
	if (columns > 0) {
		int room = pen.columns - bar - (int)strlen("[] 100 %  ");
		pen_write(&pen, "  ");
		pen_text(&pen, text, columns < room ? columns : room, PEN_LEFT);
	}
	return pen_end(&pen);
}
