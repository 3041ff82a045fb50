// hash.c - the hash of a name in a directory's index
//
// Three functions, the same for every implementation of the format, since the
// index on the disk is sorted by them:
//
//     legacy     a running sum, by multiplication; the oldest
//     half MD4   MD4's three rounds with 8 steps each instead of 16, over 32 bytes
//                at a time; what mke2fs chooses
//     TEA        the Tiny Encryption Algorithm as a block cipher, 16 bytes of name
//                at a time are the key
//
// Names are bytes, but the first implementation took them as `char`, which has a
// sign on some machines and on others not. Names with bytes from 0x80 on therefore
// have two hashes. The superblock says which one is meant (s_flags).
//
// The last bit of the result is always 0: in the index it says that a name with
// this hash is already in the block before. And one value is kept for "the end".
//
// A piece of a name is cut into words, the first byte on top. What is missing is
// filled with the length: so many bytes are left, in each of a word's four bytes.
//
// Sources: Documentation/filesystems/ext4/directory.rst ("Hash Tree Directories");
// Rivest, RFC 1320 (MD4); Wheeler & Needham, "TEA, a Tiny Encryption Algorithm",
// 1994. Checked against debugfs(8), dx_hash.

#include "fs/ext2/directory.h"

#include <errno.h>
#include <string.h>

enum { UNSIGNED_VERSIONS = 3 }; // 3, 4, 5: the three, always unsigned

static const uint32_t end_of_hashes = 0xfffffffe;

static uint32_t character(const char *name, size_t i, bool is_signed)
{
	return is_signed ? (uint32_t)(int32_t)(signed char)name[i]
			 : (unsigned char)name[i];
}

static uint32_t legacy(const char *name, size_t length, bool is_signed)
{
	uint32_t hash = 0x12a3fe2d, before = 0x37abe8f9;

	for (size_t i = 0; i < length; i++) {
		uint32_t next = before + (hash ^ character(name, i, is_signed) *
							 7152373);

		if (next & 0x80000000)
			next -= 0x7fffffff;
		before = hash;
		hash = next;
	}
	return hash << 1;
}

static void cut(const char *name, size_t left, bool is_signed, uint32_t *word,
		size_t words)
{
	uint32_t fill = (uint32_t)left & 0xff;

	fill |= fill << 8;
	fill |= fill << 16;

	size_t bytes = left < words * 4 ? left : words * 4;
	size_t at = 0;

	for (size_t i = 0; i < words; i++) {
		uint32_t value = fill;

		for (int j = 0; j < 4 && at < bytes; j++, at++)
			value = (value << 8) + character(name, at, is_signed);
		word[i] = value;
	}
}

static uint32_t turned(uint32_t value, int bits)
{
	return value << bits | value >> (32 - bits);
}

static uint32_t choose(uint32_t x, uint32_t y, uint32_t z)
{
	return z ^ (x & (y ^ z));
}

static uint32_t majority(uint32_t x, uint32_t y, uint32_t z)
{
	return (x & y) + ((x ^ y) & z);
}

static uint32_t parity(uint32_t x, uint32_t y, uint32_t z)
{
	return x ^ y ^ z;
}

// Two times four steps. Each changes one of the four words of the state, in the
// order a, d, c, b.
#define ROUND(f, constant, s0, s1, s2, s3, i0, i1, i2, i3, i4, i5, i6, i7)     \
	do {                                                                   \
		a = turned(a + f(b, c, d) + word[i0] + (constant), s0);        \
		d = turned(d + f(a, b, c) + word[i1] + (constant), s1);        \
		c = turned(c + f(d, a, b) + word[i2] + (constant), s2);        \
		b = turned(b + f(c, d, a) + word[i3] + (constant), s3);        \
		a = turned(a + f(b, c, d) + word[i4] + (constant), s0);        \
		d = turned(d + f(a, b, c) + word[i5] + (constant), s1);        \
		c = turned(c + f(d, a, b) + word[i6] + (constant), s2);        \
		b = turned(b + f(c, d, a) + word[i7] + (constant), s3);        \
	} while (0)

static void half_md4(uint32_t state[4], const uint32_t word[8])
{
	uint32_t a = state[0], b = state[1], c = state[2], d = state[3];

	ROUND(choose, 0, 3, 7, 11, 19, 0, 1, 2, 3, 4, 5, 6, 7);
	ROUND(majority, 0x5a827999, 3, 5, 9, 13, 1, 3, 5, 7, 0, 2, 4, 6);
	ROUND(parity, 0x6ed9eba1, 3, 9, 11, 15, 3, 7, 2, 6, 1, 5, 0, 4);
	state[0] += a;
	state[1] += b;
	state[2] += c;
	state[3] += d;
}

static void tea(uint32_t state[4], const uint32_t key[4])
{
	uint32_t y = state[0], z = state[1], sum = 0;

	for (int i = 0; i < 16; i++) {
		sum += 0x9e3779b9;
		y += ((z << 4) + key[0]) ^ (z + sum) ^ ((z >> 5) + key[1]);
		z += ((y << 4) + key[2]) ^ (y + sum) ^ ((y >> 5) + key[3]);
	}
	state[0] += y;
	state[1] += z;
}

// The seed of the file system, or MD4's own initial values if it has none.
static void begin_state(const struct ext2 *fs, uint32_t state[4])
{
	static const uint32_t initial[4] = { 0x67452301, 0xefcdab89, 0x98badcfe,
					     0x10325476 };
	uint32_t any = 0;

	for (int i = 0; i < 4; i++)
		any |= state[i] = get32(fs->super.s_hash_seed[i]);
	if (any == 0)
		memcpy(state, initial, sizeof initial);
}

int name_hash(const struct ext2 *fs, int version, const char *name,
	      size_t length, uint32_t *major, uint32_t *minor)
{
	bool is_signed = !(get32(fs->super.s_flags) & FLAG_UNSIGNED_HASH);
	uint32_t state[4], word[8];
	uint32_t hash, second = 0;
	size_t piece = version == HASH_TEA || version == HASH_TEA + 3 ? 16 : 32;

	if (version >= UNSIGNED_VERSIONS) {
		version -= UNSIGNED_VERSIONS;
		is_signed = false;
	}
	switch (version) {
	case HASH_LEGACY:
		hash = legacy(name, length, is_signed);
		break;
	case HASH_HALF_MD4:
	case HASH_TEA:
		begin_state(fs, state);
		for (size_t at = 0; at < length; at += piece) {
			cut(name + at, length - at, is_signed, word, piece / 4);
			if (version == HASH_TEA)
				tea(state, word);
			else
				half_md4(state, word);
		}
		hash = state[version == HASH_TEA ? 0 : 1];
		second = state[version == HASH_TEA ? 1 : 2];
		break;
	default:
		return -EINVAL;
	}
	hash &= ~1u;
	if (hash == end_of_hashes)
		hash -= 2;
	*major = hash;
	if (minor)
		*minor = second;
	return 0;
}
