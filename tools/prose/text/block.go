// Package text takes the prose out of files: comments and messages of Go code, Markdown without its code, and other files
// as they are.
package text

import (
	"path/filepath"
	"sort"
	"strings"
)

// Block is one stretch of prose: a comment, a message, or a whole page.
type Block struct {
	// Text is the prose. Code in it is masked by underscores, so that it matches no rule.
	Text  string
	marks []mark
}

// mark is the line of the file from which the text at an offset was taken.
type mark struct{ offset, line int }

// Line returns the line of the file, from 1, that holds the byte at an offset of the text.
func (b *Block) Line(offset int) int {
	after := sort.Search(len(b.marks), func(i int) bool { return b.marks[i].offset > offset })
	return b.marks[max(after-1, 0)].line
}

// add appends text that begins at a line of the file.
func (b *Block) add(line int, text string) {
	offset := len(b.Text)
	for piece := range strings.Lines(text) {
		b.marks = append(b.marks, mark{offset: offset, line: line})
		offset += len(piece)
		line++
	}
	b.Text += text
}

// readers are the ways to take prose out of a file, by the ending of its name.
//
//nolint:gochecknoglobals // a table
var readers = map[string]func(data []byte) ([]Block, error){
	".go":   goFile,
	".md":   markdown,
	".html": plain,
	".json": plain,
	".sh":   script,
	".yaml": plain,
	".yml":  plain,
}

// Read returns the prose of a file. A file of another kind has none. It fails for Go code that does not parse.
func Read(path string, data []byte) ([]Block, error) {
	if strings.HasSuffix(path, "_test.go") {
		return goTest(data)
	}
	if filepath.Base(path) == "Makefile" {
		return script(data)
	}
	read, ok := readers[filepath.Ext(path)]
	if !ok {
		return nil, nil
	}
	return read(data)
}
