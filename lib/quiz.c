// # A quiz: the student predicts, the program marks
//
//     A: response time in ms? 0
//     right
//     A: turnaround time in ms? 45
//     wrong: it is 50.00
//     ...
//     4 of 9 right

#define _GNU_SOURCE
#include "quiz.h"

#include <float.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "options.h"

// ## One answer

enum answer { NOTHING, UNREADABLE, NUMBER, NO_MORE };

// "7", "2.5", "7/3".
static bool read_number(char *text, double *number)
{
	char *slash = strchr(text, '/');
	double under = 1;

	if (slash) {
		*slash = '\0';
		if (parse_real(slash + 1, -DBL_MAX, DBL_MAX, &under) != 0 ||
		    under == 0)
			return false;
	}
	if (parse_real(text, -DBL_MAX, DBL_MAX, number) != 0)
		return false;
	*number /= under;
	return true;
}

// A line longer than any number comes in pieces, none of which is one: so also
// an input without any line ends comes to an end of the quiz.
static enum answer read_answer(double *number)
{
	static const char blanks[] = " \t\r\n";
	char line[128];

	if (!fgets(line, sizeof line, stdin))
		return NO_MORE;
	char *text = line + strspn(line, blanks);
	size_t n = strlen(text);
	while (n && strchr(blanks, text[n - 1]))
		n--;
	text[n] = '\0';
	if (!n)
		return NOTHING;
	return read_number(text, number) ? NUMBER : UNREADABLE;
}

// Half a hundredth away is still a matter of rounding (2.625 is 2.62 or 2.63);
// the rest is what doubles lose.
static bool agrees(double given, double answer)
{
	return fabs(given - answer) <= 0.005 + fabs(answer) * 1e-12 + 1e-12;
}

bool quiz_ask(struct quiz *quiz, double answer, const char *question, ...)
{
	enum { TRIES = 3 };
	enum answer kind = UNREADABLE;
	double given = 0;
	va_list ap;

	if (quiz->ended)
		return false;
	va_start(ap, question);
	vprintf(question, ap);
	va_end(ap);
	for (int try = 0; try < TRIES && kind == UNREADABLE; try++) {
		printf("%s ", try ? "a number, such as 7, 2.5 or 7/3?" : "?");
		fflush(stdout);
		kind = read_answer(&given);
	}
	if (kind == NO_MORE) {
		putchar('\n');
		quiz->ended = true;
		return false;
	}
	quiz->asked++;
	if (kind == NUMBER && agrees(given, answer)) {
		quiz->right++;
		printf("right\n");
	} else {
		printf("%s %.2f\n", kind == NOTHING ? "it is" : "wrong: it is",
		       answer);
	}
	return true;
}

int quiz_end(const struct quiz *quiz)
{
	printf("%u of %u right%s\n", quiz->right, quiz->asked,
	       quiz->ended ? "; the rest was not answered" : "");
	return quiz->right == quiz->asked && !quiz->ended ? EXIT_SUCCESS
							  : EXIT_FAILURE;
}
