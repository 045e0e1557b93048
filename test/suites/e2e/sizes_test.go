//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/test/suites/e2e/content"
	"github.com/sluice-ci/sluice/test/testutil/kube"
	"github.com/sluice-ci/sluice/test/testutil/suite"
)

// carry runs a Task that copies files into results of the same names. Its second step computes the digest of each result, so
// that the test can compare each result with the step's digest and with the original.
func carry(t *testing.T, n *suite.Namespace, files map[string]string) *v1.TaskRun {
	t.Helper()
	task := v1.TaskSpec{Workspaces: []v1.WorkspaceDeclaration{{Name: "in"}}}
	var copies, sums strings.Builder
	for name := range files {
		task.Results = append(task.Results, kube.Result(name, v1.TypeString), kube.Result(name+"-sha256", v1.TypeString))
		fmt.Fprintf(&copies, "cp $(workspaces.in.path)/%s $(results.%s.path)\n", name, name)
		fmt.Fprintf(&sums, "sha256sum < $(results.%s.path) | cut -d ' ' -f 1 | tr -d '\\n' > $(results.%s-sha256.path)\n", name, name)
	}
	task.Steps = []v1.Step{kube.Script("copy", copies.String()), kube.Script("sum", sums.String())}
	return n.Run(t, v1.TaskRunSpec{TaskSpec: &task, Workspaces: []v1.WorkspaceBinding{n.Files(t, files)}})
}

// wantWhole fails the test unless every file arrived as a result, byte for byte.
func wantWhole(t *testing.T, run *v1.TaskRun, files map[string]string) {
	t.Helper()
	suite.WantSucceeded(t, run.Status.Condition())
	got := kube.Values(run)
	for name, want := range files {
		value, ok := got[name]
		if !ok {
			t.Errorf("result %q did not arrive", name)
			continue
		}
		if value.String != want {
			t.Errorf("result %q: %d bytes with digest %s arrived, and %d with %s were written", name,
				len(value.String), content.Digest(value.String), len(want), content.Digest(want))
		}
		if sum := got[name+"-sha256"].String; sum != content.Digest(value.String) {
			t.Errorf("result %q has digest %s, and the step saw %q", name, content.Digest(value.String), sum)
		}
	}
}

// allKinds returns one file of n bytes for each kind of content.
func allKinds(n int) map[string]string {
	files := map[string]string{}
	for _, k := range content.Kinds() {
		files[k.Name] = k.Make(n)
	}
	return files
}

func TestSidecarLogsCarriesEverySizeAndKind(t *testing.T) {
	n := suite.NewNamespace(t)
	n.UseFlags(t, kube.SidecarLogs, largest)
	for _, size := range []int{0, 1, 4096, 4097, 65536} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			t.Parallel()
			files := allKinds(size)
			wantWhole(t, carry(t, n, files), files)
		})
	}
	for _, k := range content.Kinds() {
		t.Run(fmt.Sprintf("%d/%s", largest, k.Name), func(t *testing.T) {
			t.Parallel()
			files := map[string]string{k.Name: k.Make(largest)}
			run := carry(t, n, files)
			if encoded(t, files[k.Name]) < objectLimit {
				wantWhole(t, run, files)
				return
			}
			// One megabyte of control characters takes five in JSON. That cannot be stored, and the run must report it.
			suite.WantFailed(t, run.Status.Condition(), v1.TaskRunReasonResultTooLarge, k.Name, fmt.Sprint(encoded(t, files[k.Name])), "1.5 MiB")
		})
	}
	t.Run("sum of all results over the object's limit", func(t *testing.T) {
		t.Parallel()
		// Two megabytes are more than a ConfigMap can hold, so the step generates them.
		task := v1.TaskSpec{
			Results: []v1.TaskResult{
				kube.Result("large-0", v1.TypeString),
				kube.Result("large-1", v1.TypeString),
				kube.Result("little", v1.TypeString),
			},
			Steps: []v1.Step{kube.Script("make", fmt.Sprintf(`
				for i in 0 1; do head -c %d /dev/zero | tr '\0' $i > /tekton/results/large-$i; done
				printf x > $(results.little.path)`, largest))},
		}
		run := n.Task(t, task)
		suite.WantFailed(t, run.Status.Condition(), v1.TaskRunReasonResultTooLarge, "large-1", fmt.Sprint(largest), fmt.Sprint(objectLimit))
		if got := kube.Values(run); len(got["large-0"].String) != largest || got["little"].String != "x" {
			t.Errorf("results that fit have to be kept: %d bytes of large-0, %q of little", len(got["large-0"].String), got["little"].String)
		}
	})
}

func TestSidecarLogsCarriesManyResults(t *testing.T) {
	n := suite.NewNamespace(t)
	n.UseFlags(t, kube.SidecarLogs, 4096)
	const many, size = 300, 4096
	base := content.Random(size - 4)
	task := v1.TaskSpec{Workspaces: []v1.WorkspaceDeclaration{{Name: "in"}}}
	want := map[string]v1.Value{}
	for i := range many {
		name := fmt.Sprintf("r%d", i)
		task.Results = append(task.Results, kube.Result(name, v1.TypeString))
		want[name] = v1.StringValue(fmt.Sprintf("%04d", i) + base)
	}
	task.Steps = []v1.Step{kube.Script("write", `
		for i in $(seq 0 299); do
		  { printf %04d $i; cat $(workspaces.in.path)/base; } > /tekton/results/r$i
		done`)}
	run := n.Run(t, v1.TaskRunSpec{TaskSpec: &task, Workspaces: []v1.WorkspaceBinding{n.Files(t, map[string]string{"base": base})}})
	suite.WantSucceeded(t, run.Status.Condition())
	if diff := cmp.Diff(want, kube.Values(run)); diff != "" {
		t.Errorf("300 results of 4096 bytes did not arrive as they were written (-want +got):\n%s", suite.Shorten(diff))
	}
}

func TestSidecarLogsCarriesLargeArraysAndObjects(t *testing.T) {
	n := suite.NewNamespace(t)
	n.UseFlags(t, kube.SidecarLogs, largest)
	const elements, keys = 20000, 2000
	want := map[string]v1.Value{"list": {Type: v1.TypeArray}, "map": v1.ObjectValue(map[string]string{})}
	list := want["list"]
	for i := range elements {
		list.Array = append(list.Array, fmt.Sprintf("element %d", i))
	}
	want["list"] = list
	for i := range keys {
		want["map"].Object[fmt.Sprintf("key%d", i)] = content.Hard(40 + i%7)
	}
	files := map[string]string{}
	for name, value := range want {
		data, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		files[name] = string(data)
	}
	run := n.Run(t, v1.TaskRunSpec{
		Workspaces: []v1.WorkspaceBinding{n.Files(t, files)},
		TaskSpec: &v1.TaskSpec{
			Workspaces: []v1.WorkspaceDeclaration{{Name: "in"}},
			Results:    []v1.TaskResult{kube.Result("list", v1.TypeArray), kube.Result("map", v1.TypeObject, "key0", "key1999")},
			Steps: []v1.Step{kube.Script("copy",
				"cp $(workspaces.in.path)/list $(results.list.path); cp $(workspaces.in.path)/map $(results.map.path)")},
		},
	})
	suite.WantSucceeded(t, run.Status.Condition())
	if diff := cmp.Diff(want, kube.Values(run)); diff != "" {
		t.Errorf("array of %d elements and object of %d keys (-want +got):\n%s", elements, keys, suite.Shorten(diff))
	}
}

func TestLimitCountsTheValue(t *testing.T) {
	const limit = 4096
	n := suite.NewNamespace(t)
	n.UseFlags(t, kube.SidecarLogs, limit)
	for _, k := range content.Kinds() {
		t.Run("admits 4096/"+k.Name, func(t *testing.T) {
			t.Parallel()
			files := map[string]string{k.Name: k.Make(limit)}
			wantWhole(t, carry(t, n, files), files)
		})
	}
	t.Run("refuses 4097", func(t *testing.T) {
		t.Parallel()
		run := carry(t, n, map[string]string{"fits": content.Random(limit), "too-large": content.Random(limit + 1)})
		suite.WantFailed(t, run.Status.Condition(), v1.TaskRunReasonResultTooLarge, `too-large`, "4097", "4096", kube.FlagMax)
		if strings.Contains(run.Status.Condition().Message, `"fits"`) {
			t.Errorf("the message names a result that fits: %q", run.Status.Condition().Message)
		}
		if got := kube.Values(run)["fits"].String; got != content.Random(limit) {
			t.Errorf("the result that fits was not kept: %d bytes arrived", len(got))
		}
		if pods := n.Pods(t, run); len(pods) != 1 {
			t.Errorf("the pod has to stay for inspection, and there are %d", len(pods))
		}
	})
	t.Run("64 MiB", func(t *testing.T) {
		t.Parallel()
		run := n.Task(t, v1.TaskSpec{
			Results: []v1.TaskResult{kube.Result("huge", v1.TypeString), kube.Result("small", v1.TypeString)},
			Steps: []v1.Step{kube.Script("write", `
				head -c 67108864 /dev/zero | tr '\0' x > $(results.huge.path)
				printf kept > $(results.small.path)`)},
		})
		suite.WantFailed(t, run.Status.Condition(), v1.TaskRunReasonResultTooLarge, "huge", "4096", kube.FlagMax)
		if got := kube.Values(run)["small"].String; got != "kept" {
			t.Errorf("the other result has to be kept: got %q", got)
		}
	})
}
