#!/bin/sh
# The compiler of the workspace's crates for `cargo xtask fuzz`: LLVM marks their code for libFuzzer, and what they make of
# the generic code of libraries. The libraries themselves are those of any release build.
exec "$@" \
    -Cpasses=sancov-module \
    -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares \
    $TAPER_FUZZ_FLAGS
