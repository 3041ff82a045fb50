// # What stands where
//
// See fields.h. Names are those of the kernel's headers, so that they can be
// looked up: Linux, Documentation/filesystems/ext4/.

#define _GNU_SOURCE
#include "fs/img/fields.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "fs/img/img.h"
#include "must.h"

// ## The tables

#define AT(type, member) \
	#member, offsetof(struct type, member), \
		sizeof(((struct type *)0)->member)
#define SUPER(member, kind, meaning) \
	{ AT(disk_super, member), FIELD_##kind, meaning, false }
#define GROUP(member, kind, meaning) \
	{ AT(disk_group, member), FIELD_##kind, meaning, false }
#define INODE(member, kind, meaning) \
	{ AT(disk_inode, member), FIELD_##kind, meaning, false }
#define ENTRY(member, kind, meaning) \
	{ AT(disk_entry, member), FIELD_##kind, meaning, false }
#define XATTR(member, kind, meaning) \
	{ AT(disk_xattr_header, member), FIELD_##kind, meaning, false }
#define LOG(member, kind, meaning) \
	{ AT(disk_journal_super, member), FIELD_##kind, meaning, true }

static const struct field super_fields[] = {
	SUPER(s_inodes_count, NUMBER, "inodes in all groups"),
	SUPER(s_blocks_count, NUMBER, "blocks of the whole"),
	SUPER(s_r_blocks_count, NUMBER, "of these only for root"),
	SUPER(s_free_blocks_count, NUMBER, "not in use"),
	SUPER(s_free_inodes_count, NUMBER, "not in use"),
	SUPER(s_first_data_block, NUMBER, "the block of this superblock"),
	SUPER(s_log_block_size, NUMBER, "block size = 1024 << this"),
	SUPER(s_log_cluster_size, NUMBER, "the same, for fragments"),
	SUPER(s_blocks_per_group, NUMBER, "as many as a bitmap block has bits"),
	SUPER(s_clusters_per_group, NUMBER, "the same, for fragments"),
	SUPER(s_inodes_per_group, NUMBER, "inodes in each group's table"),
	SUPER(s_mtime, TIME, "last mounted"),
	SUPER(s_wtime, TIME, "last written"),
	SUPER(s_mnt_count, NUMBER, "mounts since the last check"),
	SUPER(s_max_mnt_count, SIGNED, "check after so many; -1: never"),
	SUPER(s_magic, HEX, "ef53: this is an ext2 superblock"),
	SUPER(s_state, NUMBER, "1: clean, 2: errors, 4: orphans"),
	SUPER(s_errors, NUMBER, "on an error: 1 go on, 2 read-only, 3 panic"),
	SUPER(s_minor_rev_level, NUMBER, "minor revision"),
	SUPER(s_lastcheck, TIME, "last checked"),
	SUPER(s_checkinterval, NUMBER, "check after so many seconds"),
	SUPER(s_creator_os, NUMBER, "0: Linux"),
	SUPER(s_rev_level, NUMBER, "1: inode size and features count"),
	SUPER(s_def_resuid, NUMBER, "user who may use reserved blocks"),
	SUPER(s_def_resgid, NUMBER, "group that may"),
	SUPER(s_first_ino, NUMBER, "first inode that is not reserved"),
	SUPER(s_inode_size, NUMBER, "bytes of an inode"),
	SUPER(s_block_group_nr, NUMBER, "the group of this copy"),
	SUPER(s_feature_compat, COMPAT, "may be ignored"),
	SUPER(s_feature_incompat, INCOMPAT, "must be known, or hands off"),
	SUPER(s_feature_ro_compat, RO_COMPAT, "must be known for writing"),
	SUPER(s_uuid, UUID, "the file system's own number"),
	SUPER(s_volume_name, TEXT, "its label"),
	SUPER(s_last_mounted, TEXT, "where it was mounted last"),
	SUPER(s_reserved_gdt_blocks, NUMBER, "kept for more descriptors"),
	SUPER(s_journal_uuid, UUID, "of a journal on another device"),
	SUPER(s_journal_inum, NUMBER, "inode of the journal"),
	SUPER(s_journal_dev, NUMBER, "device of the journal"),
	SUPER(s_last_orphan, NUMBER, "first inode to be deleted after a crash"),
	SUPER(s_hash_seed, UUID, "seed of the hash of directory indexes"),
	SUPER(s_def_hash_version, NUMBER,
	      "that hash: 0 legacy, 1 half MD4, "
	      "2 TEA"),
	SUPER(s_jnl_backup_type, NUMBER,
	      "1: a copy of the journal's inode "
	      "follows"),
	SUPER(s_desc_size, NUMBER, "bytes of a descriptor (0: 32)"),
	SUPER(s_default_mount_opts, HEX, "options of a mount without options"),
	SUPER(s_first_meta_bg, NUMBER, "first group with its own descriptors"),
	SUPER(s_mkfs_time, TIME, "made"),
	SUPER(s_jnl_blocks, POINTERS, "copy of the journal's i_block, size"),
	SUPER(s_blocks_count_hi, NUMBER, "upper half (64bit)"),
	SUPER(s_r_blocks_count_hi, NUMBER, "upper half (64bit)"),
	SUPER(s_free_blocks_hi, NUMBER, "upper half (64bit)"),
	SUPER(s_min_extra_isize, NUMBER, "all inodes have so many more bytes"),
	SUPER(s_want_extra_isize, NUMBER, "new inodes should"),
	SUPER(s_flags, HEX, "1: signed, 2: unsigned characters are hashed"),
	{ 0 }
};
const struct structure super_structure = { "superblock", super_fields };

static const struct field group_fields[] = {
	GROUP(bg_block_bitmap, NUMBER, "block: which blocks are in use"),
	GROUP(bg_inode_bitmap, NUMBER, "block: which inodes are in use"),
	GROUP(bg_inode_table, NUMBER, "block: the inodes begin here"),
	GROUP(bg_free_blocks_count, NUMBER, "blocks not in use"),
	GROUP(bg_free_inodes_count, NUMBER, "inodes not in use"),
	GROUP(bg_used_dirs_count, NUMBER, "directories among the inodes"),
	GROUP(bg_flags, HEX, "1, 2: bitmaps not yet written, 4: table zeroed"),
	GROUP(bg_exclude_bitmap, NUMBER, "of snapshots"),
	GROUP(bg_block_bitmap_csum, HEX, "checksum (metadata_csum)"),
	GROUP(bg_inode_bitmap_csum, HEX, "checksum (metadata_csum)"),
	GROUP(bg_itable_unused, NUMBER, "inodes at the end never used"),
	GROUP(bg_checksum, HEX, "of this descriptor (ext4)"),
	GROUP(bg_block_bitmap_hi, NUMBER, "upper half (64bit)"),
	GROUP(bg_inode_bitmap_hi, NUMBER, "upper half (64bit)"),
	GROUP(bg_inode_table_hi, NUMBER, "upper half (64bit)"),
	GROUP(bg_free_blocks_count_hi, NUMBER, "upper half (64bit)"),
	GROUP(bg_free_inodes_count_hi, NUMBER, "upper half (64bit)"),
	GROUP(bg_used_dirs_count_hi, NUMBER, "upper half (64bit)"),
	GROUP(bg_itable_unused_hi, NUMBER, "upper half (64bit)"),
	{ 0 }
};
const struct structure group_structure = { "group descriptor", group_fields };

static const struct field inode_fields[] = {
	INODE(i_mode, MODE, "type and permissions"),
	INODE(i_uid, NUMBER, "owner, lower half"),
	INODE(i_size, NUMBER, "bytes, lower half"),
	INODE(i_atime, TIME, "last read"),
	INODE(i_ctime, TIME, "inode last changed"),
	INODE(i_mtime, TIME, "content last changed"),
	INODE(i_dtime, TIME, "deleted (0: it was not)"),
	INODE(i_gid, NUMBER, "group, lower half"),
	INODE(i_links_count, NUMBER, "names that lead here"),
	INODE(i_blocks, NUMBER, "units of 512 bytes that it takes"),
	INODE(i_flags, FLAGS, "what is special"),
	INODE(i_version, HEX, "of its last change (NFS)"),
	INODE(i_block, BLOCKS, "where the content is"),
	INODE(i_generation, HEX, "of the inode number (NFS)"),
	INODE(i_file_acl, NUMBER, "block with extended attributes"),
	INODE(i_size_high, NUMBER, "bytes, upper half"),
	INODE(i_faddr, NUMBER, "of fragments; never used"),
	INODE(i_blocks_high, NUMBER, "upper 16 bits"),
	INODE(i_file_acl_high, NUMBER, "upper 16 bits"),
	INODE(i_uid_high, NUMBER, "owner, upper half"),
	INODE(i_gid_high, NUMBER, "group, upper half"),
	INODE(i_checksum_lo, HEX, "checksum (metadata_csum)"),
	INODE(i_reserved, HEX, "unused"),
	INODE(i_extra_isize, NUMBER, "bytes of fields from here on"),
	INODE(i_checksum_hi, HEX, "checksum (metadata_csum)"),
	INODE(i_ctime_extra, EXTRA, "its ns, and bits 32-33"),
	INODE(i_mtime_extra, EXTRA, "its ns, and bits 32-33"),
	INODE(i_atime_extra, EXTRA, "its ns, and bits 32-33"),
	INODE(i_crtime, TIME, "made"),
	INODE(i_crtime_extra, EXTRA, "its ns, and bits 32-33"),
	INODE(i_version_hi, HEX, "of its last change, upper half"),
	INODE(i_projid, NUMBER, "project (quota)"),
	{ 0 }
};
const struct structure inode_structure = { "inode", inode_fields };

static const struct field inode_way_fields[] = {
	INODE(i_mode, MODE, "type and permissions"),
	INODE(i_size, NUMBER, "bytes, lower half"),
	INODE(i_flags, FLAGS, "what is special"),
	INODE(i_block, BLOCKS, "where the content is"),
	{ 0 }
};
const struct structure inode_way_structure = { "inode", inode_way_fields };

static const struct field entry_fields[] = {
	ENTRY(inode, NUMBER, "whose name this is"),
	ENTRY(rec_len, NUMBER, "bytes to the next entry"),
	ENTRY(name_len, NUMBER, "bytes of the name"),
	ENTRY(file_type, TYPE, "so that ls need not read the inode"),
	{ 0 }
};
const struct structure entry_structure = { "directory entry", entry_fields };

static const struct field xattr_fields[] = {
	XATTR(h_magic, HEX, "ea020000: extended attributes"),
	XATTR(h_refcount, NUMBER, "inodes that share this block"),
	XATTR(h_blocks, NUMBER, "always 1"),
	XATTR(h_hash, HEX, "of all attributes, to find equal blocks"),
	XATTR(h_checksum, HEX, "checksum (metadata_csum)"),
	{ 0 }
};
const struct structure xattr_header_structure = { "attribute block",
						  xattr_fields };

static const struct field journal_fields[] = {
	LOG(s_header.h_magic, HEX, "c03b3998: a block of the journal"),
	LOG(s_header.h_blocktype, NUMBER, "4: its superblock, version 2"),
	LOG(s_blocksize, NUMBER, "bytes of a block"),
	LOG(s_maxlen, NUMBER, "blocks of the journal"),
	LOG(s_first, NUMBER, "first block of the log"),
	LOG(s_sequence, NUMBER, "number of the next transaction"),
	LOG(s_start, NUMBER, "where it begins; 0: the log is empty"),
	LOG(s_errno, SIGNED, "an error that the kernel met"),
	LOG(s_feature_compat, HEX, "may be ignored"),
	LOG(s_feature_incompat, HEX, "1: revoke, 2: 64bit, 8, 10: checksums"),
	LOG(s_feature_ro_compat, HEX, "must be known for writing"),
	LOG(s_uuid, UUID, "the journal's own number"),
	LOG(s_nr_users, NUMBER, "file systems that use it"),
	{ 0 }
};
const struct structure journal_super_structure = { "journal superblock",
						   journal_fields };

// ## Values

static uint64_t number_at(const struct field *field, const uint8_t *bytes)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < field->bytes && i < 8; i++) {
		unsigned at = field->big_endian ? i : field->bytes - 1u - i;
		n = n << 8 | bytes[field->offset + at];
	}
	return n;
}

static void put_bits(FILE *out, uint64_t bits, const char *(*name)(int bit))
{
	bool any = false;

	for (int bit = 0; bit < 32; bit++) {
		if (!(bits >> bit & 1))
			continue;
		const char *word = name(bit);
		fprintf(out, "%s", any ? " " : "");
		if (word)
			fputs(word, out);
		else
			fprintf(out, "bit%d", bit);
		any = true;
	}
	if (!any)
		fputs("none", out);
}

static const char *compat_name(int bit)
{
	return ext2_feature_name(0, bit);
}

static const char *incompat_name(int bit)
{
	return ext2_feature_name(1, bit);
}

static const char *ro_compat_name(int bit)
{
	return ext2_feature_name(2, bit);
}

const char *inode_flag_word(int bit)
{
	static const char *const names[32] = {
		"secure-deletion", "undelete", "compress", "sync",
		"immutable", "append-only", "no-dump", "no-atime",
		NULL, NULL, NULL, "encrypted",
		"index", "imagic", "journal-data", "no-tail",
		"dirsync", "top-directory", "huge-file", "extents",
		"verity", "attribute-value", NULL, NULL,
		NULL, "dax", NULL, NULL,
		"inline-data", "project", "casefold", NULL
	};

	return bit >= 0 && bit < 32 ? names[bit] : NULL;
}

static void put_time(FILE *out, uint32_t seconds)
{
	char text[40];

	if (!seconds)
		fputs("0", out);
	else
		fputs(time_text((struct ext2_time){ (int32_t)seconds, 0 },
				false, text),
		      out);
}

// The bits of seconds alone say nothing: beside them stands what they make of the
// field that they belong to. Not where i_extra_isize says that they are not there.
static void put_extra(FILE *out, const struct field *field,
		      const uint8_t *inode)
{
	const struct disk_inode *i = (const void *)inode;
	uint32_t extra = (uint32_t)number_at(field, inode);
	size_t there = INODE_BYTES_OLD + get16(i->i_extra_isize);
	le32 low = i->i_ctime;
	char text[40];

	if (field->offset == offsetof(struct disk_inode, i_mtime_extra))
		low = i->i_mtime;
	else if (field->offset == offsetof(struct disk_inode, i_atime_extra))
		low = i->i_atime;
	else if (field->offset == offsetof(struct disk_inode, i_crtime_extra))
		low = i->i_crtime;
	if (extra & 3)
		fprintf(out, "+%d * 2^32 s, ", (int)(extra & 3));
	fprintf(out, "%u ns", (unsigned)(extra >> 2));
	if (extra & 3 && there >= (size_t)field->offset + field->bytes)
		fprintf(out, ": %s",
			time_text(
				(struct ext2_time){
					.seconds = (int32_t)get32(low) +
						   ((int64_t)(extra & 3) << 32),
				},
				false, text));
}

static void put_text(FILE *out, const uint8_t *bytes, size_t most)
{
	char *text = shown((const char *)bytes,
			   strnlen((const char *)bytes, most));

	fprintf(out, "\"%s\"", text);
	free(text);
}

static void put_uuid(FILE *out, const uint8_t *bytes)
{
	for (int i = 0; i < 16; i++)
		fprintf(out, "%s%02x",
			i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "",
			bytes[i]);
}

// Runs of rising numbers, and of zeros, are drawn together: 100-111 0 x 3.
static void put_pointers(FILE *out, const uint8_t *bytes, size_t length)
{
	size_t n = length / 4, i = 0;

	while (i < n) {
		uint32_t first = get32(*(const le32 *)(bytes + 4 * i));
		size_t run = 1;
		while (i + run < n &&
		       get32(*(const le32 *)(bytes + 4 * (i + run))) ==
			       (first ? first + run : 0))
			run++;
		fprintf(out, "%s%" PRIu32, i ? " " : "", first);
		if (run > 1 && first)
			fprintf(out, "-%" PRIu32, (uint32_t)(first + run - 1));
		else if (run > 1)
			fprintf(out, " x %zu", run);
		i += run;
	}
}

static void put_value(FILE *out, const struct field *field,
		      const uint8_t *bytes)
{
	static const char *const types[TYPES] = {
		"unknown", "file", "directory", "character device",
		"block device", "fifo", "socket", "symlink"
	};
	uint64_t n = number_at(field, bytes);
	char mode[11];

	switch (field->kind) {
	case FIELD_NUMBER:
		fprintf(out, "%" PRIu64, n);
		break;
	case FIELD_HEX:
		fprintf(out, "0x%" PRIx64, n);
		break;
	case FIELD_SIGNED:
		fprintf(out, "%" PRId64,
			field->bytes == 2 ? (int16_t)n : (int64_t)(int32_t)n);
		break;
	case FIELD_TIME:
		put_time(out, (uint32_t)n);
		break;
	case FIELD_EXTRA:
		put_extra(out, field, bytes);
		break;
	case FIELD_MODE:
		fprintf(out, "0%o %s", (unsigned)n,
			mode_text((uint16_t)n, mode));
		break;
	case FIELD_TEXT:
		put_text(out, bytes + field->offset, field->bytes);
		break;
	case FIELD_UUID:
		put_uuid(out, bytes + field->offset);
		break;
	case FIELD_BYTES:
		for (unsigned i = 0; i < field->bytes; i++)
			fprintf(out, "%02x", bytes[field->offset + i]);
		break;
	case FIELD_COMPAT:
		put_bits(out, n, compat_name);
		break;
	case FIELD_INCOMPAT:
		put_bits(out, n, incompat_name);
		break;
	case FIELD_RO_COMPAT:
		put_bits(out, n, ro_compat_name);
		break;
	case FIELD_FLAGS:
		put_bits(out, n, inode_flag_word);
		break;
	case FIELD_TYPE:
		fprintf(out, "%u %s", (unsigned)n,
			n < TYPES ? types[n] : "none that is known");
		break;
	case FIELD_POINTERS:
	case FIELD_BLOCKS:
		put_pointers(out, bytes + field->offset, field->bytes);
		break;
	}
}

char *field_text(const struct field *field, const uint8_t *bytes)
{
	char *text = NULL;
	size_t length;
	FILE *out = open_memstream(&text, &length);

	if (!out)
		return NULL;
	put_value(out, field, bytes);
	fclose(out);
	return text;
}

// ## i_block

enum holds inode_holds(const uint8_t *inode)
{
	const struct disk_inode *i = (const void *)inode;
	uint16_t mode = get16(i->i_mode);
	uint32_t flags = get32(i->i_flags);

	if (flags & INODE_INLINE_DATA)
		return HOLDS_DATA;
	if (S_ISCHR(mode) || S_ISBLK(mode))
		return HOLDS_DEVICE;
	if (S_ISLNK(mode) && get32(i->i_size) < SYMLINK_INSIDE)
		return HOLDS_TARGET;
	if (!S_ISREG(mode) && !S_ISDIR(mode) && !S_ISLNK(mode) && mode)
		return HOLDS_NOTHING;
	return flags & INODE_EXTENTS ? HOLDS_EXTENTS : HOLDS_POINTERS;
}

// ## JSON

static bool is_number(const struct field *field)
{
	return field->kind == FIELD_NUMBER || field->kind == FIELD_HEX ||
	       field->kind == FIELD_MODE || field->kind == FIELD_TIME ||
	       field->kind == FIELD_EXTRA || field->kind == FIELD_TYPE;
}

static json_t *json_value(const struct field *field, const uint8_t *bytes)
{
	if (is_number(field))
		return json_integer((json_int_t)number_at(field, bytes));
	if (field->kind == FIELD_SIGNED)
		return json_integer(field->bytes == 2
					    ? (int16_t)number_at(field, bytes)
					    : (int32_t)number_at(field, bytes));
	if (field->kind == FIELD_POINTERS || field->kind == FIELD_BLOCKS) {
		json_t *array = json_array();
		for (unsigned i = 0; i < field->bytes; i += 4)
			json_array_append_new(
				array,
				json_integer(get32(
					*(const le32 *)(bytes + field->offset +
							i))));
		return array;
	}
	if (field->kind == FIELD_TEXT)
		return json_name((const char *)bytes + field->offset,
				 strnlen((const char *)bytes + field->offset,
					 field->bytes));
	char *text = field_text(field, bytes);
	json_t *value = json_string(text ? text : "");
	free(text);
	return value;
}

// What i_block's 15 numbers are when they are no pointers.
static void json_holds(json_t *object, const uint8_t *inode)
{
	static const char *const words[] = {
		[HOLDS_POINTERS] = "pointers", [HOLDS_EXTENTS] = "extents",
		[HOLDS_TARGET] = "target",     [HOLDS_DEVICE] = "device",
		[HOLDS_DATA] = "content",      [HOLDS_NOTHING] = "nothing",
	};
	const struct disk_inode *i = (const void *)inode;
	enum holds holds = inode_holds(inode);

	json_object_set_new(object, "i_block_holds", json_string(words[holds]));
	if (holds == HOLDS_TARGET)
		json_set_name(object, "target", (const char *)i->i_block,
			      get32(i->i_size));
	if (holds == HOLDS_EXTENTS)
		json_object_set_new(object, "extents",
				    json_extents((const uint8_t *)i->i_block,
						 sizeof i->i_block));
}

json_t *json_extents(const uint8_t *bytes, size_t length)
{
	const struct disk_extent_header *header = (const void *)bytes;
	const struct disk_extent *e = (const void *)(header + 1);
	size_t room = length / sizeof *e - 1, n = get16(header->eh_entries);
	bool leaf = !get16(header->eh_depth);
	json_t *list = must_ptr(json_array());

	if (get16(header->eh_magic) != EXTENT_MAGIC)
		n = 0;
	for (size_t i = 0; i < n && i < room; i++) {
		const struct disk_extent_index *x = (const void *)&e[i];
		uint64_t at =
			leaf ? get32(e[i].ee_start_lo) |
					(uint64_t)get16(e[i].ee_start_hi) << 32
			     : get32(x->ei_leaf_lo) |
					(uint64_t)get16(x->ei_leaf_hi) << 32;
		json_t *object = json_pack("{s:I, s:I}", "logical",
					   (json_int_t)get32(e[i].ee_block),
					   leaf ? "physical" : "node",
					   (json_int_t)at);
		if (leaf)
			json_object_set_new(object, "len",
					    json_integer(get16(e[i].ee_len)));
		json_array_append_new(list, object);
	}
	return list;
}

json_t *json_fields(const struct structure *structure, const uint8_t *bytes,
		    size_t length)
{
	json_t *object = json_object();

	for (const struct field *f = structure->fields; f->name; f++)
		if ((size_t)f->offset + f->bytes <= length) {
			json_object_set_new(object, f->name,
					    json_value(f, bytes));
			if (f->kind == FIELD_BLOCKS)
				json_holds(object, bytes);
		}
	return object;
}
