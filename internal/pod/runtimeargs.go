package pod

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/inpod/stepresult"
	"github.com/sluice-ci/sluice/internal/inpod/when"
	"github.com/sluice-ci/sluice/internal/pod/podpaths"
	"github.com/sluice-ci/sluice/internal/results"
	"github.com/sluice-ci/sluice/internal/variables/substitute"
)

// runtimeArgs returns the arguments for what is decided only when the step starts: whether it is needed, and which results of
// earlier steps replace the tokens.
func (b *builder) runtimeArgs(s v1.Step, i int) ([]string, error) {
	var args []string
	for n, w := range s.When {
		field := fmt.Sprintf("spec.steps[%d].when[%d]", i, n)
		condition := when.Condition{Input: w.Input, Operator: string(w.Operator), Values: w.Values}
		if w.CEL != "" {
			expression, ok := b.Expressions[w.CEL]
			if !ok {
				return nil, &FieldError{field + ".cel", shortened(w.CEL), "it is not converted for the entrypoint"}
			}
			condition = when.Condition{Expression: &expression}
		}
		text, err := json.Marshal(condition)
		if err != nil {
			return nil, fmt.Errorf("cannot encode %s: %w", field, err)
		}
		arg := option("when", literal(string(text)))
		if size := folded(arg); size > maxArgument {
			return nil, &LimitError{field, size, maxArgument, "it is one argument of the step; compare with shorter values"}
		}
		args = append(args, arg)
	}
	for _, r := range b.References {
		if !uses(s, r.Token) {
			continue
		}
		found, err := b.referred(r, i)
		if err != nil {
			return nil, err
		}
		args = append(args, option("reference", literal(found.String())))
	}
	return args, nil
}

// referred returns the reference in the form of the entrypoint of the step at index i.
func (b *builder) referred(r substitute.StepResultToken, i int) (stepresult.Reference, error) {
	n := slices.IndexFunc(b.results, func(c Result) bool {
		return c.Step != OfTask && c.Step < i && podpaths.StepName(b.Spec.Steps[c.Step], c.Step) == r.Step && isSource(c, r)
	})
	if n < 0 {
		return stepresult.Reference{}, &FieldError{fmt.Sprintf("spec.steps[%d]", i), r.Reference(), "no step before this one has that"}
	}
	c := b.results[n]
	found := stepresult.Reference{
		Token: r.Token, File: results.File{Declared: c.Declared, Path: c.Path(b.Spec)}, Whole: r.Whole, Index: r.Index, Key: r.Key,
	}
	if r.Artifacts != "" {
		found.Key = r.Artifacts + "." + r.Result
	}
	return found, nil
}

// isSource reports whether a result of a step is the one that a token stands for, or the document with its artifact.
func isSource(c Result, r substitute.StepResultToken) bool {
	if r.Artifacts != "" {
		return c.IsDocument()
	}
	return !c.IsDocument() && c.Result == r.Result
}

// uses reports whether a token is in any text of the step.
func uses(s v1.Step, token string) bool {
	return mentions(s, token) || strings.Contains(s.WorkingDir, token) || slices.ContainsFunc(s.When, func(w v1.WhenExpression) bool {
		return strings.Contains(w.Input, token) || strings.Contains(w.CEL, token) ||
			slices.ContainsFunc(w.Values, func(v string) bool { return strings.Contains(v, token) })
	})
}

func (b *builder) refersToResults(s v1.Step) bool {
	return slices.ContainsFunc(b.References, func(r substitute.StepResultToken) bool { return uses(s, r.Token) })
}

// mentions reports whether any text that the step's command sees contains a word.
func mentions(s v1.Step, word string) bool {
	has := func(text string) bool { return strings.Contains(text, word) }
	return has(s.Script) || slices.ContainsFunc(s.Command, has) || slices.ContainsFunc(s.Args, has) ||
		slices.ContainsFunc(s.Env, func(e corev1.EnvVar) bool { return has(e.Value) })
}

// shortened shortens a text for messages.
func shortened(text string) string {
	const most = 60
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return text
}
