package rewrite

import (
	"maps"
	"slices"
	"strings"

	yaml3 "go.yaml.in/yaml/v3"
	"sigs.k8s.io/yaml"
)

// span is the text of an entry.
type span struct{ from, to int }

// layout is a mapping in the text.
type layout struct {
	source *source
	node   *yaml3.Node
	ops    *operations
	// entries are the texts of the entries.
	entries []span
	// heads has the key of the new mapping that begins at an entry, and gone the entries whose text leaves its place.
	heads map[int]string
	gone  map[int]bool
	edits []edit
}

// textEdits returns the edits for the operations of one mapping; ok is false if the text has no such places.
func textEdits(s *source, node *yaml3.Node, ops *operations) (edits []edit, ok bool) {
	l := &layout{source: s, node: node, ops: ops, heads: map[int]string{}, gone: map[int]bool{}}
	flow := node.Style&yaml3.FlowStyle != 0
	for i := 0; i+1 < len(node.Content); i += 2 {
		from, found := s.at(node.Content[i])
		to := 0
		if flow {
			to = s.flowEntryEnd(from)
		} else if end, whole := s.blockEnd(node.Content[i], node.Content[i+1]); whole {
			to = end
		}
		if !found || to < from {
			return nil, false
		}
		l.entries = append(l.entries, span{from, to})
	}
	maps.Copy(l.gone, ops.removed)
	for key, m := range ops.moved {
		members := slices.Sorted(maps.Keys(m.members))
		l.heads[members[0]] = key
		for _, i := range members[1:] {
			l.gone[i] = true
		}
	}
	if flow {
		l.flow()
	} else {
		l.block()
	}
	return l.edits, true
}

func (l *layout) edit(from, to int, text string) { l.edits = append(l.edits, edit{from, to, text}) }

// renames changes the keys of entries that stay in their place.
func (l *layout) renames() {
	for i, key := range l.ops.renamed {
		from, to := l.keySpan(i)
		l.edit(from, to, l.quoted(i, key))
	}
}

// keySpan returns the text of the key of an entry.
func (l *layout) keySpan(i int) (from, to int) {
	from = l.source.valueStart(l.entries[i].from)
	if key := l.node.Content[2*i]; !enclosed(key) {
		return from, min(from+len(key.Value), len(l.source.raw))
	}
	return from, l.source.flowEnd(from)
}

// quoted returns a key with the quotation marks of the key of an entry.
func (l *layout) quoted(i int, key string) string {
	from, _ := l.keySpan(i)
	if !enclosed(l.node.Content[2*i]) {
		return key
	}
	quote := l.source.raw[from : from+1]
	return quote + key + quote
}

// renamed returns the text of an entry with another key.
func (l *layout) renamed(i int, key string) string {
	_, to := l.keySpan(i)
	return l.quoted(i, key) + l.source.raw[to:l.entries[i].to]
}

// kept returns the last entry that stays, or -1.
func (l *layout) kept() int {
	for i := range slices.Backward(l.entries) {
		if !l.gone[i] {
			return i
		}
	}
	return -1
}

// block makes the edits of a mapping in block style.
func (l *layout) block() {
	indent := ""
	if len(l.entries) > 0 {
		first := l.entries[0].from
		indent = strings.Repeat(" ", first-l.source.starts[l.source.line(first)])
	}
	comments := map[int]int{} // the begin of the comments that leave their place with an entry
	for i, key := range l.heads {
		l.edit(l.entries[i].from, l.entries[i].to, l.moved(l.ops.moved[key], key, indent, comments))
	}
	l.renames()
	last := l.kept()
	if last < 0 {
		l.empty(indent)
		return
	}
	leading := !l.source.firstInLine(l.entries[0].from)
	for i, one := range l.entries {
		switch {
		case !l.gone[i]:
			leading = false
		case leading: // behind a dash: what follows takes its place
			l.edit(one.from, l.source.skipSpace(one.to), "")
		default:
			from := one.from
			if begin, ok := comments[i]; ok {
				from = begin
			}
			begin, end := l.source.starts[l.source.line(from)], l.source.line(one.to)
			l.edit(begin, l.source.lineEnd(end)+len(l.source.lineBreak(end)), "")
		}
	}
	if text := l.added(indent); text != "" {
		l.edit(l.entries[last].to, l.entries[last].to, l.source.newline+indent+text)
	}
}

// moved returns the text of a new mapping. The comments above an entry move with it.
func (l *layout) moved(m move, key, indent string, comments map[int]int) string {
	deeper := indent + "  "
	var b strings.Builder
	b.WriteString(key + ":")
	for n, i := range slices.Sorted(maps.Keys(m.members)) {
		b.WriteString(l.source.newline)
		if n > 0 {
			begin := l.commentsAbove(i)
			line := l.source.line(l.entries[i].from)
			comments[i] = l.source.starts[begin]
			for ; begin < line; begin++ {
				b.WriteString("  " + l.source.content(begin) + l.source.newline)
			}
		}
		b.WriteString(deeper + l.shifted(l.renamed(i, m.members[i])))
	}
	if len(m.others) > 0 {
		b.WriteString(l.source.newline + deeper + l.marshal(m.others, deeper))
	}
	return b.String()
}

// commentsAbove returns the first line of the comments directly above an entry, at its column.
func (l *layout) commentsAbove(i int) int {
	from := l.entries[i].from
	line := l.source.line(from)
	if !l.source.firstInLine(from) {
		return line
	}
	indent := l.source.raw[l.source.starts[line]:from]
	for line > 0 && strings.HasPrefix(l.source.content(line-1), indent+"#") && (i == 0 || l.source.starts[line-1] > l.entries[i-1].to) {
		line--
	}
	return line
}

// shifted indents all lines of a text but the first by two more spaces.
func (l *layout) shifted(text string) string {
	lines := strings.SplitAfter(text, "\n")
	for i := range lines[1:] {
		if strings.TrimSpace(lines[i+1]) != "" {
			lines[i+1] = "  " + lines[i+1]
		}
	}
	return strings.Join(lines, "")
}

// empty replaces a mapping of which no entry stays.
func (l *layout) empty(indent string) {
	if len(l.entries) == 0 {
		return
	}
	from, to := l.entries[0].from, l.entries[len(l.entries)-1].to
	if text := l.added(indent); text != "" {
		l.edit(from, to, text)
		return
	}
	// The braces follow the colon if nothing is between them.
	if before := strings.TrimRight(l.source.raw[:from], " \t\r\n"); strings.HasSuffix(before, ":") {
		l.edit(len(before), to, " {}")
		return
	}
	l.edit(from, to, "{}")
}

// added returns the text of the new entries, without the indentation of the first line.
func (l *layout) added(indent string) string {
	if len(l.ops.added) == 0 {
		return ""
	}
	return l.marshal(l.ops.added, indent)
}

// marshal returns a value in block style. Its first line is not indented.
func (l *layout) marshal(value map[string]any, indent string) string {
	text, err := yaml.Marshal(value)
	if err != nil {
		return inline(value)
	}
	lines := strings.Split(strings.TrimRight(string(text), "\n"), "\n")
	return strings.Join(lines, l.source.newline+indent)
}

// flow makes the edits of a mapping in flow style.
func (l *layout) flow() {
	l.renames()
	for i, key := range l.heads {
		l.edit(l.entries[i].from, l.entries[i].to, l.movedInline(i, key))
	}
	var added []string
	for _, key := range slices.Sorted(maps.Keys(l.ops.added)) {
		added = append(added, inline(key)+": "+inline(l.ops.added[key]))
	}
	text := strings.Join(added, ", ")
	last := l.kept()
	if last < 0 {
		l.emptyInline(text)
		return
	}
	for i := 0; i < len(l.entries); i++ {
		if !l.gone[i] {
			continue
		}
		end := i
		for end+1 < len(l.entries) && l.gone[end+1] {
			end++
		}
		if end+1 < len(l.entries) {
			l.edit(l.entries[i].from, l.entries[end+1].from, "")
		} else {
			l.edit(l.entries[i-1].to, l.entries[end].to, "")
		}
		i = end
	}
	if text != "" {
		l.edit(l.entries[last].to, l.entries[last].to, ", "+text)
	}
}

// movedInline returns the text of a new mapping that begins at an entry.
func (l *layout) movedInline(first int, key string) string {
	m := l.ops.moved[key]
	var parts []string
	for _, i := range slices.Sorted(maps.Keys(m.members)) {
		parts = append(parts, l.renamed(i, m.members[i]))
	}
	for _, name := range slices.Sorted(maps.Keys(m.others)) {
		parts = append(parts, inline(name)+": "+inline(m.others[name]))
	}
	return l.quoted(first, key) + ": {" + strings.Join(parts, ", ") + "}"
}

// emptyInline replaces all entries of a mapping by a text.
func (l *layout) emptyInline(text string) {
	if len(l.entries) > 0 {
		l.edit(l.entries[0].from, l.entries[len(l.entries)-1].to, text)
		return
	}
	if at, ok := l.source.at(l.node); ok {
		open := l.source.valueStart(at) + 1
		l.edit(open, open, text)
	}
}
