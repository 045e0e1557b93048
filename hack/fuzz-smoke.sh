#!/usr/bin/env bash
# Fuzzes the code that reads untrusted input: each target with its committed seeds, and then with a fixed number of new
# inputs. This is a smoke test. To search for bugs, run one target for longer:
#
#   go test ./internal/results/frame -run '^$' -fuzz '^FuzzReader$' -fuzztime 10m -fuzzminimizetime 1x
#
#   hack/fuzz-smoke.sh [PACKAGE…]
#
# Other packages also have targets, and their tests run the seeds. Fuzzing them needs minutes of compiling first.
set -euo pipefail
. "$(dirname "$0")/env.sh"
cd "$root"

inputs=${SLUICE_FUZZ_INPUTS:-2000}
[ $# -gt 0 ] || set -- ./internal/results/frame ./internal/results/termination
out=$(mktemp)
trap 'rm -f "$out"' EXIT

for package in "$@"; do
	for target in $(sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' "$package"/*_test.go); do
		# Otherwise go test minimizes an input that reaches new code for up to a minute.
		go test "$package" -run '^$' -fuzz "^$target\$" -fuzztime "${inputs}x" -fuzzminimizetime 1x >"$out" 2>&1 || {
			cat "$out" >&2
			die "$target of $package failed" "the input is in $package/testdata/fuzz/$target: fix the bug, and commit the input"
		}
		printf 'ok  \t%s\t%s\t%s inputs\n' "$package" "$target" "$inputs"
	done
done
