package validate_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	resolutionv1beta1 "github.com/sluice-ci/sluice/api/resolution/v1beta1"
	"github.com/sluice-ci/sluice/internal/cli/clierror"
	"github.com/sluice-ci/sluice/internal/cli/cluster"
	"github.com/sluice-ci/sluice/internal/cli/cmd/validate"
	"github.com/sluice-ci/sluice/internal/cli/terminal"
	"github.com/sluice-ci/sluice/test/testutil/resolver"
)

// none is a Source without a cluster.
type none struct{}

func (none) Connect() (*cluster.Cluster, error) { return nil, cluster.ErrNone }

// references is a file with a run for each NAME of a Task at a hub.
func references(names ...string) string {
	var out []string
	for _, name := range names {
		out = append(out, "apiVersion: tekton.dev/v1\nkind: TaskRun\nmetadata: {generateName: run-}\nspec:\n"+
			"  params: [{name: whom, value: x}]\n  taskRef:\n    resolver: hub\n    params: [{name: name, value: "+name+"}]\n")
	}
	return strings.Join(out, "---\n")
}

// TestInCluster: with --in-cluster, the definitions of references are read through the cluster, each one once.
func TestInCluster(t *testing.T) {
	cases := map[string]struct {
		reason string
		names  []string
		args   []string
		source cluster.Source
		answer resolver.Answer
		want   []string
		code   clierror.Code
		// requests is how many requests the cluster gets.
		requests int
	}{
		"Answer": {
			reason:   "The params are those of the definition.",
			names:    []string{"build"},
			args:     []string{"--in-cluster"},
			answer:   resolver.Answer{Definition: good + "  params: [{name: who, default: x}]\n"},
			want:     []string{`Task good declares no param "whom"`, "0 errors, 1 warning"},
			requests: 1,
		},
		"Once": {
			reason:   "Several references to one definition need one request.",
			names:    []string{"build", "build", "build"},
			args:     []string{"--in-cluster"},
			answer:   resolver.Answer{Definition: good + "  params: [{name: whom, default: x}]\n"},
			want:     []string{"no problems"},
			requests: 1,
		},
		"Failure": {
			reason:   "A run would fail, too.",
			names:    []string{"build"},
			args:     []string{"--in-cluster"},
			answer:   resolver.Answer{Failure: "no such package"},
			want:     []string{"error: TaskRun/run-", "spec.taskRef: cannot resolve the reference: ResolutionFailed: no such package"},
			code:     clierror.RunFailed,
			requests: 1,
		},
		"NoDefinition": {
			reason:   "What is fetched is not trusted.",
			names:    []string{"build"},
			args:     []string{"--in-cluster"},
			answer:   resolver.Answer{Definition: "kind: Secret\n"},
			want:     []string{"cannot use the definition"},
			code:     clierror.RunFailed,
			requests: 1,
		},
		"NoAnswer": {
			reason:   "A resolver that does not answer is asked once.",
			names:    []string{"build", "test", "deploy"},
			args:     []string{"--in-cluster"},
			want:     []string{`cannot get an answer from resolver "hub" within 1m0s`, "3 errors"},
			code:     clierror.RunFailed,
			requests: 1,
		},
		"Variables": {
			reason: "Only the run knows their values.",
			names:  []string{"$(params.which)"},
			args:   []string{"--in-cluster"},
			want:   []string{"no problems (1 definition of references not read"},
		},
		"Offline": {
			reason: "No cluster is asked without the flag, and the summary says what was not read.",
			names:  []string{"build", "test"},
			source: none{},
			want:   []string{"no problems (2 definitions of references not read; --in-cluster reads them, except for references with variables)"},
		},
		"NoCluster": {
			reason: "The message says that there is none.",
			names:  []string{"build"},
			args:   []string{"--in-cluster"},
			source: none{},
			want:   []string{cluster.ErrNone.Error(), "without --in-cluster no cluster is needed"},
			code:   clierror.Unusable,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "run.yaml")
			if err := os.WriteFile(file, []byte(references(tc.names...)), 0o600); err != nil {
				t.Fatal(err)
			}
			synctest.Test(t, func(t *testing.T) {
				var counting sync.Mutex
				source, requests := tc.source, map[string]bool{}
				if source == nil {
					c := resolver.InMemory(t, "team", func(r *resolutionv1beta1.ResolutionRequest) resolver.Answer {
						counting.Lock()
						defer counting.Unlock()
						requests[r.Name] = true
						return tc.answer
					})
					source = cluster.Fixed{Cluster: &cluster.Cluster{Client: c, Namespace: "team"}}
				}
				var out bytes.Buffer
				c := validate.NewCommand(terminal.Plain(strings.NewReader(""), &out, &out), source)
				c.SetArgs(append([]string{file}, tc.args...))
				c.SetOut(&out)
				c.SetErr(&out)
				err := c.ExecuteContext(t.Context())
				counting.Lock()
				defer counting.Unlock()
				text := out.String() + strings.Join(clierror.HintsOf(err), "\n")
				if err != nil {
					text += err.Error()
				}
				for _, part := range tc.want {
					if !strings.Contains(text, part) {
						t.Errorf("%s\nwant %q, got\n%s", tc.reason, part, text)
					}
				}
				if code := clierror.CodeOf(err); code != tc.code || len(requests) != tc.requests {
					t.Errorf("%s\nwant status %d after %d requests, got %d after %d", tc.reason, tc.code, tc.requests, code, len(requests))
				}
			})
		})
	}
}
