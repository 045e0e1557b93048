package suite

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	task   = "apiVersion: tekton.dev/v1\nkind: Task\nmetadata: {name: t}\n"
	run    = "apiVersion: tekton.dev/v1\nkind: TaskRun\nmetadata: {generateName: r-}\n"
	config = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\n"
)

// summary is the part of a case that a test compares.
type summary struct {
	Kinds  string
	Expect []Expectation
	Needs  map[string]string
}

func TestLoad(t *testing.T) {
	cases := map[string]struct {
		reason string
		files  map[string]string
		only   string
		want   map[string]summary
		err    string
	}{
		"Order": {
			reason: "Objects that a run uses are created before it, in any order of the file.",
			files:  map[string]string{"a.yaml": run + "---\n" + task + "---\napiVersion: tekton.dev/v1\nkind: Pipeline\n---\n" + config},
			want:   map[string]summary{"a.yaml": {Kinds: "ConfigMap Task Pipeline TaskRun"}},
		},
		"EmptyDocuments": {
			reason: "A file may begin and end with a separator.",
			files:  map[string]string{"a.yaml": "---\n# a comment\n---\n" + run + "---\n"},
			want:   map[string]summary{"a.yaml": {Kinds: "TaskRun"}},
		},
		"SharedFiles": {
			reason: "The Task of an example may be in a separate file beside that of its run.",
			files:  map[string]string{"one/task.yaml": task, "one/run.yaml": run, "two/run.yml": run, "two/notes.txt": "no YAML"},
			want:   map[string]summary{"one/run.yaml": {Kinds: "Task TaskRun"}, "two/run.yml": {Kinds: "TaskRun"}},
		},
		"Expect": {
			reason: "A file with an expected failure has a directive.",
			files:  map[string]string{"a.yaml": "# Shows a failure.\n# expect: TaskRunTimeout: after 2s\n" + run},
			want:   map[string]summary{"a.yaml": {Kinds: "TaskRun", Expect: []Expectation{{Reason: "TaskRunTimeout", Message: "after 2s"}}}},
		},
		"ExpectRefusal": {
			reason: "A file whose object is refused has a directive, and needs no run.",
			files:  map[string]string{"a.yaml": "# expect: refused: spec.steps\n" + task},
			want:   map[string]summary{"a.yaml": {Kinds: "Task", Expect: []Expectation{{Reason: Refused, Message: "spec.steps"}}}},
		},
		"CommentOfAScript": {
			reason: "A comment in a script is not a directive.",
			files:  map[string]string{"a.yaml": run + "spec:\n  taskSpec:\n    steps:\n    - script: |\n        # expect: Failed\n        true\n"},
			want:   map[string]summary{"a.yaml": {Kinds: "TaskRun"}},
		},
		"Needs": {
			reason: "A large result does not fit into a termination message.",
			files:  map[string]string{"a.yaml": "# needs: results-from=sidecar-logs max-result-size=1000000\n" + run},
			want: map[string]summary{"a.yaml": {
				Kinds: "TaskRun",
				Needs: map[string]string{"results-from": "sidecar-logs", "max-result-size": "1000000"},
			}},
		},
		"Only": {
			reason: "A part of the names is enough.",
			files:  map[string]string{"a.yaml": run, "b.yaml": run},
			only:   "b",
			want:   map[string]summary{"b.yaml": {Kinds: "TaskRun"}},
		},
		"OnlyNothing": {
			reason: "A pattern without a match is an error.",
			files:  map[string]string{"a.yaml": run},
			only:   "x",
			err:    `matches "x"`,
		},
		"NoRun": {
			reason: "An empty table would look like success.",
			files:  map[string]string{"a.yaml": task},
			err:    "with a TaskRun or a PipelineRun",
		},
		"ExpectWithFlags": {
			reason: "A result may fit one transport and not the other.",
			files:  map[string]string{"a.yaml": "# expect results-from=termination-message: Failed: 4096: more\n" + run},
			want: map[string]summary{"a.yaml": {Kinds: "TaskRun", Expect: []Expectation{
				{Flags: map[string]string{"results-from": "termination-message"}, Reason: "Failed", Message: "4096: more"}}}},
		},
		"Directives": {
			reason: "A directive can be outside of a file that must not be changed.",
			files:  map[string]string{"fixed.yaml": run},
			want:   map[string]summary{"fixed.yaml": {Kinds: "TaskRun", Expect: []Expectation{{Reason: "Failed", Message: "x"}}}},
		},
		"NoReason": {
			reason: "An expectation needs a reason.",
			files:  map[string]string{"a.yaml": "# expect:\n" + run},
			err:    "give a reason",
		},
		"Namespace": {
			reason: "Objects of two files would conflict in that namespace.",
			files:  map[string]string{"a.yaml": strings.Replace(run, "{", "{namespace: x, ", 1)},
			err:    `metadata.namespace: "x"`,
		},
		"NoKind": {
			reason: "The message names file and document.",
			files:  map[string]string{"a.yaml": run + "---\na: 1\n"},
			err:    "cannot read document 2: it has no apiVersion",
		},
		"BadNeeds": {
			reason: "A typo must not skip a file.",
			files:  map[string]string{"a.yaml": "# needs: sidecar-logs\n" + run},
			err:    `"sidecar-logs" is not FLAG=VALUE`,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for name, text := range tc.files {
				write(t, filepath.Join(dir, name), text)
			}
			loaded, err := Load(dir, regexp.MustCompile(tc.only), Directives{"fixed.yaml": {"# expect: Failed: x"}})
			if tc.err != "" {
				if err == nil || !strings.Contains(err.Error(), tc.err) {
					t.Fatalf("%s\nthe error lacks %q: %v", tc.reason, tc.err, err)
				}
				return
			}
			if err != nil {
				t.Fatalf("%s\n%v", tc.reason, err)
			}
			if diff := cmp.Diff(tc.want, summaries(loaded)); diff != "" {
				t.Errorf("%s\n-want +got:\n%s", tc.reason, diff)
			}
		})
	}
}

func summaries(cases []Case) map[string]summary {
	all := map[string]summary{}
	for _, c := range cases {
		var kinds []string
		for _, obj := range c.Objects {
			kinds = append(kinds, obj.GetKind())
		}
		s := summary{Kinds: strings.Join(kinds, " "), Expect: c.Expect}
		if len(c.Needs) > 0 {
			s.Needs = c.Needs
		}
		all[c.Name] = s
	}
	return all
}

func TestLoadWithoutFolder(t *testing.T) {
	if _, err := Load(filepath.Join(t.TempDir(), "x"), regexp.MustCompile(""), nil); err == nil ||
		!strings.Contains(err.Error(), "cannot find the suite") {
		t.Errorf("the error does not name the missing folder: %v", err)
	}
}

func TestCheck(t *testing.T) {
	succeeded := Condition{Status: "True", Reason: "Completed", Message: "Tasks Completed: 3"}
	failed := Condition{Status: "False", Reason: "TaskRunTimeout", Message: "ran longer than 2s"}
	cases := map[string]struct {
		reason    string
		expect    Expectation
		condition Condition
		want      string
	}{
		"Success": {
			reason:    "There are several reasons for a success.",
			condition: succeeded,
		},
		"Failure": {
			reason:    "An unexpected failure is reported with the run's reason.",
			condition: failed,
			want:      "TaskRunTimeout: ran longer than 2s",
		},
		"WantedFailure": {
			reason:    "An expected failure passes.",
			expect:    Expectation{Reason: "TaskRunTimeout", Message: "2s"},
			condition: failed,
		},
		"OtherReason": {
			reason:    "A failure with another reason does not pass.",
			expect:    Expectation{Reason: "Failed"},
			condition: failed,
			want:      "should end with reason Failed, but ended with TaskRunTimeout: ran longer than 2s",
		},
		"OtherMessage": {
			reason:    "The message is compared, too.",
			expect:    Expectation{Reason: "TaskRunTimeout", Message: "3s"},
			condition: failed,
			want:      `message should contain "3s", but is TaskRunTimeout: ran longer than 2s`,
		},
		"NotEvenFailing": {
			reason:    "A file with an expected failure must fail.",
			expect:    Expectation{Reason: "Failed"},
			condition: succeeded,
			want:      "should end with reason Failed, but ended with Completed: Tasks Completed: 3",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := tc.expect.Check(tc.condition); got != tc.want {
				t.Errorf("%s\ngot  %q\nwant %q", tc.reason, got, tc.want)
			}
		})
	}
}

func TestExpected(t *testing.T) {
	c := Case{Expect: []Expectation{
		{Flags: map[string]string{"a": "1"}, Reason: "One"},
		{Flags: map[string]string{"a": "2", "b": "2"}, Reason: "Two"},
	}}
	cases := map[string]struct {
		reason string
		flags  map[string]string
		want   string
	}{
		"First":    {reason: "Its flag is set.", flags: map[string]string{"a": "1", "b": "2"}, want: "One"},
		"AllFlags": {reason: "One of its two flags is not enough.", flags: map[string]string{"a": "2"}},
		"Second":   {reason: "Both of its flags are set.", flags: map[string]string{"a": "2", "b": "2"}, want: "Two"},
		"None":     {reason: "Without flags only success is expected."},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := c.Expected(tc.flags).Reason; got != tc.want {
				t.Errorf("%s\ngot %q, want %q", tc.reason, got, tc.want)
			}
		})
	}
}

func TestParseDirectives(t *testing.T) {
	extra, err := ParseDirectives("# Files of others.\n\na.yaml  # expect: Failed\na.yaml # needs: b=c\n")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Directives{"a.yaml": {"# expect: Failed", "# needs: b=c"}}, extra); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if _, err := ParseDirectives("a.yaml\n"); err == nil {
		t.Error("a name without a comment was accepted")
	}
}

func TestCheckRefusal(t *testing.T) {
	const message = `Task "t" is invalid: spec.steps: required`
	if got := (Expectation{}).CheckRefusal(message); got != message {
		t.Errorf("the difference of an unexpected refusal is %q", got)
	}
	if got := (Expectation{Reason: Refused, Message: "spec.steps"}).CheckRefusal(message); got != "" {
		t.Errorf("the difference of an expected refusal is %q", got)
	}
	if got := (Expectation{
		Reason:  Refused,
		Message: "spec.params",
	}).CheckRefusal(message); !strings.Contains(got, `should be refused with "spec.params"`) {
		t.Errorf("the difference of a refusal for another reason is %q", got)
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
