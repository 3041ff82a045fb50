// # Lackey and perf: a line an access
//
// Each line is an address, how many bytes of it are touched, and whether they are
// written; what is no access (a blank line, valgrind's own) is passed over.

#define _GNU_SOURCE
#include <errno.h>
#include <string.h>

#include "mem/trace/parts.h"

struct access {
	uint64_t address, bytes;
	bool write;
};

// What a line turned out to be. WRONG: *at is where.
enum verdict { ACCESS, PASSED_OVER, WRONG };

static bool is_blank(unsigned char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static const unsigned char *skip_blanks(const unsigned char *at)
{
	while (is_blank(*at))
		at++;
	return at;
}

// Past the digits; NULL: none, or more than 64 bits hold.
static const unsigned char *take_digits(const unsigned char *at, unsigned base,
					uint64_t *value)
{
	const unsigned char *begin = at;

	*value = 0;
	for (unsigned digit; (digit = hex_digit(*at)) < base; at++)
		if (__builtin_mul_overflow(*value, base, value) ||
		    __builtin_add_overflow(*value, digit, value))
			return NULL;
	return at > begin ? at : NULL;
}

// ## Lackey: " S 1ffefff7e8,8"

enum { MOST_BYTES = 1 << 16 }; // of one access

static const char want_lackey[] =
	"a line such as \" S 1ffefff7e8,8\": I, L, S or M, an address, a size";

static enum verdict lackey(const unsigned char **at, struct access *access)
{
	const unsigned char *begin = skip_blanks(*at), *past;

	*at = begin;
	if (*begin == '\n' || !memcmp(begin, "==", 2) ||
	    !memcmp(begin, "--", 2))
		return PASSED_OVER;
	if (!strchr("ILSM", *begin) || !is_blank(begin[1]))
		return WRONG;
	access->write = *begin == 'S' || *begin == 'M';
	past = take_digits(*at = skip_blanks(begin + 1), 16, &access->address);
	if (!past || *past != ',')
		return WRONG;
	past = take_digits(past + 1, 10, &access->bytes);
	if (!past || *skip_blanks(past) != '\n' || access->bytes == 0 ||
	    access->bytes > MOST_BYTES ||
	    access->address + access->bytes - 1 < access->address)
		return WRONG;
	return ACCESS;
}

// ## perf: "7f1cbe5c2010", or "ls 831 4017.120: mem-stores: 7f1cbe5c2010"

static const char want_perf[] =
	"a line of perf script with an address in hexadecimal";

static const unsigned char *token_end(const unsigned char *at)
{
	while (!is_blank(*at) && *at != '\n')
		at++;
	return at;
}

static bool has(const unsigned char *at, const unsigned char *end,
		const char *word)
{
	return memmem(at, (size_t)(end - at), word, strlen(word)) != NULL;
}

// The address follows the last word that ends with a colon; without one it is
// the first.
static enum verdict perf(const unsigned char **at, struct access *access)
{
	const unsigned char *begin = skip_blanks(*at), *event = NULL;
	const unsigned char *token = begin, *end, *address = begin;

	*at = begin;
	if (*begin == '\n' || *begin == '#')
		return PASSED_OVER;
	for (; *token != '\n'; token = skip_blanks(end)) {
		end = token_end(token);
		if (end[-1] == ':') {
			event = token;
			address = skip_blanks(end);
		}
	}
	*at = address;
	if (address[0] == '0' && (address[1] | 0x20) == 'x')
		address += 2;
	end = take_digits(address, 16, &access->address);
	if (!end || end != token_end(end))
		return WRONG;
	access->write = event && has(event, token_end(event), "store");
	access->bytes = 1;
	return ACCESS;
}

// ## Which format: with a line's end of its own behind it

typedef enum verdict line_reader(const unsigned char **at, struct access *);

static bool fits(line_reader *read, const unsigned char *line, size_t n,
		 struct access *access)
{
	enum { LONG = 256 };
	unsigned char copy[LONG + 2];

	if (n > LONG)
		return false;
	memcpy(copy, line, n);
	copy[n] = copy[n + 1] = '\n';
	const unsigned char *at = copy;
	return read(&at, access) == ACCESS;
}

bool lackey_line(const unsigned char *line, size_t n)
{
	struct access access;

	return (n > 2 && !memcmp(line, "==", 2)) ||
	       fits(lackey, line, n, &access);
}

// Behind an event's name, or a long number with a letter among its digits, which
// a page number of a text does not have. (Nor has perf comments in a line.)
bool perf_line(const unsigned char *line, size_t n)
{
	enum { LONG = 5 };
	const unsigned char *at = line, *end = line + n;
	struct access access;
	bool letter = false;

	if (!fits(perf, line, n, &access) || memchr(line, '#', n))
		return false;
	if (memchr(line, ':', n))
		return true;
	while (at < end && is_blank(*at))
		at++;
	const unsigned char *begin = at;
	for (; at < end && hex_digit(*at) < 16; at++)
		letter |= hex_digit(*at) >= 10;
	return letter && at - begin >= LONG;
}

// ## Both

// The pages of one access that are still to be told.
static void tell(struct reader *r, struct portion *to)
{
	while (r->more && to->n < to->most) {
		to->pages[to->n] = r->next_page;
		to->writes[to->n++] = r->write;
		r->more = r->next_page != r->last_page;
		r->next_page++;
	}
}

// A line at r->at.
static int take_line(struct reader *r, struct trace_error *error,
		     line_reader *read, const char *want)
{
	const unsigned char *at = r->buffer + r->at;
	const unsigned char *limit = r->buffer + r->limit;
	struct access access;
	enum verdict verdict = read(&at, &access);

	if (verdict == WRONG)
		return reader_refuse(r, (size_t)(at - r->buffer), error, want);
	at = memchr(at, '\n', (size_t)(limit - at));
	r->at = (size_t)(at + 1 - r->buffer);
	r->line++;
	r->line_begin = r->before + r->at;
	if (verdict == PASSED_OVER)
		return 0;
	r->more = true;
	r->write = access.write;
	r->next_page = reader_page(r, access.address);
	r->last_page = reader_page(r, access.address + access.bytes - 1);
	return 0;
}

static int read_lines(struct reader *r, struct portion *to,
		      struct trace_error *error, line_reader *read,
		      const char *want)
{
	int failed = 0;

	tell(r, to);
	while (to->n < to->most && !failed) {
		if (r->at == r->limit) {
			// what there is goes first: more may take its time
			int more = to->n ? 0 : reader_fill(r);
			if (more == -EINVAL)
				return reader_refuse(r, r->at, error, want);
			if (more <= 0)
				return more;
		}
		failed = take_line(r, error, read, want);
		if (!failed)
			tell(r, to);
	}
	return failed;
}

int lackey_read(struct reader *r, struct portion *to, struct trace_error *error)
{
	return read_lines(r, to, error, lackey, want_lackey);
}

int perf_read(struct reader *r, struct portion *to, struct trace_error *error)
{
	return read_lines(r, to, error, perf, want_perf);
}
