/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether a peer or a tunnel is as it was, bit for bit, but for what any datagram may do: the levels of rate limits,
 * and evidence kept for people.
 */
#ifndef TESTS_SUPPORT_SAME_H
#define TESTS_SUPPORT_SAME_H

#include "ike/state.h"

bool same_peer(const struct peer *was, const struct peer *is);
bool same_tunnel(const struct tunnel *was, const struct tunnel *is);

#endif
