//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/test/testutil/kube"
	"github.com/sluice-ci/sluice/test/testutil/settings"
	"github.com/sluice-ci/sluice/test/testutil/suite"
)

// TestRetentionOfPods: with both transports, the latest runs of a Task stay with their pods and results, and so does a kept one. The
// others are deleted, with their pods.
func TestRetentionOfPods(t *testing.T) {
	const right = "../../../config/enable-retention/"
	n := suite.NewNamespace(t)
	n.MustKubectl(t, "apply", "-f", right)
	t.Cleanup(func() {
		atEnd(t, func(ctx context.Context) error {
			_, err := n.Kubectl(ctx, "delete", "--ignore-not-found", "-f", right)
			return err
		})
	})
	bothWays(t, named{"History": retainedHistory})
}

func retainedHistory(t *testing.T, n *suite.Namespace) {
	makeTask(t, n)
	var runs []*v1.TaskRun // the one that ended first is first
	for range 5 {
		runs = append(runs, startOf(t, n, "0"))
	}
	for i, run := range runs {
		n.Finish(t, run)
		suite.WantSucceeded(t, run.Status.Condition())
		n.AwaitPodEnd(t, run)
		endedBefore(t, n, run, time.Duration(len(runs)-i)*time.Hour)
	}
	n.MustKubectl(t, "annotate", "taskrun", runs[0].Name, v1.AnnotationKeep+"=true")
	settings.UntilEnd(t, n.Client, n.Controller, "config-defaults", map[string]string{
		"default-retention": fmt.Sprintf("namespaces: {%s: {historyLimit: 2}}", n.Name),
	})
	var names []string
	for _, run := range runs {
		names = append(names, run.Name)
	}
	want := []string{names[0], names[3], names[4]}
	slices.Sort(want)
	poll(t, func(ctx context.Context) error {
		left, pods, err := whatIsLeft(ctx, n, names)
		if diff := cmp.Diff([][]string{want, want}, [][]string{left, pods}); err == nil && diff != "" {
			err = fmt.Errorf("runs that are left, and runs whose pods are left: -want +got:\n%s", diff)
		}
		return err
	})
	for _, run := range []*v1.TaskRun{runs[0], runs[3], runs[4]} {
		var left v1.TaskRun
		if err := n.Client.Get(t.Context(), client.ObjectKeyFromObject(run), &left); err != nil {
			t.Fatal(err)
		}
		if got := kube.Values(&left)["digest"].String; got != "small" {
			t.Errorf("TaskRun %q has the result %q", left.Name, got)
		}
	}
}

// endedBefore makes it look as if a run had ended some time ago: a run stays for half a minute in any case.
func endedBefore(t *testing.T, n *suite.Namespace, run *v1.TaskRun, ago time.Duration) {
	t.Helper()
	patch := fmt.Sprintf(`{"status":{"completionTime":%q}}`, metav1.Now().Add(-ago).UTC().Format(time.RFC3339))
	if err := n.Client.Status().Patch(t.Context(), run, client.RawPatch(types.MergePatchType, []byte(patch))); err != nil {
		t.Fatal(err)
	}
}

// whatIsLeft returns which of some runs are left, and which of them have a pod.
func whatIsLeft(ctx context.Context, n *suite.Namespace, names []string) (runs, pods []string, err error) {
	var taskRuns v1.TaskRunList
	if err := n.Client.List(ctx, &taskRuns, client.InNamespace(n.Name)); err != nil {
		return nil, nil, err
	}
	for i := range taskRuns.Items {
		if name := taskRuns.Items[i].Name; slices.Contains(names, name) {
			runs = append(runs, name)
		}
	}
	all, err := n.Kube.CoreV1().Pods(n.Name).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, nil, err
	}
	for i := range all.Items {
		if name := all.Items[i].Labels[v1.LabelTaskRun]; slices.Contains(names, name) {
			pods = append(pods, name)
		}
	}
	slices.Sort(runs)
	slices.Sort(pods)
	return runs, pods, nil
}
