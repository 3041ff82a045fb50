// # The tree in memory
//
// Nodes are appended as a source meets them; each knows its parent. Whoever
// needs to find one by its path (archives, tables) has an index by parent and
// name, a hash with open addressing that is made at the first question. When all
// are there the nodes are arranged: the children of a directory in one row, sorted
// by the bytes of their names, row after row by rising parents. That order is the
// order in which they are written, so the image depends on the tree alone, not on
// the order in which a disk or an archive listed it. (A scan of a directory
// arranges them by itself.)

#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fs/img/mkfs.h"
#include "must.h"

enum { FIRST_ROOM = 1024, NS = 1000000000 };

static const int64_t EARLIEST = INT32_MIN;                    // 1901
static const int64_t LATEST = (INT64_C(3) << 32) + INT32_MAX; // 2446

// ## Nodes and text

void tree_begin(struct tree *t, const struct session *session)
{
	*t = (struct tree){ .session = session, .root = -1, .spool = -1 };
	tree_keep(t, "", 1); // so that no offset is 0
	tree_add(t, ROOT_NODE, "", 0);
	t->node[ROOT_NODE].mode = S_IFDIR | 0755;
}

void tree_forget(struct tree *t)
{
	free(t->node);
	free(t->text);
	free(t->slot);
	t->node = NULL;
	t->text = NULL;
	t->slot = NULL;
	t->count = t->room = t->slots = t->indexed = 0;
	t->bytes = t->text_room = 0;
}

void tree_end(struct tree *t)
{
	tree_forget(t);
	if (t->root >= 0)
		close(t->root);
	if (t->spool >= 0)
		close(t->spool);
	*t = (struct tree){ .root = -1, .spool = -1 };
}

static void need_text(struct tree *t, size_t n)
{
	while (t->text_room - t->bytes < n) {
		t->text_room = t->text_room ? t->text_room * 2 : FIRST_ROOM;
		t->text = must_ptr(realloc(t->text, t->text_room));
	}
}

uint32_t tree_keep(struct tree *t, const void *bytes, size_t n)
{
	size_t at = t->bytes;

	if (at + n > UINT32_MAX)
		exit(complain(t->session, E2BIG,
			      "more than 4 GiB of names and attributes"));
	need_text(t, n);
	memcpy(t->text + at, bytes, n);
	t->bytes += n;
	return (uint32_t)at;
}

struct node *tree_add_kept(struct tree *t, uint32_t parent, uint32_t name)
{
	if (t->count == t->room) {
		if (t->room > NO_NODE / 2)
			exit(complain(t->session, E2BIG, "so many files"));
		t->room = t->room ? t->room + t->room / 2 : FIRST_ROOM;
		t->node = must_ptr(realloc(t->node, t->room * sizeof *t->node));
	}
	t->node[t->count] = (struct node){ .name = name, .parent = parent };
	return &t->node[t->count++];
}

struct node *tree_add(struct tree *t, uint32_t parent, const char *name,
		      size_t length)
{
	uint8_t n = (uint8_t)length;
	uint32_t at = tree_keep(t, &n, 1);

	tree_keep(t, name, length);
	tree_keep(t, "", 1);
	return tree_add_kept(t, parent, at);
}

int compare_names(const char *a, const char *b)
{
	size_t m = (uint8_t)*a, n = (uint8_t)*b;
	int order = memcmp(a + 1, b + 1, m < n ? m : n);

	return order ? order : (m > n) - (m < n);
}

char *node_path(const struct tree *t, const struct node *node)
{
	size_t n = 0;
	const struct node *at;

	if (node == &t->node[ROOT_NODE])
		return must_ptr(strdup("."));
	for (at = node; at != t->node; at = &t->node[at->parent])
		n += node_name_len(t, at) + 1;
	char *path = must_ptr(malloc(n)), *end = path + n;
	for (at = node; at != t->node; at = &t->node[at->parent]) {
		*--end = at == node ? '\0' : '/';
		end -= node_name_len(t, at);
		memcpy(end, node_name(t, at), node_name_len(t, at));
	}
	return path;
}

bool is_lost_found(const struct tree *t, const struct node *node)
{
	static const char name[] = "lost+found";

	return node->parent == ROOT_NODE && S_ISDIR(node->mode) &&
	       node_name_len(t, node) == sizeof name - 1 &&
	       !memcmp(node_name(t, node), name, sizeof name - 1);
}

uint32_t lost_found_blocks(uint32_t block_bytes)
{
	return block_bytes == 1024 ? BLOCKS_DIRECT : (16 << 10) / block_bytes;
}

// ## The index

static uint64_t hash_of(uint32_t parent, const char *name, size_t length)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325) ^ parent; // FNV-1a

	for (size_t i = 0; i < length; i++)
		hash = (hash ^ (uint8_t)name[i]) * UINT64_C(0x100000001b3);
	hash = (hash ^ parent) * UINT64_C(0x9e3779b97f4a7c15);
	return hash ^ hash >> 32;
}

static bool is_called(const struct tree *t, uint32_t i, uint32_t parent,
		      const char *name, size_t length)
{
	const struct node *node = &t->node[i];

	return node->parent == parent && !(node->flags & NODE_GONE) &&
	       node_name_len(t, node) == length &&
	       !memcmp(node_name(t, node), name, length);
}

static void index_put(struct tree *t, uint32_t i)
{
	const struct node *node = &t->node[i];
	uint64_t at = hash_of(node->parent, node_name(t, node),
			      node_name_len(t, node));

	while (t->slot[at & (t->slots - 1)] != NO_NODE)
		at++;
	t->slot[at & (t->slots - 1)] = i;
}

static void index_all(struct tree *t)
{
	if (t->count >= t->slots / 2) {
		t->slots = FIRST_ROOM;
		while (t->slots / 2 <= t->count)
			t->slots *= 2;
		t->slots *= 2;
		t->slot =
			must_ptr(realloc(t->slot, t->slots * sizeof *t->slot));
		memset(t->slot, 0xff, t->slots * sizeof *t->slot);
		t->indexed = 1; // the root is nobody's child
	}
	for (; t->indexed < t->count; t->indexed++)
		index_put(t, t->indexed);
}

uint32_t tree_child(struct tree *t, uint32_t parent, const char *name,
		    size_t length)
{
	uint32_t i;

	index_all(t);
	for (uint64_t at = hash_of(parent, name, length);; at++) {
		i = t->slot[at & (t->slots - 1)];
		if (i == NO_NODE || is_called(t, i, parent, name, length))
			return i;
	}
}

// ## Arranging

static int by_name(const void *a, const void *b, void *context)
{
	const struct tree *t = context;
	const uint32_t *p = a, *q = b;

	return compare_names(t->text + t->node[*p].name,
			     t->text + t->node[*q].name);
}

// The nodes below parent p are child[first[p]] to child[first[p + 1] - 1].
static void sort_by_parent(const struct tree *t, uint32_t *first,
			   uint32_t *child)
{
	const struct node *node = t->node;

	for (uint32_t i = 1; i < t->count; i++)
		if (!(node[i].flags & NODE_GONE))
			first[node[i].parent + 2]++;
	for (uint32_t p = 2; p <= t->count + 1; p++)
		first[p] += first[p - 1];
	for (uint32_t i = 1; i < t->count; i++)
		if (!(node[i].flags & NODE_GONE))
			child[first[node[i].parent + 1]++] = i;
}

// Of all names of an inode the first in the new order has its content.
static void order_links(struct tree *t)
{
	for (uint32_t i = 1; i < t->count; i++) {
		struct node *link = &t->node[i];

		if (!(link->flags & NODE_LINK))
			continue;
		struct node *first = &t->node[link->target];
		while (first->flags & NODE_LINK) // moved by an earlier turn
			first = &t->node[first->target];
		uint32_t at = (uint32_t)(first - t->node);
		if (at < i) {
			link->target = at;
			continue;
		}
		struct node was = *first;
		*first = *link;
		first->name = was.name;
		first->parent = was.parent;
		first->target = i;
		was.name = link->name;
		was.parent = link->parent;
		*link = was;
	}
}

void tree_arrange(struct tree *t)
{
	uint32_t n = t->count, made = 1;

	free(t->slot);
	t->slot = NULL;
	t->slots = t->indexed = 0;
	if (t->arranged)
		return;
	// place[i]: where the old node i is now; from[j]: the other way round.
	uint32_t *first = must_ptr(calloc(n + 2, sizeof *first));
	uint32_t *child = must_ptr(calloc(n, sizeof *child));
	uint32_t *from = must_ptr(calloc(n, sizeof *from));
	uint32_t *place = must_ptr(calloc(n, sizeof *place));
	struct node *node = must_ptr(calloc(n, sizeof *node));

	sort_by_parent(t, first, child);
	for (uint32_t j = 0; j < made; j++) {
		uint32_t p = from[j], count = first[p + 1] - first[p];

		node[j] = t->node[p];
		node[j].parent = place[node[j].parent];
		if (!S_ISDIR(node[j].mode))
			continue;
		qsort_r(child + first[p], count, sizeof *child, by_name, t);
		node[j].target = made;
		node[j].count = count;
		for (uint32_t i = 0; i < count; i++) {
			from[made] = child[first[p] + i];
			place[from[made]] = made;
			made++;
		}
	}
	for (uint32_t j = 1; j < made; j++)
		if (node[j].flags & NODE_LINK)
			node[j].target = place[node[j].target];
	free(t->node);
	t->node = node;
	t->count = made;
	t->room = n;
	order_links(t);
	t->arranged = true;
	free(place);
	free(from);
	free(child);
	free(first);
}

// ## Attributes

uint32_t xattrs_begin(struct tree *t)
{
	return (uint32_t)t->bytes;
}

// A byte of name length, name, NUL, four bytes of size, value; in the end a byte
// of 0.
void tree_xattr_add(struct tree *t, const char *name, const void *value,
		    size_t n)
{
	size_t length = strlen(name);
	uint32_t size = (uint32_t)n;
	uint8_t byte = (uint8_t)length;

	tree_keep(t, &byte, 1);
	tree_keep(t, name, length + 1);
	tree_keep(t, &size, sizeof size);
	tree_keep(t, value, n);
}

uint32_t xattr_next(const struct tree *t, uint32_t at, struct kept_xattr *x)
{
	size_t length = at ? (uint8_t)t->text[at] : 0;
	uint32_t size;

	if (!length)
		return 0;
	x->name = t->text + at + 1;
	memcpy(&size, x->name + length + 1, sizeof size);
	x->value = x->name + length + 1 + sizeof size;
	x->size = size;
	return at + 1 + (uint32_t)length + 1 + (uint32_t)sizeof size + size;
}

static int by_xattr_name(const void *a, const void *b)
{
	const struct kept_xattr *p = a, *q = b;

	return strcmp(p->name, q->name);
}

// File systems list them in any order, and their order decides which of them go into
// the inode: so they are sorted.
static void sort_xattrs(struct tree *t, uint32_t begun)
{
	size_t n = t->bytes - begun, count = 0;
	struct kept_xattr x, *all;

	for (uint32_t at = begun; (at = xattr_next(t, at, &x));)
		count++;
	if (count < 2)
		return;
	// A copy to read from, at the end of the text.
	uint32_t copy = tree_keep(t, "", 1) + 1;
	need_text(t, n);
	memcpy(t->text + copy, t->text + begun, n);
	all = must_ptr(calloc(count, sizeof *all));
	count = 0;
	for (uint32_t at = copy; (at = xattr_next(t, at, &x));)
		all[count++] = x;
	qsort(all, count, sizeof *all, by_xattr_name);
	t->bytes = begun;
	for (size_t i = 0; i < count; i++)
		tree_xattr_add(t, all[i].name, all[i].value, all[i].size);
	t->bytes = begun + n;
	free(all);
}

uint32_t xattrs_end(struct tree *t, uint32_t begun)
{
	size_t n;

	if (t->bytes == begun)
		return 0;
	tree_keep(t, "", 1);
	sort_xattrs(t, begun);
	n = t->bytes - begun;
	// Most often it has the same as the one before.
	if (n == t->xattrs_bytes &&
	    !memcmp(t->text + begun, t->text + t->xattrs, n)) {
		t->bytes = begun;
		return t->xattrs;
	}
	t->xattrs = begun;
	t->xattrs_bytes = n;
	return begun;
}

// Views that a file system offers of itself are no attributes of a file.
bool is_kept_xattr(const char *name)
{
	return !strncmp(name, "user.", 5) || !strncmp(name, "trusted.", 8) ||
	       !strncmp(name, "security.", 9) ||
	       !strcmp(name, "system.posix_acl_access") ||
	       !strcmp(name, "system.posix_acl_default");
}

// ## Times and owners

uint64_t pack_time(int64_t seconds, uint32_t ns)
{
	if (seconds < EARLIEST)
		return 0;
	if (seconds > LATEST)
		seconds = LATEST, ns = NS - 1;
	return (uint64_t)(seconds - EARLIEST) * NS + ns;
}

struct ext2_time unpack_time(uint64_t packed)
{
	return (struct ext2_time){
		.seconds = (int64_t)(packed / NS) + EARLIEST,
		.ns = (uint32_t)(packed % NS),
	};
}

// A small inode has no place for more.
static uint64_t in_seconds(uint64_t packed)
{
	struct ext2_time time = unpack_time(packed);

	return pack_time(time.seconds < INT32_MAX ? time.seconds : INT32_MAX,
			 0);
}

void tree_normalise(struct tree *t, const struct make_options *o)
{
	uint64_t latest = pack_time(o->now.seconds, o->now.ns);

	for (uint32_t i = 0; i < t->count; i++) {
		struct node *node = &t->node[i];

		if (o->uid >= 0)
			node->uid = (uint32_t)o->uid;
		if (o->gid >= 0)
			node->gid = (uint32_t)o->gid;
		if (o->reproducible) {
			if (node->mtime > latest)
				node->mtime = latest;
			node->atime = node->ctime = node->mtime;
		}
		if (o->inode_bytes == INODE_BYTES_OLD) {
			node->atime = in_seconds(node->atime);
			node->mtime = in_seconds(node->mtime);
			node->ctime = in_seconds(node->ctime);
		}
	}
}
