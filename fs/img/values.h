// values.h - modes, owners and times as people write them

#ifndef IMG_VALUES_H
#define IMG_VALUES_H

#include <argp.h>
#include <stdbool.h>
#include <stdint.h>

#include "fs/ext2/ext2.h"

// A mode as chmod(1) takes it: "0755", or changes of one: "u+x,go-w", "a=rX".
// Octal digits set all 12 bits, of directories, too.
enum { MODE_CHANGES = 32 };
struct mode_change {
	struct mode_clause {
		uint16_t who;  // of the 12 bits, those that may change
		char operator; // + - =
		uint16_t bits; // those named, for all of u, g and o
		// X: x for directories, or where there is an x already
		bool when_executable;
		char copied; // u, g or o: the bits of this one; or 0
	} clause[MODE_CHANGES];
	int count;
};

// 0 or -EINVAL.
int parse_mode(const char *text, struct mode_change *change);
uint16_t mode_changed(const struct mode_change *change, uint16_t mode);
void option_mode(const struct argp_state *state, const char *option,
		 const char *text, struct mode_change *change);

// "USER", "USER:GROUP", ":GROUP", "USER:" (his group); names of this host unless
// `numeric`, or numbers. What is not given is -1.
struct owner {
	int64_t uid, gid;
};
int parse_owner(const char *text, bool numeric, struct owner *owner);
void option_owner(const struct argp_state *state, const char *option,
		  const char *text, bool numeric, struct owner *owner);

// "2026-03-01", "2026-03-01T12:34:56.789Z" (or a blank for the T; "+09:00" for the
// Z; without one it is UTC), "@SECONDS" since 1970, "now".
int parse_when(const char *text, struct ext2_time *when);
void option_when(const struct argp_state *state, const char *option,
		 const char *text, struct ext2_time *when);

#endif
