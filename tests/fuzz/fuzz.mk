# SPDX-License-Identifier: Apache-2.0
# Fuzzing: what was found once is replayed by ordinary tests (fuzz_TARGET_test), which need no clang; `make fuzz` has the rest.
#
#   make fuzz SECONDS=60     every target for that many seconds, on all processors (default 60)
#   make fuzz-coverage       lines and branches that the corpora reach

FUZZ := wire engine conf control netlink server
FUZZ_LAYER_wire := daemon ike conf crypto base
FUZZ_LAYER_engine := ike dataplane conf crypto base
FUZZ_LAYER_conf := conf crypto base
FUZZ_LAYER_control := daemon ike conf crypto base
FUZZ_LAYER_netlink := dataplane vti xfrm conf crypto base
FUZZ_LAYER_server := dataplane vti xfrm conf crypto base
FUZZ_LINK_wire :=
FUZZ_LINK_engine := -lcrypto
FUZZ_LINK_conf :=
FUZZ_LINK_control := -lev -lcrypto
FUZZ_LINK_netlink := -lmnl
FUZZ_LINK_server := -lmnl
# The kernel's side of netlink is played by the harness (kernel.c).
FUZZ_WRAP := $(foreach f,socket bind getsockname setsockopt sendto recvmsg recv close usleep,-Wl$(comma)--wrap=$f)
FUZZ_WRAP_control := -Wl,--wrap=getsockopt
FUZZ_WRAP_netlink := $(FUZZ_WRAP)
FUZZ_WRAP_server := $(FUZZ_WRAP)

# TARGET_fuzz.c, the other files that begin with the target's name but for its mutator, and what several share.
FUZZ_COMMON := tests/fuzz/fail.c
FUZZ_OWN_wire := tests/fuzz/wire_fuzz.c
FUZZ_OWN_engine := $(filter-out tests/fuzz/engine_mutate.c,$(wildcard tests/fuzz/engine_*.c)) tests/fuzz/chain.c tests/fuzz/sa_tree.c tests/support/same.c
FUZZ_OWN_conf := tests/fuzz/conf_fuzz.c
FUZZ_OWN_control := tests/fuzz/control_fuzz.c
FUZZ_OWN_netlink := tests/fuzz/netlink_fuzz.c tests/fuzz/kernel.c tests/fuzz/kernel_answer.c
FUZZ_OWN_server := $(wildcard tests/fuzz/server_*.c) tests/fuzz/kernel.c tests/fuzz/kernel_answer.c
FUZZ_MUTATE_wire := tests/fuzz/wire_mutate.c tests/fuzz/chain.c tests/fuzz/sa_tree.c
FUZZ_MUTATE_engine := tests/fuzz/engine_mutate.c
fuzz_own = $(FUZZ_COMMON) $(FUZZ_OWN_$1)

FUZZ_TESTS := $(FUZZ:%=$B/tests/fuzz_%_test)

.SECONDEXPANSION:
$(FUZZ_TESTS): $B/tests/fuzz_%_test: $B/tests/fuzz/driver.o $$(addprefix $B/,$$(subst .c,.o,$$(call fuzz_own,$$*))) $$(foreach f,$$(FUZZ_LAYER_$$*),$B/lib$$f.a)
	$(CC) $(LDFLAGS) $(FUZZ_WRAP_$*) -o $@ $(filter %.o,$^) -Wl,--start-group $(filter %.a,$^) -Wl,--end-group $(FUZZ_LINK_$*)

# Seeds come from the simulation.
$B/tests/fuzz_seeds: $B/tests/fuzz/seeds.o $(SIM_SUPPORT) $(SUPPORT) $(NEEDS_sim:%=$B/lib%.a)
	$(CC) $(LDFLAGS) -o $@ $< $(SIM_SUPPORT) $(SUPPORT) -Wl,--start-group $(NEEDS_sim:%=$B/lib%.a) -Wl,--end-group -lcmocka $(LINK_sim)

# The same with clang's instrumentation, each kind in a folder of its own: K is fuzz, msan or cover.
CLANG ?= clang
K ?= fuzz
FUZZ_FLAGS := -std=c11 -D_GNU_SOURCE -DMINICPE_VERSION='"$(VERSION)"' -DMINICPE_FUZZ -I. -g -fno-omit-frame-pointer -Wno-unknown-warning-option -MMD -MP
FUZZ_KIND_fuzz := -O1 -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all
FUZZ_KIND_msan := -O1 -fsanitize=fuzzer-no-link,memory
FUZZ_KIND_cover := -O1 -fprofile-instr-generate -fcoverage-mapping
FUZZ_ENGINE_fuzz := -fsanitize=fuzzer,address,undefined
FUZZ_ENGINE_msan := -fsanitize=fuzzer,memory
FUZZ_ENGINE_cover := -fprofile-instr-generate
F := build/fuzz/$K
# MemorySanitizer: libcrypto is not instrumented, see msan.c. Where libmnl or libev write, it cannot be told what is good.
FUZZ_PLAIN_msan := $(filter-out %/algs.o,$(patsubst %.c,$F/%.o,$(wildcard crypto/*.c)))
FUZZ_MSAN := $(if $(filter msan,$K),tests/fuzz/msan.c)
FUZZ_MSAN_WRAP := $(if $(FUZZ_MSAN),$(foreach f,hash prf cbc_encrypt cbc_decrypt dh_public dh_shared,-Wl$(comma)--wrap=crypto_$f))
FUZZ_PROGRAMS := $(FUZZ:%=$F/fuzz_%)
fuzz_main = $(if $(filter cover,$K),tests/fuzz/driver.c,$(FUZZ_MUTATE_$1))
fuzz_objects = $(patsubst %.c,$F/%.o,$(sort $(call fuzz_own,$1) $(call fuzz_main,$1) $(if $(filter engine,$1),$(FUZZ_MSAN))))

$F/%.o: %.c
	@mkdir -p $(@D)
	$(CLANG) $(FUZZ_FLAGS) $(FUZZ_KIND_$K) $(if $(filter $@,$(FUZZ_PLAIN_$K)),-fno-sanitize=memory) -c -o $@ $<

define FUZZ_ARCHIVE
$F/lib$(1).a: $(patsubst %.c,$F/%.o,$(filter-out daemon/main.c,$(wildcard $(1)/*.c)))
	@rm -f $$@ && $(AR) rcs $$@ $$^
endef
$(foreach f,$(FOLDERS),$(eval $(call FUZZ_ARCHIVE,$f)))

$(FUZZ_PROGRAMS): $F/fuzz_%: $$(call fuzz_objects,$$*) $$(foreach f,$$(FUZZ_LAYER_$$*),$F/lib$$f.a)
	$(CLANG) $(FUZZ_ENGINE_$K) $(FUZZ_WRAP_$*) $(if $(filter engine,$*),$(FUZZ_MSAN_WRAP)) -o $@ $(filter %.o,$^) -Wl,--start-group $(filter %.a,$^) -Wl,--end-group $(FUZZ_LINK_$*)

.PHONY: fuzz fuzz-programs fuzz-coverage
fuzz-programs: $(FUZZ_PROGRAMS)
fuzz:
	tests/fuzz/run.sh fuzz $(or $(SECONDS),60)
fuzz-coverage:
	tests/fuzz/run.sh coverage

-include $(patsubst %.c,$B/%.d,$(wildcard tests/fuzz/*.c)) $(shell find $F -name '*.d' 2>/dev/null)
