// # Pictures: small ones by hand, all of them by their properties
//
// The golden pictures were drawn on paper from the rules of draw.h, with the
// arithmetic beside them. Random ones must keep what every picture promises: no
// line wider than the canvas, only ASCII on an ASCII canvas, every line ended.

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "lib/draw.h"
#include "tests.h"

static const struct canvas utf8_40 = { .columns = 40, .utf8 = true };
static const struct canvas ascii_40 = { .columns = 40 };
static const struct canvas colour_40 = { .columns = 40,
					 .utf8 = true,
					 .colour = true };

static void expect(char *picture, const char *expected)
{
	ck_assert_ptr_nonnull(picture);
	ck_assert_msg(!strcmp(picture, expected), "drawn:\n%s\nexpected:\n%s",
		      picture, expected);
	free(picture);
}

// ## Text

START_TEST(columns_of_text)
{
	static const struct {
		const char *text;
		int columns;
	} rows[] = {
		{ "", 0 }, { "abc", 3 }, { "한글", 4 }, { "e\xcc\x81", 1 },
		{ "é", 1 }, { "…", 1 }, { "█▌", 2 }, { "漢字 x", 6 },
		{ "\033[31mred\033[0m", 3 }, { "\033[1;38:5:2mx\033[m", 1 },
		{ "\033[", 1 }, { "a\nb", 2 }, { "\xff\xfe", 2 },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		ck_assert_msg(text_columns(rows[i].text) == rows[i].columns,
			      "row %zu: %d", i, text_columns(rows[i].text));
}
END_TEST

// ## Bars
//
// 40 columns: 4 of label, 2 of gap, 24 of bar, 2 of gap, 8 of note.

START_TEST(bars)
{
	static const struct bar rows[] = {
		{ "fast", "24 units", 24 },
		{ "half", "12", 12 },
		{ "one", "1", 1 },
		{ "tiny", "0.01", 0.01 },	// shows all the same
		{ "bit", "1.5", 1.5 },		// half a block; rounds up
		{ "none", NULL, 0 },
	};
	expect(draw_bars(&utf8_40, rows, 6, false),
	       "fast  ████████████████████████  24 units\n"
	       "half  ████████████                    12\n"
	       "one   █                                1\n"
	       "tiny  ▏                             0.01\n"
	       "bit   █▌                             1.5\n"
	       "none\n");
	expect(draw_bars(&ascii_40, rows, 6, false),
	       "fast  ########################  24 units\n"
	       "half  ############                    12\n"
	       "one   #                                1\n"
	       "tiny  #                             0.01\n"
	       "bit   ##                             1.5\n"
	       "none\n");
}
END_TEST

// 1 to 1000: three decades, 36 columns, so 12 a decade. 1 is the foot of the
// scale and still shows; 0 has no logarithm and does not.
START_TEST(bars_logarithmic)
{
	static const struct bar rows[] = {
		{ "ab", "", 1 }, { "ab", "", 10 }, { "ab", "", 100 },
		{ "ab", "", 1000 }, { "ab", "", 0 },
	};
	expect(draw_bars(&utf8_40, &rows[3], 1, true),
	       "ab  ████████████████████████████████████\n");
	expect(draw_bars(&utf8_40, rows, 5, true),
	       "ab  ▏\n"
	       "ab  ████████████\n"
	       "ab  ████████████████████████\n"
	       "ab  ████████████████████████████████████\n"
	       "ab\n");
}
END_TEST

START_TEST(bars_of_nothing)
{
	static const struct bar zeros[] = { { "a", "0", 0 }, { "b", "0", 0 } };

	expect(draw_bars(&utf8_40, NULL, 0, false), "");
	expect(draw_bars(&utf8_40, NULL, 0, true), "");
	for (int logarithmic = 0; logarithmic < 2; logarithmic++)
		expect(draw_bars(&utf8_40, zeros, 2, logarithmic),
		       "a                                      0\n"
		       "b                                      0\n");
}
END_TEST

// 10 columns stay for the bar, 26 for label (18) and note (8).
START_TEST(labels_cut)
{
	static const struct bar rows[] = {
		{ "a label that is far too long", "12345678", 1 },
		{ "가나다라마바사아자차", "1", 0 },	// 8 fit, 1 is left
		{ "plain\nbreak\t\033[2Kx", "2", 0 },	// controls vanish
	};
	expect(draw_bars(&utf8_40, rows, 3, false),
	       "a label that is f…  ██████████  12345678\n"
	       "가나다라마바사아…                      1\n"
	       "plainbreakx                            2\n");
	expect(draw_bars(&ascii_40, rows, 3, false),
	       "a label that is ..  ##########  12345678\n"
	       "????????????????..                     1\n"
	       "plainbreakx                            2\n");
}
END_TEST

START_TEST(colours)
{
	static const struct bar row = { "\033[31mred\033[0m", "1 \xc2\xb5s",
					1 };

	expect(draw_bars(&colour_40, &row, 1, false),
	       "\033[31mred\033[0m\033[0m  \033[36m"
	       "█████████████████████████████"
	       "\033[0m  1 \xc2\xb5s\n");
	expect(draw_bars(&ascii_40, &row, 1, false),
	       "red  #############################  1 us\n");
}
END_TEST

// ## Histograms

// 0 to 9 in five buckets: a step of 9 / 5 = 1.8 is rounded up to 2. The counts
// are 2 each but for the last, which has 8 and 9 and a second 9. The bars have 26
// columns; two thirds of them are 17 and 2.67 eighths.
START_TEST(histogram)
{
	static const double values[] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9 };

	expect(draw_histogram(&utf8_40, values, 11, 5, false, "us"),
	       "0 –  2 us  █████████████████▍          2\n"
	       "2 –  4 us  █████████████████▍          2\n"
	       "4 –  6 us  █████████████████▍          2\n"
	       "6 –  8 us  █████████████████▍          2\n"
	       "8 – 10 us  ██████████████████████████  3\n");
	expect(draw_histogram(&ascii_40, values, 11, 5, false, "us"),
	       "0 -  2 us  #################           2\n"
	       "2 -  4 us  #################           2\n"
	       "4 -  6 us  #################           2\n"
	       "6 -  8 us  #################           2\n"
	       "8 - 10 us  ##########################  3\n");
}
END_TEST

// 1 to 1000 in three buckets of ratio 10; a value on a bound belongs above it,
// the largest to the last.
START_TEST(histogram_logarithmic)
{
	static const double values[] = { 1, 5, 10, 99, 100, 1000 };

	expect(draw_histogram(&ascii_40, values, 6, 3, true, "ns"),
	       "1.00 - 10.0 ns  #####################  2\n"
	       "10.0 -  100 ns  #####################  2\n"
	       " 100 - 1000 ns  #####################  2\n");
}
END_TEST

START_TEST(histogram_of_odd_data)
{
	static const double same[] = { 2.5, 2.5, 2.5 }, zeros[] = { 0, 0 };
	static const double tenths[] = { 0.1, 0.2, 0.3, 0.4, 0.5 };
	static const double near[] = { 1e9, 1e9 + 1, 1e9 + 2 };
	static const double negative[] = { -10, -1, 9 };

	expect(draw_histogram(&ascii_40, NULL, 0, 5, false, "us"), "");
	for (int logarithmic = 0; logarithmic < 2; logarithmic++)
		expect(draw_histogram(&ascii_40, same, 3, 5, logarithmic, "us"),
		       "2.50 us  ############################  3\n");
	expect(draw_histogram(&ascii_40, zeros, 2, 5, false, "us"),
	       "0 us  ###############################  2\n");
	expect(draw_histogram(&ascii_40, same, 1, 1, true, ""),
	       "2.50   ##############################  1\n");
	// 0.1 * 3 is above 0.3 in binary: the bounds are what is printed
	expect(draw_histogram(&ascii_40, tenths, 5, 4, false, "s"),
	       "0.1 - 0.2 s  ############              1\n"
	       "0.2 - 0.3 s  ############              1\n"
	       "0.3 - 0.4 s  ############              1\n"
	       "0.4 - 0.5 s  ########################  2\n");
	// and 0.3 / 0.1 is below 3, yet the first bucket begins at 0.3
	expect(draw_histogram(&ascii_40, tenths + 2, 3, 2, false, "s"),
	       "0.3 - 0.4 s  ############              1\n"
	       "0.4 - 0.5 s  ########################  2\n");
	// bounds of as many digits as they need, even where the unit is cut
	expect(draw_histogram(&ascii_40, near, 3, 2, false, "ns"),
	       "1000000000 - 1000000001..  #####       1\n"
	       "1000000001 - 1000000002..  ##########  2\n");
	expect(draw_histogram(&ascii_40, negative, 3, 2, false, "s"),
	       "-10 -  0 s  #########################  2\n"
	       "  0 - 10 s  #############              1\n");
}
END_TEST

// ## Timelines

// 37 columns for 37 us: a column each. The 5 ns of 's' take the column of their
// middle, over the edge of the longer spans.
START_TEST(timeline)
{
	static const char *const tracks[] = { "a", "b" };
	static const struct span spans[] = {
		{ 0, 0, 10000, 'A' }, { 0, 10000, 10005, 's' },
		{ 0, 10005, 20000, 'B' }, { 1, 20000, 37000, 'C' },
		{ 1, 5000, 5000, '!' }, { 7, 0, 5, 'x' }, { -1, 0, 5, 'x' },
	};
	expect(draw_timeline(&utf8_40, tracks, 2, spans, 7),
	       "a  AAAAAAAAAAsBBBBBBBBB·················\n"
	       "b  ·····!··············CCCCCCCCCCCCCCCCC\n"
	       "   ┬─────────┬─────────┬─────────┬──────\n"
	       "   0 us      10        20        30\n");
	expect(draw_timeline(&ascii_40, tracks, 2, spans, 7),
	       "a  AAAAAAAAAAsBBBBBBBBB.................\n"
	       "b  .....!..............CCCCCCCCCCCCCCCCC\n"
	       "   +---------+---------+---------+------\n"
	       "   0 us      10        20        30\n");
}
END_TEST

// A clock's reading is no place to begin an axis; 2 of 37 us is.
START_TEST(timeline_begins)
{
	static const char *const track[] = { "a" };
	static const struct span late = { 0, INT64_C(5000000000000),
					  INT64_C(5000000037000), 'A' };
	static const struct span soon = { 0, 18500, 37000, 'A' };

	expect(draw_timeline(&ascii_40, track, 1, &late, 1),
	       "a  AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n"
	       "   +---------+---------+---------+------\n"
	       "   0 us      10        20        30\n");
	expect(draw_timeline(&ascii_40, track, 1, &soon, 1),
	       "a  ...................AAAAAAAAAAAAAAAAAA\n"
	       "   +---------+---------+---------+------\n"
	       "   0 us      10        20        30\n");
}
END_TEST

START_TEST(timeline_of_odd_data)
{
	static const char *const track[] = { "a" };
	static const struct span moment = { 0, 7, 7, 'A' };
	static const struct span ever = { 0, INT64_MIN, INT64_MAX, 'A' };

	expect(draw_timeline(&ascii_40, track, 0, NULL, 0), "");
	expect(draw_timeline(&ascii_40, track, 1, NULL, 0),
	       "a  .....................................\n");
	expect(draw_timeline(&ascii_40, track, 1, &moment, 1),
	       "a  A....................................\n"
	       "   +------------------------------------\n"
	       "   0 ns\n");
	char *picture = draw_timeline(&ascii_40, track, 1, &ever, 1);
	ck_assert_ptr_nonnull(strstr(picture, "a  AAAAAAAAAAAAAAAAAAAAAAAAAAA"
					      "AAAAAAAAAA\n"));
	free(picture);
}
END_TEST

START_TEST(curves)
{
	static const double x[] = { 0, 1, 4 };
	static const double up[] = { 0, 1, 4 }, flat[] = { 2, 2, 2 };
	static const struct curve both[] = { { "rising", 'r', up },
					     { "level", 'l', flat } };
	static const struct axes field = {
		.x_title = "workers",
		.y_title = "speed",
		.x = x,
		.points = 3,
		.rows = 5,
	};

	expect(draw_curves(&ascii_40, &field, both, 2),
	       "speed\n"
	       "       |                            rrrr\n"
	       "     3 +                    rrrrrrrr\n"
	       "       |llllllllllllrrrrrrrrllllllllllll\n"
	       "       |    rrrrrrrr\n"
	       "     0 +rrrr\n"
	       "       ++-------+----------------------+\n"
	       "        0       1                      4\n"
	       "        workers\n"
	       "        r  rising\n"
	       "        l  level\n");
}
END_TEST

START_TEST(curves_logarithmic)
{
	static const double x[] = { 1, 10, 100, 1000 };
	static const double y[] = { 1, 100, NAN, 1000000 };
	static const struct curve one = { "cost", 'c', y };
	static const struct axes field = {
		.x_title = "n",
		.y_title = "ns",
		.x = x,
		.points = 4,
		.rows = 4,
		.x_logarithmic = true,
		.y_logarithmic = true,
	};

	expect(draw_curves(&ascii_40, &field, &one, 1),
	       "ns\n"
	       "    1M +                               c\n"
	       "       |\n"
	       "       |     cccccc\n"
	       "     1 +ccccc\n"
	       "       ++---------+----------+---------+\n"
	       "        1         10         100    1000\n"
	       "        n\n"
	       "        c  cost\n");
}
END_TEST

START_TEST(curves_of_odd_data)
{
	static const double x[] = { 0, 1 }, y[] = { NAN, NAN };
	static const struct curve none = { "none", 'n', y };
	struct axes field = { "x", "y", x, 2, false, false, 3 };

	expect(draw_curves(&ascii_40, &field, &none, 1), "");
	expect(draw_curves(&ascii_40, &field, NULL, 0), "");
	static const double zero[] = { 0, 0 };
	static const struct curve flat = { "zero", '\033', zero };
	char *picture = draw_curves(&ascii_40, &field, &flat, 1);
	ck_assert_ptr_nonnull(strstr(picture, "0 +???"));
	free(picture);
}
END_TEST

// ## Maps and progress

START_TEST(map)
{
	expect(draw_map(&utf8_40, "##++..xyz", 9, 4), "0  ██▒▒\n"
						      "4  ··xy\n"
						      "8  z\n");
	expect(draw_map(&ascii_40, "##++..xyz", 9, 4), "0  ##++\n"
						       "4  ..xy\n"
						       "8  z\n");
	// 36 fit beside two digits: rows of 30. A row of 50 takes two lines.
	static const char cells[] =
		"0123456789012345678901234567890123456789012345678901";
	expect(draw_map(&ascii_40, cells, 52, 0),
	       " 0  012345678901234567890123456789\n"
	       "30  0123456789012345678901\n");
	expect(draw_map(&ascii_40, cells, 52, 50),
	       " 0  012345678901234567890123456789012345\n"
	       "36  67890123456789\n"
	       "50  01\n");
	expect(draw_map(&ascii_40, "", 0, 0), "");
	expect(draw_map(&ascii_40, "\n\x1b\xff", 3, 0), "0  ???\n");
}
END_TEST

START_TEST(broken_text)
{
	expect(draw_text(&ascii_40, ""), "");
	expect(draw_text(&ascii_40, "\n  a\n\nb"), "\n  a\n\nb\n");
	expect(draw_text(&ascii_40, "    five       two      three       forty"
				    "one  columns  \n    next"),
	       "    five       two      three\n"
	       "        fortyone  columns\n"
	       "    next\n");
	expect(draw_text(&ascii_40,
			 "    just the forty columns that there are"),
	       "    just the forty columns that there\n"
	       "        are\n");
	expect(draw_text(&ascii_40, "   just the forty columns that there are"),
	       "   just the forty columns that there are\n");
	expect(draw_text(&ascii_40,
			 "  word  0123456789012345678901234567890123456789"),
	       "  word  01234567890123456789012345678901\n"
	       "        23456789\n");
	expect(draw_text(&ascii_40, "한글 \xff\x1b"), "???? ?\n");
	expect(draw_text(&utf8_40, "한글한글한글한글한글한글한글한글한글 한글"),
	       "한글한글한글한글한글한글한글한글한글\n"
	       "        한글\n");
}
END_TEST

START_TEST(progress)
{
	expect(draw_progress(&ascii_40, 0.5, "text"),
	       "[#####.....]  50 %  text");
	expect(draw_progress(&utf8_40, 0.25, "text"),
	       "[██▌·······]  25 %  text");
	expect(draw_progress(&utf8_40, 0.999, ""), "[█████████▉]  99 %");
	expect(draw_progress(&utf8_40, 1, ""), "[██████████] 100 %");
	expect(draw_progress(&utf8_40, 7, ""), "[██████████] 100 %");
	expect(draw_progress(&utf8_40, -1, ""), "[··········]   0 %");
	expect(draw_progress(&utf8_40, NAN, ""), "[··········]   0 %");
	expect(draw_progress(&utf8_40, 0.29, ""), "[██▉·······]  29 %");
	expect(draw_progress(&utf8_40, 0, "exactly twenty cols!"),
	       "[··········]   0 %  exactly twenty cols!");
	expect(draw_progress(&utf8_40, 0, "one more than twenty!"),
	       "[··········]   0 %  one more than twent…");
}
END_TEST

// ## What every picture promises

static uint64_t random_state = 88172645463325252;

static uint64_t draw_lot(uint64_t n)
{
	random_state ^= random_state << 13; // Marsaglia's xorshift64
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state % n;
}

static bool bytes_allowed(const struct canvas *canvas, const char *line)
{
	for (; *line; line++) {
		unsigned char c = (unsigned char)*line;
		if (c < ' ' ? c != '\033' || !canvas->colour
			    : c >= 0x7f && (c == 0x7f || !canvas->utf8))
			return false;
	}
	return true;
}

// What is wrong with a line, or NULL. Only the text that a caller gave may end
// with a blank.
static const char *fault_of(const struct canvas *canvas, const char *line,
			    bool own_end)
{
	size_t bytes = strlen(line);

	if (text_columns(line) > canvas->columns)
		return "too wide";
	if (!bytes_allowed(canvas, line))
		return "not for this canvas";
	if (own_end && bytes > 0 && line[bytes - 1] == ' ')
		return "ends with a blank";
	return NULL;
}

// One assertion a picture: Check writes each into a file, held or not.
static void judge(const struct canvas *canvas, char *picture, bool has_lines)
{
	ck_assert_ptr_nonnull(picture);
	size_t length = strlen(picture);
	const char *fault = NULL, *where = "";
	if (has_lines && length > 0 && picture[length - 1] != '\n')
		fault = "last line not ended";
	char *rest = picture;
	for (char *line; !fault && (line = strsep(&rest, "\n"));) {
		fault = fault_of(canvas, line, has_lines);
		where = line;
	}
	ck_assert_msg(!fault, "%s at %d columns: '%s'", fault, canvas->columns,
		      where);
	free(picture);
}

// Random bytes, Hangul, Latin, combining characters and colours.
static void random_text(char *text, size_t bytes)
{
	static const char *const pieces[] = {
		"a", "pipe", " ", "한", "글자", "é", "e\xcc\x81", "…", "\xff",
		"\n", "\t", "\033[31m", "\033[0m", "\033[2J", "\xe2\x82", "漢",
		"\033", "-", "0", "\x7f", "\xc2\x9b", "unix-stream",
	};
	size_t n = draw_lot(20);

	*text = '\0';
	for (size_t i = 0; i < n; i++) {
		const char *piece =
			pieces[draw_lot(sizeof pieces / sizeof *pieces)];
		size_t length = strlen(text);
		if (length + strlen(piece) < bytes)
			memcpy(text + length, piece, strlen(piece) + 1);
	}
}

// Of every size a double has, and often 0.
static double random_value(bool positive)
{
	if (!positive && draw_lot(4) == 0)
		return 0;
	int range = draw_lot(3) == 0 ? 600 : 10;
	return ldexp(1 + (double)draw_lot(1000) / 1000,
		     (int)draw_lot(range) - range / 2);
}

enum { MOST = 60 };

START_TEST(never_wider)
{
	char texts[2 * MOST][80], cells[MOST * 20];
	struct bar bars_of[MOST];
	double values[MOST];
	struct span spans[MOST];
	const char *tracks[8];

	for (int turn = 0; turn < 161 * 4; turn++) {
		struct canvas canvas = {
			.columns = 40 + turn / 4,
			.utf8 = turn % 2,
			.colour = turn / 2 % 2,
		};
		size_t n = draw_lot(MOST);
		bool logarithmic = draw_lot(2);
		for (size_t i = 0; i < n; i++) {
			random_text(texts[2 * i], sizeof *texts);
			random_text(texts[2 * i + 1], sizeof *texts);
			bars_of[i] = (struct bar){ texts[2 * i],
						   texts[2 * i + 1],
						   random_value(false) };
			values[i] = random_value(logarithmic);
			int64_t begin = (int64_t)draw_lot(INT64_MAX) >>
					draw_lot(63);
			spans[i] = (struct span){
				.track = (int)draw_lot(9) - 1,
				.begin_ns = begin,
				.end_ns = begin +
					  (int64_t)(draw_lot(INT64_MAX -
							     (uint64_t)begin +
							     1) >>
						    draw_lot(63)),
				.mark = (char)draw_lot(256),
			};
		}
		for (size_t i = 0; i < 8; i++) {
			random_text(texts[i], sizeof *texts);
			tracks[i] = texts[i];
		}
		for (size_t i = 0; i < sizeof cells; i++)
			cells[i] = ".#+x \n\xff"[draw_lot(7)];
		judge(&canvas, draw_bars(&canvas, bars_of, n, logarithmic),
		      true);
		judge(&canvas,
		      draw_histogram(&canvas, values, n, 1 + (int)draw_lot(30),
				     logarithmic, texts[9]),
		      true);
		judge(&canvas,
		      draw_timeline(&canvas, tracks, draw_lot(9), spans, n),
		      true);
		judge(&canvas,
		      draw_map(&canvas, cells, draw_lot(sizeof cells),
			       draw_lot(2) ? draw_lot(300) : 0),
		      true);
		char lines[4 * sizeof *texts];
		snprintf(lines, sizeof lines, "%s %s  %s%s", texts[0], texts[1],
			 texts[2], texts[3]);
		judge(&canvas, draw_text(&canvas, lines), true);
		judge(&canvas,
		      draw_progress(&canvas, (double)draw_lot(101) / 100,
				    texts[10]),
		      false);
	}
}
END_TEST

// The counts of a histogram are all the values, whatever they are.
START_TEST(histogram_counts_all)
{
	double values[MOST];

	for (int turn = 0; turn < 500; turn++) {
		bool logarithmic = turn % 2;
		size_t n = 1 + draw_lot(MOST), sum = 0;
		for (size_t i = 0; i < n; i++)
			values[i] = random_value(logarithmic);
		char *picture = draw_histogram(&ascii_40, values, n,
					       1 + (int)draw_lot(20),
					       logarithmic, "us");
		char *rest = picture;
		for (char *line; (line = strsep(&rest, "\n")) && *line;)
			sum += strtoul(strrchr(line, ' ') + 1, NULL, 10);
		ck_assert_uint_eq(sum, n);
		free(picture);
	}
}
END_TEST

// A span that has room shows: alone on its track, however short.
START_TEST(short_span_shows)
{
	static const char *const tracks[] = { "long", "short" };

	for (int turn = 0; turn < 1000; turn++) {
		int64_t begin = (int64_t)draw_lot(1000000);
		struct span spans[] = {
			{ 0, 0, 1000000, 'L' },
			{ 1, begin, begin + (int64_t)draw_lot(3), 's' },
		};
		if (spans[1].end_ns > 1000000)
			spans[1].end_ns = 1000000;
		char *picture = draw_timeline(&ascii_40, tracks, 2, spans, 2);
		const char *second = strchr(picture, '\n');
		const char *mark = strchr(second + strlen("\nshort"), 's');
		ck_assert(mark && mark < strchr(second + 1, '\n'));
		free(picture);
	}
}
END_TEST

// ## The canvas

static void set(const char *name, const char *value)
{
	if (value)
		setenv(name, value, 1);
	else
		unsetenv(name);
}

// Runs with the environment as given, and puts the old one back: with
// CK_FORK=no other tests come after this one.
static struct canvas canvas_in(int fd, const char *const environment[][2],
			       size_t n)
{
	char *old[8];

	ck_assert_uint_le(n, 8);
	for (size_t i = 0; i < n; i++) {
		const char *value = getenv(environment[i][0]);
		old[i] = value ? strdup(value) : NULL;
		set(environment[i][0], environment[i][1]);
	}
	struct canvas canvas = canvas_of(fd);
	for (size_t i = 0; i < n; i++) {
		set(environment[i][0], old[i]);
		free(old[i]);
	}
	return canvas;
}

START_TEST(canvas_columns)
{
	static const struct {
		const char *text;
		int columns;
	} rows[] = {
		{ NULL, 80 }, { "120", 120 }, { "40", 40 }, { "39", 40 },
		{ "1", 40 }, { "0", 80 }, { "-5", 80 }, { "x", 80 }, { "", 80 },
		{ "100 ", 80 }, { "99999999999", 80 },
	};
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const char *const environment[][2] = { { "COLUMNS",
							 rows[i].text } };
		struct canvas canvas = canvas_in(null, environment, 1);
		ck_assert_int_eq(canvas.columns, rows[i].columns);
		ck_assert(!canvas.colour);
	}
	close(null);
}
END_TEST

// "none_XX" is a locale that no system has: its name decides.
START_TEST(canvas_character_set)
{
	static const struct {
		const char *all, *ctype, *lang;
		bool utf8;
	} rows[] = {
		{ "C.UTF-8", NULL, NULL, true },
		{ NULL, "C.UTF-8", NULL, true },
		{ NULL, NULL, "C.UTF-8", true },
		{ "", "", "C.UTF-8", true },
		{ "C", "C.UTF-8", "C.UTF-8", false },
		{ NULL, NULL, NULL, false },
		{ NULL, "POSIX", "C.UTF-8", false },
		{ NULL, NULL, "none_XX.UTF-8", true },
		{ NULL, NULL, "none_XX.utf8", true },
		{ NULL, NULL, "none_XX.ISO-8859-1", false },
		{ "none_XX", NULL, "C.UTF-8", false },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const char *const environment[][2] = {
			{ "LC_ALL", rows[i].all },
			{ "LC_CTYPE", rows[i].ctype },
			{ "LANG", rows[i].lang },
		};
		ck_assert_msg(canvas_in(STDOUT_FILENO, environment, 3).utf8 ==
				      rows[i].utf8,
			      "row %zu", i);
	}
}
END_TEST

// A terminal of our own: both ends of a pty(7).
START_TEST(canvas_of_terminal)
{
	static const struct {
		const char *term, *no_colour;
		bool colour;
	} rows[] = {
		{ "xterm", NULL, true }, { "xterm", "", true },
		{ "xterm", "1", false }, { "dumb", NULL, false },
		{ NULL, NULL, false }, { "", NULL, false },
	};
	int ptm = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (ptm == -1 || grantpt(ptm) == -1 || unlockpt(ptm) == -1)
		SKIP("no pseudo terminal here: %s", strerror(errno));
	int pts = open(ptsname(ptm), O_RDWR | O_NOCTTY | O_CLOEXEC);
	ck_assert_int_ne(pts, -1);

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const char *const environment[][2] = {
			{ "TERM", rows[i].term },
			{ "NO_COLOR", rows[i].no_colour },
			{ "COLUMNS", "99" },
		};
		struct winsize window = { .ws_row = 24,
					  .ws_col = (unsigned short)(60 * i) };
		ck_assert_int_eq(ioctl(pts, TIOCSWINSZ, &window), 0);
		struct canvas canvas = canvas_in(pts, environment, 3);
		ck_assert(canvas.colour == rows[i].colour);
		ck_assert_int_eq(canvas.columns, i ? (int)(60 * i) : 99);
	}
	close(pts);
	close(ptm);
}
END_TEST

Suite *draw_suite(void)
{
	Suite *suite = suite_create("draw");
	TCase *golden = tcase_create("golden");
	TCase *promises = tcase_create("promises");
	TCase *canvas = tcase_create("canvas");

	tcase_add_test(golden, columns_of_text);
	tcase_add_test(golden, bars);
	tcase_add_test(golden, bars_logarithmic);
	tcase_add_test(golden, bars_of_nothing);
	tcase_add_test(golden, labels_cut);
	tcase_add_test(golden, colours);
	tcase_add_test(golden, histogram);
	tcase_add_test(golden, histogram_logarithmic);
	tcase_add_test(golden, histogram_of_odd_data);
	tcase_add_test(golden, timeline);
	tcase_add_test(golden, timeline_begins);
	tcase_add_test(golden, timeline_of_odd_data);
	tcase_add_test(golden, curves);
	tcase_add_test(golden, curves_logarithmic);
	tcase_add_test(golden, curves_of_odd_data);
	tcase_add_test(golden, map);
	tcase_add_test(golden, broken_text);
	tcase_add_test(golden, progress);
	suite_add_tcase(suite, golden);

	tcase_add_test(promises, never_wider);
	tcase_add_test(promises, histogram_counts_all);
	tcase_add_test(promises, short_span_shows);
	suite_add_tcase(suite, promises);

	tcase_add_test(canvas, canvas_columns);
	tcase_add_test(canvas, canvas_character_set);
	tcase_add_test(canvas, canvas_of_terminal);
	suite_add_tcase(suite, canvas);
	return suite;
}
