// words.h - a line of a batch or of the shell, taken apart into words
//
// Blanks separate words; "..." and '...' keep them together, a backslash takes the
// next character as it is (not between ''); a # at the beginning of a word begins a
// comment. No variables, no patterns: what stands there is what is meant.
#ifndef WORDS_H
#define WORDS_H

#include <stdbool.h>
#include <stddef.h>

struct words {
	int count;
	char **word; // ends with NULL
	char *bytes;
};

// 0, or -EINVAL: a quote without its end.
int words_of(const char *line, struct words *words);
void words_free(struct words *words);

// The word in which a line breaks off (after a blank: an empty one).
struct word_begun {
	char *text; // what it says so far; the caller frees it
	char quote; // that is open, or 0
	bool first; // of the line
};

// false, and nothing to free: it ends in a comment, or after a backslash of which
// the next character is yet to come.
bool words_begun(const char *line, struct word_begun *begun);

// How to write `text` on, so that it is read as it is; the caller frees it.
char *words_escaped(const char *text, size_t length, char quote);

#endif
