#!/usr/bin/env bash
# Finds phrases that the project does not use, in comments, messages, help of flags and pages. The rules are in
# tools/prose/styles. Without a path it checks everything except the paths in hack/prose/todo.txt. With -warnings before the
# paths it also prints long sentences.
set -euo pipefail
. "$(dirname "$0")/env.sh"
cd "$root"

hack/tool.sh prose
[ $# -gt 0 ] || set -- -todo hack/prose/todo.txt .
bin/tools/prose "$@"
