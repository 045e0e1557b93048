//go:build integration

package integration

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/api/v1beta1"
	"github.com/sluice-ci/sluice/test/testutil/customtask"
)

// within returns a task that is a pipeline of these tasks. Its result r is that of the first.
func within(t *testing.T, name string, tasks ...v1.PipelineTask) v1.PipelineTask {
	t.Helper()
	raw, err := json.Marshal(v1.PipelineSpec{
		Params: []v1.ParamSpec{{Name: "given", Default: &v1.Value{Type: v1.TypeString}}}, Tasks: tasks,
		Results: []v1.PipelineResult{{Name: "r", Value: v1.StringValue("$(tasks." + tasks[0].Name + ".results.r)")}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return v1.PipelineTask{
		Name: name, PipelineSpec: &runtime.RawExtension{Raw: raw},
		Params: []v1.Param{{Name: "given", Value: v1.StringValue("$(params.given)")}},
	}
}

// threeDeep returns a run with a task in a pipeline in a pipeline.
func threeDeep(t *testing.T, namespace, name string, leaf v1.PipelineTask) *v1.PipelineRun {
	t.Helper()
	pr := running(namespace, name, within(t, "mid", within(t, "low", leaf)))
	pr.Spec.Params = []v1.Param{{Name: "given", Value: v1.StringValue("$(params.given) \u2028 \"quoted\"\n")}}
	pr.Spec.PipelineSpec.Params = []v1.ParamSpec{{Name: "given"}}
	pr.Spec.PipelineSpec.Results = []v1.PipelineResult{{Name: "r", Value: v1.StringValue("$(tasks.mid.results.r)")}}
	return pr
}

// TestPipelinesInPipelines runs pipelines of three levels with the real API server, the real controller and its roles.
func TestPipelinesInPipelines(t *testing.T) {
	supervise(t, newRelay(t))
	t.Run("Results", func(t *testing.T) {
		namespace := newPlace(t)
		runCustomTasks(t, namespace)
		echo := customtask.Task("leaf", customtask.Echo, v1.Param{Name: "r", Value: v1.StringValue("$(params.given)")})
		pr := threeDeep(t, namespace, "run", echo)
		create(t, pr)
		want := pr.Spec.Params[0].Value.String
		pr = awaitRun(t, namespace, "run", v1.PipelineRunReasonSucceeded, "")
		if len(pr.Status.Results) != 1 || pr.Status.Results[0].Value.String != want {
			t.Errorf("want the result %q, got %+v", want, pr.Status.Results)
		}
	})
	t.Run("Fails", func(t *testing.T) {
		namespace := newPlace(t)
		runCustomTasks(t, namespace)
		create(t, threeDeep(t, namespace, "run", customtask.Task("leaf", customtask.Fail)))
		awaitRun(t, namespace, "run", v1.PipelineRunReasonFailed, `task "leaf" failed: CustomRun "run-mid-low-leaf": Broken: as Fail does`)
	})
	t.Run("Stops", func(t *testing.T) {
		namespace := newPlace(t)
		runCustomTasks(t, namespace)
		late := threeDeep(t, namespace, "late", customtask.Task("leaf", customtask.Wait))
		late.Spec.Timeouts = &v1.Timeouts{Pipeline: &metav1.Duration{Duration: 10 * time.Second}}
		create(t, late)
		create(t, threeDeep(t, namespace, "cancelled", customtask.Task("leaf", customtask.Wait)))
		customRuns(t, namespace, 2)
		cancelRun(t, namespace, "cancelled")
		awaitRun(t, namespace, "cancelled", v1.PipelineRunReasonCancelled, "was cancelled")
		awaitRun(t, namespace, "cancelled-mid-low", v1.PipelineRunReasonCancelled, "was cancelled")
		awaitRun(t, namespace, "late", v1.PipelineRunReasonTimedOut, "it took longer than 10s")
	})
	t.Run("Cycle", func(t *testing.T) {
		namespace := newPlace(t)
		for name, next := range map[string]string{"a": "b", "b": "a"} {
			create(t, &v1.Pipeline{
				ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
				Spec: v1.PipelineSpec{Tasks: []v1.PipelineTask{{
					Name: "t", PipelineRef: &v1.PipelineRef{Name: next},
				}}},
			})
		}
		pr := running(namespace, "run")
		pr.Spec.PipelineSpec, pr.Spec.PipelineRef = nil, &v1.PipelineRef{Name: "a"}
		create(t, pr)
		awaitRun(t, namespace, "run", v1.PipelineRunReasonFailed,
			`PipelineInvalidGraph: the pipeline is within itself: Pipeline "a" > Pipeline "b" > Pipeline "a"`)
	})
}

// TestUnrecordedChild: a controller that is killed between the creation of a child, of any kind, and the status that records it does
// not create another.
func TestUnrecordedChild(t *testing.T) {
	cases := map[string]struct {
		task func(t *testing.T) v1.PipelineTask
		kind schema.GroupVersionKind
	}{
		"TaskRun": {
			task: func(*testing.T) v1.PipelineTask {
				return v1.PipelineTask{Name: "make", TaskSpec: &v1.EmbeddedTask{TaskSpec: oneStep()}}
			},
			kind: v1.GroupVersion.WithKind(v1.KindTaskRun),
		},
		"CustomRun": {
			task: func(*testing.T) v1.PipelineTask { return customtask.Task("make", customtask.Wait) },
			kind: v1beta1.GroupVersion.WithKind(v1beta1.KindCustomRun),
		},
		"PipelineRun": {
			task: func(t *testing.T) v1.PipelineTask {
				t.Helper()
				return within(t, "make", customtask.Task("leaf", customtask.Wait))
			},
			kind: v1.GroupVersion.WithKind(v1.KindPipelineRun),
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			namespace := newPlace(t)
			t.Run("Before", func(t *testing.T) {
				r := newRelay(t)
				r.let(func(c call, _ int) trouble {
					if c.verb == "patch" && c.resource == "pipelineruns/status" {
						return hungUp
					}
					return none
				})
				supervise(t, r)
				pr := running(namespace, "run", tc.task(t))
				pr.Spec.Params = []v1.Param{{Name: "given", Value: v1.StringValue("x")}}
				create(t, pr)
				onlyChild(t, namespace, tc.kind)
			})
			before := onlyChild(t, namespace, tc.kind)
			supervise(t, newRelay(t))
			eventually(t, func(ctx context.Context) error {
				pr := &v1.PipelineRun{}
				if err := shared.client.Get(ctx, client.ObjectKey{Namespace: namespace, Name: "run"}, pr); err != nil {
					return err
				}
				if len(pr.Status.ChildReferences) != 1 || pr.Status.ChildReferences[0].Name != before.Name {
					return fmt.Errorf("the status has %+v", pr.Status.ChildReferences)
				}
				return nil
			})
			if after := onlyChild(t, namespace, tc.kind); after.UID != before.UID {
				t.Errorf("the %s was created again", tc.kind.Kind)
			}
		})
	}
}

// onlyChild waits until the PipelineRun "run" has a child of a kind, and returns it. More than one is an error.
func onlyChild(t *testing.T, namespace string, kind schema.GroupVersionKind) metav1.ObjectMeta {
	t.Helper()
	list := &metav1.PartialObjectMetadataList{}
	list.SetGroupVersionKind(kind.GroupVersion().WithKind(kind.Kind + "List"))
	eventually(t, func(ctx context.Context) error {
		err := shared.client.List(ctx, list, client.InNamespace(namespace), client.MatchingLabels{v1.LabelPipelineRun: "run"})
		if err == nil && len(list.Items) != 1 {
			err = fmt.Errorf("the run has %d children of kind %s, want 1", len(list.Items), kind.Kind)
		}
		return err
	})
	return list.Items[0].ObjectMeta
}
