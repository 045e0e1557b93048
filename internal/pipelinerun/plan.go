package pipelinerun

import (
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation/field"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/name"
	"github.com/sluice-ci/sluice/internal/substitute"
)

// plan returns the TaskRuns of the tasks that can start, or why one of them cannot. Then none starts: a run that is
// bound to fail does not begin anything new.
func plan(pr *v1.PipelineRun, obs Observation, ready sets.Set[string]) ([]*v1.TaskRun, *Problem) {
	if len(ready) == 0 {
		return nil, nil
	}
	vars := variables(pr, obs.Spec)
	wanted := make([]*v1.TaskRun, 0, len(ready))
	for i := range obs.Spec.Tasks {
		task := &obs.Spec.Tasks[i]
		if !ready.Has(task.Name) {
			continue
		}
		substituted, err := substitute.PipelineTask(task, vars, obs)
		if err != nil {
			return nil, substitutionProblem(task.Name, err)
		}
		child := childFor(pr, task, append(substituted.Params, propagated(task, vars)...))
		if problem := childSizeProblem(task, child); problem != nil {
			return nil, problem
		}
		wanted = append(wanted, child)
	}
	return wanted, nil
}

// substitutionProblem turns an error of a task's params into the reason that the API has for it.
func substitutionProblem(task string, err error) *Problem {
	problem := &Problem{
		Task: task, Reason: v1.PipelineRunReasonInvalidTaskResultReference, SkipReason: v1.SkipReasonStopping,
		Message: fmt.Sprintf("task %q cannot start: %v", task, err),
	}
	var missing *substitute.MissingResultError
	var long *substitute.TooLongError
	switch {
	case errors.As(err, &missing):
		problem.SkipReason = v1.SkipReasonMissingResults
	case errors.As(err, &long):
		problem.Reason = v1.PipelineRunReasonResultTooLarge
	}
	return problem
}

// childName is the name of a task's TaskRun. It never changes: a pass that finds the TaskRun made, but not recorded,
// finds it by its name.
func childName(pr *v1.PipelineRun, task string) string {
	return name.Child(pr.Name, "-"+task, name.MaxLabel)
}

// childFor returns the TaskRun of a task.
func childFor(pr *v1.PipelineRun, task *v1.PipelineTask, params []v1.Param) *v1.TaskRun {
	child := &v1.TaskRun{
		ObjectMeta: metav1.ObjectMeta{
			Namespace:   pr.Namespace,
			Name:        childName(pr, task.Name),
			Labels:      labels(pr, task),
			Annotations: annotations(pr, task),
			OwnerReferences: []metav1.OwnerReference{
				*metav1.NewControllerRef(pr, v1.GroupVersion.WithKind(v1.KindPipelineRun)),
			},
		},
		Spec: v1.TaskRunSpec{
			Params:             params,
			ServiceAccountName: pr.Spec.TaskRunTemplate.ServiceAccountName,
			Workspaces:         workspaces(pr, task),
		},
	}
	if task.TaskRef != nil {
		child.Spec.TaskRef = task.TaskRef.DeepCopy()
	} else {
		child.Spec.TaskSpec = task.TaskSpec.TaskSpec.DeepCopy()
	}
	return child
}

// labels are those of the run, those that the pipeline gives to the task, and ours, which nobody can replace.
func labels(pr *v1.PipelineRun, task *v1.PipelineTask) map[string]string {
	out := make(map[string]string, len(pr.Labels)+8)
	maps.Copy(out, pr.Labels)
	if task.TaskSpec != nil {
		maps.Copy(out, task.TaskSpec.Metadata.Labels)
	}
	if task.TaskRef != nil {
		out[v1.LabelTask] = name.Label(task.TaskRef.Name)
	}
	maps.Copy(out, map[string]string{
		v1.LabelPipeline:       name.Label(pipelineName(pr)),
		v1.LabelPipelineRun:    name.Label(pr.Name),
		v1.LabelPipelineRunUID: string(pr.UID),
		v1.LabelPipelineTask:   task.Name,
		v1.LabelMemberOf:       v1.MemberOfTasks,
		v1.LabelManagedBy:      v1.ManagedBy,
	})
	return out
}

// annotations are those of the run and those that the pipeline gives to the task, but for what kubectl keeps for itself:
// it is a copy of the whole run.
func annotations(pr *v1.PipelineRun, task *v1.PipelineTask) map[string]string {
	out := make(map[string]string, len(pr.Annotations))
	maps.Copy(out, pr.Annotations)
	delete(out, corev1.LastAppliedConfigAnnotation)
	if task.TaskSpec != nil {
		maps.Copy(out, task.TaskSpec.Metadata.Annotations)
	}
	return out
}

// workspaces are the volumes that the run binds, under the names by which the task knows them. A workspace of the
// pipeline that is optional and not bound is not handed on.
func workspaces(pr *v1.PipelineRun, task *v1.PipelineTask) []v1.WorkspaceBinding {
	var out []v1.WorkspaceBinding
	for i := range task.Workspaces {
		wanted := &task.Workspaces[i]
		at := slices.IndexFunc(pr.Spec.Workspaces, func(b v1.WorkspaceBinding) bool { return b.Name == wanted.PipelineWorkspace() })
		if at < 0 {
			continue
		}
		binding := *pr.Spec.Workspaces[at].DeepCopy()
		binding.Name = wanted.Name
		binding.SubPath = path.Join(binding.SubPath, wanted.SubPath)
		out = append(out, binding)
	}
	return out
}

// propagated are the params of the pipeline that a task written out in it uses by name, without being given them.
func propagated(task *v1.PipelineTask, vars substitute.Variables) []v1.Param {
	if task.TaskSpec == nil {
		return nil
	}
	known := map[string]bool{}
	for i := range task.Params {
		known[task.Params[i].Name] = true
	}
	used := &paramsUsed{}
	for i := range task.TaskSpec.Params {
		spec := &task.TaskSpec.Params[i]
		if spec.Default == nil {
			used.names = append(used.names, spec.Name)
		} else {
			known[spec.Name] = true
		}
	}
	var root *field.Path
	task.TaskSpec.VisitTexts(root, used)
	var out []v1.Param
	for _, param := range used.names {
		if value, ok := vars.Param(param); ok && !known[param] {
			known[param] = true
			out = append(out, v1.Param{Name: param, Value: value})
		}
	}
	return out
}

// paramsUsed is a v1.TextVisitor that notes the params which texts refer to, and changes nothing.
type paramsUsed struct {
	names []string
}

// VisitText notes the params in one text.
func (p *paramsUsed) VisitText(_ *field.Path, _ v1.TextKind, text *string) {
	for r := range v1.References(*text) {
		if r.Root == v1.RootParams && !r.Malformed {
			p.names = append(p.names, r.Names[0])
		}
	}
}

// VisitList notes the params in each text of a list.
func (p *paramsUsed) VisitList(path *field.Path, list *[]string) {
	for i := range *list {
		p.VisitText(path, v1.TextExpanded, &(*list)[i])
	}
}
