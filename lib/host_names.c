// # host_names: who made this CPU, and who pretends to be one
//
// Sources: the kernel's arch/arm64/include/asm/cputype.h, the parts' technical
// reference manuals (MIDR_EL1); the kernel's arch/x86/kernel/cpu/ and the
// hypervisors' own documentation (CPUID signatures).

#include <stdio.h>
#include <string.h>

#include "host_names.h"

static const struct {
	unsigned long implementer;
	const char *name;
} implementers[] = {
	{ 0x41, "Arm" },
	{ 0x42, "Broadcom" },
	{ 0x43, "Cavium" },
	{ 0x46, "Fujitsu" },
	{ 0x48, "HiSilicon" },
	{ 0x4e, "NVIDIA" },
	{ 0x50, "Applied Micro" },
	{ 0x51, "Qualcomm" },
	{ 0x53, "Samsung" },
	{ 0x61, "Apple" },
	{ 0x6d, "Microsoft" },
	{ 0xc0, "Ampere" },
};

static const struct {
	unsigned long implementer, part;
	const char *name;
} parts[] = {
	{ 0x41, 0xc07, "Cortex-A7" },
	{ 0x41, 0xc09, "Cortex-A9" },
	{ 0x41, 0xc0f, "Cortex-A15" },
	{ 0x41, 0xd03, "Cortex-A53" },
	{ 0x41, 0xd04, "Cortex-A35" },
	{ 0x41, 0xd05, "Cortex-A55" },
	{ 0x41, 0xd07, "Cortex-A57" },
	{ 0x41, 0xd08, "Cortex-A72" },
	{ 0x41, 0xd09, "Cortex-A73" },
	{ 0x41, 0xd0a, "Cortex-A75" },
	{ 0x41, 0xd0b, "Cortex-A76" },
	{ 0x41, 0xd0c, "Neoverse-N1" },
	{ 0x41, 0xd0d, "Cortex-A77" },
	{ 0x41, 0xd40, "Neoverse-V1" },
	{ 0x41, 0xd41, "Cortex-A78" },
	{ 0x41, 0xd44, "Cortex-X1" },
	{ 0x41, 0xd46, "Cortex-A510" },
	{ 0x41, 0xd47, "Cortex-A710" },
	{ 0x41, 0xd48, "Cortex-X2" },
	{ 0x41, 0xd49, "Neoverse-N2" },
	{ 0x41, 0xd4d, "Cortex-A715" },
	{ 0x41, 0xd4e, "Cortex-X3" },
	{ 0x41, 0xd4f, "Neoverse-V2" },
	{ 0x41, 0xd80, "Cortex-A520" },
	{ 0x41, 0xd81, "Cortex-A720" },
	{ 0x41, 0xd82, "Cortex-X4" },
	{ 0x41, 0xd84, "Neoverse-V3" },
	{ 0x41, 0xd8e, "Neoverse-N3" },
	{ 0x43, 0x0a1, "ThunderX" },
	{ 0x43, 0x0af, "ThunderX2" },
	{ 0x46, 0x001, "A64FX" },
	{ 0x48, 0xd01, "TSV110" },
	{ 0x61, 0x022, "M1 Icestorm" },
	{ 0x61, 0x023, "M1 Firestorm" },
	{ 0x61, 0x032, "M2 Blizzard" },
	{ 0x61, 0x033, "M2 Avalanche" },
	{ 0xc0, 0xac3, "Ampere-1" },
	{ 0xc0, 0xac4, "Ampere-1A" },
};

void host_arm_name(char *text, size_t bytes, unsigned long implementer,
		   unsigned long part)
{
	const char *maker = NULL, *name = NULL;

	for (size_t i = 0; i < sizeof implementers / sizeof *implementers; i++)
		if (implementers[i].implementer == implementer)
			maker = implementers[i].name;
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
		if (parts[i].implementer == implementer &&
		    parts[i].part == part)
			name = parts[i].name;
	if (maker && name)
		snprintf(text, bytes, "%s %s", maker, name);
	else if (maker)
		snprintf(text, bytes, "%s part 0x%lx", maker, part);
	else
		snprintf(text, bytes, "Arm implementer 0x%lx part 0x%lx",
			 implementer, part);
}

const char *host_signed_hypervisor(const char *signature)
{
	static const struct {
		const char *signature, *name;
	} known[] = {
		{ "KVMKVMKVM", "KVM" },
		{ "Linux KVM Hv", "KVM" },
		{ "Microsoft Hv", "Hyper-V" },
		{ "VMwareVMware", "VMware" },
		{ "XenVMMXenVMM", "Xen" },
		{ "TCGTCGTCGTCG", "QEMU" },
		{ "VBoxVBoxVBox", "VirtualBox" },
		{ "bhyve bhyve ", "bhyve" },
		{ "ACRNACRNACRN", "ACRN" },
		{ "prl hyperv  ", "Parallels" },
		{ " lrpepyh  vr", "Parallels" },
		{ "Jailhouse", "Jailhouse" },
	};

	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (!strcmp(known[i].signature, signature))
			return known[i].name;
	return signature;
}

// Firmware tables of real machines name their maker too, so only what a
// hypervisor is known to write counts. Amazon writes its own name on both: a
// whole machine is a product "c7g.metal".
const char *host_board_hypervisor(const char *vendor, const char *product)
{
	static const struct {
		const char *vendor, *product, *name;
	} known[] = {
		{ "QEMU", "", "QEMU or KVM" },
		{ "", "KVM", "KVM" },
		{ "", "KubeVirt", "KVM" },
		{ "", "OpenStack", "KVM" },
		{ "Google", "Google Compute Engine", "KVM" },
		{ "Microsoft Corporation", "Virtual Machine", "Hyper-V" },
		{ "VMware", "", "VMware" },
		{ "innotek GmbH", "", "VirtualBox" },
		{ "Xen", "", "Xen" },
		{ "Parallels", "", "Parallels" },
		{ "BHYVE", "", "bhyve" },
		{ "Apple", "Apple Virtualization", "Apple Virtualization" },
	};

	if (!strncmp(vendor, "Amazon EC2", 10))
		return strstr(product, ".metal") ? "none" : "KVM";
	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (!strncmp(vendor, known[i].vendor,
			     strlen(known[i].vendor)) &&
		    !strncmp(product, known[i].product,
			     strlen(known[i].product)))
			return known[i].name;
	return "";
}
