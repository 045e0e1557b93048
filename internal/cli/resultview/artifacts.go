package resultview

import (
	"maps"
	"slices"
	"strings"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/cli/runs"
	"github.com/sluice-ci/sluice/internal/cli/table"
	"github.com/sluice-ci/sluice/internal/cli/terminal"
)

// Artifact is one copy of something that a run read or made.
type Artifact struct {
	// Name of the artifact. For a task of a PipelineRun it is TASK/NAME.
	Name string `json:"name"`
	// Use is "input", "output", or "build output" for what is the purpose of the task.
	Use string `json:"use"`
	// URI is where the copy is; empty if its step did not say.
	URI string `json:"uri"`
	// Digests are ALGORITHM:DIGEST, in the order of the algorithms.
	Digests []string `json:"digests"`
}

// shownDigest is how many characters of a digest the table has.
const shownDigest = 19

// Artifacts returns the artifacts of a run, and for a PipelineRun those of its tasks. An artifact without values is one copy
// without a place.
func Artifacts(s runs.Snapshot) []Artifact {
	all := []Artifact{}
	if s.Run.TaskRun != nil {
		return append(all, artifactsOf(s.Run.TaskRun, "")...)
	}
	for _, tr := range s.Tasks {
		all = append(all, artifactsOf(tr, s.Task(tr)+"/")...)
	}
	return all
}

func artifactsOf(tr *v1.TaskRun, prefix string) []Artifact {
	if tr.Status.Artifacts == nil {
		return nil
	}
	var all []Artifact
	for _, a := range tr.Status.Artifacts.Inputs {
		all = append(all, copiesOf(a, prefix, "input")...)
	}
	for _, a := range tr.Status.Artifacts.Outputs {
		use := "output"
		if a.BuildOutput {
			use = "build output"
		}
		all = append(all, copiesOf(a, prefix, use)...)
	}
	return all
}

func copiesOf(a v1.Artifact, prefix, use string) []Artifact {
	values := a.Values
	if len(values) == 0 {
		values = []v1.ArtifactValue{{}}
	}
	var all []Artifact
	for _, v := range values {
		one := Artifact{Name: prefix + a.Name, Use: use, URI: v.URI, Digests: []string{}}
		for _, algorithm := range slices.Sorted(maps.Keys(v.Digest)) {
			one.Digests = append(one.Digests, algorithm+":"+v.Digest[algorithm])
		}
		all = append(all, one)
	}
	return all
}

// ArtifactGrid returns the table of artifacts.
func ArtifactGrid(all []Artifact) *table.Grid {
	g := table.NewGrid("NAME", "USE", "URI", "DIGESTS")
	for _, a := range all {
		digests := make([]string, len(a.Digests))
		for i, d := range a.Digests {
			digests[i] = terminal.Cut(terminal.Line(d), shownDigest)
		}
		g.Add(table.Text(terminal.Line(a.Name)), table.Text(a.Use), table.Text(terminal.Line(a.URI)), table.Text(strings.Join(digests, " ")))
	}
	return g
}
