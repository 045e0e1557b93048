//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/objectsize"
	"github.com/sluice-ci/sluice/internal/results/frame"
	"github.com/sluice-ci/sluice/internal/results/termination"
	"github.com/sluice-ci/sluice/test/suites/e2e/content"
	"github.com/sluice-ci/sluice/test/testutil/kube"
	"github.com/sluice-ci/sluice/test/testutil/suite"
)

const (
	// unlimited is the largest max-result-size, so that only the object's limit applies.
	unlimited = objectLimit - 1
	// limitsPage is the page whose figures these tests print and check.
	limitsPage = "../../../docs/limits.md"
)

// produce runs a Task with one result of the class with at most the given number of bytes. The step builds it from three
// files.
func produce(t *testing.T, n *suite.Namespace, c content.Class, bytes int) *v1.TaskRun {
	t.Helper()
	taken := c.Taken(bytes)
	task := v1.TaskSpec{
		Workspaces: []v1.WorkspaceDeclaration{{Name: "in"}},
		Results:    []v1.TaskResult{kube.Result("value", v1.ValueType(c.Type))},
		Steps: []v1.Step{kube.Script("write", fmt.Sprintf(`
			cd $(workspaces.in.path)
			bodies() { for i in $(seq %d); do cat body; done; }
			{ cat head; bodies | head -c %d; cat tail; } > $(results.value.path)`, taken/len(c.Body)+1, taken))},
	}
	files := n.Files(t, map[string]string{"head": c.Head, "body": c.Body, "tail": c.Tail})
	return n.Run(t, v1.TaskRunSpec{TaskSpec: &task, Workspaces: []v1.WorkspaceBinding{files}})
}

// wantValue fails the test unless the run's result is the class's value of that many bytes.
func wantValue(t *testing.T, run *v1.TaskRun, c content.Class, bytes int) {
	t.Helper()
	suite.WantSucceeded(t, run.Status.Condition())
	want := valueOf(t, c, bytes)
	if got := kube.Values(run)["value"]; objectsize.Encoded(got) != objectsize.Encoded(want) || got.String != want.String {
		t.Errorf("%s: %d bytes were written, and something else arrived, which takes %d encoded", c.Name, bytes, objectsize.Encoded(got))
	}
}

func valueOf(t *testing.T, c content.Class, bytes int) v1.Value {
	t.Helper()
	text := c.Make(bytes)
	if c.Type == "string" {
		return v1.StringValue(text)
	}
	value := v1.Value{Type: v1.TypeArray}
	if err := json.Unmarshal([]byte(text), &value.Array); err != nil {
		t.Fatal(err)
	}
	return value
}

// TestLimitClassesOfTaskRun measures how much of each class one TaskRun holds, below and above the limit. The documentation
// must not promise more.
func TestLimitClassesOfTaskRun(t *testing.T) {
	n := suite.NewNamespace(t)
	n.UseFlags(t, kube.SidecarLogs, unlimited)
	for _, c := range content.Classes() {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			small := produce(t, n, c, 1000)
			wantValue(t, small, c, 1000)
			around := objectsize.Encoded(small) - objectsize.Encoded(valueOf(t, c, 1000))
			most := sort.Search(unlimited, func(bytes int) bool { return around+objectsize.Encoded(valueOf(t, c, bytes)) > objectsize.Limit }) - 1
			// The size of the managed fields that the API server adds varies by some bytes.
			const blur = 600
			begun := time.Now()
			wantValue(t, produce(t, n, c, most-blur), c, most-blur)
			took := time.Since(begun)
			tooLarge := produce(t, n, c, min(most+blur, unlimited))
			suite.WantFailed(t, tooLarge.Status.Condition(), v1.TaskRunReasonResultTooLarge, `"value"`, strconv.Itoa(objectsize.Limit))
			per := float64(objectsize.Encoded(valueOf(t, c, most))) / float64(most)
			t.Logf("%-14s %.2f bytes stored for each, %8d in one TaskRun (%.1f s)", c.Name, per, most, took.Seconds())
			wantDocumented(t, c.Name, "TaskRun", most)
		})
	}
}

// TestLimitClassesOfTerminationMessage measures how much of each class one step's termination message holds.
func TestLimitClassesOfTerminationMessage(t *testing.T) {
	n := suite.NewNamespace(t)
	n.UseFlags(t, kube.TerminationMessage, unlimited)
	for _, c := range content.Classes() {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			most := sort.Search(1<<16, func(bytes int) bool { return !fitsMessage(t, c.Make(bytes)) }) - 1
			// The room in a message also depends on the times in it, and on how well they compress.
			below, above := most*97/100, most*103/100
			wantValue(t, produce(t, n, c, below), c, below)
			suite.WantFailed(t, produce(t, n, c, above).Status.Condition(), v1.TaskRunReasonResultTooLarge, `"value"`, `"step-write"`, kube.FlagFrom)
			t.Logf("%-14s %8d in one message", c.Name, most)
			wantDocumented(t, c.Name, "message", most)
		})
	}
}

// fitsMessage reports whether a step with one result of this value fits its termination message, in a pod with one container.
func fitsMessage(t *testing.T, value string) bool {
	t.Helper()
	at := time.Date(2026, 3, 4, 9, 30, 0, 123456789, time.UTC)
	b, err := termination.EncodeMessage(termination.Message{
		Step:    frame.Step{Name: "step-write", StartedAt: at, FinishedAt: at.Add(123456 * time.Microsecond), Reason: frame.ReasonCompleted},
		Results: []frame.Result{{Name: "value", Value: []byte(value)}},
	}, termination.Budget(1))
	if err != nil {
		t.Fatal(err)
	}
	message, err := termination.ParseMessage(b)
	if err != nil {
		t.Fatal(err)
	}
	return len(message.Results) == 1
}

// TestLimitsOfUse measures where a large value can be used: in a script, in an argument and in the environment.
func TestLimitsOfUse(t *testing.T) {
	n := suite.NewNamespace(t)
	n.UseFlags(t, kube.TerminationMessage, 4096)
	const argument = 131071 // 32 pages, less the byte at the end
	count := func(step v1.Step) v1.TaskSpec {
		return v1.TaskSpec{
			Params:  []v1.ParamSpec{{Name: "value"}},
			Results: []v1.TaskResult{kube.Result("bytes", v1.TypeString), kube.Result("sha256", v1.TypeString)},
			Steps:   []v1.Step{step},
		}
	}
	const tell = `{ wc -c < /tmp/value | tr -d ' \n' > $(results.bytes.path); sha256sum < /tmp/value | cut -c 1-64 ` +
		`| tr -d '\n' > $(results.sha256.path); }`
	inScript := count(kube.Script("use",
		"cat > /tmp/lines <<'--- end'\n$(params.value)\n--- end\nhead -c $(($(wc -c < /tmp/lines) - 1)) /tmp/lines > /tmp/value\n"+tell))
	inArgument := count(v1.Step{
		Name:    "use",
		Image:   kube.StepImage,
		Command: []string{"sh", "-c", `printf %s "$1" > /tmp/value; ` + tell, "sh", "$(params.value)"},
	})
	inVariable := count(v1.Step{Name: "use", Image: kube.StepImage, Command: []string{"sh", "-c", `printf %s "$VALUE" > /tmp/value; ` + tell},
		Env: []corev1.EnvVar{{Name: "VALUE", Value: "$(params.value)"}}})
	cases := map[string]struct {
		reason string
		task   v1.TaskSpec
		class  string
		most   int
		over   int // number of bytes above the limit; 0 if the step is not the limit
		field  string
	}{
		"script/base64": {
			reason: "what nothing makes smaller",
			task:   inScript,
			class:  "base64",
			most:   1_500_000,
		},
		"script/prose": {
			reason: "text with line breaks",
			task:   inScript,
			class:  "prose",
			most:   1_450_000,
		},
		"script/json": {
			reason: "a document",
			task:   inScript,
			class:  "json",
			most:   1_200_000,
		},
		"script/markup": {
			reason: "what the object that carries it stores with six bytes",
			task:   inScript,
			class:  "markup",
			most:   650_000,
		},
		"argument/base64": {
			reason: "one argument",
			task:   inArgument,
			class:  "base64",
			most:   argument,
			over:   1,
			field:  "spec.steps[0].command[4]",
		},
		"variable/base64": {
			reason: "one variable, with its name",
			task:   inVariable,
			class:  "base64",
			most:   argument - len("VALUE="),
			over:   1,
			field:  "spec.steps[0].env[0].value",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			class := content.Class{}
			for _, c := range content.Classes() {
				if c.Name == tc.class {
					class = c
				}
			}
			use := func(bytes int) *v1.TaskRun {
				value := class.Make(bytes)
				return n.Run(t, v1.TaskRunSpec{TaskSpec: &tc.task, Params: []v1.Param{{Name: "value", Value: v1.StringValue(value)}}})
			}
			run := use(tc.most)
			suite.WantSucceeded(t, run.Status.Condition())
			if got := kube.Values(run); got["bytes"].String != strconv.Itoa(tc.most) || got["sha256"].String != content.Digest(class.Make(tc.most)) {
				t.Errorf("%s: %s bytes arrived in the step, and %d were given", tc.reason, got["bytes"].String, tc.most)
			}
			if tc.over > 0 {
				suite.WantFailed(t, use(tc.most+tc.over).Status.Condition(), v1.TaskRunReasonValidationFailed,
					tc.field, strconv.Itoa(argument), "script")
			}
		})
	}
}

// wantDocumented fails the test unless the page has the measured figure, rounded down, for the class in the column.
func wantDocumented(t *testing.T, class, column string, measured int) {
	t.Helper()
	page, err := os.ReadFile(limitsPage)
	if err != nil {
		t.Fatal(err)
	}
	got, err := documented(string(page), class, column)
	if err != nil {
		t.Error(err)
		return
	}
	if got > measured || got < measured*97/100 {
		t.Errorf("docs/limits.md says that %d bytes of %s fit one %s, and it is %d", got, class, column, measured)
	}
}

// documented returns a figure from the table whose header has the column.
func documented(page, class, column string) (int, error) {
	at := -1
	for line := range strings.Lines(page) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		if strings.HasPrefix(line, "| class") {
			at = -1
			for i, cell := range cells {
				if strings.Contains(cell, column) {
					at = i
				}
			}
		}
		if at > 0 && len(cells) > at && strings.TrimSpace(cells[0]) == "`"+class+"`" {
			return strconv.Atoi(regexp.MustCompile(`[^0-9]`).ReplaceAllString(cells[at], ""))
		}
	}
	return 0, fmt.Errorf("docs/limits.md has no figure for %s in a column with %q", class, column)
}
