package predict_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-ci/sluice/internal/cli/cmd/validate/check"
	"github.com/sluice-ci/sluice/internal/cli/cmd/validate/predict"
	"github.com/sluice-ci/sluice/internal/config"
)

const header = "apiVersion: tekton.dev/v1\nkind: %s\nmetadata: {name: %s}\n"

// object is the text of an object; LONG in it becomes 140000 letters.
func object(kind, name, rest string) string {
	return fmt.Sprintf(header, kind, name) + strings.ReplaceAll(rest, "LONG", strings.Repeat("x", 140_000)) + "\n---\n"
}

const (
	usesArg = `spec:
  params: [{name: text}]
  steps: [{name: s, image: i, args: ["--text=$(params.text)"]}]`
	usesScript = `spec:
  params: [{name: text}]
  results: [{name: out}]
  steps: [{name: s, image: i, script: "cat <<'E'\n$(params.text)\nE"}]`
	flow = `spec:
  tasks:
  - {name: make, taskRef: {name: maker}, params: [{name: text, value: x}]}
  - name: use
    taskRef: {name: user}
    params: [{name: text, value: $(tasks.make.results.out)}]`
)

func heredoc(n int) string {
	return "spec:\n  results: [{name: out}]\n  steps:\n  - image: i\n    script: |\n      cat >\"$(results.out.path)\" <<'END'\n      " +
		strings.Repeat("x", n-1) + "\n      END"
}

func TestPredict(t *testing.T) {
	standard := predict.Limits{ResultsFrom: config.TerminationMessage, MaxResultSize: 4096}
	logs := func(n int64) predict.Limits {
		return predict.Limits{ResultsFrom: config.SidecarLogs, MaxResultSize: n}
	}
	cases := map[string]struct {
		reason string
		limits predict.Limits
		text   string
		want   []string
	}{
		"Small": {
			reason: "what is small is no matter",
			limits: standard,
			text:   object("Task", "maker", usesScript) + object("Task", "user", usesArg) + object("Pipeline", "p", flow),
		},
		"LongArgument": {
			reason: "a param that is too long for an argument is so for certain",
			limits: standard,
			text: object("Task", "user", usesArg) +
				object("TaskRun", "r", "spec:\n  taskRef: {name: user}\n  params: [{name: text, value: LONG}]"),
			want: []string{"error spec.params[0].value: in steps[0].args[0] of its task: at least 140007 bytes " +
				"exceed the limit for one argument of a process: 131071"},
		},
		"LongScript": {
			reason: "a script takes it",
			limits: standard,
			text: object("Task", "user", usesScript) +
				object("TaskRun", "r", "spec:\n  taskRef: {name: user}\n  params: [{name: text, value: LONG}]"),
		},
		"LongDefault": {
			reason: "so is a default",
			limits: standard,
			text:   object("Task", "user", strings.Replace(usesArg, "name: text", "name: text, default: LONG", 1)),
			want:   []string{"error spec.steps[0].args[0]: at least 140007 bytes exceed the limit for one argument of a process: 131071"},
		},
		"DefaultNotUsed": {
			reason: "which does not matter where a value is given; the Task by itself is at fault",
			limits: standard,
			text: object("TaskRun", "r", "spec:\n  params: [{name: text, value: short}]\n  taskSpec:\n    "+
				"params: [{name: text, default: LONG}]\n    steps: [{image: i, args: [$(params.text)]}]"),
		},
		"LongEnv": {
			reason: "a variable of the environment counts with its name",
			limits: standard,
			text: object("Task", "t",
				"spec:\n  params: [{name: text, default: LONG}]\n  steps: [{image: i, env: [{name: A, value: $(params.text)}]}]"),
			want: []string{"error spec.steps[0].env[0].value: at least 140002 bytes exceed the limit for one variable of the environment: 131071"},
		},
		"Elements": {
			reason: "each element of an array is an argument",
			limits: standard,
			text: object("Task", "t", "spec:\n  params: [{name: list, type: array, default: ["+
				strings.Repeat("LONG,", 1)+"b]}]\n  steps: [{image: i, args: [\"$(params.list[*])\"]}]"),
		},
		"OneElement": {
			reason: "one of them can be too long",
			limits: standard,
			text: object("Task", "t",
				"spec:\n  params: [{name: list, type: array, default: [a, LONG]}]\n  steps: [{image: i, args: [\"$(params.list[1])\"]}]"),
			want: []string{"error spec.steps[0].args[0]: at least 140000 bytes exceed the limit for one argument of a process: 131071"},
		},
		"Key": {
			reason: "so can one value of an object",
			limits: standard,
			text: object("Task", "t",
				"spec:\n  params: [{name: o, type: object, properties: {k: {}}, default: {k: LONG}}]\n  steps: [{image: i, args: [$(params.o.k)]}]"),
			want: []string{"error spec.steps[0].args[0]: at least 140000 bytes exceed the limit for one argument of a process: 131071"},
		},
		"MayFlow": {
			reason: "a result may be too long for an argument where it is allowed to be",
			limits: logs(1_000_000),
			text:   object("Task", "maker", usesScript) + object("Task", "user", usesArg) + object("Pipeline", "p", flow),
			want: []string{"warning spec.tasks[1].params[0].value: in steps[0].args[0] of its task: up to " +
				"1000007 bytes, if $(tasks.make.results.out) has the maximum size, exceed " +
				"the limit for one argument of a process: 131071"},
		},
		"MayNotFlow": {
			reason: "but not where it is not",
			limits: logs(100_000),
			text:   object("Task", "maker", usesScript) + object("Task", "user", usesArg) + object("Pipeline", "p", flow),
		},
		"TwoResults": {
			reason: "two large results do not fit one TaskRun",
			limits: logs(1_000_000),
			text: object("Pipeline", "p", flow+"\n  - {name: both, taskRef: {name: x}, params: [{name: a, value: "+
				"$(tasks.make.results.out)}, {name: b, value: $(tasks.make.results.out)}]}"),
			want: []string{"warning spec.tasks[2]: the TaskRun of task \"both\" has up to 2016384 bytes, if " +
				"$(tasks.make.results.out) has the maximum size, and one object can hold 1556480"},
		},
		"LargeRun": {
			reason: "an object that etcd would not take",
			limits: standard,
			text:   object("TaskRun", "r", "spec:\n  taskRef: {name: x}\n  params: [{name: a, value: "+strings.Repeat("LONG", 12)+"}]"),
			want:   []string{"error spec: the TaskRun with its task has 1680164 bytes as JSON, and one object can hold 1556480"},
		},
		"Written": {
			reason: "a result whose text stands in the script is as large as this is",
			limits: standard,
			text:   object("Task", "t", heredoc(4097)),
			want:   []string{"error spec.steps[0].script: result \"out\" has 4097 bytes, and max-result-size is 4096"},
		},
		"WrittenFits": {
			reason: "one byte less fits, since the message is compressed",
			limits: standard,
			text:   object("Task", "t", heredoc(4096)),
		},
		"WrittenLogs": {
			reason: "and by sidecar-logs a larger one",
			limits: logs(5000),
			text:   object("Task", "t", heredoc(4097)),
		},
		"FullMessage": {
			reason: "what does not compress must fit the step's message, which is smaller with many containers",
			limits: standard,
			text: object("Task", "t", "spec:\n  results: [{name: out}]\n  steps: ["+
				strings.Repeat("{image: i},", 11)+"{image: i, script: \"printf '"+noise(1200)+
				"' > $(results.out.path)\"}]"),
			want: []string{"error spec.steps[11].script: the step's results need 1235 bytes of its termination " +
				"message, which has room for 1024; the largest is \"out\""},
		},
		"Annotation": {
			reason: "unless the Task has another way",
			limits: standard,
			text: strings.Replace(object("Task", "t", "spec:\n  results: [{name: out}]\n  steps: ["+
				strings.Repeat("{image: i},", 11)+"{image: i, script: \"printf '"+noise(1200)+
				"' > $(results.out.path)\"}]"),
				"{name: t}", "{name: t, annotations: {sluice.dev/results-from: sidecar-logs}}", 1),
		},
		"OfARun": {
			reason: "a run's value over a pipeline's is measured in the run",
			limits: standard,
			text: object("Task", "user", usesArg) + object("Pipeline", "p",
				"spec:\n  params: [{name: t}]\n  tasks: [{name: a, taskRef: {name: user}, params: [{name: text, value: $(params.t)}]}]") +
				object("PipelineRun", "r", "spec:\n  pipelineRef: {name: p}\n  params: [{name: t, value: LONG}]"),
			want: []string{
				"error spec: in steps[0].args[0] of its task: at least 140007 bytes exceed the limit for one argument of a process: 131071",
			},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			set := &check.Set{}
			set.Add("f.yaml", []byte(tc.text))
			if found := set.Check(); check.Count(found, check.Error) > 0 {
				t.Fatalf("the test's own objects are wrong: %+v", found)
			}
			var got []string
			for _, f := range predict.Predict(set, tc.limits) {
				got = append(got, fmt.Sprintf("%s %s: %s", f.Severity, f.Field, f.Message))
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s\n%s", tc.reason, diff)
			}
		})
	}
}

// noise is a text that does not compress well.
func noise(n int) string {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"
	b, state := make([]byte, n), uint32(1)
	for i := range b {
		state = state*1664525 + 1013904223
		b[i] = letters[state>>26]
	}
	return string(b)
}
