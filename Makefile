# SPDX-License-Identifier: Apache-2.0
# make            build/minicpe
# make check      every test of a few minutes (root; installs what it needs)      make check-long   the rest
# make demo       the tutorial's two sites in a lab (root); PATTERN=type3-bgp and the like, SHELL_AFTER=yes for a shell inside
# make fuzz       fuzzers, SECONDS=60 each; make fuzz-coverage what they reach
# make install    into $(DESTDIR)$(PREFIX), with the unit and man pages
# SANITIZE=1 builds the same into build/asan with AddressSanitizer and UBSan.

PREFIX ?= /usr
SYSCONFDIR ?= /etc
CC ?= cc
PKG_CONFIG ?= pkg-config
VERSION := 0.1.0

B := build$(if $(SANITIZE),/asan)
FOLDERS := base crypto conf ike dataplane xfrm vti host daemon cli

WARNINGS := -Wall -Wextra -Wshadow -Wswitch-enum -Wpointer-arith -Wcast-qual -Wstrict-prototypes \
  -Wmissing-prototypes -Wvla -Wundef -Wformat=2 -Wconversion -Wno-sign-conversion -Werror
HARDEN := -fPIE -fstack-protector-strong -fstack-clash-protection $(if $(SANITIZE),,-D_FORTIFY_SOURCE=2) \
  $(if $(filter x86_64%,$(shell uname -m)),-fcf-protection)
CFLAGS ?= -O2 -g
comma := ,
SANITIZERS := $(if $(SANITIZE),-fsanitize=address$(comma)undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
override CFLAGS += -std=c11 -D_GNU_SOURCE -DMINICPE_VERSION='"$(VERSION)"' -I. -pthread $(WARNINGS) $(HARDEN) $(SANITIZERS) -MMD -MP
override LDFLAGS += -pie -Wl,-z,relro,-z,now,-z,noexecstack,--as-needed $(SANITIZERS)
LIBS := -lcrypto -lmnl -lev -lseccomp -lcap-ng -ljansson -lsmartcols

SOURCES := $(wildcard $(FOLDERS:%=%/*.c))
OBJECTS := $(SOURCES:%.c=$B/%.o)
ARCHIVES := $(FOLDERS:%=$B/lib%.a)

.PHONY: all check check-unit check-long check-style demo install uninstall clean distclean
all: $B/minicpe

$B/minicpe: $B/daemon/main.o $(ARCHIVES)
	$(CC) $(LDFLAGS) -o $@ $B/daemon/main.o -Wl,--start-group $(ARCHIVES) -Wl,--end-group $(LIBS)

$B/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -c -o $@ $<

define ARCHIVE
$B/lib$(1).a: $(filter-out $B/daemon/main.o,$(patsubst %.c,$B/%.o,$(wildcard $(1)/*.c)))
	@rm -f $$@ && $(AR) rcs $$@ $$^
endef
$(foreach f,$(FOLDERS),$(eval $(call ARCHIVE,$f)))

# A unit test links only the folders that the layer it tests may know: the first word of its name tells.
NEEDS_base := base
NEEDS_crypto := crypto base
NEEDS_conf := conf crypto base
NEEDS_ike := ike conf crypto base
NEEDS_sim := ike conf crypto base
NEEDS_dataplane := dataplane conf crypto base
NEEDS_server := dataplane vti xfrm conf crypto base
NEEDS_xfrm := xfrm crypto base
NEEDS_vti := vti xfrm crypto base
NEEDS_host := host conf crypto base
NEEDS_daemon := daemon cli host dataplane xfrm vti ike conf crypto base
NEEDS_cli := cli host conf crypto base
LINK_base :=
LINK_crypto := -lcrypto
LINK_conf := -lcrypto
LINK_ike := -lcrypto
LINK_sim := -lcrypto
LINK_dataplane := -lcrypto
LINK_xfrm := -lmnl
# The kernel is played by the fuzzer's.
LINK_server = -lmnl $(FUZZ_WRAP)
WITH_server := $(foreach f,kernel kernel_answer fail,$B/tests/fuzz/$f.o)
LINK_vti := -lmnl
LINK_host := -lcrypto
LINK_daemon := $(LIBS)
LINK_cli := -ljansson -lsmartcols -lcrypto

# Crypto calls that fail on demand.
WRAP_ike_faults_test := $(foreach f,hash prf cbc_encrypt cbc_decrypt dh_public dh_shared,-Wl$(comma)--wrap=crypto_$f)
# Memory and files that fail on demand.
WRAP_conf_faults_test := $(foreach f,calloc realloc strdup strndup open fstat read glob,-Wl$(comma)--wrap=$f)
WRAP_daemon_faults_test := $(foreach f,calloc realloc accept4 send recv getsockopt,-Wl$(comma)--wrap=$f)
# The data plane's server, which would need a kernel.
WRAP_daemon_channels_test := $(foreach f,greet handle,-Wl$(comma)--wrap=dp_server_$f)
# An engine in somebody else's hands, and a system that has no pipe left.
WRAP_daemon_supervisor_test := $(foreach f,engine_run pipe2,-Wl$(comma)--wrap=$f)
# What the data plane needs of memory and of netlink.
WRAP_dataplane_faults_test := $(foreach f,calloc sendto recvmsg,-Wl$(comma)--wrap=$f)

UNIT := $(patsubst tests/unit/%.c,$B/tests/%,$(wildcard tests/unit/*_test.c))
SIM := $(patsubst tests/sim/%.c,$B/tests/%,$(wildcard tests/sim/*_test.c))
# An archive: a test links what it uses of it, so that the helpers of one layer do not draw it into the tests of another.
SUPPORT_OBJECTS := $(patsubst %.c,$B/%.o,$(wildcard tests/support/*.c))
SUPPORT := $B/tests/libsupport.a
SIM_SUPPORT := $(patsubst %.c,$B/%.o,$(filter-out %_test.c,$(wildcard tests/sim/*.c)))
# Against a kernel that has ESP and VTI: built here, run inside the lab.
KERNEL := $(patsubst tests/kernel/%.c,$B/tests/kernel/%,$(wildcard tests/kernel/*_test.c))
KERNEL_SUPPORT := $(patsubst %.c,$B/%.o,$(filter-out %_test.c,$(wildcard tests/kernel/*.c)))
KERNEL_NEEDS := dataplane xfrm vti conf crypto base
layer = $(firstword $(subst _, ,$(notdir $1)))

$(SUPPORT): $(SUPPORT_OBJECTS)
	@mkdir -p $(@D) && rm -f $@ && $(AR) rcs $@ $^

.SECONDEXPANSION:
$(UNIT): $B/tests/%: $B/tests/unit/%.o $(SUPPORT) $$(WITH_$$(call layer,$$*)) $$(foreach f,$$(NEEDS_$$(call layer,$$*)),$B/lib$$f.a)
	$(CC) $(LDFLAGS) $(WRAP_$*) -o $@ $< $(WITH_$(call layer,$*)) $(SUPPORT) -Wl,--start-group $(foreach f,$(NEEDS_$(call layer,$*)),$B/lib$f.a) -Wl,--end-group -lcmocka $(LINK_$(call layer,$*)) -lcrypto

$(SIM): $B/tests/%: $B/tests/sim/%.o $(SIM_SUPPORT) $(SUPPORT) $(NEEDS_sim:%=$B/lib%.a)
	$(CC) $(LDFLAGS) -o $@ $< $(SIM_SUPPORT) $(SUPPORT) -Wl,--start-group $(NEEDS_sim:%=$B/lib%.a) -Wl,--end-group -lcmocka $(LINK_sim)

$(KERNEL): $B/tests/kernel/%: $B/tests/kernel/%.o $(KERNEL_SUPPORT) $(SUPPORT) $(KERNEL_NEEDS:%=$B/lib%.a)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) $(WRAP_$*) -o $@ $< $(KERNEL_SUPPORT) $(SUPPORT) -Wl,--start-group $(KERNEL_NEEDS:%=$B/lib%.a) -Wl,--end-group -lcmocka -lmnl -lcrypto

include tests/fuzz/fuzz.mk

tests: $(UNIT) $(SIM) $(KERNEL) $(FUZZ_TESTS)
check-unit: tests
	tests/run.sh unit $B
check:
	tests/run.sh check
check-long:
	tests/run.sh long
check-style:
	tests/style.sh

demo:
	@interop/packages.sh build lab
	@echo "demo: building minicpe" && $(MAKE) -s -j2 all
	@interop/demo.sh $(PATTERN) $(if $(SHELL_AFTER),shell)

# Files of yours are never overwritten. The user is made where this is the running system (no DESTDIR).
DEST := $(DESTDIR)$(PREFIX)
# Where zsh looks: Debian has another folder for packages than the others.
ZSH_FOLDER ?= $(if $(wildcard /etc/debian_version),vendor-completions,site-functions)
MAN := $(wildcard docs/*.8 docs/*.5 docs/*.7)
install: $B/minicpe
	install -D -m 755 $B/minicpe $(DEST)/sbin/minicpe
	install -d $(DEST)/lib/systemd/system
	sed 's|/usr/sbin/minicpe|$(PREFIX)/sbin/minicpe|; s|/etc/minicpe|$(SYSCONFDIR)/minicpe|g' packaging/minicpe.service \
	  >$(DEST)/lib/systemd/system/minicpe.service
	install -D -m 644 packaging/minicpe.sysusers $(DEST)/lib/sysusers.d/minicpe.conf
	install -D -m 644 packaging/minicpe.modules-load $(DEST)/lib/modules-load.d/minicpe.conf
	install -D -m 644 packaging/minicpe.sysctl $(DEST)/lib/sysctl.d/50-minicpe.conf
	install -d $(DEST)/share/man/man8 $(DEST)/share/man/man5 $(DEST)/share/man/man7
	for page in $(MAN); do install -m 644 $$page $(DEST)/share/man/man$${page##*.}/; done
	install -d $(DEST)/share/minicpe
	install -m 644 docs/*.schema.json $(DEST)/share/minicpe/
	install -D -m 644 packaging/completion.bash $(DEST)/share/bash-completion/completions/minicpe
	install -D -m 644 packaging/completion.zsh $(DEST)/share/zsh/$(ZSH_FOLDER)/_minicpe
	install -d -m 755 $(DESTDIR)$(SYSCONFDIR)/minicpe
	test -e $(DESTDIR)$(SYSCONFDIR)/minicpe/tunnels.conf.example || \
	  install -m 644 packaging/tunnels.conf.example $(DESTDIR)$(SYSCONFDIR)/minicpe/
ifeq ($(DESTDIR),)
	packaging/settle.sh $(PREFIX)
endif

# Your files in $(SYSCONFDIR)/minicpe stay, and so does the user.
uninstall:
	rm -f $(DEST)/sbin/minicpe $(DEST)/lib/systemd/system/minicpe.service $(DEST)/lib/sysusers.d/minicpe.conf \
	  $(DEST)/lib/modules-load.d/minicpe.conf $(DEST)/lib/sysctl.d/50-minicpe.conf
	rm -rf $(DEST)/share/minicpe
	rm -f $(DEST)/share/bash-completion/completions/minicpe $(DEST)/share/zsh/$(ZSH_FOLDER)/_minicpe
	for page in $(MAN); do rm -f $(DEST)/share/man/man$${page##*.}/$$(basename $$page); done
	rm -f $(DESTDIR)$(SYSCONFDIR)/minicpe/tunnels.conf.example
	-rmdir $(DESTDIR)$(SYSCONFDIR)/minicpe 2>/dev/null

clean:
	rm -rf build
distclean: clean
	rm -rf .cache

-include $(OBJECTS:.o=.d) $(SUPPORT_OBJECTS:.o=.d) $(SIM_SUPPORT:.o=.d) $(patsubst %.c,$B/%.d,$(wildcard tests/unit/*.c tests/sim/*.c tests/kernel/*.c))
