//go:build integration

package integration

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/api/v1beta1"
	"github.com/sluice-ci/sluice/test/testutil/customtask"
)

// runCustomTasks runs the controller of custom tasks until the test ends.
func runCustomTasks(t *testing.T, namespace string) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- customtask.Serve(ctx, shared.client, namespace) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the controller of custom tasks: %v", err)
		}
	})
}

// running returns a PipelineRun of these tasks.
func running(namespace, name string, tasks ...v1.PipelineTask) *v1.PipelineRun {
	return &v1.PipelineRun{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec:       v1.PipelineRunSpec{PipelineSpec: &v1.PipelineSpec{Tasks: tasks}},
	}
}

// awaitRun waits for the end of a PipelineRun, which must have this reason, and this text in its message.
func awaitRun(t *testing.T, namespace, name, reason, text string) *v1.PipelineRun {
	t.Helper()
	pr := &v1.PipelineRun{}
	err := wait.PollUntilContextTimeout(t.Context(), 200*time.Millisecond, 2*time.Minute, true, func(ctx context.Context) (bool, error) {
		err := shared.client.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, pr)
		return pr.Status.Done(), err
	})
	if c := pr.Status.Condition(); err != nil || c.Reason != reason || !strings.Contains(c.Message, text) {
		t.Fatalf("PipelineRun %q has the condition %+v, want %s with %q; %v", name, c, reason, text, err)
	}
	return pr
}

// customRuns returns the CustomRuns of a namespace, when there are n of them.
func customRuns(t *testing.T, namespace string, n int) []v1beta1.CustomRun {
	t.Helper()
	list := &v1beta1.CustomRunList{}
	eventually(t, func(ctx context.Context) error {
		if err := shared.client.List(ctx, list, client.InNamespace(namespace)); err != nil {
			return err
		}
		if len(list.Items) != n {
			return fmt.Errorf("there are %d CustomRuns, want %d", len(list.Items), n)
		}
		return nil
	})
	return list.Items
}

// TestCustomRuns runs custom tasks with the real API server, the real controller and its roles.
func TestCustomRuns(t *testing.T) {
	supervise(t, newRelay(t))
	t.Run("Results", func(t *testing.T) {
		const value = "$(params.x) \u2028 \"quoted\"\n"
		namespace := newPlace(t)
		playPods(t, namespace)
		runCustomTasks(t, namespace)
		use := v1.PipelineTask{
			Name: "use", TaskSpec: &v1.EmbeddedTask{TaskSpec: oneStep()},
			Params: []v1.Param{{Name: "p", Value: v1.StringValue("<$(tasks.make.results.r)>")}},
		}
		use.TaskSpec.Params = []v1.ParamSpec{{Name: "p"}}
		producer := customtask.Task("make", customtask.Echo, v1.Param{Name: "r", Value: v1.StringValue("$(params.given)")})
		pr := running(namespace, "results", producer, use)
		pr.Spec.Params = []v1.Param{{Name: "given", Value: v1.StringValue(value)}}
		pr.Spec.PipelineSpec.Params = []v1.ParamSpec{{Name: "given"}}
		pr.Spec.PipelineSpec.Results = []v1.PipelineResult{{Name: "r", Value: v1.StringValue("$(tasks.make.results.r)")}}
		create(t, pr)
		pr = awaitRun(t, namespace, "results", v1.PipelineRunReasonSucceeded, "")
		if len(pr.Status.Results) != 1 || pr.Status.Results[0].Value.String != value {
			t.Errorf("want the result %q, got %+v", value, pr.Status.Results)
		}
		taskRuns, _ := awaitEnds(t, namespace, time.Minute)
		if len(taskRuns) != 1 || taskRuns[0].Spec.Params[0].Value.String != "<"+value+">" {
			t.Errorf("the TaskRun got %+v", taskRuns)
		}
	})
	t.Run("Fails", func(t *testing.T) {
		namespace := newPlace(t)
		runCustomTasks(t, namespace)
		create(t, running(namespace, "fails", customtask.Task("broken", customtask.Fail)))
		awaitRun(t, namespace, "fails", v1.PipelineRunReasonFailed, `task "broken" failed: CustomRun "fails-broken": Broken: as Fail does`)
	})
	t.Run("Stops", func(t *testing.T) {
		namespace := newPlace(t)
		runCustomTasks(t, namespace)
		late := running(namespace, "late", customtask.Task("wait", customtask.Wait))
		late.Spec.Timeouts = &v1.Timeouts{Pipeline: &metav1.Duration{Duration: 3 * time.Second}}
		create(t, late)
		create(t, running(namespace, "cancelled", customtask.Task("wait", customtask.Wait)))
		customRuns(t, namespace, 2)
		cancelRun(t, namespace, "cancelled")
		awaitRun(t, namespace, "cancelled", v1.PipelineRunReasonCancelled, "was cancelled")
		awaitRun(t, namespace, "late", v1.PipelineRunReasonTimedOut, "it took longer than 3s")
	})
	t.Run("NeverAnswers", func(t *testing.T) {
		namespace := newPlace(t)
		runCustomTasks(t, namespace)
		other := v1.PipelineTask{Name: "other", TaskRef: &v1.TaskRef{APIVersion: "example.dev/v1", Kind: "Nobody"}}
		create(t, running(namespace, "deaf", customtask.Task("ignore", customtask.Ignore), other))
		customRuns(t, namespace, 2)
		cancelRun(t, namespace, "deaf")
		pr := awaitRun(t, namespace, "deaf", v1.PipelineRunReasonCancelled, `["deaf-ignore" "deaf-other"]`)
		if took := pr.Status.CompletionTime.Sub(pr.Status.StartTime.Time); took < 59*time.Second {
			t.Errorf("the run did not wait for its CustomRuns: it took %s", took)
		}
	})
}

func cancelRun(t *testing.T, namespace, name string) {
	t.Helper()
	patch := client.RawPatch("application/merge-patch+json", []byte(`{"spec":{"status":"Cancelled"}}`))
	if err := shared.client.Patch(t.Context(), running(namespace, name), patch); err != nil {
		t.Fatal(err)
	}
}

// TestForeignStatuses: statuses of CustomRuns that Tekton's CRD admits are admitted here, and none of them stops the controller.
func TestForeignStatuses(t *testing.T) {
	supervise(t, newRelay(t))
	namespace := newPlace(t)
	odd := []string{
		`{conditions: [{type: Succeeded, status: "True"}]}`,
		`{conditions: [{type: Succeeded, status: "False", lastTransitionTime: yesterday, severity: Info}], retriesStatus: [{any: thing}]}`,
		`{conditions: [{type: Succeeded, status: Perhaps}], extraFields: {a: {b: [1, 2]}}, annotations: {a: b}, observedGeneration: 3}`,
		`{extraFields: text, retriesStatus: 7}`,
	}
	for i, text := range odd {
		run := &v1beta1.CustomRun{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: fmt.Sprintf("odd-%d", i)}}
		run.Spec.CustomSpec = &v1beta1.EmbeddedCustomRunSpec{APIVersion: "example.dev/v1", Kind: "Odd"}
		create(t, run)
		status, err := yaml.YAMLToJSON([]byte("status: " + text))
		if err != nil {
			t.Fatal(err)
		}
		if err := shared.client.Status().Patch(t.Context(), run, client.RawPatch("application/merge-patch+json", status)); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
	runCustomTasks(t, namespace)
	create(t, running(namespace, "run", customtask.Task("make", customtask.Echo)))
	awaitRun(t, namespace, "run", v1.PipelineRunReasonSucceeded, "")
}
