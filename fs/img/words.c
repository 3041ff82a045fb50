// # Words of a line; see words.h for the rules

#include "fs/img/words.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "must.h"

static const char blanks[] = " \t\r\n";

// Copies one word to `to`; returns what follows it. *quote: the one that is open
// still, or 0.
static const char *take(const char *at, char **to, char *quote)
{
	*quote = '\0';
	for (; *at && (*quote || !strchr(blanks, *at)); at++) {
		if (*at == *quote)
			*quote = '\0';
		else if (!*quote && (*at == '"' || *at == '\''))
			*quote = *at;
		else if (*at == '\\' && *quote != '\'' && at[1])
			*(*to)++ = *++at;
		else
			*(*to)++ = *at;
	}
	*(*to)++ = '\0';
	return at;
}

int words_of(const char *line, struct words *words)
{
	size_t length = strlen(line);
	char *to, quote;

	words->count = 0;
	words->word = must_ptr(calloc(length / 2 + 2, sizeof *words->word));
	words->bytes = to = must_ptr(malloc(length + 2));
	for (;;) {
		line += strspn(line, blanks);
		if (!*line || *line == '#')
			return 0;
		words->word[words->count++] = to;
		line = take(line, &to, &quote);
		if (quote) {
			words_free(words);
			return -EINVAL;
		}
	}
}

static bool ends_in_backslash(const char *line)
{
	size_t end = strlen(line), n = 0;

	while (n < end && line[end - 1 - n] == '\\')
		n++;
	return n % 2;
}

bool words_begun(const char *line, struct word_begun *begun)
{
	const char *at = line + strspn(line, blanks), *end;
	char *to;

	*begun = (struct word_begun){ .first = true };
	begun->text = must_ptr(calloc(1, strlen(line) + 2));
	while (*at && *at != '#') {
		to = begun->text;
		end = take(at, &to, &begun->quote);
		at = end + strspn(end, blanks);
		if (at > end) {
			*begun->text = '\0';
			begun->first = false;
		}
	}
	if (!*at && (begun->quote == '\'' || !ends_in_backslash(line)))
		return true;
	free(begun->text);
	return false;
}

char *words_escaped(const char *text, size_t length, char quote)
{
	const char *special = quote == '"' ? "\"\\" : " \t\"'\\#";
	char *escaped = must_ptr(malloc(length * 4 + 1)), *to = escaped;

	for (size_t i = 0; i < length; i++) {
		if (quote == '\'' && text[i] == '\'') {
			memcpy(to, "'\\''", 4);
			to += 4;
			continue;
		}
		if (quote != '\'' && text[i] && strchr(special, text[i]))
			*to++ = '\\';
		*to++ = text[i];
	}
	*to = '\0';
	return escaped;
}

void words_free(struct words *words)
{
	free(words->word);
	free(words->bytes);
	*words = (struct words){ 0 };
}
