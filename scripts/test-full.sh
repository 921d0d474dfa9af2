#!/usr/bin/env bash
# usage: test-full.sh
# Tests that take too long for `make test`, step by step (scripts/steps.sh describes the counts).
set -u
cd "$(dirname "$0")/.."
mkdir -p target
log=target/test-full.log
. scripts/steps.sh
step "Miri" bash scripts/miri.sh
step "builds without parts" bash scripts/parts.sh
sum_up
