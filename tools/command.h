/* SPDX-License-Identifier: MIT */
/*
 * The commands behind `quire`. Each takes the rest of the command line, with its own name in
 * argv[0], and returns the exit status.
 */
#ifndef TOOL_COMMAND_H
#define TOOL_COMMAND_H

int cmd_info(int argc, char **argv);
int cmd_bench(int argc, char **argv);
int cmd_demo(int argc, char **argv);

/* How this executable is linked with libquire: "static" or "shared". */
extern const char command_linkage[];

#endif /* TOOL_COMMAND_H */
