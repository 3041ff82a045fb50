// tool.h - `threads/fiber echo`; see lab.h, struct tool

#ifndef FIBER_ECHO_TOOL_H
#define FIBER_ECHO_TOOL_H

int fiber_echo_tool(int argc, char **argv);

#endif
