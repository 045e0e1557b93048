package rewrite

import (
	"strings"
	"unicode/utf8"

	yaml3 "go.yaml.in/yaml/v3"
)

// source is the text of a document, with the offsets of its lines. Lines end where the YAML parser ends them, so that the
// positions of its nodes can be found.
type source struct {
	raw string
	// starts are the offsets of the lines.
	starts []int
	// newline ends the lines of this document.
	newline string
	// marks has, for lines that are not ASCII, the offset of each spacing-th character.
	marks map[int][]int
}

// spacing is the number of characters between two marks.
const spacing = 256

// byteOrderMark is not part of the first line: the parser drops it.
const byteOrderMark = "\uFEFF"

func newSource(raw string) *source {
	s := &source{raw: raw, newline: "\n", marks: map[int][]int{}}
	begin := 0
	if strings.HasPrefix(raw, byteOrderMark) {
		begin = len(byteOrderMark)
	}
	s.starts = append(s.starts, begin)
	for i := begin; i < len(raw); {
		width := breakAt(raw, i)
		if width == 0 {
			i++
			continue
		}
		i += width
		s.starts = append(s.starts, i)
	}
	if strings.Contains(raw, "\r\n") {
		s.newline = "\r\n"
	}
	return s
}

// breakAt returns the number of bytes of the line break at an offset; 0 if there is none.
func breakAt(raw string, i int) int {
	switch raw[i] {
	case '\r':
		if i+1 < len(raw) && raw[i+1] == '\n' {
			return 2
		}
		return 1
	case '\n':
		return 1
	case 0xC2, 0xE2: // the first bytes of the breaks that are not ASCII
		for _, other := range []string{"\u0085", "\u2028", "\u2029"} {
			if strings.HasPrefix(raw[i:], other) {
				return len(other)
			}
		}
	}
	return 0
}

// line returns the line of an offset, counted from 0.
func (s *source) line(offset int) int {
	low, high := 0, len(s.starts)
	for low+1 < high {
		if middle := (low + high) / 2; s.starts[middle] <= offset {
			low = middle
		} else {
			high = middle
		}
	}
	return low
}

// lineEnd returns the offset of the break at the end of a line, or the end of the text.
func (s *source) lineEnd(line int) int {
	if line+1 >= len(s.starts) {
		return len(s.raw)
	}
	end := s.starts[line+1]
	return end - len(s.lineBreak(line))
}

// lineBreak returns the break at the end of a line; the last line may have none.
func (s *source) lineBreak(line int) string {
	if line+1 >= len(s.starts) {
		return ""
	}
	end := s.starts[line+1]
	if strings.HasSuffix(s.raw[:end], "\r\n") {
		return "\r\n"
	}
	_, size := utf8.DecodeLastRuneInString(s.raw[:end])
	return s.raw[end-size : end]
}

// content returns a line without its break.
func (s *source) content(line int) string { return s.raw[s.starts[line]:s.lineEnd(line)] }

// at returns the offset of a node, which is that of its anchor or tag if it has one; ok is false if the text has no such place.
func (s *source) at(n *yaml3.Node) (offset int, ok bool) {
	line, column := n.Line-1, n.Column-1
	if line < 0 || line >= len(s.starts) || column < 0 {
		return 0, false
	}
	text := s.content(line)
	known := s.marks[line]
	if known == nil {
		known = marked(text)
		s.marks[line] = known
	}
	if column/spacing >= len(known) {
		return 0, false
	}
	i := known[column/spacing]
	for range column % spacing {
		if i >= len(text) {
			return 0, false
		}
		_, size := utf8.DecodeRuneInString(text[i:])
		i += size
	}
	return s.starts[line] + i, true
}

// marked returns the offset of each spacing-th character of a line.
func marked(text string) []int {
	marks := []int{0}
	count := 0
	for i := range text {
		if count > 0 && count%spacing == 0 {
			marks = append(marks, i)
		}
		count++
	}
	return marks
}

// valueStart skips the anchor and the tag of a value.
func (s *source) valueStart(i int) int {
	for i < len(s.raw) && (s.raw[i] == '&' || s.raw[i] == '!') {
		for i < len(s.raw) && !space(s.raw[i]) {
			i++
		}
		i = s.skipSpace(i)
	}
	return i
}

func space(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

func (s *source) skipSpace(i int) int {
	for i < len(s.raw) && space(s.raw[i]) {
		i++
	}
	return i
}

// flowEnd returns the offset behind the value at i, which is in flow style, quoted, or a plain text within flow style.
func (s *source) flowEnd(i int) int {
	if i >= len(s.raw) {
		return len(s.raw)
	}
	switch s.raw[i] {
	case '"', '\'':
		return s.quoteEnd(i)
	case '{', '[':
		return s.bracketEnd(i)
	}
	end := i
	for j := i; j < len(s.raw); j++ {
		switch c := s.raw[j]; {
		case strings.IndexByte(",]}", c) >= 0,
			c == ':' && (j+1 == len(s.raw) || space(s.raw[j+1]) || strings.IndexByte(",]}", s.raw[j+1]) >= 0),
			c == '#' && j > i && space(s.raw[j-1]):
			return end
		case !space(c):
			end = j + 1
		}
	}
	return end
}

// quoteEnd returns the offset behind the quoted text at i.
func (s *source) quoteEnd(i int) int {
	quote := s.raw[i]
	for j := i + 1; j < len(s.raw); j++ {
		switch {
		case quote == '"' && s.raw[j] == '\\':
			j++
		case s.raw[j] != quote:
		case quote == '\'' && j+1 < len(s.raw) && s.raw[j+1] == quote:
			j++
		default:
			return j + 1
		}
	}
	return len(s.raw)
}

// bracketEnd returns the offset behind the brackets that open at i. A quotation mark within a plain text does not begin a quoted one.
func (s *source) bracketEnd(i int) int {
	depth := 0
	before := byte('{')
	for j := i; j < len(s.raw); j++ {
		switch c := s.raw[j]; {
		case c == '{' || c == '[':
			depth++
			before = c
		case c == '}' || c == ']':
			if depth--; depth == 0 {
				return j + 1
			}
			before = c
		case (c == '"' || c == '\'') && strings.IndexByte("{[,:?", before) >= 0:
			j = s.quoteEnd(j) - 1
			before = c
		case c == '#' && space(s.raw[j-1]):
			for j+1 < len(s.raw) && breakAt(s.raw, j+1) == 0 {
				j++
			}
		case !space(c):
			before = c
		}
	}
	return len(s.raw)
}

// flowEntryEnd returns the offset behind the entry of a flow mapping whose key is at i.
func (s *source) flowEntryEnd(i int) int {
	end := s.flowEnd(s.valueStart(i))
	colon := s.skipSpace(end)
	if colon >= len(s.raw) || s.raw[colon] != ':' {
		return end
	}
	value := s.skipSpace(colon + 1)
	if value < len(s.raw) && strings.IndexByte(",]}", s.raw[value]) >= 0 {
		return colon + 1
	}
	return s.flowEnd(s.valueStart(value))
}

// blockEnd returns the offset behind the entry of a block mapping: the end of its last line, with a comment there. Lines that are
// indented more than the key belong to the entry, and so do the elements of a list at the column of the key.
func (s *source) blockEnd(key, value *yaml3.Node) (offset int, ok bool) {
	first, ok := s.at(key)
	if !ok {
		return 0, false
	}
	last := s.line(first)
	if enclosed(value) {
		begin, found := s.at(value)
		return s.lineEnd(s.line(s.flowEnd(s.valueStart(begin)))), found
	}
	column := first - s.starts[last]
	list, blank := value.Kind == yaml3.SequenceNode, s.keepsBlankLines(value)
	for line := last + 1; line < len(s.starts); line++ {
		content := s.content(line)
		text := strings.TrimLeft(content, " ")
		if strings.TrimSpace(text) == "" {
			if blank && line+1 < len(s.starts) {
				last = line
			}
			continue
		}
		indent := len(content) - len(text)
		switch {
		case indent > column, indent == column && list && dash(text):
			last = line
		case text[0] != '#': // a comment belongs to the entry only if more of it follows
			return s.lineEnd(last), true
		}
	}
	return s.lineEnd(last), true
}

// keepsBlankLines reports whether blank lines behind a value belong to it: it ends with a block of text with the indicator "+".
func (s *source) keepsBlankLines(value *yaml3.Node) bool {
	for len(value.Content) > 0 && !enclosed(value) {
		value = value.Content[len(value.Content)-1]
	}
	begin, ok := s.at(value)
	if !ok || value.Kind != yaml3.ScalarNode || value.Style&(yaml3.LiteralStyle|yaml3.FoldedStyle) == 0 {
		return false
	}
	begin = s.valueStart(begin)
	header, _, _ := strings.Cut(s.raw[begin:s.lineEnd(s.line(begin))], "#")
	return strings.Contains(header, "+")
}

func dash(text string) bool {
	return text == "-" || strings.HasPrefix(text, "- ") || strings.HasPrefix(text, "-\t")
}

// enclosed reports whether a value ends with a bracket or a quotation mark.
func enclosed(n *yaml3.Node) bool {
	switch n.Kind {
	case yaml3.MappingNode, yaml3.SequenceNode:
		return n.Style&yaml3.FlowStyle != 0
	case yaml3.ScalarNode:
		return n.Style&(yaml3.DoubleQuotedStyle|yaml3.SingleQuotedStyle) != 0
	default:
		return false
	}
}

// firstInLine reports whether only spaces precede an offset in its line.
func (s *source) firstInLine(offset int) bool {
	return strings.TrimLeft(s.raw[s.starts[s.line(offset)]:offset], " ") == ""
}
