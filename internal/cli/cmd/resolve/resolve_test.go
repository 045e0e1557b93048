package resolve

import (
	"bytes"
	"encoding/base64"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	resolutionv1beta1 "github.com/sluice-ci/sluice/api/resolution/v1beta1"
	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/cli/cluster"
	"github.com/sluice-ci/sluice/internal/cli/terminal"
	"github.com/sluice-ci/sluice/internal/resolvers/git/gittest"
)

const task = "apiVersion: tekton.dev/v1\nkind: Task\nmetadata:\n  name: build\nspec:\n  steps:\n  - image: busybox\n"

// none is a Source without a cluster.
type none struct{}

func (none) Connect() (*cluster.Cluster, error) { return nil, cluster.ErrNone }

// TestGit: a definition in a repository is fetched without a cluster, and printed with its source.
func TestGit(t *testing.T) {
	root := t.TempDir()
	repository := gittest.New(t, root, "catalog.git")
	repository.Write("build.yaml", task)
	repository.Write("notes.yaml", "kind: Notes\n")
	commit := repository.Commit()
	server := gittest.Serve(t, root)
	cases := map[string]struct {
		reason string
		params []string
		err    string
	}{
		"Definition": {
			reason: "The definition.",
			params: []string{"revision=main", "pathInRepo=build.yaml"},
		},
		"NoTask": {
			reason: "Another object is refused, as by a run.",
			params: []string{"revision=main", "pathInRepo=notes.yaml"},
			err:    "cannot use the definition",
		},
		"NoValue": {
			reason: "A param has a value.",
			params: []string{"revision"},
			err:    "want NAME=VALUE",
		},
		"Secret": {
			reason: "A Secret needs a cluster.",
			params: []string{"revision=main", "pathInRepo=build.yaml", "gitToken=token"},
			err:    cluster.ErrNone.Error(),
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			var out, notes bytes.Buffer
			o := &Options{
				Terminal: &terminal.Terminal{Out: &out, Err: &notes}, Source: none{}, Resolver: "git", Timeout: time.Minute,
				Params:  append([]string{"url=https://" + gittest.Host + "/catalog.git"}, tc.params...),
				Network: gittest.Network(map[string]*httptest.Server{gittest.Host: server.Server}),
			}
			err := o.run(t.Context())
			if tc.err != "" {
				if err == nil || !strings.Contains(err.Error(), tc.err) || out.Len() > 0 {
					t.Errorf("%s\nwant an error with %q and no output, got %v, %q", tc.reason, tc.err, err, out.String())
				}
				return
			}
			if err != nil || out.String() != task {
				t.Fatalf("%s\nwant %q, got %q, %v", tc.reason, task, out.String(), err)
			}
			if want := "from git+https://" + gittest.Host + "/catalog.git sha1:" + commit + " build.yaml\n"; notes.String() != want {
				t.Errorf("want %q, got %q", want, notes.String())
			}
		})
	}
}

func TestNoCluster(t *testing.T) {
	o := &Options{Terminal: &terminal.Terminal{}, Source: none{}, Resolver: "http", Params: []string{"url=https://example.com"},
		Timeout: time.Minute}
	if err := o.run(t.Context()); err == nil || !strings.Contains(err.Error(), cluster.ErrNone.Error()) {
		t.Errorf("want an error about the cluster, got %v", err)
	}
}

func TestRead(t *testing.T) {
	succeeded := func(status metav1.ConditionStatus) []resolutionv1beta1.Condition {
		return []resolutionv1beta1.Condition{{Type: v1.ConditionSucceeded, Status: status, Reason: "ResolutionFailed", Message: "no such file"}}
	}
	cases := map[string]struct {
		reason string
		status resolutionv1beta1.ResolutionRequestStatus
		err    string
	}{
		"Succeeded": {
			reason: "The definition.",
			status: resolutionv1beta1.ResolutionRequestStatus{Conditions: succeeded(metav1.ConditionTrue),
				Data: base64.StdEncoding.EncodeToString([]byte(task))},
		},
		"Failed": {
			reason: "The resolver's reason and message.",
			status: resolutionv1beta1.ResolutionRequestStatus{Conditions: succeeded(metav1.ConditionFalse)},
			err:    "ResolutionFailed: no such file",
		},
		"Damaged": {
			reason: "An answer that is not what it must be.",
			status: resolutionv1beta1.ResolutionRequestStatus{Conditions: succeeded(metav1.ConditionTrue), Data: "%"},
			err:    "not base64",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := read(&resolutionv1beta1.ResolutionRequest{Status: &tc.status})
			switch {
			case tc.err == "" && (err != nil || string(got.Content) != task):
				t.Errorf("%s\nwant the definition, got %v", tc.reason, err)
			case tc.err != "" && (err == nil || !strings.Contains(err.Error(), tc.err)):
				t.Errorf("%s\nwant an error with %q, got %v", tc.reason, tc.err, err)
			}
		})
	}
}
