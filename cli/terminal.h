/* SPDX-License-Identifier: Apache-2.0 */
/* What standard output is: how wide, and whether colours and lines of characters mean something there. */
#ifndef CLI_TERMINAL_H
#define CLI_TERMINAL_H

#include <stdbool.h>

struct terminal {
    unsigned width, height;    /* 0: no terminal, lines may be as long as they are */
    bool colour;               /* never the only thing that carries a meaning */
    bool utf8;
};

/* Sets the locale's characters, too. */
struct terminal terminal_look(void);

#endif
