package resultview

import "strings"

// copied parses a text that is only a reference to a whole result of a task: "$(tasks.T.results.R)" or
// "$(finally.T.results.R)", also with [*] at the end.
func copied(text string) (task, result string, ok bool) {
	inner, ok := strings.CutPrefix(text, "$(")
	if !ok || strings.Count(text, "$(") != 1 {
		return "", "", false
	}
	if inner, ok = strings.CutSuffix(inner, ")"); !ok {
		return "", "", false
	}
	inner = strings.TrimSuffix(inner, "[*]")
	parts := strings.Split(inner, ".")
	if len(parts) != 4 || parts[0] != "tasks" && parts[0] != "finally" || parts[2] != "results" || strings.ContainsAny(parts[3], "[]") {
		return "", "", false
	}
	return parts[1], parts[3], true
}
