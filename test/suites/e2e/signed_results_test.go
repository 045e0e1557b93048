//go:build e2e

package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/test/testutil/kube"
	"github.com/sluice-ci/sluice/test/testutil/suite"
	"github.com/sluice-ci/sluice/test/testutil/workloadapi"
)

// workloadDir is the directory of the node in which the tests serve a Workload API. testdata/signed-results mounts it, too. A
// node of localkube has the file system of its machine, except /run.
const workloadDir = "/var/tmp/sluice-test-workload-api"

// podOf finds the UID of a pod in the control group of one of its processes, in the form that kubelets use.
var podOf = regexp.MustCompile(`pod([0-9a-f]{8}[-_][0-9a-f]{4}[-_][0-9a-f]{4}[-_][0-9a-f]{4}[-_][0-9a-f]{12})`)

// attest attests as SPIRE would with config/signed-results/identities.yaml: a process is identified by the pod of its control
// group, and not by any data that it sends.
func attest(n *suite.Namespace) workloadapi.Attest {
	return func(ctx context.Context, pid int) ([]string, error) {
		group, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid))
		if err != nil {
			return nil, err
		}
		found := podOf.FindStringSubmatch(string(group))
		if found == nil {
			return nil, errors.New("the process is in no pod")
		}
		pods, err := n.Kube.CoreV1().Pods(metav1.NamespaceAll).List(ctx, metav1.ListOptions{})
		if err != nil {
			return nil, err
		}
		for i := range pods.Items {
			p := &pods.Items[i]
			if string(p.UID) != strings.ReplaceAll(found[1], "_", "-") {
				continue
			}
			if run := p.Labels[v1.LabelTaskRun]; run != "" {
				return []string{"/ns/" + p.Namespace + "/taskrun/" + run}, nil
			}
			return []string{"/ns/" + p.Namespace + "/sa/" + p.Spec.ServiceAccountName}, nil
		}
		return nil, errors.New("there is no such pod")
	}
}

// deploy applies a folder of manifests as users do.
func deploy(ctx context.Context, config string) error {
	root, err := filepath.Abs("../../..")
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "hack/deploy.sh")
	cmd.Dir, cmd.Env = root, append(os.Environ(), "CONFIG="+config)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("cannot deploy %q: %w\n%s", config, err, out)
	}
	return nil
}

// withWorkloadAPI serves a Workload API on the node, and configures the controller to use it, until the test ends.
func withWorkloadAPI(t *testing.T, n *suite.Namespace) {
	t.Helper()
	if err := os.MkdirAll(workloadDir, 0o755); err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(workloadDir, "agent.sock")
	if err := os.RemoveAll(socket); err != nil {
		t.Fatal(err)
	}
	authority, err := workloadapi.NewAuthority("example.org", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	server, err := workloadapi.Serve(socket, authority, attest(n))
	if err != nil {
		t.Fatal(err)
	}
	before, err := n.ReadFlags(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		server.Stop()
		if err := errors.Join(n.RestoreFlags(context.Background(), before.Data), deploy(context.Background(), "config/core")); err != nil {
			t.Error(err)
		}
	})
	if err := deploy(t.Context(), "test/suites/e2e/testdata/signed-results"); err != nil {
		t.Fatal(err)
	}
}

// sign sets the policy of signed results, and waits until runs use it. The limit distinguishes this setting from the previous
// one.
func sign(t *testing.T, n *suite.Namespace, policy string, limit int64) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), suite.Patience)
	defer cancel()
	err := n.PatchFlags(ctx, map[string]any{
		"enforce-nonfalsifiability": "spire", "signed-results-policy": policy, "signed-results-socket": workloadDir + "/agent.sock",
	})
	if err != nil {
		t.Fatal(err)
	}
	n.UseFlags(t, kube.SidecarLogs, limit)
}

// tampered returns a task whose second step changes files of the first one.
func tampered(deed string) v1.TaskSpec {
	return v1.TaskSpec{
		Results: []v1.TaskResult{kube.Result("digest", v1.TypeString), kube.Result("images", v1.TypeArray)},
		Steps: []v1.Step{
			kube.Script("build", "printf sha256:2c26b46b > $(results.digest.path)"),
			kube.Script("scan", deed+"\nprintf '[\"a\",\"b\"]' > $(results.images.path)"),
		},
	}
}

// TestSignedResults runs tasks with signed results on a real kubelet, with and without a step that tampers, under both
// policies.
func TestSignedResults(t *testing.T) {
	n := suite.NewNamespace(t)
	withWorkloadAPI(t, n)
	const (
		nothing   = "cat $(results.digest.path)"
		rewrite   = "printf sha256:evil > $(results.digest.path)"
		takeAway  = "rm $(results.digest.path)"
		signature = "! rm -f /tekton/run/0/signature && ! sh -c 'echo x > /tekton/run/0/signature' && ! rm -f " +
			"/tekton/steps/step-build/signature\n" + rewrite
	)
	cases := []struct {
		name, reason, policy, deed string
		// outcome is the reason of the run, and verdict that of its condition SignedResultsVerified.
		outcome, verdict string
		names            []string
	}{
		{
			name:    "untampered",
			reason:  "What nobody has touched is verified.",
			policy:  "enforce",
			deed:    nothing,
			outcome: v1.TaskRunReasonSucceeded,
			verdict: v1.SignedResultsReasonVerified,
			names:   []string{"2 results", "spiffe://example.org/ns/"},
		},
		{
			name:    "enforce",
			reason:  "A run of which a step rewrote what another left fails, and does not have it.",
			policy:  "enforce",
			deed:    rewrite,
			outcome: v1.TaskRunReasonResultsVerificationFailed,
			verdict: "ResultChanged",
			names:   []string{`"digest"`, "step-build", "step-scan"},
		},
		{
			name:    "its signature",
			reason:  "A step cannot reach the signature of another, and rewriting the file does not go unnoticed.",
			policy:  "enforce",
			deed:    signature,
			outcome: v1.TaskRunReasonResultsVerificationFailed,
			verdict: "ResultChanged",
			names:   []string{`"digest"`},
		},
		{
			name:    "warn",
			reason:  "With the other policy it keeps its outcome.",
			policy:  "warn",
			deed:    rewrite,
			outcome: v1.TaskRunReasonSucceeded,
			verdict: "ResultChanged",
			names:   []string{`"digest"`, "step-build"},
		},
		{
			name:    "taken away",
			reason:  "That a result is gone is a problem of its own, and told first.",
			policy:  "warn",
			deed:    takeAway,
			outcome: v1.TaskRunReasonResultUnreadable,
			verdict: "ResultMissing",
			names:   []string{`"digest"`},
		},
	}
	for i, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			sign(t, n, tc.policy, largest+int64(i))
			run := n.Task(t, tampered(tc.deed))
			c := run.Status.Condition()
			if c.Reason != tc.outcome {
				t.Fatalf("%s\n%s, want %s", tc.reason, kube.Describe(c), tc.outcome)
			}
			signed := meta.FindStatusCondition(run.Status.Conditions, v1.ConditionSignedResults)
			if signed == nil || signed.Reason != tc.verdict ||
				(signed.Status == metav1.ConditionTrue) != (tc.verdict == v1.SignedResultsReasonVerified) {
				t.Fatalf("%s\nSignedResultsVerified is %+v, want %s", tc.reason, signed, tc.verdict)
			}
			for _, part := range tc.names {
				if !strings.Contains(signed.Message, part) ||
					tc.outcome == v1.TaskRunReasonResultsVerificationFailed && !strings.Contains(c.Message, part) {
					t.Errorf("%s\nthe message lacks %q: %s; %s", tc.reason, part, signed.Message, c.Message)
				}
			}
			if tc.outcome == v1.TaskRunReasonResultsVerificationFailed && len(run.Status.Results) > 0 {
				t.Errorf("%s\nresults: %+v", tc.reason, run.Status.Results)
			}
			if tc.outcome == v1.TaskRunReasonSucceeded && len(run.Status.Results) != 2 {
				t.Errorf("%s\nresults: %+v", tc.reason, run.Status.Results)
			}
			if signed.Status == metav1.ConditionFalse {
				wantRunEvent(t, n, run, signed.Reason)
			}
		})
	}
	t.Run("termination-message", func(t *testing.T) {
		n.UseFlags(t, kube.TerminationMessage, largest)
		run := n.Task(t, tampered(nothing))
		suite.WantFailed(t, run.Status.Condition(), v1.TaskRunReasonValidationFailed, "enforce-nonfalsifiability", "sidecar-logs")
	})
}

// wantRunEvent waits for a warning with this reason about the run.
func wantRunEvent(t *testing.T, n *suite.Namespace, run *v1.TaskRun, reason string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), promptness)
	defer cancel()
	err := kube.Poll(ctx, func(ctx context.Context) (bool, error) {
		list, err := n.Kube.EventsV1().Events(n.Name).List(ctx, metav1.ListOptions{})
		if err != nil {
			return false, err
		}
		for _, e := range list.Items {
			if e.Regarding.UID == run.UID && e.Reason == reason && e.Type == corev1.EventTypeWarning {
				return true, nil
			}
		}
		return false, nil
	})
	if err != nil {
		t.Errorf("no event %s about %q: %v", reason, run.Name, err)
	}
}
