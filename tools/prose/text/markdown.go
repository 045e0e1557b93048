package text

import (
	"regexp"
	"strings"
)

var (
	// fence begins or ends a block of code, in a list or a quotation, too.
	fence = regexp.MustCompile("^[\\s>]*(```+|~~~+)")
	// span is code inside a sentence, on at most two lines.
	span = regexp.MustCompile("``[^\n]+?``|`[^`\n]+(?:\n[^`\n]+)?`")
	// target is where a link leads.
	target = regexp.MustCompile(`\]\([^)\s]*\)|\]\[[^\]]*\]|(?m:^\[[^\]]+\]:.*$)|<[^<>\s]+>`)
	// letters is what a mask replaces; lines stay lines.
	letters = regexp.MustCompile(`[^\n]`)
)

// generated marks a page that is written from the help of commands. The help itself is linted where it stands.
const generated = "<!-- Written by make generate"

// markdown returns a page without its code, the targets of its links and its HTML.
func markdown(data []byte) ([]Block, error) {
	page := string(data)
	if strings.HasPrefix(page, generated) {
		return nil, nil
	}
	var prose strings.Builder
	open := ""
	for line := range strings.Lines(page) {
		marker := ""
		if found := fence.FindStringSubmatch(line); found != nil {
			marker = found[1]
		}
		switch {
		case open == "" && marker == "":
			prose.WriteString(line)
			continue
		case open == "":
			open = marker
		case strings.HasPrefix(marker, open):
			open = ""
		}
		prose.WriteString("\n")
	}
	var block Block
	block.add(1, target.ReplaceAllStringFunc(maskSpans(prose.String()), maskText))
	return []Block{block}, nil
}

// maskSpans masks code in a text that marks it by backquotes.
func maskSpans(text string) string { return span.ReplaceAllStringFunc(text, maskText) }

func maskText(text string) string { return letters.ReplaceAllString(text, "_") }
