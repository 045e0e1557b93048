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
