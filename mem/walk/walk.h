// walk.h - the parts of mem/walk
//
//   main.c       the table of scenes
//   picture.c    an address as a row of bits in groups
//   here.c       the shape of this machine's tables
//   pair.c       v = (p, d)
//   levels.c     one index a level; what two addresses share
//   size.c       a flat table against the tables there are
//   growth.c     the tables that a page takes, predicted and counted
//   canonical.c  addresses that are none
//   tool.c       any address on any shape; sheet.h: worksheets

#ifndef MEM_WALK_H
#define MEM_WALK_H

#include <stdbool.h>
#include <stdint.h>

#include "draw.h"
#include "mem/tables/tables.h"

// The scenes.
void scene_pair(void);
void scene_levels(void);
void scene_flat(void);
void scene_growth(void);
void scene_five(void);
void scene_canonical(void);

// The tool: walk split.
int split_tool(int argc, char **argv);

// The address as bits, cut into the groups of `paging`, each with its number
// below: in a row where the canvas has room, else a line a group. A string of
// the caller's (free it).
char *draw_address(const struct canvas *canvas, const struct paging *paging,
		   uint64_t address);

// Draws it between the lines of a scene.
void show_address(const struct paging *paging, uint64_t address);

// The shape of this process's page tables, as far as it is known here: false on
// an architecture that is not (x86-64, AArch64 and 64-bit RISC-V are). Maps and
// unmaps a page to see.
bool paging_here(struct paging *paging);
void need_paging_here(struct paging *paging); // skips the scene instead

// How many bits an address of a process may use: the tables' bits, but for the
// one that tells the kernel's half, where one table holds both halves.
unsigned user_bits(const struct paging *paging);

// Whether the bits above must be copies of the highest one below. (On AArch64 bit
// 55 chooses the half, and a user may keep what he likes in the top byte.)
bool addresses_are_signed(void);

// The first level that VmPTE counts: it leaves out the root, and whatever is
// above the three lowest levels (PTE, PMD, PUD; struct mm_struct, pgtables_bytes).
unsigned first_counted(const struct paging *paging);

// "PGD", "P4D", "PUD", "PMD", "PTE": Linux's name of a level's tables.
const char *level_name(const struct paging *paging, unsigned level);

// The tables that the kernel counts for this process, in tables of a page each.
uint64_t tables_counted(void);

// Before tables are counted one by one: afterwards counting takes none.
void settle_tables(void);

#endif
