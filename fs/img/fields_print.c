// # A structure as lines: place, bytes, name, value, what it is for
//
//     i_mode           0100644 -rw-r--r--      type and permissions
//     296  c1 00 00 00   i_block[0]       193         direct: blocks of the file
//
// The second is a line of --hex. i_block is told by what it holds: pointers, a
// symlink's target, a device's number, or the root of an extent tree.

#define _GNU_SOURCE
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "draw.h"
#include "fs/img/fields.h"
#include "fs/img/img.h"
#include "must.h"

// ## Lines

// A row's place, a name, a value, what it is for. Bytes go on below, four a line.
struct row {
	const char *name;
	uint32_t offset;
	const uint8_t *bytes;
	size_t length;
	const char *value, *meaning;
};

struct page {
	int columns, name_columns;
	bool hex;
	uint32_t base;
};

enum { BYTES_A_LINE = 4, BYTES_SHOWN = 16 };

static int row_head(const struct page *p, const struct row *r, size_t at,
		    char *text, size_t room)
{
	int n = snprintf(text, room, "  ");

	if (p->hex && at < r->length)
		n += snprintf(text + n, room - (size_t)n, "%4" PRIu32 "  ",
			      p->base + r->offset + (uint32_t)at);
	for (size_t i = at; p->hex && i < at + BYTES_A_LINE; i++)
		n += i < r->length
			     ? snprintf(text + n, room - (size_t)n, "%02x ",
					r->bytes[i])
			     : snprintf(text + n, room - (size_t)n, "   ");
	return n + snprintf(text + n, room - (size_t)n, "%s%-*s  ",
			    p->hex ? " " : "", at ? 0 : p->name_columns,
			    at ? "" : r->name);
}

static void put_row(const struct page *p, const struct row *r)
{
	char head[128], *before;
	int wide = p->hex ? 10 : 22; // of a value, beside which its meaning is
	int left = row_head(p, r, 0, head, sizeof head);
	int value = text_columns(r->value);
	bool beside = value <= wide ||
		      left + value + 2 + text_columns(r->meaning) <= p->columns;

	must(asprintf(&before, "%s%s%*s", head, r->value,
		      value < wide ? wide - value + 2 : 2, ""));
	if (beside)
		put_wrapped(stdout, p->columns, before, left + wide + 2,
			    r->meaning);
	else
		put_wrapped(stdout, p->columns, head, left, r->value);
	free(before);
	if (!beside && *r->meaning) {
		must(asprintf(&before, "%*s", left + wide + 2, ""));
		put_wrapped(stdout, p->columns, before, left + wide + 2,
			    r->meaning);
		free(before);
	}
	for (size_t at = BYTES_A_LINE; p->hex && at < r->length;
	     at += BYTES_A_LINE) {
		if (at == BYTES_SHOWN) {
			printf("        ..\n");
			break;
		}
		int n = row_head(p, r, at, head, sizeof head);
		while (n && head[n - 1] == ' ')
			n--;
		printf("%.*s\n", n, head);
	}
}

// ## i_block

static const char *slot_meaning(size_t slot)
{
	static const char *const levels[] = {
		"single indirect: a block of pointers",
		"double indirect: pointers to such",
		"triple indirect: pointers to those",
	};

	return slot < BLOCKS_DIRECT ? "direct: blocks of the file"
				    : levels[slot - BLOCK_SINGLE];
}

static void put_pointer_rows(const struct page *p, const uint8_t *bytes,
			     uint32_t offset)
{
	const le32 *pointer = (const le32 *)bytes;
	char name[32], value[32];
	size_t run;

	for (size_t i = 0; i < BLOCK_POINTERS; i += run) {
		uint32_t first = get32(pointer[i]);
		size_t end = i < BLOCKS_DIRECT ? BLOCKS_DIRECT : i + 1;
		if (!first)
			end = BLOCK_POINTERS;
		for (run = 1;
		     i + run < end &&
		     get32(pointer[i + run]) == (first ? first + run : 0);
		     run++)
			;
		if (run > 1) {
			snprintf(name, sizeof name, "i_block[%zu-%zu]", i,
				 i + run - 1);
			snprintf(value, sizeof value,
				 first ? "%" PRIu32 "-%" PRIu32 : "%" PRIu32,
				 first, (uint32_t)(first + run - 1));
		} else {
			snprintf(name, sizeof name, "i_block[%zu]", i);
			snprintf(value, sizeof value, "%" PRIu32, first);
		}
		const struct row row = {
			name,
			offset + 4 * (uint32_t)i,
			bytes + 4 * i,
			4 * run,
			value,
			first ? slot_meaning(i) : "none: holes, or the end"
		};
		put_row(p, &row);
	}
}

static void put_extent_rows(const struct page *p, const uint8_t *bytes,
			    size_t length, uint32_t offset)
{
	const struct disk_extent_header *header = (const void *)bytes;
	const struct disk_extent *extent = (const void *)(header + 1);
	size_t room = length / sizeof *extent - 1;
	char value[64], meaning[64];
	bool good = get16(header->eh_magic) == EXTENT_MAGIC;
	size_t n = get16(header->eh_entries), depth = get16(header->eh_depth);

	snprintf(value, sizeof value, "0x%x, %zu of %u",
		 get16(header->eh_magic), n, get16(header->eh_max));
	snprintf(meaning, sizeof meaning, "%s, depth %zu",
		 good ? "extents" : "no extents: the magic is f30a", depth);
	put_row(p, &(struct row){ "eh_header", offset, bytes, sizeof *header,
				  value, meaning });
	for (size_t i = 0; good && i < n && i < room; i++) {
		uint32_t from = get32(extent[i].ee_block);
		uint32_t blocks = get16(extent[i].ee_len);
		uint64_t at = get32(extent[i].ee_start_lo) |
			      (uint64_t)get16(extent[i].ee_start_hi) << 32;
		const struct disk_extent_index *index =
			(const void *)&extent[i];
		bool unwritten = blocks > EXTENT_LONGEST;
		if (unwritten)
			blocks -= EXTENT_LONGEST;
		if (depth) {
			at = get32(index->ei_leaf_lo) |
			     (uint64_t)get16(index->ei_leaf_hi) << 32;
			snprintf(value, sizeof value, "%" PRIu64, at);
			snprintf(meaning, sizeof meaning,
				 "node: blocks of the file from %" PRIu32,
				 from);
		} else {
			snprintf(value, sizeof value, "%" PRIu64 "-%" PRIu64,
				 at, at + blocks - 1);
			snprintf(meaning, sizeof meaning,
				 "the file's %" PRIu32 "-%" PRIu64 "%s", from,
				 (uint64_t)from + blocks - 1,
				 unwritten ? ", unwritten: zeros" : "");
		}
		put_row(p, &(struct row){ depth ? "index" : "extent",
					  offset + (uint32_t)(12 * (i + 1)),
					  (const uint8_t *)&extent[i], 12,
					  value, meaning });
	}
}

static void put_device_rows(const struct page *p, const uint8_t *bytes,
			    uint32_t offset)
{
	uint32_t old = get32(((const le32 *)bytes)[0]);
	uint32_t new = get32(((const le32 *)bytes)[1]);
	char value[32];

	snprintf(value, sizeof value, "%" PRIu32 ":%" PRIu32, old >> 8 & 0xff,
		 old & 0xff);
	put_row(p, &(struct row){ "i_block[0]", offset, bytes, 4, value,
				  old ? "device, major:minor, 8 bits each"
				      : "a device that needs more bits" });
	snprintf(value, sizeof value, "%" PRIu32 ":%" PRIu32, new >> 8 & 0xfff,
		 (new & 0xff) | (new >> 12 & 0xfff00));
	put_row(p, &(struct row){ "i_block[1]", offset + 4, bytes + 4, 4, value,
				  "the same, 12 and 20 bits" });
}

static void put_block_rows(const struct page *p, const struct field *field,
			   const uint8_t *inode)
{
	const uint8_t *bytes = inode + field->offset;
	const struct disk_inode *i = (const void *)inode;
	size_t length = get32(i->i_size);
	char *text;

	switch (inode_holds(inode)) {
	case HOLDS_POINTERS:
		put_pointer_rows(p, bytes, field->offset);
		return;
	case HOLDS_EXTENTS:
		put_extent_rows(p, bytes, field->bytes, field->offset);
		return;
	case HOLDS_DEVICE:
		put_device_rows(p, bytes, field->offset);
		return;
	case HOLDS_TARGET:
		text = shown((const char *)bytes, length);
		put_row(p, &(struct row){ field->name, field->offset, bytes,
					  length, text,
					  "the symlink's target itself" });
		free(text);
		return;
	case HOLDS_DATA:
	case HOLDS_NOTHING:
		put_row(p, &(struct row){ field->name, field->offset, bytes,
					  field->bytes, "no pointers",
					  inode_holds(inode) == HOLDS_DATA
						  ? "the content itself"
						  : "unused" });
	}
}

void print_extents(const uint8_t *bytes, size_t length, uint32_t base, bool hex)
{
	const struct page page = { .columns = canvas_of(STDOUT_FILENO).columns,
				   .name_columns = 10,
				   .hex = hex,
				   .base = base };

	put_extent_rows(&page, bytes, length, 0);
}

static void widen(int *columns, const char *name)
{
	if ((int)strlen(name) > *columns)
		*columns = (int)strlen(name);
}

void print_fields(const struct structure *structure, const uint8_t *bytes,
		  size_t length, bool hex, uint32_t base)
{
	struct page page = { .columns = canvas_of(STDOUT_FILENO).columns,
			     .hex = hex,
			     .base = base };

	for (const struct field *f = structure->fields; f->name; f++)
		widen(&page.name_columns,
		      f->kind == FIELD_BLOCKS ? "i_block[12-14]" : f->name);
	for (const struct field *f = structure->fields; f->name; f++) {
		if ((size_t)f->offset + f->bytes > length)
			break;
		if (f->kind == FIELD_BLOCKS) {
			put_block_rows(&page, f, bytes);
			continue;
		}
		char *value = field_text(f, bytes);
		put_row(&page, &(struct row){ f->name, f->offset,
					      bytes + f->offset, f->bytes,
					      value ? value : "", f->meaning });
		free(value);
	}
}

// ## Bytes

enum { PER_LINE = 16 };

static void print_hex_line(const uint8_t *bytes, size_t n, uint64_t at)
{
	printf("  %08" PRIx64 " ", at);
	for (size_t i = 0; i < PER_LINE; i++) {
		if (i % 8 == 0)
			putchar(' ');
		if (i < n)
			printf("%02x ", bytes[i]);
		else
			printf("   ");
	}
	printf(" |");
	for (size_t i = 0; i < n; i++)
		putchar(bytes[i] >= ' ' && bytes[i] < 0x7f ? bytes[i] : '.');
	printf("|\n");
}

void print_hex(const uint8_t *bytes, size_t length, uint64_t base)
{
	bool starred = false;

	for (size_t at = 0; at < length; at += PER_LINE) {
		size_t n = length - at < PER_LINE ? length - at : PER_LINE;
		bool same = at && n == PER_LINE && at + n < length &&
			    !memcmp(bytes + at, bytes + at - PER_LINE, n);
		if (!same)
			print_hex_line(bytes + at, n, base + at);
		else if (!starred)
			puts("  *");
		starred = same;
	}
}
