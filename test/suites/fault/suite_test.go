//go:build fault

package fault

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/sluice-ci/sluice/test/testutil/kube"
	"github.com/sluice-ci/sluice/test/testutil/suite"
)

const (
	// deadline is the time for which the controller of these tests retries to read the log of a pod that has ended. It is
	// shorter than the default, so that a failure takes less than a minute. It is longer than every fault that is repaired
	// here.
	deadline = 30 * time.Second
	// slack is the additional time of a run: containers start and end, and the machine may be busy.
	slack = 20 * time.Second
	// knowledge is the maximum time after a fault until the controller has ended the run.
	knowledge = 20 * time.Second
	// largest is max-result-size in these tests.
	largest = 1000000
)

// parallel is the number of parallel subtests. Tests that break what all runs share have no parallel subtests.
const parallel = 6

func TestMain(m *testing.M) { os.Exit(tuned(m)) }

// tuned runs the tests with a controller that gives up after deadline. The controller tolerates the taints of a drained node
// and is not evicted, because all pods are on one node and the tests are about those of the runs.
func tuned(m *testing.M) int {
	ctx, cancel := context.WithTimeout(context.Background(), suite.Patience)
	defer cancel()
	c, err := kube.Connect()
	if err != nil {
		return report(err)
	}
	restore, err := c.ChangeController(ctx, func(pod *corev1.PodSpec) {
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
