// # Loading libarchive
//
// dlopen(3) at the first use, and dlsym(3) for each function of the table. The name
// is that of the library's binary interface, which is the same for all versions
// from 3.0 on.

#include <dlfcn.h>
#include <stdlib.h>

#include "fs/img/archive.h"

#ifdef OSLAB_WITHOUT_ARCHIVE

int no_archives(const struct session *s)
{
	complain(s, 0, "this img was built without archives");
	return EXIT_MISSING;
}

#else

static const char soname[] = "libarchive.so.13";

// A pointer to a function from one to an object, as dlsym(3) has it.
static bool load(void *library, const char *name, void *place)
{
	*(void **)place = dlsym(library, name);
	return *(void **)place;
}

const struct archives *archives(void)
{
	static struct archives all;
	static bool loaded;
	void *library = loaded ? NULL : dlopen(soname, RTLD_NOW);

	if (loaded)
		return &all;
#define LOAD(name) &&load(library, #name, &all.name)
	loaded = library ARCHIVE_CALLS(LOAD);
#undef LOAD
	return loaded ? &all : NULL;
}

int no_archives(const struct session *s)
{
	const char *why = dlerror();

	complain(s, 0,
		 "want %s for archives (package libarchive13, or "
		 "libarchive): %s",
		 soname, why ? why : "it cannot be loaded");
	return EXIT_MISSING;
}

#endif
