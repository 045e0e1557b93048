package main

import "strings"

// joinParagraphs joins the lines of each paragraph of a description. kubectl explain wraps lines at the width of the terminal, but keeps
// existing line breaks. joinParagraphs does not change a paragraph with a list or with indented lines.
func joinParagraphs(schema map[string]any) {
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
