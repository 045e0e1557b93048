package main

import (
	"fmt"
	"html"
	"strings"
	"unicode/utf8"
)

const (
	// glyph and lineHeight are the size of a character, in pixels. textLength makes each line as wide as its characters, whatever font
	// the reader has.
	glyph, lineHeight = 8, 19
	margin, header    = 16, 40
	minimalWidth      = 60 // in characters
)

// style has the colors for light and dark backgrounds.
const style = `<style>
svg{--back:#f6f8fa;--edge:#d1d9e0;--text:#1f2328;--dim:#59636e;--good:#1a7f37;--bad:#d1242f;--note:#0550ae}
@media (prefers-color-scheme:dark){svg{` +
	`--back:#151b23;--edge:#3d444d;--text:#f0f6fc;--dim:#9198a1;--good:#3fb950;--bad:#ff7b72;--note:#79c0ff}}
text{font:13px ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;fill:var(--text);white-space:pre}
.title{font:600 13px system-ui,-apple-system,"Segoe UI",sans-serif;fill:var(--dim)}
.command{font-weight:600}
.dim{fill:var(--dim)}
.good{fill:var(--good)}
.bad{fill:var(--bad)}
.note{fill:var(--note)}
</style>`

// class returns how a line is shown, from its beginning or its content.
func class(line string) string {
	switch trimmed := strings.TrimSpace(line); {
	case strings.HasPrefix(line, "$ "):
		return "command"
	case strings.HasPrefix(trimmed, "✓"):
		return "good"
	case strings.HasPrefix(trimmed, "✗"), strings.HasPrefix(trimmed, "error:"), strings.Contains(trimmed, ": failed"):
		return "bad"
	case strings.HasPrefix(trimmed, "hint:"), strings.HasPrefix(trimmed, "fix:"), strings.HasPrefix(trimmed, "or: "):
		return "note"
	case trimmed == "…", strings.HasPrefix(trimmed, "| "):
		return "dim"
	default:
		return ""
	}
}

// draw returns a session as SVG. The output depends on the session alone. Screen readers read the title and all lines.
func draw(s session) string {
	widest := minimalWidth
	for _, line := range s.lines {
		widest = max(widest, utf8.RuneCountInString(line))
	}
	width, height := 2*margin+glyph*widest, header+lineHeight*len(s.lines)+margin
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %[1]d %[2]d" width="%[1]d" height="%[2]d" role="img" `+
		`aria-labelledby="title desc">`+"\n", width, height)
	fmt.Fprintf(&b, "<title id=\"title\">%s</title>\n<desc id=\"desc\">%s</desc>\n%s\n",
		html.EscapeString(s.title), html.EscapeString(strings.Join(s.lines, "\n")), style)
	fmt.Fprintf(&b, `<rect x="0.5" y="0.5" width="%d" height="%d" rx="8" fill="var(--back)" stroke="var(--edge)"/>`+"\n", width-1, height-1)
	fmt.Fprintf(&b, `<text class="title" x="%d" y="25">%s</text>`+"\n", margin, html.EscapeString(s.title))
	for i, line := range s.lines {
		if strings.TrimSpace(line) == "" {
			continue
		}
		kind := class(line)
		if kind != "" {
			kind = fmt.Sprintf(` class="%s"`, kind)
		}
		fmt.Fprintf(&b, `<text%s x="%d" y="%d" textLength="%d" lengthAdjust="spacingAndGlyphs" xml:space="preserve">%s</text>`+"\n",
			kind, margin, header+lineHeight*i+14, glyph*utf8.RuneCountInString(line), html.EscapeString(line))
	}
	b.WriteString("</svg>\n")
	return b.String()
}
