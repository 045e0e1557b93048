package content

import (
	"fmt"
	"strings"
	"testing"

	"github.com/sluice-ci/sluice/internal/resolvers"
)

const task = "apiVersion: tekton.dev/v1\nkind: Task\nmetadata: {name: t}\n"

// bomb returns a document of few bytes whose aliases stand for 10^levels values.
func bomb(levels int) string {
	var b strings.Builder
	b.WriteString(task + "spec:\n  a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n")
	for i := 1; i < levels; i++ {
		before := fmt.Sprintf("*a%d,", i-1)
		fmt.Fprintf(&b, "  a%d: &a%d [%s]\n", i, i, strings.TrimSuffix(strings.Repeat(before, 10), ","))
	}
	return b.String()
}

func TestCheck(t *testing.T) {
	cases := map[string]struct {
		reason string
		text   string
		// err is in the message; empty: no error.
		err string
	}{
		"Task": {
			reason: "A Task of v1 is the usual answer.",
			text:   task,
		},
		"JSON": {
			reason: "JSON is YAML.",
			text:   `{"apiVersion": "tekton.dev/v1", "kind": "Pipeline"}`,
		},
		"StepAction": {
			reason: "StepActions exist in v1beta1.",
			text:   "apiVersion: tekton.dev/v1beta1\nkind: StepAction\n",
		},
		"EmptyDocuments": {
			reason: "Editors leave separators and comments.",
			text:   "---\n# a comment\n---\n" + task + "---\n",
		},
		"Anchors": {
			reason: "Anchors are used by honest files.",
			text:   task + "spec:\n  a: &a {x: y}\n  b: *a\n  c: {<<: *a}\n",
		},
		"Empty": {
			reason: "A file without content is none.",
			text:   "# nothing\n",
			err:    "it is empty",
		},
		"Several": {
			reason: "Which one of several is wanted is not guessed.",
			text:   task + "---\n" + task,
			err:    "it has several documents, want one",
		},
		"WebPage": {
			reason: "A login page is no definition.",
			text:   "<html><body>Sign in</body></html>",
			err:    "it is not an object with apiVersion and kind",
		},
		"NotYAML": {
			reason: "The parser's message is not repeated: it may quote a secret.",
			text:   "a: b: c",
			err:    "it is not valid YAML",
		},
		"WrongKind": {
			reason: "Definitions only.",
			text:   "apiVersion: v1\nkind: Secret\n",
			err:    `it is a "Secret" of "v1", want a Task, a Pipeline or a StepAction of tekton.dev`,
		},
		"Run": {
			reason: "A run is no definition.",
			text:   "apiVersion: tekton.dev/v1\nkind: TaskRun\n",
			err:    `it is a "TaskRun" of "tekton.dev/v1"`,
		},
		"TaskOfAnEarlierVersion": {
			reason: "The controller converts it.",
			text:   "apiVersion: tekton.dev/v1beta1\nkind: Task\n",
		},
		"PipelineOfAnEarlierVersion": {
			reason: "The controller converts it.",
			text:   "apiVersion: tekton.dev/v1beta1\nkind: Pipeline\n",
		},
		"StepActionOfAnEarlierVersion": {
			reason: "It has the same fields as in v1beta1.",
			text:   "apiVersion: tekton.dev/v1alpha1\nkind: StepAction\n",
		},
		"OldTask": {
			reason: "Other versions are refused by name.",
			text:   "apiVersion: tekton.dev/v1alpha1\nkind: Task\n",
			err:    `it is a Task of version "v1alpha1", which is not supported; convert it to tekton.dev/v1 or tekton.dev/v1beta1`,
		},
		"OldPipeline": {
			reason: "Other versions are refused by name.",
			text:   "apiVersion: tekton.dev/v1alpha1\nkind: Pipeline\n",
			err:    `it is a Pipeline of version "v1alpha1", which is not supported; convert it to tekton.dev/v1 or tekton.dev/v1beta1`,
		},
		"NewStepAction": {
			reason: "StepActions do not exist in v1.",
			text:   "apiVersion: tekton.dev/v1\nkind: StepAction\n",
			err:    `it is a StepAction of version "v1", which is not supported`,
		},
		"NoKind": {
			reason: "What it is must be said.",
			text:   "apiVersion: tekton.dev/v1\n",
			err:    "it has no apiVersion or no kind",
		},
		"TwoKinds": {
			reason: "Decoders differ about which of two fields counts.",
			text:   "apiVersion: tekton.dev/v1\nkind: Task\nkind: Secret\n",
			err:    `line 3: field "kind" occurs twice`,
		},
		"Large": {
			reason: "The answer must fit into an object.",
			text:   task + strings.Repeat("#", resolvers.MaxContent),
			err:    "more than the limit of 1048576",
		},
		"Binary": {
			reason: "Bytes that JSON would replace are refused.",
			text:   task + "spec: \xff\n",
			err:    "it is not UTF-8 text",
		},
		"Deep": {
			reason: "Depth costs stack.",
			text:   task + "spec: " + strings.Repeat("[", 100) + strings.Repeat("]", 100),
			err:    "values are nested in more than 64 levels, the limit",
		},
		"DeepByAliases": {
			reason: "Aliases nest as well.",
			text:   task + deepAliases(100),
			err:    "values are nested in more than 64 levels, the limit",
		},
		"AliasBomb": {
			reason: "Few bytes that stand for a billion values.",
			text:   bomb(9),
			err:    "with its aliases it has more than 200000 values or 4194304 bytes, the limits",
		},
		"AliasOfLongText": {
			reason: "Few values of many bytes.",
			text: task + "spec:\n  a: &a " + strings.Repeat("x", 512<<10) + "\n  b: [" +
				strings.TrimSuffix(strings.Repeat("*a,", 20), ",") + "]\n",
			err: "with its aliases it has more than 200000 values or 4194304 bytes, the limits",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			err := Check([]byte(tc.text))
			switch {
			case tc.err == "" && err != nil:
				t.Errorf("%s\nwant no error, got %v", tc.reason, err)
			case tc.err != "" && (err == nil || !strings.Contains(err.Error(), tc.err)):
				t.Errorf("%s\nwant error with %q, got %v", tc.reason, tc.err, err)
			}
		})
	}
}

func deepAliases(levels int) string {
	var b strings.Builder
	b.WriteString("spec:\n  a0: &a0 [x]\n")
	for i := 1; i < levels; i++ {
		fmt.Fprintf(&b, "  a%d: &a%d [*a%d]\n", i, i, i-1)
	}
	return b.String()
}

// FuzzCheck: whatever text a host sends, the check ends with an answer.
func FuzzCheck(f *testing.F) {
	for _, text := range []string{task, bomb(3), "a: &a [*a]", "--- \n...\n---", "{", "? a\n: b"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if err := Check(text); err == nil && !strings.Contains(string(text), "tekton.dev") {
			t.Errorf("accepted %q", text)
		}
	})
}
