#define _GNU_SOURCE
#include "utf8.h"

#include <locale.h>
#include <pthread.h>
#include <wchar.h>

// How many bytes a sequence has that begins with this one; 0: none does.
static size_t length_of(unsigned char first)
{
	static const struct {
		unsigned char below, bytes;
	} kinds[] = {
		{ 0x80, 1 },	// ASCII
		{ 0xc2, 0 },	// a continuation, or the start of an overlong form
		{ 0xe0, 2 },
		{ 0xf0, 3 },
		{ 0xf5, 4 },	// up to U+10FFFF
		{ 0xff, 0 },
	};
	size_t i = 0;

	while (first >= kinds[i].below && kinds[i].below < 0xff)
		i++;
	return kinds[i].bytes;
}

uint32_t utf8_next(const char *text, size_t *bytes)
{
	// The least character that may take so many bytes: a longer form than
	// needed is an attack, not a spelling.
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	const unsigned char *s = (const unsigned char *)text;
	size_t n = length_of(s[0]);

	*bytes = s[0] != '\0';
	if (n == 0)
		return UTF8_INVALID;
	if (n == 1)
		return s[0];
	uint32_t c = s[0] & (0xffu >> (n + 1));
	for (size_t i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return UTF8_INVALID;
		c = c << 6 | (s[i] & 0x3f);
	}
	if (c < least[n] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
		return UTF8_INVALID;
	*bytes = n;
	return c;
}

// wcwidth(3) knows the widths, but in the C locale it knows no character above
// ASCII. uselocale(3) lends it a UTF-8 locale for one call, in this thread
// only. C.UTF-8 is built into glibc (2.35), Debian and musl.
static locale_t utf8_locale;

static void make_locale(void)
{
	utf8_locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
}

// Where no such locale exists: the blocks of Unicode's EastAsianWidth.txt and
// the combining marks, as far as the labels of this project may need them.
static int columns_without_locale(uint32_t c)
{
	static const struct {
		uint32_t first, last;
		int columns;
	} ranges[] = {
		{ 0x0300, 0x036f, 0 },		// combining marks
		{ 0x1100, 0x115f, 2 },		// Hangul initials
		{ 0x1160, 0x11ff, 0 },		// Hangul vowels and finals
		{ 0x200b, 0x200f, 0 },		// marks of direction and joining
		{ 0x2e80, 0x303e, 2 },		// radicals, CJK punctuation
		{ 0x3041, 0xa4cf, 2 },		// Kana, Hangul letters, Han, Yi
		{ 0xac00, 0xd7a3, 2 },		// Hangul syllables
		{ 0xf900, 0xfaff, 2 },		// Han for compatibility
		{ 0xff01, 0xff60, 2 },		// wide forms of ASCII
		{ 0x1f300, 0x1f64f, 2 },	// pictures
		{ 0x20000, 0x2fffd, 2 },	// Han, supplementary
	};
	for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
		if (c >= ranges[i].first && c <= ranges[i].last)
			return ranges[i].columns;
	return 1;
}

int utf8_columns(uint32_t c)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	if (c < 0x80)
		return c >= ' ' && c != 0x7f;
	pthread_once(&once, make_locale);
	if (utf8_locale == (locale_t)0)
		return columns_without_locale(c);
	locale_t before = uselocale(utf8_locale);
	int columns = wcwidth((wchar_t)c);
	uselocale(before);
	return columns < 0 ? 0 : columns;
}
