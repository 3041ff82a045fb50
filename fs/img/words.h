// words.h - a line of a batch or of the shell, taken apart into words
//
// Blanks separate words; "..." and '...' keep them together, a backslash takes the
// next character as it is (not between ''); a # at the beginning of a word begins a
// comment. No variables, no patterns: what stands there is what is meant.
#ifndef WORDS_H
#define WORDS_H

struct words {
	int count;
	char **word; // ends with NULL
	char *bytes;
};

// 0, or -EINVAL: a quote without its end.
int words_of(const char *line, struct words *words);
void words_free(struct words *words);

#endif
