/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the look at standard output. NO_COLOR as on no-color.org: set and not empty, no colour. */
#include "cli/terminal.h"

#include <langinfo.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { USUAL_WIDTH = 80, USUAL_HEIGHT = 24 };

struct terminal terminal_look(void)
{
    const char *refused = getenv("NO_COLOR"), *kind = getenv("TERM");
    struct terminal terminal = { .width = 0 };
    struct winsize size;
    setlocale(LC_CTYPE, "");
    terminal.utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
    if (!isatty(STDOUT_FILENO))
        return terminal;
    bool known = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col;
    terminal.width = known ? size.ws_col : USUAL_WIDTH;
    terminal.height = known && size.ws_row ? size.ws_row : USUAL_HEIGHT;
    terminal.colour = !(refused && *refused) && kind && *kind && strcmp(kind, "dumb") != 0;
    return terminal;
}
