// privilege.h - less power, or all of it in a small world
//
// What the kernel refuses can only be shown by somebody who may be refused, and
// what it allows the mighty only where might is to be had. These are for scenes
// (see lab.h) and change the calling process for good: play such a scene in a
// child.

#ifndef PRIVILEGE_H
#define PRIVILEGE_H

#include <stdbool.h>

// Whether this process has a capability (CAP_SYS_RESOURCE ..., capabilities(7))
// now. Root in a container or a virtual machine may lack some.
bool has_capability(int which);

// Gives up all of them, as anybody may (capset(2)). The user stays the same.
// Leaves the scene where a filter forbids the call.
void give_up_capabilities(void);

// Enters new namespaces of the kinds in `flags` (CLONE_NEWIPC, CLONE_NEWNS ...,
// unshare(2)); what is made in them is gone with them. They belong to a user
// namespace of their own, in which the caller has every capability and is the
// same user and group as outside; where there may be none, root does without.
// Who may have neither leaves the scene (skip); or, with try_, is told so by
// false and errno.
void enter_own_namespaces(int flags);
bool try_own_namespaces(int flags);

#endif
