#!/usr/bin/env bash
# usage: test-full.sh
# What takes too long for `make test`, step by step (scripts/steps.sh says how they count).
set -u
cd "$(dirname "$0")/.."
mkdir -p target
log=target/test-full.log
. scripts/steps.sh
step "Miri" bash scripts/miri.sh
sum_up
