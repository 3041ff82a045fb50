// fields.h - what stands where in a structure of the disk
//
// The tables follow layout.h field by field. From one table come the lines for
// people, the bytes taken apart (--hex) and the members in JSON, so that none of
// them can say something else.

#ifndef FIELDS_H
#define FIELDS_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum field_kind {
	FIELD_NUMBER,
	FIELD_HEX,
	FIELD_SIGNED,
	FIELD_TIME,  // seconds since 1970, 32 bits
	FIELD_EXTRA, // 2 bits of seconds, 30 of nanoseconds
	FIELD_MODE,
	FIELD_TEXT,
	FIELD_UUID,
	FIELD_BYTES,
	FIELD_COMPAT, // feature words, by name
	FIELD_INCOMPAT,
	FIELD_RO_COMPAT,
	FIELD_FLAGS,   // of an inode
	FIELD_TYPE,    // of an entry
	FIELD_POINTERS // several 32-bit block numbers
};

struct field {
	const char *name;
	uint16_t offset, bytes;
	enum field_kind kind;
	const char *meaning;
	bool big_endian;
};

struct structure {
	const char *name;
	const struct field *fields; // ends with name NULL
};

extern const struct structure super_structure, group_structure, inode_structure,
	entry_structure, journal_super_structure, xattr_header_structure;

// One line a field that lies wholly within `length` bytes. `hex`: also where it
// is and its bytes, counted from `base`.
void print_fields(const struct structure *structure, const uint8_t *bytes,
		  size_t length, bool hex, uint32_t base);

// The same as an object.
json_t *json_fields(const struct structure *structure, const uint8_t *bytes,
		    size_t length);

// 16 bytes a line, with their characters; equal lines are left out ("*").
void print_hex(const uint8_t *bytes, size_t length, uint64_t base);

#endif
