package validation

import (
	"k8s.io/apimachinery/pkg/util/validation/field"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// KeepLastResults removes the declarations of results of the task and of its steps that have the name of a later one: as in
// Tekton, the last one counts.
func KeepLastResults(s *v1.TaskSpec) {
	s.Results = lastOfEach(s.Results, func(r *v1.TaskResult) string { return r.Name })
	for i := range s.Steps {
		s.Steps[i].Results = lastOfEach(s.Steps[i].Results, func(r *v1.StepResult) string { return r.Name })
	}
}

// KeepLastPipelineResults removes the declarations of results of the pipeline that have the name of a later one, as
// KeepLastResults does for those of a task.
func KeepLastPipelineResults(s *v1.PipelineSpec) {
	s.Results = lastOfEach(s.Results, func(r *v1.PipelineResult) string { return r.Name })
}

// lastOfEach returns the last member of each name, in their order. It does not change the list.
func lastOfEach[T any](list []T, name func(*T) string) []T {
	last := make(map[string]int, len(list))
	for i := range list {
		last[name(&list[i])] = i
	}
	if len(last) == len(list) {
		return list
	}
	out := make([]T, 0, len(last))
	for i := range list {
		if last[name(&list[i])] == i {
			out = append(out, list[i])
		}
	}
	return out
}

// warn adds a warning for a name of a result that an earlier one has.
func (u uniqueNames) warn(r *Report, path *field.Path, name string) {
	if len(u.add(path, name)) > 0 {
		r.Warn(path.String(), name, "declared twice: the last declaration counts")
	}
}
