// # Page numbers and addresses in a text
//
// Most traces are decimal numbers of up to seven digits. Eight bytes are looked at
// as one word: which of them are digits, where the first is that is none, and the
// value of those before it, without a branch that depends on the digits.

#define _GNU_SOURCE
#include <endian.h>
#include <errno.h>
#include <string.h>

#include "mem/trace/parts.h"

static const char want_number[] =
	"a page number, or an address as 0x1f3a, r or w in front if you like";

#define EACH_BYTE(byte) (UINT64_C(0x0101010101010101) * (byte))

// Up to seven digits: their value, and how many in *digits; 0: other ones.
static inline uint64_t short_number(const unsigned char *text, unsigned *digits)
{
	uint64_t word;

	memcpy(&word, text, sizeof word);
	word = le64toh(word) ^ EACH_BYTE('0');
	// The upper bit of the first byte that is above 9. (A carry goes only
	// to bytes behind it.)
	uint64_t other = (word | (word + EACH_BYTE(0x80 - 10))) &
			 EACH_BYTE(0x80);
	if (!other || other & 0x80) {
		*digits = 0;
		return 0;
	}
	*digits = (unsigned)__builtin_ctzll(other) / 8;
	// The digits become the last of eight, zeros in front; then pairs, and
	// all four pairs at once.
	word <<= 64 - 8 * *digits;
	word = word * 10 + (word >> 8);
	uint64_t high = (word & UINT64_C(0x000000ff000000ff)) *
			UINT64_C(0x000f424000000064);
	uint64_t low = (word >> 16 & UINT64_C(0x000000ff000000ff)) *
		       UINT64_C(0x0000271000000001);
	return (high + low) >> 32;
}

// Any number; what ends it stands behind it for certain. Past it, or NULL: none.
static const unsigned char *long_number(const unsigned char *text,
					uint64_t *value, bool *is_address,
					bool *too_large)
{
	const unsigned char *begin = text;
	unsigned base = 10;

	if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
		begin = text += 2;
		base = 16;
	}
	*value = 0;
	*too_large = false;
	*is_address = base == 16;
	for (unsigned digit; (digit = hex_digit(*text)) < base; text++)
		*too_large |= __builtin_mul_overflow(*value, base, value) ||
			      __builtin_add_overflow(*value, digit, value);
	return text > begin ? text : NULL;
}

static bool ends_number(unsigned char c)
{
	return is_between(c) || c == '#';
}

// One number at `at`, whose token began at `token` (an r or w). Returns past it,
// or NULL with *error set.
static const unsigned char *take_number(struct reader *r,
					const unsigned char *at,
					const unsigned char *token,
					uint64_t *page,
					struct trace_error *error)
{
	bool is_address, too_large;
	uint64_t value;
	size_t place = (size_t)(token - r->buffer);

	const unsigned char *past = long_number(at, &value, &is_address,
						&too_large);
	if (!past || !ends_number(*past)) {
		reader_refuse(r, place, error, want_number);
		return NULL;
	}
	if (too_large) {
		reader_refuse(r, place, error, "a number below 2^64");
		return NULL;
	}
	*page = is_address ? reader_page(r, value) : value;
	return past;
}

// Past what begins with no digit, or NULL with *error set.
static const unsigned char *
take_other(struct reader *r, const unsigned char *at, struct trace_error *error)
{
	unsigned char c = *at | 0x20;

	if (*at == '\n' && !r->waits) {
		r->line++;
		r->line_begin = r->before + (size_t)(at + 1 - r->buffer);
		return at + 1;
	}
	if (*at != '\n' && is_between(*at))
		return at + 1;
	if (*at == '#' && !r->waits) {
		r->comment = true;
		return at + 1;
	}
	if ((c == 'r' || c == 'w') && !r->waits) {
		r->waits = true;
		r->write = c == 'w';
		return at + 1;
	}
	reader_refuse(r, (size_t)(at - r->buffer), error, want_number);
	return NULL;
}

static const unsigned char *skip_comment(struct reader *r,
					 const unsigned char *at,
					 const unsigned char *limit)
{
	const unsigned char *end = memchr(at, '\n', (size_t)(limit - at));

	r->comment = !end;
	return end ? end : limit;
}

// References up to the limit, or a mistake.
static int parse(struct reader *r, struct portion *to,
		 struct trace_error *error)
{
	const unsigned char *at = r->buffer + r->at;
	const unsigned char *limit = r->buffer + r->limit, *past = at;
	size_t n = to->n;

	while (at < limit && n < to->most) {
		unsigned digits;
		uint64_t page = short_number(at, &digits);
		bool is_number = *at >= '0' && *at <= '9' && !r->comment;
		if (digits && ends_number(at[digits]) && is_number) {
			to->pages[n] = page;
			past = at + digits;
		} else if (r->comment) {
			past = skip_comment(r, at, limit);
		} else if (is_number) {
			past = take_number(r, at, at, &to->pages[n], error);
		} else {
			past = take_other(r, at, error);
		}
		if (!past)
			break;
		at = past;
		if (is_number) {
			to->writes[n++] = r->waits & r->write;
			r->waits = false;
		}
	}
	r->at = (size_t)(at - r->buffer);
	to->n = n;
	return past ? 0 : -EINVAL;
}

int text_read(struct reader *r, struct portion *to, struct trace_error *error)
{
	int failed = 0;

	while (to->n == 0 && !failed) {
		if (r->at == r->limit) {
			int more = reader_fill(r);
			if (more == -EINVAL)
				return reader_refuse(r, r->at, error,
						     want_number);
			if (more <= 0)
				return more;
		}
		failed = parse(r, to, error);
	}
	return failed;
}
