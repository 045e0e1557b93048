package runs

import (
	"slices"
	"strings"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/api/v1beta1"
	"github.com/sluice-ci/sluice/internal/cli/clierror"
)

// FullName is a run on the command line: "taskrun/NAME", "pipelinerun/NAME", or only a name.
type FullName struct {
	// Kind is v1.KindTaskRun, v1.KindPipelineRun, or empty for either.
	Kind string
	// Name of the run.
	Name string
}

// String returns the name as a user types it.
func (r FullName) String() string {
	if r.Kind == "" {
		return r.Name
	}
	return strings.ToLower(r.Kind) + "/" + r.Name
}

// Parse parses the name of a run. It accepts short names and plurals, and a group after the kind, as in the output of
// `kubectl create -o name`.
func Parse(text string) (FullName, error) {
	kind, name, found := strings.Cut(text, "/")
	if !found {
		kind, name = "", text
	}
	if name == "" || strings.Contains(name, "/") {
		return FullName{}, clierror.New("cannot use "+quote(text)+" as a run",
			"a run is NAME, taskrun/NAME (tr/NAME) or pipelinerun/NAME (pr/NAME)")
	}
	if !found {
		return FullName{Name: name}, nil
	}
	known, ok := KindOf(kind)
	if !ok {
		return FullName{}, clierror.New("cannot use "+quote(kind)+" in "+quote(text)+" as a kind of run",
			"taskrun/"+name+", pipelinerun/"+name+", or only "+name)
	}
	return FullName{Kind: known, Name: name}, nil
}

// KindOf parses the name of a kind like kubectl: singular, plural or short, with or without its group.
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

// ListedKind is KindOf for lists, which can also have CustomRuns.
func ListedKind(text string) (string, bool) {
	singular, _, _ := strings.Cut(strings.ToLower(text), ".")
	if singular == "customrun" || singular == "customruns" {
		return v1beta1.KindCustomRun, true
	}
	return KindOf(text)
}

func quote(text string) string { return `"` + text + `"` }
