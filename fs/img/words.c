// # Words of a line; see words.h for the rules

#include "fs/img/words.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "must.h"

static const char blanks[] = " \t\r\n";

// Copies one word to `to`; returns what follows it, or NULL without the quote's
// end.
static const char *take(const char *at, char **to)
{
	char quote = '\0';

	for (; *at && (quote || !strchr(blanks, *at)); at++) {
		if (*at == quote)
			quote = '\0';
		else if (!quote && (*at == '"' || *at == '\''))
			quote = *at;
		else if (*at == '\\' && quote != '\'' && at[1])
			*(*to)++ = *++at;
		else
			*(*to)++ = *at;
	}
	*(*to)++ = '\0';
	return quote ? NULL : at;
}

int words_of(const char *line, struct words *words)
{
	size_t length = strlen(line);
	char *to;

	words->count = 0;
	words->word = must_ptr(calloc(length / 2 + 2, sizeof *words->word));
	words->bytes = to = must_ptr(malloc(length + 2));
	for (;;) {
		line += strspn(line, blanks);
		if (!*line || *line == '#')
			return 0;
		words->word[words->count++] = to;
		line = take(line, &to);
		if (!line) {
			words_free(words);
			return -EINVAL;
		}
	}
}

void words_free(struct words *words)
{
	free(words->word);
	free(words->bytes);
	*words = (struct words){ 0 };
}
