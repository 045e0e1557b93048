package text

import (
	"regexp"
	"strings"
)

// marker is what begins a line of a comment in YAML, in a shell script and in a Makefile.
var marker = regexp.MustCompile(`^[ \t]*#+`)

// plain returns all of a file, code included, because users read values in YAML as well as comments. Successive comments are
// one text, and so are the lines between comments.
func plain(data []byte) ([]Block, error) { return lines(data, true) }

// script is plain for a file whose other lines are commands: each of them is a text.
func script(data []byte) ([]Block, error) { return lines(data, false) }

func lines(data []byte, joined bool) ([]Block, error) {
	var blocks []Block
	open, comment := false, false
	number := 0
	for line := range strings.Lines(string(data)) {
		number++
		found := marker.FindString(line)
		line = strings.Repeat(" ", len(found)) + line[len(found):]
		switch {
		case strings.TrimSpace(line) == "":
			open = false
		case open && comment == (found != "") && (comment || joined):
			blocks[len(blocks)-1].add(number, line)
		default:
			var block Block
			block.add(number, line)
			blocks = append(blocks, block)
			open, comment = true, found != ""
		}
	}
	for i := range blocks {
		blocks[i].Text = maskSpans(blocks[i].Text)
	}
	return blocks, nil
}
