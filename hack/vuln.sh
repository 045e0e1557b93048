#!/usr/bin/env bash
# Checks the dependencies of every module for known vulnerabilities, with govulncheck.
#
# VULNDB is the URL of the database: https://vuln.go.dev, or file:///FOLDER with a copy of it (index/*.json and ID/*.json).
set -euo pipefail
. "$(dirname "$0")/env.sh"
cd "$root"

db=${VULNDB:-https://vuln.go.dev}
case $db in
file://*) [ -f "${db#file://}/index/modules.json" ] || die "cannot find a vulnerability database in ${db#file://}" "the folder must have index/modules.json; see https://go.dev/doc/security/vuln/database" ;;
*) curl --silent --fail --max-time 20 --output /dev/null "$db/index/db.json" ||
	die "cannot reach the vulnerability database $db, so nothing was checked" "set VULNDB=file:///FOLDER to use a copy of it" ;;
esac

hack/tool.sh govulncheck
status=0
[ $# -gt 0 ] || set -- . tools localkube
for module in "$@"; do
	say "checking $module for known vulnerabilities"
	(cd "$module" && "$root/bin/tools/govulncheck" -db "$db" ./...) || status=1
done
exit $status
