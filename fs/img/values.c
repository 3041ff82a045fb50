// # Modes, owners and times as people write them
//
// Sources: chmod(1), chown(1); ISO 8601 as RFC 3339 has it.

#define _GNU_SOURCE
#include "fs/img/values.h"

#include <ctype.h>
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "options.h"

// ## Modes

enum {
	ALL_BITS = 07777,
	USER_BITS = S_ISUID | S_IRWXU,
	GROUP_BITS = S_ISGID | S_IRWXG,
	OTHER_BITS = S_ISVTX | S_IRWXO,
};

static int parse_octal(const char *text, struct mode_change *change)
{
	unsigned value = 0;

	for (const char *at = text; *at; at++) {
		if (*at < '0' || *at > '7')
			return -EINVAL;
		value = value * 8 + (unsigned)(*at - '0');
		if (value > ALL_BITS)
			return -EINVAL;
	}
	change->count = 1;
	change->clause[0] = (struct mode_clause){
		.who = ALL_BITS,
		.operator= '=',
		.bits = (uint16_t)value,
	};
	return 0;
}

// Whose bits: "ug"; without letters all but what the umask takes away.
static const char *parse_who(const char *at, uint16_t *who)
{
	uint16_t bits = 0;

	for (; *at && strchr("ugoa", *at); at++)
		bits |= *at == 'u'   ? USER_BITS
			: *at == 'g' ? GROUP_BITS
			: *at == 'o' ? OTHER_BITS
				     : ALL_BITS;
	if (!bits) {
		mode_t mask = umask(0);
		umask(mask);
		bits = (uint16_t)(ALL_BITS & ~mask);
	}
	*who = bits;
	return at;
}

// What follows an operator: letters of bits, or one that says whose to copy.
static const char *parse_bits(const char *at, struct mode_clause *clause)
{
	static const char letters[] = "rwxst";
	static const uint16_t bits[] = { 0444, 0222, 0111, S_ISUID | S_ISGID,
					 S_ISVTX };

	if (*at && strchr("ugo", *at)) {
		clause->copied = *at;
		return at + 1;
	}
	for (; *at && strchr("rwxstX", *at); at++)
		if (*at == 'X')
			clause->when_executable = true;
		else
			clause->bits |= bits[strchr(letters, *at) - letters];
	return at;
}

static const char *parse_clauses(const char *at, struct mode_change *change)
{
	uint16_t who;

	at = parse_who(at, &who);
	if (!*at || !strchr("+-=", *at))
		return NULL;
	while (*at && strchr("+-=", *at)) {
		if (change->count == MODE_CHANGES)
			return NULL;
		struct mode_clause *clause = &change->clause[change->count++];
		*clause = (struct mode_clause){ .who = who, .operator= * at++ };
		at = parse_bits(at, clause);
	}
	return at;
}

int parse_mode(const char *text, struct mode_change *change)
{
	*change = (struct mode_change){ 0 };
	if (isdigit((unsigned char)*text))
		return parse_octal(text, change);
	for (const char *at = text;; at++) {
		at = parse_clauses(at, change);
		if (!at || (*at && *at != ','))
			return -EINVAL;
		if (!*at)
			return 0;
	}
}

static uint16_t bits_of(const struct mode_clause *clause, uint16_t mode)
{
	uint16_t bits = clause->bits, three;

	if (clause->copied) {
		three = (uint16_t)(clause->copied == 'u'   ? mode >> 6
				   : clause->copied == 'g' ? mode >> 3
							   : mode) &
			7;
		bits = (uint16_t)(three << 6 | three << 3 | three);
	}
	if (clause->when_executable && (S_ISDIR(mode) || mode & 0111))
		bits |= 0111;
	return bits & clause->who;
}

uint16_t mode_changed(const struct mode_change *change, uint16_t mode)
{
	for (int i = 0; i < change->count; i++) {
		const struct mode_clause *clause = &change->clause[i];
		uint16_t bits = bits_of(clause, mode);
		if (clause->operator== '+')
			mode |= bits;
		else if (clause->operator== '-')
			mode &= (uint16_t)~bits;
		else
			mode = (uint16_t)((mode & ~clause->who) | bits);
	}
	return mode;
}

void option_mode(const struct argp_state *state, const char *option,
		 const char *text, struct mode_change *change)
{
	if (parse_mode(text, change) != 0)
		option_refuse(state, option, text,
			      "a mode, such as 0755 or u+x,go-w");
}

// ## Owners

static const int64_t LARGEST_ID = UINT32_MAX - 1;

static int parse_user(const char *text, bool numeric, struct owner *owner,
		      bool group, bool his_group)
{
	const struct passwd *user = numeric || group ? NULL : getpwnam(text);
	const struct group *of = numeric || !group ? NULL : getgrnam(text);
	int64_t *id = group ? &owner->gid : &owner->uid;

	if (user) {
		*id = user->pw_uid;
		if (his_group)
			owner->gid = user->pw_gid;
		return 0;
	}
	if (of) {
		*id = of->gr_gid;
		return 0;
	}
	return his_group ? -EINVAL : parse_number(text, 0, LARGEST_ID, id);
}

int parse_owner(const char *text, bool numeric, struct owner *owner)
{
	char *copy = strdup(text), *group;
	struct owner parsed = { -1, -1 };
	int error = 0;

	if (!copy)
		return -ENOMEM;
	group = strchr(copy, ':');
	if (group)
		*group++ = '\0';
	if (*copy)
		error = parse_user(copy, numeric, &parsed, false,
				   group && !*group);
	if (!error && group && *group)
		error = parse_user(group, numeric, &parsed, true, false);
	if (!*copy && !(group && *group))
		error = -EINVAL;
	free(copy);
	if (!error)
		*owner = parsed;
	return error;
}

void option_owner(const struct argp_state *state, const char *option,
		  const char *text, bool numeric, struct owner *owner)
{
	if (parse_owner(text, numeric, owner) != 0)
		option_refuse(state, option, text,
			      numeric ? "numbers, such as 0:0, 1000 or :100"
				      : "users and groups of this host or "
					"numbers, such as root:root or 0:0");
}

// ## Times

static bool take_digits(const char **at, int count, int *value)
{
	*value = 0;
	for (int i = 0; i < count; i++, (*at)++) {
		if (!isdigit((unsigned char)**at))
			return false;
		*value = *value * 10 + (**at - '0');
	}
	return true;
}

static bool take(const char **at, const char *letters)
{
	if (!**at || !strchr(letters, **at))
		return false;
	(*at)++;
	return true;
}

// ".123" as 123000000 ns.
static bool take_fraction(const char **at, uint32_t *ns)
{
	uint32_t scale = 100000000;

	*ns = 0;
	if (!take(at, ".,"))
		return true;
	if (!isdigit((unsigned char)**at))
		return false;
	for (; isdigit((unsigned char)**at); (*at)++, scale /= 10)
		*ns += (uint32_t)(**at - '0') * scale;
	return true;
}

static bool take_zone(const char **at, int64_t *ahead)
{
	int hours, minutes;

	*ahead = 0;
	if (!**at || (take(at, "Zz") && !**at))
		return true;
	int64_t sign = **at == '-' ? -1 : 1;
	if (!take(at, "+-") || !take_digits(at, 2, &hours))
		return false;
	(void)take(at, ":");
	if (!take_digits(at, 2, &minutes) || hours > 23 || minutes > 59)
		return false;
	*ahead = sign * (hours * 3600 + minutes * 60);
	return true;
}

// timegm(3) makes March of February 30, and says so in what it was given.
static bool is_date(const struct tm *tm)
{
	struct tm same = *tm;

	(void)timegm(&same);
	return same.tm_mday == tm->tm_mday && same.tm_mon == tm->tm_mon &&
	       same.tm_hour == tm->tm_hour && same.tm_min == tm->tm_min &&
	       same.tm_sec == tm->tm_sec;
}

static int parse_date(const char *at, struct ext2_time *when)
{
	struct tm tm = { 0 };
	int64_t ahead = 0;
	uint32_t ns = 0;

	if (!take_digits(&at, 4, &tm.tm_year) || !take(&at, "-") ||
	    !take_digits(&at, 2, &tm.tm_mon) || !take(&at, "-") ||
	    !take_digits(&at, 2, &tm.tm_mday))
		return -EINVAL;
	tm.tm_year -= 1900;
	tm.tm_mon--;
	if (*at) {
		if (!take(&at, "Tt ") || !take_digits(&at, 2, &tm.tm_hour) ||
		    !take(&at, ":") || !take_digits(&at, 2, &tm.tm_min))
			return -EINVAL;
		if (take(&at, ":") && (!take_digits(&at, 2, &tm.tm_sec) ||
				       !take_fraction(&at, &ns)))
			return -EINVAL;
		if (!take_zone(&at, &ahead))
			return -EINVAL;
	}
	if (*at || !is_date(&tm))
		return -EINVAL;
	*when = (struct ext2_time){ timegm(&tm) - ahead, ns };
	return 0;
}

static int parse_seconds(const char *text, struct ext2_time *when)
{
	char *copy = strdup(text);
	uint32_t ns = 0;
	int64_t seconds;

	if (!copy)
		return -ENOMEM;
	const char *dot = copy + strcspn(copy, ".,");
	bool good = take_fraction(&dot, &ns) && !*dot;
	copy[strcspn(copy, ".,")] = '\0';
	good = good && parse_number(copy, -(INT64_C(1) << 40), INT64_C(1) << 40,
				    &seconds) == 0;
	if (good && ns && *copy == '-') { // before 1970 ns count upwards, too
		seconds--;
		ns = 1000000000 - ns;
	}
	free(copy);
	if (!good)
		return -EINVAL;
	*when = (struct ext2_time){ seconds, ns };
	return 0;
}

int parse_when(const char *text, struct ext2_time *when)
{
	struct timespec now;
	struct ext2_time parsed;
	int error;

	if (!strcmp(text, "now")) {
		if (clock_gettime(CLOCK_REALTIME, &now) != 0)
			return -errno;
		*when = (struct ext2_time){ now.tv_sec, (uint32_t)now.tv_nsec };
		return 0;
	}
	error = *text == '@' ? parse_seconds(text + 1, &parsed)
			     : parse_date(text, &parsed);
	// What an inode of 256 bytes can hold: 34 bits of seconds, from 1901.
	if (!error && (parsed.seconds < INT32_MIN ||
		       parsed.seconds > INT32_MIN + (INT64_C(1) << 34) - 1))
		return -ERANGE;
	if (!error)
		*when = parsed;
	return error;
}

void option_when(const struct argp_state *state, const char *option,
		 const char *text, struct ext2_time *when)
{
	if (parse_when(text, when) != 0)
		option_refuse(state, option, text,
			      "a time from 1901-12-13 to 2446-05-10, such as "
			      "2026-03-01T12:34:56Z, @1772368496 or now");
}
