// device_partitions.c - where the partitions of a disk image are
//
//     MBR   sector 0 has four entries. One of them may be an extended partition:
//           a chain of sectors (EBR), each with one more partition and the next
//           link, whose address counts from the start of the extended one.
//     GPT   sector 0 protects (an entry of type 0xee), sector 1 has a header, a
//           list follows; both stand again at the end of the disk. CRC-32 tells
//           which are whole.
//
// Nothing says that a chain ends or that a list is short, so both are limited. A
// partition may go beyond an image that was cut off: what is missing is left out.
//
// Sources: UEFI Specification 2.10, chapter 5; for the MBR the same, 5.2.1, and
// the customs of DOS.

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fs/ext2/device_parts.h"
#include "fs/ext2/layout.h"

enum {
	SECTOR = 512,
	MBR_ENTRIES = 446,
	MBR_SIGNATURE = 510,
	CHAIN_MOST = 256,
	FIRST_LOGICAL = 5,

	TYPE_EMPTY = 0,
	TYPE_EXTENDED = 0x05,
	TYPE_EXTENDED_LBA = 0x0f,
	TYPE_EXTENDED_LINUX = 0x85,
	TYPE_PROTECTIVE = 0xee,

	GPT_HEADER_LEAST = 92,
	GPT_ENTRY_LEAST = 128,
	GPT_LIST_MOST = 1 << 20, // bytes; 128 entries of 128 are usual
	GPT_NAME = 36,           // UTF-16 units
};

struct mbr_entry {
	uint8_t status; // 0x80: active
	uint8_t first_chs[3];
	uint8_t type;
	uint8_t last_chs[3];
	le32 first, sectors;
};
static_assert(sizeof(struct mbr_entry) == 16, "MBR entry");

struct gpt_header {
	uint8_t signature[8]; // "EFI PART"
	le32 revision, header_bytes, header_crc, reserved;
	le32 own_lo, own_hi; // sectors: this header, the other one
	le32 other_lo, other_hi;
	le32 first_lo, first_hi, last_lo, last_hi;
	uint8_t guid[16];
	le32 list_lo, list_hi;
	le32 entries, entry_bytes, list_crc;
};
static_assert(sizeof(struct gpt_header) == GPT_HEADER_LEAST, "GPT header");

struct gpt_entry {
	uint8_t type[16], guid[16];
	le32 first_lo, first_hi, last_lo, last_hi; // both included
	uint8_t attributes[8];
	le16 name[GPT_NAME];
};
static_assert(sizeof(struct gpt_entry) == GPT_ENTRY_LEAST, "GPT entry");

struct finder {
	struct device *device;
	struct partition *list;
	int count, most;
};

static uint64_t joined(le32 low, le32 high)
{
	return get32(low) | (uint64_t)get32(high) << 32;
}

// Returns where to write type and name, or NULL if there is no room.
static struct partition *add(struct finder *finder, int number, uint64_t first,
			     uint64_t sectors)
{
	uint64_t bytes = finder->device->bytes, all = bytes / SECTOR;

	if (finder->count >= finder->most)
		return NULL;

	struct partition *made = &finder->list[finder->count++];

	*made = (struct partition){ .number = number };
	if (first > all)
		first = all;
	made->offset = first * SECTOR;
	made->bytes = sectors < all - first ? sectors * SECTOR
					    : bytes - made->offset;
	return made;
}

// ## MBR

static bool is_extended(const struct mbr_entry *entry)
{
	return entry->type == TYPE_EXTENDED ||
	       entry->type == TYPE_EXTENDED_LBA ||
	       entry->type == TYPE_EXTENDED_LINUX;
}

// The four entries of a sector. -EINVAL: this is none.
static int read_entries(struct device *device, uint64_t sector,
			struct mbr_entry entries[4])
{
	uint8_t bytes[SECTOR];
	int error = sector < device->bytes / SECTOR
			    ? device_read(device, sector * SECTOR, bytes,
					  sizeof(bytes))
			    : -EINVAL;

	if (error)
		return error;
	if (bytes[MBR_SIGNATURE] != 0x55 || bytes[MBR_SIGNATURE + 1] != 0xaa)
		return -EINVAL;
	memcpy(entries, bytes + MBR_ENTRIES, 4 * sizeof(*entries));
	return 0;
}

static void add_mbr(struct finder *finder, int number, uint64_t base,
		    const struct mbr_entry *entry)
{
	struct partition *made = add(finder, number, base + get32(entry->first),
				     get32(entry->sectors));

	if (made)
		snprintf(made->type, sizeof(made->type), "%x", entry->type);
}

static int find_logical(struct finder *finder, uint64_t base)
{
	uint64_t sector = base;
	int number = FIRST_LOGICAL;

	for (int links = 0; links < CHAIN_MOST; links++) {
		struct mbr_entry entries[4];
		uint64_t next = 0;
		int error = read_entries(finder->device, sector, entries);

		if (error)
			return error;
		for (int i = 0; i < 4; i++) {
			if (is_extended(&entries[i]))
				next = next ? next : get32(entries[i].first);
			else if (entries[i].type != TYPE_EMPTY &&
				 get32(entries[i].sectors))
				add_mbr(finder, number++, sector, &entries[i]);
		}
		if (!next)
			return 0;
		sector = base + next;
	}
	return -EINVAL; // a loop
}

static int find_mbr(struct finder *finder, const struct mbr_entry entries[4])
{
	int error = 0;

	for (int i = 0; i < 4; i++)
		if (entries[i].type != TYPE_EMPTY && get32(entries[i].sectors))
			add_mbr(finder, i + 1, 0, &entries[i]);
	for (int i = 0; i < 4 && !error; i++)
		if (is_extended(&entries[i]) && get32(entries[i].sectors))
			error = find_logical(finder, get32(entries[i].first));
	return error;
}

// ## GPT

// IEEE 802.3, bit by bit: some tens of KiB at most.
static uint32_t crc32_of(const uint8_t *bytes, size_t n)
{
	uint32_t crc = UINT32_MAX;

	for (size_t i = 0; i < n; i++) {
		crc ^= bytes[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
	}
	return ~crc;
}

static void guid_text(const uint8_t guid[16], char text[37])
{
	// The first three fields are little-endian, the others not.
	static const uint8_t order[16] = { 3, 2, 1,  0,  5,  4,  7,  6,
					   8, 9, 10, 11, 12, 13, 14, 15 };
	static const char digits[] = "0123456789ABCDEF";

	for (int i = 0; i < 16; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*text++ = '-';
		*text++ = digits[guid[order[i]] >> 4];
		*text++ = digits[guid[order[i]] & 15];
	}
	*text = '\0';
}

// What has no room or is no character is left out.
static void name_text(const le16 name[GPT_NAME], char *text, size_t size)
{
	size_t length = 0;

	for (int i = 0; i < GPT_NAME && get16(name[i]); i++) {
		uint32_t c = get16(name[i]);
		uint32_t low = i + 1 < GPT_NAME ? get16(name[i + 1]) : 0;

		if (c >= 0xd800 && c < 0xdc00 && low >= 0xdc00 &&
		    low < 0xe000) {
			c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
			i++;
		} else if (c >= 0xd800 && c < 0xe000) {
			c = 0xfffd;
		}

		size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;

		if (length + n >= size)
			break;
		if (n == 1)
			text[length] = (char)c;
		for (size_t k = n; n > 1 && k--; c >>= 6)
			text[length + k] = (char)(k ? 0x80 | (c & 0x3f)
						    : (0xf00 >> n & 0xff) | c);
		length += n;
	}
	text[length] = '\0';
}

static int read_header(struct device *device, uint64_t sector,
		       struct gpt_header *header)
{
	uint8_t bytes[SECTOR];
	int error = sector < device->bytes / SECTOR
			    ? device_read(device, sector * SECTOR, bytes,
					  sizeof(bytes))
			    : -EINVAL;

	if (error)
		return error;
	memcpy(header, bytes, sizeof(*header));

	uint32_t header_bytes = get32(header->header_bytes);

	memset(bytes + offsetof(struct gpt_header, header_crc), 0, 4);
	if (memcmp(header->signature, "EFI PART", 8) ||
	    header_bytes < GPT_HEADER_LEAST || header_bytes > SECTOR ||
	    crc32_of(bytes, header_bytes) != get32(header->header_crc) ||
	    joined(header->own_lo, header->own_hi) != sector)
		return -EINVAL;
	return 0;
}

static int find_listed(struct finder *finder, const struct gpt_header *header)
{
	uint32_t entries = get32(header->entries);
	uint32_t entry_bytes = get32(header->entry_bytes);
	uint64_t sector = joined(header->list_lo, header->list_hi);
	uint64_t bytes = (uint64_t)entries * entry_bytes;

	if (entry_bytes < GPT_ENTRY_LEAST || bytes > GPT_LIST_MOST || !bytes ||
	    bytes > finder->device->bytes ||
	    sector > (finder->device->bytes - bytes) / SECTOR)
		return -EINVAL;

	uint8_t *list = malloc(bytes);
	int error = list ? device_read(finder->device, sector * SECTOR, list,
				       bytes)
			 : -ENOMEM;

	if (!error && crc32_of(list, bytes) != get32(header->list_crc))
		error = -EINVAL;
	for (uint32_t i = 0; i < entries && !error; i++) {
		static const uint8_t none[16];
		struct gpt_entry entry;
		struct partition *made;

		memcpy(&entry, list + (size_t)i * entry_bytes, sizeof(entry));

		uint64_t first = joined(entry.first_lo, entry.first_hi);
		uint64_t last = joined(entry.last_lo, entry.last_hi);

		if (!memcmp(entry.type, none, sizeof(none)))
			continue;
		if (last < first || last == UINT64_MAX)
			error = -EINVAL;
		else if ((made = add(finder, (int)i + 1, first,
				     last - first + 1))) {
			guid_text(entry.type, made->type);
			name_text(entry.name, made->name, sizeof(made->name));
		}
	}
	free(list);
	return error;
}

static int find_gpt(struct finder *finder)
{
	uint64_t last = finder->device->bytes / SECTOR - 1;
	const uint64_t sectors[] = { 1, last };
	int error = -EINVAL;

	for (int i = 0; i < 2 && error == -EINVAL; i++) {
		struct gpt_header header;

		finder->count = 0;
		error = read_header(finder->device, sectors[i], &header);
		if (!error)
			error = find_listed(finder, &header);
	}
	return error;
}

int device_partitions(struct device *device, struct partition *list, int most)
{
	struct finder finder = { .device = device, .list = list, .most = most };
	struct mbr_entry entries[4];
	bool protective = false;
	int error = read_entries(device, 0, entries);

	for (int i = 0; i < 4 && !error; i++) {
		if (entries[i].status & 0x7f)
			error = -EINVAL;
		protective |= entries[i].type == TYPE_PROTECTIVE;
	}
	if (!error)
		error = protective ? find_gpt(&finder)
				   : find_mbr(&finder, entries);
	return error ? error : finder.count;
}
