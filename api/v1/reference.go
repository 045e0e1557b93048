package v1

import (
	"iter"
	"strings"
)

// Roots of the variables that a task or a pipeline can refer to. Text that looks like a variable of any other root, such
// as $(date) or $(HOME), belongs to the shell or to Kubernetes and is left alone.
const (
	RootParams     = "params"
	RootResults    = "results"
	RootWorkspaces = "workspaces"
	RootContext    = "context"
	RootTasks      = "tasks"
)

// legacyInputs may stand before params, in the form that Tasks older than tekton.dev/v1 use: $(inputs.params.x).
const legacyInputs = "inputs"

// maxIndexDigits keeps an index within what an int holds on every platform.
const maxIndexDigits = 9

// Reference is one $(…) in a text that refers to a variable.
//
// +kubebuilder:object:generate=false
type Reference struct {
	// Start and End are the bytes of the text that the reference takes, from its '$' to behind its ')'.
	Start, End int
	// Text is the reference as it stands there, such as $(params.image) or $(params["a.b"][*]).
	Text string
	// Root is what it refers to: one of the Root constants.
	Root string
	// Names are what follows the root, one for each ".name", ['name'] and ["name"]. A name that holds a dot can only be
	// written in brackets.
	Names []string
	// Whole is true when the reference ends with [*].
	Whole bool
	// Index is the number of a reference that ends with [number], and -1 otherwise.
	Index int
	// Malformed is true when the text cannot be anything but a reference and yet does not follow the syntax, such as
	// $(params.x[) or $(params..x).
	Malformed bool
}

// References yields the references of a text from left to right. They never overlap, and what a reference is replaced
// by is not the business of this function: nothing is scanned twice.
func References(text string) iter.Seq[Reference] {
	return func(yield func(Reference) bool) {
		for at := 0; ; {
			next := strings.Index(text[at:], "$(")
			if next < 0 {
				return
			}
			at += next
			r, ok := parseReference(text[at:])
			if !ok {
				at++
				continue
			}
			r.Start, r.End = at, at+len(r.Text)
			at = r.End
			if !yield(r) {
				return
			}
		}
	}
}

// HasReference reports whether a text refers to any variable, so that its final form is not known yet.
func HasReference(text string) bool {
	for range References(text) {
		return true
	}
	return false
}

// parseReference reads the reference at the beginning of text, which begins with "$(". It returns false when what
// stands there is something else: no known root, not closed, or with characters that no reference has, such as the blank
// in $(params.sh --all).
func parseReference(text string) (Reference, bool) {
	root, rest, ok := cutRoot(text[len("$("):])
	if !ok {
		return Reference{}, false
	}
	end, ok := referenceEnd(rest)
	if !ok {
		return Reference{}, false
	}
	r := Reference{
		Text:  text[:len(text)-len(rest)+end+len(")")],
		Root:  root,
		Index: -1,
	}
	r.Malformed = !r.parseTail(rest[:end])
	return r, true
}

// cutRoot cuts the root off; what remains begins with '.' or '['.
func cutRoot(body string) (root, rest string, ok bool) {
	if legacy, found := strings.CutPrefix(body, legacyInputs+"."); found {
		root, rest, ok = cutRoot(legacy)
		return root, rest, ok && root == RootParams
	}
	for _, root := range []string{RootParams, RootResults, RootWorkspaces, RootContext, RootTasks} {
		rest, found := strings.CutPrefix(body, root)
		if found && rest != "" && (rest[0] == '.' || rest[0] == '[') {
			return root, rest, true
		}
	}
	return "", "", false
}

// referenceEnd finds the ')' that closes a reference. Within quoted brackets any character may stand except the quote
// itself and a line break; outside of them only those of names, dots, brackets and '*'.
func referenceEnd(body string) (int, bool) {
	for i := 0; i < len(body); i++ {
		switch c := body[i]; {
		case c == ')':
			return i, true
		case c == '"' || c == '\'':
			closing := strings.IndexAny(body[i+1:], string(c)+"\n")
			if closing < 0 || body[i+1+closing] == '\n' {
				return 0, false
			}
			i += 1 + closing
		case !isNameByte(c) && c != '.' && c != '[' && c != ']' && c != '*':
			return 0, false
		}
	}
	return 0, false
}

// parseTail reads what follows the root and reports whether it follows the syntax.
func (r *Reference) parseTail(tail string) bool {
	for tail != "" {
		if r.Whole || r.Index >= 0 {
			return false // [*] and [number] come last
		}
		var ok bool
		if tail[0] == '.' {
			tail, ok = r.parseName(tail[1:])
		} else {
			tail, ok = r.parseBracket(tail)
		}
		if !ok {
			return false
		}
	}
	return len(r.Names) > 0
}

func (r *Reference) parseName(tail string) (string, bool) {
	n := 0
	for n < len(tail) && isNameByte(tail[n]) {
		n++
	}
	if n == 0 {
		return "", false
	}
	r.Names = append(r.Names, tail[:n])
	return tail[n:], true
}

func (r *Reference) parseBracket(tail string) (string, bool) {
	if len(tail) < len("[*]") || tail[0] != '[' {
		return "", false
	}
	if c := tail[1]; c == '"' || c == '\'' {
		name, rest, found := strings.Cut(tail[2:], string(c)+"]")
		if !found || name == "" || strings.IndexByte(name, c) >= 0 {
			return "", false
		}
		r.Names = append(r.Names, name)
		return rest, true
	}
	inside, rest, found := strings.Cut(tail[1:], "]")
	if !found || len(r.Names) == 0 {
		return "", false
	}
	if inside == "*" {
		r.Whole = true
		return rest, true
	}
	index, ok := parseIndex(inside)
	r.Index = index
	return rest, ok
}

func parseIndex(digits string) (int, bool) {
	if digits == "" || len(digits) > maxIndexDigits {
		return -1, false
	}
	index := 0
	for i := range len(digits) {
		d := digits[i]
		if d < '0' || d > '9' {
			return -1, false
		}
		index = index*10 + int(d-'0')
	}
	return index, true
}

func isNameByte(c byte) bool {
	return c == '_' || c == '-' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

// ResultRef is a reference to a result of another task of the same pipeline: $(tasks.<task>.results.<result>), with [*],
// [index] or .key behind it.
//
// +kubebuilder:object:generate=false
type ResultRef struct {
	// Task is the name of the task that produces the result.
	Task string
	// Result is its name.
	Result string
	// Whole is true for [*], the whole of an array or an object.
	Whole bool
	// Index is the element of an array, and -1 where none is named.
	Index int
	// Key is the key of an object, and empty where none is named.
	Key string
}

// ResultRef returns the reference as one to a task's result, and false when it is of another kind.
func (r Reference) ResultRef() (ResultRef, bool) {
	const task, results, result, key = 0, 1, 2, 3
	if r.Malformed || r.Root != RootTasks || len(r.Names) < key || len(r.Names) > key+1 || r.Names[results] != RootResults {
		return ResultRef{}, false
	}
	ref := ResultRef{Task: r.Names[task], Result: r.Names[result], Whole: r.Whole, Index: r.Index}
	if len(r.Names) > key {
		if r.Whole || r.Index >= 0 {
			return ResultRef{}, false
		}
		ref.Key = r.Names[key]
	}
	return ref, true
}

// Texts yields every text of a value: the string, the elements of the array, or the object's values ordered by key.
func (v Value) Texts() iter.Seq2[string, string] {
	return func(yield func(where, text string) bool) {
		switch v.Type {
		case TypeArray:
			for i, text := range v.Array {
				if !yield(indexSuffix(i), text) {
					return
				}
			}
		case TypeObject:
			for _, key := range sortedKeys(v.Object) {
				if !yield("."+key, v.Object[key]) {
					return
				}
			}
		default:
			yield("", v.String)
		}
	}
}

// ResultRefs returns the references to results of other tasks in a value, in the order in which they stand there.
func (v Value) ResultRefs() []ResultRef {
	var refs []ResultRef
	for _, text := range v.Texts() {
		for r := range References(text) {
			if ref, ok := r.ResultRef(); ok {
				refs = append(refs, ref)
			}
		}
	}
	return refs
}
