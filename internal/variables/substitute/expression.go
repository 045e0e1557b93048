package substitute

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/variables"
)

// outsideQuotes is what may be put into an expression in CEL where no quotes are around it: a number or a boolean.
var outsideQuotes = regexp.MustCompile(`^(-?[0-9]+([.][0-9]+)?([eE][-+]?[0-9]+)?|true|false)$`)

// expression puts values in the place of the references in an expression in CEL.
func (b *budget) expression(where fmt.Stringer, text string, resolve resolver) (string, error) {
	var out strings.Builder
	var at quotes
	done := 0
	for r := range variables.References(text) {
		value, err := resolve(r)
		if err != nil && !errors.Is(err, errLeft) {
			return "", err
		}
		literal := text[done:r.Start]
		at.read(literal)
		put, problem := at.put(r, value, err)
		if problem != "" {
			return "", &UnresolvedError{Field: where.String(), Variable: r.Text, Problem: problem}
		}
		if err := b.spend(where, len(literal)+len(put)); err != nil {
			return "", err
		}
		out.WriteString(literal)
		out.WriteString(put)
		done = r.End
	}
	if err := b.spend(where, len(text)-done); err != nil || done == 0 {
		return text, err
	}
	out.WriteString(text[done:])
	return out.String(), nil
}

// quotes is what a place in an expression has around it.
type quotes struct {
	// mark that ends the string at this place; empty outside of strings.
	mark string
	// raw says that the string takes a backslash as what it is.
	raw bool
	// comment says that the rest of the line is one.
	comment bool
	// before is the text before a string could begin, as far as it can be a prefix of one: r, R, b or B.
	before string
}

// read goes over the text that comes next.
func (q *quotes) read(text string) {
	for text != "" {
		n := 1
		switch {
		case q.comment:
			q.comment = text[0] != '\n'
		case q.mark == "":
			n = q.outside(text)
		case text[0] == '\\' && !q.raw:
			n = min(2, len(text))
		case strings.HasPrefix(text, q.mark):
			n = len(q.mark)
			q.mark, q.raw = "", false
		}
		text = text[n:]
	}
}

// outside reads what comes next where no string is open, and returns how many bytes that was.
func (q *quotes) outside(text string) int {
	c := text[0]
	switch {
	case c == '\'' || c == '"':
		q.mark = text[:1]
		if triple := strings.Repeat(q.mark, 3); strings.HasPrefix(text, triple) {
			q.mark = triple
		}
		q.raw = len(q.before) <= 2 && strings.ContainsAny(q.before, "rR") && strings.Trim(q.before, "rRbB") == ""
		q.before = ""
		return len(q.mark)
	case strings.HasPrefix(text, "//"):
		q.comment, q.before = true, ""
		return 2
	case c == '_' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z':
		if len(q.before) <= 2 { // what is longer is no prefix, whatever follows
			q.before += text[:1]
		}
	default:
		q.before = ""
	}
	return 1
}

// put returns what comes in the place of a reference at this place, or why nothing can. Within quotes, a reference to a whole array
// or object stays as text, as one to nothing does everywhere.
func (q *quotes) put(r variables.Reference, value v1.Value, left error) (put, problem string) {
	switch {
	case left == nil && value.Type == v1.TypeString:
		return q.quoted(value.String)
	case left == nil && q.mark == "":
		return "", fmt.Sprintf("it is an %s, and an expression takes a string", value.Type)
	}
	q.read(r.Text)
	return r.Text, ""
}

// quoted returns a value in the form in which it can be put at this place, or why it cannot.
func (q *quotes) quoted(value string) (put, problem string) {
	switch {
	case q.mark == "" && !outsideQuotes.MatchString(value):
		return "", "it must stand in quotes, as in '$(…)'; outside of them only a number, true or false can stand"
	case q.mark == "":
		q.before = ""
		return value, ""
	case q.raw && (strings.Contains(value, q.mark[:1]) || len(q.mark) == 1 && strings.ContainsAny(value, "\r\n")):
		return "", "it has a quote or a line break, which a raw string cannot hold; leave the r before the quotes out"
	case q.raw:
		return value, ""
	}
	escapes := strings.NewReplacer(`\`, `\\`, q.mark[:1], `\`+q.mark[:1], "\n", `\n`, "\r", `\r`)
	return escapes.Replace(value), ""
}
