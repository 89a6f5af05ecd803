# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# in: check asan
#
# The tutorial, connection type 3 with static routing.
tutorial 3
