// tree.c - see tree.h. A link is job + 1, and 0 is nobody.

#include <stdbool.h>
#include <stddef.h>

#include "tree.h"

static struct tree_node *at(const struct tree *tree, int32_t link)
{
	return &tree->nodes[link - 1];
}

// Who stands above whom. The finaliser of MurmurHash3 (Appleby, public domain):
// no two numbers give the same.
static uint32_t height(int32_t link)
{
	uint32_t h = (uint32_t)link;

	h = (h ^ (h >> 16)) * UINT32_C(0x85ebca6b);
	h = (h ^ (h >> 13)) * UINT32_C(0xc2b2ae35);
	return h ^ (h >> 16);
}

static bool low(const struct tree *tree, int32_t link, int64_t limit)
{
	return link && at(tree, link)->least <= limit;
}

static void refresh(const struct tree *tree, struct tree_node *node)
{
	node->least = node->value;
	if (low(tree, node->left, node->least))
		node->least = at(tree, node->left)->least;
	if (low(tree, node->right, node->least))
		node->least = at(tree, node->right)->least;
}

// Cuts a subtree in two: keys up to and with `key`, and larger ones.
static void split(const struct tree *tree, int32_t link, int64_t key,
		  int32_t *small, int32_t *large)
{
	if (!link) {
		*small = *large = 0;
		return;
	}
	struct tree_node *node = at(tree, link);
	if (node->key <= key) {
		split(tree, node->right, key, &node->right, large);
		*small = link;
	} else {
		split(tree, node->left, key, small, &node->left);
		*large = link;
	}
	refresh(tree, node);
}

// Makes one subtree of two; no key on the left is larger than one on the right.
static int32_t merge(const struct tree *tree, int32_t left, int32_t right)
{
	if (!left || !right)
		return left | right;
	int32_t top = height(left) > height(right) ? left : right;
	struct tree_node *node = at(tree, top);
	if (top == left)
		node->right = merge(tree, node->right, right);
	else
		node->left = merge(tree, left, node->left);
	refresh(tree, node);
	return top;
}

static void insert(const struct tree *tree, int32_t *link, int32_t added)
{
	struct tree_node *node = at(tree, added);

	if (!*link || height(added) > height(*link)) {
		split(tree, *link, node->key, &node->left, &node->right);
		*link = added;
		refresh(tree, node);
		return;
	}
	struct tree_node *above = at(tree, *link);
	insert(tree, node->key < above->key ? &above->left : &above->right,
	       added);
	if (node->value < above->least)
		above->least = node->value;
}

void tree_insert(struct tree *tree, int job)
{
	insert(tree, &tree->root, job + 1);
}

int tree_find(const struct tree *tree, int64_t limit)
{
	if (!low(tree, tree->root, limit))
		return -1;
	for (int32_t link = tree->root;;) {
		const struct tree_node *node = at(tree, link);
		if (low(tree, node->left, limit))
			link = node->left;
		else if (node->value <= limit)
			return link - 1;
		else
			link = node->right;
	}
}

static int32_t take(const struct tree *tree, int32_t *link, int64_t limit)
{
	int32_t taken = *link;
	struct tree_node *node = at(tree, taken);

	if (low(tree, node->left, limit)) {
		taken = take(tree, &node->left, limit);
	} else if (node->value <= limit) {
		*link = merge(tree, node->left, node->right);
		return taken;
	} else {
		taken = take(tree, &node->right, limit);
	}
	refresh(tree, node);
	return taken;
}

int tree_take(struct tree *tree, int64_t limit)
{
	if (!low(tree, tree->root, limit))
		return -1;
	return take(tree, &tree->root, limit) - 1;
}
