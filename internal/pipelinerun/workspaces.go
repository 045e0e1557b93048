package pipelinerun

import (
	"maps"
	"path"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/dag"
	"github.com/sluice-ci/sluice/internal/name"
	"github.com/sluice-ci/sluice/internal/reconcile"
	"github.com/sluice-ci/sluice/internal/variables"
	"github.com/sluice-ci/sluice/internal/variables/substitute"
)

// visible returns the workspaces of the run for its tasks, by name: those that the pipeline declares, and all of them for an
// embedded pipeline. A claim that is created for the run has its name.
func visible(pr *v1.PipelineRun, spec *v1.PipelineSpec, bound []v1.WorkspaceBinding) map[string]*v1.WorkspaceBinding {
	out := make(map[string]*v1.WorkspaceBinding, len(bound))
	for i := range bound {
		declared := func(w v1.PipelineWorkspaceDeclaration) bool { return w.Name == bound[i].Name }
		if pr.Spec.PipelineSpec == nil && !slices.ContainsFunc(spec.Workspaces, declared) {
			continue
		}
		binding := bound[i]
		if binding.VolumeClaimTemplate != nil {
			binding.PersistentVolumeClaim = &corev1.PersistentVolumeClaimVolumeSource{ClaimName: claimName(pr, &binding)}
			binding.VolumeClaimTemplate = nil
		}
		out[binding.Name] = &binding
	}
	return out
}

// workspaces returns the bound volumes for a task, under the names that the task uses. An optional workspace of the pipeline
// without a binding is omitted. A task that is embedded in the pipeline also gets the workspaces that it uses, or declares,
// under their names in the pipeline.
func workspaces(task *v1.PipelineTask, bindings map[string]*v1.WorkspaceBinding) []v1.WorkspaceBinding {
	var out []v1.WorkspaceBinding
	for _, handed := range handedOn(task) {
		bound := bindings[handed.PipelineWorkspace()]
		if bound == nil {
			continue
		}
		binding := *bound.DeepCopy()
		binding.Name = handed.Name
		binding.SubPath = path.Join(binding.SubPath, handed.SubPath)
		out = append(out, binding)
	}
	return out
}

// boundFor returns the workspaces for a task, by name. References to results in the run's bindings are replaced.
func (b *childBuilder) boundFor(task *v1.PipelineTask, vars substitute.Variables, results substitute.Tasks) (
	map[string]*v1.WorkspaceBinding, error) {
	used := b.resultBindings(task)
	if len(used) == 0 {
		return b.bindings, nil
	}
	out := maps.Clone(b.bindings)
	for _, i := range used {
		at := field.NewPath("spec", "workspaces").Index(i)
		bound, err := substitute.BindingWithResults(at, &b.pr.Spec.Workspaces[i], vars, results)
		if err != nil {
			return nil, err
		}
		if bound.VolumeClaimTemplate != nil {
			bound.PersistentVolumeClaim, bound.VolumeClaimTemplate = b.bindings[bound.Name].PersistentVolumeClaim, nil
		}
		out[bound.Name] = bound
	}
	return out, nil
}

// resultBindings returns the positions of the workspaces of the run that a task gets and that contain results of tasks.
func (b *childBuilder) resultBindings(task *v1.PipelineTask) []int {
	var used []int
	for _, handed := range handedOn(task) {
		name := handed.PipelineWorkspace()
		if i, ok := b.withResults[name]; ok && b.bindings[name] != nil && !slices.Contains(used, i) {
			used = append(used, i)
		}
	}
	return used
}

// neededByBindings adds what the workspaces of a task need.
func (b *childBuilder) neededByBindings(task *v1.PipelineTask, n needs) {
	for _, i := range b.resultBindings(task) {
		for r := range variables.BindingReferences(&b.pr.Spec.Workspaces[i]) {
			n.reference(r)
		}
	}
}

// withResults returns the positions of the workspaces of a run that contain results of tasks, by name.
func withResults(pr *v1.PipelineRun) map[string]int {
	out, bound := map[string]int{}, pr.Spec.Workspaces
	if final(pr, v1.FinalWorkspaces) {
		return out
	}
	for i := range bound {
		for r := range variables.BindingReferences(&bound[i]) {
			if _, ok := r.ResultRef(); ok {
				out[bound[i].Name] = i
			}
		}
	}
	return out
}

// bindingDependencies returns which tasks wait for others because of results in the workspaces that they get from the run.
func bindingDependencies(pr *v1.PipelineRun, spec *v1.PipelineSpec) []dag.Dependency {
	used := withResults(pr)
	if len(used) == 0 {
		return nil
	}
	on := make(map[int][]string, len(used))
	for _, i := range used {
		for r := range variables.BindingReferences(&pr.Spec.Workspaces[i]) {
			if ref, ok := r.ResultRef(); ok && !ref.Finally && !slices.Contains(on[i], ref.Task) {
				on[i] = append(on[i], ref.Task)
			}
		}
	}
	var all []dag.Dependency
	for i := range spec.Tasks {
		task := &spec.Tasks[i]
		for _, handed := range handedOn(task) {
			at, ok := used[handed.PipelineWorkspace()]
			if !ok {
				continue
			}
			for _, name := range on[at] {
				all = append(all, dag.Dependency{Task: task.Name, On: name, Field: field.NewPath("spec", "workspaces").Index(at)})
			}
		}
	}
	return all
}

// handedOn returns the bound workspaces of the pipeline for a task.
func handedOn(task *v1.PipelineTask) []v1.WorkspacePipelineTaskBinding {
	spec := task.Embedded()
	if spec == nil {
		return task.Workspaces
	}
	out := slices.Clone(task.Workspaces)
	add := func(name string) {
		known := func(w v1.WorkspacePipelineTaskBinding) bool { return w.Name == name }
		if !slices.ContainsFunc(task.Workspaces, known) {
			out = append(out, v1.WorkspacePipelineTaskBinding{Name: name})
		}
	}
	for i := range spec.Workspaces {
		add(spec.Workspaces[i].Name)
	}
	for _, name := range variables.UndeclaredWorkspaces(spec) {
		add(name)
	}
	return out
}

// claimName returns the name of the claim for a workspace of the run. A second run with the same name has another one,
// because the claim of the first run may still be being deleted.
func claimName(pr *v1.PipelineRun, bound *v1.WorkspaceBinding) string {
	made := name.Claim(string(pr.UID), bound.Name)
	if given := bound.VolumeClaimTemplate.Name; given != "" {
		return name.Child(given, "-"+made, name.MaxLabel)
	}
	return made
}

// claims returns the claims that are created for the run. They are deleted with it.
func claims(pr *v1.PipelineRun) []*corev1.PersistentVolumeClaim {
	var out []*corev1.PersistentVolumeClaim
	for i := range pr.Spec.Workspaces {
		bound := &pr.Spec.Workspaces[i]
		if bound.VolumeClaimTemplate == nil {
			continue
		}
		out = append(out, reconcile.Claim(bound.VolumeClaimTemplate, claimName(pr, bound), v1.KindPipelineRun, pr))
	}
	return out
}
