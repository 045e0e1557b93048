package pipelinerun

import (
	"path"
	"slices"

	corev1 "k8s.io/api/core/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/name"
	"github.com/sluice-ci/sluice/internal/reconcile"
	"github.com/sluice-ci/sluice/internal/variables"
)

// visible returns the workspaces of the run that tasks can have, by name: those that the pipeline declares, and all when
// the pipeline is written out in the run. A claim that is made for the run has its name.
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

// workspaces are the volumes that a task gets, under the names by which it knows them. A workspace of the pipeline that
// is optional and not bound is not handed on. A task that is written out in the pipeline also gets those that it uses, or
// declares, under the name that they have in the pipeline.
func (b *taskRunBuilder) workspaces(task *v1.PipelineTask) []v1.WorkspaceBinding {
	var out []v1.WorkspaceBinding
	for _, handed := range handedOn(task) {
		bound := b.bindings[handed.PipelineWorkspace()]
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

// handedOn are the workspaces of the pipeline that a task gets, if they are bound.
func handedOn(task *v1.PipelineTask) []v1.WorkspacePipelineTaskBinding {
	if task.TaskSpec == nil {
		return task.Workspaces
	}
	out := slices.Clone(task.Workspaces)
	add := func(name string) {
		known := func(w v1.WorkspacePipelineTaskBinding) bool { return w.Name == name }
		if !slices.ContainsFunc(task.Workspaces, known) {
			out = append(out, v1.WorkspacePipelineTaskBinding{Name: name})
		}
	}
	for i := range task.TaskSpec.Workspaces {
		add(task.TaskSpec.Workspaces[i].Name)
	}
	for _, name := range variables.UndeclaredWorkspaces(&task.TaskSpec.TaskSpec) {
		add(name)
	}
	return out
}

// claimName is the name of the claim that is made for a workspace of the run. A second run of the same name has another
// one: the first one's may still be being deleted.
func claimName(pr *v1.PipelineRun, bound *v1.WorkspaceBinding) string {
	made := name.Claim(string(pr.UID), bound.Name)
	if given := bound.VolumeClaimTemplate.Name; given != "" {
		return name.Child(given, "-"+made, name.MaxLabel)
	}
	return made
}

// claims returns the claims that are made for the run. They go with it.
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
