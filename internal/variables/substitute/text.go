package substitute

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/variables"
)

// MaxBytes is how long all substituted texts of one task, or all params of one pipeline's task, can get together. It is
// beyond what an object of the API server or the arguments of a process can hold, and keeps a task that repeats a large
// param many times from filling the controller's memory.
const MaxBytes = 8 << 20

// UnresolvedError is a variable that cannot be resolved.
type UnresolvedError struct {
	// Field is the path of the text that holds the variable, such as steps[0].script.
	Field string
	// Variable is the reference as written, such as $(params.image).
	Variable string
	// Problem says why it cannot be resolved.
	Problem string
}

func (e *UnresolvedError) Error() string {
	return fmt.Sprintf("cannot resolve %s in %s: %s", e.Variable, e.Field, e.Problem)
}

// TooLongError is a text that became longer than anything could use.
type TooLongError struct {
	// Field is the path of the text.
	Field string
	// Size that it and the texts before it would have together, in bytes.
	Size int
	// Limit that it is over, in bytes.
	Limit int
}

func (e *TooLongError) Error() string {
	return fmt.Sprintf("cannot substitute variables in %s: with it, the texts would have %d bytes together, the limit is %d",
		e.Field, e.Size, e.Limit)
}

// resolver returns what a reference stands for. The error is errLeft for one that stays as text.
type resolver func(r variables.Reference) (v1.Value, error)

// piece is a part of a text: first what stands there literally, then the value that follows it.
type piece struct {
	literal, value string
}

// text puts values in the place of the references in a text, where they stand for a string. As in Tekton, one that stands for a
// whole array or object stays. The text comes back as it is when it has no references.
func (b *budget) text(where fmt.Stringer, text string, kind variables.TextKind, resolve resolver) (string, error) {
	return b.read(where, text, kind, resolve, func(variables.Reference, bool, int) {})
}

// read is like text. If the kind is TextPlain, it calls seen for each reference: whether it stays as text, and the place in the
// result where it, or its value, begins.
func (b *budget) read(where fmt.Stringer, text string, kind variables.TextKind, resolve resolver,
	seen func(r variables.Reference, stays bool, at int)) (string, error) {
	var pieces []piece
	done, size := 0, 0
	for r := range variables.References(text) {
		value, err := resolve(r)
		stays := staysText(value, err)
		seen(r, stays, size+r.Start-done)
		if stays {
			continue
		}
		if err != nil {
			return "", err
		}
		p := piece{literal: text[done:r.Start], value: value.String}
		size += p.size(kind)
		pieces = append(pieces, p)
		done = r.End
	}
	last := text[done:]
	if err := b.spend(where, size+len(last)); err != nil {
		return "", err
	}
	if len(pieces) == 0 {
		return text, nil
	}
	var out strings.Builder
	out.Grow(size + len(last))
	for _, p := range pieces {
		p.write(&out, kind)
	}
	out.WriteString(last)
	return out.String(), nil
}

// input is like text, for the input of a when expression: a text that is nothing but a whole array becomes that as compact JSON.
func (b *budget) input(where fmt.Stringer, text string, resolve resolver) (string, error) {
	if r, ok := variables.Sole(text); ok {
		if value, err := resolve(r); err == nil && value.Type == v1.TypeArray {
			encoded, err := json.Marshal(append([]string{}, value.Array...))
			if err != nil {
				return "", fmt.Errorf("cannot encode %s in %s: %w", r.Text, where, err)
			}
			return string(encoded), b.spend(where, len(encoded))
		}
	}
	return b.text(where, text, variables.TextPlain, resolve)
}

// staysText reports whether a reference in a text stays there: it is to nothing, or to a whole array or object.
func staysText(value v1.Value, err error) bool {
	return errors.Is(err, errLeft) || err == nil && value.Type != v1.TypeString
}

// size is the most that a piece can take.
func (p piece) size(kind variables.TextKind) int {
	size := len(p.literal) + len(p.value)
	if kind == variables.TextExpanded {
		size += strings.Count(p.literal, "$") + strings.Count(p.value, "$")
	}
	return size
}

func (p piece) write(out *strings.Builder, kind variables.TextKind) {
	if kind != variables.TextExpanded {
		out.WriteString(p.literal)
		out.WriteString(p.value)
		return
	}
	seal(out, p.literal)
	escape(out, p.value)
}

// escape doubles every '$' of a value, which the kubelet halves again: the value arrives unchanged.
func escape(out *strings.Builder, value string) {
	for {
		at := strings.IndexByte(value, '$')
		if at < 0 {
			out.WriteString(value)
			return
		}
		out.WriteString(value[:at+1])
		out.WriteByte('$')
		value = value[at+1:]
	}
}

// seal writes what stands literally before a value. It keeps the meaning that the kubelet gives to it when it reads it
// alone: $(NAME) is an environment variable and "$$" is "$". What would be neither alone, and could become either
// together with the value behind it, is escaped: a '$' at the end, and a "$(" that is not closed.
//
// So $$(params.x) is a dollar sign and the value, and in `$(date +$(params.format))`, which is for the shell, neither the
// kubelet nor the value can change what the other means.
func seal(out *strings.Builder, literal string) {
	lastClosing := strings.LastIndexByte(literal, ')')
	for at := 0; at < len(literal); {
		next := strings.IndexByte(literal[at:], '$')
		if next < 0 {
			out.WriteString(literal[at:])
			return
		}
		out.WriteString(literal[at : at+next])
		at += next
		length, complete := expression(literal[at:], lastClosing > at)
		if !complete {
			out.WriteByte('$')
		}
		out.WriteString(literal[at : at+length])
		at += length
	}
}

// expression returns how many bytes the kubelet reads as one at a '$', and whether that is something complete.
func expression(text string, closed bool) (length int, complete bool) {
	switch {
	case len(text) == 1:
		return 1, false
	case text[1] == '$':
		return 2, true
	case text[1] != '(':
		return 1, true
	case closed:
		return strings.IndexByte(text, ')') + 1, true
	}
	return 1, false
}

// budget is how many bytes may still be made.
type budget struct {
	spent int
}

func (b *budget) spend(where fmt.Stringer, size int) error {
	b.spent += size
	if b.spent > MaxBytes {
		return &TooLongError{Field: where.String(), Size: b.spent, Limit: MaxBytes}
	}
	return nil
}
