package transport

import (
	"fmt"
	"maps"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/pod"
	"github.com/sluice-ci/sluice/internal/pod/podpaths"
	"github.com/sluice-ci/sluice/internal/results/artifacts"
)

// document decodes a document of artifacts, and records what is wrong with it.
func (d *decoding) document(spec *v1.TaskSpec, c pod.Result, raw []byte) artifacts.Document {
	found, err := artifacts.Parse(raw)
	if err != nil {
		d.values.Wrong = append(d.values.Wrong, fmt.Sprintf("%s in %q cannot be read: %v; the file must be JSON of the form %s",
			Documented(spec, c), c.Path(spec), err, artifacts.Form))
		return artifacts.Document{}
	}
	if c.Step != pod.OfTask {
		if list := artifactsOf(found); list != nil {
			d.values.StepArtifacts[c.Step] = *list
		}
	}
	return found
}

// Documented names a document of artifacts in messages.
func Documented(spec *v1.TaskSpec, c pod.Result) string {
	if c.Step == pod.OfTask {
		return "the file of artifacts of the task"
	}
	return fmt.Sprintf("the file of artifacts of step %q", podpaths.StepName(spec.Steps[c.Step], c.Step))
}

// artifactsOf returns a document in the form of the API; nil if it has no artifacts.
func artifactsOf(d artifacts.Document) *v1.Artifacts {
	if len(d.Inputs)+len(d.Outputs) == 0 {
		return nil
	}
	return &v1.Artifacts{Inputs: listOf(d.Inputs), Outputs: listOf(d.Outputs)}
}

func listOf(list []artifacts.Artifact) []v1.Artifact {
	var out []v1.Artifact
	for _, a := range list {
		one := v1.Artifact{Name: a.Name, BuildOutput: a.BuildOutput}
		for _, value := range a.Values {
			one.Values = append(one.Values, v1.ArtifactValue{URI: value.URI, Digest: maps.Clone(value.Digest)})
		}
		out = append(out, one)
	}
	return out
}
