package runs

import (
	"slices"
	"strings"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/cli/clierror"
)

// Reference is what a person types for a run: "taskrun/NAME", "pipelinerun/NAME", or a bare name.
type Reference struct {
	// Kind is v1.KindTaskRun, v1.KindPipelineRun, or empty for either.
	Kind string
	// Name of the run.
	Name string
}

// String is the reference as it can be typed again.
func (r Reference) String() string {
	if r.Kind == "" {
		return r.Name
	}
	return strings.ToLower(r.Kind) + "/" + r.Name
}

// Parse reads a reference. Short names and plurals are taken, and a group behind the kind, as `kubectl create -o name`
// prints it.
func Parse(text string) (Reference, error) {
	kind, name, found := strings.Cut(text, "/")
	if !found {
		kind, name = "", text
	}
	if name == "" || strings.Contains(name, "/") {
		return Reference{}, clierror.New("cannot take "+quote(text)+" for a run",
			"a run is NAME, taskrun/NAME (tr/NAME) or pipelinerun/NAME (pr/NAME)")
	}
	if !found {
		return Reference{Name: name}, nil
	}
	known, ok := KindOf(kind)
	if !ok {
		return Reference{}, clierror.New("cannot take "+quote(kind)+" in "+quote(text)+" for a kind of run",
			"taskrun/"+name+", pipelinerun/"+name+", or only "+name)
	}
	return Reference{Kind: known, Name: name}, nil
}

// KindOf reads the name of a kind as kubectl does: singular, plural or short, with or without its group.
func KindOf(text string) (string, bool) {
	text, _, _ = strings.Cut(strings.ToLower(text), ".")
	switch {
	case slices.Contains([]string{"tr", "trs", "taskrun", "taskruns"}, text):
		return v1.KindTaskRun, true
	case slices.Contains([]string{"pr", "prs", "pipelinerun", "pipelineruns"}, text):
		return v1.KindPipelineRun, true
	default:
		return "", false
	}
}

func quote(text string) string { return `"` + text + `"` }
