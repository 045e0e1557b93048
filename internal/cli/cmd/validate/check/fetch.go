package check

import (
	"encoding/json"
	"fmt"

	"sigs.k8s.io/yaml"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/convert"
)

// Fetch returns the definition that a reference in a file names.
type Fetch func(file string, ref *v1.ResolverRef) (Definition, error)

// Definition is the definition that a reference names. The zero Definition is one that is not known here.
type Definition struct {
	// Text is YAML.
	Text []byte
	// Exact reports that a run gets the same definition, or fails with the same error.
	Exact bool
}

// fetched is a definition of a reference.
type fetched struct {
	task     *v1.Task
	pipeline *v1.Pipeline
	exact    bool
	problem  string
}

// taskOf returns the Task of a reference, or nil if it is not known. A finding says why a known one cannot be used.
func (s *Set) taskOf(o *Object, ref *v1.TaskRef, path string) (*v1.Task, []Finding) {
	if ref.Resolver == "" {
		return s.Task(o, ref.Name), nil
	}
	found := s.fetch(o, v1.KindTask, &ref.ResolverRef)
	return found.task, found.findings(o, path)
}

// pipelineOf returns the Pipeline of a reference as taskOf returns a Task.
func (s *Set) pipelineOf(o *Object, ref *v1.PipelineRef, path string) (*v1.Pipeline, []Finding) {
	if ref.Resolver == "" {
		return s.Pipeline(o, ref.Name), nil
	}
	found := s.fetch(o, v1.KindPipeline, &ref.ResolverRef)
	return found.pipeline, found.findings(o, path)
}

func (f fetched) findings(o *Object, path string) []Finding {
	if f.problem == "" {
		return nil
	}
	if f.exact {
		return []Finding{o.Finding(Error, path, f.problem, "it was read through the cluster, as a run reads it")}
	}
	return []Finding{o.Finding(Warning, path, f.problem, "the run reads the revision of the reference, which may differ from the checkout")}
}

// fetch fetches the definition of a reference. References with the same params in the same file are fetched once.
func (s *Set) fetch(o *Object, kind string, ref *v1.ResolverRef) fetched {
	if s.Fetch == nil {
		return fetched{}
	}
	text, err := json.Marshal([]any{o.Document.Start().File, kind, ref})
	if err != nil {
		return fetched{}
	}
	key := string(text)
	found, ok := s.fetched[key]
	if !ok {
		found = s.read(o, kind, ref)
		if s.fetched == nil {
			s.fetched = map[string]fetched{}
		}
		s.fetched[key] = found
	}
	return found
}

func (s *Set) read(o *Object, kind string, ref *v1.ResolverRef) fetched {
	definition, err := s.Fetch(o.Document.Start().File, ref)
	if err != nil {
		return fetched{exact: definition.Exact, problem: err.Error()}
	}
	if definition.Text == nil {
		s.NotRead++
		return fetched{}
	}
	found := fetched{exact: definition.Exact, task: &v1.Task{}}
	var into any = found.task
	if kind == v1.KindPipeline {
		found = fetched{exact: definition.Exact, pipeline: &v1.Pipeline{}}
		into = found.pipeline
	}
	if err := decodeFetched(definition.Text, kind, into); err != nil {
		return fetched{exact: definition.Exact, problem: fmt.Sprintf("cannot use the %s of the reference: %v", kind, err)}
	}
	return found
}

// decodeFetched decodes a definition of a kind, and converts an earlier version.
func decodeFetched(text []byte, kind string, into any) error {
	raw, err := yaml.YAMLToJSON(text)
	if err != nil {
		return err
	}
	var header struct {
		APIVersion string `json:"apiVersion"`
		Kind       string `json:"kind"`
	}
	if err := json.Unmarshal(raw, &header); err != nil {
		return err
	}
	if header.Kind != kind {
		return fmt.Errorf("it is a %s", header.Kind)
	}
	if convert.Converts(header.APIVersion, kind) {
		if raw, err = convert.ToV1(raw); err != nil {
			return err
		}
	}
	return json.Unmarshal(raw, into)
}
