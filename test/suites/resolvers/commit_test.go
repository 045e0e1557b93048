//go:build e2e

package resolvers

import (
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/test/testutil/kube"
	"github.com/sluice-ci/sluice/test/testutil/suite"
)

// oneCommit starts 200 PipelineRuns that refer to the same commit, and counts the packs that the server has sent.
func oneCommit(t *testing.T, f *forge) {
	t.Helper()
	const runs = 200
	n := suite.NewNamespace(t)
	p := place{resolver: "git", params: func(string, string) map[string]string {
		return map[string]string{
			"url":        f.at("http://", portHTTP) + "/git/open.git",
			"revision":   f.inPod(t, "git", "-C", "/srv/git/open.git", "rev-parse", "main"),
			"pathInRepo": "waiting.yaml",
		}
	}}
	packs := func() int {
		return strings.Count(f.inPod(t, "cat", "/srv/access.log"), "POST /git/open.git/git-upload-pack")
	}
	reference, before := p.reference("", ""), packs()
	all := make([]*v1.PipelineRun, runs)
	for i := range all {
		run := &v1.PipelineRun{Spec: v1.PipelineRunSpec{PipelineRef: &v1.PipelineRef{ResolverRef: reference}}}
		run.Namespace, run.GenerateName = n.Name, "same-"
		if err := kube.Create(t.Context(), n.Client, run); err != nil {
			t.Fatal(err)
		}
		all[i] = run
	}
	for _, run := range all {
		n.FinishPipeline(t, run)
		if c := run.Status.Condition(); c == nil || c.Status != metav1.ConditionTrue || c.Reason != v1.PipelineRunReasonCompleted {
			t.Fatalf("want the run to end with its only task skipped, got %s", kube.Describe(c))
		}
	}
	if got := packs() - before; got != 1 {
		t.Errorf("want one clone for %d runs of the same commit, got %d", runs, got)
	}
}

// refusals runs references that cannot be resolved. The message of the run has the cause.
func refusals(t *testing.T, f *forge) {
	t.Helper()
	n := suite.NewNamespace(t)
	f.credentials(t, n)
	places := f.places()
	changed := func(called, param, value string) v1.ResolverRef {
		p := places[called]
		return place{resolver: p.resolver, params: func(kind, file string) map[string]string {
			params := p.params(kind, file)
			params[param] = value
			return params
		}}.reference("task", "task.yaml")
	}
	for name, tc := range map[string]struct {
		reason string
		ref    v1.ResolverRef
		want   string
	}{
		"KeyOfAnotherRepository": {
			reason: "A key opens its repository only.",
			ref:    changed("GitOverSSH", "gitToken", "closed-key"),
			want:   "refuses the SSH key of the Secret in param \"gitToken\"",
		},
		"NoCredentials": {
			reason: "A private repository is not distinguished from none.",
			ref:    changed("GitOverTLSWithAPassword", "url", f.at("https://", portTLS)+"/git/none.git"),
			want:   "has no such repository, or refuses the credentials",
		},
		"NoRevision": {
			reason: "The message names the revision.",
			ref:    changed("GitOverHTTP", "revision", "develop"),
			want:   `cannot find revision "develop"`,
		},
		"NoFile": {
			reason: "The message names the path.",
			ref:    changed("GitOverHTTP", "pathInRepo", "none.yaml"),
			want:   `cannot find file "none.yaml"`,
		},
		"WrongKind": {
			reason: "A Pipeline is no Task.",
			ref:    changed("HTTP", "url", f.at("https://", portTLS)+"/files/open/pipeline.yaml"),
			want:   `kind: "Pipeline", want Task`,
		},
		"NoPullSecret": {
			reason: "The registry wants a password.",
			ref:    changed("BundleWithAPullSecret", "secret", "token"),
			want:   "refuses access",
		},
		"NoVersion": {
			reason: "No version satisfies the constraint.",
			ref:    changed("Hub", "version", ">= 2.0.0"),
			want:   "greet",
		},
	} {
		t.Run(name, func(t *testing.T) {
			run := n.Run(t, v1.TaskRunSpec{
				Params:  []v1.Param{{Name: "who", Value: v1.StringValue("x")}},
				TaskRef: &v1.TaskRef{ResolverRef: tc.ref},
			})
			suite.WantFailed(t, run.Status.Condition(), v1.TaskRunReasonResolutionFailed, tc.want)
		})
	}
}
