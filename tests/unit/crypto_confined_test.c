/* SPDX-License-Identifier: Apache-2.0 */
/*
 * After crypto_start() no file is needed: in a child that may open no descriptor at all, and (as root) has an empty
 * directory for its root, every algorithm still works, and so does the random generator after the fork.
 */
#include "tests/support/test.h"

#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fcntl.h>

#include "crypto/crypto.h"

static int group_works(crypto_group id)
{
    uint8_t a[CRYPTO_EXPONENT_MAX], b[CRYPTO_EXPONENT_MAX], public_a[CRYPTO_PUBLIC_MAX], public_b[CRYPTO_PUBLIC_MAX];
    uint8_t one[CRYPTO_SHARED_MAX], two[CRYPTO_SHARED_MAX];
    const struct crypto_group_row *row = crypto_group_find(id);
    struct bytes exponent_a = bytes_of(a, row->exponent_length), exponent_b = bytes_of(b, row->exponent_length);
    return crypto_random(a, sizeof a) == 0 && crypto_random(b, sizeof b) == 0 && memcmp(a, b, sizeof a) != 0 &&
           crypto_dh_public(id, exponent_a, public_a) == 0 && crypto_dh_public(id, exponent_b, public_b) == 0 &&
           crypto_dh_shared(id, exponent_a, bytes_of(public_b, row->public_length), one) == 0 &&
           crypto_dh_shared(id, exponent_b, bytes_of(public_a, row->public_length), two) == 0 &&
           memcmp(one, two, row->shared_length) == 0;
}

/* 0, or the number of the first thing that fails. */
static int everything(void)
{
    static const crypto_group groups[] = { 2, 5, 14, 15, 16, 19, 20, 21, 24 };
    uint8_t out[CRYPTO_HASH_MAX], block[32] = { 1 }, iv[CRYPTO_BLOCK] = { 2 };
    struct bytes part = bytes_of("abc", 3);
    for (int id = CRYPTO_SHA1; id <= CRYPTO_SHA2_512; id++)
        if (crypto_hash((enum crypto_hash)id, &part, 1, out) != 0 || crypto_prf((enum crypto_hash)id, part, &part, 1, out) != 0)
            return 10 + id;
    for (size_t key = 16; key <= 32; key += 8)
        if (crypto_cbc_encrypt(bytes_of(out, key), iv, bytes_of(block, 32), block) != 0 ||
            crypto_cbc_decrypt(bytes_of(out, key), iv, bytes_of(block, 32), block) != 0 || block[0] != 1)
            return 20 + (int)key / 8;
    for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++)
        if (!group_works(groups[i]))
            return 40 + groups[i];
    /* A refused value makes the library queue an error; its text must not be looked for in a file. */
    const struct crypto_group_row *row = crypto_group_find(19);
    uint8_t zero[CRYPTO_PUBLIC_MAX] = { 0 }, exponent[CRYPTO_EXPONENT_MAX] = { 3 }, shared[CRYPTO_SHARED_MAX];
    if (crypto_dh_shared(19, bytes_of(exponent, row->exponent_length), bytes_of(zero, row->public_length), shared) !=
        CRYPTO_ERROR_PUBLIC)
        return 80;
    return 0;
}

/* 0 when the child got as far as it could; 90 and above name what kept it from being confined. */
static int confined(const char *root)
{
    if (root && (chdir(root) != 0 || chroot(".") != 0))
        return 90;
    const struct rlimit none = { 0, 0 };
    if (setrlimit(RLIMIT_NOFILE, &none) != 0 || open("/", O_RDONLY) >= 0)
        return 91;
    return everything();
}

static void no_file_is_opened(void **state)
{
    (void)state;
    char root[] = "/tmp/minicpe-empty-XXXXXX";
    assert_non_null(mkdtemp(root));
    assert_int_equal(crypto_start(), CRYPTO_OK);
    fflush(NULL);
    pid_t child = fork();
    if (child == 0)
        _exit(confined(geteuid() == 0 ? root : NULL));
    int status = -1;
    assert_true(child > 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(rmdir(root), 0);
    crypto_stop();
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

/* Two children of one parent must not draw the same octets. */
static void forks_differ(void **state)
{
    (void)state;
    uint8_t drawn[2][32];
    assert_int_equal(crypto_start(), CRYPTO_OK);
    for (int i = 0; i < 2; i++) {
        int ends[2], status;
        assert_int_equal(pipe(ends), 0);
        pid_t child = fork();
        if (child == 0) {
            uint8_t out[32];
            int error = crypto_random(out, sizeof out);
            _exit(error == 0 && write(ends[1], out, sizeof out) == sizeof out ? 0 : 1);
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(status, 0);
        assert_int_equal(read(ends[0], drawn[i], sizeof drawn[i]), sizeof drawn[i]);
        close(ends[0]);
        close(ends[1]);
    }
    crypto_stop();
    assert_memory_not_equal(drawn[0], drawn[1], sizeof drawn[0]);
}

/* Before the start and after the end every call is refused instead of crashing; a second start is harmless. */
static void not_started(void **state)
{
    (void)state;
    uint8_t octets[CRYPTO_PUBLIC_MAX] = { 0 }, out[CRYPTO_PUBLIC_MAX];
    for (int round = 0; round < 2; round++) {
        assert_int_equal(crypto_hash(CRYPTO_SHA1, NULL, 0, out), CRYPTO_ERROR_UNKNOWN);
        assert_int_equal(crypto_prf(CRYPTO_SHA1, bytes_of(octets, 1), NULL, 0, out), CRYPTO_ERROR_UNKNOWN);
        assert_int_equal(crypto_dh_public(5, bytes_of(octets, 32), out), CRYPTO_ERROR_UNKNOWN);
        assert_int_not_equal(crypto_cbc_encrypt(bytes_of(octets, 16), octets, bytes_of(octets, 16), out), CRYPTO_OK);
        assert_int_equal(crypto_start(), CRYPTO_OK);
        assert_int_equal(crypto_start(), CRYPTO_OK);
        assert_int_equal(everything(), 0);
        crypto_stop();
    }
    crypto_stop();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(not_started), cmocka_unit_test(no_file_is_opened), cmocka_unit_test(forks_differ),
    };
    return cmocka_run_group_tests_name("crypto: confined", tests, NULL, NULL);
}
