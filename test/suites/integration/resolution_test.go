//go:build integration

package integration

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	resolutionv1beta1 "github.com/sluice-ci/sluice/api/resolution/v1beta1"
	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/test/testutil/resolver"
)

// library is what the stand-in resolver has, by the param path.
func library() map[string]resolver.Answer {
	return map[string]resolver.Answer{
		"task": {
			Definition: `{apiVersion: tekton.dev/v1, kind: Task, metadata: {name: remote}, spec: {steps: [
				{name: s, image: busybox, script: "true"}, {name: t, ref: {resolver: shelf, params: [{name: path, value: action}]}}]}}`,
			Source: &v1.RefSource{URI: "shelf://task", Digest: map[string]string{"sha256": "00"}},
		},
		"action": {
			Definition: `{apiVersion: tekton.dev/v1alpha1, kind: StepAction, metadata: {name: a}, spec: {image: busybox, script: "true"}}`,
			Source:     &v1.RefSource{URI: "shelf://action"},
			Bare:       true,
		},
		"pipeline": {
			Definition: `{apiVersion: tekton.dev/v1, kind: Pipeline, metadata: {name: remote}, spec: {tasks: [
				{name: a, taskRef: {resolver: shelf, params: [{name: path, value: task}]}}]}}`,
			Source: &v1.RefSource{URI: "shelf://pipeline"},
		},
		"broken":  {Failure: "the shelf is empty"},
		"garbage": {Data: "<html>"},
		"never":   {},
	}
}

func fromShelf(path string) v1.ResolverRef {
	return v1.ResolverRef{Resolver: "shelf", Params: []v1.Param{{Name: "path", Value: v1.StringValue(path)}}}
}

func remoteTaskRun(namespace, name, path string) *v1.TaskRun {
	return taskRun(namespace, name, func(tr *v1.TaskRun) {
		tr.Spec = v1.TaskRunSpec{TaskRef: &v1.TaskRef{ResolverRef: fromShelf(path)}}
	})
}

// serve runs a stand-in resolver until the test ends.
func serve(t *testing.T, namespace string) *resolver.Resolver {
	t.Helper()
	known := library()
	r := &resolver.Resolver{}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- r.Serve(ctx, shared.client, namespace, func(request *resolutionv1beta1.ResolutionRequest) resolver.Answer {
			if request.Labels[resolutionv1beta1.LabelType] != "shelf" || len(request.Spec.Params) != 1 {
				return resolver.Answer{Failure: fmt.Sprintf("unexpected request %+v", request)}
			}
			return known[request.Spec.Params[0].Value.String]
		})
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the stand-in resolver: %v", err)
		}
	})
	return r
}

// ended returns a check that a TaskRun has ended with a reason and a part of a message.
func ended(namespace, name, reason, message string) func(context.Context) error {
	return func(ctx context.Context) error {
		tr := &v1.TaskRun{}
		if err := shared.client.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, tr); err != nil {
			return err
		}
		c := tr.Status.Condition()
		if !tr.Status.Done() || c.Reason != reason || !strings.Contains(c.Message, message) {
			return fmt.Errorf("TaskRun %q has the condition %+v, want %s with %q", name, c, reason, message)
		}
		return nil
	}
}

// waiting returns a check that a TaskRun waits for its Task.
func waiting(namespace, name string) func(context.Context) error {
	return func(ctx context.Context) error {
		tr := &v1.TaskRun{}
		if err := shared.client.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, tr); err != nil {
			return err
		}
		if c := tr.Status.Condition(); c == nil || c.Status != metav1.ConditionUnknown || c.Reason != v1.TaskRunReasonResolvingTaskRef {
			return fmt.Errorf("TaskRun %q does not wait for its Task: %+v", name, c)
		}
		return nil
	}
}

func requestsOf(ctx context.Context, namespace string) ([]resolutionv1beta1.ResolutionRequest, error) {
	list := &resolutionv1beta1.ResolutionRequestList{}
	err := shared.client.List(ctx, list, client.InNamespace(namespace))
	return list.Items, err
}

// TestResolution runs definitions that a stand-in resolver serves, with the real API server and the real controller.
func TestResolution(t *testing.T) {
	supervise(t, newRelay(t))
	t.Run("Runs", func(t *testing.T) {
		namespace := newPlace(t)
		playPods(t, namespace)
		serve(t, namespace)
		const many = 20
		for i := range many {
			create(t, remoteTaskRun(namespace, fmt.Sprintf("task-%d", i), "task"))
		}
		create(t, &v1.PipelineRun{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "pipeline"},
			Spec:       v1.PipelineRunSpec{PipelineRef: &v1.PipelineRef{ResolverRef: fromShelf("pipeline")}},
		})
		taskRuns, pipelineRuns := awaitEnds(t, namespace, 2*time.Minute)
		if len(taskRuns) != many+1 || len(pipelineRuns) != 1 {
			t.Fatalf("want %d TaskRuns and a PipelineRun, got %d and %d", many+1, len(taskRuns), len(pipelineRuns))
		}
		for i := range taskRuns {
			tr := &taskRuns[i]
			if tr.Status.Condition().Status != metav1.ConditionTrue || len(tr.Status.Steps) != 2 ||
				tr.Status.Provenance.RefSource.URI != "shelf://task" ||
				tr.Status.Steps[1].Provenance == nil || tr.Status.Steps[1].Provenance.RefSource.URI != "shelf://action" {
				t.Errorf("TaskRun %q: %+v", tr.Name, tr.Status)
			}
		}
		pr := &pipelineRuns[0]
		if pr.Status.Condition().Status != metav1.ConditionTrue || pr.Status.Provenance.RefSource.URI != "shelf://pipeline" {
			t.Errorf("PipelineRun: %+v", pr.Status)
		}
		requests, err := requestsOf(t.Context(), namespace)
		if want := 2*(many+1) + 2; err != nil || len(requests) != want { // the Task and its StepAction; the Pipeline and its Task
			t.Errorf("want %d ResolutionRequests, got %d, %v", want, len(requests), err)
		}
	})
	t.Run("Fails", func(t *testing.T) {
		namespace := newPlace(t)
		serve(t, namespace)
		create(t, remoteTaskRun(namespace, "broken", "broken"))
		create(t, remoteTaskRun(namespace, "garbage", "garbage"))
		create(t, remoteTaskRun(namespace, "kind", "pipeline"))
		eventually(t, ended(namespace, "broken", v1.TaskRunReasonResolutionFailed, "the shelf is empty"))
		eventually(t, ended(namespace, "garbage", v1.TaskRunReasonResolutionFailed, "it is not base64"))
		eventually(t, ended(namespace, "kind", v1.TaskRunReasonResolutionFailed, `kind: "Pipeline", want Task`))
	})
	t.Run("Stops", func(t *testing.T) {
		namespace := newPlace(t)
		serve(t, namespace)
		late := remoteTaskRun(namespace, "late", "never")
		late.Spec.Timeout = &metav1.Duration{Duration: 2 * time.Second}
		create(t, late)
		create(t, remoteTaskRun(namespace, "cancelled", "never"))
		eventually(t, waiting(namespace, "cancelled"))
		patch := client.RawPatch("application/merge-patch+json", []byte(`{"spec":{"status":"TaskRunCancelled"}}`))
		if err := shared.client.Patch(t.Context(), remoteTaskRun(namespace, "cancelled", "never"), patch); err != nil {
			t.Fatal(err)
		}
		eventually(t, ended(namespace, "cancelled", v1.TaskRunReasonCancelled, "cancelled"))
		eventually(t, ended(namespace, "late", v1.TaskRunReasonTimedOut, "waiting for resolver"))
	})
}

// TestResolutionSurvives: a run waits while the controller restarts and while another client deletes its request, and continues when
// a resolver appears.
func TestResolutionSurvives(t *testing.T) {
	namespace := newPlace(t)
	playPods(t, namespace)
	t.Run("Before", func(t *testing.T) {
		supervise(t, newRelay(t))
		create(t, remoteTaskRun(namespace, "run", "task"))
		eventually(t, waiting(namespace, "run"))
	})
	before, err := requestsOf(t.Context(), namespace)
	if err != nil || len(before) != 1 {
		t.Fatalf("want one ResolutionRequest, got %d, %v", len(before), err)
	}
	supervise(t, newRelay(t))
	if err := shared.client.Delete(t.Context(), &before[0]); err != nil {
		t.Fatal(err)
	}
	eventually(t, func(ctx context.Context) error {
		after, err := requestsOf(ctx, namespace)
		if err == nil && (len(after) != 1 || after[0].Name != before[0].Name || after[0].UID == before[0].UID) {
			err = fmt.Errorf("want the request made again under its name, got %+v", after)
		}
		return err
	})
	serve(t, namespace)
	eventually(t, ended(namespace, "run", v1.TaskRunReasonSucceeded, ""))
}
