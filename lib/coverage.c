// # COVERAGE=1: what processes do that leave by _exit(2) counts, too
//
// gcov writes a process's counters in an exit handler. Scenes and their children
// leave by _exit, which runs none. So the coverage variant is linked with
// --wrap=_exit: every call of _exit comes here first. Other variants never take
// this file from the library.
//
// Sources: gcov(1), ld(1); __gcov_dump in the GCC manual, "gcov profiling and
// freestanding environments".

void __gcov_dump(void);
_Noreturn void __real__exit(int status);
_Noreturn void __wrap__exit(int status);

_Noreturn void __wrap__exit(int status)
{
	__gcov_dump();
	__real__exit(status);
}
