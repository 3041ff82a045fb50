// fields.h - what stands where in a structure of the disk
//
// The tables follow layout.h field by field. From one table come the lines for
// people, the bytes taken apart (--hex) and the members in JSON, so that none of
// them can say something else.

#ifndef FIELDS_H
#define FIELDS_H

#include <jansson.h>
#include <stdbool.h>
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
	FIELD_FLAGS,    // of an inode
	FIELD_TYPE,     // of an entry
	FIELD_POINTERS, // several 32-bit block numbers
	FIELD_BLOCKS    // i_block: of the whole inode
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
	inode_way_structure, // of an inode what a walk reads
	entry_structure, journal_super_structure, xattr_header_structure;

// A field as text, to be freed; `bytes` are those of the structure. NULL: no memory.
char *field_text(const struct field *field, const uint8_t *bytes);

// The word for a bit of i_flags; NULL: unknown.
const char *inode_flag_word(int bit);

// What i_block holds, which the rest of the inode decides.
enum holds {
	HOLDS_POINTERS,
	HOLDS_EXTENTS,
	HOLDS_TARGET, // of a short symlink
	HOLDS_DEVICE, // its number
	HOLDS_DATA,   // a small file's content (inline_data)
	HOLDS_NOTHING
};
enum holds inode_holds(const uint8_t *inode);

// One line a field that lies wholly within `length` bytes. `hex`: also where it
// is and its bytes, counted from `base`. A line is as wide as the terminal; what
// does not fit goes on in the next.
void print_fields(const struct structure *structure, const uint8_t *bytes,
		  size_t length, bool hex, uint32_t base);

// The same as an object.
json_t *json_fields(const struct structure *structure, const uint8_t *bytes,
		    size_t length);

// A node of an extent tree (or i_block): a line an extent.
void print_extents(const uint8_t *bytes, size_t length, uint32_t base,
		   bool hex);
json_t *json_extents(const uint8_t *bytes, size_t length);

// 16 bytes a line, with their characters; equal lines are left out ("*").
void print_hex(const uint8_t *bytes, size_t length, uint64_t base);

#endif
