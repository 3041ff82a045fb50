// values.h - what stands behind the equals sign; refusals end the program

#ifndef DUEL_VALUES_H
#define DUEL_VALUES_H

#include <argp.h>
#include <stdint.h>

struct policy;

// A time: as an option's duration, but without a unit it is in ms.
int64_t option_time(const struct argp_state *state, const char *option,
		    const char *text, int64_t min_ns, int64_t max_ns);

// "10,20,40": at most `most`. Returns how many.
int option_times(const struct argp_state *state, const char *option,
		 const char *text, int64_t min_ns, int64_t max_ns,
		 int64_t *values, int most);
int option_numbers(const struct argp_state *state, const char *option,
		   const char *text, int64_t min, int64_t max, int *values,
		   int most);

const struct policy *option_policy(const struct argp_state *state,
				   const char *text);

#endif
