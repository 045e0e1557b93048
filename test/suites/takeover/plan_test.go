//go:build integration

package takeover

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/client-go/discovery"
)

var update = flag.Bool("update", false, "write the plan into docs/takeover.md")

// TestPlanOfATektonCluster: the page shows the plan of a cluster with Tekton's kinds, on which an earlier Tekton has stored objects.
// Two plans are equal. After the migration nothing is stored in an earlier version, the objects are as before, and the plan does not
// name them any more.
func TestPlanOfATektonCluster(t *testing.T) {
	c := connect(t)
	crds := tektonsKinds(t)
	older, current := read(t, "testdata/older.yaml"), read(t, "testdata/current.yaml")
	serveConversion(t, crds)
	storage(t, crds, true)
	apply(t, crds)
	apply(t, read(t, "testdata/tekton.yaml"))
	create(t, c, older)
	storage(t, crds, false)
	apply(t, crds)
	create(t, c, current)

	before := contents(t, c, older)
	plan := execute(t, "takeover", "plan")
	wantOnPage(t, asOnPage(t, plan))
	if diff := cmp.Diff(plan, execute(t, "takeover", "plan")); diff != "" {
		t.Errorf("two plans differ:\n%s", diff)
	}
	const stored = "objects can be stored in"
	for kind, version := range map[string]string{
		"tasks.tekton.dev": "v1beta1", "stepactions.tekton.dev": "v1alpha1", "resolutionrequests.resolution.tekton.dev": "v1alpha1",
	} {
		if !strings.Contains(plan, "- "+kind+": "+stored+" "+version) {
			t.Errorf("the plan does not say that %s has objects in %s:\n%s", kind, version, plan)
		}
	}

	execute(t, "migrate", "storage")
	if diff := cmp.Diff(map[string]string{
		"customruns.tekton.dev":                    "v1beta1",
		"pipelineruns.tekton.dev":                  "v1",
		"pipelines.tekton.dev":                     "v1",
		"resolutionrequests.resolution.tekton.dev": "v1beta1",
		"stepactions.tekton.dev":                   "v1beta1",
		"taskruns.tekton.dev":                      "v1",
		"tasks.tekton.dev":                         "v1",
		"verificationpolicies.tekton.dev":          "v1alpha1",
	}, storedVersions(t, c, crds)); diff != "" {
		t.Errorf("stored versions: -want +got\n%s", diff)
	}
	if diff := cmp.Diff(before, contents(t, c, older)); diff != "" {
		t.Errorf("the migration has changed objects: -before +after\n%s", diff)
	}
	if after := execute(t, "takeover", "plan"); strings.Contains(after, stored) {
		t.Errorf("the plan after the migration:\n%s", after)
	}
}

// asOnPage returns the plan of a cluster with the version of Kubernetes in localkube/go.mod, which is that of the page. The rest does not
// depend on the version.
func asOnPage(t *testing.T, plan string) string {
	t.Helper()
	c, err := discovery.NewDiscoveryClientForConfig(config(t))
	if err != nil {
		t.Fatal(err)
	}
	server, err := c.ServerVersion()
	if err != nil {
		t.Fatalf("cannot read the version of the API server: %v", err)
	}
	modules, err := os.ReadFile(filepath.Join(root, "localkube", "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	required := regexp.MustCompile(`(?m)^\tk8s\.io/kubernetes (v\S+)$`).FindSubmatch(modules)
	if required == nil {
		t.Fatal("localkube/go.mod does not require k8s.io/kubernetes")
	}
	const line = "\nKubernetes is %s.\n"
	own := fmt.Sprintf(line, server.GitVersion)
	if !strings.Contains(plan, own) {
		t.Errorf("want %q in the plan:\n%s", own, plan)
	}
	return strings.Replace(plan, own, fmt.Sprintf(line, required[1]), 1)
}

// wantOnPage checks that the page has the plan. With -update it writes the plan into the page.
func wantOnPage(t *testing.T, plan string) {
	t.Helper()
	const begin, end = "````markdown\n", "````\n"
	file := filepath.Join(root, "docs", "takeover.md")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	at := strings.LastIndex(string(text), begin) // the first block is that of TestPlan
	before, rest := string(text[:max(0, at)]), string(text[max(0, at):])
	shown, after, found := strings.Cut(strings.TrimPrefix(rest, begin), end)
	if at < 0 || !found {
		t.Fatalf("%s has no block that begins with %q", file, begin)
	}
	if *update {
		if err := os.WriteFile(file, []byte(before+begin+plan+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(shown, plan); diff != "" {
		t.Errorf("docs/takeover.md shows another plan (-page +command); -update writes this one:\n%s", diff)
	}
}
