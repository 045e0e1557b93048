package text

import (
	"regexp"
	"strings"
)

// marker is what begins a line of a comment in YAML, in a shell script and in a Makefile.
var marker = regexp.MustCompile(`(?m)^[ \t]*#+`)

// plain returns all of a file, code included: values in YAML and what a script prints are read by users as comments are.
func plain(data []byte) ([]Block, error) {
	if len(strings.TrimSpace(string(data))) == 0 {
		return nil, nil
	}
	var block Block
	block.add(1, maskSpans(marker.ReplaceAllStringFunc(string(data), func(found string) string {
		return strings.Repeat(" ", len(found))
	})))
	return []Block{block}, nil
}
