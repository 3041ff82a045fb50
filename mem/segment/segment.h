// segment.h - what the parts of mem/segment share
//
//   main.c               the table of scenes
//   base.c, limit.c, rights.c, table.c, faults.c, model.c, flat.c
//                        the scenes
//   reach.c, thunk.S     a segment is made, and visited by 32-bit code
//   tell.c               descriptors and faults in words and pictures
//   ostep.c, exercise.c, sheet.c   --ostep=segmentation

#ifndef MEM_SEGMENT_SEGMENT_H
#define MEM_SEGMENT_SEGMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "mem/segment/reach.h"

// ## Telling (tell.c)

// Shows the eight bytes that the kernel's table holds for it, field by field.
void tell_segment(uint16_t selector);

// Shows v = (s, d) taken apart, and the sum, if d is inside.
void tell_address(uint16_t selector, uint32_t d);

// Says what became of an access to v = (s, d), `what` as in "read" or "load";
// if it was a fault: vector, error code taken apart, signal, where.
void tell_answer(const char *what, uint16_t s, uint32_t d,
		 struct answer answer);

// Shows where segments lie in the first KiB of the arena, 16 bytes a cell; the
// letters name them.
struct strip {
	char letter;
	size_t at, bytes;
};
void tell_strips(const struct strip *strips, size_t n);

// "#GP", "#NP"; "vector 6" is "another".
const char *vector_name(int vector);

// It faulted in this way. `error` is all of the error code.
bool faulted(struct answer answer, int vector, uint32_t error);
bool worked(struct answer answer);

// ## Scenes

void scene_base(void); // base.c
void scene_relocate(void);
void scene_limit(void); // limit.c
void scene_down(void);
void scene_stack(void);
void scene_readonly(void); // rights.c
void scene_code(void);
void scene_absent(void); // table.c
void scene_null(void);
void scene_rules(void);
void scene_model(void);  // model.c
void scene_faults(void); // faults.c
void scene_flat(void);   // flat.c
void scene_thread(void);

#endif
