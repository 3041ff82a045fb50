// # Eight bytes that are one segment
//
// The fields lie scattered because the 80286 had six bytes, with 24 bits of base
// and 16 of limit; the 80386 put the rest where there was room.

#include "mem/descriptor/descriptor.h"

static uint64_t place(uint64_t value, int bits, int at)
{
	return (value & ((1ULL << bits) - 1)) << at;
}

static uint32_t field(uint64_t from, int bits, int at)
{
	return (uint32_t)(from >> at & ((1ULL << bits) - 1));
}

// ## Descriptors

uint64_t descriptor_encode(const struct descriptor *d)
{
	return place(d->limit, 16, 0) | place(d->base, 24, 16) |
	       place(d->type, 4, 40) | place(d->memory, 1, 44) |
	       place(d->dpl, 2, 45) | place(d->present, 1, 47) |
	       place(d->limit >> 16, 4, 48) | place(d->available, 1, 52) |
	       place(d->long_mode, 1, 53) | place(d->big, 1, 54) |
	       place(d->pages, 1, 55) | place(d->base >> 24, 8, 56);
}

struct descriptor descriptor_decode(uint64_t bits)
{
	return (struct descriptor){
		.base = field(bits, 24, 16) | field(bits, 8, 56) << 24,
		.limit = field(bits, 16, 0) | field(bits, 4, 48) << 16,
		.type = (uint8_t)field(bits, 4, 40),
		.memory = field(bits, 1, 44),
		.dpl = (uint8_t)field(bits, 2, 45),
		.present = field(bits, 1, 47),
		.available = field(bits, 1, 52),
		.long_mode = field(bits, 1, 53),
		.big = field(bits, 1, 54),
		.pages = field(bits, 1, 55),
	};
}

static bool grows_down(const struct descriptor *d)
{
	return !(d->type & TYPE_CODE) && d->type & TYPE_GROWS_DOWN;
}

bool descriptor_offsets(const struct descriptor *d, uint32_t *lowest,
			uint32_t *highest)
{
	uint32_t limit = d->limit & LIMIT_MOST;

	if (d->pages)
		limit = limit << 12 | 0xfff;
	*lowest = 0;
	*highest = limit;
	if (!grows_down(d))
		return true;
	*highest = d->big ? UINT32_MAX : UINT16_MAX;
	if (limit >= *highest)
		return false;
	*lowest = limit + 1;
	return true;
}

static bool type_allows(const struct descriptor *d, enum segment_use use)
{
	bool code = d->type & TYPE_CODE;

	switch (use) {
	case USE_READ:
		return !code || d->type & TYPE_READABLE;
	case USE_WRITE:
		return !code && d->type & TYPE_WRITABLE;
	case USE_EXECUTE:
		return code;
	}
	return false;
}

bool descriptor_allows(const struct descriptor *d, enum segment_use use,
		       uint32_t offset, uint32_t bytes)
{
	uint32_t lowest, highest;

	return d->memory && type_allows(d, use) &&
	       descriptor_offsets(d, &lowest, &highest) && offset >= lowest &&
	       offset <= highest && bytes - 1 <= highest - offset;
}

uint32_t descriptor_address(const struct descriptor *d, uint32_t offset)
{
	return d->base + offset;
}

const char *descriptor_type_name(const struct descriptor *d)
{
	static const char *const names[] = {
		"data, read",
		"data, read and write",
		"data, read, grows down",
		"data, read and write, grows down",
		"code, execute",
		"code, execute and read",
		"code, execute, conforming",
		"code, execute and read, conforming",
	};

	return d->memory ? names[d->type >> 1 & 7] : "the system's";
}

uint64_t descriptor_set_bytes(struct descriptor *d, uint64_t bytes)
{
	d->pages = bytes > LIMIT_MOST + 1;
	if (!d->pages) {
		d->limit = (uint32_t)(bytes - 1);
		return bytes;
	}
	uint64_t pages = bytes > 1ULL << 32 ? LIMIT_MOST + 1
					    : (bytes + 4095) >> 12;
	d->limit = (uint32_t)(pages - 1);
	return pages << 12;
}

// ## Selectors and error codes

uint16_t selector_encode(struct selector s)
{
	return (uint16_t)(place(s.index, 13, 3) | place(s.local, 1, 2) |
			  place(s.rpl, 2, 0));
}

struct selector selector_decode(uint16_t bits)
{
	return (struct selector){ .index = (uint16_t)field(bits, 13, 3),
				  .local = field(bits, 1, 2),
				  .rpl = (uint8_t)field(bits, 2, 0) };
}

bool selector_is_null(uint16_t bits)
{
	return (bits & ~3) == 0;
}

struct selector_error selector_error_decode(uint32_t code)
{
	return (struct selector_error){ .index = (uint16_t)field(code, 13, 3),
					.local = field(code, 1, 2),
					.interrupt = field(code, 1, 1),
					.external = field(code, 1, 0) };
}
