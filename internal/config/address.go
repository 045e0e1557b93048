package config

import "strings"

// refuseAddress is refuse for an address. The error is in a log and in an event, which users may read who may not read the ConfigMap.
func (s *settings) refuseAddress(key, want, used string) {
	s.refuse(key, want, used)
	last := &s.problems[len(s.problems)-1]
	last.Value = shownAddress(last.Value)
}

// shownAddress returns an address without what may be confidential: a user with a password, the path and the query. It need not be valid.
func shownAddress(address string) string {
	scheme, rest, ok := strings.Cut(address, "://")
	if !ok {
		scheme, rest = "", address
	} else {
		scheme += "://"
	}
	if i := strings.LastIndex(rest, "@"); i >= 0 {
		rest = "…" + rest[i:]
	}
	if i := strings.IndexAny(rest, "/?#"); i > 0 && len(rest) > i+1 {
		rest = rest[:i+1] + "…"
	}
	return scheme + rest
}
