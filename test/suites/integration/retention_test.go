//go:build integration

package integration

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/test/testutil/settings"
)

const retentionRight = "config/enable-retention/"

// retain sets the rules of retention for a namespace, until the test ends.
func retain(t *testing.T, namespace, rules string) {
	t.Helper()
	text := fmt.Sprintf("namespaces: {%s: {%s}}", namespace, rules)
	settings.UntilEnd(t, shared.client, installation, "config-defaults", map[string]string{"default-retention": text})
}

// endedRun creates a TaskRun that succeeded hours ago. It does so while no controller runs.
func endedRun(t *testing.T, namespace, name string, hours int, change ...func(*v1.TaskRun)) *v1.TaskRun {
	t.Helper()
	run := taskRun(namespace, name, change...)
	create(t, run)
	end(t, run, &run.Status.Conditions, &run.Status.CompletionTime, time.Duration(hours)*time.Hour)
	return run
}

// end writes a status that says that a run succeeded some time ago.
func end(t *testing.T, run client.Object, conditions *[]metav1.Condition, completed **metav1.Time, ago time.Duration) {
	t.Helper()
	at := metav1.NewTime(time.Now().Add(-ago))
	done := v1.Succeeded("done")
	done.LastTransitionTime = at
	*conditions, *completed = []metav1.Condition{done}, &at
	if err := shared.client.Status().Update(t.Context(), run); err != nil {
		t.Fatalf("cannot end %s: %v", run.GetName(), err)
	}
}

// namesLeft returns the names of the runs that are left in a namespace.
func namesLeft(ctx context.Context, namespace string) ([]string, error) {
	var taskRuns v1.TaskRunList
	var pipelineRuns v1.PipelineRunList
	if err := shared.client.List(ctx, &taskRuns, client.InNamespace(namespace)); err != nil {
		return nil, err
	}
	if err := shared.client.List(ctx, &pipelineRuns, client.InNamespace(namespace)); err != nil {
		return nil, err
	}
	var names []string
	for i := range taskRuns.Items {
		names = append(names, taskRuns.Items[i].Name)
	}
	for i := range pipelineRuns.Items {
		names = append(names, pipelineRuns.Items[i].Name)
	}
	slices.Sort(names)
	return names, nil
}

// permitRetention gives the controller the right to delete runs until the test ends.
func permitRetention(t *testing.T) {
	t.Helper()
	mustKubectl(t, "apply", "-f", retentionRight)
	t.Cleanup(func() { mustKubectlAtEnd(t, "delete", "--ignore-not-found", "-f", retentionRight) })
}

// TestRetention: the controller deletes what the rules say, and nothing before it has the right. A kept run, one under way, and
// one that another run owns stay.
func TestRetention(t *testing.T) {
	place := newPlace(t)
	retain(t, place, "historyLimit: 1")
	for name, hours := range map[string]int{"first": 3, "second": 2, "third": 1} {
		endedRun(t, place, name, hours)
	}
	endedRun(t, place, "kept", 4, func(r *v1.TaskRun) { r.Annotations = map[string]string{v1.AnnotationKeep: "true"} })
	for name, hours := range map[string]int{"old-pipeline": 3, "new-pipeline": 1} {
		run := pipelineRun(place, name, "task")
		create(t, run)
		end(t, run, &run.Status.Conditions, &run.Status.CompletionTime, time.Duration(hours)*time.Hour)
		endedRun(t, place, name+"-task", hours, func(r *v1.TaskRun) {
			r.OwnerReferences = []metav1.OwnerReference{*metav1.NewControllerRef(run, v1.GroupVersion.WithKind(v1.KindPipelineRun))}
		})
	}
	create(t, taskRun(place, "under-way"))
	all, err := namesLeft(t.Context(), place)
	if err != nil {
		t.Fatal(err)
	}
	supervise(t, newRelay(t))
	eventually(t, func(ctx context.Context) error {
		var events eventsv1.EventList
		if err := shared.client.List(ctx, &events, client.InNamespace(place)); err != nil {
			return err
		}
		if !slices.ContainsFunc(events.Items, func(e eventsv1.Event) bool {
			return e.Reason == "RetentionForbidden" && strings.Contains(e.Note, retentionRight)
		}) {
			return fmt.Errorf("want an event about the missing right, got %d events", len(events.Items))
		}
		return nil
	})
	if left, err := namesLeft(t.Context(), place); err != nil || cmp.Diff(all, left) != "" {
		t.Errorf("without the right want all runs left, got %q, %v", left, err)
	}

	permitRetention(t)
	wantRight(t, controller, right{"delete", v1.GroupName, "taskruns", "", place, ""}, true)
	mustKubectl(t, "annotate", "taskrun", "third", "-n", place, "look=again") // a change starts a pass
	want := []string{"kept", "new-pipeline", "new-pipeline-task", "old-pipeline-task", "third", "under-way"}
	eventually(t, func(ctx context.Context) error {
		left, err := namesLeft(ctx, place)
		if diff := cmp.Diff(want, left); err == nil && diff != "" {
			err = fmt.Errorf("runs that are left (-want +got):\n%s", diff)
		}
		return err
	})
}

// TestRetentionRight: the right to delete runs is separate.
func TestRetentionRight(t *testing.T) {
	deletes := right{"delete", v1.GroupName, "pipelineruns", "", "user", ""}
	wantRight(t, controller, deletes, false)
	permitRetention(t)
	wantRight(t, controller, deletes, true)
	wantRight(t, controller, right{"deletecollection", v1.GroupName, "pipelineruns", "", "user", ""}, false)
}
