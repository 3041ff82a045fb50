// host_names.h - names for the numbers and signatures that machines give
//
// For host.c. A name is a constant string.

#ifndef HOST_NAMES_H
#define HOST_NAMES_H

#include <stddef.h>

// An Arm CPU by the implementer and part fields of its MIDR_EL1 register:
// "Arm Neoverse-N1", or the numbers where we have no name for them.
void host_arm_name(char *text, size_t bytes, unsigned long implementer,
		   unsigned long part);

// The hypervisor that signs CPUID leaf 0x40000000 with these 12 characters; the
// signature itself where we do not know it.
const char *host_signed_hypervisor(const char *signature);

// The hypervisor that says this of its board in the firmware's tables (DMI), or
// "" (which does not mean that there is none).
const char *host_board_hypervisor(const char *vendor, const char *product);

#endif
