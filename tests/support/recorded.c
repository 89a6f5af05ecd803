/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/test.h"

#include "tests/support/recorded.h"

struct run run;

static int begin(bool pfs)
{
    int err = crypto_start();
    struct conf_conn cpe = engine_conn(CPE, 19), headend = engine_conn(HEADEND, 19);
    cpe.pfs = headend.pfs = pfs;
    run_record(&run, &cpe, &headend);
    return err;
}

int recorded_begin(void **state)
{
    (void)state;
    return begin(true);
}

int recorded_begin_no_pfs(void **state)
{
    (void)state;
    return begin(false);
}

int recorded_end(void **state)
{
    (void)state;
    run_free(&run);
    crypto_stop();
    return 0;
}
