// edits_model.h - what the files of the model share

#ifndef EDITS_MODEL_H
#define EDITS_MODEL_H

#include "edits_parts.h"

struct model_block {
	uint64_t logical;
	uint8_t *bytes;
};

struct model_attribute {
	char name[64];
	uint8_t *value;
	size_t n;
};

struct model_node {
	uint16_t mode;
	uint32_t uid, gid, links, major, minor, parent;
	uint64_t size;
	struct ext2_time time[4];
	char *target;
	struct model_block *block; // by rising number
	size_t blocks, block_room;
	struct model_attribute *attribute;
	size_t attributes;
};

struct model_entry {
	uint32_t dir, node;
	size_t length;
	char *name;
};

struct model {
	uint32_t block_bytes;
	bool wide;
	struct model_node *node; // 0 is nobody, 1 the root; links 0: not in use
	uint32_t nodes;
	struct model_entry *entry;
	size_t entries, entry_room;
};

enum { MODEL_ROOT = 1 };

// Where a path leads: the directory of its last name, and what that is.
struct model_place {
	uint32_t dir;
	const char *name;
	size_t length;
	struct model_entry *entry; // NULL: nothing
	struct model_node *node;   // of the entry
};
int model_locate(const struct model *, const char *path, struct model_place *);

// Each makes what is not there.
uint32_t model_new_node(struct model *);
void model_add_entry(struct model *, uint32_t dir, const char *name,
		     size_t length, uint32_t node);
struct model_block *model_block_of(const struct model *, struct model_node *,
				   uint64_t logical);
void model_set_attribute(struct model_node *, const char *name,
			 const void *value, size_t n);

#endif
