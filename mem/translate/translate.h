// translate.h - the files of mem/translate

#ifndef MEM_TRANSLATE_H
#define MEM_TRANSLATE_H

void scene_fork(void);
void scene_file(void);
void scene_exchange(void);
void scene_states(void);
void scene_hidden(void);

int of_main(int argc, char **argv);

#endif
