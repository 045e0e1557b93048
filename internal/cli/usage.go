package cli

import "strings"

// isUsage reports whether err is cobra's own about the number of arguments, or about flags that are required or exclude
// one another: these have no type, and begin with one of few texts.
func isUsage(err error) bool {
	text := err.Error()
	for _, begin := range []string{
		"accepts ", "requires at least", "required flag", "if any flags in the group", "unknown command",
		"invalid argument",
	} {
		if strings.HasPrefix(text, begin) {
			return true
		}
	}
	return false
}
