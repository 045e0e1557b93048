package variables

import (
	"iter"
	"slices"
	"strings"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// Roots of the variables that a task or a pipeline can refer to. Text that looks like a variable of any other root, such
// as $(date) or $(HOME), belongs to the shell or to Kubernetes and is left alone.
const (
	RootParams      = "params"
	RootResults     = "results"
	RootWorkspaces  = "workspaces"
	RootContext     = "context"
	RootTasks       = "tasks"
	RootFinally     = "finally"
	RootSteps       = "steps"
	RootStep        = "step"
	RootCredentials = "credentials"
	RootArtifacts   = "artifacts"
)

// roots lists all of them.
func roots() [10]string {
	return [...]string{
		RootParams, RootResults, RootWorkspaces, RootContext, RootTasks, RootFinally, RootSteps, RootStep,
		RootCredentials, RootArtifacts,
	}
}

// legacyInputs may stand before params, in the form that Tasks older than tekton.dev/v1 use: $(inputs.params.x).
const legacyInputs = "inputs"

// maxIndexDigits keeps an index within what an int holds on every platform.
const maxIndexDigits = 9

// Reference is one $(…) in a text that refers to a variable.
type Reference struct { //nolint:recvcheck // the parser fills it in; all others take it as a value
	// Start and End are the bytes of the text that the reference takes, from its '$' to behind its ')'.
	Start, End int
	// Text is the reference as written, such as $(params.image) or $(params["a.b"][*]).
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

// Sole returns the reference that is all of a text, so that it can stand for a value that is not a string. It returns false
// for any other text, and for a reference that does not follow the syntax, which stands for nothing.
func Sole(text string) (Reference, bool) {
	for r := range References(text) {
		return r, !r.Malformed && r.Start == 0 && r.End == len(text)
	}
	return Reference{}, false
}

// SoleIn returns the reference that is all of a value of type string; see Sole.
func SoleIn(value v1.Value) (Reference, bool) {
	if value.Type != v1.TypeString {
		return Reference{}, false
	}
	return Sole(value.String)
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
	body, legacy := strings.CutPrefix(body, legacyInputs+".")
	for _, root := range roots() {
		rest, found := strings.CutPrefix(body, root)
		if found && rest != "" && (rest[0] == '.' || rest[0] == '[') {
			return root, rest, !legacy || root == RootParams
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

// HasIndex reports whether [*] or [number] ends the reference.
func (r Reference) HasIndex() bool { return r.Whole || r.Index >= 0 }

// TaskContext lists the variables that a task finds under $(context.…).
func TaskContext() []string {
	return []string{"taskRun.name", "taskRun.namespace", "taskRun.uid", "task.name", "task.retry-count"}
}

// IsPipelineContext reports whether the reference is to one of the variables that PipelineContext lists.
func (r Reference) IsPipelineContext() bool {
	return r.Root == RootContext && !r.Malformed && !r.HasIndex() && slices.Contains(PipelineContext(), strings.Join(r.Names, "."))
}

// PipelineContext lists the variables that a pipeline finds under $(context.…).
func PipelineContext() []string {
	return []string{"pipelineRun.name", "pipelineRun.namespace", "pipelineRun.uid", "pipeline.name", "pipelineTask.retries"}
}
