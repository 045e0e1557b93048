package resolve

import (
	"bytes"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	resolutionv1beta1 "github.com/sluice-ci/sluice/api/resolution/v1beta1"
	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/cli/cluster"
	"github.com/sluice-ci/sluice/internal/cli/terminal"
	"github.com/sluice-ci/sluice/internal/resolvers/git/gittest"
	"github.com/sluice-ci/sluice/test/testutil/resolver"
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

// TestInCluster: all other resolvers run in the cluster.
func TestInCluster(t *testing.T) {
	cases := map[string]struct {
		reason string
		answer resolver.Answer
		note   string
		err    string
	}{
		"Answer": {
			reason: "The definition, and its source.",
			answer: resolver.Answer{Definition: task, Source: &v1.RefSource{URI: "https://example.com/build.yaml"}},
			note:   "from https://example.com/build.yaml",
		},
		"Failure": {
			reason: "The reason and the message of the resolver.",
			answer: resolver.Answer{Failure: "no such file"},
			err:    "cannot resolve the reference: ResolutionFailed: no such file",
		},
		"NoAnswer": {
			reason: "The time of the command is the limit.",
			err:    `cannot get an answer from resolver "http" within 5s`,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				always := func(*resolutionv1beta1.ResolutionRequest) resolver.Answer { return tc.answer }
				c := &cluster.Cluster{Client: resolver.InMemory(t, "team", always), Namespace: "team"}
				var out, notes bytes.Buffer
				o := &Options{
					Terminal: &terminal.Terminal{Out: &out, Err: &notes}, Source: cluster.Fixed{Cluster: c}, Resolver: "http",
					Params: []string{"url=https://example.com/build.yaml"}, Timeout: 5 * time.Second,
				}
				err := o.run(t.Context())
				switch {
				case tc.err == "" && (err != nil || out.String() != task || !strings.Contains(notes.String(), tc.note)):
					t.Errorf("%s\nwant %q and %q, got %q, %q, %v", tc.reason, task, tc.note, out.String(), notes.String(), err)
				case tc.err != "" && (err == nil || !strings.Contains(err.Error(), tc.err)):
					t.Errorf("%s\nwant an error with %q, got %v", tc.reason, tc.err, err)
				}
			})
		})
	}
}
