package main

import "strings"

// join makes one line of each paragraph of a description, because kubectl explain breaks lines itself, where the terminal
// ends, and keeps those that are there. A paragraph with a list or with indented lines stays as it is.
func join(schema map[string]any) {
	description, ok := schema["description"].(string)
	if !ok {
		return
	}
	paragraphs := strings.Split(description, "\n\n")
	for i, paragraph := range paragraphs {
		lines := strings.Split(paragraph, "\n")
		if prose(lines) {
			paragraphs[i] = strings.Join(lines, " ")
		}
	}
	schema["description"] = strings.Join(paragraphs, "\n\n")
}

func prose(lines []string) bool {
	for _, line := range lines {
		if line == "" || strings.ContainsAny(line[:1], " \t-*+•`0123456789") {
			return false
		}
	}
	return true
}
