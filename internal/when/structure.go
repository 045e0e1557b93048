package when

import "strings"

// structure returns the number of characters of a CEL expression outside of its strings, where each string counts as one
// character. This number determines the time and memory of compilation. Closed is false if a string does not end, or has an
// escape that CEL does not know. There the lexer of CEL would continue inside the string, so that its text would count too.
func structure(expression string) (outside int, closed bool) {
	for at := 0; at < len(expression); {
		rest := expression[at:]
		if prefix, quote := opening(rest); quote != "" {
			n, ok := inside(rest[prefix+len(quote):], quote, strings.ContainsAny(rest[:prefix], "rR"))
			if !ok {
				return outside, false
			}
			at += prefix + len(quote) + n
			outside++
			continue
		}
		n := 1
		switch {
		case strings.HasPrefix(rest, "//"):
			if n = strings.IndexByte(rest, '\n'); n < 0 {
				n = len(rest)
			}
		case isWord(rest[0]):
			for n < len(rest) && isWord(rest[n]) {
				n++
			}
		}
		outside += n
		at += n
	}
	return outside, true
}

func isWord(c byte) bool {
	return c == '_' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

// opening returns the quotes at the start of a string, and the length of its prefix: r, b or both.
func opening(text string) (prefix int, quote string) {
	for prefix < 2 && prefix < len(text) && strings.IndexByte("rRbB", text[prefix]) >= 0 {
		prefix++
	}
	if prefix == len(text) || text[prefix] != '\'' && text[prefix] != '"' {
		return 0, ""
	}
	rest := text[prefix:]
	if len(rest) >= 3 && rest[1] == rest[0] && rest[2] == rest[0] {
		return prefix, rest[:3]
	}
	return prefix, rest[:1]
}

// inside returns the length of a string after its opening quotes, with the closing ones.
func inside(text, quote string, raw bool) (n int, ok bool) {
	for n < len(text) {
		switch c := text[n]; {
		case strings.HasPrefix(text[n:], quote):
			return n + len(quote), true
		case len(quote) == 1 && (c == '\n' || c == '\r'):
			return n, false
		case c == '\\' && !raw:
			length := escape(text[n+1:])
			if length == 0 {
				return n, false
			}
			n += 1 + length
		default:
			n++
		}
	}
	return n, false
}

// escape returns the length of an escape after its backslash, or 0 for one that CEL does not know.
func escape(text string) int {
	if text == "" {
		return 0
	}
	var digits int
	set := "0123456789abcdefABCDEF"
	switch c := text[0]; {
	case strings.IndexByte("abfnrtv\\?\"'`", c) >= 0:
		return 1
	case c == 'x' || c == 'X':
		digits = 2
	case c == 'u':
		digits = 4
	case c == 'U':
		digits = 8
	case '0' <= c && c <= '3':
		digits, set = 2, "01234567"
	default:
		return 0
	}
	if len(text) <= digits || strings.Trim(text[1:1+digits], set) != "" {
		return 0
	}
	return 1 + digits
}
