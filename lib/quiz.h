// quiz.h - asks for what the program knows, and marks the answers
//
// Questions go to standard output, answers come from standard input, a line
// each, from a terminal or a pipe. A number may be whole, decimal or a fraction
// (7, 2.5, 7/3); it is right when it agrees to two digits after the point. An
// empty line is "I do not know", and wrong. What is no number is asked for
// again, twice at most. The end of the input ends the quiz.

#ifndef QUIZ_H
#define QUIZ_H

#include <stdbool.h>

struct quiz {
	unsigned asked, right;
	bool ended; // nobody answers any more
};

// Asks one question and marks the answer; true as long as answers come.
bool quiz_ask(struct quiz *quiz, double answer, const char *question, ...)
	__attribute__((format(printf, 3, 4)));

// Says the score. Returns the exit status: 0 when all was answered and right,
// else 1.
int quiz_end(const struct quiz *quiz);

#endif
