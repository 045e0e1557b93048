//go:build fault

package fault

import (
	"context"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/test/kube"
	"github.com/sluice-ci/sluice/test/suite"
)

const (
	// controllerName is the name of the controller's Deployment and of its lease.
	controllerName = "sluice-controller"
	// deadline is how long the controller of these tests tries to read the log of a pod that has ended. It is shorter
	// than the default, so that giving up does not take a minute, and longer than any fault that is mended here.
	deadline = 30 * time.Second
	// slack is what a run may take beyond what is being waited for: containers start and end, and the machine may be busy.
	slack = 20 * time.Second
	// knowledge is how long after a fault the cluster, and after it the controller, may take to end the run.
	knowledge = 20 * time.Second
	// largest is the limit for one result in these tests.
	largest = 1000000
)

// parallel is how many subtests may run at once; tests that break what all runs share have no parallel ones beside them.
const parallel = 6

func TestMain(m *testing.M) { os.Exit(tuned(m)) }

// tuned runs the tests with a controller that gives up after deadline, and that stays on a node which all others have to
// leave and is not evicted: what becomes of the runs' pods is tested, and all are on one node.
func tuned(m *testing.M) int {
	ctx, cancel := context.WithTimeout(context.Background(), suite.Patience)
	defer cancel()
	c, err := kube.Connect()
	if err != nil {
		return report(err)
	}
	restore, err := change(ctx, c, func(pod *corev1.PodSpec) {
		pod.Containers[0].Args = append(pod.Containers[0].Args, "--results-deadline="+deadline.String())
		pod.Tolerations = append(pod.Tolerations, corev1.Toleration{Operator: corev1.TolerationOpExists})
		pod.PriorityClassName = "system-cluster-critical"
	})
	if err != nil {
		return report(err)
	}
	code := suite.Main(m, parallel, outcomes.stand)
	ctx, cancel = context.WithTimeout(context.Background(), suite.Patience)
	defer cancel()
	if err := restore(ctx); err != nil {
		return report(err)
	}
	return code
}

func report(err error) int {
	fmt.Fprintln(os.Stderr, "error:", err)
	return 1
}

// change edits the pods of the controller's Deployment, and waits until they are as it says. Restore does so, too, with
// what was there before.
func change(ctx context.Context, c *kube.Cluster, edit func(*corev1.PodSpec)) (restore func(context.Context) error, err error) {
	var before corev1.PodTemplateSpec
	err = update(ctx, c, func(d *appsv1.Deployment) {
		before = *d.Spec.Template.DeepCopy()
		edit(&d.Spec.Template.Spec)
	})
	restore = func(ctx context.Context) error {
		return update(ctx, c, func(d *appsv1.Deployment) { d.Spec.Template = before })
	}
	return restore, err
}

// update changes the controller's Deployment, and waits until exactly its pods are there and one of them leads.
func update(ctx context.Context, c *kube.Cluster, edit func(*appsv1.Deployment)) error {
	d := &appsv1.Deployment{}
	key := client.ObjectKey{Namespace: kube.Installation, Name: controllerName}
	err := retry.RetryOnConflict(retry.DefaultRetry, func() error {
		if err := c.Client.Get(ctx, key, d); err != nil {
			return err
		}
		edit(d)
		return c.Client.Update(ctx, d)
	})
	if err != nil {
		return fmt.Errorf("cannot change Deployment %q: %w", controllerName, err)
	}
	return settled(ctx, c)
}

// settled waits until exactly the pods that the controller's Deployment asks for are there and ready, one of them leads,
// and its webhooks answer.
func settled(ctx context.Context, c *kube.Cluster) error {
	err := kube.Poll(ctx, func(ctx context.Context) (bool, error) {
		d := &appsv1.Deployment{}
		if err := c.Client.Get(ctx, client.ObjectKey{Namespace: kube.Installation, Name: controllerName}, d); err != nil {
			return false, err
		}
		s := d.Status
		if s.ObservedGeneration < d.Generation || s.UpdatedReplicas != *d.Spec.Replicas || s.ReadyReplicas != *d.Spec.Replicas {
			return false, nil
		}
		pods, err := controllers(ctx, c)
		if err != nil || len(pods) != int(*d.Spec.Replicas) {
			return false, err
		}
		leader, err := leader(ctx, c)
		return slices.ContainsFunc(pods, func(p corev1.Pod) bool { return p.Name == leader }), err
	})
	if err != nil {
		return fmt.Errorf("cannot see Deployment %q as it should be: %w", controllerName, err)
	}
	run := &v1.TaskRun{Spec: v1.TaskRunSpec{TaskSpec: &v1.TaskSpec{Steps: []v1.Step{kube.Script("none", "true")}}}}
	run.Namespace, run.GenerateName = kube.Installation, "never-"
	return kube.Create(ctx, c.Client, run, client.DryRunAll)
}

// controllers lists the controller's pods that have not ended.
func controllers(ctx context.Context, c *kube.Cluster) ([]corev1.Pod, error) {
	var pods corev1.PodList
	err := c.Client.List(ctx, &pods, client.InNamespace(kube.Installation), client.MatchingLabels{"app.kubernetes.io/name": controllerName})
	return slices.DeleteFunc(pods.Items, func(p corev1.Pod) bool {
		return p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed
	}), err
}
