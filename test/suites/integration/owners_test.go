//go:build integration

package integration

import (
	"encoding/json"
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// The API server records who owns each member of a list that has keys, in time quadratic in the number of members, and in more
// bytes than the members have. So no list of a spec has keys: the record is the same for few and many members.
func TestManagedFieldsDoNotGrowWithLists(t *testing.T) {
	namespace := newNamespace(t)
	cases := map[string]func(n int) client.Object{
		"Task":        func(n int) client.Object { return &v1.Task{Spec: *wideTask(n)} },
		"TaskRun":     func(n int) client.Object { return wideTaskRun(n) },
		"Pipeline":    func(n int) client.Object { return &v1.Pipeline{Spec: *widePipeline(n)} },
		"PipelineRun": func(n int) client.Object { return widePipelineRun(n) },
	}
	for name, build := range cases {
		t.Run(name, func(t *testing.T) {
			record := func(n int) int {
				object := build(n)
				object.SetNamespace(namespace)
				object.SetName("wide")
				if err := shared.client.Create(t.Context(), object, client.DryRunAll); err != nil {
					t.Fatal(err)
				}
				text, err := json.Marshal(object.GetManagedFields())
				if err != nil {
					t.Fatal(err)
				}
				return len(text)
			}
			if few, many := record(2), record(60); few != many || few == 0 {
				t.Errorf("the managed fields take %d bytes with lists of 2, and %d bytes with lists of 60", few, many)
			}
		})
	}
}

func named[T any](n int, build func(name string) T) (all []T) {
	for i := range n {
		all = append(all, build(fmt.Sprint("n", i)))
	}
	return all
}

func param(name string) v1.Param { return v1.Param{Name: name, Value: v1.StringValue("x")} }

func volume(name string) corev1.Volume {
	return corev1.Volume{Name: name, VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}}
}

func bound(name string) v1.WorkspaceBinding {
	return v1.WorkspaceBinding{Name: name, EmptyDir: &corev1.EmptyDirVolumeSource{}}
}

func wideTask(n int) *v1.TaskSpec {
	used := named(n, func(name string) v1.WorkspaceUsage { return v1.WorkspaceUsage{Name: name, MountPath: "/w/" + name} })
	return &v1.TaskSpec{
		Params:     named(n, func(name string) v1.ParamSpec { return v1.ParamSpec{Name: name, Type: v1.TypeString} }),
		Workspaces: named(n, func(name string) v1.WorkspaceDeclaration { return v1.WorkspaceDeclaration{Name: name} }),
		Volumes:    named(n, volume),
		Steps: []v1.Step{
			{Name: "s", Image: "busybox:1", Script: "true", Workspaces: used},
			{Name: "r", Ref: &v1.StepRef{ResolverRef: v1.ResolverRef{Resolver: "git", Params: named(n, param)}}, Params: named(n, param)},
		},
		Sidecars: []v1.Sidecar{{Name: "c", Image: "busybox:1", Script: "true", Workspaces: used}},
	}
}

func wideTaskRun(n int) *v1.TaskRun {
	return &v1.TaskRun{Spec: v1.TaskRunSpec{
		TaskRef:      &v1.TaskRef{ResolverRef: v1.ResolverRef{Resolver: "git", Params: named(n, param)}},
		Params:       named(n, param),
		Workspaces:   named(n, bound),
		StepSpecs:    named(n, func(name string) v1.TaskRunStepSpec { return v1.TaskRunStepSpec{Name: name} }),
		SidecarSpecs: named(n, func(name string) v1.TaskRunSidecarSpec { return v1.TaskRunSidecarSpec{Name: name} }),
		PodTemplate:  &v1.PodTemplate{Volumes: named(n, volume)},
	}}
}

func widePipeline(n int) *v1.PipelineSpec {
	task := func(name string) v1.PipelineTask {
		return v1.PipelineTask{
			Name:    name,
			TaskRef: &v1.TaskRef{ResolverRef: v1.ResolverRef{Resolver: "git", Params: named(2, param)}},
			Params:  named(2, param),
		}
	}
	tasks := named(n, task)
	tasks[0].Workspaces = named(n, func(name string) v1.WorkspacePipelineTaskBinding {
		return v1.WorkspacePipelineTaskBinding{Name: name, Workspace: name}
	})
	return &v1.PipelineSpec{
		Params:     named(n, func(name string) v1.ParamSpec { return v1.ParamSpec{Name: name, Type: v1.TypeString} }),
		Workspaces: named(n, func(name string) v1.PipelineWorkspaceDeclaration { return v1.PipelineWorkspaceDeclaration{Name: name} }),
		Tasks:      tasks,
		Finally:    named(n, func(name string) v1.PipelineTask { return task("finally-" + name) }),
	}
}

func widePipelineRun(n int) *v1.PipelineRun {
	specs := named(n, func(name string) v1.PipelineTaskRunSpec { return v1.PipelineTaskRunSpec{PipelineTaskName: name} })
	specs[0].StepSpecs = wideTaskRun(n).Spec.StepSpecs
	return &v1.PipelineRun{Spec: v1.PipelineRunSpec{
		PipelineSpec:    widePipeline(n),
		Params:          named(n, param),
		Workspaces:      named(n, bound),
		TaskRunSpecs:    specs,
		TaskRunTemplate: v1.PipelineTaskRunTemplate{PodTemplate: &v1.PodTemplate{Volumes: named(n, volume)}},
	}}
}
