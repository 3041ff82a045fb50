// utf8.h - text as characters, without a locale
//
// The programs never call setlocale(3), so mbrtowc(3) would see bytes. UTF-8
// is decoded here (RFC 3629), whatever the environment says.

#ifndef UTF8_H
#define UTF8_H

#include <stddef.h>
#include <stdint.h>

// The character that `text` begins with, and in *bytes how many bytes it takes
// (1 to 4). Bytes that are not UTF-8 (a stray continuation, an overlong form, a
// surrogate, a cut sequence) count one by one and give UTF8_INVALID. At the end
// of the string: 0, and *bytes is 0.
#define UTF8_INVALID UINT32_MAX
uint32_t utf8_next(const char *text, size_t *bytes);

// How many columns one character takes on a terminal: 2 for wide ones (Hangul,
// Han), 0 for combining ones and controls, else 1.
int utf8_columns(uint32_t character);

#endif
