//go:build e2e

package nodes

import (
	"context"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/test/testutil/kube"
	"github.com/sluice-ci/sluice/test/testutil/suite"
)

// tasks is the number of parallel tasks of the pipelines here: more than there are nodes, so that they cannot be placed one per node.
const tasks = 4

// parallelTasks returns a pipeline whose tasks run at the same time until the test lets them go. With a workspace, each writes a file
// into it.
func parallelTasks(workspace bool) *v1.PipelineSpec {
	spec := &v1.PipelineSpec{}
	task := v1.TaskSpec{Steps: []v1.Step{kube.Script(gate, holding)}}
	var uses []v1.WorkspacePipelineTaskBinding
	if workspace {
		spec.Workspaces = []v1.PipelineWorkspaceDeclaration{{Name: "w"}}
		task.Workspaces = []v1.WorkspaceDeclaration{{Name: "w"}}
		task.Steps = append(task.Steps, kube.Script("write", "touch $(workspaces.w.path)/$(context.taskRun.name)"))
		uses = []v1.WorkspacePipelineTaskBinding{{Name: "w", Workspace: "w"}}
	}
	for i := range tasks {
		spec.Tasks = append(spec.Tasks, v1.PipelineTask{
			Name: string(rune('a' + i)), TaskSpec: &v1.EmbeddedTask{TaskSpec: task}, Workspaces: uses,
		})
	}
	return spec
}

// start creates a PipelineRun and returns it.
func start(t *testing.T, n *suite.Namespace, spec v1.PipelineRunSpec) *v1.PipelineRun {
	t.Helper()
	run := &v1.PipelineRun{Spec: spec}
	run.Namespace, run.GenerateName = n.Name, "pipeline-"
	if err := n.Client.Create(t.Context(), run); err != nil {
		t.Fatal(err)
	}
	return run
}

// finish lets the held pods go, and fails the test unless the run succeeds.
func finish(t *testing.T, n *suite.Namespace, run *v1.PipelineRun, pods []held) {
	t.Helper()
	letGo(t, pods)
	n.FinishPipeline(t, run)
	suite.WantSucceeded(t, run.Status.Condition())
}

func claim() []v1.WorkspaceBinding {
	return []v1.WorkspaceBinding{{Name: "w", VolumeClaimTemplate: &corev1.PersistentVolumeClaim{
		Spec: corev1.PersistentVolumeClaimSpec{
			AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
			Resources: corev1.VolumeResourceRequirements{
				Requests: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Mi")},
			},
		},
	}}}
}

// TestGroupOfAClaim: pods that mount a ReadWriteOnce claim at the same time are on one node. Without the claim they are not all on
// one: the scheduler prefers the node with the fewest pods.
func TestGroupOfAClaim(t *testing.T) {
	n := suite.NewNamespace(t)
	run := start(t, n, v1.PipelineRunSpec{PipelineSpec: parallelTasks(true), Workspaces: claim()})
	pods := awaitHeld(t, n, v1.LabelPipelineRun, run.Name, tasks)
	if nodes := nodesOf(pods); len(nodes) != 1 {
		t.Errorf("the pods of one claim are on the nodes %q", nodes)
	}
	free := start(t, n, v1.PipelineRunSpec{PipelineSpec: parallelTasks(false)})
	ofFree := awaitHeld(t, n, v1.LabelPipelineRun, free.Name, tasks)
	if nodes := nodesOf(ofFree); len(nodes) == 1 {
		t.Errorf("the pods of a run without a claim are all on %q", nodes)
	}
	finish(t, n, run, pods)
	finish(t, n, free, ofFree)
}

// TestIsolatedRuns: with coschedule=isolate-pipelinerun all pods of a run are on one node, and no pod of another run is on it.
func TestIsolatedRuns(t *testing.T) {
	n := suite.NewNamespace(t)
	before, err := n.ReadFlags(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	restored := any(nil)
	if value, ok := before.Data["coschedule"]; ok {
		restored = value
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), suite.Patience)
		defer cancel()
		if err := n.PatchFlags(ctx, map[string]any{"coschedule": restored}); err != nil {
			t.Error(err)
		}
	})
	if err := n.PatchFlags(t.Context(), map[string]any{"coschedule": "isolate-pipelinerun"}); err != nil {
		t.Fatal(err)
	}
	n.UseFlags(t, kube.SidecarLogs, largest) // returns when the controller uses all of the settings
	one := start(t, n, v1.PipelineRunSpec{PipelineSpec: parallelTasks(false)})
	other := start(t, n, v1.PipelineRunSpec{PipelineSpec: parallelTasks(false)})
	ofOne := awaitHeld(t, n, v1.LabelPipelineRun, one.Name, tasks)
	ofOther := awaitHeld(t, n, v1.LabelPipelineRun, other.Name, tasks)
	if a, b := nodesOf(ofOne), nodesOf(ofOther); len(a) != 1 || len(b) != 1 || a[0] == b[0] {
		t.Errorf("the pods of one run are on %q, those of the other on %q: want one node each, not the same", a, b)
	}
	finish(t, n, one, ofOne)
	finish(t, n, other, ofOther)
}

// TestAffinity: an affinity of the pod template is the pods'. Three tasks that avoid each other are on three nodes.
func TestAffinity(t *testing.T) {
	n := suite.NewNamespace(t)
	spec := parallelTasks(false)
	spec.Tasks = spec.Tasks[:3]
	avoid := &corev1.Affinity{PodAntiAffinity: &corev1.PodAntiAffinity{
		RequiredDuringSchedulingIgnoredDuringExecution: []corev1.PodAffinityTerm{{
			TopologyKey:   corev1.LabelTopologyZone,
			LabelSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"test/crowd": "yes"}},
		}},
	}}
	run := &v1.PipelineRun{Spec: v1.PipelineRunSpec{
		PipelineSpec: spec, TaskRunTemplate: v1.PipelineTaskRunTemplate{PodTemplate: &v1.PodTemplate{Affinity: avoid}},
	}}
	run.Namespace, run.GenerateName, run.Labels = n.Name, "pipeline-", map[string]string{"test/crowd": "yes"}
	if err := n.Client.Create(t.Context(), run); err != nil {
		t.Fatal(err)
	}
	pods := awaitHeld(t, n, v1.LabelPipelineRun, run.Name, 3)
	if nodes := nodesOf(pods); len(nodes) != 3 {
		t.Errorf("three pods that avoid each other are on the nodes %q", nodes)
	}
	finish(t, n, run, pods)
}

// TestMatrixOverNodes: the pod template of a task of a matrix uses a param of the combination.
func TestMatrixOverNodes(t *testing.T) {
	n := suite.NewNamespace(t)
	run := n.Pipeline(t, v1.PipelineRunSpec{
		PipelineSpec: &v1.PipelineSpec{Tasks: []v1.PipelineTask{{
			Name:   "build",
			Matrix: &v1.Matrix{Params: []v1.Param{{Name: "node", Value: v1.ArrayValue(firstNode, brokenNode, thirdNode)}}},
			TaskSpec: &v1.EmbeddedTask{TaskSpec: v1.TaskSpec{
				Params:  []v1.ParamSpec{{Name: "node", Type: v1.TypeString}},
				Results: []v1.TaskResult{kube.Result("node", v1.TypeString)},
				Steps:   []v1.Step{kube.Script("s", "printf %s $(params.node) > $(results.node.path)")},
			}},
		}}},
		TaskRunSpecs: []v1.PipelineTaskRunSpec{{
			PipelineTaskName: "build", PodTemplate: &v1.PodTemplate{NodeSelector: on("$(params.node)")},
		}},
	})
	suite.WantSucceeded(t, run.Status.Condition())
	if len(run.Status.ChildReferences) != 3 {
		t.Fatalf("the matrix has %d TaskRuns, want 3", len(run.Status.ChildReferences))
	}
	var children v1.TaskRunList
	if err := n.Client.List(t.Context(), &children, inNamespace(n), ofPipelineRun(run)); err != nil {
		t.Fatal(err)
	}
	var nodes []string
	for i := range children.Items {
		child := &children.Items[i]
		node := n.Pod(t, child).Spec.NodeName
		if want := kube.Values(child)["node"].String; node != want {
			t.Errorf("the pod of the combination %q is on node %q", want, node)
		}
		nodes = append(nodes, node)
	}
	slices.Sort(nodes)
	if want := []string{firstNode, brokenNode, thirdNode}; !slices.Equal(nodes, want) {
		t.Errorf("the pods of the matrix are on %q, want %q", nodes, want)
	}
}
