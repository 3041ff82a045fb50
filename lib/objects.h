// objects.h - the kinds of objects that names.h remembers
//
// For names.c only: how a ledger spells a kind, and how its objects go.

#ifndef OBJECTS_H
#define OBJECTS_H

#include <stdbool.h>
#include <sys/types.h>

#include "names.h"

// A name or key as the ledger has it: "/oslab.4711.100200.1" for the POSIX
// kinds, "4711.100200.2" for what lies in the ledger's directory, eight
// hexadecimal digits for a SysV key.
enum { LABEL_BYTES = 64 };

struct object_kind {
	const char *word;   // in the ledger
	const char *prefix; // of its labels; NULL: they are keys

	// Removes the object. `directory` is the ledger's. Returns how many
	// objects that were (a name may stand for several), or -errno.
	int (*remove)(int directory, const char *label);
};

extern const struct object_kind object_kinds[NAME_KINDS];

// Whether a label can be one of this kind.
bool object_label_fits(const struct object_kind *kind, const char *label);

void object_key_label(char label[LABEL_BYTES], key_t key);

// For a SysV kind: no object has this key now.
bool object_key_is_free(enum name_kind kind, key_t key);

#endif
