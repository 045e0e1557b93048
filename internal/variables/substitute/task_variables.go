package substitute

import (
	"strconv"

	"k8s.io/apimachinery/pkg/util/validation/field"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/pod/podpaths"
	"github.com/sluice-ci/sluice/internal/variables"
)

// TaskRunContext is what a task can know of the run that it is part of.
type TaskRunContext struct {
	// Name, Namespace and UID of the TaskRun.
	Name, Namespace, UID string
	// Task is the name of the Task.
	Task string
	// Retry counts the attempts that went before this one.
	Retry int
	// Workspaces are those that the run binds, by name.
	Workspaces map[string]Workspace
	// Unread are the references in the values of the run's params that are still to be read.
	Unread Unread
	// Handed says that a pipeline made the run: params that are called like results of its tasks, or like its context, hold
	// those.
	Handed bool
}

// Workspace is what a task can know of the volume that a run binds to one of its workspaces.
type Workspace struct {
	// Volume is the name of the pod's volume.
	Volume string
	// Claim is the name of the PersistentVolumeClaim, and empty for other volumes.
	Claim string
}

// ForTaskRun returns the variables of a task in a run that gives some params. Declared params that are not given have
// their default, in which other variables may stand; given ones that are not declared can be referred to as well.
func ForTaskRun(spec *v1.TaskSpec, given []v1.Param, context TaskRunContext) Variables {
	v := Variables{unread: context.Unread, reading: new(budget), handed: context.Handed, texts: map[string]string{
		"context.taskRun.name":      context.Name,
		"context.taskRun.namespace": context.Namespace,
		"context.taskRun.uid":       context.UID,
		"context.task.name":         context.Task,
		"context.task.retry-count":  strconv.Itoa(context.Retry),
		"credentials.path":          podpaths.CredentialsDir,
		"artifacts.path":            podpaths.TaskArtifactsPath,
	}}
	for i := range spec.Results {
		name := spec.Results[i].Name
		v.texts["results."+name+".path"] = podpaths.ResultPath(name)
	}
	for i := range spec.Steps {
		step := spec.Steps[i]
		v.texts["steps."+podpaths.StepVariable(step, i)+".exitCode.path"] = podpaths.ExitCodePath(podpaths.StepContainer(step, i))
	}
	for i := range spec.Workspaces {
		v.addWorkspace(&spec.Workspaces[i], context.Workspaces)
	}
	v.addParams(spec.Params, given)
	var paths budget // of all workspaces together: a large param can stand in each of thousands
	for i := range spec.Workspaces {
		v.resolvePath(&spec.Workspaces[i], context.Workspaces, &paths)
	}
	return v
}

func (v *Variables) addWorkspace(declared *v1.WorkspaceDeclaration, all map[string]Workspace) {
	bound, ok := all[declared.Name]
	prefix := "workspaces." + declared.Name
	v.texts[prefix+".bound"] = strconv.FormatBool(ok)
	v.texts[prefix+".claim"] = bound.Claim
	v.texts[prefix+".volume"] = bound.Volume
	switch {
	case !ok:
		v.texts[prefix+".path"] = ""
	case !variables.HasReference(declared.Path()):
		v.texts[prefix+".path"] = declared.Path()
	}
}

// resolvePath resolves the path of a workspace with params in it. An unresolvable path is reported at its declaration.
func (v *Variables) resolvePath(declared *v1.WorkspaceDeclaration, all map[string]Workspace, paths *budget) {
	name := "workspaces." + declared.Name + ".path"
	if _, bound := all[declared.Name]; !bound || !variables.HasReference(declared.Path()) {
		return
	}
	at := place{path: field.NewPath("workspaces").Key(declared.Name).Child("mountPath")}
	if path, err := paths.text(at, declared.Path(), variables.TextPlain, v.resolver(at)); err == nil {
		v.texts[name] = path
	}
}
